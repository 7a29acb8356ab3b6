//! API keys. A platform key belongs to no team, which queries say by `None`.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;
use watchbell_contracts::config::v1::{ApiKey, Scope as WireScope};
use watchbell_model::convert::timestamp;
use watchbell_model::ids::{KeyId, TeamId};
use watchbell_runtime::auth::Scope;

use super::entities::api_key;
use super::resource::resource;
use super::{decode, split};
use crate::error::Result;

const TABLE: &str = "api_keys";

// === impl api_key::Model ===

impl api_key::Model {
    pub(crate) fn scopes(&self) -> Result<Vec<Scope>> {
        split(TABLE, &self.scopes)
    }

    pub(crate) fn to_message(&self) -> Result<ApiKey> {
        let scopes = self.scopes()?;
        let creator = self.creator.as_deref();
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
            creator: creator.map(|creator| decode(TABLE, creator)).transpose()?,
            last_use_time: self.last_use_time.map(timestamp),
        })
    }
}

resource!(
    "API key" in "api_keys": api_key as ApiKey, at most 500,
    by Id: KeyId, in order of Id: Uuid,
    |row, _now| row.id, row.id, row.to_message(),
);

/// The scope as the contracts say it.
pub(crate) fn to_wire(scope: Scope) -> i32 {
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

/// Makes those who would make the first key wait for one another; held until the transaction ends.
pub(crate) async fn lock_all_teams(transaction: &impl ConnectionTrait) -> Result<()> {
    // The feed's row stands in for a lock that both backends have; SQLite has only one writer anyway.
    super::changes::lock_feed(transaction).await
}

/// Notes that a key was used, unless it is known that it was since `since`.
pub(crate) async fn note_use_all_teams(
    connection: &impl ConnectionTrait,
    id: KeyId,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<()> {
    api_key::Entity::update_many()
        .col_expr(api_key::Column::LastUseTime, Expr::value(now))
        .filter(api_key::Column::Id.eq(id.as_uuid()))
        .filter(
            Condition::any()
                .add(api_key::Column::LastUseTime.is_null())
                .add(api_key::Column::LastUseTime.lt(since)),
        )
        .exec(connection)
        .await?;
    Ok(())
}
