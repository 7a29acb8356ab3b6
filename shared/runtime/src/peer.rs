//! The other end of a connection, as an extension of each of its requests.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;

/// The remote end of a connection. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Peer {
    address: SocketAddr,
    certified: bool,
    activity: Arc<Activity>,
}

/// Requests of one connection.
#[derive(Debug, Default)]
pub(crate) struct Activity(watch::Sender<Requests>);

#[derive(Debug, Clone, Copy, Default)]
struct Requests {
    begun: bool,
    open: usize,
}

/// A request that has not been answered to the end; its connection is not idle until this is dropped.
#[derive(Debug)]
pub(crate) struct Open(Arc<Activity>);

// === impl Peer ===

impl Peer {
    pub(crate) fn new(address: SocketAddr, certified: bool, activity: Arc<Activity>) -> Self {
        Self {
            address,
            certified,
            activity,
        }
    }

    /// The remote address.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it has shown a certificate of the services' own authority.
    pub(crate) const fn is_certified(&self) -> bool {
        self.certified
    }

    /// Counts a request of this connection.
    pub(crate) fn open(&self) -> Open {
        self.activity.0.send_modify(|requests| {
            requests.begun = true;
            requests.open += 1;
        });
        Open(Arc::clone(&self.activity))
    }
}

// === impl Activity ===

impl Activity {
    /// Whether there was any request.
    pub(crate) fn has_begun(&self) -> bool {
        self.0.borrow().begun
    }

    /// Whether no request is open.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.borrow().open == 0
    }

    /// Waits until no request has been open for so long.
    pub(crate) async fn idle(&self, span: std::time::Duration) {
        let mut requests = self.0.subscribe();
        loop {
            // The sender lives as long as `self`.
            let _ = requests.wait_for(|requests| requests.open == 0).await;
            tokio::select! {
                () = tokio::time::sleep(span) => return,
                _ = requests.changed() => {}
            }
        }
    }
}

// === impl Open ===

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.send_modify(|requests| requests.open -= 1);
    }
}
