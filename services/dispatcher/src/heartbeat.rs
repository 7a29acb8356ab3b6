//! Says that this replica lives, and frees what belongs to replicas that do not. Time is the database's, so that
//! clocks which differ between machines take nobody's work away.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::DbErr;
use uuid::Uuid;
use watchbell_store::Backend;

use crate::core::Core;

/// Between two heartbeats.
pub(crate) const BEAT: Duration = Duration::from_secs(1);
/// A replica silent for so long is dead.
const SILENCE: Duration = Duration::from_secs(5);

/// The loop.
pub(crate) struct Heartbeat {
    pub(crate) core: Arc<Core>,
}

// === impl Heartbeat ===

impl Heartbeat {
    /// Enters this replica before it takes any lease. On SQLite whoever opens the database is the only one, so
    /// everything a former process held is free at once.
    pub(crate) async fn enter(core: &Core) -> Result<(), DbErr> {
        if core.db.store().backend() == Backend::Sqlite {
            let freed = core.db.release_everything_all_teams().await?;
            if freed > 0 {
                tracing::info!(deliveries = freed, "took over what the last process left");
                core.metrics.takeover(freed);
            }
        }
        core.db.enter_replica(core.owner()).await
    }

    /// One beat; how many leases of dead replicas were freed.
    pub(crate) async fn tick(&self) -> Result<u64, DbErr> {
        let core = &self.core;
        if !core.db.heartbeat(core.owner()).await? {
            let (before, after) = (core.owner(), Uuid::now_v7());
            // Entered first: leases of a replica that is not entered are free to everybody.
            core.db.enter_replica(after).await?;
            core.become_another(after);
            tracing::warn!(%before, %after, "others took this replica for dead; it goes on as another");
        }
        let silence = i64::try_from(SILENCE.as_micros()).unwrap_or(i64::MAX);
        core.db.bury_silent_replicas(silence, core.owner()).await?;
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

    async fn free(&self, owner: Uuid) -> Result<u64, DbErr> {
        let mut freed = 0;
        loop {
            let some = self.core.db.release_chunk_all_teams(owner).await?;
            freed += some;
            if some == 0 {
                tracing::warn!(replica = %owner, deliveries = freed, "took over the work of a dead replica");
                return Ok(freed);
            }
        }
    }

    /// Gives everything back and leaves: others need not wait for the silence.
    pub(crate) async fn leave(&self) {
        let core = &self.core;
        let left = async {
            while core.db.release_chunk_all_teams(core.owner()).await? > 0 {}
            core.db.leave_replica(core.owner()).await
        };
        if let Err(error) = left.await {
            tracing::warn!(%error, "leases were not given back; others take them over soon");
        }
    }
}
