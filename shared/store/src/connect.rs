//! Opening a database in the one shape that all services use. SQLite has one writer at a time: a connection of the
//! driver's, or one on the thread of whoever commits without pause (`inline`), in turns, because they would only wait for
//! each other's lock; and a pool of readers that never block them (WAL). PostgreSQL gets one pool.
//! Either way a commit is on disk before it is acknowledged.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::Connection as _;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgSslMode};
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::{
    ConnAcquireErr, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction,
    DbErr, Statement, TransactionTrait,
};
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tracing::log::LevelFilter;

use crate::inline::{Inline, InlineTransaction};
use crate::listen::ChangeBus;
use crate::{DatabaseSettings, Location, StoreError};

/// How long a statement may wait for SQLite's write lock, held for a moment by another process, or by a transaction of ours
/// whose owner has gone.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for a free connection before the database counts as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it waits for SQLite's only writer, which one transaction after the other may be before.
const WRITER_TIMEOUT: Duration = Duration::from_secs(10);
/// PostgreSQL ends a transaction whose owner says nothing for so long. A process that stands still, or whose machine is
/// gone without a word, would otherwise keep the rows locked that the others write.
const STALLED: (&str, &str) = ("idle_in_transaction_session_timeout", "3s");
/// A connection idle for longer is pinged before use; busy ones are not, which saves a round trip each.
const PING_AFTER_IDLE: Duration = Duration::from_secs(10);
/// Statements slower than this are worth a line in the log.
const SLOW_STATEMENT: Duration = Duration::from_secs(1);
/// SQLite's own cache of pages, in KiB (negative: sqlite.org/pragma.html#pragma_cache_size). There is one writer and many
/// readers, which find the rest in the operating system's.
const WRITER_CACHE: &str = "-8000";
const READER_CACHE: &str = "-2000";
/// Pages in the WAL before a commit copies what is not in the file yet ([`Store::checkpoint`]): 16 MB. With a quarter of
/// it, the default, that happens several times a second under load; with four times as much it takes a commit 30 ms.
const CHECKPOINT_PAGES: &str = "4000";
/// What makes a connection to SQLite one that writes: each commit is on the disk before it is acknowledged.
pub(crate) const WRITER_PRAGMAS: [(&str, &str); 6] = [
    ("foreign_keys", "ON"),
    ("temp_store", "MEMORY"),
    ("cache_size", WRITER_CACHE),
    ("wal_autocheckpoint", CHECKPOINT_PAGES),
    ("journal_mode", "WAL"),
    ("synchronous", "FULL"),
];
const READER_PRAGMAS: [(&str, &str); 3] = [
    ("temp_store", "MEMORY"),
    ("cache_size", READER_CACHE),
    ("query_only", "ON"),
];
/// What PostgreSQL's planner is told. Batches look costly to it, and it would compile each for 30 ms to run it for one. And
/// it would keep the plan of a prepared statement: made while a table was empty, that goes on to read all of it, or by
/// whichever index came first. Planning anew takes it a few µs a row of a batch.
/// And it takes the disk for one that turns (`random_page_cost` 4), so that it would read all of a table of some ten
/// thousand rows to change a few hundred of them.
const PLANNER: [(&str, &str); 3] = [
    ("jit", "off"),
    ("plan_cache_mode", "force_custom_plan"),
    ("random_page_cost", "1.1"),
];
/// Prepared statements kept per connection.
pub(crate) const STATEMENT_CACHE: usize = 256;

/// Which database a [`Store`] talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// SQLite 3.35 or newer.
    Sqlite,
    /// PostgreSQL 13 or newer.
    Postgres,
}

/// An open database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: DatabaseSettings,
    backend: Backend,
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    bus: ChangeBus,
    /// Whose turn it is to write to SQLite.
    turns: Arc<Mutex<()>>,
    /// SQLite's, on the thread of whoever asks.
    inline: Option<Arc<Inline>>,
}

/// The right to write. SQLite has one writer at a time, and its own way of waiting is to sleep and try again.
#[derive(Debug)]
pub struct WriteTurn(#[expect(dead_code, reason = "it is held")] Option<OwnedMutexGuard<()>>);

/// Opens the database; makes the file or the schema when it is absent. It does not migrate.
///
/// # Errors
/// [`StoreError::Settings`] and [`StoreError::File`] are for the operator; [`StoreError::Db`] may be transient.
pub async fn connect(settings: &DatabaseSettings) -> Result<Store, StoreError> {
    match settings.location()? {
        Location::Sqlite(path) => connect_sqlite(settings, &path).await,
        Location::Postgres { url, schema } => connect_postgres(settings, &url, &schema).await,
    }
}

async fn connect_sqlite(settings: &DatabaseSettings, path: &Path) -> Result<Store, StoreError> {
    create_private_file(path)?;
    // The writer goes first: it turns WAL on, which readers cannot.
    let unusable = |error| StoreError::Sqlite {
        path: path.display().to_string(),
        error,
    };
    let writer = Database::connect(sqlite_options(path, 1, false))
        .await
        .map_err(unusable)?;
    let reader = Database::connect(sqlite_options(path, settings.pool_size, true))
        .await
        .map_err(unusable)?;
    Ok(Store::new(
        settings,
        Backend::Sqlite,
        reader,
        writer,
        ChangeBus::in_process(),
        Some(Arc::new(Inline::new(path))),
    ))
}

async fn connect_postgres(settings: &DatabaseSettings, url: &str, schema: &str) -> Result<Store, StoreError> {
    create_schema(url, schema).await?;
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(settings.pool_size)
        .min_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire_if_idle_for(PING_AFTER_IDLE)
        .set_application_name(format!("watchbell-{schema}"))
        .set_schema_search_path(schema)
        .map_sqlx_postgres_opts(|options| {
            plain_on_loopback(options)
                .statement_cache_capacity(STATEMENT_CACHE)
                .options(PLANNER)
                .options([STALLED])
        });
    let pool = Database::connect(quiet(options)).await?;
    let bus = ChangeBus::postgres(pool.clone(), url, schema);
    Ok(Store::new(
        settings,
        Backend::Postgres,
        pool.clone(),
        pool,
        bus,
        None,
    ))
}

/// Where both would do, what never leaves the machine goes without TLS: the driver writes it record by record, and there,
/// with packets larger than a record, Nagle's algorithm holds each back for the 40 ms of a delayed acknowledgement.
fn plain_on_loopback(options: PgConnectOptions) -> PgConnectOptions {
    let host = options.get_host().trim_matches(['[', ']']);
    let loopback = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    match options.get_ssl_mode() {
        PgSslMode::Prefer if loopback => options.ssl_mode(PgSslMode::Disable),
        _ => options,
    }
}

/// `CREATE SCHEMA IF NOT EXISTS` races with itself, hence the lock.
async fn create_schema(url: &str, schema: &str) -> Result<(), DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .map_sqlx_postgres_opts(plain_on_loopback);
    let connection = Database::connect(quiet(options)).await?;
    let made = async {
        let transaction = connection.begin().await?;
        advisory_lock(&transaction, schema).await?;
        transaction
            .execute_unprepared(&format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\""))
            .await?;
        transaction.commit().await
    }
    .await;
    connection.close().await?;
    made
}

/// Held until the transaction ends; the key is derived from the schema, so services do not wait for one another.
pub(crate) async fn advisory_lock(transaction: &DatabaseTransaction, schema: &str) -> Result<(), DbErr> {
    let digest = Sha256::digest(format!("watchbell migrations of {schema}"));
    let key = digest
        .iter()
        .take(8)
        .fold(0_i64, |key, byte| (key << 8) | i64::from(*byte));
    transaction
        .execute_raw(Statement::from_sql_and_values(
            sea_orm::DbBackend::Postgres,
            "SELECT pg_advisory_xact_lock($1)",
            [key.into()],
        ))
        .await?;
    Ok(())
}

fn sqlite_options(path: &Path, connections: u32, read_only: bool) -> ConnectOptions {
    let path = path.to_owned();
    // The file name is set below: a path need not be a valid URL.
    let mut options = ConnectOptions::new("sqlite://watchbell");
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(if read_only {
            ACQUIRE_TIMEOUT
        } else {
            WRITER_TIMEOUT
        })
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .test_before_acquire(false)
        .map_sqlx_sqlite_before_acquire(|connection, _| {
            // On a full disk SQLite rolls back by itself; the driver's own ROLLBACK then fails, and it believes for ever to
            // be in a transaction. What came next would be a savepoint in one that nobody commits.
            let usable = !connection.is_in_transaction();
            Box::pin(std::future::ready(Ok(usable)))
        })
        .map_sqlx_sqlite_opts(move |options: SqliteConnectOptions| {
            let options = options
                .filename(&path)
                .create_if_missing(false)
                .busy_timeout(BUSY_TIMEOUT)
                .statement_cache_capacity(STATEMENT_CACHE);
            let pragmas: &[_] = if read_only {
                &READER_PRAGMAS
            } else {
                &WRITER_PRAGMAS
            };
            pragmas
                .iter()
                .fold(options, |options, (name, value)| options.pragma(*name, *value))
        });
    quiet(options)
}

/// No line per statement, and no SQL text in every span: only what is slow is worth reading.
fn quiet(mut options: ConnectOptions) -> ConnectOptions {
    options
        .record_stmt_in_spans(false)
        .sqlx_logging_level(LevelFilter::Off)
        .sqlx_slow_statements_logging_settings(LevelFilter::Warn, SLOW_STATEMENT);
    options
}

/// Only the owner may read what a team configured; SQLite gives `-wal` and `-shm` the file's own mode.
fn create_private_file(path: &Path) -> Result<(), StoreError> {
    let fail = |source| StoreError::File {
        path: path.display().to_string(),
        source,
    };
    if let Some(directory) = path
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty())
    {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(directory).map_err(fail)?;
    }
    let mut file = std::fs::OpenOptions::new();
    file.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    file.open(path).map_err(fail)?;
    Ok(())
}

// === impl Store ===

impl Store {
    fn new(
        settings: &DatabaseSettings,
        backend: Backend,
        reader: DatabaseConnection,
        writer: DatabaseConnection,
        bus: ChangeBus,
        inline: Option<Arc<Inline>>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                settings: settings.clone(),
                backend,
                reader,
                writer,
                bus,
                turns: Arc::default(),
                inline,
            }),
        }
    }

    /// Connections to read by. On SQLite they refuse to write, and see what was committed when each query begins.
    pub fn reader(&self) -> &DatabaseConnection {
        &self.inner.reader
    }

    /// The connection to write by: SQLite's writer, or PostgreSQL's pool.
    pub fn writer(&self) -> &DatabaseConnection {
        &self.inner.writer
    }

    /// Waits for the right to write, where only one may at a time. Who writes a single statement to a database that others
    /// write to by [`Store::begin_inline`] asks for it first.
    ///
    /// # Errors
    /// Nobody gave it back in time.
    pub async fn turn(&self) -> Result<WriteTurn, DbErr> {
        if self.inner.backend == Backend::Postgres {
            return Ok(WriteTurn(None));
        }
        let turn = Arc::clone(&self.inner.turns).lock_owned();
        match tokio::time::timeout(WRITER_TIMEOUT, turn).await {
            Ok(turn) => Ok(WriteTurn(Some(turn))),
            Err(_) => Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)),
        }
    }

    /// Begins a transaction whose statements block the thread they are on, in its turn.
    ///
    /// # Errors
    /// The database's; see [`crate::is_transient`]. PostgreSQL has no such thing.
    pub async fn begin_inline(&self) -> Result<InlineTransaction, DbErr> {
        let Some(inline) = &self.inner.inline else {
            let why = "only SQLite works on the caller's thread";
            return Err(DbErr::Custom(why.to_owned()));
        };
        InlineTransaction::begin(inline, self.turn().await?)
    }

    /// Which database this is.
    pub fn backend(&self) -> Backend {
        self.inner.backend
    }

    /// What the store was opened with; opening it again gives a second replica.
    pub fn settings(&self) -> &DatabaseSettings {
        &self.inner.settings
    }

    /// The way to tell other replicas of the same service that something changed.
    pub fn bus(&self) -> &ChangeBus {
        &self.inner.bus
    }

    /// Asks the database for a sign of life; for readiness checks.
    ///
    /// # Errors
    /// The database's.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.inner.reader.execute_unprepared("SELECT 1").await.map(|_| ())
    }

    /// Copies what the WAL holds into SQLite's file, beside whoever reads and writes; PostgreSQL does so by itself. A commit
    /// that finds the WAL full then has little left to copy.
    ///
    /// # Errors
    /// The database's.
    pub async fn checkpoint(&self) -> Result<(), DbErr> {
        match self.inner.backend {
            Backend::Sqlite => {
                let checkpoint = "PRAGMA wal_checkpoint(PASSIVE)";
                self.inner.reader.execute_unprepared(checkpoint).await.map(drop)
            }
            Backend::Postgres => Ok(()),
        }
    }

    /// Closes all connections, after what is running on them; every later call fails. SQLite folds its WAL in.
    ///
    /// # Errors
    /// The database's.
    pub async fn close(&self) -> Result<(), DbErr> {
        self.inner.bus.close();
        self.inner.reader.close_by_ref().await?;
        if let Some(inline) = &self.inner.inline {
            let _turn = self.turn().await?;
            inline.close();
            self.inner.writer.close_by_ref().await?;
        }
        Ok(())
    }
}
