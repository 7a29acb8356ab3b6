//! What lanes promise, whatever is asked of them in whatever order: under a simulated clock and against a plain
//! account of what went in and came out.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits {
    per_lane: 8,
    total: 40,
    in_flight: 12,
};

/// The most units that a job takes here.
const LARGEST: usize = 3;

/// A lane's and a number; of three jobs in a row one takes one place, one two, one three.
impl Weighted for (u8, u64) {
    fn weight(&self) -> usize {
        1 + (self.1 % LARGEST as u64) as usize
    }

    /// Two lanes are of one team.
    fn team(&self) -> TeamId {
        team(self.0 / 2)
    }
}

/// Where the team does not matter, all lanes are of one.
impl Weighted for u8 {
    fn weight(&self) -> usize {
        1
    }

    fn team(&self) -> TeamId {
        team(0)
    }
}

fn team(number: u8) -> TeamId {
    TeamId::from_uuid(Uuid::from_u128(u128::from(number)))
}

#[derive(Debug, Clone)]
enum Action {
    /// A new job, if there is room.
    Offer(u8),
    Take(usize),
    /// Ends one attempt of a lane, the oldest.
    Complete(u8),
    /// Ends the only attempt of a lane, which sent nothing.
    Unsent(u8),
    /// Returns the newest attempt of a lane, which sent nothing.
    Return(u8),
    Advance(u64),
    Policy(u8, u32, u32),
    Pause(u8, u64),
    /// A load of up to so many units, of rows of which some exist.
    Load(u8, usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Action>> {
    let lane = 0_u8..6;
    let step = prop_oneof![
        5 => lane.clone().prop_map(Action::Offer),
        4 => (1_usize..20).prop_map(Action::Take),
        4 => lane.clone().prop_map(Action::Complete),
        1 => lane.clone().prop_map(Action::Unsent),
        1 => lane.clone().prop_map(Action::Return),
        2 => (1_u64..3000).prop_map(Action::Advance),
        1 => (lane.clone(), 1_u32..6, 0_u32..8).prop_map(|(lane, at_once, rate)| Action::Policy(lane, at_once, rate)),
        1 => (lane.clone(), 1_u64..5000).prop_map(|(lane, ms)| Action::Pause(lane, ms)),
        1 => (lane, 0_usize..12, 0_usize..12).prop_map(|(lane, max, exist)| Action::Load(lane, max, exist)),
    ];
    prop::collection::vec(step, 1..400)
}

fn id(lane: u8) -> LaneId {
    LaneId(Uuid::from_u128(u128::from(lane) + 1))
}

/// Looks into the database and finds nothing of the first lane.
fn look(lanes: &mut Lanes<u8>, now: Duration) {
    let asked = lanes.ask(now);
    lanes.nothing_waits(id(1), asked);
}

/// The account beside the lanes.
#[derive(Default)]
struct Account {
    now: Duration,
    next: u64,
    waiting: HashMap<u8, VecDeque<u64>>,
    under_way: HashMap<u8, Vec<u64>>,
    done: HashSet<u64>,
    policies: HashMap<u8, LanePolicy>,
    paused: HashMap<u8, Duration>,
    /// Starts since the policy was set.
    starts: HashMap<u8, Vec<Duration>>,
}

impl Account {
    fn policy(&self, lane: u8) -> LanePolicy {
        self.policies.get(&lane).copied().unwrap_or(LanePolicy::UNKNOWN)
    }

    fn enter(&mut self, lane: u8) -> u64 {
        self.next += 1;
        self.waiting.entry(lane).or_default().push_back(self.next);
        self.next
    }

    fn take(&mut self, lanes: &mut Lanes<(u8, u64)>, max: usize) -> usize {
        let taken = lanes.take(self.now, max);
        assert!(taken.len() <= max);
        for (lane_id, (lane, job)) in &taken {
            assert_eq!(*lane_id, id(*lane));
            let first = self.waiting.get_mut(lane).and_then(VecDeque::pop_front);
            assert_eq!(first, Some(*job), "first in, first out within a lane");
            self.under_way.entry(*lane).or_default().push(*job);
            assert!(
                self.paused.get(lane).is_none_or(|until| *until <= self.now),
                "a paused lane rests"
            );
            let starts = self.starts.entry(*lane).or_default();
            starts.push(self.now);
            let policy = self.policies.get(lane).copied().unwrap_or(LanePolicy::UNKNOWN);
            if policy.interval > Duration::ZERO {
                // Of any starts in a row, all but a burst are paid for by time.
                for (index, from) in starts.iter().enumerate() {
                    let among = u32::try_from(starts.len() - index).unwrap();
                    let paid = among.saturating_sub(policy.burst);
                    assert!(self.now - *from >= policy.interval * paid, "never over the rate");
                }
            }
        }
        for (lane, jobs) in &self.under_way {
            let newest = taken.iter().filter(|(_, (of, _))| of == lane).count();
            assert!(
                newest == 0 || jobs.len() <= self.policy(*lane).concurrency,
                "never over the concurrency"
            );
        }
        let under_way: usize = self.under_way.values().map(Vec::len).sum();
        assert_eq!(under_way, lanes.in_flight());
        assert!(under_way <= LIMITS.in_flight);
        taken.len()
    }

    fn complete(&mut self, lanes: &mut Lanes<(u8, u64)>, lane: u8) {
        if let Some(jobs) = self.under_way.get_mut(&lane)
            && !jobs.is_empty()
        {
            let job = jobs.remove(0);
            assert!(self.done.insert(job), "nothing is done twice");
            lanes.completed(id(lane), (lane, job).weight(), self.now);
        }
    }

    /// The only attempt of a lane did not count for its rate.
    fn take_back_start(&mut self, lane: u8) {
        let alone = self.under_way.get(&lane).is_some_and(|jobs| jobs.len() == 1);
        if alone && self.policy(lane).concurrency == 1 {
            self.starts.entry(lane).or_default().pop();
        }
    }

    fn return_newest(&mut self, lanes: &mut Lanes<(u8, u64)>, lane: u8) {
        self.take_back_start(lane);
        let Some(job) = self.under_way.get_mut(&lane).and_then(Vec::pop) else {
            return;
        };
        self.waiting.entry(lane).or_default().push_front(job);
        lanes.return_to_front(id(lane), (lane, job), self.now);
        lanes.completed(id(lane), (lane, job).weight(), self.now);
    }

    fn act(&mut self, lanes: &mut Lanes<(u8, u64)>, action: &Action) {
        match *action {
            Action::Offer(lane) => {
                if lanes.reserve(id(lane), (lane, self.next + 1).weight(), self.now) {
                    let job = self.enter(lane);
                    lanes.push(id(lane), (lane, job), self.now);
                } else {
                    lanes.spilled(id(lane));
                }
            }
            Action::Take(max) => {
                self.take(lanes, max);
            }
            Action::Complete(lane) => self.complete(lanes, lane),
            Action::Unsent(lane) => {
                lanes.refund(id(lane));
                self.take_back_start(lane);
                self.complete(lanes, lane);
            }
            Action::Return(lane) => self.return_newest(lanes, lane),
            Action::Advance(ms) => self.now += Duration::from_millis(ms),
            Action::Policy(lane, concurrency, rate) => {
                let policy = LanePolicy::new(concurrency, f64::from(rate));
                if self.policy(lane) != policy {
                    self.starts.remove(&lane);
                }
                self.policies.insert(lane, policy);
                lanes.set_policy(id(lane), policy, self.now);
            }
            Action::Pause(lane, ms) => {
                let until = self.now + Duration::from_millis(ms);
                let known = self.paused.entry(lane).or_default();
                *known = until.max(*known);
                lanes.pause(id(lane), until, self.now);
            }
            Action::Load(lane, max, exist) => {
                let asked = lanes.ask(self.now);
                let room = lanes.begin_load(id(lane), max, self.now);
                assert!(room.units <= max);
                let mut units = 0;
                let mut jobs = Vec::new();
                // The last may begin in the last place.
                while jobs.len() < exist && units < room.units {
                    let job = (lane, self.enter(lane));
                    units += job.weight();
                    jobs.push(job);
                }
                lanes.finish_load(&room, jobs, units >= room.units, self.now);
                if units < room.units {
                    lanes.nothing_waits(id(lane), asked);
                }
            }
        }
        let waiting = self
            .waiting
            .iter()
            .flat_map(|(lane, jobs)| jobs.iter().map(|job| (*lane, *job)));
        let under_way = self
            .under_way
            .iter()
            .flat_map(|(lane, jobs)| jobs.iter().map(|job| (*lane, *job)));
        let held = waiting.chain(under_way).map(|job| job.weight()).sum::<usize>();
        assert_eq!(held, lanes.held());
        assert_eq!(lanes.audit(LARGEST), Ok(()));
    }
}

proptest! {
    #[test]
    fn order_limits_and_rates_hold_and_nothing_is_lost_or_doubled(steps in steps()) {
        let mut lanes = Lanes::new(LIMITS);
        let mut account = Account::default();
        for step in &steps {
            account.act(&mut lanes, step);
        }
        // Let everything end: time passes only as `next_wake` says.
        let mut rounds = 0;
        while lanes.held() > 0 {
            let taken = account.take(&mut lanes, usize::MAX);
            for lane in 0..6 {
                while account.under_way.get(&lane).is_some_and(|jobs| !jobs.is_empty()) {
                    account.complete(&mut lanes, lane);
                }
            }
            if taken == 0 && lanes.held() > 0 {
                let wake = lanes.next_wake(account.now);
                prop_assert!(wake.is_some(), "what waits is woken");
                account.now = wake.unwrap_or_default();
            }
            rounds += 1;
            prop_assert!(rounds < 10_000, "it comes to an end");
        }
        prop_assert_eq!(account.done.len() as u64, account.next);
    }

    #[test]
    fn stuck_lanes_never_delay_another(stuck in 1_u8..19, of_one_team: bool, offers in 1_usize..60) {
        let mut lanes = Lanes::new(Limits { in_flight: 40, total: 200, ..LIMITS });
        let now = Duration::ZERO;
        let job = |lane| (if of_one_team { 0 } else { 2 * lane }, 0);
        for _ in 0..offers {
            for lane in 0..stuck {
                lanes.set_policy(id(lane), LanePolicy::new(64, 0.0), now);
                if lanes.reserve(id(lane), 1, now) {
                    lanes.push(id(lane), job(lane), now);
                }
                // Whatever goes never comes back.
                lanes.take(now, usize::MAX);
            }
        }
        for (lane, job) in [(200, job(0)), (201, (201, 0))] {
            prop_assert!(lanes.reserve(id(lane), 1, now), "there is room in memory");
            lanes.push(id(lane), job, now);
            prop_assert_eq!(lanes.take(now, usize::MAX).len(), 1, "and a slot, at once");
        }
    }

    #[test]
    fn a_team_whose_lanes_are_stuck_leaves_half_of_the_slots(stuck in 1_u8..255, offers in 1_usize..8) {
        let mut lanes = Lanes::new(Limits { in_flight: 40, total: 10_000, ..LIMITS });
        let now = Duration::ZERO;
        for lane in 0..stuck {
            lanes.set_policy(id(lane), LanePolicy::new(64, 0.0), now);
            for _ in 0..offers {
                prop_assert!(lanes.reserve(id(lane), 1, now));
                lanes.push(id(lane), 0, now);
            }
        }
        prop_assert!(lanes.take(now, usize::MAX).len() <= 20);
        prop_assert_eq!(lanes.audit(1), Ok(()));
    }
}

#[test]
fn lanes_take_turns() {
    let mut lanes: Lanes<u8> = Lanes::new(Limits {
        in_flight: 24,
        ..LIMITS
    });
    let now = Duration::ZERO;
    for job in 0..3 {
        for lane in 0..3 {
            lanes.set_policy(id(lane), LanePolicy::new(4, 0.0), now);
            assert!(lanes.reserve(id(lane), 1, now));
            lanes.push(id(lane), job, now);
        }
    }
    let turns: Vec<_> = lanes.take(now, 6).into_iter().collect();
    assert_eq!(
        turns,
        [0, 1, 2, 0, 1, 2]
            .map(id)
            .into_iter()
            .zip([0, 0, 0, 1, 1, 1])
            .collect::<Vec<_>>()
    );
}

#[test]
fn who_takes_is_not_woken_for_a_lane_that_has_its_share() {
    let mut lanes: Lanes<u8> = Lanes::new(Limits {
        in_flight: 3,
        ..LIMITS
    });
    let now = Duration::ZERO;
    lanes.set_policy(id(1), LanePolicy::new(4, 0.0), now);
    for job in 0..2 {
        assert!(lanes.reserve(id(1), 1, now));
        lanes.push(id(1), job, now);
    }
    assert_eq!(
        lanes.take(now, 10).len(),
        1,
        "the other slots are for other lanes and teams"
    );
    assert_eq!(lanes.sleep_until(now), Duration::MAX);
    assert!(lanes.reserve(id(2), 1, now));
    lanes.push(id(2), 0, now);
    assert!(lanes.oversleeps(now), "there it is");
    assert_eq!(lanes.take(now, 10).len(), 1);
    lanes.completed(id(2), 1, now);
    lanes.completed(id(1), 1, now);
    assert!(lanes.oversleeps(now), "now it is its turn");
}

#[test]
fn a_lane_without_a_policy_goes_one_by_one() {
    let mut lanes: Lanes<u8> = Lanes::new(LIMITS);
    for job in 0..2 {
        assert!(lanes.reserve(id(1), 1, Duration::ZERO));
        lanes.push(id(1), job, Duration::ZERO);
    }
    assert_eq!(lanes.take(Duration::ZERO, 10).len(), 1);
    lanes.completed(id(1), 1, Duration::ZERO);
    assert_eq!(lanes.take(Duration::ZERO, 10).len(), 1);
}

#[test]
fn a_rate_of_one_a_second_means_a_second_between_starts() {
    let mut lanes: Lanes<u8> = Lanes::new(LIMITS);
    let mut now = Duration::from_secs(100);
    lanes.set_policy(id(1), LanePolicy::new(4, 1.0), now);
    for job in 0..3 {
        assert!(lanes.reserve(id(1), 1, now));
        lanes.push(id(1), job, now);
    }
    assert_eq!(lanes.take(now, 10).len(), 1);
    assert_eq!(lanes.next_wake(now), Some(now + Duration::from_secs(1)));
    now += Duration::from_millis(999);
    assert_eq!(lanes.take(now, 10).len(), 0);
    now += Duration::from_millis(1);
    assert_eq!(lanes.take(now, 10).len(), 1);
}

#[test]
fn while_the_database_holds_older_rows_new_ones_queue_up_there() {
    let mut lanes: Lanes<u8> = Lanes::new(LIMITS);
    let now = Duration::ZERO;
    let room = lanes.begin_load(id(1), 2, now);
    assert_eq!(room.units, 2);
    lanes.finish_load(&room, vec![1, 2], true, now);
    assert!(!lanes.reserve(id(1), 1, now), "there is more");
    lanes.spilled(id(1));
    let room = lanes.begin_load(id(1), 2, now);
    lanes.finish_load(&room, vec![3], false, now);
    assert!(!lanes.reserve(id(1), 1, now), "nobody has said that this was all");
    lanes.spilled(id(1));
    look(&mut lanes, now);
    assert!(lanes.reserve(id(1), 1, now), "that was all");
}

#[test]
fn a_row_that_spills_while_a_load_runs_keeps_the_backlog() {
    let mut lanes: Lanes<u8> = Lanes::new(LIMITS);
    let now = Duration::ZERO;
    let asked = lanes.ask(now);
    let room = lanes.begin_load(id(1), 2, now);
    lanes.spill(id(1), now);
    lanes.spilled(id(1));
    lanes.finish_load(&room, vec![], false, now);
    lanes.nothing_waits(id(1), asked);
    assert!(
        !lanes.reserve(id(1), 1, now),
        "who looked before may not have seen it"
    );
}

#[test]
fn a_row_that_is_committed_while_somebody_looks_keeps_the_backlog() {
    let mut lanes: Lanes<u8> = Lanes::new(LIMITS);
    let now = Duration::ZERO;
    let room = lanes.begin_load(id(1), 0, now);
    lanes.finish_load(&room, vec![], false, now);
    assert!(
        !lanes.reserve(id(1), 1, now),
        "nobody has said that nothing waits"
    );
    let asked = lanes.ask(now);
    lanes.spilled(id(1));
    lanes.nothing_waits(id(1), asked);
    assert!(
        !lanes.reserve(id(1), 1, now),
        "whoever looked may have done so before the commit"
    );
}

#[test]
fn what_spills_from_a_commit_does_not_come_before_what_does_not() {
    let mut lanes: Lanes<u8> = Lanes::new(LIMITS);
    let now = Duration::ZERO;
    let granted = (0..LIMITS.per_lane)
        .filter(|_| lanes.reserve(id(1), 1, now))
        .count();
    assert!(!lanes.reserve(id(1), 1, now));
    lanes.unreserve(id(1), 1);
    assert_eq!(
        lanes.begin_load(id(1), 2, now).units,
        0,
        "it is committed, and the others are not in memory yet"
    );
    for job in 1..granted {
        lanes.push(id(1), job as u8, now);
    }
    lanes.spilled(id(1));
    assert_eq!(lanes.begin_load(id(1), 2, now).units, 1);
}

#[test]
fn what_a_load_could_not_see_yet_keeps_the_backlog() {
    let mut lanes: Lanes<u8> = Lanes::new(LIMITS);
    let now = Duration::ZERO;
    lanes.expect_backlog(id(1), now + Duration::from_millis(1), now);
    let asked = lanes.ask(now);
    // Due later than what was asked for, and committed before the rows are loaded.
    let room = lanes.begin_load(id(1), 2, now);
    lanes.spill(id(1), now);
    lanes.spilled(id(1));
    lanes.finish_load(&room, vec![], false, now);
    lanes.nothing_waits(id(1), asked);
    assert!(
        !lanes.reserve(id(1), 1, now),
        "what was spilled since comes first"
    );
    lanes.spilled(id(1));
    look(&mut lanes, now);
    assert!(lanes.reserve(id(1), 1, now), "now it has been seen");
    lanes.unreserve(id(1), 1);
    assert!(
        !lanes.reserve(id(1), 1, now + Duration::from_millis(2)),
        "and what was held"
    );
}

#[test]
fn what_was_held_comes_before_what_is_new() {
    let mut lanes: Lanes<u8> = Lanes::new(LIMITS);
    let end = Duration::from_secs(60);
    lanes.expect_backlog(id(1), end, Duration::ZERO);
    assert!(lanes.reserve(id(1), 1, Duration::from_secs(59)));
    assert!(!lanes.reserve(id(1), 1, end));
    lanes.spilled(id(1));
    let room = lanes.begin_load(id(1), 5, end);
    lanes.finish_load(&room, vec![1], false, end);
    look(&mut lanes, end);
    assert!(lanes.reserve(id(1), 1, end));
}

#[test]
fn idle_lanes_are_forgotten_and_busy_ones_are_not() {
    let mut lanes: Lanes<u8> = Lanes::new(LIMITS);
    let later = Duration::from_secs(100);
    lanes.pause(id(1), later * 2, Duration::ZERO);
    assert!(lanes.reserve(id(2), 1, Duration::ZERO));
    lanes.set_policy(id(3), LanePolicy::UNKNOWN, Duration::ZERO);
    lanes.forget_idle(Duration::from_secs(1), later);
    assert!(lanes.lanes.contains_key(&id(1)) && lanes.lanes.contains_key(&id(2)));
    assert!(!lanes.lanes.contains_key(&id(3)));
}

#[test]
fn a_large_job_takes_more_room_and_begins_in_the_last_place() {
    let mut lanes: Lanes<(u8, u64)> = Lanes::new(LIMITS);
    let now = Duration::ZERO;
    let large = (1, 2);
    let granted = (0..10)
        .filter(|_| {
            let granted = lanes.reserve(id(1), large.weight(), now);
            if granted {
                lanes.push(id(1), large, now);
            }
            granted
        })
        .count();
    assert_eq!((granted, lanes.held()), (3, 9), "of eight units");
    assert_eq!(lanes.take(now, 1).len(), 1);
    lanes.completed(id(1), large.weight(), now);
    assert_eq!(lanes.held(), 6);
    lanes.retain(|_| false);
    assert_eq!((lanes.held(), lanes.audit(LARGEST)), (0, Ok(())));
}

#[test]
fn a_load_may_get_more_than_its_room() {
    let mut lanes: Lanes<(u8, u64)> = Lanes::new(LIMITS);
    let now = Duration::ZERO;
    let room = lanes.begin_load(id(1), 4, now);
    lanes.finish_load(&room, vec![(1, 2), (1, 5)], false, now);
    assert_eq!(
        (lanes.held(), lanes.audit(LARGEST)),
        (6, Ok(())),
        "six units for four"
    );
}

#[test]
fn an_empty_lane_has_room_for_a_job_when_others_have_taken_everything() {
    let mut lanes: Lanes<(u8, u64)> = Lanes::new(LIMITS);
    let now = Duration::ZERO;
    let large = |lane| (lane, 2);
    // One after the other, each as much as it gets, and none of it is ever done.
    for lane in 0..50 {
        lanes.set_policy(id(lane), LanePolicy::new(1, 0.0), now);
        while lanes.reserve(id(lane), LARGEST, now) {
            lanes.push(id(lane), large(lane), now);
        }
        lanes.spilled(id(lane));
    }
    assert!(lanes.held() >= LIMITS.total);
    assert!(lanes.reserve(id(100), 1, now), "a new job");
    assert!(!lanes.reserve(id(100), 1, now), "and no more");
    assert_eq!(lanes.begin_load(id(101), 10, now).units, 1, "or one that waited");
    assert_eq!(lanes.audit(LARGEST), Ok(()));
}

impl<J: Weighted> Lanes<J> {
    /// Whether the counters say what is there, when no job takes more than so many units.
    pub(crate) fn audit(&self, largest: usize) -> Result<(), String> {
        let held: usize = self.lanes.values().map(|lane| lane.load).sum();
        let in_flight: usize = self.lanes.values().map(|lane| lane.in_flight).sum();
        let of_teams: usize = self.in_flight_of.values().sum();
        if (held, in_flight, in_flight) != (self.held, self.in_flight, of_teams) {
            return Err(format!(
                "{held} held and {in_flight} under way, and the sums say {}, {} and {of_teams}",
                self.held, self.in_flight
            ));
        }
        for (id, lane) in &self.lanes {
            let queued: usize = lane.queue.iter().map(Weighted::weight).sum();
            let least = queued + lane.reserved + lane.in_flight;
            let most = queued + lane.reserved + lane.in_flight * largest;
            if !(least..=most).contains(&lane.load) {
                return Err(format!(
                    "{id:?} holds between {least} and {most}, and says {}",
                    lane.load
                ));
            }
        }
        // The last job of a lane may reach beyond what is free, and an empty lane has one in any case.
        let most = self.limits.total + largest * self.lanes.len();
        match self.held <= most && self.in_flight <= self.limits.in_flight {
            true => Ok(()),
            false => Err(format!("{held} held and {in_flight} under way are too many")),
        }
    }

    /// Whether nothing is there or on its way.
    pub(crate) fn are_at_rest(&self) -> bool {
        self.held == 0 && self.lanes.values().all(|lane| lane.spilling == 0)
    }
}
