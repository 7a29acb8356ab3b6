//! Loop that releases leases without a job in memory: of an outcome whose commit was lost in a fail-over, of one that
//! the database refuses, or of a commit that was never settled. Without it such a delivery would wait for as long as
//! this replica lives.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::state::Core;

/// Leases given back by one statement.
const CHUNK: usize = 1000;

/// Loop that compares leases with live jobs.
pub(crate) struct Reconciler {
    core: Arc<Core>,
    /// Leases without a job in the last round. A row may be leased a moment before its job exists, so one round is
    /// not enough.
    unknown: Mutex<HashSet<Uuid>>,
}

// === impl Reconciler ===

impl Reconciler {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            unknown: Mutex::default(),
        }
    }

    /// Runs once; returns how many leases were released.
    pub(crate) async fn tick(&self) -> Result<u64, DbErr> {
        let core = &self.core;
        let owner = core.owner();
        let leased = core.db.leases_all_teams(owner).await?;
        let orphans: Vec<Uuid> = {
            let held = core.live_jobs.lock();
            let now: HashSet<Uuid> = leased.into_iter().filter(|id| !held.contains_key(id)).collect();
            drop(held);
            let mut unknown = self.unknown.lock();
            let before = std::mem::replace(&mut *unknown, now);
            unknown.intersection(&before).copied().collect()
        };
        let mut freed = 0;
        for ids in orphans.chunks(CHUNK) {
            freed += core.db.release(owner, ids).await?;
        }
        if freed > 0 {
            tracing::warn!(
                deliveries = freed,
                "released leases without a job in memory; their deliveries may arrive again"
            );
            core.sweep.notify_one();
        }
        Ok(freed)
    }
}
