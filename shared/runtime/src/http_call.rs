//! Classification of HTTP requests for the layers of a server, and refusals.

use std::time::Duration;

use axum::body::Body;
use axum::response::IntoResponse as _;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use tonic::Status;

use crate::problem::Problem;

/// A refusal as gRPC, or as plain HTTP.
pub(crate) fn refused(grpc: bool, problem: Problem) -> Response<Body> {
    if grpc {
        return Status::from(problem).into_http();
    }
    let status = match problem {
        Problem::Overloaded { .. } => StatusCode::TOO_MANY_REQUESTS,
        Problem::DeadlineExceeded { .. } => StatusCode::GATEWAY_TIMEOUT,
        Problem::BodyTooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = (status, format!("{problem}\n")).into_response();
    if let Problem::Overloaded { retry_after } = problem {
        let seconds = HeaderValue::from(retry_after_seconds(retry_after));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// `Retry-After` (RFC 9110 §10.2.3) of a delay: whole seconds, at least one, and never too early.
#[must_use]
pub fn retry_after_seconds(delay: Duration) -> u64 {
    delay.as_secs() + u64::from(delay.subsec_nanos() > 0).max(u64::from(delay.is_zero()))
}

/// Whether the request is a health probe. Probes bypass limits: a busy process must not be restarted.
pub(crate) fn is_probe(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/grpc.health.v1.Health/Check")
}

/// Whether a request is gRPC (gRPC-Web has been translated before).
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// Whether a header that lists encodings, with weights (RFC 9110 §12.5.3), takes gzip.
#[must_use]
pub fn takes_gzip(headers: &HeaderMap, name: &HeaderName) -> bool {
    let values = headers.get_all(name).iter();
    let mut encodings = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    encodings.any(|encoding| {
        let (encoding, weight) = encoding.split_once(';').unwrap_or((encoding, ""));
        let weight = weight.trim().strip_prefix("q=").map(str::parse::<f32>);
        let is_refused = weight.is_some_and(|weight| weight.is_ok_and(|weight| weight <= 0.0));
        encoding.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_unless_its_weight_is_zero() {
        for (value, expected) in [
            ("gzip", true),
            ("identity, GZIP ; q=0.5", true),
            ("br;q=1.0, gzip;q=0.000", false),
            ("gzip;q=0", false),
            ("*", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(
                takes_gzip(&headers, &header::ACCEPT_ENCODING),
                expected,
                "{value}"
            );
        }
    }
}
