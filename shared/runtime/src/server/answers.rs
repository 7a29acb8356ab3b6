//! Details for statuses that the gRPC library made without any.

use http::HeaderMap;
use tonic::{Code, Status};
use watchbell_model::violation::reason as field;

use crate::problem::Problem;

/// Completes a status that the gRPC library created for a request that it could not read: it answers OUT_OF_RANGE for
/// a message that is too large, and INTERNAL, as if the service had failed, for bytes that do not decode. Statuses of
/// handlers have details and stay as they are.
pub(super) fn explain(headers: &mut HeaderMap) {
    if headers.get("grpc-status").is_none_or(|code| code == "0")
        || headers.contains_key("grpc-status-details-bin")
    {
        return;
    }
    let Some(status) = Status::from_header_map(headers) else {
        return;
    };
    let problem = match status.code() {
        Code::OutOfRange => Problem::TooLarge {
            message: status.message().to_owned(),
        },
        Code::Internal | Code::InvalidArgument => Problem::invalid("", field::MALFORMED, status.message()),
        _ => return,
    };
    headers.remove("grpc-status");
    headers.remove("grpc-message");
    // Fails only for a text that no header can carry, which percent-encoding excludes.
    let _ = Status::from(problem).add_header(headers);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::from_status;

    fn explained(status: &Status) -> Status {
        let mut headers = HeaderMap::new();
        status.add_header(&mut headers).unwrap();
        explain(&mut headers);
        Status::from_header_map(&headers).unwrap()
    }

    #[test]
    fn what_the_library_could_not_read_is_the_callers_fault() {
        let garbage = explained(&Status::internal(
            "failed to decode Protobuf message: buffer underflow",
        ));
        assert_eq!(garbage.code(), Code::InvalidArgument);
        assert_eq!(from_status(&garbage).reason.unwrap(), "INVALID_REQUEST");
        let large = explained(&Status::out_of_range("Error, decoded message length too large"));
        assert_eq!(large.code(), Code::ResourceExhausted);
        assert_eq!(from_status(&large).reason.unwrap(), "TOO_LARGE");
        assert_eq!(from_status(&large).retry_after, None, "never fits");
    }

    #[test]
    fn a_handlers_own_word_stays() {
        for problem in [Problem::internal("a bug"), Problem::not_found("event", "x")] {
            let status = Status::from(problem);
            assert_eq!(explained(&status).code(), status.code());
        }
    }
}
