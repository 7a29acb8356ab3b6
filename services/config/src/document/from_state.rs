//! A team's configuration of the past, made of its entries.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use prost::Message;
use watchbell_contracts::config::v1::{
    Channel, ChannelSecrets, DigestSettings, EventType, Member, MentionRule, Rule, Silence,
};
use watchbell_model::convert::instant;
use watchbell_model::ids::{ChannelId, MemberId, MentionRuleId, RuleId, SilenceId, TeamId};
use watchbell_model::preference::Preference as Word;
use watchbell_model::silence::Silence as CheckedSilence;
use watchbell_model::violation::Violations;
use watchbell_model::{ChannelKind, Topic};

use super::current::{Current, CurrentChannel, Said};
use super::differences::default_of;
use crate::check;
use crate::error::{Error, Result};
use crate::store::entities::{channel, event_type, member, mention_rule, rule, silence, team_settings};
use crate::store::history::{Key, Kind, SaidPreference, State, TABLE};

// === impl Current ===

impl Current {
    /// The configuration of a state, at `at`: silences that had ended by then are left out. Its rows have what a document needs, and
    /// no secrets.
    ///
    /// # Errors
    /// An entry that does not decode.
    pub(crate) fn from_state(state: &State, team: TeamId, revision: i64, at: DateTime<Utc>) -> Result<Self> {
        let recipients = state.texts(&Key::single(Kind::ComplianceRecipients))?;
        let digest: DigestSettings = state.get(&Key::single(Kind::Digest))?.unwrap_or_default();
        Ok(Self {
            revision,
            event_types: state
                .all::<EventType>(Kind::EventType)?
                .into_iter()
                .map(|(_, message)| (event_type::Model::new(team, &message), message))
                .collect(),
            channels: channels(state, team, at)?,
            rules: rules(state, team, at)?,
            mentions: mentions(state, team, at)?,
            silences: silences(state, team, at)?,
            members: members(state, team, at)?,
            said: said(state)?,
            settings: team_settings::Model {
                team_id: team.as_uuid(),
                compliance_recipients: recipients.join("\n"),
                digest: digest.encode_to_vec(),
                digest_version: 0,
            },
            digest,
        })
    }
}

fn id<T: std::str::FromStr>(text: &str) -> Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|error| Error::corrupt(TABLE, error))
}

fn channels(state: &State, team: TeamId, at: DateTime<Utc>) -> Result<Vec<CurrentChannel>> {
    let mut channels = Vec::new();
    for (text, message) in state.all::<Channel>(Kind::Channel)? {
        let Some(kind) = ChannelKind::of(&message) else {
            continue;
        };
        let mut row = channel::Model::new(team, kind, &message, at);
        row.id = id::<ChannelId>(text)?.as_uuid();
        row.is_default = default_of(state, &message)?.as_deref() == Some(text);
        channels.push(CurrentChannel {
            kind,
            message: row.to_message(at)?,
            row,
            secrets: ChannelSecrets::default(),
        });
    }
    Ok(channels)
}

/// In order.
fn rules(state: &State, team: TeamId, at: DateTime<Utc>) -> Result<Vec<(rule::Model, Rule)>> {
    let mut rules = Vec::new();
    for (position, text) in (1..).zip(state.texts(&Key::single(Kind::RuleOrder))?) {
        if let Some(message) = state.get::<Rule>(&Key::new(Kind::Rule, text.as_str()))? {
            let mut row = rule::Model::new(team, &message, at);
            row.id = id::<RuleId>(&text)?.as_uuid();
            row.position = position;
            rules.push((row.clone(), row.to_message()?));
        }
    }
    Ok(rules)
}

fn mentions(
    state: &State,
    team: TeamId,
    at: DateTime<Utc>,
) -> Result<Vec<(mention_rule::Model, MentionRule)>> {
    let mut rules = Vec::new();
    for (text, message) in state.all::<MentionRule>(Kind::MentionRule)? {
        let mut row = mention_rule::Model::new(team, &message, at);
        row.id = id::<MentionRuleId>(text)?.as_uuid();
        rules.push((row.clone(), row.to_message()?));
    }
    Ok(rules)
}

fn silences(state: &State, team: TeamId, at: DateTime<Utc>) -> Result<Vec<(silence::Model, Silence)>> {
    let mut silences = Vec::new();
    for (text, message) in state.all::<Silence>(Kind::Silence)? {
        let end = instant(message.end_time.as_ref(), "end_time", &mut Violations::new());
        if end.is_none_or(|end| end <= at) {
            continue;
        }
        let silence = CheckedSilence::try_from(&message).map_err(|error| Error::corrupt(TABLE, error))?;
        let mut row = silence::Model::new(team, &silence, at);
        row.id = id::<SilenceId>(text)?.as_uuid();
        silences.push((row.clone(), row.to_message(at)?));
    }
    Ok(silences)
}

fn members(state: &State, team: TeamId, at: DateTime<Utc>) -> Result<Vec<member::Model>> {
    let mut members = Vec::new();
    for (text, message) in state.all::<Member>(Kind::Member)? {
        let checked = check::member(&message).map_err(|error| Error::corrupt(TABLE, error))?;
        let mut row = member::Model::new(team, checked, at);
        row.id = id::<MemberId>(text)?.as_uuid();
        members.push(row);
    }
    Ok(members)
}

fn said(state: &State) -> Result<HashMap<(uuid::Uuid, Topic), Said>> {
    let mut all = HashMap::new();
    for (text, said) in state.all::<SaidPreference>(Kind::Preference)? {
        let Some((member, _)) = text.split_once('/') else {
            continue;
        };
        let Some(Ok((topic, Some(word)))) = said.preference.as_ref().map(Word::read) else {
            continue;
        };
        let by_link = said.by_link;
        all.insert((id::<MemberId>(member)?.as_uuid(), topic), Said { word, by_link });
    }
    Ok(all)
}
