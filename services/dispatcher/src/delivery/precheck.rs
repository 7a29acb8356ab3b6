//! What is asked of a delivery right before it is tried: whether its target is still there and wants it, whether its
//! channel carries, and whether it may go now. The answer holds for this moment, however long ago the route was decided.

use std::sync::Arc;

use chrono::TimeDelta;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_model::ids::ChannelId;
use watchbell_model::route::{Reason, Route, Target};

use crate::channel::cache::{Away, Known};
use crate::channel::people::{Refusal, lists};
use crate::channel::policy::Terms;
use crate::job::{Job, Outcome, ParkedFor, State};
use crate::maintenance::replan::held_until;
use crate::senders::Via;
use crate::state::Core;

/// What cannot be tried because Config has never answered for its channel is looked at again after so long.
const CONFIG_AWAY: TimeDelta = TimeDelta::seconds(5);
/// What is said of deliveries to a channel that is gone.
pub(crate) const DELETED: &str = "the channel was deleted";

/// The job to try and the terms to try it on, or where it stands without an attempt.
pub(crate) async fn screen(core: &Core, mut job: Job) -> Result<(Job, Arc<Terms>), Box<Outcome>> {
    let now = core.clock.now();
    let stays = |outcome: Outcome| Err(Box::new(outcome));
    let mut terms = match core.channels.of_route(job.team_id(), &job.route).await {
        Ok(Known::There(terms)) => terms,
        Ok(Known::Gone) => return stays(job.ends(State::Cancelled, DELETED, now)),
        Err(Away) => {
            let message = "waiting for the channel's configuration, which cannot be read at present";
            return stays(job.waits(State::Pending, message, now + CONFIG_AWAY));
        }
    };
    {
        let now = core.clock.monotonic();
        let mut lanes = core.lanes();
        lanes.set_policy(job.lane, terms.policy, now);
        // More may go at a time than was known when the pump went to sleep.
        if lanes.oversleeps(now) {
            core.pump.notify_one();
        }
    }
    if let Some(refusal) = terms.refuse(&job.event, &job.route) {
        match wanted_as_well(core, &job, &refusal).await {
            Some((route, of_channel)) => {
                job.route = Arc::new(route);
                terms = of_channel;
            }
            None => {
                core.lanes().refund(job.lane);
                return stays(job.ends(State::Cancelled, refusal.message(), now));
            }
        }
    }
    if job.route.target == Target::Receipts && terms.people.receipt_recipients().is_empty() {
        core.lanes().refund(job.lane);
        let message = "kept until the team has a compliance recipient or an Owner";
        return stays(job.parks(ParkedFor::NoRecipient, message));
    }
    if terms.paused {
        return stays(job.parks(ParkedFor::Paused, "parked because the channel is paused"));
    }
    if let Some(id) = terms.channel_id
        && core.health.is_unhealthy(id, terms.epoch)
    {
        let message = format!(
            "parked because the channel {} is unhealthy; mend it, enable it again and recover",
            terms.name
        );
        return stays(job.parks(ParkedFor::Unhealthy, message));
    }
    if let Some(until) = terms
        .quiet
        .as_ref()
        .and_then(|quiet| quiet.holds(job.event.severity, now))
    {
        core.lanes().refund(job.lane);
        return stays(job.waits(State::Held, held_until(until), until));
    }
    if let Some(limit) = terms.storm
        && let Some(until) = core.storms.folds(core, &job, limit).await
    {
        core.lanes().refund(job.lane);
        let message = format!("folded into a summary at {}", until.format("%H:%M UTC"));
        return stays(job.waits(State::Folded, message, until));
    }
    if let Some(over) = core.budgets.spend(&terms, &job.route, 1, now) {
        core.lanes().refund(job.lane);
        let until = over.until;
        return stays(job.waits(State::Pending, over.message(), until));
    }
    Ok((job, terms))
}

/// The email channel by which mail goes whose member turned the topic off, as the next such event will: the channel is
/// not paused and lists the address.
async fn wanted_as_well(core: &Core, job: &Job, refusal: &Refusal) -> Option<(Route, Arc<Terms>)> {
    let Refusal::OptedOut {
        wanted_by: Some(id), ..
    } = refusal
    else {
        return None;
    };
    let Target::Person { address, .. } = &job.route.target else {
        return None;
    };
    let Ok(Known::There(terms)) = core.channels.channel(job.team_id(), *id).await else {
        return None;
    };
    let Via::Channel { channel, .. } = &terms.channel.via else {
        return None;
    };
    let Some(Destination::Email(email)) = &channel.destination else {
        return None;
    };
    if terms.paused || !lists(email, address) {
        return None;
    }
    Some((by_channel(*id, address, &terms.name, &job.route), terms))
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
