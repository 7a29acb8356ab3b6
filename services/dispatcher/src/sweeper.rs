//! Brings what waits in the database back into memory: retries that are due, holds that have ended, what found no
//! room, and what a dead replica left behind. One look costs a step per lane, whatever the number of rows.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::DbErr;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use crate::core::Core;
use crate::job::Job;
use crate::lanes::{Claim, LaneId};

/// Rows of one lane claimed at once.
const MAX_PER_LANE: usize = 1_000;
/// Rows claimed at once.
const MAX_ROWS: usize = 5_000;
/// Between two looks when nothing else wakes the sweeper.
const POLL: Duration = Duration::from_secs(1);
/// Lanes that had nothing to do for so long are forgotten.
const IDLE: Duration = Duration::from_secs(600);

/// The loop.
pub(crate) struct Sweeper {
    pub(crate) core: Arc<Core>,
}

/// What a look found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sweep {
    /// Rows now in memory.
    pub(crate) claimed: usize,
    /// There is more that is due, and room for it.
    pub(crate) more: bool,
    /// When the next row is due.
    pub(crate) next_due: Option<DateTime<Utc>>,
}

// === impl Sweeper ===

impl Sweeper {
    /// Sweeps until told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let core = Arc::clone(&self.core);
        while !stop.is_cancelled() {
            let pause = match self.tick().instrument(tracing::debug_span!("sweep")).await {
                Ok(Sweep { more: true, .. }) => Duration::ZERO,
                Ok(sweep) => {
                    let until = sweep
                        .next_due
                        .map(|due| (due - core.clock.now()).to_std().unwrap_or_default());
                    until.unwrap_or(POLL).min(POLL).max(Duration::from_millis(2))
                }
                Err(error) => {
                    tracing::warn!(%error, "the sweeper cannot read the database");
                    POLL
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = core.sweep.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One look.
    pub(crate) async fn tick(&self) -> Result<Sweep, DbErr> {
        let core = &self.core;
        self.settle_doubts().await?;
        let waiting = core.db.waiting_lanes_all_teams().await?;
        let now = core.clock.now();
        let mut sweep = Sweep {
            next_due: waiting
                .iter()
                .map(|lane| lane.due_at)
                .filter(|due| *due > now)
                .min(),
            ..Sweep::default()
        };
        let due = waiting
            .iter()
            .filter(|lane| lane.due_at <= now)
            .map(|lane| lane.lane);
        let claims = self.begin(due);
        core.lanes().forget_idle(
            core.clock.monotonic().saturating_sub(IDLE),
            core.clock.monotonic(),
        );
        if claims.iter().all(|claim| claim.room == 0) {
            return Ok(sweep);
        }
        match self.claim(&claims, now).await {
            Ok(mut jobs) => {
                let now = core.clock.monotonic();
                let mut lanes = core.lanes();
                for claim in &claims {
                    let jobs = jobs.remove(&claim.lane).unwrap_or_default();
                    sweep.claimed += jobs.len();
                    sweep.more |= claim.room > 0 && jobs.len() == claim.room;
                    lanes.finish_claim(claim, jobs, now);
                }
                drop(lanes);
                core.pump.notify_one();
                Ok(sweep)
            }
            Err(error) => {
                let mut lanes = core.lanes();
                claims.iter().for_each(|claim| lanes.abandon_claim(claim));
                Err(error)
            }
        }
    }

    /// Room in the lanes for what is due, as far as one statement should reach.
    fn begin(&self, due: impl Iterator<Item = LaneId>) -> Vec<Claim> {
        let now = self.core.clock.monotonic();
        let mut lanes = self.core.lanes();
        let mut left = MAX_ROWS;
        let mut claims = Vec::new();
        for lane in due {
            let claim = lanes.begin_claim(lane, MAX_PER_LANE.min(left), now);
            left -= claim.room;
            claims.push(claim);
        }
        claims
    }

    async fn claim(&self, claims: &[Claim], now: DateTime<Utc>) -> Result<HashMap<LaneId, Vec<Job>>, DbErr> {
        let core = &self.core;
        let owner = core.owner();
        let wanted: Vec<(LaneId, usize)> = claims
            .iter()
            .filter(|claim| claim.room > 0)
            .map(|claim| (claim.lane, claim.room))
            .collect();
        let transaction = core.db.begin().await?;
        let rows = core.db.claim_all_teams(&transaction, owner, &wanted, now).await?;
        let ids = || rows.iter().map(|row| row.id);
        transaction
            .commit()
            .await
            .inspect_err(|_| core.doubt(owner, ids()))?;
        let events = core
            .db
            .events_of(&rows)
            .await
            .inspect_err(|_| core.doubt(owner, ids()))?;
        let mut jobs: HashMap<LaneId, Vec<Job>> = HashMap::new();
        let mut lost = Vec::new();
        for row in &rows {
            let event = events.get(&(row.team_id, row.event_id.clone()));
            match event.map(|event| row.job(event, owner)) {
                Some(Ok(job)) => jobs.entry(job.lane).or_default().push(job),
                Some(Err(error)) => {
                    tracing::error!(%error, "a delivery cannot be read");
                    lost.push(row.id);
                }
                None => lost.push(row.id),
            }
        }
        if !lost.is_empty() {
            core.db
                .give_up(owner, &lost, "the event is not kept any more", now)
                .await?;
        }
        Ok(jobs)
    }

    /// Gives back the leases of commits that may or may not have taken place. It must come before the next claim,
    /// which could take them legitimately.
    async fn settle_doubts(&self) -> Result<(), DbErr> {
        let mut by_owner: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
        for (owner, id) in self.core.take_doubtful() {
            by_owner.entry(owner).or_default().push(id);
        }
        let mut failure = None;
        for (owner, ids) in by_owner {
            if let Err(error) = self.core.db.release(owner, &ids).await {
                self.core.doubt(owner, ids);
                failure = Some(error);
            }
        }
        failure.map_or(Ok(()), Err)
    }
}
