//! How many look-ups each team has under way at once, so that a team with names of a silent zone delays nobody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use watchbell_model::ids::TeamId;

/// Look-ups of one team at once; more wait.
const SHARE: usize = 16;

/// One semaphore for each team that has look-ups under way. What the process looks up for itself has a share as well.
#[derive(Debug, Default)]
pub(crate) struct Shares(Mutex<HashMap<Option<TeamId>, Arc<Semaphore>>>);

/// A place in a team's share, until it is dropped.
pub(crate) struct Place<'a> {
    shares: &'a Shares,
    team: Option<TeamId>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Shares {
    /// Waits for a place.
    pub(crate) async fn enter(&self, team: Option<TeamId>) -> Place<'_> {
        let mut place = Place {
            shares: self,
            team,
            permit: None,
        };
        let share = {
            let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(
                shares
                    .entry(team)
                    .or_insert_with(|| Arc::new(Semaphore::new(SHARE))),
            )
        };
        // It is never closed.
        place.permit = share.acquire_owned().await.ok();
        place
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.permit = None;
        let mut shares = self.shares.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever waits for the semaphore, or holds a permit of it, holds it as well.
        if shares
            .get(&self.team)
            .is_some_and(|share| Arc::strong_count(share) == 1)
        {
            shares.remove(&self.team);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use futures::FutureExt;

    #[tokio::test]
    async fn a_team_that_has_all_of_its_share_waits_and_nobody_else_does() {
        let shares = Shares::default();
        let team = TeamId::generate(DateTime::UNIX_EPOCH);
        let mut places = Vec::new();
        for _ in 0..SHARE {
            places.push(shares.enter(Some(team)).await);
        }
        let mut next = Box::pin(shares.enter(Some(team)));
        assert!((&mut next).now_or_never().is_none());
        assert!(shares.enter(None).now_or_never().is_some());
        places.pop();
        drop(next.await);
        drop(places);
        assert!(
            shares.0.lock().unwrap().is_empty(),
            "a share is forgotten with its last look-up"
        );
    }
}
