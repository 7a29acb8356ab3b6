//! What the committer writes by, and what is common to the ways it does.

use std::ops::Deref;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult, Value};
use uuid::Uuid;
use watchbell_store::{Changed, HereRow, HereTransaction, Turn};

use super::batch::Batch;

/// A transaction by the driver. Dropped, it is rolled back.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(super) inner: DatabaseTransaction,
    pub(super) _turn: Turn,
}

/// A transaction of whichever kind.
pub(crate) trait Writing: Sync + Sized {
    type Row: Columns;

    /// After an error nobody knows whether it took place.
    fn commit(self) -> impl Future<Output = Result<(), DbErr>> + Send;

    fn backend(&self) -> DbBackend;

    /// Runs a statement that writes; see [`Batch::statement`].
    fn run(
        &self,
        sql: &str,
        batch: &Batch<'_>,
        more: &[i64],
    ) -> impl Future<Output = Result<Changed, DbErr>> + Send;

    /// Runs a statement that reads.
    fn read(
        &self,
        sql: &str,
        batch: &Batch<'_>,
        more: &[i64],
    ) -> impl Future<Output = Result<Vec<Self::Row>, DbErr>> + Send;
}

/// A row of what a transaction reads.
pub(crate) trait Columns {
    fn text(&self, column: &str) -> Result<String, DbErr>;

    fn uuid(&self, column: &str) -> Result<Uuid, DbErr>;
}

impl Deref for Transaction {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.inner
    }
}

impl Writing for Transaction {
    type Row = QueryResult;

    async fn commit(self) -> Result<(), DbErr> {
        self.inner.commit().await
    }

    fn backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn run(&self, sql: &str, batch: &Batch<'_>, more: &[i64]) -> Result<Changed, DbErr> {
        let statement = batch.statement(self.backend(), sql, values(more));
        let result = self.inner.execute_raw(statement).await?;
        let last_row_id = match self.backend() {
            DbBackend::Sqlite => result.last_insert_id(),
            // PostgreSQL gives out none.
            _ => 0,
        };
        Ok(Changed {
            rows: result.rows_affected(),
            last_row_id: i64::try_from(last_row_id).unwrap_or(i64::MAX),
        })
    }

    async fn read(&self, sql: &str, batch: &Batch<'_>, more: &[i64]) -> Result<Vec<QueryResult>, DbErr> {
        let statement = batch.statement(self.backend(), sql, values(more));
        self.inner.query_all_raw(statement).await
    }
}

impl Writing for HereTransaction {
    type Row = HereRow;

    async fn commit(self) -> Result<(), DbErr> {
        Self::commit(self)
    }

    fn backend(&self) -> DbBackend {
        DbBackend::Sqlite
    }

    async fn run(&self, sql: &str, batch: &Batch<'_>, more: &[i64]) -> Result<Changed, DbErr> {
        self.execute(&batch.statement(self.backend(), sql, values(more)))
    }

    async fn read(&self, sql: &str, batch: &Batch<'_>, more: &[i64]) -> Result<Vec<HereRow>, DbErr> {
        self.query(&batch.statement(self.backend(), sql, values(more)))
    }
}

fn values(more: &[i64]) -> Vec<Value> {
    more.iter().copied().map(Value::from).collect()
}

impl Columns for QueryResult {
    fn text(&self, column: &str) -> Result<String, DbErr> {
        self.try_get("", column)
    }

    fn uuid(&self, column: &str) -> Result<Uuid, DbErr> {
        self.try_get("", column)
    }
}

impl Columns for HereRow {
    fn text(&self, column: &str) -> Result<String, DbErr> {
        self.text(column)
    }

    fn uuid(&self, column: &str) -> Result<Uuid, DbErr> {
        self.uuid(column)
    }
}
