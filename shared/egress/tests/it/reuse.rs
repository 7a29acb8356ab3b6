//! Which connections are used again, and what becomes of a request whose connection was not worth it.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use chrono::DateTime;
use http::HeaderMap;
use watchbell_egress::{Answer, EgressPolicy, GuardedUrl, HttpClient, SendError};
use watchbell_model::ids::TeamId;

use crate::raw::{Action, RawServer};
use crate::support::{client, look_around};

const TIMEOUT: Duration = Duration::from_secs(10);
/// Long enough for a loopback exchange, short enough to wait for.
const SHORT: Duration = Duration::from_millis(300);

fn answer(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn post(client: &HttpClient, server: &RawServer, timeout: Duration) -> Result<Answer, SendError> {
    client
        .post(&server.url, HeaderMap::new(), Bytes::from_static(b"{}"), timeout)
        .await
}

#[tokio::test]
async fn a_connection_is_used_again_after_an_answer_that_was_read_to_its_end() {
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_vec();
    for said in [answer(""), answer("ok"), answer(&"x".repeat(60_000)), chunked] {
        let server = RawServer::start(move |_, _| Action::Say(said.clone())).await;
        let client = client();
        for _ in 0..3 {
            assert_eq!(post(&client, &server, TIMEOUT).await.unwrap().status, 200);
        }
        assert_eq!(server.connections(), [0, 0, 0]);
    }
}

#[tokio::test]
async fn every_request_over_a_connection_says_where_it_goes() {
    let server = RawServer::start(|_, _| Action::Say(answer("ok"))).await;
    let client = client();
    for _ in 0..2 {
        post(&client, &server, TIMEOUT).await.unwrap();
    }
    let host = format!("host: 127.0.0.1:{}\r\n", server.url.port());
    for request in server.requests() {
        assert!(request.starts_with("POST /hook?x=1 HTTP/1.1\r\n"), "{request}");
        assert_eq!(request.matches(&host).count(), 1, "{request}");
        assert!(request.ends_with("\r\n\r\n{}"), "{request}");
    }
}

#[tokio::test]
async fn requests_at_the_same_time_have_a_connection_each_and_later_ones_use_them_again() {
    let server = RawServer::start(|_, _| Action::Say(answer("ok"))).await;
    let client = client();
    for _ in 0..3 {
        let posts = (0..5).map(|_| post(&client, &server, TIMEOUT));
        for answered in futures::future::join_all(posts).await {
            answered.unwrap();
        }
    }
    assert_eq!(server.requests().len(), 15);
    assert_eq!(server.connections().iter().max(), Some(&4));
}

#[tokio::test]
async fn an_answer_that_is_too_long_to_read_costs_its_connection() {
    let server = RawServer::start(|_, _| Action::Say(answer(&"x".repeat(1_000_000)))).await;
    let client = client();
    for _ in 0..2 {
        let answer = post(&client, &server, TIMEOUT).await.unwrap();
        assert_eq!((answer.body_prefix.len(), answer.body_complete), (4096, false));
    }
    assert_eq!(server.connections(), [0, 1]);
}

#[tokio::test]
async fn a_server_that_wants_the_connection_closed_gets_it_closed() {
    let said = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
    let server = RawServer::start(|_, _| Action::Say(said.to_vec())).await;
    let client = client();
    for _ in 0..2 {
        post(&client, &server, TIMEOUT).await.unwrap();
    }
    assert_eq!(server.connections(), [0, 1]);
    server.until_ended(2).await;
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_noticed_and_the_request_takes_another() {
    let server = RawServer::start(|connection, _| match connection {
        0 | 1 => Action::SayAndClose(answer("ok")),
        _ => Action::Say(answer("ok")),
    })
    .await;
    let client = client();
    let posts = (0..2).map(|_| post(&client, &server, TIMEOUT));
    futures::future::join_all(posts).await;
    server.until_ended(2).await;
    look_around().await;
    post(&client, &server, TIMEOUT).await.unwrap();
    assert_eq!(server.connections(), [0, 1, 2]);
}

#[tokio::test]
async fn unsolicited_bytes_are_never_the_next_answer() {
    let server = RawServer::start(|connection, _| {
        let mut said = answer("ok");
        if connection == 0 {
            said.extend_from_slice(b"HTTP/1.1 500 Injected\r\ncontent-length: 0\r\n\r\n");
        }
        Action::Say(said)
    })
    .await;
    let client = client();
    for _ in 0..2 {
        assert_eq!(post(&client, &server, TIMEOUT).await.unwrap().status, 200);
    }
    assert_eq!(server.connections(), [0, 1]);
}

#[tokio::test]
async fn a_request_that_may_have_arrived_is_not_repeated() {
    let server = RawServer::start(|_, request| match request {
        0 => Action::Say(answer("ok")),
        _ => Action::SayAndClose(Vec::new()),
    })
    .await;
    let client = client();
    post(&client, &server, TIMEOUT).await.unwrap();
    let error = post(&client, &server, TIMEOUT).await.unwrap_err();
    assert!(
        matches!(error, SendError::Reset(_)) && error.is_ambiguous(),
        "{error:?}"
    );
    assert_eq!(server.connections(), [0, 0]);
}

#[tokio::test]
async fn a_request_that_is_given_up_takes_its_connection_with_it() {
    let server = RawServer::start(|connection, _| match connection {
        0 => Action::Hang,
        _ => Action::Say(answer("ok")),
    })
    .await;
    let client = client();
    let error = post(&client, &server, SHORT).await.unwrap_err();
    assert!(matches!(error, SendError::TimeoutAfterSent), "{error:?}");
    server.until_ended(1).await;
    post(&client, &server, TIMEOUT).await.unwrap();
    assert_eq!(server.connections(), [0, 1]);
}

/// Lets the client's time pass without waiting for it.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::sleep(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn an_idle_connection_is_closed_before_a_common_server_does_it_and_not_earlier() {
    let server = RawServer::start(|_, _| Action::Say(answer("ok"))).await;
    let client = client();
    post(&client, &server, TIMEOUT).await.unwrap();
    pass(Duration::from_millis(3500)).await;
    post(&client, &server, TIMEOUT).await.unwrap();
    assert_eq!(server.connections(), [0, 0]);

    pass(Duration::from_millis(4500)).await;
    post(&client, &server, TIMEOUT).await.unwrap();
    assert_eq!(server.connections(), [0, 0, 1]);
    pass(Duration::from_secs(10)).await;
    server.until_ended(2).await;
}

#[tokio::test]
async fn no_connection_is_used_longer_than_an_age() {
    let server = RawServer::start(|_, _| Action::Say(answer("ok"))).await;
    let client = client();
    for _ in 0..36 {
        post(&client, &server, TIMEOUT).await.unwrap();
        pass(Duration::from_secs(3)).await;
    }
    let connections = server.connections();
    assert_eq!(
        connections.iter().filter(|connection| **connection == 0).count(),
        20,
        "a name may lead elsewhere after 60 s: {connections:?}"
    );
    assert_eq!(connections.last(), Some(&1));
}

#[tokio::test]
async fn connections_are_kept_as_long_as_their_server_says_and_no_longer_than_half_a_minute() {
    let said = b"HTTP/1.1 200 OK\r\nkeep-alive: timeout=60\r\ncontent-length: 2\r\n\r\nok";
    let server = RawServer::start(|_, _| Action::Say(said.to_vec())).await;
    let client = client();
    for seconds in [0, 25, 25, 25, 35] {
        pass(Duration::from_secs(seconds)).await;
        post(&client, &server, TIMEOUT).await.unwrap();
    }
    assert_eq!(
        server.connections(),
        [0, 0, 0, 1, 2],
        "the second one because of its age"
    );
}

#[tokio::test]
async fn a_connection_that_its_server_keeps_for_less_is_not_used_again_after_that() {
    let said = b"HTTP/1.1 200 OK\r\nkeep-alive: timeout=3\r\ncontent-length: 2\r\n\r\nok";
    let server = RawServer::start(|_, _| Action::Say(said.to_vec())).await;
    let client = client();
    for seconds in [0, 1, 1, 3] {
        pass(Duration::from_secs(seconds)).await;
        post(&client, &server, TIMEOUT).await.unwrap();
    }
    assert_eq!(server.connections(), [0, 0, 0, 1]);
}

#[tokio::test]
async fn a_server_that_takes_one_request_a_connection_is_asked_for_one() {
    let said = b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=1\r\ncontent-length: 2\r\n\r\nok";
    let server = RawServer::start(|_, _| Action::Say(said.to_vec())).await;
    let client = client();
    for _ in 0..3 {
        post(&client, &server, TIMEOUT).await.unwrap();
    }
    assert_eq!(server.connections(), [0, 1, 2]);
}

/// A server that reads a request and answers it on each connection, and hands the connections over for closing.
fn server_by_hand() -> (GuardedUrl, mpsc::Receiver<std::net::TcpStream>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (hand_over, connections) = mpsc::channel();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut request = Vec::new();
            while !request.ends_with(b"{}") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            stream.write_all(&answer("ok")).unwrap();
            if hand_over.send(stream).is_err() {
                return;
            }
        }
    });
    let url = EgressPolicy::allowing_loopback().check_url(&url).unwrap();
    (url, connections)
}

#[tokio::test]
async fn a_request_that_met_a_closed_connection_goes_out_again_at_once() {
    let (url, connections) = server_by_hand();
    let client = client();
    let post = || client.post(&url, HeaderMap::new(), Bytes::from_static(b"{}"), TIMEOUT);
    for _ in 0..20 {
        post().await.unwrap();
        // The client has had no occasion to notice this when it sends.
        drop(connections.recv().unwrap());
    }
    post().await.unwrap();
}

#[tokio::test]
async fn no_team_uses_the_connection_of_another() {
    let server = RawServer::start(|_, _| Action::Say(answer("ok"))).await;
    let client = client();
    let [one, other] = [0, 1].map(|_| client.on_behalf_of(TeamId::generate(DateTime::UNIX_EPOCH)));
    for client in [&one, &other, &client, &one, &other, &client] {
        post(client, &server, TIMEOUT).await.unwrap();
    }
    assert_eq!(server.connections(), [0, 1, 2, 0, 1, 2]);
}

#[tokio::test]
async fn idle_connections_end_with_the_client() {
    let server = RawServer::start(|_, _| Action::Say(answer("ok"))).await;
    let client = client();
    post(&client, &server, TIMEOUT).await.unwrap();
    drop(client);
    server.until_ended(1).await;
}

#[tokio::test]
async fn a_server_that_lies_about_its_answer_is_an_honest_error_in_time() {
    let before_the_answer = [
        ("garbage", Action::Say(b"\x00\x01 garbage\r\n\r\n".to_vec())),
        (
            "endless headers",
            Action::Repeat(b"HTTP/1.1 200 OK\r\nx: y\r\n".to_vec()),
        ),
        (
            "too many headers",
            Action::Say(format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(101)).into_bytes()),
        ),
        ("a head without end", Action::Repeat(b"x".to_vec())),
        ("no answer", Action::SayAndClose(Vec::new())),
        (
            "half an answer",
            Action::SayAndClose(b"HTTP/1.1 200 OK\r\ncontent-".to_vec()),
        ),
        ("half a connection", Action::HalfClose),
    ];
    for (lie, action) in before_the_answer {
        let server = RawServer::start(move |_, _| action.clone()).await;
        let error = post(&client(), &server, TIMEOUT).await.unwrap_err();
        assert!(matches!(error, SendError::Reset(_)), "{lie}: {error:?}");
        server.until_ended(1).await;
    }
}

#[tokio::test]
async fn interim_answers_without_end_are_no_answer() {
    let interim = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    let server = RawServer::start(move |_, _| Action::Repeat(interim.clone())).await;
    let error = post(&client(), &server, TIMEOUT).await.unwrap_err();
    assert!(matches!(error, SendError::Reset(_)), "{error:?}");
    server.until_ended(1).await;
}

#[tokio::test]
async fn a_head_that_is_too_long_is_no_answer() {
    let head = format!("HTTP/1.1 200 OK\r\nx-large: {}\r\n\r\n", "x".repeat(128 * 1024));
    let server = RawServer::start(move |_, _| Action::Say(head.clone().into_bytes())).await;
    let error = post(&client(), &server, TIMEOUT).await.unwrap_err();
    assert!(matches!(error, SendError::Reset(_)), "{error:?}");
    server.until_ended(1).await;
}

#[tokio::test]
async fn a_body_that_is_shorter_than_announced_is_not_complete() {
    let said = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort";
    let server = RawServer::start(|_, _| Action::SayAndClose(said.to_vec())).await;
    let client = client();
    for _ in 0..2 {
        let answer = post(&client, &server, TIMEOUT).await.unwrap();
        assert_eq!(
            (&answer.body_prefix[..], answer.body_complete),
            (&b"short"[..], false)
        );
    }
    assert_eq!(server.connections(), [0, 1]);
}
