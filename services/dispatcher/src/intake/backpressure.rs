//! When it is this process that everything waits for, events are taken in no faster than they are sent. What finds no
//! room in a lane goes by way of the database and costs twice, so that taking more would make everything slower, the
//! sending of what was taken before too. Whoever emits for such a lane waits a little for the answer; nobody else does.
//!
//! A slow endpoint is no reason to wait: what it cannot take yet is what the database is for.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::job::Submission;
use crate::lanes::LaneId;
use crate::state::Core;

/// Processors are short when the runtime's threads have work for this share of the time, in percent.
const SHORT: u64 = 85;
/// The time over which that is measured.
const WINDOW: Duration = Duration::from_millis(20);
/// The database is what everybody waits for when a commit carries so much.
const LARGE: usize = 256;
/// A measurement says nothing after so long.
const STALE: Duration = Duration::from_millis(200);
/// How long a submission waits at most.
const PATIENCE: Duration = Duration::from_secs(1);
/// Submissions that wait at most: as many as one team may have under way.
const MAX_WAITING: usize = 8_192;

/// How busy this process is.
#[derive(Debug, Default)]
pub(crate) struct Pressure {
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

/// Submissions that wait, each for a lane.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    waiting: BTreeMap<LaneId, VecDeque<(Duration, Submission)>>,
    count: usize,
}

/// What lanes may still get in this round.
struct Headroom<'c> {
    core: &'c Core,
    now: Duration,
    lanes: HashMap<LaneId, usize>,
}

// === impl Pressure ===

impl Pressure {
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

    /// So many threads have worked for so long in all.
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

    /// A commit begins that carries so many submissions and outcomes.
    pub(crate) fn commits(&self, now: Duration, things: usize) {
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
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Admission ===

impl Admission {
    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// One round of letting in: `next` yields what is new, `admit` takes what may come in and says whether there can be
    /// more. What waited comes first.
    pub(crate) fn round(
        &mut self,
        core: &Core,
        hurry: bool,
        mut next: impl FnMut() -> Option<Submission>,
        mut admit: impl FnMut(Submission) -> bool,
    ) {
        let now = core.clock.monotonic();
        let mut headroom = (!hurry && core.pressure.is_high(now)).then(|| Headroom::new(core, now));
        let lanes: Vec<LaneId> = self.waiting.keys().copied().collect();
        for lane in lanes {
            while let Some((since, submission)) = self.waiting.get(&lane).and_then(VecDeque::front) {
                let patient = now < *since + PATIENCE;
                let full = headroom
                    .as_mut()
                    .filter(|_| patient)
                    .and_then(|room| room.full(submission));
                if full == Some(lane) {
                    break;
                }
                let Some((since, submission)) = self.pop(lane) else {
                    break;
                };
                match full {
                    Some(full) => self.push(full, since, submission),
                    None if admit(submission) => {}
                    None => return,
                }
            }
        }
        while let Some(submission) = next() {
            let full = match &mut headroom {
                Some(headroom) if self.count < MAX_WAITING => headroom.full(&submission),
                _ => None,
            };
            match full {
                Some(lane) => self.push(lane, now, submission),
                None if admit(submission) => {}
                None => return,
            }
        }
    }

    fn push(&mut self, lane: LaneId, since: Duration, submission: Submission) {
        self.waiting
            .entry(lane)
            .or_default()
            .push_back((since, submission));
        self.count += 1;
    }

    fn pop(&mut self, lane: LaneId) -> Option<(Duration, Submission)> {
        let queue = self.waiting.get_mut(&lane)?;
        let first = queue.pop_front()?;
        self.count -= 1;
        if queue.is_empty() {
            self.waiting.remove(&lane);
        }
        Some(first)
    }
}

// === impl Headroom ===

impl<'c> Headroom<'c> {
    fn new(core: &'c Core, now: Duration) -> Self {
        Self {
            core,
            now,
            lanes: HashMap::new(),
        }
    }

    /// A lane that this submission has to wait for; when there is none, its room is counted as taken.
    fn full(&mut self, submission: &Submission) -> Option<LaneId> {
        if submission.at_once {
            return None;
        }
        let team = submission.event.team_id;
        let lanes = || {
            submission
                .routes
                .iter()
                .filter_map(|planned| LaneId::of(&planned.route, team))
        };
        let full = lanes().find(|lane| *self.of(*lane) == 0);
        let places = submission.places_of_each();
        if full.is_none() {
            for lane in lanes() {
                let left = self.of(lane);
                *left = left.saturating_sub(places);
            }
        }
        full
    }

    fn of(&mut self, lane: LaneId) -> &mut usize {
        let (core, now) = (self.core, self.now);
        self.lanes
            .entry(lane)
            .or_insert_with(|| core.lanes().headroom(lane, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn pressure_is_high_while_the_threads_have_hardly_a_pause() {
        let pressure = Pressure::default();
        pressure.note(Duration::ZERO, 2, || Duration::ZERO);
        pressure.note(20 * MS, 2, || 36 * MS);
        assert!(pressure.is_high(20 * MS), "36 of 40 ms");
        pressure.note(30 * MS, 2, || panic!("it is too early to measure again"));
        pressure.note(40 * MS, 2, || 56 * MS);
        assert!(!pressure.is_high(40 * MS), "20 of 40 ms");
    }

    #[test]
    fn pressure_is_high_after_a_large_commit_and_for_a_while() {
        let pressure = Pressure::default();
        pressure.commits(MS, 255);
        assert!(!pressure.is_high(MS));
        pressure.commits(MS, 256);
        assert!(pressure.is_high(200 * MS));
        assert!(!pressure.is_high(201 * MS));
    }
}
