//! What SQLite is told in its own way: batches as one JSON text, claims lane by lane (there is nobody to race with:
//! one process, one writer), and the machine's clock.

use std::fmt::Write as _;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, QueryResult, Statement, Value};
use uuid::Uuid;

use super::batch::{Batch, Column};

/// Microseconds since 1970 by the machine's clock.
pub(super) const NOW: &str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";

/// The rows of a batch as a SELECT and its parameters.
pub(super) fn rows(batch: &Batch<'_>) -> (String, Vec<Value>) {
    let mut selected = Vec::with_capacity(batch.columns.len());
    for (index, (name, column)) in batch.columns.iter().enumerate() {
        selected.push(match column {
            Column::Uuid(_) => format!("unhex(value ->> {index}) AS {name}"),
            _ => format!("value ->> {index} AS {name}"),
        });
    }
    (
        format!("SELECT {} FROM json_each($1)", selected.join(", ")),
        vec![json(batch).into()],
    )
}

/// An array of rows, each an array of values.
fn json(batch: &Batch<'_>) -> String {
    let rows = batch.columns.first().map_or(0, |(_, column)| column.len());
    let mut json = String::with_capacity(rows * batch.columns.len() * 24);
    json.push('[');
    for row in 0..rows {
        json.push_str(if row == 0 { "[" } else { ",[" });
        for (index, (_, column)) in batch.columns.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            column.write(row, &mut json);
        }
        json.push(']');
    }
    json.push(']');
    json
}

// === impl Column ===

impl Column<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Uuid(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Big(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Small(values) => values.len(),
            Self::Bool(values) => values.len(),
        }
    }

    fn write(&self, row: usize, json: &mut String) {
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Uuid(values) => match values[row] {
                Some(value) => write!(json, "\"{}\"", value.simple()),
                None => write!(json, "null"),
            },
            Self::Text(values) => match values[row] {
                Some(value) => return write_text(value, json),
                None => write!(json, "null"),
            },
            Self::Big(values) => match values[row] {
                Some(value) => write!(json, "{value}"),
                None => write!(json, "null"),
            },
            Self::Small(values) => match values[row] {
                Some(value) => write!(json, "{value}"),
                None => write!(json, "null"),
            },
            Self::Int(values) => write!(json, "{}", values[row]),
            Self::Bool(values) => write!(json, "{}", values[row]),
        };
    }
}

/// A JSON string (RFC 8259 §7), copied in runs: most text has nothing to escape.
fn write_text(text: &str, json: &mut String) {
    json.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        json.push_str(&text[from..at]);
        match byte {
            b'"' => json.push_str("\\\""),
            b'\\' => json.push_str("\\\\"),
            _ => {
                let _ = write!(json, "\\u{byte:04x}");
            }
        }
        from = at + 1;
    }
    json.push_str(&text[from..]);
    json.push('"');
}

/// Leases, for each lane, up to so many of its due rows, oldest first.
pub(super) async fn claim(
    transaction: &DatabaseTransaction,
    owner: Uuid,
    claims: &[(Uuid, i64)],
    now: i64,
) -> Result<Vec<QueryResult>, DbErr> {
    let mut rows = Vec::new();
    for (lane, room) in claims {
        let sql = "UPDATE deliveries SET lease_owner = $1 WHERE id IN (
                SELECT id FROM deliveries
                WHERE lane_id = $2 AND lease_owner IS NULL AND state IN (1, 2) AND due_at <= $3
                ORDER BY due_at, id LIMIT $4
            ) RETURNING *";
        let values = [owner.into(), (*lane).into(), now.into(), (*room).into()];
        let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
        rows.extend(transaction.query_all_raw(statement).await?);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_json_that_reads_back() {
        let texts = ["plain", "quote \" back \\ tab \t ünïcode 🔔", ""];
        let batch = Batch::new()
            .text("a", texts)
            .big_opt("b", [Some(i64::MAX), None, Some(-1)])
            .bool("c", [true, false, true]);
        let read: serde_json::Value = serde_json::from_str(&json(&batch)).unwrap();
        assert_eq!(
            read,
            serde_json::json!([
                [texts[0], i64::MAX, true],
                [texts[1], null, false],
                [texts[2], -1, true]
            ])
        );
    }
}
