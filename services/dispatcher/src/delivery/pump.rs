//! Takes due jobs from the lanes and sends them. Each attempt runs in a task of its own, so that attempts do not wait
//! for one another; the lanes limit their number.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::SubsecRound;
use futures::FutureExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, field};
use watchbell_model::ChannelKind;
use watchbell_model::ids::{AttemptId, ChannelId};
use watchbell_model::route::Target;
use watchbell_runtime::event_span;
use watchbell_runtime::telemetry::propagate;

use crate::channel::policy::ChannelPolicy;
use crate::delivery::follow_up::{breaks, follow_up, lane_pause};
use crate::delivery::precheck::precheck;
use crate::event::InMemory as _;
use crate::job::{Attempt, Break, Job, JobOutcome};
use crate::lanes::{LaneId, Weighted as _};
use crate::senders::{AttemptOutcome, AttemptResult, Message};
use crate::state::Core;

/// Taken from the lanes at once.
const MAX_TAKE: usize = 256;
/// How long the pump sleeps.
const MIN_SLEEP: Duration = Duration::from_millis(1);
const MAX_SLEEP: Duration = Duration::from_secs(3600);
/// Time that a transport may take beyond the channel's time-out before it is cancelled.
const TRANSPORT_GRACE: Duration = Duration::from_secs(5);

/// Loop that starts attempts.
pub(crate) struct Pump {
    core: Arc<Core>,
    attempts: JoinSet<()>,
}

// === impl Pump ===

impl Pump {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            attempts: JoinSet::new(),
        }
    }

    /// Starts what may go now; how much that was.
    pub(crate) fn tick(&mut self) -> usize {
        let mut started = 0;
        loop {
            let now = self.core.clock.monotonic();
            let jobs = self.core.lanes().take(now, MAX_TAKE);
            if jobs.is_empty() {
                return started;
            }
            started += jobs.len();
            for (lane, job) in jobs {
                self.attempts.spawn(work(Arc::clone(&self.core), lane, job));
            }
        }
    }

    /// Waits until all running attempts have ended.
    pub(crate) async fn settle(&mut self) {
        while self.attempts.join_next().await.is_some() {}
    }

    /// Starts attempts until `stop`; then running attempts may end, within the grace period of the shutdown.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.tick();
            while self.attempts.try_join_next().is_some() {}
            let now = self.core.clock.monotonic();
            let sleep = self.core.lanes().sleep_until(now).saturating_sub(now);
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.core.pump.notified() => {}
                () = tokio::time::sleep(sleep.clamp(MIN_SLEEP, MAX_SLEEP)) => {}
            }
        }
        self.core.lanes().close();
        self.settle().await;
    }
}

/// The end of a stop that waits no longer.
impl Drop for Pump {
    fn drop(&mut self) {
        let attempts = self.attempts.len();
        if attempts > 0 {
            tracing::warn!(attempts, "running attempts were abandoned; they will be repeated");
        }
    }
}

/// Sends a job, then takes the next ready job: continuing a task is cheaper than starting one.
async fn work(core: Arc<Core>, mut lane: LaneId, mut job: Job) {
    loop {
        let weight = job.weight();
        if let Some(mut outcome) = outcome(&core, job).await {
            // It gives its units back before it is committed.
            outcome.job.event = outcome.job.event.without_payload();
            // Waits while the committer is behind, and so keeps its slot. It only fails when the process stops.
            let _ = core.outcomes.send(outcome).await;
        }
        let next = {
            let now = core.clock.monotonic();
            let mut lanes = core.lanes();
            if lanes.completed(lane, weight, now) {
                core.sweep.notify_one();
            }
            let next = lanes.take(now, 1).pop();
            if lanes.oversleeps(now) {
                core.pump.notify_one();
            }
            next
        };
        match next {
            Some(next) => (lane, job) = next,
            None => return,
        }
    }
}

/// What became of a job; `None` when it is no longer this replica's to send.
async fn outcome(core: &Core, job: Job) -> Option<JobOutcome> {
    let job = still_ours(core, job)?;
    match precheck(core, job).await {
        // Checks may take as long as Config does.
        Ok((job, policy)) => Some(attempt(core, still_ours(core, job)?, &policy).await),
        Err(stays) => Some(*stays),
    }
}

/// The send guard: gives a job up whose shard has another owner, or may have by now. While only the lease has run out the job
/// stays the next of its lane: what is new is not to overtake it.
fn still_ours(core: &Core, job: Job) -> Option<Job> {
    if core.may_send(&job) {
        return Some(job);
    }
    let ownership = core.ownership();
    if ownership.may_send_later(job.team_id(), job.epoch) {
        core.lanes()
            .return_to_front(job.lane, job, core.clock.monotonic());
    } else {
        drop(ownership);
        core.put_back(job);
    }
    None
}

/// One attempt and what follows from it.
pub(crate) async fn attempt(core: &Core, job: Job, policy: &ChannelPolicy) -> JobOutcome {
    let started_at = core.clock.now().trunc_subsecs(6);
    let began = core.clock.monotonic();
    let number = job.attempts + 1;
    core.metrics.dispatched(&job, started_at, began);
    let emitted = job.event.traceparent.as_deref();
    // The receiver gets the trace context even if there is no span. Those who send say which server they asked.
    let span = event_span!(
        emitted,
        "attempt",
        otel.kind = "client",
        otel.status_code = field::Empty,
        team = %job.team_id(),
        delivery = %job.id,
        kind = %job.route.kind,
        number,
        server.address = field::Empty,
        server.port = field::Empty,
        http.request.method = field::Empty,
        http.response.status_code = field::Empty,
        smtp.response.status_code = field::Empty,
        "error.type" = field::Empty,
    );
    if let Some(emitted) = emitted {
        // A retry hours later is a trace of its own, and so is a reminder.
        if number == 1 && !job.route.is_of_open_alert() {
            propagate::continue_from(&span, emitted);
        } else {
            propagate::link(&span, emitted);
        }
    }
    let outgoing = Message {
        delivery_id: job.id,
        attempt_number: number,
        event: Arc::clone(&job.event),
        route: Arc::clone(&job.route),
        recipients: match job.route.target {
            Target::Receipts => policy.people.receipt_recipients(),
            _ => Vec::new(),
        },
        now: started_at,
        traceparent: span
            .in_scope(propagate::traceparent)
            .or_else(|| job.event.traceparent.clone()),
    };
    let carried = AssertUnwindSafe(core.transport.send(&outgoing, &policy.channel))
        .catch_unwind()
        .instrument(span.clone());
    let mut result = match tokio::time::timeout(policy.channel.timeout + TRANSPORT_GRACE, carried).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => AttemptResult::retryable("internal", "Watchbell failed while sending"),
        Err(_) => AttemptResult {
            ambiguous: true,
            ..AttemptResult::retryable("timeout", "no response in time; it may have arrived")
        },
    };
    if result.latency.is_zero() {
        result.latency = core.clock.monotonic().saturating_sub(began);
    }
    tidy(&mut result);
    record(&span, job.route.kind, &result);
    drop(span);
    let (now, ended) = (core.clock.now(), core.clock.monotonic());
    if let AttemptOutcome::Retryable {
        retry_after: Some(wait),
    } = result.outcome
    {
        let wait = lane_pause(&job, &result, wait, (core.jitter)());
        core.lanes().pause(job.lane, ended + wait, ended);
    }
    let attempt = Attempt {
        id: AttemptId::generate(started_at),
        number,
        started_at,
        result,
    };
    core.metrics.attempt(&job, &attempt, ended);
    conclude(core, job, attempt, policy, now).await
}

/// Says in the span of an attempt what came of it.
fn record(span: &Span, kind: ChannelKind, result: &AttemptResult) {
    if result.status_code > 0 {
        let field = match kind {
            ChannelKind::Email => "smtp.response.status_code",
            _ => "http.response.status_code",
        };
        span.record(field, result.status_code);
    }
    if !result.got_through() {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", result.error_code.as_str());
    }
}

/// Decides what follows an attempt, for the delivery and for its channel.
async fn conclude(
    core: &Core,
    job: Job,
    attempt: Attempt,
    policy: &ChannelPolicy,
    now: chrono::DateTime<chrono::Utc>,
) -> JobOutcome {
    // Of mail to people it is the team's own server, if it has one.
    let channel = policy.channel_id.filter(|_| !job.event.test);
    let team = job.team_id();
    let broken = attempt.result.channel_broken;
    if !job.event.test {
        // Results of mail to people are recorded under the lane's id, which is the team's, and under the mail
        // server's channel.
        let lane = ChannelId::from_uuid(job.lane.0);
        let error = (!attempt.result.got_through()).then_some(attempt.result.error.as_str());
        core.health.note(team, lane, now, error);
        if let Some(server) = channel.filter(|id| *id != lane) {
            core.health.note(team, server, now, error);
        }
    }
    let (mut outcome, exhausted) = follow_up(job, attempt, policy, now, (core.jitter)());
    let Some(channel_id) = channel else { return outcome };
    let unhealthy = if broken {
        true
    } else if exhausted {
        let first = outcome.first_attempt_at().unwrap_or(now);
        match core.health.last_success(&core.db, team, channel_id).await {
            Ok(last) => breaks(last, first),
            Err(error) => {
                // The next delivery that fails like this repeats the check.
                tracing::warn!(%error, channel = %channel_id, "the channel's health could not be determined");
                false
            }
        }
    } else {
        false
    };
    if unhealthy {
        let message = outcome.message.clone();
        outcome.breaks = Some(Break {
            channel_id,
            epoch: policy.epoch,
            at: now,
            message,
        });
    }
    outcome
}

/// Bounds the texts of a receiver, and replaces characters that databases refuse.
fn tidy(result: &mut AttemptResult) {
    for text in [
        &mut result.error,
        &mut result.error_code,
        &mut result.response_body,
    ] {
        if text.contains('\0') {
            *text = text.replace('\0', "\u{fffd}");
        }
        if text.len() > crate::senders::MAX_RESPONSE {
            let mut end = crate::senders::MAX_RESPONSE;
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
        }
    }
}
