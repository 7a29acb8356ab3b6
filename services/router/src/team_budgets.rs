//! Budgets of a team's events between arrival and commit. Batches and streams of one team wait here, before anything
//! is parsed, so that other teams' events find free threads and transactions.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use watchbell_model::ids::TeamId;

/// Units of 4 KiB that a team's events may take at once: enough for one transaction in flight and the next to gather.
const UNITS: usize = 512;

/// Number of teams above which idle ones are dropped.
const HOUSEKEEPING: usize = 1_024;

/// The teams' bounds. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct TeamBudgets(Arc<Mutex<HashMap<TeamId, Weak<Semaphore>>>>);

/// Places of one event; dropped when it is answered.
pub(crate) struct TeamPermit {
    _units: Option<OwnedSemaphorePermit>,
    /// Keeps the team's bound known while anybody waits for it or is in it.
    _team: Arc<Semaphore>,
}

// === impl TeamBudgets ===

impl TeamBudgets {
    /// Waits for the units of one event; more than all of them counts as all.
    pub(crate) async fn take(&self, team: TeamId, units: usize) -> TeamPermit {
        let bound = self.budget(team);
        let units = u32::try_from(units.min(UNITS)).unwrap_or(u32::MAX);
        TeamPermit {
            // It is never closed.
            _units: Arc::clone(&bound).acquire_many_owned(units).await.ok(),
            _team: bound,
        }
    }

    fn budget(&self, team: TeamId) -> Arc<Semaphore> {
        let mut teams = self.0.lock();
        if let Some(bound) = teams.get(&team).and_then(Weak::upgrade) {
            return bound;
        }
        if teams.len() >= HOUSEKEEPING {
            teams.retain(|_, bound| bound.strong_count() > 0);
        }
        let bound = Arc::new(Semaphore::new(UNITS));
        teams.insert(team, Arc::downgrade(&bound));
        bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn a_teams_events_wait_for_one_another_and_no_other_teams_for_them() {
        let budgets = TeamBudgets::default();
        let team = || TeamId::generate(DateTime::UNIX_EPOCH);
        let (loud, quiet) = (team(), team());
        let some = UNITS / 8;
        let mut taken: Vec<_> = (0..8)
            .filter_map(|_| budgets.take(loud, some).now_or_never())
            .collect();
        assert_eq!(taken.len(), 8);
        assert!(budgets.take(loud, 1).now_or_never().is_none());
        assert!(budgets.take(quiet, 65).now_or_never().is_some());
        taken.pop();
        assert!(budgets.take(loud, 1).now_or_never().is_some());
        taken.clear();
        assert!(
            budgets.take(loud, 10 * UNITS).now_or_never().is_some(),
            "larger than all of it"
        );
    }
}
