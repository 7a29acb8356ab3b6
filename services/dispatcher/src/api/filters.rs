//! Filters of lists, parsed: every violation in one answer.

use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::convert::{MAX_WORDS, instant, optional, words};
use watchbell_model::filter::{MAX_SOURCES, MAX_TYPES};
use watchbell_model::ids::EventId;
use watchbell_model::pattern::EventPattern;
use watchbell_model::violation::{Violations, reason};
use watchbell_model::{Category, ChannelKind, EventType, Severity};

use super::optional_channel;
use crate::job::State;
use crate::store::{DeliveryFilter, EventFilter};

/// The longest text that is looked for, in characters.
const MAX_TEXT: usize = 200;
/// The longest address, in bytes.
const MAX_ADDRESS: usize = 320;

/// Which deliveries a request wants, from its first page on.
pub(super) fn listed_deliveries(
    request: wire::ListDeliveriesRequest,
    violations: &mut Violations,
) -> DeliveryFilter {
    let event_type = named::<EventType>(request.event_type, "event_type", violations);
    let start = instant(request.start_time.as_ref(), "start_time", violations);
    let end = instant(request.end_time.as_ref(), "end_time", violations);
    let filter = wire::DeliveryFilter {
        channel_id: request.channel_id,
        states: request.states,
        event_id: request.event_id,
        types: request.types,
        kind: request.kind,
        member_id: request.member_id,
        address: request.address,
        severities: request.severities,
        rule_id: request.rule_id,
        text: request.text,
        replays_only: request.replays_only,
        summary_id: request.summary_id,
    };
    DeliveryFilter {
        event_type,
        start,
        end,
        ..deliveries(filter, violations)
    }
}

/// Which deliveries, of any time.
pub(super) fn deliveries(filter: wire::DeliveryFilter, violations: &mut Violations) -> DeliveryFilter {
    DeliveryFilter {
        before: None,
        channel: optional_channel(&filter.channel_id, violations),
        states: states(&filter.states, violations),
        event_id: named::<EventId>(filter.event_id, "event_id", violations),
        event_type: None,
        kind: optional::<ChannelKind>(filter.kind, "kind", violations),
        start: None,
        end: None,
        member: optional_id(&filter.member_id, "member_id", violations),
        address: address(filter.address, violations),
        severities: words::<Severity>(&filter.severities, "severities", violations),
        types: patterns(filter.types, violations),
        rule: optional_id(&filter.rule_id, "rule_id", violations),
        text: text(filter.text, violations),
        replays_only: filter.replays_only,
        without_channel: false,
        summary: optional_id(&filter.summary_id, "summary_id", violations),
    }
}

/// Which events a request wants, from its first page on.
pub(super) fn events(request: wire::ListEventsRequest, violations: &mut Violations) -> EventFilter {
    let accept_start = request.accept_start_time.as_ref();
    violations.limit_entries("sources", request.sources.len(), MAX_SOURCES);
    let sources = request.sources.iter().take(MAX_SOURCES);
    EventFilter {
        before: None,
        severities: words::<Severity>(&request.severities, "severities", violations),
        start: instant(request.start_time.as_ref(), "start_time", violations),
        end: instant(request.end_time.as_ref(), "end_time", violations),
        accepted_from: instant(accept_start, "accept_start_time", violations),
        types: patterns(request.types, violations),
        include_tests: request.include_tests,
        subject: storable(request.subject, "subject", violations),
        sources: sources
            .enumerate()
            .map(|(index, source)| {
                let field = format!("sources[{index}]");
                storable(source.to_ascii_lowercase(), &field, violations).unwrap_or_default()
            })
            .collect(),
        categories: words::<Category>(&request.categories, "categories", violations),
        text: text(request.text, violations),
    }
}

/// Parses an optional name. An invalid one is a violation, because not every database accepts every text as a filter.
fn named<T>(text: String, field: &str, violations: &mut Violations) -> Option<String>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    if text.is_empty() {
        return None;
    }
    violations.parse::<T>(field, reason::MALFORMED, &text)?;
    Some(text)
}

/// An optional id.
fn optional_id<T>(text: &str, field: &str, violations: &mut Violations) -> Option<T>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    if text.is_empty() {
        return None;
    }
    violations.parse::<T>(field, reason::MALFORMED, text)
}

/// Patterns of event types that are well-formed.
fn patterns(mut types: Vec<String>, violations: &mut Violations) -> Vec<String> {
    violations.limit_entries("types", types.len(), MAX_TYPES);
    types.truncate(MAX_TYPES);
    for (index, pattern) in types.iter().enumerate() {
        let _ = violations.parse::<EventPattern>(&format!("types[{index}]"), reason::MALFORMED, pattern);
    }
    types
}

/// A text that is looked for.
fn text(text: String, violations: &mut Violations) -> Option<String> {
    if text.chars().count() > MAX_TEXT {
        let why = format!("must have at most {MAX_TEXT} characters");
        violations.add("text", reason::TOO_LONG, why);
    }
    storable(text, "text", violations)
}

fn address(address: String, violations: &mut Violations) -> Option<String> {
    if address.len() > MAX_ADDRESS {
        let why = format!("must have at most {MAX_ADDRESS} bytes");
        violations.add("address", reason::TOO_LONG, why);
    }
    storable(address, "address", violations)
}

/// A text that every database can look for.
fn storable(text: String, field: &str, violations: &mut Violations) -> Option<String> {
    if text.contains('\0') {
        violations.add(field, reason::MALFORMED, "must not have the character U+0000");
    }
    (!text.is_empty()).then_some(text)
}

fn states(numbers: &[i32], violations: &mut Violations) -> Vec<State> {
    violations.limit_entries("states", numbers.len(), MAX_WORDS);
    let mut states = Vec::new();
    for (index, number) in numbers.iter().take(MAX_WORDS).enumerate() {
        match State::from_number(*number) {
            Some(state) => states.push(state),
            None => violations.add(
                format!("states[{index}]"),
                reason::UNKNOWN_VALUE,
                "is not a state",
            ),
        }
    }
    states
}
