//! Connections to all Dispatchers: to the seeds, and to whichever the owners of shards are. Each has a loop, which is
//! started when the Dispatcher is first heard of and stopped when it has gone.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use watchbell_runtime::owners::{Connect, OwnersReceiver};

use super::link::{Link, LinkLoop};
use super::session::Session;

/// Connections by address.
#[derive(Clone, Default)]
pub(crate) struct Links(Arc<Mutex<HashMap<Arc<str>, Arc<Link>>>>);

/// Keeps a connection to each Dispatcher.
pub(crate) struct LinksLoop {
    links: Links,
    seeds: BTreeSet<Arc<str>>,
    connect: Connect,
    owners: OwnersReceiver,
    #[cfg(test)]
    pub(super) age: Option<std::time::Duration>,
}

// === impl Links ===

impl Links {
    /// The open stream to an address.
    pub(super) fn open(&self, address: &str) -> Option<Arc<Session>> {
        let session = self.0.lock().get(address)?.session()?;
        session.busy().map(|_| session)
    }

    /// All connections, in the order of their addresses.
    pub(super) fn all(&self) -> Vec<Arc<Link>> {
        let links = self.0.lock();
        let mut all: Vec<_> = links.iter().collect();
        all.sort_by_key(|(address, _)| Arc::clone(address));
        all.into_iter().map(|(_, link)| Arc::clone(link)).collect()
    }
}

// === impl LinksLoop ===

impl LinksLoop {
    pub(super) fn new(links: Links, seeds: Vec<Arc<str>>, connect: Connect, owners: OwnersReceiver) -> Self {
        Self {
            links,
            seeds: seeds.into_iter().collect(),
            connect,
            owners,
            #[cfg(test)]
            age: None,
        }
    }

    /// Keeps connections until shutdown; then waits for the answers that are still to come.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut loops = JoinSet::new();
        let mut running: HashMap<Arc<str>, CancellationToken> = HashMap::new();
        let mut is_followed = true;
        while !shutdown.is_cancelled() {
            let mut wanted = self.seeds.clone();
            wanted.extend(self.owners.borrow_and_update().addresses().iter().cloned());
            running.retain(|address, stop| {
                let stays = wanted.contains(address);
                if !stays {
                    self.links.0.lock().remove(address);
                    stop.cancel();
                }
                stays
            });
            for address in wanted {
                if !running.contains_key(&address)
                    && let Some(link) = self.link(&address)
                {
                    let stop = shutdown.child_token();
                    loops.spawn(link.run(stop.clone()));
                    running.insert(address, stop);
                }
            }
            while loops.try_join_next().is_some() {}
            tokio::select! {
                () = shutdown.cancelled() => {}
                changed = self.owners.changed(), if is_followed => is_followed = changed.is_ok(),
            }
        }
        while loops.join_next().await.is_some() {}
    }

    fn link(&self, address: &Arc<str>) -> Option<LinkLoop> {
        let dispatcher = (self.connect)(address)
            .inspect_err(|error| tracing::warn!(%error, "a Dispatcher's address cannot be used"))
            .ok()?;
        #[allow(unused_mut)]
        let (link, mut looping) = LinkLoop::new(dispatcher);
        #[cfg(test)]
        if let Some(age) = self.age {
            looping.age = age;
        }
        self.links.0.lock().insert(Arc::clone(address), link);
        Some(looping)
    }
}
