//! A private certificate authority, as companies have them, and a front that puts TLS before any stand-in.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use crate::loopback::Loopback;

/// An authority that nobody trusts by itself.
pub struct PrivateAuthority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl std::fmt::Debug for PrivateAuthority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrivateAuthority").finish_non_exhaustive()
    }
}

impl PrivateAuthority {
    /// A new one.
    ///
    /// # Errors
    /// When no key or certificate can be made.
    pub fn new() -> io::Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.self_signed(&key).map_err(io::Error::other)?;
        Ok(Self {
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        })
    }

    /// Its certificate, to be trusted.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Takes connections as `localhost` and `127.0.0.1`, by a certificate that it signs.
    pub(crate) fn acceptor(&self) -> io::Result<TlsAcceptor> {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let params = CertificateParams::new(names).map_err(io::Error::other)?;
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(io::Error::other)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .map_err(io::Error::other)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Takes TLS connections and passes on what comes over them in the clear.
#[derive(Debug)]
pub struct TlsFront {
    server: Loopback,
}

impl TlsFront {
    /// Starts before the stand-in at `target`, with a certificate of `authority`.
    ///
    /// # Errors
    /// When no port can be bound or no certificate made.
    pub async fn start(authority: &PrivateAuthority, target: SocketAddr) -> io::Result<Self> {
        let acceptor = authority.acceptor()?;
        let (listener, address) = Loopback::bind().await?;
        let server = Loopback::accept(listener, address, move |stream| {
            let acceptor = acceptor.clone();
            async move {
                let (Ok(mut outside), Ok(mut inside)) =
                    tokio::join!(acceptor.accept(stream), TcpStream::connect(target))
                else {
                    return;
                };
                drop(copy_bidirectional(&mut outside, &mut inside).await);
            }
        });
        Ok(Self { server })
    }

    /// The URL of a path, which starts with `/`.
    #[must_use]
    pub fn url_at(&self, path: &str) -> String {
        format!("https://{}{path}", self.server.address())
    }
}
