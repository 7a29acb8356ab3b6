//! Moves of teams to other cells. One is under way at a time, and one replica drives it.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};
use uuid::Uuid;
use watchbell_contracts::config::v1::{CellMove, CellMoveState};
use watchbell_model::convert::timestamp;
use watchbell_model::ids::TeamId;

use super::entities::cell_move::{Column, Entity, Model};
use crate::error::Result;

/// What `under_way` is until a move ends.
const UNDER_WAY: i32 = 1;

// === impl Model ===

impl Model {
    /// A move that begins.
    pub(crate) fn begin(team: TeamId, from: String, to: String, now: DateTime<Utc>) -> Self {
        Self {
            id: Uuid::now_v7(),
            team_id: team.as_uuid(),
            from_cell: from,
            to_cell: to,
            state: CellMoveState::Copying as i32,
            copied_rows: 0,
            message: String::new(),
            under_way: Some(UNDER_WAY),
            driver: None,
            driver_time: None,
            create_time: now,
            end_time: None,
        }
    }

    pub(crate) fn team(&self) -> TeamId {
        TeamId::from_uuid(self.team_id)
    }

    pub(crate) fn to_message(&self) -> CellMove {
        CellMove {
            team_id: self.team().to_string(),
            from_cell: self.from_cell.clone(),
            to_cell: self.to_cell.clone(),
            state: self.state,
            copied_rows: self.copied_rows,
            create_time: Some(timestamp(self.create_time)),
            end_time: self.end_time.map(timestamp),
            message: self.message.clone(),
        }
    }
}

/// The last move of a team.
pub(crate) async fn last(connection: &impl ConnectionTrait, team: TeamId) -> Result<Option<Model>> {
    Ok(Entity::find()
        .filter(Column::TeamId.eq(team.as_uuid()))
        .order_by_desc(Column::CreateTime)
        .one(connection)
        .await?)
}

/// The move that is under way, of whichever team.
pub(crate) async fn under_way_all_teams(connection: &impl ConnectionTrait) -> Result<Option<Model>> {
    Ok(Entity::find()
        .filter(Column::UnderWay.eq(UNDER_WAY))
        .one(connection)
        .await?)
}

pub(crate) async fn insert(connection: &impl ConnectionTrait, row: Model) -> Result<()> {
    Entity::insert(row.into_active_model())
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// Lets a replica drive a move until then, unless another one does. Whether it does.
pub(crate) async fn take(
    connection: &impl ConnectionTrait,
    id: Uuid,
    driver: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<bool> {
    let free = Condition::any()
        .add(Column::Driver.is_null())
        .add(Column::Driver.eq(driver))
        .add(Column::DriverTime.lt(now));
    let taken = Entity::update_many()
        .col_expr(Column::Driver, Expr::value(driver))
        .col_expr(Column::DriverTime, Expr::value(until))
        .filter(Column::Id.eq(id))
        .filter(Column::UnderWay.eq(UNDER_WAY))
        .filter(free)
        .exec(connection)
        .await?;
    Ok(taken.rows_affected > 0)
}

/// Notes how far a move is.
pub(crate) async fn note(
    connection: &impl ConnectionTrait,
    id: Uuid,
    copied_rows: Option<i64>,
    message: &str,
) -> Result<()> {
    let mut update = Entity::update_many()
        .col_expr(Column::Message, Expr::value(message))
        .filter(Column::Id.eq(id));
    if let Some(rows) = copied_rows {
        update = update.col_expr(Column::CopiedRows, Expr::value(rows));
    }
    update.exec(connection).await?;
    Ok(())
}

/// Moves on to another state; with `end` it is over.
pub(crate) async fn set_state(
    connection: &impl ConnectionTrait,
    id: Uuid,
    state: CellMoveState,
    message: &str,
    end: Option<DateTime<Utc>>,
) -> Result<()> {
    let mut update = Entity::update_many()
        .col_expr(Column::State, Expr::value(state as i32))
        .col_expr(Column::Message, Expr::value(message))
        .filter(Column::Id.eq(id));
    if let Some(end) = end {
        update = update
            .col_expr(Column::EndTime, Expr::value(end))
            .col_expr(Column::UnderWay, Expr::value(None::<i32>));
    }
    update.exec(connection).await?;
    Ok(())
}
