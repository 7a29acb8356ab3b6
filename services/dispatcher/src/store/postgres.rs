//! What PostgreSQL is told in its own way: batches as arrays that are unnested, claims under `SKIP LOCKED` for all
//! lanes in one statement, the server's clock, and the lock that keeps inbox cursors in the order of commits.

use std::collections::HashSet;

use sea_orm::sea_query::ArrayType;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};
use uuid::Uuid;
use watchbell_domain::ids::TeamId;

use super::batch::{Batch, Column};
use super::event_keys;
use super::transaction::{Transaction, Writing};

/// Microseconds since 1970 by the server's clock.
pub(super) const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// The rows of a batch as a SELECT and its parameters. SeaORM's arrays have no NULL in them, so each type gives up one
/// value that never occurs to stand for it.
pub(super) fn rows(batch: &Batch<'_>) -> (String, Vec<Value>) {
    let mut arrays = Vec::with_capacity(batch.columns.len());
    let mut selected = Vec::with_capacity(batch.columns.len());
    let mut values = Vec::with_capacity(batch.columns.len());
    for (index, ((name, column), nullable)) in batch.columns.iter().zip(&batch.nullable).enumerate() {
        let (sql_type, absent, value) = array(column);
        arrays.push(format!("${}::{sql_type}[]", index + 1));
        selected.push(if *nullable {
            format!("NULLIF({name}, {absent}) AS {name}")
        } else {
            (*name).to_owned()
        });
        values.push(value);
    }
    let sql = format!(
        "SELECT {} FROM UNNEST({}) AS u({})",
        selected.join(", "),
        arrays.join(", "),
        batch.names()
    );
    (sql, values)
}

/// A column's type, what stands for NULL, and the values.
fn array(column: &Column<'_>) -> (&'static str, &'static str, Value) {
    let (sql_type, absent, array_type, values): (_, _, _, Vec<Value>) = match column {
        Column::Uuid(values) => (
            "uuid",
            "'00000000-0000-0000-0000-000000000000'::uuid",
            ArrayType::Uuid,
            values
                .iter()
                .map(|value| value.unwrap_or_default().into())
                .collect(),
        ),
        Column::Text(values) => (
            "text",
            "''",
            ArrayType::String,
            values
                .iter()
                .map(|value| value.unwrap_or_default().into())
                .collect(),
        ),
        Column::Big(values) => (
            "bigint",
            "'-9223372036854775808'::bigint",
            ArrayType::BigInt,
            values
                .iter()
                .map(|value| value.unwrap_or(i64::MIN).into())
                .collect(),
        ),
        Column::Int(values) => (
            "integer",
            "NULL",
            ArrayType::Int,
            values.iter().map(|value| (*value).into()).collect(),
        ),
        Column::Small(values) => (
            "smallint",
            "'-32768'::smallint",
            ArrayType::SmallInt,
            values
                .iter()
                .map(|value| value.unwrap_or(i16::MIN).into())
                .collect(),
        ),
        Column::Bool(values) => (
            "boolean",
            "NULL",
            ArrayType::Bool,
            values.iter().map(|value| (*value).into()).collect(),
        ),
    };
    (sql_type, absent, Value::Array(array_type, Some(Box::new(values))))
}

/// Inserts events that are not there yet; the keys of those that were.
pub(super) async fn insert_events<W: Writing>(
    transaction: &W,
    batch: &Batch<'_>,
) -> Result<HashSet<(TeamId, String)>, DbErr> {
    let sql = "WITH b AS MATERIALIZED ({rows}), inserted AS (
            INSERT INTO events ({names}) SELECT * FROM b ON CONFLICT DO NOTHING RETURNING team_id, id
        )
        SELECT team_id, id FROM b EXCEPT ALL SELECT team_id, id FROM inserted";
    let statement = batch.statement(transaction.backend(), sql, vec![]);
    event_keys(&transaction.read(statement).await?)
}

/// Leases, for each lane, up to so many of its due rows, oldest first.
pub(super) async fn claim(
    transaction: &Transaction,
    owner: Uuid,
    claims: &[(Uuid, i64)],
    now: i64,
) -> Result<Vec<QueryResult>, DbErr> {
    let batch = Batch::new()
        .uuid("lane_id", claims.iter().map(|(lane, _)| *lane))
        .big("room", claims.iter().map(|(_, room)| *room));
    let sql = "UPDATE deliveries SET lease_owner = {0} WHERE id IN (
            SELECT due.id FROM ({rows}) AS wanted CROSS JOIN LATERAL (
                SELECT d.id FROM deliveries d
                WHERE d.lane_id = wanted.lane_id AND d.lease_owner IS NULL AND d.state IN (1, 2) AND d.due_at <= {1}
                ORDER BY d.due_at, d.id LIMIT wanted.room FOR UPDATE SKIP LOCKED
            ) AS due
        ) RETURNING *";
    let statement = batch.statement(
        transaction.get_database_backend(),
        sql,
        vec![owner.into(), now.into()],
    );
    transaction.query_all_raw(statement).await
}

/// Cursors are given out under this lock and it is held until the commit, so that whoever has seen a cursor has
/// seen every smaller one, whichever replica wrote it.
pub(super) async fn lock_inbox<W: Writing>(transaction: &W) -> Result<(), DbErr> {
    let sql = "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.inbox', 0))";
    transaction
        .run(Statement::from_string(transaction.backend(), sql))
        .await?;
    Ok(())
}
