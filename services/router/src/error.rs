//! What can go wrong in the Router.

use std::time::Duration;

use tonic::Status;
use watchbell_model::violation::Violations;
use watchbell_runtime::problem::{DEFAULT_RETRY, Problem};
use watchbell_runtime::tenant_pool::Busy;

/// What can go wrong in the Router.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Error {
    /// The request breaks its rules.
    #[error(transparent)]
    Invalid(#[from] Violations),
    /// No snapshot of the team is held, and Config does not give one.
    #[error("the team's snapshot cannot be had: {0}")]
    Snapshot(#[source] Status),
    /// A snapshot that this version cannot read.
    #[error("the team's snapshot does not parse: {0}")]
    SnapshotUnreadable(#[source] Violations),
    /// No Dispatcher can commit; nothing is known to be stored.
    #[error("no Dispatcher can commit the event now")]
    NoDispatcher,
    /// The team's schemas and expressions have more to do than can be done soon.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// More is waiting for the Dispatcher than it can take.
    #[error("the Dispatcher is overloaded")]
    Overloaded,
    /// The Dispatcher's own word.
    #[error("the Dispatcher refused: {0}")]
    Refused(#[source] Status),
}

// === impl Error ===

impl Error {
    /// All words for errors.
    pub(crate) const WORDS: [&str; 6] = [
        "invalid",
        "no_snapshot",
        "no_dispatcher",
        "busy",
        "overloaded",
        "refused",
    ];

    /// A word for it, for counting: one of [`Error::WORDS`].
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::Snapshot(_) | Self::SnapshotUnreadable(_) => "no_snapshot",
            Self::NoDispatcher => "no_dispatcher",
            Self::Busy(_) => "busy",
            Self::Overloaded => "overloaded",
            Self::Refused(_) => "refused",
        }
    }
}

/// What the Dispatcher of this process answers.
impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Overloaded { .. } => Self::Overloaded,
            Problem::Unavailable { .. } => Self::NoDispatcher,
            refused => Self::Refused(refused.into()),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(violations) => Self::Invalid(violations),
            Error::Snapshot(status) => Self::from_upstream("Config", status),
            Error::NoDispatcher => Self::Unavailable {
                retry_after: DEFAULT_RETRY,
                message: error.to_string(),
            },
            Error::Busy(busy) => busy.into(),
            Error::Overloaded => Self::Overloaded {
                retry_after: Duration::from_millis(500),
            },
            Error::Refused(status) => Self::from_upstream("the Dispatcher", status),
            Error::SnapshotUnreadable(_) => Self::internal(error),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Problem::from(error).into()
    }
}
