//! The Digest's own database: one row for each team and period. A row is claimed before anything is sent, and no two
//! rows of a team can follow the same one, so whichever replica is first decides what a period is.

mod entity;
mod migrations;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use watchbell_model::ids::{DigestRunId, EventId, TeamId};
use watchbell_store::{Store, is_unique_violation};

use entity::{ActiveModel, Column, Entity, Model};
pub use migrations::Migrator;

use crate::error::{Error, Result};
use crate::schedule::Period;

/// How long the maker of a digest is left alone before another replica takes over.
pub(crate) const LEASE: TimeDelta = TimeDelta::minutes(10);
/// No more unfinished digests are taken up at once.
const MAX_REPAIRS: u64 = 1_000;

/// One digest of one team and period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) id: DigestRunId,
    pub(crate) team_id: TeamId,
    /// Its place among the team's runs, from 1.
    pub(crate) sequence: i64,
    pub(crate) period: Period,
    pub(crate) state: State,
    pub(crate) recipients: Vec<String>,
    pub(crate) message: String,
    pub(crate) create_time: DateTime<Utc>,
    /// In microseconds, so that both databases compare it alike.
    lease_until: i64,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Submitted,
    Skipped,
}

/// The runs.
#[derive(Debug, Clone)]
pub(crate) struct Runs(Store);

// === impl Run ===

impl Run {
    /// The event that carries the digest. The same for every try, which makes a repeated submission harmless.
    pub(crate) fn event_id(&self) -> Result<EventId> {
        let id = format!(
            "digest-{}-{}",
            self.team_id,
            self.period.end.format("%Y%m%dT%H%M%SZ")
        );
        id.parse().map_err(|error| Error::Corrupt(format!("{error}")))
    }

    /// Whether its maker has had time enough.
    pub(crate) fn is_abandoned(&self, now: DateTime<Utc>) -> bool {
        self.lease_until <= now.timestamp_micros()
    }
}

// === impl State ===

impl State {
    const ALL: [Self; 3] = [Self::Pending, Self::Submitted, Self::Skipped];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Submitted => "SUBMITTED",
            Self::Skipped => "SKIPPED",
        }
    }
}

// === impl Runs ===

impl Runs {
    pub(crate) fn new(store: Store) -> Self {
        Self(store)
    }

    /// The team's newest run.
    pub(crate) async fn last(&self, team: TeamId) -> Result<Option<Run>> {
        let row = of_team(team)
            .order_by_desc(Column::Sequence)
            .one(self.0.reader())
            .await?;
        row.map(Run::try_from).transpose()
    }

    /// The newest of the runs whose periods end at `start` or earlier.
    pub(crate) async fn before(&self, team: TeamId, start: DateTime<Utc>) -> Result<Option<Run>> {
        let row = of_team(team)
            .filter(Column::PeriodEnd.lte(start))
            .order_by_desc(Column::Sequence)
            .one(self.0.reader())
            .await?;
        row.map(Run::try_from).transpose()
    }

    /// One run as it is now.
    pub(crate) async fn get(&self, team: TeamId, id: DigestRunId) -> Result<Option<Run>> {
        let row = of_team(team)
            .filter(Column::Id.eq(id.as_uuid()))
            .one(self.0.reader())
            .await?;
        row.map(Run::try_from).transpose()
    }

    /// Begins the run that follows `last`, or nothing when another replica has begun one meanwhile.
    pub(crate) async fn claim(
        &self,
        team: TeamId,
        last: Option<&Run>,
        period: Period,
        now: DateTime<Utc>,
    ) -> Result<Option<Run>> {
        let run = Run {
            id: DigestRunId::generate(now),
            team_id: team,
            sequence: last.map_or(1, |last| last.sequence + 1),
            period,
            state: State::Pending,
            recipients: Vec::new(),
            message: String::new(),
            create_time: DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now),
            lease_until: (now + LEASE).timestamp_micros(),
        };
        match Entity::insert(ActiveModel::from(&run))
            .exec_without_returning(self.0.writer())
            .await
        {
            Ok(_) => Ok(Some(run)),
            Err(error) if is_unique_violation(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes over a run that its maker abandoned or skipped; nothing when it has moved on since it was read.
    pub(crate) async fn take_over(&self, run: &Run, now: DateTime<Utc>) -> Result<Option<Run>> {
        let taken = Run {
            state: State::Pending,
            message: String::new(),
            lease_until: (now + LEASE).timestamp_micros(),
            ..run.clone()
        };
        Ok(self.replace(run, &taken).await?.then_some(taken))
    }

    /// Lets any replica try again from `at` on.
    pub(crate) async fn release(&self, run: &Run, at: DateTime<Utc>) -> Result<()> {
        let released = Run {
            lease_until: at.timestamp_micros(),
            ..run.clone()
        };
        self.replace(run, &released).await.map(|_| ())
    }

    /// Ends a run that this replica holds. Whoever took it over meanwhile has submitted the same event.
    pub(crate) async fn end(
        &self,
        run: &Run,
        state: State,
        recipients: Vec<String>,
        message: &str,
    ) -> Result<Run> {
        let ended = Run {
            state,
            recipients,
            message: message.to_owned(),
            ..run.clone()
        };
        if self.replace(run, &ended).await? {
            return Ok(ended);
        }
        Ok(self.get(run.team_id, run.id).await?.unwrap_or(ended))
    }

    /// Unfinished runs whose makers are gone, oldest first.
    pub(crate) async fn abandoned_all_teams(&self, now: DateTime<Utc>) -> Result<Vec<Run>> {
        let rows = Entity::find()
            .filter(Column::State.eq(State::Pending.as_str()))
            .filter(Column::LeaseUntil.lte(now.timestamp_micros()))
            .order_by_asc(Column::Id)
            .limit(MAX_REPAIRS)
            .all(self.0.reader())
            .await?;
        rows.into_iter().map(Run::try_from).collect()
    }

    /// Runs before a place, newest first.
    pub(crate) async fn list(&self, team: TeamId, before: Option<i64>, limit: u64) -> Result<Vec<Run>> {
        let mut query = of_team(team).order_by_desc(Column::Sequence).limit(limit);
        if let Some(before) = before {
            query = query.filter(Column::Sequence.lt(before));
        }
        query
            .all(self.0.reader())
            .await?
            .into_iter()
            .map(Run::try_from)
            .collect()
    }

    /// Whether the row was still as `old` says, and is now as `new` says.
    async fn replace(&self, old: &Run, new: &Run) -> Result<bool> {
        let updated = Entity::update_many()
            .col_expr(Column::State, Expr::value(new.state.as_str()))
            .col_expr(Column::Recipients, Expr::value(new.recipients.join("\n")))
            .col_expr(Column::Message, Expr::value(new.message.clone()))
            .col_expr(Column::LeaseUntil, Expr::value(new.lease_until))
            .filter(Column::TeamId.eq(old.team_id.as_uuid()))
            .filter(Column::Id.eq(old.id.as_uuid()))
            .filter(Column::State.eq(old.state.as_str()))
            .filter(Column::LeaseUntil.eq(old.lease_until))
            .exec(self.0.writer())
            .await?;
        Ok(updated.rows_affected == 1)
    }
}

fn of_team(team: TeamId) -> sea_orm::Select<Entity> {
    Entity::find().filter(Column::TeamId.eq(team.as_uuid()))
}

impl From<&Run> for ActiveModel {
    fn from(run: &Run) -> Self {
        Self {
            id: Set(run.id.as_uuid()),
            team_id: Set(run.team_id.as_uuid()),
            sequence: Set(run.sequence),
            previous_start: Set(run.period.previous_start),
            period_start: Set(run.period.start),
            period_end: Set(run.period.end),
            state: Set(run.state.as_str().to_owned()),
            recipients: Set(run.recipients.join("\n")),
            message: Set(run.message.clone()),
            lease_until: Set(run.lease_until),
            create_time: Set(run.create_time),
        }
    }
}

impl TryFrom<Model> for Run {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self> {
        let state = State::ALL.into_iter().find(|state| state.as_str() == row.state);
        Ok(Self {
            id: DigestRunId::from_uuid(row.id),
            team_id: TeamId::from_uuid(row.team_id),
            sequence: row.sequence,
            period: Period {
                previous_start: row.previous_start,
                start: row.period_start,
                end: row.period_end,
            },
            state: state.ok_or_else(|| Error::Corrupt(format!("unknown state {:?}", row.state)))?,
            recipients: row.recipients.lines().map(str::to_owned).collect(),
            message: row.message,
            create_time: row.create_time,
            lease_until: row.lease_until,
        })
    }
}

#[cfg(test)]
mod tests {
    use watchbell_store::{connect, store_tests};

    use super::*;

    fn at(day: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_794_000_000 + day * 86_400, 0).unwrap()
    }

    fn week(day: i64) -> Period {
        Period {
            previous_start: at(day - 14),
            start: at(day - 7),
            end: at(day),
        }
    }

    fn team() -> TeamId {
        TeamId::generate(at(0))
    }

    store_tests! {
        migrator = Migrator;

        async fn of_many_replicas_one_claims_a_period(store: Store) {
            let team = team();
            let mut replicas = tokio::task::JoinSet::new();
            for _ in 0..6 {
                let settings = store.settings().clone().with_pool_size(1);
                replicas.spawn(async move {
                    let store = connect(&settings).await.unwrap();
                    let claimed = Runs::new(store.clone()).claim(team, None, week(0), at(0)).await.unwrap();
                    store.close().await.unwrap();
                    claimed.is_some()
                });
            }
            assert_eq!(replicas.join_all().await.into_iter().filter(|claimed| *claimed).count(), 1);
        }

        async fn replicas_that_see_different_crons_still_claim_one_after_the_other(store: Store) {
            let (runs, team) = (Runs::new(store), team());
            let first = runs.claim(team, None, week(0), at(0)).await.unwrap().unwrap();
            assert_eq!(runs.last(team).await.unwrap().as_ref(), Some(&first), "reads back as written");
            let other_cron = Period { end: at(3), ..week(2) };
            assert_eq!(runs.claim(team, None, other_cron, at(3)).await.unwrap(), None, "it has not seen the first");
            assert!(runs.claim(team, Some(&first), week(7), at(7)).await.unwrap().is_some());
            assert!(runs.claim(TeamId::generate(at(1)), None, week(0), at(0)).await.unwrap().is_some(), "another team");
        }

        async fn a_run_is_taken_over_once_and_ends_once(store: Store) {
            let (runs, team) = (Runs::new(store), team());
            let run = runs.claim(team, None, week(0), at(0)).await.unwrap().unwrap();
            assert_eq!(runs.abandoned_all_teams(at(0)).await.unwrap(), [], "its maker is at it");
            assert_eq!(runs.abandoned_all_teams(at(1)).await.unwrap(), std::slice::from_ref(&run));
            let taken = runs.take_over(&run, at(1)).await.unwrap().unwrap();
            assert_eq!(runs.take_over(&run, at(1)).await.unwrap(), None, "it has moved on");
            let ended = runs.end(&taken, State::Submitted, vec!["a@x.com".into(), "b@x.com".into()], "").await.unwrap();
            assert_eq!(runs.get(team, run.id).await.unwrap(), Some(ended.clone()));
            assert_eq!(runs.end(&run, State::Skipped, Vec::new(), "late").await.unwrap(), ended, "the first maker is late");
            assert_eq!(runs.abandoned_all_teams(at(9)).await.unwrap(), []);
            assert_eq!(runs.get(TeamId::generate(at(0)), run.id).await.unwrap(), None, "nothing crosses a team");
        }

        async fn what_is_released_can_be_taken_up_at_that_time(store: Store) {
            let (runs, team) = (Runs::new(store), team());
            let run = runs.claim(team, None, week(0), at(0)).await.unwrap().unwrap();
            runs.release(&run, at(0) + TimeDelta::minutes(1)).await.unwrap();
            assert_eq!(runs.abandoned_all_teams(at(0)).await.unwrap(), []);
            assert_eq!(runs.abandoned_all_teams(at(0) + TimeDelta::minutes(1)).await.unwrap().len(), 1);
        }

        async fn runs_are_listed_newest_first(store: Store) {
            let (runs, team) = (Runs::new(store), team());
            let mut last: Option<Run> = None;
            for day in [0, 7, 14] {
                last = runs.claim(team, last.as_ref(), week(day), at(day)).await.unwrap();
            }
            let ends = |runs: Vec<Run>| runs.into_iter().map(|run| run.period.end).collect::<Vec<_>>();
            assert_eq!(ends(runs.list(team, None, 2).await.unwrap()), [at(14), at(7)]);
            assert_eq!(ends(runs.list(team, Some(2), 2).await.unwrap()), [at(0)]);
        }
    }
}
