//! Calling the other services. A channel connects when it is first used and again whenever the connection is lost, so a
//! service can start before those it needs. Each call shows the service token and carries the trace on.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::channel::Change;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};
use watchbell_model::secret::Secret;

use crate::server::{ServerError, identity, pem};
use crate::settings::{Shared, TlsSettings};
use crate::telemetry::propagate;

/// How long a call may take to begin its answer when its caller does not say.
const DEADLINE: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(3);
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(10));

/// A channel to another service, for the generated clients.
pub type ServiceChannel = InterceptedService<Channel, Outbound>;

/// A channel that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is no URL, or TLS does not fit it.
    #[error("{url}: {}", crate::problem::Chain(.source))]
    Address {
        /// The address.
        url: String,
        /// The cause.
        source: tonic::transport::Error,
    },
    /// The service token has characters that no header can carry.
    #[error("auth.service_token: must be visible ASCII")]
    Token,
    /// A certificate or key cannot be read.
    #[error(transparent)]
    Pem(#[from] ServerError),
}

/// Channels to services whose addresses are found at run time, one for each address and identity.
pub struct Peers {
    shared: Shared,
    channels: Mutex<HashMap<(String, bool), ServiceChannel>>,
}

/// The most channels that are kept: more addresses than live at a time. Beyond it the channels are made anew.
const MAX_PEERS: usize = 256;
/// Changes of addresses that may wait for a balanced channel to take them.
const MAX_CHANGES: usize = 256;

/// Adds to each call what other services want to see.
#[derive(Clone)]
pub struct Outbound {
    token: Option<MetadataValue<Ascii>>,
}

/// A channel to the service at `url` (one of `shared.peers`). It connects on first use.
///
/// # Errors
/// An unusable URL, token or TLS file; never an unavailable service.
pub fn connect(url: &str, shared: &Shared) -> Result<ServiceChannel, ClientError> {
    let outbound = Outbound::new(shared.auth.service_token.as_ref())?;
    let channel = channel(url, shared.peers.tls.as_ref())?;
    Ok(InterceptedService::new(channel, outbound))
}

/// A channel without any identity: for command lines, which bring their own key.
///
/// # Errors
/// As [`connect`].
pub fn channel(url: &str, tls: Option<&TlsSettings>) -> Result<Channel, ClientError> {
    Ok(endpoint(url, tls)?.connect_lazy())
}

fn endpoint(url: &str, tls: Option<&TlsSettings>) -> Result<Endpoint, ClientError> {
    let failed = |source| ClientError::Address {
        url: url.to_owned(),
        source,
    };
    let mut endpoint = Endpoint::from_shared(url.to_owned())
        .map_err(failed)?
        .timeout(DEADLINE)
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE.0)
        .keep_alive_timeout(KEEP_ALIVE.1)
        .keep_alive_while_idle(true);
    if let Some(tls) = tls.filter(|_| url.starts_with("https:")) {
        let mut config = ClientTlsConfig::new().identity(identity(tls)?);
        if let Some(authority) = &tls.service_authority {
            config = config.ca_certificate(Certificate::from_pem(pem(authority)?));
        }
        endpoint = endpoint.tls_config(config).map_err(failed)?;
    }
    Ok(endpoint)
}

/// A channel that calls any of several addresses, which are inserted and removed as they come and go.
///
/// # Errors
/// As [`connect`].
pub fn balanced(shared: &Shared) -> Result<(ServiceChannel, Addresses), ClientError> {
    let outbound = Outbound::new(shared.auth.service_token.as_ref())?;
    let (channel, changes) = Channel::balance_channel(MAX_CHANGES);
    let addresses = Addresses {
        tls: shared.peers.tls.clone(),
        inserted: BTreeSet::new(),
        changes,
    };
    Ok((InterceptedService::new(channel, outbound), addresses))
}

/// The addresses of a [`balanced`] channel.
pub struct Addresses {
    tls: Option<TlsSettings>,
    inserted: BTreeSet<Arc<str>>,
    changes: mpsc::Sender<Change<Arc<str>, Endpoint>>,
}

// === impl Addresses ===

impl Addresses {
    /// Calls go to these from now on. An unusable one is logged and left out.
    pub async fn set(&mut self, addresses: BTreeSet<Arc<str>>) {
        for gone in self.inserted.difference(&addresses) {
            let _ = self.changes.send(Change::Remove(Arc::clone(gone))).await;
        }
        for new in addresses.difference(&self.inserted) {
            match endpoint(new, self.tls.as_ref()) {
                Ok(endpoint) => {
                    let _ = self.changes.send(Change::Insert(Arc::clone(new), endpoint)).await;
                }
                Err(error) => tracing::warn!(%error, "an address cannot be used"),
            }
        }
        self.inserted = addresses;
    }
}

// === impl Peers ===

impl Peers {
    /// No channel yet.
    #[must_use]
    pub fn new(shared: &Shared) -> Self {
        Self {
            shared: shared.clone(),
            channels: Mutex::default(),
        }
    }

    /// A channel that shows this service's identity.
    ///
    /// # Errors
    /// As [`connect`].
    pub fn as_service(&self, url: &str) -> Result<ServiceChannel, ClientError> {
        self.channel(url, true)
    }

    /// A channel for calls that carry the credential of somebody else.
    ///
    /// # Errors
    /// As [`connect`].
    pub fn as_caller(&self, url: &str) -> Result<ServiceChannel, ClientError> {
        self.channel(url, false)
    }

    fn channel(&self, url: &str, as_service: bool) -> Result<ServiceChannel, ClientError> {
        let key = (url.to_owned(), as_service);
        if let Some(known) = self.channels.lock().get(&key) {
            return Ok(known.clone());
        }
        // Reads files, which nobody else has to wait for.
        let made = if as_service {
            connect(url, &self.shared)?
        } else {
            let channel = channel(url, self.shared.peers.tls.as_ref())?;
            InterceptedService::new(channel, Outbound::new(None)?)
        };
        let mut channels = self.channels.lock();
        if channels.len() >= MAX_PEERS {
            channels.clear();
        }
        // Another thread may have been faster.
        Ok(channels.entry(key).or_insert(made).clone())
    }
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers").finish_non_exhaustive()
    }
}

// === impl Outbound ===

impl Outbound {
    /// # Errors
    /// [`ClientError::Token`].
    fn new(token: Option<&Secret>) -> Result<Self, ClientError> {
        let token = token.map(|token| {
            let mut value: MetadataValue<Ascii> = format!("Bearer {}", token.expose())
                .parse()
                .map_err(|_| ClientError::Token)?;
            value.set_sensitive(true);
            Ok::<_, ClientError>(value)
        });
        Ok(Self {
            token: token.transpose()?,
        })
    }
}

impl Interceptor for Outbound {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.clone());
        }
        propagate::inject(request.metadata_mut());
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_shows_the_token_and_no_debug_does() {
        let mut outbound = Outbound::new(Some(&Secret::from("between-us"))).unwrap();
        let request = outbound.call(Request::new(())).unwrap();
        assert_eq!(
            request.metadata().get("authorization").unwrap(),
            "Bearer between-us"
        );
        assert!(!format!("{request:?}").contains("between-us"));
        let mut nobody = Outbound::new(None).unwrap();
        assert!(nobody.call(Request::new(())).unwrap().metadata().is_empty());
    }

    #[tokio::test]
    async fn an_address_has_one_channel_for_each_identity_and_channels_are_bounded() {
        let peers = Peers::new(&Shared::default());
        for number in 0..=MAX_PEERS {
            let url = format!("http://127.0.0.1:{}", 10_000 + number);
            peers.as_service(&url).unwrap();
            peers.as_service(&url).unwrap();
        }
        assert_eq!(peers.channels.lock().len(), 1, "made anew");
        peers.as_caller("http://127.0.0.1:10256").unwrap();
        assert_eq!(peers.channels.lock().len(), 2);
    }

    #[tokio::test]
    async fn a_service_that_is_away_is_no_reason_not_to_start() {
        assert!(connect("http://127.0.0.1:9", &Shared::default()).is_ok());
        assert!(matches!(
            connect("not a url", &Shared::default()),
            Err(ClientError::Address { .. })
        ));
    }
}
