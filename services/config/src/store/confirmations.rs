//! Addresses that were asked to confirm that they want a team's emails.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Alias, Expr, ExprTrait as _, OnConflict, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use uuid::Uuid;
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

fn unconfirmed() -> Select<Entity> {
    Entity::find().filter(Column::ConfirmTime.is_null())
}

pub(crate) async fn count_unconfirmed(connection: &impl ConnectionTrait, team: TeamId) -> Result<u64> {
    Ok(unconfirmed()
        .filter(Column::TeamId.eq(team.as_uuid()))
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

/// Those to whom an email is still to be sent. Left out are mailboxes that have had `most` emails since an instant, so that
/// they hold up no other.
fn sendable(since: DateTime<Utc>, most: u64) -> Select<Entity> {
    let sent = || Alias::new("sent");
    let of_mailbox = Query::select()
        .expr(Expr::col((sent(), Column::AddressKey)).count())
        .from_as(Entity, sent())
        .and_where(Expr::col((sent(), Column::Mailbox)).equals((Entity, Column::Mailbox)))
        .and_where(Expr::col((sent(), Column::SendTime)).gt(since))
        .to_owned();
    // Not compared with a parameter, for which no partial index serves.
    Entity::find()
        .filter(Expr::col((Entity, Column::Due)))
        .filter(Expr::from(of_mailbox).lt(most))
}

fn teams_of(rows: Select<Entity>) -> Select<Entity> {
    rows.select_only().column(Column::TeamId).distinct()
}

/// The teams that have some to whom an email is still to be sent, see [`sendable`].
pub(crate) async fn due_all_teams(
    connection: &impl ConnectionTrait,
    since: DateTime<Utc>,
    most: u64,
) -> Result<Vec<TeamId>> {
    let teams: Vec<Uuid> = teams_of(sendable(since, most))
        .into_tuple()
        .all(connection)
        .await?;
    Ok(teams.into_iter().map(TeamId::from_uuid).collect())
}

/// Those of a team to whom an email is still to be sent, see [`sendable`].
pub(crate) async fn due(
    connection: &impl ConnectionTrait,
    team: TeamId,
    since: DateTime<Utc>,
    most: u64,
    limit: u64,
) -> Result<Vec<Model>> {
    Ok(sendable(since, most)
        .filter(Column::TeamId.eq(team.as_uuid()))
        .order_by_asc(Column::AddressKey)
        .limit(limit)
        .all(connection)
        .await?)
}

/// The number of emails that asked one mailbox since an instant, for all teams.
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
    let stale = unconfirmed().filter(Column::AskTime.lt(before));
    // By key, so that rows that stay hold up none behind them.
    let mut page = stale.cursor_by((Column::TeamId, Column::AddressKey));
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

#[cfg(test)]
mod tests {
    use sea_orm::{DbBackend, QueryTrait as _, TransactionTrait as _};
    use watchbell_store::{Store, store_tests};

    use super::super::Migrator;
    use super::*;

    store_tests! {
        migrator = Migrator;

        async fn what_waits_is_found_by_an_index(store: Store) {
            let (team, now) = (TeamId::generate(DateTime::UNIX_EPOCH), DateTime::UNIX_EPOCH);
            let of_team = |rows: Select<Entity>| rows.filter(Column::TeamId.eq(team.as_uuid()));
            for (rows, indexes) in [
                (
                    teams_of(sendable(now, 5)),
                    &["confirmations_due_by_team", "confirmations_by_mailbox"][..],
                ),
                (
                    of_team(sendable(now, 5)).order_by_asc(Column::AddressKey),
                    &["confirmations_due_by_team", "confirmations_by_mailbox"],
                ),
                (of_team(unconfirmed()), &["confirmations_unconfirmed"]),
            ] {
                let plan = plan(&store, &rows).await;
                for index in indexes {
                    assert!(plan.contains(index), "{index} is not in: {plan}");
                }
            }
        }
    }

    /// How the database finds rows.
    async fn plan(store: &Store, rows: &Select<Entity>) -> String {
        let transaction = store.writer().begin().await.unwrap();
        let backend = transaction.get_database_backend();
        let mut statement = rows.build(backend);
        let explain = match backend {
            DbBackend::Sqlite => "EXPLAIN QUERY PLAN",
            _ => {
                // So few rows are read whole otherwise.
                transaction
                    .execute_unprepared("SET LOCAL enable_seqscan = off")
                    .await
                    .unwrap();
                "EXPLAIN"
            }
        };
        let column = if backend == DbBackend::Sqlite {
            "detail"
        } else {
            "QUERY PLAN"
        };
        statement.sql = format!("{explain} {}", statement.sql);
        let lines = transaction.query_all_raw(statement).await.unwrap();
        let lines = lines
            .iter()
            .map(|line| line.try_get::<String>("", column).unwrap());
        lines.collect::<Vec<_>>().join("\n")
    }
}
