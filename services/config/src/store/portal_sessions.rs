//! Sessions of members that keys made. Of a token only the SHA-256 is kept. A session goes with its member, its key and its
//! team.

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel as _, PaginatorTrait, QueryFilter};
use watchbell_contracts::config::v1::PortalSession;
use watchbell_model::convert::timestamp;
use watchbell_model::ids::{KeyId, TeamId};

use super::api_keys;
use super::entities::portal_session::{Column, Entity, Model};
use super::entities::{api_key, member};
use crate::error::Result;

/// Adds a session.
pub(crate) async fn insert(connection: &impl ConnectionTrait, row: Model) -> Result<()> {
    Entity::insert(row.into_active_model())
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// How many sessions a team has that have not ended.
pub(crate) async fn count(
    connection: &impl ConnectionTrait,
    team: TeamId,
    now: DateTime<Utc>,
) -> Result<u64> {
    Ok(Entity::find()
        .filter(Column::TeamId.eq(team.as_uuid()))
        .filter(Column::ExpireTime.gt(now))
        .count(connection)
        .await?)
}

/// The session of any team with this hash, with its member and its key.
pub(crate) async fn by_hash_all_teams(
    connection: &impl ConnectionTrait,
    hash: &[u8],
) -> Result<Option<(Model, member::Model, api_key::Model)>> {
    let Some(session) = Entity::find_by_id(hash.to_vec()).one(connection).await? else {
        return Ok(None);
    };
    let member = member::Entity::find_by_id(session.member_id)
        .filter(member::Column::TeamId.eq(session.team_id))
        .one(connection)
        .await?;
    let key = api_key::Entity::find_by_id(session.key_id)
        .one(connection)
        .await?;
    Ok(member.zip(key).map(|(member, key)| (session, member, key)))
}

/// Forgets sessions that have ended.
pub(crate) async fn prune_all_teams(connection: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<()> {
    Entity::delete_many()
        .filter(Column::ExpireTime.lte(now))
        .exec(connection)
        .await?;
    Ok(())
}

// === impl Model ===

impl Model {
    /// As other services read it.
    pub(crate) fn to_message(&self, member: &member::Model, key: &api_key::Model) -> Result<PortalSession> {
        Ok(PortalSession {
            member: Some(member.to_message()?),
            scopes: key.scopes()?.into_iter().map(api_keys::to_wire).collect(),
            read_only: self.read_only,
            expire_time: Some(timestamp(self.expire_time)),
            key_id: KeyId::from_uuid(self.key_id).to_string(),
        })
    }
}
