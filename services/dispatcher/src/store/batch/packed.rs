//! A batch as SQLite reads it: texts as binary JSON, and everything else as one run of bytes.

use sea_orm::Value;

use super::{Batch, Column};

/// The rows of a batch as a SELECT and its parameters. Columns of fixed width go as one blob, in which a value is
/// found by its position: reading it from JSON takes SQLite about six times as long. Texts go as JSON. As on
/// PostgreSQL, one value of each type that never occurs stands for NULL.
pub(super) fn rows(batch: &Batch<'_>) -> (String, Vec<Value>) {
    let width: usize = batch.columns.iter().map(|(_, column)| column.width()).sum();
    let (mut place, mut texts) = (1, 0);
    let mut selected = Vec::with_capacity(batch.columns.len());
    for ((name, column), nullable) in batch.columns.iter().zip(&batch.nullable) {
        let own = column.width();
        let bytes = format!("substr($2, key * {width} + {place}, {own})");
        let (value, absent) = match column {
            Column::Text(_) => (format!("value ->> {texts}"), None),
            Column::Uuid(_) => (bytes, Some(format!("zeroblob({own})"))),
            Column::Big(_) => (format!("CAST({bytes} AS INTEGER)"), Some(i64::MIN.to_string())),
            Column::Small(_) => (format!("CAST({bytes} AS INTEGER)"), Some(i16::MIN.to_string())),
            Column::Int(_) | Column::Bool(_) => (format!("CAST({bytes} AS INTEGER)"), None),
        };
        selected.push(match absent.filter(|_| *nullable) {
            Some(absent) => format!("NULLIF({value}, {absent}) AS {name}"),
            None => format!("{value} AS {name}"),
        });
        place += own;
        texts += usize::from(own == 0);
    }
    let rows = format!("SELECT {} FROM jsonb_each($1)", selected.join(", "));
    (rows, vec![jsonb(batch).into(), packed(batch, width).into()])
}

/// An array of rows, each an array of its texts, as SQLite itself keeps JSON (sqlite.org/jsonb.html): nothing is escaped
/// here and nothing parsed there.
fn jsonb(batch: &Batch<'_>) -> Vec<u8> {
    // To the byte or a little more: a batch is megabytes, and growing would copy them again and again.
    let texts = || {
        batch.columns.iter().filter_map(|(_, column)| match column {
            Column::Text(values) => Some(values),
            _ => None,
        })
    };
    let heads = 5 * (1 + batch.len() * (1 + texts().count()));
    let size: usize = texts().flatten().map(|text| text.map_or(0, str::len)).sum();
    let mut out = Vec::with_capacity(heads + size);
    array(&mut out, |out| {
        for row in 0..batch.len() {
            array(out, |out| {
                for (_, column) in &batch.columns {
                    if let Column::Text(values) = column {
                        text(values[row], out);
                    }
                }
            });
        }
    });
    out
}

/// Everything else, row by row, each value in the width of its column.
fn packed(batch: &Batch<'_>, width: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(batch.len() * width);
    for row in 0..batch.len() {
        for (_, column) in &batch.columns {
            column.pack(row, &mut out);
        }
    }
    out
}

/// An integer in decimal digits, which is what SQLite makes numbers of, blanks before it.
fn decimal(value: i64, width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + width, b' ');
    let mut rest = value.unsigned_abs();
    let mut at = out.len();
    while at > start && (rest > 0 || at == out.len()) {
        at -= 1;
        out[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    if value < 0 && at > start {
        out[at - 1] = b'-';
    }
}

/// The types of elements, which are the low half of an element's first byte.
mod element {
    pub(super) const NULL: u8 = 0;
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

/// Writes an array; its size takes four bytes, since it is known only afterwards.
fn array(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    out.push(element::SIZE_4 | element::ARRAY);
    out.extend_from_slice(&[0; 4]);
    let start = out.len();
    fill(out);
    let size = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    out[start - 4..start].copy_from_slice(&size.to_be_bytes());
}

fn text(text: Option<&str>, out: &mut Vec<u8>) {
    let Some(text) = text else {
        return out.push(element::NULL);
    };
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

// === impl Column ===

impl Column<'_> {
    /// Bytes of a value; texts have no width.
    fn width(&self) -> usize {
        match self {
            Self::Text(_) => 0,
            Self::Bool(_) => 1,
            Self::Small(_) => 6,
            Self::Int(_) => 11,
            Self::Uuid(_) => 16,
            Self::Big(_) => 20,
        }
    }

    fn pack(&self, row: usize, out: &mut Vec<u8>) {
        let width = self.width();
        match self {
            Self::Text(_) => {}
            Self::Bool(values) => decimal(values[row].into(), width, out),
            Self::Small(values) => decimal(values[row].unwrap_or(i16::MIN).into(), width, out),
            Self::Int(values) => decimal(values[row].into(), width, out),
            Self::Uuid(values) => out.extend_from_slice(values[row].unwrap_or_default().as_bytes()),
            Self::Big(values) => decimal(values[row].unwrap_or(i64::MIN), width, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, Statement};
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn rows_become_bytes_that_sqlite_reads_back() {
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
            .big_opt("b", [Some(i64::MAX), None, Some(i64::MIN + 1), Some(0), Some(7)])
            .int("e", [i32::MIN, -1, 0, 10, i32::MAX])
            .small_opt(
                "f",
                [Some(i16::MIN + 1), None, Some(0), Some(-10), Some(i16::MAX)],
            )
            .bool("c", [true, false, true, false, true])
            .text_opt("g", [None, Some("x"), Some(""), None, Some("y")])
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
                    row.try_get::<i32>("", "e").unwrap(),
                    row.try_get::<Option<i16>>("", "f").unwrap(),
                    row.try_get::<Option<String>>("", "g").unwrap(),
                )
            })
            .collect();
        let expected = [
            (
                texts[0],
                Some(i64::MAX),
                true,
                Some(id),
                i32::MIN,
                Some(i16::MIN + 1),
                None,
            ),
            (texts[1], None, false, None, -1, None, Some("x")),
            (
                texts[2],
                Some(i64::MIN + 1),
                true,
                Some(Uuid::max()),
                0,
                Some(0),
                Some(""),
            ),
            (texts[3], Some(0), false, None, 10, Some(-10), None),
            (texts[4], Some(7), true, None, i32::MAX, Some(i16::MAX), Some("y")),
        ];
        let expected =
            expected.map(|(a, b, c, d, e, f, g)| (a.to_owned(), b, c, d, e, f, g.map(str::to_owned)));
        assert_eq!(read, expected);
    }
}
