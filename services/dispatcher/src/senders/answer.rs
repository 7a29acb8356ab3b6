//! What came back, in the words that all HTTP destinations share: answers with everything secret taken out, the wait
//! that was asked for, and what it means when there is no answer at all.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use watchbell_egress::{Answer, SendError};

use super::{MAX_RESPONSE, Report, Verdict};

/// Nobody may stop a lane for longer by one answer.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// A shorter text is no secret, and taking it out would only garble.
const MIN_SECRET: usize = 6;

/// An answer, as far as it matters.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The beginning of the body as text, without secrets.
    pub(crate) body: String,
    /// How long it asks to wait.
    pub(crate) retry_after: Option<Duration>,
}

/// Texts that must not appear in anything that is kept: URLs, secrets, header values.
#[derive(Debug, Default)]
pub(crate) struct Hidden(Vec<String>);

// === impl Heard ===

impl Heard {
    /// Reads an answer that came at `now`.
    pub(crate) fn of(answer: &Answer, now: DateTime<Utc>, hidden: &Hidden) -> Self {
        let retry_after = answer
            .headers
            .get("retry-after")
            .and_then(|value| value.to_str().ok());
        Self {
            status: answer.status.as_u16(),
            body: hidden.taken_out_of(&answer.body_prefix),
            retry_after: retry_after.and_then(|text| wait(text, now)),
        }
    }

    /// Again, and not before it asks to.
    pub(crate) fn later(&self) -> Verdict {
        Verdict::Retryable {
            retry_after: self.retry_after,
        }
    }

    /// A report on this answer.
    pub(crate) fn report(
        &self,
        verdict: Verdict,
        code: impl Into<String>,
        error: impl Into<String>,
    ) -> Report {
        Report {
            verdict,
            error_code: code.into(),
            error: error.into(),
            response_body: self.body.clone(),
            ..Report::delivered(self.status, Duration::ZERO)
        }
    }
}

/// What a status means when nothing special is known about it: of 4xx only those that speak of time are worth
/// another try, and everything else is.
pub(crate) fn host_failure(heard: &Heard, prefix: &str, name: &str) -> Report {
    let status = heard.status;
    let code = format!("{prefix}.http_{status}");
    match status {
        300..=399 => heard.report(
            heard.later(),
            code,
            format!("{name} answered with a redirect ({status}), which is never followed: correct the URL."),
        ),
        408 | 425 | 429 => heard.report(
            heard.later(),
            code,
            format!("{name} asks to try again later ({status})."),
        ),
        400..=499 => heard.report(
            Verdict::Permanent,
            code,
            format!(
                "{name} refused the message for good ({status}): check that the URL is still the right one."
            ),
        ),
        _ => heard.report(
            heard.later(),
            code,
            format!("{name} has a fault of its own ({status})."),
        ),
    }
}

/// What it means that no answer came.
pub(crate) fn unanswered(error: &SendError) -> Report {
    let mut report = match error {
        SendError::Refused(refusal) => Report::permanent(
            format!("refused.{}", refusal.reason().to_ascii_lowercase()),
            format!("The address is not allowed: {refusal}. Use a public HTTPS address."),
        ),
        SendError::Dns => Report::retryable(
            "dns",
            "The host name could not be resolved. Check it when this goes on.",
        ),
        SendError::Connect(why) => Report::retryable(
            "connect",
            format!("No connection could be opened ({why}). Is the endpoint up and reachable?"),
        ),
        SendError::Tls(why) => Report::retryable(
            "tls",
            format!("The TLS handshake failed ({why}). Check the endpoint's certificate."),
        ),
        SendError::TimeoutBeforeSent => {
            Report::retryable("timeout", "The endpoint did not take the request in time.")
        }
        SendError::TimeoutAfterSent => Report::retryable(
            "timeout",
            "The request was sent and no answer came in time: it may have arrived.",
        ),
        SendError::Reset(_) => Report::retryable(
            "reset",
            "The connection broke before the answer: the request may have arrived.",
        ),
        SendError::Other(_) => Report::retryable("not_sent", "The request could not be sent."),
    };
    report.ambiguous = error.is_ambiguous();
    report
}

// === impl Hidden ===

impl Hidden {
    /// Hides a text. Very short ones are left alone.
    pub(crate) fn hide(&mut self, secret: &str) {
        if secret.len() >= MIN_SECRET {
            self.0.push(secret.to_owned());
        }
    }

    /// Hides a URL: whole, without its origin, and the long parts of its path and query by themselves, since answers
    /// like to quote those.
    pub(crate) fn hide_url(&mut self, url: &str) {
        self.hide(url);
        let Some(rest) = url.split_once("://").and_then(|(_, rest)| rest.split_once('/')) else {
            return;
        };
        self.hide(rest.1);
        for part in rest.1.split(['/', '?', '&', '=']).filter(|part| part.len() >= 16) {
            self.hide(part);
        }
    }

    /// The beginning of a body as text, with `***` for everything hidden.
    pub(crate) fn taken_out_of(&self, bytes: &[u8]) -> String {
        let bytes = &bytes[..bytes.len().min(MAX_RESPONSE)];
        let mut text = String::from_utf8_lossy(bytes).replace('\0', "");
        for secret in &self.0 {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "***");
            }
        }
        if bytes.len() == MAX_RESPONSE {
            // What was cut off may have been cut off within a secret.
            let text_len = text.len();
            let torn = self.0.iter().filter_map(|secret| {
                (MIN_SECRET..secret.len())
                    .rev()
                    .filter(|len| secret.is_char_boundary(*len))
                    .find(|len| text.ends_with(&secret[..*len]))
            });
            text.truncate(text_len - torn.max().unwrap_or(0));
        }
        text
    }
}

/// `Retry-After` of RFC 9110 §10.2.3: seconds, or one of the three forms of an HTTP date.
fn wait(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = DateTime::parse_from_rfc2822(text)
                .map(|at| at.to_utc())
                .ok()
                .or_else(|| {
                    ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
                        .iter()
                        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
                        .map(|at| at.and_utc())
                })?;
            (at - now).to_std().unwrap_or(Duration::ZERO)
        }
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Utc.with_ymd_and_hms(1994, 11, 6, 8, 48, 37).unwrap();
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(60)),
            ("Sun Nov  6 08:49:37 1994", Some(60)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("99999999999", Some(86_400)),
            ("soon", None),
            ("-5", None),
            ("", None),
        ] {
            assert_eq!(wait(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn secrets_are_taken_out_of_answers() {
        let mut hidden = Hidden::default();
        hidden.hide_url("https://hooks.slack.com/services/T000/B000/abcdefghijklmnopqrst");
        hidden.hide("short");
        hidden.hide("Bearer top-secret");
        assert_eq!(
            hidden.taken_out_of(
                b"no /services/T000/B000/abcdefghijklmnopqrst, abcdefghijklmnopqrst; Bearer top-secret; short\0"
            ),
            "no /***, ***; ***; short"
        );
    }

    #[test]
    fn a_secret_torn_by_the_cut_is_taken_out_too() {
        let mut hidden = Hidden::default();
        hidden.hide("0123456789abcdef");
        let mut body = vec![b'x'; MAX_RESPONSE - 10];
        body.extend_from_slice(b"0123456789abcdef and more");
        assert_eq!(hidden.taken_out_of(&body), "x".repeat(MAX_RESPONSE - 10));
    }

    #[test]
    fn no_answer_says_why_and_whether_it_may_have_arrived() {
        for (error, code, ambiguous) in [
            (SendError::Dns, "dns", false),
            (
                SendError::Connect("connection refused".to_owned()),
                "connect",
                false,
            ),
            (SendError::Tls("expired".to_owned()), "tls", false),
            (SendError::TimeoutBeforeSent, "timeout", false),
            (SendError::TimeoutAfterSent, "timeout", true),
            (SendError::Reset("eof".to_owned()), "reset", true),
            (SendError::Other("?".to_owned()), "not_sent", false),
        ] {
            let report = unanswered(&error);
            assert_eq!((report.error_code.as_str(), report.ambiguous), (code, ambiguous));
            assert_eq!(report.verdict, Verdict::Retryable { retry_after: None });
        }
        let report = unanswered(&SendError::Refused(watchbell_egress::Refusal::Scheme));
        assert_eq!(
            (report.verdict, report.error_code.as_str()),
            (Verdict::Permanent, "refused.url_scheme")
        );
    }
}
