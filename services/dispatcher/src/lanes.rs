//! What may be sent now? Lanes own the order, concurrency, rate and pauses of every channel, and the bounds of what
//! this process keeps in memory. They are plain data: no I/O, no clock (`now` is the monotonic time of the caller),
//! no wall time. Round-robin between lanes, first in first out within one.
//!
//! Two shared resources could let one loud or stuck channel delay the rest: memory and the slots for attempts under
//! way. Both are shared by dynamic thresholds (Choudhury and Hahne, 1998): a lane may hold at most as much as is
//! still free; in memory, an empty one has room for a job in any case. However many lanes are stuck, the next one moves.
//!
//! Memory is counted in places. A job takes one or, when its event is large, more ([`Weigh`]). What is let in begins in
//! a free place, so that a lane's last job, and the only one of a lane, may reach beyond the bounds.

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
    /// Attempts that may start together after a rest.
    pub(crate) burst: u32,
}

/// Something that takes memory.
pub(crate) trait Weigh {
    /// How many places it takes, at least 1; always the same.
    fn places(&self) -> usize;
}

/// What this process takes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Places of one lane's jobs in memory, waiting or under way.
    pub(crate) per_lane: usize,
    /// Places of all lanes' jobs in memory.
    pub(crate) total: usize,
    /// Attempts under way at the same time.
    pub(crate) in_flight: usize,
}

/// Room set aside in a lane for rows that are being claimed from the database.
#[derive(Debug)]
#[must_use = "give it back by `finish_claim`"]
pub(crate) struct Claim {
    pub(crate) lane: LaneId,
    /// Places for rows that may be claimed, the last of which may begin in the last place; may be 0.
    pub(crate) room: usize,
}

/// When somebody began to look into the database. The answer tells of nothing that went there since, or is due later.
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
    /// Lanes with something to send now, in turn.
    ring: VecDeque<LaneId>,
    /// Lanes that wait for an instant.
    timers: BTreeSet<(Duration, LaneId)>,
    /// Places of jobs queued, under way, or promised room.
    held: usize,
    in_flight: usize,
    /// Counts rows that found no room and are in the database now.
    spills: u64,
    /// Each lane in turn has more than its share of the slots, until an attempt ends or another lane comes.
    over_share: bool,
    /// Until when whoever takes sleeps, unless it is woken; `None` while it is awake.
    alarm: Option<Duration>,
    /// Nothing is taken any more.
    closed: bool,
}

#[derive(Debug)]
struct Lane<J> {
    queue: VecDeque<J>,
    in_flight: usize,
    /// Places of what is queued, under way, or promised room.
    load: usize,
    /// Places promised to rows that are being committed or claimed.
    reserved: usize,
    policy: LanePolicy,
    /// When the next attempt would be due at a steady pace (the generic cell rate algorithm).
    steady: Duration,
    paused_until: Duration,
    /// The database holds rows of this lane that come first.
    backlog: bool,
    /// From this instant on it will.
    backlog_from: Option<Duration>,
    /// Rows on their way into the database without a lease.
    spilling: usize,
    /// The count of the last of them.
    last_spill: u64,
    place: Place,
    used_at: Duration,
    /// When an attempt last ended, or the lane began.
    moved_at: Duration,
    /// Attempts that have ended since somebody asked.
    ended: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Nowhere,
    Ring,
    Timer(Duration),
}

// === impl LanePolicy ===

impl LanePolicy {
    /// Before the channel is known: one after the other, so that no limit of the channel's can be broken.
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
        // One second's worth may go together, but never more than the channel takes at a time.
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

impl<J: Weigh> Lanes<J> {
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

    /// Gives nothing to send from now on; what is under way may end.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Asks to keep one new job of the lane, of so many places, in memory. When granted, [`Lanes::push`] or
    /// [`Lanes::unreserve`] follows; when not, the row goes into the database without a lease and [`Lanes::spilled`]
    /// follows its commit.
    pub(crate) fn reserve(&mut self, id: LaneId, places: usize, now: Duration) -> bool {
        let room = self.room(id);
        let lane = self.lane(id, now);
        if !lane.is_backlogged(now) && room > 0 {
            lane.load += places;
            lane.reserved += places;
            self.held += places;
            return true;
        }
        lane.backlog = true;
        lane.spilling += 1;
        false
    }

    /// How many places of new jobs this lane should get now, when it is we who are behind: of a lane that moves, or that
    /// is new, as many as it has; once the database holds jobs of it, half as many as have become free since this was
    /// asked, so that those become fewer. A lane that stands still loses nothing by what is taken in.
    pub(crate) fn headroom(&mut self, id: LaneId, now: Duration) -> usize {
        let room = self.room(id);
        let Some(lane) = self.lanes.get_mut(&id) else {
            return room;
        };
        let ended = std::mem::take(&mut lane.ended);
        if lane.moved_at + MOVING < now {
            usize::MAX
        } else if lane.is_backlogged(now) {
            ended.div_ceil(2)
        } else {
            room
        }
    }

    /// Gives a reservation of so many places back.
    pub(crate) fn unreserve(&mut self, id: LaneId, places: usize) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            let places = places.min(lane.reserved);
            lane.reserved -= places;
            lane.load -= places;
            self.held -= places;
        }
    }

    /// A row that found no room was committed, or given up.
    pub(crate) fn spilled(&mut self, id: LaneId) {
        self.spills += 1;
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.spilling = lane.spilling.saturating_sub(1);
            lane.last_spill = self.spills;
        }
    }

    /// Queues a job in the room that was reserved for it.
    pub(crate) fn push(&mut self, id: LaneId, job: J, now: Duration) {
        let places = job.places();
        let lane = self.lane(id, now);
        let promised = places.min(lane.reserved);
        lane.reserved -= promised;
        lane.load += places - promised;
        lane.queue.push_back(job);
        self.held += places - promised;
        self.enrol(id, now);
    }

    /// What may be sent now, at most `max` jobs. Each is under way until [`Lanes::completed`].
    pub(crate) fn take(&mut self, now: Duration, max: usize) -> Vec<(LaneId, J)> {
        while let Some((at, id)) = self.timers.first().copied()
            && at <= now
        {
            self.timers.pop_first();
            if let Some(lane) = self.lanes.get_mut(&id) {
                lane.place = Place::Nowhere;
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
            lane.place = Place::Nowhere;
            if lane.may_go(now) {
                if lane.in_flight >= free {
                    // Free slots only get fewer in this call, so it need not be asked again.
                    lane.place = Place::Ring;
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
        // They were first in turn and stay so.
        for id in over_share.into_iter().rev() {
            self.ring.push_front(id);
        }
        taken
    }

    /// An attempt has ended; its job, of so many places, leaves memory. True when the database holds more of this lane
    /// and enough room has become free to go and get it.
    pub(crate) fn completed(&mut self, id: LaneId, places: usize, now: Duration) -> bool {
        let per_lane = self.limits.per_lane;
        let Some(lane) = self.lanes.get_mut(&id) else {
            return false;
        };
        if lane.in_flight > 0 {
            lane.in_flight -= 1;
            lane.load -= places;
            self.in_flight -= 1;
            self.held -= places;
            self.over_share = false;
        }
        lane.used_at = now;
        lane.moved_at = now;
        lane.ended += places;
        let hungry = lane.is_backlogged(now) && lane.load <= per_lane / 2;
        self.enrol(id, now);
        hungry
    }

    /// What was taken from this lane is not sent after all: the next need not wait for its sake. Where several go at
    /// a time nobody knows any more whether the pace still counts it, and there it is not given back.
    pub(crate) fn refund(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.get_mut(&id)
            && lane.in_flight == 1
            && lane.policy.concurrency == 1
        {
            lane.steady = lane.steady.saturating_sub(lane.policy.interval);
        }
    }

    /// How the channel wants to be treated from now on. What is under way stays so.
    pub(crate) fn set_policy(&mut self, id: LaneId, policy: LanePolicy, now: Duration) {
        let lane = self.lane(id, now);
        if lane.policy != policy {
            lane.policy = policy;
            // A pace that was slower must not bind for longer than the new one would.
            lane.steady = lane.steady.min(now + policy.interval * policy.burst);
            self.enrol(id, now);
        }
    }

    /// Starts nothing in this lane before `until`.
    pub(crate) fn pause(&mut self, id: LaneId, until: Duration, now: Duration) {
        let lane = self.lane(id, now);
        lane.paused_until = lane.paused_until.max(until);
        self.enrol(id, now);
    }

    /// From `at` on, the database holds rows of this lane that come before new ones: what was held for quiet hours.
    pub(crate) fn expect_backlog(&mut self, id: LaneId, at: Duration, now: Duration) {
        let lane = self.lane(id, now);
        lane.backlog_from = Some(lane.backlog_from.map_or(at, |known| known.min(at)));
    }

    /// Sets at most `max` places aside for rows of this lane that are due in the database. Until they are all in memory, new
    /// ones queue up behind them there.
    pub(crate) fn begin_claim(&mut self, id: LaneId, max: usize, now: Duration) -> Claim {
        let free = self.free();
        let per_lane = self.limits.per_lane;
        let lane = self.lane(id, now);
        lane.backlog = true;
        // The first of a commit are on their way into memory, the rest into the database: those must not come first.
        let max = if lane.reserved > 0 && lane.spilling > 0 {
            0
        } else {
            max
        };
        // `held` grows with what is set aside, and so the threshold falls while the load rises.
        let room = per_lane
            .saturating_sub(lane.load)
            .min(free.saturating_sub(lane.load).div_ceil(2))
            .max(usize::from(lane.load == 0))
            .min(max);
        lane.load += room;
        lane.reserved += room;
        self.held += room;
        Claim { lane: id, room }
    }

    /// Queues what was claimed and gives the rest of the room back. Whether the database has more is for the next look to
    /// say: rows may have been locked by somebody else, or be counted otherwise there.
    pub(crate) fn finish_claim(&mut self, claim: &Claim, jobs: Vec<J>, now: Duration) {
        let got = jobs.iter().map(Weigh::places).sum();
        for job in jobs {
            self.push(claim.lane, job, now);
        }
        self.unreserve(claim.lane, claim.room.saturating_sub(got));
    }

    /// To be called before looking into the database, and before the instant by which what waits there is due.
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

    /// The database holds nothing of this lane that is due. It is believed only if nothing went there since it was
    /// asked.
    pub(crate) fn nothing_waits(&mut self, id: LaneId, asked: Asked) {
        if let Some(lane) = self.lanes.get_mut(&id)
            && lane.spilling == 0
            && lane.last_spill <= asked.spills
        {
            lane.backlog = false;
            lane.backlog_from = lane.backlog_from.filter(|from| *from > asked.at);
        }
    }

    /// Gives all the room of a claim back: it failed, and tells nothing about what the database holds.
    pub(crate) fn abandon_claim(&mut self, claim: &Claim) {
        self.unreserve(claim.lane, claim.room);
    }

    /// Whoever takes goes to sleep: until when, if nothing else wakes it.
    pub(crate) fn sleep_until(&mut self, now: Duration) -> Duration {
        let alarm = self.next_wake(now).unwrap_or(Duration::MAX);
        self.alarm = Some(alarm);
        alarm
    }

    /// Whether whoever takes sleeps for longer than the lanes would have it.
    pub(crate) fn oversleeps(&self, now: Duration) -> bool {
        let wake = self.next_wake(now);
        self.alarm.is_some_and(|alarm| wake.is_some_and(|at| at < alarm))
    }

    /// When something may go that may not now; `now` when something may already.
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

    /// Drops the jobs for which `keep` is false, as long as they are not under way.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&J) -> bool) {
        for lane in self.lanes.values_mut() {
            let mut dropped = 0;
            lane.queue.retain(|job| {
                let keeps = keep(job);
                dropped += if keeps { 0 } else { job.places() };
                keeps
            });
            lane.load -= dropped;
            self.held -= dropped;
        }
    }

    /// Forgets lanes that had nothing to do since `since`.
    pub(crate) fn forget_idle(&mut self, since: Duration, now: Duration) {
        self.lanes
            .retain(|_, lane| lane.used_at > since || !lane.is_idle(now));
    }

    /// Jobs of a lane that wait.
    pub(crate) fn queued(&self, id: LaneId) -> usize {
        self.lanes.get(&id).map_or(0, |lane| lane.queue.len())
    }

    /// The next job of a lane.
    pub(crate) fn first(&self, id: LaneId) -> Option<&J> {
        self.lanes.get(&id)?.queue.front()
    }

    /// Places of jobs queued, under way, or promised room.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// Attempts under way.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The places that a lane may still have for new jobs.
    fn room(&self, id: LaneId) -> usize {
        let load = self.lanes.get(&id).map_or(0, |lane| lane.load);
        let room = self.free().min(self.limits.per_lane).saturating_sub(load);
        room.max(usize::from(load == 0))
    }

    fn free(&self) -> usize {
        self.limits.total - self.held.min(self.limits.total)
    }

    fn lane(&mut self, id: LaneId, now: Duration) -> &mut Lane<J> {
        let lane = self.lanes.entry(id).or_insert_with(|| Lane::new(now));
        lane.used_at = now;
        lane
    }

    /// Puts a lane where its state belongs: in turn, waiting for an instant, or nowhere.
    fn enrol(&mut self, id: LaneId, now: Duration) {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        if lane.place == Place::Ring {
            return; // `take` looks again before anything goes.
        }
        if let Place::Timer(at) = lane.place {
            self.timers.remove(&(at, id));
        }
        lane.place = if !lane.has_work() {
            Place::Nowhere
        } else if lane.ready_at() > now {
            self.timers.insert((lane.ready_at(), id));
            Place::Timer(lane.ready_at())
        } else {
            self.ring.push_back(id);
            self.over_share = false;
            Place::Ring
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
            place: Place::Nowhere,
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
