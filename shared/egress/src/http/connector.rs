//! Opening of HTTP connections: the addresses of a host that the guard allows now, a race among them (RFC 8305), TLS, and the
//! version of HTTP that both sides speak.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use watchbell_model::ids::TeamId;

use super::connection::Connection;
use super::error::SendError;
use crate::cause::innermost;
use crate::dial::{CONNECT_TIMEOUT, dial};
use crate::guard::GuardedUrl;
use crate::resolve::Guard;
use crate::tls::server_name;

const H2: &[u8] = b"h2";

/// Opens connections to what the guard allows.
pub(super) struct Connector {
    guard: Guard,
    tls: TlsConnector,
}

impl Connector {
    pub(super) fn new(guard: Guard) -> Self {
        let tls = guard.authorities().client_config(&[H2, b"http/1.1"]);
        Self {
            guard,
            tls: Arc::new(tls).into(),
        }
    }

    /// Opens a connection to a URL's origin. The look-up counts as the team's.
    pub(super) async fn connect(
        &self,
        url: &GuardedUrl,
        team: Option<TeamId>,
    ) -> Result<Connection, SendError> {
        let opened = time::timeout(CONNECT_TIMEOUT, self.open(url, team)).await;
        opened.unwrap_or_else(|_| Err(SendError::Connect("timed out".to_owned())))
    }

    async fn open(&self, url: &GuardedUrl, team: Option<TeamId>) -> Result<Connection, SendError> {
        let guard = team.map_or_else(|| self.guard.clone(), |team| self.guard.on_behalf_of(team));
        let addresses = guard.dialable(url.host(), url.port(), url.is_tls()).await?;
        let stream = dial(&addresses)
            .await
            .map_err(|error| SendError::Connect(error.kind().to_string()))?;
        let opened = if url.is_tls() {
            let stream = self.handshake(url.host(), stream).await?;
            let http2 = stream.get_ref().1.alpn_protocol() == Some(H2);
            Connection::open(Box::new(stream), http2).await
        } else {
            Connection::open(Box::new(stream), false).await
        };
        opened.map_err(|error| SendError::Connect(innermost(&error)))
    }

    async fn handshake(&self, host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, SendError> {
        let handshake = async { self.tls.connect(server_name(host)?, stream).await };
        handshake
            .await
            .map_err(|error: io::Error| match error.raw_os_error() {
                Some(_) => SendError::Connect(error.kind().to_string()),
                None => SendError::Tls(innermost(&error)),
            })
    }
}
