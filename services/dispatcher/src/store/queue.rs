//! What waits in the database: the lanes with waiting deliveries, and the deliveries that their owner loads. A lane is
//! found by jumps along a partial index, however many rows it has.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{DbErr, FromQueryResult, Value};
use uuid::Uuid;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::catalog::RECEIPT;
use watchbell_model::ids::{DeliveryId, SilenceId, TeamId};
use watchbell_store::Backend;

use super::batch::Batch;
use super::entities::{deliveries, events};
use super::indexes::{DUE, GATHERING, PARKED, with_lanes};
use super::transaction::Transaction;
use super::{Db, EventKey, instant, micros, postgres, sqlite};
use crate::event::InMemory as _;
use crate::job::live_jobs::JobGuard;
use crate::job::{Job, ParkedFor};
use crate::lanes::LaneId;

/// Rows changed by one statement.
const CHUNK: i64 = 1000;

/// A lane with waiting deliveries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WaitingLane {
    pub(crate) lane: LaneId,
    pub(crate) team_id: TeamId,
    /// When the first of them is due.
    pub(crate) due_at: DateTime<Utc>,
}

/// A delivery that was loaded.
#[derive(Debug)]
pub(crate) struct LoadedRow {
    pub(crate) delivery: deliveries::Model,
    /// Units of memory of this one and those of its lane before it.
    pub(crate) filled: usize,
}

// === impl Db ===

impl Db {
    /// The lanes of all teams that have pending or held deliveries.
    pub(crate) async fn waiting_lanes_all_teams(&self) -> Result<Vec<WaitingLane>, DbErr> {
        let sql = format!(
            "{} SELECT lane.id AS lane_id,
                (SELECT d.team_id FROM deliveries d WHERE {DUE} AND d.lane_id = lane.id LIMIT 1) AS team_id,
                (SELECT d.due_at FROM deliveries d WHERE {DUE} AND d.lane_id = lane.id ORDER BY d.due_at LIMIT 1)
                    AS due_at
            FROM lane WHERE lane.id IS NOT NULL",
            with_lanes(DUE)
        );
        let rows = self.query(sql, vec![]).await?;
        rows.iter()
            .map(|row| {
                let lane = LaneId(row.try_get("", "lane_id")?);
                // Both are NULL when the last row of the lane has gone meanwhile.
                let (team, due): (Option<Uuid>, Option<i64>) =
                    (row.try_get("", "team_id")?, row.try_get("", "due_at")?);
                Ok(team.zip(due).map(|(team, due)| WaitingLane {
                    lane,
                    team_id: TeamId::from_uuid(team),
                    due_at: instant(due),
                }))
            })
            .filter_map(Result::transpose)
            .collect()
    }

    /// The lanes of all teams that have parked deliveries.
    pub(crate) async fn parked_lanes_all_teams(&self) -> Result<Vec<(TeamId, LaneId)>, DbErr> {
        let sql = format!(
            "{} SELECT lane.id AS lane_id,
                (SELECT d.team_id FROM deliveries d WHERE {PARKED} AND d.lane_id = lane.id LIMIT 1) AS team_id
            FROM lane WHERE lane.id IS NOT NULL",
            with_lanes(PARKED)
        );
        let rows = self.query(sql, vec![]).await?;
        rows.iter()
            .map(|row| {
                // The team is NULL when the last row of the lane has gone meanwhile.
                let team: Option<Uuid> = row.try_get("", "team_id")?;
                let lane = LaneId(row.try_get("", "lane_id")?);
                Ok(team.map(TeamId::from_uuid).zip(Some(lane)))
            })
            .filter_map(Result::transpose)
            .collect()
    }

    /// Whether something of a lane is parked for that reason.
    pub(crate) async fn has_parked(&self, team: TeamId, lane: LaneId, why: ParkedFor) -> Result<bool, DbErr> {
        let sql = "SELECT 1 AS one FROM deliveries
            WHERE state = 3 AND lane_id = $1 AND team_id = $2 AND parked_for = $3 LIMIT 1";
        let values = vec![lane.0.into(), team.as_uuid().into(), (why as i16).into()];
        Ok(!self.query(sql, values).await?.is_empty())
    }

    /// Reads due deliveries of each lane, oldest first, up to so many units of memory, without those that have a job.
    pub(crate) async fn due_deliveries(
        &self,
        lanes: &HashMap<LaneId, usize>,
        live: &[Uuid],
        now: DateTime<Utc>,
    ) -> Result<Vec<LoadedRow>, DbErr> {
        let lanes: Vec<(Uuid, i64)> = lanes
            .iter()
            .map(|(lane, room)| (lane.0, i64::try_from(*room).unwrap_or(i64::MAX)))
            .collect();
        let mut rows = Vec::new();
        match self.store.backend() {
            Backend::Postgres => {
                let statement = postgres::due_deliveries(&lanes, live, micros(now));
                rows.extend(self.read(statement).await?);
            }
            Backend::Sqlite => {
                for (lane, room) in lanes {
                    let statement = sqlite::due_deliveries(lane, room, live, micros(now));
                    rows.extend(self.read(statement).await?);
                }
            }
        }
        let mut rows = rows
            .iter()
            .map(|row| {
                Ok(LoadedRow {
                    delivery: deliveries::Model::from_query_result(row, "")?,
                    filled: usize::try_from(row.try_get::<i64>("", "filled")?).unwrap_or(0),
                })
            })
            .collect::<Result<Vec<_>, DbErr>>()?;
        rows.sort_by_key(|row| (row.delivery.due_at, row.delivery.id));
        Ok(rows)
    }

    /// When a delivery of each lane is due next, after an instant.
    pub(crate) async fn next_due(
        &self,
        lanes: &[LaneId],
        after: DateTime<Utc>,
    ) -> Result<Vec<(LaneId, DateTime<Utc>)>, DbErr> {
        let batch = Batch::new().uuid("lane_id", lanes.iter().map(|lane| lane.0));
        let sql = format!(
            "SELECT b.lane_id, (SELECT d.due_at FROM deliveries d
                WHERE {DUE} AND d.lane_id = b.lane_id AND d.due_at > {{0}} ORDER BY d.due_at LIMIT 1) AS due_at
            FROM ({{rows}}) AS b"
        );
        let statement = batch.statement(self.backend(), &sql, vec![micros(after).into()]);
        let rows = self.read(statement).await?;
        rows.iter()
            .map(|row| {
                let due: Option<i64> = row.try_get("", "due_at")?;
                Ok(Some(LaneId(row.try_get("", "lane_id")?)).zip(due.map(instant)))
            })
            .filter_map(Result::transpose)
            .collect()
    }

    /// The events of these teams and ids, each once.
    pub(crate) async fn events_of(
        &self,
        mut keys: Vec<(Uuid, &str)>,
    ) -> Result<HashMap<EventKey, Arc<AcceptedEvent>>, DbErr> {
        keys.sort_unstable();
        keys.dedup();
        let mut found = HashMap::with_capacity(keys.len());
        for keys in keys.chunks(500) {
            let batch = Batch::new()
                .uuid("team_id", keys.iter().map(|(team, _)| *team))
                .text("id", keys.iter().map(|(_, id)| *id));
            let sql = "SELECT e.* FROM ({rows}) AS b JOIN events e ON e.team_id = b.team_id AND e.id = b.id";
            let rows = self.read(batch.statement(self.backend(), sql, vec![])).await?;
            for row in rows {
                let model = events::Model::from_query_result(&row, "")?;
                let key = (model.team_id, model.id.clone());
                match model.event() {
                    Ok(event) => drop(found.insert(key, Arc::new(event))),
                    Err(error) => tracing::error!(%error, "an event cannot be read"),
                }
            }
        }
        Ok(found)
    }

    /// Fails a delivery that cannot be carried out whatever happens.
    pub(crate) async fn give_up(
        &self,
        transaction: &Transaction,
        team: TeamId,
        id: Uuid,
        message: &str,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let sql = "UPDATE deliveries SET state = 6, state_message = $1, ended_at = $2, due_at = NULL
            WHERE id = $3 AND team_id = $4";
        let values = vec![
            message.into(),
            micros(now).into(),
            id.into(),
            team.as_uuid().into(),
        ];
        transaction.execute(self.statement(sql, values)).await?;
        Ok(())
    }

    /// Makes up to a thousand parked deliveries of a lane due now, receipts before all others.
    pub(crate) async fn unpark_chunk(
        &self,
        transaction: &Transaction,
        (team, lane): (TeamId, LaneId),
        why: ParkedFor,
        now: DateTime<Utc>,
    ) -> Result<u64, DbErr> {
        let sql = "UPDATE deliveries SET state = 1, state_message = '', parked_for = NULL,
                due_at = CASE WHEN event_type = $6 THEN $1 - 1 ELSE $1 END, tries = 0, first_attempt_at = NULL
            WHERE id IN (SELECT id FROM deliveries
                WHERE state = 3 AND lane_id = $2 AND team_id = $3 AND parked_for = $4 ORDER BY id LIMIT $5)";
        let values: Vec<Value> = vec![
            micros(now).into(),
            lane.0.into(),
            team.as_uuid().into(),
            (why as i16).into(),
            CHUNK.into(),
            RECEIPT.into(),
        ];
        transaction.execute(self.statement(sql, values)).await
    }

    /// Cancels up to a thousand waiting deliveries of a lane, without those that have a job.
    pub(crate) async fn cancel_waiting_chunk(
        &self,
        transaction: &Transaction,
        (team, lane): (TeamId, LaneId),
        live: &[Uuid],
        message: &str,
        now: DateTime<Utc>,
    ) -> Result<u64, DbErr> {
        let batch = Batch::new().uuid("id", live.iter().copied());
        let mut all = 0;
        // Each has a partial index.
        for waits in [DUE, PARKED, GATHERING] {
            let sql = format!(
                "UPDATE deliveries SET state = 7, state_message = {{0}}, parked_for = NULL, due_at = NULL, ended_at = {{1}}
                WHERE id IN (SELECT d.id FROM deliveries d WHERE {waits} AND d.lane_id = {{2}} AND d.team_id = {{3}}
                    AND d.id NOT IN (SELECT id FROM ({{rows}}) AS b) LIMIT {{4}})"
            );
            let values: Vec<Value> = vec![
                message.into(),
                micros(now).into(),
                lane.0.into(),
                team.as_uuid().into(),
                CHUNK.into(),
            ];
            all += transaction
                .execute(batch.statement(self.backend(), &sql, values))
                .await?;
        }
        Ok(all)
    }

    /// Forgets the leases of the former release, none of which runs any more.
    pub(crate) async fn release_former_leases_all_teams(&self) -> Result<(), DbErr> {
        let sql = "UPDATE deliveries SET lease_owner = NULL WHERE id IN
            (SELECT id FROM deliveries WHERE lease_owner IS NOT NULL LIMIT $1)";
        while self.execute(sql, vec![CHUNK.into()]).await? > 0 {}
        Ok(())
    }
}

impl deliveries::Model {
    /// The job of a row that was loaded in an epoch of its shard, unless its route cannot be read.
    pub(crate) fn job(
        &self,
        event: &Arc<AcceptedEvent>,
        weight: usize,
        epoch: i64,
        guard: JobGuard,
    ) -> Result<Job, super::Corrupt> {
        let route = self.parsed_route()?;
        let status = self.alert_status()?;
        let (event, weight) = if route.is_of_open_alert() {
            // It tells of the event once more, and otherwise.
            let again = AcceptedEvent {
                severity: super::word(self.severity, "severity", &self.id)?,
                alert_status: status.map(OnceLock::from).unwrap_or_default(),
                ..(**event).clone()
            };
            (Arc::new(again), weight.max(event.weight()))
        } else {
            if let Some(status) = status {
                event.alert_status.get_or_init(|| status);
            }
            (Arc::clone(event), weight)
        };
        Ok(Job {
            id: DeliveryId::from_uuid(self.id),
            event,
            weight,
            route,
            lane: LaneId(self.lane_id),
            epoch,
            _guard: Some(guard),
            attempts: u32::try_from(self.attempt_count).unwrap_or(0),
            tries: u32::try_from(self.tries).unwrap_or(0),
            first_attempt_at: self.first_attempt_at.map(instant),
            created_at: instant(self.created_at),
            due_at: self.due_at.map_or(instant(self.created_at), instant),
            allowed_since: Duration::ZERO,
            replay_of: self.replay_of.map(DeliveryId::from_uuid),
            held_by: self.held_by.map(SilenceId::from_uuid),
        })
    }
}
