//! What is parked does not wait in a lane, so somebody must look whether its reason has gone: the channel was
//! activated, enabled again, or deleted. This loop looks at every channel that has parked deliveries, now and then and
//! whenever Config says that something has changed; and so it does for what quiet hours hold.

use std::sync::Arc;

use sea_orm::DbErr;
use watchbell_domain::ids::{ChannelId, TeamId};

use crate::channels::Known;
use crate::core::Core;
use crate::folding::follow_the_rest;
use crate::job::ParkedFor;
use crate::pump::DELETED;
use crate::replan::replan;

/// Takes parked deliveries up again.
pub(crate) struct Parking {
    pub(crate) core: Arc<Core>,
}

// === impl Parking ===

impl Parking {
    /// One round; how many deliveries are due again.
    pub(crate) async fn tick(&self) -> Result<u64, DbErr> {
        let mut due = 0;
        for (team, channel) in self.core.db.parked_channels_all_teams().await? {
            due += self.look_at(team, channel).await?;
        }
        due += replan(&self.core).await?;
        follow_the_rest(&self.core).await?;
        if due > 0 {
            self.core.sweep.notify_one();
        }
        Ok(due)
    }

    async fn look_at(&self, team: TeamId, id: ChannelId) -> Result<u64, DbErr> {
        let core = &self.core;
        let terms = match core.channels.channel(team, id).await {
            Ok(Known::There(terms)) => terms,
            Ok(Known::Gone) => {
                while core
                    .db
                    .cancel_parked_chunk(team, id, DELETED, core.clock.now())
                    .await?
                    > 0
                {}
                return Ok(0);
            }
            Err(_) => return Ok(0),
        };
        if terms.paused {
            return Ok(0);
        }
        let mut due = self.unpark(team, id, ParkedFor::Paused).await?;
        // In an epoch in which nothing was ever reenabled there is nothing to recover.
        if terms.recover_parked && terms.epoch > 0 && !core.health.is_unhealthy(id, terms.epoch) {
            due += self.unpark(team, id, ParkedFor::Unhealthy).await?;
        }
        Ok(due)
    }

    /// In chunks, so that no statement holds its locks for long.
    async fn unpark(&self, team: TeamId, id: ChannelId, why: ParkedFor) -> Result<u64, DbErr> {
        let mut all = 0;
        loop {
            let some = self
                .core
                .db
                .unpark_chunk(team, id, why, self.core.clock.now())
                .await?;
            all += some;
            if some == 0 {
                return Ok(all);
            }
        }
    }
}
