//! When the database next holds something due of each lane, as the owner of the lane's shard knows it. The owner writes
//! everything that becomes due, so it need not ask. Plain data; an instant may be earlier than what is there, never later.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use watchbell_model::ids::TeamId;
use watchbell_model::shard::ShardId;

use crate::lanes::LaneId;

/// Lanes of which the database holds deliveries without a job.
#[derive(Debug, Default)]
pub(crate) struct DueLanes {
    lanes: HashMap<LaneId, (TeamId, DateTime<Utc>)>,
    by_time: BTreeSet<(DateTime<Utc>, LaneId)>,
}

// === impl DueLanes ===

impl DueLanes {
    /// Something of a lane is due then. Returns whether that is earlier than what is known.
    pub(crate) fn note(&mut self, team: TeamId, lane: LaneId, at: DateTime<Utc>) -> bool {
        if let Some((_, known)) = self.lanes.get(&lane) {
            if *known <= at {
                return false;
            }
            self.by_time.remove(&(*known, lane));
        }
        self.lanes.insert(lane, (team, at));
        self.by_time.insert((at, lane))
    }

    /// Lanes with something due, the longest due first.
    pub(crate) fn due(&self, now: DateTime<Utc>) -> Vec<(LaneId, TeamId)> {
        let due = self.by_time.iter().take_while(|(at, _)| *at <= now);
        due.map(|(_, lane)| (*lane, self.lanes[lane].0)).collect()
    }

    /// When something is due first.
    pub(crate) fn first(&self) -> Option<DateTime<Utc>> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// When something that is not due yet will be.
    pub(crate) fn next(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let after = Bound::Excluded((now, LaneId(Uuid::max())));
        let mut later = self.by_time.range((after, Bound::Unbounded));
        later.next().map(|(at, _)| *at)
    }

    /// Forgets a lane, whose rows are about to be read; returns what was known.
    pub(crate) fn take(&mut self, lane: LaneId) -> Option<(TeamId, DateTime<Utc>)> {
        let known = self.lanes.remove(&lane)?;
        self.by_time.remove(&(known.1, lane));
        Some(known)
    }

    /// Forgets the lanes of shards.
    pub(crate) fn forget(&mut self, shards: &BTreeSet<ShardId>) {
        self.forget_if(|team| shards.contains(&ShardId::of(team)));
    }

    /// Forgets the lanes of a team.
    pub(crate) fn forget_team(&mut self, team: TeamId) {
        self.forget_if(|of| of == team);
    }

    fn forget_if(&mut self, goes: impl Fn(TeamId) -> bool) {
        self.lanes.retain(|_, (team, _)| !goes(*team));
        let lanes = &self.lanes;
        self.by_time.retain(|(_, lane)| lanes.contains_key(lane));
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn the_earliest_instant_counts_and_a_read_begins_anew() {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let at = |seconds| now + TimeDelta::seconds(seconds);
        let (team, lane) = (TeamId::from_uuid(Uuid::from_u128(1)), LaneId(Uuid::from_u128(2)));
        let other = LaneId(Uuid::from_u128(3));
        let mut lanes = DueLanes::default();
        let earlier = [9, 5, 7].map(|seconds| lanes.note(team, lane, at(seconds)));
        assert_eq!(earlier, [true, true, false]);
        assert!(lanes.note(team, other, at(6)));
        assert_eq!((lanes.first(), lanes.next(at(5))), (Some(at(5)), Some(at(6))));
        assert_eq!(lanes.due(at(6)), [(lane, team), (other, team)]);
        assert_eq!(lanes.take(lane), Some((team, at(5))));
        assert_eq!(lanes.due(at(100)), [(other, team)]);
        lanes.forget(&BTreeSet::from([ShardId::of(team)]));
        assert_eq!((lanes.first(), lanes.take(other)), (None, None));
    }
}
