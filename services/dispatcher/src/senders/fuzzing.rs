//! What answers of HTTP endpoints are taken for, for `tests/fuzz`.

use std::time::Duration;

use chrono::DateTime;
use http::{HeaderMap, HeaderValue, StatusCode, Version};
use watchbell_egress::Answer;

use super::answer::{Heard, Hidden};
use super::{Report, Verdict, slack, teams, webhook};

/// What an answer is taken for by one kind of channel.
#[derive(Debug)]
pub struct Outcome {
    /// `slack`, `teams`, `connector` (of Teams) or `webhook`.
    pub kind: &'static str,
    /// Delivered, or handed over.
    pub got_through: bool,
    /// Never tried again.
    pub permanent: bool,
    /// The wait that the answer asks for.
    pub retries_after: Option<Duration>,
    /// What the delivery log keeps of the body.
    pub kept: String,
    /// A stable word, or nothing.
    pub error_code: String,
    /// What went wrong in words, or nothing.
    pub error: String,
}

/// What each kind of channel at `url` takes an answer for.
#[must_use]
pub fn outcomes(status: u16, retry_after: &str, body: &[u8], url: &str) -> [Outcome; 4] {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(retry_after) {
        headers.insert("retry-after", value);
    }
    let answer = Answer {
        status: StatusCode::from_u16(status).unwrap_or_default(),
        headers,
        body_prefix: body.to_vec().into(),
        body_complete: true,
        http_version: Version::HTTP_11,
    };
    let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default();
    let mut hidden = Hidden::default();
    hidden.hide_url(url);
    let heard = Heard::of(&answer, now, &hidden);
    [
        outcome("slack", slack::report(&heard)),
        outcome(
            "teams",
            teams::report(&heard, "prod-1.westeurope.logic.azure.com"),
        ),
        outcome("connector", teams::report(&heard, "example.webhook.office.com")),
        outcome("webhook", webhook::report(&heard)),
    ]
}

fn outcome(kind: &'static str, report: Report) -> Outcome {
    Outcome {
        kind,
        got_through: report.got_through(),
        permanent: report.verdict == Verdict::Permanent,
        retries_after: match report.verdict {
            Verdict::Retryable { retry_after } => retry_after,
            _ => None,
        },
        kept: report.response_body,
        error_code: report.error_code,
        error: report.error,
    }
}
