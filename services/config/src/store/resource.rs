//! What the tables of a team's resources are asked in one way: rows by their id, pages in order, and writes of whole rows under
//! the team's lock.

use std::fmt::Display;

use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select, Value,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use watchbell_model::ids::TeamId;
use watchbell_runtime::problem::Problem;
use watchbell_store::is_unique_violation;
use watchbell_store::paging::{Page, PageRequest};

use crate::error::{Error, Result};

/// The table of a team's resource.
pub(crate) trait Resource: EntityTrait
where
    Self::Model: IntoActiveModel<Self::Active> + Clone + Send + Sync + 'static,
{
    /// What SeaORM writes.
    type Active: ActiveModelTrait<Entity = Self> + ActiveModelBehavior + Send;
    /// What names a row in its team.
    type Id: Display + Send;

    /// The resource in words, `mention rule`.
    const NAME: &'static str;
    /// The table's name.
    const TABLE: &'static str;
    /// The column of the team.
    const TEAM: Self::Column;
    /// The column of the id.
    const ID: Self::Column;
    /// The column that rows are listed by.
    const ORDER: Self::Column;

    /// An id as the database stores it.
    fn value(id: &Self::Id) -> Value;

    /// What is unique in the team besides the id.
    fn label(row: &Self::Model) -> String;

    /// How much of an answer a row takes, in bytes, when that is worth counting.
    fn bytes(_row: &Self::Model) -> usize {
        0
    }

    /// The team's rows, in order.
    fn of_team(team: TeamId) -> Select<Self> {
        Self::find()
            .filter(Self::TEAM.eq(team.as_uuid()))
            .order_by_asc(Self::ORDER)
    }

    /// The row, which may be gone.
    async fn seek(
        connection: &impl ConnectionTrait,
        team: TeamId,
        id: &Self::Id,
    ) -> Result<Option<Self::Model>> {
        let query = Self::of_team(team).filter(Self::ID.eq(Self::value(id)));
        Ok(query.one(connection).await?)
    }

    /// The row.
    async fn get(connection: &impl ConnectionTrait, team: TeamId, id: &Self::Id) -> Result<Self::Model> {
        Self::seek(connection, team, id)
            .await?
            .ok_or_else(|| Problem::not_found(Self::NAME, id).into())
    }

    /// All rows of a team, in order.
    async fn all(connection: &impl ConnectionTrait, team: TeamId) -> Result<Vec<Self::Model>> {
        Ok(Self::of_team(team).all(connection).await?)
    }

    /// How many a team has.
    async fn count(connection: &impl ConnectionTrait, team: TeamId) -> Result<u64> {
        Ok(PaginatorTrait::count(Self::of_team(team), connection).await?)
    }

    /// A page; `at` says where a row stands in the order.
    async fn page<K>(
        connection: &impl ConnectionTrait,
        team: TeamId,
        page: &PageRequest<K>,
        at: impl Fn(&Self::Model) -> K + Send,
    ) -> Result<Page<Self::Model>>
    where
        K: Clone + Into<Value> + Serialize + DeserializeOwned + Sync,
    {
        let mut query = Self::of_team(team).limit(page.limit());
        if let Some(after) = &page.after {
            query = query.filter(Self::ORDER.gt(after.clone()));
        }
        let rows = query.all(connection).await?;
        page.within(rows.iter().map(Self::bytes))
            .page(rows, at)
            .map_err(|err| Error::corrupt(Self::TABLE, err))
    }

    /// Inserts a row.
    async fn add(connection: &impl ConnectionTrait, row: &Self::Model) -> Result<()> {
        let active: Self::Active = row.clone().into_active_model();
        let added = Self::insert(active).exec_without_returning(connection).await;
        added.map(drop).map_err(|err| taken::<Self>(err, row))
    }

    /// Writes the whole row, which was read under the team's lock.
    async fn put(connection: &impl ConnectionTrait, row: &Self::Model) -> Result<()> {
        let active: Self::Active = row.clone().into_active_model();
        let put = active.reset_all().update(connection).await;
        put.map(drop).map_err(|err| taken::<Self>(err, row))
    }

    /// Deletes the row.
    async fn remove(connection: &impl ConnectionTrait, team: TeamId, id: &Self::Id) -> Result<()> {
        Self::delete_many()
            .filter(Self::TEAM.eq(team.as_uuid()))
            .filter(Self::ID.eq(Self::value(id)))
            .exec(connection)
            .await?;
        Ok(())
    }
}

fn taken<R: Resource>(err: DbErr, row: &R::Model) -> Error
where
    R::Model: IntoActiveModel<R::Active> + Clone + Send + Sync + 'static,
{
    if !is_unique_violation(&err) {
        return err.into();
    }
    Problem::AlreadyExists {
        resource: R::NAME,
        name: R::label(row),
    }
    .into()
}
