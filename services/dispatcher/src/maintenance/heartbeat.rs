//! Heartbeats of replicas, and the take-over of dead replicas' leases. Time is the database's, so that skew between
//! machines takes no leases away.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use sea_orm::DbErr;
use uuid::Uuid;
use watchbell_runtime::ready::Condition;
use watchbell_store::Backend;

use crate::state::Core;

/// Between two heartbeats.
pub(crate) const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(500);
/// Between two heartbeats on SQLite, where no other replica waits for them and each costs an fsync.
const SQLITE_HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// A replica without a heartbeat for this long is dead; this includes a predecessor on the same machine. A replica
/// that was wrongly taken for dead continues under a new id; its running attempts may be repeated, and nothing is
/// lost.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(3);
/// Without a heartbeat for this long, the database counts as unavailable: longer than a lost connection or a planned
/// fail-over takes.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(5);

/// Loop of the heartbeat.
pub(crate) struct Heartbeat {
    core: Arc<Core>,
    begun: Duration,
    history: Mutex<HeartbeatHistory>,
}

/// Readiness condition of the database. Heartbeats are its measure, not commits: they write as well, and go on when
/// no events come in. It has its own loop, because a heartbeat may hang on a dead connection.
pub(crate) struct HeartbeatMonitor {
    pub(crate) heartbeat: Arc<Heartbeat>,
    pub(crate) database: Condition,
}

/// When this replica's heartbeats succeeded. A replica that was silent itself cannot tell which others are dead:
/// after an outage of the database all look dead to the first that is back.
#[derive(Debug, Default)]
struct HeartbeatHistory {
    last: Option<Duration>,
    /// The others have had time for a heartbeat by then.
    reaps_from: Duration,
}

// === impl Heartbeat ===

impl Heartbeat {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            begun: core.clock.monotonic(),
            core,
            history: Mutex::default(),
        }
    }

    /// Registers this replica before it takes any lease. On SQLite only one process opens the database, so all leases
    /// of its predecessor are released at once.
    pub(crate) async fn enter(core: &Core) -> Result<(), DbErr> {
        if core.db.store().backend() == Backend::Sqlite {
            let freed = core.db.release_everything_all_teams().await?;
            if freed > 0 {
                tracing::info!(deliveries = freed, "released the leases of the previous process");
                core.metrics.takeover(freed);
            }
        }
        core.db.enter_replica(core.owner()).await
    }

    /// Until the next beat.
    pub(crate) fn pause(&self) -> Duration {
        match self.core.db.store().backend() {
            Backend::Postgres => HEARTBEAT_INTERVAL,
            Backend::Sqlite => SQLITE_HEARTBEAT_INTERVAL,
        }
    }

    /// One beat; how many leases of dead replicas were freed.
    pub(crate) async fn tick(&self) -> Result<u64, DbErr> {
        let core = &self.core;
        if !core.db.heartbeat(core.owner()).await? {
            let (before, after) = (core.owner(), Uuid::now_v7());
            // Registered first: leases of an unregistered replica are released by others.
            core.db.enter_replica(after).await?;
            core.begin_new_epoch(after);
            tracing::warn!(%before, %after, "other replicas took this one for dead; it continues under a new id");
        }
        if self.may_reap() {
            let timeout = i64::try_from(HEARTBEAT_TIMEOUT.as_micros()).unwrap_or(i64::MAX);
            core.db.reap_dead_replicas(timeout, core.owner()).await?;
        }
        let mut freed = 0;
        for owner in core.db.dead_owners_all_teams().await? {
            freed += self.free(owner).await?;
        }
        if freed > 0 {
            core.metrics.takeover(freed);
            core.sweep.notify_one();
        }
        Ok(freed)
    }

    fn may_reap(&self) -> bool {
        self.history().record(self.core.clock.monotonic())
    }

    /// Since when none got through.
    fn since_last(&self) -> Duration {
        let last = self.history().last.unwrap_or(self.begun);
        self.core.clock.monotonic().saturating_sub(last)
    }

    fn history(&self) -> MutexGuard<'_, HeartbeatHistory> {
        self.history.lock()
    }

    async fn free(&self, owner: Uuid) -> Result<u64, DbErr> {
        let mut freed = 0;
        loop {
            let some = self.core.db.release_chunk_all_teams(owner).await?;
            freed += some;
            if some == 0 {
                tracing::warn!(replica = %owner, deliveries = freed, "released the leases of a dead replica");
                return Ok(freed);
            }
        }
    }

    /// Gives everything back and leaves: others need not wait for the elapsed.
    pub(crate) async fn leave(&self) {
        let core = &self.core;
        let left = async {
            while core.db.release_chunk_all_teams(core.owner()).await? > 0 {}
            core.db.leave_replica(core.owner()).await
        };
        if let Err(error) = left.await {
            tracing::warn!(%error, "leases were not released; other replicas take them over soon");
        }
    }
}

// === impl HeartbeatMonitor ===

impl HeartbeatMonitor {
    /// Runs once.
    pub(crate) fn tick(&self) {
        let elapsed = self.heartbeat.since_last();
        if elapsed < DATABASE_TIMEOUT {
            self.database.up();
        } else {
            let seconds = elapsed.as_secs();
            self.database
                .down(format!("no heartbeat has succeeded for {seconds} s"));
        }
    }
}

// === impl HeartbeatHistory ===

impl HeartbeatHistory {
    /// Notes a heartbeat of our own; whether others may be judged by theirs.
    fn record(&mut self, now: Duration) -> bool {
        // The last of another may be a beat older than ours.
        let gap = self.last.replace(now).map(|last| now.saturating_sub(last));
        if gap.is_some_and(|gap| gap > HEARTBEAT_TIMEOUT - HEARTBEAT_INTERVAL) {
            self.reaps_from = now + HEARTBEAT_TIMEOUT;
        }
        now >= self.reaps_from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_silent_itself_judges_nobody_until_others_had_time_to_beat() {
        let mut history = HeartbeatHistory::default();
        let mut record = |seconds| history.record(Duration::from_secs(seconds));
        assert!(record(100), "a new replica may judge its predecessor");
        assert!(record(101));
        assert!(record(103), "some beats were missed");
        assert!(!record(106));
        assert!(!record(107));
        assert!(!record(108));
        assert!(record(109));
        assert!(!record(120), "and again");
    }
}
