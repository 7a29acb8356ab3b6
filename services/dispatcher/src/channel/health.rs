//! Which channels are unhealthy: an image in memory of the rows that replicas share, and results that are not in the
//! database yet.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use parking_lot::{Mutex, MutexGuard};
use sea_orm::DbErr;
use watchbell_model::ids::{ChannelId, TeamId};

use crate::store::{Db, HealthSample};

/// Health of channels as this replica knows it.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// The epochs in which channels are unhealthy.
    unhealthy: Mutex<HashMap<ChannelId, i64>>,
    /// Results that are not in the database yet.
    results: Mutex<HashMap<ChannelId, HealthSample>>,
}

// === impl Health ===

impl Health {
    /// Whether a channel in this epoch of its configuration is unhealthy.
    pub(crate) fn is_unhealthy(&self, id: ChannelId, epoch: i64) -> bool {
        self.unhealthy().get(&id).is_some_and(|broken| *broken >= epoch)
    }

    /// Marks a channel as unhealthy.
    pub(crate) fn mark_unhealthy(&self, id: ChannelId, epoch: i64) {
        let mut unhealthy = self.unhealthy();
        let known = unhealthy.entry(id).or_insert(epoch);
        *known = epoch.max(*known);
    }

    /// Something got through, or did not.
    pub(crate) fn note(&self, team: TeamId, id: ChannelId, at: DateTime<Utc>, error: Option<&str>) {
        let mut results = self.results();
        let sample = results.entry(id).or_insert_with(|| HealthSample::new(team, id));
        match error {
            None => sample.success = sample.success.max(Some(at)),
            Some(error) => sample.error = Some((error.to_owned(), at)),
        }
    }

    /// When something last got through to a channel, on any replica (a second or so ago at the latest).
    pub(crate) async fn last_success(
        &self,
        db: &Db,
        team: TeamId,
        id: ChannelId,
    ) -> Result<Option<DateTime<Utc>>, DbErr> {
        let here = self.results().get(&id).and_then(|sample| sample.success);
        Ok(db.last_success(team, id).await?.max(here))
    }

    pub(crate) fn unhealthy(&self) -> MutexGuard<'_, HashMap<ChannelId, i64>> {
        self.unhealthy.lock()
    }

    pub(crate) fn results(&self) -> MutexGuard<'_, HashMap<ChannelId, HealthSample>> {
        self.results.lock()
    }
}
