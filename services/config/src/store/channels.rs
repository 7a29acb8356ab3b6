//! Channels. The row's columns win over whatever the stored message may say of the same.

use chrono::{DateTime, Utc};
use prost::Message;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{Channel, ChannelHealth};
use watchbell_model::ChannelKind;
use watchbell_model::convert::{FromWire, timestamp};
use watchbell_model::ids::{ChannelId, TeamId};
use watchbell_runtime::problem::Problem;
use watchbell_store::is_unique_violation;
use watchbell_store::paging::{Page, PageRequest};

use super::entities::channel;
use super::{decode, parse};
use crate::error::{Error, Result};
use crate::etag;

const TABLE: &str = "channels";

// === impl channel::Model ===

impl channel::Model {
    pub(crate) fn channel_id(&self) -> ChannelId {
        ChannelId::from_uuid(self.id)
    }

    pub(crate) fn kind(&self) -> Result<ChannelKind> {
        parse(TABLE, &self.kind)
    }

    /// The channel as read RPCs show it: secrets are not in it.
    pub(crate) fn to_message(&self, now: DateTime<Utc>) -> Result<Channel> {
        let mut spec: Channel = decode(TABLE, &self.spec)?;
        if let Some(Destination::Webhook(webhook)) = &mut spec.destination {
            let rotating = self.rotation_end.is_some_and(|end| now < end);
            webhook.live_secret_count = if rotating { 2 } else { 1 };
        }
        let health = if self.unhealthy {
            ChannelHealth::Unhealthy
        } else {
            ChannelHealth::Healthy
        };
        Ok(Channel {
            id: self.channel_id().to_string(),
            team_id: TeamId::from_uuid(self.team_id).to_string(),
            kind: self.kind()?.to_wire(),
            display_name: self.display_name.clone(),
            paused: self.paused,
            is_default: self.is_default,
            health: health.into(),
            health_message: self.health_message.clone(),
            health_epoch: self.health_epoch,
            recover_parked: self.recover_parked,
            etag: etag::from_version(self.version),
            create_time: Some(timestamp(self.create_time)),
            update_time: Some(timestamp(self.update_time)),
            ..spec
        })
    }

    /// Takes over what an admin configures from a message whose secrets have been taken out.
    pub(crate) fn configure(&mut self, message: &Channel) {
        self.display_name.clone_from(&message.display_name);
        self.paused = message.paused;
        let spec = Channel {
            description: message.description.clone(),
            destination: message.destination.clone(),
            triggers: message.triggers.clone(),
            quiet_hours: message.quiet_hours.clone(),
            storm_control: message.storm_control,
            delivery: message.delivery.clone(),
            ..Channel::default()
        };
        self.spec = spec.encode_to_vec();
    }
}

pub(crate) async fn get(
    connection: &impl ConnectionTrait,
    team: TeamId,
    id: ChannelId,
) -> Result<channel::Model> {
    of_team(team)
        .filter(channel::Column::Id.eq(id.as_uuid()))
        .one(connection)
        .await?
        .ok_or_else(|| Problem::not_found("channel", id).into())
}

pub(crate) async fn default_of_kind(
    connection: &impl ConnectionTrait,
    team: TeamId,
    kind: ChannelKind,
) -> Result<Option<channel::Model>> {
    Ok(of_team(team)
        .filter(channel::Column::Kind.eq(kind.as_str()))
        .filter(channel::Column::IsDefault.eq(true))
        .one(connection)
        .await?)
}

pub(crate) async fn list(
    connection: &impl ConnectionTrait,
    team: TeamId,
    kind: Option<ChannelKind>,
    page: &PageRequest<Uuid>,
) -> Result<Page<channel::Model>> {
    let mut query = of_team(team).limit(page.limit());
    if let Some(kind) = kind {
        query = query.filter(channel::Column::Kind.eq(kind.as_str()));
    }
    if let Some(after) = page.after {
        query = query.filter(channel::Column::Id.gt(after));
    }
    let rows = query.all(connection).await?;
    page.within(rows.iter().map(|row| row.spec.len()))
        .page(rows, |row| row.id)
        .map_err(|err| Error::corrupt(TABLE, err))
}

pub(crate) async fn all(connection: &impl ConnectionTrait, team: TeamId) -> Result<Vec<channel::Model>> {
    Ok(of_team(team).all(connection).await?)
}

pub(crate) async fn count(connection: &impl ConnectionTrait, team: TeamId) -> Result<u64> {
    Ok(of_team(team).count(connection).await?)
}

/// Inserts a channel under the team's lock; it becomes the default of its kind when there is none.
pub(crate) async fn insert(connection: &impl ConnectionTrait, row: &mut channel::Model) -> Result<()> {
    let team = TeamId::from_uuid(row.team_id);
    row.is_default = default_of_kind(connection, team, row.kind()?).await?.is_none();
    channel::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(connection)
        .await
        .map_err(|err| taken(err, row))?;
    Ok(())
}

/// Writes the whole row if its version is still `read`; else says so.
pub(crate) async fn update_if(
    connection: &impl ConnectionTrait,
    row: &channel::Model,
    read: i64,
) -> Result<bool> {
    let version: Option<i64> = of_team(TeamId::from_uuid(row.team_id))
        .select_only()
        .column(channel::Column::Version)
        .filter(channel::Column::Id.eq(row.id))
        .into_tuple()
        .one(connection)
        .await?;
    if version != Some(read) {
        return Ok(false);
    }
    // Under the team's lock, so nobody changes the row between the two statements. What the Dispatcher reports and
    // the default are not an update's to write.
    channel::ActiveModel {
        id: Set(row.id),
        display_name: Set(row.display_name.clone()),
        paused: Set(row.paused),
        spec: Set(row.spec.clone()),
        secrets: Set(row.secrets.clone()),
        rotation_end: Set(row.rotation_end),
        version: Set(row.version),
        update_time: Set(row.update_time),
        ..Default::default()
    }
    .update(connection)
    .await
    .map_err(|err| taken(err, row))?;
    Ok(true)
}

/// Writes the health, under the team's lock.
pub(crate) async fn update_health(connection: &impl ConnectionTrait, row: &channel::Model) -> Result<()> {
    channel::ActiveModel {
        id: Set(row.id),
        unhealthy: Set(row.unhealthy),
        health_message: Set(row.health_message.clone()),
        health_epoch: Set(row.health_epoch),
        health_time: Set(row.health_time),
        recover_parked: Set(row.recover_parked),
        version: Set(row.version),
        update_time: Set(row.update_time),
        ..Default::default()
    }
    .update(connection)
    .await?;
    Ok(())
}

/// Makes one channel the default of its kind, under the team's lock.
pub(crate) async fn set_default(connection: &impl ConnectionTrait, row: &mut channel::Model) -> Result<()> {
    // First away from the old, then to the new: there is never a second one, not even for a moment.
    channel::Entity::update_many()
        .col_expr(channel::Column::IsDefault, Expr::value(false))
        .col_expr(
            channel::Column::Version,
            Expr::col(channel::Column::Version).add(1),
        )
        .filter(channel::Column::TeamId.eq(row.team_id))
        .filter(channel::Column::Kind.eq(row.kind.as_str()))
        .filter(channel::Column::IsDefault.eq(true))
        .exec(connection)
        .await?;
    row.is_default = true;
    row.version += 1;
    channel::ActiveModel {
        id: Set(row.id),
        is_default: Set(true),
        version: Set(row.version),
        ..Default::default()
    }
    .update(connection)
    .await?;
    Ok(())
}

/// Deletes a channel under the team's lock. The oldest other of its kind takes its place as the default.
pub(crate) async fn delete(connection: &impl ConnectionTrait, row: &channel::Model) -> Result<()> {
    channel::Entity::delete_by_id(row.id)
        .filter(channel::Column::TeamId.eq(row.team_id))
        .exec(connection)
        .await?;
    if !row.is_default {
        return Ok(());
    }
    let next = of_team(TeamId::from_uuid(row.team_id))
        .filter(channel::Column::Kind.eq(row.kind.as_str()))
        .one(connection)
        .await?;
    if let Some(mut next) = next {
        set_default(connection, &mut next).await?;
    }
    Ok(())
}

/// Ids and sealed secrets of channels of any team, after an id; for sealing anew.
pub(crate) async fn secrets_all_teams(
    connection: &impl ConnectionTrait,
    after: Uuid,
    limit: u64,
) -> Result<Vec<(Uuid, Uuid, Vec<u8>)>> {
    Ok(channel::Entity::find()
        .select_only()
        .columns([
            channel::Column::Id,
            channel::Column::TeamId,
            channel::Column::Secrets,
        ])
        .filter(channel::Column::Id.gt(after))
        .order_by_asc(channel::Column::Id)
        .limit(limit)
        .into_tuple()
        .all(connection)
        .await?)
}

/// Replaces sealed secrets by the same ones sealed anew, unless they changed meanwhile.
pub(crate) async fn reseal(
    connection: &impl ConnectionTrait,
    team: TeamId,
    id: ChannelId,
    old: Vec<u8>,
    new: Vec<u8>,
) -> Result<()> {
    channel::Entity::update_many()
        .col_expr(channel::Column::Secrets, Expr::value(new))
        .filter(channel::Column::Id.eq(id.as_uuid()))
        .filter(channel::Column::TeamId.eq(team.as_uuid()))
        .filter(channel::Column::Secrets.eq(old))
        .exec(connection)
        .await?;
    Ok(())
}

fn of_team(team: TeamId) -> sea_orm::Select<channel::Entity> {
    channel::Entity::find()
        .filter(channel::Column::TeamId.eq(team.as_uuid()))
        .order_by_asc(channel::Column::Id)
}

fn taken(err: sea_orm::DbErr, row: &channel::Model) -> Error {
    if is_unique_violation(&err) {
        return Problem::AlreadyExists {
            resource: "channel",
            name: row.display_name.clone(),
        }
        .into();
    }
    err.into()
}
