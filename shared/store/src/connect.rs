//! Opening of databases, the same for all services. SQLite has one writer at a time: a connection of the driver's, or
//! one on the caller's thread (`inline`), which take turns by a write permit; and a pool of readers, which the writer
//! never blocks (WAL). PostgreSQL has one pool (`postgres`). In both a commit is on disk before it is acknowledged.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::Connection as _;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::{ConnAcquireErr, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr};
use tokio::sync::Mutex;

use crate::inline::{Inline, InlineTransaction};
use crate::listen::ChangeBus;
use crate::options::{
    ACQUIRE_TIMEOUT, BUSY_TIMEOUT, Backend, READER_PRAGMAS, STATEMENT_CACHE, WRITER_PRAGMAS, WRITER_TIMEOUT,
    quiet,
};
use crate::postgres::{self, Following, Opened};
use crate::write_permit::WritePermit;
use crate::{DatabaseSettings, Location, StoreError};

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
    /// Lock for writing to SQLite.
    write_lock: Arc<Mutex<()>>,
    /// SQLite's connection on the caller's thread.
    inline: Option<Arc<Inline>>,
    /// PostgreSQL's, when there are several servers.
    _following: Option<Following>,
}

/// Opens the database; makes the file or the schema when it is absent. It does not migrate.
///
/// # Errors
/// [`StoreError::Settings`] and [`StoreError::File`] are for the operator; [`StoreError::Db`] may be transient.
pub async fn connect(settings: &DatabaseSettings) -> Result<Store, StoreError> {
    match settings.location()? {
        Location::Sqlite(path) => connect_sqlite(settings, &path).await,
        Location::Postgres { urls, schema } => {
            let Opened { pool, following } = postgres::open(settings, &urls, &schema).await?;
            Ok(Store::new(Inner {
                settings: settings.clone(),
                backend: Backend::Postgres,
                reader: pool.clone(),
                bus: ChangeBus::postgres(pool.clone(), &schema),
                writer: pool,
                write_lock: Arc::default(),
                inline: None,
                _following: following,
            }))
        }
    }
}

async fn connect_sqlite(settings: &DatabaseSettings, path: &Path) -> Result<Store, StoreError> {
    create_private_file(path)?;
    // The writer goes first: it enables WAL, which readers cannot.
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
    Ok(Store::new(Inner {
        settings: settings.clone(),
        backend: Backend::Sqlite,
        reader,
        writer,
        bus: ChangeBus::in_process(),
        write_lock: Arc::default(),
        inline: Some(Arc::new(Inline::new(path))),
        _following: None,
    }))
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
            // On a full disk SQLite rolls back by itself; the driver's own ROLLBACK then fails, and the driver
            // considers the connection to be in a transaction for ever. Its next transaction would be a savepoint
            // that is never committed.
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

/// Creates the file, readable only by its owner. SQLite gives `-wal` and `-shm` the file's mode.
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
    fn new(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Connections for reading. On SQLite they refuse writes, and see the state at the beginning of each query.
    pub fn reader(&self) -> &DatabaseConnection {
        &self.inner.reader
    }

    /// The connection to write by: SQLite's writer, or PostgreSQL's pool.
    pub fn writer(&self) -> &DatabaseConnection {
        &self.inner.writer
    }

    /// Waits for the permission to write, on SQLite. A single statement outside a transaction takes it first, when
    /// others use [`Store::begin_inline`].
    ///
    /// # Errors
    /// It was not released in time.
    pub async fn write_permit(&self) -> Result<WritePermit, DbErr> {
        if self.inner.backend == Backend::Postgres {
            return Ok(WritePermit(None));
        }
        let permit = Arc::clone(&self.inner.write_lock).lock_owned();
        match tokio::time::timeout(WRITER_TIMEOUT, permit).await {
            Ok(permit) => Ok(WritePermit(Some(permit))),
            Err(_) => Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)),
        }
    }

    /// Begins a transaction whose statements block the caller's thread, under a write permit.
    ///
    /// # Errors
    /// The database's; see [`crate::is_transient`]. PostgreSQL does not support it.
    pub async fn begin_inline(&self) -> Result<InlineTransaction, DbErr> {
        let Some(inline) = &self.inner.inline else {
            let why = "only SQLite works on the caller's thread";
            return Err(DbErr::Custom(why.to_owned()));
        };
        InlineTransaction::begin(inline, self.write_permit().await?)
    }

    /// Which database this is.
    pub fn backend(&self) -> Backend {
        self.inner.backend
    }

    /// The settings of the store; opening it again with them gives a second replica.
    pub fn settings(&self) -> &DatabaseSettings {
        &self.inner.settings
    }

    /// The bus for notifying other replicas of the same service.
    pub fn bus(&self) -> &ChangeBus {
        &self.inner.bus
    }

    /// Runs a trivial query, for readiness checks.
    ///
    /// # Errors
    /// The database's.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.inner.reader.execute_unprepared("SELECT 1").await.map(|_| ())
    }

    /// Copies the WAL into SQLite's file while others read and write; PostgreSQL does so by itself. A commit that
    /// finds the WAL full then has little left to copy.
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

    /// Closes all connections after their running statements; later calls fail. SQLite merges its WAL.
    ///
    /// # Errors
    /// The database's.
    pub async fn close(&self) -> Result<(), DbErr> {
        self.inner.bus.close();
        self.inner.reader.close_by_ref().await?;
        if let Some(inline) = &self.inner.inline {
            let _permit = self.write_permit().await?;
            inline.close();
            self.inner.writer.close_by_ref().await?;
        }
        Ok(())
    }
}
