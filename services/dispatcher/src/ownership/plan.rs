//! Fair shares. Each replica computes the same plan from the same table, so that givers do not compete for a receiver.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;
use watchbell_model::shard::{SHARDS, ShardId};

use super::table::ShardTable;

/// What a replica does once it has read the table.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// How many unowned shards to take at most.
    pub(crate) take: usize,
    /// Shards to hand over, and to whom.
    pub(crate) give: BTreeMap<Uuid, BTreeSet<ShardId>>,
}

// === impl ShardTable ===

impl ShardTable {
    /// What `me` does to reach fair shares: takes unowned shards up to its own, or hands over what it has beyond it
    /// once all shards are owned.
    pub(crate) fn plan(&self, me: Uuid) -> Plan {
        let takers: Vec<Uuid> = self.takers().collect();
        let mut shares = shares(&takers);
        let Some(share) = shares.remove(&me) else {
            return Plan::default();
        };
        if self.has_former_release() {
            return Plan::default();
        }
        let mine = self.shards_of(me);
        let unowned = SHARDS - self.owners.len();
        if unowned > 0 {
            let take = share.saturating_sub(mine.len()).min(unowned);
            return Plan {
                take,
                ..Plan::default()
            };
        }
        // What each has beyond its share, in order, goes to those that lack some, in order.
        let all = takers.iter().map(|id| (*id, self.shards_of(*id).len()));
        let mut beyond = Vec::new();
        let mut lacking = Vec::new();
        for (id, has) in all {
            let share = if id == me { share } else { shares[&id] };
            beyond.extend(std::iter::repeat_n(id, has.saturating_sub(share)));
            lacking.extend(std::iter::repeat_n(id, share.saturating_sub(has)));
        }
        let mut give: BTreeMap<Uuid, BTreeSet<ShardId>> = BTreeMap::new();
        let mut from_the_end = mine.into_keys().rev();
        for (giver, receiver) in beyond.into_iter().zip(lacking) {
            if giver == me
                && let Some(shard) = from_the_end.next()
            {
                give.entry(receiver).or_default().insert(shard);
            }
        }
        Plan { take: 0, give }
    }

    /// Successors of all shards of `me`, which leaves: the others in turn. Empty when there is no other.
    pub(crate) fn successors(&self, me: Uuid) -> BTreeMap<Uuid, BTreeSet<ShardId>> {
        let others: Vec<Uuid> = self.takers().filter(|id| *id != me).collect();
        let mut give: BTreeMap<Uuid, BTreeSet<ShardId>> = BTreeMap::new();
        for (shard, successor) in self.shards_of(me).into_keys().zip(others.iter().cycle()) {
            give.entry(*successor).or_default().insert(shard);
        }
        give
    }
}

/// How many shards each replica should own: equal numbers, the first ones one more.
fn shares(takers: &[Uuid]) -> BTreeMap<Uuid, usize> {
    let (each, rest) = (SHARDS / takers.len().max(1), SHARDS % takers.len().max(1));
    let shares = takers.iter().enumerate();
    shares
        .map(|(index, id)| (*id, each + usize::from(index < rest)))
        .collect()
}
