//! SQLite's own statements: claims lane by lane (with one process and one writer there are no races), and the
//! machine's clock.

use std::collections::HashSet;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement};
use uuid::Uuid;
use watchbell_model::ids::TeamId;

use super::batch::Batch;
use super::transaction::{Transaction, WriteTransaction};
use super::{event_keys, event_weight};

/// Microseconds since 1970 by the machine's clock.
pub(super) const NOW: &str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";

/// Inserts events that are not there yet; the keys of those that were.
pub(super) async fn insert_events<W: WriteTransaction>(
    transaction: &W,
    batch: &Batch<'_>,
) -> Result<HashSet<(TeamId, String)>, DbErr> {
    let sql = "INSERT INTO events ({names}) SELECT * FROM ({rows}) AS b WHERE true ON CONFLICT DO NOTHING";
    let inserted = transaction.run(sql, batch, &[]).await?;
    if inserted == batch.len() as u64 {
        return Ok(HashSet::new());
    }
    let known = "SELECT b.team_id AS team_id, b.id AS id FROM ({rows}) AS b
        JOIN events e ON e.team_id = b.team_id AND e.id = b.id";
    if inserted == 0 {
        return event_keys(&transaction.read(known, batch, &[]).await?);
    }
    // Row ids ascend, so the inserted rows are the last ones.
    let known = format!("{known} WHERE e.rowid <= last_insert_rowid() - {{0}}");
    let inserted = i64::try_from(inserted).unwrap_or(i64::MAX);
    event_keys(&transaction.read(&known, batch, &[inserted]).await?)
}

/// Leases due rows of each lane, oldest first, up to so many units.
pub(super) async fn claim(
    transaction: &Transaction,
    owner: Uuid,
    claims: &[(Uuid, i64)],
    now: i64,
) -> Result<Vec<QueryResult>, DbErr> {
    let sql = format!(
        "UPDATE deliveries SET lease_owner = $1 WHERE id IN (
            SELECT id FROM (
                SELECT id, sum(weight) OVER (ORDER BY due_at, id) - weight AS before FROM (
                    SELECT d.id, d.due_at, {} AS weight FROM deliveries d
                    WHERE d.lane_id = $2 AND d.lease_owner IS NULL AND d.state IN (1, 2) AND d.due_at <= $3
                    ORDER BY d.due_at, d.id LIMIT $4
                )
            ) WHERE before < $4
        ) RETURNING *",
        event_weight()
    );
    let mut rows = Vec::new();
    for (lane, room) in claims {
        let values = [owner.into(), (*lane).into(), now.into(), (*room).into()];
        let statement = Statement::from_sql_and_values(transaction.get_database_backend(), &sql, values);
        rows.extend(transaction.query_all_raw(statement).await?);
    }
    Ok(rows)
}
