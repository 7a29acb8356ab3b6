//! Checks right before an attempt: the target still exists and wants the delivery, the channel can send, and it may
//! send now. They use the present configuration, however long ago the route was decided.

use std::sync::{Arc, OnceLock};

use chrono::{DateTime, TimeDelta, Utc};
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_model::ChannelKind;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::alert::AlertState;
use watchbell_model::alert_life::telling::MAX_FOLLOW;
use watchbell_model::ids::{ChannelId, DeliveryId, TeamId};
use watchbell_model::route::{Reason, Route, Target};
use watchbell_model::silence::SilenceMode;
use watchbell_model::text::time_text;
use watchbell_runtime::tenant_pool::Busy;

use crate::channel::cache::{ConfigUnavailable, Lookup};
use crate::channel::hold::held_until;
use crate::channel::people::{Refusal, lists};
use crate::channel::policy::ChannelPolicy;
use crate::channel::silence;
use crate::job::{Job, JobOutcome, ParkedFor, State};
use crate::senders::Via;
use crate::state::Core;

/// Delay of deliveries whose channel could never be resolved.
const CONFIG_AWAY: TimeDelta = TimeDelta::seconds(5);
/// Delay of deliveries about which the team's silences could not be asked.
const SILENCES_BUSY: TimeDelta = TimeDelta::seconds(1);
/// Delay of the end of an alert whose beginning is not sent yet: until that is due, at most [`MAX_FOLLOW`], and at least this long,
/// since it may be under way.
const MIN_FOLLOW: TimeDelta = TimeDelta::seconds(5);
/// Explanation for deliveries to a deleted channel.
pub(crate) const DELETED: &str = "the channel was deleted";

/// Returns the job with its channel's policy, or its outcome without an attempt.
pub(crate) async fn precheck(
    core: &Core,
    mut job: Job,
) -> Result<(Job, Arc<ChannelPolicy>), Box<JobOutcome>> {
    let now = core.clock.now();
    let stays = |outcome: JobOutcome| Err(Box::new(outcome));
    let mut policy = match core.channels.of_route(job.team_id(), &job.route).await {
        Ok(Lookup::Found(policy)) => policy,
        Ok(Lookup::Deleted) => return stays(job.ends(State::Cancelled, DELETED, now)),
        Err(ConfigUnavailable) => {
            let message = "waiting for the channel's configuration, which is unavailable at the moment";
            return stays(job.waits(State::Pending, message, now + CONFIG_AWAY));
        }
    };
    {
        let now = core.clock.monotonic();
        let mut lanes = core.lanes();
        lanes.set_policy(job.lane, policy.lane, now);
        // More may go at a time than was known when the pump went to sleep.
        if lanes.oversleeps(now) {
            core.pump.notify_one();
        }
    }
    let is_of_open_alert = job.route.is_of_open_alert();
    if let Some(refusal) = policy.refuse(&job.event, &job.route) {
        match wanted_as_well(core, job.team_id(), &job.route, &refusal).await {
            Some((route, of_channel)) => {
                job.route = Arc::new(route);
                policy = of_channel;
            }
            None => {
                core.lanes().refund(job.lane);
                return stays(job.ends(State::Cancelled, refusal.message(), now));
            }
        }
    }
    if is_of_open_alert {
        job = still_open(core, job, now).await?;
        if policy.paused {
            core.lanes().refund(job.lane);
            return stays(job.ends(State::Cancelled, "not sent because the channel is paused", now));
        }
    }
    if let Some(beginning) = job.route.follows {
        job = follow(core, job, beginning, now).await?;
    }
    if job.route.target == Target::Receipts && policy.people.receipt_recipients().is_empty() {
        core.lanes().refund(job.lane);
        let message = "kept until the team has a compliance recipient or an Owner";
        return stays(job.parks(ParkedFor::NoRecipient, message));
    }
    if policy.paused {
        return stays(job.parks(ParkedFor::Paused, "parked because the channel is paused"));
    }
    if let Some(id) = policy.channel_id
        && core.health.is_unhealthy(id, policy.epoch)
    {
        let message = format!(
            "parked because the channel {} is unhealthy; fix it, re-enable it, then recover",
            policy.name
        );
        return stays(job.parks(ParkedFor::Unhealthy, message));
    }
    job = silenced(core, job, &policy, now).await?;
    if let Some(until) = policy
        .quiet
        .as_ref()
        .and_then(|quiet| quiet.holds(job.event.severity, now))
    {
        core.lanes().refund(job.lane);
        return stays(job.waits(State::Held, held_until(until), until));
    }
    if let Some(limit) = policy.storm
        && let Some(until) = core
            .storms
            .folds(&core.db, &job, limit, core.clock.monotonic(), now)
            .await
    {
        core.lanes().refund(job.lane);
        let message = format!("folded into a summary at {}", time_text(until));
        return stays(job.waits(State::Folded, message, until));
    }
    if let Some(over) = core.budgets.spend(&policy, &job.route, 1, now) {
        core.lanes().refund(job.lane);
        let until = over.until;
        return stays(job.waits(State::Pending, over.message(), until));
    }
    Ok((brought_up_to_date(core, job, now).await, policy))
}

/// Returns a message for people that has waited with where its alert stands now. Programs get each event as it was.
async fn brought_up_to_date(core: &Core, mut job: Job, now: DateTime<Utc>) -> Job {
    let has_waited = job.due_at > job.created_at && job.replay_of.is_none();
    let (Some(of), Some(then)) = (&job.event.alert, job.event.alert_status.get()) else {
        return job;
    };
    if !has_waited || job.route.kind == ChannelKind::Webhook || then.state == AlertState::Resolved {
        return job;
    }
    match core.db.alert(job.team_id(), &of.key).await {
        Ok(Some(alert)) => {
            let status = alert.status_since(then, now);
            if status != *then {
                job.event = Arc::new(AcceptedEvent {
                    alert_status: OnceLock::from(status),
                    ..(*job.event).clone()
                });
            }
        }
        Ok(None) => {}
        Err(error) => {
            tracing::warn!(%error, delivery = %job.id, "a message says where its alert stood when it was accepted");
        }
    }
    job
}

/// Why what a route leads to would not be sent now, whenever it may be sent: the target is gone, or does not want it.
pub(crate) async fn refusal(core: &Core, event: &AcceptedEvent, route: &Route) -> Option<String> {
    let team = event.team_id;
    let refusal = match core.channels.of_route(team, route).await {
        Ok(Lookup::Found(policy)) => policy.refuse(event, route)?,
        Ok(Lookup::Deleted) => return Some(DELETED.to_owned()),
        Err(ConfigUnavailable) => return None,
    };
    let wanted = wanted_as_well(core, team, route, &refusal).await;
    wanted.is_none().then(|| refusal.message().to_owned())
}

/// Returns the end of an alert once its beginning has been told to the same target, and ends it when that was not.
async fn follow(
    core: &Core,
    job: Job,
    beginning: DeliveryId,
    now: DateTime<Utc>,
) -> Result<Job, Box<JobOutcome>> {
    let outcome = match core.db.telling_delivery(job.team_id(), beginning).await {
        Ok(Some(told)) if told.was_given_up() => job.ends(
            State::Cancelled,
            format!("not sent because its beginning, {beginning}, was not"),
            now,
        ),
        Ok(Some(told)) if !told.has_ended => job.waits(
            State::Pending,
            format!("waiting for its beginning, {beginning}, to be sent"),
            now + match (told.due_at, told.state) {
                (Some(due), _) => (due - now).clamp(MIN_FOLLOW, MAX_FOLLOW),
                // Its summary is on the way.
                (None, State::Folded) => MIN_FOLLOW,
                (None, _) => MAX_FOLLOW,
            },
        ),
        Ok(_) => return Ok(job),
        Err(error) => {
            tracing::warn!(%error, delivery = %beginning, "the beginning of an alert could not be looked up");
            let message = "waiting for the database";
            job.waits(State::Pending, message, now + MIN_FOLLOW)
        }
    };
    core.lanes().refund(outcome.job.lane);
    Err(Box::new(outcome))
}

/// Returns a reminder or an escalation unless somebody has taken care of its alert since it was made, or that has ended.
async fn still_open(core: &Core, job: Job, now: DateTime<Utc>) -> Result<Job, Box<JobOutcome>> {
    let (Some(of), Some(status)) = (job.event.alert.as_ref(), job.event.alert_status.get()) else {
        return Ok(job);
    };
    let outcome = match core.db.alert(job.team_id(), &of.key).await {
        Ok(Some(alert)) => {
            // One that has ended since may have begun anew.
            let began = status.opened.as_ref().map(|opened| opened.at);
            let is_same = alert
                .resolved_at
                .is_none_or(|ended| began.is_some_and(|began| ended < began));
            if is_same && alert.is_neglected(now) {
                return Ok(job);
            }
            let since = match alert.state_at(now) {
                _ if !is_same => "resolved",
                AlertState::Snoozed => "snoozed",
                AlertState::Resolved => "resolved",
                AlertState::Open | AlertState::Acknowledged => "acknowledged",
            };
            let message = format!("not sent because the alert was {since} meanwhile");
            job.ends(State::Cancelled, message, now)
        }
        Ok(None) => job.ends(State::Cancelled, "not sent because its alert is forgotten", now),
        Err(error) => {
            tracing::warn!(%error, delivery = %job.id, "the alert of a reminder could not be looked up");
            job.waits(State::Pending, "waiting for the database", now + MIN_FOLLOW)
        }
    };
    core.lanes().refund(outcome.job.lane);
    Err(Box::new(outcome))
}

/// Returns the job unless a silence holds or drops it, or did hold it until now, so that it belongs into an account.
async fn silenced(
    core: &Core,
    mut job: Job,
    policy: &ChannelPolicy,
    now: DateTime<Utc>,
) -> Result<Job, Box<JobOutcome>> {
    let outcome =
        match silence::deciding(&core.tenant_pool, &policy.silences, (&job.event, &job.route), now).await {
            Ok(Some(silence)) if silence.mode == SilenceMode::Drop => job.ends(
                State::Cancelled,
                format!("dropped by {}", silence.sentence()),
                now,
            ),
            Ok(Some(silence)) => {
                job.held_by = Some(silence.id);
                job.waits(
                    State::Held,
                    format!("held by {}", silence.sentence()),
                    silence.end,
                )
            }
            Ok(None) if job.held_by.is_some() && silence::is_accounted(&job) => {
                job.waits(State::Folded, "folded into the account of a silence", now)
            }
            Ok(None) => {
                job.held_by = None;
                return Ok(job);
            }
            Err(Busy) => job.waits(
                State::Pending,
                "waiting because the expressions of the team's silences are overloaded",
                now + SILENCES_BUSY,
            ),
        };
    core.lanes().refund(outcome.job.lane);
    Err(Box::new(outcome))
}

/// The email channel that still wants a mail whose member turned the topic off: it is not paused and lists the
/// address.
async fn wanted_as_well(
    core: &Core,
    team: TeamId,
    route: &Route,
    refusal: &Refusal,
) -> Option<(Route, Arc<ChannelPolicy>)> {
    let Refusal::OptedOut {
        wanted_by: Some(id), ..
    } = refusal
    else {
        return None;
    };
    let Target::Person { address, .. } = &route.target else {
        return None;
    };
    let Ok(Lookup::Found(policy)) = core.channels.channel(team, *id).await else {
        return None;
    };
    let Via::Channel { channel, .. } = &policy.channel.via else {
        return None;
    };
    let Some(Destination::Email(email)) = &channel.destination else {
        return None;
    };
    if policy.paused || !lists(email, address) {
        return None;
    }
    Some((by_channel(*id, address, &policy.name, route), policy))
}

fn by_channel(id: ChannelId, address: &str, name: &str, route: &Route) -> Route {
    Route {
        target: Target::Address {
            address: address.to_owned(),
            channel: Some(id),
        },
        reason: Reason::new(
            "rule_matched",
            format!("A rule sends it to “{name}”, which lists this address."),
        ),
        ..route.clone()
    }
}
