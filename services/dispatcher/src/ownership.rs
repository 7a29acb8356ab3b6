//! Ownership of shards as one replica knows it. Plain data: no I/O and no clock; `now` is the caller's monotonic time.
//!
//! A shard has one owner at a time, in the database's row of it. Ownership is a lease of the replica as a whole: it is
//! valid while the replica's own row lives, and a heartbeat renews it. Three mechanisms keep two owners apart:
//! - every transaction that writes for a shard is *fenced*: it reads the rows of its shards under a shared lock and
//!   compares owner and epoch, so a former owner cannot commit after a take-over;
//! - the *send guard*: no attempt starts later than [`LEASE`] less [`MARGIN`] after the start of the last successful
//!   heartbeat, so a process that stood still sends nothing when it continues;
//! - a shard's *phase*: a new owner sends nothing of it past the rows that wait in the database ([`Phase::Taken`]), and
//!   one that hands it over starts nothing new ([`Phase::Leaving`]).
//!
//! Some teams of a shard may live in another cell, or be on their way ([`Absence`]): nothing is done for them here.

mod moves;
mod plan;
#[cfg(test)]
mod properties;
mod table;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;
use watchbell_model::ids::TeamId;
use watchbell_model::shard::ShardId;

use self::moves::Moves;
pub(crate) use self::moves::{Absence, CellAddresses, MoveCounts};
pub(crate) use self::table::{LEASE, ReplicaRow, ShardTable};

/// The part of it in which nothing is started any more.
const MARGIN: Duration = Duration::from_millis(500);

/// Epochs of shards.
pub(crate) type Epochs = BTreeMap<ShardId, i64>;

/// What a transaction relies on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fence {
    pub(crate) epochs: Epochs,
    /// How often moves of teams had changed something in these shards.
    pub(crate) moves: MoveCounts,
}

/// What this replica owns, and what it knows of others.
#[derive(Debug, Default)]
pub(crate) struct Ownership {
    /// Until when attempts may start.
    sends_until: Duration,
    owned: BTreeMap<ShardId, Owned>,
    table: ShardTable,
    moves: Moves,
    /// When reading the table began.
    read_at: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
struct Owned {
    epoch: i64,
    phase: Phase,
}

/// What its owner does with a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Just taken: new deliveries wait in the database behind those that a former owner left there.
    Taken,
    /// Its lanes are known.
    Ready,
    /// About to be handed over: submissions are still committed, and attempts under way end.
    Leaving,
}

/// Who owns a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// This replica.
    Here,
    /// The replica at this address.
    At(Arc<str>),
    /// The cell whose Dispatchers have these addresses.
    Elsewhere(CellAddresses),
    /// Nobody at this moment, or a replica without an address.
    Nowhere,
}

/// What a newer table changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) gained: BTreeSet<ShardId>,
    pub(crate) lost: BTreeSet<ShardId>,
    /// Teams that are not served any more.
    pub(crate) gone: BTreeSet<TeamId>,
    /// Teams that are served from now on.
    pub(crate) arrived: BTreeSet<TeamId>,
}

// === impl Ownership ===

impl Ownership {
    /// A heartbeat that began at `begun` has succeeded; returns until when attempts may start.
    pub(crate) fn renewed(&mut self, begun: Duration) -> Duration {
        self.sends_until = self.sends_until.max(begun + LEASE - MARGIN);
        self.sends_until
    }

    /// No other process can open the database: the lease has no end.
    pub(crate) fn is_exclusive(&mut self) -> Duration {
        self.sends_until = Duration::MAX;
        self.sends_until
    }

    /// Replaces the table by one whose reading began at `begun`.
    pub(crate) fn observe(&mut self, me: Uuid, mut table: ShardTable, begun: Duration) -> Changes {
        let mine = table.shards_of(me);
        let (gone, arrived) = self.moves.observe(&table.moves, table.absent.take());
        let mut changes = Changes {
            gone,
            arrived,
            ..Changes::default()
        };
        self.owned.retain(|shard, owned| {
            let stays = mine.get(shard) == Some(&owned.epoch);
            if !stays {
                changes.lost.insert(*shard);
            }
            stays
        });
        for (shard, epoch) in mine {
            if let Entry::Vacant(vacant) = self.owned.entry(shard) {
                let phase = Phase::Taken;
                vacant.insert(Owned { epoch, phase });
                changes.gained.insert(shard);
            }
        }
        // What waits of them in the database goes before what is new.
        let shards = changes.arrived.iter().map(|team| ShardId::of(*team)).collect();
        self.move_all(&shards, Phase::Ready, Phase::Taken);
        self.table = table;
        self.read_at = Some(begun);
        changes
    }

    /// Forgets everything: others took this replica for dead. Returns what it had.
    pub(crate) fn clear(&mut self) -> BTreeSet<ShardId> {
        let lost = std::mem::take(&mut self.owned).into_keys().collect();
        *self = Self::default();
        lost
    }

    /// The lanes of shards that were [`Phase::Taken`] are known now.
    pub(crate) fn ready(&mut self, shards: &BTreeSet<ShardId>) {
        self.move_all(shards, Phase::Taken, Phase::Ready);
    }

    /// Nothing of these shards is started any more, in favour of another owner.
    pub(crate) fn leave(&mut self, shards: &BTreeSet<ShardId>) {
        for shard in shards {
            if let Some(owned) = self.owned.get_mut(shard) {
                owned.phase = Phase::Leaving;
            }
        }
    }

    /// A hand-over failed: the shards are begun again as if just taken.
    pub(crate) fn stay(&mut self, shards: &BTreeSet<ShardId>) {
        self.move_all(shards, Phase::Leaving, Phase::Taken);
    }

    fn move_all(&mut self, shards: &BTreeSet<ShardId>, from: Phase, to: Phase) {
        for shard in shards {
            if let Some(owned) = self.owned.get_mut(shard).filter(|owned| owned.phase == from) {
                owned.phase = to;
            }
        }
    }

    /// Owned shards in a phase.
    pub(crate) fn in_phase(&self, phase: Phase) -> BTreeSet<ShardId> {
        let owned = self.owned.iter().filter(|(_, owned)| owned.phase == phase);
        owned.map(|(shard, _)| *shard).collect()
    }

    /// The epoch under which this replica owns a shard.
    pub(crate) fn epoch(&self, shard: ShardId) -> Option<i64> {
        self.owned.get(&shard).map(|owned| owned.epoch)
    }

    /// Whether this replica owns the shard.
    pub(crate) fn owns(&self, shard: ShardId) -> bool {
        self.owned.contains_key(&shard)
    }

    /// Whether this replica serves the team.
    pub(crate) fn serves(&self, team: TeamId) -> bool {
        self.owns(ShardId::of(team)) && self.moves.is_served(team)
    }

    /// Whether new deliveries of a team may go straight into the lanes.
    pub(crate) fn is_ready(&self, team: TeamId) -> bool {
        let owned = self.owned.get(&ShardId::of(team));
        owned.is_some_and(|owned| owned.phase == Phase::Ready) && self.moves.may_start(team)
    }

    /// Whether deliveries of a team may be loaded.
    pub(crate) fn may_load(&self, team: TeamId) -> bool {
        let owned = self.owned.get(&ShardId::of(team));
        owned.is_some_and(|owned| owned.phase != Phase::Leaving) && self.moves.may_start(team)
    }

    /// Whether an attempt of a team's job that was taken in this epoch may start.
    pub(crate) fn may_send(&self, team: TeamId, epoch: i64, now: Duration) -> bool {
        now < self.sends_until && self.may_send_later(team, epoch)
    }

    /// Whether a team's job that was taken in this epoch may start once the lease is renewed.
    pub(crate) fn may_send_later(&self, team: TeamId, epoch: i64) -> bool {
        let owned = self.owned.get(&ShardId::of(team));
        owned.is_some_and(|owned| owned.epoch == epoch && owned.phase != Phase::Leaving)
            && self.moves.may_start(team)
    }

    /// The epochs of those of these shards that this replica owns.
    pub(crate) fn epochs(&self, shards: impl IntoIterator<Item = ShardId>) -> Epochs {
        let owned = shards
            .into_iter()
            .filter_map(|shard| Some((shard, self.epoch(shard)?)));
        owned.collect()
    }

    /// The fence of a transaction that writes for these shards, as far as this replica owns them.
    pub(crate) fn fence(&self, shards: impl IntoIterator<Item = ShardId>) -> Fence {
        let epochs = self.epochs(shards);
        let counts = self.moves.counts();
        let moves = epochs
            .keys()
            .filter_map(|shard| Some((*shard, *counts.get(shard)?)));
        Fence {
            moves: moves.collect(),
            epochs,
        }
    }

    /// What is known of moves of teams.
    pub(crate) fn move_counts(&self) -> MoveCounts {
        self.moves.counts().clone()
    }

    /// Why a team is not served here, whoever owns its shard.
    pub(crate) fn absence(&self, team: TeamId) -> Option<&Absence> {
        self.moves.absence(team)
    }

    /// Whether a team is frozen.
    pub(crate) fn has_frozen(&self) -> bool {
        self.moves.has_frozen()
    }

    /// Nothing of a team is started any more, until [`Ownership::unquieten`].
    pub(crate) fn quieten(&mut self, team: TeamId) {
        self.moves.quieten(team);
    }

    /// A team that was not frozen is begun again as if its shard was just taken.
    pub(crate) fn unquieten(&mut self, team: TeamId) {
        self.moves.unquieten(team);
        self.move_all(&BTreeSet::from([ShardId::of(team)]), Phase::Ready, Phase::Taken);
    }

    /// All owned shards.
    pub(crate) fn owned(&self) -> BTreeSet<ShardId> {
        self.owned.keys().copied().collect()
    }

    /// Who owns a shard, if the table was read at `since` or later.
    pub(crate) fn locate(&self, me: Uuid, shard: ShardId, since: Duration) -> Option<Location> {
        if self.owns(shard) {
            return Some(Location::Here);
        }
        let fresh = self.read_at.is_some_and(|at| at >= since);
        fresh.then(|| match self.table.owner(shard) {
            Some((owner, address)) if owner != me && !address.is_empty() => Location::At(address),
            _ => Location::Nowhere,
        })
    }

    /// Whether the table is younger than a lease.
    pub(crate) fn is_fresh(&self, now: Duration) -> bool {
        self.read_at.is_some_and(|at| now < at + LEASE)
    }

    /// The table as it was read last.
    pub(crate) const fn table(&self) -> &ShardTable {
        &self.table
    }
}
