//! Resources as the document writes them. Secrets, ids, health and everything else that is output only have no
//! place there; what means the same is written the same.

use watchbell_contracts::config::v1::rule::Action;
use watchbell_contracts::config::v1::{Channel, DigestSettings, EventType, MentionRule, Rule, Silence};
use watchbell_model::ChannelKind;
use watchbell_model::convert::FromWire;
use watchbell_model::preference::Preference as Word;

use super::shape::{DIGEST, EVENT_TYPE, MENTION_RULE, RULE, SILENCE, Shape};
use super::tree::{Map, Tree};
use super::values::print;
use super::words::lower;

/// For messages without references to channels and members.
fn plain(id: &str) -> Tree {
    id.into()
}

/// A channel. Whether it is the default is a relation between channels, and its caller's to say.
pub(super) fn channel(channel: &Channel, is_default: bool) -> Map {
    let shape = ChannelKind::of(channel).map(Shape::channel);
    let channel = Channel {
        is_default,
        ..channel.clone()
    };
    shape
        .map(|shape| print(&channel, shape, &plain))
        .unwrap_or_default()
}

/// A rule; `called` gives what a channel is called.
pub(super) fn rule(rule: &Rule, called: impl Fn(&str) -> Tree) -> Map {
    let mut rule = rule.clone();
    if let Some(Action::Silence(silence)) = &mut rule.action
        && silence.kinds.is_empty()
    {
        silence.kinds = [ChannelKind::Slack, ChannelKind::Teams]
            .map(FromWire::to_wire)
            .to_vec();
    }
    print(&rule, &RULE, &called)
}

/// A mention rule; `called` gives what a member is called.
pub(super) fn mention_rule(rule: &MentionRule, called: impl Fn(&str) -> Tree) -> Map {
    print(rule, &MENTION_RULE, &called)
}

/// A silence; `called` gives what a channel is called.
pub(super) fn silence(silence: &Silence, called: impl Fn(&str) -> Tree) -> Map {
    print(silence, &SILENCE, &called)
}

/// An event type of the team's own.
pub(super) fn event_type(event_type: &EventType) -> Map {
    print(event_type, &EVENT_TYPE, &plain)
}

/// The digest's settings.
pub(super) fn digest(digest: &DigestSettings) -> Map {
    print(digest, &DIGEST, &plain)
}

/// A member's word on a topic.
pub(super) fn preference(word: Word) -> Tree {
    match word {
        Word::Off => "off".into(),
        Word::On => "on".into(),
        Word::Failures => "failures".into(),
        Word::Severities(severities) => Tree::list(severities.iter().rev().map(lower)),
    }
}
