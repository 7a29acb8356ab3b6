//! Metrics of the Dispatcher. Labels are kinds and outcomes, never teams or channels: a label per tenant would cost
//! more than the deliveries.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter};
use watchbell_model::ChannelKind;

use crate::job::{Attempt, Job, JobOutcome, State};
use crate::senders::AttemptOutcome;

/// The instruments.
#[derive(Debug)]
pub(crate) struct Metrics {
    events: Counter<u64>,
    deliveries: Counter<u64>,
    attempts: Histogram<f64>,
    end_to_end: Histogram<f64>,
    batch: Histogram<u64>,
    takeovers: Counter<u64>,
    in_memory: Gauge<u64>,
    in_flight: Gauge<u64>,
    overdue: Gauge<f64>,
    at_risk: Gauge<u64>,
    waiting: Gauge<i64>,
}

// === impl Metrics ===

impl Metrics {
    pub(crate) fn new(meter: &Meter) -> Self {
        Self {
            events: meter
                .u64_counter("watchbell.events")
                .with_description("Events submitted, by whether they were accepted or duplicates")
                .build(),
            deliveries: meter
                .u64_counter("watchbell.deliveries")
                .with_description("Deliveries that ended, were parked or held, by kind and state")
                .build(),
            attempts: meter
                .f64_histogram("watchbell.attempt.duration")
                .with_unit("s")
                .with_description("How long attempts took, by kind and outcome")
                .build(),
            end_to_end: meter
                .f64_histogram("watchbell.delivery.duration")
                .with_unit("s")
                .with_description("From accepted to delivered, by kind")
                .build(),
            batch: meter
                .u64_histogram("watchbell.commit.size")
                .with_description("Submissions and outcomes in one transaction")
                .build(),
            takeovers: meter
                .u64_counter("watchbell.lease.takeovers")
                .with_description("Leases taken over from dead replicas")
                .build(),
            in_memory: meter
                .u64_gauge("watchbell.queue.jobs")
                .with_description("Deliveries in the memory of this replica, large ones counted several times")
                .build(),
            in_flight: meter
                .u64_gauge("watchbell.attempts.in_flight")
                .with_description("Attempts under way")
                .build(),
            overdue: meter
                .f64_gauge("watchbell.queue.oldest_due")
                .with_unit("s")
                .with_description("Age of the oldest due delivery that waits in the database for memory")
                .build(),
            at_risk: meter
                .u64_gauge("watchbell.database.at_risk")
                .with_description("1 while the database acknowledges commits that a fail-over or a crash may lose")
                .build(),
            waiting: meter
                .i64_gauge("watchbell.queue.waiting")
                .with_description(
                    "Deliveries in the database that wait, by kind and state; of one lane at most 100,000 in each",
                )
                .build(),
        }
    }

    pub(crate) fn accepted(&self, duplicate: bool) {
        self.events.add(
            1,
            &[KeyValue::new(
                "outcome",
                if duplicate { "duplicate" } else { "accepted" },
            )],
        );
    }

    pub(crate) fn committed(&self, size: usize) {
        self.batch.record(size as u64, &[]);
    }

    pub(crate) fn attempt(&self, job: &Job, attempt: &Attempt) {
        let outcome = match attempt.result.outcome {
            AttemptOutcome::Delivered => "delivered",
            AttemptOutcome::Accepted => "accepted",
            AttemptOutcome::Retryable { .. } => "retryable",
            AttemptOutcome::Permanent => "permanent",
        };
        let labels = [kind(job.route.kind), KeyValue::new("outcome", outcome)];
        self.attempts
            .record(attempt.result.latency.as_secs_f64(), &labels);
    }

    pub(crate) fn outcome(&self, outcome: &JobOutcome) {
        if outcome.state == State::Pending {
            return;
        }
        let kind = kind(outcome.job.route.kind);
        if let (State::Delivered, Some(ended)) = (outcome.state, outcome.ended_at) {
            let took = (ended - outcome.job.created_at).to_std().unwrap_or_default();
            self.end_to_end
                .record(took.as_secs_f64(), std::slice::from_ref(&kind));
        }
        self.deliveries
            .add(1, &[kind, KeyValue::new("state", name(outcome.state))]);
    }

    pub(crate) fn in_memory(&self, held: usize, in_flight: usize) {
        self.in_memory.record(held as u64, &[]);
        self.in_flight.record(in_flight as u64, &[]);
    }

    pub(crate) fn overdue(&self, by: Duration) {
        self.overdue.record(by.as_secs_f64(), &[]);
    }

    pub(crate) fn at_risk(&self, at_risk: bool) {
        self.at_risk.record(at_risk.into(), &[]);
    }

    pub(crate) fn waiting(&self, of: ChannelKind, state: State, count: i64) {
        self.waiting
            .record(count, &[kind(of), KeyValue::new("state", name(state))]);
    }

    pub(crate) fn takeover(&self, leases: u64) {
        self.takeovers.add(leases, &[]);
    }
}

fn name(state: State) -> &'static str {
    match state {
        State::Pending => "pending",
        State::Held => "held",
        State::Parked => "parked",
        State::Folded => "folded",
        State::Delivered => "delivered",
        State::Failed => "failed",
        State::Cancelled => "cancelled",
    }
}

fn kind(kind: ChannelKind) -> KeyValue {
    KeyValue::new("kind", kind.as_str())
}
