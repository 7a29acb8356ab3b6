//! HTTPS: whose certificate is believed, and HTTP/2 where the server offers it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, Version};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use watchbell_egress::{EgressPolicy, HttpClient, SendError};

use crate::support::on_loopback;

const PATIENCE: Duration = Duration::from_secs(10);

/// A server that speaks HTTP/2 over TLS; its URL and certificate.
async fn h2_server() -> (String, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let service = service_fn(|_| async {
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"over h2"))))
                });
                let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                drop(http.serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    (url, certificate)
}

#[tokio::test]
async fn http_2_is_spoken_when_the_server_offers_it() {
    let (url, certificate) = h2_server().await;
    let url = EgressPolicy::allowing_loopback().check_url(&url).unwrap();
    let client = HttpClient::with_roots(on_loopback(), [certificate]);
    let posts = (0..20).map(|_| client.post(&url, HeaderMap::new(), Bytes::from_static(b"{}"), PATIENCE));
    for answer in futures::future::join_all(posts).await {
        let answer = answer.unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.http_version),
            (200, Version::HTTP_2)
        );
        assert_eq!(&answer.body_prefix[..], b"over h2");
    }
}

#[tokio::test]
async fn an_unknown_certificate_is_a_tls_failure_and_nothing_is_sent() {
    let (url, _) = h2_server().await;
    let url = EgressPolicy::allowing_loopback().check_url(&url).unwrap();
    let client = HttpClient::new(on_loopback());
    let error = client
        .post(&url, HeaderMap::new(), Bytes::from_static(b"{}"), PATIENCE)
        .await
        .unwrap_err();
    assert!(
        matches!(error, SendError::Tls(_)) && !error.is_ambiguous(),
        "{error:?}"
    );
}
