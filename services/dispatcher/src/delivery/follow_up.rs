//! Consequences of an attempt: the delivery ends, is retried, or is given up, with its explanation. Pure.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use watchbell_model::ChannelKind;
use watchbell_model::retry::{MAX_WAIT, RetrySchedule};
use watchbell_model::text::{counted, time_text};

use crate::channel::policy::ChannelPolicy;
use crate::job::{Attempt, Job, JobOutcome, State};
use crate::senders::{AttemptOutcome, AttemptResult};

/// Number of waits requested by a chat that do not count as retries.
const FREE_WAITS: u32 = 10;
/// By how much of it the shortest wait is lengthened at random, so that deliveries do not come back together.
const FLOOR_JITTER: f64 = 0.25;

/// The outcome of a job after an attempt, and whether its schedule is exhausted with it. `jitter` is a random number
/// in [0, 1).
pub(crate) fn follow_up(
    job: Job,
    attempt: Attempt,
    policy: &ChannelPolicy,
    now: DateTime<Utc>,
    jitter: f64,
) -> (JobOutcome, bool) {
    let tries = job.tries + 1;
    let kind = job.route.kind;
    let began = job.first_attempt_at.unwrap_or(attempt.started_at);
    let test = job.event.test;
    let result = &attempt.result;
    let error = if result.error.is_empty() {
        "the attempt failed"
    } else {
        result.error.as_str()
    }
    .to_owned();
    let mut exhausted = false;
    let mut outcome = match result.outcome {
        AttemptOutcome::Delivered => job.ends(State::Delivered, "", now),
        AttemptOutcome::Accepted => job.ends(
            State::Delivered,
            "accepted; the destination does not report when it is seen",
            now,
        ),
        AttemptOutcome::Permanent => job.ends(State::Failed, error, now),
        AttemptOutcome::Retryable { .. } if test => job.ends(State::Failed, error, now),
        AttemptOutcome::Retryable { retry_after } => {
            // Chats say exactly when to come again, and mean it as traffic control and not as a failure: for a few
            // times, and as long as the schedule would last, such a wait costs none of its retries.
            let throttled = is_throttle(kind, result);
            let waits = attempt.number.saturating_sub(tries);
            if let (true, Some(wait)) = (throttled, retry_after)
                && waits < FREE_WAITS
                && now - began < span(&policy.retry)
            {
                let due = now + delta(throttle(wait, waits, jitter));
                let mut outcome = job.waits(State::Pending, retry_message(&error, due), due);
                outcome.attempt = Some(attempt);
                return (outcome, false);
            }
            match policy.retry.next(tries, now, retry_after, jitter) {
                Some(due) => job.waits(State::Pending, retry_message(&error, due), due),
                None => {
                    exhausted = true;
                    let attempts = counted(tries, ["attempt", "attempts"]);
                    let message = format!("given up after {attempts}; the last error: {error}");
                    job.ends(State::Failed, message, now)
                }
            }
        }
    };
    outcome.tries = tries;
    outcome.attempt = Some(attempt);
    (outcome, exhausted)
}

/// Explanation of a failure that will be retried.
fn retry_message(error: &str, due: DateTime<Utc>) -> String {
    let end = if error.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{error}{end} The next attempt is at {}.", time_text(due))
}

/// Whether a chat asks to send more slowly.
fn is_throttle(kind: ChannelKind, result: &AttemptResult) -> bool {
    result.status_code == 429 && matches!(kind, ChannelKind::Slack | ChannelKind::Teams)
}

/// Wait after a chat asked for `asked` and `waits` such waits went before: at least 1 s, 2 s, 4 s and so on up to 64
/// s, so that a receiver cannot force fast retries.
fn throttle(asked: Duration, waits: u32, jitter: f64) -> Duration {
    let floor = Duration::from_secs(1 << waits.min(6)).mul_f64(1.0 + FLOOR_JITTER * jitter);
    asked.max(floor).min(MAX_WAIT)
}

/// How long the lane pauses after the receiver asked for `asked`.
pub(crate) fn lane_pause(job: &Job, result: &AttemptResult, asked: Duration, jitter: f64) -> Duration {
    if is_throttle(job.route.kind, result) {
        throttle(asked, job.attempts.saturating_sub(job.tries), jitter)
    } else {
        asked.min(MAX_WAIT)
    }
}

/// Whether a channel is unhealthy now that a delivery's schedule is exhausted: nothing has got through to it since
/// that delivery was first tried.
pub(crate) fn breaks(last_success: Option<DateTime<Utc>>, first_attempt: DateTime<Utc>) -> bool {
    last_success.is_none_or(|at| at < first_attempt)
}

/// How long a schedule lasts.
fn span(schedule: &RetrySchedule) -> TimeDelta {
    delta(schedule.waits().iter().sum())
}

fn delta(wait: Duration) -> TimeDelta {
    TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX)
}
