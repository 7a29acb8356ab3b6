//! Names whose addresses are bad, mixed, or not the same twice.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use watchbell_egress::{AddressKind, EgressPolicy, Guard, GuardedUrl, HttpClient, Refusal, SendError};
use watchbell_testkit::WebhookReceiver;

use crate::support::Scripted;

const TIMEOUT: Duration = Duration::from_secs(5);

fn port_of(receiver: &WebhookReceiver) -> u16 {
    receiver.url().parse::<http::Uri>().unwrap().port_u16().unwrap()
}

async fn expect_loopback_refused(guard: Guard, url: &GuardedUrl) {
    let sent = HttpClient::new(guard)
        .post(url, HeaderMap::new(), Bytes::new(), TIMEOUT)
        .await;
    let refused = matches!(
        sent,
        Err(SendError::Refused(Refusal::Address(AddressKind::Loopback)))
    );
    assert!(refused, "{sent:?}");
}

#[tokio::test]
async fn a_name_that_changes_its_address_after_the_check_is_refused_at_the_connection() {
    let receiver = WebhookReceiver::start().await.unwrap();
    let resolver = Scripted::new(&[&["93.184.216.34"], &["127.0.0.1"]]);
    let guard = Guard::with_resolver(EgressPolicy::default(), resolver.clone());
    let url = format!("https://rebind.example.com:{}/hook", port_of(&receiver));
    let url = guard.admit_url(&url).await.expect("its first address is public");

    expect_loopback_refused(guard, &url).await;
    assert_eq!(resolver.lookups(), 2);
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn one_bad_address_among_good_ones_is_refused_when_saved_and_left_out_when_dialled() {
    let receiver = WebhookReceiver::start().await.unwrap();
    let resolver = Scripted::new(&[&["10.0.0.1", "127.0.0.1", "169.254.169.254"]]);
    let guard = Guard::with_resolver(EgressPolicy::allowing_loopback(), resolver);
    let text = format!("http://mixed.example.com:{}/hook", port_of(&receiver));

    assert_eq!(
        guard.admit_url(&text).await,
        Err(Refusal::Address(AddressKind::Private))
    );

    let url = guard.check_url(&text).unwrap();
    let answer = HttpClient::new(guard)
        .post(&url, HeaderMap::new(), Bytes::new(), TIMEOUT)
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn every_address_family_of_a_name_is_judged() {
    for (address, kind) in [
        ("::1", AddressKind::Loopback),
        ("::ffff:10.0.0.1", AddressKind::Private),
        ("64:ff9b::a00:1", AddressKind::Translated),
        ("fd00::1", AddressKind::Private),
        ("169.254.169.254", AddressKind::LinkLocal),
        ("100.64.0.1", AddressKind::Shared),
    ] {
        let guard = Guard::with_resolver(EgressPolicy::default(), Scripted::new(&[&["8.8.8.8", address]]));
        assert_eq!(
            guard.check_host("mail.example.com", 587).await,
            Err(Refusal::Address(kind)),
            "{address}"
        );
    }
}

#[tokio::test]
async fn plain_http_to_a_name_needs_every_address_on_the_allow_list() {
    let policy = EgressPolicy::allowing_loopback();
    let elsewhere = Guard::with_resolver(policy.clone(), Scripted::new(&[&["93.184.216.34"]]));
    let half = Guard::with_resolver(policy.clone(), Scripted::new(&[&["127.0.0.1", "93.184.216.34"]]));
    let here = Guard::with_resolver(policy, Scripted::new(&[&["127.0.0.1"]]));
    for name in [
        "http://plain.example.com/",
        "http://localhost/",
        "https://localhost/",
        "https://receiver/",
    ] {
        assert_eq!(
            elsewhere.admit_url(name).await,
            Err(Refusal::NotAllowListed),
            "{name}"
        );
        assert_eq!(half.admit_url(name).await, Err(Refusal::NotAllowListed), "{name}");
        assert!(here.admit_url(name).await.is_ok(), "{name}");
    }
    assert!(elsewhere.admit_url("https://public.example.com/").await.is_ok());
}

#[tokio::test]
async fn a_connection_costs_one_look_up_and_the_next_request_none() {
    let receiver = WebhookReceiver::start().await.unwrap();
    let resolver = Scripted::new(&[&["127.0.0.1"]]);
    let client = HttpClient::new(Guard::with_resolver(
        EgressPolicy::allowing_loopback(),
        resolver.clone(),
    ));
    let url = format!("http://receiver.example.com:{}/hook", port_of(&receiver));
    let url = EgressPolicy::allowing_loopback().check_url(&url).unwrap();
    for _ in 0..20 {
        client
            .post(&url, HeaderMap::new(), Bytes::from_static(b"{}"), TIMEOUT)
            .await
            .unwrap();
    }
    assert_eq!(receiver.count(), 20);
    assert_eq!(resolver.lookups(), 1);
}

#[tokio::test]
async fn an_address_that_stays_silent_costs_a_quarter_of_a_second() {
    let receiver = WebhookReceiver::start().await.unwrap();
    let port = port_of(&receiver);
    // Its queue is full, so the system drops what knocks.
    let socket = TcpSocket::new_v4().unwrap();
    let silent = SocketAddr::from(([127, 0, 0, 2], port));
    socket.bind(silent).unwrap();
    let _listener = socket.listen(0).unwrap();
    let _queued = TcpStream::connect(silent).await.unwrap();
    let guard = Guard::with_resolver(
        EgressPolicy::allowing_loopback(),
        Scripted::new(&[&["127.0.0.2", "127.0.0.1"]]),
    );
    let url = guard
        .check_url(&format!("http://half.example.com:{port}/hook"))
        .unwrap();
    let answer = HttpClient::new(guard)
        .post(&url, HeaderMap::new(), Bytes::new(), Duration::from_secs(3))
        .await
        .unwrap();
    assert_eq!((answer.status.as_u16(), receiver.count()), (200, 1));
}

#[tokio::test]
async fn a_name_with_several_addresses_costs_one_connection() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut request = [0; 4096];
                while stream.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                    stream.write_all(answer).await.unwrap();
                }
            });
        }
    });
    let guard = Guard::with_resolver(
        EgressPolicy::allowing_loopback(),
        Scripted::new(&[&["127.0.0.1", "127.0.0.2", "127.0.0.3"]]),
    );
    let url = guard
        .check_url(&format!("http://many.example.com:{port}/hook"))
        .unwrap();
    let client = HttpClient::new(guard);
    for _ in 0..3 {
        let answer = client
            .post(&url, HeaderMap::new(), Bytes::new(), TIMEOUT)
            .await
            .unwrap();
        assert_eq!(answer.status, 200);
    }
    assert_eq!(accepted.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_address_in_a_url_is_judged_by_the_guard_that_sends() {
    let receiver = WebhookReceiver::start().await.unwrap();
    let url = EgressPolicy::allowing_loopback()
        .check_url(&receiver.url())
        .unwrap();
    expect_loopback_refused(Guard::new(EgressPolicy::default()), &url).await;
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn a_name_without_an_address_is_a_dns_failure() {
    let guard = Guard::with_resolver(EgressPolicy::default(), Scripted::new(&[]));
    let url = guard.check_url("https://gone.example.com/").unwrap();
    assert_eq!(
        guard.admit_url("https://gone.example.com/").await,
        Err(Refusal::Unresolved)
    );
    let sent = HttpClient::new(guard)
        .post(&url, HeaderMap::new(), Bytes::new(), TIMEOUT)
        .await;
    assert!(matches!(sent, Err(SendError::Dns)), "{sent:?}");
}

#[tokio::test]
async fn a_mail_servers_name_in_an_odd_spelling_is_judged_as_the_address_it_is() {
    let guard = Guard::with_resolver(EgressPolicy::default(), Scripted::new(&[&["93.184.216.34"]]));
    for host in [
        "2130706433",
        "0x7f.1",
        "127.1",
        "①②⑦.0.0.1",
        "[::1]",
        "::1",
        "::ffff:127.0.0.1",
    ] {
        assert_eq!(
            guard.check_host(host, 25).await,
            Err(Refusal::Address(AddressKind::Loopback)),
            "{host}"
        );
    }
    for host in [
        "localhost",
        "mail.local",
        "smtp",
        "mail.example.com.",
        "",
        "user@example.com",
        "a b",
    ] {
        assert!(guard.check_host(host, 25).await.is_err(), "{host}");
    }
    assert!(guard.check_host("smtp.example.com", 587).await.is_ok());
}
