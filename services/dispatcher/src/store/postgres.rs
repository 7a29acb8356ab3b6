//! PostgreSQL's own statements: due deliveries of all lanes in one statement, and the server's clock.

use std::collections::HashSet;

use sea_orm::{DbBackend, DbErr, Statement};
use uuid::Uuid;
use watchbell_model::ids::TeamId;

use super::batch::{Batch, arrays};
use super::indexes::DUE;
use super::transaction::WriteTransaction;
use super::{event_keys, event_weight};

/// Microseconds since 1970 by the server's clock.
pub(super) const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

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
    // `xmin` names the inserting transaction (there are no savepoints). A row deleted meanwhile existed before, too.
    let sql = "SELECT b.team_id AS team_id, b.id AS id FROM ({rows}) AS b
        LEFT JOIN events e ON e.team_id = b.team_id AND e.id = b.id
        WHERE e.xmin IS DISTINCT FROM pg_current_xact_id()::xid";
    event_keys(&transaction.read(sql, &keys(), &[]).await?)
}

/// Reads due deliveries of each lane, oldest first, up to so many units, and not those of `live`.
pub(super) fn due_deliveries(lanes: &[(Uuid, i64)], live: &[Uuid], now: i64) -> Statement {
    let batch = Batch::new()
        .uuid("lane_id", lanes.iter().map(|(lane, _)| *lane))
        .big("room", lanes.iter().map(|(_, room)| *room));
    let sql = format!(
        "SELECT d.*, taken.filled FROM ({{rows}}) AS wanted CROSS JOIN LATERAL (
            SELECT due.id, due.weight, sum(due.weight) OVER (ORDER BY due.due_at, due.id) AS filled FROM (
                SELECT d.id, d.due_at, {} AS weight FROM deliveries d
                WHERE {DUE} AND d.lane_id = wanted.lane_id AND d.due_at <= {{1}}
                    AND d.id NOT IN (SELECT unnest({{0}}::uuid[]))
                ORDER BY d.due_at, d.id LIMIT wanted.room
            ) AS due
        ) AS taken JOIN deliveries d ON d.id = taken.id WHERE taken.filled - taken.weight < wanted.room",
        event_weight()
    );
    batch.statement(DbBackend::Postgres, &sql, vec![arrays::uuids(live), now.into()])
}
