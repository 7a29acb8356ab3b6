//! Meaning of Teams' responses. Workflows answer 202, or 2xx without a body: accepted, not seen. Old connectors
//! answer 200 and `1`; any other body is a failure, possibly with a throttle's status in it. A body of another kind
//! does not come from Teams (a proxy, a sign-in page).

use crate::senders::answer::{Response, host_failure};
use crate::senders::{AttemptOutcome, AttemptResult};

/// Classifies the response of `host` to a post.
pub(crate) fn classify(response: &Response, host: &str) -> AttemptResult {
    let body = response.body.trim();
    match response.status {
        200 if body == "1" => response.result(AttemptOutcome::Delivered, "", ""),
        200 if is_connector(host) || hidden_status(body).is_some() => connector_failure(response, body),
        202 => response.result(AttemptOutcome::Accepted, "", ""),
        200..=299 if body.is_empty() => response.result(AttemptOutcome::Accepted, "", ""),
        200..=299 => response.result(
            response.retryable(),
            "teams.unexpected_answer",
            "The answer is not one of Teams: check that the URL is the workflow's and that no proxy or sign-in page answers \
             in its place.",
        ),
        400 => response.result(
            AttemptOutcome::Permanent,
            "teams.http_400",
            "Teams could not read the card, or the workflow expects something else: use the template that posts to a \
             channel when a webhook request is received.",
        ),
        401 | 403 => response.result(
            AttemptOutcome::Permanent,
            format!("teams.http_{}", response.status),
            "Teams does not accept the URL's signature, or the workflow asks for a sign-in: copy its URL again, and \
             let anyone trigger it.",
        ),
        404 | 410 => {
            let mut result = response.result(
                AttemptOutcome::Permanent,
                format!("teams.http_{}", response.status),
                "The workflow or connector was removed: make a new one and paste its URL.",
            );
            result.channel_broken = true;
            result
        }
        429 => response.result(response.retryable(), "teams.rate_limited", "Teams rate-limits this channel."),
        _ => host_failure(response, "teams", "Teams"),
    }
}

/// Old connectors live below this host.
fn is_connector(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host == "webhook.office.com" || host.ends_with(".webhook.office.com")
}

/// `… Microsoft Teams endpoint returned HTTP error 429 with ContextId …`
fn hidden_status(body: &str) -> Option<u16> {
    let lower = body.to_ascii_lowercase();
    let rest = lower.split_once("http error ")?.1;
    rest.get(..3)?.parse().ok()
}

fn connector_failure(response: &Response, body: &str) -> AttemptResult {
    match hidden_status(body) {
        Some(429) => response.result(
            response.retryable(),
            "teams.rate_limited",
            "Teams rate-limits this channel (reported in a 200 response).",
        ),
        Some(status @ 500..) => response.result(
            response.retryable(),
            format!("teams.hidden_{status}"),
            format!("Teams had an internal error ({status}, reported in a 200 response)."),
        ),
        Some(status) => response.result(
            AttemptOutcome::Permanent,
            format!("teams.hidden_{status}"),
            format!("Teams refused the card ({status}, reported in a 200 response)."),
        ),
        None => response.result(
            AttemptOutcome::Permanent,
            "teams.not_shown",
            "The connector answered 200 but not `1`, so it did not show the card. Connectors are retired: make a \
             workflow and paste its URL.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const OLD: &str = "acme.webhook.office.com";
    const NEW: &str = "prod-1.westeurope.logic.azure.com";
    const THROTTLED: &str = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error \
                             429 with ContextId tcid=0,server=x.";

    #[test]
    fn answers_have_their_verdicts() {
        let later = AttemptOutcome::Retryable { retry_after: None };
        for (host, status, body, outcome, broken) in [
            (NEW, 202, "", AttemptOutcome::Accepted, false),
            (NEW, 202, "<html>", AttemptOutcome::Accepted, false),
            (NEW, 200, "", AttemptOutcome::Accepted, false),
            (NEW, 200, "<!DOCTYPE html><title>Sign in</title>", later, false),
            (NEW, 200, "ok", later, false),
            (NEW, 203, "<html>", later, false),
            (NEW, 204, "", AttemptOutcome::Accepted, false),
            (
                NEW,
                400,
                "TriggerInputSchemaMismatch",
                AttemptOutcome::Permanent,
                false,
            ),
            (NEW, 401, "", AttemptOutcome::Permanent, false),
            (NEW, 403, "", AttemptOutcome::Permanent, false),
            (NEW, 404, "WorkflowNotFound", AttemptOutcome::Permanent, true),
            (NEW, 410, "", AttemptOutcome::Permanent, true),
            (NEW, 408, "", later, false),
            (NEW, 413, "", AttemptOutcome::Permanent, false),
            (NEW, 429, "", later, false),
            (NEW, 502, "", later, false),
            (NEW, 302, "", later, false),
            (OLD, 200, "1", AttemptOutcome::Delivered, false),
            (OLD, 200, "", AttemptOutcome::Permanent, false),
            (
                OLD,
                200,
                "Bad payload received by generic incoming webhook.",
                AttemptOutcome::Permanent,
                false,
            ),
            (OLD, 200, THROTTLED, later, false),
            (OLD, 200, "… returned HTTP error 503 …", later, false),
            (
                OLD,
                200,
                "… returned HTTP error 413 …",
                AttemptOutcome::Permanent,
                false,
            ),
            ("127.0.0.1", 200, THROTTLED, later, false),
            ("127.0.0.1", 200, "1", AttemptOutcome::Delivered, false),
            ("webhook.office.com.evil.example", 200, "<html>", later, false),
        ] {
            let response = Response {
                status,
                body: body.to_owned(),
                retry_after: None,
            };
            let result = classify(&response, host);
            assert_eq!(
                (result.outcome, result.channel_broken),
                (outcome, broken),
                "{host} {status} {body}"
            );
            assert_eq!(
                result.error.is_empty(),
                result.got_through(),
                "{host} {status} {body}"
            );
        }
    }

    #[test]
    fn teams_is_taken_at_its_word_on_when_to_come_back() {
        let response = Response {
            status: 429,
            body: String::new(),
            retry_after: Some(Duration::from_secs(9)),
        };
        let wanted = AttemptOutcome::Retryable {
            retry_after: Some(Duration::from_secs(9)),
        };
        assert_eq!(classify(&response, NEW).outcome, wanted);
    }
}
