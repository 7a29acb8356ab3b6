//! Scheduling of deliveries. Lanes own the order, concurrency, rate and pauses of every channel, and the bounds of
//! what this process keeps in memory. They are plain data: no I/O and no clock; `now` is the caller's monotonic time.
//! Round-robin between lanes, first in first out within one.
//!
//! Two shared resources could let one loud or stuck channel delay the rest: memory, and the slots for running
//! attempts. Both are shared by dynamic thresholds (Choudhury and Hahne, 1998): a lane may hold at most as much as is
//! still free; an empty lane always has memory for one job. So however many lanes are stuck, the next one proceeds.
//!
//! Memory is counted in units. A job takes one, or more when its event is large ([`Weighted`]). A job is admitted if
//! at least one unit is free, so the last job of a lane may exceed the limit.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use uuid::Uuid;
use watchbell_model::ChannelKind;
use watchbell_model::ids::TeamId;
use watchbell_model::route::Route;

#[cfg(test)]
mod properties;

/// A lane whose last attempt ended so recently moves.
const MOVING: Duration = Duration::from_millis(100);

/// Which lane: a channel's id, or a team's for its mail to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LaneId(pub(crate) Uuid);

impl LaneId {
    /// The lane that a route goes by: its channel's, or the team's own for mail to people. The inbox has none.
    pub(crate) fn of(route: &Route, team: TeamId) -> Option<Self> {
        if route.kind == ChannelKind::InApp {
            return None;
        }
        Some(Self(route.channel_id().map_or(team.as_uuid(), |id| id.as_uuid())))
    }
}

/// How a channel wants to be treated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LanePolicy {
    /// Attempts at the same time.
    pub(crate) concurrency: usize,
    /// Between two attempts at a steady pace; zero for no limit.
    pub(crate) interval: Duration,
    /// Attempts that may start together after a pause.
    pub(crate) burst: u32,
}

/// A job that takes memory.
pub(crate) trait Weighted {
    /// Its memory in units, at least 1; always the same.
    fn weight(&self) -> usize;
}

/// Limits of this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Units of one lane's jobs in memory, waiting or running.
    pub(crate) per_lane: usize,
    /// Units of all lanes' jobs in memory.
    pub(crate) total: usize,
    /// Concurrent attempts.
    pub(crate) in_flight: usize,
}

/// Memory reserved in a lane for rows that are being claimed from the database.
#[derive(Debug)]
#[must_use = "give it back by `finish_claim`"]
pub(crate) struct Claim {
    pub(crate) lane: LaneId,
    /// Units for rows to be claimed; one free unit suffices for the last row. May be 0.
    pub(crate) units: usize,
}

/// Start of a look into the database. Its result says nothing about rows that went there since, or are due later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    spills: u64,
    at: Duration,
}

/// All lanes of this process, of jobs `J`.
#[derive(Debug)]
pub(crate) struct Lanes<J> {
    limits: Limits,
    lanes: HashMap<LaneId, Lane<J>>,
    /// Lanes with something to send now, in round-robin order.
    ring: VecDeque<LaneId>,
    /// Lanes that wait for an instant.
    timers: BTreeSet<(Duration, LaneId)>,
    /// Units of queued and running jobs, and reserved ones.
    held: usize,
    in_flight: usize,
    /// Counts rows that found no memory and are in the database now.
    spills: u64,
    /// All ready lanes have used up their share of the slots, until an attempt ends or another lane becomes ready.
    over_share: bool,
    /// Until when the pump sleeps, unless it is woken; `None` while it is awake.
    alarm: Option<Duration>,
    /// Closed: nothing is taken any more.
    closed: bool,
}

#[derive(Debug)]
struct Lane<J> {
    queue: VecDeque<J>,
    in_flight: usize,
    /// Units of queued and running jobs, and reserved ones.
    load: usize,
    /// Units reserved for rows that are being committed or claimed.
    reserved: usize,
    policy: LanePolicy,
    /// When the next attempt would be due at a steady pace (the generic cell rate algorithm).
    steady: Duration,
    paused_until: Duration,
    /// The database holds rows of this lane that come first.
    backlog: bool,
    /// The instant from which it will.
    backlog_from: Option<Duration>,
    /// Rows on their way into the database without a lease.
    spilling: usize,
    /// The count of the last of them.
    last_spill: u64,
    schedule: Schedule,
    used_at: Duration,
    /// When an attempt last ended, or the lane was created.
    moved_at: Duration,
    /// Attempts that have ended since the last call of [`Lanes::headroom`].
    ended: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Schedule {
    Idle,
    Ready,
    At(Duration),
}

// === impl LanePolicy ===

impl LanePolicy {
    /// Policy of an unknown channel: one attempt at a time, which breaks no channel's limit.
    pub(crate) const UNKNOWN: Self = Self {
        concurrency: 1,
        interval: Duration::ZERO,
        burst: 1,
    };

    /// At most `concurrency` (at least 1) attempts at a time, and `per_second` on average; 0 for no such limit.
    pub(crate) fn new(concurrency: u32, per_second: f64) -> Self {
        let limited = per_second.is_finite() && per_second > 0.0;
        let interval = if limited {
            Duration::try_from_secs_f64(per_second.recip()).unwrap_or(Duration::MAX / 4)
        } else {
            Duration::ZERO
        };
        // The burst is one second's worth, but at most the concurrency.
        let burst = if limited {
            (per_second as u32).clamp(1, concurrency.max(1))
        } else {
            1
        };
        Self {
            concurrency: concurrency.max(1) as usize,
            interval,
            burst,
        }
    }
}

// === impl Lanes ===

impl<J: Weighted> Lanes<J> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            lanes: HashMap::new(),
            ring: VecDeque::new(),
            timers: BTreeSet::new(),
            held: 0,
            in_flight: 0,
            spills: 0,
            over_share: false,
            alarm: None,
            closed: false,
        }
    }

    /// Stops sending: nothing is taken from now on; running attempts may end.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Reserves memory for one new job of the lane. When granted, [`Lanes::push`] or [`Lanes::unreserve`] follows;
    /// when not, the row goes into the database without a lease, and [`Lanes::spilled`] follows its commit.
    pub(crate) fn reserve(&mut self, id: LaneId, units: usize, now: Duration) -> bool {
        let available = self.available(id);
        let lane = self.lane(id, now);
        if !lane.is_backlogged(now) && available > 0 {
            lane.load += units;
            lane.reserved += units;
            self.held += units;
            return true;
        }
        lane.backlog = true;
        lane.spilling += 1;
        false
    }

    /// Units that new jobs of this lane should take now, under backpressure. A lane that moves, or is new, gets what
    /// is free; once the database holds jobs of it, half of what has become free since the last call, so that the
    /// backlog shrinks. A stalled lane is not limited: admission does not slow it down.
    pub(crate) fn headroom(&mut self, id: LaneId, now: Duration) -> usize {
        let available = self.available(id);
        let Some(lane) = self.lanes.get_mut(&id) else {
            return available;
        };
        let ended = std::mem::take(&mut lane.ended);
        if lane.moved_at + MOVING < now {
            usize::MAX
        } else if lane.is_backlogged(now) {
            ended.div_ceil(2)
        } else {
            available
        }
    }

    /// Releases a reservation.
    pub(crate) fn unreserve(&mut self, id: LaneId, units: usize) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            let units = units.min(lane.reserved);
            lane.reserved -= units;
            lane.load -= units;
            self.held -= units;
        }
    }

    /// Records that a row without memory was committed, or given up.
    pub(crate) fn spilled(&mut self, id: LaneId) {
        self.spills += 1;
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.spilling = lane.spilling.saturating_sub(1);
            lane.last_spill = self.spills;
        }
    }

    /// Queues a job in its reservation.
    pub(crate) fn push(&mut self, id: LaneId, job: J, now: Duration) {
        let units = job.weight();
        let lane = self.lane(id, now);
        let promised = units.min(lane.reserved);
        lane.reserved -= promised;
        lane.load += units - promised;
        lane.queue.push_back(job);
        self.held += units - promised;
        self.enrol(id, now);
    }

    /// Takes up to `max` jobs that may be sent now. Each is running until [`Lanes::completed`].
    pub(crate) fn take(&mut self, now: Duration, max: usize) -> Vec<(LaneId, J)> {
        while let Some((at, id)) = self.timers.first().copied()
            && at <= now
        {
            self.timers.pop_first();
            if let Some(lane) = self.lanes.get_mut(&id) {
                lane.schedule = Schedule::Idle;
            }
            self.enrol(id, now);
        }
        let mut taken = Vec::new();
        let mut over_share = Vec::new();
        while !self.closed && self.in_flight < self.limits.in_flight && taken.len() < max {
            let Some(id) = self.ring.pop_front() else { break };
            let free = self.limits.in_flight - self.in_flight;
            let Some(lane) = self.lanes.get_mut(&id) else {
                continue;
            };
            lane.schedule = Schedule::Idle;
            if lane.may_go(now) {
                if lane.in_flight >= free {
                    // Free slots only decrease in this call, so the lane need not be checked again.
                    lane.schedule = Schedule::Ready;
                    over_share.push(id);
                    continue;
                }
                if let Some(job) = lane.queue.pop_front() {
                    lane.in_flight += 1;
                    lane.used_at = now;
                    lane.steady = lane.steady.max(now) + lane.policy.interval;
                    self.in_flight += 1;
                    taken.push((id, job));
                }
            }
            self.enrol(id, now);
        }
        self.over_share = self.ring.is_empty();
        // They keep their position at the front.
        for id in over_share.into_iter().rev() {
            self.ring.push_front(id);
        }
        taken
    }

    /// Ends an attempt: its job leaves memory. Returns true when the database holds more of this lane and enough
    /// memory is free to claim it.
    pub(crate) fn completed(&mut self, id: LaneId, units: usize, now: Duration) -> bool {
        let per_lane = self.limits.per_lane;
        let Some(lane) = self.lanes.get_mut(&id) else {
            return false;
        };
        if lane.in_flight > 0 {
            lane.in_flight -= 1;
            lane.load -= units;
            self.in_flight -= 1;
            self.held -= units;
            self.over_share = false;
        }
        lane.used_at = now;
        lane.moved_at = now;
        lane.ended += units;
        let hungry = lane.is_backlogged(now) && lane.load <= per_lane / 2;
        self.enrol(id, now);
        hungry
    }

    /// Undoes the pacing of a job that is not sent after all. With several concurrent attempts it is unknown whether
    /// the pace still counts it; then nothing is undone.
    pub(crate) fn refund(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.get_mut(&id)
            && lane.in_flight == 1
            && lane.policy.concurrency == 1
        {
            lane.steady = lane.steady.saturating_sub(lane.policy.interval);
        }
    }

    /// Sets the lane's policy. Running attempts are not affected.
    pub(crate) fn set_policy(&mut self, id: LaneId, policy: LanePolicy, now: Duration) {
        let lane = self.lane(id, now);
        if lane.policy != policy {
            lane.policy = policy;
            // A slower pace of before must not bind for longer than the new one would.
            lane.steady = lane.steady.min(now + policy.interval * policy.burst);
            self.enrol(id, now);
        }
    }

    /// Pauses the lane until `until`.
    pub(crate) fn pause(&mut self, id: LaneId, until: Duration, now: Duration) {
        let lane = self.lane(id, now);
        lane.paused_until = lane.paused_until.max(until);
        self.enrol(id, now);
    }

    /// Announces that from `at` on the database holds rows of this lane that come before new ones: held deliveries.
    pub(crate) fn expect_backlog(&mut self, id: LaneId, at: Duration, now: Duration) {
        let lane = self.lane(id, now);
        lane.backlog_from = Some(lane.backlog_from.map_or(at, |known| known.min(at)));
    }

    /// Reserves at most `max` units for due rows of this lane in the database. Until all are in memory, new rows
    /// queue up behind them there.
    pub(crate) fn begin_claim(&mut self, id: LaneId, max: usize, now: Duration) -> Claim {
        let free = self.free();
        let per_lane = self.limits.per_lane;
        let lane = self.lane(id, now);
        lane.backlog = true;
        // The first rows of a commit are on their way into memory, the rest into the database; the rest must not
        // overtake them.
        let max = if lane.reserved > 0 && lane.spilling > 0 {
            0
        } else {
            max
        };
        // `held` grows with the reservation, so the threshold falls while the load rises.
        let available = per_lane
            .saturating_sub(lane.load)
            .min(free.saturating_sub(lane.load).div_ceil(2))
            .max(usize::from(lane.load == 0))
            .min(max);
        lane.load += available;
        lane.reserved += available;
        self.held += available;
        Claim {
            lane: id,
            units: available,
        }
    }

    /// Queues claimed jobs and releases the rest of the reservation. The next look determines whether the database
    /// has more: rows may have been locked by another transaction, or be counted differently there.
    pub(crate) fn finish_claim(&mut self, claim: &Claim, jobs: Vec<J>, now: Duration) {
        let got = jobs.iter().map(Weighted::weight).sum();
        for job in jobs {
            self.push(claim.lane, job, now);
        }
        self.unreserve(claim.lane, claim.units.saturating_sub(got));
    }

    /// Marks the start of a look into the database; call it before reading, and before choosing the instant of due
    /// rows.
    pub(crate) fn ask(&self, now: Duration) -> Asked {
        Asked {
            spills: self.spills,
            at: now,
        }
    }

    /// Lanes whose new jobs queue up in the database.
    pub(crate) fn backlogged(&self, now: Duration) -> Vec<LaneId> {
        let lanes = self.lanes.iter().filter(|(_, lane)| lane.is_backlogged(now));
        lanes.map(|(id, _)| *id).collect()
    }

    /// Records that the database holds no due row of this lane. Ignored if a row went there since the start of the
    /// look.
    pub(crate) fn nothing_waits(&mut self, id: LaneId, asked: Asked) {
        if let Some(lane) = self.lanes.get_mut(&id)
            && lane.spilling == 0
            && lane.last_spill <= asked.spills
        {
            lane.backlog = false;
            lane.backlog_from = lane.backlog_from.filter(|from| *from > asked.at);
        }
    }

    /// Releases the reservation of a failed claim, which says nothing about the database.
    pub(crate) fn abandon_claim(&mut self, claim: &Claim) {
        self.unreserve(claim.lane, claim.units);
    }

    /// The pump goes to sleep; returns until when, unless it is woken.
    pub(crate) fn sleep_until(&mut self, now: Duration) -> Duration {
        let alarm = self.next_wake(now).unwrap_or(Duration::MAX);
        self.alarm = Some(alarm);
        alarm
    }

    /// Whether the pump would sleep for too long.
    pub(crate) fn oversleeps(&self, now: Duration) -> bool {
        let wake = self.next_wake(now);
        self.alarm.is_some_and(|alarm| wake.is_some_and(|at| at < alarm))
    }

    /// When a job may be sent next; `now` when one may already.
    fn next_wake(&self, now: Duration) -> Option<Duration> {
        if self.in_flight >= self.limits.in_flight {
            return None;
        }
        if self.ring.is_empty() || self.over_share {
            self.timers.first().map(|(at, _)| (*at).max(now))
        } else {
            Some(now)
        }
    }

    /// Drops the jobs for which `keep` is false, unless they are running.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&J) -> bool) {
        for lane in self.lanes.values_mut() {
            let mut dropped = 0;
            lane.queue.retain(|job| {
                let keeps = keep(job);
                dropped += if keeps { 0 } else { job.weight() };
                keeps
            });
            lane.load -= dropped;
            self.held -= dropped;
        }
    }

    /// Drops lanes that were idle since `since`.
    pub(crate) fn forget_idle(&mut self, since: Duration, now: Duration) {
        self.lanes
            .retain(|_, lane| lane.used_at > since || !lane.is_idle(now));
    }

    /// Number of waiting jobs of a lane.
    pub(crate) fn queued(&self, id: LaneId) -> usize {
        self.lanes.get(&id).map_or(0, |lane| lane.queue.len())
    }

    /// The next job of a lane.
    pub(crate) fn first(&self, id: LaneId) -> Option<&J> {
        self.lanes.get(&id)?.queue.front()
    }

    /// Units of queued and running jobs, and reserved ones.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// Running attempts.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Units that a lane may still take for new jobs.
    fn available(&self, id: LaneId) -> usize {
        let load = self.lanes.get(&id).map_or(0, |lane| lane.load);
        let available = self.free().min(self.limits.per_lane).saturating_sub(load);
        available.max(usize::from(load == 0))
    }

    fn free(&self) -> usize {
        self.limits.total - self.held.min(self.limits.total)
    }

    fn lane(&mut self, id: LaneId, now: Duration) -> &mut Lane<J> {
        let lane = self.lanes.entry(id).or_insert_with(|| Lane::new(now));
        lane.used_at = now;
        lane
    }

    /// Schedules a lane by its state: ready, at an instant, or idle.
    fn enrol(&mut self, id: LaneId, now: Duration) {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        if lane.schedule == Schedule::Ready {
            return; // `take` looks again before anything goes.
        }
        if let Schedule::At(at) = lane.schedule {
            self.timers.remove(&(at, id));
        }
        lane.schedule = if !lane.has_work() {
            Schedule::Idle
        } else if lane.ready_at() > now {
            self.timers.insert((lane.ready_at(), id));
            Schedule::At(lane.ready_at())
        } else {
            self.ring.push_back(id);
            self.over_share = false;
            Schedule::Ready
        };
    }
}

// === impl Lane ===

impl<J> Lane<J> {
    fn new(now: Duration) -> Self {
        Self {
            queue: VecDeque::new(),
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
            ended: 0,
        }
    }

    fn has_work(&self) -> bool {
        !self.queue.is_empty() && self.in_flight < self.policy.concurrency
    }

    fn ready_at(&self) -> Duration {
        let ahead = self.policy.interval * (self.policy.burst - 1);
        self.steady.saturating_sub(ahead).max(self.paused_until)
    }

    fn may_go(&self, now: Duration) -> bool {
        self.has_work() && self.ready_at() <= now
    }

    fn is_backlogged(&self, now: Duration) -> bool {
        self.backlog || self.backlog_from.is_some_and(|at| at <= now)
    }

    fn is_idle(&self, now: Duration) -> bool {
        self.load == 0
            && self.spilling == 0
            && !self.backlog
            && self.backlog_from.is_none()
            && self.steady <= now
            && self.paused_until <= now
    }
}
