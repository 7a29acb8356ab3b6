//! What the chats and webhooks should get, worked out slowly and in another way: from the texts of patterns and rules,
//! for one channel at a time. It shares no code with what it judges.

use std::collections::BTreeSet;

use watchbell_model::event::Event;
use watchbell_model::filter::Filter;
use watchbell_model::ids::ChannelId;
use watchbell_model::rule::{Rule, RuleAction};
use watchbell_model::snapshot::{SnapshotParts, TeamSnapshot};
use watchbell_model::vocabulary::{ChannelKind, Plan, Severity};

/// Expressions whose meaning the oracle knows.
pub(super) const EXPRESSIONS: [&str; 4] = [
    "event.severity_rank >= 3",
    r#"event.source == "cspm""#,
    r#"event.type.startsWith("finding")"#,
    // No event of the generator has it, and what fails does not match.
    "event.data.no_such_field > 1",
];

fn expression_holds(source: &str, event: &Event) -> bool {
    match EXPRESSIONS.iter().position(|known| *known == source).unwrap() {
        0 => matches!(event.severity, Severity::High | Severity::Critical),
        1 => event.source == "cspm",
        2 => event.event_type.as_str().starts_with("finding"),
        _ => false,
    }
}

fn pattern_holds(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((prefix, _)) => name.starts_with(prefix),
    }
}

pub(super) fn holds(filter: &Filter, event: &Event) -> bool {
    let types: Vec<String> = filter.types.iter().map(ToString::to_string).collect();
    let severities: Vec<Severity> = filter.severities.iter().collect();
    (types.is_empty()
        || types
            .iter()
            .any(|pattern| pattern_holds(pattern, event.event_type.as_str())))
        && (filter.categories.is_empty() || filter.categories.contains(&event.category))
        && (severities.is_empty() || severities.contains(&event.severity))
        && (filter.sources.is_empty()
            || filter
                .sources
                .iter()
                .any(|source| source.to_lowercase() == event.source.to_lowercase()))
        && filter
            .expression
            .as_ref()
            .is_none_or(|expression| expression_holds(expression.source(), event))
}

/// The rule's channels of that kind that are not paused; nothing when it does not speak of the kind, or of paused channels
/// alone.
fn word(parts: &SnapshotParts, rule: &Rule, kind: ChannelKind) -> Option<Vec<ChannelId>> {
    match &rule.action {
        RuleAction::Silence { kinds } => (kinds.is_empty() || kinds.contains(&kind)).then(Vec::new),
        RuleAction::Send { channels } => {
            let of_kind: Vec<_> = parts
                .channels
                .iter()
                .filter(|channel| channel.kind == kind && channel.enabled && channels.contains(&channel.id))
                .map(|channel| channel.id)
                .collect();
            (!of_kind.is_empty()).then_some(of_kind)
        }
    }
}

/// Which channels of a kind of chat hear the event.
pub(super) fn chat(parts: &SnapshotParts, event: &Event, kind: ChannelKind) -> BTreeSet<ChannelId> {
    let mut rules: Vec<&Rule> = parts
        .rules
        .iter()
        .filter(|rule| parts.plan != Plan::Free && rule.enabled && holds(&rule.filter, event))
        .collect();
    rules.sort_by_key(|rule| (rule.position, rule.id));
    let words: Vec<_> = rules
        .iter()
        .filter_map(|rule| Some((word(parts, rule, kind)?, rule.continue_)))
        .collect();
    // Everything up to the first word that is the last.
    let last = words.iter().position(|(_, continues)| !continues);
    if !words.is_empty() {
        let count = last.map_or(words.len(), |last| last + 1);
        return words
            .into_iter()
            .take(count)
            .flat_map(|(channels, _)| channels)
            .collect();
    }
    let snapshot = TeamSnapshot::new(parts.clone()).unwrap();
    let policy = snapshot.catalog.lookup(&event.event_type).unwrap().alert_policy;
    parts
        .channels
        .iter()
        .filter(|channel| channel.kind == kind && channel.is_default && channel.enabled)
        .filter(|channel| match &channel.triggers {
            Some(triggers) => holds(triggers, event),
            None => policy.applies(event.severity),
        })
        .map(|channel| channel.id)
        .collect()
}

/// Which webhooks get the event.
pub(super) fn webhooks(parts: &SnapshotParts, event: &Event) -> BTreeSet<ChannelId> {
    parts
        .channels
        .iter()
        .filter(|channel| channel.kind == ChannelKind::Webhook && channel.enabled)
        .filter(|channel| !channel.filter.types.is_empty() && holds(&channel.filter, event))
        .map(|channel| channel.id)
        .collect()
}
