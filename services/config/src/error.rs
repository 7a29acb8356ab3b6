//! Errors of Config, and their form for callers.

use sea_orm::DbErr;
use watchbell_model::unsubscribe::BadKeys;
use watchbell_model::violation::{Violations, reason as field};
use watchbell_runtime::problem::Problem;
use watchbell_store::{StoreError, is_transient, is_unstorable_text};

use crate::sealing::SealingError;

/// A failure of Config.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller's to mend, or already in the form in which it is told.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The database's.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A secret that does not open, or a key that does not work.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// The keys of the links in emails do not work.
    #[error(transparent)]
    UnsubscribeKeys(#[from] BadKeys),
    /// A row that holds what no version of this service has written.
    #[error("a row of {table} does not decode: {cause}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// Why.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A result of Config.
pub type Result<T> = std::result::Result<T, Error>;

// === impl Error ===

impl Error {
    pub(crate) fn corrupt(
        table: &'static str,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Corrupt {
            table,
            cause: cause.into(),
        }
    }
}

impl From<DbErr> for Error {
    fn from(err: DbErr) -> Self {
        Self::Store(err.into())
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Problem(violations.into())
    }
}

impl From<Error> for Problem {
    fn from(err: Error) -> Self {
        match err {
            Error::Problem(problem) => problem,
            Error::Store(StoreError::Db(ref db)) if is_transient(db) => {
                tracing::warn!(error = %err, "the database is unavailable or busy");
                Problem::unavailable("the configuration database is unavailable or busy")
            }
            Error::Store(StoreError::Db(ref db)) if is_unstorable_text(db) => {
                Problem::invalid("", field::MALFORMED, "must not contain the character U+0000")
            }
            Error::Store(_) | Error::Sealing(_) | Error::UnsubscribeKeys(_) | Error::Corrupt { .. } => {
                Problem::internal(err)
            }
        }
    }
}
