//! States of installations at Slack that have been used. A state is kept until it would have expired by itself.

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect};
use uuid::Uuid;
use watchbell_model::ids::TeamId;
use watchbell_store::is_unique_violation;

use super::entities::slack_state;
use crate::error::Result;

/// Uses a state up; whether nobody had before.
pub(crate) async fn use_up(
    connection: &impl ConnectionTrait,
    team: TeamId,
    nonce: Uuid,
    expires: DateTime<Utc>,
) -> Result<bool> {
    let row = slack_state::Model {
        nonce,
        team_id: team.as_uuid(),
        expire_time: expires,
    };
    let inserted = slack_state::Entity::insert(row.into_active_model())
        .exec_without_returning(connection)
        .await;
    match inserted {
        Ok(_) => Ok(true),
        Err(error) if is_unique_violation(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether a state is used up.
pub(crate) async fn is_used(connection: &impl ConnectionTrait, team: TeamId, nonce: Uuid) -> Result<bool> {
    let row = slack_state::Entity::find_by_id(nonce)
        .filter(slack_state::Column::TeamId.eq(team.as_uuid()))
        .limit(1)
        .one(connection)
        .await?;
    Ok(row.is_some())
}

/// Forgets states that are no good any more. Answers how many.
pub(crate) async fn prune_all_teams(connection: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<u64> {
    let deleted = slack_state::Entity::delete_many()
        .filter(slack_state::Column::ExpireTime.lt(now))
        .exec(connection)
        .await?;
    Ok(deleted.rows_affected)
}
