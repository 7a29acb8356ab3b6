//! Begin of transactions. A caller may disconnect at any moment, and its future is dropped. PostgreSQL's driver then
//! forgets a BEGIN that it has sent, and the next user of the connection would work in a transaction that is never
//! committed. So a transaction begins in a task of its own, which is never dropped.

use std::sync::Arc;

use sea_orm::sqlx::{self, Postgres};
use sea_orm::{
    AccessMode, DatabaseTransaction, DbErr, IsolationLevel, RuntimeErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use tracing::Instrument as _;

use crate::{Backend, Store};

/// Begins a transaction in which plans of prepared statements are kept, and go by an index: one that was made while a table was
/// empty would otherwise read all of it, or hash it, for as long as the table is not analysed.
const BEGIN_PLANNED: &str =
    "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off;
    SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off";

impl Store {
    /// Begins a writing transaction. On SQLite it takes the write lock at once (`BEGIN IMMEDIATE`): a transaction
    /// that first reads and then writes could otherwise fail in the middle.
    ///
    /// # Errors
    /// The database's; see [`crate::is_transient`].
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let writer = self.writer().clone();
        let options = TransactionOptions {
            sqlite_transaction_mode: (self.backend() == Backend::Sqlite)
                .then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        to_the_end(async move { writer.begin_with_options(options).await }).await
    }

    /// Begins a transaction of PostgreSQL's driver, for callers that send large batches and avoid copies. The plans of prepared
    /// statements are kept: prepare only those that can be run in one way alone.
    ///
    /// # Errors
    /// The database's; see [`crate::is_transient`].
    ///
    /// # Panics
    /// When this is SQLite.
    pub async fn begin_postgres(&self) -> Result<sqlx::Transaction<'static, Postgres>, DbErr> {
        let pool = self.writer().get_postgres_connection_pool().clone();
        let failed = |error| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)));
        to_the_end(async move { pool.begin_with(BEGIN_PLANNED).await.map_err(failed) }).await
    }

    /// Begins a transaction that reads, and sees one state of the database.
    ///
    /// # Errors
    /// The database's; see [`crate::is_transient`].
    pub async fn begin_reading(&self) -> Result<DatabaseTransaction, DbErr> {
        let reader = self.reader().clone();
        let (isolation, access) = match self.backend() {
            // Its readers do so by themselves.
            Backend::Sqlite => (None, None),
            Backend::Postgres => (Some(IsolationLevel::RepeatableRead), Some(AccessMode::ReadOnly)),
        };
        to_the_end(async move { reader.begin_with_config(isolation, access).await }).await
    }
}

/// Runs to the end even if the caller is gone; its result is then dropped, which rolls a transaction back.
async fn to_the_end<T: Send + 'static>(
    begin: impl Future<Output = Result<T, DbErr>> + Send + 'static,
) -> Result<T, DbErr> {
    match tokio::spawn(begin.in_current_span()).await {
        Ok(begun) => begun,
        Err(ended) => Err(DbErr::Conn(RuntimeErr::Internal(ended.to_string()))),
    }
}
