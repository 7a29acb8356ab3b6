//! The Router takes events, decides who hears of them, and submits event and decision to the Dispatcher. It holds
//! nothing but the team snapshots that Config gave it, and keeps working on those while Config is away. `Emit` answers
//! only after the Dispatcher has committed.

mod decide;
mod error;
mod explain;
mod grpc;
mod intake;
mod metrics;
mod snapshots;
mod submitter;
mod turns;

#[cfg(test)]
mod testing;

use std::sync::Arc;

use opentelemetry::metrics::Meter;
use watchbell_contracts::api::SnapshotApi;
use watchbell_model::clock::SharedClock;
use watchbell_runtime::config_feed::ConfigFeed;
use watchbell_runtime::tasks::{Stage, TaskSet};
use watchbell_runtime::workshop::Workshop;

pub use crate::{decide::decide, submitter::Dispatchers};
use crate::{intake::Intake, metrics::Metrics, snapshots::Snapshots, submitter::Submitter, turns::Turns};

/// The service.
pub struct Router {
    intake: Intake,
}

/// What the Router needs of others.
pub struct Needs {
    /// What time it is.
    pub clock: SharedClock,
    /// Where team snapshots come from.
    pub config: Arc<dyn SnapshotApi>,
    /// Which of them have changed.
    pub feed: ConfigFeed,
    /// Where it submits to.
    pub dispatchers: Dispatchers,
    /// Where it measures.
    pub meter: Meter,
}

// === impl Router ===

impl Router {
    /// The sections of the settings that are the Router's own: none.
    pub const SECTIONS: &'static [&'static str] = &[];

    /// Opens the service and starts its loops.
    pub fn open(needs: Needs, tasks: &mut TaskSet) -> Arc<Self> {
        let snapshots = Snapshots::new(needs.config, needs.feed, needs.clock.clone());
        let (submitter, links) = Submitter::new(needs.dispatchers);
        for link in links {
            tasks.spawn_fn(Stage::Intake, "router.submitter", |shutdown| link.run(shutdown));
        }
        Arc::new(Self {
            intake: Intake {
                clock: needs.clock,
                snapshots,
                submitter,
                turns: Turns::default(),
                metrics: Metrics::new(&needs.meter),
                workshop: Workshop::new(),
            },
        })
    }
}
