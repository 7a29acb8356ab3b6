//! Events as callers send them: whole messages, and payloads. What is accepted reads back as the same event, from one
//! service to another as well as by a protobuf client; its data byte for byte.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use prost::Message;
use serde::de::IgnoredAny;
use watchbell_contracts::dispatcher::v1::{AcceptedEvent, ListEventsResponse, SubmitRequest};
use watchbell_contracts::event::v1 as wire;
use watchbell_contracts::event::v1::event::Payload;
use watchbell_model::accepted_event as accepted;
use watchbell_model::catalog::{AlertPolicy, Catalog, EventTypeDefinition};
use watchbell_model::convert::structure;
use watchbell_model::data::{MAX_BYTES, MAX_LEVELS};
use watchbell_model::event::{Event, EventDraft};
use watchbell_model::ids::TeamId;
use watchbell_model::vocabulary::Category;
use watchbell_model::{Severity, Violations};

/// A type whose data may be anything.
const ANY: &str = "fuzz.found";

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let any = EventTypeDefinition {
        name: ANY.parse().unwrap(),
        title: "Found".to_owned(),
        description: String::new(),
        category: Category::SecurityAlert,
        severity: Severity::Low,
        alert_policy: AlertPolicy::Never,
        topic: None,
        data_schema: None,
        example: serde_json::Map::new(),
        alert: None,
    };
    Catalog::with_custom(vec![any]).unwrap()
});

/// A message of an event.
pub(super) fn wire(input: &[u8]) {
    if let Ok(message) = wire::Event::decode(input) {
        check(message);
    }
}

/// The payload of an event, as JSON.
pub(super) fn data(input: &[u8]) {
    if let Some(event) = check(message(input)) {
        assert_eq!(event.data.text().as_bytes(), input, "as it came");
    }
}

/// An event with this payload, if there can be one.
pub(super) fn event_with(data: &[u8]) -> Option<Event> {
    accept(message(data)).ok()
}

fn message(data: &[u8]) -> wire::Event {
    wire::Event {
        id: "evt-1".to_owned(),
        r#type: ANY.to_owned(),
        payload: Some(Payload::DataJson(data.to_vec().into())),
        ..wire::Event::default()
    }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn accept(message: wire::Event) -> Result<Event, Violations> {
    let team: TeamId = "team_01h455vb4pex5vsknk084sn02q".parse().unwrap();
    Event::parse(EventDraft::try_from(message)?, team, &CATALOG, now())
}

fn check(message: wire::Event) -> Option<Event> {
    let event = match accept(message) {
        Ok(event) => event,
        Err(violations) => {
            assert!(!violations.is_empty());
            for violation in violations.iter() {
                assert!(
                    !violation.field.is_empty(),
                    "{} has no field",
                    violation.description
                );
            }
            return None;
        }
    };
    let text = event.data.text();
    assert!(text.len() <= MAX_BYTES && levels(text) <= MAX_LEVELS, "{text}");
    serde_json::from_str::<IgnoredAny>(text).expect("JSON");
    let accepted = accepted::AcceptedEvent::new(event.clone(), None, now());
    let told = accepted.clone().into_message(&[]);
    let submitted = SubmitRequest::decode(told.encode_to_vec().as_slice()).unwrap();
    let (read, _) = accepted::AcceptedEvent::read(submitted, now()).expect("another service reads it");
    assert_eq!(format!("{read:?}"), format!("{accepted:?}"));
    // Between services the alert is a message of its own; answers name it in the event.
    let dedup_key = event.alert.as_ref().map(|alert| alert.key.to_string());
    let told = wire::Event {
        dedup_key: dedup_key.unwrap_or_default(),
        ..told.event.unwrap()
    };
    assert_eq!(accept(told.clone()).as_ref(), Ok(&event), "emitted again");
    let read = wire::Event {
        payload: Some(Payload::Data(structure(event.data.object()))),
        ..told
    };
    let page = ListEventsResponse {
        events: vec![AcceptedEvent {
            event: Some(read),
            ..Default::default()
        }],
        ..Default::default()
    };
    // prost's bound on nested messages is that of other protobuf clients, 100.
    let read = ListEventsResponse::decode(page.encode_to_vec().as_slice());
    assert_eq!(read.expect("a client can read it"), page);
    Some(event)
}

/// How deep a JSON text nests, counted by its brackets.
fn levels(json: &str) -> usize {
    let (mut levels, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => levels += 1,
            b'}' | b']' if !in_text => levels -= 1,
            _ => {}
        }
        deepest = deepest.max(levels);
    }
    deepest
}
