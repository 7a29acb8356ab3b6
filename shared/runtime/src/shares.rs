//! Memory that teams share while their events wait. What there is is counted in places, and a team has at most as many
//! as are still free (a dynamic threshold: Choudhury and Hahne, 1998): whatever one team sends, something is left for the
//! next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use watchbell_domain::ids::TeamId;

/// What one place holds, in bytes.
pub const PLACE: usize = 4_096;

/// The places that something of so many bytes takes: one, and one more for each [`PLACE`] that it fills.
#[must_use]
pub const fn places(bytes: usize) -> usize {
    1 + bytes / PLACE
}

/// So many places.
#[derive(Debug, Clone)]
pub struct Shares(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    total: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    teams: HashMap<TeamId, usize>,
}

/// Places that a team has until this is dropped.
#[derive(Debug)]
pub struct Share {
    shares: Shares,
    team: TeamId,
    places: usize,
}

// === impl Shares ===

impl Shares {
    /// Shares of `total` places.
    #[must_use]
    pub fn new(total: usize) -> Self {
        Self(Arc::new(Inner {
            total,
            held: Mutex::default(),
        }))
    }

    /// So many places for a team; `None` when it has as many as are free. What is given begins in a free place, so that
    /// one share may reach beyond the bound.
    #[must_use]
    pub fn take(&self, team: TeamId, places: usize) -> Option<Share> {
        let mut held = self.held();
        let free = self.0.total.saturating_sub(held.all);
        let own = held.teams.get(&team).copied().unwrap_or(0);
        if own >= free {
            return None;
        }
        held.all += places;
        held.teams.insert(team, own + places);
        drop(held);
        Some(Share {
            shares: self.clone(),
            team,
            places,
        })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Share ===

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.held();
        held.all -= self.places;
        if let Some(own) = held.teams.get_mut(&self.team) {
            *own -= self.places;
            if *own == 0 {
                held.teams.remove(&self.team);
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
            shares.held().teams.is_empty() && shares.held().all == 0,
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
}
