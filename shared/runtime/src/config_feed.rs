//! Change feed of Config, one follower per process. Caches take a [`Mark`] before they load from Config, and the
//! loaded value is current until the feed reports a later change. Config answers a change only after its followers
//! have acknowledged it, so a cache that checks [`ConfigFeed::is_current`] never uses a value that was replaced
//! before the event was emitted.
//!
//! While the feed is being opened, callers wait briefly, because nothing is known to be current. When it cannot be
//! opened, Config counts as unavailable, and caches keep using their values.

mod follower;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use watchbell_contracts::api::SnapshotApi;
use watchbell_model::clock::SharedClock;
use watchbell_model::ids::TeamId;

pub use self::follower::Follower;
use crate::ready::Readiness;

/// Number of teams whose changes are tracked separately; above it, everything counts as changed.
const TEAMS: usize = 100_000;
/// How long callers wait while the feed is being opened.
const OPENING_TIMEOUT: Duration = Duration::from_secs(2);

/// Changes reported so far; clones share one state.
#[derive(Debug, Clone)]
pub struct ConfigFeed {
    changes: Arc<watch::Sender<Changes>>,
    link: Arc<watch::Sender<Link>>,
}

/// A position in the order of changes; see [`ConfigFeed::mark`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

#[derive(Debug, Default)]
struct Changes {
    now: Mark,
    /// When everything last counted as changed.
    all: Mark,
    /// When each team's configuration last changed; `None` stands for the platform's keys.
    of: HashMap<Option<TeamId>, Mark>,
}

/// The state of the change feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// It is being opened.
    Opening,
    /// It is open, and all earlier changes were recorded.
    Open,
    /// It could not be opened.
    Away,
}

// === impl ConfigFeed ===

impl ConfigFeed {
    /// A feed that is being opened, and the loop that must run for it. `readiness` says that the process is not ready
    /// until Config was reached once, or when Config refuses this process's service token.
    #[must_use]
    pub fn new(config: Arc<dyn SnapshotApi>, readiness: &Readiness, clock: SharedClock) -> (Self, Follower) {
        let feed = Self::with_link(Link::Opening);
        let follower = Follower::new(feed.clone(), config, readiness, clock);
        (feed, follower)
    }

    /// A feed that is open and has no follower: for tests, which call [`ConfigFeed::record_change`].
    #[must_use]
    pub fn manual() -> Self {
        Self::with_link(Link::Open)
    }

    fn with_link(link: Link) -> Self {
        Self {
            changes: Arc::default(),
            link: Arc::new(watch::Sender::new(link)),
        }
    }

    /// The present moment. Take it before asking Config: the answer holds all that changed up to it.
    #[must_use]
    pub fn mark(&self) -> Mark {
        self.changes.borrow().now
    }

    /// Whether nothing of this team (of the platform's keys, when `None`) has changed since the mark.
    #[must_use]
    pub fn is_current(&self, of: Option<TeamId>, mark: Mark) -> bool {
        let changes = self.changes.borrow();
        changes.all <= mark && changes.of.get(&of).is_none_or(|changed| *changed <= mark)
    }

    /// Records a change of this team, or of the platform's keys.
    pub fn record_change(&self, of: Option<TeamId>) {
        self.changes.send_modify(|changes| {
            changes.now.0 += 1;
            if changes.of.len() >= TEAMS {
                changes.of.clear();
                changes.all = changes.now;
            }
            changes.of.insert(of, changes.now);
        });
    }

    /// Records that anything may have changed.
    fn tell_all(&self) {
        self.changes.send_modify(|changes| {
            changes.now.0 += 1;
            changes.all = changes.now;
            changes.of.clear();
        });
    }

    /// Waits for a change after the mark; returns the newest mark.
    pub async fn changed_since(&self, mark: Mark) -> Mark {
        let mut changes = self.changes.subscribe();
        match changes.wait_for(|changes| changes.now > mark).await {
            Ok(changes) => changes.now,
            // The sender lives as long as `self`.
            Err(_) => mark,
        }
    }

    /// Whether Config was reached since the start of the process.
    #[must_use]
    pub fn was_reached(&self) -> bool {
        // A feed that has been open before has told that everything changed.
        *self.link.borrow() == Link::Open || self.mark() > Mark::default()
    }

    /// Whether Config is available. Waits while the feed is being opened, for two seconds at most.
    pub async fn is_reachable(&self) -> bool {
        if *self.link.borrow() == Link::Opening {
            let mut link = self.link.subscribe();
            let settled = link.wait_for(|link| *link != Link::Opening);
            // Nobody is listening to the feed so long after: that is the same as away.
            let _ = timeout(OPENING_TIMEOUT, settled).await;
        }
        *self.link.borrow() == Link::Open
    }

    fn set(&self, link: Link) {
        self.link
            .send_if_modified(|held| std::mem::replace(held, link) != link);
    }
}
