//! The weekly digest: on each team's cron it counts the period's events, renders the summary and submits it to the
//! Dispatcher as a mail. Exactly one for each team and period, whatever restarts, however many replicas run and
//! however their clocks differ by up to a minute; what was missed is caught up until the next one is due.
//!
//! It owns nothing but the runs. Which events count by which fields of their data is written in [`summary`].

mod error;
mod events;
mod grpc;
mod maker;
pub mod render;
pub mod schedule;
mod scheduler;
mod settings;
mod store;
pub mod summary;
mod team;

use std::sync::Arc;

use watchbell_contracts::api::{DispatcherApi, SnapshotApi};
use watchbell_model::brand::Brand;
use watchbell_model::clock::SharedClock;
use watchbell_runtime::config_feed::ConfigFeed;
use watchbell_runtime::tasks::{ShutdownPhase, TaskSet};
use watchbell_store::{Store, connect};

pub use crate::error::{Error, Result};
use crate::maker::Maker;
use crate::scheduler::Scheduler;
pub use crate::settings::Settings;
pub use crate::store::Migrator;
use crate::store::Runs;

/// What the Digest needs of others.
pub struct Needs {
    /// What time it is.
    pub clock: SharedClock,
    /// Where teams and their settings come from.
    pub config: Arc<dyn SnapshotApi>,
    /// Changes of teams' settings.
    pub feed: ConfigFeed,
    /// Where events are read from and digests are submitted to.
    pub dispatcher: Arc<dyn DispatcherApi>,
    /// In whose name digests are sent.
    pub brand: Brand,
}

/// The service. Implements [`watchbell_contracts::api::DigestApi`].
pub struct Digest {
    maker: Maker,
    clock: SharedClock,
    feed: ConfigFeed,
    store: Store,
}

// === impl Digest ===

impl Digest {
    /// The sections of the settings that are the Digest's own.
    pub const SECTIONS: &'static [&'static str] = &["digest"];

    /// Connects to the database, brings its tables up to date and starts the loops.
    ///
    /// # Errors
    /// Wrong settings, or a database that is away (see [`watchbell_store::StoreError::is_transient`]).
    pub async fn open(settings: &Settings, needs: Needs, tasks: &mut TaskSet) -> Result<Arc<Self>> {
        let store = connect(&settings.database).await?;
        store.migrate::<Migrator>().await?;
        let digest = Self::new(store, needs);
        let scheduler = digest.scheduler();
        tasks.spawn_fn(ShutdownPhase::Intake, "digest.cron", |shutdown| {
            scheduler.run(shutdown)
        });
        Ok(Arc::new(digest))
    }

    /// The database, for readiness checks and for closing it at the very end.
    pub fn store(&self) -> &Store {
        &self.store
    }

    fn new(store: Store, needs: Needs) -> Self {
        let Needs {
            clock,
            config,
            feed,
            dispatcher,
            brand,
        } = needs;
        Self {
            maker: Maker {
                config,
                dispatcher,
                brand,
                runs: Runs::new(store.clone()),
            },
            clock,
            feed,
            store,
        }
    }

    fn scheduler(&self) -> Scheduler {
        Scheduler::new(self.maker.clone(), self.feed.clone(), self.clock.clone())
    }
}

#[cfg(test)]
mod tests;
