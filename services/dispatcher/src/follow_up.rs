//! What follows an attempt: done, again later, or given up, and what is said about it. Pure.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use watchbell_domain::ChannelKind;
use watchbell_domain::retry::{MAX_WAIT, RetrySchedule};

use crate::job::{Attempt, Job, Outcome, State};
use crate::senders::Verdict;
use crate::terms::Terms;

/// The outcome of a job after an attempt, and whether its schedule is exhausted with it. `jitter` is a random number
/// in [0, 1).
pub(crate) fn follow_up(
    job: Job,
    attempt: Attempt,
    terms: &Terms,
    now: DateTime<Utc>,
    jitter: f64,
) -> (Outcome, bool) {
    let tries = job.tries + 1;
    let kind = job.route.kind;
    let began = job.first_attempt_at.unwrap_or(attempt.started_at);
    let test = job.event.test;
    let report = &attempt.report;
    let error = if report.error.is_empty() {
        "the attempt failed"
    } else {
        report.error.as_str()
    }
    .to_owned();
    let mut exhausted = false;
    let mut outcome = match report.verdict {
        Verdict::Delivered => job.ends(State::Delivered, "", now),
        Verdict::Accepted => job.ends(
            State::Delivered,
            "handed over; the destination does not say when it is seen",
            now,
        ),
        Verdict::Permanent => job.ends(State::Failed, error, now),
        Verdict::Retryable { .. } if test => job.ends(State::Failed, error, now),
        Verdict::Retryable { retry_after } => {
            // Chats say exactly when to come again, and mean it as traffic control and not as a failure: as long as
            // the schedule would last, such a wait costs none of its retries.
            let throttled =
                report.status_code == 429 && matches!(kind, ChannelKind::Slack | ChannelKind::Teams);
            if let (true, Some(wait)) = (throttled, retry_after)
                && now - began < span(&terms.retry)
            {
                let due = now + delta(wait.min(MAX_WAIT));
                let mut outcome = job.waits(State::Pending, again(&error, due), due);
                outcome.attempt = Some(attempt);
                return (outcome, false);
            }
            match terms.retry.next(tries, now, retry_after, jitter) {
                Some(due) => job.waits(State::Pending, again(&error, due), due),
                None => {
                    exhausted = true;
                    let message = format!("given up after {tries} attempts; the last answer: {error}");
                    job.ends(State::Failed, message, now)
                }
            }
        }
    };
    outcome.tries = tries;
    outcome.attempt = Some(attempt);
    (outcome, exhausted)
}

/// What is said of a failure while there is another try to come.
fn again(error: &str, due: DateTime<Utc>) -> String {
    let end = if error.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{error}{end} The next attempt is at {}.", due.format("%H:%M UTC"))
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
