//! Name resolution for `reqwest`: the addresses of a name that the guard allows now, which are those that get dialled.

use std::iter;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::task_local;
use watchbell_model::ids::TeamId;

use crate::dial::dial;
use crate::guard::GuardedUrl;
use crate::resolve::Guard;

/// Bound for opening a connection, from the look-up to the end of the TLS handshake, even when the request may wait
/// longer: to know that the server cannot be reached is worth more than a time-out.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

task_local! {
    /// The team whose request it is. All teams share the connections to an origin; the look-up counts as that of the team
    /// that needs a new one.
    pub(super) static TEAM: Option<TeamId>;
}

/// Guarded resolver of one origin: whether plain text is spoken there decides which addresses are allowed.
pub(super) struct GuardedResolver {
    guard: Guard,
    port: u16,
    tls: bool,
}

impl GuardedResolver {
    pub(super) fn new(guard: Guard, url: &GuardedUrl) -> Self {
        Self {
            guard,
            port: url.port(),
            tls: url.is_tls(),
        }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = match TEAM.try_with(|team| *team) {
            Ok(Some(team)) => self.guard.on_behalf_of(team),
            _ => self.guard.clone(),
        };
        let (port, tls) = (self.port, self.tls);
        Box::pin(async move {
            let addresses = guard.dialable(name.as_str(), port, tls).await?;
            if addresses.len() < 2 {
                return Ok(Box::new(addresses.into_iter()) as Addrs);
            }
            // reqwest waits for an address that is silent for seconds before it dials the next one of the same family.
            // A race among all of them (RFC 8305 §5) finds the one to dial first.
            let first = dial(&addresses, CONNECT_TIMEOUT).await?.peer_addr()?;
            let others = addresses.into_iter().filter(move |address| *address != first);
            Ok(Box::new(iter::once(first).chain(others)) as Addrs)
        })
    }
}
