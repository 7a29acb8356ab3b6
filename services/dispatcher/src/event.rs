//! An accepted event. Its payload stays the JSON text that was received: nothing parses it again, and renderings are
//! made once and shared by all deliveries of the event.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use watchbell_model::ids::{EventId, TeamId};
use watchbell_model::{Category, Severity};
use watchbell_runtime::memory_budget;

/// Number of jobs that together pay for a shared event. When the others have ended, the event takes up to this many
/// times the counted memory.
const SHARERS: usize = 4;

/// An accepted event.
#[derive(Debug, Clone)]
pub(crate) struct StoredEvent {
    /// The owner.
    pub(crate) team_id: TeamId,
    /// Unique in the team; the receiver's idempotency key.
    pub(crate) id: EventId,
    /// For example `finding.created`.
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
    /// Link to details; may be empty.
    pub(crate) url: String,
    /// Affected object; may be empty.
    pub(crate) subject: String,
    /// The payload: the JSON text of one object.
    pub(crate) data: String,
    /// Created by `SendTest`.
    pub(crate) test: bool,
    /// W3C Trace Context of the caller that emitted it.
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
    /// Memory of the event in units: the parts without a narrow bound, which are the payload and a rendered email.
    /// The webhook body, made for the first request, takes about as much again and is not counted.
    pub(crate) fn weight(&self) -> usize {
        let email = self.email.as_ref().map_or(0, |email| {
            email.subject.len() + email.text.len() + email.html.len()
        });
        memory_budget::units(self.data.len() + email)
    }

    /// Memory of one of `jobs` jobs that share the event, in units: one, and a share of the rest. At most [`SHARERS`]
    /// jobs divide the rest, so that the last remaining jobs still account for it.
    pub(crate) fn weight_shared_by(&self, jobs: usize) -> usize {
        1 + (self.weight() - 1).div_ceil(jobs.clamp(1, SHARERS))
    }

    /// The same event without payload, email and webhook body.
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
