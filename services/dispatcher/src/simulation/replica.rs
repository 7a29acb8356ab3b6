//! One replica: the real loops, each of which asks for every turn and every step into the database.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinSet;
use uuid::Uuid;
use watchbell_model::clock::{Clock, SharedClock};
use watchbell_model::decision::Decision;
use watchbell_runtime::config_feed::ConfigFeed;
use watchbell_runtime::tenant_pool::TenantPool;
use watchbell_store::Store;

use super::scheduler::{self, Actor, FakeTransport, Role};
use crate::channel::cache::Channels;
use crate::delivery::pump::Pump;
use crate::intake::committer::{BatchResult, Committer};
use crate::maintenance::heartbeat::{HEARTBEAT_INTERVAL, Heartbeat};
use crate::maintenance::sweeper::{POLL, Sweeper};
use crate::metrics::Metrics;
use crate::scenarios::fakes::{FakeConfig, link_keys};
use crate::settings::{MailSettings, Settings};
use crate::state::{Core, Parts};
use crate::store::{Db, micros};

/// After a commit that failed.
const BACK_OFF: Duration = Duration::from_millis(250);

/// A process.
pub(super) struct Replica {
    pub(super) number: usize,
    pub(super) core: Arc<Core>,
    /// As whom it has held leases.
    pub(super) owners: Vec<Uuid>,
    /// It does not run, and will.
    pub(super) paused: bool,
    /// It does not reach the database.
    pub(super) away: bool,
    tasks: JoinSet<()>,
}

/// A machine's wall clock, which differs from the others'.
#[derive(Debug)]
struct Skewed {
    clock: SharedClock,
    by: TimeDelta,
}

impl Clock for Skewed {
    fn now(&self) -> DateTime<Utc> {
        self.clock.now() + self.by
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
}

// === impl Replica ===

impl Replica {
    /// Enters and starts all loops.
    pub(super) async fn start(
        number: usize,
        store: &Store,
        settings: Settings,
        config: Arc<FakeConfig>,
        (clock, skew): (SharedClock, TimeDelta),
    ) -> Self {
        let clock: SharedClock = Arc::new(Skewed { clock, by: skew });
        let parts = Parts {
            channels: Channels::new(config, ConfigFeed::manual(), Arc::clone(&clock), true),
            clock,
            settings,
            db: Db::new(store.clone()),
            transport: Arc::new(FakeTransport { replica: number }),
            tenant_pool: TenantPool::new(),
            decide: |_, _| Decision::default(),
            metrics: Metrics::new(&opentelemetry::global::meter("simulation")),
            mail: MailSettings::default().policy(),
            brand: Arc::default(),
            link_keys: link_keys(),
            jitter: || 0.0,
        };
        let (core, intake, outcomes) = Core::new(parts);
        // As PostgreSQL has it, where a replica is never the only one.
        core.db.enter_replica(core.owner()).await.unwrap();
        let heartbeat = Arc::new(Heartbeat::new(Arc::clone(&core)));
        heartbeat.join(&format!("r{number}"));
        let mut replica = Self {
            number,
            owners: vec![core.owner()],
            core: Arc::clone(&core),
            paused: false,
            away: false,
            tasks: JoinSet::new(),
        };
        let committer = Committer::new(Arc::clone(&core), intake, outcomes);
        if replica.is_split() {
            let (submissions, outcomes) = committer.split();
            replica.spawn(Role::Committer, commit(Arc::clone(&core), submissions));
            replica.spawn(Role::Outcomes, commit(Arc::clone(&core), outcomes));
        } else {
            replica.spawn(Role::Committer, commit(Arc::clone(&core), committer));
        }
        replica.spawn(Role::Sweeper, sweep(Arc::clone(&core)));
        replica.spawn(Role::Heartbeat, beat(Arc::clone(&core), Arc::clone(&heartbeat)));
        replica.spawn(Role::Pump, pump(core));
        replica
    }

    fn spawn(&mut self, role: Role, loops: impl Future<Output = ()> + Send + 'static) {
        let actor = Actor {
            replica: self.number,
            role,
        };
        self.tasks.spawn(scheduler::act(actor, loops));
    }

    /// Whether submissions and outcomes are committed by a loop each, as on PostgreSQL, or by one, as on SQLite. That the
    /// database is another matters to neither.
    fn is_split(&self) -> bool {
        self.number % 2 == 1
    }

    /// Whether a committer has something to do.
    pub(super) fn has_queued(&self, role: Role) -> bool {
        let outcomes = &self.core.outcomes;
        let submissions = self.core.submissions.waiting() > 0;
        let outcomes = outcomes.capacity() < outcomes.max_capacity();
        match role {
            Role::Outcomes => outcomes,
            _ if self.is_split() => submissions,
            _ => submissions || outcomes,
        }
    }

    /// Everything stops where it is.
    pub(super) async fn crash(mut self) {
        self.tasks.shutdown().await;
        scheduler::forget(self.number);
    }

    /// The loops stop, and leases are given back.
    pub(super) async fn leave(&mut self) {
        self.tasks.shutdown().await;
        scheduler::forget(self.number);
        let heartbeat = Heartbeat::new(Arc::clone(&self.core));
        self.spawn(Role::Leaving, async move { heartbeat.leave().await });
    }

    /// Whether it has left.
    pub(super) fn has_left(&mut self) -> bool {
        self.tasks.try_join_next();
        self.tasks.is_empty()
    }
}

async fn commit(core: Arc<Core>, mut committer: Committer) {
    loop {
        scheduler::batch().await;
        while committer.tick().await == BatchResult::Failed {
            let never = tokio::sync::Notify::new();
            scheduler::turn(core.clock.monotonic() + BACK_OFF, &never).await;
        }
    }
}

async fn sweep(core: Arc<Core>) {
    let mut sweeper = Sweeper::new(Arc::clone(&core));
    loop {
        let pause = match sweeper.tick().await {
            Ok(sweep) => sweep.pause(core.clock.now()),
            Err(_) => POLL,
        };
        let next = core.clock.now() + TimeDelta::from_std(pause).unwrap_or_default();
        core.next_sweep.store(micros(next), Ordering::Relaxed);
        scheduler::turn(core.clock.monotonic() + pause, &core.sweep).await;
    }
}

async fn beat(core: Arc<Core>, heartbeat: Arc<Heartbeat>) {
    loop {
        scheduler::turn(core.clock.monotonic() + HEARTBEAT_INTERVAL, &core.refresh).await;
        let _ = heartbeat.tick().await;
    }
}

async fn pump(core: Arc<Core>) {
    let mut pump = Pump::new(Arc::clone(&core));
    loop {
        pump.tick();
        let until = core.lanes().sleep_until(core.clock.monotonic());
        scheduler::turn(until, &core.pump).await;
    }
}
