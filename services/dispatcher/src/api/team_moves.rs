//! `TeamMoveService`: the steps of a team's move, as far as they concern this cell. Each may be repeated: what it has done is in the row
//! of the move. The rows and the fence are described in `store/team_moves.rs`.

mod rows;

use std::time::Duration;

use sea_orm::DbErr;
use tonic::Request;
use uuid::Uuid;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::ids::TeamId;
use watchbell_runtime::problem::Problem;

use super::{Service, id, internal, team};
use crate::error::Error;
use crate::state::Core;
use crate::store::{MoveState, TABLES, TeamMove};

pub(super) use rows::{import_rows, read_rows};

/// How long a team stays frozen at most, by the database's clock: a heartbeat later it is served on at the latest.
const HOLD: Duration = Duration::from_secs(3);
/// How long attempts under way may take before a team is frozen. Those that take longer are made again by its next cell.
const QUIET: Duration = Duration::from_secs(2);
/// How long one call removes rows.
const REMOVING: Duration = Duration::from_millis(100);

type Result<T> = std::result::Result<T, Error>;

/// A request for a step of a move.
trait Step {
    fn ids(&self) -> (&str, &str);
}

macro_rules! steps {
    ($($request:ty),+ $(,)?) => {$(
        impl Step for $request {
            fn ids(&self) -> (&str, &str) {
                (&self.team_id, &self.move_id)
            }
        }
    )+};
}

steps!(
    wire::PrepareArrivalRequest,
    wire::BeginDepartureRequest,
    wire::ImportRowsRequest,
    wire::ReadRowsRequest,
    wire::FreezeTeamRequest,
    wire::LeaveCellRequest,
    wire::ActivateTeamRequest,
    wire::RemoveRowsRequest,
    wire::CancelTeamMoveRequest,
);

/// The team and the move that a step is about.
fn step<T: Step>(core: &Core, request: &Request<T>) -> Result<(TeamId, Uuid)> {
    internal(request)?;
    needs_postgres(core)?;
    let (team_id, move_id) = request.get_ref().ids();
    Ok((team(request, team_id)?, id("move_id", move_id)?))
}

fn needs_postgres(core: &Core) -> Result<()> {
    match core.db.is_sqlite() {
        false => Ok(()),
        true => Err(Problem::Precondition {
            reason: "NEEDS_POSTGRES",
            message: "teams move between cells on PostgreSQL only".to_owned(),
        }
        .into()),
    }
}

/// It is not this step's turn.
fn wrong_state(team: TeamId, known: Option<&TeamMove>) -> Error {
    let state = known.map_or("is not known here".to_owned(), |known| {
        format!("is {:?} here", known.state)
    });
    Problem::Precondition {
        reason: "MOVE_STATE",
        message: format!("the move of team {team} {state}"),
    }
    .into()
}

fn is(known: Option<&TeamMove>, move_id: Uuid, states: &[MoveState]) -> bool {
    known.is_some_and(|known| known.id == move_id && states.contains(&known.state))
}

pub(super) fn describe(
    service: &Service,
    request: &Request<wire::DescribeCellRequest>,
) -> Result<wire::DescribeCellResponse> {
    internal(request)?;
    let ownership = service.core.ownership();
    let table = ownership.table();
    let is_one_release = table.replicas.values().all(|replica| replica.is_of_this_release);
    Ok(wire::DescribeCellResponse {
        database_id: service.cell_id.to_string(),
        can_move_teams: !service.core.db.is_sqlite(),
        addresses: table
            .by_address()
            .into_keys()
            .map(|address| address.to_string())
            .collect(),
        version: match is_one_release {
            true => env!("CARGO_PKG_VERSION").to_owned(),
            false => String::new(),
        },
    })
}

pub(super) async fn get(
    core: &Core,
    request: Request<wire::GetTeamMoveRequest>,
) -> Result<wire::GetTeamMoveResponse> {
    internal(&request)?;
    needs_postgres(core)?;
    let team = team(&request, &request.get_ref().team_id)?;
    let known = core.db.team_move(team).await?;
    Ok(known.map_or_else(wire::GetTeamMoveResponse::default, |known| {
        wire::GetTeamMoveResponse {
            state: known.state as i32,
            move_id: known.id.to_string(),
            copied_rows: known.copied_rows,
        }
    }))
}

pub(super) async fn prepare_arrival(
    core: &Core,
    request: Request<wire::PrepareArrivalRequest>,
) -> Result<wire::PrepareArrivalResponse> {
    let (team, move_id) = step(core, &request)?;
    let addresses = request.into_inner().source_addresses;
    let transaction = core.db.begin().await?;
    let known = core.db.lock_team_move(&transaction, team).await?;
    match &known {
        Some(known) if known.id == move_id && known.state == MoveState::Arriving => {
            if !known.progress.is_empty() {
                return Ok(wire::PrepareArrivalResponse { done: true });
            }
        }
        // Of a move that was given up.
        Some(known) if matches!(known.state, MoveState::Left | MoveState::Arriving) => {}
        // What is here of a team that never left is its own.
        None if !has_rows(core, team).await? => {}
        _ => return Err(wrong_state(team, known.as_ref())),
    }
    if !is(known.as_ref(), move_id, &[MoveState::Arriving]) {
        core.db
            .put_team_move(&transaction, team, move_id, MoveState::Arriving, &addresses)
            .await?;
    }
    core.db.commit(transaction).await?;
    core.refresh_shards().await?;
    let (_, done) = remove(core, team).await?;
    Ok(wire::PrepareArrivalResponse { done })
}

async fn has_rows(core: &Core, team: TeamId) -> std::result::Result<bool, DbErr> {
    for table in TABLES {
        if core.db.last_key(team, table).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) async fn begin_departure(
    core: &Core,
    request: Request<wire::BeginDepartureRequest>,
) -> Result<wire::BeginDepartureResponse> {
    let (team, move_id) = step(core, &request)?;
    let transaction = core.db.begin().await?;
    let known = core.db.lock_team_move(&transaction, team).await?;
    if known.is_none() {
        core.db
            .put_team_move(&transaction, team, move_id, MoveState::Copying, &[])
            .await?;
    } else if !is(known.as_ref(), move_id, &[MoveState::Copying, MoveState::Frozen]) {
        return Err(wrong_state(team, known.as_ref()));
    }
    core.db.commit(transaction).await?;
    for table in TABLES {
        core.db.watch_rows(team, table).await?;
    }
    Ok(wire::BeginDepartureResponse {})
}

pub(super) async fn freeze(
    core: &Core,
    request: Request<wire::FreezeTeamRequest>,
) -> Result<wire::FreezeTeamResponse> {
    let (team, move_id) = step(core, &request)?;
    let known = core.db.team_move(team).await?;
    if !is(known.as_ref(), move_id, &[MoveState::Copying]) {
        return Err(wrong_state(team, known.as_ref()));
    }
    let quiet = Quiet::begin(core, team);
    core.drop_jobs_of(team);
    // Their outcomes are stored meanwhile, and new events, too.
    let _ = tokio::time::timeout(QUIET, core.live_jobs.none_of_team(team)).await;
    let transaction = core.db.begin().await?;
    if !core.db.freeze_team(&transaction, team, move_id, HOLD).await? {
        return Err(wrong_state(team, known.as_ref()));
    }
    core.db.commit(transaction).await?;
    core.refresh_shards().await?;
    drop(quiet);
    Ok(wire::FreezeTeamResponse {})
}

/// Nothing of a team is started while it lives.
struct Quiet<'c>(&'c Core, TeamId);

impl<'c> Quiet<'c> {
    fn begin(core: &'c Core, team: TeamId) -> Self {
        core.ownership().quieten(team);
        Self(core, team)
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        let Self(core, team) = self;
        core.ownership().unquieten(*team);
        core.sweep.notify_one();
    }
}

pub(super) async fn leave(
    core: &Core,
    request: Request<wire::LeaveCellRequest>,
) -> Result<wire::LeaveCellResponse> {
    let (team, move_id) = step(core, &request)?;
    let addresses = request.into_inner().target_addresses;
    let transaction = core.db.begin().await?;
    let known = core.db.lock_team_move(&transaction, team).await?;
    let has_left = is(known.as_ref(), move_id, &[MoveState::Left])
        || core
            .db
            .leave_cell(&transaction, team, move_id, &addresses)
            .await?;
    if !has_left {
        return Err(wrong_state(team, known.as_ref()));
    }
    core.db.commit(transaction).await?;
    core.refresh_shards().await?;
    Ok(wire::LeaveCellResponse {})
}

pub(super) async fn activate(
    core: &Core,
    request: Request<wire::ActivateTeamRequest>,
) -> Result<wire::ActivateTeamResponse> {
    let (team, move_id) = step(core, &request)?;
    let transaction = core.db.begin().await?;
    let known = core.db.lock_team_move(&transaction, team).await?;
    if known.is_none() {
        // By an earlier call.
        return Ok(wire::ActivateTeamResponse {});
    }
    if !is(known.as_ref(), move_id, &[MoveState::Arriving]) {
        return Err(wrong_state(team, known.as_ref()));
    }
    core.db.pass_cursors(&transaction, team).await?;
    core.db.forget_team_move(&transaction, team, move_id).await?;
    core.db.commit(transaction).await?;
    core.refresh_shards().await?;
    Ok(wire::ActivateTeamResponse {})
}

pub(super) async fn remove_rows(
    core: &Core,
    request: Request<wire::RemoveRowsRequest>,
) -> Result<wire::RemoveRowsResponse> {
    let (team, move_id) = step(core, &request)?;
    let known = core.db.team_move(team).await?;
    if !is(known.as_ref(), move_id, &[MoveState::Left]) {
        return Err(wrong_state(team, known.as_ref()));
    }
    for table in TABLES {
        core.db.unwatch_rows(team, table).await?;
    }
    let (rows, done) = remove(core, team).await?;
    Ok(wire::RemoveRowsResponse { rows, done })
}

/// Removes rows for a moment; how many, and whether none is left.
async fn remove(core: &Core, team: TeamId) -> Result<(i64, bool)> {
    let begun = core.clock.monotonic();
    let mut rows = 0;
    loop {
        let transaction = core.db.begin().await?;
        let removed = core.db.remove_rows(&transaction, team).await?;
        core.db.commit(transaction).await?;
        rows += i64::try_from(removed).unwrap_or(i64::MAX);
        if removed == 0 {
            return Ok((rows, true));
        }
        if core.clock.monotonic() >= begun + REMOVING {
            return Ok((rows, false));
        }
    }
}

pub(super) async fn cancel(
    core: &Core,
    request: Request<wire::CancelTeamMoveRequest>,
) -> Result<wire::CancelTeamMoveResponse> {
    let (team, move_id) = step(core, &request)?;
    let known = core.db.team_move(team).await?;
    let Some(known) = known.filter(|known| known.id == move_id) else {
        return Ok(wire::CancelTeamMoveResponse { done: true });
    };
    match known.state {
        MoveState::Copying | MoveState::Frozen => {
            for table in TABLES {
                core.db.unwatch_rows(team, table).await?;
            }
            let transaction = core.db.begin().await?;
            let known = core.db.lock_team_move(&transaction, team).await?;
            if !is(known.as_ref(), move_id, &[MoveState::Copying, MoveState::Frozen]) {
                return Err(wrong_state(team, known.as_ref()));
            }
            core.db.forget_all_changes(&transaction, team).await?;
            core.db.forget_team_move(&transaction, team, move_id).await?;
            core.db.commit(transaction).await?;
        }
        MoveState::Arriving => {
            if !remove(core, team).await?.1 {
                return Ok(wire::CancelTeamMoveResponse { done: false });
            }
            let transaction = core.db.begin().await?;
            let locked = core.db.lock_team_move(&transaction, team).await?;
            if !is(locked.as_ref(), move_id, &[MoveState::Arriving]) {
                return Err(wrong_state(team, locked.as_ref()));
            }
            // It lives where it came from.
            core.db
                .put_team_move(&transaction, team, move_id, MoveState::Left, &known.addresses)
                .await?;
            core.db.commit(transaction).await?;
        }
        MoveState::Left => return Err(wrong_state(team, Some(&known))),
    }
    core.refresh_shards().await?;
    Ok(wire::CancelTeamMoveResponse { done: true })
}
