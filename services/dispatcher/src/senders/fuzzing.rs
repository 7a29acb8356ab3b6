//! What answers of HTTP endpoints are taken for, for `tests/fuzz`.

use std::time::Duration;

use chrono::DateTime;
use http::{HeaderMap, HeaderValue, StatusCode, Version};
use watchbell_egress::Answer;

use super::answer::{Redactor, Response};
use super::{AttemptOutcome, AttemptResult, slack, teams, webhook};

/// How one kind of channel classifies a response.
#[derive(Debug)]
pub struct Classification {
    /// `slack`, `teams`, `connector` (of Teams) or `webhook`.
    pub kind: &'static str,
    /// Delivered, or handed over.
    pub got_through: bool,
    /// Never retried.
    pub permanent: bool,
    /// The requested wait.
    pub retries_after: Option<Duration>,
    /// The part of the body that the delivery log keeps.
    pub kept: String,
    /// A stable word, or nothing.
    pub error_code: String,
    /// What went wrong in words, or nothing.
    pub error: String,
}

/// Classifies a response for each kind of channel at `url`.
#[must_use]
pub fn classifications(status: u16, retry_after: &str, body: &[u8], url: &str) -> [Classification; 4] {
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
    let mut redactor = Redactor::default();
    redactor.add_url(url);
    let response = Response::new(&answer, now, &redactor);
    [
        classification("slack", slack::classify(&response)),
        classification(
            "teams",
            teams::classify(&response, "prod-1.westeurope.logic.azure.com"),
        ),
        classification(
            "connector",
            teams::classify(&response, "example.webhook.office.com"),
        ),
        classification("webhook", webhook::classify(&response)),
    ]
}

fn classification(kind: &'static str, result: AttemptResult) -> Classification {
    Classification {
        kind,
        got_through: result.got_through(),
        permanent: result.outcome == AttemptOutcome::Permanent,
        retries_after: match result.outcome {
            AttemptOutcome::Retryable { retry_after } => retry_after,
            _ => None,
        },
        kept: result.response_body,
        error_code: result.error_code,
        error: result.error,
    }
}
