//! How much memory events take.

use std::sync::{Arc, OnceLock};

use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::budget;

/// Number of jobs that together pay for a shared event. When the others have ended, the event takes up to this many
/// times the counted memory.
const SHARERS: usize = 4;

/// An event that is held in memory.
pub(crate) trait InMemory {
    /// Memory of the event in units: the parts without a narrow bound, which are the payload and a rendered email.
    /// The webhook body, made for the first request, takes about as much again and is not counted.
    fn weight(&self) -> usize;

    /// Memory of one of `jobs` jobs that share the event, in units: one, and a share of the rest. At most [`SHARERS`]
    /// jobs divide the rest, so that the last remaining jobs still account for it.
    fn weight_shared_by(&self, jobs: usize) -> usize;

    /// The same event without payload, email and webhook body.
    fn without_payload(self: Arc<Self>) -> Arc<Self>;
}

impl InMemory for AcceptedEvent {
    fn weight(&self) -> usize {
        let email = self.email.as_ref().map_or(0, |email| {
            email.subject.len() + email.text.len() + email.html.len()
        });
        budget::units(self.data.len() + email)
    }

    fn weight_shared_by(&self, jobs: usize) -> usize {
        1 + (self.weight() - 1).div_ceil(jobs.clamp(1, SHARERS))
    }

    fn without_payload(self: Arc<Self>) -> Arc<Self> {
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
            alert: self.alert.clone(),
            traceparent: self.traceparent.clone(),
            data: "{}".to_owned(),
            email: None,
            body: OnceLock::new(),
            alert_status: self.alert_status.clone(),
            ..*self
        })
    }
}
