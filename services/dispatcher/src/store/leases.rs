//! Leases. A row belongs to the replica named by `lease_owner`; a replica is alive while its heartbeat, by the
//! database's clock, is fresh. Leases of dead replicas are released.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::{DbErr, FromQueryResult, Value};
use uuid::Uuid;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::catalog::RECEIPT;
use watchbell_model::ids::{DeliveryId, TeamId};

use super::batch::Batch;
use super::entities::{deliveries, events};
use super::transaction::Transaction;
use super::{Db, EventKey, instant, micros, postgres, sqlite};
use crate::job::live_jobs::JobGuard;
use crate::job::{Job, ParkedFor};
use crate::lanes::LaneId;

/// A lane with unleased rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WaitingLane {
    pub(crate) lane: LaneId,
    /// When the first of them is due.
    pub(crate) due_at: DateTime<Utc>,
}

/// Rows freed by one statement.
const CHUNK: i64 = 1000;

/// Jumps from lane to lane along the partial index, however many rows each has.
const WAITING: &str = "WITH RECURSIVE lane(id) AS (
        SELECT * FROM (SELECT lane_id FROM deliveries
            WHERE lease_owner IS NULL AND state IN (1, 2) ORDER BY lane_id LIMIT 1) AS first
        UNION ALL
        SELECT (SELECT d.lane_id FROM deliveries d
            WHERE d.lease_owner IS NULL AND d.state IN (1, 2) AND d.lane_id > lane.id ORDER BY d.lane_id LIMIT 1)
        FROM lane WHERE lane.id IS NOT NULL
    )
    SELECT lane.id AS lane_id, (SELECT d.due_at FROM deliveries d
        WHERE d.lease_owner IS NULL AND d.state IN (1, 2) AND d.lane_id = lane.id ORDER BY d.due_at LIMIT 1) AS due_at
    FROM lane WHERE lane.id IS NOT NULL";

/// The lanes of a partial index with the teams they belong to, by jumps from lane to lane. The condition is the index's.
fn lanes_of(condition: &str) -> String {
    format!(
        "WITH RECURSIVE lane(id) AS (
            SELECT * FROM (SELECT d.lane_id FROM deliveries d WHERE {condition} ORDER BY d.lane_id LIMIT 1) AS first
            UNION ALL
            SELECT (SELECT d.lane_id FROM deliveries d WHERE {condition} AND d.lane_id > lane.id
                ORDER BY d.lane_id LIMIT 1)
            FROM lane WHERE lane.id IS NOT NULL
        )
        SELECT lane.id AS lane_id, (SELECT d.team_id FROM deliveries d WHERE {condition} AND d.lane_id = lane.id LIMIT 1)
            AS team_id
        FROM lane WHERE lane.id IS NOT NULL"
    )
}

const OWNERS: &str = "WITH RECURSIVE owner(id) AS (
        SELECT * FROM (SELECT lease_owner FROM deliveries WHERE lease_owner IS NOT NULL
            ORDER BY lease_owner LIMIT 1) AS first
        UNION ALL
        SELECT (SELECT d.lease_owner FROM deliveries d WHERE d.lease_owner IS NOT NULL AND d.lease_owner > owner.id
            ORDER BY d.lease_owner LIMIT 1)
        FROM owner WHERE owner.id IS NOT NULL
    )
    SELECT id FROM owner WHERE id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM replicas r WHERE r.id = owner.id)";

// === impl Db ===

impl Db {
    /// The lanes of all teams that have unleased rows.
    pub(crate) async fn waiting_lanes_all_teams(&self) -> Result<Vec<WaitingLane>, DbErr> {
        let rows = self.query(WAITING, vec![]).await?;
        rows.iter()
            .map(|row| {
                Ok(WaitingLane {
                    lane: LaneId(row.try_get("", "lane_id")?),
                    due_at: instant(row.try_get::<Option<i64>>("", "due_at")?.unwrap_or(0)),
                })
            })
            .collect()
    }

    /// The lanes of all teams that have parked deliveries.
    pub(crate) async fn parked_lanes_all_teams(&self) -> Result<Vec<(TeamId, Uuid)>, DbErr> {
        self.lanes_with_teams("d.state = 3").await
    }

    /// The lanes of all teams in which something waits to be due.
    pub(crate) async fn due_lanes_all_teams(&self) -> Result<Vec<(TeamId, Uuid)>, DbErr> {
        self.lanes_with_teams("d.lease_owner IS NULL AND d.state IN (1, 2)")
            .await
    }

    async fn lanes_with_teams(&self, condition: &str) -> Result<Vec<(TeamId, Uuid)>, DbErr> {
        let rows = self.query(lanes_of(condition), vec![]).await?;
        rows.iter()
            .map(|row| {
                // The team is NULL when the last row of the lane has gone meanwhile.
                let team: Option<Uuid> = row.try_get("", "team_id")?;
                Ok(team.map(TeamId::from_uuid).zip(Some(row.try_get("", "lane_id")?)))
            })
            .filter_map(Result::transpose)
            .collect()
    }

    /// Whether something of a lane is parked for that reason.
    pub(crate) async fn has_parked(&self, team: TeamId, lane: Uuid, why: ParkedFor) -> Result<bool, DbErr> {
        let sql = "SELECT 1 AS one FROM deliveries
            WHERE state = 3 AND lane_id = $1 AND team_id = $2 AND parked_for = $3 LIMIT 1";
        let values = vec![lane.into(), team.as_uuid().into(), (why as i16).into()];
        Ok(!self.query(sql, values).await?.is_empty())
    }

    /// Leases due rows of each lane, oldest first, up to so many units of memory.
    pub(crate) async fn claim_all_teams(
        &self,
        transaction: &Transaction,
        owner: Uuid,
        claims: &[(LaneId, usize)],
        now: DateTime<Utc>,
    ) -> Result<Vec<deliveries::Model>, DbErr> {
        let claims: Vec<(Uuid, i64)> = claims
            .iter()
            .map(|(lane, room)| (lane.0, i64::try_from(*room).unwrap_or(i64::MAX)))
            .collect();
        let rows = match self.store.backend() {
            watchbell_store::Backend::Postgres => {
                postgres::claim(transaction, owner, &claims, micros(now)).await?
            }
            watchbell_store::Backend::Sqlite => {
                sqlite::claim(transaction, owner, &claims, micros(now)).await?
            }
        };
        let mut rows: Vec<_> = rows
            .iter()
            .map(|row| deliveries::Model::from_query_result(row, ""))
            .collect::<Result<_, _>>()?;
        // RETURNING promises no order.
        rows.sort_by_key(|row| (row.due_at, row.id));
        Ok(rows)
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

    /// The deliveries of all teams that a replica leases.
    pub(crate) async fn leases_all_teams(&self, owner: Uuid) -> Result<Vec<Uuid>, DbErr> {
        let sql = "SELECT id FROM deliveries WHERE lease_owner = $1";
        let rows = self.query(sql, vec![owner.into()]).await?;
        rows.iter().map(|row| row.try_get("", "id")).collect()
    }

    /// Gives leases of this replica back, whatever became of the commit that took them.
    pub(crate) async fn release(&self, owner: Uuid, ids: &[Uuid]) -> Result<u64, DbErr> {
        let batch = Batch::new().uuid("id", ids.iter().copied());
        let sql = "UPDATE deliveries SET lease_owner = NULL
            WHERE lease_owner = {0} AND id IN (SELECT id FROM ({rows}) AS b)";
        let statement = batch.statement(self.backend(), sql, vec![owner.into()]);
        Ok(self.write(statement).await?.rows_affected())
    }

    /// Fails deliveries that cannot be carried out whatever happens.
    pub(crate) async fn give_up(
        &self,
        owner: Uuid,
        ids: &[Uuid],
        message: &str,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let batch = Batch::new().uuid("id", ids.iter().copied());
        let sql = "UPDATE deliveries SET state = 6, state_message = {1}, ended_at = {2}, due_at = NULL,
                lease_owner = NULL
            WHERE lease_owner = {0} AND id IN (SELECT id FROM ({rows}) AS b)";
        let values = vec![owner.into(), message.into(), micros(now).into()];
        self.write(batch.statement(self.backend(), sql, values)).await?;
        Ok(())
    }

    /// Gives up to a thousand leases of a replica back.
    pub(crate) async fn release_chunk_all_teams(&self, owner: Uuid) -> Result<u64, DbErr> {
        let sql = "UPDATE deliveries SET lease_owner = NULL WHERE lease_owner = $1 AND id IN
            (SELECT id FROM deliveries WHERE lease_owner = $1 LIMIT $2)";
        self.execute(sql, vec![owner.into(), CHUNK.into()]).await
    }

    /// Releases all leases. SQLite only, where one process opens the database.
    pub(crate) async fn release_everything_all_teams(&self) -> Result<u64, DbErr> {
        self.execute("DELETE FROM replicas", vec![]).await?;
        self.execute(
            "UPDATE deliveries SET lease_owner = NULL WHERE lease_owner IS NOT NULL",
            vec![],
        )
        .await
    }

    /// Registers a replica.
    pub(crate) async fn enter_replica(&self, id: Uuid) -> Result<(), DbErr> {
        let sql = format!(
            "INSERT INTO replicas (id, heartbeat_at) VALUES ($1, {})",
            self.database_now()
        );
        self.execute(sql, vec![id.into()]).await.map(|_| ())
    }

    /// Records a heartbeat; returns false when other replicas took this one for dead and removed its row.
    pub(crate) async fn heartbeat(&self, id: Uuid) -> Result<bool, DbErr> {
        let sql = format!(
            "UPDATE replicas SET heartbeat_at = {} WHERE id = $1",
            self.database_now()
        );
        Ok(self.execute(sql, vec![id.into()]).await? > 0)
    }

    /// Removes a replica's row.
    pub(crate) async fn leave_replica(&self, id: Uuid) -> Result<(), DbErr> {
        self.execute("DELETE FROM replicas WHERE id = $1", vec![id.into()])
            .await
            .map(|_| ())
    }

    /// Removes the rows of other replicas without a heartbeat for `timeout` microseconds. Never its own: a replica
    /// that runs this is alive, however long it waited for the database.
    pub(crate) async fn reap_dead_replicas(&self, timeout: i64, us: Uuid) -> Result<u64, DbErr> {
        let sql = format!(
            "DELETE FROM replicas WHERE heartbeat_at < {} - $1 AND id <> $2",
            self.database_now()
        );
        self.execute(sql, vec![timeout.into(), us.into()]).await
    }

    /// Owners of leases that are no living replica.
    pub(crate) async fn dead_owners_all_teams(&self) -> Result<Vec<Uuid>, DbErr> {
        let rows = self.query(OWNERS, vec![]).await?;
        rows.iter().map(|row| row.try_get("", "id")).collect()
    }

    /// Makes up to a thousand parked deliveries of a lane due now, receipts before all others.
    pub(crate) async fn unpark_chunk(
        &self,
        team: TeamId,
        lane: Uuid,
        why: ParkedFor,
        now: DateTime<Utc>,
    ) -> Result<u64, DbErr> {
        let sql = "UPDATE deliveries SET state = 1, state_message = '', parked_for = NULL,
                due_at = CASE WHEN event_type = $6 THEN $1 - 1 ELSE $1 END, tries = 0, first_attempt_at = NULL
            WHERE id IN (SELECT id FROM deliveries
                WHERE state = 3 AND lane_id = $2 AND team_id = $3 AND parked_for = $4 ORDER BY id LIMIT $5)";
        let values: Vec<Value> = vec![
            micros(now).into(),
            lane.into(),
            team.as_uuid().into(),
            (why as i16).into(),
            CHUNK.into(),
            RECEIPT.into(),
        ];
        self.execute(sql, values).await
    }

    /// Cancels up to a thousand waiting, unleased deliveries of a lane.
    pub(crate) async fn cancel_waiting_chunk(
        &self,
        team: TeamId,
        lane: Uuid,
        message: &str,
        now: DateTime<Utc>,
    ) -> Result<u64, DbErr> {
        // Each has a partial index.
        let waits = [
            "lease_owner IS NULL AND state IN (1, 2)",
            "state = 3",
            "lease_owner IS NULL AND due_at IS NOT NULL AND state IN (2, 4)",
        ];
        let mut all = 0;
        for wait in waits {
            let sql = format!(
                "UPDATE deliveries SET state = 7, state_message = $1, parked_for = NULL, due_at = NULL, ended_at = $2
                WHERE lease_owner IS NULL AND id IN (SELECT id FROM deliveries
                    WHERE {wait} AND lane_id = $3 AND team_id = $4 LIMIT $5)"
            );
            let values: Vec<Value> = vec![
                message.into(),
                micros(now).into(),
                lane.into(),
                team.as_uuid().into(),
                CHUNK.into(),
            ];
            all += self.execute(sql, values).await?;
        }
        Ok(all)
    }
}

impl deliveries::Model {
    /// The job of a row that `owner` has leased, unless its route cannot be read.
    pub(crate) fn job(
        &self,
        event: &Arc<AcceptedEvent>,
        weight: usize,
        owner: Uuid,
        guard: JobGuard,
    ) -> Result<Job, super::Corrupt> {
        Ok(Job {
            id: DeliveryId::from_uuid(self.id),
            event: Arc::clone(event),
            weight,
            route: self.parsed_route()?,
            lane: LaneId(self.lane_id),
            owner,
            _guard: guard,
            attempts: u32::try_from(self.attempt_count).unwrap_or(0),
            tries: u32::try_from(self.tries).unwrap_or(0),
            first_attempt_at: self.first_attempt_at.map(instant),
            created_at: instant(self.created_at),
            replay_of: self.replay_of.map(DeliveryId::from_uuid),
        })
    }
}
