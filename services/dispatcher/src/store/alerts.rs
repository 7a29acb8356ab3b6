//! Alerts, and their migration. The owner of a team's shard is the only one who writes them, in the transaction of the event.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::{DbErr, Value};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;
use watchbell_model::alert::{AlertKey, AlertState, Opened};
use watchbell_model::alert_life::{Alert, Handled};
use watchbell_model::convert::FromWire;
use watchbell_model::ids::{DeliveryId, EventId, TeamId};
use watchbell_model::vocabulary::Severity;

use super::batch::Batch;
use super::ddl::run;
use super::find::escaped;
use super::transaction::{ReadRow, WriteTransaction};
use super::{Db, instant, micros, number};
use crate::job::State;

/// Adds them to the tables.
pub(super) struct Alerts;

/// A delivery that told of an alert, as it is now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TellingDelivery {
    pub(crate) state: State,
    /// It waits for quiet hours, a silence or a storm to end, and belongs to no summary.
    pub(crate) is_kept_back: bool,
    pub(crate) has_ended: bool,
    pub(crate) ended_at: Option<DateTime<Utc>>,
    /// When it is due next, if that is known.
    pub(crate) due_at: Option<DateTime<Utc>>,
}

/// Deliveries that told of alerts, by id. One that is missing was purged, or is not written yet.
pub(crate) type Telling = HashMap<Uuid, TellingDelivery>;

/// The position of a scan of all alerts: a team and an alert's key.
pub(crate) type AlertCursor = (Uuid, String);

/// Which alerts.
#[derive(Debug, Clone, Default)]
pub(crate) struct AlertFilter {
    /// In these states; in any when empty.
    pub(crate) states: Vec<AlertState>,
    pub(crate) severities: Vec<Severity>,
    /// A pattern: exact, `finding.*`, or `*`. Any when empty.
    pub(crate) event_type: String,
    pub(crate) start: Option<DateTime<Utc>>,
    pub(crate) end: Option<DateTime<Utc>>,
    /// After this one in the order: when it began, and its key.
    pub(crate) before: Option<(i64, String)>,
}

/// Drops an index that only retention used, and that every change of an alert paid for. The index of openings becomes a partial
/// one, which PostgreSQL cannot choose where an alert is looked for by its key.
pub(super) struct AlertIndexes;

// === impl TellingDelivery ===

impl TellingDelivery {
    /// Whether it told nothing and never will.
    pub(crate) const fn was_given_up(&self) -> bool {
        matches!(self.state, State::Cancelled | State::Failed)
    }
}

// === impl Alerts ===

impl MigrationName for Alerts {
    fn name(&self) -> &'static str {
        "m0006_alerts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Alerts {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, |uuid| {
            let statements = TABLES.split(';').map(str::trim).filter(|text| !text.is_empty());
            statements.map(|text| text.replace("{uuid}", uuid)).collect()
        })
        .await
    }
}

impl MigrationName for AlertIndexes {
    fn name(&self) -> &'static str {
        "m0013_alert_indexes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for AlertIndexes {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, |_| {
            vec![
                "DROP INDEX alerts_by_change",
                "DROP INDEX alerts_by_opening",
                "CREATE INDEX alerts_by_opening ON alerts (team_id, opened_at, key) WHERE opened_at IS NOT NULL",
            ]
        })
        .await
    }
}

const TABLES: &str = "
CREATE TABLE alerts (
    team_id {uuid} NOT NULL,
    key TEXT NOT NULL,
    state SMALLINT NOT NULL,
    severity SMALLINT NOT NULL,
    event_type TEXT NOT NULL,
    title TEXT NOT NULL,
    url TEXT NOT NULL,
    source TEXT NOT NULL,
    subject TEXT NOT NULL,
    opened_event_id TEXT,
    opened_at BIGINT,
    count BIGINT NOT NULL,
    last_occurred_at BIGINT NOT NULL,
    last_triggered_at BIGINT,
    resolved_at BIGINT,
    update_types TEXT NOT NULL,
    told TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    acknowledged_by TEXT,
    acknowledged_at BIGINT,
    snoozed_by TEXT,
    snoozed_until BIGINT,
    resolved_by TEXT,
    PRIMARY KEY (team_id, key)
);
CREATE INDEX alerts_by_opening ON alerts (team_id, opened_at, key);
CREATE INDEX alerts_by_change ON alerts (state, changed_at);
ALTER TABLE events ADD COLUMN alert_key TEXT;
ALTER TABLE events ADD COLUMN alert_action SMALLINT;
ALTER TABLE deliveries ADD COLUMN alert TEXT;
ALTER TABLE notifications ADD COLUMN alert_key TEXT;
CREATE INDEX notifications_of_alert ON notifications (team_id, alert_key) WHERE alert_key IS NOT NULL;
";

// === impl Db ===

impl Db {
    /// The alerts with these keys.
    pub(crate) async fn alerts_of<W: WriteTransaction>(
        &self,
        transaction: &W,
        keys: &[(TeamId, &AlertKey)],
    ) -> Result<HashMap<(TeamId, AlertKey), Alert>, DbErr> {
        let batch = Batch::new()
            .uuid("team_id", keys.iter().map(|(team, _)| team.as_uuid()))
            .text("key", keys.iter().map(|(_, key)| key.as_str()))
            .with_one_plan();
        let from = "({rows}) AS b JOIN alerts a ON a.team_id = b.team_id AND a.key = b.key";
        let rows = transaction.read(&select(from), &batch, &[]).await?;
        rows.iter()
            .map(|row| {
                let alert = read(row)?;
                Ok(((alert.team_id, alert.key.clone()), alert))
            })
            .collect()
    }

    /// Deliveries that told of alerts, as they are now; one that is not found was purged.
    pub(crate) async fn telling_deliveries<W: WriteTransaction>(
        &self,
        transaction: &W,
        ids: &[Uuid],
    ) -> Result<Telling, DbErr> {
        let batch = Batch::new().uuid("id", ids.iter().copied()).with_one_plan();
        let sql = format!("{TELLING} FROM ({{rows}}) AS b JOIN deliveries d ON d.id = b.id");
        let rows = transaction.read(&sql, &batch, &[]).await?;
        rows.iter()
            .map(|row| Ok((row.uuid("id")?, telling(row)?)))
            .collect()
    }

    /// Deliveries that told of a team's alert, as they are now.
    pub(crate) async fn telling_of(&self, alert: &Alert) -> Result<Telling, DbErr> {
        let batch = Batch::new().uuid("id", alert.told.iter().map(|told| told.delivery));
        let sql =
            format!("{TELLING} FROM ({{rows}}) AS b JOIN deliveries d ON d.id = b.id AND d.team_id = {{0}}");
        let values = vec![alert.team_id.as_uuid().into()];
        let rows = self.read(batch.statement(self.backend(), &sql, values)).await?;
        rows.iter()
            .map(|row| Ok((row.uuid("id")?, telling(row)?)))
            .collect()
    }

    /// One alert, of which no more than its end may be known.
    pub(crate) async fn alert(&self, team: TeamId, key: &AlertKey) -> Result<Option<Alert>, DbErr> {
        let sql = select("alerts a WHERE a.team_id = $1 AND a.key = $2");
        let rows = self
            .query(sql, vec![team.as_uuid().into(), key.as_str().into()])
            .await?;
        rows.first().map(read).transpose()
    }

    /// Alerts without those who were told, those that began last first.
    pub(crate) async fn alerts(
        &self,
        team: TeamId,
        filter: &AlertFilter,
        limit: u64,
    ) -> Result<Vec<Alert>, DbErr> {
        let mut values: Vec<Value> = vec![team.as_uuid().into()];
        let mut conditions = String::new();
        let mut add = |condition: &str, given: Vec<Value>| {
            let mut condition = condition.to_owned();
            for value in given {
                values.push(value);
                condition = condition.replacen('?', &format!("${}", values.len()), 1);
            }
            conditions.push_str(" AND ");
            conditions.push_str(&condition);
        };
        let among = |column: &str, count: usize| format!("{column} IN ({})", vec!["?"; count].join(", "));
        if !filter.states.is_empty() {
            add(
                &among("a.state", filter.states.len()),
                filter.states.iter().map(|state| number(*state).into()).collect(),
            );
        }
        if !filter.severities.is_empty() {
            let severities = filter.severities.iter().map(|severity| number(*severity).into());
            add(
                &among("a.severity", filter.severities.len()),
                severities.collect(),
            );
        }
        if !filter.event_type.is_empty() {
            match filter.event_type.strip_suffix('*') {
                Some(prefix) => add(
                    r"a.event_type LIKE ? ESCAPE '\'",
                    vec![format!("{}%", escaped(prefix)).into()],
                ),
                None => add("a.event_type = ?", vec![filter.event_type.as_str().into()]),
            }
        }
        if let Some(start) = filter.start {
            add("a.opened_at >= ?", vec![micros(start).into()]);
        }
        if let Some(end) = filter.end {
            add("a.opened_at < ?", vec![micros(end).into()]);
        }
        if let Some((at, key)) = &filter.before {
            add(
                "(a.opened_at < ? OR (a.opened_at = ? AND a.key < ?))",
                vec![(*at).into(), (*at).into(), key.as_str().into()],
            );
        }
        values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
        let from = format!(
            "alerts a WHERE a.team_id = $1 AND a.opened_at IS NOT NULL{conditions}
            ORDER BY a.opened_at DESC, a.key DESC LIMIT ${}",
            values.len()
        );
        // A list of who was told may be longer than all the rest.
        let rows = self.query(columns("'[]'", &from), values).await?;
        rows.iter().map(read).collect()
    }

    /// A delivery that told of an alert, as it is now.
    pub(crate) async fn telling_delivery(
        &self,
        team: TeamId,
        id: DeliveryId,
    ) -> Result<Option<TellingDelivery>, DbErr> {
        let sql = format!("{TELLING} FROM deliveries d WHERE d.id = $1 AND d.team_id = $2");
        let rows = self
            .query(sql, vec![id.as_uuid().into(), team.as_uuid().into()])
            .await?;
        rows.first().map(telling).transpose()
    }

    /// Ends deliveries that are still kept back, since others tell the same and more.
    pub(crate) async fn supersede<W: WriteTransaction>(
        &self,
        transaction: &W,
        superseded: &[Uuid],
        message: &str,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let batch = Batch::new()
            .uuid("id", superseded.iter().copied())
            .text("message", superseded.iter().map(|_| message));
        let sql = "UPDATE deliveries SET state = 4, state_message = b.message, due_at = NULL, ended_at = {0}, held_by = NULL
            FROM ({rows}) AS b WHERE deliveries.id = b.id
                AND deliveries.state IN (2, 4) AND deliveries.ended_at IS NULL AND deliveries.folded_into IS NULL";
        transaction.run(sql, &batch, &[micros(now)]).await?;
        Ok(())
    }

    /// Inserts alerts that are new.
    pub(crate) async fn insert_alerts<W: WriteTransaction>(
        &self,
        transaction: &W,
        alerts: &[Alert],
    ) -> Result<(), DbErr> {
        write(transaction, alerts, |_| {
            "INSERT INTO alerts ({names}) SELECT b.* FROM ({rows}) AS b WHERE true".to_owned()
        })
        .await
    }

    /// Writes alerts that have changed.
    pub(crate) async fn update_alerts<W: WriteTransaction>(
        &self,
        transaction: &W,
        alerts: &[Alert],
    ) -> Result<(), DbErr> {
        write(transaction, alerts, |columns| {
            let changing = columns.filter(|name| !["team_id", "key"].contains(name));
            let set: Vec<String> = changing.map(|name| format!("{name} = b.{name}")).collect();
            format!(
                "UPDATE alerts SET {} FROM ({{rows}}) AS b WHERE alerts.team_id = b.team_id AND alerts.key = b.key",
                set.join(", ")
            )
        })
        .await
    }

    /// Removes, of the first `limit` alerts of all teams behind `from`, those that ended before, and those of which nothing
    /// was heard since `silent`. The last one looked at, or `None` when there are no more.
    pub(crate) async fn purge_alerts_all_teams(
        &self,
        from: &AlertCursor,
        ended: DateTime<Utc>,
        silent: DateTime<Utc>,
        limit: i64,
    ) -> Result<Option<AlertCursor>, DbErr> {
        let bound = |cursor: &AlertCursor| vec![Value::from(cursor.0), Value::from(cursor.1.as_str())];
        let last = "SELECT team_id, key FROM alerts WHERE (team_id, key) > ($1, $2)
            ORDER BY team_id, key LIMIT 1 OFFSET $3";
        let mut values = bound(from);
        values.push((limit - 1).into());
        let last = self.query(last, values).await?;
        let last = last
            .first()
            .map(|row| Ok::<AlertCursor, DbErr>((row.try_get("", "team_id")?, row.try_get("", "key")?)))
            .transpose()?;
        let mut values = bound(from);
        let mut stretch = "(team_id, key) > ($1, $2)".to_owned();
        if let Some(last) = &last {
            stretch.push_str(" AND (team_id, key) <= ($3, $4)");
            values.extend(bound(last));
        }
        let next = values.len() + 1;
        let is_silent = format!("state IN (1, 2, 3) AND changed_at < ${next}");
        values.push(micros(silent).into());
        let reminders = format!(
            "DELETE FROM reminders WHERE (team_id, alert_key) IN
                (SELECT team_id, key FROM alerts WHERE {stretch} AND {is_silent})"
        );
        self.execute(reminders, values.clone()).await?;
        let has_ended = format!("state = 4 AND changed_at < ${}", next + 1);
        values.push(micros(ended).into());
        let alerts = format!("DELETE FROM alerts WHERE {stretch} AND (({has_ended}) OR ({is_silent}))");
        self.execute(alerts, values).await?;
        Ok(last)
    }
}

/// Runs a statement with these alerts as its rows, which is made of the names of their columns.
async fn write<W: WriteTransaction>(
    transaction: &W,
    alerts: &[Alert],
    sql: impl FnOnce(&mut dyn Iterator<Item = &'static str>) -> String,
) -> Result<(), DbErr> {
    if alerts.is_empty() {
        return Ok(());
    }
    let all = || alerts.iter();
    let told = all()
        .map(|alert| json(&alert.told))
        .collect::<Result<Vec<_>, _>>()?;
    let update_types = all()
        .map(|alert| json(&alert.update_types))
        .collect::<Result<Vec<_>, _>>()?;
    let batch = Batch::new()
        .uuid("team_id", all().map(|alert| alert.team_id.as_uuid()))
        .text("key", all().map(|alert| alert.key.as_str()))
        .small("state", all().map(|alert| number(alert.state)))
        .small("severity", all().map(|alert| number(alert.severity)))
        .text("event_type", all().map(|alert| &*alert.event_type))
        .text("title", all().map(|alert| alert.title.as_str()))
        .text("url", all().map(|alert| alert.url.as_str()))
        .text("source", all().map(|alert| alert.source.as_str()))
        .text("subject", all().map(|alert| alert.subject.as_str()))
        .text_opt(
            "opened_event_id",
            all().map(|alert| Some(alert.opened.as_ref()?.event_id.as_str())),
        )
        .big_opt(
            "opened_at",
            all().map(|alert| alert.opened.as_ref().map(|opened| micros(opened.at))),
        )
        .big("count", all().map(|alert| alert.count))
        .big(
            "last_occurred_at",
            all().map(|alert| micros(alert.last_occurred_at)),
        )
        .big_opt(
            "last_triggered_at",
            all().map(|alert| alert.last_triggered_at.map(micros)),
        )
        .big_opt("resolved_at", all().map(|alert| alert.resolved_at.map(micros)))
        .text("update_types", update_types.iter().map(String::as_str))
        .text("told", told.iter().map(String::as_str))
        .big("changed_at", all().map(|alert| micros(alert.changed_at)))
        .text_opt(
            "acknowledged_by",
            all().map(|alert| by(alert.acknowledged.as_ref())),
        )
        .big_opt(
            "acknowledged_at",
            all().map(|alert| at(alert.acknowledged.as_ref())),
        )
        .text_opt("snoozed_by", all().map(|alert| by(alert.snoozed.as_ref())))
        .big_opt("snoozed_until", all().map(|alert| at(alert.snoozed.as_ref())))
        .text_opt("resolved_by", all().map(|alert| alert.resolved_by.as_deref()));
    let sql = sql(&mut batch.columns.iter().map(|(name, _)| *name));
    transaction.run(&sql, &batch.with_one_plan(), &[]).await?;
    Ok(())
}

/// What is asked of the delivery `d`.
const TELLING: &str = "SELECT d.id, CAST(d.state AS BIGINT) AS state, d.ended_at, d.due_at,
    CAST(CASE WHEN d.folded_into IS NULL THEN 0 ELSE 1 END AS BIGINT) AS in_summary";

fn telling<R: ReadRow>(row: &R) -> Result<TellingDelivery, DbErr> {
    let state = row
        .big("state")?
        .and_then(|number| State::from_number(i32::try_from(number).ok()?));
    let state = state.ok_or_else(|| DbErr::Type("the state of a delivery cannot be read".to_owned()))?;
    let ended_at = row.big("ended_at")?.map(instant);
    let has_ended = ended_at.is_some();
    let waits = matches!(state, State::Held | State::Folded) && !has_ended;
    Ok(TellingDelivery {
        state,
        is_kept_back: waits && row.big("in_summary")? == Some(0),
        has_ended,
        ended_at,
        due_at: row.big("due_at")?.map(instant),
    })
}

fn by(handled: Option<&Handled>) -> Option<&str> {
    handled.map(|handled| handled.by.as_str())
}

fn at(handled: Option<&Handled>) -> Option<i64> {
    handled.map(|handled| micros(handled.at))
}

/// All columns of the alert `a`.
fn select(from: &str) -> String {
    columns("a.told", from)
}

fn columns(told: &str, from: &str) -> String {
    format!(
        "SELECT a.team_id, a.key, CAST(a.state AS BIGINT) AS state, CAST(a.severity AS BIGINT) AS severity, a.event_type,
            a.title, a.url, a.source, a.subject, COALESCE(a.opened_event_id, '') AS opened_event_id, a.opened_at, a.count,
            a.last_occurred_at, a.last_triggered_at, a.resolved_at, a.update_types, {told} AS told, a.changed_at,
            COALESCE(a.acknowledged_by, '') AS acknowledged_by, a.acknowledged_at,
            COALESCE(a.snoozed_by, '') AS snoozed_by, a.snoozed_until, COALESCE(a.resolved_by, '') AS resolved_by
        FROM {from}"
    )
}

fn read<R: ReadRow>(row: &R) -> Result<Alert, DbErr> {
    let time = |column: &str| Ok::<_, DbErr>(row.big(column)?.map(instant));
    let needed = |column: &str| time(column)?.ok_or_else(|| unreadable(column));
    let handled = |by, at| {
        Ok::<_, DbErr>(
            time(at)?
                .zip(Some(row.text(by)?))
                .map(|(at, by)| Handled { by, at }),
        )
    };
    let key: AlertKey = row.text("key")?.parse().map_err(|_| unreadable("key"))?;
    let event_id: Option<EventId> = row.text("opened_event_id")?.parse().ok();
    Ok(Alert {
        team_id: TeamId::from_uuid(row.uuid("team_id")?),
        key,
        state: word::<AlertState, _>(row, "state")?,
        severity: word::<Severity, _>(row, "severity")?,
        event_type: Arc::from(row.text("event_type")?),
        title: row.text("title")?,
        url: row.text("url")?,
        source: row.text("source")?,
        subject: row.text("subject")?,
        opened: event_id
            .zip(time("opened_at")?)
            .map(|(event_id, at)| Opened { event_id, at }),
        count: row.big("count")?.unwrap_or_default(),
        last_occurred_at: needed("last_occurred_at")?,
        last_triggered_at: time("last_triggered_at")?,
        resolved_at: time("resolved_at")?,
        update_types: list(row, "update_types")?,
        told: list(row, "told")?,
        changed_at: needed("changed_at")?,
        acknowledged: handled("acknowledged_by", "acknowledged_at")?,
        snoozed: handled("snoozed_by", "snoozed_until")?,
        resolved_by: Some(row.text("resolved_by")?).filter(|by| !by.is_empty()),
    })
}

fn word<T: FromWire, R: ReadRow>(row: &R, column: &str) -> Result<T, DbErr> {
    let number = row.big(column)?.and_then(|number| i32::try_from(number).ok());
    let word = number.and_then(|number| T::from_wire(number).ok().flatten());
    word.ok_or_else(|| unreadable(column))
}

fn list<T: DeserializeOwned, R: ReadRow>(row: &R, column: &str) -> Result<Vec<T>, DbErr> {
    serde_json::from_str(&row.text(column)?).map_err(|_| unreadable(column))
}

fn json(value: &impl Serialize) -> Result<String, DbErr> {
    serde_json::to_string(value).map_err(|error| DbErr::Custom(error.to_string()))
}

fn unreadable(column: &str) -> DbErr {
    DbErr::Type(format!("the {column} of an alert cannot be read"))
}
