//! Errors of the Dispatcher, and their translation for callers.

use sea_orm::DbErr;
use tonic::Status;
use watchbell_model::violation::{Violations, reason as field};
use watchbell_runtime::problem::Problem;
use watchbell_store::{StoreError, is_transient, is_unstorable_text};

use crate::store::Corrupt;

/// An error of a call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A database error, or a database that does not answer.
    #[error("the database: {0}")]
    Database(#[from] DbErr),
    /// A row that cannot be read.
    #[error(transparent)]
    Corrupt(#[from] CorruptRow),
    /// The request is not one that can be carried out.
    #[error(transparent)]
    Refused(#[from] Problem),
}

/// A row that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CorruptRow(String);

/// A Dispatcher that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its database does not open or migrate.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its database does not take it in.
    #[error("the database: {0}")]
    Database(#[from] DbErr),
    /// What sends cannot be set up.
    #[error("sending: {0}")]
    Senders(String),
}

impl From<Corrupt> for Error {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(CorruptRow(corrupt.to_string()))
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Refused(violations.into())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(problem) => problem,
            Error::Database(error) if is_transient(&error) => {
                tracing::warn!(%error, "the database is unavailable");
                Self::unavailable("the database is unavailable")
            }
            Error::Database(error) if is_unstorable_text(&error) => {
                Self::invalid("", field::MALFORMED, "must not contain the character U+0000")
            }
            error => Self::internal(error),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Problem::from(error).into()
    }
}
