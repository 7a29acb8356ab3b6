//! Background loops of the Dispatcher, their intervals, and the order in which they stop: first those that bring work in,
//! then the lanes, then the committer, and last the heartbeat, which keeps the shards.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use watchbell_runtime::tasks::{ShutdownPhase, TaskSet, repeat};

use crate::delivery::pump::Pump;
use crate::intake::committer::Committer;
use crate::maintenance::clock_skew::ClockSkewRepair;
use crate::maintenance::durability::Durability;
use crate::maintenance::failure_reporter::FailureReporter;
use crate::maintenance::gauges::Gauges;
use crate::maintenance::health_reporter::HealthReporter;
use crate::maintenance::heartbeat::{HEARTBEAT_INTERVAL, Heartbeat, HeartbeatMonitor};
use crate::maintenance::reminders::Reminders;
use crate::maintenance::retention::Retention;
use crate::maintenance::sweeper::Sweeper;
use crate::maintenance::unparker::Unparker;
use crate::state::Core;

/// Between two rounds of reporting channels' health.
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);
/// Between two checks of parked deliveries, unless Config changes.
const UNPARK_INTERVAL: Duration = Duration::from_secs(10);
/// Between two checks for due times written by a clock that ran fast.
const CLOCK_SKEW_INTERVAL: Duration = Duration::from_secs(10);
/// Between two checks of how the database replicates.
const DURABILITY_INTERVAL: Duration = Duration::from_secs(300);
/// Between two counts of waiting deliveries.
const GAUGE_INTERVAL: Duration = Duration::from_secs(15);
/// Between two checkpoints of SQLite's WAL.
const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(200);
/// After a checkpoint that failed, for example on a full disk.
const CHECKPOINT_RETRY: Duration = Duration::from_secs(10);
/// Before the first round of retention, so that a start is not slowed down.
const RETENTION_DELAY: Duration = Duration::from_secs(10);
/// Between two rounds of retention.
const RETENTION_INTERVAL: Duration = Duration::from_secs(600);

/// Between two reads of the table of shards besides those of heartbeats.
const REFRESH_INTERVAL: Duration = Duration::from_secs(3600);

/// A task that a loop repeats.
trait PeriodicTask: Send + Sync + 'static {
    /// Delay before the first run.
    const FIRST: Duration;

    /// Runs once and returns the delay before the next run.
    fn run_once(&self) -> impl Future<Output = Duration> + Send;

    /// Ends the delay early.
    fn wake(&self) -> Option<&Notify> {
        None
    }
}

impl PeriodicTask for HealthReporter {
    const FIRST: Duration = HEALTH_INTERVAL;

    async fn run_once(&self) -> Duration {
        log_failure(self.tick().await, "health");
        HEALTH_INTERVAL
    }
}

impl PeriodicTask for FailureReporter {
    const FIRST: Duration = Self::INTERVAL;

    async fn run_once(&self) -> Duration {
        log_failure(self.tick().await, "failure reporter");
        Self::INTERVAL
    }
}

impl PeriodicTask for Reminders {
    const FIRST: Duration = Self::INTERVAL;

    async fn run_once(&self) -> Duration {
        log_failure(self.tick().await, "reminders");
        Self::INTERVAL
    }
}

impl PeriodicTask for Unparker {
    const FIRST: Duration = UNPARK_INTERVAL;

    async fn run_once(&self) -> Duration {
        log_failure(self.tick().await, "unparker");
        UNPARK_INTERVAL
    }

    fn wake(&self) -> Option<&Notify> {
        Some(&self.core.channels.changed)
    }
}

impl PeriodicTask for ClockSkewRepair {
    const FIRST: Duration = CLOCK_SKEW_INTERVAL;

    async fn run_once(&self) -> Duration {
        log_failure(self.tick().await, "clock skew repair");
        CLOCK_SKEW_INTERVAL
    }
}

impl PeriodicTask for Durability {
    const FIRST: Duration = Duration::ZERO;

    async fn run_once(&self) -> Duration {
        log_failure(self.tick().await, "durability check");
        DURABILITY_INTERVAL
    }
}

impl PeriodicTask for Gauges {
    const FIRST: Duration = GAUGE_INTERVAL;

    async fn run_once(&self) -> Duration {
        log_failure(self.tick().await, "queue gauges");
        GAUGE_INTERVAL
    }
}

/// Copies SQLite's WAL into its file before a commit has to.
struct Checkpoints(Arc<Core>);

impl PeriodicTask for Checkpoints {
    const FIRST: Duration = CHECKPOINT_INTERVAL;

    async fn run_once(&self) -> Duration {
        let done = log_failure(self.0.db.store().checkpoint().await, "checkpoint");
        done.map_or(CHECKPOINT_RETRY, |()| CHECKPOINT_INTERVAL)
    }
}

impl PeriodicTask for Retention {
    const FIRST: Duration = RETENTION_DELAY;

    async fn run_once(&self) -> Duration {
        log_failure(self.tick().await, "retention")
            .flatten()
            .unwrap_or(RETENTION_INTERVAL)
    }
}

impl PeriodicTask for Heartbeat {
    const FIRST: Duration = HEARTBEAT_INTERVAL;

    async fn run_once(&self) -> Duration {
        log_failure(self.tick().await, "heartbeat");
        self.pause()
    }
}

/// Reads the table of shards as soon as somebody needs it, even while a heartbeat is under way.
struct ShardRefresh(Arc<Core>);

impl PeriodicTask for ShardRefresh {
    const FIRST: Duration = REFRESH_INTERVAL;

    async fn run_once(&self) -> Duration {
        log_failure(self.0.refresh_shards().await, "reading the shards");
        REFRESH_INTERVAL
    }

    fn wake(&self) -> Option<&Notify> {
        Some(&self.0.refresh)
    }
}

impl PeriodicTask for HeartbeatMonitor {
    const FIRST: Duration = HEARTBEAT_INTERVAL;

    async fn run_once(&self) -> Duration {
        self.tick();
        HEARTBEAT_INTERVAL
    }
}

/// Starts all loops.
pub(crate) fn start(core: &Arc<Core>, heartbeat: Arc<Heartbeat>, committer: Committer, tasks: &mut TaskSet) {
    let shared = || Arc::clone(core);
    let sweeper = Sweeper::new(shared());
    tasks.spawn_fn(ShutdownPhase::Intake, "dispatcher.sweeper", |stop| {
        sweeper.run(stop)
    });
    let health = HealthReporter { core: shared() };
    tasks.spawn_fn(ShutdownPhase::Intake, "dispatcher.health", |stop| async move {
        every(&health, &stop).await;
    });
    let failures = FailureReporter { core: shared() };
    tasks.spawn_fn(ShutdownPhase::Intake, "dispatcher.failures", |stop| async move {
        every(&failures, &stop).await;
    });
    let reminders = Reminders { core: shared() };
    tasks.spawn_fn(ShutdownPhase::Intake, "dispatcher.reminders", |stop| async move {
        every(&reminders, &stop).await;
    });
    let unparker = Unparker::new(shared());
    tasks.spawn_fn(ShutdownPhase::Intake, "dispatcher.unparker", |stop| async move {
        every(&unparker, &stop).await;
    });
    let clock_skew = ClockSkewRepair { core: shared() };
    tasks.spawn_fn(
        ShutdownPhase::Intake,
        "dispatcher.clock_skew",
        |stop| async move {
            every(&clock_skew, &stop).await;
        },
    );
    let gauges = Gauges { core: shared() };
    tasks.spawn_fn(ShutdownPhase::Intake, "dispatcher.gauges", |stop| async move {
        every(&gauges, &stop).await;
    });
    let durability = Durability { core: shared() };
    tasks.spawn_fn(
        ShutdownPhase::Intake,
        "dispatcher.durability",
        |stop| async move {
            every(&durability, &stop).await;
        },
    );
    let retention = Retention::new(shared());
    tasks.spawn_fn(ShutdownPhase::Intake, "dispatcher.retention", |stop| async move {
        every(&retention, &stop).await;
    });
    let pump = Pump::new(shared());
    tasks.spawn_fn(ShutdownPhase::Drain, "dispatcher.pump", |stop| pump.run(stop));
    if core.db.is_sqlite() {
        tasks.spawn_blocking_fn(ShutdownPhase::Flush, "dispatcher.committer", |stop| {
            committer.run(stop)
        });
        let checkpoints = Checkpoints(shared());
        tasks.spawn_fn(
            ShutdownPhase::Close,
            "dispatcher.checkpoints",
            |stop| async move {
                every(&checkpoints, &stop).await;
            },
        );
    } else {
        let (submissions, outcomes) = committer.split();
        tasks.spawn_fn(ShutdownPhase::Flush, "dispatcher.committer", |stop| {
            submissions.run(stop)
        });
        tasks.spawn_fn(ShutdownPhase::Flush, "dispatcher.outcomes", |stop| {
            outcomes.run(stop)
        });
    }
    let monitor = HeartbeatMonitor {
        heartbeat: Arc::clone(&heartbeat),
        database: tasks.readiness().condition("dispatcher", "database"),
    };
    tasks.spawn_fn(
        ShutdownPhase::Close,
        "dispatcher.heartbeat_monitor",
        |stop| async move {
            every(&monitor, &stop).await;
        },
    );
    tasks.spawn_fn(ShutdownPhase::Close, "dispatcher.heartbeat", |stop| async move {
        every(&*heartbeat, &stop).await;
        heartbeat.leave().await;
    });
    let refresh = ShardRefresh(shared());
    tasks.spawn_fn(ShutdownPhase::Close, "dispatcher.shards", |stop| async move {
        every(&refresh, &stop).await;
    });
    let followed = shared();
    tasks.spawn_fn(ShutdownPhase::Close, "dispatcher.channels", |stop| async move {
        followed.channels.follow(stop).await;
    });
}

async fn every<T: PeriodicTask>(task: &T, stop: &CancellationToken) {
    repeat(stop, T::FIRST, task.wake(), || task.run_once()).await;
}

/// Logs a failure. The loop continues, because an outage ends by itself.
fn log_failure<T>(result: Result<T, sea_orm::DbErr>, what: &'static str) -> Option<T> {
    result
        .inspect_err(|error| tracing::warn!(%error, what, "a background task failed; it will be retried"))
        .ok()
}
