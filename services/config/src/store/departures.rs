//! Addresses that left a list of recipients by the link of an email. A departure can be undone while it is young and
//! while nothing but links has changed the list since.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter};
use watchbell_model::EmailAddress;
use watchbell_model::ids::{ChannelId, TeamId};

use super::entities::departure::{self, Column};
use crate::error::Result;

/// For how long a link takes back what it did.
pub(crate) const UNDO: TimeDelta = TimeDelta::days(7);

/// A list of recipients at a version of its row.
#[derive(Debug, Clone)]
pub(crate) struct List {
    team: TeamId,
    name: String,
    version: i64,
}

// === impl List ===

impl List {
    /// The recipients of an email channel.
    pub(crate) fn of_channel(team: TeamId, channel: ChannelId, version: i64) -> Self {
        Self {
            team,
            name: channel.to_string(),
            version,
        }
    }

    /// The recipients of the digest.
    pub(crate) fn of_digest(team: TeamId, version: i64) -> Self {
        Self {
            team,
            name: "digest".to_owned(),
            version,
        }
    }

    /// Whether the address left the list after `since` and nothing but links has changed the list since.
    pub(crate) async fn has_left(
        &self,
        connection: &impl ConnectionTrait,
        address: &EmailAddress,
        since: DateTime<Utc>,
    ) -> Result<bool> {
        let found = self.find(address).one(connection).await?;
        Ok(found.is_some_and(|left| left.version == self.version && left.leave_time > since))
    }

    /// Notes that the list moves on to its next version by a link: what left it before can still be undone.
    pub(crate) async fn moves_on(&self, connection: &impl ConnectionTrait) -> Result<()> {
        departure::Entity::update_many()
            .col_expr(Column::Version, Expr::value(self.version + 1))
            .filter(Column::TeamId.eq(self.team.as_uuid()))
            .filter(Column::List.eq(&self.name))
            .filter(Column::Version.eq(self.version))
            .exec(connection)
            .await?;
        Ok(())
    }

    /// Notes that an address has left; the version is that after it left.
    pub(crate) async fn leaves(
        &self,
        connection: &impl ConnectionTrait,
        address: &EmailAddress,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let row = departure::Model {
            team_id: self.team.as_uuid(),
            list: self.name.clone(),
            address_key: address.key(),
            version: self.version + 1,
            leave_time: now,
        };
        departure::Entity::insert(row.into_active_model())
            .on_conflict(
                OnConflict::columns([Column::TeamId, Column::List, Column::AddressKey])
                    .update_columns([Column::Version, Column::LeaveTime])
                    .to_owned(),
            )
            .exec_without_returning(connection)
            .await?;
        Ok(())
    }

    /// Forgets that an address left, since it is back.
    pub(crate) async fn returns(
        &self,
        connection: &impl ConnectionTrait,
        address: &EmailAddress,
    ) -> Result<()> {
        departure::Entity::delete_by_id((self.team.as_uuid(), self.name.clone(), address.key()))
            .exec(connection)
            .await?;
        Ok(())
    }

    fn find(&self, address: &EmailAddress) -> sea_orm::Select<departure::Entity> {
        departure::Entity::find_by_id((self.team.as_uuid(), self.name.clone(), address.key()))
    }
}

/// Forgets departures before an instant. Answers how many.
pub(crate) async fn prune_all_teams(connection: &impl ConnectionTrait, before: DateTime<Utc>) -> Result<u64> {
    let deleted = departure::Entity::delete_many()
        .filter(Column::LeaveTime.lt(before))
        .exec(connection)
        .await?;
    Ok(deleted.rows_affected)
}
