//! Counts of deliveries that were given up, by lane, until they are told; and their migration. The owner of a team's shard writes
//! them in the transaction of the outcomes.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::DbErr;
use sea_orm_migration::prelude::*;
use uuid::Uuid;
use watchbell_model::ChannelKind;
use watchbell_model::catalog::notices::is_operational;
use watchbell_model::ids::ChannelId;

use super::batch::Batch;
use super::ddl::run;
use super::transaction::WriteTransaction;
use super::{Db, micros, number, word};
use crate::job::{JobOutcome, State};

/// Adds them to the tables.
pub(super) struct Failures;

/// A lane with deliveries that were given up and are not told of.
#[derive(Debug, Clone)]
pub(crate) struct FailedLane {
    /// A channel's id, or the team's for mail to people.
    pub(crate) lane_id: Uuid,
    pub(crate) team_id: Uuid,
    pub(crate) kind: ChannelKind,
    pub(crate) count: i64,
    /// When the first was given up that is not told.
    pub(crate) since: i64,
    /// When the last was.
    pub(crate) last_at: i64,
    /// Since when they may be told; another time for every event.
    pub(crate) due_at: i64,
    pub(crate) error: String,
    pub(crate) delivery_id: Uuid,
    pub(crate) event_id: String,
}

// === impl Failures ===

impl MigrationName for Failures {
    fn name(&self) -> &'static str {
        "m0008_failures"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Failures {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, |uuid| {
            vec![
                format!(
                    "CREATE TABLE delivery_failures (
                    lane_id {uuid} NOT NULL PRIMARY KEY,
                    team_id {uuid} NOT NULL,
                    kind SMALLINT NOT NULL,
                    count BIGINT NOT NULL,
                    since BIGINT,
                    last_at BIGINT NOT NULL,
                    error TEXT NOT NULL,
                    delivery_id {uuid} NOT NULL,
                    event_id TEXT NOT NULL,
                    due_at BIGINT NOT NULL)"
                ),
                "CREATE INDEX delivery_failures_due ON delivery_failures (due_at)".to_owned(),
            ]
        })
        .await
    }
}

// === impl Db ===

impl Db {
    /// Counts the deliveries that are given up with these outcomes. Those of operational events and of tests do not count.
    pub(crate) async fn count_failures<W: WriteTransaction>(
        &self,
        transaction: &W,
        outcomes: &[&JobOutcome],
    ) -> Result<(), DbErr> {
        // In one order everywhere, and each lane once.
        let mut lanes: BTreeMap<Uuid, (i64, &JobOutcome)> = BTreeMap::new();
        for outcome in outcomes.iter().filter(|outcome| counts(outcome)) {
            let lane = lanes.entry(outcome.job.lane.0).or_insert((0, outcome));
            *lane = (lane.0 + 1, outcome);
        }
        if lanes.is_empty() {
            return Ok(());
        }
        let last = || lanes.values().map(|(_, outcome)| outcome);
        let ended = || last().map(|outcome| outcome.ended_at.map_or(0, micros));
        let batch = Batch::new()
            .uuid("lane_id", lanes.keys().copied())
            .uuid("team_id", last().map(|outcome| outcome.job.team_id().as_uuid()))
            .small("kind", last().map(|outcome| number(outcome.job.route.kind)))
            .big("count", lanes.values().map(|(count, _)| *count))
            .big("since", ended())
            .big("last_at", ended())
            .text("error", last().map(|outcome| outcome.message.as_str()))
            .uuid("delivery_id", last().map(|outcome| outcome.job.id.as_uuid()))
            .text("event_id", last().map(|outcome| outcome.job.event.id.as_str()))
            .big("due_at", ended());
        let sql = "INSERT INTO delivery_failures ({names}) SELECT b.* FROM ({rows}) AS b WHERE true
            ON CONFLICT (lane_id) DO UPDATE SET count = delivery_failures.count + excluded.count,
                since = COALESCE(delivery_failures.since, excluded.since), kind = excluded.kind, last_at = excluded.last_at,
                error = excluded.error, delivery_id = excluded.delivery_id, event_id = excluded.event_id";
        transaction.run(sql, &batch, &[]).await?;
        Ok(())
    }

    /// Lanes whose failures are to be told now, and those of which nothing is to be told any more: a page of them, after a
    /// team and a lane, by which they are ordered.
    pub(crate) async fn failed_lanes_all_teams(
        &self,
        now: DateTime<Utc>,
        (team, lane): (Uuid, Uuid),
        limit: i64,
    ) -> Result<Vec<FailedLane>, DbErr> {
        let sql = "SELECT lane_id, team_id, kind, count, since, last_at, due_at, error, delivery_id, event_id
            FROM delivery_failures WHERE due_at <= $1 AND (team_id > $2 OR (team_id = $2 AND lane_id > $3))
            ORDER BY team_id, lane_id LIMIT $4";
        let values = vec![micros(now).into(), team.into(), lane.into(), limit.into()];
        let rows = self.query(sql, values).await?;
        rows.iter()
            .map(|row| {
                let lane_id: Uuid = row.try_get("", "lane_id")?;
                let kind = word(row.try_get("", "kind")?, "kind", &lane_id)
                    .map_err(|corrupt| DbErr::Type(corrupt.to_string()))?;
                Ok(FailedLane {
                    lane_id,
                    team_id: row.try_get("", "team_id")?,
                    kind,
                    count: row.try_get("", "count")?,
                    since: row.try_get::<Option<i64>>("", "since")?.unwrap_or(0),
                    last_at: row.try_get("", "last_at")?,
                    due_at: row.try_get("", "due_at")?,
                    error: row.try_get("", "error")?,
                    delivery_id: row.try_get("", "delivery_id")?,
                    event_id: row.try_get("", "event_id")?,
                })
            })
            .collect()
    }

    /// Notes that a lane's failures were told; those that came meanwhile are told at `next`.
    pub(crate) async fn note_told_failures(
        &self,
        told: &FailedLane,
        next: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let sql = "UPDATE delivery_failures SET count = count - $1,
                since = CASE WHEN count = $1 THEN NULL ELSE last_at END, due_at = $2
            WHERE lane_id = $3 AND team_id = $4 AND due_at = $5";
        let values = vec![
            told.count.into(),
            micros(next).into(),
            told.lane_id.into(),
            told.team_id.into(),
            told.due_at.into(),
        ];
        self.execute(sql, values).await?;
        Ok(())
    }

    /// Deletes lanes of which nothing has come meanwhile.
    pub(crate) async fn forget_failed_lanes(&self, lanes: &[FailedLane]) -> Result<(), DbErr> {
        let batch = Batch::new().uuid("id", lanes.iter().map(|lane| lane.lane_id));
        let sql =
            "DELETE FROM delivery_failures WHERE count = 0 AND lane_id IN (SELECT b.id FROM ({rows}) AS b)";
        self.write(batch.statement(self.backend(), sql, vec![])).await?;
        Ok(())
    }
}

// === impl FailedLane ===

impl FailedLane {
    /// The channel; `None` for mail to people.
    pub(crate) fn channel_id(&self) -> Option<ChannelId> {
        (self.lane_id != self.team_id).then(|| ChannelId::from_uuid(self.lane_id))
    }
}

fn counts(outcome: &JobOutcome) -> bool {
    let event = &outcome.job.event;
    outcome.state == State::Failed && !event.test && !is_operational(&event.event_type)
}
