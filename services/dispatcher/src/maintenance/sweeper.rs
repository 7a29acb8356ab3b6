//! Sweeper: claims due deliveries from the database into memory: retries, ended holds, deliveries that found no
//! memory, and those of dead replicas. One round costs one index step per lane, whatever the number of rows.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::DbErr;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use crate::delivery::summaries::collect_due;
use crate::job::Job;
use crate::lanes::{Asked, Claim, LaneId};
use crate::maintenance::shared_events::SharedEvents;
use crate::state::Core;

/// Places for rows of one lane claimed at once.
const MAX_PER_LANE: usize = 1_000;
/// Minimum units for one lane when many lanes wait. A large event may take more; then not all lanes are served in one
/// round.
const MIN_PER_LANE: usize = 16;
/// Places for rows claimed at once.
const MAX_UNITS: usize = 5_000;
/// Between two rounds when nothing wakes the sweeper.
pub(crate) const POLL: Duration = Duration::from_secs(1);
/// Lanes that were idle for longer are dropped.
const IDLE: Duration = Duration::from_secs(600);

/// Loop that claims due deliveries.
pub(crate) struct Sweeper {
    core: Arc<Core>,
    /// The last lane that was served; the next round starts after it.
    served: LaneId,
    events: SharedEvents,
}

/// Result of a round.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sweep {
    /// Rows now in memory.
    pub(crate) claimed: usize,
    /// There may be more due deliveries, and memory for them.
    pub(crate) more: bool,
    /// When the next row is due.
    pub(crate) next_due: Option<DateTime<Utc>>,
}

// === impl Sweep ===

impl Sweep {
    /// Until the next round, unless the sweeper is woken.
    pub(crate) fn pause(&self, now: DateTime<Utc>) -> Duration {
        if self.more {
            return Duration::ZERO;
        }
        let until = self.next_due.map(|due| (due - now).to_std().unwrap_or_default());
        until.unwrap_or(POLL).min(POLL).max(Duration::from_millis(2))
    }
}

// === impl Sweeper ===

impl Sweeper {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            served: LaneId(Uuid::nil()),
            events: SharedEvents::default(),
        }
    }

    /// Sweeps until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let core = Arc::clone(&self.core);
        while !stop.is_cancelled() {
            let pause = match self.tick().instrument(tracing::debug_span!("sweep")).await {
                Ok(sweep) => sweep.pause(core.clock.now()),
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

    /// Runs one round.
    pub(crate) async fn tick(&mut self) -> Result<Sweep, DbErr> {
        let core = Arc::clone(&self.core);
        self.release_uncertain().await?;
        let (asked, backlogged) = {
            let (lanes, now) = (core.lanes(), core.clock.monotonic());
            (lanes.ask(now), lanes.backlogged(now))
        };
        // One instant for both, so that deliveries of one summary are not claimed separately.
        let now = core.clock.now();
        let gathering = collect_due(&core, now).await?;
        let waiting = core.db.waiting_lanes_all_teams().await?;
        let mut sweep = Sweep {
            next_due: waiting
                .iter()
                .map(|lane| lane.due_at)
                .filter(|due| *due > now)
                .chain(gathering)
                .min(),
            ..Sweep::default()
        };
        let due: Vec<LaneId> = waiting
            .iter()
            .filter(|lane| lane.due_at <= now)
            .map(|lane| lane.lane)
            .collect();
        let oldest = waiting.iter().map(|lane| lane.due_at).min();
        core.metrics.overdue(
            oldest
                .and_then(|due| (now - due).to_std().ok())
                .unwrap_or_default(),
        );
        self.clear(backlogged, &due, asked);
        let (claims, enough) = self.begin_claims(&due);
        sweep.more = !enough;
        core.storms.forget_idle(core.clock.monotonic());
        core.lanes().forget_idle(
            core.clock.monotonic().saturating_sub(IDLE),
            core.clock.monotonic(),
        );
        if claims.iter().all(|claim| claim.units == 0) {
            sweep.more = false;
            return Ok(sweep);
        }
        match self.claim(&claims, now).await {
            Ok(mut jobs) => {
                let now = core.clock.monotonic();
                let mut lanes = core.lanes();
                for claim in &claims {
                    let jobs = jobs.remove(&claim.lane).unwrap_or_default();
                    sweep.claimed += jobs.len();
                    lanes.finish_claim(claim, jobs, now);
                }
                drop(lanes);
                // The next round finds out which lanes are empty.
                sweep.more |= sweep.claimed > 0;
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

    /// Lanes of which nothing is due any more take new jobs into memory again.
    fn clear(&self, backlogged: Vec<LaneId>, due: &[LaneId], asked: Asked) {
        let due: HashSet<&LaneId> = due.iter().collect();
        let mut lanes = self.core.lanes();
        for lane in backlogged.into_iter().filter(|lane| !due.contains(lane)) {
            lanes.nothing_waits(lane, asked);
        }
    }

    /// Reserves memory in the lanes for due deliveries: an equal share per lane, up to the limit of one statement.
    /// Returns false when it was not enough for all lanes.
    fn begin_claims(&mut self, due: &[LaneId]) -> (Vec<Claim>, bool) {
        let now = self.core.clock.monotonic();
        let share = (MAX_UNITS / due.len().max(1)).clamp(MIN_PER_LANE, MAX_PER_LANE);
        let served = self.served;
        let behind = due.iter().filter(|lane| **lane > served);
        let others = due.iter().filter(|lane| **lane <= served);
        let mut lanes = self.core.lanes();
        let mut left = MAX_UNITS;
        let mut claims = Vec::new();
        for lane in behind.chain(others) {
            if left == 0 {
                return (claims, false);
            }
            let claim = lanes.begin_claim(*lane, share.min(left), now);
            left -= claim.units;
            self.served = *lane;
            claims.push(claim);
        }
        (claims, true)
    }

    async fn claim(
        &mut self,
        claims: &[Claim],
        now: DateTime<Utc>,
    ) -> Result<HashMap<LaneId, Vec<Job>>, DbErr> {
        let core = &self.core;
        let owner = core.owner();
        let wanted: Vec<(LaneId, usize)> = claims
            .iter()
            .filter(|claim| claim.units > 0)
            .map(|claim| (claim.lane, claim.units))
            .collect();
        let transaction = core.db.begin().await?;
        let rows = core.db.claim_all_teams(&transaction, owner, &wanted, now).await?;
        let ids = || rows.iter().map(|row| row.id);
        core.db
            .commit(transaction)
            .await
            .inspect_err(|_| core.record_uncertain_leases(owner, ids()))?;
        let mut events = self
            .events
            .load(&core.db, &rows)
            .await
            .inspect_err(|_| core.record_uncertain_leases(owner, ids()))?;
        let mut jobs: HashMap<LaneId, Vec<Job>> = HashMap::new();
        let mut lost = Vec::new();
        for row in &rows {
            let held = events.get_mut(&(row.team_id, row.event_id.clone()));
            let job = held.map(|held| {
                let weight = held.weight_of_next();
                row.job(&held.event, weight, owner, core.live_jobs.register(row.id))
            });
            match job {
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
                .give_up(owner, &lost, "the event was deleted by retention", now)
                .await
                .inspect_err(|_| core.record_uncertain_leases(owner, ids()))?;
        }
        Ok(jobs)
    }

    /// Releases leases of commits whose result is unknown. It must run before the next claim, which could take them
    /// legitimately.
    async fn release_uncertain(&self) -> Result<(), DbErr> {
        let mut by_owner: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
        for (owner, id) in self.core.take_uncertain_leases() {
            by_owner.entry(owner).or_default().push(id);
        }
        let mut failure = None;
        for (owner, ids) in by_owner {
            if let Err(error) = self.core.db.release(owner, &ids).await {
                self.core.record_uncertain_leases(owner, ids);
                failure = Some(error);
            }
        }
        failure.map_or(Ok(()), Err)
    }
}
