//! Webhook requests: a body that is the same for every endpoint and attempt, and signed headers. Pure: the attempt's
//! time and the secrets are parameters.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use ring::signature::Ed25519KeyPair;
use serde::Serialize;
use watchbell_contracts::config::v1::{self as config, WebhookEnvelope};
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::brand::Brand;
use watchbell_model::header::is_reserved;
use watchbell_model::payload::timestamp;
use watchbell_model::secret::Secret;
use watchbell_model::signature::{SigningSecret, plain_signature, standard_signatures};

use crate::senders::logged::LoggedHeaders;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const CLOUD_EVENTS_JSON: HeaderValue =
    HeaderValue::from_static("application/cloudevents+json; charset=utf-8");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("Watchbell/", env!("CARGO_PKG_VERSION")));
const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The request, and the headers as the delivery log shows them.
pub(crate) struct Request {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) logged: LoggedHeaders,
}

/// What is sent.
pub(crate) struct Content {
    body: Bytes,
    kind: HeaderValue,
}

/// What signs a channel's requests.
#[derive(Default)]
pub(crate) struct Signers {
    /// Live secrets, newest first.
    hmac: Vec<SigningSecret>,
    ed25519: Option<Ed25519KeyPair>,
}

/// The signers of one request.
#[derive(Clone, Copy)]
pub(crate) struct Signing<'s> {
    signers: &'s Signers,
    /// Secret of the plain signature; its header holds only one.
    plain: Option<&'s SigningSecret>,
}

/// Builds the request of one attempt at `now`. `brand_header` carries the plain signature.
pub(crate) fn request(
    event: &AcceptedEvent,
    content: &Content,
    custom: &[config::HttpHeader],
    signing: Signing<'_>,
    brand_header: &HeaderName,
    traceparent: Option<&str>,
    now: DateTime<Utc>,
) -> Request {
    let body = content.body.clone();
    let mut headers = HeaderMap::with_capacity(8 + custom.len());
    let mut logged = LoggedHeaders::new();
    for header in custom {
        let (Ok(name), Ok(value)) = (
            HeaderName::try_from(&header.name),
            HeaderValue::try_from(&header.value),
        ) else {
            continue;
        };
        // One that was saved before its name was reserved is neither sent nor logged.
        if !is_reserved(name.as_str()) {
            // The log shows that it was sent; its value may be a token.
            logged.push(&header.name, "***");
            headers.append(name, value);
        }
    }
    let mut add = |name: &HeaderName, value: HeaderValue| {
        logged.push(name.as_str(), &String::from_utf8_lossy(value.as_bytes()));
        headers.insert(name, value);
    };
    add(&CONTENT_TYPE, content.kind.clone());
    add(&USER_AGENT, AGENT);
    let id = &*message_id(event.id.as_str());
    let seconds = now.timestamp();
    let mut ours = |name: &HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::try_from(text)
            && !text.is_empty()
        {
            add(name, value);
        }
    };
    ours(&ID, id);
    ours(&TIMESTAMP, &seconds.to_string());
    ours(&SIGNATURE, &signing.signers.standard(id, seconds, &body));
    if let Some(secret) = signing.plain {
        ours(brand_header, &plain_signature(secret, &body));
    }
    if let Some(traceparent) = traceparent {
        ours(&TRACEPARENT, traceparent);
    }
    Request {
        headers,
        body,
        logged,
    }
}

/// The header of the plain signature, under the brand's name.
pub(crate) fn signature_header(brand: &Brand) -> HeaderName {
    HeaderName::try_from(brand.signature_header()).unwrap_or(HeaderName::from_static("x-watchbell-signature"))
}

/// The `webhook-id` of an event. Signatures are over id, time and body with a dot between each, so that an id with a dot
/// in it would sign for another time, too: dots are percent-encoded, as is the percent sign itself.
fn message_id(id: &str) -> Cow<'_, str> {
    if id.contains(['.', '%']) {
        id.replace('%', "%25").replace('.', "%2E").into()
    } else {
        id.into()
    }
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

// === impl Signers ===

impl Signers {
    /// The secrets of a channel that are live at `now`.
    pub(crate) fn new(secrets: &config::ChannelSecrets, sign_ed25519: bool, now: DateTime<Utc>) -> Self {
        let live = |secret: &&config::SigningSecret| {
            secret.expire_time.is_none_or(|at| {
                DateTime::from_timestamp(at.seconds, u32::try_from(at.nanos).unwrap_or(0))
                    .is_none_or(|at| now < at)
            })
        };
        let hmac = secrets.signing_secrets.iter().filter(live);
        Self {
            hmac: hmac
                .map(|secret| SigningSecret::stored(Secret::from(secret.secret.as_str())))
                .collect(),
            ed25519: if sign_ed25519 {
                key_pair(&secrets.ed25519_private_key)
            } else {
                None
            },
        }
    }

    /// Whether there is anything to sign with.
    pub(crate) fn is_empty(&self) -> bool {
        self.hmac.is_empty() && self.ed25519.is_none()
    }

    /// Signs the plain header with the oldest live secret, which a receiver knows during a rotation even if it was
    /// not updated yet.
    pub(crate) fn first(&self) -> Signing<'_> {
        Signing {
            signers: self,
            plain: self.hmac.last(),
        }
    }

    /// During a rotation: with the newest, for a receiver that was changed and answers 401 to the oldest.
    pub(crate) fn after_rotation(&self) -> Option<Signing<'_>> {
        let newest = self.hmac.first().filter(|_| self.hmac.len() > 1)?;
        Some(Signing {
            signers: self,
            plain: Some(newest),
        })
    }

    fn standard(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let mut signatures = standard_signatures(&self.hmac, id, seconds, body);
        if let Some(pair) = &self.ed25519 {
            let content = [id.as_bytes(), b".", seconds.to_string().as_bytes(), b".", body].concat();
            if !signatures.is_empty() {
                signatures.push(' ');
            }
            signatures.push_str("v1a,");
            signatures.push_str(&BASE64_STANDARD.encode(pair.sign(&content)));
        }
        signatures
    }
}

/// `whsk_` and base64 of the seed, or of seed and public key one after the other.
fn key_pair(text: &str) -> Option<Ed25519KeyPair> {
    let bytes = BASE64_STANDARD.decode(text.strip_prefix("whsk_")?).ok()?;
    let (seed, public) = bytes.split_at_checked(32)?;
    if public.is_empty() {
        Ed25519KeyPair::from_seed_unchecked(seed).ok()
    } else {
        Ed25519KeyPair::from_seed_and_public_key(seed, public).ok()
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
    use ring::signature::{ED25519, KeyPair, UnparsedPublicKey};
    use watchbell_contracts::config::v1 as config;
    use watchbell_model::alert::{AlertState, AlertStatus, Opened};
    use watchbell_model::convert;

    use super::*;
    use crate::senders::fixtures;

    fn secrets(texts: &[(&str, Option<i64>)]) -> config::ChannelSecrets {
        let signing_secrets = texts.iter().map(|(secret, expires_in)| config::SigningSecret {
            secret: (*secret).to_owned(),
            expire_time: expires_in
                .map(|seconds| convert::timestamp(fixtures::noon() + chrono::TimeDelta::seconds(seconds))),
        });
        config::ChannelSecrets {
            signing_secrets: signing_secrets.collect(),
            ..config::ChannelSecrets::default()
        }
    }

    fn build(
        destination: &config::WebhookDestination,
        custom: &[(&str, &str)],
        signers: &Signers,
    ) -> Request {
        let custom: Vec<_> = custom
            .iter()
            .map(|(name, value)| config::HttpHeader {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
            })
            .collect();
        let brand = HeaderName::from_static("x-watchbell-signature");
        let traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        let event = fixtures::event("finding.created");
        request(
            &event,
            &Content::enveloped(&event, destination.envelope()),
            &custom,
            signers.first(),
            &brand,
            traceparent,
            fixtures::noon(),
        )
    }

    fn lines(request: &Request) -> String {
        LoggedHeaders::pairs(request.logged.as_json())
            .iter()
            .map(|(name, value)| format!("{name}: {value}\n"))
            .collect()
    }

    #[test]
    fn a_request() {
        let signers = Signers::new(
            &secrets(&[("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", None)]),
            false,
            fixtures::noon(),
        );
        let request = build(
            &config::WebhookDestination::default(),
            &[("X-Token", "hunter22")],
            &signers,
        );
        insta::assert_snapshot!(lines(&request) + "\n" + std::str::from_utf8(&request.body).unwrap());
    }

    #[test]
    fn a_cloud_event() {
        let destination = config::WebhookDestination {
            envelope: WebhookEnvelope::CloudEvents.into(),
            ..config::WebhookDestination::default()
        };
        let request = build(&destination, &[], &Signers::default());
        insta::assert_snapshot!(lines(&request) + "\n" + std::str::from_utf8(&request.body).unwrap());
    }

    #[test]
    fn every_live_secret_signs_and_an_expired_one_does_not() {
        let all = secrets(&[
            ("the-new-secret", None),
            ("the-old-secret", Some(60)),
            ("an-older-one", Some(0)),
        ]);
        let request = build(
            &config::WebhookDestination::default(),
            &[],
            &Signers::new(&all, false, fixtures::noon()),
        );
        let standard = request.headers["webhook-signature"].to_str().unwrap();
        assert_eq!(standard.split(' ').count(), 2);
        let oldest = SigningSecret::parse("the-old-secret".into()).unwrap();
        let plain = request.headers["x-watchbell-signature"].to_str().unwrap();
        assert_eq!(plain, plain_signature(&oldest, &request.body));
    }

    #[test]
    fn custom_headers_are_sent_but_never_replace_ours_and_are_masked_in_the_log() {
        let custom = [
            ("X-Tenant", "acme-secret"),
            ("x-tenant", "twice"),
            ("Webhook-Id", "forged"),
            ("X-WATCHBELL-SIGNATURE", "forged"),
            ("Content-Type", "text/plain"),
            ("User-Agent", "curl"),
            ("Proxy-Authorization", "Basic eA=="),
            ("bad name", "x"),
            ("X-Split", "a\r\nInjected: b"),
        ];
        let request = build(
            &config::WebhookDestination::default(),
            &custom,
            &Signers::default(),
        );
        assert_eq!(request.headers["webhook-id"], "evt-4711");
        assert_eq!(request.headers["content-type"], "application/json");
        assert_eq!(request.headers.get_all("x-tenant").iter().count(), 2);
        assert!(!request.headers.contains_key("x-watchbell-signature"));
        assert!(!request.headers.contains_key("x-split"));
        assert!(request.headers.values().all(|value| value != "forged"));
        assert!(!lines(&request).contains("acme-secret"));
        assert!(lines(&request).contains("X-Tenant: ***"));
        assert!(!request.headers.contains_key("proxy-authorization"));
        assert!(
            !lines(&request).contains("Proxy-Authorization"),
            "what is not sent is not logged as sent"
        );
    }

    #[test]
    fn ed25519_signs_beside_the_secrets() {
        let seed = [7_u8; 32];
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let both = [&seed[..], pair.public_key().as_ref()].concat();
        for bytes in [&seed[..], &both] {
            let secrets = config::ChannelSecrets {
                ed25519_private_key: format!("whsk_{}", BASE64_STANDARD.encode(bytes)),
                ..secrets(&[("the-new-secret", None)])
            };
            let signers = Signers::new(&secrets, true, fixtures::noon());
            let request = build(&config::WebhookDestination::default(), &[], &signers);
            let header = request.headers["webhook-signature"].to_str().unwrap();
            let signature = header
                .split(' ')
                .find_map(|one| one.strip_prefix("v1a,"))
                .unwrap();
            let signature = BASE64_STANDARD.decode(signature).unwrap();
            let mut content = format!("evt-4711.{}.", fixtures::noon().timestamp()).into_bytes();
            content.extend_from_slice(&request.body);
            UnparsedPublicKey::new(&ED25519, pair.public_key())
                .verify(&content, &signature)
                .unwrap();
            assert!(header.starts_with("v1,"));
        }
        assert!(key_pair("whsk_AAAA").is_none() && key_pair("").is_none());
    }

    #[test]
    fn no_dot_is_within_what_is_signed_as_the_id() {
        assert_eq!(message_id("evt-4711"), "evt-4711");
        assert_eq!(message_id("m.1%2E.X"), "m%2E1%252E%2EX");
    }

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
