//! `Replay`: the same event to the same target once more, one delivery or many by a filter.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, SubsecRound as _, Utc};
use tonic::Request;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::ChannelKind;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::ids::{DeliveryId, NotificationId, TeamId};
use watchbell_model::pace;
use watchbell_model::route::Route;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;

use super::additions;
use super::deliveries::{begin, find};
use super::selection::{self, MAX_TIME, Resent, Selected, Selection, period};
use super::{exists, filters};
use crate::channel::cache::Lookup;
use crate::channel::people::Refusal;
use crate::delivery::precheck::DELETED;
use crate::encode;
use crate::error::Error;
use crate::job::State;
use crate::lanes::LaneId;
use crate::resend::Resend;
use crate::state::Core;
use crate::store::entities::deliveries;
use crate::store::{DeliveryFilter, NewDelivery, NewNotification, Transaction};

/// Deliveries of one transaction.
const CHUNK: usize = 500;

/// A replay that is made.
struct Replay {
    id: DeliveryId,
    original: deliveries::Model,
    event: Arc<AcceptedEvent>,
    route: Arc<Route>,
    due_at: DateTime<Utc>,
}

/// Which deliveries, checked.
struct Wanted {
    filter: DeliveryFilter,
    validate_only: bool,
    per_second: u32,
}

pub(super) async fn replay(
    core: &Core,
    request: Request<wire::ReplayRequest>,
) -> Result<wire::ReplayResponse, Error> {
    let principal = Principal::from_request(&request)?;
    let team = principal.team(&request.get_ref().team_id)?;
    let request = request.into_inner();
    if request.filter.is_none() {
        return one(core, team, &request.delivery_id).await;
    }
    many(core, principal, team, read(request)?).await
}

async fn one(core: &Core, team: TeamId, id: &str) -> Result<wire::ReplayResponse, Error> {
    let original = find(core, team, id).await?;
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
    let now = core.clock.now().trunc_subsecs(6);
    let replay = Replay {
        id: DeliveryId::generate(now),
        original,
        event,
        route,
        due_at: now,
    };
    let id = replay.id;
    let transaction = begin(core, team).await?;
    insert(core, transaction, team, &[replay], now).await?;
    let row = find(core, team, &id.to_string()).await?;
    Ok(wire::ReplayResponse {
        delivery: Some(encode::delivery(&row)?),
        ..Default::default()
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

fn read(request: wire::ReplayRequest) -> Result<Wanted, Violations> {
    let mut violations = Violations::new();
    if !request.delivery_id.is_empty() {
        violations.add("delivery_id", reason::NOT_ALLOWED, "does not go with `filter`");
    }
    let (start, end) = period(request.start_time, request.end_time, &mut violations);
    let mut of_filter = Violations::new();
    let mut filter = filters::deliveries(request.filter.unwrap_or_default(), &mut of_filter);
    for (index, state) in filter.states.iter().enumerate() {
        if matches!(state, State::Pending | State::Held | State::Parked) {
            let why = "must be a state of what has ended";
            of_filter.add(format!("states[{index}]"), reason::NOT_ALLOWED, why);
        }
    }
    violations.nest("filter", of_filter);
    if filter.states.is_empty() {
        filter.states = vec![State::Delivered, State::Failed];
    }
    let per_second = pace::per_second(request.per_second, &mut violations);
    violations.into_result(Wanted {
        filter: DeliveryFilter { start, end, ..filter },
        validate_only: request.validate_only,
        per_second: per_second.unwrap_or(pace::PER_SECOND),
    })
}

async fn many(
    core: &Core,
    principal: Principal,
    team: TeamId,
    wanted: Wanted,
) -> Result<wire::ReplayResponse, Error> {
    core.channels.forget(team);
    core.resends.forget_idle(core.clock.now(), core.clock.monotonic());
    let _turn = core.resends.begin(team, Resend::Replay, core.clock.monotonic())?;
    let selection = Selection::find(core, team, Resend::Replay, vec![wanted.filter], MAX_TIME).await?;
    if selection.deliveries.is_empty() {
        exists(core, principal, team).await?;
    }
    let mut resent = Resent::default();
    if wanted.validate_only {
        resent.add(selection.deliveries.len() as u64, None);
    } else {
        for chunk in selection.deliveries.chunks(CHUNK) {
            replay_chunk(core, team, chunk, wanted.per_second, &mut resent).await?;
        }
    }
    Ok(wire::ReplayResponse {
        delivery: None,
        replayed_count: resent.count(),
        channels: selection.channels(),
        truncated: selection.is_truncated(),
        last_due_time: resent.last_due_time(),
    })
}

/// Replays some in one transaction, without those whose event is gone or that somebody has replayed meanwhile.
async fn replay_chunk(
    core: &Core,
    team: TeamId,
    chunk: &[Selected],
    per_second: u32,
    resent: &mut Resent,
) -> Result<(), Error> {
    let now = core.clock.now().trunc_subsecs(6);
    let ids: Vec<_> = chunk.iter().map(Selected::delivery).collect();
    let transaction = begin(core, team).await?;
    let originals = core.db.deliveries_with_ids(&transaction, team, &ids).await?;
    let event_ids: Vec<&str> = originals.iter().map(|row| row.event_id.as_str()).collect();
    let mut events = HashMap::new();
    for row in core.db.lock_events(&transaction, team, &event_ids).await? {
        let event = Arc::new(row.event()?);
        events.insert(event.id.to_string(), event);
    }
    let replayed = core.db.replayed_in(&transaction, team, &event_ids).await?;
    let mut replays = Vec::with_capacity(originals.len());
    for original in originals {
        if let Some(event) = events.get(&original.event_id)
            && !replayed.contains(&original.id)
        {
            replays.push(Replay {
                id: DeliveryId::generate(now),
                event: Arc::clone(event),
                route: original.parsed_route()?,
                original,
                due_at: now,
            });
        }
    }
    let due = selection::pace(core, team, per_second, replays.len(), now).await?;
    for (replay, due_at) in replays.iter_mut().zip(&due) {
        replay.due_at = *due_at;
    }
    let count = replays.len() as u64;
    insert(core, transaction, team, &replays, now).await?;
    resent.add(count, due.last().copied());
    Ok(())
}

/// Inserts replays and commits.
async fn insert(
    core: &Core,
    transaction: Transaction,
    team: TeamId,
    replays: &[Replay],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let is_inbox = |replay: &Replay| replay.route.kind == ChannelKind::InApp;
    let rows: Vec<_> = replays
        .iter()
        .map(|replay| NewDelivery {
            id: replay.id,
            event: &replay.event,
            route: &replay.route,
            route_json: &replay.original.route,
            lane: LaneId(replay.original.lane_id),
            state: if is_inbox(replay) {
                State::Delivered
            } else {
                State::Pending
            },
            state_message: "",
            gathered: None,
            title: &replay.original.title,
            alert: replay.original.alert.as_deref(),
            created_at: now,
            due_at: replay.due_at,
            replay_of: Some(DeliveryId::from_uuid(replay.original.id)),
        })
        .collect();
    let notifications: Vec<_> = replays
        .iter()
        .filter(|replay| is_inbox(replay))
        .map(|replay| NewNotification {
            id: NotificationId::generate(now),
            event: &replay.event,
        })
        .collect();
    additions::insert(core, transaction, team, &rows, &notifications).await?;
    for replay in replays.iter().filter(|replay| !is_inbox(replay)) {
        core.note_due(team, LaneId(replay.original.lane_id), replay.due_at);
    }
    Ok(())
}
