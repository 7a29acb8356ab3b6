//! Transactions of the committer: by the driver, inline on SQLite's thread, or direct on PostgreSQL, behind one
//! trait.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, QueryResult, Statement, Value};
use uuid::Uuid;
use watchbell_store::{InlineRow, InlineTransaction, WritePermit};

use super::batch::Batch;

/// A transaction by the driver. Dropped, it is rolled back.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(super) inner: DatabaseTransaction,
    pub(super) _permit: WritePermit,
}

/// A transaction of whichever kind.
pub(crate) trait WriteTransaction: Sync + Sized {
    type Row: ReadRow;

    /// Commits. After an error the result is unknown.
    fn commit(self) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Runs a statement that writes, made as [`Batch::statement`] makes it; how many rows it wrote. On SQLite it may run once
    /// for each row, so it treats each row by itself.
    fn run(
        &self,
        sql: &str,
        batch: &Batch<'_>,
        more: &[i64],
    ) -> impl Future<Output = Result<u64, DbErr>> + Send;

    /// Runs a statement that reads, in the same way.
    fn read(
        &self,
        sql: &str,
        batch: &Batch<'_>,
        more: &[i64],
    ) -> impl Future<Output = Result<Vec<Self::Row>, DbErr>> + Send;
}

/// A row that a transaction reads.
pub(crate) trait ReadRow {
    fn text(&self, column: &str) -> Result<String, DbErr>;

    fn uuid(&self, column: &str) -> Result<Uuid, DbErr>;

    /// A BIGINT.
    fn big(&self, column: &str) -> Result<Option<i64>, DbErr>;
}

// === impl Transaction ===

impl Transaction {
    /// Runs a statement; the number of rows it changed.
    pub(super) async fn execute(&self, statement: Statement) -> Result<u64, DbErr> {
        Ok(self.inner.execute_raw(statement).await?.rows_affected())
    }

    /// The rows of a statement.
    pub(super) async fn rows(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.inner.query_all_raw(statement).await
    }
}

impl WriteTransaction for Transaction {
    type Row = QueryResult;

    async fn commit(self) -> Result<(), DbErr> {
        self.inner.commit().await
    }

    async fn run(&self, sql: &str, batch: &Batch<'_>, more: &[i64]) -> Result<u64, DbErr> {
        let statement = batch.statement(self.inner.get_database_backend(), sql, values(more));
        Ok(self.inner.execute_raw(statement).await?.rows_affected())
    }

    async fn read(&self, sql: &str, batch: &Batch<'_>, more: &[i64]) -> Result<Vec<QueryResult>, DbErr> {
        let statement = batch.statement(self.inner.get_database_backend(), sql, values(more));
        self.inner.query_all_raw(statement).await
    }
}

impl WriteTransaction for InlineTransaction {
    type Row = InlineRow;

    async fn commit(self) -> Result<(), DbErr> {
        Self::commit(self)
    }

    async fn run(&self, sql: &str, batch: &Batch<'_>, more: &[i64]) -> Result<u64, DbErr> {
        let sql = batch.for_one_row(sql, more.len());
        self.execute(&sql, batch.len(), |row, number| batch.value(row, number, more))
    }

    async fn read(&self, sql: &str, batch: &Batch<'_>, more: &[i64]) -> Result<Vec<InlineRow>, DbErr> {
        let sql = batch.for_one_row(sql, more.len());
        self.query(&sql, batch.len(), |row, number| batch.value(row, number, more))
    }
}

fn values(more: &[i64]) -> Vec<Value> {
    more.iter().copied().map(Value::from).collect()
}

impl ReadRow for QueryResult {
    fn text(&self, column: &str) -> Result<String, DbErr> {
        self.try_get("", column)
    }

    fn uuid(&self, column: &str) -> Result<Uuid, DbErr> {
        self.try_get("", column)
    }

    fn big(&self, column: &str) -> Result<Option<i64>, DbErr> {
        self.try_get("", column)
    }
}

impl ReadRow for InlineRow {
    fn text(&self, column: &str) -> Result<String, DbErr> {
        self.text(column)
    }

    fn uuid(&self, column: &str) -> Result<Uuid, DbErr> {
        self.uuid(column)
    }

    fn big(&self, column: &str) -> Result<Option<i64>, DbErr> {
        self.integer(column)
    }
}
