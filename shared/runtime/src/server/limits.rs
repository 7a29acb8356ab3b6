//! Time limits of a call: of its request's body, of the call (`grpc-timeout`, or the server's own deadline), and of a
//! stream, which never outlives the credential that it was opened with. A call over its limit gets a proper gRPC answer; a
//! stream gets its trailers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;
use tower::{Layer, Service};

use super::answers;
use crate::auth::Session;
use crate::http_call::{is_grpc, refused};
use crate::peer::{Open, Peer};
use crate::problem::{Problem, reason};
use crate::settings::LimitSettings;

/// Time for the body of a request that is answered once it has come.
const BODY: Duration = Duration::from_secs(10);

/// How long a stream may be silent during shutdown before it is ended.
const STREAM_DRAIN: Duration = Duration::from_millis(500);

/// How long a stream may continue during shutdown.
const STREAM_STOP: Duration = Duration::from_millis(1_500);

/// Frames that a stream sends before it yields to other tasks: many busy streams must not occupy the threads.
const TURN: usize = 8;

/// Puts the limits before a router.
#[derive(Clone)]
pub(super) struct LimitLayer {
    deadline: Duration,
    max_stream_age: Duration,
    stop: CancellationToken,
    drain: Duration,
}

/// Service of [`LimitLayer`].
#[derive(Clone)]
pub(super) struct LimitService<S> {
    inner: S,
    limits: LimitLayer,
}

// === impl LimitLayer ===

impl LimitLayer {
    /// Streams end soon after `stop` is cancelled.
    pub(super) fn new(settings: &LimitSettings, stop: CancellationToken) -> Self {
        Self {
            deadline: settings.deadline,
            max_stream_age: settings.max_stream_age,
            stop,
            drain: STREAM_DRAIN,
        }
    }
}

impl<S> Layer<S> for LimitLayer {
    type Service = LimitService<S>;

    fn layer(&self, inner: S) -> LimitService<S> {
        LimitService {
            inner,
            limits: self.clone(),
        }
    }
}

// === impl LimitService ===

impl<S> Service<Request<Body>> for LimitService<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let grpc = is_grpc(request.headers());
        let open = request.extensions().get().map(Peer::open);
        let wanted = timeout(request.headers());
        let after = wanted.map_or(self.limits.deadline, |wanted| wanted.min(self.limits.deadline));
        let mut deadline = Box::pin(tokio::time::sleep(after));
        let (request, arrived) = Arriving::watch(request);
        let answer = self.inner.call(request);
        let (age, drain, stop) = (
            self.limits.max_stream_age,
            self.limits.drain,
            self.limits.stop.clone(),
        );
        Box::pin(async move {
            let too_slow = async {
                tokio::time::sleep(BODY).await;
                if arrived.load(Ordering::Relaxed) {
                    std::future::pending::<()>().await;
                }
            };
            let mut response = tokio::select! {
                biased;
                response = answer => response?,
                () = &mut deadline => return Ok(refused(grpc, Problem::DeadlineExceeded { after })),
                () = too_slow => return Ok(refused(grpc, Problem::BodyTooSlow { after: BODY })),
            };
            if grpc {
                answers::explain(response.headers_mut());
            }
            // Only a deadline that the caller gave bounds a stream; ours is for its beginning.
            let deadline = wanted
                .filter(|wanted| *wanted == after)
                .map(|after| (deadline, after));
            let session = response.extensions_mut().remove::<Session>();
            Ok(response.map(|body| {
                Body::new(Limited {
                    body,
                    deadline,
                    age,
                    session,
                    drain,
                    stop,
                    _open: open,
                    idle: None,
                    turn: 0,
                    ended: false,
                })
            }))
        })
    }
}

/// `grpc-timeout`: up to eight digits and a unit (gRPC over HTTP/2).
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if number.is_empty() || number.len() > 8 || !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// A request's body that records when it was received completely or dropped.
struct Arriving {
    body: Body,
    arrived: Arc<AtomicBool>,
}

impl Arriving {
    fn watch(request: Request<Body>) -> (Request<Body>, Arc<AtomicBool>) {
        let arrived = Arc::new(AtomicBool::new(request.body().is_end_stream()));
        let watched = request.map(|body| {
            Body::new(Self {
                body,
                arrived: Arc::clone(&arrived),
            })
        });
        (watched, arrived)
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.arrived.store(true, Ordering::Relaxed);
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

impl Drop for Arriving {
    fn drop(&mut self) {
        self.arrived.store(true, Ordering::Relaxed);
    }
}

/// A body that ends with trailers when its time is up. Answers that are ready at once cost nothing extra.
struct Limited {
    body: Body,
    deadline: Option<(Pin<Box<Sleep>>, Duration)>,
    age: Duration,
    /// Its permit and credential.
    session: Option<Session>,
    drain: Duration,
    stop: CancellationToken,
    _open: Option<Open>,
    idle: Option<Box<Idle>>,
    /// Frames of this turn.
    turn: usize,
    ended: bool,
}

/// Timers of a stream during shutdown: for silence, and in total.
type Drain = (Pin<Box<Sleep>>, Pin<Box<Sleep>>);

/// Idle time-out of a body that makes its caller wait.
struct Idle {
    age: Pin<Box<Sleep>>,
    credential: Option<BoxFuture<'static, ()>>,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Both start at shutdown; the first restarts with each message.
    drain: Option<Drain>,
}

impl Limited {
    /// Why it must end now, if it must. A stream that has something to say may say it while the server stops, for a while.
    fn over(&mut self, cx: &mut Context<'_>, silent: bool) -> Option<Problem> {
        if let Some((deadline, after)) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Some(Problem::DeadlineExceeded { after: *after });
        }
        let idle = self.idle.get_or_insert_with(|| {
            Box::new(Idle {
                age: Box::pin(tokio::time::sleep(self.age)),
                credential: self.session.as_ref().map(Session::ended),
                stop: Box::pin(self.stop.clone().cancelled_owned()),
                drain: None,
            })
        });
        if let Some(credential) = &mut idle.credential
            && credential.as_mut().poll(cx).is_ready()
        {
            return Some(Problem::Unauthenticated {
                reason: reason::INVALID_CREDENTIAL,
            });
        }
        if idle.age.as_mut().poll(cx).is_ready() {
            return Some(Problem::unavailable(
                "the stream has reached its age; open a new one",
            ));
        }
        if idle.drain.is_none() && idle.stop.as_mut().poll(cx).is_ready() {
            let [quiet, busy] = [self.drain, STREAM_STOP].map(|span| Box::pin(tokio::time::sleep(span)));
            idle.drain = Some((quiet, busy));
        }
        let drained = idle.drain.as_mut().is_some_and(|(quiet, busy)| {
            if !silent {
                *quiet = Box::pin(tokio::time::sleep(self.drain));
            }
            quiet.as_mut().poll(cx).is_ready() || busy.as_mut().poll(cx).is_ready()
        });
        drained.then(|| Problem::unavailable("the server is stopping; connect again"))
    }
}

fn explained(frame: Frame<Bytes>) -> Frame<Bytes> {
    let mut frame = frame;
    if let Some(trailers) = frame.trailers_mut() {
        answers::explain(trailers);
    }
    frame
}

impl HttpBody for Limited {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        if this.turn == TURN {
            this.turn = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        this.turn = if frame.is_ready() { this.turn + 1 } else { 0 };
        // An answer that is ready at once costs nothing extra.
        let over = if frame.is_pending() || this.idle.is_some() {
            this.over(cx, frame.is_pending())
        } else {
            None
        };
        let Some(problem) = over else {
            return frame.map(|frame| frame.map(|frame| frame.map(explained)));
        };
        this.ended = true;
        this.body = Body::empty();
        let mut trailers = HeaderMap::new();
        // Fails only for a text that no header can carry, which ours are not.
        let _ = Status::from(problem).add_header(&mut trailers);
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
