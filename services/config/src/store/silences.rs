//! Silences. Those that have ended are kept for a while, since they say why something came late or not at all.

use chrono::{DateTime, TimeDelta, Utc};
use prost::Message;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;
use watchbell_contracts::config::v1::Silence;
use watchbell_model::convert::timestamp;
use watchbell_model::ids::{SilenceId, TeamId};
use watchbell_model::silence::{self as model, MAX_SILENCES};
use watchbell_runtime::problem::Problem;

use super::decode;
use super::entities::silence::{self, Column, Entity, Model};
use super::resource::{Resource, resource};
use crate::error::{Error, Result};

/// How long silences that have ended are kept.
const KEPT: TimeDelta = TimeDelta::days(90);
/// How many silences of a team that have ended are kept at most.
const MAX_ENDED: u64 = 1_000;
/// How long after its end the Dispatcher gets a silence, for the account of what it held.
const ACCOUNTED: TimeDelta = TimeDelta::days(1);
/// How many silences the Dispatcher gets at most; the others ended before these.
const MAX_RECENT: u64 = 300;

// === impl silence::Model ===

impl Model {
    pub(crate) fn silence_id(&self) -> SilenceId {
        SilenceId::from_uuid(self.id)
    }

    /// The silence as it stands now.
    pub(crate) fn to_message(&self, now: DateTime<Utc>) -> Result<Silence> {
        let message = Silence {
            id: self.silence_id().to_string(),
            team_id: TeamId::from_uuid(self.team_id).to_string(),
            start_time: Some(timestamp(self.start_time)),
            end_time: Some(timestamp(self.end_time)),
            create_time: Some(timestamp(self.create_time)),
            ..decode::<Silence>("silences", &self.spec)?
        };
        let silence =
            model::Silence::try_from(&message).map_err(|error| Error::corrupt("silences", error))?;
        Ok(Silence {
            state: silence.state(now).into(),
            ..message
        })
    }

    pub(crate) fn new(team: TeamId, silence: &model::Silence, now: DateTime<Utc>) -> Self {
        let spec = Silence {
            id: String::new(),
            start_time: None,
            end_time: None,
            ..silence.into()
        };
        Self {
            id: SilenceId::generate(now).as_uuid(),
            team_id: team.as_uuid(),
            spec: spec.encode_to_vec(),
            start_time: silence.start,
            end_time: silence.end,
            create_time: now,
        }
    }

    /// Ends it, unless it has ended.
    fn expire(&mut self, now: DateTime<Utc>) {
        self.end_time = self.end_time.min(now);
        self.start_time = self.start_time.min(self.end_time);
    }
}

resource!(
    "silence" in "silences": silence as Silence, at most MAX_SILENCES as u64,
    by Id: SilenceId, in order of Id: Uuid,
    |row, now| row.silence_id(), row.id, row.to_message(now), bytes row.spec.len(),
);

/// Makes a silence, if the team may have one more.
pub(crate) async fn insert(
    connection: &impl ConnectionTrait,
    team: TeamId,
    silence: &model::Silence,
    now: DateTime<Utc>,
) -> Result<Model> {
    if count_unended(connection, team, now).await? >= Entity::LIMIT {
        return Err(Problem::Precondition {
            reason: "LIMIT_REACHED",
            message: format!("a team may have at most {MAX_SILENCES} silences that have not ended"),
        }
        .into());
    }
    let row = Model::new(team, silence, now);
    Entity::add(connection, &row).await?;
    trim(connection, team, now).await?;
    Ok(row)
}

/// Ends a silence now, unless it has ended.
pub(crate) async fn expire(
    connection: &impl ConnectionTrait,
    team: TeamId,
    id: &SilenceId,
    now: DateTime<Utc>,
) -> Result<Model> {
    let mut row = Entity::get(connection, team, id).await?;
    row.expire(now);
    Entity::put(connection, &row).await?;
    Ok(row)
}

/// Silences of a team that have not ended by then, oldest first.
pub(crate) async fn ended_after(
    connection: &impl ConnectionTrait,
    team: TeamId,
    time: DateTime<Utc>,
) -> Result<Vec<Model>> {
    let rows = Entity::of_team(team).filter(Column::EndTime.gt(time));
    Ok(rows.all(connection).await?)
}

/// Silences of a team that have not ended, or did so in the last day, as messages.
pub(crate) async fn in_force_lately(
    connection: &impl ConnectionTrait,
    team: TeamId,
    now: DateTime<Utc>,
) -> Result<Vec<Silence>> {
    let rows = Entity::find()
        .filter(Column::TeamId.eq(team.as_uuid()))
        .filter(Column::EndTime.gt(now - ACCOUNTED))
        .order_by_desc(Column::EndTime)
        .limit(MAX_RECENT)
        .all(connection)
        .await?;
    rows.iter().map(|row| row.to_message(now)).collect()
}

/// The number of a team's silences that have not ended.
async fn count_unended(connection: &impl ConnectionTrait, team: TeamId, now: DateTime<Utc>) -> Result<u64> {
    let rows = Entity::of_team(team).filter(Column::EndTime.gt(now));
    Ok(PaginatorTrait::count(rows, connection).await?)
}

/// Deletes the oldest of a team's silences that have ended, if there are too many of them.
async fn trim(connection: &impl ConnectionTrait, team: TeamId, now: DateTime<Utc>) -> Result<()> {
    let ended = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::TeamId.eq(team.as_uuid()))
        .filter(Column::EndTime.lte(now))
        .order_by_desc(Column::EndTime)
        .offset(MAX_ENDED)
        .limit(MAX_ENDED);
    let ended: Vec<Uuid> = ended.into_tuple().all(connection).await?;
    if !ended.is_empty() {
        Entity::delete_many()
            .filter(Column::TeamId.eq(team.as_uuid()))
            .filter(Column::Id.is_in(ended))
            .exec(connection)
            .await?;
    }
    Ok(())
}

/// Deletes silences of all teams that ended long ago.
pub(crate) async fn prune_all_teams(connection: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<()> {
    Entity::delete_many()
        .filter(Column::EndTime.lt(now - KEPT))
        .exec(connection)
        .await?;
    Ok(())
}
