//! Attempts of deliveries. The first is part of its delivery's row, which is written at that moment anyway; most
//! deliveries have no other. Later ones, and those of older releases, have rows of their own.

use std::collections::HashMap;

use sea_orm::{DbErr, FromQueryResult};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};
use uuid::Uuid;
use watchbell_model::ids::{DeliveryId, TeamId};

use super::batch::Batch;
use super::ddl::run;
use super::entities::attempts;
use super::transaction::WriteTransaction;
use super::{Db, micros};
use crate::job::{Attempt, JobOutcome};

/// Adds the first attempt to the table of deliveries.
pub(super) struct FirstAttempts;

/// What came of a delivery's last attempt.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub(crate) struct LastAttempt {
    /// The number of the contract.
    pub(crate) outcome: i16,
    pub(crate) error_code: String,
}

/// The columns of the first attempt, and their types.
const COLUMNS: [(&str, &str); 10] = [
    ("attempt_id", "{uuid}"),
    ("attempt_started_at", "BIGINT"),
    ("attempt_latency_us", "BIGINT"),
    ("attempt_outcome", "SMALLINT"),
    ("attempt_status_code", "SMALLINT"),
    ("attempt_error", "TEXT"),
    ("attempt_error_code", "TEXT"),
    ("attempt_request_headers", "TEXT"),
    ("attempt_response_body", "TEXT"),
    ("attempt_ambiguous", "SMALLINT"),
];

/// The first attempt of the delivery `d` as a row of `attempts`.
const FIRST: &str = "SELECT d.attempt_id AS id, d.team_id, d.id AS delivery_id, 1 AS number,
        d.attempt_started_at AS started_at, d.attempt_latency_us AS latency_us, d.attempt_outcome AS outcome,
        CAST(d.attempt_status_code AS INTEGER) AS status_code, COALESCE(d.attempt_error, '') AS error,
        COALESCE(d.attempt_error_code, '') AS error_code, COALESCE(d.attempt_request_headers, '[]') AS request_headers,
        COALESCE(d.attempt_response_body, '') AS response_body, d.attempt_ambiguous = 1 AS ambiguous
    FROM deliveries d";

// === impl FirstAttempts ===

impl MigrationName for FirstAttempts {
    fn name(&self) -> &'static str {
        "m0012_first_attempts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for FirstAttempts {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, |uuid| {
            COLUMNS
                .iter()
                .map(|(name, kind)| {
                    let kind = kind.replace("{uuid}", uuid);
                    format!("ALTER TABLE deliveries ADD COLUMN {name} {kind}")
                })
                .collect()
        })
        .await
    }
}

// === impl Db ===

impl Db {
    /// Inserts attempts that are not part of their delivery's row: all but the first, and those of deliveries
    /// whose shard is another owner's now. They happened all the same.
    pub(crate) async fn insert_attempts<'o, W: WriteTransaction>(
        &self,
        transaction: &W,
        outcomes: impl Iterator<Item = &'o JobOutcome>,
    ) -> Result<(), DbErr> {
        let made: Vec<_> = outcomes
            .filter_map(|outcome| Some((&outcome.job, outcome.attempt.as_ref()?)))
            .collect();
        if made.is_empty() {
            return Ok(());
        }
        let attempts = || made.iter().map(|(_, attempt)| *attempt);
        let batch = Batch::new()
            .uuid("id", attempts().map(|attempt| attempt.id.as_uuid()))
            .uuid("team_id", made.iter().map(|(job, _)| job.team_id().as_uuid()))
            .uuid("delivery_id", made.iter().map(|(job, _)| job.id.as_uuid()))
            .int(
                "number",
                attempts().map(|attempt| i32::try_from(attempt.number).unwrap_or(i32::MAX)),
            )
            .big("started_at", attempts().map(|attempt| micros(attempt.started_at)))
            .big("latency_us", attempts().map(latency))
            .small("outcome", attempts().map(Attempt::outcome))
            .int(
                "status_code",
                attempts().map(|attempt| i32::from(attempt.result.status_code)),
            )
            .text("error", attempts().map(|attempt| attempt.result.error.as_str()))
            .text(
                "error_code",
                attempts().map(|attempt| attempt.result.error_code.as_str()),
            )
            .text(
                "request_headers",
                attempts().map(|attempt| attempt.result.request_headers.as_json()),
            )
            .text(
                "response_body",
                attempts().map(|attempt| attempt.result.response_body.as_str()),
            )
            .bool("ambiguous", attempts().map(|attempt| attempt.result.ambiguous));
        // The same outcome is written again after a commit with an unknown result.
        let sql =
            "INSERT INTO attempts ({names}) SELECT b.* FROM ({rows}) AS b WHERE true ON CONFLICT DO NOTHING";
        transaction.run(sql, &batch.with_one_plan(), &[]).await?;
        Ok(())
    }

    /// The attempts of a delivery, oldest first.
    pub(crate) async fn attempts(&self, team: TeamId, id: DeliveryId) -> Result<Vec<attempts::Model>, DbErr> {
        let sql = format!(
            "{FIRST} WHERE d.id = $1 AND d.team_id = $2 AND d.attempt_id IS NOT NULL
            UNION ALL
            SELECT a.id, a.team_id, a.delivery_id, a.number, a.started_at, a.latency_us, a.outcome, a.status_code, a.error,
                a.error_code, a.request_headers, a.response_body, a.ambiguous
            FROM attempts a WHERE a.delivery_id = $1 AND a.team_id = $2
            ORDER BY number, started_at"
        );
        let rows = self
            .query(sql, vec![id.as_uuid().into(), team.as_uuid().into()])
            .await?;
        rows.iter()
            .map(|row| attempts::Model::from_query_result(row, ""))
            .collect()
    }

    /// The last attempts of deliveries, of which the number of attempts is given.
    pub(crate) async fn last_attempts(
        &self,
        team: TeamId,
        deliveries: &[(Uuid, i32)],
    ) -> Result<HashMap<Uuid, LastAttempt>, DbErr> {
        let batch = Batch::new()
            .uuid("id", deliveries.iter().map(|(id, _)| *id))
            .int("number", deliveries.iter().map(|(_, number)| *number));
        let sql = "SELECT b.id AS delivery_id, COALESCE(a.outcome, d.attempt_outcome) AS outcome,
                COALESCE(a.error_code, d.attempt_error_code, '') AS error_code
            FROM ({rows}) AS b JOIN deliveries d ON d.id = b.id AND d.team_id = {0}
                LEFT JOIN attempts a ON a.delivery_id = b.id AND a.number = b.number AND a.team_id = {0}
            WHERE a.id IS NOT NULL OR (b.number = 1 AND d.attempt_id IS NOT NULL)";
        let statement = batch.statement(self.backend(), sql, vec![team.as_uuid().into()]);
        let rows = self.read(statement).await?;
        rows.iter()
            .map(|row| {
                let id = row.try_get("", "delivery_id")?;
                Ok((id, LastAttempt::from_query_result(row, "")?))
            })
            .collect()
    }
}

/// The rows of outcomes with their first attempts, and what an UPDATE of deliveries sets by them. Outcomes of later
/// attempts leave the first as it is.
pub(super) fn with_first<'o>(batch: Batch<'o>, outcomes: &[&'o JobOutcome]) -> (Batch<'o>, String) {
    let firsts: Vec<Option<&'o Attempt>> = outcomes.iter().map(|outcome| outcome.first_attempt()).collect();
    if firsts.iter().all(Option::is_none) {
        return (batch, String::new());
    }
    let all = || firsts.iter().copied();
    let batch = batch
        .uuid_opt("attempt_id", all().map(|first| Some(first?.id.as_uuid())))
        .big_opt(
            "attempt_started_at",
            all().map(|first| Some(micros(first?.started_at))),
        )
        .big_opt("attempt_latency_us", all().map(|first| first.map(latency)))
        .small_opt("attempt_outcome", all().map(|first| first.map(Attempt::outcome)))
        .small_opt(
            "attempt_status_code",
            all().map(|first| i16::try_from(first?.result.status_code).ok()),
        )
        .text_opt(
            "attempt_error",
            all().map(|first| Some(first?.result.error.as_str())),
        )
        .text_opt(
            "attempt_error_code",
            all().map(|first| Some(first?.result.error_code.as_str())),
        )
        .text_opt(
            "attempt_request_headers",
            all().map(|first| Some(first?.result.request_headers.as_json())),
        )
        .text_opt(
            "attempt_response_body",
            all().map(|first| Some(first?.result.response_body.as_str())),
        )
        .small_opt(
            "attempt_ambiguous",
            all().map(|first| Some(i16::from(first?.result.ambiguous))),
        );
    let set = COLUMNS.map(|(name, _)| format!(", {name} = COALESCE(b.{name}, deliveries.{name})"));
    (batch, set.concat())
}

fn latency(attempt: &Attempt) -> i64 {
    i64::try_from(attempt.result.latency.as_micros()).unwrap_or(i64::MAX)
}

// === impl JobOutcome ===

impl JobOutcome {
    /// The attempt that the delivery's row has, if it is this one.
    pub(crate) fn first_attempt(&self) -> Option<&Attempt> {
        self.attempt.as_ref().filter(|attempt| attempt.number == 1)
    }
}
