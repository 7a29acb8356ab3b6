//! Reading and printing of documents without a team, for `tests/fuzz`.

use std::collections::BTreeMap;

use watchbell_contracts::config::v1::rule::Action;
use watchbell_model::violation::Violations;

use super::tree::{Map, Tree};
use super::{ChannelRef, Desired, desired, entry, text};

/// Reads a document and prints what it asks for, without secrets.
///
/// # Errors
/// Everything that is wrong with the document.
pub fn reprint(document: &str) -> Result<String, Violations> {
    let (desired, violations) = desired(document);
    violations.into_result(())?;
    let mut tree = tree(&desired);
    tree.escape();
    #[allow(
        clippy::expect_used,
        reason = "texts, numbers and mappings with text keys print"
    )]
    let printed = text::print(&tree).expect("a document prints");
    Ok(printed)
}

fn tree(desired: &Desired) -> Map {
    let channels = desired.channels.as_ref().map(|all| {
        Tree::list(
            all.iter()
                .map(|draft| entry::channel(&draft.message, draft.message.is_default)),
        )
    });
    let rules = desired.rules.as_ref().map(|all| {
        Tree::list(all.iter().map(|draft| {
            let mut rule = draft.message.clone();
            let mut names: BTreeMap<String, Tree> = BTreeMap::new();
            let mut named = |channels: &[ChannelRef]| -> Vec<String> {
                let first = names.len();
                for (at, channel) in (first..).zip(channels) {
                    let name = channel.name.as_str();
                    let written = match channel.kind {
                        Some(kind) => Map::default().with(super::words::lower(kind), name).into(),
                        None => name.into(),
                    };
                    names.insert(at.to_string(), written);
                }
                (first..names.len()).map(|at| at.to_string()).collect()
            };
            if let Some(Action::Send(send)) = &mut rule.action {
                send.channel_ids = named(&draft.send);
            }
            if let Some(escalate) = &mut rule.escalate {
                escalate.channel_ids = named(&draft.escalate);
            }
            entry::rule(&rule, |at| names[at].clone())
        }))
    });
    let mentions = desired.mentions.as_ref();
    let event_types = desired.event_types.as_ref();
    Map::default()
        .with("version", 1)
        .with_some("channels", channels)
        .with_some("rules", rules)
        .with_some(
            "mentions",
            mentions.map(|all| {
                Tree::list(
                    all.iter()
                        .map(|draft| entry::mention_rule(&draft.message, |address| address.into())),
                )
            }),
        )
        .with_some(
            "compliance_recipients",
            desired
                .compliance_recipients
                .as_ref()
                .map(|all| Tree::list(all.iter().map(String::as_str))),
        )
        .with_some("digest", desired.digest.as_ref().map(entry::digest))
        .with_some(
            "event_types",
            event_types.map(|all| Tree::list(all.iter().map(|draft| entry::event_type(&draft.message)))),
        )
}
