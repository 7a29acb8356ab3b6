//! HTTPS: whose certificate is believed, HTTP/2 where the server offers it, and connections used again under both.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use watchbell_egress::{Answer, Authorities, EgressPolicy, GuardedUrl, HttpClient, SendError};

use crate::support::{look_around, on_loopback};

const TIMEOUT: Duration = Duration::from_secs(10);
/// Long enough for a loopback exchange, short enough to wait for.
const SHORT: Duration = Duration::from_millis(300);

/// Headers by which a request asks the server to fail it.
const NO_ANSWER: &str = "x-no-answer";
const RESET: &str = "x-reset";

/// A server over TLS, which speaks one version of HTTP.
struct TlsServer {
    url: GuardedUrl,
    /// Its own certificate, which is its own authority.
    pem: String,
    handshakes: Arc<AtomicUsize>,
    /// How often it was told to hang up.
    hang_up: watch::Sender<usize>,
    /// How many connections have ended.
    ended: watch::Receiver<usize>,
}

impl TlsServer {
    async fn start(version: Version) -> Self {
        Self::serving(version, serve).await
    }

    /// A server that does this with each connection once it has shaken hands.
    async fn serving<F>(
        version: Version,
        serve: impl Fn(Version, TlsStream<TcpStream>, watch::Receiver<usize>) -> F + Copy + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send,
    {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        config.alpn_protocols = match version {
            Version::HTTP_2 => vec![b"h2".to_vec()],
            _ => vec![b"http/1.1".to_vec()],
        };
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/hook", listener.local_addr().unwrap());
        let handshakes = Arc::new(AtomicUsize::new(0));
        let (hang_up, told) = watch::channel(0);
        let (ending, ended) = watch::channel(0);
        let done = Arc::clone(&handshakes);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, done) = (acceptor.clone(), Arc::clone(&done));
                let (mut told, ending) = (told.clone(), ending.clone());
                told.mark_unchanged();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    done.fetch_add(1, Ordering::SeqCst);
                    serve(version, stream, told).await;
                    ending.send_modify(|ended| *ended += 1);
                });
            }
        });
        Self {
            url: EgressPolicy::allowing_loopback().check_url(&url).unwrap(),
            pem: made.cert.pem(),
            handshakes,
            hang_up,
            ended,
        }
    }

    fn client(&self) -> HttpClient {
        HttpClient::new(on_loopback().trusting(Authorities::with_pem(self.pem.as_bytes()).unwrap()))
    }

    fn handshakes(&self) -> usize {
        self.handshakes.load(Ordering::SeqCst)
    }
}

/// Answers until it is told to hang up.
async fn serve(version: Version, stream: TlsStream<TcpStream>, mut hang_up: watch::Receiver<usize>) {
    let stream = TokioIo::new(stream);
    let service = service_fn(|request: Request<Incoming>| async move {
        if request.headers().contains_key(NO_ANSWER) {
            std::future::pending::<()>().await;
        }
        if request.headers().contains_key(RESET) {
            return Err(io::Error::other("reset"));
        }
        Ok(Response::new(Full::new(Bytes::from_static(b"over tls"))))
    });
    let serving = async {
        if version == Version::HTTP_2 {
            let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            drop(http.serve_connection(stream, service).await);
        } else {
            let http = hyper::server::conn::http1::Builder::new();
            drop(http.serve_connection(stream, service).await);
        }
    };
    tokio::select! {
        () = serving => {}
        _ = hang_up.changed() => {}
    }
}

/// Says interim answers for as long as they are read.
async fn pour_out_interim_answers(
    version: Version,
    mut stream: TlsStream<TcpStream>,
    _: watch::Receiver<usize>,
) {
    if version == Version::HTTP_2 {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let (_, mut respond) = connection.accept().await.unwrap().unwrap();
        let hints = |number: usize| {
            let link = format!("{number}{}", "x".repeat(4 * 1024));
            let hints = Response::builder().status(103).header("link", link);
            hints.body(()).unwrap()
        };
        for number in 0..1_000 {
            respond.send_informational(hints(number)).unwrap();
        }
        connection.accept().await;
    } else {
        let interim = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
        while stream.write_all(&interim).await.is_ok() {}
    }
}

#[tokio::test]
async fn interim_answers_without_end_are_no_answer_under_both_versions() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let server = TlsServer::serving(version, pour_out_interim_answers).await;
        let error = post(&server.client(), &server).await.unwrap_err();
        assert!(matches!(error, SendError::Reset(_)), "{version:?}: {error:?}");
        server.ended.clone().wait_for(|ended| *ended == 1).await.unwrap();
    }
}

async fn post(client: &HttpClient, server: &TlsServer) -> Result<Answer, SendError> {
    client
        .post(&server.url, HeaderMap::new(), Bytes::from_static(b"{}"), TIMEOUT)
        .await
}

#[tokio::test]
async fn http_2_is_spoken_when_the_server_offers_it() {
    let server = TlsServer::start(Version::HTTP_2).await;
    let client = server.client();
    let posts = (0..20).map(|_| post(&client, &server));
    for answer in futures::future::join_all(posts).await {
        let answer = answer.unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.http_version),
            (200, Version::HTTP_2)
        );
        assert_eq!(&answer.body_prefix[..], b"over tls");
    }
}

#[tokio::test]
async fn requests_over_http_2_share_one_connection() {
    let server = TlsServer::start(Version::HTTP_2).await;
    let client = server.client();
    post(&client, &server).await.unwrap();
    for _ in 0..3 {
        let posts = (0..20).map(|_| post(&client, &server));
        for answer in futures::future::join_all(posts).await {
            answer.unwrap();
        }
    }
    assert_eq!(server.handshakes(), 1);
}

#[tokio::test]
async fn a_connection_over_http_2_is_not_used_again_after_a_timeout_a_reset_or_a_cancelled_request() {
    for (failure, header) in [("timeout", NO_ANSWER), ("reset", RESET), ("cancelled", NO_ANSWER)] {
        let server = TlsServer::start(Version::HTTP_2).await;
        let client = server.client();
        post(&client, &server).await.unwrap();
        let headers = HeaderMap::from_iter([(header.parse().unwrap(), HeaderValue::from_static("1"))]);
        let timeout = if failure == "timeout" { SHORT } else { TIMEOUT };
        let failing = client.post(&server.url, headers, Bytes::new(), timeout);
        if failure == "cancelled" {
            assert!(tokio::time::timeout(SHORT, failing).await.is_err());
        } else {
            let error = failing.await.unwrap_err();
            assert!(error.is_ambiguous(), "{failure}: {error:?}");
        }
        for _ in 0..2 {
            post(&client, &server).await.unwrap();
        }
        assert_eq!(server.handshakes(), 2, "{failure}");
    }
}

#[tokio::test]
async fn requests_over_tls_and_http_1_use_a_connection_again() {
    let server = TlsServer::start(Version::HTTP_11).await;
    let client = server.client();
    for _ in 0..5 {
        let answer = post(&client, &server).await.unwrap();
        assert_eq!(answer.http_version, Version::HTTP_11);
    }
    assert_eq!(server.handshakes(), 1);
}

#[tokio::test]
async fn a_connection_that_the_server_closed_is_replaced_under_both_versions() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let server = TlsServer::start(version).await;
        let client = server.client();
        post(&client, &server).await.unwrap();
        server.hang_up.send_modify(|times| *times += 1);
        server.ended.clone().wait_for(|ended| *ended == 1).await.unwrap();
        look_around().await;
        let answered = post(&client, &server).await;
        assert!(answered.is_ok(), "{version:?}: {answered:?}");
        assert_eq!(server.handshakes(), 2, "{version:?}");
    }
}

#[tokio::test]
async fn an_unknown_certificate_is_a_tls_failure_and_nothing_is_sent() {
    let server = TlsServer::start(Version::HTTP_2).await;
    let error = post(&HttpClient::new(on_loopback()), &server).await.unwrap_err();
    assert!(
        matches!(error, SendError::Tls(_)) && !error.is_ambiguous(),
        "{error:?}"
    );
}
