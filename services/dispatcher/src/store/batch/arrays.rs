//! A batch as PostgreSQL reads it: one array for each column, unnested.

use sea_orm::Value;
use sea_orm::sea_query::ArrayType;
use uuid::Uuid;

use super::{Batch, Column};

/// The rows of a batch as a SELECT and its parameters. SeaORM's arrays have no NULL in them, so each type gives up one
/// value that never occurs to stand for it.
pub(super) fn rows(batch: &Batch<'_>) -> (String, Vec<Value>) {
    let values = batch.columns.iter().map(|(_, column)| array(column));
    (select(batch), values.collect())
}

/// Ids as one parameter.
pub(crate) fn uuids(ids: &[Uuid]) -> Value {
    let values = ids.iter().map(|id| (*id).into()).collect();
    Value::Array(ArrayType::Uuid, Some(Box::new(values)))
}

/// The SELECT of a batch, with one array parameter per column.
pub(crate) fn select(batch: &Batch<'_>) -> String {
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

/// Type of a column, and its stand-in for NULL.
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
