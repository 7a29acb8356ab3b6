//! The body of a request, which knows whether it has been taken.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// A request body that remembers whether the connection has taken it: from then on it may have arrived.
#[derive(Debug, Clone)]
pub(super) struct Payload {
    data: Option<Bytes>,
    handed_over: HandedOver,
}

/// Whether a [`Payload`] has been taken.
#[derive(Debug, Clone, Default)]
pub(super) struct HandedOver(Arc<AtomicBool>);

impl Payload {
    pub(super) fn new(data: Bytes, handed_over: &HandedOver) -> Self {
        Self {
            data: Some(data),
            handed_over: handed_over.clone(),
        }
    }
}

impl HandedOver {
    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.handed_over.set();
        Poll::Ready(
            self.data
                .take()
                .filter(|data| !data.is_empty())
                .map(|data| Ok(Frame::data(data))),
        )
    }

    fn is_end_stream(&self) -> bool {
        let nothing_left = self.data.as_ref().is_none_or(Bytes::is_empty);
        if nothing_left {
            // An empty body is never polled: being asked is all the sign there is.
            self.handed_over.set();
        }
        nothing_left
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.as_ref().map_or(0, |data| data.len() as u64))
    }
}
