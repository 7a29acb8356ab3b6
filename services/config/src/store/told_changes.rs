//! Up to which revision `config.changed` has told of teams' changes. A row says that there is more to tell from the transaction
//! of the change on, which locks it: so a teller that has it sees each change in this round or in the next.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;
use watchbell_model::ids::TeamId;

use super::entities::told_change::{Column, Entity, Model};
use crate::error::Result;

/// Notes, within a change, that it is to be told.
pub(crate) async fn note(
    connection: &impl ConnectionTrait,
    team: TeamId,
    revision: i64,
    now: DateTime<Utc>,
) -> Result<()> {
    let row = Model {
        team_id: team.as_uuid(),
        revision: revision - 1,
        pending: true,
        next_time: now,
    };
    Entity::insert(row.into_active_model())
        .on_conflict(
            OnConflict::column(Column::TeamId)
                .update_column(Column::Pending)
                .to_owned(),
        )
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// Teams of whose changes some are to be told now: a page of them, after a team, in the order of their ids.
pub(crate) async fn due_all_teams(
    connection: &impl ConnectionTrait,
    now: DateTime<Utc>,
    after: TeamId,
    limit: u64,
) -> Result<Vec<TeamId>> {
    let teams: Vec<Uuid> = Entity::find()
        .select_only()
        .column(Column::TeamId)
        .filter(Expr::col(Column::Pending))
        .filter(Column::NextTime.lte(now))
        .filter(Column::TeamId.gt(after.as_uuid()))
        .order_by_asc(Column::TeamId)
        .limit(limit)
        .into_tuple()
        .all(connection)
        .await?;
    Ok(teams.into_iter().map(TeamId::from_uuid).collect())
}

/// Takes a team's turn: the revision up to which its changes were told. `None` when nothing is to be told now.
pub(crate) async fn take(
    connection: &impl ConnectionTrait,
    team: TeamId,
    now: DateTime<Utc>,
    next_time: DateTime<Utc>,
) -> Result<Option<i64>> {
    let taken = Entity::update_many()
        .col_expr(Column::Pending, Expr::value(false))
        .col_expr(Column::NextTime, Expr::value(next_time))
        .filter(Column::TeamId.eq(team.as_uuid()))
        .filter(Expr::col(Column::Pending))
        .filter(Column::NextTime.lte(now))
        .exec(connection)
        .await?;
    if taken.rows_affected == 0 {
        return Ok(None);
    }
    let row = Entity::find_by_id(team.as_uuid()).one(connection).await?;
    Ok(row.map(|row| row.revision))
}

/// Notes up to which revision a team's changes are told.
pub(crate) async fn mark(connection: &impl ConnectionTrait, team: TeamId, revision: i64) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::Revision, Expr::value(revision))
        .filter(Column::TeamId.eq(team.as_uuid()))
        .exec(connection)
        .await?;
    Ok(())
}
