//! How connections are opened: time-outs, caches, and what SQLite is told.

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

/// How long a statement may wait for SQLite's write lock, held for a moment by another process, or by a transaction of ours
/// whose owner has gone.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for a free connection before the database counts as away.
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
/// Pages in the WAL before a commit copies what is not in the file yet ([`Store::checkpoint`]): 16 MB. With a quarter of
/// it, the default, that happens several times a second under load; with four times as much it takes a commit 30 ms.
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

/// No line per statement, and no SQL text in every span: only what is slow is worth reading.
pub(crate) fn quiet(mut options: ConnectOptions) -> ConnectOptions {
    options
        .record_stmt_in_spans(false)
        .sqlx_logging_level(LevelFilter::Off)
        .sqlx_slow_statements_logging_settings(LevelFilter::Warn, SLOW_STATEMENT);
    options
}
