//! Bodies of HTTP/2 requests that are answered before they have come whole, for example because the rate limit refuses
//! the call. What is still on its way is read and discarded for a moment: h2 counts frames of a stream that it has
//! forgotten as errors of the peer, and closes the connection, with all calls on it, after 1,024 of them.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use watchbell_contracts::api::MAX_MESSAGE_BYTES;

use crate::unary::PREFIX;

/// Time in which the rest of a body is discarded.
const TIME: Duration = Duration::from_secs(2);
/// Bytes that are discarded: as much as the largest message has, with its prefix.
const BYTES: usize = MAX_MESSAGE_BYTES + PREFIX;

/// Request body whose unread rest is discarded in the background when it is dropped.
pub(super) struct Drained(Option<Incoming>);

// === impl Drained ===

impl Drained {
    pub(super) const fn new(body: Incoming) -> Self {
        Self(Some(body))
    }
}

impl Body for Drained {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.0 = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Drained {
    fn drop(&mut self) {
        let Some(body) = self.0.take().filter(|body| !body.is_end_stream()) else {
            return;
        };
        // At the end of the process there is no runtime any more, and no connection either.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(tokio::time::timeout(TIME, discard(body)));
        }
    }
}

async fn discard(mut body: Incoming) {
    let mut left = BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        left = match left.checked_sub(length) {
            Some(left) => left,
            None => return,
        };
        tokio::task::coop::consume_budget().await;
    }
}
