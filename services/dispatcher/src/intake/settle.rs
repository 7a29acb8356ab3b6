//! After a commit: new deliveries go into the lanes, callers and watchers are told, and jobs end.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use watchbell_model::ids::TeamId;
use watchbell_model::shard::ShardId;

use super::commit::{Batch, Place, Reservation, Written};
use crate::delivery::summaries;
use crate::encode::{self, KeptBack};
use crate::job::live_jobs::JobGuard;
use crate::job::{Committed, Job, JobOutcome, State, Submission};
use crate::lanes::LaneId;
use crate::state::Core;

/// Settles a batch that was committed.
pub(super) fn settle(core: &Core, batch: Batch, mut written: Written) {
    let Batch {
        submissions,
        outcomes,
    } = batch;
    // Before anything is sent, so that watchers see a delivery's creation before its end.
    let new = submissions.iter().enumerate();
    for (index, submission) in new.filter(|(index, _)| !written.first_routes.contains_key(index)) {
        let change = written.alerts.of(index);
        if let Some(change) = change {
            submission
                .event
                .alert_status
                .get_or_init(|| change.status.clone());
        }
        core.feed.changed(submission.event.team_id, || {
            let planned = submission.routes.iter().chain(written.alerts.followers(index));
            encode::new_deliveries(&submission.event, planned, |place| {
                match written.gatherings.of(index, place) {
                    Some(gathered) => Some(KeptBack::Gathered(gathered)),
                    None => change?.repeat_message(place).map(KeptBack::Repeat),
                }
            })
        });
    }
    let mut for_submitters = Vec::new();
    for reservation in std::mem::take(&mut written.reservations) {
        let (index, submission) = (reservation.submission, &submissions[reservation.submission]);
        if let Some(job) = place(core, submission, reservation, &written) {
            for_submitters.push((index, job));
        }
    }
    load_followers(core, &submissions, &written);
    written.gatherings.note(core, &submissions);
    core.pump.notify_one();
    for alert in &written.alerts.changed {
        let now = core.clock.now();
        core.feed
            .alert_changed(alert.team_id, || encode::alert(alert, now));
    }
    core.feed.notified(written.notified.iter().copied());
    let teams: HashSet<TeamId> = submissions
        .iter()
        .map(|submission| submission.event.team_id)
        .collect();
    core.feed.accepted(teams);
    summaries::notify_watchers(core, &written.closed);
    let mut for_submitters = for_submitters.into_iter().peekable();
    for (index, submission) in submissions.into_iter().enumerate() {
        let of_this = |next: &(usize, Job)| next.0 == index;
        let jobs = std::iter::from_fn(|| for_submitters.next_if(of_this)).map(|(_, job)| job);
        let first_routes = written.first_routes.remove(&index);
        let committed = Committed {
            duplicate: first_routes.is_some(),
            jobs: jobs.collect(),
            routes: first_routes.unwrap_or_else(|| {
                let planned = submission.routes.iter().chain(written.alerts.followers(index));
                planned.map(|planned| Arc::clone(&planned.route)).collect()
            }),
        };
        if submission.due_reminder().is_none() {
            core.metrics.accepted(committed.duplicate);
        }
        // The caller may have disconnected; the submission is committed in any case.
        let _ = submission.answer.send(Ok(committed));
    }
    for outcome in outcomes {
        settle_outcome(core, outcome, &written);
    }
}

/// Lets the sweeper load the deliveries to those who were told that an alert began.
fn load_followers(core: &Core, submissions: &[Submission], written: &Written) {
    for (index, submission) in submissions.iter().enumerate() {
        let event = &submission.event;
        for planned in written.alerts.followers(index) {
            if let Some(lane) = LaneId::of(&planned.route, event.team_id)
                && core.owns(event.team_id)
            {
                core.note_due(event.team_id, lane, event.accepted_at);
            }
        }
    }
}

/// Brings a new delivery to its place; returns the job of one that its submitter sends.
fn place(core: &Core, submission: &Submission, reservation: Reservation, written: &Written) -> Option<Job> {
    let (team, lane) = (submission.event.team_id, reservation.lane);
    let planned = &submission.routes[reservation.planned];
    let shard = ShardId::of(team);
    let job = |guard: Option<JobGuard>| Job {
        id: planned.id,
        event: Arc::clone(&submission.event),
        weight: submission.weight_of_each(),
        route: Arc::clone(&planned.route),
        lane,
        epoch: written.fence.epochs.get(&shard).copied().unwrap_or_default(),
        _guard: guard,
        attempts: 0,
        tries: 0,
        first_attempt_at: None,
        created_at: submission.event.accepted_at,
        due_at: submission.event.accepted_at,
        allowed_since: Duration::ZERO,
        replay_of: None,
        held_by: None,
    };
    match reservation.place {
        Place::Submitter(guard) => return Some(job(guard)),
        Place::Lane(guard) => {
            let ownership = core.ownership();
            if ownership.is_ready(team) {
                core.lanes().push(lane, job(guard), core.clock.monotonic());
                return None;
            }
            // Handed over since, or about to be.
            drop((ownership, guard));
            core.lanes().unreserve(lane, submission.weight_of_each());
        }
        Place::Database => core.lanes().spilled(lane),
    }
    if core.owns(team) {
        core.note_due(team, lane, submission.event.accepted_at);
    }
    None
}

fn settle_outcome(core: &Core, mut outcome: JobOutcome, written: &Written) {
    let answer = outcome.answer.take();
    let ours = !written.lost.contains(&outcome.job.id.as_uuid());
    if ours {
        if let Some(broken) = &outcome.breaks
            && core.health.mark_unhealthy(broken.channel_id, broken.epoch)
        {
            tracing::warn!(
                team = %outcome.job.team_id(),
                channel = %broken.channel_id,
                kind = %outcome.job.route.kind,
                error = error_code(&outcome),
                "a channel is unhealthy: its deliveries are parked until it is enabled again"
            );
        }
        if outcome.state == State::Failed && !outcome.job.event.test {
            tracing::warn!(
                team = %outcome.job.team_id(),
                delivery = %outcome.job.id,
                kind = %outcome.job.route.kind,
                attempts = outcome.attempt.as_ref().map_or(outcome.job.attempts, |attempt| attempt.number),
                error = error_code(&outcome),
                "a delivery has failed and is not tried again"
            );
        }
        core.feed
            .changed(outcome.job.team_id(), || [encode::changed(&outcome)]);
        core.metrics.outcome(&outcome);
        expect_due(core, outcome);
    } else {
        tracing::warn!(
            delivery = %outcome.job.id,
            "the delivery's shard has had another owner since; the delivery may arrive again"
        );
        core.put_back(outcome.job);
    }
    if let Some(answer) = answer {
        let _ = answer.send(ours);
    }
}

/// The last error in one word. Its text belongs to the team: it may name addresses.
fn error_code(outcome: &JobOutcome) -> &str {
    outcome
        .attempt
        .as_ref()
        .map_or("", |attempt| attempt.result.error_code.as_str())
}

/// Notes when the delivery is due again, if it is.
fn expect_due(core: &Core, outcome: JobOutcome) {
    let (team, lane) = (outcome.job.team_id(), outcome.job.lane);
    let (due, state) = (outcome.due_at, outcome.state);
    // First its job, since what has one is not loaded.
    drop(outcome);
    let Some(due) = due else { return };
    if let State::Held | State::Folded = state {
        core.expect_gathering(team, lane, due);
    }
    if state != State::Folded {
        core.note_due(team, lane, due);
    }
}
