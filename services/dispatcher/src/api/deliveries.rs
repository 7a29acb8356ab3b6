//! The delivery log, and what people do with deliveries: replay, recover, cancel.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use tonic::Request;
use uuid::Uuid;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::ChannelKind;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::catalog::notices::NOTIFICATIONS_SUMMARY;
use watchbell_model::convert::instant;
use watchbell_model::ids::{ChannelId, DeliveryId, NotificationId, TeamId};
use watchbell_model::route::Route;
use watchbell_model::shard::ShardId;
use watchbell_model::violation::Violations;
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;
use watchbell_store::paging::{FiltersHash, PageLimits, PageRequest};

use super::{exists, filters, id, internal, standing, team};
use crate::channel::cache::Lookup;
use crate::channel::people::Refusal;
use crate::delivery::precheck::DELETED;
use crate::encode;
use crate::error::Error;
use crate::job::State;
use crate::lanes::LaneId;
use crate::state::Core;
use crate::store::entities::deliveries;
use crate::store::{ChannelStats, NewDelivery, NewNotification, Transaction};

pub(super) async fn list(
    core: &Core,
    request: Request<wire::ListDeliveriesRequest>,
) -> Result<wire::ListDeliveriesResponse, Error> {
    let principal = Principal::from_request(&request)?;
    let team = principal.team(&request.get_ref().team_id)?;
    let request = request.into_inner();
    let (page_size, page_token) = (request.page_size, request.page_token.clone());
    let mut violations = Violations::new();
    let mut filter = filters::listed_deliveries(request, &mut violations);
    let hash = FiltersHash::for_method("ListDeliveries")
        .with(team)
        .with(format!("{filter:?}"));
    let page = PageRequest::<Uuid>::parse(page_size, &page_token, PageLimits::default(), hash);
    let page = violations.take(page);
    let Some(page) = page.filter(|_| violations.is_empty()) else {
        return Err(violations.into());
    };
    filter.before = page.after;
    let found = core
        .db
        .deliveries(team, &filter, page.limit(), filter.bound())
        .await?;
    if found.rows.is_empty() {
        exists(core, principal, team).await?;
    }
    let sizes = found
        .rows
        .iter()
        .map(|row| row.route.len() + row.title.len() + row.state_message.len());
    let page = page
        .within(sizes)
        .page_of_scan(found.rows, |row| row.id, found.stopped_at)
        .map_err(Problem::internal)?;
    Ok(wire::ListDeliveriesResponse {
        deliveries: standing::listed(core, team, &page.items).await?,
        next_page_token: page.next_page_token,
    })
}

pub(super) async fn get(
    core: &Core,
    request: Request<wire::GetDeliveryRequest>,
) -> Result<wire::GetDeliveryResponse, Error> {
    let team = team(&request, &request.get_ref().team_id)?;
    let row = find(core, team, &request.get_ref().delivery_id).await?;
    Ok(wire::GetDeliveryResponse {
        delivery: Some(in_full(core, team, &row).await?),
    })
}

async fn find(core: &Core, team: TeamId, text: &str) -> Result<deliveries::Model, Error> {
    let id: DeliveryId = id("delivery_id", text)?;
    let row = core.db.delivery(team, id).await?;
    row.ok_or_else(|| Problem::not_found("delivery", id).into())
}

async fn in_full(core: &Core, team: TeamId, row: &deliveries::Model) -> Result<wire::Delivery, Error> {
    let attempts = core.db.attempts(team, DeliveryId::from_uuid(row.id)).await?;
    let listed = standing::listed(core, team, std::slice::from_ref(row)).await?;
    let mut delivery = listed.into_iter().next().unwrap_or_default();
    delivery.attempts = attempts.into_iter().map(encode::attempt).collect();
    if row.event_type == NOTIFICATIONS_SUMMARY {
        delivery.folded_count = core.db.folded_count(team, row.id).await?;
    }
    Ok(delivery)
}

pub(super) async fn replay(
    core: &Core,
    request: Request<wire::ReplayRequest>,
) -> Result<wire::ReplayResponse, Error> {
    let team = team(&request, &request.get_ref().team_id)?;
    let original = find(core, team, &request.get_ref().delivery_id).await?;
    let event = core
        .db
        .event(team, &original.event_id)
        .await?
        .ok_or(Problem::Precondition {
            reason: "EVENT_GONE",
            message: "the event was deleted by retention, so it cannot be sent again".to_owned(),
        })?;
    let event = Arc::new(event.event()?);
    let route = original.parsed_route()?;
    if route.is_confirmation() {
        return Err(Problem::Precondition {
            reason: "ASKED_ALREADY",
            message: "an email that asks a recipient to confirm is not sent again by a replay: use \
                      ResendRecipientConfirmation"
                .to_owned(),
        }
        .into());
    }
    check_wanted(core, &event, &route).await?;
    let new = DeliveryId::generate(core.clock.now());
    let transaction = begin(core, team).await?;
    let inboxes = match route.kind {
        ChannelKind::InApp => Some(core.inboxes.lock().await),
        _ => None,
    };
    insert_replay(core, &transaction, &original, &event, &route, new).await?;
    core.db.commit(transaction).await?;
    if inboxes.is_some() {
        core.feed.notified([team]);
    } else {
        core.note_due(team, LaneId(original.lane_id), core.clock.now());
    }
    drop(inboxes);
    let row = find(core, team, &new.to_string()).await?;
    Ok(wire::ReplayResponse {
        delivery: Some(encode::delivery(&row)?),
    })
}

/// Refuses a replay to a removed member or recipient. While Config is unavailable the delivery itself is checked
/// again.
async fn check_wanted(core: &Core, event: &AcceptedEvent, route: &Route) -> Result<(), Error> {
    if route.kind == ChannelKind::InApp {
        return Ok(());
    }
    core.channels.forget(event.team_id);
    let (reason, message) = match core.channels.of_route(event.team_id, route).await {
        Ok(Lookup::Deleted) => ("TARGET_GONE", DELETED.to_owned()),
        Ok(Lookup::Found(policy)) => match policy.refuse(event, route) {
            Some(Refusal::Gone(message)) => ("TARGET_GONE", message),
            Some(Refusal::OptedOut {
                message,
                wanted_by: None,
            }) => ("OPTED_OUT", message),
            // Whether the channel still wants it is checked when it is sent.
            Some(Refusal::OptedOut { .. }) | None => return Ok(()),
        },
        Err(_) => return Ok(()),
    };
    Err(Problem::Precondition { reason, message }.into())
}

/// Begins a transaction that writes for a team, at the owner of its shard.
pub(super) async fn begin(core: &Core, team: TeamId) -> Result<Transaction, Error> {
    let transaction = core.begin_fenced(team).await?;
    Ok(transaction.ok_or(Problem::NotOwner { address: None })?)
}

async fn insert_replay(
    core: &Core,
    transaction: &Transaction,
    original: &deliveries::Model,
    event: &Arc<AcceptedEvent>,
    route: &Arc<Route>,
    id: DeliveryId,
) -> Result<(), Error> {
    let now = core.clock.now().trunc_subsecs(6);
    let inbox = route.kind == ChannelKind::InApp;
    let delivery = NewDelivery {
        id,
        event,
        route,
        route_json: &original.route,
        lane: LaneId(original.lane_id),
        state: if inbox { State::Delivered } else { State::Pending },
        state_message: "",
        title: &original.title,
        alert: original.alert.as_deref(),
        created_at: now,
        replay_of: Some(DeliveryId::from_uuid(original.id)),
    };
    core.db.insert_deliveries(transaction, &[delivery]).await?;
    if inbox {
        let row = NewNotification {
            id: NotificationId::generate(now),
            event,
        };
        core.db.insert_notifications(transaction, &[row]).await?;
    }
    Ok(())
}

pub(super) async fn recover(
    core: &Core,
    request: Request<wire::RecoverRequest>,
) -> Result<wire::RecoverResponse, Error> {
    let team = team(&request, &request.get_ref().team_id)?;
    let request = request.into_inner();
    let mut violations = Violations::new();
    let channel: Option<ChannelId> = violations.take(id("channel_id", &request.channel_id));
    let since = instant(request.start_time.as_ref(), "start_time", &mut violations);
    if since.is_none() && violations.is_empty() {
        violations.required("start_time");
    }
    let (Some(channel), Some(since)) = (channel, since) else {
        return Err(violations.into());
    };
    check_carries(core, team, channel).await?;
    let mut recovered = recover_all(core, team, Some(channel), since).await?;
    // By the team's own mail server its people get their mail, too.
    if let Ok(Lookup::Found(policy)) = core.channels.people(team).await
        && policy.channel_id == Some(channel)
    {
        recovered += recover_all(core, team, None, since).await?;
    }
    let transaction = begin(core, team).await?;
    core.db.reopen_folded(&transaction, team, channel).await?;
    core.db.commit(transaction).await?;
    Ok(wire::RecoverResponse {
        recovered_count: i64::try_from(recovered).unwrap_or(i64::MAX),
    })
}

async fn recover_all(
    core: &Core,
    team: TeamId,
    channel: Option<ChannelId>,
    since: DateTime<Utc>,
) -> Result<u64, Error> {
    let now = core.clock.now();
    let lane = LaneId(channel.map_or(team.as_uuid(), |id| id.as_uuid()));
    let mut all = 0;
    loop {
        let transaction = begin(core, team).await?;
        let some = core
            .db
            .recover_chunk(&transaction, team, channel, since, now)
            .await?;
        core.db.commit(transaction).await?;
        core.note_due(team, lane, now);
        all += some;
        if some == 0 {
            return Ok(all);
        }
    }
}

/// Refuses a recovery on a channel that cannot send, because the deliveries would only be parked again.
async fn check_carries(core: &Core, team: TeamId, id: ChannelId) -> Result<(), Error> {
    core.channels.forget(team);
    let policy = match core.channels.channel(team, id).await {
        Ok(Lookup::Found(policy)) => policy,
        Ok(Lookup::Deleted) => return Err(Problem::not_found("channel", id).into()),
        Err(_) => {
            return Err(
                Problem::unavailable("the channel's configuration is unavailable at the moment").into(),
            );
        }
    };
    if core.health.is_unhealthy(id, policy.epoch) {
        return Err(Problem::Precondition {
            reason: "CHANNEL_UNHEALTHY",
            message: "the channel is unhealthy; re-enable it first".to_owned(),
        }
        .into());
    }
    if policy.paused {
        return Err(Problem::Precondition {
            reason: "CHANNEL_PAUSED",
            message: "the channel is paused; activate it first".to_owned(),
        }
        .into());
    }
    Ok(())
}

pub(super) async fn cancel(
    core: &Core,
    request: Request<wire::CancelDeliveryRequest>,
) -> Result<wire::CancelDeliveryResponse, Error> {
    let team = team(&request, &request.get_ref().team_id)?;
    let row = find(core, team, &request.get_ref().delivery_id).await?;
    let id = DeliveryId::from_uuid(row.id);
    let lane = LaneId(row.lane_id);
    // Out of the lane first, so that it cannot start meanwhile. One without a job is kept from being loaded.
    let queued = core.lanes().remove(lane, |job| job.id == id);
    let guard = match queued {
        Some(_) => None,
        None => core.live_jobs.register(row.id, lane, ShardId::of(team)),
    };
    if queued.is_none() && guard.is_none() {
        return Err(not_cancelled(&row).into());
    }
    let cancelled = cancel_waiting(core, team, id).await;
    drop((queued, guard));
    if !matches!(cancelled, Ok(true)) {
        core.note_due(team, lane, core.clock.now());
    }
    if !cancelled? {
        return Err(not_cancelled(&row).into());
    }
    let row = find(core, team, &id.to_string()).await?;
    Ok(wire::CancelDeliveryResponse {
        delivery: Some(in_full(core, team, &row).await?),
    })
}

async fn cancel_waiting(core: &Core, team: TeamId, id: DeliveryId) -> Result<bool, Error> {
    let transaction = begin(core, team).await?;
    let cancelled = core
        .db
        .cancel(&transaction, team, id, "called off", core.clock.now())
        .await?;
    core.db.commit(transaction).await?;
    Ok(cancelled)
}

fn not_cancelled(row: &deliveries::Model) -> Problem {
    match row.ended_at {
        Some(_) => Problem::Precondition {
            reason: "DELIVERY_ENDED",
            message: "the delivery has ended".to_owned(),
        },
        None => Problem::Precondition {
            reason: "DELIVERY_IN_FLIGHT",
            message: "the delivery is being sent at this moment".to_owned(),
        },
    }
}

pub(super) async fn channel_stats(
    core: &Core,
    request: Request<wire::GetChannelStatsRequest>,
) -> Result<wire::GetChannelStatsResponse, Error> {
    internal(&request)?;
    let team = team(&request, &request.get_ref().team_id)?;
    let stats = core.db.channel_stats(team).await?;
    let channels = stats.into_iter().map(channel_stats_message);
    // Teams have a lane for mail to people even if no mail was ever sent; it has no stats.
    let has_stats = |stats: &wire::ChannelStats| {
        !stats.channel_id.is_empty()
            || stats.waiting_count > 0
            || stats.last_success_time.is_some()
            || stats.last_error_time.is_some()
    };
    Ok(wire::GetChannelStatsResponse {
        channels: channels.filter(has_stats).collect(),
    })
}

fn channel_stats_message(stats: ChannelStats) -> wire::ChannelStats {
    wire::ChannelStats {
        channel_id: stats
            .channel_id
            .map(|id| ChannelId::from_uuid(id).to_string())
            .unwrap_or_default(),
        kind: i32::from(stats.kind),
        last_success_time: stats.last_success_at.map(encode::time),
        last_error: stats.last_error.unwrap_or_default(),
        oldest_waiting_time: stats.oldest_waiting_at.map(encode::time),
        waiting_count: stats.waiting,
        last_error_time: stats.last_error_at.map(encode::time),
    }
}
