//! Rows of summaries, and their migration. Waiting rows are those in the states HELD and FOLDED with a due time; rows
//! of a summary have no due time and name the summary.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{DbBackend, DbErr, FromQueryResult, QueryResult, Value};
use sea_orm_migration::prelude::*;
use uuid::Uuid;
use watchbell_model::Severity;
use watchbell_model::catalog::notices::NOTIFICATIONS_SUMMARY;
use watchbell_model::ids::{ChannelId, DeliveryId, SilenceId, TeamId};

use super::batch::Batch;
use super::ddl::run;
use super::entities::deliveries;
use super::indexes::{GATHERING, with_lanes};
use super::transaction::Transaction;
use super::{Db, instant, micros, number};
use crate::job::State;
use crate::lanes::LaneId;

/// A lane with deliveries that may be summarised.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SummaryLane {
    pub(crate) lane: LaneId,
    pub(crate) team_id: TeamId,
    /// When the first that quiet hours hold is due.
    pub(crate) held_due: Option<DateTime<Utc>>,
    /// When the first that storm control folded is due.
    pub(crate) folded_due: Option<DateTime<Utc>>,
}

/// A delivery, and its event's part of a summary.
#[derive(Debug)]
pub(crate) struct SummaryItem {
    pub(crate) delivery: deliveries::Model,
    pub(crate) url: String,
    pub(crate) subject: String,
    pub(crate) occurred_at: Option<DateTime<Utc>>,
}

/// Adds them to the tables.
pub(super) struct Summaries;

// === impl SummaryLane ===

impl SummaryLane {
    /// The channel, unless it is the lane of mail to people.
    pub(crate) fn channel_id(&self) -> Option<ChannelId> {
        (self.lane.0 != self.team_id.as_uuid()).then(|| ChannelId::from_uuid(self.lane.0))
    }
}

// === impl Summaries ===

impl MigrationName for Summaries {
    fn name(&self) -> &'static str {
        "m0002_summaries"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Summaries {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, |uuid| {
            vec![
                format!("ALTER TABLE deliveries ADD COLUMN folded_into {uuid}"),
                "CREATE INDEX deliveries_gathering ON deliveries (lane_id, state, due_at, id)
                    WHERE lease_owner IS NULL AND due_at IS NOT NULL AND state IN (2, 4)"
                    .to_owned(),
                "CREATE INDEX deliveries_of_summary ON deliveries (folded_into) WHERE folded_into IS NOT NULL"
                    .to_owned(),
                "CREATE INDEX deliveries_told ON deliveries (folded_into)
                    WHERE folded_into IS NOT NULL AND ended_at IS NULL"
                    .to_owned(),
            ]
        })
        .await
    }
}

// === impl Db ===

impl Db {
    /// When a channel was sent something since then, oldest first: the last `most` times. Of deliveries that were made in
    /// the last day, the newest thousand are looked at.
    pub(crate) async fn sent_since(
        &self,
        team: TeamId,
        channel: ChannelId,
        since: DateTime<Utc>,
        most: u32,
    ) -> Result<Vec<DateTime<Utc>>, DbErr> {
        let sql = "WITH d AS (
                SELECT id, attempt_started_at FROM deliveries
                WHERE team_id = $1 AND channel_id = $2 AND id >= $3 AND attempt_count > 0 ORDER BY id DESC LIMIT 1000
            ), sent(started_at) AS (
                SELECT attempt_started_at FROM d WHERE attempt_started_at IS NOT NULL
                UNION ALL SELECT a.started_at FROM d JOIN attempts a ON a.delivery_id = d.id
            )
            SELECT started_at FROM sent WHERE started_at > $4 ORDER BY started_at DESC LIMIT $5";
        // Ids begin with the milliseconds since 1970 (RFC 9562 §5.7).
        let day = u128::try_from((since - TimeDelta::days(1)).timestamp_millis()).unwrap_or(0);
        let values = vec![
            team.as_uuid().into(),
            channel.as_uuid().into(),
            Uuid::from_u128(day << 80).into(),
            micros(since).into(),
            i64::from(most).into(),
        ];
        let rows = self.query(sql, values).await?;
        let sent = rows
            .iter()
            .rev()
            .map(|row| row.try_get("", "started_at").map(instant));
        sent.collect()
    }

    /// Until when the first that storm control has folded in a lane waits.
    pub(crate) async fn folded_until(
        &self,
        lane: LaneId,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, DbErr> {
        let sql = format!(
            "SELECT d.due_at FROM deliveries d WHERE {GATHERING} AND d.lane_id = $1 AND d.state = 4 AND d.due_at > $2
                AND d.gathered_with IS NULL
            ORDER BY d.due_at LIMIT 1"
        );
        let rows = self.query(sql, vec![lane.0.into(), micros(now).into()]).await?;
        rows.first()
            .map(|row| row.try_get("", "due_at").map(instant))
            .transpose()
    }

    /// The lanes of all teams with deliveries that may be summarised.
    pub(crate) async fn summary_lanes_all_teams(&self) -> Result<Vec<SummaryLane>, DbErr> {
        let sql = format!("{} {}", with_lanes(GATHERING), first_due("lane", ""));
        let rows = self.query(sql, vec![]).await?;
        summary_lanes(&rows)
    }

    /// Of these lanes those with deliveries that may be summarised, and are due after an instant if one is given.
    pub(crate) async fn summary_lanes(
        &self,
        lanes: &[LaneId],
        after: Option<DateTime<Utc>>,
    ) -> Result<Vec<SummaryLane>, DbErr> {
        let batch = Batch::new().uuid("id", lanes.iter().map(|lane| lane.0));
        let sql = first_due("({rows})", "AND d.due_at > {0}");
        let after = after.map_or(i64::MIN, micros);
        let rows = self
            .read(batch.statement(self.backend(), &sql, vec![after.into()]))
            .await?;
        summary_lanes(&rows)
    }

    /// Takes up to `max` due rows of a lane that may be summarised, oldest first, without those that have a job: those that a
    /// silence held, or no silence.
    pub(crate) async fn collect_for_summary(
        &self,
        transaction: &Transaction,
        (team, lane): (TeamId, LaneId),
        live: &[Uuid],
        (state, held_by): (State, Option<SilenceId>),
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<SummaryItem>, DbErr> {
        let silence = held_by.map_or("IS NULL", |_| "= {6}");
        let lock = match self.backend() {
            DbBackend::Postgres => "FOR UPDATE OF d",
            _ => "",
        };
        let batch = Batch::new().uuid("id", live.iter().copied());
        let sql = format!(
            "SELECT d.*, e.url AS event_url, e.subject AS event_subject, e.occurred_at AS event_occurred_at
            FROM deliveries d LEFT JOIN events e ON e.team_id = d.team_id AND e.id = d.event_id
            WHERE d.lane_id = {{0}} AND d.team_id = {{1}} AND {GATHERING} AND d.state = {{2}} AND d.due_at <= {{3}}
                AND d.held_by {silence} AND d.gathered_with IS NULL
                AND NOT d.test AND d.replay_of IS NULL AND (d.event_type <> {{4}} OR d.state = 4)
                AND d.id NOT IN (SELECT id FROM ({{rows}}) AS b)
            ORDER BY d.created_at, d.id LIMIT {{5}} {lock}"
        );
        let mut values: Vec<Value> = vec![
            lane.0.into(),
            team.as_uuid().into(),
            (state as i16).into(),
            micros(now).into(),
            NOTIFICATIONS_SUMMARY.into(),
            <i64 as TryFrom<usize>>::try_from(limit)
                .unwrap_or(i64::MAX)
                .into(),
        ];
        values.extend(held_by.map(|silence| silence.as_uuid().into()));
        let rows = transaction
            .rows(batch.statement(self.backend(), &sql, values))
            .await?;
        rows.iter().map(summary_item).collect()
    }

    /// Ties deliveries to their summary. They wait for nothing else from then on.
    pub(crate) async fn fold_into(
        &self,
        transaction: &Transaction,
        team: TeamId,
        ids: &[Uuid],
        summary: DeliveryId,
        message: &str,
    ) -> Result<Vec<deliveries::Model>, DbErr> {
        let batch = Batch::new().uuid("id", ids.iter().copied());
        let sql = "UPDATE deliveries SET state = 4, state_message = {0}, due_at = NULL, folded_into = {1}
            WHERE team_id = {2} AND id IN (SELECT id FROM ({rows}) AS b) RETURNING *";
        let values = vec![message.into(), summary.as_uuid().into(), team.as_uuid().into()];
        let rows = transaction
            .rows(batch.statement(self.backend(), sql, values))
            .await?;
        models(&rows)
    }

    /// Releases deliveries, each the only one of a fold or a group, to be sent by themselves now: a group that is full comes due before
    /// what is left of it.
    pub(crate) async fn unfold(
        &self,
        transaction: &Transaction,
        team: TeamId,
        ids: &[Uuid],
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let batch = Batch::new().uuid("id", ids.iter().copied());
        let sql = "UPDATE deliveries SET state = 1, state_message = '', held_by = NULL, group_key = NULL,
                gathered_with = NULL, due_at = CASE WHEN due_at > {1} THEN {1} ELSE due_at END
            WHERE team_id = {0} AND id IN (SELECT id FROM ({rows}) AS b)";
        let values = vec![team.as_uuid().into(), micros(now).into()];
        let statement = batch.statement(self.backend(), sql, values);
        transaction.execute(statement).await?;
        Ok(())
    }

    /// Sorts a summary before everything that came due with its deliveries, or later.
    pub(crate) async fn put_first(
        &self,
        transaction: &Transaction,
        team: TeamId,
        summary: DeliveryId,
        due: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let sql = "UPDATE deliveries SET due_at = $1 WHERE id = $2 AND team_id = $3";
        let values: Vec<Value> = vec![
            (micros(due) - 1).into(),
            summary.as_uuid().into(),
            team.as_uuid().into(),
        ];
        transaction.execute(self.statement(sql, values)).await?;
        Ok(())
    }

    /// Ends the deliveries of a summary.
    pub(crate) async fn end_folded(
        &self,
        transaction: &Transaction,
        team: TeamId,
        summary: DeliveryId,
        state: State,
        message: &str,
        at: DateTime<Utc>,
    ) -> Result<Vec<deliveries::Model>, DbErr> {
        let sql = "UPDATE deliveries SET state = $1, state_message = $2, ended_at = $3
            WHERE folded_into IS NOT NULL AND folded_into = $4 AND team_id = $5 RETURNING *";
        let values: Vec<Value> = vec![
            (state as i16).into(),
            message.into(),
            micros(at).into(),
            summary.as_uuid().into(),
            team.as_uuid().into(),
        ];
        let rows = transaction.rows(self.statement(sql, values)).await?;
        models(&rows)
    }

    /// Some ended summaries of all teams whose deliveries have not ended.
    pub(crate) async fn ended_summaries_all_teams(&self) -> Result<Vec<deliveries::Model>, DbErr> {
        let sql = "SELECT s.* FROM (SELECT DISTINCT folded_into FROM deliveries
                WHERE folded_into IS NOT NULL AND ended_at IS NULL) AS told
            JOIN deliveries s ON s.id = told.folded_into WHERE s.ended_at IS NOT NULL LIMIT 100";
        models(&self.query(sql, vec![]).await?)
    }

    /// Moves up to a thousand deliveries of a lane and a severity that quiet hours hold to another state and due time.
    pub(crate) async fn move_held_chunk(
        &self,
        transaction: &Transaction,
        (team, lane): (TeamId, LaneId),
        severity: Severity,
        (state, due, message): (State, DateTime<Utc>, &str),
        now: DateTime<Utc>,
    ) -> Result<u64, DbErr> {
        let sql = format!(
            "UPDATE deliveries SET state = $1, due_at = $2, state_message = $3
            WHERE id IN (SELECT d.id FROM deliveries d
                WHERE {GATHERING} AND d.lane_id = $4 AND d.team_id = $5 AND d.state = 2 AND d.held_by IS NULL
                    AND d.severity = $7 AND d.due_at <> $2
                ORDER BY d.due_at, d.id LIMIT 1000)"
        );
        let values: Vec<Value> = vec![
            (state as i16).into(),
            micros(due).into(),
            message.into(),
            lane.0.into(),
            team.as_uuid().into(),
            micros(now).into(),
            number(severity).into(),
        ];
        transaction.execute(self.statement(sql, values)).await
    }
}

/// A delivery with the parts of its event that are named `event_…`.
pub(super) fn summary_item(row: &QueryResult) -> Result<SummaryItem, DbErr> {
    let text = |column| {
        row.try_get::<Option<String>>("", column)
            .map(Option::unwrap_or_default)
    };
    let occurred_at: Option<i64> = row.try_get("", "event_occurred_at")?;
    Ok(SummaryItem {
        delivery: deliveries::Model::from_query_result(row, "")?,
        url: text("event_url")?,
        subject: text("event_subject")?,
        occurred_at: occurred_at.map(instant),
    })
}

pub(super) fn models(rows: &[QueryResult]) -> Result<Vec<deliveries::Model>, DbErr> {
    rows.iter()
        .map(|row| deliveries::Model::from_query_result(row, ""))
        .collect()
}

/// Selects the lanes of a table with their team, and when the first held and the first folded delivery is due.
fn first_due(lanes: &str, more: &str) -> String {
    let of_lane = format!("FROM deliveries d WHERE {GATHERING} AND d.lane_id = lane.id");
    format!(
        "SELECT lane.id AS lane_id, (SELECT d.team_id {of_lane} LIMIT 1) AS team_id,
            (SELECT d.due_at {of_lane} AND d.state = 2 {more} ORDER BY d.due_at LIMIT 1) AS held_due,
            (SELECT d.due_at {of_lane} AND d.state = 4 {more} ORDER BY d.due_at LIMIT 1) AS folded_due
        FROM {lanes} AS lane WHERE lane.id IS NOT NULL"
    )
}

fn summary_lanes(rows: &[QueryResult]) -> Result<Vec<SummaryLane>, DbErr> {
    rows.iter()
        .map(|row| {
            // The team is NULL when there is no such row, or the last one has gone meanwhile.
            let team: Option<Uuid> = row.try_get("", "team_id")?;
            let lane = LaneId(row.try_get("", "lane_id")?);
            let due = |column| Ok::<_, DbErr>(row.try_get::<Option<i64>>("", column)?.map(instant));
            let (held_due, folded_due) = (due("held_due")?, due("folded_due")?);
            Ok(team.map(|team| SummaryLane {
                lane,
                team_id: TeamId::from_uuid(team),
                held_due,
                folded_due,
            }))
        })
        .filter_map(Result::transpose)
        .collect()
}
