//! Notices to Owners, until they are sent.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;
use watchbell_model::ids::TeamId;

use super::entities::{api_key, channel, owner_notice};
use crate::error::Result;

pub(crate) async fn insert(connection: &impl ConnectionTrait, row: owner_notice::Model) -> Result<()> {
    owner_notice::Entity::insert(row.into_active_model())
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// The ids that have been noted already.
pub(crate) async fn noted_all_teams(
    connection: &impl ConnectionTrait,
    ids: &[String],
) -> Result<Vec<String>> {
    Ok(owner_notice::Entity::find()
        .select_only()
        .column(owner_notice::Column::Id)
        .filter(owner_notice::Column::Id.is_in(ids))
        .into_tuple()
        .all(connection)
        .await?)
}

/// The teams that have notices that are still to be sent.
pub(crate) async fn untold_all_teams(connection: &impl ConnectionTrait) -> Result<Vec<TeamId>> {
    // Not compared with a parameter, for which no partial index serves.
    let teams: Vec<Uuid> = owner_notice::Entity::find()
        .select_only()
        .column(owner_notice::Column::TeamId)
        .filter(Expr::col(owner_notice::Column::Told).not())
        .distinct()
        .into_tuple()
        .all(connection)
        .await?;
    Ok(teams.into_iter().map(TeamId::from_uuid).collect())
}

/// A team's notices that are still to be sent, the oldest first.
pub(crate) async fn untold(
    connection: &impl ConnectionTrait,
    team: TeamId,
    limit: u64,
) -> Result<Vec<owner_notice::Model>> {
    Ok(owner_notice::Entity::find()
        .filter(owner_notice::Column::TeamId.eq(team.as_uuid()))
        .filter(Expr::col(owner_notice::Column::Told).not())
        .order_by_asc(owner_notice::Column::CreateTime)
        .order_by_asc(owner_notice::Column::Id)
        .limit(limit)
        .all(connection)
        .await?)
}

pub(crate) async fn mark_told(connection: &impl ConnectionTrait, team: TeamId, id: &str) -> Result<()> {
    owner_notice::Entity::update_many()
        .col_expr(owner_notice::Column::Told, Expr::value(true))
        .filter(owner_notice::Column::Id.eq(id))
        .filter(owner_notice::Column::TeamId.eq(team.as_uuid()))
        .exec(connection)
        .await?;
    Ok(())
}

/// Forgets what was noted before an instant.
pub(crate) async fn prune_all_teams(connection: &impl ConnectionTrait, before: DateTime<Utc>) -> Result<u64> {
    let deleted = owner_notice::Entity::delete_many()
        .filter(owner_notice::Column::CreateTime.lt(before))
        .exec(connection)
        .await?;
    Ok(deleted.rows_affected)
}

/// Channels whose older signing secret stops signing in this span.
pub(crate) async fn rotating_all_teams(
    connection: &impl ConnectionTrait,
    after: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<channel::Model>> {
    Ok(channel::Entity::find()
        .filter(channel::Column::RotationEnd.gt(after))
        .filter(channel::Column::RotationEnd.lte(until))
        .all(connection)
        .await?)
}

/// Keys of teams that expire in this span.
pub(crate) async fn expiring_all_teams(
    connection: &impl ConnectionTrait,
    after: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<api_key::Model>> {
    Ok(api_key::Entity::find()
        .filter(api_key::Column::TeamId.is_not_null())
        .filter(api_key::Column::ExpireTime.gt(after))
        .filter(api_key::Column::ExpireTime.lte(until))
        .all(connection)
        .await?)
}
