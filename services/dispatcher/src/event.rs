//! How much memory events take.

use std::sync::{Arc, OnceLock};

use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_runtime::shares;

/// Of jobs that share an event so many pay for it: when the others have gone, it takes so many times what is counted.
const SHARERS: usize = 4;

/// An event that is held in memory.
pub(crate) trait InMemory {
    /// How many places it takes in memory, by what has no narrow bound: its payload, or its rendered email. The body of its
    /// webhook requests, made when the first is sent, takes about as much again and is not counted.
    fn places(&self) -> usize;

    /// How many places each of so many jobs takes that share it: one, and a part of the event's others. However many share
    /// it at first, the last few pay for it.
    fn places_shared(&self, jobs: usize) -> usize;

    /// The same event for whoever only needs to know which it was.
    fn without_payload(self: Arc<Self>) -> Arc<Self>;
}

impl InMemory for AcceptedEvent {
    fn places(&self) -> usize {
        let email = self.email.as_ref().map_or(0, |email| {
            email.subject.len() + email.text.len() + email.html.len()
        });
        shares::places(self.data.len() + email)
    }

    fn places_shared(&self, jobs: usize) -> usize {
        1 + (self.places() - 1).div_ceil(jobs.clamp(1, SHARERS))
    }

    fn without_payload(self: Arc<Self>) -> Arc<Self> {
        if self.places() == 1 {
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
