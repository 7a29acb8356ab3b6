//! A team's configuration as Config keeps it, read at once.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait;
use uuid::Uuid;
use watchbell_contracts::config::v1::{
    Channel, ChannelSecrets, DigestSettings, EventType, MentionRule, Rule, Silence,
};
use watchbell_contracts::event::v1::mention::Who;
use watchbell_model::ids::TeamId;
use watchbell_model::preference::Preference as Word;
use watchbell_model::{ChannelKind, Topic};

use crate::error::{Error, Result};
use crate::sealing::{Keyring, RowIdentity};
use crate::secrets;
use crate::store::entities::{channel, event_type, member, mention_rule, rule, silence, team_settings};
use crate::store::{Resource, preferences, silences, teams};

/// A team as of one revision.
pub(crate) struct Current {
    pub(crate) revision: i64,
    pub(super) event_types: Vec<(event_type::Model, EventType)>,
    pub(super) channels: Vec<CurrentChannel>,
    /// In order.
    pub(super) rules: Vec<(rule::Model, Rule)>,
    pub(super) mentions: Vec<(mention_rule::Model, MentionRule)>,
    /// Those that have not ended.
    pub(super) silences: Vec<(silence::Model, Silence)>,
    pub(super) members: Vec<member::Model>,
    /// Members' preferences, by member and topic; see [`Said`].
    pub(super) said: HashMap<(Uuid, Topic), Said>,
    pub(super) settings: team_settings::Model,
    pub(super) digest: DigestSettings,
}

/// A channel and, once they are opened, its secrets.
pub(crate) struct CurrentChannel {
    pub(super) row: channel::Model,
    pub(super) kind: ChannelKind,
    pub(super) message: Channel,
    pub(super) secrets: ChannelSecrets,
}

/// A member's word on a topic, and whether it was said by an email's unsubscribe link. That is between the member and
/// the link: a document neither shows nor changes it, or every apply would subscribe people again.
#[derive(Clone, Copy)]
pub(super) struct Said {
    pub(super) word: Word,
    pub(super) by_link: bool,
}

// === impl Current ===

impl Current {
    /// Reads a team; the connection must see one state of it.
    pub(crate) async fn read(
        connection: &impl ConnectionTrait,
        team: TeamId,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let revision = teams::get(connection, team).await?.revision;
        let settings = teams::settings(connection, team).await?;
        let mut said = HashMap::new();
        for row in preferences::all(connection, team).await? {
            let parsed = Word::read(&row.to_message()?);
            if let (topic, Some(word)) = parsed.map_err(|err| Error::corrupt("preferences", err))? {
                let by_link = row.before.is_some();
                said.insert((row.member_id, topic), Said { word, by_link });
            }
        }
        Ok(Self {
            revision,
            event_types: with_message(
                event_type::Entity::all(connection, team).await?,
                event_type::Model::to_message,
            )?,
            channels: channel::Entity::all(connection, team)
                .await?
                .into_iter()
                .map(|row| CurrentChannel::from_row(row, now))
                .collect::<Result<_>>()?,
            rules: with_message(
                rule::Entity::all(connection, team).await?,
                rule::Model::to_message,
            )?,
            mentions: with_message(
                mention_rule::Entity::all(connection, team).await?,
                mention_rule::Model::to_message,
            )?,
            silences: with_message(silences::ended_after(connection, team, now).await?, |row| {
                row.to_message(now)
            })?,
            members: member::Entity::all(connection, team).await?,
            said,
            digest: DigestSettings {
                etag: String::new(),
                ..settings.digest()?
            },
            settings,
        })
    }

    /// The name of a member in a document: the address, or the id of one who has left.
    pub(super) fn address_of(&self, id: &str) -> String {
        let found = self
            .members
            .iter()
            .find(|member| member.member_id().to_string() == id);
        found.map_or_else(|| id.to_owned(), |member| member.email.clone())
    }

    /// A mention rule without the members who have left, unless it names nobody else.
    pub(super) fn without_the_gone(&self, rule: &MentionRule) -> Option<MentionRule> {
        let is_there = |id: &str| {
            self.members
                .iter()
                .any(|member| member.member_id().to_string() == id)
        };
        let mut rule = rule.clone();
        rule.mentions.retain(|mention| match &mention.who {
            Some(Who::MemberId(id)) => is_there(id),
            _ => true,
        });
        (!rule.mentions.is_empty()).then_some(rule)
    }

    /// The member of an address.
    pub(super) fn member_at(&self, address: &str) -> Option<&member::Model> {
        let key = address.trim().to_ascii_lowercase();
        self.members.iter().find(|member| member.email_key == key)
    }

    /// Opens the channels' secrets, to compare with.
    pub(crate) fn open(&mut self, keyring: &Keyring, team: TeamId) -> Result<()> {
        for channel in &mut self.channels {
            let identity = RowIdentity::channel(team, channel.row.channel_id());
            channel.secrets = secrets::open(keyring, identity, &channel.row.secrets)?;
        }
        Ok(())
    }

    /// A channel and its secrets, as they are before a change.
    pub(crate) fn before(&self, index: usize) -> Option<secrets::Before<'_>> {
        self.channels.get(index).map(CurrentChannel::before)
    }
}

fn with_message<R, M>(rows: Vec<R>, message: impl Fn(&R) -> Result<M>) -> Result<Vec<(R, M)>> {
    rows.into_iter()
        .map(|row| {
            let message = message(&row)?;
            Ok((row, message))
        })
        .collect()
}

// === impl CurrentChannel ===

impl CurrentChannel {
    fn from_row(row: channel::Model, now: DateTime<Utc>) -> Result<Self> {
        Ok(Self {
            kind: row.kind()?,
            message: row.to_message(now)?,
            secrets: ChannelSecrets::default(),
            row,
        })
    }

    pub(super) fn before(&self) -> secrets::Before<'_> {
        secrets::Before {
            channel: &self.message,
            secrets: &self.secrets,
        }
    }
}
