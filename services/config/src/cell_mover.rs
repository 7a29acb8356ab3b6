//! The loop that moves a team from one cell to another. What has been done is in the rows of the two cells and of the move; so whoever
//! drives it, and however often it was interrupted, goes on where it was:
//! 1. the new cell is told that the team arrives, the old one notes what changes from now on (`COPYING`);
//! 2. the rows that were there then are copied while the team is served, and after them what has changed, until that is less than a page;
//! 3. the old cell freezes the team for three seconds at most, and what has changed last is copied;
//! 4. the old cell notes that the team has left, unless it has thawed or a change is not copied. From here on the move is not called off;
//! 5. the new cell serves the team; Config says so (`REMOVING`); the old rows are removed.

mod step;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use tonic::{Response, Status};
use uuid::Uuid;
use watchbell_contracts::api::TeamMoveApi;
use watchbell_contracts::config::v1::CellMoveState;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_contracts::dispatcher::v1::TeamMoveState;
use watchbell_model::cell::CellName;

use self::step::Step;
use crate::error::{Error, Result};
use crate::service::Service;
use crate::store::changes::Change;
use crate::store::entities::{cell, cell_move};
use crate::store::{cell_moves, cells, parse, teams};

/// Between two looks for a move.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);
/// How long a replica that says nothing more still counts as driving: longer than a step takes.
const LEASE: TimeDelta = TimeDelta::seconds(12);
/// The longest step.
const STEP: Duration = Duration::from_secs(10);
/// After a step that failed.
const RETRY: Duration = Duration::from_millis(500);
/// How long cells may be unreachable before a move is given up that has not left.
const UNREACHABLE: TimeDelta = TimeDelta::minutes(10);
/// After a page of changes that had at most so many the team is frozen: a full one has twice as many.
const FEW: i64 = 1_000;
/// How long changes may come faster than they are copied, before a move is given up.
const OUTRUN: Duration = Duration::from_secs(10 * 60);
/// How long a team is frozen at most.
const HOLD: Duration = Duration::from_secs(3);
/// How long a Dispatcher of the old cell may not know that the team has left: longer than one counts as alive without reading
/// that. Until then it answers from the old rows.
const KNOWN_TO_ALL: Duration = Duration::from_secs(4);
/// How often the team may be frozen.
const FREEZES: usize = 10;

/// Loop that moves teams.
pub struct CellMover {
    service: Service,
    driver: Uuid,
}

/// A move, and the cells that it concerns.
struct Drive<'m> {
    service: &'m Service,
    driver: Uuid,
    row: cell_move::Model,
    from: cell::Model,
    to: cell::Model,
}

/// Why a move does not go on now.
enum Failed {
    /// Another replica drives it.
    Elsewhere,
    /// It may go on later.
    Later(String),
    /// It is to be called off.
    Never(String),
    Error(Error),
}

type Tried<T> = std::result::Result<T, Failed>;

// === impl Failed ===

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

// === impl CellMover ===

impl CellMover {
    /// A replica's.
    #[must_use]
    pub fn new(service: Service) -> Self {
        Self {
            service,
            driver: Uuid::now_v7(),
        }
    }

    /// Drives the move that is under way, if there is one, to its end.
    ///
    /// # Errors
    /// The database's.
    pub async fn tick(&self) -> Result<()> {
        let reader = self.service.store().reader();
        let Some(row) = cell_moves::under_way_all_teams(reader).await? else {
            return Ok(());
        };
        let name = |name: &str| parse::<CellName>("cell_moves", name);
        let drive = Drive {
            service: &self.service,
            driver: self.driver,
            from: cells::get(reader, &name(&row.from_cell)?).await?,
            to: cells::get(reader, &name(&row.to_cell)?).await?,
            row,
        };
        drive.run().await
    }
}

// === impl Drive ===

impl Drive<'_> {
    async fn run(mut self) -> Result<()> {
        let mut failing_since = None;
        loop {
            let mut tried = self.go_on().await;
            if let Err(Failed::Never(why)) = tried {
                tried = self.call_off(&why).await;
            }
            let why = match tried {
                Ok(()) | Err(Failed::Elsewhere) => return Ok(()),
                Err(Failed::Error(error)) => return Err(error),
                Err(Failed::Never(why) | Failed::Later(why)) => why,
            };
            let now = self.service.now();
            let since = *failing_since.get_or_insert(now);
            tracing::warn!(team = %self.row.team(), %why, "a move does not get on");
            cell_moves::note(self.service.store().writer(), self.row.id, None, &why).await?;
            if self.is_copying() && now - since > UNREACHABLE && self.call_off(&why).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    fn is_copying(&self) -> bool {
        self.row.state == CellMoveState::Copying as i32
    }

    fn step(&self) -> Step {
        Step {
            team_id: self.row.team().to_string(),
            move_id: self.row.id.to_string(),
        }
    }

    /// Keeps other replicas from driving it, too.
    async fn renew(&self) -> Tried<()> {
        let now = self.service.now();
        let writer = self.service.store().writer();
        match cell_moves::take(writer, self.row.id, self.driver, now, now + LEASE).await? {
            true => Ok(()),
            false => Err(Failed::Elsewhere),
        }
    }

    /// Waits after a piece of work that began then for as long as it took, so that at most half of the time is spent on it.
    async fn rest(&self, begun: Duration) -> Tried<()> {
        let took = self.service.clock().monotonic().saturating_sub(begun);
        tokio::time::sleep(took).await;
        self.renew().await
    }

    async fn go_on(&mut self) -> Tried<()> {
        self.renew().await?;
        if self.is_copying() {
            if !self.has_left().await? {
                self.copy().await?;
            }
            self.arrive().await?;
        }
        self.remove().await
    }

    /// One step at a cell.
    async fn at<T, F>(&self, cell: &cell::Model, call: impl Fn(Arc<dyn TeamMoveApi>, Step) -> F) -> Tried<T>
    where
        F: Future<Output = std::result::Result<Response<T>, Status>>,
    {
        let step = self.step();
        let (cells, addresses) = (self.service.cells(), cell.addresses());
        let answer = cells
            .call(&cell.name, &addresses, STEP, |at| call(at, step.clone()))
            .await;
        answer.map_err(|status| Failed::Later(format!("the cell {}: {}", cell.name, status.message())))
    }

    async fn state(&self) -> Tried<TeamMoveState> {
        let known = self.at(&self.from, async |at, step| at.get_team_move(step.get()).await);
        let known: wire::GetTeamMoveResponse = known.await?;
        Ok(match known.move_id == self.row.id.to_string() {
            true => known.state(),
            false => TeamMoveState::Unspecified,
        })
    }

    async fn has_left(&self) -> Tried<bool> {
        Ok(self.state().await? == TeamMoveState::Left)
    }

    /// Copies everything, and lets the team leave.
    async fn copy(&mut self) -> Tried<()> {
        let reader = self.service.store().reader();
        if teams::find(reader, self.row.team()).await?.is_none() {
            return Err(Failed::Never("the team was deleted".to_owned()));
        }
        let source = self.from.addresses();
        loop {
            let begun = self.service.clock().monotonic();
            let prepare =
                async |at: Arc<dyn TeamMoveApi>, step: Step| at.prepare_arrival(step.prepare(&source)).await;
            if self.at(&self.to, prepare).await?.done {
                break;
            }
            self.rest(begun).await?;
        }
        self.at(&self.from, async |at, step| {
            at.begin_departure(step.begin()).await
        })
        .await?;
        let mut why = String::new();
        for _ in 0..FREEZES {
            self.copy_changes().await?;
            let frozen_at = self.freeze().await?;
            match self.leave(frozen_at).await {
                Ok(()) => return Ok(()),
                Err(Failed::Later(reason)) => why = reason,
                Err(failed) => return Err(failed),
            }
            tracing::info!(team = %self.row.team(), %why, "a team could not be moved in time, and is served on");
            loop {
                self.renew().await?;
                match self.state().await? {
                    TeamMoveState::Left => return Ok(()),
                    TeamMoveState::Frozen => tokio::time::sleep(RETRY).await,
                    _ => break,
                }
            }
        }
        Err(Failed::Never(why))
    }

    async fn import(&self) -> Tried<wire::ImportRowsResponse> {
        let source = self.from.addresses();
        let import = async |at: Arc<dyn TeamMoveApi>, step: Step| at.import_rows(step.import(&source)).await;
        self.at(&self.to, import).await
    }

    /// Copies rows until few have changed meanwhile.
    async fn copy_changes(&self) -> Tried<()> {
        let clock = self.service.clock();
        let mut outrun_since = None;
        loop {
            let begun = clock.monotonic();
            let copied = self.import().await?;
            let writer = self.service.store().writer();
            cell_moves::note(writer, self.row.id, Some(copied.copied_rows), "").await?;
            let took = clock.monotonic().saturating_sub(begun);
            tracing::debug!(team = %self.row.team(), rows = copied.rows, changes = copied.changes, ?took, "copied rows");
            if !copied.of_changes {
                self.rest(begun).await?;
                continue;
            }
            if copied.changes <= FEW {
                return Ok(());
            }
            if begun > *outrun_since.get_or_insert(begun) + OUTRUN {
                return Err(Failed::Never(
                    "rows change faster than they are copied".to_owned(),
                ));
            }
            // Without a pause: with one they might come as fast as they are copied.
            self.renew().await?;
        }
    }

    /// Freezes the team, at an instant of the monotonic clock. Meanwhile attempts under way have time to end.
    async fn freeze(&self) -> Tried<Duration> {
        let is_frozen = AtomicBool::new(false);
        let freeze = async {
            let call = async |at: Arc<dyn TeamMoveApi>, step: Step| at.freeze_team(step.freeze()).await;
            let frozen = self.at(&self.from, call).await;
            is_frozen.store(true, Ordering::Relaxed);
            frozen
        };
        let meanwhile = async {
            while !is_frozen.load(Ordering::Relaxed) {
                self.import().await?;
            }
            Tried::Ok(self.service.clock().monotonic())
        };
        let (frozen, at) = tokio::join!(freeze, meanwhile);
        frozen.and(at)
    }

    /// Copies what has changed last of a team that was frozen then, and lets it leave.
    async fn leave(&self, frozen_at: Duration) -> Tried<()> {
        loop {
            let copied = self.import().await?;
            if copied.of_changes && copied.changes == 0 {
                break;
            }
            if self.service.clock().monotonic() > frozen_at + HOLD {
                let why = "what had changed last took too long to copy";
                return Err(Failed::Later(why.to_owned()));
            }
        }
        let target = self.to.addresses();
        let leave = async |at: Arc<dyn TeamMoveApi>, step: Step| at.leave_cell(step.leave(&target)).await;
        self.at(&self.from, leave).await.map(drop)
    }

    /// Lets the new cell serve the team, and everybody know.
    async fn arrive(&mut self) -> Tried<()> {
        self.at(&self.to, async |at, step| at.activate_team(step.activate()).await)
            .await?;
        let (service, team) = (self.service, self.row.team());
        let state = CellMoveState::Removing;
        let change = Change::begin_apart(service.store(), team, service.now()).await?;
        cells::set_of_team(change.connection(), team, &self.to.name).await?;
        cell_moves::set_state(change.connection(), self.row.id, state, "", None).await?;
        service.finish(change, false).await?;
        self.row.state = state as i32;
        tracing::info!(%team, cell = %self.to.name, "a team has moved");
        Ok(())
    }

    /// Removes the old rows, once nobody reads them any more.
    async fn remove(&mut self) -> Tried<()> {
        tokio::time::sleep(KNOWN_TO_ALL).await;
        self.renew().await?;
        loop {
            let begun = self.service.clock().monotonic();
            let remove = self.at(&self.from, async |at, step| at.remove_rows(step.remove()).await);
            if remove.await?.done {
                break;
            }
            self.rest(begun).await?;
        }
        self.end(CellMoveState::Done, "").await
    }

    /// Gives the move up: the team stays where it is.
    async fn call_off(&self, why: &str) -> Tried<()> {
        if self.has_left().await? {
            return Err(Failed::Later(why.to_owned()));
        }
        self.cancel(&self.from).await?;
        // What is left in the new cell does nothing, and goes when a team is moved there again.
        if let Err(Failed::Later(reason)) = self.cancel(&self.to).await {
            tracing::warn!(team = %self.row.team(), %reason, "a move that was given up leaves rows behind");
        }
        tracing::error!(team = %self.row.team(), %why, "a move was given up; the team is served where it was");
        self.end(CellMoveState::Failed, why).await
    }

    async fn cancel(&self, cell: &cell::Model) -> Tried<()> {
        loop {
            let begun = self.service.clock().monotonic();
            let cancel = self.at(cell, async |at, step| at.cancel_team_move(step.cancel()).await);
            if cancel.await?.done {
                return Ok(());
            }
            self.rest(begun).await?;
        }
    }

    async fn end(&self, state: CellMoveState, why: &str) -> Tried<()> {
        let now = self.service.now();
        let writer = self.service.store().writer();
        Ok(cell_moves::set_state(writer, self.row.id, state, why, Some(now)).await?)
    }
}
