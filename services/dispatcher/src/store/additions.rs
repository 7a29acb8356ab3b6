//! Deliveries that are added to accepted events: who has the events already, and locks that keep two additions to one event apart.

use sea_orm::{DbBackend, DbErr, FromQueryResult, QueryResult, Statement};
use watchbell_model::ids::TeamId;
use watchbell_model::route::Route;

use super::batch::Batch;
use super::entities::events;
use super::transaction::Transaction;
use super::{Corrupt, Db, parsed};

/// A delivery that an event has.
#[derive(Debug)]
pub(crate) struct Existing {
    pub(crate) event_id: String,
    pub(crate) route: Route,
    /// The event's alert as it was when the event was accepted, as JSON.
    pub(crate) alert: Option<String>,
}

// === impl Db ===

impl Db {
    /// The deliveries of events.
    pub(crate) async fn existing(&self, team: TeamId, ids: &[&str]) -> Result<Vec<Existing>, DbErr> {
        let rows = self.read(self.existing_statement(team, ids)).await?;
        rows.iter().map(existing).collect()
    }

    /// The deliveries of events, within a transaction.
    pub(crate) async fn existing_in(
        &self,
        transaction: &Transaction,
        team: TeamId,
        ids: &[&str],
    ) -> Result<Vec<Existing>, DbErr> {
        let rows = transaction.rows(self.existing_statement(team, ids)).await?;
        rows.iter().map(existing).collect()
    }

    fn existing_statement(&self, team: TeamId, ids: &[&str]) -> Statement {
        let sql = "SELECT d.event_id, d.route, d.alert FROM ({rows}) AS b
            JOIN deliveries d ON d.team_id = b.team_id AND d.event_id = b.id";
        keys(team, ids).statement(self.backend(), sql, vec![])
    }

    /// Events without their payloads. They are locked until the transaction ends, so that what another one adds to them is seen
    /// or waits.
    pub(crate) async fn lock_events(
        &self,
        transaction: &Transaction,
        team: TeamId,
        ids: &[&str],
    ) -> Result<Vec<events::Model>, DbErr> {
        // SQLite has one transaction that writes at a time.
        let lock = match self.backend() {
            DbBackend::Postgres => "FOR NO KEY UPDATE OF e",
            _ => "",
        };
        let sql = format!(
            "SELECT e.team_id, e.id, e.event_type, e.severity, e.category, e.source, e.occurred_at, e.accepted_at, e.title,
                e.url, e.subject, '{{}}' AS data, e.test, '[]' AS routes, e.traceparent, e.email, e.alert_key, e.alert_action
            FROM ({{rows}}) AS b JOIN events e ON e.team_id = b.team_id AND e.id = b.id ORDER BY e.id {lock}"
        );
        let statement = keys(team, ids).statement(self.backend(), &sql, vec![]);
        let rows = transaction.rows(statement).await?;
        rows.iter()
            .map(|row| events::Model::from_query_result(row, ""))
            .collect()
    }
}

/// The keys of a team's events.
pub(super) fn keys<'a>(team: TeamId, ids: &[&'a str]) -> Batch<'a> {
    Batch::new()
        .uuid("team_id", ids.iter().map(|_| team.as_uuid()))
        .text("id", ids.iter().copied())
}

fn existing(row: &QueryResult) -> Result<Existing, DbErr> {
    let event_id: String = row.try_get("", "event_id")?;
    let route: String = row.try_get("", "route")?;
    Ok(Existing {
        route: parsed(&route, "route", &event_id)
            .map_err(|error: Corrupt| DbErr::Custom(error.to_string()))?,
        alert: row.try_get("", "alert")?,
        event_id,
    })
}
