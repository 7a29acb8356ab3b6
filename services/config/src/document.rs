//! A team's configuration as one document: what `ApplyTeamConfig` takes and `ExportTeamConfig` gives. The format is
//! written down, with an example that a test applies, in `docs/team-config.md`.
//!
//! [`desired`] reads a document, [`Current`] is what Config keeps, [`plan`] finds what has to be done and says it field
//! by field, and [`apply`] does it under the team's lock. All but the last touch neither database nor network. A
//! section that the document leaves out stays as it is; one that it has is made equal.
//!
//! Things are named as people name them: a channel by its kind and name, a rule by its name and place, a mention rule
//! by what it says, a member by the address. So a thing that keeps its name keeps its id, its health and its history.
//!
//! Secrets (`url`, `signing_secret`, `smtp.password`, the values of headers) are never exported. Given, they are
//! compared with the opened ones; left out, they stay. References such as `${env:NAME}` are resolved by whoever sends
//! the document (see [`references`]).

mod apply;
mod current;
mod entry;
mod export;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod paths;
mod plan;
mod plan_channels;
mod plan_rules;
mod read;
mod read_channel;
mod read_people;
mod reader;
pub mod references;
mod steps;
mod text;
mod tree;
mod words;

use std::collections::BTreeMap;

use watchbell_contracts::config::v1::{Channel, DigestSettings, EventType, MentionRule, Rule};
use watchbell_model::preference::Preference as Word;
use watchbell_model::{ChannelKind, Topic};

pub(crate) use apply::apply;
pub(crate) use current::Current;
pub(crate) use export::export;
pub(crate) use plan::plan;
pub(crate) use read::desired;
use read_channel::LeftOut;
pub(crate) use read_channel::in_document;
pub(crate) use steps::{ConfigPlan, GuardCheck};

use crate::warnings::Known;

/// What a document asks for. A section is absent when the document leaves it out. An entry with a violation may be among
/// the others, so that what refers to it is not wrong as well.
#[derive(Default)]
pub(crate) struct Desired {
    pub(crate) event_types: Option<Vec<Located<EventType>>>,
    pub(crate) channels: Option<Vec<ChannelDraft>>,
    /// Some entry's kind or name cannot be told, so a name that no channel has may be that one's.
    has_unread_channels: bool,
    pub(crate) rules: Option<Vec<RuleDraft>>,
    pub(crate) mentions: Option<Vec<MentionDraft>>,
    /// By the address in lower case.
    preferences: Option<BTreeMap<String, PreferencesDraft>>,
    compliance_recipients: Option<Vec<String>>,
    digest: Option<DigestSettings>,
}

/// What is odd about what a document asks for, a sentence each.
pub(crate) fn warnings(current: &Current, desired: &Desired) -> Vec<String> {
    let known = match &desired.event_types {
        Some(types) => Known::with(types.iter().map(|placed| placed.message.name.as_str())),
        None => Known::with(current.event_types.iter().map(|(row, _)| row.name.as_str())),
    };
    let channels = desired.channels.iter().flatten();
    let rules = desired.rules.iter().flatten();
    let mentions = desired.mentions.iter().flatten();
    channels
        .flat_map(|channel| known.of_channel(&channel.message))
        .chain(rules.flat_map(|rule| known.of_rule(&rule.message)))
        .chain(mentions.flat_map(|rule| known.of_mention_rule(&rule.message)))
        .collect()
}

/// A message and its place in the document.
pub(crate) struct Located<T> {
    path: String,
    message: T,
}

/// A channel, with the secrets that the document gives still in it.
pub(crate) struct ChannelDraft {
    path: String,
    kind: ChannelKind,
    message: Channel,
    is_default: bool,
    left_out: LeftOut,
}

/// A rule, whose channels are still names.
pub(crate) struct RuleDraft {
    message: Rule,
    send: Vec<ChannelRef>,
}

/// A mention rule, whose members are still addresses.
pub(crate) struct MentionDraft {
    message: MentionRule,
    members: Vec<MemberRef>,
}

/// The place of a member in a list of mentions, and what the document calls the member.
struct MemberRef {
    path: String,
    index: usize,
    address: String,
}

/// What a document calls a channel.
struct ChannelRef {
    path: String,
    kind: Option<ChannelKind>,
    name: String,
}

/// What a member says.
struct PreferencesDraft {
    path: String,
    words: BTreeMap<Topic, Word>,
}
