//! Retention: what is older than was configured goes, a little at a time, so that deliveries never wait for it.

use std::sync::Arc;

use chrono::TimeDelta;
use sea_orm::DbErr;

use crate::core::Core;

/// Rows of one statement.
const CHUNK: i64 = 500;

/// The loop.
pub(crate) struct Purge {
    pub(crate) core: Arc<Core>,
}

// === impl Purge ===

impl Purge {
    /// One chunk of each; true when there may be more.
    pub(crate) async fn tick(&self) -> Result<bool, DbErr> {
        let core = &self.core;
        let now = core.clock.now();
        let before = now - TimeDelta::days(i64::from(core.settings.keep_days));
        let answers_before = now - TimeDelta::days(i64::from(core.settings.keep_answers_days));
        let answers = core.db.purge_answers_all_teams(answers_before, CHUNK).await?;
        let deliveries = core.db.purge_deliveries_all_teams(before, CHUNK).await?;
        let events = core.db.purge_events_all_teams(before, CHUNK).await?;
        let full = CHUNK.unsigned_abs();
        Ok(answers >= full || deliveries >= full || events >= full)
    }
}
