//! Beginning transactions. Whoever asks for one may go away at any moment: a caller hangs up, and the future that serves
//! it is dropped. PostgreSQL's driver then forgets a BEGIN that it has sent, and whoever is next on that connection works
//! in a transaction that nobody commits. So a transaction begins in a task of its own, which nobody drops.

use std::sync::Arc;

use sea_orm::sqlx::{self, Postgres};
use sea_orm::{
    AccessMode, DatabaseTransaction, DbErr, IsolationLevel, RuntimeErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use tracing::Instrument as _;

use crate::{Backend, Store};

impl Store {
    /// Begins a transaction that writes. On SQLite it takes the write lock at once (`BEGIN IMMEDIATE`): a
    /// transaction that reads first and writes later could otherwise fail in the middle.
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

    /// Begins a transaction by PostgreSQL's driver alone, for whoever sends so much that each copy counts.
    ///
    /// # Errors
    /// The database's; see [`crate::is_transient`].
    ///
    /// # Panics
    /// When this is SQLite.
    pub async fn begin_postgres(&self) -> Result<sqlx::Transaction<'static, Postgres>, DbErr> {
        let pool = self.writer().get_postgres_connection_pool().clone();
        let failed = |error| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)));
        to_the_end(async move { pool.begin().await.map_err(failed) }).await
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

/// A transaction that nobody waits for any more is rolled back when it is dropped.
async fn to_the_end<T: Send + 'static>(
    begin: impl Future<Output = Result<T, DbErr>> + Send + 'static,
) -> Result<T, DbErr> {
    match tokio::spawn(begin.in_current_span()).await {
        Ok(begun) => begun,
        Err(ended) => Err(DbErr::Conn(RuntimeErr::Internal(ended.to_string()))),
    }
}
