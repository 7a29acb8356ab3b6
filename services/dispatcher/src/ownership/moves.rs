//! Teams that are not served like the others of their shard, because they move to another cell or have moved. A shard's row counts the
//! changes of these teams: the fence compares the count, so that nothing is committed by what was known before a change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use watchbell_model::ids::TeamId;
use watchbell_model::shard::ShardId;

/// How often moves have changed something in shards; absent means never.
pub(crate) type MoveCounts = BTreeMap<ShardId, i64>;

/// Addresses of another cell's Dispatchers.
pub(crate) type CellAddresses = Arc<[Arc<str>]>;

/// Why a team is not served here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Absence {
    /// For some seconds at most: what has changed last is copied.
    Frozen,
    /// Its rows are arriving; until that is over, calls belong to the cell that it comes from.
    Arriving(CellAddresses),
    /// It lives in another cell.
    Left(CellAddresses),
}

/// Moves as one replica knows them.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    counts: MoveCounts,
    absent: BTreeMap<TeamId, Absence>,
    /// Teams of which nothing is started, since they are about to be frozen.
    quiet: BTreeSet<TeamId>,
}

// === impl Moves ===

impl Moves {
    /// Takes over what was read; the teams that are served no more, and those that are served again.
    pub(super) fn observe(
        &mut self,
        counts: &MoveCounts,
        absent: Option<BTreeMap<TeamId, Absence>>,
    ) -> (BTreeSet<TeamId>, BTreeSet<TeamId>) {
        let Some(absent) = absent else {
            return Default::default();
        };
        self.counts.extend(counts);
        let gone = absent.keys().filter(|team| !self.absent.contains_key(team));
        let back = self.absent.keys().filter(|team| !absent.contains_key(team));
        let changed = (gone.copied().collect(), back.copied().collect());
        self.absent = absent;
        changed
    }

    pub(super) fn counts(&self) -> &MoveCounts {
        &self.counts
    }

    pub(super) fn is_served(&self, team: TeamId) -> bool {
        !self.absent.contains_key(&team)
    }

    pub(super) fn may_start(&self, team: TeamId) -> bool {
        self.is_served(team) && !self.quiet.contains(&team)
    }

    pub(super) fn absence(&self, team: TeamId) -> Option<&Absence> {
        self.absent.get(&team)
    }

    pub(super) fn has_frozen(&self) -> bool {
        self.absent.values().any(|absence| *absence == Absence::Frozen)
    }

    pub(super) fn quieten(&mut self, team: TeamId) {
        self.quiet.insert(team);
    }

    pub(super) fn unquieten(&mut self, team: TeamId) {
        self.quiet.remove(&team);
    }
}
