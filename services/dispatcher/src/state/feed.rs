//! Feed for watchers: changes of deliveries, and hints about inboxes. Changes of deliveries are built only while
//! somebody watches, and only for deliveries of this replica. Inboxes are read from their table, so a hint suffices;
//! hints are shared between replicas.

use std::collections::HashSet;

use parking_lot::Mutex;
use tokio::sync::{Notify, broadcast};
use tokio_stream::StreamExt;
use tokio_util::sync::CancellationToken;
use watchbell_model::ids::TeamId;
use watchbell_store::listen::{BusEvent, ChangeBus};
use watchbell_store::{Backend, Store};

use crate::encode::Change;

/// Changes that a watcher may lag behind before it misses some and is notified.
const BACKLOG: usize = 4096;
/// The channel of the bus.
const INBOX: &str = "inbox";

/// Channels to the watchers.
#[derive(Debug)]
pub(crate) struct Feed {
    deliveries: broadcast::Sender<Change>,
    /// `None`: any team's inbox may have something new.
    inboxes: broadcast::Sender<Option<TeamId>>,
    bus: ChangeBus,
    shared: bool,
    /// Teams of hints that other replicas have not received yet.
    unsent: Mutex<HashSet<TeamId>>,
    share: Notify,
}

// === impl Feed ===

impl Feed {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            deliveries: broadcast::channel(BACKLOG).0,
            inboxes: broadcast::channel(BACKLOG).0,
            bus: store.bus().clone(),
            shared: store.backend() == Backend::Postgres,
            unsent: Mutex::default(),
            share: Notify::new(),
        }
    }

    /// Whether anybody watches deliveries.
    pub(crate) fn is_watched(&self) -> bool {
        self.deliveries.receiver_count() > 0
    }

    /// A delivery was made or has changed.
    pub(crate) fn changed(&self, change: Change) {
        // It fails when no watcher exists, which is no error.
        let _ = self.deliveries.send(change);
    }

    /// Deliveries as they change, from now on.
    pub(crate) fn deliveries(&self) -> broadcast::Receiver<Change> {
        self.deliveries.subscribe()
    }

    /// These teams' inboxes have something new.
    pub(crate) fn notified(&self, teams: impl IntoIterator<Item = TeamId>) {
        let mut pending = false;
        for team in teams {
            let _ = self.inboxes.send(Some(team));
            if self.shared {
                self.unsent.lock().insert(team);
                pending = true;
            }
        }
        if pending {
            self.share.notify_one();
        }
    }

    /// Hints that inboxes have something new.
    pub(crate) fn inboxes(&self) -> broadcast::Receiver<Option<TeamId>> {
        self.inboxes.subscribe()
    }

    /// Exchanges hints with the other replicas until `stop`.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        if !self.shared {
            return stop.cancelled().await;
        }
        let mut events = self.bus.subscribe(INBOX);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.share.notified() => self.share_hints().await,
                event = events.next() => match event {
                    Some(BusEvent::Published(team)) => drop(self.inboxes.send(team.parse().ok())),
                    Some(BusEvent::MaybeMissed) => drop(self.inboxes.send(None)),
                    None => return,
                },
            }
        }
    }

    /// Sends hints to the other replicas. New ones gather while it runs.
    async fn share_hints(&self) {
        let teams = std::mem::take(&mut *self.unsent.lock());
        for team in teams {
            if let Err(error) = self.bus.publish(INBOX, &team.to_string()).await {
                // Watchers also poll.
                return tracing::warn!(%error, "other replicas were not told of new notifications");
            }
        }
    }
}
