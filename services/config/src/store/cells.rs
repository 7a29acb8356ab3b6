//! Cells, which team lives in which, and the migration for both. Without rows there is one cell, that of the configured Dispatchers.

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait as _, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryOrder, QuerySelect,
};
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, integer, integer_null, string, text, timestamp_with_time_zone,
    timestamp_with_time_zone_null, uuid, uuid_null,
};
use watchbell_model::cell::{CellName, MAIN, TeamCell};
use watchbell_model::ids::TeamId;
use watchbell_runtime::problem::Problem;

use super::entities::{cell, team};
use super::{parse, teams};
use crate::error::{Error, Result};

const TABLE: &str = "cells";

/// Adds the tables.
pub(super) struct Cells;

// === impl Cells ===

impl MigrationName for Cells {
    fn name(&self) -> &'static str {
        "m0012_cells"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Cells {
    async fn up(&self, manager: &SchemaManager) -> std::result::Result<(), DbErr> {
        let cells = Table::create()
            .table("cells")
            .col(string("name").primary_key())
            .col(uuid("database_id").unique_key())
            .col(text("addresses"))
            .col(timestamp_with_time_zone("create_time"))
            .take();
        let moves = Table::create()
            .table("cell_moves")
            .col(uuid("id").primary_key())
            .col(uuid("team_id"))
            .col(string("from_cell"))
            .col(string("to_cell"))
            .col(integer("state"))
            .col(big_integer("copied_rows"))
            .col(text("message"))
            .col(integer_null("under_way").unique_key())
            .col(uuid_null("driver"))
            .col(timestamp_with_time_zone_null("driver_time"))
            .col(timestamp_with_time_zone("create_time"))
            .col(timestamp_with_time_zone_null("end_time"))
            .take();
        manager.create_table(cells).await?;
        manager.create_table(moves).await?;
        let connection = manager.get_connection();
        for sql in [
            "ALTER TABLE teams ADD COLUMN cell VARCHAR NOT NULL DEFAULT 'main'",
            "CREATE INDEX cell_moves_by_team ON cell_moves (team_id, create_time)",
        ] {
            connection.execute_unprepared(sql).await?;
        }
        Ok(())
    }
}

// === impl cell::Model ===

impl cell::Model {
    pub(crate) fn cell_name(&self) -> Result<CellName> {
        parse(TABLE, &self.name)
    }

    pub(crate) fn addresses(&self) -> Vec<String> {
        self.addresses.lines().map(ToOwned::to_owned).collect()
    }

    fn team_cell(&self) -> Result<TeamCell> {
        Ok(TeamCell {
            name: self.cell_name()?,
            database_id: self.database_id,
            addresses: self.addresses.lines().map(Into::into).collect(),
        })
    }
}

/// All cells, `main` first.
pub(crate) async fn all(connection: &impl ConnectionTrait) -> Result<Vec<cell::Model>> {
    let mut cells = cell::Entity::find()
        .order_by_asc(cell::Column::Name)
        .all(connection)
        .await?;
    cells.sort_by_key(|cell| cell.name != MAIN);
    Ok(cells)
}

/// The cell of a name.
pub(crate) async fn get(connection: &impl ConnectionTrait, name: &CellName) -> Result<cell::Model> {
    let cell = cell::Entity::find_by_id(name.as_str()).one(connection).await?;
    cell.ok_or_else(|| Problem::not_found("cell", name).into())
}

/// Writes a cell, or other addresses of one that is there.
pub(crate) async fn put(connection: &impl ConnectionTrait, row: cell::Model) -> Result<()> {
    cell::Entity::insert(row.into_active_model())
        .on_conflict(
            OnConflict::column(cell::Column::Name)
                .update_column(cell::Column::Addresses)
                .to_owned(),
        )
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// How many teams live in each cell.
pub(crate) async fn counts_all_teams(connection: &impl ConnectionTrait) -> Result<Vec<(String, i64)>> {
    let counts = team::Entity::find()
        .select_only()
        .column(team::Column::Cell)
        .column_as(Expr::col(team::Column::Id).count(), "teams")
        .group_by(team::Column::Cell)
        .into_tuple()
        .all(connection)
        .await?;
    Ok(counts)
}

/// The cell for a new team: the one with the fewest, `main` rather than others.
pub(crate) async fn emptiest(connection: &impl ConnectionTrait) -> Result<String> {
    let cells = all(connection).await?;
    if cells.is_empty() {
        return Ok(MAIN.to_owned());
    }
    let counts = counts_all_teams(connection).await?;
    let count = |name: &str| {
        counts
            .iter()
            .find(|(cell, _)| cell == name)
            .map_or(0, |(_, count)| *count)
    };
    let emptiest = cells.into_iter().min_by_key(|cell| count(&cell.name));
    Ok(emptiest.map_or_else(|| MAIN.to_owned(), |cell| cell.name))
}

/// The cell of a team. `None` while there is one cell.
pub(crate) async fn of_team(
    connection: &impl ConnectionTrait,
    team: &team::Model,
) -> Result<Option<TeamCell>> {
    let cell = cell::Entity::find_by_id(team.cell.as_str())
        .one(connection)
        .await?;
    match cell {
        Some(cell) => Ok(Some(cell.team_cell()?)),
        None if team.cell == MAIN => Ok(None),
        None => Err(Error::corrupt("teams", format!("there is no cell {}", team.cell))),
    }
}

/// Lets a team live in another cell. Whether it exists.
pub(crate) async fn set_of_team(connection: &impl ConnectionTrait, team: TeamId, name: &str) -> Result<bool> {
    if teams::find(connection, team).await?.is_none() {
        return Ok(false);
    }
    team::ActiveModel {
        id: Set(team.as_uuid()),
        cell: Set(name.to_owned()),
        ..Default::default()
    }
    .update(connection)
    .await?;
    Ok(true)
}
