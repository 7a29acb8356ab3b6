//! Calls over TLS.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::*;

/// An authority, and what it has certified.
struct Authority {
    files: tempfile::TempDir,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let files = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(files.path().join("ca.pem"), certificate.pem()).unwrap();
        Self {
            files,
            issuer: rcgen::Issuer::new(params, key),
        }
    }

    fn certify(&self, name: &str) -> TlsSettings {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let path = |what: &str| self.files.path().join(format!("{name}.{what}"));
        std::fs::write(path("pem"), certificate.pem()).unwrap();
        std::fs::write(path("key"), key.serialize_pem()).unwrap();
        TlsSettings {
            certificate: path("pem"),
            key: path("key"),
            service_authority: Some(self.files.path().join("ca.pem")),
        }
    }
}

#[tokio::test]
async fn over_tls_a_certificate_of_the_services_authority_is_a_service() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let authority = Authority::new();
    let world = World::new(Some(authority.certify("server"))).await;
    let mut shared = Shared::default();
    shared.peers.tls = Some(authority.certify("router"));
    let url = format!("https://localhost:{}", world.address.port());
    let peer = InboxServiceClient::new(client::connect(&url, &shared).unwrap());
    assert_eq!(
        peer.get_unread_count(count())
            .await
            .unwrap()
            .into_inner()
            .unread_count,
        1
    );

    let elsewhere = Authority::new();
    let mut stranger = Shared::default();
    stranger.peers.tls = Some(TlsSettings {
        service_authority: shared.peers.tls.and_then(|tls| tls.service_authority),
        ..elsewhere.certify("stranger")
    });
    let stranger = InboxServiceClient::new(client::connect(&url, &stranger).unwrap());
    assert!(
        stranger.get_unread_count(count()).await.is_err(),
        "certified by somebody else"
    );
}

#[tokio::test]
async fn over_tls_a_client_that_knows_only_http_1_is_served() {
    let authority = Authority::new();
    let world = World::new(Some(authority.certify("server"))).await;
    let mut roots = rustls::RootCertStore::empty();
    let file = authority.files.path().join("ca.pem");
    roots
        .add(rustls::pki_types::CertificateDer::from_pem_file(file).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TcpStream::connect(world.address).await.unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect("localhost".try_into().unwrap(), stream)
        .await
        .unwrap();
    stream.write_all(get("/healthz").as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[tokio::test(start_paused = true)]
async fn a_tls_handshake_has_ten_seconds() {
    let authority = Authority::new();
    let world = World::new(Some(authority.certify("server"))).await;
    // Nothing, and the first bytes of a handshake (RFC 8446 §5.1) that goes on no further.
    for said in [&b""[..], &[22, 3, 1, 2, 0, 1]] {
        let began = paused_now();
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(said).await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert_eq!(began.elapsed().as_secs(), 10, "{said:?}");
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_served_after_a_reload_and_a_broken_one_is_not() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let authority = Authority::new();
    let settings = authority.certify("server");
    let acceptor = super::super::tls::Acceptor::new(&settings).unwrap();
    let served = async || {
        let (ours, theirs) = tokio::io::duplex(16 * 1024);
        let mut roots = rustls::RootCertStore::empty();
        let pem = std::fs::read(authority.files.path().join("ca.pem")).unwrap();
        roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
        let config = rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let name = "localhost".try_into().unwrap();
        let accepting = acceptor.current();
        let (accepted, connected) = tokio::join!(accepting.accept(theirs), connector.connect(name, ours));
        accepted.unwrap();
        connected.unwrap().get_ref().1.peer_certificates().unwrap()[0].clone()
    };
    let first = served().await;
    authority.certify("server");
    assert_eq!(served().await, first, "not read again by itself");
    acceptor.reload().unwrap();
    let renewed = served().await;
    assert_ne!(renewed, first);
    std::fs::write(&settings.certificate, "no certificate").unwrap();
    acceptor.reload().unwrap_err();
    assert_eq!(served().await, renewed);
}
