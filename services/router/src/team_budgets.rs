//! Budgets of a team's events between arrival and commit. Batches and streams of one team wait here, before anything
//! is parsed, so that other teams' events find free threads and transactions. How many routes an event has is known once
//! it is decided; until then it counts like those before it.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use watchbell_model::budget::UNIT_BYTES;
use watchbell_model::ids::TeamId;

/// Units of 4 KiB that a team's events may take at once: enough for one transaction in flight and the next to gather.
const UNITS: usize = 512;

/// Number of teams above which idle ones are dropped.
const HOUSEKEEPING: usize = 1_024;

/// Memory of a route on its way, in bytes: it is there as a message, and as it is stored.
const ROUTE_BYTES: usize = 1_536;

/// Units that the routes of a team's first event count before it is decided: as many as those of very wide ones.
const UNKNOWN: usize = 64;

/// The teams' bounds. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct TeamBudgets(Arc<Mutex<HashMap<TeamId, Weak<Bound>>>>);

#[derive(Debug)]
struct Bound {
    units: Arc<Semaphore>,
    /// Who is next for units: an event's routes are estimated when its turn comes, and not when it begins to wait.
    turn: tokio::sync::Mutex<()>,
    /// Units of the routes that an event is expected to have, once one was decided.
    routes: Mutex<Option<usize>>,
}

/// Places of one event; dropped when it is answered.
pub(crate) struct TeamPermit {
    _units: Option<OwnedSemaphorePermit>,
    /// Keeps the team's bound known while anybody waits for it or is in it.
    team: Arc<Bound>,
}

// === impl TeamPermit ===

impl TeamPermit {
    /// Notes how many routes the event has: the next ones are expected to have as many, or hardly fewer.
    pub(crate) fn decided(&self, routes: usize) {
        let units = routes * ROUTE_BYTES / UNIT_BYTES;
        let mut expected = self.team.routes.lock();
        let fewer = expected.map_or(0, |expected| expected - expected.div_ceil(8));
        *expected = Some(units.max(fewer));
    }
}

// === impl TeamBudgets ===

impl TeamBudgets {
    /// Waits for the units of one event; more than all of them counts as all.
    pub(crate) async fn take(&self, team: TeamId, units: usize) -> TeamPermit {
        let bound = self.budget(team);
        let turn = bound.turn.lock().await;
        let routes = bound.routes.lock().unwrap_or(UNKNOWN);
        let units = u32::try_from(units.saturating_add(routes).min(UNITS)).unwrap_or(u32::MAX);
        // It is never closed.
        let taken = Arc::clone(&bound.units).acquire_many_owned(units).await.ok();
        drop(turn);
        TeamPermit {
            _units: taken,
            team: bound,
        }
    }

    fn budget(&self, team: TeamId) -> Arc<Bound> {
        let mut teams = self.0.lock();
        if let Some(bound) = teams.get(&team).and_then(Weak::upgrade) {
            return bound;
        }
        if teams.len() >= HOUSEKEEPING {
            teams.retain(|_, bound| bound.strong_count() > 0);
        }
        let bound = Arc::new(Bound {
            units: Arc::new(Semaphore::new(UNITS)),
            turn: tokio::sync::Mutex::default(),
            routes: Mutex::default(),
        });
        teams.insert(team, Arc::downgrade(&bound));
        bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use futures::FutureExt as _;
    use tokio::task::unconstrained;

    /// An event that is decided to have so many routes.
    async fn known(budgets: &TeamBudgets, team: TeamId, routes: usize) -> TeamPermit {
        let permit = budgets.take(team, 1).await;
        permit.decided(routes);
        permit
    }

    #[tokio::test]
    async fn what_waits_counts_by_what_is_known_when_its_turn_comes() {
        let budgets = TeamBudgets::default();
        let team = TeamId::generate(DateTime::UNIX_EPOCH);
        let first = budgets.take(team, UNITS).await;
        let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(budgets.take(team, 1))).collect();
        for waits in &mut waiting {
            assert!(unconstrained(waits).now_or_never().is_none());
        }
        first.decided(1);
        drop(first);
        let taken = waiting
            .into_iter()
            .map_while(|waits| unconstrained(waits).now_or_never());
        assert_eq!(taken.collect::<Vec<_>>().len(), 100);
    }

    #[tokio::test]
    async fn events_with_many_routes_count_by_them_from_the_first_on() {
        let budgets = TeamBudgets::default();
        let team = TeamId::generate(DateTime::UNIX_EPOCH);
        let at_once = |budgets: &TeamBudgets| {
            let taken = (0..2 * UNITS).map_while(|_| unconstrained(budgets.take(team, 1)).now_or_never());
            taken.collect::<Vec<_>>().len()
        };
        assert_eq!(at_once(&budgets), UNITS / (1 + UNKNOWN), "nothing is known");
        let one = known(&budgets, team, 1).await;
        assert_eq!(at_once(&budgets), UNITS - 1 - UNKNOWN, "hardly any routes");
        one.decided(400);
        assert!(at_once(&budgets) < 4, "400 routes");
        one.decided(1);
        assert!(
            at_once(&budgets) < 5,
            "one event of few routes does not change much"
        );
    }

    #[tokio::test]
    async fn a_teams_events_wait_for_one_another_and_no_other_teams_for_them() {
        let budgets = TeamBudgets::default();
        let team = || TeamId::generate(DateTime::UNIX_EPOCH);
        let (loud, quiet) = (team(), team());
        let (of_loud, _of_quiet) = (known(&budgets, loud, 0).await, known(&budgets, quiet, 0).await);
        let some = UNITS / 8;
        let take = |team, units| budgets.take(team, units).now_or_never();
        let mut taken = Vec::from_iter(std::iter::from_fn(|| take(loud, some)));
        assert_eq!(taken.len(), (UNITS - 1 - UNKNOWN) / some);
        assert!(take(loud, some).is_none());
        assert!(take(quiet, some + 1).is_some());
        taken.pop();
        assert!(take(loud, some).is_some());
        drop((taken, of_loud));
        assert!(take(loud, 10 * UNITS).is_some(), "larger than all of it");
    }
}
