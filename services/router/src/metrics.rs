//! Metrics of the Router: refused events. The Dispatcher, which commits, counts accepted events and duplicates.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter};

use watchbell_model::decision::Decision;
use watchbell_runtime::metrics::counter;

use crate::error::Error;

/// The instruments.
#[derive(Clone)]
pub(crate) struct Metrics {
    rejected: Counter<u64>,
    failed_expressions: Counter<u64>,
}

// === impl Metrics ===

impl Metrics {
    pub(crate) fn new(meter: &Meter) -> Self {
        Self {
            rejected: counter(
                meter,
                "watchbell.events.rejected",
                "Events that were not accepted, by reason",
                Error::WORDS.map(|word| [reason(word)]),
            ),
            failed_expressions: counter(
                meter,
                "watchbell.expressions.failed",
                "Evaluations of filters' expressions that failed, which counts as no match",
                [[]],
            ),
        }
    }

    pub(crate) fn failed_expressions(&self, decision: &Decision) {
        if !decision.failed_expressions.is_empty() {
            self.failed_expressions
                .add(decision.failed_expressions.len() as u64, &[]);
        }
    }

    pub(crate) fn refused(&self, error: &Error) {
        self.rejected.add(1, &[reason(error.word())]);
    }
}

fn reason(word: &'static str) -> KeyValue {
    KeyValue::new("reason", word)
}
