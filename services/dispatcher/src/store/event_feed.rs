//! A team's events in the order of their commits, and the migration for it. An event's position is greater than those of all events
//! of its team that were committed before: the owner of the team's shard gives positions, in one transaction at a time (see
//! [`Db::fence_in_order`]). They are microseconds like `accepted_at`, which stands for the position of events that a former
//! release wrote.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::prelude::*;
use watchbell_model::catalog::notices::NOTIFICATIONS_SUMMARY;
use watchbell_model::ids::TeamId;

use super::Db;
use super::batch::Batch;
use super::transaction::{ReadRow as _, WriteTransaction};

/// Adds positions to events.
pub(super) struct Positions;

/// As events are ordered.
const POSITION: &str = "COALESCE(e.position, e.accepted_at)";

/// What a stream must know of an event to choose it.
#[derive(Debug, Clone)]
pub(crate) struct FeedEntry {
    pub(crate) position: i64,
    pub(crate) id: String,
    pub(crate) event_type: String,
    pub(crate) severity: i16,
    pub(crate) test: bool,
    /// Of the row, about.
    pub(crate) bytes: i64,
}

// === impl Positions ===

impl MigrationName for Positions {
    fn name(&self) -> &'static str {
        "m0009_event_positions"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Positions {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for statement in [
            "ALTER TABLE events ADD COLUMN position BIGINT",
            "CREATE INDEX events_by_position ON events (team_id, (COALESCE(position, accepted_at)))",
        ] {
            connection.execute_unprepared(statement).await?;
        }
        Ok(())
    }
}

// === impl Db ===

impl Db {
    /// The positions of teams' newest events, within the transaction that adds to them. Teams without events have none.
    pub(crate) async fn newest_positions<W: WriteTransaction>(
        &self,
        transaction: &W,
        teams: &[TeamId],
    ) -> Result<HashMap<TeamId, i64>, DbErr> {
        let batch = Batch::new().uuid("team_id", teams.iter().map(TeamId::as_uuid));
        let sql = format!(
            "SELECT b.team_id AS team_id, (SELECT {POSITION} FROM events e WHERE e.team_id = b.team_id
                ORDER BY {POSITION} DESC LIMIT 1) AS position FROM ({{rows}}) AS b"
        );
        let mut newest = HashMap::new();
        for row in transaction.read(&sql, &batch, &[]).await? {
            let position = row.big("position")?;
            newest.extend(
                position
                    .map(|position| Ok::<_, DbErr>((TeamId::from_uuid(row.uuid("team_id")?), position)))
                    .transpose()?,
            );
        }
        Ok(newest)
    }

    /// The position of a team's newest event, and its id.
    pub(crate) async fn newest_event(&self, team: TeamId) -> Result<Option<(i64, String)>, DbErr> {
        let sql = format!(
            "SELECT {POSITION} AS position, e.id AS id FROM events e WHERE e.team_id = $1
                ORDER BY {POSITION} DESC, e.id DESC LIMIT 1"
        );
        let rows = self.query(sql, vec![team.as_uuid().into()]).await?;
        let newest = rows
            .first()
            .map(|row| Ok::<_, DbErr>((row.try_get("", "position")?, row.try_get("", "id")?)));
        newest.transpose()
    }

    /// Keys of the events after a position, in order. Summaries are messages and not facts, and are none of them.
    pub(crate) async fn events_after(
        &self,
        team: TeamId,
        (position, id): (i64, &str),
        limit: i64,
    ) -> Result<Vec<FeedEntry>, DbErr> {
        let sql = format!(
            "SELECT {POSITION} AS position, e.id AS id, e.event_type AS event_type, e.severity AS severity, e.test AS test,
                {} AS bytes
            FROM events e WHERE e.team_id = $1 AND {POSITION} >= $2 AND ({POSITION} > $2 OR e.id > $3)
                AND e.event_type <> $4
            ORDER BY {POSITION}, e.id LIMIT $5",
            super::find::BYTES
        );
        let values = vec![
            team.as_uuid().into(),
            position.into(),
            id.into(),
            NOTIFICATIONS_SUMMARY.into(),
            limit.into(),
        ];
        let rows = self.query(sql, values).await?;
        rows.iter()
            .map(|row| {
                Ok(FeedEntry {
                    position: row.try_get("", "position")?,
                    id: row.try_get("", "id")?,
                    event_type: row.try_get("", "event_type")?,
                    severity: row.try_get("", "severity")?,
                    test: row.try_get("", "test")?,
                    bytes: row.try_get("", "bytes")?,
                })
            })
            .collect()
    }
}
