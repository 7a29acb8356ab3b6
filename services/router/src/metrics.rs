//! What the Router counts: the events that it turns away. Those that are accepted, and duplicates, are the Dispatcher's
//! to count, which commits them.

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Meter},
};

use crate::error::Error;

/// The instruments.
#[derive(Clone)]
pub(crate) struct Metrics {
    rejected: Counter<u64>,
}

// === impl Metrics ===

impl Metrics {
    pub(crate) fn new(meter: &Meter) -> Self {
        Self {
            rejected: meter
                .u64_counter("watchbell.events.rejected")
                .with_description("Events that were not accepted, by reason")
                .build(),
        }
    }

    pub(crate) fn refused(&self, error: &Error) {
        self.rejected.add(1, &[KeyValue::new("reason", error.word())]);
    }
}
