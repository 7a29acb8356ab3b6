//! What a call may cost: how long it may take (`grpc-timeout`, or the server's own deadline), how long a stream may
//! live (never longer than the credential that it was opened with), and how many calls there may be at once. A call over
//! its limit gets a proper gRPC answer; a stream gets its trailers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::IntoResponse;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response, StatusCode, header};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::Semaphore;
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;
use tower::{Layer, Service};

use crate::auth::ValidFor;
use crate::problem::{DEFAULT_RETRY, Problem, reason};
use crate::settings::LimitSettings;

/// Tonic cuts a call off at its deadline with CANCELLED; ending it a moment earlier lets it end with what it is.
const AHEAD_OF_TONIC: Duration = Duration::from_millis(2);

/// How long a stream may be silent after a stop was asked for before it is ended.
const STREAM_DRAIN: Duration = Duration::from_millis(500);

/// Puts the limits before a router.
#[derive(Clone)]
pub(super) struct LimitLayer {
    calls: Arc<Semaphore>,
    deadline: Duration,
    max_stream_age: Duration,
    stop: CancellationToken,
    drain: Duration,
}

/// See [`LimitLayer`].
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
            calls: Arc::new(Semaphore::new(settings.max_calls.min(Semaphore::MAX_PERMITS))),
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

impl<S, B> Service<Request<B>> for LimitService<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let grpc = is_grpc(request.headers());
        let permit = match Arc::clone(&self.limits.calls).try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) if is_probe(request.uri().path()) => None,
            Err(_) => {
                let retry_after = DEFAULT_RETRY;
                return Box::pin(async move { Ok(refusal(grpc, Problem::Overloaded { retry_after })) });
            }
        };
        let wanted = timeout(request.headers());
        let after = wanted.map_or(self.limits.deadline, |wanted| wanted.min(self.limits.deadline));
        let mut deadline = Box::pin(tokio::time::sleep(after - AHEAD_OF_TONIC.min(after / 2)));
        let answer = self.inner.call(request);
        let (age, drain, stop) = (
            self.limits.max_stream_age,
            self.limits.drain,
            self.limits.stop.clone(),
        );
        Box::pin(async move {
            // Counted until the answer begins: a stream that idles costs little.
            let _permit = permit;
            let response = tokio::select! {
                biased;
                response = answer => response?,
                () = &mut deadline => return Ok(refusal(grpc, Problem::DeadlineExceeded { after })),
            };
            // Only a deadline that the caller gave bounds a stream; ours is for its beginning.
            let deadline = wanted
                .filter(|wanted| *wanted == after)
                .map(|after| (deadline, after));
            let valid_for = response.extensions().get().map(|ValidFor(span)| *span);
            Ok(response.map(|body| {
                Body::new(Limited {
                    body,
                    deadline,
                    age,
                    valid_for,
                    drain,
                    stop,
                    idle: None,
                    ended: false,
                })
            }))
        })
    }
}

/// In the caller's own language.
fn refusal(grpc: bool, problem: Problem) -> Response<Body> {
    if grpc {
        return Status::from(problem).into_http();
    }
    let status = match problem {
        Problem::Overloaded { .. } => StatusCode::TOO_MANY_REQUESTS,
        Problem::DeadlineExceeded { .. } => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, format!("{problem}\n")).into_response()
}

/// Whether somebody only asks how the process does. Whoever restarts what does not answer must not restart what is busy.
pub(crate) fn is_probe(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/metrics") || path.starts_with("/grpc.health.v1.Health/")
}

/// Whether a request is gRPC (gRPC-Web has been translated before).
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
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

/// A body that ends with trailers when its time is up. Answers that are ready at once cost nothing extra.
struct Limited {
    body: Body,
    deadline: Option<(Pin<Box<Sleep>>, Duration)>,
    age: Duration,
    /// For how long the credential that it was opened with is good, when it has an end.
    valid_for: Option<Duration>,
    drain: Duration,
    stop: CancellationToken,
    idle: Option<Box<Idle>>,
    ended: bool,
}

/// What a body that makes its caller wait is measured against.
struct Idle {
    age: Pin<Box<Sleep>>,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Runs from the stop on, anew with each message.
    drain: Option<Pin<Box<Sleep>>>,
}

impl Limited {
    /// Why it must end now, if it must.
    fn over(&mut self, cx: &mut Context<'_>) -> Option<Problem> {
        if let Some((deadline, after)) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Some(Problem::DeadlineExceeded { after: *after });
        }
        let idle = self.idle.get_or_insert_with(|| {
            Box::new(Idle {
                age: Box::pin(tokio::time::sleep(
                    self.valid_for.unwrap_or(self.age).min(self.age),
                )),
                stop: Box::pin(self.stop.clone().cancelled_owned()),
                drain: None,
            })
        });
        if idle.age.as_mut().poll(cx).is_ready() {
            if self.valid_for.is_some_and(|valid_for| valid_for <= self.age) {
                return Some(Problem::Unauthenticated {
                    reason: reason::INVALID_CREDENTIAL,
                });
            }
            return Some(Problem::unavailable(
                "the stream has reached its age; open a new one",
            ));
        }
        if idle.drain.is_none() && idle.stop.as_mut().poll(cx).is_ready() {
            idle.drain = Some(Box::pin(tokio::time::sleep(self.drain)));
        }
        let drained = idle
            .drain
            .as_mut()
            .is_some_and(|drain| drain.as_mut().poll(cx).is_ready());
        drained.then(|| Problem::unavailable("the server is stopping; connect again"))
    }
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
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            if let Some(idle) = &mut this.idle
                && idle.drain.is_some()
            {
                idle.drain = Some(Box::pin(tokio::time::sleep(this.drain)));
            }
            return Poll::Ready(frame);
        }
        let Some(problem) = this.over(cx) else {
            return Poll::Pending;
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
mod tests {
    use super::*;
    use crate::problem::from_status;
    use futures::StreamExt;
    use http_body_util::BodyExt;
    use std::convert::Infallible;
    use tonic::Code;
    use tower::ServiceExt;

    fn settings() -> LimitSettings {
        LimitSettings {
            deadline: Duration::from_millis(50),
            max_stream_age: Duration::from_millis(150),
            ..LimitSettings::default()
        }
    }

    fn request(timeout: Option<&str>) -> Request<Body> {
        let request = Request::builder()
            .uri("/a.B/C")
            .header(header::CONTENT_TYPE, "application/grpc");
        let request = match timeout {
            Some(timeout) => request.header("grpc-timeout", timeout),
            None => request,
        };
        request.body(Body::empty()).unwrap()
    }

    /// An answer that begins and then says nothing.
    fn silent() -> Response<Body> {
        Response::new(Body::from_stream(futures::stream::pending::<
            Result<Bytes, Infallible>,
        >()))
    }

    async fn trailers(response: Response<Body>) -> Status {
        let body = response.into_body().collect().await.unwrap();
        Status::from_header_map(body.trailers().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_call_over_its_deadline_says_deadline_exceeded() {
        let limits = LimitLayer::new(&settings(), CancellationToken::new());
        for timeout in [Some("20m"), None] {
            let never = limits.layer(tower::service_fn(|_: Request<Body>| {
                std::future::pending::<Result<_, Infallible>>()
            }));
            let response = never.oneshot(request(timeout)).await.unwrap();
            assert_eq!(
                Status::from_header_map(response.headers()).unwrap().code(),
                Code::DeadlineExceeded
            );
        }
    }

    #[tokio::test]
    async fn a_stream_ends_at_its_callers_deadline_or_its_age_and_not_at_the_servers_deadline() {
        let settings = settings();
        let limits = LimitLayer::new(&settings, CancellationToken::new());
        for (timeout, code) in [(Some("20m"), Code::DeadlineExceeded), (None, Code::Unavailable)] {
            let stream = limits.layer(tower::service_fn(async |_: Request<Body>| {
                Ok::<_, Infallible>(silent())
            }));
            let response = stream.oneshot(request(timeout)).await.unwrap();
            let status = trailers(response).await;
            assert_eq!(status.code(), code);
            if timeout.is_none() {
                assert!(from_status(&status).retry_after.is_some() && status.message().contains("age"));
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_with_the_credential_that_it_was_opened_with() {
        let limits = LimitLayer::new(&LimitSettings::default(), CancellationToken::new());
        let age = LimitSettings::default().max_stream_age;
        let minute = Duration::from_secs(60);
        for (valid_for, code, end) in [
            (Some(ValidFor(minute)), Code::Unauthenticated, minute),
            (Some(ValidFor(age + minute)), Code::Unavailable, age),
            (None, Code::Unavailable, age),
        ] {
            let stream = limits.layer(tower::service_fn(move |_: Request<Body>| {
                let mut response = silent();
                if let Some(valid_for) = valid_for {
                    response.extensions_mut().insert(valid_for);
                }
                std::future::ready(Ok::<_, Infallible>(response))
            }));
            let response = stream.oneshot(request(None)).await.unwrap();
            let ended = tokio::time::timeout(end + Duration::from_secs(1), trailers(response)).await;
            assert_eq!(ended.expect("it ends in time").code(), code, "{valid_for:?}");
        }
    }

    #[tokio::test]
    async fn streams_end_when_the_server_stops_and_say_what_they_still_have_to_say() {
        let stop = CancellationToken::new();
        let limits = LimitLayer {
            drain: Duration::from_millis(20),
            ..LimitLayer::new(&LimitSettings::default(), stop.clone())
        };
        let (acks, answers) = tokio::sync::mpsc::channel::<Result<Bytes, Infallible>>(8);
        let answers = tokio_stream::wrappers::ReceiverStream::new(answers);
        let mut body = Some(Body::from_stream(answers));
        let stream = limits.layer(tower::service_fn(move |_: Request<Body>| {
            std::future::ready(Ok::<_, Infallible>(Response::new(
                body.take().unwrap_or_default(),
            )))
        }));
        let mut stream = stream;
        let response = stream.call(request(None)).await.unwrap();
        let mut frames = response.into_body().into_data_stream();
        assert!(futures::poll!(frames.next()).is_pending());
        stop.cancel();
        acks.send(Ok(Bytes::from_static(b"ack"))).await.unwrap();
        assert_eq!(frames.next().await.unwrap().unwrap(), "ack");
        assert!(frames.next().await.is_none(), "ends though the sender lives on");
        drop(acks);
    }

    #[tokio::test]
    async fn one_call_too_many_is_refused_at_once_and_fits_later() {
        let settings = LimitSettings {
            max_calls: 1,
            ..LimitSettings::default()
        };
        let limits = LimitLayer::new(&settings, CancellationToken::new());
        let slow = limits.layer(tower::service_fn(|_: Request<Body>| {
            std::future::pending::<Result<_, Infallible>>()
        }));
        let first = slow.oneshot(request(None));
        let mut first = Box::pin(first);
        assert!(futures::poll!(&mut first).is_pending());

        let quick = limits.layer(tower::service_fn(async |_: Request<Body>| {
            Ok::<_, Infallible>(silent())
        }));
        let refused = quick.clone().oneshot(request(None)).await.unwrap();
        let status = Status::from_header_map(refused.headers()).unwrap();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(from_status(&status).retry_after.is_some());
        for probe in ["/healthz", "/readyz", "/metrics", "/grpc.health.v1.Health/Check"] {
            let mut asked = request(None);
            *asked.uri_mut() = probe.parse().unwrap();
            let answer = quick.clone().oneshot(asked).await.unwrap();
            assert!(Status::from_header_map(answer.headers()).is_none(), "{probe}");
        }
        drop(first);
        let fits = quick.oneshot(request(None)).await.unwrap();
        assert!(Status::from_header_map(fits.headers()).is_none());
    }

    #[test]
    fn grpc_timeout_is_read_as_the_protocol_says() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            timeout(&headers)
        };
        assert_eq!(read("1H"), Some(Duration::from_secs(3600)));
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        assert_eq!(read("99999999n"), Some(Duration::from_nanos(99_999_999)));
        for text in ["", "S", "1", "123456789S", "1s", "-1S", "+1S"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
