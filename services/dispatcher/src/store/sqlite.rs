//! SQLite's own statements: due deliveries lane by lane, and the machine's clock.

use std::collections::HashSet;

use sea_orm::{DbBackend, DbErr, Statement};
use uuid::Uuid;
use watchbell_model::ids::TeamId;

use super::batch::Batch;
use super::indexes::DUE;
use super::transaction::WriteTransaction;
use super::{event_keys, event_weight};

/// Microseconds since 1970 by the machine's clock.
pub(super) const NOW: &str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";

/// Inserts events that are not there yet; the keys of those that were.
pub(super) async fn insert_events<'b, W: WriteTransaction>(
    transaction: &W,
    batch: &Batch<'_>,
    keys: impl FnOnce() -> Batch<'b>,
) -> Result<HashSet<(TeamId, String)>, DbErr> {
    let sql = "INSERT INTO events ({names}) SELECT b.* FROM ({rows}) AS b WHERE true ON CONFLICT DO NOTHING";
    let inserted = transaction.run(sql, batch, &[]).await?;
    if inserted == batch.len() as u64 {
        return Ok(HashSet::new());
    }
    let known = "SELECT b.team_id AS team_id, b.id AS id FROM ({rows}) AS b
        JOIN events e ON e.team_id = b.team_id AND e.id = b.id";
    if inserted == 0 {
        return event_keys(&transaction.read(known, &keys(), &[]).await?);
    }
    // Row ids ascend, so the inserted rows are the last ones.
    let known = format!("{known} WHERE e.rowid <= last_insert_rowid() - {{0}}");
    let inserted = i64::try_from(inserted).unwrap_or(i64::MAX);
    event_keys(&transaction.read(&known, &keys(), &[inserted]).await?)
}

/// Reads due deliveries of a lane, oldest first, up to so many units, and not those of `live`.
pub(super) fn due_deliveries(lane: Uuid, room: i64, live: &[Uuid], now: i64) -> Statement {
    let batch = Batch::new().uuid("id", live.iter().copied());
    let sql = format!(
        "SELECT d.*, taken.filled FROM (
            SELECT id, weight, sum(weight) OVER (ORDER BY due_at, id) AS filled FROM (
                SELECT d.id, d.due_at, {} AS weight FROM deliveries d
                WHERE {DUE} AND d.lane_id = {{0}} AND d.due_at <= {{1}} AND d.id NOT IN (SELECT id FROM ({{rows}}) AS b)
                ORDER BY d.due_at, d.id LIMIT {{2}}
            )
        ) AS taken JOIN deliveries d ON d.id = taken.id WHERE taken.filled - taken.weight < {{2}}",
        event_weight()
    );
    let values = vec![lane.into(), now.into(), room.into()];
    batch.statement(DbBackend::Sqlite, &sql, values)
}
