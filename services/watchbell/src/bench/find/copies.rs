//! Copies of a team's events and deliveries, made by SQL.

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, Statement};
use watchbell_model::ids::TeamId;

use crate::bench::Progress;
use crate::bench::lab::{Store, Team};
use crate::failure::{Failure, Outcome, present};

/// Over how much time the copies are spread: less than deliveries are kept.
pub(super) const SPREAD_MS: u64 = 60 * 24 * 3_600 * 1_000;
/// Copies of all that are made by one statement.
const CHUNK: u64 = 50;

/// Copies of all events and deliveries of a team, further and further back in time.
pub(super) struct Copies<'c> {
    connection: &'c DatabaseConnection,
    backend: DbBackend,
    events: String,
    deliveries: String,
    /// Deliveries of one copy.
    each: u64,
    /// When the first original was accepted.
    oldest: i64,
}

// === impl Copies ===

impl<'c> Copies<'c> {
    pub(super) async fn new(connection: &'c DatabaseConnection, store: &Store, team: &Team) -> Outcome<Self> {
        let backend = connection.get_database_backend();
        let team: TeamId = team
            .admin()
            .team()
            .parse()
            .map_err(|_| Failure::message("the team's id is none"))?;
        let hex = team.as_uuid().simple().to_string();
        let (team, id) = match backend {
            DbBackend::Postgres => (
                format!("'{hex}'::uuid"),
                "(lpad(to_hex(t.created_at / 1000 - {back}), 12, '0') || substr(replace(t.id::text, '-', ''), 13))::uuid",
            ),
            _ => (
                format!("x'{hex}'"),
                "unhex(printf('%012x', t.created_at / 1000 - {back}) || substr(hex(t.id), 13))",
            ),
        };
        let events = [
            ("id", "t.id || '-' || s.n"),
            ("occurred_at", "t.occurred_at - {back} * 1000"),
            ("accepted_at", "t.accepted_at - {back} * 1000"),
            ("position", "NULL"),
        ];
        let deliveries = [
            ("id", id),
            ("event_id", "t.event_id || '-' || s.n"),
            ("created_at", "t.created_at - {back} * 1000"),
            ("ended_at", "t.created_at - {back} * 1000 + 1000000"),
            ("state", "CASE WHEN s.n % 50 = 0 THEN 6 ELSE 5 END"),
            ("replay_of", "CASE WHEN s.n % 200 = 0 THEN t.id ELSE NULL END"),
            ("due_at", "NULL"),
            ("folded_into", "NULL"),
            ("held_by", "NULL"),
            ("parked_for", "NULL"),
            ("group_key", "NULL"),
            ("gathered_with", "NULL"),
        ];
        let table = |name: &str| store.table(name);
        let count = format!(
            "SELECT COUNT(*) AS count, (SELECT MIN(t.accepted_at) FROM {} t WHERE t.team_id = {team}) AS oldest
            FROM {} t WHERE t.team_id = {team}",
            table("events"),
            table("deliveries")
        );
        let counted = connection
            .query_one_raw(Statement::from_string(backend, count))
            .await
            .map_err(anyhow::Error::from)?;
        let counted = present(counted)?;
        let each: i64 = counted.try_get("", "count").map_err(anyhow::Error::from)?;
        let oldest = counted.try_get("", "oldest").map_err(anyhow::Error::from)?;
        let mut copies = Self {
            connection,
            backend,
            events: String::new(),
            deliveries: String::new(),
            each: each.unsigned_abs().max(1),
            oldest,
        };
        copies.events = copies.insert(store, "events", &team, &events).await?;
        copies.deliveries = copies.insert(store, "deliveries", &team, &deliveries).await?;
        Ok(copies)
    }

    /// The statement that copies the originals of a table. `{first}`, `{last}` and `{step}` are to be filled in.
    async fn insert(
        &self,
        store: &Store,
        table: &str,
        team: &str,
        changed: &[(&str, &str)],
    ) -> Outcome<String> {
        let sql = store.columns_of(table);
        let rows = self
            .connection
            .query_all_raw(Statement::from_string(self.backend, sql))
            .await;
        let mut columns = Vec::new();
        for row in rows.map_err(anyhow::Error::from)? {
            columns.push(row.try_get::<String>("", "name").map_err(anyhow::Error::from)?);
        }
        let values: Vec<_> = columns
            .iter()
            .map(|column| {
                let change = changed.iter().find(|(name, _)| name == column);
                change.map_or_else(|| format!("t.{column}"), |(_, value)| (*value).to_owned())
            })
            .collect();
        let time = match table {
            "events" => "accepted_at",
            _ => "created_at",
        };
        let table = store.table(table);
        // Copies lie further back than all of them. Those of a time are stored side by side, as if they had been emitted then.
        let originals = format!("t.{time} >= {}", self.oldest);
        let (columns, values) = (
            columns.join(", "),
            values.join(", ").replace("{back}", "(s.n * {step})"),
        );
        Ok(format!(
            "WITH RECURSIVE s(n) AS (SELECT CAST({{first}} AS BIGINT) UNION ALL SELECT n + 1 FROM s WHERE n < {{last}})
            INSERT INTO {table} ({columns}) SELECT {values} FROM {table} t CROSS JOIN s
            WHERE t.team_id = {team} AND {originals} ORDER BY s.n"
        ))
    }

    /// Copies until there are so many deliveries; how many there are.
    pub(super) async fn make(&self, deliveries: u64, progress: &Progress) -> Outcome<u64> {
        let copies = deliveries.div_ceil(self.each).max(1);
        let step = SPREAD_MS / copies;
        let mut first = 1;
        while first <= copies {
            progress.say(&format!(
                "{} of {deliveries} deliveries are made",
                first * self.each
            ));
            let last = (first + CHUNK - 1).min(copies);
            for sql in [&self.events, &self.deliveries] {
                let sql = sql
                    .replace("{first}", &first.to_string())
                    .replace("{last}", &last.to_string())
                    .replace("{step}", &step.to_string());
                self.connection
                    .execute_unprepared(&sql)
                    .await
                    .map_err(anyhow::Error::from)?;
            }
            first = last + 1;
        }
        self.connection
            .execute_unprepared("ANALYZE")
            .await
            .map_err(anyhow::Error::from)?;
        Ok((copies + 1) * self.each)
    }
}
