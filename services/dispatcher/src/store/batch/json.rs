//! A batch as SQLite reads it by its driver: JSON. Commits, which write thousands of rows a second, bind each row instead.

use sea_orm::Value;
use serde_json::Value as Json;

use super::{Batch, Column};

/// The rows of a batch as a SELECT and its parameter. Ids go as hexadecimal digits.
pub(super) fn rows(batch: &Batch<'_>) -> (String, Vec<Value>) {
    let selected: Vec<_> = batch
        .columns
        .iter()
        .enumerate()
        .map(|(at, (name, column))| match column {
            Column::Uuid(_) => format!("unhex(value ->> {at}) AS {name}"),
            _ => format!("value ->> {at} AS {name}"),
        })
        .collect();
    let rows = format!("SELECT {} FROM json_each($1)", selected.join(", "));
    let json: Json = (0..batch.len())
        .map(|row| {
            let values = batch.columns.iter().map(|(_, column)| column.json(row));
            values.collect::<Json>()
        })
        .collect();
    (rows, vec![json.to_string().into()])
}

// === impl Column ===

impl Column<'_> {
    fn json(&self, row: usize) -> Json {
        match self {
            Self::Uuid(values) => values[row].map(|id| id.simple().to_string()).into(),
            Self::Text(values) => values[row].into(),
            Self::Big(values) => values[row].into(),
            Self::Int(values) => values[row].into(),
            Self::Small(values) => values[row].into(),
            Self::Bool(values) => values[row].into(),
        }
    }
}
