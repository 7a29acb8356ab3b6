//! TLS of the server: HTTP/2 and HTTP/1.1 by ALPN, and client certificates of the services' own authority.

use std::path::Path;
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;

use super::{ServerError, pem};
use crate::settings::TlsSettings;

/// Whether the files of these settings can be used.
///
/// # Errors
/// Which cannot.
pub fn check(tls: &TlsSettings) -> Result<(), ServerError> {
    acceptor(tls).map(drop)
}

/// How new connections are accepted; a reload replaces it for all clones.
#[derive(Clone)]
pub(super) struct Acceptor {
    settings: Arc<TlsSettings>,
    current: Arc<RwLock<TlsAcceptor>>,
}

// === impl Acceptor ===

impl Acceptor {
    pub(super) fn new(settings: &TlsSettings) -> Result<Self, ServerError> {
        Ok(Self {
            settings: Arc::new(settings.clone()),
            current: Arc::new(RwLock::new(acceptor(settings)?)),
        })
    }

    pub(super) fn current(&self) -> TlsAcceptor {
        self.current.read().clone()
    }

    /// Reads the files again. What is wrong with them leaves everything as it is.
    pub(super) fn reload(&self) -> Result<(), ServerError> {
        let renewed = acceptor(&self.settings)?;
        *self.current.write() = renewed;
        Ok(())
    }

    /// Reloads whenever the process gets SIGHUP.
    pub(super) async fn reload_on_hangup(self) {
        let Ok(mut hangup) = signal(SignalKind::hangup()) else {
            return;
        };
        while hangup.recv().await.is_some() {
            match self.reload() {
                Ok(()) => tracing::info!("the certificate was read again"),
                Err(error) => tracing::error!(%error, "the certificate is not renewed"),
            }
        }
    }
}

fn acceptor(tls: &TlsSettings) -> Result<TlsAcceptor, ServerError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(broken)?;
    let builder = match &tls.service_authority {
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(authority)? {
                roots.add(certificate).map_err(broken)?;
            }
            // Optional: backends come with keys, only services with certificates.
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(broken)?;
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    let key = PrivateKeyDer::from_pem_slice(&pem(&tls.key)?).map_err(broken)?;
    let mut config = builder
        .with_single_cert(certificates(&tls.certificate)?, key)
        .map_err(broken)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ServerError> {
    let certificates = CertificateDer::pem_slice_iter(&pem(path)?).collect::<Result<Vec<_>, _>>();
    certificates.map_err(broken)
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> ServerError {
    ServerError::Tls(Box::new(error))
}
