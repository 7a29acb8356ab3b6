//! Reads of the delivery log, and changes of single deliveries on request.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, Func, LikeExpr, Query};
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, ExprTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use uuid::Uuid;
use watchbell_model::catalog::RECEIPT;
use watchbell_model::catalog::notices::NOTIFICATIONS_SUMMARY;
use watchbell_model::ids::{ChannelId, DeliveryId, MemberId, RuleId, TeamId};
use watchbell_model::{Category, ChannelKind, Severity};

use super::batch::Batch;
use super::entities::{attempts, channel_health, deliveries, events};
use super::transaction::Transaction;
use super::{Db, micros, number};
use crate::job::State;

/// Which deliveries, newest first. `None` and empty mean: whichever.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeliveryFilter {
    /// Only made before this one.
    pub(crate) before: Option<Uuid>,
    pub(crate) channel: Option<ChannelId>,
    pub(crate) states: Vec<State>,
    pub(crate) event_id: Option<String>,
    pub(crate) event_type: Option<String>,
    pub(crate) kind: Option<ChannelKind>,
    pub(crate) start: Option<DateTime<Utc>>,
    pub(crate) end: Option<DateTime<Utc>>,
    pub(crate) member: Option<MemberId>,
    pub(crate) address: Option<String>,
    pub(crate) severities: Vec<Severity>,
    /// Patterns: exact, `finding.*`, or `*`.
    pub(crate) types: Vec<String>,
    pub(crate) rule: Option<RuleId>,
    /// In the title or the subject.
    pub(crate) text: Option<String>,
    pub(crate) replays_only: bool,
}

/// Which events, newest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventFilter {
    /// Only older than this one.
    pub(crate) before: Option<(i64, String)>,
    /// Patterns: exact, `finding.*`, or `*`.
    pub(crate) types: Vec<String>,
    pub(crate) severities: Vec<Severity>,
    pub(crate) start: Option<DateTime<Utc>>,
    pub(crate) end: Option<DateTime<Utc>>,
    /// Only that were accepted at or after.
    pub(crate) accepted_from: Option<DateTime<Utc>>,
    pub(crate) include_tests: bool,
    pub(crate) subject: Option<String>,
    /// In lower case.
    pub(crate) sources: Vec<String>,
    pub(crate) categories: Vec<Category>,
    /// In the title or the subject.
    pub(crate) text: Option<String>,
}

/// Results of a channel's attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HealthSample {
    pub(crate) team_id: TeamId,
    pub(crate) channel_id: ChannelId,
    /// When something last got through.
    pub(crate) success: Option<DateTime<Utc>>,
    /// The newest failure.
    pub(crate) error: Option<(String, DateTime<Utc>)>,
}

/// How a channel fares.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub(crate) struct ChannelStats {
    /// `None` for the inbox and mail to people.
    pub(crate) channel_id: Option<Uuid>,
    pub(crate) kind: i16,
    pub(crate) last_success_at: Option<i64>,
    pub(crate) last_error: Option<String>,
    pub(crate) last_error_at: Option<i64>,
    pub(crate) oldest_waiting_at: Option<i64>,
    pub(crate) waiting: i64,
}

/// What of an event has no narrow bound, in bytes.
const BYTES: &str = "CAST(octet_length(data) + octet_length(routes) + octet_length(url) + octet_length(title)
    + octet_length(subject) AS BIGINT)";

/// Jumps from channel to channel of a team, then reads each one's waiting rows, and those of mail to people, whose lane
/// has the team's id.
const STATS: &str = "WITH RECURSIVE channel(id) AS (
        SELECT * FROM (SELECT channel_id FROM deliveries WHERE team_id = $1 AND channel_id IS NOT NULL
            ORDER BY channel_id LIMIT 1) AS first
        UNION ALL
        SELECT (SELECT d.channel_id FROM deliveries d WHERE d.team_id = $1 AND d.channel_id > channel.id
            ORDER BY d.channel_id LIMIT 1)
        FROM channel WHERE channel.id IS NOT NULL
    ), lane(id, channel_id) AS (
        SELECT id, id FROM channel WHERE id IS NOT NULL
        UNION ALL
        SELECT * FROM (SELECT team_id, NULLIF(team_id, team_id) FROM deliveries WHERE team_id = $1 LIMIT 1) AS people
    ), waiting(lane_id, created_at) AS (
        SELECT d.lane_id, d.created_at FROM lane JOIN deliveries d ON d.lane_id = lane.id
            WHERE d.lease_owner IS NULL AND d.state IN (1, 2)
        UNION ALL
        SELECT d.lane_id, d.created_at FROM lane JOIN deliveries d ON d.lane_id = lane.id WHERE d.state = 3
        UNION ALL
        SELECT d.lane_id, d.created_at FROM lane JOIN deliveries d ON d.lane_id = lane.id
            WHERE d.lease_owner IS NULL AND d.due_at IS NOT NULL AND d.state IN (2, 4) AND d.state = 4
    )
    SELECT lane.channel_id AS channel_id,
        COALESCE((SELECT d.kind FROM deliveries d WHERE d.team_id = $1 AND d.channel_id = lane.channel_id LIMIT 1),
            CAST(3 AS SMALLINT)) AS kind,
        h.last_success_at, h.last_error, h.last_error_at,
        (SELECT MIN(w.created_at) FROM waiting w WHERE w.lane_id = lane.id) AS oldest_waiting_at,
        (SELECT COUNT(*) FROM waiting w WHERE w.lane_id = lane.id) AS waiting
    FROM lane LEFT JOIN channel_health h ON h.channel_id = lane.id AND h.team_id = $1";

// === impl HealthSample ===

impl HealthSample {
    pub(crate) fn new(team_id: TeamId, channel_id: ChannelId) -> Self {
        Self {
            team_id,
            channel_id,
            success: None,
            error: None,
        }
    }
}

// === impl Db ===

impl Db {
    /// Deliveries, newest first.
    pub(crate) async fn deliveries(
        &self,
        team: TeamId,
        filter: &DeliveryFilter,
        limit: u64,
    ) -> Result<Vec<deliveries::Model>, DbErr> {
        use deliveries::Column;
        let states = filter.states.iter().map(|state| *state as i16);
        let severities = filter.severities.iter().map(|severity| number(*severity));
        let condition = Condition::all()
            .add(Column::TeamId.eq(team.as_uuid()))
            .add_option(filter.before.map(|id| Column::Id.lt(id)))
            .add_option(filter.channel.map(|id| Column::ChannelId.eq(id.as_uuid())))
            .add_option((!filter.states.is_empty()).then(|| Column::State.is_in(states)))
            .add_option(filter.event_id.as_deref().map(|id| Column::EventId.eq(id)))
            .add_option(
                filter
                    .event_type
                    .as_deref()
                    .map(|event_type| Column::EventType.eq(event_type)),
            )
            .add_option(filter.kind.map(|kind| Column::Kind.eq(number(kind))))
            // Ids begin with their time, so that the index skips rows outside the period.
            .add_option(filter.start.map(|at| {
                Column::Id
                    .gte(first_id(at))
                    .and(Column::CreatedAt.gte(micros(at)))
            }))
            .add_option(filter.end.map(|at| Column::Id.lt(first_id(at + MILLISECOND))))
            .add_option(filter.end.map(|at| Column::CreatedAt.lt(micros(at))))
            .add(routed(filter))
            .add_option((!filter.severities.is_empty()).then(|| Column::Severity.is_in(severities)))
            .add_option((!filter.types.is_empty()).then(|| any_type(Column::EventType, &filter.types)))
            .add_option(filter.text.as_deref().map(|text| says(text, team)))
            .add_option(filter.replays_only.then(|| Column::ReplayOf.is_not_null()));
        deliveries::Entity::find()
            .filter(condition)
            .order_by_desc(Column::Id)
            .limit(limit)
            .all(self.store.reader())
            .await
    }

    /// One delivery.
    pub(crate) async fn delivery(
        &self,
        team: TeamId,
        id: DeliveryId,
    ) -> Result<Option<deliveries::Model>, DbErr> {
        deliveries::Entity::find()
            .filter(deliveries::Column::Id.eq(id.as_uuid()))
            .filter(deliveries::Column::TeamId.eq(team.as_uuid()))
            .one(self.store.reader())
            .await
    }

    /// The attempts of a delivery, oldest first.
    pub(crate) async fn attempts(&self, team: TeamId, id: DeliveryId) -> Result<Vec<attempts::Model>, DbErr> {
        attempts::Entity::find()
            .filter(attempts::Column::DeliveryId.eq(id.as_uuid()))
            .filter(attempts::Column::TeamId.eq(team.as_uuid()))
            .order_by_asc(attempts::Column::Number)
            .order_by_asc(attempts::Column::StartedAt)
            .all(self.store.reader())
            .await
    }

    /// Events, newest first.
    pub(crate) async fn events(
        &self,
        team: TeamId,
        filter: &EventFilter,
        limit: u64,
    ) -> Result<Vec<events::Model>, DbErr> {
        let events = select_events(team, filter).limit(limit);
        events.all(self.store.reader()).await
    }

    /// How many of these events, from the first, fit into `bytes` together.
    pub(crate) async fn events_within(
        &self,
        team: TeamId,
        filter: &EventFilter,
        limit: u64,
        bytes: i64,
    ) -> Result<usize, DbErr> {
        let sizes = select_events(team, filter).select_only();
        let sizes: Vec<i64> = sizes
            .expr_as(Expr::cust(BYTES), "bytes")
            .limit(limit)
            .into_tuple()
            .all(self.store.reader())
            .await?;
        let mut left = bytes;
        let fits = sizes.iter().take_while(|size| {
            left -= **size;
            left >= 0
        });
        Ok(fits.count())
    }

    /// One event.
    pub(crate) async fn event(&self, team: TeamId, id: &str) -> Result<Option<events::Model>, DbErr> {
        events::Entity::find_by_id((team.as_uuid(), id.to_owned()))
            .one(self.store.reader())
            .await
    }

    /// Resumes up to a thousand failed or parked deliveries of a channel, or of mail to people, as if they were new,
    /// receipts first.
    pub(crate) async fn recover_chunk(
        &self,
        transaction: &Transaction,
        team: TeamId,
        channel: Option<ChannelId>,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<u64, DbErr> {
        // Mail to people has no channel, and its lane is the team's.
        let whose = match channel {
            Some(_) => "channel_id = $3",
            None => "channel_id IS NULL AND lane_id = $3 AND kind = 3",
        };
        let sql = format!(
            "UPDATE deliveries SET state = 1, state_message = '', parked_for = NULL, tries = 0,
                first_attempt_at = NULL, ended_at = NULL,
                due_at = CASE WHEN event_type = $6 THEN $1 - 1 ELSE $1 END
            WHERE id IN (SELECT id FROM deliveries
                WHERE team_id = $2 AND {whose} AND id >= $4 AND created_at >= $5 AND state IN (3, 6)
                    AND NOT test AND folded_into IS NULL
                ORDER BY id LIMIT 1000)"
        );
        let values = vec![
            micros(now).into(),
            team.as_uuid().into(),
            channel.map_or(team.as_uuid(), |id| id.as_uuid()).into(),
            first_id(since).into(),
            micros(since).into(),
            RECEIPT.into(),
        ];
        transaction.execute(self.statement(sql, values)).await
    }

    /// Cancels a waiting delivery. Returns false for any other.
    pub(crate) async fn cancel(
        &self,
        transaction: &Transaction,
        team: TeamId,
        id: DeliveryId,
        message: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, DbErr> {
        let sql = "UPDATE deliveries SET state = 7, state_message = $1, parked_for = NULL, due_at = NULL, ended_at = $2
            WHERE id = $3 AND team_id = $4 AND (state IN (1, 2, 3) OR (state = 4 AND due_at IS NOT NULL))";
        let values = vec![
            message.into(),
            micros(now).into(),
            id.as_uuid().into(),
            team.as_uuid().into(),
        ];
        Ok(transaction.execute(self.statement(sql, values)).await? > 0)
    }

    /// How each channel of a team fares.
    pub(crate) async fn channel_stats(&self, team: TeamId) -> Result<Vec<ChannelStats>, DbErr> {
        let rows = self.query(STATS, vec![team.as_uuid().into()]).await?;
        let rows = rows.iter().map(|row| ChannelStats::from_query_result(row, ""));
        let mut stats = rows.collect::<Result<Vec<_>, _>>()?;
        stats.extend(self.inbox_stats(team).await?);
        Ok(stats)
    }

    /// The inbox delivers at once; its only stat is the time of the last delivery.
    async fn inbox_stats(&self, team: TeamId) -> Result<Option<ChannelStats>, DbErr> {
        let newest = "SELECT created_at FROM notifications WHERE team_id = $1 ORDER BY cursor DESC LIMIT 1";
        let rows = self.query(newest, vec![team.as_uuid().into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(ChannelStats {
            channel_id: None,
            kind: number(ChannelKind::InApp),
            last_success_at: Some(row.try_get("", "created_at")?),
            last_error: None,
            last_error_at: None,
            oldest_waiting_at: None,
            waiting: 0,
        }))
    }

    /// Unhealthy channels of all teams.
    pub(crate) async fn unhealthy_all_teams(&self) -> Result<Vec<channel_health::Model>, DbErr> {
        channel_health::Entity::find()
            .filter(channel_health::Column::Unhealthy.eq(true))
            .all(self.store.reader())
            .await
    }

    /// When something last got through to a channel, as far as was noted.
    pub(crate) async fn last_success(
        &self,
        team: TeamId,
        id: ChannelId,
    ) -> Result<Option<DateTime<Utc>>, DbErr> {
        let row = channel_health::Entity::find()
            .filter(channel_health::Column::ChannelId.eq(id.as_uuid()))
            .filter(channel_health::Column::TeamId.eq(team.as_uuid()))
            .one(self.store.reader())
            .await?;
        Ok(row.and_then(|row| row.last_success_at).map(super::instant))
    }

    /// Notes that a channel was enabled again.
    pub(crate) async fn mark_healthy(&self, team: TeamId, id: ChannelId, epoch: i64) -> Result<(), DbErr> {
        let sql = "UPDATE channel_health SET unhealthy = false, epoch = $1, message = '', since = NULL
            WHERE channel_id = $2 AND team_id = $3 AND epoch < $1";
        self.execute(
            sql,
            vec![epoch.into(), id.as_uuid().into(), team.as_uuid().into()],
        )
        .await?;
        Ok(())
    }

    /// Records that Config, or the Owners, were informed of a channel's health in an epoch.
    pub(crate) async fn mark_known(
        &self,
        team: TeamId,
        id: ChannelId,
        epoch: i64,
        (reported, told): (bool, bool),
    ) -> Result<(), DbErr> {
        let sql = "UPDATE channel_health SET reported = reported OR $1, told = told OR $2
            WHERE channel_id = $3 AND team_id = $4 AND epoch = $5";
        let values = vec![
            reported.into(),
            told.into(),
            id.as_uuid().into(),
            team.as_uuid().into(),
            epoch.into(),
        ];
        self.execute(sql, values).await?;
        Ok(())
    }

    /// Notes when something last got through to channels, and their newest failures. Each channel at most once.
    pub(crate) async fn note_results(&self, results: &[HealthSample]) -> Result<(), DbErr> {
        let later = match self.backend() {
            sea_orm::DbBackend::Postgres => "GREATEST",
            _ => "MAX",
        };
        let errors = || results.iter().map(|noted| noted.error.as_ref());
        let batch = Batch::new()
            .uuid(
                "channel_id",
                results.iter().map(|noted| noted.channel_id.as_uuid()),
            )
            .uuid("team_id", results.iter().map(|noted| noted.team_id.as_uuid()))
            .big_opt(
                "last_success_at",
                results.iter().map(|noted| noted.success.map(micros)),
            )
            .text(
                "last_error",
                errors().map(|error| error.map_or("", |(text, _)| text.as_str())),
            )
            .big_opt(
                "last_error_at",
                errors().map(|error| error.map(|(_, at)| micros(*at))),
            );
        // PostgreSQL's GREATEST passes NULL over, SQLite's MAX does not.
        let sql = format!(
            "INSERT INTO channel_health (channel_id, team_id, unhealthy, epoch, message, reported, told,
                last_success_at, last_error, last_error_at)
            SELECT channel_id, team_id, false, 0, '', false, false, last_success_at, last_error, last_error_at
                FROM ({{rows}}) AS b WHERE true
            ON CONFLICT (channel_id) DO UPDATE SET
                last_success_at = {later}(COALESCE(channel_health.last_success_at, excluded.last_success_at),
                    COALESCE(excluded.last_success_at, channel_health.last_success_at)),
                last_error = CASE WHEN excluded.last_error_at IS NULL THEN channel_health.last_error
                    ELSE excluded.last_error END,
                last_error_at = COALESCE(excluded.last_error_at, channel_health.last_error_at)"
        );
        self.write(batch.statement(self.backend(), &sql, vec![])).await?;
        Ok(())
    }
}

const MILLISECOND: chrono::TimeDelta = chrono::TimeDelta::milliseconds(1);

/// The smallest UUIDv7 of that millisecond or later.
pub(super) fn first_id(at: DateTime<Utc>) -> Uuid {
    let millis = u128::try_from(at.timestamp_millis()).unwrap_or(0);
    Uuid::from_u128(millis.min((1 << 48) - 1) << 80)
}

/// Events, newest first.
fn select_events(team: TeamId, filter: &EventFilter) -> Select<events::Entity> {
    use events::Column;
    let severities = filter.severities.iter().map(|severity| number(*severity));
    let types = any_type(Column::EventType, &filter.types);
    let categories = filter.categories.iter().map(|category| number(*category));
    let before = filter.before.as_ref().map(|(at, id)| {
        Column::OccurredAt
            .lt(*at)
            .or(Column::OccurredAt.eq(*at).and(Column::Id.lt(id.as_str())))
    });
    // The index is entered where the last page ended; an OR alone would have it read all that was read before.
    let end = filter.end.map(|at| micros(at) - 1);
    let last = filter.before.as_ref().map(|(at, _)| *at);
    let newest = end.into_iter().chain(last).min();
    let condition = Condition::all()
        .add(Column::TeamId.eq(team.as_uuid()))
        .add_option(before)
        .add_option((!filter.types.is_empty()).then_some(types))
        // Summaries are messages and not facts; they are listed only on request of their type.
        .add_option(
            (!filter
                .types
                .iter()
                .any(|pattern| pattern == NOTIFICATIONS_SUMMARY))
            .then(|| Column::EventType.ne(NOTIFICATIONS_SUMMARY)),
        )
        .add_option((!filter.severities.is_empty()).then(|| Column::Severity.is_in(severities)))
        .add_option(filter.start.map(|at| Column::OccurredAt.gte(micros(at))))
        .add_option(newest.map(|at| Column::OccurredAt.lte(at)))
        .add_option(filter.accepted_from.map(|at| Column::AcceptedAt.gte(micros(at))))
        .add_option((!filter.include_tests).then(|| Column::Test.eq(false)))
        .add_option(
            filter
                .subject
                .as_deref()
                .map(|subject| Column::Subject.eq(subject)),
        )
        .add_option((!filter.sources.is_empty()).then(|| {
            let source: Expr = Func::lower(Expr::col(Column::Source)).into();
            source.is_in(filter.sources.iter().map(String::as_str))
        }))
        .add_option((!filter.categories.is_empty()).then(|| Column::Category.is_in(categories)))
        .add_option(filter.text.as_deref().map(|text| {
            Condition::any()
                .add(contains(Column::Title, text))
                .add(contains(Column::Subject, text))
        }));
    events::Entity::find()
        .filter(condition)
        .order_by_desc(Column::OccurredAt)
        .order_by_desc(Column::Id)
}

/// That a type matches one of several patterns.
fn any_type(column: impl ColumnTrait, patterns: &[String]) -> Condition {
    let conditions = patterns.iter().map(|pattern| matches(column, pattern));
    conditions.fold(Condition::any(), Condition::add)
}

/// The condition of an event type pattern.
fn matches(column: impl ColumnTrait, pattern: &str) -> Expr {
    let column = Expr::col((column.entity_name(), column));
    match pattern.strip_suffix('*') {
        Some(prefix) => column.like(LikeExpr::new(format!("{}%", escaped(prefix))).escape('\\')),
        None => column.eq(pattern),
    }
}

/// A text that a LIKE takes as it is.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// That a column has a text somewhere, in any case of ASCII letters.
fn contains(column: impl ColumnTrait, text: &str) -> Expr {
    let lower: Expr = Func::lower(Expr::col((column.entity_name(), column))).into();
    let pattern = format!("%{}%", escaped(&text.to_ascii_lowercase()));
    lower.like(LikeExpr::new(pattern).escape('\\'))
}

/// That a delivery's title, or its event's subject, has a text.
fn says(text: &str, team: TeamId) -> Condition {
    let subject = Query::select()
        .expr(Expr::val(1))
        .from(events::Entity)
        .and_where(events::Column::TeamId.eq(team.as_uuid()))
        .and_where(
            Expr::col((events::Entity, events::Column::Id))
                .equals((deliveries::Entity, deliveries::Column::EventId)),
        )
        .and_where(contains(events::Column::Subject, text))
        .to_owned();
    Condition::any()
        .add(contains(deliveries::Column::Title, text))
        .add(Expr::exists(subject))
}

/// What the stored text of a route must have in it. Quotation marks within its texts are escaped, so that no text looks like a
/// part of it.
fn routed(filter: &DeliveryFilter) -> Condition {
    let address = filter.address.as_deref().map(|address| {
        let text = serde_json::Value::from(address).to_string();
        format!("\"address\":{text}")
    });
    let parts = [
        filter.member.map(|id| format!("\"member\":\"{id}\"")),
        filter.rule.map(|id| format!("\"r\":\"{id}\"")),
        address,
    ];
    let conditions = parts.into_iter().flatten();
    let conditions = conditions.map(|part| contains(deliveries::Column::Route, &part));
    conditions.fold(Condition::all(), Condition::add)
}
