//! Takes from the lanes what may go now and carries it. Each attempt is a task of its own, so nothing waits for
//! anything else; how many there are is the lanes' decision.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::SubsecRound;
use futures::FutureExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use watchbell_model::ids::{AttemptId, ChannelId};
use watchbell_model::route::Target;
use watchbell_runtime::telemetry::propagate;

use crate::channel::policy::Terms;
use crate::delivery::follow_up::{breaks, follow_up, rest};
use crate::delivery::precheck::screen;
use crate::event::InMemory as _;
use crate::job::{Attempt, Break, Job, Outcome};
use crate::lanes::{LaneId, Weigh as _};
use crate::senders::{Parcel, Report, Verdict};
use crate::state::Core;

/// Taken from the lanes at once.
const GULP: usize = 256;
/// How long the pump sleeps.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(3600);
/// What a carrier may take beyond the channel's time-out before it is given up from outside.
const GRACE: Duration = Duration::from_secs(5);

/// The loop.
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
            let jobs = self.core.lanes().take(now, GULP);
            if jobs.is_empty() {
                return started;
            }
            started += jobs.len();
            for (lane, job) in jobs {
                self.attempts.spawn(work(Arc::clone(&self.core), lane, job));
            }
        }
    }

    /// Waits until everything under way has ended.
    pub(crate) async fn settle(&mut self) {
        while self.attempts.join_next().await.is_some() {}
    }

    /// Pumps until told to stop; then what is under way may end, for as long as whoever stops it waits.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.tick();
            while self.attempts.try_join_next().is_some() {}
            let now = self.core.clock.monotonic();
            let sleep = self.core.lanes().sleep_until(now).saturating_sub(now);
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.core.pump.notified() => {}
                () = tokio::time::sleep(sleep.clamp(SHORTEST, LONGEST)) => {}
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
            tracing::warn!(attempts, "attempts are given up; they will be made again");
        }
    }
}

/// Carries a job from its lane to its outcome, and then whichever is next in turn: a task that goes on
/// costs less than a new one.
async fn work(core: Arc<Core>, mut lane: LaneId, mut job: Job) {
    loop {
        let places = job.places();
        // A job of a former self belongs to others by now.
        if job.owner == core.owner() {
            let mut outcome = outcome(&core, job).await;
            // It gives its places back before it is committed.
            outcome.job.event = outcome.job.event.without_payload();
            // Waits while the committer is behind, and so keeps its slot. It only fails when the process stops.
            let _ = core.outcomes.send(outcome).await;
        }
        let next = {
            let now = core.clock.monotonic();
            let mut lanes = core.lanes();
            if lanes.completed(lane, places, now) {
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

async fn outcome(core: &Core, job: Job) -> Outcome {
    match screen(core, job).await {
        Ok((job, terms)) => attempt(core, job, &terms).await,
        Err(stays) => *stays,
    }
}

/// One attempt and what follows from it.
pub(crate) async fn attempt(core: &Core, job: Job, terms: &Terms) -> Outcome {
    let started_at = core.clock.now().trunc_subsecs(6);
    let began = core.clock.monotonic();
    let number = job.attempts + 1;
    // A span costs an attempt more than all its bookkeeping: in a trace that nobody keeps, only who debugs has it. The
    // receiver is told of the trace all the same.
    let kept = job.event.traceparent.as_deref().is_none_or(propagate::is_sampled);
    let span = if kept {
        tracing::info_span!("attempt", delivery = %job.id, kind = %job.route.kind, number)
    } else {
        tracing::debug_span!("attempt", delivery = %job.id, kind = %job.route.kind, number)
    };
    if let Some(emitted) = job.event.traceparent.as_deref() {
        // A retry hours later is a trace of its own.
        if number == 1 {
            propagate::continue_from(&span, emitted);
        } else {
            propagate::link(&span, emitted);
        }
    }
    let parcel = Parcel {
        delivery_id: job.id,
        attempt_number: number,
        event: Arc::clone(&job.event),
        route: Arc::clone(&job.route),
        recipients: match job.route.target {
            Target::Receipts => terms.people.receipt_recipients(),
            _ => Vec::new(),
        },
        now: started_at,
        traceparent: span
            .in_scope(propagate::traceparent)
            .or_else(|| job.event.traceparent.clone()),
    };
    let carried = AssertUnwindSafe(core.carrier.carry(&parcel, &terms.channel))
        .catch_unwind()
        .instrument(span);
    let mut report = match tokio::time::timeout(terms.channel.timeout + GRACE, carried).await {
        Ok(Ok(report)) => report,
        Ok(Err(_)) => Report::retryable("internal", "Watchbell failed while sending"),
        Err(_) => Report {
            ambiguous: true,
            ..Report::retryable("timeout", "no answer in time; it may have arrived all the same")
        },
    };
    if report.latency.is_zero() {
        report.latency = core.clock.monotonic().saturating_sub(began);
    }
    tidy(&mut report);
    let now = core.clock.now();
    if let Verdict::Retryable {
        retry_after: Some(wait),
    } = report.verdict
    {
        let now = core.clock.monotonic();
        let wait = rest(&job, &report, wait, (core.jitter)());
        core.lanes().pause(job.lane, now + wait, now);
    }
    let attempt = Attempt {
        id: AttemptId::generate(started_at),
        number,
        started_at,
        report,
    };
    core.metrics.attempt(&job, &attempt);
    conclude(core, job, attempt, terms, now).await
}

/// What follows, and what it means for the channel.
async fn conclude(
    core: &Core,
    job: Job,
    attempt: Attempt,
    terms: &Terms,
    now: chrono::DateTime<chrono::Utc>,
) -> Outcome {
    // Of mail to people it is the team's own server, if it has one.
    let channel = terms.channel_id.filter(|_| !job.event.test);
    let team = job.team_id();
    let broken = attempt.report.channel_broken;
    if !job.event.test {
        // What is noted of mail to people stands under its lane's id, which is the team's, and under its server's.
        let lane = ChannelId::from_uuid(job.lane.0);
        let error = (!attempt.report.got_through()).then_some(attempt.report.error.as_str());
        core.health.note(team, lane, now, error);
        if let Some(server) = channel.filter(|id| *id != lane) {
            core.health.note(team, server, now, error);
        }
    }
    let (mut outcome, exhausted) = follow_up(job, attempt, terms, now, (core.jitter)());
    let Some(channel_id) = channel else { return outcome };
    let unhealthy = if broken {
        true
    } else if exhausted {
        let first = outcome.first_attempt_at().unwrap_or(now);
        match core.health.last_success(core, team, channel_id).await {
            Ok(last) => breaks(last, first),
            Err(error) => {
                // The next delivery that ends like this will tell.
                tracing::warn!(%error, channel = %channel_id, "nobody knows whether the channel is healthy");
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
            epoch: terms.epoch,
            at: now,
            message,
        });
    }
    outcome
}

/// Bounds what a receiver can make us store, and takes out what databases do not take.
fn tidy(report: &mut Report) {
    for text in [
        &mut report.error,
        &mut report.error_code,
        &mut report.response_body,
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
