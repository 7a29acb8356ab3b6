//! Backtests under way: a team has one at a time.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use watchbell_model::ids::TeamId;
use watchbell_runtime::problem::Problem;

/// When to come again: a backtest takes seconds, or was left by its caller.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The teams that have a backtest under way.
#[derive(Clone, Default)]
pub(crate) struct Running(Arc<Mutex<HashSet<TeamId>>>);

/// A team's backtest, until it is dropped.
pub(crate) struct Turn {
    running: Running,
    team: TeamId,
}

// === impl Running ===

impl Running {
    /// # Errors
    /// `RESOURCE_EXHAUSTED` while the team has one.
    pub(crate) fn begin(&self, team: TeamId) -> Result<Turn, Problem> {
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
