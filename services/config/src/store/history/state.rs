//! A team's whole configuration at one moment, as entries: read from its tables, compared, and taken back.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use prost::Message;
use sea_orm::ConnectionTrait;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{
    ApiKey, Channel, DigestSettings, EventType, Member, MentionRule, Rule, Silence, Team,
};
use watchbell_model::ids::{MemberId, TeamId};

use super::entries::{AskedRecipient, Difference, EntryChange, Key, Kind, SaidPreference, TABLE, Texts};
use crate::error::Result;
use crate::store::entities::{
    api_key, channel, confirmation, event_type, member, mention_rule, preference, rule, silence,
};
use crate::store::{Resource, confirmations, decode, preferences, silences, teams};

/// Entries of a team's configuration at one moment, as messages.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct State {
    pub(crate) entries: BTreeMap<Key, Vec<u8>>,
    /// The sealed secrets of channels, by id. They are compared, and never kept.
    pub(crate) sealed: BTreeMap<String, Vec<u8>>,
}

/// The members whose entries a [`State`] has. There may be thousands, of which a change touches few.
#[derive(Debug, Clone)]
pub(crate) enum People {
    Some(BTreeSet<MemberId>),
    All,
}

// === impl State ===

impl State {
    /// Reads a team's entries, with those of some members; the connection must see one state of it. Silences that ended before
    /// `now` are no part of it.
    pub(crate) async fn read(
        connection: &impl ConnectionTrait,
        team: TeamId,
        now: DateTime<Utc>,
        people: &People,
    ) -> Result<Self> {
        let mut state = Self::default();
        // The change may have deleted the team.
        let Some(row) = teams::find(connection, team).await? else {
            return Ok(state);
        };
        let row = row.to_message()?;
        let team_message = Team {
            etag: String::new(),
            create_time: None,
            update_time: None,
            ..row
        };
        state.put(Key::single(Kind::Team), &team_message);
        for row in event_type::Entity::all(connection, team).await? {
            state.put_event_type(&row)?;
        }
        for row in channel::Entity::all(connection, team).await? {
            state.put_channel(&row, now)?;
        }
        let mut order = Texts::default();
        for row in rule::Entity::all(connection, team).await? {
            order.texts.push(row.rule_id().to_string());
            state.put_rule(&row)?;
        }
        if !order.texts.is_empty() {
            state.put(Key::single(Kind::RuleOrder), &order);
        }
        for row in mention_rule::Entity::all(connection, team).await? {
            state.put_mention_rule(&row)?;
        }
        for row in silences::ended_after(connection, team, now).await? {
            state.put_silence(&row, now)?;
        }
        let settings = teams::settings(connection, team).await?;
        let recipients = Texts {
            texts: settings.recipients(),
        };
        if !recipients.texts.is_empty() {
            state.put(Key::single(Kind::ComplianceRecipients), &recipients);
        }
        let digest = DigestSettings {
            etag: String::new(),
            ..settings.digest()?
        };
        if digest != DigestSettings::default() {
            state.put(Key::single(Kind::Digest), &digest);
        }
        for row in api_key::Entity::all(connection, team).await? {
            state.put_api_key(&row)?;
        }
        for row in confirmations::all(connection, team).await? {
            state.put_recipient(&row);
        }
        state.add_people(connection, team, people).await?;
        Ok(state)
    }

    /// Adds the entries of members.
    pub(crate) async fn add_people(
        &mut self,
        connection: &impl ConnectionTrait,
        team: TeamId,
        people: &People,
    ) -> Result<()> {
        match people {
            People::All => {
                for row in member::Entity::all(connection, team).await? {
                    self.put_member(&row)?;
                }
                for row in preferences::all(connection, team).await? {
                    self.put_preference(&row)?;
                }
            }
            People::Some(people) => {
                for id in people {
                    if let Some(row) = member::Entity::seek(connection, team, id).await? {
                        self.put_member(&row)?;
                    }
                    for row in preferences::of_member(connection, team, *id).await? {
                        self.put_preference(&row)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The message of an entry.
    pub(crate) fn get<M: Message + Default>(&self, key: &Key) -> Result<Option<M>> {
        let bytes = self.entries.get(key);
        bytes.map(|bytes| decode(TABLE, bytes)).transpose()
    }

    /// All entries of a kind, by id.
    pub(crate) fn all<M: Message + Default>(&self, kind: Kind) -> Result<Vec<(&str, M)>> {
        let of_kind = self.entries.range(Key::single(kind)..);
        let of_kind = of_kind.take_while(|(key, _)| key.kind == kind);
        of_kind
            .map(|(key, bytes)| Ok((key.id.as_str(), decode(TABLE, bytes)?)))
            .collect()
    }

    /// The list of texts of an entry; empty without one.
    pub(crate) fn texts(&self, key: &Key) -> Result<Vec<String>> {
        Ok(self.get::<Texts>(key)?.unwrap_or_default().texts)
    }

    pub(crate) fn put(&mut self, key: Key, message: &impl Message) {
        self.entries.insert(key, message.encode_to_vec());
    }

    /// What a change made of this state, without what it did to secrets.
    pub(crate) fn changes_to(&self, after: &Self) -> Difference {
        let keys: BTreeSet<_> = self.entries.keys().chain(after.entries.keys()).collect();
        let sides = keys
            .into_iter()
            .map(|key| (key, self.entries.get(key), after.entries.get(key)));
        let entries = sides
            .filter(|(_, before, after)| before != after)
            .map(|(key, before, after)| EntryChange {
                kind: key.kind as i32,
                id: key.id.clone(),
                before: before.cloned(),
                after: after.cloned(),
                secrets: Vec::new(),
            });
        Difference {
            entries: entries.collect(),
        }
    }

    /// Takes a change back, whatever is there now.
    pub(crate) fn undo(&mut self, difference: Difference) {
        for entry in difference.entries {
            let Some(key) = entry.key() else { continue };
            match entry.before {
                Some(before) => self.entries.insert(key, before),
                None => self.entries.remove(&key),
            };
        }
    }

    fn put_event_type(&mut self, row: &event_type::Model) -> Result<()> {
        let message = EventType {
            etag: String::new(),
            ..row.to_message()?
        };
        self.put(Key::new(Kind::EventType, row.name.as_str()), &message);
        Ok(())
    }

    fn put_channel(&mut self, row: &channel::Model, now: DateTime<Utc>) -> Result<()> {
        let read = row.to_message(now)?;
        let mut message = Channel {
            kind: read.kind,
            display_name: read.display_name,
            description: read.description,
            paused: read.paused,
            destination: read.destination,
            triggers: read.triggers,
            quiet_hours: read.quiet_hours,
            storm_control: read.storm_control,
            delivery: read.delivery,
            ..Channel::default()
        };
        if let Some(Destination::Webhook(webhook)) = &mut message.destination {
            webhook.live_secret_count = 0;
        }
        let id = row.channel_id().to_string();
        if row.is_default {
            let default = Texts {
                texts: vec![id.clone()],
            };
            self.put(Key::new(Kind::DefaultChannel, row.kind.as_str()), &default);
        }
        self.put(Key::new(Kind::Channel, id.as_str()), &message);
        self.sealed.insert(id, row.secrets.clone());
        Ok(())
    }

    fn put_rule(&mut self, row: &rule::Model) -> Result<()> {
        let message = Rule {
            team_id: String::new(),
            position: 0,
            etag: String::new(),
            create_time: None,
            update_time: None,
            ..row.to_message()?
        };
        self.put(Key::new(Kind::Rule, row.rule_id().to_string()), &message);
        Ok(())
    }

    fn put_mention_rule(&mut self, row: &mention_rule::Model) -> Result<()> {
        let message = MentionRule {
            team_id: String::new(),
            etag: String::new(),
            create_time: None,
            update_time: None,
            ..row.to_message()?
        };
        self.put(Key::new(Kind::MentionRule, row.rule_id().to_string()), &message);
        Ok(())
    }

    pub(crate) fn put_silence(&mut self, row: &silence::Model, now: DateTime<Utc>) -> Result<()> {
        let message = Silence {
            team_id: String::new(),
            state: 0,
            ..row.to_message(now)?
        };
        self.put(Key::new(Kind::Silence, row.silence_id().to_string()), &message);
        Ok(())
    }

    fn put_member(&mut self, row: &member::Model) -> Result<()> {
        let message = Member {
            team_id: String::new(),
            etag: String::new(),
            create_time: None,
            update_time: None,
            ..row.to_message()?
        };
        self.put(Key::new(Kind::Member, row.member_id().to_string()), &message);
        Ok(())
    }

    fn put_preference(&mut self, row: &preference::Model) -> Result<()> {
        let said = SaidPreference {
            preference: Some(row.to_message()?),
            by_link: row.before.is_some(),
        };
        let member = MemberId::from_uuid(row.member_id);
        self.put(Key::preference(member, &row.topic), &said);
        Ok(())
    }

    fn put_api_key(&mut self, row: &api_key::Model) -> Result<()> {
        let message = ApiKey {
            team_id: String::new(),
            last_use_time: None,
            ..row.to_message()?
        };
        self.put(Key::new(Kind::ApiKey, message.id.clone()), &message);
        Ok(())
    }

    fn put_recipient(&mut self, row: &confirmation::Model) {
        let asked = AskedRecipient {
            address: row.address.clone(),
            confirmed: row.is_confirmed(),
        };
        self.put(Key::new(Kind::Recipient, row.address_key.as_str()), &asked);
    }
}
