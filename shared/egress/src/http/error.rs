//! Why a request has no answer, and whether it may have arrived.

use crate::cause::innermost;
use crate::guard::Refusal;

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
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
    /// Reads hyper's error.
    pub(super) fn new(error: &hyper::Error, handed_over: bool) -> Self {
        let detail = innermost(error);
        if handed_over {
            Self::Reset(detail)
        } else {
            Self::Other(detail)
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
