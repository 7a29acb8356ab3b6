//! Background loops of a process, owned in one place and stopped in order: first those that take work in, then those
//! that do it, then those that store results, then the rest. A loop that dies is logged, fails health, and fails
//! `/healthz`, which asks for a restart.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::ready::Readiness;

/// A background loop. It runs until `shutdown` is cancelled, then finishes its work and returns.
pub trait Loop: Send + Sized + 'static {
    /// Name in the log and in `/readyz`, for example `dispatcher.sweeper`; the part before the dot is its area of
    /// health.
    const NAME: &'static str;

    /// Runs to the end.
    fn run(self, shutdown: CancellationToken) -> impl Future<Output = ()> + Send;
}

/// Repeats a task until `stop`: first after `first`, then after the delay that it returned, or as soon as `wake` is
/// notified. A run that has begun is finished.
pub async fn repeat<F>(
    stop: &CancellationToken,
    first: Duration,
    wake: Option<&Notify>,
    mut task: impl FnMut() -> F,
) where
    F: Future<Output = Duration>,
{
    let mut delay = first;
    loop {
        let woken = async {
            match wake {
                Some(wake) => wake.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = woken => {}
            () = tokio::time::sleep(delay) => {}
        }
        delay = task().await;
    }
}

/// Phase of the shutdown in which a loop is stopped; phases run one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShutdownPhase {
    /// Loops that take in work: sweepers, feeds, cron.
    Intake,
    /// Loops that do the work: lanes.
    Drain,
    /// Loops that store results.
    Flush,
    /// Everything that the others need: heartbeats, connections.
    Close,
}

/// All loops of a process.
pub struct TaskSet {
    readiness: Readiness,
    stages: [StageTasks; 4],
}

#[derive(Default)]
struct StageTasks {
    stop: CancellationToken,
    tasks: Vec<(&'static str, JoinHandle<()>)>,
}

// === impl ShutdownPhase ===

impl ShutdownPhase {
    /// In order, each with its share of the time there is for stopping.
    const SHARES: [(Self, f64); 4] = [
        (Self::Intake, 0.2),
        (Self::Drain, 0.5),
        (Self::Flush, 0.2),
        (Self::Close, 0.1),
    ];
}

// === impl TaskSet ===

impl TaskSet {
    /// No loop yet; faults are reported to `readiness`.
    #[must_use]
    pub fn new(readiness: Readiness) -> Self {
        Self {
            readiness,
            stages: Default::default(),
        }
    }

    /// Readiness, to which faults are reported.
    #[must_use]
    pub const fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// Starts a loop that must run until it is stopped.
    pub fn spawn<L: Loop>(&mut self, stage: ShutdownPhase, task: L) {
        self.spawn_fn(stage, L::NAME, |shutdown| task.run(shutdown));
    }

    /// Like [`TaskSet::spawn`], for a loop that is not worth a type.
    pub fn spawn_fn<F, R>(&mut self, stage: ShutdownPhase, name: &'static str, run: F)
    where
        F: FnOnce(CancellationToken) -> R,
        R: Future<Output = ()> + Send + 'static,
    {
        let group = &mut self.stages[stage as usize];
        let stop = group.stop.child_token();
        let area = name.split('.').next().unwrap_or(name);
        let condition = self.readiness.condition(area, name);
        let running = tokio::spawn(run(stop.clone()));
        let abort = running.abort_handle();
        let watched = tokio::spawn(async move {
            // Dropping the watcher (an aborted shutdown) aborts the loop.
            let _guard = AbortOnDrop(abort);
            match running.await {
                Ok(()) if stop.is_cancelled() => tracing::debug!(task = name, "stopped"),
                Ok(()) => {
                    tracing::error!(task = name, "a loop ended that should not");
                    condition.lost("has ended");
                }
                Err(error) => {
                    tracing::error!(task = name, %error, "a loop has died");
                    condition.lost("has died");
                }
            }
        });
        group.tasks.push((name, watched));
    }

    /// Spawns a loop that blocks its thread: it gets a thread of its own.
    pub fn spawn_blocking_fn<F, R>(&mut self, stage: ShutdownPhase, name: &'static str, run: F)
    where
        F: FnOnce(CancellationToken) -> R,
        R: Future<Output = ()> + Send + 'static,
    {
        self.spawn_fn(stage, name, |stop| on_its_own_thread(name, run(stop)));
    }

    /// Stops all loops, phase by phase, within `deadline`. Each phase has its share of it, so that a stuck loop
    /// cannot keep others from storing their results. Loops that have not ended by then are dropped.
    ///
    /// # Errors
    /// The names of the dropped loops.
    pub async fn shutdown(self, deadline: Duration) -> Result<(), Vec<&'static str>> {
        let mut dropped = Vec::new();
        for ((stage, share), group) in ShutdownPhase::SHARES.into_iter().zip(self.stages) {
            tracing::debug!(?stage, tasks = group.tasks.len(), "stopping");
            group.stop.cancel();
            let limit = tokio::time::sleep(deadline.mul_f64(share));
            tokio::pin!(limit);
            for (name, mut task) in group.tasks {
                let ended = !limit.is_elapsed()
                    && tokio::select! {
                        biased;
                        _ = &mut task => true,
                        () = &mut limit => false,
                    };
                if !ended && !task.is_finished() {
                    task.abort();
                    dropped.push(name);
                }
            }
        }
        if dropped.is_empty() {
            return Ok(());
        }
        tracing::error!(tasks = ?dropped, "did not stop in time");
        Err(dropped)
    }
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs a future on its own thread, and returns a panic as an error. Dropping it drops the future at its next await.
async fn on_its_own_thread(name: &'static str, run: impl Future<Output = ()> + Send + 'static) {
    let runtime = Handle::current();
    let (mut ending, ended) = oneshot::channel();
    let body = move || {
        let result = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                tokio::select! {
                    () = run => {}
                    () = ending.closed() => {}
                }
            });
        }));
        let _ = ending.send(result);
    };
    if let Err(error) = thread::Builder::new().name(name.to_owned()).spawn(body) {
        return tracing::error!(%error, task = name, "a thread cannot be started");
    }
    if let Ok(Err(panic)) = ended.await {
        resume_unwind(panic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use parking_lot::Mutex;

    type Ended = Arc<Mutex<Vec<&'static str>>>;

    /// Notes its end a little after it was asked to.
    fn slow(
        name: &'static str,
        ended: &Ended,
    ) -> impl FnOnce(CancellationToken) -> futures::future::BoxFuture<'static, ()> {
        let ended = Arc::clone(ended);
        move |shutdown| {
            Box::pin(async move {
                shutdown.cancelled().await;
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                ended.lock().push(name);
            })
        }
    }

    #[tokio::test]
    async fn a_stage_ends_before_the_next_is_asked_to() {
        let ended = Ended::default();
        let mut tasks = TaskSet::new(Readiness::new());
        tasks.spawn_fn(
            ShutdownPhase::Close,
            "dispatcher.heartbeat",
            slow("heartbeat", &ended),
        );
        tasks.spawn_fn(ShutdownPhase::Drain, "dispatcher.lanes", slow("lanes", &ended));
        tasks.spawn_fn(
            ShutdownPhase::Flush,
            "dispatcher.flusher",
            slow("flusher", &ended),
        );
        tasks.spawn_fn(
            ShutdownPhase::Intake,
            "dispatcher.sweeper",
            slow("sweeper", &ended),
        );
        tasks.shutdown(Duration::from_secs(60)).await.unwrap();
        assert_eq!(*ended.lock(), ["sweeper", "lanes", "flusher", "heartbeat"]);
    }

    #[tokio::test]
    async fn a_loop_that_does_not_stop_is_dropped_and_the_others_still_get_their_chance() {
        let ended = Ended::default();
        let mut tasks = TaskSet::new(Readiness::new());
        tasks.spawn_fn(ShutdownPhase::Intake, "dispatcher.stuck", |_| {
            std::future::pending()
        });
        tasks.spawn_fn(ShutdownPhase::Drain, "dispatcher.also_stuck", |_| {
            std::future::pending()
        });
        tasks.spawn_fn(
            ShutdownPhase::Flush,
            "dispatcher.flusher",
            slow("flusher", &ended),
        );
        let dropped = tasks.shutdown(Duration::from_millis(50)).await.unwrap_err();
        assert_eq!(dropped, ["dispatcher.stuck", "dispatcher.also_stuck"]);
        assert_eq!(*ended.lock(), ["flusher"]);
    }

    struct Panics;

    impl Loop for Panics {
        const NAME: &'static str = "dispatcher.sweeper";

        async fn run(self, _: CancellationToken) {
            tokio::task::yield_now().await;
            panic!("a bug");
        }
    }

    #[tokio::test]
    async fn a_loop_on_its_own_thread_may_block_and_is_dropped_like_any_other() {
        struct Told(Option<oneshot::Sender<()>>);
        impl Drop for Told {
            fn drop(&mut self) {
                let _ = self.0.take().map(|told| told.send(()));
            }
        }
        let (told, dropped) = oneshot::channel();
        let (begun, begins) = std::sync::mpsc::channel();
        let mut tasks = TaskSet::new(Readiness::new());
        tasks.spawn_blocking_fn(ShutdownPhase::Flush, "dispatcher.committer", |_| async move {
            let _told = Told(Some(told));
            begun.send(thread::current().name().map(str::to_owned)).unwrap();
            std::future::pending::<()>().await;
        });
        // Let the waiter start the thread.
        tokio::task::yield_now().await;
        assert_eq!(begins.recv().unwrap().as_deref(), Some("dispatcher.committer"));
        let late = tasks.shutdown(Duration::from_millis(50)).await.unwrap_err();
        assert_eq!(late, ["dispatcher.committer"]);
        dropped.await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_on_a_loops_own_thread_is_not_hidden() {
        let readiness = Readiness::new();
        let mut tasks = TaskSet::new(readiness.clone());
        tasks.spawn_blocking_fn(ShutdownPhase::Flush, "dispatcher.committer", |_| async {
            panic!("a bug")
        });
        while readiness.failing().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(readiness.failing()[0].why, "has died");
    }

    #[tokio::test]
    async fn a_loop_that_panics_or_ends_makes_its_area_unready() {
        let readiness = Readiness::new();
        let mut tasks = TaskSet::new(readiness.clone());
        tasks.spawn(ShutdownPhase::Intake, Panics);
        tasks.spawn_fn(ShutdownPhase::Intake, "digest.cron", |_| std::future::ready(()));
        while readiness.failing().len() < 2 {
            tokio::task::yield_now().await;
        }
        let failing = readiness.failing();
        assert_eq!((failing[0].area, failing[0].what), ("digest", "digest.cron"));
        assert_eq!(
            (failing[1].area, failing[1].what),
            ("dispatcher", "dispatcher.sweeper")
        );
        assert!(
            failing.iter().all(|failing| failing.for_good),
            "nobody starts it again"
        );
        assert!(
            tasks.shutdown(Duration::from_secs(60)).await.is_ok(),
            "what is dead needs no dropping"
        );
    }
}
