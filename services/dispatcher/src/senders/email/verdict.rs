//! What a mail server's answer means. 250 is accepted: handed over, not seen. A 5xx reply is final and a 4xx is not
//! (RFC 5321 §4.2.1); whose fault it is follows from the code.

use watchbell_egress::{SmtpAnswer, SmtpError};

use crate::senders::{MAX_RESPONSE, Report, Verdict};

/// What came of handing one message over.
pub(crate) fn report(outcome: Result<SmtpAnswer, SmtpError>) -> Report {
    let error = match outcome {
        Ok(answer) => {
            return Report {
                verdict: Verdict::Accepted,
                status_code: answer.code,
                response_body: shortened(&answer.text),
                ..Report::retryable("", "")
            };
        }
        Err(error) => error,
    };
    let ambiguous = error.is_ambiguous();
    let report = match error {
        SmtpError::Permanent { code, text } => answered(
            Report::permanent(
                format!("smtp.{code}"),
                match code {
                    550 | 551 | 553 => {
                        "The mail server knows no such mailbox, or takes no mail for it: correct the address."
                    }
                    552 => "The mailbox is full, or the message too large for it.",
                    530 | 535 => {
                        "The mail server asks for an account or refuses it: correct user and password."
                    }
                    _ => "The mail server refused the message for good: its answer says why.",
                },
            ),
            code,
            &text,
        ),
        SmtpError::Transient { code, text } => answered(
            Report::retryable(
                format!("smtp.{code}"),
                "The mail server does not take the message now: its answer says why.",
            ),
            code,
            &text,
        ),
        SmtpError::Timeout { after_data: false } => {
            Report::retryable("timeout", "The mail server did not answer in time.")
        }
        SmtpError::Timeout { after_data: true } => Report::retryable(
            "timeout",
            "The message was sent and the mail server did not confirm it: it may have been delivered.",
        ),
        SmtpError::Broken { after_data, detail } => Report::retryable(
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
        SmtpError::Refused(refusal) => Report::permanent(
            format!("refused.{}", refusal.reason().to_ascii_lowercase()),
            format!("The mail server's address is not allowed: {refusal}."),
        ),
        SmtpError::Dns => Report::retryable("dns", "The mail server's name could not be resolved: check it."),
        SmtpError::Connect(why) => Report::retryable(
            "connect",
            format!("No connection to the mail server could be opened ({why}): check host and port."),
        ),
        // Passwords get changed back, and an alert is worth another try.
        SmtpError::AuthRefused { code, text } => answered(
            Report::retryable(
                "smtp.auth",
                format!(
                    "The mail server did not accept the account ({code} {text}): correct user and password, or use an \
                     app password."
                ),
            ),
            code,
            &text,
        ),
        SmtpError::AuthUnavailable(why) => Report::retryable(
            "smtp.auth",
            format!("There is no way to sign in to the mail server: {why}."),
        ),
        SmtpError::Tls(why) => Report::retryable(
            "tls",
            format!("No encrypted connection to the mail server ({why}): check port and security."),
        ),
        SmtpError::Unsendable(why) => {
            Report::permanent("smtp.unsendable", format!("The message cannot be sent: {why}."))
        }
    };
    Report { ambiguous, ..report }
}

fn answered(report: Report, code: u16, text: &str) -> Report {
    Report {
        status_code: code,
        response_body: shortened(text),
        ..report
    }
}

fn shortened(text: &str) -> String {
    let mut end = text.len().min(MAX_RESPONSE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].replace('\0', "")
}

/// One report on a message to several: the worst, where another try is worse than an end, since it is still owed.
/// It says whom it concerns.
pub(crate) fn worst(reports: Vec<(String, Report)>) -> Option<Report> {
    let all = reports.len();
    let through = reports.iter().filter(|(_, report)| report.got_through()).count();
    let badness = |report: &Report| match report.verdict {
        Verdict::Delivered => 0,
        Verdict::Accepted => 1,
        Verdict::Permanent => 2,
        Verdict::Retryable { .. } => 3,
    };
    let ambiguous = reports.iter().any(|(_, report)| report.ambiguous);
    let latency = reports
        .iter()
        .map(|(_, report)| report.latency)
        .max()
        .unwrap_or_default();
    let failed: Vec<_> = reports
        .iter()
        .filter(|(_, report)| !report.got_through())
        .map(|(to, _)| to.clone())
        .collect();
    let (_, mut report) = reports.into_iter().max_by_key(|(_, report)| badness(report))?;
    if all > 1 && !failed.is_empty() {
        report.error = format!(
            "{} ({through} of {all} recipients have it; not: {})",
            report.error,
            failed.join(", ")
        );
    }
    Some(Report {
        ambiguous,
        latency,
        ..report
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Verdict = Verdict::Retryable { retry_after: None };

    fn text() -> String {
        "words".to_owned()
    }

    #[test]
    fn answers_have_their_verdicts() {
        for (error, verdict, code, ambiguous) in [
            (
                SmtpError::Permanent {
                    code: 550,
                    text: text(),
                },
                Verdict::Permanent,
                "smtp.550",
                false,
            ),
            (
                SmtpError::Permanent {
                    code: 554,
                    text: text(),
                },
                Verdict::Permanent,
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
                Verdict::Permanent,
                "smtp.unsendable",
                false,
            ),
        ] {
            let report = report(Err(error));
            assert_eq!((report.verdict, report.ambiguous), (verdict, ambiguous), "{code}");
            assert_eq!(report.error_code, code);
            assert!(report.error.ends_with('.'), "{}", report.error);
        }
    }

    #[test]
    fn a_refused_account_is_shown_with_the_servers_code_and_words() {
        let report = report(Err(SmtpError::AuthRefused {
            code: 535,
            text: "5.7.139 basic authentication is disabled".to_owned(),
        }));
        assert_eq!(
            (report.status_code, report.response_body.as_str()),
            (535, "5.7.139 basic authentication is disabled")
        );
        assert!(
            report
                .error
                .contains("535 5.7.139 basic authentication is disabled"),
            "{}",
            report.error
        );
    }

    #[test]
    fn handed_over_is_accepted_and_not_delivered() {
        let report = report(Ok(SmtpAnswer {
            code: 250,
            text: "queued as 42".to_owned(),
        }));
        assert_eq!((report.verdict, report.status_code), (Verdict::Accepted, 250));
        assert_eq!(
            (report.response_body.as_str(), report.error.as_str()),
            ("queued as 42", "")
        );
    }

    #[test]
    fn one_bad_mailbox_is_named_and_hides_no_success() {
        let good = report(Ok(SmtpAnswer {
            code: 250,
            text: text(),
        }));
        let bad = report(Err(SmtpError::Permanent {
            code: 550,
            text: text(),
        }));
        let busy = report(Err(SmtpError::Transient {
            code: 450,
            text: text(),
        }));
        let name = |address: &str, report: &Report| (address.to_owned(), report.clone());
        let both = worst(vec![name("a@x", &good), name("b@x", &bad)]).unwrap();
        assert_eq!(both.verdict, Verdict::Permanent);
        assert!(
            both.error.ends_with("(1 of 2 recipients have it; not: b@x)"),
            "{}",
            both.error
        );
        let all = worst(vec![name("a@x", &good), name("b@x", &bad), name("c@x", &busy)]).unwrap();
        assert_eq!(all.verdict, LATER);
        assert_eq!(worst(vec![name("a@x", &good), name("b@x", &good)]).unwrap(), good);
        assert_eq!(worst(vec![]), None);
    }
}
