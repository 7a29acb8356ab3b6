//! How a command fails: what is printed to standard error, and the exit code. 2 means that what was asked for is
//! wrong and will stay wrong; 1 means everything else.

use std::io;

use tonic::{Code, Status};
use watchbell_runtime::problem;

use crate::text::{Style, human};

/// What a command returns.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line, or a file it names, makes no sense.
    Usage(String),
    /// The server's answer.
    Refused(Box<Status>),
    /// The server does not know a name that was given.
    Mistyped {
        /// Its answer.
        status: Box<Status>,
        /// A name that it knows, and that may be meant.
        meant: Option<String>,
    },
    /// There is no server.
    Unreachable {
        /// Its URL.
        server: String,
        /// What the connection said.
        cause: String,
    },
    /// Anything else.
    Other(anyhow::Error),
    /// All is said already.
    Said(u8),
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// Anything that a sentence says whole.
    pub(crate) fn message(message: impl Into<String>) -> Self {
        Self::Other(anyhow::Error::msg(message.into()))
    }

    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Refused(status) | Self::Mistyped { status, .. } if stays_wrong(status) => 2,
            Self::Refused(_) | Self::Mistyped { .. } | Self::Unreachable { .. } | Self::Other(_) => 1,
            Self::Said(code) => *code,
        }
    }

    /// For standard error; empty when all is said.
    pub(crate) fn render(&self, style: Style) -> String {
        let error = style.bad("error:");
        match self {
            Self::Usage(message) => format!("{error} {message}\n"),
            Self::Refused(status) => format!("{error} {}", refusal(status, style)),
            Self::Mistyped { status, meant } => {
                let hint = meant.as_ref().map(|meant| format!("  did you mean `{meant}`?\n"));
                format!("{error} {}{}", refusal(status, style), hint.unwrap_or_default())
            }
            Self::Unreachable { server, cause } => format!(
                "{error} nothing answers at {server}: {cause}\n  \
                 start a server with `watchbell serve`, or name another one with --server or WATCHBELL_SERVER\n"
            ),
            Self::Other(cause) => format!("{error} {}\n", whole(cause)),
            Self::Said(_) => String::new(),
        }
    }
}

/// An error with its causes. Many say themselves what their cause is.
fn whole(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |said, cause| {
        let cause = cause.to_string();
        match said.as_str() {
            "" => cause,
            said if said.contains(&cause) => said.to_owned(),
            said => format!("{said}: {cause}"),
        }
    })
}

/// Whether the same call will be refused until the caller, or what it is about, is changed.
fn stays_wrong(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unauthenticated
            | Code::PermissionDenied
            | Code::Unimplemented
    )
}

/// A status as people read it: code and message, every violation on a line, the reason, when to try again.
pub(crate) fn refusal(status: &Status, style: Style) -> String {
    let reading = problem::from_status(status);
    let message = if reading.violations.is_empty() {
        reading.message.as_str()
    } else {
        "the request is invalid"
    };
    let mut text = format!("{}  {message}\n", style.bold(&code_name(reading.code)));
    for violation in &reading.violations {
        text += &match violation.field.as_str() {
            "" => format!("  {}\n", violation.description),
            field => format!("  {}: {}\n", style.name(field), violation.description),
        };
    }
    if let Some(reason) = &reading.reason {
        text += &style.faint(&format!("  reason: {reason}\n"));
    }
    if let Some(delay) = reading.retry_after {
        text += &format!("  try again in {}\n", human(delay));
    }
    if reading.code == Code::Unauthenticated {
        text += "  give a key with --key, --key @file or WATCHBELL_KEY\n";
    }
    text
}

/// `INVALID_ARGUMENT`, as gRPC writes it.
fn code_name(code: Code) -> String {
    let camel = format!("{code:?}");
    camel
        .char_indices()
        .fold(String::new(), |mut name, (index, letter)| {
            if letter.is_ascii_uppercase() && index > 0 {
                name.push('_');
            }
            name.push(letter.to_ascii_uppercase());
            name
        })
}

/// The part of an answer that must be there.
pub(crate) fn present<T>(part: Option<T>) -> Outcome<T> {
    part.ok_or_else(|| Failure::message("the server's answer is empty"))
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(status))
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

/// A reader that went away, as `head` does, has got what it wanted.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Said(0),
            _ => Self::Other(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use watchbell_model::Violations;
    use watchbell_runtime::problem::Problem;

    fn rendered(problem: Problem) -> (String, u8) {
        let failure = Failure::from(Status::from(problem));
        (failure.render(Style::new(false)), failure.exit_code())
    }

    #[test]
    fn every_violation_has_its_own_line() {
        let mut violations = Violations::new();
        violations.required("event.data.finding_id");
        violations.add("event.title", "TOO_LONG", "must have at most 300 characters");
        let (text, code) = rendered(Problem::Invalid(violations));
        assert_eq!(
            text,
            "error: INVALID_ARGUMENT  the request is invalid\n  \
             event.data.finding_id: must be given\n  \
             event.title: must have at most 300 characters\n  \
             reason: INVALID_REQUEST\n"
        );
        assert_eq!(code, 2);
    }

    #[test]
    fn what_is_wrong_with_the_whole_request_has_no_empty_name() {
        let violations = Violations::one("", "MALFORMED", "the body is empty");
        let (text, _) = rendered(Problem::Invalid(violations));
        assert!(text.contains("\n  the body is empty\n"), "{text}");
    }

    #[test]
    fn what_stays_wrong_is_told_from_what_may_be_tried_again() {
        for (code, expected) in [
            (Code::InvalidArgument, 2),
            (Code::NotFound, 2),
            (Code::AlreadyExists, 2),
            (Code::FailedPrecondition, 2),
            (Code::OutOfRange, 2),
            (Code::Unauthenticated, 2),
            (Code::PermissionDenied, 2),
            (Code::Unimplemented, 2),
            (Code::Unavailable, 1),
            (Code::DeadlineExceeded, 1),
            (Code::ResourceExhausted, 1),
            (Code::Aborted, 1),
            (Code::Internal, 1),
        ] {
            assert_eq!(
                Failure::from(Status::new(code, "")).exit_code(),
                expected,
                "{code:?}"
            );
        }
    }

    #[test]
    fn a_server_that_is_away_says_when_to_come_back() {
        let away = Problem::Unavailable {
            retry_after: Duration::from_secs(3),
            message: "no Dispatcher".to_owned(),
        };
        let (text, code) = rendered(away);
        assert!(text.starts_with("error: UNAVAILABLE  no Dispatcher\n"), "{text}");
        assert!(text.ends_with("  try again in 3 s\n"), "{text}");
        assert_eq!(code, 1);
    }

    #[test]
    fn a_missing_key_says_how_to_give_one() {
        let (text, _) = rendered(Problem::Unauthenticated {
            reason: "MISSING_CREDENTIAL",
        });
        assert!(text.contains("WATCHBELL_KEY"), "{text}");
    }

    #[test]
    fn a_status_without_details_is_still_readable() {
        let text = Failure::from(Status::permission_denied("no")).render(Style::new(false));
        assert_eq!(text, "error: PERMISSION_DENIED  no\n");
    }

    #[test]
    fn a_cause_is_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("database: {0}")]
        struct Outer(#[source] io::Error);
        let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused");
        let error = anyhow::Error::new(Outer(refused())).context("Config does not open");
        let said = Failure::Other(error).render(Style::new(false));
        assert_eq!(
            said,
            "error: Config does not open: database: connection refused\n"
        );
        let error = anyhow::Error::new(refused()).context("Config does not open");
        let said = Failure::Other(error).render(Style::new(false));
        assert_eq!(said, "error: Config does not open: connection refused\n");
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(
            (failure.render(Style::new(false)).as_str(), failure.exit_code()),
            ("", 0)
        );
    }
}
