//! Names to addresses, each address judged.
//!
//! [`Guard`] is the policy with a resolver. The addresses that it hands out are the ones that get dialled: nobody
//! looks a name up a second time, so an answer that changes between check and connection (rebinding) gains nothing.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures::future::BoxFuture;
use url::Host;

use crate::guard::{Demand, EgressPolicy, GuardedUrl, Refusal, bare_host};

/// Looks host names up. A trait so that tests can answer differently each time.
pub trait Resolver: Send + Sync + fmt::Debug {
    /// All addresses of `host`, in the order of preference.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The operating system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            Ok(tokio::net::lookup_host((host, 0))
                .await?
                .map(|addr| addr.ip())
                .collect())
        })
    }
}

/// The policy together with the resolver: answers what may be dialled.
#[derive(Debug, Clone)]
pub struct Guard {
    policy: Arc<EgressPolicy>,
    resolver: Arc<dyn Resolver>,
}

impl Guard {
    /// A guard that asks the operating system for addresses.
    #[must_use]
    pub fn new(policy: EgressPolicy) -> Self {
        Self::with_resolver(policy, Arc::new(SystemResolver))
    }

    /// A guard with a resolver of the caller's.
    #[must_use]
    pub fn with_resolver(policy: EgressPolicy, resolver: Arc<dyn Resolver>) -> Self {
        Self {
            policy: Arc::new(policy),
            resolver,
        }
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &EgressPolicy {
        &self.policy
    }

    /// Judges the shape of a URL only; see [`EgressPolicy::check_url`].
    ///
    /// # Errors
    /// Why it is refused.
    pub fn check_url(&self, text: &str) -> Result<GuardedUrl, Refusal> {
        self.policy.check_url(text)
    }

    /// Judges a URL's shape and every address of its host: what a channel must pass to be saved.
    ///
    /// # Errors
    /// Why it is refused; one bad address among good ones is enough.
    pub async fn admit_url(&self, text: &str) -> Result<GuardedUrl, Refusal> {
        let url = self.policy.check_url(text)?;
        self.judge_all(url.host(), url.port(), url.is_tls()).await?;
        Ok(url)
    }

    /// Judges the shape of a host name and every address it has: what a mail server must pass to be saved.
    ///
    /// # Errors
    /// Why it is refused; one bad address among good ones is enough.
    pub async fn check_host(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Refusal> {
        self.judge_all(host, port, true).await
    }

    pub(crate) async fn judge_all(
        &self,
        host: &str,
        port: u16,
        tls: bool,
    ) -> Result<Vec<SocketAddr>, Refusal> {
        let (demand, addresses) = self.look_up(host, tls).await?;
        for ip in &addresses {
            self.policy.judge(*ip, demand)?;
        }
        Ok(addresses
            .into_iter()
            .map(|ip| SocketAddr::new(ip, port))
            .collect())
    }

    /// The addresses of `host` that may be dialled now. Bad ones among good ones are left out.
    pub(crate) async fn dialable(
        &self,
        host: &str,
        port: u16,
        tls: bool,
    ) -> Result<Vec<SocketAddr>, Refusal> {
        let (demand, addresses) = self.look_up(host, tls).await?;
        let mut refusal = Refusal::Unresolved;
        let mut good = Vec::with_capacity(addresses.len());
        for ip in addresses {
            match self.policy.judge(ip, demand) {
                Ok(()) => good.push(SocketAddr::new(ip, port)),
                Err(why) => refusal = why,
            }
        }
        if good.is_empty() { Err(refusal) } else { Ok(good) }
    }

    async fn look_up(&self, host: &str, tls: bool) -> Result<(Demand, Vec<IpAddr>), Refusal> {
        let host = bare_host(host);
        let demand = EgressPolicy::demand(host, tls);
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok((demand, vec![ip]));
        }
        // A mail server's name has not been through a URL parser yet; `0x7f.1` and `①.①.①.①` are addresses too.
        let name = match Host::parse(host).map_err(|_| Refusal::Malformed("its host name cannot be read"))? {
            Host::Ipv4(ip) => return Ok((demand, vec![IpAddr::V4(ip)])),
            Host::Ipv6(ip) => return Ok((demand, vec![IpAddr::V6(ip)])),
            Host::Domain(name) => name,
        };
        self.policy.check_name(&name, tls)?;
        let addresses = self
            .resolver
            .resolve(&name)
            .await
            .map_err(|_| Refusal::Unresolved)?;
        if addresses.is_empty() {
            return Err(Refusal::Unresolved);
        }
        Ok((demand, addresses))
    }
}
