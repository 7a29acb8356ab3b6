//! A batch: rows as parameters of one statement, as the rows of a SELECT for an INSERT or UPDATE. PostgreSQL unnests
//! one array per column; SQLite reads one binary blob, and texts from JSON.

pub(super) mod arrays;
mod packed;

use sea_orm::{DbBackend, Statement, Value};
use uuid::Uuid;

/// Columns of equal length, each with its name.
#[derive(Debug, Default)]
pub(crate) struct Batch<'a> {
    pub(super) columns: Vec<(&'static str, Column<'a>)>,
    /// By column: whether a value may be absent.
    pub(super) nullable: Vec<bool>,
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
            _ => packed::rows(self),
        };
        let sql = self.complete(sql, &rows, values.len(), more.len());
        values.extend(more);
        Statement::from_sql_and_values(backend, sql, values)
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
