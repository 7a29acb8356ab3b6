//! How a receiver answers, well or badly, and in which order.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// What happens to one request, after it has been recorded.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// An answer.
    Answer(Reply),
    /// No answer, and the connection stays open.
    Hang,
    /// No answer, and the connection is closed.
    Reset,
    /// Status 200 at once, then a body that drips one byte at a time.
    SlowBody {
        /// Time between two bytes.
        every: Duration,
        /// How many bytes there are.
        bytes: usize,
    },
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// More headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// How long the endpoint thinks first.
    pub delay: Duration,
}

impl Default for Reply {
    fn default() -> Self {
        Self {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"ok"),
            delay: Duration::ZERO,
        }
    }
}

impl Reply {
    /// Adds a header; one that HTTP does not allow is left out.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            self.headers.append(name, value);
        }
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Thinks this long first.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

impl From<Reply> for Behaviour {
    fn from(reply: Reply) -> Self {
        Self::Answer(reply)
    }
}

impl Behaviour {
    /// 200.
    #[must_use]
    pub fn ok() -> Self {
        Self::Answer(Reply::default())
    }

    /// Any status; one that HTTP does not know becomes 500.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::Answer(Reply {
            status,
            body: Bytes::from(status.to_string()),
            ..Reply::default()
        })
    }

    /// A status with `Retry-After` in seconds.
    #[must_use]
    pub fn retry_after(status: u16, seconds: u32) -> Self {
        Self::status(status).with_header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// 307 to somewhere else.
    #[must_use]
    pub fn redirect(to: &str) -> Self {
        let location = HeaderValue::try_from(to).unwrap_or_else(|_| HeaderValue::from_static("/"));
        Self::status(307).with_header(LOCATION, location)
    }

    /// 200 after a while.
    #[must_use]
    pub fn delayed(delay: Duration) -> Self {
        Self::Answer(Reply::default().after(delay))
    }

    /// 200 with a body of this many bytes.
    #[must_use]
    pub fn huge_body(bytes: usize) -> Self {
        Self::Answer(Reply::default().body(vec![b'x'; bytes]))
    }

    fn with_header(self, name: HeaderName, value: HeaderValue) -> Self {
        match self {
            Self::Answer(mut reply) => {
                reply.headers.insert(name, value);
                Self::Answer(reply)
            }
            other => other,
        }
    }

    pub(super) async fn perform(self) -> Result<Response<ReplyBody>, Dropped> {
        match self {
            Self::Hang => std::future::pending().await,
            Self::Reset => Err(Dropped),
            Self::SlowBody { every, bytes } => {
                let drip = Drip {
                    every,
                    left: bytes,
                    pause: Box::pin(sleep(every)),
                };
                Ok(Response::new(ReplyBody::Slow(drip)))
            }
            Self::Answer(reply) => {
                if !reply.delay.is_zero() {
                    sleep(reply.delay).await;
                }
                let mut response = Response::new(ReplyBody::Whole(reply.body));
                *response.status_mut() = reply.status;
                *response.headers_mut() = reply.headers;
                Ok(response)
            }
        }
    }
}

/// Behaviours in order, then one for ever.
#[derive(Debug, Clone)]
pub struct Script {
    next: VecDeque<Behaviour>,
    then: Behaviour,
}

impl Script {
    /// One behaviour for ever.
    #[must_use]
    pub fn always(then: Behaviour) -> Self {
        Self {
            next: VecDeque::new(),
            then,
        }
    }

    /// One behaviour `n` times, and 200 afterwards.
    #[must_use]
    pub fn first(n: usize, behaviour: Behaviour) -> Self {
        Self::sequence(vec![behaviour; n])
    }

    /// Each behaviour once, and 200 afterwards.
    #[must_use]
    pub fn sequence(behaviours: impl IntoIterator<Item = Behaviour>) -> Self {
        Self {
            next: behaviours.into_iter().collect(),
            then: Behaviour::ok(),
        }
    }

    /// What comes after the sequence, instead of 200.
    #[must_use]
    pub fn then(mut self, behaviour: Behaviour) -> Self {
        self.then = behaviour;
        self
    }

    pub(super) fn next(&mut self) -> Behaviour {
        self.next.pop_front().unwrap_or_else(|| self.then.clone())
    }
}

impl Default for Script {
    fn default() -> Self {
        Self::always(Behaviour::ok())
    }
}

/// The answer of a receiver that nobody scripted.
pub(super) fn fine() -> Response<ReplyBody> {
    Response::new(ReplyBody::Whole(Bytes::from_static(b"ok")))
}

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed without an answer, as scripted")]
pub(super) struct Dropped;

/// An answer's body.
#[derive(Debug)]
pub(super) enum ReplyBody {
    Whole(Bytes),
    Slow(Drip),
}

#[derive(Debug)]
pub(super) struct Drip {
    every: Duration,
    left: usize,
    pause: Pin<Box<Sleep>>,
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(body) if body.is_empty() => Poll::Ready(None),
            Self::Whole(body) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(body))))),
            Self::Slow(drip) if drip.left == 0 => Poll::Ready(None),
            Self::Slow(drip) => {
                std::task::ready!(drip.pause.as_mut().poll(cx));
                drip.pause = Box::pin(sleep(drip.every));
                drip.left -= 1;
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b".")))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(body) if body.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => SizeHint::with_exact(body.len() as u64),
            Self::Slow(drip) => SizeHint::with_exact(drip.left as u64),
        }
    }
}
