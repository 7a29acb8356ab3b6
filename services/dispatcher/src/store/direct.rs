//! A transaction by PostgreSQL's driver itself. SeaORM's statements own their values, one by one, and are copied before
//! they are sent: for batches of a commit that is a tenth of all that Watchbell does.

use std::sync::Arc;

use sea_orm::sqlx::postgres::{PgArguments, PgRow};
use sea_orm::sqlx::{self, Arguments as _, AssertSqlSafe, Executor as _, Postgres, Row as _};
use sea_orm::{DbBackend, DbErr, RuntimeErr};
use tokio::sync::Mutex;
use uuid::Uuid;
use watchbell_store::{Changed, Store};

use super::batch::{Batch, Column};
use super::postgres;
use super::transaction::{Columns, Writing};

/// Dropped, it is rolled back.
#[derive(Debug)]
pub(crate) struct DirectTransaction(Mutex<sqlx::Transaction<'static, Postgres>>);

// === impl DirectTransaction ===

impl DirectTransaction {
    /// Begins in a task of its own, like [`Store::begin`].
    pub(super) async fn begin(store: &Store) -> Result<Self, DbErr> {
        let pool = store.writer().get_postgres_connection_pool().clone();
        let begun = tokio::spawn(async move { pool.begin().await });
        match begun.await {
            Ok(Ok(transaction)) => Ok(Self(Mutex::new(transaction))),
            Ok(Err(error)) => Err(failed(error)),
            Err(ended) => Err(DbErr::Conn(RuntimeErr::Internal(ended.to_string()))),
        }
    }
}

impl Writing for DirectTransaction {
    type Row = PgRow;

    async fn commit(self) -> Result<(), DbErr> {
        self.0.into_inner().commit().await.map_err(failed)
    }

    fn backend(&self) -> DbBackend {
        DbBackend::Postgres
    }

    async fn run(&self, sql: &str, batch: &Batch<'_>, more: &[i64]) -> Result<Changed, DbErr> {
        let (sql, arguments) = statement(sql, batch, more)?;
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments);
        let done = self.0.lock().await.execute(query).await.map_err(failed)?;
        Ok(Changed {
            rows: done.rows_affected(),
            last_row_id: 0,
        })
    }

    async fn read(&self, sql: &str, batch: &Batch<'_>, more: &[i64]) -> Result<Vec<PgRow>, DbErr> {
        let (sql, arguments) = statement(sql, batch, more)?;
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments);
        self.0.lock().await.fetch_all(query).await.map_err(failed)
    }
}

fn statement(sql: &str, batch: &Batch<'_>, more: &[i64]) -> Result<(String, PgArguments), DbErr> {
    let used = batch.columns.len();
    let sql = batch.complete(sql, &postgres::select(batch), used, more.len());
    let mut arguments = PgArguments::default();
    for (_, column) in &batch.columns {
        add(&mut arguments, column)?;
    }
    for value in more {
        arguments.add(value).map_err(|error| unsendable(&error))?;
    }
    Ok((sql, arguments))
}

/// With the values that [`postgres::select`] takes for NULL.
fn add(arguments: &mut PgArguments, column: &Column<'_>) -> Result<(), DbErr> {
    let added = match column {
        Column::Uuid(values) => arguments.add(each(values, Uuid::nil())),
        Column::Text(values) => arguments.add(each(values, "")),
        Column::Big(values) => arguments.add(each(values, i64::MIN)),
        Column::Small(values) => arguments.add(each(values, i16::MIN)),
        Column::Int(values) => arguments.add(values),
        Column::Bool(values) => arguments.add(values),
    };
    added.map_err(|error| unsendable(&error))
}

fn each<T: Copy>(values: &[Option<T>], absent: T) -> Vec<T> {
    values.iter().map(|value| value.unwrap_or(absent)).collect()
}

fn unsendable(error: &sqlx::error::BoxDynError) -> DbErr {
    DbErr::Custom(error.to_string())
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error)))
}

impl Columns for PgRow {
    fn text(&self, column: &str) -> Result<String, DbErr> {
        self.try_get(column).map_err(failed)
    }

    fn uuid(&self, column: &str) -> Result<Uuid, DbErr> {
        self.try_get(column).map_err(failed)
    }
}
