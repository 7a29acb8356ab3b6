//! Size limits of a status. gRPC clients refuse answers whose metadata exceeds 8 KiB, in which the details appear in
//! base64 and the message percent-encoded; a status over its limit is shortened and says how much was omitted.

use tonic::Status;
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

/// Limit of the serialised details of any status, in bytes. The message takes at most a quarter of it.
pub(super) const MAX_DETAILS: usize = 4_096;

/// Limits of the texts of one violation, and of the name of a resource, in bytes.
const MAX_FIELD: usize = 256;
const MAX_DESCRIPTION: usize = 512;

/// Bytes of a violation besides its texts (protobuf tags and lengths), and of the details besides violations.
const OVERHEAD: usize = 16;
const RESERVE: usize = 256;

/// Shortens a status to `limit` bytes of details.
pub(super) fn shorten(status: Status, limit: usize) -> Status {
    let message = cut(status.message(), limit / 4, percent_encoded);
    if message.len() == status.message().len() && status.details().len() <= limit {
        return status;
    }
    let mut details = status.get_error_details();
    if let Some(request) = details.bad_request() {
        let room = limit.saturating_sub(message.len() + RESERVE);
        let violations = violations(&request.field_violations, room);
        details.set_bad_request(violations);
    }
    if let Some(resource) = details.resource_info().cloned() {
        let name = cut(&resource.resource_name, MAX_FIELD, plain);
        details.set_resource_info(resource.resource_type, name, "", "");
    }
    let short = Status::with_error_details(status.code(), message.clone(), details);
    if short.details().len() <= limit {
        return short;
    }
    // Details of a kind that is not known here: the code and the message stay.
    Status::with_error_details(status.code(), message, ErrorDetails::new())
}

/// As many violations as fit into `room` bytes, and the number of the others. The first always fits.
fn violations(all: &[FieldViolation], room: usize) -> Vec<FieldViolation> {
    let mut kept = Vec::new();
    let mut taken = 0;
    for violation in all {
        let mut short = violation.clone();
        short.field = cut(&short.field, MAX_FIELD, plain);
        short.description = cut(&short.description, MAX_DESCRIPTION, plain);
        taken += short.field.len() + short.description.len() + short.reason.len() + OVERHEAD;
        if taken > room && !kept.is_empty() {
            break;
        }
        kept.push(short);
    }
    let rest = all.len() - kept.len();
    if rest > 0 {
        let mut more = FieldViolation::new("", format!("and {rest} more"));
        more.reason = super::reason::MORE.to_owned();
        kept.push(more);
    }
    kept
}

/// The beginning of a text within `limit`, with an ellipsis.
fn cut(text: &str, limit: usize, size: fn(char) -> usize) -> String {
    let mut taken = 0;
    let mut fits = text.char_indices().take_while(|(_, character)| {
        taken += size(*character);
        taken <= limit
    });
    let end = fits
        .by_ref()
        .last()
        .map_or(0, |(at, character)| at + character.len_utf8());
    if end == text.len() {
        return text.to_owned();
    }
    format!("{}...", &text[..end])
}

fn plain(character: char) -> usize {
    character.len_utf8()
}

/// Bytes of a character in `grpc-message`.
fn percent_encoded(character: char) -> usize {
    let plain = character.is_ascii_alphanumeric() || "-_.,:;'()/!*=+[]".contains(character);
    if plain { 1 } else { 3 * character.len_utf8() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Problem, from_status};
    use watchbell_model::violation::{Violations, reason};

    fn many(count: usize, field: &str) -> Status {
        let mut violations = Violations::new();
        for number in 0..count {
            violations.add(
                format!("{field}[{number}]"),
                reason::SCHEMA,
                "must be a string, not \u{e9}\u{e9}",
            );
        }
        Problem::Invalid(violations).into()
    }

    /// What the status adds to the metadata: base64 of its details and the percent-encoded message.
    fn metadata(status: &Status) -> usize {
        let mut headers = http::HeaderMap::new();
        status.add_header(&mut headers).unwrap();
        headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 32)
            .sum()
    }

    #[test]
    fn a_status_with_many_violations_fits_into_metadata_and_says_how_many_there_are() {
        for count in [100, 1_000] {
            let status = many(count, "event.data.findings");
            assert!(
                status.details().len() <= MAX_DETAILS,
                "{}",
                status.details().len()
            );
            assert!(metadata(&status) < 8 * 1024, "{}", metadata(&status));
            let told: Vec<_> = from_status(&status).violations.iter().cloned().collect();
            let (more, shown) = told.split_last().unwrap();
            assert!(shown.len() >= 20, "{}", shown.len());
            assert_eq!(more.description, format!("and {} more", count - shown.len()));
        }
    }

    #[test]
    fn a_status_that_fits_is_left_alone() {
        let status = many(40, "event.data");
        assert_eq!(from_status(&status).violations.iter().count(), 40);
        assert!(metadata(&status) < 8 * 1024, "{}", metadata(&status));
    }

    #[test]
    fn texts_of_any_length_fit() {
        let long = "\u{1f600}<".repeat(100_000);
        for problem in [
            Problem::invalid(long.as_str(), reason::SCHEMA, long.as_str()),
            Problem::not_found("event", &long),
            Problem::Unimplemented { path: long.clone() },
            Problem::unavailable(long.as_str()),
        ] {
            let status = Status::from(problem);
            assert!(metadata(&status) < 8 * 1024, "{}", metadata(&status));
            assert!(from_status(&status).reason.is_some());
        }
    }

    #[test]
    fn a_tighter_limit_keeps_the_first_violation() {
        let status = shorten(many(40, "event.data"), 600);
        assert!(status.details().len() <= 600, "{}", status.details().len());
        assert_eq!(
            from_status(&status).violations.iter().next().unwrap().field,
            "event.data[0]"
        );
    }
}
