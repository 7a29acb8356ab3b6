//! Meaning of a mail server's reply. 250 is accepted: handed over, not seen. A 5xx reply is final and a 4xx is not
//! (RFC 5321 §4.2.1); the code tells whose fault it is.

use watchbell_egress::{SmtpAnswer, SmtpError};

use crate::senders::{AttemptOutcome, AttemptResult, MAX_RESPONSE};

/// Classifies the result of handing one message over.
pub(crate) fn classify(outcome: Result<SmtpAnswer, SmtpError>) -> AttemptResult {
    let error = match outcome {
        Ok(answer) => {
            return AttemptResult {
                outcome: AttemptOutcome::Accepted,
                status_code: answer.code,
                response_body: shortened(&answer.text),
                ..AttemptResult::retryable("", "")
            };
        }
        Err(error) => error,
    };
    let ambiguous = error.is_ambiguous();
    let result = match error {
        SmtpError::Permanent { code, text } => answered(
            AttemptResult::permanent(
                format!("smtp.{code}"),
                match code {
                    550 | 551 | 553 => "The mailbox does not exist or accepts no mail: correct the address.",
                    552 => "The mailbox is full, or the message is too large for it.",
                    530 | 535 => {
                        "The mail server requires or refuses the account: correct user and password."
                    }
                    _ => "The mail server refused the message permanently: see its reply.",
                },
            ),
            code,
            &text,
        ),
        SmtpError::Transient { code, text } => answered(
            AttemptResult::retryable(
                format!("smtp.{code}"),
                "The mail server does not accept the message at the moment: see its reply.",
            ),
            code,
            &text,
        ),
        SmtpError::Timeout { after_data: false } => {
            AttemptResult::retryable("timeout", "The mail server did not answer in time.")
        }
        SmtpError::Timeout { after_data: true } => AttemptResult::retryable(
            "timeout",
            "The message was sent, but the mail server did not confirm it: it may have been delivered.",
        ),
        SmtpError::Broken { after_data, detail } => AttemptResult::retryable(
            "reset",
            if after_data {
                format!(
                    "The connection broke before the mail server confirmed the message ({detail}): it may have been \
                     delivered."
                )
            } else {
                format!("The connection to the mail server broke ({detail}).")
            },
        ),
        SmtpError::Refused(refusal) => AttemptResult::permanent(
            format!("refused.{}", refusal.reason().to_ascii_lowercase()),
            format!("The mail server's address is not allowed: {refusal}."),
        ),
        SmtpError::Dns => {
            AttemptResult::retryable("dns", "The mail server's name could not be resolved: check it.")
        }
        SmtpError::Connect(why) => AttemptResult::retryable(
            "connect",
            format!("No connection to the mail server could be opened ({why}): check host and port."),
        ),
        // Passwords get changed back, and an alert is worth another try.
        SmtpError::AuthRefused { code, text } => answered(
            AttemptResult::retryable(
                "smtp.auth",
                format!(
                    "The mail server did not accept the account ({code} {text}): correct user and password, or use an \
                     app password."
                ),
            ),
            code,
            &text,
        ),
        SmtpError::AuthUnavailable(why) => AttemptResult::retryable(
            "smtp.auth",
            format!("There is no way to sign in to the mail server: {why}."),
        ),
        SmtpError::Tls(why) => AttemptResult::retryable(
            "tls",
            format!("No encrypted connection to the mail server ({why}): check port and security."),
        ),
        SmtpError::Unsendable(why) => {
            AttemptResult::permanent("smtp.unsendable", format!("The message cannot be sent: {why}."))
        }
    };
    AttemptResult { ambiguous, ..result }
}

fn answered(result: AttemptResult, code: u16, text: &str) -> AttemptResult {
    AttemptResult {
        status_code: code,
        response_body: shortened(text),
        ..result
    }
}

fn shortened(text: &str) -> String {
    let mut end = text.len().min(MAX_RESPONSE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].replace('\0', "")
}

/// The result of a message to several recipients: the worst of theirs. A retryable failure is worse than a final one,
/// because the message is still owed. The error names the recipient.
pub(crate) fn worst(reports: Vec<(String, AttemptResult)>) -> Option<AttemptResult> {
    let all = reports.len();
    let through = reports.iter().filter(|(_, result)| result.got_through()).count();
    let badness = |result: &AttemptResult| match result.outcome {
        AttemptOutcome::Delivered => 0,
        AttemptOutcome::Accepted => 1,
        AttemptOutcome::Permanent => 2,
        AttemptOutcome::Retryable { .. } => 3,
    };
    let ambiguous = reports.iter().any(|(_, result)| result.ambiguous);
    let latency = reports
        .iter()
        .map(|(_, result)| result.latency)
        .max()
        .unwrap_or_default();
    let failed: Vec<_> = reports
        .iter()
        .filter(|(_, result)| !result.got_through())
        .map(|(to, _)| to.clone())
        .collect();
    let (_, mut result) = reports.into_iter().max_by_key(|(_, result)| badness(result))?;
    if all > 1 && !failed.is_empty() {
        result.error = format!(
            "{} ({through} of {all} recipients have it; not: {})",
            result.error,
            failed.join(", ")
        );
    }
    Some(AttemptResult {
        ambiguous,
        latency,
        ..result
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: AttemptOutcome = AttemptOutcome::Retryable { retry_after: None };

    fn text() -> String {
        "words".to_owned()
    }

    #[test]
    fn answers_have_their_verdicts() {
        for (error, outcome, code, ambiguous) in [
            (
                SmtpError::Permanent {
                    code: 550,
                    text: text(),
                },
                AttemptOutcome::Permanent,
                "smtp.550",
                false,
            ),
            (
                SmtpError::Permanent {
                    code: 554,
                    text: text(),
                },
                AttemptOutcome::Permanent,
                "smtp.554",
                false,
            ),
            (
                SmtpError::Transient {
                    code: 421,
                    text: text(),
                },
                LATER,
                "smtp.421",
                false,
            ),
            (
                SmtpError::Transient {
                    code: 450,
                    text: text(),
                },
                LATER,
                "smtp.450",
                false,
            ),
            (SmtpError::Timeout { after_data: false }, LATER, "timeout", false),
            (SmtpError::Timeout { after_data: true }, LATER, "timeout", true),
            (
                SmtpError::Broken {
                    after_data: false,
                    detail: text(),
                },
                LATER,
                "reset",
                false,
            ),
            (
                SmtpError::Broken {
                    after_data: true,
                    detail: text(),
                },
                LATER,
                "reset",
                true,
            ),
            (SmtpError::Dns, LATER, "dns", false),
            (SmtpError::Connect(text()), LATER, "connect", false),
            (
                SmtpError::AuthRefused {
                    code: 535,
                    text: text(),
                },
                LATER,
                "smtp.auth",
                false,
            ),
            (SmtpError::AuthUnavailable(text()), LATER, "smtp.auth", false),
            (SmtpError::Tls(text()), LATER, "tls", false),
            (
                SmtpError::Unsendable("why"),
                AttemptOutcome::Permanent,
                "smtp.unsendable",
                false,
            ),
        ] {
            let result = classify(Err(error));
            assert_eq!((result.outcome, result.ambiguous), (outcome, ambiguous), "{code}");
            assert_eq!(result.error_code, code);
            assert!(result.error.ends_with('.'), "{}", result.error);
        }
    }

    #[test]
    fn a_refused_account_is_shown_with_the_servers_code_and_words() {
        let result = classify(Err(SmtpError::AuthRefused {
            code: 535,
            text: "5.7.139 basic authentication is disabled".to_owned(),
        }));
        assert_eq!(
            (result.status_code, result.response_body.as_str()),
            (535, "5.7.139 basic authentication is disabled")
        );
        assert!(
            result
                .error
                .contains("535 5.7.139 basic authentication is disabled"),
            "{}",
            result.error
        );
    }

    #[test]
    fn handed_over_is_accepted_and_not_delivered() {
        let result = classify(Ok(SmtpAnswer {
            code: 250,
            text: "queued as 42".to_owned(),
        }));
        assert_eq!(
            (result.outcome, result.status_code),
            (AttemptOutcome::Accepted, 250)
        );
        assert_eq!(
            (result.response_body.as_str(), result.error.as_str()),
            ("queued as 42", "")
        );
    }

    #[test]
    fn one_bad_mailbox_is_named_and_hides_no_success() {
        let good = classify(Ok(SmtpAnswer {
            code: 250,
            text: text(),
        }));
        let bad = classify(Err(SmtpError::Permanent {
            code: 550,
            text: text(),
        }));
        let busy = classify(Err(SmtpError::Transient {
            code: 450,
            text: text(),
        }));
        let name = |address: &str, result: &AttemptResult| (address.to_owned(), result.clone());
        let both = worst(vec![name("a@x", &good), name("b@x", &bad)]).unwrap();
        assert_eq!(both.outcome, AttemptOutcome::Permanent);
        assert!(
            both.error.ends_with("(1 of 2 recipients have it; not: b@x)"),
            "{}",
            both.error
        );
        let all = worst(vec![name("a@x", &good), name("b@x", &bad), name("c@x", &busy)]).unwrap();
        assert_eq!(all.outcome, LATER);
        assert_eq!(worst(vec![name("a@x", &good), name("b@x", &good)]).unwrap(), good);
        assert_eq!(worst(vec![]), None);
    }
}
