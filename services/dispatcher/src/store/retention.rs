//! Deletion of old rows, in chunks of a table. A chunk is a number of rows in the order of time, however many of them
//! are deleted: a round visits every row once, and no statement runs long.

use chrono::{DateTime, Utc};
use sea_orm::{DbErr, TryGetable, Value};
use uuid::Uuid;

use super::queries::first_id;
use super::{Db, micros};

/// Ended.
const GONE: &str = "state IN (4, 5, 6, 7) AND ended_at IS NOT NULL";

// === impl Db ===

impl Db {
    /// Removes what ended of the first `limit` deliveries of all teams behind `from` and made before, and its attempts.
    /// The last id looked at, or `None` when there are no more.
    pub(crate) async fn purge_deliveries_all_teams(
        &self,
        from: Uuid,
        before: DateTime<Utc>,
        limit: i64,
    ) -> Result<Option<Uuid>, DbErr> {
        let before = first_id(before);
        let last =
            "SELECT id AS last FROM deliveries WHERE id > $1 AND id < $2 ORDER BY id LIMIT 1 OFFSET $3";
        let last: Option<Uuid> = self.last_of(last, from.into(), before.into(), limit).await?;
        let stretch = || vec![from.into(), last.unwrap_or(before).into()];
        let deliveries = format!("DELETE FROM deliveries WHERE id > $1 AND id <= $2 AND {GONE}");
        self.execute(deliveries, stretch()).await?;
        let attempts = "DELETE FROM attempts WHERE delivery_id > $1 AND delivery_id <= $2 AND NOT EXISTS
            (SELECT 1 FROM deliveries d WHERE d.id = attempts.delivery_id AND d.id > $1 AND d.id <= $2)";
        self.execute(attempts, stretch()).await?;
        Ok(last)
    }

    /// Removes, of the first `limit` events of all teams accepted behind `from` and before, those that no delivery
    /// carries any more. When the last one looked at was accepted, or `None` when there are no more.
    pub(crate) async fn purge_events_all_teams(
        &self,
        from: i64,
        before: DateTime<Utc>,
        limit: i64,
    ) -> Result<Option<i64>, DbErr> {
        let before = micros(before);
        let last = "SELECT accepted_at AS last FROM events WHERE accepted_at > $1 AND accepted_at < $2
            ORDER BY accepted_at LIMIT 1 OFFSET $3";
        let last: Option<i64> = self.last_of(last, from.into(), before.into(), limit).await?;
        let events = "DELETE FROM events WHERE accepted_at > $1 AND accepted_at <= $2 AND NOT EXISTS
            (SELECT 1 FROM deliveries d WHERE d.team_id = events.team_id AND d.event_id = events.id)";
        let upto = last.unwrap_or(before - 1);
        self.execute(events, vec![from.into(), upto.into()]).await?;
        Ok(last)
    }

    /// Removes the first `limit` notifications of all teams as far as they were made before; how many those were.
    pub(crate) async fn purge_notifications_all_teams(
        &self,
        before: DateTime<Utc>,
        limit: i64,
    ) -> Result<u64, DbErr> {
        // Cursors grow with time: the oldest are the first.
        let old = "SELECT team_id, cursor FROM
            (SELECT team_id, cursor, created_at FROM notifications ORDER BY cursor LIMIT $2) AS first
            WHERE created_at < $1";
        let values = || vec![micros(before).into(), limit.into()];
        let marks = format!("DELETE FROM notification_marks WHERE (team_id, cursor) IN ({old})");
        self.execute(marks, values()).await?;
        let notifications = format!("DELETE FROM notifications WHERE (team_id, cursor) IN ({old})");
        self.execute(notifications, values()).await
    }

    /// Empties the answers to attempts that began before the bound, of the first `limit` deliveries of all teams behind
    /// `from`. The last delivery looked at, or `None` when there are no more.
    pub(crate) async fn purge_answers_all_teams(
        &self,
        from: Uuid,
        before: DateTime<Utc>,
        limit: i64,
    ) -> Result<Option<Uuid>, DbErr> {
        let last =
            "SELECT id AS last FROM deliveries WHERE id > $1 AND id < $2 ORDER BY id LIMIT 1 OFFSET $3";
        let first_kept = first_id(before);
        let last: Option<Uuid> = self.last_of(last, from.into(), first_kept.into(), limit).await?;
        let upto = last.unwrap_or(first_kept);
        for (table, delivery, attempt) in [("attempts", "delivery_id", ""), ("deliveries", "id", "attempt_")]
        {
            let sql = format!(
                "UPDATE {table} SET {attempt}response_body = '', {attempt}request_headers = '[]'
                WHERE {delivery} > $1 AND {delivery} <= $2 AND {attempt}started_at < $3
                    AND ({attempt}response_body <> '' OR {attempt}request_headers <> '[]')"
            );
            self.execute(sql, vec![from.into(), upto.into(), micros(before).into()])
                .await?;
        }
        Ok(last)
    }

    /// The last row of a chunk of `limit` rows; `None` when there are fewer.
    async fn last_of<T: TryGetable>(
        &self,
        sql: &str,
        from: Value,
        before: Value,
        limit: i64,
    ) -> Result<Option<T>, DbErr> {
        let rows = self.query(sql, vec![from, before, (limit - 1).into()]).await?;
        rows.first().map(|row| row.try_get("", "last")).transpose()
    }
}
