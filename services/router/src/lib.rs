//! The Router accepts events, decides who gets them, and submits event and decision to the Dispatcher. It is
//! stateless except for cached team snapshots, and keeps using them while Config is unavailable. `Emit` answers only
//! after the Dispatcher has committed.

mod backtest;
mod coverage;
mod decide;
mod error;
mod explain;
mod failures;
mod grpc;
mod metrics;
mod pipeline;
mod place;
mod reroute;
mod snapshots;
mod stored;
mod stored_events;
mod submitter;
mod team_budgets;
mod what_if;

#[cfg(test)]
mod testing;

use std::sync::Arc;

use opentelemetry::metrics::Meter;
use watchbell_contracts::api::{DispatcherApi, SnapshotApi};
use watchbell_model::clock::SharedClock;
use watchbell_runtime::background::Background;
use watchbell_runtime::config_feed::ConfigFeed;
use watchbell_runtime::owners::Connect;
use watchbell_runtime::running::Running;
use watchbell_runtime::tasks::{ShutdownPhase, TaskSet};
use watchbell_runtime::tenant_pool::TenantPool;

pub use crate::decide::decide;
use crate::failures::{Failures, Reporter};
use crate::metrics::Metrics;
use crate::pipeline::EmitPipeline;
use crate::snapshots::Snapshots;
pub use crate::submitter::Dispatchers;
use crate::submitter::{Cells, Submitter};
use crate::team_budgets::TeamBudgets;
use crate::what_if::WhatIf;

/// The service.
pub struct Router {
    pipeline: EmitPipeline,
    what_if: WhatIf,
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
    /// How Dispatchers of other cells are called.
    pub connect: Connect,
    /// Where stored events are read.
    pub log: Arc<dyn DispatcherApi>,
    /// Where it measures.
    pub meter: Meter,
}

// === impl Router ===

impl Router {
    /// The sections of the settings that are the Router's own: none.
    pub const SECTIONS: &'static [&'static str] = &[];

    /// Opens the service and starts its loops.
    pub fn open(needs: Needs, tasks: &mut TaskSet) -> Arc<Self> {
        let failures = Failures::default();
        let tenant_pool = TenantPool::new();
        let what_if = WhatIf {
            clock: needs.clock.clone(),
            config: needs.config.clone(),
            log: needs.log,
            tenant_pool: tenant_pool.clone(),
            background: Background::start(),
            running: Running::default(),
        };
        tasks.spawn(
            ShutdownPhase::Flush,
            Reporter::new(failures.clone(), needs.config.clone()),
        );
        let snapshots = Snapshots::new(needs.config, needs.feed, needs.clock.clone());
        let (cells, looping) = Cells::new(needs.connect);
        tasks.spawn_fn(ShutdownPhase::Intake, "router.cells", |shutdown| {
            looping.run(shutdown)
        });
        let (submitter, links) = Submitter::new(needs.dispatchers, cells);
        if let Some(links) = links {
            tasks.spawn_fn(ShutdownPhase::Intake, "router.submitter", |shutdown| {
                links.run(shutdown)
            });
        }
        Arc::new(Self {
            pipeline: EmitPipeline {
                clock: needs.clock,
                snapshots,
                submitter,
                budgets: TeamBudgets::default(),
                metrics: Metrics::new(&needs.meter),
                failures,
                tenant_pool,
            },
            what_if,
        })
    }
}
