//! Addresses that were asked to confirm that they want a team's emails.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    Select,
};
use watchbell_model::ids::TeamId;

use super::entities::confirmation::{self, Column, Entity, Model};
use crate::error::Result;

pub(crate) async fn find(
    connection: &impl ConnectionTrait,
    team: TeamId,
    address_key: &str,
) -> Result<Option<Model>> {
    Ok(Entity::find_by_id((team.as_uuid(), address_key.to_owned()))
        .one(connection)
        .await?)
}

/// Every asking of a team, confirmed or not.
pub(crate) async fn all(connection: &impl ConnectionTrait, team: TeamId) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(Column::TeamId.eq(team.as_uuid()))
        .order_by_asc(Column::AddressKey)
        .all(connection)
        .await?)
}

pub(crate) async fn count_unconfirmed(connection: &impl ConnectionTrait, team: TeamId) -> Result<u64> {
    Ok(Entity::find()
        .filter(Column::TeamId.eq(team.as_uuid()))
        .filter(Column::ConfirmTime.is_null())
        .count(connection)
        .await?)
}

pub(crate) async fn put(connection: &impl ConnectionTrait, row: Model) -> Result<()> {
    Entity::insert(row.into_active_model())
        .on_conflict(
            OnConflict::columns([Column::TeamId, Column::AddressKey])
                .update_columns([
                    Column::Address,
                    Column::Mailbox,
                    Column::Nonce,
                    Column::AskTime,
                    Column::ConfirmTime,
                    Column::SentCount,
                    Column::SendTime,
                    Column::Due,
                ])
                .to_owned(),
        )
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

pub(crate) async fn delete(connection: &impl ConnectionTrait, row: &Model) -> Result<()> {
    Entity::delete_by_id((row.team_id, row.address_key.clone()))
        .exec(connection)
        .await?;
    Ok(())
}

/// A page of those to whom an email is still to be sent, after a row. Left out are mailboxes that have had
/// `most` emails since an instant, so that they hold up no other.
pub(crate) async fn due_all_teams(
    connection: &impl ConnectionTrait,
    since: DateTime<Utc>,
    most: u64,
    after: Option<&Model>,
    limit: u64,
) -> Result<Vec<Model>> {
    let full = Query::select()
        .column(Column::Mailbox)
        .from(Entity)
        .and_where(Column::SendTime.gt(since))
        .group_by_col(Column::Mailbox)
        .and_having(Expr::col(Column::AddressKey).count().gte(most))
        .to_owned();
    let due = Entity::find()
        .filter(Column::Due.eq(true))
        .filter(Column::Mailbox.not_in_subquery(full));
    page(connection, due, after, limit).await
}

/// How many emails have asked one mailbox since an instant, whichever teams they came from.
pub(crate) async fn sent_all_teams(
    connection: &impl ConnectionTrait,
    mailbox: &str,
    since: DateTime<Utc>,
) -> Result<u64> {
    Ok(Entity::find()
        .filter(Column::Mailbox.eq(mailbox))
        .filter(Column::SendTime.gt(since))
        .count(connection)
        .await?)
}

/// A page of those who were asked before an instant and have not confirmed.
pub(crate) async fn stale_all_teams(
    connection: &impl ConnectionTrait,
    before: DateTime<Utc>,
    after: Option<&Model>,
    limit: u64,
) -> Result<Vec<Model>> {
    let stale = Entity::find()
        .filter(Column::ConfirmTime.is_null())
        .filter(Column::AskTime.lt(before));
    page(connection, stale, after, limit).await
}

/// By key, so that rows that stay hold up none behind them.
async fn page(
    connection: &impl ConnectionTrait,
    rows: Select<Entity>,
    after: Option<&Model>,
    limit: u64,
) -> Result<Vec<Model>> {
    let mut page = rows.cursor_by((Column::TeamId, Column::AddressKey));
    if let Some(row) = after {
        page.after((row.team_id, row.address_key.clone()));
    }
    Ok(page.first(limit).all(connection).await?)
}

// === impl confirmation::Model ===

impl confirmation::Model {
    pub(crate) fn is_confirmed(&self) -> bool {
        self.confirm_time.is_some()
    }

    pub(crate) fn team(&self) -> TeamId {
        TeamId::from_uuid(self.team_id)
    }
}
