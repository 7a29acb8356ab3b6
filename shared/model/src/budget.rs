//! Budgets of a bounded resource: memory, calls, connections. The resource is counted in units, and an owner may hold
//! at most as many as are still free (a dynamic threshold: Choudhury and Hahne, 1998), so that the next owner always
//! finds some.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use crate::ids::TeamId;
use parking_lot::{Mutex, MutexGuard};

/// What one unit holds, in bytes.
pub const UNIT_BYTES: usize = 4_096;

/// Memory of `bytes` bytes, in units: one, and one more for each [`UNIT_BYTES`].
#[must_use]
pub const fn units(bytes: usize) -> usize {
    1 + bytes / UNIT_BYTES
}

/// Budget of units, shared by owners; teams by default.
#[derive(Debug)]
pub struct SharedBudget<K: Eq + Hash + Copy = TeamId>(Arc<Inner<K>>);

#[derive(Debug)]
struct Inner<K> {
    total: usize,
    held: Mutex<Held<K>>,
}

#[derive(Debug)]
struct Held<K> {
    all: usize,
    owners: HashMap<K, usize>,
}

/// Units that an owner holds until this is dropped.
#[derive(Debug)]
pub struct BudgetPermit<K: Eq + Hash + Copy = TeamId> {
    budget: SharedBudget<K>,
    owners: [Option<K>; 2],
    units: Mutex<usize>,
}

// === impl SharedBudget ===

impl<K: Eq + Hash + Copy> SharedBudget<K> {
    /// Budget of `total` units.
    #[must_use]
    pub fn new(total: usize) -> Self {
        Self(Arc::new(Inner {
            total,
            held: Mutex::new(Held {
                all: 0,
                owners: HashMap::new(),
            }),
        }))
    }

    /// Takes units for an owner; `None` when it holds as many as are free. One free unit suffices, so that one permit
    /// may exceed the budget.
    #[must_use]
    pub fn take(&self, owner: K, units: usize) -> Option<BudgetPermit<K>> {
        self.take_for([Some(owner), None], units)
    }

    /// Takes units for a member of a group: the group may hold at most as many as are free, and the member at most as
    /// many as remain for the group.
    #[must_use]
    pub fn take_within(&self, group: K, member: K, units: usize) -> Option<BudgetPermit<K>> {
        self.take_for([Some(group), Some(member)], units)
    }

    fn take_for(&self, owners: [Option<K>; 2], units: usize) -> Option<BudgetPermit<K>> {
        let granted = self.held().grant(self.0.total, owners, units);
        granted.then(|| BudgetPermit {
            budget: self.clone(),
            owners,
            units: Mutex::new(units),
        })
    }

    fn held(&self) -> MutexGuard<'_, Held<K>> {
        self.0.held.lock()
    }
}

impl<K: Eq + Hash + Copy> Clone for SharedBudget<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

// === impl Held ===

impl<K: Eq + Hash + Copy> Held<K> {
    fn grant(&mut self, total: usize, owners: [Option<K>; 2], units: usize) -> bool {
        let mut free = total.saturating_sub(self.all);
        for owner in owners.iter().flatten() {
            let own = self.owners.get(owner).copied().unwrap_or(0);
            if own >= free {
                return false;
            }
            free -= own;
        }
        self.all += units;
        for owner in owners.into_iter().flatten() {
            *self.owners.entry(owner).or_default() += units;
        }
        true
    }
}

// === impl BudgetPermit ===

impl<K: Eq + Hash + Copy> BudgetPermit<K> {
    /// Takes more units, under the same condition as the first.
    #[must_use]
    pub fn grow(&self, by: usize) -> bool {
        let mut units = self.units.lock();
        let granted = self.budget.held().grant(self.budget.0.total, self.owners, by);
        if granted {
            *units += by;
        }
        granted
    }
}

impl<K: Eq + Hash + Copy> Drop for BudgetPermit<K> {
    fn drop(&mut self) {
        let units = *self.units.get_mut();
        let mut held = self.budget.held();
        held.all -= units;
        for owner in self.owners.into_iter().flatten() {
            if let Some(own) = held.owners.get_mut(&owner) {
                *own -= units;
                if *own == 0 {
                    held.owners.remove(&owner);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn team() -> TeamId {
        TeamId::generate(DateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_team_has_at_most_as_much_as_is_free_and_the_next_always_finds_something() {
        let budget = SharedBudget::new(100);
        let mut kept = Vec::new();
        for granted in [50, 25, 13, 6, 3] {
            let team = team();
            let own: Vec<_> = std::iter::from_fn(|| budget.take(team, 1)).collect();
            assert_eq!(own.len(), granted);
            kept.push(own);
        }
        kept.clear();
        assert!(
            budget.held().owners.is_empty() && budget.held().all == 0,
            "all is granted back"
        );
    }

    #[test]
    fn a_large_share_takes_what_many_small_ones_would() {
        let budget = SharedBudget::new(100);
        let (one, other) = (team(), team());
        let large = budget.take(one, 65).unwrap();
        assert!(budget.take(one, 1).is_none());
        let small = (0..18)
            .map(|_| budget.take(other, 1).unwrap())
            .collect::<Vec<_>>();
        assert!(budget.take(other, 1).is_none(), "18 of the 17 that are left");
        drop(large);
        assert!(budget.take(one, 1).is_some() && budget.take(other, 1).is_some());
        drop(small);
    }

    #[test]
    fn whatever_is_larger_than_everything_fits_when_nothing_else_is_there() {
        let budget = SharedBudget::new(4);
        let all = budget.take(team(), 65).unwrap();
        assert!(budget.take(team(), 1).is_none());
        drop(all);
        assert!(budget.take(team(), 1).is_some());
    }

    #[test]
    fn a_member_of_a_group_leaves_something_to_the_group_and_the_group_to_others() {
        let budget = SharedBudget::new(90);
        let loud: Vec<_> = std::iter::from_fn(|| budget.take_within("team", "loud", 1)).collect();
        assert_eq!(loud.len(), 30, "a third");
        let quiet: Vec<_> = std::iter::from_fn(|| budget.take_within("team", "quiet", 1)).collect();
        assert_eq!(quiet.len(), 10, "a third of what is left to the team");
        let other: Vec<_> = std::iter::from_fn(|| budget.take("other", 1)).collect();
        assert_eq!(other.len(), 25, "half of what is free");
    }

    #[test]
    fn a_share_grows_only_into_what_is_free_and_gives_all_of_it_back() {
        let budget = SharedBudget::new(10);
        let permit = budget.take("one", 1).unwrap();
        assert!(permit.grow(4), "1 of the 9 that are free");
        assert!(!permit.grow(1), "5 of the 5 that are free");
        drop(permit);
        assert_eq!(budget.held().all, 0);
    }
}
