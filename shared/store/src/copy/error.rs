//! Why a store is not copied.

use std::path::PathBuf;

use sea_orm::DbErr;
use thiserror::Error;

use crate::StoreError;

/// A copy that failed. It left nothing behind.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CopyError {
    /// There is no such file.
    #[error("there is no {}", .0.display())]
    Absent(PathBuf),
    /// Another process has it open.
    #[error("{} is in use: stop the server that has it open", .0.display())]
    InUse(PathBuf),
    /// Its tables are those of an older release.
    #[error(
        "{} is of an older release, which does not know {migration}: start this release on it once, and stop it again",
        path.display()
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// The first migration that is missing.
        migration: String,
    },
    /// Its tables are those of a newer release.
    #[error("{} is of a newer release, which has {migration}: copy it by that release", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// A migration that this release does not know.
        migration: String,
    },
    /// Its tables are not what the migrations make.
    #[error("{}: the table {table} is not as this release makes it", path.display())]
    Differs {
        /// The file.
        path: PathBuf,
        /// The table.
        table: String,
    },
    /// SQLite's error.
    #[error("{}: {error}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// The error.
        error: rusqlite::Error,
    },
    /// The thread that reads came to a bad end.
    #[error("reading ended: {0}")]
    Reader(String),
    /// The target is SQLite.
    #[error("stores are copied to PostgreSQL: the target must be postgres://…")]
    NotPostgres,
    /// Something is there already.
    #[error(
        "the schema {0} has tables already, and nothing is overwritten: choose another with --schema, or drop it"
    )]
    NotEmpty(String),
    /// A column has a type for which there is no rule.
    #[error("the column {column} of {table} has the type {kind}, which cannot be copied")]
    Type {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Its type in PostgreSQL.
        kind: String,
    },
    /// PostgreSQL refused rows.
    #[error("the table {table}: {error}")]
    Rows {
        /// The table.
        table: String,
        /// The error.
        error: DbErr,
    },
    /// Rows are missing.
    #[error("the table {table} has {source_rows} rows, and {target_rows} were copied")]
    Miscounted {
        /// The table.
        table: String,
        /// In SQLite.
        source_rows: u64,
        /// In PostgreSQL.
        target_rows: u64,
    },
    /// PostgreSQL could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another error of PostgreSQL.
    #[error("database: {0}")]
    Database(#[from] DbErr),
}
