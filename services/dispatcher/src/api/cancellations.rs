//! `CancelDeliveries`: what still waits is called off by a filter, counted first.

use std::collections::{BTreeSet, HashSet};

use tonic::Request;
use uuid::Uuid;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::ids::TeamId;
use watchbell_model::shard::ShardId;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::Principal;

use super::deliveries::{CALLED_OFF, begin};
use super::selection::{MAX_TIME, Selected, Selection, period};
use super::{exists, filters};
use crate::error::Error;
use crate::job::State;
use crate::lanes::LaneId;
use crate::resend::Resend;
use crate::state::Core;
use crate::store::DeliveryFilter;

/// Deliveries of one transaction.
const CHUNK: usize = 1_000;

pub(super) async fn cancel(
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
            count += call_off(core, team, chunk).await?;
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

/// Calls some off in one transaction, but for those that are being sent; how many.
async fn call_off(core: &Core, team: TeamId, chunk: &[Selected]) -> Result<u64, Error> {
    let wanted: HashSet<Uuid> = chunk.iter().map(|delivery| delivery.id).collect();
    let lanes: BTreeSet<LaneId> = chunk.iter().map(|delivery| delivery.lane).collect();
    // Out of their lanes first, so that none starts meanwhile. Those without a job are kept from being loaded.
    let mut queued = Vec::new();
    for lane in &lanes {
        let jobs = core
            .lanes()
            .remove_all(*lane, |job| wanted.contains(&job.id.as_uuid()));
        queued.extend(jobs);
    }
    let mut free: Vec<Uuid> = queued.iter().map(|job| job.id.as_uuid()).collect();
    let mut guards = Vec::new();
    for delivery in chunk {
        if let Some(guard) = core
            .live_jobs
            .register(delivery.id, delivery.lane, ShardId::of(team))
        {
            free.push(delivery.id);
            guards.push(guard);
        }
    }
    let cancelled = async {
        let transaction = begin(core, team).await?;
        let now = core.clock.now();
        let count = core
            .db
            .cancel_all(&transaction, team, &free, CALLED_OFF, now)
            .await?;
        core.db.commit(transaction).await?;
        Ok(count)
    }
    .await;
    drop((queued, guards));
    if cancelled.is_err() {
        for lane in lanes {
            core.note_due(team, lane, core.clock.now());
        }
    }
    cancelled
}
