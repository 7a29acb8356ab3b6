//! Detection of rows written by a clock that ran fast: they were created, or last tried, in the future.

use chrono::{DateTime, Utc};
use sea_orm::DbErr;
use uuid::Uuid;
use watchbell_model::ids::TeamId;

use super::batch::Batch;
use super::indexes::{DUE, GATHERING, with_lanes};
use super::transaction::Transaction;
use super::{Db, instant, micros};
use crate::lanes::LaneId;

/// Conditions of the partial indexes of rows whose waits are durations. Quiet hours wait for a time of day instead,
/// which a corrected clock computes correctly.
const WAITING: [(&str, &str); 2] = [(DUE, "AND d.state = 1"), (GATHERING, "AND d.state = 4")];

/// A row that was written by a clock that ran fast.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LateRow {
    pub(crate) id: Uuid,
    pub(crate) team_id: TeamId,
    pub(crate) lane: LaneId,
    /// Whether storm control folded it.
    pub(crate) is_folded: bool,
    /// When it is due by a right clock.
    pub(crate) due_at: DateTime<Utc>,
}

// === impl Db ===

impl Db {
    /// Up to so many deliveries of all teams that were written by a clock more than `tolerance` microseconds ahead of the
    /// database's, each with its due time less the skew. That is before its write time, which marks it as repaired.
    pub(crate) async fn late_rows_all_teams(
        &self,
        tolerance: i64,
        limit: i64,
    ) -> Result<Vec<LateRow>, DbErr> {
        let mut late = Vec::new();
        for (index, more) in WAITING {
            let sql = self.ahead(index, more);
            let rows = self.query(sql, vec![tolerance.into(), limit.into()]).await?;
            for row in rows {
                let state: i16 = row.try_get("", "state")?;
                late.push(LateRow {
                    id: row.try_get("", "id")?,
                    team_id: TeamId::from_uuid(row.try_get("", "team_id")?),
                    lane: LaneId(row.try_get("", "lane_id")?),
                    is_folded: state == 4,
                    due_at: instant(row.try_get("", "due_at")?),
                });
            }
        }
        Ok(late)
    }

    /// Sets the due times of deliveries of a team that still wait.
    pub(crate) async fn pull_forward(
        &self,
        transaction: &Transaction,
        team: TeamId,
        rows: &[LateRow],
    ) -> Result<u64, DbErr> {
        let batch = Batch::new()
            .uuid("id", rows.iter().map(|row| row.id))
            .big("due_at", rows.iter().map(|row| micros(row.due_at)));
        let sql = "UPDATE deliveries SET due_at = b.due_at FROM ({rows}) AS b
            WHERE deliveries.id = b.id AND deliveries.team_id = {0} AND deliveries.due_at > b.due_at";
        let statement = batch.statement(self.backend(), sql, vec![team.as_uuid().into()]);
        transaction.execute(statement).await
    }

    /// Selects rows that are not due yet. Jumps from lane to lane along an index, so that due rows cost nothing.
    fn ahead(&self, index: &str, more: &str) -> String {
        let now = self.database_now();
        let lanes = with_lanes(index);
        format!(
            "{lanes}, waiting(id, team_id, lane_id, state, due_at, stamp) AS (
                SELECT d.id, d.team_id, d.lane_id, d.state, d.due_at,
                    COALESCE((SELECT MAX(a.started_at) FROM attempts a WHERE a.delivery_id = d.id),
                        d.attempt_started_at, d.created_at)
                FROM lane JOIN deliveries d ON d.lane_id = lane.id AND {index} {more} AND d.due_at > {now}
            )
            SELECT id, team_id, lane_id, state,
                CASE WHEN due_at - stamp + {now} < stamp THEN due_at - stamp + {now} ELSE stamp - 1 END AS due_at
            FROM waiting WHERE due_at >= stamp AND stamp > {now} + $1 LIMIT $2"
        )
    }
}
