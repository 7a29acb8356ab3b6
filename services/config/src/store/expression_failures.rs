//! Counts of failures of expressions, by day.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};
use watchbell_model::ids::TeamId;

use super::entities::expression_failure::{Column, Entity, Model};
use crate::error::Result;

/// Rows that one statement writes.
const CHUNK: usize = 200;

/// Adds failures to those of their day. An expression that has changed since starts anew.
pub(crate) async fn add(connection: &impl ConnectionTrait, rows: Vec<Model>) -> Result<()> {
    for rows in rows.chunks(CHUNK) {
        let rows = rows.iter().cloned().map(Model::into_active_model);
        let count = "CASE WHEN expression_failures.expression = excluded.expression \
                     THEN expression_failures.count + excluded.count ELSE excluded.count END";
        Entity::insert_many(rows)
            .on_conflict(
                OnConflict::columns([Column::TeamId, Column::Owner, Column::Day])
                    .value(Column::Count, Expr::cust(count))
                    .update_columns([Column::Expression, Column::Error, Column::LastTime])
                    .to_owned(),
            )
            .exec_without_returning(connection)
            .await?;
    }
    Ok(())
}

/// A team's failures since a day, the newest first.
pub(crate) async fn since(connection: &impl ConnectionTrait, team: TeamId, day: &str) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(Column::TeamId.eq(team.as_uuid()))
        .filter(Column::Day.gte(day))
        .order_by_desc(Column::LastTime)
        .order_by_asc(Column::Owner)
        .all(connection)
        .await?)
}

/// The teams whose Owners are still to be told of failures.
pub(crate) async fn untold_all_teams(connection: &impl ConnectionTrait, limit: u64) -> Result<Vec<TeamId>> {
    let teams: Vec<uuid::Uuid> = Entity::find()
        .select_only()
        .column(Column::TeamId)
        .filter(Expr::col(Column::Told).not())
        .distinct()
        .limit(limit)
        .into_tuple()
        .all(connection)
        .await?;
    Ok(teams.into_iter().map(TeamId::from_uuid).collect())
}

/// Failures that a team's Owners are still to be told of, the newest first.
pub(crate) async fn untold(connection: &impl ConnectionTrait, team: TeamId) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(Column::TeamId.eq(team.as_uuid()))
        .filter(Expr::col(Column::Told).not())
        .order_by_desc(Column::LastTime)
        .order_by_asc(Column::Owner)
        .all(connection)
        .await?)
}

/// Notes that a row is told.
pub(crate) async fn mark_told(connection: &impl ConnectionTrait, row: &Model) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::Told, Expr::value(true))
        .filter(Column::TeamId.eq(row.team_id))
        .filter(Column::Owner.eq(&row.owner))
        .filter(Column::Day.eq(&row.day))
        .exec(connection)
        .await?;
    Ok(())
}

/// Forgets failures before an instant. Answers how many.
pub(crate) async fn prune_all_teams(connection: &impl ConnectionTrait, before: DateTime<Utc>) -> Result<u64> {
    let deleted = Entity::delete_many()
        .filter(Column::LastTime.lt(before))
        .exec(connection)
        .await?;
    Ok(deleted.rows_affected)
}
