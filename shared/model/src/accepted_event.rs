//! An event as the Router hands it to the Dispatcher, which keeps and carries it. Everything about it is settled, and its
//! payload is the JSON text that came in. From the socket to the endpoint the payload is looked at three times at most:
//!
//! 1. that it is UTF-8, as every text that comes from a wire ([`EventDraft`](crate::event::EventDraft), and again
//!    [`AcceptedEvent::read`] where the Dispatcher is another process);
//! 2. parsed once, for the team's schema and expressions ([`Data`](crate::data::Data));
//! 3. nothing on the way to the endpoint parses it again: it is copied into requests as it is.

use std::sync::{Arc, OnceLock};

use chrono::{DateTime, SubsecRound as _, Utc};
use prost::bytes::Bytes;
use serde::{Deserialize, Serialize};
use watchbell_contracts::dispatcher::v1 as dispatcher_wire;
use watchbell_contracts::event::v1 as wire;
use watchbell_contracts::event::v1::event::Payload;

use crate::alert::{AlertStatus, EventAlert, NoAlert};
use crate::convert::{FromWire as _, data, instant, required, timestamp};
use crate::data::Data;
use crate::event::Event;
use crate::ids::{EventId, TeamId};
use crate::route::Route;
use crate::violation::{Violations, reason};
use crate::vocabulary::{Category, Severity};

/// An accepted event.
#[derive(Debug, Clone)]
pub struct AcceptedEvent {
    /// Whose.
    pub team_id: TeamId,
    /// Unique in the team; the receiver's idempotency key.
    pub id: EventId,
    /// `finding.created`
    pub event_type: Arc<str>,
    /// How bad it is.
    pub severity: Severity,
    /// What sort of fact it is.
    pub category: Category,
    /// The part of the platform it came from; may be empty.
    pub source: String,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// When it was accepted.
    pub accepted_at: DateTime<Utc>,
    /// One line.
    pub title: String,
    /// Where to look closer; may be empty.
    pub url: String,
    /// What it is about; may be empty.
    pub subject: String,
    /// The payload: the JSON text of one object.
    pub data: String,
    /// Made by `SendTest`.
    pub test: bool,
    /// The alert that it belongs to.
    pub alert: Option<EventAlert>,
    /// Of whoever emitted it.
    pub traceparent: Option<String>,
    /// Used instead of a rendering of the event.
    pub email: Option<RenderedEmail>,
    /// The body of its webhook requests, made by the first of them.
    pub body: OnceLock<Bytes>,
    /// Its alert as it was when the event was accepted, known from then on.
    pub alert_status: OnceLock<AlertStatus>,
}

/// An email that is rendered already, such as a digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderedEmail {
    /// One line.
    pub subject: String,
    /// The `text/plain` part.
    pub text: String,
    /// The `text/html` part.
    pub html: String,
}

// === impl AcceptedEvent ===

impl AcceptedEvent {
    /// An event that was accepted now. The text of its payload is moved, not copied.
    #[must_use]
    pub fn new(event: Event, traceparent: Option<String>, now: DateTime<Utc>) -> Self {
        Self {
            team_id: event.team_id,
            id: event.id,
            event_type: event.event_type.into(),
            severity: event.severity,
            category: event.category,
            source: event.source,
            occurred_at: event.occurred_at,
            accepted_at: now.trunc_subsecs(6),
            title: event.title,
            url: event.url.unwrap_or_default(),
            subject: event.subject.unwrap_or_default(),
            data: event.data.into_text(),
            test: event.test,
            alert: event.alert.ok(),
            traceparent,
            email: None,
            body: OnceLock::new(),
            alert_status: OnceLock::new(),
        }
    }

    /// Reads one that the Dispatcher lists, with its routes; `None` for what another version wrote.
    #[must_use]
    pub fn of_log(team: TeamId, listed: dispatcher_wire::AcceptedEvent) -> Option<(Self, Vec<Route>)> {
        let mut event = listed.event?;
        event.payload = Some(Payload::DataJson(listed.data_json.into()));
        let accepted_at = instant(listed.accept_time.as_ref(), "accept_time", &mut Violations::new())?;
        let request = dispatcher_wire::SubmitRequest {
            team_id: team.to_string(),
            event: Some(event),
            routes: listed.routes,
            alert: listed.alert,
            ..dispatcher_wire::SubmitRequest::default()
        };
        Self::read(request, accepted_at).ok()
    }

    /// Reads what another service has settled and submits, with its routes: only what must be parsed is looked at.
    ///
    /// # Errors
    /// Fields that are missing or that another version wrote.
    pub fn read(
        message: dispatcher_wire::SubmitRequest,
        now: DateTime<Utc>,
    ) -> Result<(Self, Vec<Route>), Violations> {
        let mut violations = Violations::new();
        let team_id = violations.parse("team_id", reason::MALFORMED, &message.team_id);
        let mut routes = Vec::with_capacity(message.routes.len());
        for (index, route) in message.routes.into_iter().enumerate() {
            routes.extend(violations.take_under(&format!("routes[{index}]"), route.try_into()));
        }
        let event = message.event.unwrap_or_default();
        let id = violations.parse("event.id", reason::MALFORMED, &event.id);
        let severity = required(event.severity, "event.severity", &mut violations);
        let category = required(event.category, "event.category", &mut violations);
        let occurred_at = instant(event.occurred_at.as_ref(), "event.occurred_at", &mut violations);
        let alert = message
            .alert
            .and_then(|alert| violations.take_under("alert", alert.try_into()));
        let data = match event.payload {
            None => Some("{}".to_owned()),
            Some(Payload::DataJson(text)) => String::from_utf8(text.into()).ok(),
            Some(Payload::Data(fields)) => data(fields).map(Data::into_text).ok(),
        };
        if data.is_none() {
            violations.add("event.data_json", reason::MALFORMED, "must be JSON");
        }
        let (Some(team_id), Some(id), Some(severity), Some(category), Some(data), true) =
            (team_id, id, severity, category, data, violations.is_empty())
        else {
            return Err(violations);
        };
        let event = Self {
            team_id,
            id,
            event_type: event.r#type.into(),
            severity,
            category,
            source: clean(event.source),
            // What the database keeps, so that a first attempt and a retry after a restart say the same.
            occurred_at: occurred_at.unwrap_or(now).trunc_subsecs(6),
            accepted_at: now.trunc_subsecs(6),
            title: clean(event.title),
            url: clean(event.url),
            subject: clean(event.subject),
            data,
            test: event.test,
            alert,
            traceparent: Some(message.traceparent).filter(|traceparent| !traceparent.is_empty()),
            email: message.email.map(Into::into),
            body: OnceLock::new(),
            alert_status: OnceLock::new(),
        };
        Ok((event, routes))
    }

    /// The event as filters see it. Its payload must be parsed again for filters with expressions, and is not asked by
    /// others. `None` when its type is not one that filters can name.
    #[must_use]
    pub fn as_filtered(&self, data: Data) -> Option<Event> {
        Some(Event {
            team_id: self.team_id,
            id: self.id.clone(),
            event_type: self.event_type.parse().ok()?,
            severity: self.severity,
            category: self.category,
            source: self.source.clone(),
            occurred_at: self.occurred_at,
            title: self.title.clone(),
            url: Some(self.url.clone()).filter(|url| !url.is_empty()),
            subject: Some(self.subject.clone()).filter(|subject| !subject.is_empty()),
            data,
            test: self.test,
            alert: self.alert.clone().ok_or(NoAlert::NotNamed),
        })
    }

    /// The message that [`AcceptedEvent::read`] reads.
    #[must_use]
    pub fn into_message(self, routes: &[Route]) -> dispatcher_wire::SubmitRequest {
        dispatcher_wire::SubmitRequest {
            sequence: 0,
            team_id: self.team_id.to_string(),
            event: Some(wire::Event {
                id: self.id.to_string(),
                r#type: self.event_type.to_string(),
                severity: self.severity.to_wire(),
                category: self.category.to_wire(),
                source: self.source,
                occurred_at: Some(timestamp(self.occurred_at)),
                title: self.title,
                url: self.url,
                subject: self.subject,
                test: self.test,
                payload: Some(Payload::DataJson(self.data.into())),
                dedup_key: String::new(),
            }),
            routes: routes.iter().map(Into::into).collect(),
            traceparent: self.traceparent.unwrap_or_default(),
            email: self.email.map(Into::into),
            alert: self.alert.as_ref().map(Into::into),
        }
    }
}

/// PostgreSQL takes no U+0000 in a text, and one would fail the whole batch that it is written with. The payload is not
/// asked: no JSON text holds one.
fn clean(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}")
    } else {
        text
    }
}

// === impl RenderedEmail ===

impl From<dispatcher_wire::RenderedEmail> for RenderedEmail {
    fn from(email: dispatcher_wire::RenderedEmail) -> Self {
        Self {
            subject: clean(email.subject),
            text: clean(email.text),
            html: clean(email.html),
        }
    }
}

impl From<RenderedEmail> for dispatcher_wire::RenderedEmail {
    fn from(email: RenderedEmail) -> Self {
        Self {
            subject: email.subject,
            text: email.text,
            html: email.html,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::tests::{noon, sample};

    #[test]
    fn the_text_of_a_payload_is_moved_and_never_copied() {
        let event = sample("finding.created");
        let at = event.data.text().as_ptr();
        let accepted = AcceptedEvent::new(event, None, noon());
        assert_eq!(accepted.data.as_ptr(), at);
        let message = accepted.into_message(&[]);
        let Some(Payload::DataJson(text)) = message.event.unwrap().payload else {
            unreachable!()
        };
        assert_eq!(text.as_ptr(), at);
    }

    #[test]
    fn filters_see_an_accepted_event_as_it_was_decided_on() {
        let event = sample("finding.created");
        let accepted = AcceptedEvent::new(event.clone(), None, noon());
        assert_eq!(accepted.as_filtered(accepted.data.parse().unwrap()), Some(event));
    }

    #[test]
    fn what_was_settled_is_read_without_being_judged() {
        let mut accepted =
            AcceptedEvent::new(sample("finding.created"), Some("00-1-2-01".to_owned()), noon());
        accepted.event_type = "No type".into();
        accepted.data = "no JSON".to_owned();
        assert!(accepted.alert.is_some());
        let (read, routes) = AcceptedEvent::read(accepted.clone().into_message(&[]), noon()).unwrap();
        assert_eq!(format!("{read:?}"), format!("{accepted:?}"));
        assert!(routes.is_empty());
    }

    #[test]
    fn every_field_that_cannot_be_read_is_named() {
        let violations = AcceptedEvent::read(dispatcher_wire::SubmitRequest::default(), noon()).unwrap_err();
        let fields: Vec<_> = violations
            .iter()
            .map(|violation| violation.field.as_str())
            .collect();
        assert_eq!(
            fields,
            ["team_id", "event.id", "event.severity", "event.category"]
        );
    }
}
