//! The tables of replicas and shards, as one query read them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;
use watchbell_model::ids::TeamId;
use watchbell_model::shard::ShardId;

use super::moves::{Absence, MoveCounts};

/// How long a replica lives without a heartbeat, by the database's clock.
pub(crate) const LEASE: Duration = Duration::from_secs(3);

/// Which replicas live, and which shards they own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ShardTable {
    pub(crate) replicas: BTreeMap<Uuid, ReplicaRow>,
    /// Owner and epoch; unowned shards and those of no replica are absent.
    pub(crate) owners: BTreeMap<ShardId, (Uuid, i64)>,
    /// How often moves of teams have changed something in the shards that are owned.
    pub(crate) moves: MoveCounts,
    /// The teams that are not served; `None` when that is known already.
    pub(crate) absent: Option<BTreeMap<TeamId, Absence>>,
}

/// A replica's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReplicaRow {
    /// Where it is called; empty while it takes no shards, since it does not listen yet or is about to stop.
    pub(crate) address: Arc<str>,
    /// It is of a release whose Dispatchers own shards. One of a former release delivers for any team.
    pub(crate) owns_shards: bool,
    /// It is of the same release as this one.
    pub(crate) is_of_this_release: bool,
    /// How old its heartbeat is.
    pub(crate) silence: Duration,
}

// === impl ReplicaRow ===

impl ReplicaRow {
    /// Whether its lease has ended.
    pub(crate) fn is_silent(&self) -> bool {
        self.silence > LEASE
    }
}

// === impl ShardTable ===

impl ShardTable {
    /// The shards of a replica, with their epochs.
    pub(super) fn shards_of(&self, replica: Uuid) -> BTreeMap<ShardId, i64> {
        let owned = self.owners.iter().filter(|(_, (owner, _))| *owner == replica);
        owned.map(|(shard, (_, epoch))| (*shard, *epoch)).collect()
    }

    /// A shard's owner and its address.
    pub(super) fn owner(&self, shard: ShardId) -> Option<(Uuid, Arc<str>)> {
        let (owner, _) = self.owners.get(&shard)?;
        Some((*owner, Arc::clone(&self.replicas.get(owner)?.address)))
    }

    /// Whether a replica is silent for longer than its lease.
    pub(crate) fn has_silent(&self) -> bool {
        self.replicas.values().any(ReplicaRow::is_silent)
    }

    /// How many shards the silent replicas own.
    pub(crate) fn shards_of_silent(&self) -> usize {
        let owners = self.owners.values();
        let silent = owners.filter(|(owner, _)| self.replicas.get(owner).is_some_and(ReplicaRow::is_silent));
        silent.count()
    }

    /// When the next lease of another replica ends, unless a heartbeat renews it.
    pub(crate) fn next_silence(&self, me: Uuid) -> Option<Duration> {
        let others = self.replicas.iter().filter(|(id, _)| **id != me);
        let left = others.filter_map(|(_, replica)| LEASE.checked_sub(replica.silence));
        left.min()
    }

    /// Whether a replica of a release without owners of shards lives.
    pub(crate) fn has_former_release(&self) -> bool {
        self.replicas.values().any(|replica| !replica.owns_shards)
    }

    /// The addresses of the replicas that take shards, each with its shards.
    pub(crate) fn by_address(&self) -> BTreeMap<Arc<str>, Vec<ShardId>> {
        let takers = self
            .takers()
            .map(|id| (Arc::clone(&self.replicas[&id].address), id));
        takers
            .map(|(address, id)| (address, self.shards_of(id).into_keys().collect()))
            .collect()
    }

    /// The replicas that take shards, in order.
    pub(super) fn takers(&self) -> impl Iterator<Item = Uuid> {
        let takers = self.replicas.iter();
        takers
            .filter(|(_, replica)| !replica.is_silent() && !replica.address.is_empty())
            .map(|(id, _)| *id)
    }
}
