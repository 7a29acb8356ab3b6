//! Retention: what is older than was configured goes, a little at a time, so that deliveries never wait for it.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::core::Core;

/// Rows of one statement.
const CHUNK: i64 = 500;

/// The loop.
pub(crate) struct Purge {
    core: Arc<Core>,
    /// Answers up to this attempt are empty already; found out anew after a start.
    emptied: Mutex<Uuid>,
}

// === impl Purge ===

impl Purge {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            emptied: Mutex::new(Uuid::nil()),
        }
    }

    /// One chunk of each; true when there may be more.
    pub(crate) async fn tick(&self) -> Result<bool, DbErr> {
        let core = &self.core;
        let now = core.clock.now();
        let before = now - TimeDelta::days(i64::from(core.settings.keep_days));
        let answers_before = now - TimeDelta::days(i64::from(core.settings.keep_answers_days));
        let answers = core
            .db
            .purge_answers_all_teams(self.emptied(), answers_before, CHUNK)
            .await?;
        if let Some(last) = answers {
            *self.emptied.lock().unwrap_or_else(PoisonError::into_inner) = last;
        }
        let deliveries = core.db.purge_deliveries_all_teams(before, CHUNK).await?;
        let events = core.db.purge_events_all_teams(before, CHUNK).await?;
        let full = CHUNK.unsigned_abs();
        Ok(answers.is_some() || deliveries >= full || events >= full)
    }

    fn emptied(&self) -> Uuid {
        *self.emptied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
