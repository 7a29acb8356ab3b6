//! The one vocabulary of failures that leaves a service. A [`Problem`] becomes a `tonic::Status` whose details follow
//! `google.rpc` (`BadRequest`, `ErrorInfo`, `ResourceInfo`, `RetryInfo`), so that programs read the details and people
//! the message. [`from_status`] reads such a status back for the command line and for callers of other services.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};
use watchbell_domain::violation::{FieldViolation, Violations};

/// The `domain` of every `ErrorInfo`.
pub const DOMAIN: &str = "watchbell";

/// How long a caller waits before it asks again when nothing better is known.
pub const DEFAULT_RETRY: Duration = Duration::from_secs(1);

/// The stable reasons of `ErrorInfo` that this module gives by itself.
pub mod reason {
    /// The request breaks its rules; `BadRequest` names every field.
    pub const INVALID: &str = "INVALID_REQUEST";
    /// The named resource does not exist, or not for this caller.
    pub const NOT_FOUND: &str = "NOT_FOUND";
    /// A resource of that name exists.
    pub const ALREADY_EXISTS: &str = "ALREADY_EXISTS";
    /// The resource has changed since its etag was read.
    pub const STALE_ETAG: &str = "STALE_ETAG";
    /// The caller asks for more than its share.
    pub const OVERLOADED: &str = "OVERLOADED";
    /// The request is larger than its bound.
    pub const TOO_LARGE: &str = "TOO_LARGE";
    /// Something this service needs is away; the same call may succeed later.
    pub const UNAVAILABLE: &str = "UNAVAILABLE";
    /// The call took longer than its deadline.
    pub const DEADLINE_EXCEEDED: &str = "DEADLINE_EXCEEDED";
    /// No such RPC is served here.
    pub const UNKNOWN_METHOD: &str = "UNKNOWN_METHOD";
    /// A fault of the service; the log knows more.
    pub const INTERNAL: &str = "INTERNAL";
    /// The call carries no credential.
    pub const MISSING_CREDENTIAL: &str = "MISSING_CREDENTIAL";
    /// The credential is unknown, revoked or expired.
    pub const INVALID_CREDENTIAL: &str = "INVALID_CREDENTIAL";
    /// The credential lacks the scope that the RPC needs.
    pub const MISSING_SCOPE: &str = "MISSING_SCOPE";
    /// The RPC is for other services of Watchbell only.
    pub const INTERNAL_ONLY: &str = "INTERNAL_ONLY";
    /// The server is going away; connect again.
    pub const SHUTTING_DOWN: &str = "SHUTTING_DOWN";
    /// The stream has reached its age; open a new one.
    pub const STREAM_AGE: &str = "STREAM_AGE";
}

/// A cause that is logged and never answered.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// What went wrong, as a caller may know it.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// `INVALID_ARGUMENT`: every violation at once.
    #[error("the request is invalid: {0}")]
    Invalid(#[source] Violations),
    /// `NOT_FOUND`. Also what a caller is told of a resource of another team.
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
    /// `FAILED_PRECONDITION`: not until something else is done first.
    #[error("{message}")]
    Precondition {
        /// A stable code, `PLAN_REQUIRED`.
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
    /// `INVALID_ARGUMENT`: for bodies too large to parse; otherwise a violation says it better.
    #[error("the request has {size} bytes; at most {limit} are accepted")]
    TooLarge {
        /// What was sent, in bytes.
        size: usize,
        /// What is accepted, in bytes.
        limit: usize,
    },
    /// `UNAVAILABLE` with `RetryInfo`: the same call again is safe.
    #[error("{message}")]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
        /// A sentence for a person.
        message: String,
    },
    /// `DEADLINE_EXCEEDED`: the caller's deadline or the server's own.
    #[error("the call took longer than {after:?}")]
    DeadlineExceeded {
        /// The deadline.
        after: Duration,
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
    /// `INTERNAL`: the cause is logged, the answer does not tell it.
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

    /// A fault whose cause belongs in the log alone.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }

    /// Something needed is away; [`DEFAULT_RETRY`] is proposed.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::Unavailable {
            retry_after: DEFAULT_RETRY,
            message: message.into(),
        }
    }

    /// What the caller of this service may hear when `service`, which it had to ask, answered `status`. Answers about
    /// the request itself are passed on; a service that is away makes this one unavailable; faults, and refusals of
    /// this service's own identity, are internal.
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
            Self::Invalid(_) | Self::TooLarge { .. } => Code::InvalidArgument,
            Self::NotFound { .. } => Code::NotFound,
            Self::AlreadyExists { .. } => Code::AlreadyExists,
            Self::StaleEtag { .. } => Code::Aborted,
            Self::Precondition { .. } => Code::FailedPrecondition,
            Self::Unauthenticated { .. } => Code::Unauthenticated,
            Self::Denied { .. } => Code::PermissionDenied,
            Self::Overloaded { .. } => Code::ResourceExhausted,
            Self::Unavailable { .. } => Code::Unavailable,
            Self::DeadlineExceeded { .. } => Code::DeadlineExceeded,
            Self::Unimplemented { .. } => Code::Unimplemented,
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
            Self::Precondition { reason, .. }
            | Self::Unauthenticated { reason }
            | Self::Denied { reason, .. } => reason,
            Self::Overloaded { .. } => reason::OVERLOADED,
            Self::TooLarge { .. } => reason::TOO_LARGE,
            Self::Unavailable { .. } => reason::UNAVAILABLE,
            Self::DeadlineExceeded { .. } => reason::DEADLINE_EXCEEDED,
            Self::Unimplemented { .. } => reason::UNKNOWN_METHOD,
            Self::Relayed(_) => "RELAYED",
            Self::Internal(_) => reason::INTERNAL,
        }
    }

    fn details(&self) -> ErrorDetails {
        let mut details = ErrorDetails::new();
        details.set_error_info(self.reason(), DOMAIN, std::collections::HashMap::new());
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
            Self::Overloaded { retry_after } | Self::Unavailable { retry_after, .. } => {
                details.set_retry_info(Some(*retry_after));
            }
            _ => {}
        }
        details
    }
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
        match problem {
            Problem::Relayed(status) => *status,
            Problem::Internal(ref cause) => {
                tracing::error!(error = %Chain(cause.as_ref()), "internal error");
                Status::with_error_details(problem.code(), problem.to_string(), problem.details())
            }
            _ => Status::with_error_details(problem.code(), problem.to_string(), problem.details()),
        }
    }
}

/// A status as a message carries it: one of several answers in a batch or on a stream.
#[must_use]
pub fn to_message(status: &Status) -> tonic_types::Status {
    let detailed = tonic_types::Status::decode(status.details())
        .ok()
        .filter(|message| !message.details.is_empty());
    detailed.unwrap_or_else(|| tonic_types::Status {
        code: status.code() as i32,
        message: status.message().to_owned(),
        details: Vec::new(),
    })
}

/// The status that a message carried.
#[must_use]
pub fn from_message(message: &tonic_types::Status) -> Status {
    Status::with_details(
        Code::from_i32(message.code),
        message.message.clone(),
        message.encode_to_vec().into(),
    )
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

/// A status of this or another service, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The gRPC code.
    pub code: Code,
    /// The sentence for a person.
    pub message: String,
    /// The stable reason, when the service gave one.
    pub reason: Option<String>,
    /// What is wrong, field by field.
    pub violations: Violations,
    /// The kind and name of the resource in question.
    pub resource: Option<(String, String)>,
    /// How long to wait before trying again, when that can help.
    pub retry_after: Option<Duration>,
}

/// Reads the details of a status. A status without details gives a reading without them.
#[must_use]
pub fn from_status(status: &Status) -> Reading {
    let details = status.get_error_details();
    Reading {
        code: status.code(),
        message: status.message().to_owned(),
        reason: details.error_info().map(|info| info.reason.clone()),
        violations: details
            .bad_request()
            .into_iter()
            .flat_map(|request| &request.field_violations)
            .map(|violation| FieldViolation {
                field: violation.field.clone(),
                reason: violation.reason.clone().into(),
                description: violation.description.clone(),
            })
            .collect(),
        resource: details
            .resource_info()
            .map(|info| (info.resource_type.clone(), info.resource_name.clone())),
        retry_after: details.retry_info().and_then(|info| info.retry_delay),
    }
}

/// For a terminal: the message, then each violation on its own line, then when to try again.
impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.violations.is_empty() {
            f.write_str(&self.message)?;
        } else {
            f.write_str("the request is invalid")?;
            for violation in &self.violations {
                write!(f, "\n  {}: {}", violation.field, violation.description)?;
            }
        }
        match self.retry_after {
            Some(delay) => write!(f, "\n  try again in {delay:?}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchbell_domain::violation::reason as field;

    fn status(problem: Problem) -> (Status, ErrorDetails) {
        let status = Status::from(problem);
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().domain, "watchbell");
        (status, details)
    }

    #[test]
    fn a_status_keeps_its_details_inside_a_message() {
        let status = Status::from(Problem::invalid("event.type", "REQUIRED", "must be given"));
        let back = from_message(&to_message(&status));
        assert_eq!(from_status(&back), from_status(&status));
        let bare = Status::unavailable("away");
        assert_eq!(from_message(&to_message(&bare)).code(), Code::Unavailable);
    }

    #[test]
    fn every_violation_arrives_with_its_path_and_reason() {
        let mut violations = Violations::new();
        violations.required("event.type");
        violations.add("event.data.finding_id", field::SCHEMA, "must be a string");
        let (status, details) = status(Problem::Invalid(violations.clone()));
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(details.error_info().unwrap().reason, "INVALID_REQUEST");
        let fields = &details.bad_request().unwrap().field_violations;
        assert_eq!(fields.len(), 2);
        assert_eq!(
            (fields[1].field.as_str(), fields[1].reason.as_str()),
            ("event.data.finding_id", "SCHEMA")
        );
        assert_eq!(from_status(&status).violations, violations);
        assert!(
            from_status(&status)
                .to_string()
                .contains("\n  event.type: must be given")
        );
    }

    #[test]
    fn resources_are_named() {
        for (problem, code, reason) in [
            (
                Problem::not_found("channel", "chn_1"),
                Code::NotFound,
                "NOT_FOUND",
            ),
            (
                Problem::AlreadyExists {
                    resource: "channel",
                    name: "chn_1".into(),
                },
                Code::AlreadyExists,
                "ALREADY_EXISTS",
            ),
            (
                Problem::StaleEtag {
                    resource: "channel",
                    name: "chn_1".into(),
                },
                Code::Aborted,
                "STALE_ETAG",
            ),
        ] {
            let (status, details) = status(problem);
            assert_eq!(status.code(), code);
            assert_eq!(details.error_info().unwrap().reason, reason);
            let resource = details.resource_info().unwrap();
            assert_eq!(
                (resource.resource_type.as_str(), resource.resource_name.as_str()),
                ("channel", "chn_1")
            );
        }
    }

    #[test]
    fn what_may_be_tried_again_says_when() {
        let wait = Duration::from_millis(1500);
        for (problem, code) in [
            (Problem::Overloaded { retry_after: wait }, Code::ResourceExhausted),
            (
                Problem::Unavailable {
                    retry_after: wait,
                    message: "no database".into(),
                },
                Code::Unavailable,
            ),
        ] {
            let (status, details) = status(problem);
            assert_eq!(status.code(), code);
            assert_eq!(details.retry_info().unwrap().retry_delay, Some(wait));
            assert_eq!(from_status(&status).retry_after, Some(wait));
        }
    }

    #[test]
    fn refusals_carry_their_own_reason() {
        for (problem, code, reason) in [
            (
                Problem::Precondition {
                    reason: "PLAN_REQUIRED",
                    message: "rules need the TEAM plan".into(),
                },
                Code::FailedPrecondition,
                "PLAN_REQUIRED",
            ),
            (
                Problem::Denied {
                    reason: reason::MISSING_SCOPE,
                    message: "no".into(),
                },
                Code::PermissionDenied,
                "MISSING_SCOPE",
            ),
            (
                Problem::Unauthenticated {
                    reason: reason::MISSING_CREDENTIAL,
                },
                Code::Unauthenticated,
                "MISSING_CREDENTIAL",
            ),
        ] {
            let (status, details) = status(problem);
            assert_eq!(
                (status.code(), details.error_info().unwrap().reason.as_str()),
                (code, reason)
            );
        }
    }

    #[test]
    fn an_internal_error_is_answered_without_its_cause() {
        let (status, _) = status(Problem::internal("password=hunter2 rejected by 10.0.0.7"));
        assert_eq!(status.code(), Code::Internal);
        assert!(!format!("{status:?}").contains("hunter2"));
        assert!(!String::from_utf8_lossy(status.details()).contains("hunter2"));
    }

    #[test]
    fn an_answer_of_another_service_is_passed_on_only_when_it_concerns_the_caller() {
        let invalid = Status::from(Problem::invalid("event.id", field::TOO_LONG, "too long"));
        let relayed = Status::from(Problem::from_upstream("config", invalid));
        assert_eq!(from_status(&relayed).violations.len(), 1);

        let denied = Problem::from_upstream("config", Status::permission_denied("no such token"));
        assert_eq!(denied.code(), Code::Internal);

        let wait = Duration::from_secs(7);
        let away = Status::from(Problem::Unavailable {
            retry_after: wait,
            message: "database".into(),
        });
        let away = Status::from(Problem::from_upstream("dispatcher", away));
        assert_eq!(away.message(), "dispatcher is unavailable");
        assert_eq!(from_status(&away).retry_after, Some(wait));
    }

    #[test]
    fn a_bare_status_can_be_read_too() {
        let reading = from_status(&Status::unavailable("gone"));
        assert_eq!(
            (reading.code, reading.reason, reading.retry_after),
            (Code::Unavailable, None, None)
        );
    }
}
