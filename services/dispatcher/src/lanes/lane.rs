//! One lane: what waits in it, what runs, and when it may go on.

use std::collections::VecDeque;
use std::time::Duration;

use watchbell_model::ids::TeamId;

use super::policy::LanePolicy;

/// The queue of one channel.
#[derive(Debug)]
pub(super) struct Lane<J> {
    pub(super) queue: VecDeque<J>,
    /// Whose it is, once something of it was taken.
    pub(super) team: Option<TeamId>,
    pub(super) in_flight: usize,
    /// Units of queued and running jobs, and reserved ones.
    pub(super) load: usize,
    /// Units reserved for deliveries that are being committed or loaded.
    pub(super) reserved: usize,
    pub(super) policy: LanePolicy,
    /// When the next attempt would be due at a steady pace (the generic cell rate algorithm).
    pub(super) steady: Duration,
    pub(super) paused_until: Duration,
    /// The database holds rows of this lane that come first.
    pub(super) backlog: bool,
    /// The instant from which it will.
    pub(super) backlog_from: Option<Duration>,
    /// Rows on their way into the database alone.
    pub(super) spilling: usize,
    /// The count of the last of them.
    pub(super) last_spill: u64,
    pub(super) schedule: Schedule,
    pub(super) used_at: Duration,
    /// When an attempt last ended, or the lane was created.
    pub(super) moved_at: Duration,
    /// When an attempt last ended that kept the next one waiting, because the lane or its team has no more at a time.
    pub(super) freed_at: Duration,
    /// Attempts that have ended since the last call of [`Lanes::headroom`].
    pub(super) ended: usize,
}

/// When a lane is looked at next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schedule {
    Idle,
    Ready,
    At(Duration),
}

// === impl Lane ===

impl<J> Lane<J> {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            queue: VecDeque::new(),
            team: None,
            in_flight: 0,
            load: 0,
            reserved: 0,
            policy: LanePolicy::UNKNOWN,
            steady: Duration::ZERO,
            paused_until: Duration::ZERO,
            backlog: false,
            backlog_from: None,
            spilling: 0,
            last_spill: 0,
            schedule: Schedule::Idle,
            used_at: Duration::ZERO,
            moved_at: now,
            freed_at: Duration::ZERO,
            ended: 0,
        }
    }

    pub(super) fn has_work(&self) -> bool {
        !self.queue.is_empty() && self.in_flight < self.policy.concurrency
    }

    pub(super) fn ready_at(&self) -> Duration {
        let ahead = self.policy.interval * (self.policy.burst - 1);
        self.steady.saturating_sub(ahead).max(self.paused_until)
    }

    /// Since when limits of the lane and its team have let an attempt go, which goes now.
    pub(super) fn allowed_since(&mut self, now: Duration) -> Duration {
        self.freed_at = self.freed_at.min(now);
        self.ready_at().max(self.freed_at)
    }

    pub(super) fn may_go(&self, now: Duration) -> bool {
        self.has_work() && self.ready_at() <= now
    }

    pub(super) fn is_backlogged(&self, now: Duration) -> bool {
        self.backlog || self.backlog_from.is_some_and(|at| at <= now)
    }

    pub(super) fn is_idle(&self, now: Duration) -> bool {
        self.load == 0
            && self.spilling == 0
            && !self.backlog
            && self.backlog_from.is_none()
            && self.steady <= now
            && self.paused_until <= now
    }
}
