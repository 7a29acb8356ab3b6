//! The history of teams' configurations: what a change made of every entry, by the entry's id, and who made it. It is written in
//! the change's own transaction. A state of the past is the present one with later changes undone, so only differences are
//! kept. Secrets are no part of it: of a channel's secrets the names of those that changed are kept.

mod entries;
mod state;

use std::io::{Read, Write};

use chrono::{DateTime, TimeDelta, Utc};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use prost::Message;
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, Iterable, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use uuid::Uuid;
use watchbell_contracts::config::v1::{ConfigActor, ConfigActorKind, ConfigChange, ConfigRevision};
use watchbell_model::convert::timestamp;
use watchbell_model::ids::TeamId;
use watchbell_runtime::auth::Principal;
use watchbell_store::paging::{Page, PageRequest};

use super::entities::config_history::{Column, Entity, Model};
use super::entities::{api_key, member};
use super::{Resource, decode};
use crate::author::{Actor, Author};
use crate::error::{Error, Result};

pub(crate) use entries::{
    AskedRecipient, Difference, EntryChange, Key, Kind, SaidPreference, TABLE, Texts, called, entry_message,
};
pub(crate) use state::{People, State};

/// The time for which a change is kept.
const KEPT: TimeDelta = TimeDelta::days(400);
/// The number of changes of a team that are kept.
const MAX_KEPT: u64 = 10_000;
/// The bytes of a team's changes that are kept, its newest change in any case.
const MAX_KEPT_BYTES: i64 = 64 * 1024 * 1024;
/// The number of changes between two looks at how many a team has.
const TRIM_EVERY: i64 = 64;
/// A change of so many bytes is followed by such a look in any case.
const LARGE: usize = 64 * 1024;
/// The largest difference that is read, in bytes: a team's whole configuration, before and after.
const MAX_DIFFERENCE: u64 = 256 * 1024 * 1024;

/// The changes in words.
#[derive(Clone, PartialEq, Message)]
struct Said {
    #[prost(message, repeated, tag = "1")]
    changes: Vec<ConfigChange>,
}

/// Which changes, newest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct HistoryFilter {
    pub(crate) start: Option<DateTime<Utc>>,
    pub(crate) end: Option<DateTime<Utc>>,
    /// The actor's id, or name.
    pub(crate) actor: Option<String>,
}

// === impl Model ===

impl Model {
    /// A change, with its words.
    pub(crate) fn new(
        (team, revision, now): (TeamId, i64, DateTime<Utc>),
        author: &Author,
        actor: ConfigActor,
        changes: Vec<ConfigChange>,
        difference: &Difference,
    ) -> Result<Self> {
        let address = author.call.address.map(|address| address.to_string());
        Ok(Self {
            team_id: team.as_uuid(),
            revision,
            change_time: now,
            actor_kind: actor.kind,
            actor_id: actor.id,
            actor_name: actor.display_name,
            address: address.unwrap_or_default(),
            method: author.call.rpc(),
            changes: Some(packed(&Said { changes })?),
            difference: Some(packed(difference)?),
        })
    }

    pub(crate) fn to_message(&self) -> Result<ConfigRevision> {
        let said: Said = unpacked(self.changes.as_deref())?;
        Ok(ConfigRevision {
            revision: self.revision,
            change_time: Some(timestamp(self.change_time)),
            actor: Some(ConfigActor {
                kind: self.actor_kind,
                id: self.actor_id.clone(),
                display_name: self.actor_name.clone(),
            }),
            method: self.method.clone(),
            address: self.address.clone(),
            changes: said.changes,
        })
    }

    pub(crate) fn difference(&self) -> Result<Difference> {
        unpacked(self.difference.as_deref())
    }

    pub(crate) fn is_by_link(&self) -> bool {
        self.actor_kind == i32::from(ConfigActorKind::EmailLink)
    }
}

fn packed(message: &impl Message) -> Result<Vec<u8>> {
    let mut packer = DeflateEncoder::new(Vec::new(), Compression::default());
    packer
        .write_all(&message.encode_to_vec())
        .map_err(|error| Error::corrupt(TABLE, error))?;
    packer.finish().map_err(|error| Error::corrupt(TABLE, error))
}

fn unpacked<M: Message + Default>(packed: Option<&[u8]>) -> Result<M> {
    let Some(packed) = packed else {
        return Ok(M::default());
    };
    let mut bytes = Vec::new();
    DeflateDecoder::new(packed)
        .take(MAX_DIFFERENCE)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::corrupt(TABLE, error))?;
    decode(TABLE, &bytes)
}

/// The actor, with the name that it has now.
pub(crate) async fn actor(
    connection: &impl ConnectionTrait,
    team: TeamId,
    actor: &Actor,
) -> Result<ConfigActor> {
    let (kind, id, display_name) = match actor {
        Actor::Principal(Principal::Service) => (ConfigActorKind::Platform, String::new(), String::new()),
        Actor::Principal(Principal::Member { member_id, .. }) | Actor::Member(member_id) => {
            let row = member::Entity::seek(connection, team, member_id).await?;
            let name = row.map(|row| row.email).unwrap_or_default();
            (ConfigActorKind::Member, member_id.to_string(), name)
        }
        Actor::Principal(Principal::ApiKey { key_id, team_id, .. }) => {
            let row = api_key::Entity::seek(connection, *team_id, key_id).await?;
            let name = row.map(|row| row.display_name).unwrap_or_default();
            (ConfigActorKind::ApiKey, key_id.to_string(), name)
        }
        Actor::EmailLink { member_id, address } => {
            (ConfigActorKind::EmailLink, member_id.clone(), address.clone())
        }
    };
    Ok(ConfigActor {
        kind: kind.into(),
        id,
        display_name,
    })
}

/// Keeps a change, in its transaction.
pub(crate) async fn insert(connection: &impl ConnectionTrait, row: Model) -> Result<()> {
    let (team, revision) = (row.team_id, row.revision);
    let size = [&row.changes, &row.difference];
    let size: usize = size.into_iter().flatten().map(Vec::len).sum();
    Entity::insert(row.into_active_model())
        .exec_without_returning(connection)
        .await?;
    if revision % TRIM_EVERY == 0 || size >= LARGE {
        trim(connection, team).await?;
    }
    Ok(())
}

/// Deletes the oldest changes of a team that has too many, or too large ones.
async fn trim(connection: &impl ConnectionTrait, team: Uuid) -> Result<()> {
    let sizes: Vec<(i64, i64)> = Entity::find()
        .select_only()
        .column(Column::Revision)
        .expr_as(
            Expr::cust("CAST(COALESCE(LENGTH(changes), 0) + COALESCE(LENGTH(difference), 0) AS BIGINT)"),
            "size",
        )
        .filter(Column::TeamId.eq(team))
        .order_by_desc(Column::Revision)
        .limit(MAX_KEPT + 1)
        .into_tuple()
        .all(connection)
        .await?;
    if let Some(newest) = first_beyond(&sizes) {
        Entity::delete_many()
            .filter(Column::TeamId.eq(team))
            .filter(Column::Revision.lte(newest))
            .exec(connection)
            .await?;
    }
    Ok(())
}

/// The newest change that is kept no longer, of revisions with their sizes, newest first.
fn first_beyond(sizes: &[(i64, i64)]) -> Option<i64> {
    let mut left = MAX_KEPT_BYTES;
    for (position, (revision, size)) in (0_u64..).zip(sizes) {
        left -= size;
        if position > 0 && left < 0 || position >= MAX_KEPT {
            return Some(*revision);
        }
    }
    None
}

/// Deletes old changes of all teams, but no team's newest one: it says since when nothing has changed.
pub(crate) async fn prune_all_teams(connection: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<()> {
    let newest = "revision < (SELECT MAX(other.revision) FROM config_history other
        WHERE other.team_id = config_history.team_id)";
    Entity::delete_many()
        .filter(Column::ChangeTime.lt(now - KEPT))
        .filter(Expr::cust(newest))
        .exec(connection)
        .await?;
    Ok(())
}

/// A page of changes, newest first.
pub(crate) async fn list(
    connection: &impl ConnectionTrait,
    team: TeamId,
    filter: &HistoryFilter,
    page: &PageRequest<i64>,
) -> Result<Page<ConfigRevision>> {
    let condition = Condition::all()
        .add(Column::TeamId.eq(team.as_uuid()))
        .add_option(page.after.map(|after| Column::Revision.lt(after)))
        .add_option(filter.start.map(|start| Column::ChangeTime.gte(start)))
        .add_option(filter.end.map(|end| Column::ChangeTime.lt(end)))
        .add_option(filter.actor.as_deref().map(|actor| {
            Condition::any()
                .add(Column::ActorId.eq(actor))
                .add(Column::ActorName.eq(actor))
        }));
    let rows = shown(Entity::find().select_only())
        .filter(condition)
        .order_by_desc(Column::Revision)
        .limit(page.limit())
        .all(connection)
        .await?;
    let revisions: Vec<_> = rows.iter().map(Model::to_message).collect::<Result<_>>()?;
    page.within(revisions.iter().map(Message::encoded_len))
        .page(revisions, |revision| revision.revision)
        .map_err(|error| Error::corrupt(TABLE, error))
}

/// A team's changes after a revision.
pub(crate) struct Summary {
    /// The newest of them first.
    pub(crate) newest: Vec<ConfigRevision>,
    /// How many there are.
    pub(crate) count: i64,
    /// The oldest one's revision.
    pub(crate) first: Option<i64>,
}

/// A summary of a team's changes after a revision, which names so many of them.
pub(crate) async fn summary_after(
    connection: &impl ConnectionTrait,
    team: TeamId,
    revision: i64,
    most: u64,
) -> Result<Summary> {
    let changes = || {
        Entity::find()
            .select_only()
            .filter(Column::TeamId.eq(team.as_uuid()))
            .filter(Column::Revision.gt(revision))
    };
    let rows = shown(changes())
        .order_by_desc(Column::Revision)
        .limit(most)
        .all(connection)
        .await?;
    let counted: Option<(i64, Option<i64>)> = changes()
        .column_as(Column::Revision.count(), "count")
        .column_as(Column::Revision.min(), "first")
        .into_tuple()
        .one(connection)
        .await?;
    let (count, first) = counted.unwrap_or_default();
    Ok(Summary {
        newest: rows.iter().map(Model::to_message).collect::<Result<_>>()?,
        count,
        first,
    })
}

/// The columns of changes that are shown. Differences may be large, and are not.
fn shown(changes: Select<Entity>) -> Select<Entity> {
    let columns = Column::iter().filter(|column| !matches!(column, Column::Difference));
    changes.columns(columns).expr_as(Expr::cust("NULL"), "difference")
}

/// A change.
pub(crate) async fn find(
    connection: &impl ConnectionTrait,
    team: TeamId,
    revision: i64,
) -> Result<Option<Model>> {
    Ok(Entity::find_by_id((team.as_uuid(), revision))
        .one(connection)
        .await?)
}

/// The oldest change that is kept: before it the configuration is not known.
pub(crate) async fn oldest(connection: &impl ConnectionTrait, team: TeamId) -> Result<Option<Model>> {
    Ok(Entity::find()
        .filter(Column::TeamId.eq(team.as_uuid()))
        .order_by_asc(Column::Revision)
        .limit(1)
        .one(connection)
        .await?)
}

/// At most `limit` changes after a revision, newest first, from the one before `before` on.
pub(crate) async fn after(
    connection: &impl ConnectionTrait,
    team: TeamId,
    revision: i64,
    before: Option<i64>,
    limit: u64,
) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(Column::TeamId.eq(team.as_uuid()))
        .filter(Column::Revision.gt(revision))
        .filter(Condition::all().add_option(before.map(|before| Column::Revision.lt(before))))
        .order_by_desc(Column::Revision)
        .limit(limit)
        .all(connection)
        .await?)
}

/// The change that made a revision: the newest one up to it, since what changes nothing of the configuration raises it, too.
pub(crate) async fn made_by(
    connection: &impl ConnectionTrait,
    team: TeamId,
    revision: i64,
) -> Result<Option<Model>> {
    newest(connection, team, Column::Revision.lte(revision)).await
}

/// The newest change that was made by then.
pub(crate) async fn in_force_at(
    connection: &impl ConnectionTrait,
    team: TeamId,
    time: DateTime<Utc>,
) -> Result<Option<Model>> {
    newest(connection, team, Column::ChangeTime.lte(time)).await
}

async fn newest(connection: &impl ConnectionTrait, team: TeamId, among: SimpleExpr) -> Result<Option<Model>> {
    Ok(Entity::find()
        .filter(Column::TeamId.eq(team.as_uuid()))
        .filter(among)
        .order_by_desc(Column::Revision)
        .limit(1)
        .one(connection)
        .await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_changes_go_when_there_are_too_many_or_too_large_ones() {
        let many = i64::try_from(MAX_KEPT).unwrap();
        let small: Vec<_> = (1..=many + 1).rev().map(|revision| (revision, 10)).collect();
        assert_eq!(first_beyond(&small), Some(1));
        assert_eq!(first_beyond(&small[..small.len() - 1]), None);
        let half = MAX_KEPT_BYTES / 2;
        assert_eq!(first_beyond(&[(9, half), (8, half), (5, 1)]), Some(5));
        assert_eq!(first_beyond(&[(9, MAX_KEPT_BYTES + 1)]), None, "the newest stays");
    }
}
