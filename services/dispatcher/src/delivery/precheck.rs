//! Checks right before an attempt: the target still exists and wants the delivery, the channel can send, and it may
//! send now. They use the present configuration, however long ago the route was decided.

use std::sync::Arc;

use chrono::TimeDelta;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_model::ids::ChannelId;
use watchbell_model::route::{Reason, Route, Target};

use crate::channel::cache::{ConfigUnavailable, Lookup};
use crate::channel::hold::held_until;
use crate::channel::people::{Refusal, lists};
use crate::channel::policy::ChannelPolicy;
use crate::job::{Job, JobOutcome, ParkedFor, State};
use crate::senders::Via;
use crate::state::Core;

/// Delay of deliveries whose channel could never be resolved.
const CONFIG_AWAY: TimeDelta = TimeDelta::seconds(5);
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
    if let Some(refusal) = policy.refuse(&job.event, &job.route) {
        match wanted_as_well(core, &job, &refusal).await {
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
        let message = format!("folded into a summary at {}", until.format("%H:%M UTC"));
        return stays(job.waits(State::Folded, message, until));
    }
    if let Some(over) = core.budgets.spend(&policy, &job.route, 1, now) {
        core.lanes().refund(job.lane);
        let until = over.until;
        return stays(job.waits(State::Pending, over.message(), until));
    }
    Ok((job, policy))
}

/// The email channel that still wants a mail whose member turned the topic off: it is not paused and lists the
/// address.
async fn wanted_as_well(core: &Core, job: &Job, refusal: &Refusal) -> Option<(Route, Arc<ChannelPolicy>)> {
    let Refusal::OptedOut {
        wanted_by: Some(id), ..
    } = refusal
    else {
        return None;
    };
    let Target::Person { address, .. } = &job.route.target else {
        return None;
    };
    let Ok(Lookup::Found(policy)) = core.channels.channel(job.team_id(), *id).await else {
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
    Some((by_channel(*id, address, &policy.name, &job.route), policy))
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
