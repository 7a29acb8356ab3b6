//! The document that says what is there already.

use std::collections::HashMap;

use watchbell_model::{ChannelKind, Topic};
use watchbell_runtime::problem::Problem;

use super::current::Current;
use super::tree::{Map, Tree};
use super::{entry, text};

const HEADER: &str = "\
# A team's configuration for `watchbell apply`. Secrets are left out: what a document does not speak of stays as it is.
";

/// A team's configuration as a document, with what its members said about emails if the reader may see it.
///
/// # Errors
/// See [`text::print`].
pub(crate) fn export(current: &Current, with_preferences: bool) -> Result<String, Problem> {
    let channels = current
        .channels
        .iter()
        .map(|channel| entry::channel(&channel.message, channel.row.is_default));
    let names = names(current, |kind| kind != ChannelKind::Webhook);
    let all_names = self::names(current, |_| true);
    let name = |id: &str| names.get(id).cloned().unwrap_or_else(|| id.into());
    let rules = current.rules.iter().map(|(_, rule)| entry::rule(rule, name));
    let mentions = current.mentions.iter().filter_map(|(_, rule)| {
        let rule = current.without_the_gone(rule)?;
        Some(entry::mention_rule(&rule, |id| current.address_of(id).into()))
    });
    let silences = current.silences.iter().map(|(_, silence)| {
        let mut silence = silence.clone();
        silence.channel_ids.retain(|id| all_names.contains_key(id));
        entry::silence(&silence, |id| {
            all_names.get(id).cloned().unwrap_or_else(|| id.into())
        })
    });
    let event_types = current
        .event_types
        .iter()
        .map(|(_, event_type)| entry::event_type(event_type));
    let mut document = Map::default()
        .with("version", 1)
        .with("channels", Tree::list(channels))
        .with("rules", Tree::list(rules))
        .with("mentions", Tree::list(mentions))
        .with_some(
            "silences",
            (!current.silences.is_empty()).then(|| Tree::list(silences)),
        )
        .with_some("preferences", with_preferences.then(|| preferences(current)))
        .with("compliance_recipients", Tree::list(current.settings.recipients()))
        .with("digest", entry::digest(&current.digest))
        .with("event_types", Tree::list(event_types));
    document.escape();
    Ok(format!("{HEADER}{}", text::print(&document)?))
}

/// The names of channels of some kinds: with the kind where two of them have one name.
fn names(current: &Current, is_named: impl Fn(ChannelKind) -> bool) -> HashMap<String, Tree> {
    let routable = || current.channels.iter().filter(|channel| is_named(channel.kind));
    let shared = |name: &str| {
        routable()
            .filter(|channel| channel.row.display_name == name)
            .count()
            > 1
    };
    routable()
        .map(|channel| {
            let name = channel.row.display_name.as_str();
            let written = if shared(name) {
                Map::default()
                    .with(super::words::lower(channel.kind), name)
                    .into()
            } else {
                name.into()
            };
            (channel.row.channel_id().to_string(), written)
        })
        .collect()
}

fn preferences(current: &Current) -> Map {
    let mut people = Map::default();
    for member in &current.members {
        let mut words = Map::default();
        for topic in Topic::ALL {
            if let Some(said) = current
                .said
                .get(&(member.id, *topic))
                .filter(|said| !said.by_link)
            {
                words = words.with(topic.as_str(), entry::preference(said.word));
            }
        }
        if !words.is_empty() {
            people = people.with(member.email.as_str(), words);
        }
    }
    people
}
