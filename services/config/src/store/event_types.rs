//! A team's own event types. There are few, so they are read all at once.

use prost::Message;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};
use watchbell_contracts::config::v1::EventType;
use watchbell_model::ids::TeamId;
use watchbell_runtime::problem::Problem;
use watchbell_store::is_unique_violation;

use super::decode;
use super::entities::event_type;
use crate::error::{Error, Result};
use crate::etag;

// === impl event_type::Model ===

impl event_type::Model {
    pub(crate) fn to_message(&self) -> Result<EventType> {
        Ok(EventType {
            name: self.name.clone(),
            built_in: false,
            etag: etag::from_version(self.version),
            ..decode("event_types", &self.spec)?
        })
    }

    pub(crate) fn configure(&mut self, message: &EventType) {
        let spec = EventType {
            name: String::new(),
            etag: String::new(),
            built_in: false,
            ..message.clone()
        };
        self.spec = spec.encode_to_vec();
    }
}

pub(crate) async fn get(
    connection: &impl ConnectionTrait,
    team: TeamId,
    name: &str,
) -> Result<event_type::Model> {
    of_team(team)
        .filter(event_type::Column::Name.eq(name))
        .one(connection)
        .await?
        .ok_or_else(|| Problem::not_found("event type", name).into())
}

/// By name.
pub(crate) async fn all(connection: &impl ConnectionTrait, team: TeamId) -> Result<Vec<event_type::Model>> {
    Ok(of_team(team).all(connection).await?)
}

pub(crate) async fn insert(connection: &impl ConnectionTrait, row: &event_type::Model) -> Result<()> {
    event_type::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(connection)
        .await
        .map_err(|err| {
            if is_unique_violation(&err) {
                return Problem::AlreadyExists {
                    resource: "event type",
                    name: row.name.clone(),
                }
                .into();
            }
            Error::from(err)
        })?;
    Ok(())
}

/// Writes the whole row, which was read under the team's lock.
pub(crate) async fn update(connection: &impl ConnectionTrait, row: &event_type::Model) -> Result<()> {
    row.clone()
        .into_active_model()
        .reset_all()
        .update(connection)
        .await?;
    Ok(())
}

pub(crate) async fn delete(connection: &impl ConnectionTrait, team: TeamId, name: &str) -> Result<()> {
    event_type::Entity::delete_many()
        .filter(event_type::Column::TeamId.eq(team.as_uuid()))
        .filter(event_type::Column::Name.eq(name))
        .exec(connection)
        .await?;
    Ok(())
}

fn of_team(team: TeamId) -> sea_orm::Select<event_type::Entity> {
    event_type::Entity::find()
        .filter(event_type::Column::TeamId.eq(team.as_uuid()))
        .order_by_asc(event_type::Column::Name)
}
