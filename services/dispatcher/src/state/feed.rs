//! Feed for watchers: changes of deliveries, and hints about inboxes. Each team has a channel of its own, so that one
//! team's changes do not wake the watchers of others. Changes of deliveries are built only while a watcher of the team
//! exists. Inboxes are read from their table, so a hint suffices. Everything of a team happens at the owner of its shard,
//! where its watchers are, too; they are ended when the owner changes.

mod topics;

use std::collections::BTreeSet;
use std::sync::Arc;

use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::ids::TeamId;
use watchbell_model::shard::ShardId;

use self::topics::{Subscription, Topics};
use crate::encode::Change;

/// Changes that a watcher may lag behind before it misses some and is notified.
const BACKLOG: usize = 1024;

/// Subscription to a team's changes of deliveries.
pub(crate) type Changes = Subscription<Change>;

/// Subscription to hints about a team's inbox. A missed hint says as much as a received one.
pub(crate) type Hints = Subscription<()>;

/// Subscription to hints about a team's new events.
pub(crate) type EventHints = Subscription<()>;

/// Subscription to a team's changes of alerts.
pub(crate) type AlertNews = Subscription<Arc<wire::Alert>>;

/// Channels to the watchers.
#[derive(Debug)]
pub(crate) struct Feed {
    deliveries: Topics<Change>,
    inboxes: Topics<()>,
    events: Topics<()>,
    alerts: Topics<Arc<wire::Alert>>,
}

// === impl Feed ===

impl Default for Feed {
    fn default() -> Self {
        Self {
            deliveries: Topics::new(BACKLOG),
            inboxes: Topics::new(1),
            events: Topics::new(1),
            alerts: Topics::new(BACKLOG),
        }
    }
}

impl Feed {
    /// Sends changes of a team's deliveries; `changes` is called only when a watcher exists.
    pub(crate) fn changed<C: IntoIterator<Item = Change>>(&self, team: TeamId, changes: impl FnOnce() -> C) {
        if let Some(topic) = self.deliveries.topic(team) {
            for change in changes() {
                topic.send(change);
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

    /// Sends a team's alert as it is now; `alert` is called only when a watcher exists.
    pub(crate) fn alert_changed(&self, team: TeamId, alert: impl FnOnce() -> wire::Alert) {
        if let Some(topic) = self.alerts.topic(team) {
            topic.send(Arc::new(alert()));
        }
    }

    /// Subscribes to a team's changes of alerts.
    pub(crate) fn alerts(&self, team: TeamId) -> AlertNews {
        self.alerts.subscribe(team)
    }

    /// These teams' inboxes have something new.
    pub(crate) fn notified(&self, teams: impl IntoIterator<Item = TeamId>) {
        for topic in teams.into_iter().filter_map(|team| self.inboxes.topic(team)) {
            topic.send(());
        }
    }

    /// Subscribes to hints about a team's inbox.
    pub(crate) fn inbox(&self, team: TeamId) -> Hints {
        self.inboxes.subscribe(team)
    }

    /// These teams have new events.
    pub(crate) fn accepted(&self, teams: impl IntoIterator<Item = TeamId>) {
        for topic in teams.into_iter().filter_map(|team| self.events.topic(team)) {
            topic.send(());
        }
    }

    /// Subscribes to hints about a team's new events.
    pub(crate) fn events(&self, team: TeamId) -> EventHints {
        self.events.subscribe(team)
    }

    /// Ends the subscriptions to teams of shards that have another owner now.
    pub(crate) fn end(&self, shards: &BTreeSet<ShardId>) {
        if !shards.is_empty() {
            self.end_if(|team| shards.contains(&ShardId::of(team)));
        }
    }

    /// Ends the subscriptions to a team that is served elsewhere now.
    pub(crate) fn end_team(&self, team: TeamId) {
        self.end_if(|of| of == team);
    }

    fn end_if(&self, ends: impl Fn(TeamId) -> bool + Copy) {
        self.deliveries.close(ends);
        self.inboxes.close(ends);
        self.events.close(ends);
        self.alerts.close(ends);
    }
}
