//! Meaning of an endpoint's response. 2xx is delivered; 401 says that the signature did not verify, and is final; 410
//! is final; everything else is retried, redirects included, which are never followed.

use crate::senders::answer::Response;
use crate::senders::{AttemptOutcome, AttemptResult};

/// Classifies the response to a post.
pub(crate) fn classify(response: &Response) -> AttemptResult {
    let status = response.status;
    let code = format!("webhook.http_{status}");
    match status {
        200..=299 => response.result(AttemptOutcome::Delivered, "", ""),
        401 => response.result(
            AttemptOutcome::Permanent,
            code,
            "The endpoint says that the signature is not right (401): check that it uses this channel's signing \
             secret and the raw body. Requests it refuses this way are not tried again; replay them once it is mended.",
        ),
        410 => {
            let mut result = response.result(
                AttemptOutcome::Permanent,
                code,
                "The endpoint says that it is gone for good (410), so nothing more is sent: correct the URL and \
                 enable the channel again.",
            );
            result.channel_broken = true;
            result
        }
        300..=399 => response.result(
            response.retryable(),
            code,
            format!("The endpoint answered with a redirect ({status}), which is never followed: correct the URL."),
        ),
        429 => response.result(response.retryable(), code, "The endpoint rate-limits requests (429)."),
        400..=499 => response.result(
            response.retryable(),
            code,
            format!("The endpoint refused the request ({status}). Check its logs."),
        ),
        _ => response.result(
            response.retryable(),
            code,
            format!("The endpoint had an internal error ({status})."),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn answers_have_their_verdicts() {
        let wait = Some(Duration::from_secs(3));
        let later = AttemptOutcome::Retryable { retry_after: wait };
        for (status, outcome, broken) in [
            (200, AttemptOutcome::Delivered, false),
            (204, AttemptOutcome::Delivered, false),
            (299, AttemptOutcome::Delivered, false),
            (301, later, false),
            (307, later, false),
            (400, later, false),
            (401, AttemptOutcome::Permanent, false),
            (403, later, false),
            (404, later, false),
            (410, AttemptOutcome::Permanent, true),
            (429, later, false),
            (500, later, false),
            (503, later, false),
            (599, later, false),
        ] {
            let result = classify(&Response {
                status,
                body: "x".to_owned(),
                retry_after: wait,
            });
            assert_eq!(
                (result.outcome, result.channel_broken),
                (outcome, broken),
                "{status}"
            );
            assert_eq!(result.error.is_empty(), result.got_through(), "{status}");
            assert_eq!((result.status_code, result.response_body.as_str()), (status, "x"));
        }
    }
}
