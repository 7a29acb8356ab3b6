//! The HTTP client against servers that redirect, drip, hang, flood and hang up.

use std::env;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Version, header};
use tokio::net::TcpListener;
use watchbell_egress::{Answer, EgressPolicy, GuardedUrl, SendError};
use watchbell_testkit::{Behaviour, Reply, WebhookReceiver};

use crate::support::client;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Long enough for a loopback exchange, short enough to wait for.
const SHORT: Duration = Duration::from_millis(300);

fn loopback(url: &str) -> GuardedUrl {
    EgressPolicy::allowing_loopback().check_url(url).unwrap()
}

async fn post(receiver: &WebhookReceiver, timeout: Duration) -> Result<Answer, SendError> {
    client()
        .post(
            &loopback(&receiver.url()),
            HeaderMap::new(),
            Bytes::from_static(b"{}"),
            timeout,
        )
        .await
}

#[tokio::test]
async fn an_answer_comes_back_with_status_headers_and_body() {
    let receiver = WebhookReceiver::start().await.unwrap();
    let reply = Reply::default().header("x-request-id", "r1").body("thanks");
    receiver.behave(reply.into());
    let mut headers = HeaderMap::new();
    headers.insert("x-custom", HeaderValue::from_static("kept"));
    let url = loopback(&receiver.url());
    let answer = client()
        .post(&url, headers, Bytes::from_static(b"{\"a\":1}"), TIMEOUT)
        .await
        .unwrap();

    assert_eq!(
        (answer.status.as_u16(), answer.http_version),
        (200, Version::HTTP_11)
    );
    assert_eq!(answer.headers["x-request-id"], "r1");
    assert_eq!(
        (&answer.body_prefix[..], answer.body_complete),
        (&b"thanks"[..], true)
    );
    let received = receiver.received();
    assert_eq!(received[0].headers["x-custom"], "kept");
    assert_eq!(&received[0].body[..], b"{\"a\":1}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let receiver = WebhookReceiver::start().await.unwrap();
    receiver.behave_at("/hook", Behaviour::redirect(&receiver.url_at("/elsewhere")));
    let answer = post(&receiver, TIMEOUT).await.unwrap();
    assert_eq!(answer.status, 307);
    assert_eq!(receiver.count(), 1);
    assert!(receiver.received_at("/elsewhere").is_empty());
}

#[tokio::test]
async fn of_a_huge_answer_only_the_beginning_is_read() {
    let receiver = WebhookReceiver::start().await.unwrap();
    receiver.behave(Behaviour::huge_body(64 * 1024 * 1024));
    let answer = post(&receiver, TIMEOUT).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!((answer.body_prefix.len(), answer.body_complete), (4096, false));
}

#[tokio::test]
async fn a_body_of_exactly_what_is_kept_is_complete_and_one_byte_more_is_not() {
    let receiver = WebhookReceiver::start().await.unwrap();
    for (length, complete) in [(4096, true), (4097, false)] {
        receiver.behave(Behaviour::huge_body(length));
        let answer = post(&receiver, TIMEOUT).await.unwrap();
        assert_eq!((answer.body_prefix.len(), answer.body_complete), (4096, complete));
    }
}

#[tokio::test]
async fn a_status_counts_although_its_body_drips_for_ever() {
    let receiver = WebhookReceiver::start().await.unwrap();
    receiver.behave(Behaviour::SlowBody {
        every: Duration::from_millis(20),
        bytes: 1_000_000,
    });
    let answer = post(&receiver, SHORT).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.body_complete), (200, false));
}

#[tokio::test]
async fn no_answer_in_time_is_ambiguous_once_the_request_was_sent() {
    let receiver = WebhookReceiver::start().await.unwrap();
    receiver.behave(Behaviour::Hang);
    let error = post(&receiver, SHORT).await.unwrap_err();
    assert!(
        matches!(error, SendError::TimeoutAfterSent) && error.is_ambiguous(),
        "{error:?}"
    );
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_answer_is_ambiguous() {
    let receiver = WebhookReceiver::start().await.unwrap();
    receiver.behave(Behaviour::Reset);
    let error = post(&receiver, TIMEOUT).await.unwrap_err();
    assert!(
        matches!(error, SendError::Reset(_)) && error.is_ambiguous(),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_closed_port_is_a_connection_failure_and_certain() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = client()
        .post(&loopback(&url), HeaderMap::new(), Bytes::new(), TIMEOUT)
        .await
        .unwrap_err();
    assert!(
        matches!(error, SendError::Connect(_)) && !error.is_ambiguous(),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_handshake_that_never_ends_times_out_before_anything_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let error = client()
        .post(&loopback(&url), HeaderMap::new(), Bytes::new(), SHORT)
        .await
        .unwrap_err();
    assert!(
        matches!(error, SendError::TimeoutBeforeSent) && !error.is_ambiguous(),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_is_no_http_answer_is_ambiguous() {
    let mail = watchbell_testkit::SmtpStandIn::start().await.unwrap();
    let url = loopback(&format!("http://{}:{}/", mail.host(), mail.port()));
    let error = client()
        .post(&url, HeaderMap::new(), Bytes::from_static(b"{}"), TIMEOUT)
        .await
        .unwrap_err();
    assert!(
        matches!(error, SendError::Reset(_) | SendError::Other(_)),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_custom_header_cannot_frame_the_request_or_change_its_host() {
    let receiver = WebhookReceiver::start().await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, HeaderValue::from_static("evil.example.com"));
    headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("1"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let url = loopback(&receiver.url());
    client()
        .post(&url, headers, Bytes::from_static(b"{}"), TIMEOUT)
        .await
        .unwrap();
    let received = &receiver.received()[0];
    assert!(
        received.headers[header::HOST]
            .to_str()
            .unwrap()
            .starts_with("127.0.0.1:")
    );
    assert_eq!(received.headers[header::CONTENT_LENGTH], "2");
    assert!(!received.headers.contains_key(header::TRANSFER_ENCODING));
    assert_eq!(&received.body[..], b"{}");
}

#[tokio::test]
async fn a_document_is_read_up_to_the_bound_that_was_asked_for() {
    let receiver = WebhookReceiver::start().await.unwrap();
    receiver.behave(Behaviour::huge_body(20_000));
    let url = loopback(&receiver.url());
    let answer = client()
        .get(&url, HeaderMap::new(), TIMEOUT, 32_768)
        .await
        .unwrap();
    assert_eq!((answer.body_prefix.len(), answer.body_complete), (20_000, true));
}

/// Run by the next test, in a process of its own.
#[tokio::test]
#[ignore = "needs an environment with a proxy"]
async fn a_post_in_an_environment_with_a_proxy() {
    let receiver = WebhookReceiver::start().await.unwrap();
    post(&receiver, TIMEOUT).await.unwrap();
    assert_eq!(receiver.count(), 1);
}

#[test]
fn a_proxy_of_the_environment_is_not_used() {
    let nowhere = "http://127.0.0.1:1";
    let run = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "--ignored",
            "http::a_post_in_an_environment_with_a_proxy",
        ])
        .envs(["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"].map(|name| (name, nowhere)))
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}
