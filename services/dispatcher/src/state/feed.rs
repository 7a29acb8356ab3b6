//! Feed for watchers: changes of deliveries, and hints about inboxes. Each team has a channel of its own, so that one
//! team's changes do not wake the watchers of others. Changes of deliveries are built only while a watcher of the team
//! exists, and only for deliveries of this replica. Inboxes are read from their table, so a hint suffices; hints are
//! shared between replicas.

mod topics;

use std::collections::HashSet;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_stream::StreamExt;
use tokio_util::sync::CancellationToken;
use watchbell_model::ids::TeamId;
use watchbell_store::listen::{BusEvent, ChangeBus};
use watchbell_store::{Backend, Store};

use self::topics::{Subscription, Topics};
use crate::encode::Change;

/// Changes that a watcher may lag behind before it misses some and is notified.
const BACKLOG: usize = 1024;
/// The channel of the bus.
const INBOX: &str = "inbox";

/// Subscription to a team's changes of deliveries.
pub(crate) type Changes = Subscription<Change>;

/// Subscription to hints about a team's inbox. A missed hint says as much as a received one.
pub(crate) type Hints = Subscription<()>;

/// Channels to the watchers.
#[derive(Debug)]
pub(crate) struct Feed {
    deliveries: Topics<Change>,
    inboxes: Topics<()>,
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
            deliveries: Topics::new(BACKLOG),
            inboxes: Topics::new(1),
            bus: store.bus().clone(),
            shared: store.backend() == Backend::Postgres,
            unsent: Mutex::default(),
            share: Notify::new(),
        }
    }

    /// Sends changes of a team's deliveries; `changes` is called only when a watcher exists.
    pub(crate) fn changed<C: IntoIterator<Item = Change>>(&self, team: TeamId, changes: impl FnOnce() -> C) {
        if let Some(topic) = self.deliveries.topic(team) {
            for change in changes() {
                // It fails when the last watcher has just left, which is no error.
                let _ = topic.send(change);
            }
        }
    }

    /// Whether a team's deliveries are watched.
    pub(crate) fn is_watched(&self, team: TeamId) -> bool {
        self.deliveries.topic(team).is_some()
    }

    /// Subscribes to a team's changes of deliveries.
    pub(crate) fn deliveries(&self, team: TeamId) -> Changes {
        self.deliveries.subscribe(team)
    }

    /// These teams' inboxes have something new.
    pub(crate) fn notified(&self, teams: impl IntoIterator<Item = TeamId>) {
        let mut pending = false;
        for team in teams {
            self.hint(team);
            if self.shared {
                self.unsent.lock().insert(team);
                pending = true;
            }
        }
        if pending {
            self.share.notify_one();
        }
    }

    /// Subscribes to hints about a team's inbox.
    pub(crate) fn inbox(&self, team: TeamId) -> Hints {
        self.inboxes.subscribe(team)
    }

    fn hint(&self, team: TeamId) {
        if let Some(topic) = self.inboxes.topic(team) {
            let _ = topic.send(());
        }
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
                    Some(BusEvent::Published(team)) => match team.parse() {
                        Ok(team) => self.hint(team),
                        Err(_) => self.hint_all_teams(),
                    },
                    Some(BusEvent::MaybeMissed) => self.hint_all_teams(),
                    None => return,
                },
            }
        }
    }

    fn hint_all_teams(&self) {
        for topic in self.inboxes.topics_all_teams() {
            let _ = topic.send(());
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
