//! What the pool cannot give is opened: judge, dial, for `https` shake hands, and begin to speak HTTP.

use std::io;
use std::time::Duration;

use http::HeaderValue;
use tokio_rustls::TlsConnector;
use watchbell_model::ids::TeamId;

use super::connection::Connection;
use super::origin::Origin;
use super::wire::Wire;
use crate::dial::dial;
use crate::guard::{GuardedUrl, Refusal};
use crate::resolve::Guard;
use crate::tls::server_name;

/// Dialling, and then shaking hands, is given up after this long even when the request may wait longer: the word
/// that the server cannot be reached is worth more than a time-out's.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why no connection could be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("refused: {0}")]
    Refused(Refusal),
    #[error("could not connect: {0}")]
    Tcp(io::Error),
    #[error("TLS failed: {0}")]
    Tls(io::Error),
    #[error("HTTP could not begin: {0}")]
    Http(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Opens connections to what the guard lets through.
#[derive(Clone)]
pub(super) struct Connector {
    guard: Guard,
    tls: TlsConnector,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector")
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}

impl Connector {
    pub(super) fn new(guard: Guard) -> Self {
        let tls = guard.authorities().connector(&[b"h2", b"http/1.1"]);
        Self { guard, tls }
    }

    pub(super) fn on_behalf_of(&self, team: TeamId) -> Self {
        Self {
            guard: self.guard.on_behalf_of(team),
            tls: self.tls.clone(),
        }
    }

    /// A new connection to `url`'s origin.
    pub(super) async fn connect(&self, url: &GuardedUrl) -> Result<Connection, ConnectError> {
        // What it is called is settled first: nothing is dialled in vain.
        let host =
            HeaderValue::from_str(url.authority()).map_err(|error| ConnectError::Http(Box::new(error)))?;
        let wire = self.wire(url).await?;
        Connection::open(wire, Origin::of(url), host)
            .await
            .map_err(|error| ConnectError::Http(Box::new(error)))
    }

    async fn wire(&self, url: &GuardedUrl) -> Result<Wire, ConnectError> {
        let addresses = self
            .guard
            .dialable(url.host(), url.port(), url.is_tls())
            .await
            .map_err(ConnectError::Refused)?;
        let stream = dial(&addresses, CONNECT_TIMEOUT)
            .await
            .map_err(ConnectError::Tcp)?;
        if !url.is_tls() {
            return Ok(Wire::plain(stream));
        }
        let name = server_name(url.host()).map_err(ConnectError::Tls)?;
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, self.tls.connect(name, stream))
            .await
            .map_err(|_| ConnectError::Tls(io::Error::new(io::ErrorKind::TimedOut, "handshake timed out")))?
            .map_err(ConnectError::Tls)?;
        Ok(Wire::tls(stream))
    }
}
