//! What still waits is called off: one delivery, or many by a filter, counted first.

use std::collections::{BTreeSet, HashSet};

use tonic::Request;
use uuid::Uuid;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::ids::TeamId;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;

use super::deliveries::{begin, find, in_full, tell_watchers};
use super::selection::{MAX_TIME, Selection, period};
use super::{exists, filters, team};
use crate::error::Error;
use crate::job::State;
use crate::lanes::LaneId;
use crate::resend::Resend;
use crate::state::Core;
use crate::store::DeliveryFilter;
use crate::store::entities::deliveries;

/// Deliveries of one transaction.
const CHUNK: usize = 1_000;

/// Said of what somebody has called off.
const CALLED_OFF: &str = "called off";

pub(super) async fn one(
    core: &Core,
    request: Request<wire::CancelDeliveryRequest>,
) -> Result<wire::CancelDeliveryResponse, Error> {
    let team = team(&request, &request.get_ref().team_id)?;
    let row = find(core, team, &request.get_ref().delivery_id).await?;
    if call_off(core, team, &[(row.id, LaneId(row.lane_id))]).await? == 0 {
        return Err(not_cancelled(&row).into());
    }
    let row = find(core, team, &request.get_ref().delivery_id).await?;
    Ok(wire::CancelDeliveryResponse {
        delivery: Some(in_full(core, team, &row).await?),
    })
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

pub(super) async fn many(
    core: &Core,
    request: Request<wire::CancelDeliveriesRequest>,
) -> Result<wire::CancelDeliveriesResponse, Error> {
    let principal = Principal::from_request(&request)?;
    let team = principal.team(&request.get_ref().team_id)?;
    let request = request.into_inner();
    let validate_only = request.validate_only;
    let filter = read(request)?;
    core.resends.forget_idle(core.clock.now(), core.clock.monotonic());
    let what = Resend::CancelDeliveries;
    let _turn = core.resends.begin(team, what, core.clock.monotonic())?;
    let selection = Selection::find(core, team, what, vec![filter], MAX_TIME).await?;
    if selection.deliveries.is_empty() {
        exists(core, principal, team).await?;
    }
    let mut count = 0;
    if validate_only {
        count = selection.deliveries.len() as u64;
    } else {
        for chunk in selection.deliveries.chunks(CHUNK) {
            let chunk: Vec<_> = chunk
                .iter()
                .map(|delivery| (delivery.id, delivery.lane))
                .collect();
            count += call_off(core, team, &chunk).await?;
        }
    }
    Ok(wire::CancelDeliveriesResponse {
        cancelled_count: i64::try_from(count).unwrap_or(i64::MAX),
        channels: selection.channels(),
        truncated: selection.is_truncated(),
    })
}

fn read(request: wire::CancelDeliveriesRequest) -> Result<DeliveryFilter, Violations> {
    let mut violations = Violations::new();
    let (start, end) = period(request.start_time, request.end_time, &mut violations);
    if request.filter.is_none() {
        violations.required("filter");
    }
    let mut of_filter = Violations::new();
    let mut filter = filters::deliveries(request.filter.unwrap_or_default(), &mut of_filter);
    for (index, state) in filter.states.iter().enumerate() {
        if !matches!(state, State::Pending | State::Held | State::Parked) {
            let why = "must be PENDING, HELD or PARKED";
            of_filter.add(format!("states[{index}]"), reason::NOT_ALLOWED, why);
        }
    }
    violations.nest("filter", of_filter);
    if filter.states.is_empty() {
        filter.states = vec![State::Pending, State::Held, State::Parked];
    }
    violations.into_result(DeliveryFilter { start, end, ..filter })
}

/// Calls some off in one transaction, but for those that are being sent or have ended; how many.
async fn call_off(core: &Core, team: TeamId, deliveries: &[(Uuid, LaneId)]) -> Result<u64, Error> {
    let wanted: HashSet<Uuid> = deliveries.iter().map(|(id, _)| *id).collect();
    let lanes: BTreeSet<LaneId> = deliveries.iter().map(|(_, lane)| *lane).collect();
    // Out of their lanes first, so that none starts meanwhile. Those without a job are kept from being loaded.
    let mut queued = Vec::new();
    for lane in &lanes {
        let removed = core
            .lanes()
            .remove(*lane, |job| wanted.contains(&job.id.as_uuid()));
        queued.extend(removed);
    }
    let mut free: Vec<Uuid> = queued.iter().map(|job| job.id.as_uuid()).collect();
    let mut guards = Vec::new();
    for (id, lane) in deliveries {
        if let Some(guard) = core.live_jobs.register(*id, *lane, team) {
            free.push(*id);
            guards.push(guard);
        }
    }
    if free.is_empty() {
        return Ok(0);
    }
    let cancelled = async {
        let transaction = begin(core, team).await?;
        let now = core.clock.now();
        let count = core.db.cancel(&transaction, team, &free, CALLED_OFF, now).await?;
        core.db.commit(transaction).await?;
        Ok(count)
    }
    .await;
    drop((queued, guards));
    if matches!(cancelled, Ok(count) if count > 0) {
        tell_watchers(core, team, &free).await;
    }
    // What was taken out of its lane and was not called off is loaded again.
    if !matches!(cancelled, Ok(count) if count == free.len() as u64) {
        for lane in lanes {
            core.note_due(team, lane, core.clock.now());
        }
    }
    cancelled
}
