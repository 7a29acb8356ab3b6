//! Session of an answer until it ends: its permit, and the credential that opened it. A stream must not outlive its
//! credential, so the credential is checked again every few seconds.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::Response;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use watchbell_model::budget::UNIT_BYTES;

use super::concurrency::{CALL, CallPermit};
use super::rate::Budget;
use crate::problem::{DEFAULT_RETRY, Problem};

/// Pause between two questions whether the credential of an open stream is still good. Together with the time for which a
/// key's or member's answer is remembered it ends the streams of a deleted key or a removed member within 30 seconds.
const RECHECK: Duration = Duration::from_secs(5);

/// Session of an answer. It is an extension of the answer, lives until the answer's body has ended, and ends the body
/// when the credential is no longer valid.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    permit: Option<CallPermit>,
    credential: Option<Opened>,
}

/// Checks again whether a credential is valid.
pub(super) type StillGood = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// A credential with which something was opened.
struct Opened {
    still_good: StillGood,
    /// How long it is good for, when it has an end.
    valid_for: Option<Duration>,
}

// === impl Session ===

impl Session {
    pub(super) fn anonymous(permit: CallPermit) -> Self {
        Self(Arc::new(Inner {
            permit: Some(permit),
            credential: None,
        }))
    }

    pub(super) fn new(
        still_good: StillGood,
        valid_for: Option<Duration>,
        permit: Option<CallPermit>,
    ) -> Self {
        // A service's token, or certificate, is good for as long as its process.
        let credential = permit.is_some().then_some(Opened {
            still_good,
            valid_for,
        });
        Self(Arc::new(Inner { permit, credential }))
    }

    /// Puts the session into an answer.
    pub fn attach<B>(self, mut response: Response<B>) -> Response<B> {
        response.extensions_mut().insert(self);
        response
    }

    /// Completes when the credential is good no longer.
    pub(crate) fn ended(&self) -> BoxFuture<'static, ()> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let Some(opened) = &inner.credential else {
                return std::future::pending().await;
            };
            tokio::select! {
                () = opened.expired() => {}
                () = opened.refused() => {}
            }
        })
    }

    /// A request's body whose size is charged to the permit and to the rate limit.
    pub(super) fn measure(&self, body: Body, budget: Budget) -> Body {
        if self.0.permit.is_none() {
            return body;
        }
        Body::new(Measured {
            body,
            session: self.clone(),
            budget,
            bytes: 0,
            units: CALL,
        })
    }
}

// === impl Opened ===

impl Opened {
    async fn expired(&self) {
        match self.valid_for {
            Some(valid_for) => tokio::time::sleep(valid_for).await,
            None => std::future::pending().await,
        }
    }

    async fn refused(&self) {
        loop {
            tokio::time::sleep(RECHECK).await;
            if !(self.still_good)().await {
                return;
            }
        }
    }
}

/// A body charged to a permit; see [`Session::measure`].
struct Measured {
    body: Body,
    session: Session,
    budget: Budget,
    bytes: usize,
    units: usize,
}

impl Measured {
    /// Charges `bytes` more.
    fn charge(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes += bytes;
        let needed = (self.bytes / UNIT_BYTES).saturating_sub(self.units);
        if needed == 0 {
            return Ok(());
        }
        self.units += needed;
        self.budget.charge_body(needed)?;
        match &self.session.0.permit {
            Some(permit) if !permit.grow(needed) => Err(Problem::Overloaded {
                retry_after: DEFAULT_RETRY,
            }),
            _ => Ok(()),
        }
    }
}

impl HttpBody for Measured {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && let Err(full) = self.charge(data.len())
        {
            return Poll::Ready(Some(Err(axum::Error::new(Status::from(full)))));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::cache::KNOWN;
    use crate::auth::current::FRESH;

    #[test]
    fn a_deleted_keys_and_a_removed_members_streams_end_within_thirty_seconds() {
        for known in [KNOWN, FRESH] {
            let longest = RECHECK + known + Duration::from_secs(3);
            assert!(longest < Duration::from_secs(30), "{longest:?}");
        }
    }
}
