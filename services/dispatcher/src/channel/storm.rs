//! What storm control counts: sent messages, in the memory of the shard's owner, starting from the delivery log, so that a storm
//! continues over a restart and a take-over. The decision is the model's.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::{Mutex, MutexGuard};
use sea_orm::DbErr;
use watchbell_contracts::config::v1 as config;
use watchbell_model::ChannelKind;
use watchbell_model::catalog::notices::NOTIFICATIONS_SUMMARY;
use watchbell_model::channel::StormLimit;
use watchbell_model::route::GROUP;
use watchbell_model::shard::ShardId;
use watchbell_model::storm::{LONGEST, Recent, StormDecision, passes};

use crate::job::Job;
use crate::lanes::LaneId;
use crate::store::Db;

/// Messages recently sent to a channel of a shard.
#[derive(Debug, Default)]
struct Lane {
    shard: Option<ShardId>,
    recent: Recent,
}

/// Messages recently sent to all channels.
#[derive(Debug, Default)]
pub(crate) struct Storms {
    lanes: Mutex<HashMap<LaneId, Lane>>,
}

// === impl Storms ===

impl Storms {
    /// Until when a job that could go at `now`, which is `now_utc` by the calendar, is folded; `None` when it goes, which is
    /// counted.
    pub(crate) async fn folds(
        &self,
        db: &Db,
        job: &Job,
        limit: StormLimit,
        now: Duration,
        now_utc: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let now = LONGEST + now;
        if !self.lanes().contains_key(&job.lane) {
            let recent = read(db, job, limit, now, now_utc).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "the delivery log is unavailable; storm control starts counting from zero");
                Recent::default()
            });
            let lane = Lane { shard: None, recent };
            self.lanes().entry(job.lane).or_insert(lane);
        }
        let mut lanes = self.lanes();
        let lane = lanes.entry(job.lane).or_default();
        lane.shard = Some(job.shard());
        match lane.recent.decide(limit, must_go(job), now, now_utc) {
            StormDecision::Send => None,
            StormDecision::Fold(until) => Some(until),
        }
    }

    /// Forgets channels that were sent nothing for longer than any window.
    pub(crate) fn forget_idle(&self, now: Duration) {
        let now = LONGEST + now;
        self.lanes().retain(|_, lane| lane.recent.matters(now));
    }

    /// Forgets the channels of shards that have another owner, which counts on from the delivery log.
    pub(crate) fn forget(&self, shards: &BTreeSet<ShardId>) {
        self.lanes()
            .retain(|_, lane| lane.shard.is_none_or(|shard| !shards.contains(&shard)));
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<LaneId, Lane>> {
        self.lanes.lock()
    }
}

/// Reads a channel's recent messages from the delivery log.
async fn read(
    db: &Db,
    job: &Job,
    limit: StormLimit,
    now: Duration,
    now_utc: DateTime<Utc>,
) -> Result<Recent, DbErr> {
    let Some(channel) = job.route.channel_id() else {
        return Ok(Recent::default());
    };
    let since = now_utc - TimeDelta::from_std(limit.window).unwrap_or_default();
    let sent = db
        .sent_since(job.team_id(), channel, since, limit.max_messages)
        .await?;
    let until = db.folded_until(job.lane, now_utc).await?;
    Ok(Recent::restored(&sent, until, limit, now, now_utc))
}

/// Whether a message is never folded: CRITICAL events, tests, replays, and summaries, but for those of groups.
fn must_go(job: &Job) -> bool {
    let event = &job.event;
    passes(event.severity)
        || event.test
        || job.replay_of.is_some()
        || (&*event.event_type == NOTIFICATIONS_SUMMARY && job.route.reason.code != GROUP)
}

/// A channel's limit: its own, else its kind's.
pub(crate) fn limit(channel: &config::Channel, kind: ChannelKind) -> Option<StormLimit> {
    StormLimit::read(channel.storm_control.as_ref(), kind).unwrap_or_else(|_| StormLimit::default_for(kind))
}
