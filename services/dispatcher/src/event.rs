//! An event as the Dispatcher keeps and carries it. Its payload stays the JSON text that came in: nothing on the way
//! parses it again, and whatever is made of an event for many deliveries is made once and shared.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use watchbell_model::ids::{EventId, TeamId};
use watchbell_model::{Category, Severity};
use watchbell_runtime::memory_budget;

/// Of jobs that share an event so many pay for it: when the others have gone, it takes so many times what is counted.
const SHARERS: usize = 4;

/// An accepted event.
#[derive(Debug, Clone)]
pub(crate) struct StoredEvent {
    /// Whose.
    pub(crate) team_id: TeamId,
    /// Unique in the team; the receiver's idempotency key.
    pub(crate) id: EventId,
    /// `finding.created`
    pub(crate) event_type: Arc<str>,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What sort of fact it is.
    pub(crate) category: Category,
    /// The part of the platform it came from; may be empty.
    pub(crate) source: String,
    /// When it happened.
    pub(crate) occurred_at: DateTime<Utc>,
    /// When it was accepted.
    pub(crate) accepted_at: DateTime<Utc>,
    /// One line.
    pub(crate) title: String,
    /// Where to look closer; may be empty.
    pub(crate) url: String,
    /// What it is about; may be empty.
    pub(crate) subject: String,
    /// The payload: the JSON text of one object.
    pub(crate) data: String,
    /// Made by `SendTest`.
    pub(crate) test: bool,
    /// Of whoever emitted it.
    pub(crate) traceparent: Option<String>,
    /// Used instead of a rendering of the event.
    pub(crate) email: Option<RenderedEmail>,
    /// The body of its webhook requests, made by the first of them.
    pub(crate) body: OnceLock<Bytes>,
}

/// An email that is rendered already, such as a digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RenderedEmail {
    /// One line.
    pub(crate) subject: String,
    /// The `text/plain` part.
    pub(crate) text: String,
    /// The `text/html` part.
    pub(crate) html: String,
}

// === impl StoredEvent ===

impl StoredEvent {
    /// How many units it takes in memory, by what has no narrow bound: its payload, or its rendered email. The body of its
    /// webhook requests, made when the first is sent, takes about as much again and is not counted.
    pub(crate) fn weight(&self) -> usize {
        let email = self.email.as_ref().map_or(0, |email| {
            email.subject.len() + email.text.len() + email.html.len()
        });
        memory_budget::units(self.data.len() + email)
    }

    /// How many units each of so many jobs takes that share it: one, and a part of the event's others. However many share
    /// it at first, the last few pay for it.
    pub(crate) fn weight_shared_by(&self, jobs: usize) -> usize {
        1 + (self.weight() - 1).div_ceil(jobs.clamp(1, SHARERS))
    }

    /// The same event for whoever only needs to know which it was.
    pub(crate) fn without_payload(self: Arc<Self>) -> Arc<Self> {
        if self.weight() == 1 {
            return self;
        }
        Arc::new(Self {
            event_type: Arc::clone(&self.event_type),
            source: self.source.clone(),
            title: self.title.clone(),
            url: self.url.clone(),
            subject: self.subject.clone(),
            id: self.id.clone(),
            traceparent: self.traceparent.clone(),
            data: "{}".to_owned(),
            email: None,
            body: OnceLock::new(),
            ..*self
        })
    }
}
