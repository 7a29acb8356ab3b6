//! Trusted certificate authorities: Mozilla's and the operator's own.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::guard::bare_host;

/// Why a file of certificate authorities cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The text is no PEM.
    #[error("it is not PEM: {0}")]
    Pem(rustls::pki_types::pem::Error),
    /// There is PEM, and no certificate in it.
    #[error("it holds no certificate")]
    Empty,
    /// A certificate that no chain can end in.
    #[error("its certificate {0} cannot be used as an authority: {1}")]
    Certificate(usize, rustls::Error),
}

/// Certificate authorities that outgoing TLS connections trust. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Authorities(Arc<RootCertStore>);

impl Authorities {
    /// Mozilla's authorities and those in `pem`, one or many.
    ///
    /// # Errors
    /// What is wrong with `pem`; a certificate that cannot be used is an error and not left out.
    pub fn with_pem(pem: &[u8]) -> Result<Self, AuthorityError> {
        let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(AuthorityError::Pem)?;
        if certificates.is_empty() {
            return Err(AuthorityError::Empty);
        }
        let mut roots = public();
        for (index, certificate) in certificates.into_iter().enumerate() {
            let added = roots.add(certificate);
            added.map_err(|error| AuthorityError::Certificate(index + 1, error))?;
        }
        Ok(Self(Arc::new(roots)))
    }

    /// Settings for connections that offer these protocols by ALPN.
    #[allow(
        clippy::expect_used,
        reason = "ring supports the versions that rustls calls safe; a test would fail first"
    )]
    pub(crate) fn client_config(&self, protocols: &[&[u8]]) -> ClientConfig {
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("ring supports TLS 1.2 and 1.3")
                .with_root_certificates(Arc::clone(&self.0))
                .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        config
    }
}

impl Default for Authorities {
    /// Mozilla's authorities alone.
    fn default() -> Self {
        Self(Arc::new(public()))
    }
}

fn public() -> RootCertStore {
    RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    }
}

/// The name that the certificate of `host` must carry.
///
/// # Errors
/// A host that no certificate can name.
pub(crate) fn server_name(host: &str) -> std::io::Result<ServerName<'static>> {
    ServerName::try_from(bare_host(host).to_owned())
        .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidInput, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem() -> String {
        let made = rcgen::generate_simple_self_signed(["ca.example".to_owned()]).unwrap();
        made.cert.pem()
    }

    #[test]
    fn a_file_holds_one_authority_or_many() {
        for (text, count) in [(pem(), 1), (format!("# ours\n{}\n{}", pem(), pem()), 2)] {
            let authorities = Authorities::with_pem(text.as_bytes()).unwrap();
            assert_eq!(authorities.0.len(), public().len() + count);
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_says_why() {
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let junk = format!(
            "{}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            pem()
        );
        let torn = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        for (text, said) in [
            ("", "it holds no certificate"),
            (key, "it holds no certificate"),
            (junk.as_str(), "its certificate 2 cannot be used"),
            (torn, "it is not PEM"),
        ] {
            let error = Authorities::with_pem(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
        }
    }
}
