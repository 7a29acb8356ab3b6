//! Which loops there are, how often they turn, and in which order they stop: first what brings work in, then the
//! lanes, then the committer, and last what keeps our leases ours.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use watchbell_runtime::tasks::{Stage, TaskSet};

use crate::delivery::pump::Pump;
use crate::intake::committer::Committer;
use crate::maintenance::clock_skew::ClockSkewRepair;
use crate::maintenance::durability::Durability;
use crate::maintenance::gauges::Gauges;
use crate::maintenance::health_reporter::HealthKeeper;
use crate::maintenance::heartbeat::{HEARTBEAT_INTERVAL, Heartbeat, HeartbeatMonitor};
use crate::maintenance::reconciler::Reconciler;
use crate::maintenance::retention::Purge;
use crate::maintenance::sweeper::Sweeper;
use crate::maintenance::unparker::Parking;
use crate::state::Core;

/// Between two rounds of telling who does not know yet.
const HEALTH: Duration = Duration::from_secs(1);
/// Between two looks at what is parked, when nothing has changed.
const PARKING: Duration = Duration::from_secs(10);
/// Between two looks for what a clock that was ahead has written.
const CLOCK_SKEW: Duration = Duration::from_secs(10);
/// Between two looks for leases without a job.
const RECONCILE: Duration = Duration::from_secs(30);
/// Between two looks at how the database replicates.
const DURABILITY: Duration = Duration::from_secs(300);
/// Between two counts of what waits.
const GAUGES: Duration = Duration::from_secs(15);
/// Between two checkpoints of SQLite's.
const CHECKPOINT: Duration = Duration::from_millis(200);
/// After one that failed, as on a full disk.
const CHECKPOINT_AFTER_FAULT: Duration = Duration::from_secs(10);
/// Before the first round of retention: what a start has to do comes first.
const PURGE_FIRST: Duration = Duration::from_secs(10);
/// Between two rounds of retention.
const PURGE: Duration = Duration::from_secs(600);

/// A loop whose work is one turn.
trait Turn: Send + Sync + 'static {
    /// Before the first turn.
    const FIRST: Duration;

    /// Turns; how long to wait for the next.
    fn turn(&self) -> impl Future<Output = Duration> + Send;

    /// What makes the wait shorter.
    fn wake(&self) -> Option<&Notify> {
        None
    }
}

impl Turn for HealthKeeper {
    const FIRST: Duration = HEALTH;

    async fn turn(&self) -> Duration {
        note(self.tick().await, "health");
        HEALTH
    }
}

impl Turn for Parking {
    const FIRST: Duration = PARKING;

    async fn turn(&self) -> Duration {
        note(self.tick().await, "parking");
        PARKING
    }

    fn wake(&self) -> Option<&Notify> {
        Some(&self.core.channels.changed)
    }
}

impl Turn for ClockSkewRepair {
    const FIRST: Duration = CLOCK_SKEW;

    async fn turn(&self) -> Duration {
        note(self.tick().await, "looking for clocks that were ahead");
        CLOCK_SKEW
    }
}

impl Turn for Reconciler {
    const FIRST: Duration = RECONCILE;

    async fn turn(&self) -> Duration {
        note(self.tick().await, "looking for leases without a job");
        RECONCILE
    }
}

impl Turn for Durability {
    const FIRST: Duration = Duration::ZERO;

    async fn turn(&self) -> Duration {
        note(self.tick().await, "looking at how the database replicates");
        DURABILITY
    }
}

impl Turn for Gauges {
    const FIRST: Duration = GAUGES;

    async fn turn(&self) -> Duration {
        note(self.tick().await, "counting what waits");
        GAUGES
    }
}

/// Copies SQLite's WAL into its file before a commit has to.
struct Checkpoints(Arc<Core>);

impl Turn for Checkpoints {
    const FIRST: Duration = CHECKPOINT;

    async fn turn(&self) -> Duration {
        let done = note(self.0.db.store().checkpoint().await, "a checkpoint");
        done.map_or(CHECKPOINT_AFTER_FAULT, |()| CHECKPOINT)
    }
}

impl Turn for Purge {
    const FIRST: Duration = PURGE_FIRST;

    async fn turn(&self) -> Duration {
        note(self.tick().await, "retention").flatten().unwrap_or(PURGE)
    }
}

impl Turn for Heartbeat {
    const FIRST: Duration = HEARTBEAT_INTERVAL;

    async fn turn(&self) -> Duration {
        note(self.tick().await, "the heartbeat");
        self.pause()
    }
}

impl Turn for HeartbeatMonitor {
    const FIRST: Duration = HEARTBEAT_INTERVAL;

    async fn turn(&self) -> Duration {
        self.tick();
        HEARTBEAT_INTERVAL
    }
}

/// Starts them all.
pub(crate) fn start(core: Arc<Core>, committer: Committer, tasks: &mut TaskSet) {
    let shared = || Arc::clone(&core);
    let sweeper = Sweeper::new(shared());
    tasks.spawn_fn(Stage::Intake, "dispatcher.sweeper", |stop| sweeper.run(stop));
    let health = HealthKeeper { core: shared() };
    tasks.spawn_fn(Stage::Intake, "dispatcher.health", |stop| async move {
        every(&health, &stop).await;
    });
    let parking = Parking::new(shared());
    tasks.spawn_fn(Stage::Intake, "dispatcher.parking", |stop| async move {
        every(&parking, &stop).await;
    });
    let clock_skew = ClockSkewRepair { core: shared() };
    tasks.spawn_fn(Stage::Intake, "dispatcher.clock_skew", |stop| async move {
        every(&clock_skew, &stop).await;
    });
    let gauges = Gauges { core: shared() };
    tasks.spawn_fn(Stage::Intake, "dispatcher.gauges", |stop| async move {
        every(&gauges, &stop).await;
    });
    let reconciler = Reconciler::new(shared());
    tasks.spawn_fn(Stage::Intake, "dispatcher.reconciler", |stop| async move {
        every(&reconciler, &stop).await;
    });
    let durability = Durability { core: shared() };
    tasks.spawn_fn(Stage::Intake, "dispatcher.durability", |stop| async move {
        every(&durability, &stop).await;
    });
    let purge = Purge::new(shared());
    tasks.spawn_fn(Stage::Intake, "dispatcher.purge", |stop| async move {
        every(&purge, &stop).await;
    });
    let pump = Pump::new(shared());
    tasks.spawn_fn(Stage::Drain, "dispatcher.pump", |stop| pump.run(stop));
    if core.db.is_sqlite() {
        tasks.spawn_blocking_fn(Stage::Flush, "dispatcher.committer", |stop| committer.run(stop));
        let checkpoints = Checkpoints(shared());
        tasks.spawn_fn(Stage::Close, "dispatcher.checkpoints", |stop| async move {
            every(&checkpoints, &stop).await;
        });
    } else {
        let (submissions, outcomes) = committer.split();
        tasks.spawn_fn(Stage::Flush, "dispatcher.committer", |stop| submissions.run(stop));
        tasks.spawn_fn(Stage::Flush, "dispatcher.outcomes", |stop| outcomes.run(stop));
    }
    let heartbeat = Arc::new(Heartbeat::new(shared()));
    let monitor = HeartbeatMonitor {
        heartbeat: Arc::clone(&heartbeat),
        database: tasks.readiness().condition("dispatcher", "database"),
    };
    tasks.spawn_fn(Stage::Close, "dispatcher.heartbeat_monitor", |stop| async move {
        every(&monitor, &stop).await;
    });
    tasks.spawn_fn(Stage::Close, "dispatcher.heartbeat", |stop| async move {
        every(&*heartbeat, &stop).await;
        heartbeat.leave().await;
    });
    let followed = shared();
    tasks.spawn_fn(Stage::Close, "dispatcher.channels", |stop| async move {
        followed.channels.follow(stop).await;
    });
    tasks.spawn_fn(Stage::Close, "dispatcher.feed", |stop| async move {
        core.feed.run(stop).await;
    });
}

/// Turns until told to stop.
async fn every<T: Turn>(turning: &T, stop: &CancellationToken) {
    let mut pause = T::FIRST;
    loop {
        let woken = async {
            match turning.wake() {
                Some(wake) => wake.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = woken => {}
            () = tokio::time::sleep(pause) => {}
        }
        pause = turning.turn().await;
    }
}

/// An outage is a state to wait in, never a reason to end a loop.
fn note<T>(result: Result<T, sea_orm::DbErr>, what: &'static str) -> Option<T> {
    result
        .inspect_err(|error| tracing::warn!(%error, what, "a round failed; it is tried again"))
        .ok()
}
