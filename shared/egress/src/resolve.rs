//! Guarded name resolution: the addresses of a host, each judged by the policy.
//!
//! [`Guard`] is the policy with a resolver. The addresses that it returns are the ones that are dialled, without a second
//! look-up, so an answer that changes between check and connection (DNS rebinding) gains nothing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use url::Host;
use watchbell_model::ids::TeamId;

use crate::dns::{DnsResolver, Resolver};
use crate::guard::{EgressPolicy, GuardedUrl, Refusal, Requirement, bare_host};
use crate::look_ups::LookUpLimits;
use crate::tls::Authorities;

/// Time-out of a look-up, the wait for a permit included.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(3);

/// Egress policy with a resolver and certificate authorities: which addresses may be dialled, and which certificates are
/// trusted there.
#[derive(Debug, Clone)]
pub struct Guard {
    policy: Arc<EgressPolicy>,
    resolver: Arc<dyn Resolver>,
    limits: Arc<LookUpLimits>,
    team: Option<TeamId>,
    authorities: Authorities,
}

impl Guard {
    /// A guard that asks the system's hosts file and name servers for addresses.
    #[must_use]
    pub fn new(policy: EgressPolicy) -> Self {
        Self::with_resolver(policy, Arc::new(DnsResolver::default()))
    }

    /// A guard that asks `resolver`.
    #[must_use]
    pub fn with_resolver(policy: EgressPolicy, resolver: Arc<dyn Resolver>) -> Self {
        Self {
            policy: Arc::new(policy),
            resolver,
            limits: Arc::default(),
            team: None,
            authorities: Authorities::default(),
        }
    }

    /// The same guard, whose look-ups count as this team's. Clones of one guard share the limits.
    #[must_use]
    pub fn on_behalf_of(&self, team: TeamId) -> Self {
        Self {
            team: Some(team),
            ..self.clone()
        }
    }

    /// Trusts these certificate authorities on every connection.
    #[must_use]
    pub fn trusting(mut self, authorities: Authorities) -> Self {
        self.authorities = authorities;
        self
    }

    pub(crate) fn authorities(&self) -> &Authorities {
        &self.authorities
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
        let (requirement, addresses) = self.look_up(host, tls).await?;
        for ip in &addresses {
            self.policy.judge(*ip, requirement)?;
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
        let (requirement, addresses) = self.look_up(host, tls).await?;
        let mut refusal = Refusal::Unresolved;
        let mut good = Vec::with_capacity(addresses.len());
        for ip in addresses {
            match self.policy.judge(ip, requirement) {
                Ok(()) => good.push(SocketAddr::new(ip, port)),
                Err(why) => refusal = why,
            }
        }
        if good.is_empty() { Err(refusal) } else { Ok(good) }
    }

    async fn look_up(&self, host: &str, tls: bool) -> Result<(Requirement, Vec<IpAddr>), Refusal> {
        let host = bare_host(host);
        let requirement = EgressPolicy::requirement(host, tls);
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok((requirement, vec![ip]));
        }
        // A mail server's name has not been through a URL parser yet; `0x7f.1` and `①.①.①.①` are addresses too.
        let name = match Host::parse(host).map_err(|_| Refusal::Malformed("its host name cannot be read"))? {
            Host::Ipv4(ip) => return Ok((requirement, vec![IpAddr::V4(ip)])),
            Host::Ipv6(ip) => return Ok((requirement, vec![IpAddr::V6(ip)])),
            Host::Domain(name) => name,
        };
        self.policy.check_name(&name, tls)?;
        let found = tokio::time::timeout(LOOK_UP_TIMEOUT, async {
            let _permit = self.limits.acquire(self.team).await;
            self.resolver.resolve(&name).await
        });
        let Ok(Ok(addresses)) = found.await else {
            return Err(Refusal::Unresolved);
        };
        if addresses.is_empty() {
            return Err(Refusal::Unresolved);
        }
        Ok((requirement, addresses))
    }
}
