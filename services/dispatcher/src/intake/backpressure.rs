//! Backpressure. While the process itself is the bottleneck, submissions are admitted no faster than deliveries are
//! sent: a delivery that finds no memory in its lane goes through the database and costs twice, which would slow
//! everything down. Only callers of full lanes wait, for up to [`MAX_WAIT`].
//!
//! A slow endpoint causes no backpressure: its deliveries wait in the database.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use crate::job::Submission;
use crate::lanes::LaneId;
use crate::state::Core;

/// How long a submission waits at most.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// Waiting submissions: as many as one team may have in flight.
const MAX_WAITING: usize = 8_192;
/// Deliveries of what has waited that are admitted before a new submission has its turn, half of a transaction's: what waits may be
/// one team's.
const BEFORE_NEW: usize = 128;

/// Submissions that wait, each for a lane.
#[derive(Debug, Default)]
pub(crate) struct Backpressure {
    waiting: BTreeMap<LaneId, VecDeque<(Duration, Submission)>>,
    count: usize,
}

/// What lanes may still get in this round.
struct LaneBudget<'c> {
    core: &'c Core,
    now: Duration,
    lanes: HashMap<LaneId, usize>,
}

// === impl Backpressure ===

impl Backpressure {
    /// Whether no submission waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Admits submissions: some of those that wait, then new ones from `next`, then the others that wait. `take` accepts one and
    /// returns whether there may be more.
    pub(crate) fn admit(
        &mut self,
        core: &Core,
        draining: bool,
        mut next: impl FnMut() -> Option<Submission>,
        mut take: impl FnMut(Submission) -> bool,
    ) {
        let now = core.clock.monotonic();
        let mut budget = (!draining && core.load.is_high(now)).then(|| LaneBudget::new(core, now));
        if self.admit_waiting(now, &mut budget, BEFORE_NEW, &mut take)
            && self.admit_new(now, &mut budget, &mut next, &mut take)
        {
            self.admit_waiting(now, &mut budget, usize::MAX, &mut take);
        }
    }

    /// Admits what waits for lanes that have room again, or has waited long enough, up to so many deliveries; whether there may be
    /// more in this batch.
    fn admit_waiting(
        &mut self,
        now: Duration,
        budget: &mut Option<LaneBudget<'_>>,
        mut deliveries: usize,
        take: &mut impl FnMut(Submission) -> bool,
    ) -> bool {
        let lanes: Vec<LaneId> = self.waiting.keys().copied().collect();
        for lane in lanes {
            while let Some((since, submission)) = self.waiting.get(&lane).and_then(VecDeque::front) {
                if deliveries == 0 {
                    return true;
                }
                let may_wait = now < *since + MAX_WAIT;
                let full = budget
                    .as_mut()
                    .filter(|_| may_wait)
                    .and_then(|room| room.full(submission));
                if full == Some(lane) {
                    break;
                }
                let Some((since, submission)) = self.pop(lane) else {
                    break;
                };
                if let Some(full) = full {
                    self.push(full, since, submission);
                    continue;
                }
                deliveries = deliveries.saturating_sub(submission.routes.len().max(1));
                if !take(submission) {
                    return false;
                }
            }
        }
        true
    }

    /// Admits new submissions; whether there may be more in this batch.
    fn admit_new(
        &mut self,
        now: Duration,
        budget: &mut Option<LaneBudget<'_>>,
        next: &mut impl FnMut() -> Option<Submission>,
        take: &mut impl FnMut(Submission) -> bool,
    ) -> bool {
        while let Some(submission) = next() {
            let full = match budget {
                Some(budget) if self.count < MAX_WAITING => {
                    // What came before it to one of its lanes goes before it.
                    self.behind(&submission).or_else(|| budget.full(&submission))
                }
                _ => None,
            };
            match full {
                Some(lane) => self.push(lane, now, submission),
                None if take(submission) => {}
                None => return false,
            }
        }
        true
    }

    /// A lane of a submission for which others wait already.
    fn behind(&self, submission: &Submission) -> Option<LaneId> {
        let team = submission.event.team_id;
        let waits = |lane: &LaneId| self.waiting.contains_key(lane);
        let routes = submission.routes.iter();
        routes
            .filter_map(|planned| LaneId::of(&planned.route, team))
            .find(waits)
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

// === impl LaneBudget ===

impl<'c> LaneBudget<'c> {
    fn new(core: &'c Core, now: Duration) -> Self {
        Self {
            core,
            now,
            lanes: HashMap::new(),
        }
    }

    /// The full lane that a submission must wait for. `None`: its memory is counted as taken.
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
        let full = lanes().find(|lane| *self.available(*lane) == 0);
        let weight = submission.weight_of_each();
        if full.is_none() {
            for lane in lanes() {
                let left = self.available(lane);
                *left = left.saturating_sub(weight);
            }
        }
        full
    }

    fn available(&mut self, lane: LaneId) -> &mut usize {
        let (core, now) = (self.core, self.now);
        self.lanes
            .entry(lane)
            .or_insert_with(|| core.lanes().headroom(lane, now))
    }
}
