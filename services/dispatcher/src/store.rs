//! The Dispatcher's database: events, deliveries, attempts, the inbox, owners of shards and channel health. The hot path writes
//! in batches, one statement for each table (`batch`); reads and single rows use the entities.

mod additions;
mod alerts;
mod attempts;
mod batch;
mod clock_skew;
mod ddl;
mod direct;
pub(crate) mod entities;
mod event_feed;
mod failures;
mod find;
mod groups;
mod inbox;
mod indexes;
mod migrations;
mod postgres;
mod queries;
mod queue;
mod reminders;
mod replicas;
mod resend;
mod retention;
mod shards;
mod silences;
mod sqlite;
mod step;
mod summaries;
mod team_moves;
mod team_rows;
mod transaction;
mod waiting;
mod writes;

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement, Value};
use uuid::Uuid;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::alert::{AlertStatus, EventAlert, InvalidAlertKey};
use watchbell_model::budget::UNIT_BYTES;
use watchbell_model::convert::FromWire;
use watchbell_model::ids::TeamId;
use watchbell_model::route::Route;
use watchbell_store::{Backend, InlineTransaction, Store};

use self::direct::DirectTransaction;
use self::transaction::ReadRow;

pub(crate) use additions::Existing;
pub(crate) use alerts::{AlertCursor, AlertFilter, Telling, TellingDelivery};
pub(crate) use attempts::LastAttempt;
pub(crate) use clock_skew::LateRow;
pub(crate) use event_feed::FeedEntry;
pub(crate) use failures::FailedLane;
pub(crate) use find::{DeliveryFilter, EXAMINED, EventFilter, EventKeyAndSize};
pub(crate) use groups::{DueGroup, Leaves};
pub(crate) use inbox::{InboxFilter, NotificationRow};
pub use migrations::Migrator;
pub(crate) use queries::{ChannelStats, HealthSample, made_at};
pub(crate) use queue::LoadedRow;
pub(crate) use reminders::AlertId;
pub(crate) use step::DbStep;
pub(crate) use summaries::{SummaryItem, SummaryLane};
pub(crate) use team_moves::{MoveState, TeamMove};
pub(crate) use team_rows::{Change, Page, TABLES, Table, array};
pub(crate) use transaction::{Transaction, WriteTransaction};
pub(crate) use writes::{NewDelivery, NewNotification};

/// The Dispatcher's tables.
#[derive(Debug, Clone)]
pub(crate) struct Db {
    store: Store,
}

/// A team and an event's id.
pub(crate) type EventKey = (Uuid, String);

/// A row that does not say what its column promises.
#[derive(Debug, thiserror::Error)]
#[error("the {what} of row {row} cannot be read: {why}")]
pub(crate) struct Corrupt {
    what: &'static str,
    row: String,
    why: String,
}

// === impl Db ===

impl Db {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) async fn begin(&self) -> Result<Transaction, DbErr> {
        let begun = async {
            let permit = self.store.write_permit().await?;
            let inner = self.store.begin().await?;
            Ok(Transaction {
                inner,
                _permit: permit,
            })
        };
        step::step(DbStep::Begin, begun).await
    }

    /// Whether this is SQLite.
    pub(crate) fn is_sqlite(&self) -> bool {
        self.store.backend() == Backend::Sqlite
    }

    /// For what commits many times a second, on SQLite; see [`Store::begin_inline`].
    pub(crate) async fn begin_inline(&self) -> Result<InlineTransaction, DbErr> {
        step::step(DbStep::Begin, self.store.begin_inline()).await
    }

    /// Begins such a transaction on PostgreSQL.
    pub(crate) async fn begin_direct(&self) -> Result<DirectTransaction, DbErr> {
        step::step(DbStep::Begin, DirectTransaction::begin(&self.store)).await
    }

    /// Commits. After an error the result is unknown.
    pub(crate) async fn commit<W: WriteTransaction>(&self, transaction: W) -> Result<(), DbErr> {
        step::step(DbStep::Commit, transaction.commit()).await
    }

    fn backend(&self) -> DbBackend {
        match self.store.backend() {
            Backend::Postgres => DbBackend::Postgres,
            Backend::Sqlite => DbBackend::Sqlite,
        }
    }

    /// The expression for the database's own clock, in microseconds.
    fn database_now(&self) -> Cow<'static, str> {
        step::now().unwrap_or(match self.store.backend() {
            Backend::Postgres => Cow::Borrowed(postgres::NOW),
            Backend::Sqlite => Cow::Borrowed(sqlite::NOW),
        })
    }

    fn statement(&self, sql: impl Into<String>, values: Vec<Value>) -> Statement {
        Statement::from_sql_and_values(self.backend(), sql, values)
    }

    /// Runs a statement; the number of rows it changed.
    async fn execute(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<u64, DbErr> {
        Ok(self.write(self.statement(sql, values)).await?.rows_affected())
    }

    async fn write(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let written = async {
            let _permit = self.store.write_permit().await?;
            self.store.writer().execute_raw(statement).await
        };
        step::step(DbStep::Write, written).await
    }

    async fn query(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<Vec<QueryResult>, DbErr> {
        self.read(self.statement(sql, values)).await
    }

    async fn read(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        step::step(DbStep::Read, self.store.reader().query_all_raw(statement)).await
    }
}

/// As the tables keep an instant.
pub(crate) fn micros(instant: DateTime<Utc>) -> i64 {
    instant.timestamp_micros()
}

/// From the tables; beyond chrono's calendar it is its end.
pub(crate) fn instant(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// As the tables keep a word.
pub(crate) fn number<T: FromWire>(word: T) -> i16 {
    i16::try_from(word.to_wire()).unwrap_or(0)
}

fn word<T: FromWire>(number: i16, what: &'static str, row: &impl ToString) -> Result<T, Corrupt> {
    match T::from_wire(i32::from(number)) {
        Ok(Some(word)) => Ok(word),
        _ => Err(Corrupt {
            what,
            row: row.to_string(),
            why: format!("{number} is unknown"),
        }),
    }
}

/// SQL of the memory that the event of delivery `d` takes, in units: about what [`AcceptedEvent::weight`] counts, since a
/// rendered email is stored as JSON.
fn event_weight() -> String {
    format!(
        "1 + coalesce((SELECT octet_length(e.data) + coalesce(octet_length(e.email), 0)
            FROM events e WHERE e.team_id = d.team_id AND e.id = d.event_id), 0) / {UNIT_BYTES}"
    )
}

/// The keys of selected events.
fn event_keys<R: ReadRow>(rows: &[R]) -> Result<HashSet<(TeamId, String)>, DbErr> {
    rows.iter()
        .map(|row| Ok((TeamId::from_uuid(row.uuid("team_id")?), row.text("id")?)))
        .collect()
}

/// The alert of an event's row.
fn alert(key: Option<&str>, action: Option<i16>, row: &impl ToString) -> Result<Option<EventAlert>, Corrupt> {
    let Some((key, action)) = key.zip(action) else {
        return Ok(None);
    };
    let key = key.parse().map_err(|error: InvalidAlertKey| Corrupt {
        what: "alert",
        row: row.to_string(),
        why: error.to_string(),
    })?;
    let action = word(action, "alert", row)?;
    Ok(Some(EventAlert { key, action }))
}

fn parsed<T: serde::de::DeserializeOwned>(
    json: &str,
    what: &'static str,
    row: &impl ToString,
) -> Result<T, Corrupt> {
    serde_json::from_str(json).map_err(|error| Corrupt {
        what,
        row: row.to_string(),
        why: error.to_string(),
    })
}

impl entities::events::Model {
    /// The event of this row.
    pub(crate) fn event(self) -> Result<AcceptedEvent, Corrupt> {
        let row = format!("{} of team {}", self.id, self.team_id);
        Ok(AcceptedEvent {
            team_id: TeamId::from_uuid(self.team_id),
            id: self
                .id
                .parse()
                .map_err(|error: watchbell_model::ids::InvalidEventId| Corrupt {
                    what: "id",
                    row: row.clone(),
                    why: error.to_string(),
                })?,
            event_type: self.event_type.into(),
            severity: word(self.severity, "severity", &row)?,
            category: word(self.category, "category", &row)?,
            source: self.source,
            occurred_at: instant(self.occurred_at),
            accepted_at: instant(self.accepted_at),
            title: self.title,
            url: self.url,
            subject: self.subject,
            data: self.data,
            test: self.test,
            alert: alert(self.alert_key.as_deref(), self.alert_action, &row)?,
            traceparent: self.traceparent,
            email: self
                .email
                .as_deref()
                .map(|email| parsed(email, "email", &row))
                .transpose()?,
            body: std::sync::OnceLock::new(),
            alert_status: std::sync::OnceLock::new(),
        })
    }

    /// The routes stored with the event.
    pub(crate) fn parsed_routes(&self) -> Result<Vec<Route>, Corrupt> {
        parsed(&self.routes, "routes", &self.id)
    }
}

impl entities::deliveries::Model {
    /// The event's alert as it was when the event was accepted.
    pub(crate) fn alert_status(&self) -> Result<Option<AlertStatus>, Corrupt> {
        let json = self.alert.as_deref();
        json.map(|json| parsed(json, "alert", &self.id)).transpose()
    }

    /// The route of this row.
    pub(crate) fn parsed_route(&self) -> Result<Arc<Route>, Corrupt> {
        parsed(&self.route, "route", &self.id).map(Arc::new)
    }
}
