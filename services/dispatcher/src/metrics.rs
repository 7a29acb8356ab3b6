//! Metrics of the Dispatcher. Labels are kinds and outcomes, never teams or channels: a label per tenant would cost
//! more than the deliveries.

mod tried;

use std::time::Duration;

use chrono::{DateTime, Utc};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter};
use watchbell_model::ChannelKind;
use watchbell_runtime::metrics::counter;

use crate::job::{Attempt, Job, JobOutcome, State};
use crate::metrics::tried::Tried;
use crate::senders::AttemptOutcome;

/// Outcomes of attempts.
const OUTCOMES: [&str; 4] = ["delivered", "accepted", "retryable", "permanent"];

/// The instruments.
#[derive(Debug)]
pub(crate) struct Metrics {
    events: Counter<u64>,
    deliveries: Counter<u64>,
    attempts: Counter<u64>,
    attempt_duration: Histogram<f64>,
    dispatch: Histogram<f64>,
    end_to_end: Histogram<f64>,
    batch: Histogram<u64>,
    takeovers: Counter<u64>,
    in_memory: Gauge<u64>,
    in_flight: Gauge<u64>,
    overdue: Gauge<f64>,
    at_risk: Gauge<u64>,
    waiting: Gauge<i64>,
    channels_tried: Gauge<u64>,
    tried: Tried,
}

// === impl Metrics ===

impl Metrics {
    pub(crate) fn new(meter: &Meter) -> Self {
        let metrics = Self {
            events: counter(
                meter,
                "watchbell.events",
                "Events submitted, by whether they were accepted or duplicates",
                [false, true].map(|duplicate| [submitted(duplicate)]),
            ),
            deliveries: counter(
                meter,
                "watchbell.deliveries",
                "Deliveries that ended, were parked or held, by kind and state",
                ChannelKind::ALL.iter().flat_map(|of| {
                    let states = State::ALL.into_iter().filter(|state| *state != State::Pending);
                    states.map(|state| of_state(*of, state))
                }),
            ),
            attempts: counter(
                meter,
                "watchbell.attempts",
                "Attempts that have ended, by kind and outcome",
                // The inbox has no attempts.
                ChannelKind::ALL
                    .iter()
                    .filter(|of| **of != ChannelKind::InApp)
                    .flat_map(|of| OUTCOMES.map(|outcome| of_outcome(*of, outcome))),
            ),
            attempt_duration: meter
                .f64_histogram("watchbell.attempt.duration")
                .with_unit("s")
                .with_description("How long attempts took, by kind and outcome")
                .build(),
            dispatch: meter
                .f64_histogram("watchbell.dispatch.duration")
                .with_unit("s")
                .with_description(
                    "From accepted to the first attempt, by kind, without waits that were asked for: quiet hours, \
                     silences, storm control, budgets, and the channel's own rate, pauses and concurrency",
                )
                .build(),
            end_to_end: meter
                .f64_histogram("watchbell.delivery.duration")
                .with_unit("s")
                .with_description("From accepted to delivered, by kind; with all waits and retries")
                .build(),
            batch: meter
                .u64_histogram("watchbell.commit.size")
                .with_description("Submissions and outcomes in one transaction")
                .build(),
            takeovers: counter(
                meter,
                "watchbell.shard.takeovers",
                "Shards taken over from dead Dispatchers",
                [[]],
            ),
            in_memory: meter
                .u64_gauge("watchbell.queue.jobs")
                .with_description(
                    "Deliveries in the memory of this replica, large ones counted several times",
                )
                .build(),
            in_flight: meter
                .u64_gauge("watchbell.attempts.in_flight")
                .with_description("Attempts under way")
                .build(),
            overdue: meter
                .f64_gauge("watchbell.queue.oldest_due")
                .with_unit("s")
                .with_description("Age of the oldest due delivery that waits in the database to be loaded")
                .build(),
            at_risk: meter
                .u64_gauge("watchbell.database.at_risk")
                .with_description(
                    "1 while the database acknowledges commits that a fail-over or a crash may lose",
                )
                .build(),
            waiting: meter
                .i64_gauge("watchbell.queue.waiting")
                .with_description(
                    "Deliveries that wait, by kind and state; of one lane at most 100,000 in each",
                )
                .build(),
            channels_tried: meter
                .u64_gauge("watchbell.channels.tried")
                .with_description(
                    "Channels that were tried in the last 15 minutes, by kind and whether their last attempt got through",
                )
                .build(),
            tried: Tried::default(),
        };
        // There from the start, as counters are.
        metrics.channels_tried(Duration::ZERO);
        metrics
    }

    pub(crate) fn accepted(&self, duplicate: bool) {
        self.events.add(1, &[submitted(duplicate)]);
    }

    pub(crate) fn committed(&self, size: usize) {
        self.batch.record(size as u64, &[]);
    }

    /// An attempt begins. `monotonic` and `now` are that instant.
    pub(crate) fn dispatched(&self, job: &Job, now: DateTime<Utc>, monotonic: Duration) {
        if job.attempts == 0 {
            let since_due = (now - job.due_at).to_std().unwrap_or_default();
            let since_allowed = monotonic.saturating_sub(job.allowed_since);
            let ours = since_due.min(since_allowed);
            self.dispatch.record(ours.as_secs_f64(), &[kind(job.route.kind)]);
        }
    }

    /// An attempt has ended, at `monotonic`.
    pub(crate) fn attempt(&self, job: &Job, attempt: &Attempt, monotonic: Duration) {
        let outcome = match attempt.result.outcome {
            AttemptOutcome::Delivered => OUTCOMES[0],
            AttemptOutcome::Accepted => OUTCOMES[1],
            AttemptOutcome::Retryable { .. } => OUTCOMES[2],
            AttemptOutcome::Permanent => OUTCOMES[3],
        };
        let labels = of_outcome(job.route.kind, outcome);
        self.attempts.add(1, &labels);
        self.attempt_duration
            .record(attempt.result.latency.as_secs_f64(), &labels);
        if !job.event.test {
            let failed = !attempt.result.got_through();
            self.tried.note(job.lane, job.route.kind, failed, monotonic);
        }
    }

    /// Updates the gauge of channels that were tried of late.
    pub(crate) fn channels_tried(&self, now: Duration) {
        let counts = self.tried.counts(now);
        for of in ChannelKind::ALL.iter().filter(|of| **of != ChannelKind::InApp) {
            for (failed, result) in [(false, "delivering"), (true, "failing")] {
                let count = counts.get(&(*of, failed)).copied().unwrap_or_default();
                self.channels_tried
                    .record(count, &[kind(*of), KeyValue::new("result", result)]);
            }
        }
    }

    pub(crate) fn outcome(&self, outcome: &JobOutcome) {
        if outcome.state == State::Pending {
            return;
        }
        let of = outcome.job.route.kind;
        if let (State::Delivered, Some(ended)) = (outcome.state, outcome.ended_at) {
            let took = (ended - outcome.job.created_at).to_std().unwrap_or_default();
            self.end_to_end.record(took.as_secs_f64(), &[kind(of)]);
        }
        self.deliveries.add(1, &of_state(of, outcome.state));
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
        self.waiting.record(count, &of_state(of, state));
    }

    pub(crate) fn takeover(&self, shards: u64) {
        self.takeovers.add(shards, &[]);
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

fn of_state(of: ChannelKind, state: State) -> [KeyValue; 2] {
    [kind(of), KeyValue::new("state", name(state))]
}

fn of_outcome(of: ChannelKind, outcome: &'static str) -> [KeyValue; 2] {
    [kind(of), KeyValue::new("outcome", outcome)]
}

fn submitted(duplicate: bool) -> KeyValue {
    KeyValue::new("outcome", if duplicate { "duplicate" } else { "accepted" })
}
