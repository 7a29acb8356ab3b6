//! What an example says of an event that reaches others by the draft.

use watchbell_contracts::router::v1::BacktestExample;
use watchbell_model::convert::{FromWire as _, timestamp};

use crate::stored::StoredEvent;

/// An event of an alert that may be an example, and the numbers of the places that only one configuration reaches.
pub(super) struct Example {
    pub(super) event: BacktestExample,
    pub(super) gains: Vec<usize>,
    pub(super) losses: Vec<usize>,
}

// === impl Example ===

impl Example {
    pub(super) fn of(stored: &StoredEvent) -> Self {
        Self {
            event: example(stored),
            gains: Vec::new(),
            losses: Vec::new(),
        }
    }
}

/// An example without whom it reaches.
pub(super) fn example(stored: &StoredEvent) -> BacktestExample {
    let event = &stored.event;
    BacktestExample {
        event_id: event.id.to_string(),
        r#type: event.event_type.to_string(),
        severity: event.severity.to_wire(),
        title: event.title.clone(),
        accept_time: Some(timestamp(stored.accepted_at)),
        ..BacktestExample::default()
    }
}
