//! Calls and streams over their time.

use super::*;
use crate::auth::{AuthLayer, Authenticator, Grant, KeyHash, Principal, Scope};
use crate::problem::from_status;
use crate::testing::ManualClock;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use http::header;
use http_body_util::BodyExt;
use std::convert::Infallible;
use tonic::Code;
use tower::ServiceExt;
use watchbell_model::clock::Clock as _;
use watchbell_model::ids::KeyId;

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

/// A key that ends at some time, and may be taken away before.
struct OneKey {
    expires_at: Option<DateTime<Utc>>,
    deleted: AtomicBool,
}

#[async_trait]
impl Authenticator for OneKey {
    async fn authenticate(&self, _: KeyHash) -> Result<Grant, Problem> {
        if self.deleted.load(Ordering::Relaxed) {
            return Err(Problem::Unauthenticated {
                reason: reason::INVALID_CREDENTIAL,
            });
        }
        Ok(Grant {
            principal: Principal::ApiKey {
                key_id: KeyId::generate(DateTime::UNIX_EPOCH),
                team_id: None,
                scopes: [Scope::Inbox].into_iter().collect(),
            },
            expires_at: self.expires_at,
        })
    }
}

/// A stream that was opened with a key and says nothing.
async fn opened_with(key: Arc<OneKey>) -> Response<Body> {
    let auth = AuthLayer::new(key, ManualClock::shared(), &LimitSettings::default());
    let limits = LimitLayer::new(&LimitSettings::default(), CancellationToken::new());
    let path = "/watchbell.dispatcher.v1.InboxService/Watch";
    let stream = limits.layer(auth.layer(tower::service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(silent())
    })));
    let mut request = request(None);
    *request.uri_mut() = path.parse().unwrap();
    request
        .headers_mut()
        .insert("x-api-key", "wbk_good".parse().unwrap());
    stream.oneshot(request).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_the_credential_that_it_was_opened_with() {
    let now = ManualClock::shared().now();
    let age = LimitSettings::default().max_stream_age;
    let minute = Duration::from_secs(60);
    for (valid_for, code, end) in [
        (Some(minute), Code::Unauthenticated, minute),
        (Some(age + minute), Code::Unavailable, age),
        (None, Code::Unavailable, age),
    ] {
        let key = OneKey {
            expires_at: valid_for.map(|span| now + span),
            deleted: AtomicBool::new(false),
        };
        let response = opened_with(Arc::new(key)).await;
        let ended = tokio::time::timeout(end + Duration::from_secs(1), trailers(response)).await;
        assert_eq!(ended.expect("it ends in time").code(), code, "{valid_for:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_soon_after_its_key_is_deleted() {
    let key = Arc::new(OneKey {
        expires_at: None,
        deleted: AtomicBool::new(false),
    });
    let mut ended = Box::pin(trailers(opened_with(Arc::clone(&key)).await));
    let minute = tokio::time::timeout(Duration::from_secs(60), &mut ended).await;
    assert!(minute.is_err(), "it goes on while the key is good");
    key.deleted.store(true, Ordering::Relaxed);
    let status = tokio::time::timeout(Duration::from_secs(6), ended).await.unwrap();
    assert_eq!(status.code(), Code::Unauthenticated);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_in_time_ends_its_call() {
    let limits = LimitLayer::new(&LimitSettings::default(), CancellationToken::new());
    let reads = limits.layer(tower::service_fn(async |request: Request<Body>| {
        request.into_body().collect().await.unwrap();
        Ok::<_, Infallible>(silent())
    }));
    let mut request = request(None);
    *request.body_mut() = Body::from_stream(futures::stream::pending::<Result<Bytes, Infallible>>());
    let answer = tokio::time::timeout(Duration::from_secs(11), reads.oneshot(request)).await;
    let status = Status::from_header_map(answer.expect("it is answered").unwrap().headers()).unwrap();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(status.message().contains("body"), "{}", status.message());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_never_falls_silent_ends_within_two_seconds_of_a_stop() {
    let stop = CancellationToken::new();
    let limits = LimitLayer::new(&LimitSettings::default(), stop.clone());
    let busy = limits.layer(tower::service_fn(async |_: Request<Body>| {
        let ticks = futures::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Some((Ok::<_, Infallible>(Bytes::from_static(b"ack")), ()))
        });
        Ok::<_, Infallible>(Response::new(Body::from_stream(ticks)))
    }));
    let ended = trailers(busy.oneshot(request(None)).await.unwrap());
    stop.cancel();
    let status = tokio::time::timeout(Duration::from_secs(2), ended).await.unwrap();
    assert_eq!(status.code(), Code::Unavailable);
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

#[tokio::test]
async fn a_stream_with_much_to_say_lets_others_run_in_between() {
    use futures::FutureExt as _;

    let limits = LimitLayer::new(&LimitSettings::default(), CancellationToken::new());
    let talking = limits.layer(tower::service_fn(async |_: Request<Body>| {
        let frames = futures::stream::iter((0..20).map(|_| Ok::<_, Infallible>(Bytes::from_static(b"x"))));
        Ok::<_, Infallible>(Response::new(Body::from_stream(frames)))
    }));
    let mut body = talking.oneshot(request(None)).await.unwrap().into_body();
    let mut turns = vec![0];
    loop {
        match body.frame().now_or_never() {
            Some(Some(_)) => *turns.last_mut().unwrap() += 1,
            Some(None) => break,
            None => turns.push(0),
        }
    }
    assert_eq!(turns, [TURN, TURN, 4]);
}
