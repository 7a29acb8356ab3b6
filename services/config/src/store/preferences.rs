//! Members' preferences.

use chrono::{DateTime, Utc};
use prost::Message as _;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};
use watchbell_contracts::config::v1::{Preference as Message, PreferenceSetting};
use watchbell_model::convert::FromWire;
use watchbell_model::ids::{MemberId, TeamId};
use watchbell_model::preference::Preference;
use watchbell_model::unsubscribe::LinkId;
use watchbell_model::{Severity, Topic};

use super::entities::preference;
use super::{decode, join, split};
use crate::error::Result;

const TABLE: &str = "preferences";

// === impl preference::Model ===

impl preference::Model {
    /// A member's own word.
    pub(crate) fn new(team: TeamId, member: MemberId, topic: Topic, word: Preference) -> Self {
        let message = word.to_message(topic, false);
        let severities = match word {
            Preference::Severities(severities) => join(severities.iter()),
            Preference::Off | Preference::On | Preference::Failures => String::new(),
        };
        Self {
            member_id: member.as_uuid(),
            topic: topic.to_string(),
            team_id: team.as_uuid(),
            setting: message.setting,
            severities,
            before: None,
            link_id: None,
            link_time: None,
        }
    }

    /// The member's word as the link of an email has it changed from `before`.
    pub(crate) fn by_link(self, before: &Message, link: &LinkId, now: DateTime<Utc>) -> Self {
        Self {
            before: Some(before.encode_to_vec()),
            link_id: Some(link.as_str().to_owned()),
            link_time: Some(now),
            ..self
        }
    }

    /// What was there before this link changed it, if the link did so after `since` and was the last who did.
    pub(crate) fn before_link(&self, link: &LinkId, since: DateTime<Utc>) -> Result<Option<Message>> {
        let own =
            self.link_id.as_deref() == Some(link.as_str()) && self.link_time.is_some_and(|at| at > since);
        let before = self.before.as_ref().filter(|_| own);
        before.map(|before| decode(TABLE, before)).transpose()
    }

    /// Whether it asks for nothing at all.
    pub(crate) fn is_off(&self) -> bool {
        match PreferenceSetting::try_from(self.setting) {
            Ok(PreferenceSetting::Off) => true,
            Ok(PreferenceSetting::Severities) => self.severities.is_empty(),
            _ => false,
        }
    }

    pub(crate) fn to_message(&self) -> Result<Message> {
        let severities = split::<Severity>(TABLE, &self.severities)?;
        Ok(Message {
            topic: self.topic.clone(),
            setting: self.setting,
            severities: severities.into_iter().map(FromWire::to_wire).collect(),
            is_default: false,
        })
    }
}

/// The preferences of one member.
pub(crate) async fn of_member(
    connection: &impl ConnectionTrait,
    team: TeamId,
    member: MemberId,
) -> Result<Vec<preference::Model>> {
    Ok(of_team(team)
        .filter(preference::Column::MemberId.eq(member.as_uuid()))
        .all(connection)
        .await?)
}

/// The preferences of all members of a team.
pub(crate) async fn all(connection: &impl ConnectionTrait, team: TeamId) -> Result<Vec<preference::Model>> {
    Ok(of_team(team).all(connection).await?)
}

pub(crate) async fn put(connection: &impl ConnectionTrait, row: preference::Model) -> Result<()> {
    use preference::Column;
    preference::Entity::insert(row.into_active_model())
        .on_conflict(
            OnConflict::columns([Column::MemberId, Column::Topic])
                .update_columns([
                    Column::Setting,
                    Column::Severities,
                    Column::Before,
                    Column::LinkId,
                    Column::LinkTime,
                ])
                .to_owned(),
        )
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// Goes back to the default.
pub(crate) async fn delete(
    connection: &impl ConnectionTrait,
    team: TeamId,
    member: MemberId,
    topic: Topic,
) -> Result<()> {
    preference::Entity::delete_many()
        .filter(preference::Column::TeamId.eq(team.as_uuid()))
        .filter(preference::Column::MemberId.eq(member.as_uuid()))
        .filter(preference::Column::Topic.eq(topic.as_str()))
        .exec(connection)
        .await?;
    Ok(())
}

fn of_team(team: TeamId) -> sea_orm::Select<preference::Entity> {
    preference::Entity::find()
        .filter(preference::Column::TeamId.eq(team.as_uuid()))
        .order_by_asc(preference::Column::MemberId)
        .order_by_asc(preference::Column::Topic)
}
