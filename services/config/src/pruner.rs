//! Forgets old entries of the change feed, silences that ended long ago, sessions that have ended, departures that can no
//! longer be undone, and the history of long ago. Whoever asks for a cursor that is
//! gone is told to start over.

use chrono::TimeDelta;
use watchbell_model::clock::SharedClock;
use watchbell_store::Store;

use crate::error::Result;
use crate::expressions::SHOWN;
use crate::store::{changes, departures, expression_failures, history, portal_sessions, silences};

/// The time for which a change is kept: a follower that was away for longer reads everything again.
const KEPT: TimeDelta = TimeDelta::days(7);

/// The loop that prunes the change feed.
#[derive(Debug)]
pub struct FeedPruner {
    store: Store,
    clock: SharedClock,
}

// === impl FeedPruner ===

impl FeedPruner {
    /// A pruner of this store's feed.
    pub fn new(store: Store, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    /// Deletes what is older than a week; answers how many entries.
    ///
    /// # Errors
    /// The database's.
    pub async fn tick(&self) -> Result<u64> {
        departures::prune_all_teams(self.store.writer(), self.clock.now() - departures::UNDO).await?;
        expression_failures::prune_all_teams(self.store.writer(), self.clock.now() - SHOWN).await?;
        portal_sessions::prune_all_teams(self.store.writer(), self.clock.now()).await?;
        silences::prune_all_teams(self.store.writer(), self.clock.now()).await?;
        history::prune_all_teams(self.store.writer(), self.clock.now()).await?;
        changes::prune_all_teams(&self.store, self.clock.now() - KEPT).await
    }
}
