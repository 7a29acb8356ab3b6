//! Which channels are unhealthy: an image in memory of the rows, and results that are not in the database yet.

use std::collections::HashMap;
use std::time::Duration;

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
    /// When the rows were last read; `None` when they are to be read now.
    read_at: Mutex<Option<Duration>>,
}

/// Between two reads of the rows while nothing is unhealthy.
const READ_INTERVAL: Duration = Duration::from_secs(10);

// === impl Health ===

impl Health {
    /// Whether a channel in this epoch of its configuration is unhealthy.
    pub(crate) fn is_unhealthy(&self, id: ChannelId, epoch: i64) -> bool {
        self.unhealthy().get(&id).is_some_and(|broken| *broken >= epoch)
    }

    /// Marks a channel as unhealthy; returns whether it was not.
    pub(crate) fn mark_unhealthy(&self, id: ChannelId, epoch: i64) -> bool {
        let known = {
            let mut unhealthy = self.unhealthy();
            let known = unhealthy.get(&id).copied();
            unhealthy.insert(id, known.map_or(epoch, |known| known.max(epoch)));
            known
        };
        self.look();
        known.is_none_or(|known| known < epoch)
    }

    /// The rows are to be read.
    pub(crate) fn look(&self) {
        *self.read_at.lock() = None;
    }

    /// Whether the rows are to be read now: somebody asked for it, something is unhealthy, or it is long ago.
    pub(crate) fn begin_read(&self, now: Duration) -> bool {
        let is_healthy = self.unhealthy().is_empty();
        let mut read_at = self.read_at.lock();
        if is_healthy && read_at.is_some_and(|at| now < at + READ_INTERVAL) {
            return false;
        }
        *read_at = Some(now);
        true
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
