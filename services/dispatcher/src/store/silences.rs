//! Deliveries that silences hold, and their migration. `held_by` names the silence of a waiting row; rows that are to be
//! accounted for are in the state FOLDED.

use chrono::{DateTime, Utc};
use sea_orm::{DbErr, Value};
use sea_orm_migration::prelude::*;
use uuid::Uuid;
use watchbell_model::ids::{SilenceId, TeamId};

use super::batch::Batch;
use super::ddl::run;
use super::indexes::GATHERING;
use super::transaction::Transaction;
use super::{Db, micros};
use crate::lanes::LaneId;

/// Rows moved by one statement.
const CHUNK: i64 = 1000;

/// Adds them to the tables.
pub(super) struct Silences;

// === impl Silences ===

impl MigrationName for Silences {
    fn name(&self) -> &'static str {
        "m0005_silences"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Silences {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, |uuid| {
            vec![
                format!("ALTER TABLE deliveries ADD COLUMN held_by {uuid}"),
                "CREATE INDEX deliveries_held_by ON deliveries (lane_id, held_by)
                WHERE held_by IS NOT NULL AND ended_at IS NULL"
                    .to_owned(),
            ]
        })
        .await
    }
}

// === impl Db ===

impl Db {
    /// The silences whose account is due in a lane, since nothing waits any more that they held; and whether another must wait
    /// for something.
    pub(crate) async fn accounts_due(
        &self,
        team: TeamId,
        lane: LaneId,
        now: DateTime<Utc>,
    ) -> Result<(Vec<SilenceId>, bool), DbErr> {
        let sql = "SELECT DISTINCT d.held_by, EXISTS (SELECT 1 FROM deliveries w WHERE w.lane_id = $1 AND w.team_id = $2
                    AND w.held_by IS NOT NULL AND w.ended_at IS NULL AND w.held_by = d.held_by AND w.state IN (1, 2))
                AS waits
            FROM deliveries d
            WHERE d.lane_id = $1 AND d.team_id = $2 AND d.held_by IS NOT NULL AND d.ended_at IS NULL
                AND d.state = 4 AND d.due_at <= $3";
        let values = vec![lane.0.into(), team.as_uuid().into(), micros(now).into()];
        let (mut due, mut some_wait) = (Vec::new(), false);
        for row in self.query(sql, values).await? {
            match row.try_get("", "waits")? {
                true => some_wait = true,
                false => due.push(SilenceId::from_uuid(row.try_get("", "held_by")?)),
            }
        }
        Ok((due, some_wait))
    }

    /// Makes up to a thousand deliveries of a lane due now that other silences hold than these.
    pub(crate) async fn release_held_chunk(
        &self,
        transaction: &Transaction,
        (team, lane): (TeamId, LaneId),
        in_force: &[SilenceId],
        now: DateTime<Utc>,
    ) -> Result<u64, DbErr> {
        let batch = Batch::new().uuid("id", in_force.iter().map(SilenceId::as_uuid));
        let sql = "UPDATE deliveries SET due_at = {2} WHERE id IN (SELECT id FROM deliveries
            WHERE lane_id = {0} AND team_id = {1} AND held_by IS NOT NULL AND ended_at IS NULL
                AND state = 2 AND due_at > {2} AND held_by NOT IN (SELECT b.id FROM ({rows}) AS b) LIMIT {3})";
        let values: Vec<Value> = vec![
            lane.0.into(),
            team.as_uuid().into(),
            micros(now).into(),
            CHUNK.into(),
        ];
        transaction
            .execute(batch.statement(self.backend(), sql, values))
            .await
    }

    /// Makes up to a thousand deliveries of a lane due now that wait for the end of quiet hours or of a storm, by their ids
    /// from `after` on; returns the last of them and how many are due. What rules gather is asked about when it is due.
    pub(crate) async fn recheck_chunk(
        &self,
        transaction: &Transaction,
        (team, lane): (TeamId, LaneId),
        after: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Option<(Uuid, u64)>, DbErr> {
        let sql = format!(
            "SELECT d.id FROM deliveries d WHERE {GATHERING} AND d.lane_id = $1 AND d.team_id = $2
                AND d.held_by IS NULL AND d.gathered_with IS NULL AND d.due_at > $3 AND d.id > $4 ORDER BY d.id LIMIT $5"
        );
        let values = vec![
            lane.0.into(),
            team.as_uuid().into(),
            micros(now).into(),
            after.into(),
            CHUNK.into(),
        ];
        let rows = transaction.rows(self.statement(sql, values)).await?;
        let ids: Vec<Uuid> = rows
            .iter()
            .map(|row| row.try_get("", "id"))
            .collect::<Result<_, _>>()?;
        let Some(last) = ids.last().copied() else {
            return Ok(None);
        };
        let batch = Batch::new().uuid("id", ids);
        let sql = "UPDATE deliveries SET state = 1, due_at = {0}, state_message = ''
            WHERE due_at > {0} AND state IN (2, 4) AND held_by IS NULL AND id IN (SELECT b.id FROM ({rows}) AS b)";
        let statement = batch.statement(self.backend(), sql, vec![micros(now).into()]);
        Ok(Some((last, transaction.execute(statement).await?)))
    }
}
