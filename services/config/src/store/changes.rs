//! Changing a team, and the feed that tells of it. Every change of anything in a team is one transaction that first
//! raises the team's revision, which also makes changes of one team wait for one another, and last appends to the
//! feed. The feed's head is one row that all writers lock for the moment before they commit: so cursors become
//! visible in their order, and a reader that has seen one never misses a smaller one. Configuration changes seldom
//! enough to afford that.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, ExprTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use watchbell_domain::ids::TeamId;
use watchbell_runtime::problem::Problem;
use watchbell_store::Store;

use super::entities::{change, feed, team};
use crate::error::{Error, Result};

/// The channel of the store's change bus on which an appended change is announced.
pub(crate) const NOTICES: &str = "config_changes";

/// The one row of the feed's table.
const FEED: i32 = 1;

/// A change of a team in progress. Dropped, it never happened.
pub(crate) struct Change {
    transaction: DatabaseTransaction,
    team: TeamId,
    revision: i64,
    now: DateTime<Utc>,
}

// === impl Change ===

impl Change {
    /// Begins to change a team that exists.
    pub(crate) async fn begin(store: &Store, team: TeamId, now: DateTime<Utc>) -> Result<Self> {
        let transaction = store.begin().await?;
        let raised = team::Entity::update_many()
            .col_expr(team::Column::Revision, Expr::col(team::Column::Revision).add(1))
            .filter(team::Column::Id.eq(team.as_uuid()))
            .exec(&transaction)
            .await?;
        if raised.rows_affected == 0 {
            return Err(Problem::not_found("team", team).into());
        }
        let revision: Option<i64> = team::Entity::find_by_id(team.as_uuid())
            .select_only()
            .column(team::Column::Revision)
            .into_tuple()
            .one(&transaction)
            .await?;
        let revision = revision.ok_or_else(|| Error::corrupt("teams", "a team vanished under its lock"))?;
        Ok(Self {
            transaction,
            team,
            revision,
            now,
        })
    }

    /// Begins with a team that does not exist yet; its row must be inserted with revision 1.
    pub(crate) async fn begin_new(store: &Store, team: TeamId, now: DateTime<Utc>) -> Result<Self> {
        Ok(Self {
            transaction: store.begin().await?,
            team,
            revision: 1,
            now,
        })
    }

    /// Where to write.
    pub(crate) fn connection(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// Whose change it is.
    pub(crate) fn team(&self) -> TeamId {
        self.team
    }

    /// When it happens.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Makes the change lasting and announces it; or, with `validate_only`, undoes it.
    pub(crate) async fn finish(self, store: &Store, validate_only: bool) -> Result<()> {
        if validate_only {
            self.transaction.rollback().await?;
            return Ok(());
        }
        feed::Entity::update_many()
            .col_expr(feed::Column::Head, Expr::col(feed::Column::Head).add(1))
            .filter(feed::Column::Id.eq(FEED))
            .exec(&self.transaction)
            .await?;
        let cursor = position_all_teams(&self.transaction).await?.head;
        change::Entity::insert(change::ActiveModel {
            cursor: Set(cursor),
            team_id: Set(self.team.as_uuid()),
            revision: Set(self.revision),
            create_time: Set(self.now),
        })
        .exec_without_returning(&self.transaction)
        .await?;
        self.transaction.commit().await?;
        if let Err(error) = store.bus().publish(NOTICES, "").await {
            // The change is made; those who follow the feed also poll it.
            tracing::warn!(%error, "a committed change could not be announced");
        }
        Ok(())
    }
}

/// Where the feed stands.
pub(crate) async fn position_all_teams(connection: &impl ConnectionTrait) -> Result<feed::Model> {
    feed::Entity::find_by_id(FEED)
        .one(connection)
        .await?
        .ok_or_else(|| Error::corrupt("feed", "the row is missing"))
}

/// Changes after a cursor, in order.
pub(crate) async fn after_all_teams(
    connection: &impl ConnectionTrait,
    cursor: i64,
    limit: u64,
) -> Result<Vec<change::Model>> {
    Ok(change::Entity::find()
        .filter(change::Column::Cursor.gt(cursor))
        .order_by_asc(change::Column::Cursor)
        .limit(limit)
        .all(connection)
        .await?)
}

/// Deletes changes made before an instant. Answers how many.
pub(crate) async fn prune_all_teams(store: &Store, before: DateTime<Utc>) -> Result<u64> {
    let newest: Option<i64> = change::Entity::find()
        .select_only()
        .column(change::Column::Cursor)
        .filter(change::Column::CreateTime.lt(before))
        .order_by_desc(change::Column::Cursor)
        .limit(1)
        .into_tuple()
        .one(store.reader())
        .await?;
    let Some(newest) = newest else {
        return Ok(0);
    };
    let transaction = store.begin().await?;
    feed::Entity::update_many()
        .col_expr(feed::Column::Pruned, Expr::value(newest))
        .filter(feed::Column::Id.eq(FEED))
        .filter(feed::Column::Pruned.lt(newest))
        .exec(&transaction)
        .await?;
    let deleted = change::Entity::delete_many()
        .filter(change::Column::Cursor.lte(newest))
        .exec(&transaction)
        .await?;
    transaction.commit().await?;
    Ok(deleted.rows_affected)
}

/// Locks the feed's one row until the transaction ends, without moving it.
pub(crate) async fn lock_feed(transaction: &impl ConnectionTrait) -> Result<()> {
    feed::Entity::update_many()
        .col_expr(feed::Column::Head, Expr::col(feed::Column::Head))
        .filter(feed::Column::Id.eq(FEED))
        .exec(transaction)
        .await?;
    Ok(())
}
