//! SQLite transactions on the caller's thread. SQLite's driver has a thread for each connection, and waking it costs
//! more than most statements. A caller that commits thousands of times a second uses its own connection instead; it
//! blocks its thread during disk writes, so it should have a thread of its own.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use rusqlite::types::{ToSqlOutput, Value as SqliteValue, ValueRef};
use rusqlite::{CachedStatement, Connection, OpenFlags};
use sea_orm::sqlx::error::{DatabaseError, ErrorKind};
use sea_orm::{DbErr, RuntimeErr, sqlx};
use uuid::Uuid;

use crate::options::{BUSY_TIMEOUT, STATEMENT_CACHE, WRITER_PRAGMAS};
use crate::write_permit::WritePermit;

/// The connection.
#[derive(Debug)]
pub(crate) struct Inline {
    path: PathBuf,
    slot: Mutex<Slot>,
}

#[derive(Debug, Default)]
enum Slot {
    /// It is opened when it is needed.
    #[default]
    Empty,
    Open(Connection),
    Closed,
}

/// A transaction on this thread. Dropped, it is rolled back.
#[derive(Debug)]
pub struct InlineTransaction {
    inline: Arc<Inline>,
    _permit: WritePermit,
}

/// One row that was read.
#[derive(Debug)]
pub struct InlineRow {
    names: Arc<[String]>,
    values: Vec<SqliteValue>,
}

/// A statement whose parameters are `$1`, `$2` and so on, in whichever order they occur.
struct Numbered<'c> {
    prepared: CachedStatement<'c>,
    /// By SQLite's own order.
    numbers: Vec<usize>,
}

/// What SQLite refused, as its driver would say it.
#[derive(Debug)]
struct Refused {
    code: String,
    message: String,
}

// === impl Inline ===

impl Inline {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            slot: Mutex::default(),
        }
    }

    fn open(&self) -> Result<(), DbErr> {
        let mut slot = self.lock();
        if let Slot::Empty = *slot {
            *slot = Slot::Open(connect(&self.path).map_err(refused)?);
        }
        Ok(())
    }

    pub(crate) fn close(&self) {
        *self.lock() = Slot::Closed;
    }

    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock()
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, DbErr> {
        match &*self.lock() {
            Slot::Open(connection) => work(connection).map_err(refused),
            Slot::Empty | Slot::Closed => {
                let closed = Arc::new(sqlx::Error::PoolClosed);
                Err(DbErr::Conn(RuntimeErr::SqlxError(closed)))
            }
        }
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // One thread at a time has it, so SQLite need not lock it.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    for (name, value) in WRITER_PRAGMAS {
        connection.pragma_update(None, name, value)?;
    }
    Ok(connection)
}

// === impl InlineTransaction ===

impl InlineTransaction {
    /// Takes the write lock.
    pub(crate) fn begin(inline: &Arc<Inline>, permit: WritePermit) -> Result<Self, DbErr> {
        inline.open()?;
        inline.with(|connection| connection.prepare_cached("BEGIN IMMEDIATE")?.raw_execute())?;
        Ok(Self {
            inline: Arc::clone(inline),
            _permit: permit,
        })
    }

    /// Commits.
    ///
    /// # Errors
    /// The database's; the result is then unknown.
    pub fn commit(self) -> Result<(), DbErr> {
        self.inline
            .with(|connection| connection.prepare_cached("COMMIT")?.raw_execute())
            .map(drop)
    }

    /// Runs a statement that writes, once for each of `rows`; how many rows it wrote. `$n` stands for `value(row, n)`.
    ///
    /// # Errors
    /// The database's.
    pub fn execute<'v>(
        &self,
        sql: &str,
        rows: usize,
        value: impl Fn(usize, usize) -> ValueRef<'v>,
    ) -> Result<u64, DbErr> {
        self.inline.with(|connection| {
            let mut statement = Numbered::prepare(connection, sql)?;
            let mut written = 0;
            for row in 0..rows {
                statement.bind(|number| value(row, number))?;
                written += statement.prepared.raw_execute()? as u64;
            }
            Ok(written)
        })
    }

    /// Runs a statement that reads, in the same way; what was read for all rows, one after the other.
    ///
    /// # Errors
    /// The database's.
    pub fn query<'v>(
        &self,
        sql: &str,
        rows: usize,
        value: impl Fn(usize, usize) -> ValueRef<'v>,
    ) -> Result<Vec<InlineRow>, DbErr> {
        self.inline.with(|connection| {
            let mut statement = Numbered::prepare(connection, sql)?;
            let names = statement.prepared.column_names();
            let names: Arc<[String]> = names.into_iter().map(str::to_owned).collect();
            let mut read = Vec::new();
            for row in 0..rows {
                statement.bind(|number| value(row, number))?;
                let mut found = statement.prepared.raw_query();
                while let Some(row) = found.next()? {
                    let values = (0..names.len()).map(|index| row.get(index));
                    read.push(InlineRow {
                        names: Arc::clone(&names),
                        values: values.collect::<rusqlite::Result<_>>()?,
                    });
                }
            }
            Ok(read)
        })
    }
}

impl Drop for InlineTransaction {
    fn drop(&mut self) {
        let mut slot = self.inline.lock();
        let Slot::Open(connection) = &*slot else { return };
        // When it is not committed and SQLite has not rolled it back by itself, as after some errors.
        if !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::warn!(%error, "a transaction could not be rolled back; its connection is given up");
            *slot = Slot::Empty;
        }
    }
}

// === impl Numbered ===

impl<'c> Numbered<'c> {
    fn prepare(connection: &'c Connection, sql: &str) -> rusqlite::Result<Self> {
        let prepared = connection.prepare_cached(sql)?;
        let number = |index| prepared.parameter_name(index)?.strip_prefix('$')?.parse().ok();
        let numbers = (1..=prepared.parameter_count())
            .map(|index| number(index).ok_or(rusqlite::Error::InvalidParameterCount(0, index)))
            .collect::<rusqlite::Result<_>>()?;
        Ok(Self { prepared, numbers })
    }

    fn bind<'v>(&mut self, value: impl Fn(usize) -> ValueRef<'v>) -> rusqlite::Result<()> {
        for (at, &number) in self.numbers.iter().enumerate() {
            self.prepared
                .raw_bind_parameter(at + 1, ToSqlOutput::Borrowed(value(number)))?;
        }
        Ok(())
    }
}

fn refused(error: rusqlite::Error) -> DbErr {
    let rusqlite::Error::SqliteFailure(failure, message) = error else {
        return DbErr::Custom(error.to_string());
    };
    let refused = Refused {
        code: failure.extended_code.to_string(),
        message: message.unwrap_or_else(|| failure.to_string()),
    };
    let error = sqlx::Error::Database(Box::new(refused));
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error)))
}

// === impl InlineRow ===

impl InlineRow {
    /// The text in a column.
    ///
    /// # Errors
    /// There is no such column, or no text in it.
    pub fn text(&self, column: &str) -> Result<String, DbErr> {
        match self.value(column) {
            Some(SqliteValue::Text(text)) => Ok(text.clone()),
            other => Err(DbErr::Type(format!("{column} is no text but {other:?}"))),
        }
    }

    /// The UUID in a column.
    ///
    /// # Errors
    /// There is no such column, or no UUID in it.
    pub fn uuid(&self, column: &str) -> Result<Uuid, DbErr> {
        let id = match self.value(column) {
            Some(SqliteValue::Blob(bytes)) => Uuid::from_slice(bytes).ok(),
            _ => None,
        };
        id.ok_or_else(|| DbErr::Type(format!("{column} is no UUID")))
    }

    /// The integer in a column, if there is one.
    ///
    /// # Errors
    /// There is no such column, or something else in it.
    pub fn integer(&self, column: &str) -> Result<Option<i64>, DbErr> {
        match self.value(column) {
            Some(SqliteValue::Integer(number)) => Ok(Some(*number)),
            Some(SqliteValue::Null) => Ok(None),
            other => Err(DbErr::Type(format!("{column} is no integer but {other:?}"))),
        }
    }

    fn value(&self, column: &str) -> Option<&SqliteValue> {
        let index = self.names.iter().position(|name| name == column)?;
        self.values.get(index)
    }
}

// === impl Refused ===

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(code: {}) {}", self.code, self.message)
    }
}

impl StdError for Refused {}

impl DatabaseError for Refused {
    fn message(&self) -> &str {
        &self.message
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(&self.code))
    }

    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait as _, DbBackend, Statement};

    use super::*;
    use crate::{DatabaseSettings, Store, connect, is_transient};

    async fn store(directory: &tempfile::TempDir) -> Store {
        let store = connect(&DatabaseSettings::sqlite(directory.path().join("inline.db")))
            .await
            .unwrap();
        let inline = store.begin_inline().await.unwrap();
        inline
            .execute("CREATE TABLE t (id BLOB, name TEXT, number INTEGER)", 1, none)
            .unwrap();
        inline.commit().unwrap();
        store
    }

    fn none<'v>(_: usize, _: usize) -> ValueRef<'v> {
        ValueRef::Null
    }

    /// A row for each name.
    fn insert(inline: &InlineTransaction, names: &[&str]) -> u64 {
        let ids: Vec<_> = names
            .iter()
            .map(|name| Uuid::from_u128(name.len() as u128))
            .collect();
        // In another order than they are written.
        let sql = "INSERT INTO t (number, name, id) VALUES ($3, $2, $1)";
        inline
            .execute(sql, names.len(), |row, number| match number {
                1 => ValueRef::Blob(ids[row].as_bytes()),
                2 => ValueRef::from(names[row]),
                _ => ValueRef::Integer(7),
            })
            .unwrap()
    }

    #[tokio::test]
    async fn what_is_committed_can_be_read_and_what_is_dropped_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory).await;
        let kept = store.begin_inline().await.unwrap();
        assert_eq!(insert(&kept, &["kept", "too"]), 2);
        kept.commit().unwrap();
        let dropped = store.begin_inline().await.unwrap();
        insert(&dropped, &["dropped"]);
        drop(dropped);
        let inline = store.begin_inline().await.unwrap();
        let sql = "SELECT id, name, number FROM t WHERE name = $1";
        let names = ["too", "dropped", "kept"];
        let rows = inline
            .query(sql, names.len(), |row, _| ValueRef::from(names[row]))
            .unwrap();
        let read: Vec<_> = rows.iter().map(|row| row.text("name").unwrap()).collect();
        assert_eq!(read, ["too", "kept"]);
        assert_eq!(rows[1].uuid("id").unwrap(), Uuid::from_u128(4));
        assert!(rows[0].text("number").is_err());
        assert!(rows[0].uuid("nothing").is_err());
    }

    #[tokio::test]
    async fn who_writes_by_the_driver_waits_for_its_turn() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory).await;
        let inline = store.begin_inline().await.unwrap();
        let mut permit = Box::pin(store.write_permit());
        assert!(futures::poll!(&mut permit).is_pending());
        inline.commit().unwrap();
        permit.await.unwrap();
    }

    #[tokio::test]
    async fn a_database_that_somebody_else_writes_to_is_a_state_to_wait_in() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory).await;
        let other = connect_without_patience(&directory);
        let inline = store.begin_inline().await.unwrap();
        let busy = other
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(refused)
            .unwrap_err();
        assert!(is_transient(&busy), "{busy}");
        let refused = inline
            .execute("INSERT INTO nothing VALUES (1)", 1, none)
            .unwrap_err();
        assert!(!is_transient(&refused), "{refused}");
    }

    fn connect_without_patience(directory: &tempfile::TempDir) -> Connection {
        let other = super::connect(&directory.path().join("inline.db")).unwrap();
        other.busy_timeout(std::time::Duration::ZERO).unwrap();
        other
    }

    #[tokio::test]
    async fn what_a_checkpoint_copied_is_in_the_file_itself() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory).await;
        let inline = store.begin_inline().await.unwrap();
        insert(&inline, &["copied"]);
        inline.commit().unwrap();
        store.checkpoint().await.unwrap();
        let alone = directory.path().join("alone.db");
        std::fs::copy(directory.path().join("inline.db"), &alone).unwrap();
        let rows: i64 = super::connect(&alone)
            .unwrap()
            .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
            .unwrap();
        assert_eq!(rows, 1);
    }

    #[tokio::test]
    async fn a_commit_is_on_disk_before_it_is_acknowledged() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory).await;
        let inline = store.begin_inline().await.unwrap();
        for (pragma, wanted) in [
            ("journal_mode", "wal"),
            ("synchronous", "2"),
            ("foreign_keys", "1"),
        ] {
            let asked = format!("SELECT CAST({pragma} AS TEXT) AS value FROM pragma_{pragma}");
            let answer = inline.query(&asked, 1, none).unwrap();
            assert_eq!(answer[0].text("value").unwrap(), wanted, "{pragma}");
        }
    }

    /// `.cargo/config.toml` says why.
    #[tokio::test]
    async fn sqlite_has_no_locks_that_all_connections_share() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory).await;
        let inline = store.begin_inline().await.unwrap();
        let options = inline.query(
            "SELECT compile_options AS value FROM pragma_compile_options",
            1,
            none,
        );
        let options: Vec<_> = options
            .unwrap()
            .iter()
            .map(|row| row.text("value").unwrap())
            .collect();
        assert!(options.contains(&"DEFAULT_MEMSTATUS=0".to_owned()), "{options:?}");
        assert!(
            !options.contains(&"ENABLE_MEMORY_MANAGEMENT".to_owned()),
            "{options:?}"
        );
    }

    #[tokio::test]
    async fn a_full_disk_is_transient_and_what_is_committed_after_it_can_be_read() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory).await;
        let inline = store.begin_inline().await.unwrap();
        inline.query("PRAGMA max_page_count = 1", 1, none).unwrap();
        let large = "INSERT INTO t (id) VALUES (zeroblob(1000000))";
        let full = inline.execute(large, 1, none).unwrap_err();
        assert!(is_transient(&full), "{full}");
        drop(inline);
        let inline = store.begin_inline().await.unwrap();
        insert(&inline, &["small"]);
        inline.commit().unwrap();
        let found = Statement::from_string(DbBackend::Sqlite, "SELECT name FROM t");
        let found = store.reader().query_one_raw(found).await.unwrap();
        assert!(found.is_some(), "it was said to be committed");
    }

    #[tokio::test]
    async fn closing_waits_for_a_transaction_and_nothing_opens_it_again() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory).await;
        let inline = store.begin_inline().await.unwrap();
        let mut closing = Box::pin(store.close());
        assert!(futures::poll!(&mut closing).is_pending());
        insert(&inline, &["last"]);
        inline.commit().unwrap();
        closing.await.unwrap();
        let error = store.begin_inline().await.unwrap_err();
        assert!(is_transient(&error), "{error}");
    }
}
