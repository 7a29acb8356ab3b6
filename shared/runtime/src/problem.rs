//! Errors of all services' calls. A [`Problem`] becomes a `tonic::Status` whose details follow `google.rpc`
//! (`BadRequest`, `ErrorInfo`, `ResourceInfo`, `RetryInfo`): the details are for programs, the message is for people.
//! [`from_status`] parses such a status, for the command line and for callers of other services.

mod bounds;
mod reading;

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};
use watchbell_model::violation::Violations;

pub use reading::{Reading, from_message, from_status, not_owner, to_message, to_message_within};

/// The `domain` of every `ErrorInfo`.
pub const DOMAIN: &str = "watchbell";

/// Metadata of [`reason::NOT_OWNER`].
const OWNER_ADDRESS: &str = "address";

/// Default delay before a retry.
pub const DEFAULT_RETRY: Duration = Duration::from_secs(1);

/// The stable reasons of `ErrorInfo` that this module gives by itself.
pub mod reason {
    /// The request breaks its rules; `BadRequest` names every field.
    pub const INVALID: &str = "INVALID_REQUEST";
    /// The named resource does not exist, or not for this caller.
    pub const NOT_FOUND: &str = "NOT_FOUND";
    /// A resource of that name exists.
    pub const ALREADY_EXISTS: &str = "ALREADY_EXISTS";
    /// Stands for violations that were omitted because the answer would not fit.
    pub const MORE: &str = "MORE";
    /// The resource has changed since its etag was read.
    pub const STALE_ETAG: &str = "STALE_ETAG";
    /// The caller has used up its share.
    pub const OVERLOADED: &str = "OVERLOADED";
    /// The request is larger than its bound.
    pub const TOO_LARGE: &str = "TOO_LARGE";
    /// A dependency of this service is unavailable; the same call may succeed later.
    pub const UNAVAILABLE: &str = "UNAVAILABLE";
    /// Another Dispatcher owns the team's shard; the metadata's `address` says which, when that is known.
    pub const NOT_OWNER: &str = "NOT_OWNER";
    /// The call took longer than its deadline.
    pub const DEADLINE_EXCEEDED: &str = "DEADLINE_EXCEEDED";
    /// No such RPC is served here.
    pub const UNKNOWN_METHOD: &str = "UNKNOWN_METHOD";
    /// A bug or fault of the service; see its log.
    pub const INTERNAL: &str = "INTERNAL";
    /// The call carries no credential.
    pub const MISSING_CREDENTIAL: &str = "MISSING_CREDENTIAL";
    /// The credential is unknown, revoked or expired.
    pub const INVALID_CREDENTIAL: &str = "INVALID_CREDENTIAL";
    /// The API key in the request is unknown, deleted or expired.
    pub const UNKNOWN_KEY: &str = "UNKNOWN_KEY";
    /// The credential lacks the scope that the RPC needs.
    pub const MISSING_SCOPE: &str = "MISSING_SCOPE";
    /// The token's member is not, or no longer, a member of the team.
    pub const NOT_A_MEMBER: &str = "NOT_A_MEMBER";
    /// The RPC is for other services of Watchbell only.
    pub const INTERNAL_ONLY: &str = "INTERNAL_ONLY";
    /// The server is shutting down; connect again.
    pub const SHUTTING_DOWN: &str = "SHUTTING_DOWN";
    /// The stream has reached its age; open a new one.
    pub const STREAM_AGE: &str = "STREAM_AGE";
}

/// A cause that is logged and never answered.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// An error as callers may see it.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// `INVALID_ARGUMENT`: every violation at once.
    #[error("the request is invalid: {0}")]
    Invalid(#[source] Violations),
    /// `NOT_FOUND`; also for a resource of another team.
    #[error("{resource} {name:?} does not exist")]
    NotFound {
        /// The kind of resource, `channel`.
        resource: &'static str,
        /// Its id or name, as the caller gave it.
        name: String,
    },
    /// `ALREADY_EXISTS`.
    #[error("{resource} {name:?} exists already")]
    AlreadyExists {
        /// The kind of resource, `channel`.
        resource: &'static str,
        /// The name that is taken.
        name: String,
    },
    /// `ABORTED`: read the resource again and repeat the change.
    #[error("{resource} {name:?} has changed since its etag was read")]
    StaleEtag {
        /// The kind of resource, `channel`.
        resource: &'static str,
        /// Its id or name.
        name: String,
    },
    /// `ABORTED`: the resource was changed meanwhile. Read it again and decide anew.
    #[error("{message}{}", listed(differences))]
    Conflict {
        /// A stable code, `CONFIG_MOVED`.
        reason: &'static str,
        /// A sentence for a person.
        message: String,
        /// What the same request would change now, one line each.
        differences: Vec<String>,
    },
    /// `FAILED_PRECONDITION`: not until something else is done first.
    #[error("{message}")]
    Precondition {
        /// A stable code, `PLAN_REQUIRED`.
        reason: &'static str,
        /// A sentence for a person.
        message: String,
    },
    /// `OUT_OF_RANGE`: what is asked for is not kept any more.
    #[error("{message}")]
    OutOfRange {
        /// A stable code, `CURSOR_EXPIRED`.
        reason: &'static str,
        /// A sentence for a person.
        message: String,
    },
    /// `UNAUTHENTICATED`.
    #[error("{}", unauthenticated_message(reason))]
    Unauthenticated {
        /// A stable code, one of [`reason`].
        reason: &'static str,
    },
    /// `PERMISSION_DENIED`.
    #[error("{message}")]
    Denied {
        /// A stable code, `MISSING_SCOPE`.
        reason: &'static str,
        /// A sentence for a person.
        message: String,
    },
    /// `RESOURCE_EXHAUSTED` with `RetryInfo`.
    #[error("too many requests; try again in {retry_after:?}")]
    Overloaded {
        /// When to try again.
        retry_after: Duration,
    },
    /// `RESOURCE_EXHAUSTED` without `RetryInfo`: for messages too large to parse; otherwise a violation is more
    /// precise.
    #[error("{message}")]
    TooLarge {
        /// How large it is and may be.
        message: String,
    },
    /// `UNAVAILABLE` with `RetryInfo`: the same call again is safe.
    #[error("{message}")]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
        /// A sentence for a person.
        message: String,
    },
    /// `UNAVAILABLE` with `RetryInfo`: another Dispatcher owns the team's shard.
    #[error("another Dispatcher serves this team")]
    NotOwner {
        /// Where that one is called, when it is known.
        address: Option<String>,
    },
    /// `DEADLINE_EXCEEDED`: the caller's deadline or the server's own.
    #[error("the call took longer than {after:?}")]
    DeadlineExceeded {
        /// The deadline.
        after: Duration,
    },
    /// `DEADLINE_EXCEEDED`: the request's body did not come in time.
    #[error("the request's body did not come within {after:?}")]
    BodyTooSlow {
        /// How long it had.
        after: Duration,
    },
    /// `UNIMPLEMENTED`: an RPC that streams was called in a way that has one request and one response.
    #[error("{path} streams: call it by gRPC, or by gRPC-Web when only its answers stream")]
    Streams {
        /// The path that was called.
        path: String,
    },
    /// `UNIMPLEMENTED`: no such RPC here.
    #[error("{path} is not served here")]
    Unimplemented {
        /// The path that was called.
        path: String,
    },
    /// An answer of another service that concerns the caller, passed on with its details.
    #[error("{0}")]
    Relayed(Box<Status>),
    /// `INTERNAL`: the cause is logged and not part of the answer.
    #[error("an internal error; it has been logged")]
    Internal(#[source] Cause),
}

// === impl Problem ===

impl Problem {
    /// One invalid field.
    pub fn invalid(field: impl Into<String>, reason: &'static str, description: impl Into<String>) -> Self {
        Self::Invalid(Violations::one(field, reason, description))
    }

    /// A resource that is not there.
    pub fn not_found(resource: &'static str, name: impl fmt::Display) -> Self {
        Self::NotFound {
            resource,
            name: name.to_string(),
        }
    }

    /// An internal error, whose cause is logged only.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }

    /// An unavailable dependency, with [`DEFAULT_RETRY`].
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::Unavailable {
            retry_after: DEFAULT_RETRY,
            message: message.into(),
        }
    }

    /// The error for the caller after the upstream `service` answered `status`. Errors about the request itself are
    /// passed on; an unavailable upstream makes this service unavailable; faults, and refusals of this service's own
    /// identity, are internal.
    #[must_use]
    pub fn from_upstream(service: &'static str, status: Status) -> Self {
        match status.code() {
            Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::ResourceExhausted => Self::Relayed(Box::new(status)),
            // A broken connection surfaces as UNKNOWN or CANCELLED, and so does tonic's own time-out.
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown => {
                Self::Unavailable {
                    retry_after: status
                        .get_details_retry_info()
                        .and_then(|info| info.retry_delay)
                        .unwrap_or(DEFAULT_RETRY),
                    message: format!("{service} is unavailable"),
                }
            }
            code => Self::internal(format!("{service} answered {code:?}: {}", status.message())),
        }
    }

    /// The code of the status this becomes.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Invalid(_) => Code::InvalidArgument,
            Self::NotFound { .. } => Code::NotFound,
            Self::AlreadyExists { .. } => Code::AlreadyExists,
            Self::StaleEtag { .. } | Self::Conflict { .. } => Code::Aborted,
            Self::Precondition { .. } => Code::FailedPrecondition,
            Self::OutOfRange { .. } => Code::OutOfRange,
            Self::Unauthenticated { .. } => Code::Unauthenticated,
            Self::Denied { .. } => Code::PermissionDenied,
            Self::Overloaded { .. } | Self::TooLarge { .. } => Code::ResourceExhausted,
            Self::Unavailable { .. } | Self::NotOwner { .. } => Code::Unavailable,
            Self::DeadlineExceeded { .. } | Self::BodyTooSlow { .. } => Code::DeadlineExceeded,
            Self::Unimplemented { .. } | Self::Streams { .. } => Code::Unimplemented,
            Self::Relayed(status) => status.code(),
            Self::Internal(_) => Code::Internal,
        }
    }

    /// The stable reason of its `ErrorInfo`.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Invalid(_) => reason::INVALID,
            Self::NotFound { .. } => reason::NOT_FOUND,
            Self::AlreadyExists { .. } => reason::ALREADY_EXISTS,
            Self::StaleEtag { .. } => reason::STALE_ETAG,
            Self::Conflict { reason, .. }
            | Self::Precondition { reason, .. }
            | Self::OutOfRange { reason, .. }
            | Self::Unauthenticated { reason }
            | Self::Denied { reason, .. } => reason,
            Self::Overloaded { .. } => reason::OVERLOADED,
            Self::TooLarge { .. } => reason::TOO_LARGE,
            Self::Unavailable { .. } => reason::UNAVAILABLE,
            Self::NotOwner { .. } => reason::NOT_OWNER,
            Self::DeadlineExceeded { .. } | Self::BodyTooSlow { .. } => reason::DEADLINE_EXCEEDED,
            Self::Unimplemented { .. } | Self::Streams { .. } => reason::UNKNOWN_METHOD,
            Self::Relayed(_) => "RELAYED",
            Self::Internal(_) => reason::INTERNAL,
        }
    }

    fn details(&self) -> ErrorDetails {
        let mut details = ErrorDetails::new();
        let metadata = match self {
            Self::NotOwner {
                address: Some(address),
            } => HashMap::from([(OWNER_ADDRESS.to_owned(), address.clone())]),
            _ => HashMap::new(),
        };
        details.set_error_info(self.reason(), DOMAIN, metadata);
        match self {
            Self::Invalid(violations) => {
                let violations: Vec<_> = violations
                    .iter()
                    .map(|violation| tonic_types::FieldViolation {
                        field: violation.field.clone(),
                        description: violation.description.clone(),
                        reason: violation.reason.clone().into_owned(),
                        localized_message: None,
                    })
                    .collect();
                details.set_bad_request(violations);
            }
            Self::NotFound { resource, name }
            | Self::AlreadyExists { resource, name }
            | Self::StaleEtag { resource, name } => {
                details.set_resource_info(*resource, name.as_str(), "", self.to_string());
            }
            Self::Conflict {
                reason, differences, ..
            } => {
                let differences = differences
                    .iter()
                    .map(|line| tonic_types::PreconditionViolation::new(*reason, line, ""));
                details.set_precondition_failure(differences.collect::<Vec<_>>());
            }
            Self::Overloaded { retry_after } | Self::Unavailable { retry_after, .. } => {
                details.set_retry_info(Some(*retry_after));
            }
            Self::NotOwner { .. } => {
                details.set_retry_info(Some(DEFAULT_RETRY));
            }
            _ => {}
        }
        details
    }
}

/// The first lines of a list, each below the last, and how many there are besides.
fn listed(lines: &[String]) -> String {
    const SHOWN: usize = 20;
    let mut text: String = lines
        .iter()
        .take(SHOWN)
        .map(|line| format!("\n  {line}"))
        .collect();
    if lines.len() > SHOWN {
        text += &format!("\n  and {} more", lines.len() - SHOWN);
    }
    text
}

fn unauthenticated_message(reason: &str) -> &'static str {
    match reason {
        reason::MISSING_CREDENTIAL => "the call carries no credential; send `authorization: Bearer <key>`",
        _ => "the credential is unknown, revoked or expired",
    }
}

impl From<Violations> for Problem {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        if let Problem::Internal(cause) = &problem {
            tracing::error!(error = %Chain(cause.as_ref()), "internal error");
        }
        let status = match problem {
            Problem::Relayed(status) => *status,
            _ => Status::with_error_details(problem.code(), problem.to_string(), problem.details()),
        };
        bounds::shorten(status, bounds::MAX_DETAILS)
    }
}

/// Shows an error and everything beneath it on one line.
#[derive(Debug)]
pub struct Chain<'a>(pub &'a (dyn StdError + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
