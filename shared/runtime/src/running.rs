//! Long calls under way: a team has one of a kind at a time.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use watchbell_model::ids::TeamId;

use crate::problem::Problem;

/// When to come again: such a call takes seconds, or was left by its caller.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The teams that have a call under way.
#[derive(Debug, Clone, Default)]
pub struct Running(Arc<Mutex<HashSet<TeamId>>>);

/// A team's call, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    running: Running,
    team: TeamId,
}

// === impl Running ===

impl Running {
    /// Begins a team's call.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` while the team has one.
    pub fn begin(&self, team: TeamId) -> Result<Turn, Problem> {
        if !self.0.lock().insert(team) {
            return Err(Problem::Overloaded {
                retry_after: RETRY_AFTER,
            });
        }
        Ok(Turn {
            running: self.clone(),
            team,
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.running.0.lock().remove(&self.team);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_team_has_one_call_at_a_time_and_does_not_hold_up_another() {
        let running = Running::default();
        let id = |n| TeamId::from_uuid(uuid::Uuid::from_u128(n));
        let (team, other) = (id(1), id(2));
        let turn = running.begin(team).unwrap();
        assert!(running.begin(team).is_err());
        assert!(running.begin(other).is_ok());
        drop(turn);
        assert!(running.begin(team).is_ok());
    }
}
