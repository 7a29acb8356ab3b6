//! Finding deliveries and events, newest first. Of a filter's conditions one is looked up in an index; the others are checked
//! on the rows that it leads to, a bounded number for each page.

mod deliveries;
mod events;
mod scan;

use sea_orm::sea_query::{Expr, Func, LikeExpr};
use sea_orm::{
    AccessMode, ColumnTrait, Condition, DatabaseTransaction, DbErr, ExprTrait, IsolationLevel,
    TransactionTrait as _,
};

use super::Db;

pub(crate) use deliveries::DeliveryFilter;
pub(super) use events::BYTES;
pub(crate) use events::{EventFilter, EventKeyAndSize};

/// Rows that are examined for a page, at most.
pub(crate) const EXAMINED: u64 = 5_000;

// === impl Db ===

impl Db {
    /// Begins to read one state of the database.
    async fn snapshot(&self) -> Result<DatabaseTransaction, DbErr> {
        // On SQLite every transaction does.
        let isolation = (!self.is_sqlite()).then_some(IsolationLevel::RepeatableRead);
        let access = (!self.is_sqlite()).then_some(AccessMode::ReadOnly);
        self.store.reader().begin_with_config(isolation, access).await
    }
}

/// That a type matches one of several patterns.
fn any_type(column: impl ColumnTrait, patterns: &[String]) -> Condition {
    let conditions = patterns.iter().map(|pattern| matches(column, pattern));
    conditions.fold(Condition::any(), Condition::add)
}

/// The condition of an event type pattern.
fn matches(column: impl ColumnTrait, pattern: &str) -> Expr {
    let column = Expr::col((column.entity_name(), column));
    match pattern.strip_suffix('*') {
        Some(prefix) => column.like(LikeExpr::new(format!("{}%", escaped(prefix))).escape('\\')),
        None => column.eq(pattern),
    }
}

/// A text that a LIKE takes as it is.
pub(super) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// That a column has a text somewhere.
fn contains(column: impl ColumnTrait, text: &str) -> Expr {
    let column = Expr::col((column.entity_name(), column));
    column.like(LikeExpr::new(format!("%{}%", escaped(text))).escape('\\'))
}

/// That a column has a text somewhere, in any case of ASCII letters.
fn contains_in_any_case(column: impl ColumnTrait, text: &str) -> Expr {
    let lower: Expr = Func::lower(Expr::col((column.entity_name(), column))).into();
    let pattern = format!("%{}%", escaped(&text.to_ascii_lowercase()));
    lower.like(LikeExpr::new(pattern).escape('\\'))
}
