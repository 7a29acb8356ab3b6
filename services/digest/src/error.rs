//! What can go wrong in the Digest, and how a caller is told.

use sea_orm::DbErr;
use tonic::Status;
use watchbell_runtime::problem::Problem;
use watchbell_store::{StoreError, is_transient};

use crate::schedule::ScheduleError;

/// A failure of the Digest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller's to mend, or already in the form in which it is told.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The database's.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row that holds what no version of this service has written.
    #[error("a row of digest_runs does not decode: {0}")]
    Corrupt(String),
    /// Config did not answer as hoped.
    #[error("config: {0}")]
    Config(Status),
    /// The Dispatcher did not answer as hoped.
    #[error("dispatcher: {0}")]
    Dispatcher(Status),
    /// The Dispatcher will not take this digest, now or later.
    #[error("the Dispatcher refused the digest: {0}")]
    Refused(String),
    /// The team's settings give no time.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The mail could not be made: a defect of a template.
    #[error("the digest could not be rendered: {0}")]
    Render(String),
}

/// What this crate's functions return.
pub type Result<T> = std::result::Result<T, Error>;

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        Self::Store(error.into())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Problem(problem) => problem,
            Error::Store(StoreError::Db(ref db)) if is_transient(db) => {
                tracing::warn!(%error, "the database is unavailable or busy");
                Self::unavailable("the digest database is unavailable or busy")
            }
            Error::Config(status) => Self::from_upstream("config", status),
            Error::Dispatcher(status) => Self::from_upstream("dispatcher", status),
            Error::Schedule(_) => Self::Precondition {
                reason: "DIGEST_SETTINGS",
                message: error.to_string(),
            },
            Error::Store(_) | Error::Corrupt(_) | Error::Refused(_) | Error::Render(_) => {
                Self::internal(error)
            }
        }
    }
}
