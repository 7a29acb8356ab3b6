//! Responses of HTTP destinations, with all secrets redacted; the requested wait; and the meaning of a missing
//! response.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, NaiveDateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use watchbell_egress::{Answer, SendError};

use super::{AttemptOutcome, AttemptResult, MAX_RESPONSE};

/// Longest pause of a lane that one response can cause.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// A shorter text is no secret, and taking it out would only garble.
const MIN_SECRET: usize = 6;
/// A part of a path that may be a secret although it has no digit.
const LONG: usize = 16;

/// What a URL's parts encode: all but the unreserved characters (RFC 3986 §2.3).
const IN_URL: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// An answer, as far as it matters.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The beginning of the body as text, without secrets.
    pub(crate) body: String,
    /// The wait that it asks for.
    pub(crate) retry_after: Option<Duration>,
}

/// Texts that must not appear in anything that is kept: URLs, secrets, header values.
#[derive(Default)]
pub(crate) struct Redactor(Vec<String>);

// === impl Response ===

impl Response {
    /// Reads an answer that came at `now`.
    pub(crate) fn new(answer: &Answer, now: DateTime<Utc>, redactor: &Redactor) -> Self {
        let retry_after = answer
            .headers
            .get("retry-after")
            .and_then(|value| value.to_str().ok());
        Self {
            status: answer.status.as_u16(),
            body: redactor.redact(&answer.body_prefix),
            retry_after: retry_after.and_then(|text| wait(text, now)),
        }
    }

    /// Retryable, not before the requested time.
    pub(crate) fn retryable(&self) -> AttemptOutcome {
        AttemptOutcome::Retryable {
            retry_after: self.retry_after,
        }
    }

    /// A result on this answer.
    pub(crate) fn result(
        &self,
        outcome: AttemptOutcome,
        code: impl Into<String>,
        error: impl Into<String>,
    ) -> AttemptResult {
        AttemptResult {
            outcome,
            error_code: code.into(),
            error: error.into(),
            response_body: self.body.clone(),
            ..AttemptResult::delivered(self.status, Duration::ZERO)
        }
    }
}

/// The meaning of a status without a specific rule: of 4xx only 408, 425 and 429 are retryable; so are redirects and
/// 5xx.
pub(crate) fn host_failure(response: &Response, prefix: &str, name: &str) -> AttemptResult {
    let status = response.status;
    let code = format!("{prefix}.http_{status}");
    match status {
        300..=399 => response.result(
            response.retryable(),
            code,
            format!("{name} answered with a redirect ({status}), which is never followed: correct the URL."),
        ),
        408 | 425 | 429 => response.result(
            response.retryable(),
            code,
            format!("{name} asked to try again later ({status})."),
        ),
        400..=499 => response.result(
            AttemptOutcome::Permanent,
            code,
            format!("{name} refused the message permanently ({status}): check the URL."),
        ),
        _ => response.result(
            response.retryable(),
            code,
            format!("{name} had an internal error ({status})."),
        ),
    }
}

/// The meaning of a request without a response.
pub(crate) fn from_send_error(error: &SendError) -> AttemptResult {
    let mut result = match error {
        SendError::Refused(refusal) => AttemptResult::permanent(
            format!("refused.{}", refusal.reason().to_ascii_lowercase()),
            format!("The address is not allowed: {refusal}. Use a public HTTPS address."),
        ),
        SendError::Dns => AttemptResult::retryable(
            "dns",
            "The host name could not be resolved. Check it if this persists.",
        ),
        SendError::Connect(why) => AttemptResult::retryable(
            "connect",
            format!("No connection could be opened ({why}). Is the endpoint up and reachable?"),
        ),
        SendError::Tls(why) => AttemptResult::retryable(
            "tls",
            format!("The TLS handshake failed ({why}). Check the endpoint's certificate."),
        ),
        SendError::TimeoutBeforeSent => {
            AttemptResult::retryable("timeout", "The endpoint did not accept the request in time.")
        }
        SendError::TimeoutAfterSent => AttemptResult::retryable(
            "timeout",
            "The request was sent, but no response came in time: it may have arrived.",
        ),
        SendError::Reset(_) => AttemptResult::retryable(
            "reset",
            "The connection broke before the response: the request may have arrived.",
        ),
        SendError::Other(_) => AttemptResult::retryable("not_sent", "The request could not be sent."),
    };
    result.ambiguous = error.is_ambiguous();
    result
}

// === impl Redactor ===

impl Redactor {
    /// Hides a text, also as JSON and URLs write it. Very short ones are left alone.
    pub(crate) fn add(&mut self, secret: &str) {
        if secret.len() < MIN_SECRET {
            return;
        }
        self.0.push(secret.to_owned());
        let in_json = Value::from(secret).to_string();
        let in_json = in_json[1..in_json.len() - 1].to_owned();
        let in_url = utf8_percent_encode(secret, IN_URL).to_string();
        for form in [in_json.replace('/', "\\/"), in_json, in_url] {
            if form != secret {
                self.0.push(form);
            }
        }
    }

    /// Hides the value of a header: whole, the words of it, as of `Bearer …`, and what `Basic …` encodes.
    pub(crate) fn add_header(&mut self, value: &str) {
        self.add(value);
        for word in value.split([' ', ',', ';', '=']) {
            self.add(word.trim());
        }
        let encoded = value.split_once(' ').map_or(value, |(_, encoded)| encoded).trim();
        let decoded = BASE64_STANDARD.decode(encoded).ok();
        if let Some(pair) = decoded.and_then(|bytes| String::from_utf8(bytes).ok()) {
            self.add(&pair);
            if let Some((_, password)) = pair.split_once(':') {
                self.add(password);
            }
        }
    }

    /// Hides a URL: whole, without its origin, and the long parts of its path and query by themselves, since answers
    /// like to quote those.
    pub(crate) fn add_url(&mut self, url: &str) {
        self.add(url);
        let Some(rest) = url.split_once("://").and_then(|(_, rest)| rest.split_once('/')) else {
            return;
        };
        self.add(rest.1);
        let parts = rest.1.split(['/', '?', '&', '=', '#']);
        for part in parts.filter(|part| part.len() >= LONG || part.contains(|c: char| c.is_ascii_digit())) {
            self.add(part);
        }
        let path = rest.1.split(['?', '#']).next().unwrap_or_default();
        self.add(path.rsplit('/').next().unwrap_or_default());
    }

    /// The beginning of a body as text, with `***` for every secret.
    pub(crate) fn redact(&self, bytes: &[u8]) -> String {
        let bytes = &bytes[..bytes.len().min(MAX_RESPONSE)];
        let mut text = String::from_utf8_lossy(bytes).replace('\0', "");
        let mut longest_first: Vec<_> = self.0.iter().collect();
        longest_first.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        for secret in longest_first {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "***");
            }
        }
        if bytes.len() == MAX_RESPONSE {
            // The end may cut off a secret.
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
        let mut redactor = Redactor::default();
        redactor.add_url("https://hooks.slack.com/services/T000/B000/abcdefghijklmnopqrst");
        redactor.add("short");
        redactor.add("Bearer top-secret");
        assert_eq!(
            redactor.redact(
                b"no /services/T000/B000/abcdefghijklmnopqrst, abcdefghijklmnopqrst; Bearer top-secret; short\0"
            ),
            "no /***, ***; ***; short"
        );
    }

    #[test]
    fn parts_of_secrets_and_other_spellings_are_taken_out_too() {
        let mut redactor = Redactor::default();
        redactor.add_url("https://hooks.example/in/t0k3n-a/SEKRETTOKEN");
        redactor.add_header("Bearer abc/\"def\"");
        redactor.add_header("Splunk 0123-4567");
        redactor.add_header("key/of-1_2.x~");
        redactor.add_header("Basic dXNlcjpwYXNzd29yZA==");
        for (said, kept) in [
            ("no such hook: SEKRETTOKEN", "no such hook: ***"),
            ("t0k3n-a", "***"),
            (r#"bad abc/"def"!"#, "bad ***!"),
            (r#"{"got":"abc\/\"def\""}"#, r#"{"got":"***"}"#),
            ("abc%2F%22def%22", "***"),
            ("token 0123-4567", "token ***"),
            ("key%2Fof-1_2.x~", "***"),
            ("user:password, password", "***, ***"),
        ] {
            assert_eq!(redactor.redact(said.as_bytes()), kept);
        }
    }

    #[test]
    fn a_secret_torn_by_the_cut_is_taken_out_too() {
        let mut redactor = Redactor::default();
        redactor.add("0123456789abcdef");
        let mut body = vec![b'x'; MAX_RESPONSE - 10];
        body.extend_from_slice(b"0123456789abcdef and more");
        assert_eq!(redactor.redact(&body), "x".repeat(MAX_RESPONSE - 10));
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
            let result = from_send_error(&error);
            assert_eq!((result.error_code.as_str(), result.ambiguous), (code, ambiguous));
            assert_eq!(result.outcome, AttemptOutcome::Retryable { retry_after: None });
        }
        let result = from_send_error(&SendError::Refused(watchbell_egress::Refusal::Scheme));
        assert_eq!(
            (result.outcome, result.error_code.as_str()),
            (AttemptOutcome::Permanent, "refused.url_scheme")
        );
    }
}
