//! What PostgreSQL is told in its own way: batches as arrays that are unnested, claims under `SKIP LOCKED` for all
//! lanes in one statement, the server's clock, and the locks that keep the cursors of an inbox in the order of commits.

use std::collections::HashSet;

use sea_orm::sea_query::ArrayType;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;
use watchbell_model::ids::TeamId;

use super::batch::{Batch, Column};
use super::transaction::{Columns as _, Transaction, Writing};
use super::{event_keys, leases};

/// Microseconds since 1970 by the server's clock.
pub(super) const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// The rows of a batch as a SELECT and its parameters. SeaORM's arrays have no NULL in them, so each type gives up one
/// value that never occurs to stand for it.
pub(super) fn rows(batch: &Batch<'_>) -> (String, Vec<Value>) {
    let values = batch.columns.iter().map(|(_, column)| array(column));
    (select(batch), values.collect())
}

/// That SELECT, whose parameters are one array for each column.
pub(super) fn select(batch: &Batch<'_>) -> String {
    let mut arrays = Vec::with_capacity(batch.columns.len());
    let mut selected = Vec::with_capacity(batch.columns.len());
    for (index, ((name, column), nullable)) in batch.columns.iter().zip(&batch.nullable).enumerate() {
        let (sql_type, absent) = sql_type(column);
        arrays.push(format!("${}::{sql_type}[]", index + 1));
        selected.push(if *nullable {
            format!("NULLIF({name}, {absent}) AS {name}")
        } else {
            (*name).to_owned()
        });
    }
    format!(
        "SELECT {} FROM UNNEST({}) AS u({})",
        selected.join(", "),
        arrays.join(", "),
        batch.names()
    )
}

/// A column's type, and what stands for NULL.
fn sql_type(column: &Column<'_>) -> (&'static str, &'static str) {
    match column {
        Column::Uuid(_) => ("uuid", "'00000000-0000-0000-0000-000000000000'::uuid"),
        Column::Text(_) => ("text", "''"),
        Column::Big(_) => ("bigint", "'-9223372036854775808'::bigint"),
        Column::Int(_) => ("integer", "NULL"),
        Column::Small(_) => ("smallint", "'-32768'::smallint"),
        Column::Bool(_) => ("boolean", "NULL"),
    }
}

fn array(column: &Column<'_>) -> Value {
    let (array_type, values): (_, Vec<Value>) = match column {
        Column::Uuid(values) => (ArrayType::Uuid, each(values, Uuid::nil())),
        Column::Text(values) => (ArrayType::String, each(values, "")),
        Column::Big(values) => (ArrayType::BigInt, each(values, i64::MIN)),
        Column::Int(values) => (
            ArrayType::Int,
            values.iter().map(|value| (*value).into()).collect(),
        ),
        Column::Small(values) => (ArrayType::SmallInt, each(values, i16::MIN)),
        Column::Bool(values) => (
            ArrayType::Bool,
            values.iter().map(|value| (*value).into()).collect(),
        ),
    };
    Value::Array(array_type, Some(Box::new(values)))
}

fn each<T: Copy + Into<Value>>(values: &[Option<T>], absent: T) -> Vec<Value> {
    values
        .iter()
        .map(|value| value.unwrap_or(absent).into())
        .collect()
}

/// Inserts events that are not there yet; the keys of those that were.
pub(super) async fn insert_events<W: Writing>(
    transaction: &W,
    batch: &Batch<'_>,
) -> Result<HashSet<(TeamId, String)>, DbErr> {
    let sql = "INSERT INTO events ({names}) SELECT * FROM ({rows}) AS b ON CONFLICT DO NOTHING";
    let inserted = transaction.run(sql, batch, &[]).await?;
    if inserted == batch.len() as u64 {
        return Ok(HashSet::new());
    }
    // A row names the transaction that made it, but for savepoints, of which there are none. One that is gone by now was
    // there as well.
    let sql = "SELECT b.team_id AS team_id, b.id AS id FROM ({rows}) AS b
        LEFT JOIN events e ON e.team_id = b.team_id AND e.id = b.id
        WHERE e.xmin IS DISTINCT FROM pg_current_xact_id()::xid";
    event_keys(&transaction.read(sql, batch, &[]).await?)
}

/// Leases, for each lane, of its due rows as many as begin within so many places, oldest first.
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
                SELECT due.id, sum(due.places) OVER (ORDER BY due.due_at, due.id) - due.places AS before FROM (
                    SELECT d.id, d.due_at, {} AS places FROM deliveries d
                    WHERE d.lane_id = wanted.lane_id AND d.lease_owner IS NULL AND d.state IN (1, 2)
                        AND d.due_at <= {{1}}
                    ORDER BY d.due_at, d.id LIMIT wanted.room FOR UPDATE OF d SKIP LOCKED
                ) AS due
            ) AS taken WHERE taken.before < wanted.room
        ) RETURNING *",
        leases::places()
    );
    let statement = batch.statement(
        transaction.get_database_backend(),
        &sql,
        vec![owner.into(), now.into()],
    );
    transaction.query_all_raw(statement).await
}

/// Takes the locks of these teams' inboxes, until the end of the transaction; those that somebody else has.
pub(super) async fn lock_inboxes<W: Writing>(
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
