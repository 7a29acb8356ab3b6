//! A batch: rows as parameters of one statement, as the rows of a SELECT for an INSERT or UPDATE. PostgreSQL unnests
//! one array per column. SQLite reads JSON; the committer, which is in the same process as SQLite, runs a prepared statement
//! for each row.

pub(super) mod arrays;
mod json;

use sea_orm::{DbBackend, Statement, Value};
use uuid::Uuid;
use watchbell_store::InlineValue;

/// Columns of equal length, each with its name.
#[derive(Debug, Default)]
pub(crate) struct Batch<'a> {
    pub(super) columns: Vec<(&'static str, Column<'a>)>,
    /// By column: whether a value may be absent.
    pub(super) nullable: Vec<bool>,
    /// Whether PostgreSQL keeps the plan of the statement.
    pub(super) has_one_plan: bool,
}

/// One value per row.
#[derive(Debug)]
pub(crate) enum Column<'a> {
    Uuid(Vec<Option<Uuid>>),
    Text(Vec<Option<&'a str>>),
    Big(Vec<Option<i64>>),
    Int(Vec<i32>),
    Small(Vec<Option<i16>>),
    Bool(Vec<bool>),
}

// === impl Batch ===

impl<'a> Batch<'a> {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn uuid(self, name: &'static str, values: impl IntoIterator<Item = Uuid>) -> Self {
        self.with(name, false, Column::Uuid(values.into_iter().map(Some).collect()))
    }

    pub(super) fn uuid_opt(self, name: &'static str, values: impl IntoIterator<Item = Option<Uuid>>) -> Self {
        self.with(name, true, Column::Uuid(values.into_iter().collect()))
    }

    pub(super) fn text(self, name: &'static str, values: impl IntoIterator<Item = &'a str>) -> Self {
        self.with(name, false, Column::Text(values.into_iter().map(Some).collect()))
    }

    /// An empty text counts as absent.
    pub(super) fn text_opt(
        self,
        name: &'static str,
        values: impl IntoIterator<Item = Option<&'a str>>,
    ) -> Self {
        self.with(name, true, Column::Text(values.into_iter().collect()))
    }

    pub(super) fn big(self, name: &'static str, values: impl IntoIterator<Item = i64>) -> Self {
        self.with(name, false, Column::Big(values.into_iter().map(Some).collect()))
    }

    pub(super) fn big_opt(self, name: &'static str, values: impl IntoIterator<Item = Option<i64>>) -> Self {
        self.with(name, true, Column::Big(values.into_iter().collect()))
    }

    pub(super) fn int(self, name: &'static str, values: impl IntoIterator<Item = i32>) -> Self {
        self.with(name, false, Column::Int(values.into_iter().collect()))
    }

    pub(super) fn small(self, name: &'static str, values: impl IntoIterator<Item = i16>) -> Self {
        self.with(name, false, Column::Small(values.into_iter().map(Some).collect()))
    }

    pub(super) fn small_opt(self, name: &'static str, values: impl IntoIterator<Item = Option<i16>>) -> Self {
        self.with(name, true, Column::Small(values.into_iter().collect()))
    }

    pub(super) fn bool(self, name: &'static str, values: impl IntoIterator<Item = bool>) -> Self {
        self.with(name, false, Column::Bool(values.into_iter().collect()))
    }

    fn with(mut self, name: &'static str, nullable: bool, column: Column<'a>) -> Self {
        self.nullable.push(nullable);
        self.columns.push((name, column));
        self
    }

    /// There is only one way to run the statement, whatever the tables hold: an INSERT, or an index that no other one
    /// resembles. So PostgreSQL keeps its plan, which takes as long to make as a commit's rows take to write.
    pub(super) fn with_one_plan(self) -> Self {
        Self {
            has_one_plan: true,
            ..self
        }
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| column.len())
    }

    /// The names of the columns, with commas.
    pub(super) fn names(&self) -> String {
        self.columns
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// A statement in which `{rows}` is a SELECT of this batch's rows and `{names}` are its columns; `more` are
    /// further parameters, named `{0}`, `{1}`, ….
    pub(super) fn statement(&self, backend: DbBackend, sql: &str, more: Vec<Value>) -> Statement {
        let (rows, mut values) = match backend {
            DbBackend::Postgres => arrays::rows(self),
            _ => json::rows(self),
        };
        let sql = self.complete(sql, &rows, values.len(), more.len());
        values.extend(more);
        Statement::from_sql_and_values(backend, sql, values)
    }

    /// Such a statement for one row, whose values are parameters. `more` further ones follow.
    pub(super) fn for_one_row(&self, sql: &str, more: usize) -> String {
        let used = self.columns.len();
        if let Some((what, then)) = sql.split_once("FROM ({rows}) AS b WHERE ") {
            if sql.starts_with("UPDATE") {
                // For each UPDATE from a SELECT SQLite makes a table of its own.
                let sql = self.with_parameters(format!("{what}WHERE {then}"));
                return self.complete(&sql, "", used, more);
            }
            if let (Some((into, selected)), Some(then)) =
                (what.split_once("SELECT "), then.strip_prefix("true"))
                && sql.starts_with("INSERT")
            {
                // For each INSERT from a SELECT it runs a co-routine, and keeps a journal to undo half of it.
                let all: Vec<_> = self.parameters().map(|(_, parameter)| parameter).collect();
                let values = self.with_parameters(selected.trim_end().replace("b.*", &all.join(", ")));
                return self.complete(&format!("{into}VALUES ({values}){then}"), "", used, more);
            }
        }
        let rows: Vec<_> = self
            .parameters()
            .map(|(name, parameter)| format!("{parameter} AS {name}"))
            .collect();
        let rows = format!("SELECT {}", rows.join(", "));
        self.complete(sql, &rows, used, more)
    }

    /// A text with parameters for `b.column`.
    fn with_parameters(&self, sql: String) -> String {
        if !sql.contains("b.") {
            return sql;
        }
        let mut parameters: Vec<_> = self.parameters().collect();
        // The longest first, since one name may begin with another.
        parameters.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        parameters.iter().fold(sql, |sql, (name, parameter)| {
            sql.replace(&format!("b.{name}"), parameter)
        })
    }

    fn parameters(&self) -> impl Iterator<Item = (&'static str, String)> {
        let columns = self.columns.iter().enumerate();
        columns.map(|(at, (name, _))| (*name, format!("${}", at + 1)))
    }

    /// What `$number` stands for in such a statement.
    pub(super) fn value<'v>(&'v self, row: usize, number: usize, more: &[i64]) -> InlineValue<'v> {
        let at = number - 1;
        match self.columns.get(at) {
            Some((_, column)) => column.value(row),
            None => InlineValue::Integer(more[at - self.columns.len()]),
        }
    }

    /// The text of such a statement, when the rows are `rows` with `used` parameters, and there are `more`.
    pub(super) fn complete(&self, sql: &str, rows: &str, used: usize, more: usize) -> String {
        let mut sql = sql.replace("{rows}", rows).replace("{names}", &self.names());
        for index in 0..more {
            sql = sql.replace(&format!("{{{index}}}"), &format!("${}", used + index + 1));
        }
        sql
    }
}

// === impl Column ===

impl Column<'_> {
    fn value(&self, row: usize) -> InlineValue<'_> {
        let integer = |value: Option<i64>| value.map_or(InlineValue::Null, InlineValue::Integer);
        match self {
            Self::Uuid(values) => values[row]
                .as_ref()
                .map_or(InlineValue::Null, |id| id.as_bytes()[..].into()),
            Self::Text(values) => values[row].into(),
            Self::Big(values) => integer(values[row]),
            Self::Int(values) => integer(Some(values[row].into())),
            Self::Small(values) => integer(values[row].map(i64::from)),
            Self::Bool(values) => integer(Some(values[row].into())),
        }
    }

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
}

#[cfg(test)]
mod tests {
    use watchbell_store::testing::{NoMigrations, on_sqlite};

    use super::*;
    use crate::store::Db;
    use crate::store::transaction::{ReadRow, WriteTransaction};

    /// What SQLite makes of a batch, as SQL literals.
    async fn read<W: WriteTransaction>(transaction: &W, batch: &Batch<'_>) -> Vec<String> {
        let sql = "SELECT quote(b.a) || ' ' || quote(b.b) || ' ' || quote(b.c) || ' ' || quote(b.d) || ' ' || quote(b.e) || ' '
            || quote(b.f) || ' ' || quote(b.g) || ' ' || {0} AS read FROM ({rows}) AS b";
        let rows = transaction.read(sql, batch, &[9]).await.unwrap();
        rows.iter().map(|row| row.text("read").unwrap()).collect()
    }

    #[test]
    fn sqlite_reads_what_was_given_by_its_driver_and_row_by_row() {
        on_sqlite::<NoMigrations, _>(|store| async move {
            let long = "x".repeat(70_000);
            let id = Uuid::from_u128(0x00ff_0102_0304_0506_0708_090a_0b0c_0d0e);
            let batch = Batch::new()
                .text("a", ["plain", "quote \" ' \\ \t ünïcode 🔔", "", &long])
                .big_opt("b", [Some(i64::MAX), None, Some(i64::MIN), Some(0)])
                .int("c", [i32::MIN, -1, 10, i32::MAX])
                .small_opt("d", [Some(i16::MIN), None, Some(0), Some(i16::MAX)])
                .bool("e", [true, false, true, false])
                .text_opt("f", [None, Some("x"), Some(""), None])
                .uuid_opt("g", [Some(id), None, Some(Uuid::max()), Some(Uuid::nil())]);
            let expected = [
                "'plain' 9223372036854775807 -2147483648 -32768 1 NULL X'00FF0102030405060708090A0B0C0D0E' 9"
                    .to_owned(),
                "'quote \" '' \\ \t ünïcode 🔔' NULL -1 NULL 0 'x' NULL 9".to_owned(),
                "'' -9223372036854775808 10 0 1 '' X'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF' 9".to_owned(),
                format!("'{long}' 0 2147483647 32767 0 NULL X'00000000000000000000000000000000' 9"),
            ];
            let db = Db::new(store);
            let transaction = db.begin().await.unwrap();
            assert!(read(&transaction, &batch).await == expected);
            drop(transaction);
            let transaction = db.begin_inline().await.unwrap();
            assert!(read(&transaction, &batch).await == expected);
        });
    }

    #[test]
    fn an_update_of_one_row_has_its_values_as_parameters() {
        let batch = Batch::new()
            .uuid("id", [Uuid::nil()])
            .big("due", [1])
            .big("due_at", [2]);
        let sql = "UPDATE t SET due = b.due, due_at = b.due_at + {0} FROM ({rows}) AS b WHERE t.id = b.id AND t.due < {0}";
        assert_eq!(
            batch.for_one_row(sql, 1),
            "UPDATE t SET due = $2, due_at = $3 + $4 WHERE t.id = $1 AND t.due < $4"
        );
    }

    #[test]
    fn an_insert_of_one_row_has_values() {
        let batch = Batch::new().uuid("id", [Uuid::nil()]).big("due", [1]);
        let sql =
            "INSERT INTO t (a, {names}) SELECT 0, b.* FROM ({rows}) AS b WHERE true ON CONFLICT DO NOTHING";
        assert_eq!(
            batch.for_one_row(sql, 0),
            "INSERT INTO t (a, id, due) VALUES (0, $1, $2) ON CONFLICT DO NOTHING"
        );
        let sql = "INSERT INTO t (id, since, due) SELECT id, b.due, {0} FROM ({rows}) AS b WHERE b.due > 0";
        assert_eq!(
            batch.for_one_row(sql, 1),
            "INSERT INTO t (id, since, due) SELECT id, b.due, $3 FROM (SELECT $1 AS id, $2 AS due) AS b WHERE b.due > 0"
        );
    }
}
