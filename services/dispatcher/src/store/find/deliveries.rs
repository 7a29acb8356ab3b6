//! Deliveries that a filter takes.

use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, DbBackend, DbErr, EntityTrait, ExprTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;
use watchbell_model::ids::{ChannelId, DeliveryId, MemberId, RuleId, TeamId};
use watchbell_model::{ChannelKind, Severity};

use super::super::entities::{deliveries, events};
use super::super::queries::first_id;
use super::super::{Db, micros, number};
use super::scan::{Found, Log, scan};
use super::{EXAMINED, any_type, contains, contains_in_any_case};
use crate::job::State;
use crate::stats::DeliveryFacts;

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
    /// Only mail to people, and the inbox.
    pub(crate) without_channel: bool,
    /// Only what this summary tells.
    pub(crate) summary: Option<DeliveryId>,
}

/// The index that a scan goes along, in the order of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path<'f> {
    /// Of an event.
    Event(&'f str),
    /// Of a summary.
    Summary(DeliveryId),
    Replays,
    /// Neither waiting nor delivered.
    Exceptional,
    Channel(ChannelId),
    /// Of no channel: mail to people, and the inbox.
    People,
    /// Whichever.
    Team,
}

/// A filter as a scan asks it.
struct Search<'f> {
    backend: DbBackend,
    team: TeamId,
    filter: &'f DeliveryFilter,
    path: Path<'f>,
    /// What the path does not say.
    checked: Condition,
}

/// Deliveries of a team in one state of the database.
struct Deliveries<'q> {
    snapshot: &'q DatabaseTransaction,
    search: &'q Search<'q>,
}

/// When it was made and ended, its state, kind and severity, and its channel.
type Facts = (i64, Option<i64>, i16, i16, i16, Option<Uuid>);

/// The condition of the index `deliveries_exceptional`, as it is written there.
const EXCEPTIONAL: &str = "state <> 1 AND state <> 5";

/// Rows that are examined for a page, at most, when each one's event is looked up.
const EXAMINED_WITH_EVENTS: u64 = EXAMINED / 2;

const MILLISECOND: TimeDelta = TimeDelta::milliseconds(1);

// === impl DeliveryFilter ===

impl DeliveryFilter {
    /// Rows that may be examined for a page.
    pub(crate) fn bound(&self) -> u64 {
        match self.text {
            Some(_) => EXAMINED_WITH_EVENTS,
            None => EXAMINED,
        }
    }
}

// === impl Db ===

impl Db {
    /// What is counted of the deliveries among the first `bound` that an index leads to.
    pub(crate) async fn delivery_facts(
        &self,
        team: TeamId,
        filter: &DeliveryFilter,
        bound: u64,
    ) -> Result<Found<DeliveryFacts, Uuid>, DbErr> {
        use deliveries::Column;
        let search = Search::new(self.backend(), team, filter);
        let snapshot = self.snapshot().await?;
        let log = Deliveries {
            snapshot: &snapshot,
            search: &search,
        };
        let before = filter.before.as_ref();
        let rows: Vec<Facts> = log
            .matching(before, bound)
            .select_only()
            .columns([Column::CreatedAt, Column::EndedAt, Column::State, Column::Kind])
            .columns([Column::Severity, Column::ChannelId])
            .into_tuple()
            .all(&snapshot)
            .await?;
        let stopped_at = log.last_of(before, bound).await?;
        snapshot.commit().await?;
        Ok(Found {
            rows: rows.into_iter().filter_map(facts).collect(),
            stopped_at,
        })
    }

    /// Deliveries, newest first: up to `limit` of the `bound` that an index leads to.
    pub(crate) async fn deliveries(
        &self,
        team: TeamId,
        filter: &DeliveryFilter,
        limit: u64,
        bound: u64,
    ) -> Result<Found<deliveries::Model, Uuid>, DbErr> {
        let search = Search::new(self.backend(), team, filter);
        if search.checked.is_empty() {
            let rows = search.newest(filter.before).limit(limit);
            let rows = rows.all(self.store.reader()).await?;
            return Ok(Found {
                rows,
                stopped_at: None,
            });
        }
        let snapshot = self.snapshot().await?;
        let log = Deliveries {
            snapshot: &snapshot,
            search: &search,
        };
        let found = scan(&log, filter.before, limit, bound).await?;
        snapshot.commit().await?;
        Ok(found)
    }
}

// === impl Deliveries ===

impl Deliveries<'_> {
    /// Those of the `window` behind a key that the filter takes.
    fn matching(&self, behind: Option<&Uuid>, window: u64) -> Select<deliveries::Entity> {
        // A subquery with a limit stays as it is: the other conditions do not lead to another index.
        let window = self.search.newest(behind.copied()).limit(window);
        let mut matching = deliveries::Entity::find().filter(self.search.checked.clone());
        QuerySelect::query(&mut matching)
            .from_clear()
            .from_subquery(window.into_query(), deliveries::Entity);
        matching
    }
}

impl Log for Deliveries<'_> {
    type Key = Uuid;
    type Row = deliveries::Model;

    async fn matches(
        &self,
        behind: Option<&Uuid>,
        window: u64,
        limit: u64,
    ) -> Result<Vec<deliveries::Model>, DbErr> {
        self.matching(behind, window)
            .order_by_desc(deliveries::Column::Id)
            .limit(limit)
            .all(self.snapshot)
            .await
    }

    async fn last_of(&self, behind: Option<&Uuid>, window: u64) -> Result<Option<Uuid>, DbErr> {
        let last = self.search.last_of(behind.copied(), window);
        last.into_tuple().one(self.snapshot).await
    }
}

// === impl Path ===

impl<'f> Path<'f> {
    /// The path that usually leaves the fewest rows.
    fn of(filter: &'f DeliveryFilter) -> Self {
        let is_usual = |state: &State| matches!(state, State::Pending | State::Delivered);
        match filter {
            DeliveryFilter {
                event_id: Some(id), ..
            } => Self::Event(id),
            DeliveryFilter {
                summary: Some(id), ..
            } => Self::Summary(*id),
            DeliveryFilter {
                replays_only: true, ..
            } => Self::Replays,
            DeliveryFilter { states, .. } if !states.is_empty() && !states.iter().any(is_usual) => {
                Self::Exceptional
            }
            DeliveryFilter {
                channel: Some(id), ..
            } => Self::Channel(*id),
            DeliveryFilter { member: Some(_), .. } => Self::People,
            _ => Self::Team,
        }
    }
}

// === impl Search ===

impl<'f> Search<'f> {
    fn new(backend: DbBackend, team: TeamId, filter: &'f DeliveryFilter) -> Self {
        let path = Path::of(filter);
        Self {
            backend,
            team,
            filter,
            path,
            checked: check(team, filter, path),
        }
    }

    /// Deliveries along the path within the filter's period, newest first.
    fn newest(&self, before: Option<Uuid>) -> Select<deliveries::Entity> {
        use deliveries::Column;
        let Self {
            backend,
            team,
            filter,
            ..
        } = self;
        let period = Condition::all()
            .add_option(filter.start.map(|at| Column::CreatedAt.gte(micros(at))))
            .add_option(filter.end.map(|at| Column::CreatedAt.lt(micros(at))));
        // Ids begin with their time, so that the index skips rows outside the period.
        let first = filter.start.map_or(Uuid::nil(), first_id);
        let end = filter.end.map(|at| first_id(at + MILLISECOND));
        let end = before.into_iter().chain(end).min().unwrap_or(Uuid::max());
        let team = team.as_uuid();
        let select = deliveries::Entity::find().filter(period);
        let along = |columns: &[(Column, Uuid)]| within(*backend, columns, first..end);
        let select = match self.path {
            Path::Team => select.filter(along(&[(Column::TeamId, team)])),
            Path::Replays => select
                .filter(along(&[(Column::TeamId, team)]))
                .filter(Column::ReplayOf.is_not_null()),
            Path::Exceptional => select
                .filter(along(&[(Column::TeamId, team)]))
                .filter(Expr::cust(EXCEPTIONAL)),
            Path::Channel(id) => select.filter(along(&[
                (Column::TeamId, team),
                (Column::ChannelId, id.as_uuid()),
            ])),
            Path::People => select
                .filter(Column::TeamId.eq(team).and(Column::ChannelId.is_null()))
                .filter(Column::Id.gte(first).and(Column::Id.lt(end))),
            Path::Event(id) => select
                .filter(Column::TeamId.eq(team).and(Column::EventId.eq(id)))
                .filter(Column::Id.gte(first).and(Column::Id.lt(end))),
            Path::Summary(id) => select
                .filter(Column::TeamId.eq(team).and(told_by(id)))
                .filter(Column::Id.gte(first).and(Column::Id.lt(end))),
        };
        // The columns of the index: by ids alone PostgreSQL might go along the primary key, over the rows of other teams.
        let select = match self.path {
            Path::Event(_) | Path::Summary(_) => select,
            Path::Channel(_) => select
                .order_by_desc(Column::TeamId)
                .order_by_desc(Column::ChannelId),
            Path::People => select.order_by_desc(Column::ChannelId),
            Path::Team | Path::Replays | Path::Exceptional => select.order_by_desc(Column::TeamId),
        };
        select.order_by_desc(Column::Id)
    }

    /// The last of the `window` deliveries behind a key.
    fn last_of(&self, behind: Option<Uuid>, window: u64) -> Select<deliveries::Entity> {
        self.newest(behind)
            .select_only()
            .column(deliveries::Column::Id)
            .offset(window - 1)
            .limit(1)
    }
}

fn facts((created_at, ended_at, state, kind, severity, channel): Facts) -> Option<DeliveryFacts> {
    Some(DeliveryFacts {
        created_at,
        ended_at,
        state: State::from_number(i32::from(state))?,
        kind,
        severity,
        channel,
    })
}

/// That rows lie within a range of an index that begins with columns of these values, and goes on with the id.
fn within(backend: DbBackend, columns: &[(deliveries::Column, Uuid)], ids: Range<Uuid>) -> Condition {
    let id = || column(deliveries::Column::Id);
    if backend == DbBackend::Sqlite {
        // As tuples they may lead SQLite along another index of the team, all of which it then sorts.
        let range = Condition::all().add(id().gte(ids.start)).add(id().lt(ids.end));
        let fixed = columns.iter().map(|(name, value)| column(*name).eq(*value));
        return fixed.fold(range, Condition::add);
    }
    let key = |id: Expr, value: fn(&(deliveries::Column, Uuid)) -> Expr| {
        Expr::tuple(columns.iter().map(value).chain([id]))
    };
    let bound = |id: Uuid| key(Expr::val(id), |(_, value)| Expr::val(*value));
    let of_index = || key(id(), |(name, _)| column(*name));
    Condition::all()
        .add(of_index().gte(bound(ids.start)))
        .add(of_index().lt(bound(ids.end)))
}

fn column(column: deliveries::Column) -> Expr {
    Expr::col((deliveries::Entity, column))
}

/// The conditions of a filter that its path does not say.
fn check(team: TeamId, filter: &DeliveryFilter, path: Path<'_>) -> Condition {
    use deliveries::Column;
    let states = filter.states.iter().map(|state| *state as i16);
    let severities = filter.severities.iter().map(|severity| number(*severity));
    let event_type = filter.event_type.as_deref();
    let is_of_channel = |id: ChannelId| path == Path::Channel(id);
    let is_of_event = matches!(path, Path::Event(_));
    let is_narrow = is_of_event || matches!(path, Path::Summary(_));
    let channel = filter.channel.filter(|id| !is_of_channel(*id));
    Condition::all()
        .add_option(channel.map(|id| Column::ChannelId.eq(id.as_uuid())))
        .add_option(filter.summary.filter(|_| is_of_event).map(told_by))
        .add_option(filter.without_channel.then(|| Column::ChannelId.is_null()))
        .add_option((filter.replays_only && is_narrow).then(|| Column::ReplayOf.is_not_null()))
        .add_option((!filter.states.is_empty()).then(|| Column::State.is_in(states)))
        .add_option(event_type.map(|event_type| Column::EventType.eq(event_type)))
        .add_option(filter.kind.map(|kind| Column::Kind.eq(number(kind))))
        .add_option(filter.member.map(|id| routed("\"member\":", &id.to_string())))
        .add_option(filter.rule.map(|id| routed("\"r\":", &id.to_string())))
        .add_option(filter.address.as_deref().map(|address| {
            let part = route_part("\"address\":", address);
            contains_in_any_case(Column::Route, &part)
        }))
        .add_option((!filter.severities.is_empty()).then(|| Column::Severity.is_in(severities)))
        .add_option((!filter.types.is_empty()).then(|| any_type(Column::EventType, &filter.types)))
        .add_option(filter.text.as_deref().map(|text| says(text, team)))
}

/// That a summary tells a delivery.
fn told_by(summary: DeliveryId) -> Expr {
    let column = deliveries::Column::FoldedInto;
    // The first part is the condition of the index.
    column.is_not_null().and(column.eq(summary.as_uuid()))
}

/// That the stored text of a route has a key with a value.
fn routed(key: &str, value: &str) -> Expr {
    contains(deliveries::Column::Route, &route_part(key, value))
}

/// A key and its value in the stored text of a route. Quotation marks within its texts are escaped, so that no text looks
/// like a part of it.
fn route_part(key: &str, value: &str) -> String {
    format!("{key}{}", serde_json::Value::from(value))
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
        .and_where(contains_in_any_case(events::Column::Subject, text))
        .to_owned();
    Condition::any()
        .add(contains_in_any_case(deliveries::Column::Title, text))
        .add(Expr::exists(subject))
}

#[cfg(test)]
mod tests {
    use sea_orm::ConnectionTrait as _;
    use watchbell_store::Store;
    use watchbell_store::testing::on_sqlite;

    use super::*;
    use crate::store::Migrator;

    /// With the rows of a million deliveries the difference is a hundredfold.
    #[test]
    fn sqlite_goes_along_an_index_to_a_window_and_to_its_end() {
        on_sqlite::<Migrator, _>(|store: Store| async move {
            let team = TeamId::generate(DateTime::UNIX_EPOCH);
            let filters = [
                DeliveryFilter::default(),
                DeliveryFilter {
                    channel: Some(ChannelId::generate(DateTime::UNIX_EPOCH)),
                    ..DeliveryFilter::default()
                },
                DeliveryFilter {
                    states: vec![State::Failed],
                    ..DeliveryFilter::default()
                },
                DeliveryFilter {
                    replays_only: true,
                    ..DeliveryFilter::default()
                },
                DeliveryFilter {
                    without_channel: true,
                    member: Some(MemberId::generate(DateTime::UNIX_EPOCH)),
                    ..DeliveryFilter::default()
                },
            ];
            for filter in filters {
                let search = Search::new(DbBackend::Sqlite, team, &filter);
                let before = Some(Uuid::max());
                for select in [search.last_of(before, 5_000), search.newest(before).limit(5_000)] {
                    let mut statement = select.build(DbBackend::Sqlite);
                    statement.sql.insert_str(0, "EXPLAIN QUERY PLAN ");
                    let plan = store.reader().query_all_raw(statement).await.unwrap();
                    let plan = plan
                        .iter()
                        .map(|row| row.try_get::<String>("", "detail").unwrap());
                    let plan = plan.collect::<Vec<_>>().join("; ");
                    assert!(!plan.contains("TEMP B-TREE"), "{filter:?}: {plan}");
                    assert!(plan.contains("id<?"), "{filter:?}: {plan}");
                }
            }
        });
    }
}
