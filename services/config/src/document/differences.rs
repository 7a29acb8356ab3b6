//! What a change made of a team, in the words in which a document's differences are said.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use prost::Message;
use watchbell_contracts::config::v1::{
    ApiKey, Channel, ConfigChange, ConfigChangeAction, ConfigFieldChange, DigestSettings, EventType, Member,
    MentionRule, Rule, Silence, Team,
};
use watchbell_model::convert::{FromWire, instant};
use watchbell_model::preference::Preference as Word;
use watchbell_model::violation::Violations;
use watchbell_model::{ChannelKind, Permission, Plan, Role};
use watchbell_runtime::auth::Scope;

use super::entry;
use super::plan_channels::{Known, subject};
use super::plan_rules::{called, unmoved};
use super::tree::{Map, Tree};
use super::words::lower;
use crate::check;
use crate::error::Result;
use crate::store::history::{
    AskedRecipient, Difference, EntryChange, Key, Kind, SaidPreference, State, Texts, entry_message,
};

/// How the subject of what a member wants by email begins.
const PREFERENCES: &str = "preferences of ";
/// The longest value that is said, in characters.
const MAX_VALUE: usize = 2_000;
/// The most that is said of one change, in bytes.
const MAX_WORDS: usize = 256 * 1024;

/// The two states that a change lies between, and what neither says.
pub(crate) struct Differing<'a> {
    pub(crate) before: &'a State,
    pub(crate) after: &'a State,
    /// The addresses of members, by id.
    pub(crate) people: &'a HashMap<String, String>,
    /// What became of secrets, by the channel's id.
    pub(crate) secrets: &'a HashMap<String, Vec<ConfigFieldChange>>,
}

/// Both sides of an entry, as a document writes them.
struct Sides {
    before: Option<Map>,
    after: Option<Map>,
}

// === impl Differing ===

impl Differing<'_> {
    /// A change between the states in words.
    ///
    /// # Errors
    /// An entry that does not decode.
    pub(crate) fn in_words(&self, difference: &Difference) -> Result<Vec<ConfigChange>> {
        let mut changes = Vec::new();
        for kind in Kind::ALL {
            let entries = || difference.of(kind);
            match kind {
                Kind::Channel => changes.extend(self.channels(difference)?),
                Kind::Rule => changes.extend(self.rules(difference)?),
                Kind::Preference => changes.extend(self.preferences(entries())?),
                // Said with channels and rules.
                Kind::DefaultChannel | Kind::RuleOrder => {}
                Kind::Team => each::<Team>(&mut changes, entries(), |_| "team".to_owned(), team)?,
                Kind::EventType => each::<EventType>(
                    &mut changes,
                    entries(),
                    |it| format!("event type {}", it.name),
                    entry::event_type,
                )?,
                Kind::MentionRule => each::<MentionRule>(
                    &mut changes,
                    entries(),
                    |it| format!("mention rule {}", it.types.join(", ")),
                    |it| entry::mention_rule(it, |id| self.address_of(id).into()),
                )?,
                Kind::Silence => {
                    let known = self.known(self.after)?;
                    each::<Silence>(
                        &mut changes,
                        entries(),
                        |it| format!("silence {}", it.comment),
                        |it| entry::silence(it, |id| called(id, &known)),
                    )?;
                }
                Kind::Member => {
                    each::<Member>(
                        &mut changes,
                        entries(),
                        |it| format!("member {}", it.email),
                        member,
                    )?;
                }
                Kind::ComplianceRecipients => {
                    each::<Texts>(
                        &mut changes,
                        entries(),
                        |_| "compliance recipients".to_owned(),
                        |it| {
                            let texts = it.texts.iter().map(String::as_str);
                            Map::default().with_list("compliance_recipients", texts)
                        },
                    )?;
                }
                Kind::Digest => {
                    each::<DigestSettings>(&mut changes, entries(), |_| "digest".to_owned(), entry::digest)?;
                }
                Kind::ApiKey => {
                    let name = |it: &ApiKey| format!("API key {}", it.display_name);
                    each::<ApiKey>(&mut changes, entries(), name, api_key)?;
                }
                Kind::Recipient => {
                    let name = |it: &AskedRecipient| format!("recipient {}", it.address);
                    let map = |it: &AskedRecipient| Map::default().with("confirmed", it.confirmed);
                    each::<AskedRecipient>(&mut changes, entries(), name, map)?;
                }
            }
        }
        Ok(bounded(changes))
    }

    /// Channels of which anything differs: also that they became the default of their kind, or ceased to be.
    fn channels(&self, difference: &Difference) -> Result<Vec<ConfigChange>> {
        let mut ids: BTreeSet<String> = difference
            .of(Kind::Channel)
            .map(|entry| entry.id.clone())
            .collect();
        let sides = |entry: &EntryChange| [entry.before.clone(), entry.after.clone()];
        for bytes in difference.of(Kind::DefaultChannel).flat_map(sides).flatten() {
            ids.extend(entry_message::<Texts>(&bytes)?.texts);
        }
        let mut changes = Vec::new();
        for id in ids {
            let key = Key::new(Kind::Channel, id.as_str());
            let map = |state: &State| -> Result<Option<(String, Map)>> {
                let Some(channel) = state.get::<Channel>(&key)? else {
                    return Ok(None);
                };
                let is_default = default_of(state, &channel)?.as_deref() == Some(id.as_str());
                let kind = ChannelKind::of(&channel).map(|kind| subject(kind, &channel.display_name));
                Ok(Some((
                    kind.unwrap_or_default(),
                    entry::channel(&channel, is_default),
                )))
            };
            let (before, after) = (map(self.before)?, map(self.after)?);
            let named = after.as_ref().or(before.as_ref());
            let Some(subject) = named.map(|(subject, _)| subject.clone()) else {
                continue;
            };
            let sides = Sides {
                before: before.map(|(_, map)| map),
                after: after.map(|(_, map)| map),
            };
            let secrets = self.secrets.get(&id).cloned().unwrap_or_default();
            changes.extend(sides.change(subject, secrets));
        }
        Ok(changes)
    }

    fn rules(&self, difference: &Difference) -> Result<Vec<ConfigChange>> {
        let order = Key::single(Kind::RuleOrder);
        let (before, after) = (self.before.texts(&order)?, self.after.texts(&order)?);
        let found: Vec<_> = after
            .iter()
            .map(|id| before.iter().position(|other| other == id))
            .collect();
        let unmoved = unmoved(&found);
        let moved = after
            .iter()
            .zip(&found)
            .enumerate()
            .filter_map(|(place, (id, found))| {
                let was = found.filter(|was| !unmoved.contains(was))?;
                Some((id.as_str(), (was + 1, place + 1)))
            });
        let moved: BTreeMap<_, _> = moved.collect();
        let changed = difference.of(Kind::Rule).map(|entry| entry.id.as_str());
        let ids: BTreeSet<_> = changed.chain(moved.keys().copied()).collect();
        let (known_before, known_after) = (self.known(self.before)?, self.known(self.after)?);
        let mut changes = Vec::new();
        for id in ids {
            let key = Key::new(Kind::Rule, id);
            let was = self.before.get::<Rule>(&key)?;
            let is = self.after.get::<Rule>(&key)?;
            let named = is.as_ref().or(was.as_ref());
            let Some(subject) = named.map(|rule| format!("rule {}", rule.display_name)) else {
                continue;
            };
            let sides = Sides {
                before: was.map(|rule| entry::rule(&rule, |id| called(id, &known_before))),
                after: is.map(|rule| entry::rule(&rule, |id| called(id, &known_after))),
            };
            let position = moved.get(id).map(|(was, is)| ConfigFieldChange {
                field: "position".to_owned(),
                before: was.to_string(),
                after: is.to_string(),
            });
            changes.extend(sides.change(subject, position.into_iter().collect()));
        }
        Ok(changes)
    }

    /// A member's preferences are said together.
    fn preferences<'e>(&self, entries: impl Iterator<Item = &'e EntryChange>) -> Result<Vec<ConfigChange>> {
        let mut of_members: BTreeMap<String, (Map, Map)> = BTreeMap::new();
        for entry in entries {
            let Some((member, topic)) = entry.id.split_once('/') else {
                continue;
            };
            let (mut before, mut after) = of_members.remove(member).unwrap_or_default();
            before = before.with_some(topic, word(entry.before.as_deref())?);
            after = after.with_some(topic, word(entry.after.as_deref())?);
            of_members.insert(member.to_owned(), (before, after));
        }
        let said = of_members
            .into_iter()
            .map(|(member, (before, after))| ConfigChange {
                action: ConfigChangeAction::Update.into(),
                subject: format!("{PREFERENCES}{}", self.address_of(&member)),
                fields: before.changes_to(&after),
            });
        Ok(said.filter(|change| !change.fields.is_empty()).collect())
    }

    /// The address of a member, or the id of one who is not known.
    fn address_of(&self, id: &str) -> String {
        let key = Key::new(Kind::Member, id);
        let known = [self.after, self.before]
            .into_iter()
            .find_map(|state| state.get::<Member>(&key).ok().flatten())
            .map(|member| member.email);
        known
            .or_else(|| self.people.get(id).cloned())
            .unwrap_or_else(|| id.to_owned())
    }

    fn known(&self, state: &State) -> Result<Vec<Known>> {
        let channels = state.all::<Channel>(Kind::Channel)?.into_iter();
        let known = channels.filter_map(|(id, channel)| {
            Some(Known {
                id: id.to_owned(),
                kind: ChannelKind::of(&channel)?,
                name: channel.display_name,
            })
        });
        Ok(known.collect())
    }
}

/// The id of the default channel of a channel's kind.
pub(crate) fn default_of(state: &State, channel: &Channel) -> Result<Option<String>> {
    let Some(kind) = ChannelKind::of(channel) else {
        return Ok(None);
    };
    let key = Key::new(Kind::DefaultChannel, kind.as_str());
    Ok(state.texts(&key)?.into_iter().next())
}

fn each<'e, M: Message + Default>(
    changes: &mut Vec<ConfigChange>,
    entries: impl Iterator<Item = &'e EntryChange>,
    subject: impl Fn(&M) -> String,
    map: impl Fn(&M) -> Map,
) -> Result<()> {
    for entry in entries {
        let read = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(entry_message::<M>).transpose();
        let (before, after) = (read(&entry.before)?, read(&entry.after)?);
        let subject = after.as_ref().or(before.as_ref()).map(&subject);
        let sides = Sides {
            before: before.as_ref().map(&map),
            after: after.as_ref().map(&map),
        };
        changes.extend(sides.change(subject.unwrap_or_default(), Vec::new()));
    }
    Ok(())
}

// === impl Sides ===

impl Sides {
    /// The change in words, with what only its caller knows to differ.
    fn change(self, subject: String, more: Vec<ConfigFieldChange>) -> Option<ConfigChange> {
        let (action, mut fields) = match (self.before, self.after) {
            (None, None) => return None,
            (None, Some(after)) => {
                let fields = Map::default().changes_to(&after.without(&["name", "kind"]));
                (ConfigChangeAction::Create, fields)
            }
            (Some(before), None) => {
                let fields = before.without(&["name", "kind"]).changes_to(&Map::default());
                (ConfigChangeAction::Delete, fields)
            }
            (Some(before), Some(after)) => (ConfigChangeAction::Update, before.changes_to(&after)),
        };
        fields.extend(more);
        if fields.is_empty() && action == ConfigChangeAction::Update {
            return None;
        }
        Some(ConfigChange {
            action: action.into(),
            subject,
            fields,
        })
    }
}

fn team(team: &Team) -> Map {
    let plan = Plan::from_wire(team.plan).ok().flatten().unwrap_or_default();
    Map::default()
        .with("name", team.display_name.as_str())
        .with("plan", lower(plan))
        .with("time_zone", team.time_zone.as_str())
}

fn member(member: &Member) -> Map {
    let role = Role::from_wire(member.role).ok().flatten();
    let permissions = member
        .permissions
        .iter()
        .filter_map(|number| Permission::from_wire(*number).ok().flatten());
    let text = |text: &str| (!text.is_empty()).then(|| Tree::from(text));
    Map::default()
        .with("email", member.email.as_str())
        .with_some("name", text(&member.display_name))
        .with_some("role", role.map(lower))
        .with_some("slack_user_id", text(&member.slack_user_id))
        .with_list("permissions", permissions.map(lower))
}

fn api_key(key: &ApiKey) -> Map {
    let scopes = key.scopes.iter().filter_map(|number| check::scope(*number));
    let expires = instant(key.expire_time.as_ref(), "expire_time", &mut Violations::new());
    Map::default()
        .with_list("scopes", scopes.map(Scope::as_str))
        .with_some("expires", expires.map(|end| end.format("%FT%TZ").to_string()))
}

fn word(said: Option<&[u8]>) -> Result<Option<Tree>> {
    let Some(said) = said.map(entry_message::<SaidPreference>).transpose()? else {
        return Ok(None);
    };
    let read = said
        .preference
        .as_ref()
        .map(Word::read)
        .and_then(std::result::Result::ok);
    Ok(read.and_then(|(_, word)| word).map(entry::preference))
}

/// The changes with long values cut, and no more of them than an answer has room for.
fn bounded(changes: Vec<ConfigChange>) -> Vec<ConfigChange> {
    let mut left = MAX_WORDS;
    let all = changes.len();
    let mut kept = Vec::new();
    for mut change in changes {
        for field in &mut change.fields {
            for value in [&mut field.before, &mut field.after] {
                if let Some((end, _)) = value.char_indices().nth(MAX_VALUE) {
                    value.truncate(end);
                    value.push('…');
                }
            }
        }
        let Some(rest) = left.checked_sub(change.encoded_len()) else {
            kept.push(ConfigChange {
                action: ConfigChangeAction::Update.into(),
                subject: format!("and {} more", all - kept.len()),
                fields: Vec::new(),
            });
            break;
        };
        left = rest;
        kept.push(change);
    }
    kept
}

/// Whether a change in words is of what a member wants by email.
pub(crate) fn is_of_preferences(change: &ConfigChange) -> bool {
    change.subject.starts_with(PREFERENCES)
}
