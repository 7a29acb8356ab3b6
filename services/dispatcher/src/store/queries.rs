//! Reads of the delivery log, and changes of single deliveries on request.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter};
use uuid::Uuid;
use watchbell_model::ChannelKind;
use watchbell_model::ids::{ChannelId, DeliveryId, TeamId};

use super::batch::Batch;
use super::entities::{channel_health, deliveries, events};
use super::transaction::Transaction;
use super::{Db, micros, number};

/// Results of a channel's attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HealthSample {
    pub(crate) team_id: TeamId,
    pub(crate) channel_id: ChannelId,
    /// When something last got through.
    pub(crate) success: Option<DateTime<Utc>>,
    /// The newest failure.
    pub(crate) error: Option<(String, DateTime<Utc>)>,
}

/// How a channel fares.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub(crate) struct ChannelStats {
    /// `None` for the inbox and mail to people.
    pub(crate) channel_id: Option<Uuid>,
    pub(crate) kind: i16,
    pub(crate) last_success_at: Option<i64>,
    pub(crate) last_error: Option<String>,
    pub(crate) last_error_at: Option<i64>,
    pub(crate) oldest_waiting_at: Option<i64>,
    pub(crate) waiting: i64,
}

/// Jumps from channel to channel of a team, then reads each one's waiting rows, and those of mail to people, whose lane
/// has the team's id.
const STATS: &str = "WITH RECURSIVE channel(id) AS (
        SELECT * FROM (SELECT channel_id FROM deliveries WHERE team_id = $1 AND channel_id IS NOT NULL
            ORDER BY channel_id LIMIT 1) AS first
        UNION ALL
        SELECT (SELECT d.channel_id FROM deliveries d WHERE d.team_id = $1 AND d.channel_id > channel.id
            ORDER BY d.channel_id LIMIT 1)
        FROM channel WHERE channel.id IS NOT NULL
    ), lane(id, channel_id) AS (
        SELECT id, id FROM channel WHERE id IS NOT NULL
        UNION ALL
        SELECT * FROM (SELECT team_id, NULLIF(team_id, team_id) FROM deliveries WHERE team_id = $1 LIMIT 1) AS people
    ), waiting(lane_id, created_at) AS (
        SELECT d.lane_id, d.created_at FROM lane JOIN deliveries d ON d.lane_id = lane.id
            WHERE d.lease_owner IS NULL AND d.state IN (1, 2)
        UNION ALL
        SELECT d.lane_id, d.created_at FROM lane JOIN deliveries d ON d.lane_id = lane.id WHERE d.state = 3
        UNION ALL
        SELECT d.lane_id, d.created_at FROM lane JOIN deliveries d ON d.lane_id = lane.id
            WHERE d.lease_owner IS NULL AND d.due_at IS NOT NULL AND d.state IN (2, 4) AND d.state = 4
    )
    SELECT lane.channel_id AS channel_id,
        COALESCE((SELECT d.kind FROM deliveries d WHERE d.team_id = $1 AND d.channel_id = lane.channel_id LIMIT 1),
            CAST(3 AS SMALLINT)) AS kind,
        h.last_success_at, h.last_error, h.last_error_at,
        (SELECT MIN(w.created_at) FROM waiting w WHERE w.lane_id = lane.id) AS oldest_waiting_at,
        (SELECT COUNT(*) FROM waiting w WHERE w.lane_id = lane.id) AS waiting
    FROM lane LEFT JOIN channel_health h ON h.channel_id = lane.id AND h.team_id = $1";

// === impl HealthSample ===

impl HealthSample {
    pub(crate) fn new(team_id: TeamId, channel_id: ChannelId) -> Self {
        Self {
            team_id,
            channel_id,
            success: None,
            error: None,
        }
    }
}

// === impl Db ===

impl Db {
    /// One delivery.
    pub(crate) async fn delivery(
        &self,
        team: TeamId,
        id: DeliveryId,
    ) -> Result<Option<deliveries::Model>, DbErr> {
        deliveries::Entity::find()
            .filter(deliveries::Column::Id.eq(id.as_uuid()))
            .filter(deliveries::Column::TeamId.eq(team.as_uuid()))
            .one(self.store.reader())
            .await
    }

    /// Since when a team's channels are unhealthy.
    pub(crate) async fn unhealthy_since(&self, team: TeamId) -> Result<HashMap<Uuid, i64>, DbErr> {
        let sql = "SELECT channel_id, since FROM channel_health
            WHERE team_id = $1 AND unhealthy AND since IS NOT NULL";
        let rows = self.query(sql, vec![team.as_uuid().into()]).await?;
        rows.iter()
            .map(|row| Ok((row.try_get("", "channel_id")?, row.try_get("", "since")?)))
            .collect()
    }

    /// How many deliveries a summary tells.
    pub(crate) async fn folded_count(&self, team: TeamId, summary: Uuid) -> Result<i64, DbErr> {
        let sql = "SELECT COUNT(*) AS count FROM deliveries
            WHERE folded_into IS NOT NULL AND folded_into = $1 AND team_id = $2";
        let rows = self
            .query(sql, vec![summary.into(), team.as_uuid().into()])
            .await?;
        rows.first().map_or(Ok(0), |row| row.try_get("", "count"))
    }

    /// One event.
    pub(crate) async fn event(&self, team: TeamId, id: &str) -> Result<Option<events::Model>, DbErr> {
        events::Entity::find_by_id((team.as_uuid(), id.to_owned()))
            .one(self.store.reader())
            .await
    }

    /// Cancels those of some deliveries that wait; how many.
    pub(crate) async fn cancel(
        &self,
        transaction: &Transaction,
        team: TeamId,
        ids: &[Uuid],
        message: &str,
        now: DateTime<Utc>,
    ) -> Result<u64, DbErr> {
        let batch = Batch::new().uuid("id", ids.iter().copied());
        let sql = "UPDATE deliveries SET state = 7, state_message = {0}, parked_for = NULL, due_at = NULL, ended_at = {1}
            FROM ({rows}) AS b WHERE deliveries.id = b.id AND deliveries.team_id = {2}
                AND (deliveries.state IN (1, 2, 3) OR (deliveries.state = 4 AND deliveries.due_at IS NOT NULL))";
        let values = vec![message.into(), micros(now).into(), team.as_uuid().into()];
        transaction
            .execute(batch.statement(self.backend(), sql, values))
            .await
    }

    /// How each channel of a team fares.
    pub(crate) async fn channel_stats(&self, team: TeamId) -> Result<Vec<ChannelStats>, DbErr> {
        let rows = self.query(STATS, vec![team.as_uuid().into()]).await?;
        let rows = rows.iter().map(|row| ChannelStats::from_query_result(row, ""));
        let mut stats = rows.collect::<Result<Vec<_>, _>>()?;
        stats.extend(self.inbox_stats(team).await?);
        Ok(stats)
    }

    /// The inbox delivers at once; its only stat is the time of the last delivery.
    async fn inbox_stats(&self, team: TeamId) -> Result<Option<ChannelStats>, DbErr> {
        let newest = "SELECT created_at FROM notifications WHERE team_id = $1 ORDER BY cursor DESC LIMIT 1";
        let rows = self.query(newest, vec![team.as_uuid().into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(ChannelStats {
            channel_id: None,
            kind: number(ChannelKind::InApp),
            last_success_at: Some(row.try_get("", "created_at")?),
            last_error: None,
            last_error_at: None,
            oldest_waiting_at: None,
            waiting: 0,
        }))
    }

    /// Unhealthy channels of all teams.
    pub(crate) async fn unhealthy_all_teams(&self) -> Result<Vec<channel_health::Model>, DbErr> {
        channel_health::Entity::find()
            .filter(channel_health::Column::Unhealthy.eq(true))
            .all(self.store.reader())
            .await
    }

    /// When something last got through to a channel, as far as was noted.
    pub(crate) async fn last_success(
        &self,
        team: TeamId,
        id: ChannelId,
    ) -> Result<Option<DateTime<Utc>>, DbErr> {
        let row = channel_health::Entity::find()
            .filter(channel_health::Column::ChannelId.eq(id.as_uuid()))
            .filter(channel_health::Column::TeamId.eq(team.as_uuid()))
            .one(self.store.reader())
            .await?;
        Ok(row.and_then(|row| row.last_success_at).map(super::instant))
    }

    /// Notes that a channel was enabled again.
    pub(crate) async fn mark_healthy(&self, team: TeamId, id: ChannelId, epoch: i64) -> Result<(), DbErr> {
        let sql = "UPDATE channel_health SET unhealthy = false, epoch = $1, message = '', since = NULL
            WHERE channel_id = $2 AND team_id = $3 AND epoch < $1";
        self.execute(
            sql,
            vec![epoch.into(), id.as_uuid().into(), team.as_uuid().into()],
        )
        .await?;
        Ok(())
    }

    /// Records that Config, or the Owners, were informed of a channel's health in an epoch.
    pub(crate) async fn mark_known(
        &self,
        team: TeamId,
        id: ChannelId,
        epoch: i64,
        (reported, told): (bool, bool),
    ) -> Result<(), DbErr> {
        let sql = "UPDATE channel_health SET reported = reported OR $1, told = told OR $2
            WHERE channel_id = $3 AND team_id = $4 AND epoch = $5";
        let values = vec![
            reported.into(),
            told.into(),
            id.as_uuid().into(),
            team.as_uuid().into(),
            epoch.into(),
        ];
        self.execute(sql, values).await?;
        Ok(())
    }

    /// Notes when something last got through to channels, and their newest failures. Each channel at most once.
    pub(crate) async fn note_results(&self, results: &[HealthSample]) -> Result<(), DbErr> {
        let later = match self.backend() {
            sea_orm::DbBackend::Postgres => "GREATEST",
            _ => "MAX",
        };
        let errors = || results.iter().map(|noted| noted.error.as_ref());
        let batch = Batch::new()
            .uuid(
                "channel_id",
                results.iter().map(|noted| noted.channel_id.as_uuid()),
            )
            .uuid("team_id", results.iter().map(|noted| noted.team_id.as_uuid()))
            .big_opt(
                "last_success_at",
                results.iter().map(|noted| noted.success.map(micros)),
            )
            .text(
                "last_error",
                errors().map(|error| error.map_or("", |(text, _)| text.as_str())),
            )
            .big_opt(
                "last_error_at",
                errors().map(|error| error.map(|(_, at)| micros(*at))),
            );
        // PostgreSQL's GREATEST passes NULL over, SQLite's MAX does not.
        let sql = format!(
            "INSERT INTO channel_health (channel_id, team_id, unhealthy, epoch, message, reported, told,
                last_success_at, last_error, last_error_at)
            SELECT channel_id, team_id, false, 0, '', false, false, last_success_at, last_error, last_error_at
                FROM ({{rows}}) AS b WHERE true
            ON CONFLICT (channel_id) DO UPDATE SET
                last_success_at = {later}(COALESCE(channel_health.last_success_at, excluded.last_success_at),
                    COALESCE(excluded.last_success_at, channel_health.last_success_at)),
                last_error = CASE WHEN excluded.last_error_at IS NULL THEN channel_health.last_error
                    ELSE excluded.last_error END,
                last_error_at = COALESCE(excluded.last_error_at, channel_health.last_error_at)"
        );
        self.write(batch.statement(self.backend(), &sql, vec![])).await?;
        Ok(())
    }
}

/// The smallest UUIDv7 of that millisecond or later.
pub(super) fn first_id(at: DateTime<Utc>) -> Uuid {
    let millis = u128::try_from(at.timestamp_millis()).unwrap_or(0);
    Uuid::from_u128(millis.min((1 << 48) - 1) << 80)
}

/// When a delivery was made, to the millisecond, by its id.
pub(crate) fn made_at(id: Uuid) -> DateTime<Utc> {
    let millis = i64::try_from(id.as_u128() >> 80).unwrap_or(i64::MAX);
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}
