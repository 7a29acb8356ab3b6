//! Retention: deletes old rows in small chunks, so that deliveries are not delayed. The size of a chunk adapts to a
//! target of 10 ms, followed by a pause four times as long as the chunk took.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use sea_orm::DbErr;
use uuid::Uuid;
use watchbell_model::shard::ShardId;

use crate::state::Core;
use crate::store::AlertCursor;

/// Rows of a stretch.
const MIN_ROWS: i64 = 250;
const MAX_ROWS: i64 = 5_000;
/// Target duration of a chunk.
const TARGET_CHUNK_TIME: Duration = Duration::from_millis(10);
/// Minimum pause between chunks.
const MIN_PAUSE: Duration = Duration::from_millis(20);
/// How often all answers and all alerts are scanned. Nothing but their rows says which are old: a delivery may be tried long after
/// it was made, and an alert changes for as long as it is open.
const RESCAN: TimeDelta = TimeDelta::days(1);

/// How long an alert stays open of which nothing is heard.
const FORGOTTEN: TimeDelta = TimeDelta::days(365);

/// Loop of retention.
pub(crate) struct Retention {
    core: Arc<Core>,
    progress: Mutex<Progress>,
}

/// How far the present round has come, in each table; `None`: through.
#[derive(Debug, Clone)]
struct Progress {
    rows: i64,
    /// When the last such scan began.
    scanned_at: DateTime<Utc>,
    answers: Option<Uuid>,
    deliveries: Option<Uuid>,
    events: Option<i64>,
    notifications: bool,
    alerts: Option<AlertCursor>,
}

// === impl Retention ===

impl Retention {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        let progress = Progress {
            rows: MIN_ROWS,
            scanned_at: core.clock.now(),
            answers: Some(Uuid::nil()),
            deliveries: Some(Uuid::nil()),
            events: Some(i64::MIN),
            notifications: true,
            alerts: Some(AlertCursor::default()),
        };
        Self {
            core,
            progress: Mutex::new(progress),
        }
    }

    /// One stretch; how long to rest before the next, or `None` at the end of a round.
    pub(crate) async fn tick(&self) -> Result<Option<Duration>, DbErr> {
        // One replica suffices: that which owns the first shard.
        if !ShardId::from_number(0).is_some_and(|first| self.core.ownership().owns(first)) {
            return Ok(None);
        }
        let mut progress = self.progress.lock().clone();
        if !progress.is_under_way() {
            progress.begin(self.core.clock.now());
        }
        let began = self.core.clock.monotonic();
        self.purge(&mut progress).await?;
        let took = self.core.clock.monotonic().saturating_sub(began);
        progress.rows = match took {
            took if took > TARGET_CHUNK_TIME * 2 => (progress.rows / 2).max(MIN_ROWS),
            took if took < TARGET_CHUNK_TIME / 2 => (progress.rows * 2).min(MAX_ROWS),
            _ => progress.rows,
        };
        let is_under_way = progress.is_under_way();
        *self.progress.lock() = progress;
        Ok(is_under_way.then(|| (took * 4).max(MIN_PAUSE)))
    }

    /// A stretch of one table: what carries others goes first.
    async fn purge(&self, progress: &mut Progress) -> Result<(), DbErr> {
        let (core, rows) = (&self.core, progress.rows);
        let before = |days: u32| core.clock.now() - TimeDelta::days(i64::from(days));
        let old = before(core.settings.keep_days);
        if let Some(from) = progress.answers {
            let answers = before(core.settings.keep_answers_days);
            progress.answers = core.db.purge_answers_all_teams(from, answers, rows).await?;
        } else if let Some(from) = progress.deliveries {
            progress.deliveries = core.db.purge_deliveries_all_teams(from, old, rows).await?;
        } else if let Some(from) = progress.events {
            progress.events = core.db.purge_events_all_teams(from, old, rows).await?;
        } else if progress.notifications {
            let deleted = core.db.purge_notifications_all_teams(old, rows).await?;
            progress.notifications = deleted >= rows.unsigned_abs();
        } else if let Some(from) = &progress.alerts {
            let silent = core.clock.now() - FORGOTTEN.max(TimeDelta::days(core.settings.keep_days.into()));
            progress.alerts = core.db.purge_alerts_all_teams(from, old, silent, rows).await?;
        }
        Ok(())
    }
}

// === impl Progress ===

impl Progress {
    fn is_under_way(&self) -> bool {
        let rows = self.answers.is_some() || self.deliveries.is_some() || self.events.is_some();
        rows || self.notifications || self.alerts.is_some()
    }

    fn begin(&mut self, now: DateTime<Utc>) {
        if now - self.scanned_at >= RESCAN {
            self.answers = Some(Uuid::nil());
            self.alerts = Some(AlertCursor::default());
            self.scanned_at = now;
        }
        self.deliveries = Some(Uuid::nil());
        self.events = Some(i64::MIN);
        self.notifications = true;
    }
}
