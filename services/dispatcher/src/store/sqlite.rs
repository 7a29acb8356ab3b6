//! What SQLite is told in its own way: batches as one binary JSON value, claims lane by lane (there is nobody to race with:
//! one process, one writer), and the machine's clock.

use std::collections::HashSet;
use std::io::Write as _;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, QueryResult, Statement, Value};
use uuid::Uuid;
use watchbell_domain::ids::TeamId;

use super::batch::{Batch, Column};
use super::event_keys;

/// Microseconds since 1970 by the machine's clock.
pub(super) const NOW: &str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";

/// The rows of a batch as a SELECT and its parameter.
pub(super) fn rows(batch: &Batch<'_>) -> (String, Vec<Value>) {
    let mut selected = Vec::with_capacity(batch.columns.len());
    for (index, (name, column)) in batch.columns.iter().enumerate() {
        selected.push(match column {
            Column::Uuid(_) => format!("unhex(value ->> {index}) AS {name}"),
            _ => format!("value ->> {index} AS {name}"),
        });
    }
    (
        format!("SELECT {} FROM jsonb_each($1)", selected.join(", ")),
        vec![jsonb(batch).into()],
    )
}

/// An array of rows, each an array of values, as SQLite itself keeps JSON (sqlite.org/jsonb.html): nothing is escaped
/// here and nothing parsed there, which halves what a batch costs its writer.
fn jsonb(batch: &Batch<'_>) -> Vec<u8> {
    let rows = batch.len();
    let mut out = Vec::with_capacity(rows * batch.columns.len() * 24);
    array(&mut out, |out| {
        for row in 0..rows {
            array(out, |out| {
                for (_, column) in &batch.columns {
                    column.write(row, out);
                }
            });
        }
    });
    out
}

/// The types of elements, which are the low half of an element's first byte.
mod element {
    pub(super) const NULL: u8 = 0;
    pub(super) const TRUE: u8 = 1;
    pub(super) const FALSE: u8 = 2;
    pub(super) const INT: u8 = 3;
    /// Text as it is, with nothing escaped.
    pub(super) const TEXT_RAW: u8 = 10;
    pub(super) const ARRAY: u8 = 11;
    /// In the high half: the size follows in one byte, in two, in four.
    pub(super) const SIZE_1: u8 = 12 << 4;
    pub(super) const SIZE_2: u8 = 13 << 4;
    pub(super) const SIZE_4: u8 = 14 << 4;
    /// The largest size that the high half holds itself.
    pub(super) const SIZE_WITHIN: usize = 11;
}

/// An array of whatever `fill` writes. Its size takes four bytes, since it is known only afterwards.
fn array(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    out.push(element::SIZE_4 | element::ARRAY);
    out.extend_from_slice(&[0; 4]);
    let start = out.len();
    fill(out);
    let size = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    out[start - 4..start].copy_from_slice(&size.to_be_bytes());
}

fn text(text: &str, out: &mut Vec<u8>) {
    let size = text.len();
    match size {
        0..=element::SIZE_WITHIN => out.push((size as u8) << 4 | element::TEXT_RAW),
        12..=0xff => out.extend_from_slice(&[element::SIZE_1 | element::TEXT_RAW, size as u8]),
        0x100..=0xffff => {
            out.push(element::SIZE_2 | element::TEXT_RAW);
            out.extend_from_slice(&(size as u16).to_be_bytes());
        }
        _ => {
            out.push(element::SIZE_4 | element::TEXT_RAW);
            out.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes());
        }
    }
    out.extend_from_slice(text.as_bytes());
}

fn int(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&[element::SIZE_1 | element::INT, 0]);
    let start = out.len();
    // Writing to memory cannot fail.
    let _ = write!(out, "{value}");
    out[start - 1] = (out.len() - start) as u8;
}

// === impl Column ===

impl Column<'_> {
    fn write(&self, row: usize, out: &mut Vec<u8>) {
        match self {
            Self::Uuid(values) => match values[row] {
                Some(value) => text(value.simple().encode_lower(&mut Uuid::encode_buffer()), out),
                None => out.push(element::NULL),
            },
            Self::Text(values) => match values[row] {
                Some(value) => text(value, out),
                None => out.push(element::NULL),
            },
            Self::Big(values) => optional(values[row], out),
            Self::Small(values) => optional(values[row].map(i64::from), out),
            Self::Int(values) => int(values[row].into(), out),
            Self::Bool(values) => out.push(if values[row] {
                element::TRUE
            } else {
                element::FALSE
            }),
        }
    }
}

fn optional(value: Option<i64>, out: &mut Vec<u8>) {
    match value {
        Some(value) => int(value, out),
        None => out.push(element::NULL),
    }
}

/// Inserts events that are not there yet; the keys of those that were.
pub(super) async fn insert_events(
    transaction: &DatabaseTransaction,
    batch: &Batch<'_>,
) -> Result<HashSet<(TeamId, String)>, DbErr> {
    let backend = transaction.get_database_backend();
    let sql = "INSERT INTO events ({names}) SELECT * FROM ({rows}) AS b WHERE true ON CONFLICT DO NOTHING";
    let inserted = transaction
        .execute_raw(batch.statement(backend, sql, vec![]))
        .await?;
    if inserted.rows_affected() == batch.len() as u64 {
        return Ok(HashSet::new());
    }
    // Row ids are given out one after the other: those inserted now are the last so many.
    let last = match inserted.rows_affected() {
        0 => i64::MAX,
        rows => i64::try_from(inserted.last_insert_id().saturating_sub(rows)).unwrap_or(i64::MAX),
    };
    let sql = "SELECT b.team_id AS team_id, b.id AS id FROM ({rows}) AS b
        JOIN events e ON e.team_id = b.team_id AND e.id = b.id WHERE e.rowid <= {0}";
    let statement = batch.statement(backend, sql, vec![last.into()]);
    event_keys(&transaction.query_all_raw(statement).await?)
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

    #[tokio::test]
    async fn rows_become_jsonb_that_sqlite_reads_back() {
        let long = "x".repeat(70_000);
        let texts = [
            "plain",
            "quote \" back \\ tab \t ünïcode 🔔",
            "",
            &long[..300],
            &long,
        ];
        let id = Uuid::from_u128(0x00ff_0102_0304_0506_0708_090a_0b0c_0d0e);
        let batch = Batch::new()
            .text("a", texts)
            .big_opt("b", [Some(i64::MAX), None, Some(i64::MIN), Some(0), Some(7)])
            .bool("c", [true, false, true, false, true])
            .uuid_opt("d", [Some(id), None, Some(Uuid::max()), None, None]);
        let (sql, values) = rows(&batch);
        let connection = sea_orm::Database::connect("sqlite::memory:").await.unwrap();
        let statement = Statement::from_sql_and_values(sea_orm::DbBackend::Sqlite, sql, values);
        let read: Vec<_> = connection
            .query_all_raw(statement)
            .await
            .unwrap()
            .iter()
            .map(|row| {
                (
                    row.try_get::<String>("", "a").unwrap(),
                    row.try_get::<Option<i64>>("", "b").unwrap(),
                    row.try_get::<bool>("", "c").unwrap(),
                    row.try_get::<Option<Uuid>>("", "d").unwrap(),
                )
            })
            .collect();
        let expected = [
            (texts[0].to_owned(), Some(i64::MAX), true, Some(id)),
            (texts[1].to_owned(), None, false, None),
            (texts[2].to_owned(), Some(i64::MIN), true, Some(Uuid::max())),
            (texts[3].to_owned(), Some(0), false, None),
            (texts[4].to_owned(), Some(7), true, None),
        ];
        assert_eq!(read, expected);
    }
}
