//! Events that a filter takes.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, Func};
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, DbErr, EntityTrait, ExprTrait, FromQueryResult, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select,
};
use watchbell_model::catalog::notices::{ACTS, NOTIFICATIONS_SUMMARY, OPERATIONAL};
use watchbell_model::ids::TeamId;
use watchbell_model::{Category, Severity};

use super::super::batch::Batch;
use super::super::entities::events;
use super::super::{Db, micros, number};
use super::scan::{Found, Log, scan};
use super::{any_type, contains_in_any_case};

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

/// Where an event stands in the order, and how much it takes.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub(crate) struct EventKeyAndSize {
    pub(crate) occurred_at: i64,
    pub(crate) id: String,
    /// What of it has no narrow bound.
    pub(crate) bytes: i64,
}

/// Events of a team, as far as an index narrows them.
struct Events<'a> {
    snapshot: &'a DatabaseTransaction,
    team: TeamId,
    filter: &'a EventFilter,
}

/// What of an event has no narrow bound, in bytes.
pub(in crate::store) const BYTES: &str =
    "CAST(octet_length(data) + octet_length(routes) + octet_length(url) + octet_length(title)
    + octet_length(subject) AS BIGINT)";

// === impl EventKeyAndSize ===

impl EventKeyAndSize {
    /// Where it stands.
    pub(crate) fn key(&self) -> (i64, String) {
        (self.occurred_at, self.id.clone())
    }
}

// === impl Db ===

impl Db {
    /// Events, newest first: up to `limit` of the `bound` in the filter's period.
    pub(crate) async fn events(
        &self,
        team: TeamId,
        filter: &EventFilter,
        limit: u64,
        bound: u64,
    ) -> Result<Found<EventKeyAndSize, (i64, String)>, DbErr> {
        let snapshot = self.snapshot().await?;
        let log = Events {
            snapshot: &snapshot,
            team,
            filter,
        };
        let found = scan(&log, filter.before.clone(), limit, bound).await?;
        snapshot.commit().await?;
        Ok(found)
    }

    /// The events with these ids, newest first.
    pub(crate) async fn events_with_ids<'i>(
        &self,
        team: TeamId,
        ids: impl IntoIterator<Item = &'i str>,
    ) -> Result<Vec<events::Model>, DbErr> {
        let batch = Batch::new().text("id", ids);
        // In this order: SQLite would otherwise go through all events of the team in the order of their times, and through the
        // ids for each.
        let sql = "SELECT e.* FROM ({rows}) AS b CROSS JOIN events e WHERE e.team_id = {0} AND e.id = b.id
            ORDER BY e.occurred_at DESC, e.id DESC";
        let statement = batch.statement(self.backend(), sql, vec![team.as_uuid().into()]);
        let rows = self.read(statement).await?;
        rows.iter()
            .map(|row| events::Model::from_query_result(row, ""))
            .collect()
    }
}

// === impl Events ===

impl Events<'_> {
    /// Events of the period, newest first.
    fn newest(&self, behind: Option<&(i64, String)>) -> Select<events::Entity> {
        use events::Column;
        let is_behind = behind.map(|(at, id)| {
            let same = Column::OccurredAt.eq(*at).and(Column::Id.lt(id.as_str()));
            Column::OccurredAt.lt(*at).or(same)
        });
        // The index is entered where the last page ended; an OR alone would have it read all that was read before.
        let end = self.filter.end.map(|at| micros(at) - 1);
        let first = end.into_iter().chain(behind.map(|(at, _)| *at)).min();
        let condition = Condition::all()
            .add(Column::TeamId.eq(self.team.as_uuid()))
            .add_option(self.filter.start.map(|at| Column::OccurredAt.gte(micros(at))))
            .add_option(first.map(|at| Column::OccurredAt.lte(at)))
            .add_option(is_behind);
        events::Entity::find()
            .select_only()
            .filter(condition)
            .order_by_desc(Column::OccurredAt)
            .order_by_desc(Column::Id)
    }
}

impl Log for Events<'_> {
    type Key = (i64, String);
    type Row = EventKeyAndSize;

    async fn matches(
        &self,
        behind: Option<&(i64, String)>,
        window: u64,
        limit: u64,
    ) -> Result<Vec<EventKeyAndSize>, DbErr> {
        use events::Column;
        let columns = [
            Column::TeamId,
            Column::Id,
            Column::EventType,
            Column::Severity,
            Column::Category,
            Column::Source,
            Column::OccurredAt,
            Column::AcceptedAt,
            Column::Title,
            Column::Subject,
            Column::Test,
        ];
        // A subquery with a limit stays as it is: the other conditions do not lead to another index.
        let window = self
            .newest(behind)
            .columns(columns)
            .expr_as(Expr::cust(BYTES), "bytes")
            .limit(window);
        let mut matching = events::Entity::find().select_only().filter(check(self.filter));
        QuerySelect::query(&mut matching)
            .from_clear()
            .from_subquery(window.into_query(), events::Entity);
        matching
            .columns([Column::OccurredAt, Column::Id])
            .expr_as(Expr::col("bytes"), "bytes")
            .order_by_desc(Column::OccurredAt)
            .order_by_desc(Column::Id)
            .limit(limit)
            .into_model()
            .all(self.snapshot)
            .await
    }

    async fn last_of(
        &self,
        behind: Option<&(i64, String)>,
        window: u64,
    ) -> Result<Option<(i64, String)>, DbErr> {
        self.newest(behind)
            .columns([events::Column::OccurredAt, events::Column::Id])
            .offset(window - 1)
            .limit(1)
            .into_tuple()
            .one(self.snapshot)
            .await
    }
}

/// The conditions that no index has.
fn check(filter: &EventFilter) -> Condition {
    use events::Column;
    let severities = filter.severities.iter().map(|severity| number(*severity));
    let categories = filter.categories.iter().map(|category| number(*category));
    let subject = filter.subject.as_deref();
    // Summaries are messages and not facts; they are listed only on request of their type.
    let with_summaries = filter
        .types
        .iter()
        .any(|pattern| pattern == NOTIFICATIONS_SUMMARY);
    // Operational events are listed where a pattern names them, as they are routed.
    let with_operational = filter.types.iter().any(|pattern| pattern != "*");
    // What people did is listed with what happened.
    let hidden = OPERATIONAL.iter().filter(|name| !ACTS.contains(*name));
    Condition::all()
        .add_option((!with_operational).then(|| Column::EventType.is_not_in(hidden.copied())))
        .add_option((!filter.types.is_empty()).then(|| any_type(Column::EventType, &filter.types)))
        .add_option((!with_summaries).then(|| Column::EventType.ne(NOTIFICATIONS_SUMMARY)))
        .add_option((!filter.severities.is_empty()).then(|| Column::Severity.is_in(severities)))
        .add_option(filter.accepted_from.map(|at| Column::AcceptedAt.gte(micros(at))))
        .add_option((!filter.include_tests).then(|| Column::Test.eq(false)))
        .add_option(subject.map(|subject| Column::Subject.eq(subject)))
        .add_option((!filter.sources.is_empty()).then(|| {
            let source: Expr = Func::lower(Expr::col(Column::Source)).into();
            source.is_in(filter.sources.iter().map(String::as_str))
        }))
        .add_option((!filter.categories.is_empty()).then(|| Column::Category.is_in(categories)))
        .add_option(filter.text.as_deref().map(|text| {
            Condition::any()
                .add(contains_in_any_case(Column::Title, text))
                .add(contains_in_any_case(Column::Subject, text))
        }))
}
