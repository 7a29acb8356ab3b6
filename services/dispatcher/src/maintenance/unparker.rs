//! Loop that resumes parked deliveries when the reason has gone: the channel was activated, re-enabled or deleted, or
//! the team has a receipt recipient. It also reschedules held deliveries, and cancels deliveries of deleted channels.
//! It runs periodically and whenever Config reports a change.

use std::collections::BTreeSet;
use std::sync::Arc;

use sea_orm::DbErr;
use watchbell_model::ids::{ChannelId, TeamId};

use crate::channel::cache::{ConfigUnavailable, Lookup};
use crate::delivery::precheck::DELETED;
use crate::delivery::summaries::close_remaining;
use crate::job::ParkedFor;
use crate::maintenance::kept_receipts::{LastNotices, notify_kept};
use crate::maintenance::replan::replan;
use crate::state::Core;

/// Loop that resumes parked deliveries.
pub(crate) struct Unparker {
    pub(crate) core: Arc<Core>,
    last_notices: LastNotices,
}

// === impl Unparker ===

impl Unparker {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            last_notices: LastNotices::default(),
        }
    }

    /// One round; how many deliveries are due again.
    pub(crate) async fn tick(&self) -> Result<u64, DbErr> {
        let db = &self.core.db;
        let mut due = 0;
        let parked = db.parked_lanes_all_teams().await?;
        for (team, lane) in &parked {
            due += self.look_at(*team, *lane).await?;
        }
        let parked: BTreeSet<_> = parked.into_iter().map(|(_, lane)| lane).collect();
        let mut waiting = db.due_lanes_all_teams().await?;
        waiting.extend(
            db.summary_lanes_all_teams()
                .await?
                .iter()
                .map(|lane| (lane.team_id, lane.lane.0)),
        );
        for (team, lane) in waiting {
            if !parked.contains(&lane) && matches!(self.policy(team, lane).await, Ok(Lookup::Deleted)) {
                self.cancel(team, lane).await?;
            }
        }
        due += replan(&self.core).await?;
        close_remaining(&self.core).await?;
        if due > 0 {
            self.core.sweep.notify_one();
        }
        Ok(due)
    }

    /// A lane is a channel's, or for mail to people the team's.
    async fn policy(&self, team: TeamId, lane: uuid::Uuid) -> Result<Lookup, ConfigUnavailable> {
        if lane == team.as_uuid() {
            self.core.channels.people(team).await
        } else {
            self.core.channels.channel(team, ChannelId::from_uuid(lane)).await
        }
    }

    async fn look_at(&self, team: TeamId, lane: uuid::Uuid) -> Result<u64, DbErr> {
        let core = &self.core;
        let policy = match self.policy(team, lane).await {
            Ok(Lookup::Found(policy)) => policy,
            Ok(Lookup::Deleted) => {
                self.cancel(team, lane).await?;
                return Ok(0);
            }
            Err(ConfigUnavailable) => return Ok(0),
        };
        if policy.paused {
            return Ok(0);
        }
        let mut due = self.unpark(team, lane, ParkedFor::Paused).await?;
        let recovers = match policy.channel_id {
            // In an epoch in which nothing was ever reenabled there is nothing to recover.
            Some(id) => {
                policy.recover_parked && policy.epoch > 0 && !core.health.is_unhealthy(id, policy.epoch)
            }
            // The server that was unhealthy serves people no more.
            None => true,
        };
        if recovers {
            due += self.unpark(team, lane, ParkedFor::Unhealthy).await?;
        }
        if lane == team.as_uuid() {
            if !policy.people.receipt_recipients().is_empty() {
                due += self.unpark(team, lane, ParkedFor::NoRecipient).await?;
            } else if core.db.has_parked(team, lane, ParkedFor::NoRecipient).await? {
                notify_kept(core, &self.last_notices, team);
            }
        }
        Ok(due)
    }

    /// In chunks, so that no statement holds its locks for long.
    async fn unpark(&self, team: TeamId, lane: uuid::Uuid, why: ParkedFor) -> Result<u64, DbErr> {
        let now = self.core.clock.now();
        let mut all = 0;
        loop {
            let some = self.core.db.unpark_chunk(team, lane, why, now).await?;
            all += some;
            if some == 0 {
                return Ok(all);
            }
        }
    }

    /// Cancels all waiting deliveries of a lane, in chunks.
    async fn cancel(&self, team: TeamId, lane: uuid::Uuid) -> Result<(), DbErr> {
        let db = &self.core.db;
        while db
            .cancel_waiting_chunk(team, lane, DELETED, self.core.clock.now())
            .await?
            > 0
        {}
        Ok(())
    }
}
