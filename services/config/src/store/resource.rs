//! Queries and writes that all tables of resources share: rows by their id, pages in order, and writes of whole rows
//! under the team's lock. A resource that is the platform's own, which only API keys can be, has no team.

use std::fmt::Display;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use prost::Message;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, Select, Value,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use watchbell_model::ids::{ChannelId, KeyId, MemberId, MentionRuleId, RuleId, SilenceId, TeamId};
use watchbell_runtime::problem::Problem;
use watchbell_store::is_unique_violation;
use watchbell_store::paging::{Page, PageRequest};

use crate::error::{Error, Result};

/// An id of rows in their team.
pub(crate) trait RowId: Display + FromStr<Err: Display> + Send + Sync {
    /// The id as the database stores it.
    fn value(&self) -> Value;
}

/// The table of a resource.
pub(crate) trait Resource:
    EntityTrait<ActiveModel: Send, Model: IntoActiveModel<<Self as EntityTrait>::ActiveModel> + Sync>
{
    /// The id of rows in their team.
    type Id: RowId;
    /// What rows are ordered by.
    type SortKey: Clone + Into<Value> + Serialize + DeserializeOwned + Send + Sync;
    /// The message of a row.
    type Message: Message + Default;

    /// The resource in words, `mention rule`.
    const NAME: &'static str;
    /// The table's name.
    const TABLE: &'static str;
    /// The full name of the message's type.
    const MESSAGE: &'static str;
    /// The most that a team may have.
    const LIMIT: u64;
    /// The column of the team.
    const TEAM: Self::Column;
    /// The column of the id.
    const ID: Self::Column;
    /// The column that rows are listed by.
    const ORDER: Self::Column;

    /// The name of a row that is unique in the team besides the id.
    fn label(row: &Self::Model) -> String;

    /// What a row is ordered by.
    fn sort_key(row: &Self::Model) -> Self::SortKey;

    /// The size of a row in an answer, in bytes, when that is worth counting.
    fn bytes(_row: &Self::Model) -> usize {
        0
    }

    /// The version of a row; 1 if rows never change.
    fn version(_row: &Self::Model) -> i64 {
        1
    }

    /// The row as callers see it.
    fn message(row: &Self::Model, now: DateTime<Utc>) -> Result<Self::Message>;

    /// The team's rows, in order; without a team, the platform's.
    fn of_team(team: impl Into<Option<TeamId>>) -> Select<Self> {
        let rows = Self::find().order_by_asc(Self::ORDER);
        match team.into() {
            Some(team) => rows.filter(Self::TEAM.eq(team.as_uuid())),
            None => rows.filter(Self::TEAM.is_null()),
        }
    }

    /// The row, which may be gone.
    async fn seek(
        connection: &impl ConnectionTrait,
        team: impl Into<Option<TeamId>> + Send,
        id: &Self::Id,
    ) -> Result<Option<Self::Model>> {
        let query = Self::of_team(team).filter(Self::ID.eq(id.value()));
        Ok(query.one(connection).await?)
    }

    /// The row.
    async fn get(
        connection: &impl ConnectionTrait,
        team: impl Into<Option<TeamId>> + Send,
        id: &Self::Id,
    ) -> Result<Self::Model> {
        Self::seek(connection, team, id)
            .await?
            .ok_or_else(|| Problem::not_found(Self::NAME, id).into())
    }

    /// All rows of a team, in order.
    async fn all(connection: &impl ConnectionTrait, team: TeamId) -> Result<Vec<Self::Model>> {
        Ok(Self::of_team(team).all(connection).await?)
    }

    /// The number of a team's rows.
    async fn count(connection: &impl ConnectionTrait, team: TeamId) -> Result<u64> {
        Ok(PaginatorTrait::count(Self::of_team(team), connection).await?)
    }

    /// A page of some rows, which must be in order.
    async fn page(
        connection: &impl ConnectionTrait,
        rows: Select<Self>,
        page: &PageRequest<Self::SortKey>,
    ) -> Result<Page<Self::Model>> {
        let mut query = rows.limit(page.limit());
        if let Some(after) = &page.after {
            query = query.filter(Self::ORDER.gt(after.clone()));
        }
        let rows = query.all(connection).await?;
        page.within(rows.iter().map(Self::bytes))
            .page(rows, Self::sort_key)
            .map_err(|err| Error::corrupt(Self::TABLE, err))
    }

    /// Inserts a row.
    async fn add(connection: &impl ConnectionTrait, row: &Self::Model) -> Result<()> {
        let active: Self::ActiveModel = row.clone().into_active_model();
        let added = Self::insert(active).exec_without_returning(connection).await;
        added.map(drop).map_err(|err| taken::<Self>(err, row))
    }

    /// Writes the whole row, which was read under the team's lock.
    async fn put(connection: &impl ConnectionTrait, row: &Self::Model) -> Result<()> {
        let active: Self::ActiveModel = row.clone().into_active_model();
        let put = active.reset_all().update(connection).await;
        put.map(drop).map_err(|err| taken::<Self>(err, row))
    }

    /// Deletes the row.
    async fn remove(
        connection: &impl ConnectionTrait,
        team: impl Into<Option<TeamId>> + Send,
        id: &Self::Id,
    ) -> Result<()> {
        let rows = Self::delete_many().filter(Self::ID.eq(id.value()));
        let rows = match team.into() {
            Some(team) => rows.filter(Self::TEAM.eq(team.as_uuid())),
            None => rows.filter(Self::TEAM.is_null()),
        };
        rows.exec(connection).await?;
        Ok(())
    }
}

/// The error of a write, which may be that another row of the team has the name.
pub(super) fn taken<R: Resource>(err: DbErr, row: &R::Model) -> Error {
    if !is_unique_violation(&err) {
        return err.into();
    }
    Problem::AlreadyExists {
        resource: R::NAME,
        name: R::label(row),
    }
    .into()
}

macro_rules! row_ids {
    ($($id:ty),*) => {
        $(impl RowId for $id {
            fn value(&self) -> Value {
                self.as_uuid().into()
            }
        })*
    };
}

row_ids!(ChannelId, KeyId, MemberId, MentionRuleId, RuleId, SilenceId);

impl RowId for String {
    fn value(&self) -> Value {
        self.as_str().into()
    }
}

/// Writes the [`Resource`] of an entity, whose row has a `to_message`.
macro_rules! resource {
    (
        $name:literal in $table:literal: $entity:ident as $message:ident, at most $limit:expr,
        by $id:ident: $id_type:ty, in order of $order:ident: $sort_key:ty,
        |$row:ident, $now:ident| $label:expr, $sort_keyd:expr, $message_of_row:expr
        $(, version $version:expr)? $(, bytes $bytes:expr)? $(,)?
    ) => {
        impl $crate::store::Resource for $entity::Entity {
            type Id = $id_type;
            type SortKey = $sort_key;
            type Message = $message;
            const NAME: &'static str = $name;
            const TABLE: &'static str = $table;
            const MESSAGE: &'static str = concat!("watchbell.config.v1.", stringify!($message));
            const LIMIT: u64 = $limit;
            const TEAM: $entity::Column = $entity::Column::TeamId;
            const ID: $entity::Column = $entity::Column::$id;
            const ORDER: $entity::Column = $entity::Column::$order;

            fn label($row: &$entity::Model) -> String {
                $label.to_string()
            }

            fn sort_key($row: &$entity::Model) -> $sort_key {
                $sort_keyd
            }

            $(fn bytes($row: &$entity::Model) -> usize {
                $bytes
            })?

            $(fn version($row: &$entity::Model) -> i64 {
                $version
            })?

            fn message(
                $row: &$entity::Model,
                $now: ::chrono::DateTime<::chrono::Utc>,
            ) -> $crate::error::Result<$message> {
                $message_of_row
            }
        }
    };
}

pub(super) use resource;
