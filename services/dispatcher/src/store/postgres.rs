//! PostgreSQL's own statements: claims under `SKIP LOCKED` for all
//! lanes in one statement, the server's clock, and the locks that keep the cursors of an inbox in the order of commits.

use std::collections::HashSet;

use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use uuid::Uuid;
use watchbell_model::ids::TeamId;

use super::batch::Batch;
use super::transaction::{ReadRow as _, Transaction, WriteTransaction};
use super::{event_keys, event_weight};

/// Microseconds since 1970 by the server's clock.
pub(super) const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// Inserts events that are not there yet; the keys of those that were.
pub(super) async fn insert_events<W: WriteTransaction>(
    transaction: &W,
    batch: &Batch<'_>,
) -> Result<HashSet<(TeamId, String)>, DbErr> {
    let sql = "INSERT INTO events ({names}) SELECT * FROM ({rows}) AS b ON CONFLICT DO NOTHING";
    let inserted = transaction.run(sql, batch, &[]).await?;
    if inserted == batch.len() as u64 {
        return Ok(HashSet::new());
    }
    // `xmin` names the inserting transaction (there are no savepoints). A row deleted meanwhile existed before, too.
    let sql = "SELECT b.team_id AS team_id, b.id AS id FROM ({rows}) AS b
        LEFT JOIN events e ON e.team_id = b.team_id AND e.id = b.id
        WHERE e.xmin IS DISTINCT FROM pg_current_xact_id()::xid";
    event_keys(&transaction.read(sql, batch, &[]).await?)
}

/// Leases due rows of each lane, oldest first, up to so many units.
pub(super) async fn claim(
    transaction: &Transaction,
    owner: Uuid,
    claims: &[(Uuid, i64)],
    now: i64,
) -> Result<Vec<QueryResult>, DbErr> {
    let batch = Batch::new()
        .uuid("lane_id", claims.iter().map(|(lane, _)| *lane))
        .big("room", claims.iter().map(|(_, room)| *room));
    // Rows that are locked here and not taken are free again after the commit.
    let sql = format!(
        "UPDATE deliveries SET lease_owner = {{0}} WHERE id IN (
            SELECT taken.id FROM ({{rows}}) AS wanted CROSS JOIN LATERAL (
                SELECT due.id, sum(due.weight) OVER (ORDER BY due.due_at, due.id) - due.weight AS before FROM (
                    SELECT d.id, d.due_at, {} AS weight FROM deliveries d
                    WHERE d.lane_id = wanted.lane_id AND d.lease_owner IS NULL AND d.state IN (1, 2)
                        AND d.due_at <= {{1}}
                    ORDER BY d.due_at, d.id LIMIT wanted.room FOR UPDATE OF d SKIP LOCKED
                ) AS due
            ) AS taken WHERE taken.before < wanted.room
        ) RETURNING *",
        event_weight()
    );
    let statement = batch.statement(
        transaction.get_database_backend(),
        &sql,
        vec![owner.into(), now.into()],
    );
    transaction.query_all_raw(statement).await
}

/// Takes the locks of these teams' inboxes until the end of the transaction; returns those that others hold.
pub(super) async fn lock_inboxes<W: WriteTransaction>(
    transaction: &W,
    teams: &HashSet<TeamId>,
) -> Result<HashSet<TeamId>, DbErr> {
    let batch = Batch::new().uuid("team_id", teams.iter().map(TeamId::as_uuid));
    let sql = "SELECT b.team_id FROM ({rows}) AS b
        WHERE NOT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.inbox.' || b.team_id, 0))";
    let busy = transaction.read(sql, &batch, &[]).await?;
    busy.iter()
        .map(|row| Ok(TeamId::from_uuid(row.uuid("team_id")?)))
        .collect()
}
