//! Statuses as others read them: taken apart for people, and as the message that a stream carries for one of its items.

use std::fmt;
use std::time::Duration;

use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use watchbell_model::violation::{FieldViolation, Violations};

use super::{DOMAIN, OWNER_ADDRESS, Problem, bounds, reason};

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

/// The same within `limit` bytes, for one of many answers in a message that is bounded as a whole.
#[must_use]
pub fn to_message_within(status: Status, limit: usize) -> tonic_types::Status {
    to_message(&bounds::shorten(status, limit))
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

/// The refusal of a Dispatcher that does not own the team's shard, as [`Problem::NotOwner`].
#[must_use]
pub fn not_owner(status: &Status) -> Option<Problem> {
    let info = status.get_details_error_info()?;
    let refused = info.domain == DOMAIN && info.reason == reason::NOT_OWNER;
    refused.then(|| Problem::NotOwner {
        address: info.metadata.get(OWNER_ADDRESS).cloned(),
    })
}

/// For a terminal: the message, then each violation on its own line, then when to try again.
impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.violations.is_empty() {
            f.write_str(&self.message)?;
        } else {
            f.write_str("the request is invalid")?;
            for violation in &self.violations {
                write!(f, "\n  {violation}")?;
            }
        }
        match self.retry_after {
            Some(delay) => write!(f, "\n  try again in {delay:?}"),
            None => Ok(()),
        }
    }
}
