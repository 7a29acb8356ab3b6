//! Meaning of Slack's responses. Success is 200 with the body `ok`; each of Slack's error words says whose fault it
//! is and what to do.

use crate::senders::answer::{Response, host_failure};
use crate::senders::{AttemptOutcome, AttemptResult};

/// Advice for an error word, and whether the webhook itself is gone.
struct Meaning {
    word: &'static str,
    broken: bool,
    sentence: &'static str,
}

const fn ours(word: &'static str, sentence: &'static str) -> Meaning {
    Meaning {
        word,
        broken: false,
        sentence,
    }
}

const fn gone(word: &'static str, sentence: &'static str) -> Meaning {
    Meaning {
        word,
        broken: true,
        sentence,
    }
}

const FINAL: &[Meaning] = &[
    ours(
        "invalid_payload",
        "Slack could not read the message. This is a bug in Watchbell; the channel is fine.",
    ),
    ours(
        "no_text",
        "Slack says the message has no text. This is a bug in Watchbell; the channel is fine.",
    ),
    ours(
        "invalid_blocks",
        "Slack refused the message's layout. This is a bug in Watchbell; the channel is fine.",
    ),
    ours(
        "too_many_attachments",
        "Slack says the message has too many attachments. This is a bug in Watchbell; the channel is fine.",
    ),
    ours(
        "user_not_found",
        "Slack does not know the user to whom the webhook posts. Pick another channel.",
    ),
    ours(
        "channel_not_found",
        "Slack says the channel was deleted: pick another channel and add the app again.",
    ),
    ours(
        "action_prohibited",
        "A workspace admin has restricted this: ask them to let the app post to the channel.",
    ),
    ours(
        "posting_to_general_channel_denied",
        "Posting to the general channel is restricted: pick another channel, or ask a workspace admin.",
    ),
    gone(
        "no_service",
        "Slack says the webhook was removed: add the app again.",
    ),
    gone(
        "no_service_id",
        "Slack says the webhook's URL is incomplete: copy it again, or add the app again.",
    ),
    gone(
        "no_active_hooks",
        "Slack says the webhook was disabled: enable it in Slack, or add the app again.",
    ),
    gone(
        "no_team",
        "Slack says the workspace does not exist any more: add the app to another workspace.",
    ),
    gone(
        "team_disabled",
        "Slack says the workspace was disabled: add the app to another workspace.",
    ),
    gone(
        "invalid_token",
        "Slack says the webhook's URL is no longer valid: add the app again.",
    ),
    gone(
        "channel_is_archived",
        "The Slack channel was archived: unarchive it, or pick another channel.",
    ),
];

/// Classifies the response to a post.
pub(crate) fn classify(response: &Response) -> AttemptResult {
    let body = response.body.trim();
    if response.status == 200 && body == "ok" {
        return response.result(AttemptOutcome::Delivered, "", "");
    }
    if let Some(meaning) = FINAL
        .iter()
        .find(|meaning| meaning.word == body)
        .filter(|_| response.status >= 400)
    {
        let mut result = response.result(
            AttemptOutcome::Permanent,
            format!("slack.{}", meaning.word),
            meaning.sentence,
        );
        result.channel_broken = meaning.broken;
        return result;
    }
    match response.status {
        200..=299 => response.result(
            response.retryable(),
            "slack.unexpected_answer",
            "The response does not look like Slack's: it was not `ok`.",
        ),
        410 => {
            let mut result = response.result(
                AttemptOutcome::Permanent,
                "slack.gone",
                "Slack says the webhook was permanently removed: add the app again.",
            );
            result.channel_broken = true;
            result
        }
        429 => response.result(
            response.retryable(),
            "slack.rate_limited",
            "Slack rate-limits this channel.",
        ),
        500 if body == "rollup_error" => response.result(
            response.retryable(),
            "slack.rollup_error",
            "Slack had an internal error, and may have posted the message.",
        ),
        _ => host_failure(response, "slack", "Slack"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response {
            status,
            body: body.to_owned(),
            retry_after: None,
        }
    }

    #[test]
    fn slacks_own_words_say_what_to_do() {
        let table: Vec<String> = FINAL
            .iter()
            .map(|meaning| {
                let result = classify(&response(404, meaning.word));
                assert_eq!(result.outcome, AttemptOutcome::Permanent);
                let health = if result.channel_broken { "broken" } else { "fine" };
                format!("{} [{health}]: {}", result.error_code, result.error)
            })
            .collect();
        insta::assert_snapshot!(table.join("\n"));
    }

    #[test]
    fn answers_have_their_verdicts() {
        let later = AttemptOutcome::Retryable { retry_after: None };
        for (status, body, outcome, broken) in [
            (200, "ok", AttemptOutcome::Delivered, false),
            (200, "ok\n", AttemptOutcome::Delivered, false),
            (200, "<html>", later, false),
            (302, "", later, false),
            (400, "invalid_payload", AttemptOutcome::Permanent, false),
            (400, "something_new", AttemptOutcome::Permanent, false),
            (403, "invalid_token", AttemptOutcome::Permanent, true),
            (403, "", AttemptOutcome::Permanent, false),
            (404, "no_service", AttemptOutcome::Permanent, true),
            (408, "", later, false),
            (410, "channel_is_archived", AttemptOutcome::Permanent, true),
            (410, "", AttemptOutcome::Permanent, true),
            (413, "", AttemptOutcome::Permanent, false),
            (429, "rate_limited", later, false),
            (500, "rollup_error", later, false),
            (503, "", later, false),
        ] {
            let result = classify(&response(status, body));
            assert_eq!(
                (result.outcome, result.channel_broken),
                (outcome, broken),
                "{status} {body}"
            );
            assert_eq!(result.error.is_empty(), result.got_through(), "{status} {body}");
            assert_eq!(
                result.error_code.is_empty(),
                result.got_through(),
                "{status} {body}"
            );
            assert_eq!(result.status_code, status);
        }
    }

    #[test]
    fn slack_is_taken_at_its_word_on_when_to_come_back() {
        let response = Response {
            retry_after: Some(Duration::from_secs(17)),
            ..response(429, "rate_limited")
        };
        let wanted = AttemptOutcome::Retryable {
            retry_after: Some(Duration::from_secs(17)),
        };
        assert_eq!(classify(&response).outcome, wanted);
    }
}
