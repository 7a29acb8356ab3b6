//! Errors of databases, by what a caller can do: retry later (transient), report that the name is taken (unique
//! violation), or report a defect (the rest).

use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};
use thiserror::Error;

/// An I/O error (sqlite.org/rescode.html).
const SQLITE_IOERR: i32 = 10;

/// A database that could not be opened or migrated.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The configuration names no usable database.
    #[error("database settings: {0}")]
    Settings(String),
    /// The file or its directory could not be made.
    #[error("database file {path}: {source}")]
    File {
        /// The path.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The SQLite file cannot be used: it is none, or its disk is full or faulty.
    #[error("database file {path}: {error}{}", hint(error))]
    Sqlite {
        /// The file.
        path: String,
        /// SQLite's error.
        error: DbErr,
    },
    /// A newer release has removed what this one needs.
    #[error(
        "a newer Watchbell has migrated the database ({migration}), and this release is too old for it: start a newer one"
    )]
    Newer {
        /// The migration that did.
        migration: String,
    },
    /// Only a standby or a fenced server answers; a fail-over may be in progress.
    #[error("database: {host} is read-only, and no other server answers: Watchbell needs the primary")]
    ReadOnly {
        /// The server that answers.
        host: String,
    },
    /// A database error, or a database that does not answer.
    #[error("database: {0}")]
    Db(#[from] DbErr),
}

impl StoreError {
    /// Whether waiting may help; see [`is_transient`].
    pub fn is_transient(&self) -> bool {
        match self {
            Self::ReadOnly { .. } => true,
            Self::Db(error) | Self::Sqlite { error, .. } => is_transient(error),
            _ => false,
        }
    }
}

/// SQLite reports a full disk by several codes, of which only one says so.
fn hint(error: &DbErr) -> &'static str {
    let DbErr::Conn(RuntimeErr::SqlxError(error)) = error else {
        return "";
    };
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    match code.and_then(|code| code.parse::<i32>().ok()) {
        Some(code) if code & 0xff == SQLITE_IOERR => "; is the disk full?",
        _ => "",
    }
}

/// Whether the same call may succeed later without a change: the database is unavailable, starting, failing over,
/// full or busy, or a transaction lost a race and must be repeated.
///
/// An outage ends by itself; never drop work or end a loop because of it.
pub fn is_transient(err: &DbErr) -> bool {
    match err {
        DbErr::ConnectionAcquire(_) => true,
        DbErr::Conn(RuntimeErr::SqlxError(err))
        | DbErr::Exec(RuntimeErr::SqlxError(err))
        | DbErr::Query(RuntimeErr::SqlxError(err)) => is_transient_sqlx(err),
        _ => false,
    }
}

/// Whether a text held U+0000, which PostgreSQL does not take: a request's mistake that no earlier check has found.
pub fn is_unstorable_text(err: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(err)) | DbErr::Query(RuntimeErr::SqlxError(err))) = err else {
        return false;
    };
    // character_not_in_repertoire
    err.as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| code == "22021")
}

/// Whether a row with the same key exists.
pub fn is_unique_violation(err: &DbErr) -> bool {
    matches!(err.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

pub(crate) fn is_transient_sqlx(err: &sqlx::Error) -> bool {
    match err {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(err) => {
            let code = err.code().unwrap_or_default();
            if err
                .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
                .is_some()
            {
                is_transient_sqlstate(&code)
            } else {
                code.parse().is_ok_and(is_transient_sqlite)
            }
        }
        _ => false,
    }
}

/// SQLSTATE classes and codes (PostgreSQL documentation, appendix A).
fn is_transient_sqlstate(code: &str) -> bool {
    matches!(code.get(..2), Some("08" | "53"))
        || matches!(
            code,
            "40001" // serialization failure
                | "40P01" // deadlock detected
                | "55P03" // lock not available
                | "57014" // cancelled, by a statement timeout for one
                | "57P01" | "57P02" | "57P03" // shutting down, crashed, starting up
                | "25006" // read only: a fail-over has not finished
                | "25P03" // idle in a transaction for too long: this process stood still
        )
}

/// Primary result codes of SQLite are the low byte of the extended ones (sqlite.org/rescode.html).
fn is_transient_sqlite(extended: i32) -> bool {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const FULL: i32 = 13;
    // As when there are too many open files.
    const CANTOPEN: i32 = 14;
    matches!(extended & 0xff, BUSY | LOCKED | SQLITE_IOERR | FULL | CANTOPEN)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn an_outage_is_transient_and_a_mistake_is_not() {
        let away = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        assert!(is_transient(&DbErr::Conn(RuntimeErr::SqlxError(Arc::new(
            sqlx::Error::Io(away)
        )))));
        assert!(is_transient(&DbErr::ConnectionAcquire(
            sea_orm::ConnAcquireErr::Timeout
        )));
        assert!(!is_transient(&DbErr::Exec(RuntimeErr::SqlxError(Arc::new(
            sqlx::Error::RowNotFound
        )))));
        assert!(!is_transient(&DbErr::Custom("a bug".to_owned())));
    }

    #[test]
    fn codes_are_sorted_as_documented() {
        for code in [
            "08006", "53300", "53100", "40001", "40P01", "57P03", "25006", "25P03",
        ] {
            assert!(is_transient_sqlstate(code), "{code}");
        }
        for code in ["", "23505", "42P01", "22001", "57000"] {
            assert!(!is_transient_sqlstate(code), "{code}");
        }
        for code in [5, 517, 13, 14, 526] {
            assert!(is_transient_sqlite(code), "{code}");
        }
        assert!(!is_transient_sqlite(2067) && !is_transient_sqlite(1));
    }
}
