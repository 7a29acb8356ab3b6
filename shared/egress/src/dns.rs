//! Asynchronous DNS resolver (hickory), without a thread for each look-up.
//!
//! `/etc/hosts` comes first, and `/etc/resolv.conf` names the servers; both are read again when they have changed. Search
//! domains are for internal names alone (one label, or a suffix such as `svc`): a public name leads to itself.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::future::BoxFuture;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::system_conf::read_system_conf;
use parking_lot::Mutex;

use crate::guard::internal_name;

/// Time-out of one query to one server; it is sent twice.
const QUERY_TIMEOUT: Duration = Duration::from_secs(1);
/// Upper bound for an answer's time to live in the cache.
const MAX_TTL: Duration = Duration::from_secs(30);
/// Upper bound for a negative answer's time to live in the cache.
const MAX_NEGATIVE_TTL: Duration = Duration::from_secs(5);
const CACHE_SIZE: u64 = 4096;
const FILES: [&str; 2] = ["/etc/hosts", "/etc/resolv.conf"];

/// Resolver of host names. A trait so that tests can answer differently each time.
pub trait Resolver: Send + Sync + fmt::Debug {
    /// All addresses of `host`, in the order of preference.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// Resolver over the system's hosts file and name servers.
#[derive(Default)]
pub struct DnsResolver {
    /// Instead of the system's name servers.
    servers: Option<ResolverConfig>,
    current: Mutex<Option<Current>>,
}

/// Resolver with the modification times of the files that it was built from.
struct Current {
    changed: [Option<SystemTime>; 2],
    resolver: Arc<TokioResolver>,
}

impl DnsResolver {
    /// A resolver that asks the name servers at these addresses, by UDP and, for what does not fit, by TCP.
    #[must_use]
    pub fn asking_at(addresses: &[SocketAddr]) -> Self {
        let server = |address: &SocketAddr| {
            let mut server = NameServerConfig::udp_and_tcp(address.ip());
            for connection in &mut server.connections {
                connection.port = address.port();
            }
            server
        };
        let servers = addresses.iter().map(server).collect();
        Self::asking(ResolverConfig::from_parts(None, Vec::new(), servers))
    }

    /// A resolver that asks these name servers.
    #[must_use]
    pub fn asking(servers: ResolverConfig) -> Self {
        Self {
            servers: Some(servers),
            current: Mutex::default(),
        }
    }

    fn current(&self) -> io::Result<Arc<TokioResolver>> {
        let changed = FILES.map(|file| std::fs::metadata(file).and_then(|data| data.modified()).ok());
        let mut current = self.current.lock();
        if let Some(current) = &*current
            && current.changed == changed
        {
            return Ok(Arc::clone(&current.resolver));
        }
        let resolver = Arc::new(self.build()?);
        *current = Some(Current {
            changed,
            resolver: Arc::clone(&resolver),
        });
        Ok(resolver)
    }

    fn build(&self) -> io::Result<TokioResolver> {
        let (config, mut options) = match &self.servers {
            Some(servers) => (servers.clone(), ResolverOpts::default()),
            // Without name servers the hosts file alone answers.
            None => read_system_conf().unwrap_or_default(),
        };
        options.timeout = QUERY_TIMEOUT;
        options.attempts = 1;
        options.use_hosts_file = ResolveHosts::Always;
        options.cache_size = CACHE_SIZE;
        options.positive_max_ttl = Some(MAX_TTL);
        options.negative_max_ttl = Some(MAX_NEGATIVE_TTL);
        options.max_active_requests = usize::from(u16::MAX);
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options)
            .build()
            .map_err(io::Error::other)
    }
}

impl Resolver for DnsResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let resolver = self.current()?;
            let found = if internal_name(host).is_some() {
                resolver.lookup_ip(host).await
            } else {
                resolver.lookup_ip(format!("{host}.")).await
            };
            Ok(found.map_err(io::Error::other)?.iter().collect())
        })
    }
}

impl fmt::Debug for DnsResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsResolver").finish_non_exhaustive()
    }
}
