//! Shares of something bounded: memory, calls, connections. What there is is counted in places, and an owner has at most
//! as many as are still free (a dynamic threshold: Choudhury and Hahne, 1998): whatever one owner takes, something is
//! left for the next.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use watchbell_model::ids::TeamId;

/// What one place holds, in bytes.
pub const PLACE: usize = 4_096;

/// The places that something of so many bytes takes: one, and one more for each [`PLACE`] that it fills.
#[must_use]
pub const fn places(bytes: usize) -> usize {
    1 + bytes / PLACE
}

/// Places that owners share; teams, unless said otherwise.
#[derive(Debug)]
pub struct Shares<K: Eq + Hash + Copy = TeamId>(Arc<Inner<K>>);

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

/// Places that an owner has until this is dropped.
#[derive(Debug)]
pub struct Share<K: Eq + Hash + Copy = TeamId> {
    shares: Shares<K>,
    owners: [Option<K>; 2],
    places: Mutex<usize>,
}

// === impl Shares ===

impl<K: Eq + Hash + Copy> Shares<K> {
    /// Shares of `total` places.
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

    /// So many places for an owner; `None` when it has as many as are free. What is given begins in a free place, so that
    /// one share may reach beyond the bound.
    #[must_use]
    pub fn take(&self, owner: K, places: usize) -> Option<Share<K>> {
        self.take_for([Some(owner), None], places)
    }

    /// The same for somebody who belongs to a group: the group has at most as many places as are free, and its member at
    /// most as many as that leaves to the group.
    #[must_use]
    pub fn take_within(&self, group: K, member: K, places: usize) -> Option<Share<K>> {
        self.take_for([Some(group), Some(member)], places)
    }

    fn take_for(&self, owners: [Option<K>; 2], places: usize) -> Option<Share<K>> {
        let given = self.held().give(self.0.total, owners, places);
        given.then(|| Share {
            shares: self.clone(),
            owners,
            places: Mutex::new(places),
        })
    }

    fn held(&self) -> MutexGuard<'_, Held<K>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Copy> Clone for Shares<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

// === impl Held ===

impl<K: Eq + Hash + Copy> Held<K> {
    fn give(&mut self, total: usize, owners: [Option<K>; 2], places: usize) -> bool {
        let mut room = total.saturating_sub(self.all);
        for owner in owners.iter().flatten() {
            let own = self.owners.get(owner).copied().unwrap_or(0);
            if own >= room {
                return false;
            }
            room -= own;
        }
        self.all += places;
        for owner in owners.into_iter().flatten() {
            *self.owners.entry(owner).or_default() += places;
        }
        true
    }
}

// === impl Share ===

impl<K: Eq + Hash + Copy> Share<K> {
    /// So many places more, under the same condition as the first.
    #[must_use]
    pub fn grow(&self, by: usize) -> bool {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let given = self.shares.held().give(self.shares.0.total, self.owners, by);
        if given {
            *places += by;
        }
        given
    }
}

impl<K: Eq + Hash + Copy> Drop for Share<K> {
    fn drop(&mut self) {
        let places = *self.places.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut held = self.shares.held();
        held.all -= places;
        for owner in self.owners.into_iter().flatten() {
            if let Some(own) = held.owners.get_mut(&owner) {
                *own -= places;
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
        let shares = Shares::new(100);
        let mut kept = Vec::new();
        for granted in [50, 25, 13, 6, 3] {
            let team = team();
            let own: Vec<_> = std::iter::from_fn(|| shares.take(team, 1)).collect();
            assert_eq!(own.len(), granted);
            kept.push(own);
        }
        kept.clear();
        assert!(
            shares.held().owners.is_empty() && shares.held().all == 0,
            "all is given back"
        );
    }

    #[test]
    fn a_large_share_takes_what_many_small_ones_would() {
        let shares = Shares::new(100);
        let (one, other) = (team(), team());
        let large = shares.take(one, 65).unwrap();
        assert!(shares.take(one, 1).is_none());
        let small = (0..18)
            .map(|_| shares.take(other, 1).unwrap())
            .collect::<Vec<_>>();
        assert!(shares.take(other, 1).is_none(), "18 of the 17 that are left");
        drop(large);
        assert!(shares.take(one, 1).is_some() && shares.take(other, 1).is_some());
        drop(small);
    }

    #[test]
    fn whatever_is_larger_than_everything_fits_when_nothing_else_is_there() {
        let shares = Shares::new(4);
        let all = shares.take(team(), 65).unwrap();
        assert!(shares.take(team(), 1).is_none());
        drop(all);
        assert!(shares.take(team(), 1).is_some());
    }

    #[test]
    fn a_member_of_a_group_leaves_something_to_the_group_and_the_group_to_others() {
        let shares = Shares::new(90);
        let loud: Vec<_> = std::iter::from_fn(|| shares.take_within("team", "loud", 1)).collect();
        assert_eq!(loud.len(), 30, "a third");
        let quiet: Vec<_> = std::iter::from_fn(|| shares.take_within("team", "quiet", 1)).collect();
        assert_eq!(quiet.len(), 10, "a third of what is left to the team");
        let other: Vec<_> = std::iter::from_fn(|| shares.take("other", 1)).collect();
        assert_eq!(other.len(), 25, "half of what is free");
    }

    #[test]
    fn a_share_grows_only_into_what_is_free_and_gives_all_of_it_back() {
        let shares = Shares::new(10);
        let share = shares.take("one", 1).unwrap();
        assert!(share.grow(4), "1 of the 9 that are free");
        assert!(!share.grow(1), "5 of the 5 that are free");
        drop(share);
        assert_eq!(shares.held().all, 0);
    }
}
