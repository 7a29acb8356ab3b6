//! Open connections: one network may have at most as many as are still free ([`SharedBudget`]). When its share is
//! used up, a new connection replaces one that carries no request, preferably the oldest that never had one, so that
//! silent connections keep no caller out.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;
use watchbell_model::budget::{BudgetPermit, SharedBudget};

use crate::auth::network;
use crate::peer::Activity;

/// All connections of a process.
#[derive(Debug)]
pub(super) struct Connections {
    shares: SharedBudget<IpAddr>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    /// Ordered by age.
    connections: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    network: IpAddr,
    place: BudgetPermit<IpAddr>,
    activity: Arc<Activity>,
    replaced: CancellationToken,
}

/// A permit for a connection; dropping it releases the permit.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) address: SocketAddr,
    pub(super) activity: Arc<Activity>,
    /// Cancelled when another connection replaces this one.
    pub(super) replaced: CancellationToken,
    number: u64,
    of: Arc<Connections>,
}

// === impl Connections ===

impl Connections {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            shares: SharedBudget::new(most),
            open: Mutex::default(),
        })
    }

    /// A permit for a connection from this address, if there is one.
    pub(super) fn admit(self: &Arc<Self>, address: SocketAddr) -> Option<Connection> {
        let network = network(address.ip());
        let mut open = self.open();
        let place = self.shares.take(network, 1).or_else(|| open.replace(network))?;
        let number = open.next;
        open.next += 1;
        let entry = Entry {
            network,
            place,
            activity: Arc::default(),
            replaced: CancellationToken::new(),
        };
        let connection = Connection {
            address,
            activity: Arc::clone(&entry.activity),
            replaced: entry.replaced.clone(),
            number,
            of: Arc::clone(self),
        };
        open.connections.insert(number, entry);
        Some(connection)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock()
    }
}

// === impl Open ===

impl Open {
    /// Takes the permit of a connection of this network that carries no request.
    fn replace(&mut self, network: IpAddr) -> Option<BudgetPermit<IpAddr>> {
        let oldest = |without: fn(&Activity) -> bool| {
            let mut of_network = self.connections.iter();
            let found = of_network.find(|(_, entry)| entry.network == network && without(&entry.activity));
            found.map(|(number, _)| *number)
        };
        let number = oldest(|activity| !activity.has_begun()).or_else(|| oldest(Activity::is_idle))?;
        let entry = self.connections.remove(&number)?;
        entry.replaced.cancel();
        Some(entry.place)
    }
}

// === impl Connection ===

impl Drop for Connection {
    fn drop(&mut self) {
        self.of.open().connections.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Peer;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn full(connections: &Arc<Connections>, from: SocketAddr) -> Vec<Connection> {
        let mut open: Vec<Connection> = Vec::new();
        while open.iter().all(|connection| !connection.replaced.is_cancelled()) {
            open.push(connections.admit(from).unwrap());
        }
        open
    }

    #[test]
    fn silent_connections_make_way_for_the_next_and_leave_room_for_other_networks() {
        let connections = Connections::new(100);
        let mut silent = full(&connections, address("192.0.2.1:1"));
        assert_eq!(
            silent.len(),
            51,
            "half, and the one that took the place of another"
        );
        assert!(silent[0].replaced.is_cancelled(), "the oldest");
        let other = connections.admit(address("192.0.2.2:1")).unwrap();
        assert!(
            silent[1..]
                .iter()
                .chain([&other])
                .all(|open| !open.replaced.is_cancelled())
        );
        silent.clear();
        assert_eq!(
            full(&connections, address("192.0.2.1:1")).len(),
            51,
            "places come back"
        );
    }

    #[test]
    fn a_connection_with_an_open_request_is_not_replaced() {
        let connections = Connections::new(6);
        let from = address("192.0.2.1:1");
        let mut busy = Vec::new();
        for _ in 0..3 {
            let connection = connections.admit(from).unwrap();
            let peer = Peer::new(from, false, Arc::clone(&connection.activity));
            busy.push((peer.open(), connection));
        }
        assert!(connections.admit(from).is_none());
        let (request, first) = busy.remove(0);
        drop(request);
        assert!(connections.admit(from).is_some());
        assert!(first.replaced.is_cancelled(), "idle now");
    }
}
