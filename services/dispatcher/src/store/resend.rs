//! Deliveries that are sent again: what failed or was parked is made pending, what failed with it waits for it, and what has a
//! replay is known.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::{DbErr, QueryResult, Statement};
use uuid::Uuid;
use watchbell_model::catalog::notices::NOTIFICATIONS_SUMMARY;
use watchbell_model::ids::{DeliveryId, TeamId};

use super::additions::keys;
use super::batch::Batch;
use super::entities::deliveries;
use super::indexes::DUE;
use super::summaries::models;
use super::transaction::Transaction;
use super::{Db, instant, micros};

// === impl Db ===

impl Db {
    /// When the last delivery of a team is due that waits for its turn and was not tried since it was made or taken up again.
    pub(crate) async fn last_turn(
        &self,
        team: TeamId,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, DbErr> {
        // By the lanes of the team alone: those of its channels, by jumps from one to the next, and that of its mail to people.
        let sql = format!(
            "WITH RECURSIVE channel(id) AS (
                SELECT * FROM (SELECT d.channel_id FROM deliveries d WHERE d.team_id = $1 AND d.channel_id IS NOT NULL
                    ORDER BY d.channel_id LIMIT 1) AS first
                UNION ALL
                SELECT (SELECT d.channel_id FROM deliveries d WHERE d.team_id = $1 AND d.channel_id > channel.id
                    ORDER BY d.channel_id LIMIT 1)
                FROM channel WHERE channel.id IS NOT NULL
            )
            SELECT MAX(d.due_at) AS due_at FROM (SELECT id FROM channel UNION ALL SELECT $1) AS lane
                JOIN deliveries d ON d.lane_id = lane.id
            WHERE {DUE} AND d.state = 1 AND d.tries = 0 AND d.due_at > $2"
        );
        let rows = self
            .query(sql, vec![team.as_uuid().into(), micros(now).into()])
            .await?;
        let due: Option<i64> = rows
            .first()
            .map(|row| row.try_get("", "due_at"))
            .transpose()?
            .flatten();
        Ok(due.map(instant))
    }

    /// Resumes failed or parked deliveries as if they were new, each at its time; how many still were.
    pub(crate) async fn recover(
        &self,
        transaction: &Transaction,
        team: TeamId,
        deliveries: &[(Uuid, DateTime<Utc>)],
    ) -> Result<u64, DbErr> {
        let batch = Batch::new()
            .uuid("id", deliveries.iter().map(|(id, _)| *id))
            .big("due_at", deliveries.iter().map(|(_, due)| micros(*due)));
        let sql = "UPDATE deliveries SET state = 1, state_message = '', parked_for = NULL, tries = 0,
                first_attempt_at = NULL, ended_at = NULL, due_at = b.due_at
            FROM ({rows}) AS b WHERE deliveries.id = b.id AND deliveries.team_id = {0}
                AND deliveries.state IN (3, 6) AND NOT deliveries.test AND deliveries.folded_into IS NULL";
        let statement = batch.statement(self.backend(), sql, vec![team.as_uuid().into()]);
        transaction.execute(statement).await
    }

    /// What failed with some of these summaries that are tried again waits for them again, up to a thousand deliveries; which they
    /// are, and whether they are summaries themselves.
    pub(crate) async fn reopen_told(
        &self,
        transaction: &Transaction,
        team: TeamId,
        summaries: &[Uuid],
    ) -> Result<Vec<(Uuid, bool)>, DbErr> {
        let batch = Batch::new().uuid("id", summaries.iter().copied());
        let sql = "UPDATE deliveries SET state = 4, ended_at = NULL,
                state_message = 'folded into a summary that is tried again'
            WHERE id IN (SELECT d.id FROM ({rows}) AS b
                JOIN deliveries s ON s.id = b.id AND s.team_id = {0} AND s.ended_at IS NULL
                JOIN deliveries d ON d.folded_into IS NOT NULL AND d.folded_into = s.id
                WHERE d.team_id = {0} AND d.state = 6 LIMIT 1000)
            AND state = 6 RETURNING id, event_type";
        let statement = batch.statement(self.backend(), sql, vec![team.as_uuid().into()]);
        let rows = transaction.rows(statement).await?;
        rows.iter()
            .map(|row| {
                let event_type: String = row.try_get("", "event_type")?;
                Ok((row.try_get("", "id")?, event_type == NOTIFICATIONS_SUMMARY))
            })
            .collect()
    }

    /// The deliveries with these ids, oldest first.
    pub(crate) async fn deliveries_with_ids(
        &self,
        transaction: &Transaction,
        team: TeamId,
        ids: &[DeliveryId],
    ) -> Result<Vec<deliveries::Model>, DbErr> {
        let statement = self.with_ids(team, ids.iter().map(DeliveryId::as_uuid));
        models(&transaction.rows(statement).await?)
    }

    /// The deliveries with these ids, as they are now, oldest first.
    pub(crate) async fn deliveries_now(
        &self,
        team: TeamId,
        ids: &[Uuid],
    ) -> Result<Vec<deliveries::Model>, DbErr> {
        models(&self.read(self.with_ids(team, ids.iter().copied())).await?)
    }

    fn with_ids(&self, team: TeamId, ids: impl Iterator<Item = Uuid>) -> Statement {
        let sql = "SELECT d.* FROM ({rows}) AS b CROSS JOIN deliveries d WHERE d.id = b.id AND d.team_id = {0} ORDER BY d.id";
        let batch = Batch::new().uuid("id", ids);
        batch.statement(self.backend(), sql, vec![team.as_uuid().into()])
    }

    /// Which deliveries of events have a replay.
    pub(crate) async fn replayed(&self, team: TeamId, events: &[&str]) -> Result<HashSet<Uuid>, DbErr> {
        originals(&self.read(self.replayed_statement(team, events)).await?)
    }

    /// Which deliveries of events have a replay, within a transaction.
    pub(crate) async fn replayed_in(
        &self,
        transaction: &Transaction,
        team: TeamId,
        events: &[&str],
    ) -> Result<HashSet<Uuid>, DbErr> {
        originals(&transaction.rows(self.replayed_statement(team, events)).await?)
    }

    fn replayed_statement(&self, team: TeamId, events: &[&str]) -> Statement {
        let mut events = events.to_vec();
        events.sort_unstable();
        events.dedup();
        // What was rerouted names itself.
        let sql = "SELECT d.replay_of FROM ({rows}) AS b
            JOIN deliveries d ON d.team_id = b.team_id AND d.event_id = b.id
            WHERE d.replay_of IS NOT NULL AND d.replay_of <> d.id";
        keys(team, &events).statement(self.backend(), sql, vec![])
    }
}

fn originals(rows: &[QueryResult]) -> Result<HashSet<Uuid>, DbErr> {
    rows.iter().map(|row| row.try_get("", "replay_of")).collect()
}
