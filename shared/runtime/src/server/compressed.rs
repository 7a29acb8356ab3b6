//! Answers of unary gRPC, compressed for callers who take gzip.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{HeaderName, HeaderValue, Request, Response};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

use crate::auth::table::rpc;
use crate::http_call::takes_gzip;
use crate::problem::Problem;
use crate::run_queue::RunQueue;
use crate::unary::{MAX_INLINE, MIN_COMPRESSED, PREFIX, compressed, with_prefix};

const ACCEPTED: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// A body of one message, which is compressed when it is long.
struct Compressed {
    body: Body,
    message: Bytes,
    queue: RunQueue,
    /// The compression of a very long message, outside of the runtime's threads.
    compressing: Option<BoxFuture<'static, Result<Bytes, Problem>>>,
    /// What follows the message.
    rest: Option<Frame<Bytes>>,
    ended: bool,
}

/// Whether the answer to a request may be compressed.
pub(super) fn may_be<B>(request: &Request<B>) -> bool {
    takes_gzip(request.headers(), &ACCEPTED) && rpc(request.uri().path()).is_some_and(|rpc| rpc.is_unary())
}

/// The answer, compressed.
pub(super) fn compress(mut response: Response<Body>) -> Response<Body> {
    // An answer with a status in its headers has no message.
    if response.headers().contains_key("grpc-status") || response.headers().contains_key(ENCODING) {
        return response;
    }
    response
        .headers_mut()
        .insert(ENCODING, HeaderValue::from_static("gzip"));
    let queue = response
        .extensions()
        .get::<RunQueue>()
        .cloned()
        .unwrap_or_default();
    response.map(|body| {
        Body::new(Compressed {
            body,
            message: Bytes::new(),
            queue,
            compressing: None,
            rest: None,
            ended: false,
        })
    })
}

/// The message of a frame, compressed when that is worth it.
fn compressed_frame(frame: Bytes) -> Bytes {
    if frame.len() < PREFIX + MIN_COMPRESSED || frame[0] != 0 {
        return frame;
    }
    with_prefix(1, &compressed(&frame[PREFIX..]))
}

// === impl Compressed ===

impl Compressed {
    /// Appends to the message, which most often comes in one part and is not copied then.
    fn append(&mut self, data: Bytes) {
        if self.message.is_empty() {
            self.message = data;
            return;
        }
        let message = std::mem::take(&mut self.message).try_into_mut();
        let mut message = message.unwrap_or_else(|shared| BytesMut::from(&*shared));
        message.extend_from_slice(&data);
        self.message = message.freeze();
    }
}

impl HttpBody for Compressed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        while !this.ended {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.append(data),
                    Err(trailers) => {
                        this.rest = Some(trailers);
                        this.ended = true;
                    }
                },
                Some(Err(error)) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => this.ended = true,
            }
        }
        if this.message.len() > MAX_INLINE {
            let message = std::mem::take(&mut this.message);
            let compressing = this.queue.clone().heavy(|| compressed_frame(message));
            this.compressing = Some(Box::pin(compressing));
        }
        if let Some(compressing) = &mut this.compressing {
            let frame = ready!(compressing.poll_unpin(cx));
            this.compressing = None;
            return Poll::Ready(Some(frame.map(Frame::data).map_err(Status::from)));
        }
        if !this.message.is_empty() {
            let message = compressed_frame(std::mem::take(&mut this.message));
            return Poll::Ready(Some(Ok(Frame::data(message))));
        }
        Poll::Ready(this.rest.take().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.message.is_empty() && self.compressing.is_none() && self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    use http_body_util::{BodyExt as _, Full};

    #[tokio::test]
    async fn a_long_message_is_compressed_and_a_short_one_is_not() {
        for (length, flag) in [(10, 0), (10_000, 1), (100_000, 1)] {
            let mut frame = vec![0];
            frame.extend_from_slice(&(length as u32).to_be_bytes());
            frame.resize(PREFIX + length, b'x');
            let body = Body::new(Full::new(Bytes::from(frame)));
            let answer = compress(Response::new(body));
            assert_eq!(answer.headers()[ENCODING], "gzip");
            let read = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(read[0], flag);
            assert_eq!(
                read.len(),
                PREFIX + u32::from_be_bytes(read[1..5].try_into().unwrap()) as usize
            );
            let mut message = Vec::new();
            match flag {
                0 => message.extend_from_slice(&read[PREFIX..]),
                _ => drop(flate2::read::GzDecoder::new(&read[PREFIX..]).read_to_end(&mut message)),
            }
            assert_eq!(message, vec![b'x'; length]);
        }
    }

    #[tokio::test]
    async fn a_message_is_copied_only_when_it_comes_in_parts() {
        let mut frame = vec![0, 0, 0, 0, 10];
        frame.resize(PREFIX + 10, b'x');
        let frame = Bytes::from(frame);
        let whole = Body::new(Full::new(frame.clone()));
        let mut body = compress(Response::new(whole)).into_body();
        let passed = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(passed.as_ptr(), frame.as_ptr());

        let parts = [frame.slice(..3), frame.slice(3..7), frame.slice(7..)];
        let parts = futures::stream::iter(parts.map(|part| Ok::<_, Status>(Frame::data(part))));
        let parts = Body::new(http_body_util::StreamBody::new(parts));
        let joined = compress(Response::new(parts))
            .into_body()
            .collect()
            .await
            .unwrap();
        assert_eq!(joined.to_bytes(), frame);
    }
}
