//! Events. A message becomes a draft, which `Event::parse` then checks against the team's catalog; an event becomes a
//! message whose payload is JSON text, written once.

use prost::bytes::Bytes;
use serde_json::{Map, Value};
use watchbell_domain::{
    event::{Event, EventDraft, MAX_DATA_BYTES},
    violation::{Violations, reason},
};

use super::{FromWire as _, instant, object, optional, structure, timestamp};
use crate::event::v1::{self as wire, event::Payload};

/// What a caller worded, before the catalog is asked. Paths are those of the event's own fields.
///
/// # Errors
/// Unknown enumeration values, instants outside the calendar, and `data_json` that is not a JSON object.
pub fn event_draft(message: wire::Event) -> Result<EventDraft, Violations> {
    let mut violations = Violations::new();
    let severity = optional(message.severity, "severity", &mut violations);
    let category = optional(message.category, "category", &mut violations);
    let occurred_at = instant(message.occurred_at.as_ref(), "occurred_at", &mut violations);
    let data = match message.payload {
        None => Map::new(),
        Some(Payload::Data(fields)) => object(fields),
        Some(Payload::DataJson(text)) => json_object(&text, &mut violations),
    };
    violations.into_result(EventDraft {
        id: message.id,
        event_type: message.r#type,
        severity,
        category,
        source: message.source,
        occurred_at,
        title: message.title,
        url: message.url,
        subject: message.subject,
        data,
        test: message.test,
    })
}

fn json_object(text: &[u8], violations: &mut Violations) -> Map<String, Value> {
    // White space may make the text longer than the data it stands for, but not without bound.
    if text.len() > 2 * MAX_DATA_BYTES {
        violations.add(
            "data_json",
            reason::TOO_LONG,
            format!("must have at most {MAX_DATA_BYTES} bytes"),
        );
        return Map::new();
    }
    serde_json::from_slice(text).unwrap_or_else(|error| {
        violations.add(
            "data_json",
            reason::MALFORMED,
            format!("must be one JSON object: {error}"),
        );
        Map::new()
    })
}

/// An event with its payload as JSON text: how services hand events to one another.
#[must_use]
pub fn event_message(event: &Event) -> wire::Event {
    wire::Event {
        payload: Some(Payload::DataJson(json_text(&event.data))),
        ..without_payload(event)
    }
}

/// An event with its payload as a struct: how callers read events.
#[must_use]
pub fn event_for_reading(event: &Event) -> wire::Event {
    wire::Event {
        payload: Some(Payload::Data(structure(&event.data))),
        ..without_payload(event)
    }
}

fn without_payload(event: &Event) -> wire::Event {
    wire::Event {
        id: event.id.to_string(),
        r#type: event.event_type.to_string(),
        severity: event.severity.to_wire(),
        category: event.category.to_wire(),
        source: event.source.clone(),
        occurred_at: Some(timestamp(event.occurred_at)),
        title: event.title.clone(),
        url: event.url.clone().unwrap_or_default(),
        subject: event.subject.clone().unwrap_or_default(),
        test: event.test,
        payload: None,
    }
}

fn json_text(data: &Map<String, Value>) -> Bytes {
    // Writing a map of JSON values with text keys cannot fail.
    serde_json::to_vec(data).unwrap_or_default().into()
}
