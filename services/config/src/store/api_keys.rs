//! API keys. A platform key belongs to no team, which its queries say by `None`.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;
use watchbell_contracts::config::v1::{ApiKey, Scope as WireScope};
use watchbell_model::convert::timestamp;
use watchbell_model::ids::{KeyId, TeamId};
use watchbell_runtime::auth::Scope;
use watchbell_store::paging::{Page, PageRequest};

use super::entities::api_key;
use super::split;
use crate::error::{Error, Result};

const TABLE: &str = "api_keys";

// === impl api_key::Model ===

impl api_key::Model {
    pub(crate) fn scopes(&self) -> Result<Vec<Scope>> {
        split(TABLE, &self.scopes)
    }

    pub(crate) fn to_message(&self) -> Result<ApiKey> {
        let scopes = self.scopes()?;
        Ok(ApiKey {
            id: KeyId::from_uuid(self.id).to_string(),
            team_id: self
                .team_id
                .map(|id| TeamId::from_uuid(id).to_string())
                .unwrap_or_default(),
            display_name: self.display_name.clone(),
            scopes: scopes.into_iter().map(to_wire).collect(),
            create_time: Some(timestamp(self.create_time)),
            expire_time: self.expire_time.map(timestamp),
        })
    }
}

fn to_wire(scope: Scope) -> i32 {
    let wire = match scope {
        Scope::Emit => WireScope::Emit,
        Scope::ConfigRead => WireScope::ConfigRead,
        Scope::ConfigWrite => WireScope::ConfigWrite,
        Scope::DeliveriesRead => WireScope::DeliveriesRead,
        Scope::DeliveriesWrite => WireScope::DeliveriesWrite,
        Scope::Inbox => WireScope::Inbox,
        Scope::Platform => WireScope::Platform,
    };
    wire.into()
}

pub(crate) async fn list(
    connection: &impl ConnectionTrait,
    team: Option<TeamId>,
    page: &PageRequest<Uuid>,
) -> Result<Page<api_key::Model>> {
    let mut query = of_team(team)
        .order_by_asc(api_key::Column::Id)
        .limit(page.limit());
    if let Some(after) = page.after {
        query = query.filter(api_key::Column::Id.gt(after));
    }
    let rows = query.all(connection).await?;
    page.page(rows, |row| row.id)
        .map_err(|err| Error::corrupt(TABLE, err))
}

/// The key, which may be gone.
pub(crate) async fn find(
    connection: &impl ConnectionTrait,
    team: Option<TeamId>,
    id: KeyId,
) -> Result<Option<api_key::Model>> {
    Ok(of_team(team)
        .filter(api_key::Column::Id.eq(id.as_uuid()))
        .one(connection)
        .await?)
}

pub(crate) async fn count(connection: &impl ConnectionTrait, team: Option<TeamId>) -> Result<u64> {
    Ok(of_team(team).count(connection).await?)
}

/// The key of any team with this hash.
pub(crate) async fn by_hash_all_teams(
    connection: &impl ConnectionTrait,
    hash: &[u8],
) -> Result<Option<api_key::Model>> {
    Ok(api_key::Entity::find()
        .filter(api_key::Column::KeySha256.eq(hash.to_vec()))
        .one(connection)
        .await?)
}

/// Whether there is any key at all.
pub(crate) async fn exists_all_teams(connection: &impl ConnectionTrait) -> Result<bool> {
    Ok(api_key::Entity::find().limit(1).one(connection).await?.is_some())
}

pub(crate) async fn insert(connection: &impl ConnectionTrait, row: api_key::Model) -> Result<()> {
    api_key::Entity::insert(row.into_active_model())
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

pub(crate) async fn delete(connection: &impl ConnectionTrait, team: Option<TeamId>, id: KeyId) -> Result<()> {
    let mut query = api_key::Entity::delete_many().filter(api_key::Column::Id.eq(id.as_uuid()));
    query = match team {
        Some(team) => query.filter(api_key::Column::TeamId.eq(team.as_uuid())),
        None => query.filter(api_key::Column::TeamId.is_null()),
    };
    query.exec(connection).await?;
    Ok(())
}

fn of_team(team: Option<TeamId>) -> sea_orm::Select<api_key::Entity> {
    match team {
        Some(team) => api_key::Entity::find().filter(api_key::Column::TeamId.eq(team.as_uuid())),
        None => api_key::Entity::find().filter(api_key::Column::TeamId.is_null()),
    }
}

/// Makes those who would make the first key wait for one another; held until the transaction ends.
pub(crate) async fn lock_all_teams(transaction: &impl ConnectionTrait) -> Result<()> {
    // The feed's row stands in for a lock that both backends have; SQLite has only one writer anyway.
    super::changes::lock_feed(transaction).await
}
