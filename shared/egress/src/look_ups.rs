//! Limit on concurrent look-ups per team, so that a team whose names are of a silent zone delays no other team.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use watchbell_model::ids::TeamId;

/// Look-ups of one team at once; more wait.
const PER_TEAM: usize = 16;

/// Semaphores by team, for the teams with look-ups under way. The process's own look-ups are limited as well (`None`).
#[derive(Debug, Default)]
pub(crate) struct LookUpLimits(Mutex<HashMap<Option<TeamId>, Arc<Semaphore>>>);

/// Permit for one look-up, given back when it is dropped.
pub(crate) struct LookUpPermit<'a> {
    limits: &'a LookUpLimits,
    team: Option<TeamId>,
    permit: Option<OwnedSemaphorePermit>,
}

impl LookUpLimits {
    /// Waits until the team may begin a look-up.
    pub(crate) async fn acquire(&self, team: Option<TeamId>) -> LookUpPermit<'_> {
        let mut permit = LookUpPermit {
            limits: self,
            team,
            permit: None,
        };
        let semaphore = {
            let mut semaphores = self.0.lock();
            Arc::clone(
                semaphores
                    .entry(team)
                    .or_insert_with(|| Arc::new(Semaphore::new(PER_TEAM))),
            )
        };
        // It is never closed.
        permit.permit = semaphore.acquire_owned().await.ok();
        permit
    }
}

impl Drop for LookUpPermit<'_> {
    fn drop(&mut self) {
        self.permit = None;
        let mut semaphores = self.limits.0.lock();
        // A look-up that waits or is under way holds its semaphore.
        if semaphores
            .get(&self.team)
            .is_some_and(|semaphore| Arc::strong_count(semaphore) == 1)
        {
            semaphores.remove(&self.team);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use futures::FutureExt;

    #[tokio::test]
    async fn a_team_at_its_limit_waits_and_no_other_team_does() {
        let limits = LookUpLimits::default();
        let team = TeamId::generate(DateTime::UNIX_EPOCH);
        let mut permits = Vec::new();
        for _ in 0..PER_TEAM {
            permits.push(limits.acquire(Some(team)).await);
        }
        let mut next = Box::pin(limits.acquire(Some(team)));
        assert!((&mut next).now_or_never().is_none());
        assert!(limits.acquire(None).now_or_never().is_some());
        permits.pop();
        drop(next.await);
        drop(permits);
        assert!(
            limits.0.lock().is_empty(),
            "a semaphore goes with its last look-up"
        );
    }
}
