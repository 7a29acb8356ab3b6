//! Changing a team, and the feed that tells of it. Every change of anything in a team is one transaction that first
//! raises the team's revision, which also makes changes of one team wait for one another, and last appends to the
//! feed. The feed's head is one row that all writers lock for the moment before they commit: so cursors become
//! visible in their order, and a reader that has seen one never misses a smaller one. Configuration changes seldom
//! enough to afford that.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use tokio::sync::Mutex;
use uuid::Uuid;
use watchbell_contracts::config::v1::ConfigActor;
use watchbell_model::ids::{MemberId, TeamId};
use watchbell_runtime::problem::Problem;
use watchbell_store::Store;

use super::entities::{change, feed, team};
use super::history::{self, People, State};
use crate::author::Author;
use crate::error::{Error, Result};

/// The one row of the feed's table.
const FEED: i32 = 1;

/// A change of a team in progress. Dropped, it never happened.
pub(crate) struct Change {
    transaction: DatabaseTransaction,
    team: TeamId,
    revision: i64,
    now: DateTime<Utc>,
    /// Absent for changes that are no team's.
    author: Option<(Author, ConfigActor)>,
    /// The team's entries before the change, with those of the members that it touches.
    before: Mutex<Before>,
}

/// See [`Change::before`].
#[derive(Default)]
struct Before {
    state: State,
    people: BTreeSet<MemberId>,
}

// === impl Change ===

impl Change {
    /// Begins to change a team that exists.
    pub(crate) async fn begin(
        store: &Store,
        team: TeamId,
        now: DateTime<Utc>,
        author: Author,
    ) -> Result<Self> {
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
        let state = State::read(&transaction, team, now, &People::Some(BTreeSet::new())).await?;
        // Its name is read now: it may delete itself.
        let actor = history::actor(&transaction, team, &author.actor).await?;
        Ok(Self {
            transaction,
            team,
            revision,
            now,
            author: Some((author, actor)),
            before: Mutex::new(Before {
                state,
                people: BTreeSet::new(),
            }),
        })
    }

    /// Begins with a team that does not exist yet; its row must be inserted with revision 1.
    pub(crate) async fn begin_new(
        store: &Store,
        team: TeamId,
        now: DateTime<Utc>,
        author: Author,
    ) -> Result<Self> {
        let transaction = store.begin().await?;
        let actor = history::actor(&transaction, team, &author.actor).await?;
        Ok(Self {
            transaction,
            team,
            revision: 1,
            now,
            author: Some((author, actor)),
            before: Mutex::default(),
        })
    }

    /// Begins to change what is no part of a team's configuration, such as its cell: followers of the feed read the team again.
    pub(crate) async fn begin_apart(store: &Store, team: TeamId, now: DateTime<Utc>) -> Result<Self> {
        let transaction = store.begin().await?;
        let revision: Option<i64> = team::Entity::find_by_id(team.as_uuid())
            .select_only()
            .column(team::Column::Revision)
            .into_tuple()
            .one(&transaction)
            .await?;
        Ok(Self {
            transaction,
            team,
            revision: revision.unwrap_or_default(),
            now,
            author: None,
            before: Mutex::default(),
        })
    }

    /// Begins to change the platform's own keys, which are no team's.
    pub(crate) async fn begin_platform(store: &Store, now: DateTime<Utc>) -> Result<Self> {
        Ok(Self {
            transaction: store.begin().await?,
            team: TeamId::from_uuid(Uuid::nil()),
            revision: 0,
            now,
            author: None,
            before: Mutex::default(),
        })
    }

    /// The transaction to write in.
    pub(crate) fn connection(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// The team that changes.
    pub(crate) fn team(&self) -> TeamId {
        self.team
    }

    /// The time of the change.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// The revision that the change makes.
    pub(crate) fn revision(&self) -> i64 {
        self.revision
    }

    /// The author, and how it was called when the change began; none for changes that are no team's.
    pub(crate) fn author(&self) -> Option<(&Author, &ConfigActor)> {
        self.author.as_ref().map(|(author, actor)| (author, actor))
    }

    /// Says that a member, or what the member wants by email, is about to change: for the history, which looks at no others.
    pub(crate) async fn touch(&self, member: MemberId) -> Result<()> {
        let mut before = self.before.lock().await;
        if before.people.insert(member) {
            let people = People::Some([member].into());
            before
                .state
                .add_people(&self.transaction, self.team, &people)
                .await?;
        }
        Ok(())
    }

    /// The team's entries before the change, with those of the members that it touches.
    pub(crate) async fn before(&self) -> State {
        self.before.lock().await.state.clone()
    }

    /// The same as they are now.
    pub(crate) async fn state(&self) -> Result<State> {
        let people = People::Some(self.before.lock().await.people.clone());
        State::read(&self.transaction, self.team, self.now, &people).await
    }

    /// Rolls the change back.
    pub(crate) async fn roll_back(self) -> Result<()> {
        Ok(self.transaction.rollback().await?)
    }

    /// Commits the change; its cursor in the feed.
    pub(crate) async fn commit(self) -> Result<i64> {
        feed::Entity::update_many()
            .col_expr(feed::Column::Head, Expr::col(feed::Column::Head).add(1))
            .filter(feed::Column::Id.eq(FEED))
            .exec(&self.transaction)
            .await?;
        let feed = feed::Entity::find_by_id(FEED).one(&self.transaction).await?;
        let cursor = feed
            .ok_or_else(|| Error::corrupt("feed", "the row is missing"))?
            .head;
        change::Entity::insert(change::ActiveModel {
            cursor: Set(cursor),
            team_id: Set(self.team.as_uuid()),
            revision: Set(self.revision),
            create_time: Set(self.now),
            nonce: Set(Some(Uuid::new_v4())),
        })
        .exec_without_returning(&self.transaction)
        .await?;
        self.transaction.commit().await?;
        Ok(cursor)
    }
}

/// A place in the feed's history: after the change with this cursor, or before all changes when it is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) cursor: i64,
    pub(crate) nonce: Option<Uuid>,
}

// === impl change::Model ===

impl change::Model {
    pub(crate) fn position(&self) -> Position {
        Position {
            cursor: self.cursor,
            nonce: self.nonce,
        }
    }

    /// The team that changed; `None` stands for the platform's keys.
    pub(crate) fn team(&self) -> Option<TeamId> {
        (!self.team_id.is_nil()).then(|| TeamId::from_uuid(self.team_id))
    }
}

/// The end of the feed.
pub(crate) async fn end_all_teams(connection: &impl ConnectionTrait) -> Result<Position> {
    let newest = change::Entity::find()
        .order_by_desc(change::Column::Cursor)
        .limit(1)
        .one(connection)
        .await?;
    Ok(newest.map_or_else(Position::default, |row| row.position()))
}

/// The position with this cursor. Without a nonce when there is none.
pub(crate) async fn at_all_teams(connection: &impl ConnectionTrait, cursor: i64) -> Result<Position> {
    let row = change::Entity::find_by_id(cursor).one(connection).await?;
    Ok(row.map_or(Position { cursor, nonce: None }, |row| row.position()))
}

/// At most `limit` changes after a position, in order. `None` when the position is not part of the feed's history: it was
/// pruned, or the database went back to an earlier state.
pub(crate) async fn after_all_teams(
    connection: &impl ConnectionTrait,
    position: Position,
    limit: u64,
) -> Result<Option<Vec<change::Model>>> {
    let mut rows = change::Entity::find()
        .filter(change::Column::Cursor.gte(position.cursor))
        .order_by_asc(change::Column::Cursor)
        .limit(limit + 1)
        .all(connection)
        .await?;
    if position.cursor == 0 {
        let from_the_start = rows.first().is_none_or(|first| first.cursor == 1);
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        return Ok(from_the_start.then_some(rows));
    }
    if rows.first().map(change::Model::position) != Some(position) {
        return Ok(None);
    }
    rows.remove(0);
    Ok(Some(rows))
}

/// Deletes changes made before an instant, except the newest one, where followers stand. Answers how many.
pub(crate) async fn prune_all_teams(store: &Store, before: DateTime<Utc>) -> Result<u64> {
    let end = end_all_teams(store.reader()).await?;
    let newest: Option<i64> = change::Entity::find()
        .select_only()
        .column(change::Column::Cursor)
        .filter(change::Column::CreateTime.lt(before))
        .filter(change::Column::Cursor.lt(end.cursor))
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
