//! Loop that resumes parked deliveries when the reason has gone: the channel was activated, re-enabled or deleted, or
//! the team has a receipt recipient. It also reschedules what quiet hours and silences hold, and cancels deliveries of deleted channels.
//! It runs periodically and whenever Config reports a change.

use std::collections::BTreeSet;
use std::sync::Arc;

use sea_orm::DbErr;
use watchbell_model::ids::TeamId;

use crate::channel::cache::{ConfigUnavailable, Lookup};
use crate::delivery::precheck::DELETED;
use crate::delivery::summaries::close_remaining;
use crate::job::ParkedFor;
use crate::lanes::LaneId;
use crate::maintenance::kept_receipts::{LastNotices, notify_kept};
use crate::maintenance::replan::replan;
use crate::maintenance::silences::look_again;
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
        let mut parked = db.parked_lanes_all_teams().await?;
        parked.retain(|(team, _)| self.core.owns(*team));
        for (team, lane) in &parked {
            due += self.look_at(*team, *lane).await?;
        }
        let parked: BTreeSet<_> = parked.into_iter().map(|(_, lane)| lane).collect();
        let mut gathering = db.summary_lanes_all_teams().await?;
        gathering.retain(|lane| self.core.owns(lane.team_id));
        let waiting = db.waiting_lanes_all_teams().await?;
        let waiting = waiting.iter().map(|lane| (lane.team_id, lane.lane));
        let mut waiting: Vec<_> = waiting
            .chain(gathering.iter().map(|lane| (lane.team_id, lane.lane)))
            .collect();
        waiting.retain(|(team, _)| self.core.owns(*team));
        for (team, lane) in waiting {
            if !parked.contains(&lane) && matches!(self.policy(team, lane).await, Ok(Lookup::Deleted)) {
                self.cancel(team, lane).await?;
            }
        }
        due += look_again(&self.core, &gathering).await?;
        due += replan(&self.core, gathering).await?;
        close_remaining(&self.core).await?;
        Ok(due)
    }

    async fn policy(&self, team: TeamId, lane: LaneId) -> Result<Lookup, ConfigUnavailable> {
        self.core.channels.of_lane(team, lane).await
    }

    async fn look_at(&self, team: TeamId, lane: LaneId) -> Result<u64, DbErr> {
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
        if lane.0 == team.as_uuid() {
            if !policy.people.receipt_recipients().is_empty() {
                due += self.unpark(team, lane, ParkedFor::NoRecipient).await?;
            } else if core.db.has_parked(team, lane, ParkedFor::NoRecipient).await? {
                notify_kept(core, &self.last_notices, team);
            }
        }
        Ok(due)
    }

    /// In chunks, so that no statement holds its locks for long.
    async fn unpark(&self, team: TeamId, lane: LaneId, why: ParkedFor) -> Result<u64, DbErr> {
        let core = &self.core;
        let now = core.clock.now();
        let mut all = 0;
        // Nearly always there is none.
        while core.db.has_parked(team, lane, why).await? {
            let Some(transaction) = core.begin_fenced(team).await? else {
                break;
            };
            all += core.db.unpark_chunk(&transaction, (team, lane), why, now).await?;
            core.db.commit(transaction).await?;
            core.note_due(team, lane, now);
        }
        Ok(all)
    }

    /// Cancels all waiting deliveries of a lane, in chunks.
    async fn cancel(&self, team: TeamId, lane: LaneId) -> Result<(), DbErr> {
        let core = &self.core;
        loop {
            let Some(transaction) = core.begin_fenced(team).await? else {
                return Ok(());
            };
            let live = core.live_jobs.of_lanes(|of| of == lane);
            let now = core.clock.now();
            let cancelled = core
                .db
                .cancel_waiting_chunk(&transaction, (team, lane), &live, DELETED, now)
                .await?;
            core.db.commit(transaction).await?;
            if cancelled == 0 {
                return Ok(());
            }
        }
    }
}
