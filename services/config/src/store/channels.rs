//! Channels. The row's columns win over whatever the stored message may say of the same.

use chrono::{DateTime, Utc};
use prost::Message;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{Channel, ChannelHealth};
use watchbell_model::ChannelKind;
use watchbell_model::convert::{FromWire, timestamp};
use watchbell_model::ids::{ChannelId, TeamId};
use watchbell_store::paging::{Page, PageRequest};

use super::entities::channel;
use super::resource::{resource, taken};
use super::{Resource, decode, parse};
use crate::error::Result;
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

    /// A new channel, from a message whose secrets have been taken out and are still to be sealed.
    pub(crate) fn new(team: TeamId, kind: ChannelKind, message: &Channel, now: DateTime<Utc>) -> Self {
        let mut row = Self {
            id: ChannelId::generate(now).as_uuid(),
            team_id: team.as_uuid(),
            kind: kind.to_string(),
            display_name: String::new(),
            paused: false,
            is_default: false,
            spec: Vec::new(),
            secrets: Vec::new(),
            rotation_end: None,
            unhealthy: false,
            health_message: String::new(),
            health_epoch: 0,
            health_time: None,
            recover_parked: false,
            version: 0,
            create_time: now,
            update_time: now,
        };
        row.configure(message, now);
        row
    }

    /// Takes over what an admin configures, from a message whose secrets have been taken out.
    pub(crate) fn configure(&mut self, message: &Channel, now: DateTime<Utc>) {
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
        self.version += 1;
        self.update_time = now;
    }

    /// Enables a channel that was unhealthy.
    pub(crate) fn reenable(&mut self, recover_parked: bool, now: DateTime<Utc>) {
        self.unhealthy = false;
        self.health_message = String::new();
        self.health_epoch += 1;
        self.health_time = Some(now);
        self.recover_parked = recover_parked;
    }
}

resource!(
    "channel" in "channels": channel as Channel, at most 500,
    by Id: ChannelId, in order of Id: Uuid,
    |row, now| row.display_name, row.id, row.to_message(now), version row.version, bytes row.spec.len(),
);

pub(crate) async fn default_of_kind(
    connection: &impl ConnectionTrait,
    team: TeamId,
    kind: ChannelKind,
) -> Result<Option<channel::Model>> {
    Ok(channel::Entity::of_team(team)
        .filter(channel::Column::Kind.eq(kind.as_str()))
        .filter(Expr::col(channel::Column::IsDefault))
        .one(connection)
        .await?)
}

/// A page of channels, of one kind if it is said which.
pub(crate) async fn list(
    connection: &impl ConnectionTrait,
    team: TeamId,
    kind: Option<ChannelKind>,
    page: &PageRequest<Uuid>,
) -> Result<Page<channel::Model>> {
    let mut rows = channel::Entity::of_team(team);
    if let Some(kind) = kind {
        rows = rows.filter(channel::Column::Kind.eq(kind.as_str()));
    }
    channel::Entity::page(connection, rows, page).await
}

/// Inserts a channel under the team's lock; it becomes the default of its kind when there is none.
pub(crate) async fn insert(connection: &impl ConnectionTrait, row: &mut channel::Model) -> Result<()> {
    let team = TeamId::from_uuid(row.team_id);
    row.is_default = default_of_kind(connection, team, row.kind()?).await?.is_none();
    channel::Entity::add(connection, row).await
}

/// Writes the whole row if its version is still `read`; else says so.
pub(crate) async fn update_if(
    connection: &impl ConnectionTrait,
    row: &channel::Model,
    read: i64,
) -> Result<bool> {
    let version: Option<i64> = channel::Entity::of_team(TeamId::from_uuid(row.team_id))
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
    .map_err(|err| taken::<channel::Entity>(err, row))?;
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
        .filter(Expr::col(channel::Column::IsDefault))
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
    let next = channel::Entity::of_team(TeamId::from_uuid(row.team_id))
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
