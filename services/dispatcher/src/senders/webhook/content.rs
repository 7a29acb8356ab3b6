//! Bodies of webhooks: an event in an envelope, the same for every endpoint and attempt.

use bytes::Bytes;
use http::HeaderValue;
use serde::Serialize;
use watchbell_contracts::config::v1::WebhookEnvelope;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::payload::timestamp;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const CLOUD_EVENTS_JSON: HeaderValue =
    HeaderValue::from_static("application/cloudevents+json; charset=utf-8");

/// What is sent.
pub(crate) struct Content {
    pub(super) body: Bytes,
    pub(super) kind: HeaderValue,
}

// === impl Content ===

impl Content {
    /// An event in an envelope.
    pub(crate) fn enveloped(event: &AcceptedEvent, envelope: WebhookEnvelope) -> Self {
        match envelope {
            WebhookEnvelope::CloudEvents => Self {
                body: cloud_event(event),
                kind: CLOUD_EVENTS_JSON,
            },
            WebhookEnvelope::Standard | WebhookEnvelope::Unspecified => Self::json(body(event)),
        }
    }

    /// A JSON document.
    pub(crate) const fn json(body: Bytes) -> Self {
        Self { body, kind: JSON }
    }
}

/// The body, made by the first request of the event and shared by all: the data is text already,
/// and stays as it came.
fn body(event: &AcceptedEvent) -> Bytes {
    #[derive(Serialize)]
    struct Body<'e> {
        event: Head<'e>,
        #[serde(rename = "type")]
        event_type: &'e str,
        timestamp: &'e str,
    }
    #[derive(Serialize)]
    struct Head<'e> {
        id: &'e str,
        #[serde(rename = "type")]
        event_type: &'e str,
        severity: &'e str,
        category: &'e str,
        source: &'e str,
        occurred_at: &'e str,
        team_id: String,
        title: &'e str,
        url: &'e str,
        subject: &'e str,
    }
    let make = || {
        let occurred_at = timestamp(event.occurred_at);
        let body = Body {
            event: Head {
                id: event.id.as_str(),
                event_type: &event.event_type,
                severity: event.severity.as_str(),
                category: event.category.as_str(),
                source: &event.source,
                occurred_at: &occurred_at,
                team_id: event.team_id.to_string(),
                title: &event.title,
                url: &event.url,
                subject: &event.subject,
            },
            event_type: &event.event_type,
            timestamp: &occurred_at,
        };
        with_data(&body, &event.data, &tail(event))
    };
    event.body.get_or_init(make).clone()
}

/// What follows the data: whether it is a test, and the alert.
fn tail(event: &AcceptedEvent) -> String {
    #[derive(Serialize)]
    struct Alert<'a> {
        key: &'a str,
        state: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        opened_event_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        open_time: Option<String>,
        count: i64,
    }
    let mut tail = format!(r#","test":{}"#, event.test);
    if let Some(status) = event.alert_status.get() {
        let opened = status.opened.as_ref();
        let alert = Alert {
            key: status.key.as_str(),
            state: status.state.as_str(),
            opened_event_id: opened.map(|opened| opened.event_id.as_str()),
            open_time: opened.map(|opened| timestamp(opened.at)),
            count: status.count,
        };
        tail.push_str(r#","alert":"#);
        tail.push_str(&serde_json::to_string(&alert).unwrap_or_default());
    }
    tail
}

/// The event as CloudEvents 1.0 in structured mode.
fn cloud_event(event: &AcceptedEvent) -> Bytes {
    #[derive(Serialize)]
    struct CloudEvent<'e> {
        specversion: &'static str,
        id: &'e str,
        source: String,
        #[serde(rename = "type")]
        event_type: &'e str,
        time: String,
        #[serde(skip_serializing_if = "str::is_empty")]
        subject: &'e str,
        datacontenttype: &'static str,
        severity: &'e str,
        category: &'e str,
        teamid: String,
        title: &'e str,
        #[serde(skip_serializing_if = "str::is_empty")]
        url: &'e str,
        test: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        alertkey: Option<&'e str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        alertstate: Option<&'e str>,
    }
    let alert = event.alert_status.get();
    let source: String = url::form_urlencoded::byte_serialize(event.source.as_bytes()).collect();
    let cloud_event = CloudEvent {
        specversion: "1.0",
        id: event.id.as_str(),
        // `+` is a space in forms only; this is a path.
        source: format!("/teams/{}/{}", event.team_id, source.replace('+', "%20")),
        event_type: &event.event_type,
        time: timestamp(event.occurred_at),
        subject: &event.subject,
        datacontenttype: "application/json",
        severity: event.severity.as_str(),
        category: event.category.as_str(),
        teamid: event.team_id.to_string(),
        title: &event.title,
        url: &event.url,
        test: event.test,
        alertkey: alert.map(|status| status.key.as_str()),
        alertstate: alert.map(|status| status.state.as_str()),
    };
    with_data(&cloud_event, &event.data, "")
}

/// A JSON object with the data as its next member, and what follows that. The data is the text that it came as: it was
/// checked when it was accepted, and is not looked at again.
fn with_data(head: &impl Serialize, data: &str, tail: &str) -> Bytes {
    let mut body = serde_json::to_string(head).unwrap_or_default();
    body.pop();
    body.reserve(data.len() + tail.len() + 10);
    body.push_str(r#","data":"#);
    body.push_str(data);
    body.push_str(tail);
    body.push('}');
    body.into()
}

#[cfg(test)]
mod tests {
    use watchbell_model::alert::{AlertState, AlertStatus, Opened};

    use super::*;
    use crate::senders::fixtures;

    #[test]
    fn the_body_is_the_promised_one_to_the_byte_and_made_once() {
        let stored = AcceptedEvent {
            event_type: "finding.created".into(),
            source: "cs\"pm\u{1f4a5}".to_owned(),
            occurred_at: fixtures::noon() + chrono::TimeDelta::milliseconds(250),
            data: r#"{"z": [1.10, -0], "$serde_json::private::RawValue": "[1]", "a": "<&>\u00e4"}"#
                .to_owned(),
            title: "Public bucket".to_owned(),
            url: "https://app.example.com/1?a=b".to_owned(),
            subject: String::new(),
            test: true,
            ..fixtures::event("finding.created")
        };
        let ours = body(&stored);
        let expected = concat!(
            r#"{"event":{"id":"evt-4711","type":"finding.created","severity":"CRITICAL","category":"SECURITY_ALERT","source":"cs\"pm💥","#,
            r#""occurred_at":"2026-11-21T12:00:00.250Z","team_id":"team_01h455vb4pex5vsknk084sn02q","#,
            r#""title":"Public bucket","url":"https://app.example.com/1?a=b","subject":""},"type":"finding.created","#,
            r#""timestamp":"2026-11-21T12:00:00.250Z","data":{"z": [1.10, -0], "$serde_json::private::RawValue": "[1]", "#,
            r#""a": "<&>\u00e4"},"test":true}"#,
        );
        assert_eq!(std::str::from_utf8(&ours).unwrap(), expected);
        assert_eq!(ours.as_ptr(), body(&stored).as_ptr());
    }

    #[test]
    fn the_alert_stands_behind_the_data_and_is_left_out_when_there_is_none() {
        let of = |status: Option<AlertStatus>| AcceptedEvent {
            alert_status: status.map(Into::into).unwrap_or_default(),
            ..fixtures::event("finding.created")
        };
        let status = AlertStatus {
            key: "finding_id=\"1\"".parse().unwrap(),
            state: AlertState::Acknowledged,
            opened: Some(Opened {
                event_id: "evt-1".parse().unwrap(),
                at: fixtures::noon(),
            }),
            count: 14,
            news: None,
            still_open: None,
        };
        let ends_with = |body: Bytes, end: &str| assert!(body.ends_with(end.as_bytes()), "{body:?}");
        ends_with(
            body(&of(Some(status.clone()))),
            concat!(
                r#","test":false,"alert":{"key":"finding_id=\"1\"","state":"ACKNOWLEDGED","#,
                r#""opened_event_id":"evt-1","open_time":"2026-11-21T12:00:00Z","count":14}}"#,
            ),
        );
        let unknown = AlertStatus {
            opened: None,
            count: 0,
            ..status.clone()
        };
        ends_with(
            body(&of(Some(unknown))),
            r#","alert":{"key":"finding_id=\"1\"","state":"ACKNOWLEDGED","count":0}}"#,
        );
        ends_with(body(&of(None)), r#","test":false}"#);
        let cloud_event: serde_json::Value = serde_json::from_slice(&cloud_event(&of(Some(status)))).unwrap();
        assert_eq!(cloud_event["alertkey"], "finding_id=\"1\"");
        assert_eq!(cloud_event["alertstate"], "ACKNOWLEDGED");
    }

    #[test]
    fn the_data_is_not_looked_at_again() {
        let stored = AcceptedEvent {
            data: "no JSON".to_owned(),
            ..fixtures::event("finding.created")
        };
        let ends_with = |body: Bytes, end: &str| assert!(body.ends_with(end.as_bytes()), "{body:?}");
        ends_with(body(&stored), r#","data":no JSON,"test":false}"#);
        ends_with(cloud_event(&stored), r#","data":no JSON}"#);
    }
}
