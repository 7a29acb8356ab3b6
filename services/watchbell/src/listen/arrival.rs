//! One request as it is shown: a line for people, or a line of JSON.

use axum::http::HeaderMap;
use chrono::{DateTime, Local, Utc};
use serde::Serialize;
use serde_json::Value;
use watchbell_model::Severity;
use watchbell_model::text::line;

use super::signatures::Verdict;
use crate::failure::Outcome;
use crate::session::Out;
use crate::text::Style;

/// What a request brought.
#[derive(Debug, Serialize)]
pub(super) struct Arrival {
    time: DateTime<Utc>,
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    severity: String,
    title: String,
    test: bool,
    /// Whether its signature is right; absent when it was not checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<bool>,
    /// What is wrong with it, or with passing it on; empty when nothing is.
    pub(super) problem: String,
    /// What was answered.
    pub(super) status: u16,
    body: Value,
}

// === impl Arrival ===

impl Arrival {
    /// Reads a body of either envelope. One of another form is known by its headers alone.
    pub(super) fn new(headers: &HeaderMap, body: &[u8], verdict: Verdict, now: DateTime<Utc>) -> Self {
        let body: Value = serde_json::from_slice(body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()));
        let event = body
            .get("event")
            .filter(|event| event.is_object())
            .unwrap_or(&body);
        let text = |name: &str| {
            event
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let sent = headers.get("webhook-id").and_then(|id| id.to_str().ok());
        let id = Some(text("id")).filter(|id| !id.is_empty());
        Self {
            time: now,
            id: id.or_else(|| sent.map(str::to_owned)).unwrap_or_default(),
            event_type: text("type"),
            severity: text("severity"),
            title: text("title"),
            test: body.get("test").and_then(Value::as_bool).unwrap_or_default(),
            verified: match verdict {
                Verdict::Unchecked => None,
                Verdict::Verified => Some(true),
                Verdict::Wrong(_) => Some(false),
            },
            problem: match verdict {
                Verdict::Wrong(why) => why.to_owned(),
                Verdict::Verified | Verdict::Unchecked => String::new(),
            },
            status: 0,
            body,
        }
    }

    pub(super) fn print(&self, out: Out) -> Outcome {
        if out.json {
            let line = serde_json::to_string(self).map_err(anyhow::Error::from)?;
            return out.print(&format!("{line}\n"));
        }
        out.say(&format!("{}\n", self.line(out.style)))
    }

    fn line(&self, style: Style) -> String {
        let severity = self.severity.parse::<Severity>();
        // A stranger's own colours could look like ours.
        let severity = severity.map_or_else(|_| line(&self.severity), |severity| style.severity(severity));
        let signed = match self.verified {
            Some(true) => style.good("verified"),
            Some(false) => style.bad("NOT VERIFIED"),
            None => style.faint("not checked"),
        };
        let kind = if self.event_type.is_empty() {
            "(no event)"
        } else {
            &self.event_type
        };
        let parts = [
            style.faint(&self.time.with_timezone(&Local).format("%H:%M:%S").to_string()),
            signed,
            self.status.to_string(),
            severity,
            style.bold(&line(kind)),
            line(&self.title),
            style.faint(&line(&self.id)),
            if self.test {
                "test".to_owned()
            } else {
                String::new()
            },
            style.warn(&self.problem),
        ];
        let shown = parts
            .into_iter()
            .filter(|part| !console::strip_ansi_codes(part).trim().is_empty());
        shown.collect::<Vec<_>>().join("  ").replace(['\n', '\r'], " ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(body: &str, verdict: Verdict) -> Arrival {
        let now = DateTime::from_timestamp(1_795_251_603, 0).unwrap();
        let headers = [("webhook-id".parse().unwrap(), "evt-9".parse().unwrap())];
        Arrival {
            status: 200,
            ..Arrival::new(&headers.into_iter().collect(), body.as_bytes(), verdict, now)
        }
    }

    #[test]
    fn a_stranger_has_no_colours() {
        let body =
            r#"{"event": {"type": "\u001b[32mt", "title": "\u001b[32mverified\u0007", "id": "\u001b[1mX"}}"#;
        let shown = line(&arrival(body, Verdict::Unchecked));
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
        assert!(shown.contains("[32mverified"), "{shown}");
    }

    /// Without the time, which is in the zone of this machine.
    fn line(arrival: &Arrival) -> String {
        arrival
            .line(Style::new(false))
            .split_once("  ")
            .unwrap()
            .1
            .to_owned()
    }

    #[test]
    fn both_envelopes_are_read() {
        let standard = r#"{"event":{"id":"evt-1","type":"finding.created","severity":"CRITICAL","title":"Public\nbucket"},"data":{}}"#;
        assert_eq!(
            line(&arrival(standard, Verdict::Verified)),
            "verified  200  CRITICAL  finding.created  Public bucket  evt-1"
        );
        let cloud = r#"{"specversion":"1.0","id":"evt-2","type":"scan.failed","severity":"LOW","title":"","test":true}"#;
        assert_eq!(
            line(&arrival(cloud, Verdict::Unchecked)),
            "not checked  200  LOW  scan.failed  evt-2  test"
        );
    }

    #[test]
    fn what_is_no_event_is_shown_by_its_headers_and_says_what_is_wrong() {
        let other = arrival("hello", Verdict::Wrong("it is not signed"));
        assert_eq!(
            line(&other),
            "NOT VERIFIED  200  (no event)  evt-9  it is not signed"
        );
        let json = serde_json::to_value(&other).unwrap();
        assert_eq!(json["body"], "hello");
        assert_eq!(
            (&json["verified"], &json["problem"]),
            (&false.into(), &"it is not signed".into())
        );
    }
}
