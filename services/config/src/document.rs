//! A team's configuration as one document: what `ApplyTeamConfig` takes and `ExportTeamConfig` gives. The format is
//! written down, with an example that a test applies, in `docs/team-config.md`.
//!
//! [`desired`] reads a document, [`Current`] is what Config keeps, [`plan`] finds what has to be done and says it field
//! by field, and [`apply`] does it under the team's lock. All but the last touch neither database nor network. A
//! section that the document leaves out stays as it is; one that it has is made equal.
//!
//! Things are named as people name them: a channel by its kind and name, a rule by its name and place, a mention rule
//! or silence by what it says, a member by the address. So a thing that keeps its name keeps its id, its health and its history.
//!
//! Secrets (`url`, `signing_secret`, `smtp.password`, the values of headers) are never exported. Given, they are
//! compared with the opened ones; left out, they stay. References such as `${env:NAME}` are resolved by whoever sends
//! the document (see [`references`]).

mod apply;
mod current;
mod differences;
mod entry;
mod export;
mod from_state;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod plan;
mod plan_channels;
mod plan_rules;
mod plan_silences;
mod plan_state;
mod read;
mod reader;
pub mod references;
#[cfg(test)]
mod schema;
mod shape;
mod steps;
mod text;
mod tree;
mod values;
mod words;

use std::collections::BTreeMap;

use watchbell_contracts::config::v1::{Channel, DigestSettings, EventType, MentionRule, Rule, Silence};
use watchbell_model::preference::Preference as Word;
use watchbell_model::text::line;
use watchbell_model::violation::Violations;
use watchbell_model::{ChannelKind, Topic};

pub(crate) use apply::apply;
pub(crate) use current::Current;
pub(crate) use differences::{Differing, default_of, is_of_preferences};
pub(crate) use export::export;
pub(crate) use plan::plan;
pub(crate) use plan_channels::secret_changes;
pub(crate) use plan_state::{PersonStep, StatePlan, plan_state};
pub(crate) use read::desired;
use shape::Shape;
pub(crate) use steps::{ConfigPlan, Context, GuardCheck};

use crate::warnings::{Known, without_mail_server};

/// The configuration that a document asks for. A section is absent when the document leaves it out. An entry with a
/// violation may be among the others, so that what refers to it is not wrong as well.
#[derive(Default)]
pub(crate) struct Desired {
    pub(crate) event_types: Option<Vec<Located<EventType>>>,
    pub(crate) channels: Option<Vec<ChannelDraft>>,
    /// Some entry's kind or name cannot be told, so a name that no channel has may be that one's.
    has_unread_channels: bool,
    pub(crate) rules: Option<Vec<RuleDraft>>,
    /// With the addresses of members in the places of their ids.
    pub(crate) mentions: Option<Vec<Located<MentionRule>>>,
    pub(crate) silences: Option<Vec<SilenceDraft>>,
    /// By the address in lower case.
    preferences: Option<BTreeMap<String, PreferencesDraft>>,
    compliance_recipients: Option<Vec<String>>,
    digest: Option<DigestSettings>,
}

/// Warnings about a document, a sentence each.
pub(crate) fn warnings(current: &Current, desired: &Desired, platform_mail: bool) -> Vec<String> {
    let known = match &desired.event_types {
        Some(types) => Known::with(types.iter().map(|placed| placed.message.name.as_str())),
        None => Known::with(current.event_types.iter().map(|(row, _)| row.name.as_str())),
    };
    let channels = desired.channels.iter().flatten();
    let rules = desired.rules.iter().flatten();
    let mentions = desired.mentions.iter().flatten();
    let silences = desired.silences.iter().flatten();
    channels
        .flat_map(|channel| {
            let mail = without_mail_server(&channel.message, platform_mail);
            known.of_channel(&channel.message).into_iter().chain(mail)
        })
        .chain(rules.flat_map(|rule| known.of_rule(&rule.message)))
        .chain(mentions.flat_map(|rule| known.of_mention_rule(&rule.message)))
        .chain(silences.flat_map(|silence| known.of_silence(&silence.message)))
        .collect()
}

/// Violations of a channel, at the paths below it in the document.
pub(crate) fn in_document(channel: &Channel, violations: Violations) -> Violations {
    match ChannelKind::of(channel) {
        Some(kind) => Shape::channel(kind).in_document(violations),
        None => violations,
    }
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
    left_out: LeftOut,
}

/// A rule, whose channels are still names.
pub(crate) struct RuleDraft {
    message: Rule,
    send: Vec<ChannelRef>,
    /// Those that it escalates to.
    escalate: Vec<ChannelRef>,
}

/// A silence, whose channels are still names.
pub(crate) struct SilenceDraft {
    path: String,
    message: Silence,
    channels: Vec<ChannelRef>,
}

/// The secrets that a document does not speak of, which a channel must have already.
struct LeftOut {
    smtp_password: bool,
    /// Their places in the list.
    headers: Vec<usize>,
}

/// A channel as a document names it.
struct ChannelRef {
    path: String,
    kind: Option<ChannelKind>,
    name: String,
}

// === impl ChannelRef ===

impl ChannelRef {
    /// The channels that it may mean.
    fn among<'k>(&self, channels: &'k [plan_channels::Known]) -> Vec<&'k plan_channels::Known> {
        let is_meant = |known: &&plan_channels::Known| {
            known.name == self.name && self.kind.is_none_or(|kind| kind == known.kind)
        };
        channels.iter().filter(is_meant).collect()
    }

    /// That it means no channel.
    fn is_none(&self) -> String {
        let kind = self
            .kind
            .map(|kind| format!(" of the kind {}", words::lower(kind)));
        format!(
            "`{}` is not the name of a channel{}",
            line(&self.name),
            kind.unwrap_or_default()
        )
    }
}

/// A member's preferences, and their place in the document.
struct PreferencesDraft {
    path: String,
    words: BTreeMap<Topic, Word>,
}
