//! Why a request has no answer, and whether it may have arrived.

use std::error::Error;
use std::io;

use crate::cause::{causes, innermost};
use crate::guard::Refusal;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The guard refused the host or all of its addresses.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The host name could not be resolved.
    #[error("the host name could not be resolved")]
    Dns,
    /// No connection could be opened.
    #[error("could not connect: {0}")]
    Connect(String),
    /// The TLS handshake failed.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// Time ran out before anything of the request had been handed to a connection.
    #[error("timed out before the request was sent")]
    TimeoutBeforeSent,
    /// Time ran out after the request had been handed over: it may have arrived.
    #[error("timed out waiting for the answer; the request may have arrived")]
    TimeoutAfterSent,
    /// The connection broke after the request had been handed over: it may have arrived.
    #[error("the connection broke before the answer; the request may have arrived: {0}")]
    Reset(String),
    /// Anything else that went wrong before the request was handed over.
    #[error("the request could not be sent: {0}")]
    Other(String),
}

impl SendError {
    /// Reads `reqwest`'s error, without the URL that it holds.
    pub(super) fn new(error: reqwest::Error, tls: bool, handed_over: bool) -> Self {
        let error = error.without_url();
        if let Some(refusal) = causes(&error).find_map(<dyn Error>::downcast_ref::<Refusal>) {
            return refusal.clone().into();
        }
        if error.is_connect() {
            return Self::connecting(&error, tls);
        }
        let detail = innermost(&error);
        if handed_over {
            Self::Reset(detail)
        } else {
            Self::Other(detail)
        }
    }

    fn connecting(error: &reqwest::Error, tls: bool) -> Self {
        if error.is_timeout() {
            return Self::Connect("timed out".to_owned());
        }
        let of_the_system = causes(error)
            .filter_map(<dyn Error>::downcast_ref::<io::Error>)
            .find(|cause| cause.raw_os_error().is_some());
        match of_the_system {
            Some(cause) => Self::Connect(cause.kind().to_string()),
            None if tls => Self::Tls(innermost(error)),
            None => Self::Connect(innermost(error)),
        }
    }

    pub(super) fn timed_out(handed_over: bool) -> Self {
        if handed_over {
            Self::TimeoutAfterSent
        } else {
            Self::TimeoutBeforeSent
        }
    }

    /// Whether the request may have arrived although no answer came.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::TimeoutAfterSent | Self::Reset(_))
    }
}

impl From<Refusal> for SendError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unresolved => Self::Dns,
            refusal => Self::Refused(refusal),
        }
    }
}
