//! Reminders and escalations of alerts that stay open, and their migration. The owner of a team's shard writes them, in the
//! transactions of the alerts' events.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{DbErr, Value};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};
use watchbell_model::alert::AlertKey;
use watchbell_model::ids::TeamId;
use watchbell_model::route::Route;
use watchbell_model::shard::ShardId;

use super::batch::Batch;
use super::ddl::run;
use super::transaction::{ReadRow, WriteTransaction};
use super::{Db, instant, micros};
use crate::reminder::{Reminder, ReminderKind};

/// Adds them to the tables.
pub(super) struct Reminders;

/// An alert's key in all teams.
pub(crate) type AlertId = (TeamId, AlertKey);

// === impl Reminders ===

impl MigrationName for Reminders {
    fn name(&self) -> &'static str {
        "m0011_reminders"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Reminders {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, |uuid| {
            vec![
                format!(
                    "CREATE TABLE reminders (
                    team_id {uuid} NOT NULL,
                    alert_key TEXT NOT NULL,
                    kind SMALLINT NOT NULL,
                    origin TEXT NOT NULL,
                    shard INTEGER NOT NULL,
                    began_at BIGINT NOT NULL,
                    every BIGINT NOT NULL,
                    at_most INTEGER NOT NULL,
                    sent INTEGER NOT NULL,
                    next_at BIGINT NOT NULL,
                    due_at BIGINT,
                    last_due_at BIGINT,
                    routes TEXT NOT NULL,
                    PRIMARY KEY (team_id, alert_key, kind, origin))"
                ),
                "CREATE INDEX reminders_due ON reminders (shard, due_at) WHERE due_at IS NOT NULL".to_owned(),
            ]
        })
        .await
    }
}

/// Of the row `r`.
const COLUMNS: &str = "r.team_id, r.alert_key, CAST(r.kind AS BIGINT) AS kind, r.origin, r.began_at, r.every,
    CAST(r.at_most AS BIGINT) AS at_most, CAST(r.sent AS BIGINT) AS sent, r.next_at, r.due_at,
    r.last_due_at, r.routes";

// === impl Db ===

impl Db {
    /// The reminders of these alerts.
    pub(crate) async fn reminders_of<W: WriteTransaction>(
        &self,
        transaction: &W,
        alerts: &[&AlertId],
    ) -> Result<Vec<Reminder>, DbErr> {
        let sql = format!(
            "SELECT {COLUMNS} FROM ({{rows}}) AS b
                JOIN reminders r ON r.team_id = b.team_id AND r.alert_key = b.alert_key"
        );
        let rows = transaction.read(&sql, &of_alerts(alerts), &[]).await?;
        rows.iter().map(read).collect()
    }

    /// The reminders of an alert, escalations last.
    pub(crate) async fn reminders(&self, team: TeamId, key: &AlertKey) -> Result<Vec<Reminder>, DbErr> {
        let sql = format!(
            "SELECT {COLUMNS} FROM reminders r WHERE r.team_id = $1 AND r.alert_key = $2 ORDER BY r.kind, r.origin"
        );
        let values = vec![team.as_uuid().into(), key.as_str().into()];
        self.query(sql, values).await?.iter().map(read).collect()
    }

    /// Those of these shards of which something is due.
    pub(crate) async fn shards_with_due_reminders(
        &self,
        shards: &BTreeSet<ShardId>,
        now: DateTime<Utc>,
    ) -> Result<Vec<ShardId>, DbErr> {
        if shards.is_empty() {
            return Ok(Vec::new());
        }
        let numbers = shards.iter().map(|shard| i32::from(shard.number()));
        let sql = "SELECT b.shard FROM ({rows}) AS b WHERE EXISTS (SELECT 1 FROM reminders r
            WHERE r.shard = b.shard AND r.due_at IS NOT NULL AND r.due_at <= {0})";
        let batch = Batch::new().int("shard", numbers);
        let statement = batch.statement(self.backend(), sql, vec![micros(now).into()]);
        let mut due = Vec::new();
        for row in self.read(statement).await? {
            let number: i32 = row.try_get("", "shard")?;
            due.extend(ShardId::from_number(i64::from(number)));
        }
        Ok(due)
    }

    /// What is due of a shard, oldest first: a page of it, after another one.
    pub(crate) async fn due_reminders(
        &self,
        shard: ShardId,
        now: DateTime<Utc>,
        after: Option<&Reminder>,
        limit: u64,
    ) -> Result<Vec<Reminder>, DbErr> {
        let mut values: Vec<Value> = vec![i32::from(shard.number()).into(), micros(now).into()];
        let mut behind = String::new();
        if let Some(after) = after {
            behind
                .push_str("AND (r.due_at, r.team_id, r.alert_key, r.kind, r.origin) > ($3, $4, $5, $6, $7)");
            values.extend([
                after.due_at.map_or(i64::MIN, micros).into(),
                after.team_id.as_uuid().into(),
                after.key.as_str().into(),
                (after.kind as i16).into(),
                after.origin.as_str().into(),
            ]);
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM reminders r WHERE r.shard = $1 AND r.due_at IS NOT NULL AND r.due_at <= $2 {behind}
                ORDER BY r.due_at, r.team_id, r.alert_key, r.kind, r.origin LIMIT {limit}"
        );
        self.query(sql, values).await?.iter().map(read).collect()
    }

    /// Inserts reminders, unless their rule has some of that alert already.
    pub(crate) async fn insert_reminders<W: WriteTransaction>(
        &self,
        transaction: &W,
        reminders: &[Reminder],
    ) -> Result<(), DbErr> {
        let all = || reminders.iter();
        let routes = all()
            .map(|reminder| serde_json::to_string(&reminder.routes))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| DbErr::Custom(error.to_string()))?;
        let shard = |reminder: &Reminder| i32::from(ShardId::of(reminder.team_id).number());
        let batch = identified(reminders)
            .int("shard", all().map(shard))
            .big("began_at", all().map(|reminder| micros(reminder.began_at)))
            .big("every", all().map(|reminder| length(reminder.every)))
            .int("at_most", all().map(|reminder| count(reminder.at_most)))
            .int("sent", all().map(|reminder| count(reminder.sent)))
            .big("next_at", all().map(|reminder| micros(reminder.next_at)))
            .big_opt("due_at", all().map(|reminder| reminder.due_at.map(micros)))
            .big_opt(
                "last_due_at",
                all().map(|reminder| reminder.last_due_at.map(micros)),
            )
            .text("routes", routes.iter().map(String::as_str));
        let sql = "INSERT INTO reminders ({names}) SELECT b.* FROM ({rows}) AS b WHERE true
            ON CONFLICT (team_id, alert_key, kind, origin) DO NOTHING";
        transaction.run(sql, &batch, &[]).await?;
        Ok(())
    }

    /// Notes how often reminders were sent, and when they are due next.
    pub(crate) async fn write_sent_reminders<W: WriteTransaction>(
        &self,
        transaction: &W,
        reminders: &[Reminder],
    ) -> Result<(), DbErr> {
        let all = || reminders.iter();
        let batch = identified(reminders)
            .int("sent", all().map(|reminder| count(reminder.sent)))
            .big("next_at", all().map(|reminder| micros(reminder.next_at)))
            .big_opt("due_at", all().map(|reminder| reminder.due_at.map(micros)))
            .big_opt(
                "last_due_at",
                all().map(|reminder| reminder.last_due_at.map(micros)),
            );
        let sql = "UPDATE reminders SET sent = b.sent, next_at = b.next_at, due_at = b.due_at,
                last_due_at = b.last_due_at FROM ({rows}) AS b
            WHERE reminders.team_id = b.team_id AND reminders.alert_key = b.alert_key
                AND reminders.kind = b.kind AND reminders.origin = b.origin";
        transaction.run(sql, &batch, &[]).await?;
        Ok(())
    }

    /// Puts the reminders of alerts off until their snoozes end.
    pub(crate) async fn snooze_reminders<W: WriteTransaction>(
        &self,
        transaction: &W,
        snoozed: &[(&AlertId, DateTime<Utc>)],
    ) -> Result<(), DbErr> {
        let alerts: Vec<&AlertId> = snoozed.iter().map(|(alert, _)| *alert).collect();
        let batch = of_alerts(&alerts).big("snooze_end", snoozed.iter().map(|(_, until)| micros(*until)));
        let sql = "UPDATE reminders
            SET due_at = CASE WHEN next_at > b.snooze_end THEN next_at ELSE b.snooze_end END FROM ({rows}) AS b
            WHERE reminders.team_id = b.team_id AND reminders.alert_key = b.alert_key AND reminders.due_at IS NOT NULL";
        transaction.run(sql, &batch, &[]).await?;
        Ok(())
    }

    /// Deletes the reminders of alerts.
    pub(crate) async fn delete_reminders<W: WriteTransaction>(
        &self,
        transaction: &W,
        alerts: &[&AlertId],
    ) -> Result<(), DbErr> {
        let sql = "DELETE FROM reminders WHERE (team_id, alert_key) IN
            (SELECT b.team_id, b.alert_key FROM ({rows}) AS b)";
        transaction.run(sql, &of_alerts(alerts), &[]).await?;
        Ok(())
    }
}

fn of_alerts<'a>(alerts: &[&'a AlertId]) -> Batch<'a> {
    Batch::new()
        .uuid("team_id", alerts.iter().map(|(team, _)| team.as_uuid()))
        .text("alert_key", alerts.iter().map(|(_, key)| key.as_str()))
        .with_one_plan()
}

fn identified(reminders: &[Reminder]) -> Batch<'_> {
    let all = || reminders.iter();
    Batch::new()
        .uuid("team_id", all().map(|reminder| reminder.team_id.as_uuid()))
        .text("alert_key", all().map(|reminder| reminder.key.as_str()))
        .small("kind", all().map(|reminder| reminder.kind as i16))
        .text("origin", all().map(|reminder| reminder.origin.as_str()))
}

fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn length(span: TimeDelta) -> i64 {
    span.num_microseconds().unwrap_or(i64::MAX)
}

fn read<R: ReadRow>(row: &R) -> Result<Reminder, DbErr> {
    let unreadable = |column: &str| DbErr::Type(format!("the {column} of a reminder cannot be read"));
    let number = |column: &str| row.big(column)?.ok_or_else(|| unreadable(column));
    let small = |column: &str| u32::try_from(number(column)?).map_err(|_| unreadable(column));
    let routes: Vec<Route> = serde_json::from_str(&row.text("routes")?).map_err(|_| unreadable("routes"))?;
    Ok(Reminder {
        team_id: TeamId::from_uuid(row.uuid("team_id")?),
        key: row.text("alert_key")?.parse().map_err(|_| unreadable("key"))?,
        kind: ReminderKind::from_number(number("kind")?).ok_or_else(|| unreadable("kind"))?,
        origin: row.text("origin")?,
        began_at: instant(number("began_at")?),
        every: TimeDelta::microseconds(number("every")?),
        at_most: small("at_most")?,
        sent: small("sent")?,
        next_at: instant(number("next_at")?),
        due_at: row.big("due_at")?.map(instant),
        last_due_at: row.big("last_due_at")?.map(instant),
        routes,
    })
}
