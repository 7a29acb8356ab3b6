//! Body of a request, which records whether a connection has taken anything of it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Request body that records when a connection takes it: from then on the request may have arrived.
#[derive(Debug)]
pub(super) struct RequestBody {
    data: Bytes,
    handed_over: HandedOver,
}

/// Whether a [`RequestBody`] has been taken.
#[derive(Debug, Clone, Default)]
pub(super) struct HandedOver(Arc<AtomicBool>);

impl RequestBody {
    pub(super) fn new(data: Bytes, handed_over: &HandedOver) -> Self {
        Self {
            data,
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

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.handed_over.set();
        let data = std::mem::take(&mut self.data);
        Poll::Ready((!data.is_empty()).then(|| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        if self.data.is_empty() {
            // hyper never polls an empty body, and asks this when it sends the head.
            self.handed_over.set();
        }
        self.data.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.len() as u64)
    }
}
