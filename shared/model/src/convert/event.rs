//! Events. A message becomes a draft, which `Event::parse` then checks against the team's catalog; an event becomes a
//! message whose payload is the JSON text that it came as.

use crate::{
    data::{Data, InvalidData, MAX_BYTES},
    event::{Event, EventDraft},
    violation::Violations,
};
use prost::bytes::Bytes;

use super::{FromWire as _, data, instant, optional, timestamp};
use watchbell_contracts::event::v1::{self as wire, event::Payload};

/// What a caller worded, before the catalog is asked. Paths are those of the event's own fields.
///
/// # Errors
/// Unknown enumeration values, instants outside the calendar, and data that breaks its bounds.
pub fn event_draft(message: wire::Event) -> Result<EventDraft, Violations> {
    let mut violations = Violations::new();
    let severity = optional(message.severity, "severity", &mut violations);
    let category = optional(message.category, "category", &mut violations);
    let occurred_at = instant(message.occurred_at.as_ref(), "occurred_at", &mut violations);
    let (field, data) = match message.payload {
        None => ("data", Ok(Data::default())),
        Some(Payload::Data(fields)) => ("data", data(fields)),
        Some(Payload::DataJson(text)) => ("data_json", json_text(text)),
    };
    let data = data
        .map_err(|error| violations.add(field, error.reason(), error.to_string()))
        .unwrap_or_default();
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

fn json_text(text: Bytes) -> Result<Data, InvalidData> {
    if text.len() > MAX_BYTES {
        return Err(InvalidData::TooLong(text.len()));
    }
    String::from_utf8(text.into())
        .map_err(|_| InvalidData::NotUtf8)?
        .try_into()
}

/// An event with its payload as the JSON text that it came as: how services hand events to one another.
#[must_use]
pub fn event_message(event: Event) -> wire::Event {
    wire::Event {
        id: event.id.to_string(),
        r#type: event.event_type.to_string(),
        severity: event.severity.to_wire(),
        category: event.category.to_wire(),
        source: event.source,
        occurred_at: Some(timestamp(event.occurred_at)),
        title: event.title,
        url: event.url.unwrap_or_default(),
        subject: event.subject.unwrap_or_default(),
        test: event.test,
        payload: Some(Payload::DataJson(event.data.into_text().into())),
    }
}
