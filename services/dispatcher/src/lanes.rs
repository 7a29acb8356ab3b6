//! Scheduling of deliveries. Lanes own the order, concurrency, rate and pauses of every channel, and the bounds of
//! what this process keeps in memory. They are plain data: no I/O and no clock; `now` is the caller's monotonic time.
//! Round-robin between lanes, first in first out within one.
//!
//! Two shared resources could let one loud or stuck channel delay the rest: memory, and the slots for running
//! attempts. Both are shared by dynamic thresholds (Choudhury and Hahne, 1998): a lane may hold at most as much memory
//! as is still free; an empty lane always has memory for one job. A team may hold at most as many slots as are still
//! free, and a lane at most as many as its team may still take. So however many lanes of a team are stuck, half of the
//! slots are left for other teams, and the team's next lane proceeds while it has fewer lanes than half the slots.
//!
//! Memory is counted in units. A job takes one, or more when its event is large ([`Weighted`]). A job is admitted if
//! at least one unit is free, so the last job of a lane may exceed the limit.

mod lane;
mod policy;
#[cfg(test)]
mod properties;

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use uuid::Uuid;
use watchbell_model::ChannelKind;
use watchbell_model::ids::TeamId;
use watchbell_model::route::Route;

use self::lane::{Lane, Schedule};

pub(crate) use self::policy::LanePolicy;

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

/// A job that takes memory and a slot.
pub(crate) trait Weighted {
    /// Its memory in units, at least 1; always the same.
    fn weight(&self) -> usize;

    /// Its team, the same for all jobs of a lane.
    fn team(&self) -> TeamId;

    /// Notes, when it is taken, since when its lane's rate, pauses and concurrency, and its team's share, have let it go.
    fn allowed_since(&mut self, _at: Duration) {}
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

/// Memory reserved in a lane for deliveries that are being loaded from the database.
#[derive(Debug)]
#[must_use = "give it back by `finish_load`"]
pub(crate) struct Room {
    pub(crate) lane: LaneId,
    /// Units; one free unit suffices for the last delivery. May be 0.
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
    /// Those of the teams that have any.
    in_flight_of: HashMap<TeamId, usize>,
    /// Counts rows that found no memory and are in the database now.
    spills: u64,
    /// All ready lanes have used up their share of the slots, until an attempt ends or another lane becomes ready.
    over_share: bool,
    /// Until when the pump sleeps, unless it is woken; `None` while it is awake.
    alarm: Option<Duration>,
    /// From when nothing is taken, unless it is put off: the lease of this process ends.
    sends_until: Duration,
    /// Closed: nothing is taken any more.
    closed: bool,
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
            in_flight_of: HashMap::new(),
            spills: 0,
            over_share: false,
            alarm: None,
            sends_until: Duration::MAX,
            closed: false,
        }
    }

    /// Sets from when nothing is taken. The caller wakes the pump.
    pub(crate) fn set_sends_until(&mut self, until: Duration) {
        self.sends_until = until;
    }

    /// Stops sending: nothing is taken from now on; running attempts may end.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Reserves memory for one new job of the lane. When granted, [`Lanes::push`] or [`Lanes::unreserve`] follows;
    /// when not, the row goes into the database alone, and [`Lanes::spilled`] follows its commit.
    pub(crate) fn reserve(&mut self, id: LaneId, units: usize, now: Duration) -> bool {
        let available = self.available(id);
        let lane = self.lane(id, now);
        if !lane.is_backlogged(now) && available > 0 {
            lane.load += units;
            lane.reserved += units;
            self.held += units;
            return true;
        }
        self.spill(id, now);
        false
    }

    /// Records that a row without memory is on its way into the database; [`Lanes::spilled`] follows its commit.
    pub(crate) fn spill(&mut self, id: LaneId, now: Duration) {
        let lane = self.lane(id, now);
        lane.backlog = true;
        lane.spilling += 1;
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

    /// Queues a job that was taken and not sent before all others, so that nothing newer overtakes it. It still runs until
    /// [`Lanes::completed`].
    pub(crate) fn return_to_front(&mut self, id: LaneId, job: J, now: Duration) {
        self.refund(id);
        let units = job.weight();
        let lane = self.lane(id, now);
        lane.load += units;
        lane.queue.push_front(job);
        self.held += units;
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
        while !self.closed
            && now < self.sends_until
            && self.in_flight < self.limits.in_flight
            && taken.len() < max
        {
            let Some(id) = self.ring.pop_front() else { break };
            let free = self.limits.in_flight - self.in_flight;
            let Some(lane) = self.lanes.get_mut(&id) else {
                continue;
            };
            lane.schedule = Schedule::Idle;
            if lane.may_go(now)
                && let Some(team) = lane.queue.front().map(Weighted::team)
            {
                let of_team = self.in_flight_of.get(&team).copied().unwrap_or(0);
                // The last slot of a team is for a lane that has none.
                let for_next_lane = usize::from(lane.in_flight > 0);
                if of_team + lane.in_flight + for_next_lane >= free {
                    // Free slots only decrease in this call, so the lane need not be checked again.
                    lane.schedule = Schedule::Ready;
                    // Attempts of its own team keep it waiting, until it is taken.
                    lane.freed_at = Duration::MAX;
                    over_share.push(id);
                    continue;
                }
                if let Some(mut job) = lane.queue.pop_front() {
                    job.allowed_since(lane.allowed_since(now));
                    self.in_flight_of.insert(team, of_team + 1);
                    lane.team = Some(team);
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
    /// memory is free to load it.
    pub(crate) fn completed(&mut self, id: LaneId, units: usize, now: Duration) -> bool {
        let per_lane = self.limits.per_lane;
        let Some(lane) = self.lanes.get_mut(&id) else {
            return false;
        };
        if lane.in_flight > 0 {
            if lane.in_flight >= lane.policy.concurrency {
                lane.freed_at = now;
            }
            lane.in_flight -= 1;
            lane.load -= units;
            self.in_flight -= 1;
            if let Some(team) = lane.team
                && let Entry::Occupied(mut of_team) = self.in_flight_of.entry(team)
            {
                *of_team.get_mut() -= 1;
                if *of_team.get() == 0 {
                    of_team.remove();
                }
            }
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

    /// Reserves at most `max` units for due deliveries of this lane in the database. Where there are none, new ones queue
    /// up behind those.
    pub(crate) fn begin_load(&mut self, id: LaneId, max: usize, now: Duration) -> Room {
        let free = self.free();
        let per_lane = self.limits.per_lane;
        let lane = self.lane(id, now);
        // The first rows of a commit are on their way into memory, the rest into the database; the rest must not
        // overtake them.
        let max = if lane.reserved > 0 && lane.spilling > 0 {
            0
        } else {
            max
        };
        // `held` grows with the reservation, so the threshold falls while the load rises.
        let units = per_lane
            .saturating_sub(lane.load)
            .min(free.saturating_sub(lane.load).div_ceil(2))
            .max(usize::from(lane.load == 0))
            .min(max);
        lane.backlog |= units == 0;
        lane.load += units;
        lane.reserved += units;
        self.held += units;
        Room { lane: id, units }
    }

    /// Queues the jobs of loaded deliveries and releases the rest of the reservation. While the database has `more` that
    /// is due, new deliveries queue up behind it.
    pub(crate) fn finish_load(&mut self, room: &Room, jobs: Vec<J>, more: bool, now: Duration) {
        let got = jobs.iter().map(Weighted::weight).sum();
        for job in jobs {
            self.push(room.lane, job, now);
        }
        self.unreserve(room.lane, room.units.saturating_sub(got));
        self.lane(room.lane, now).backlog |= more;
    }

    /// Marks the start of a look into the database; call it before reading, and before choosing the instant of due
    /// rows.
    pub(crate) fn ask(&self, now: Duration) -> Asked {
        Asked {
            spills: self.spills,
            at: now,
        }
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

    /// Releases the reservation of a failed load, which says nothing about the database.
    pub(crate) fn abandon_load(&mut self, room: &Room) {
        self.unreserve(room.lane, room.units);
        if let Some(lane) = self.lanes.get_mut(&room.lane) {
            lane.backlog = true;
        }
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
        if self.in_flight >= self.limits.in_flight || now >= self.sends_until {
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

    /// Takes the waiting jobs out of a lane for which `which` is true.
    pub(crate) fn remove(&mut self, id: LaneId, which: impl Fn(&J) -> bool) -> Vec<J> {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return Vec::new();
        };
        let queue = std::mem::take(&mut lane.queue).into_iter();
        let (removed, left): (Vec<J>, Vec<J>) = queue.partition(which);
        lane.queue = left.into();
        let weight: usize = removed.iter().map(Weighted::weight).sum();
        lane.load -= weight;
        self.held -= weight;
        removed
    }

    /// Number of waiting jobs of a lane.
    #[cfg(test)]
    pub(crate) fn queued(&self, id: LaneId) -> usize {
        self.lanes.get(&id).map_or(0, |lane| lane.queue.len())
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
