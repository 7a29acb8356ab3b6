//! Connection options: time-outs, caches, and SQLite's pragmas.

use std::time::Duration;

use sea_orm::ConnectOptions;
use tracing::log::LevelFilter;

/// Which database a [`Store`] talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// SQLite 3.35 or newer.
    Sqlite,
    /// PostgreSQL 13 or newer.
    Postgres,
}

/// How long a statement waits for SQLite's write lock, held briefly by another process or by an abandoned
/// transaction.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for a free connection before the database counts as unavailable.
pub(crate) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it waits for SQLite's only writer, which one transaction after the other may be before.
pub(crate) const WRITER_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection idle for longer is pinged before use; busy ones are not, which saves a round trip each.
pub(crate) const PING_AFTER_IDLE: Duration = Duration::from_secs(10);
/// Statements slower than this are worth a line in the log.
pub(crate) const SLOW_STATEMENT: Duration = Duration::from_secs(1);
/// SQLite's own cache of pages, in KiB (negative: sqlite.org/pragma.html#pragma_cache_size). There is one writer and many
/// readers, which find the rest in the operating system's.
pub(crate) const WRITER_CACHE: &str = "-8000";
pub(crate) const READER_CACHE: &str = "-2000";
/// Pages in the WAL before a commit checkpoints it ([`crate::Store::checkpoint`]): 16 MB. With a quarter of it, the
/// default, that happens several times a second under load; with four times as much it delays a commit by 30 ms.
pub(crate) const CHECKPOINT_PAGES: &str = "4000";
/// What makes a connection to SQLite one that writes: each commit is on the disk before it is acknowledged.
pub(crate) const WRITER_PRAGMAS: [(&str, &str); 6] = [
    ("foreign_keys", "ON"),
    ("temp_store", "MEMORY"),
    ("cache_size", WRITER_CACHE),
    ("wal_autocheckpoint", CHECKPOINT_PAGES),
    ("journal_mode", "WAL"),
    ("synchronous", "FULL"),
];
pub(crate) const READER_PRAGMAS: [(&str, &str); 3] = [
    ("temp_store", "MEMORY"),
    ("cache_size", READER_CACHE),
    ("query_only", "ON"),
];
/// Prepared statements kept per connection.
pub(crate) const STATEMENT_CACHE: usize = 256;

/// Disables logging of statements, except for slow ones, and SQL texts in spans.
pub(crate) fn quiet(mut options: ConnectOptions) -> ConnectOptions {
    options
        .record_stmt_in_spans(false)
        .sqlx_logging_level(LevelFilter::Off)
        .sqlx_slow_statements_logging_settings(LevelFilter::Warn, SLOW_STATEMENT);
    options
}
