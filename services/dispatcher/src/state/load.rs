//! Whether this process itself is what limits throughput: its processors, or the size of its commits.

use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::Handle;

/// Busy share of the runtime's threads at which processors count as the bottleneck, in percent.
const SHORT: u64 = 85;
/// Time over which that is measured.
const WINDOW: Duration = Duration::from_millis(20);
/// Size of a commit at which the database counts as the bottleneck.
const LARGE: usize = 256;
/// Age at which a measurement is ignored.
const STALE: Duration = Duration::from_millis(200);

/// How busy this process is.
#[derive(Debug, Default)]
pub(crate) struct LoadMonitor {
    processors: Mutex<Option<Measured>>,
    /// The last large commit.
    large_at: Mutex<Option<Duration>>,
}

#[derive(Debug, Clone, Copy)]
struct Measured {
    at: Duration,
    /// Work of all threads until then.
    work: Duration,
    /// Percent of the time before.
    busy: u64,
}

// === impl LoadMonitor ===

impl LoadMonitor {
    /// Measures again, when it is time to.
    pub(crate) fn measure(&self, now: Duration) {
        let metrics = Handle::current().metrics();
        let threads = metrics.num_workers();
        let work = || {
            (0..threads)
                .map(|thread| metrics.worker_total_busy_duration(thread))
                .sum()
        };
        self.note(now, u32::try_from(threads).unwrap_or(1), work);
    }

    /// Records the total busy time of `threads` threads.
    pub(crate) fn note(&self, now: Duration, threads: u32, work: impl FnOnce() -> Duration) {
        let mut last = lock(&self.processors);
        let Some(before) = *last else {
            *last = Some(Measured {
                at: now,
                work: work(),
                busy: 0,
            });
            return;
        };
        let elapsed = now.saturating_sub(before.at);
        if elapsed < WINDOW {
            return;
        }
        let work = work();
        let worked = work.saturating_sub(before.work).as_micros();
        let time = (elapsed * threads).as_micros().max(1);
        let busy = u64::try_from(worked * 100 / time).unwrap_or(100);
        *last = Some(Measured { at: now, work, busy });
    }

    /// Records the start of a commit of `things` submissions and outcomes.
    pub(crate) fn commit_started(&self, now: Duration, things: usize) {
        if things >= LARGE {
            *lock(&self.large_at) = Some(now);
        }
    }

    /// Whether it is this process, and no endpoint, that everything waits for.
    pub(crate) fn is_high(&self, now: Duration) -> bool {
        let fresh = |at: Duration| now.saturating_sub(at) < STALE;
        let busy = lock(&self.processors).is_some_and(|last| last.busy >= SHORT && fresh(last.at));
        busy || lock(&self.large_at).is_some_and(fresh)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn load_is_high_while_the_threads_have_hardly_a_pause() {
        let load = LoadMonitor::default();
        load.note(Duration::ZERO, 2, || Duration::ZERO);
        load.note(20 * MS, 2, || 36 * MS);
        assert!(load.is_high(20 * MS), "36 of 40 ms");
        load.note(30 * MS, 2, || panic!("it is too early to measure again"));
        load.note(40 * MS, 2, || 56 * MS);
        assert!(!load.is_high(40 * MS), "20 of 40 ms");
    }

    #[test]
    fn load_is_high_after_a_large_commit_and_for_a_while() {
        let load = LoadMonitor::default();
        load.commit_started(MS, 255);
        assert!(!load.is_high(MS));
        load.commit_started(MS, 256);
        assert!(load.is_high(200 * MS));
        assert!(!load.is_high(201 * MS));
    }
}
