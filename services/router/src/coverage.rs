//! Coverage of a configuration: rules that can never match or that others always decide before, channels that nothing leads to,
//! alerts that reach nobody, members who asked for nothing, expressions that fail. The catalog, severities and sources that
//! filters name are finitely many, so it decides an event of each, with the type's example as its data. What depends on an expression
//! counts as possible.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use watchbell_contracts::router::v1::{ConfigFinding, ConfigFindingKind};
use watchbell_model::alert::NoAlert;
use watchbell_model::catalog::EventTypeSpec;
use watchbell_model::decision::{Decision, Outcome, Stage, Target};
use watchbell_model::event::Event;
use watchbell_model::filter::{Filter, Match, Mismatch};
use watchbell_model::group::TypeField;
use watchbell_model::ids::{EventId, RuleId};
use watchbell_model::preference::Preference;
use watchbell_model::rule::Rule;
use watchbell_model::snapshot::TeamSnapshot;
use watchbell_model::vocabulary::{ChannelKind, Severity, Topic};

use crate::decide::{decide, decide_and_explain};

/// The most sources that are tried.
const MAX_SOURCES: usize = 20;
/// The most decisions: of a larger configuration some rules are not judged.
const MAX_DECISIONS: usize = 200_000;
/// The most rules that are named as deciding before another one.
const MAX_NAMED: usize = 3;

/// What is found, in the order in which people read it.
pub(crate) fn findings(snapshot: &TeamSnapshot, now: DateTime<Utc>) -> Vec<ConfigFinding> {
    let events = samples(snapshot, now);
    let mut findings = Vec::new();
    rules(snapshot, &events, &mut findings);
    channels(snapshot, &mut findings);
    alerts(snapshot, &events, &mut findings);
    members(snapshot, &mut findings);
    expressions(snapshot, &events, &mut findings);
    groups(snapshot, &events, &mut findings);
    findings
}

fn finding(kind: ConfigFindingKind, id: &str, name: &str, message: String) -> ConfigFinding {
    ConfigFinding {
        kind: kind.into(),
        subject_id: id.to_owned(),
        subject_name: name.to_owned(),
        message,
        is_new: false,
    }
}

/// An event of each type, severity and source that filters tell apart.
fn samples(snapshot: &TeamSnapshot, now: DateTime<Utc>) -> Vec<Event> {
    let filters = snapshot.rules.iter().map(|rule| &rule.filter);
    let filters = filters.chain(snapshot.channels.values().map(|channel| &channel.filter));
    let sources: BTreeSet<_> = filters
        .flat_map(|filter| &filter.sources)
        .map(|source| source.to_lowercase())
        .collect();
    let sources: Vec<_> = std::iter::once(String::new())
        .chain(sources.into_iter().take(MAX_SOURCES))
        .collect();
    let mut events = Vec::new();
    for spec in snapshot.catalog.iter() {
        for severity in Severity::ALL {
            for source in &sources {
                events.push(sample(snapshot, spec, *severity, source, now));
            }
        }
    }
    events
}

fn sample(
    snapshot: &TeamSnapshot,
    spec: &EventTypeSpec,
    severity: Severity,
    source: &str,
    now: DateTime<Utc>,
) -> Event {
    Event {
        team_id: snapshot.team_id,
        id: EventId::generate(now),
        event_type: spec.event_type.clone(),
        severity,
        category: spec.category,
        source: source.to_owned(),
        occurred_at: now,
        title: spec.title.clone(),
        url: None,
        subject: None,
        data: spec.example.clone(),
        alert: Err(NoAlert::NotNamed),
        test: false,
    }
}

fn without_expression(filter: &Filter) -> Filter {
    Filter {
        expression: None,
        ..filter.clone()
    }
}

/// The rules that decided something of an event.
fn deciding(decision: &Decision) -> impl Iterator<Item = &str> {
    let steps = decision.steps.iter().filter(|step| step.stage == Stage::Rule);
    let decided = steps.filter(|step| matches!(step.outcome, Outcome::Routed | Outcome::Silenced));
    decided
        .filter_map(|step| step.subject.as_ref())
        .map(|subject| subject.id.as_str())
}

fn rules(snapshot: &TeamSnapshot, events: &[Event], findings: &mut Vec<ConfigFinding>) {
    if !snapshot.plan.applies_rules() {
        return;
    }
    let always: Vec<Arc<Rule>> = snapshot
        .rules
        .iter()
        .filter(|rule| rule.enabled && rule.filter.expression.is_none())
        .cloned()
        .collect();
    let mut left = MAX_DECISIONS;
    let mut deciding_at_all: HashSet<String> = HashSet::new();
    let certain = snapshot.with_rules(always.clone());
    for event in events.iter().take(left) {
        let decision = decide_and_explain(&certain, event);
        deciding_at_all.extend(deciding(&decision).map(str::to_owned));
    }
    left -= events.len().min(left);
    for rule in snapshot.rules.iter().filter(|rule| rule.enabled) {
        if deciding_at_all.contains(&rule.id.to_string()) {
            continue;
        }
        let filter = without_expression(&rule.filter);
        let matched: Vec<_> = events
            .iter()
            .filter(|event| filter.matches(event).is_yes())
            .collect();
        if matched.is_empty() {
            let message = format!("The rule “{}” matches no event of the catalog.", rule.name);
            findings.push(finding(
                ConfigFindingKind::RuleUnreachable,
                &rule.id.to_string(),
                &rule.name,
                message,
            ));
            continue;
        }
        if matched.len() > left {
            return;
        }
        left -= matched.len();
        findings.extend(shadowed(&certain, rule, filter, &matched));
    }
}

/// That rules before it always decide what a rule matches.
fn shadowed(
    certain: &TeamSnapshot,
    rule: &Rule,
    filter: Filter,
    matched: &[&Event],
) -> Option<ConfigFinding> {
    let own = Arc::new(Rule {
        filter,
        ..rule.clone()
    });
    let is_before = |other: &&Arc<Rule>| (other.position, other.id) < (rule.position, rule.id);
    let mut asked: Vec<_> = certain.rules.iter().filter(is_before).cloned().collect();
    asked.push(own);
    let asked = certain.with_rules(asked);
    let id = rule.id.to_string();
    let mut others: Vec<RuleId> = Vec::new();
    for event in matched {
        let decision = decide_and_explain(&asked, event);
        let mut decides = false;
        for decided in deciding(&decision) {
            decides |= decided == id;
            if let Ok(other) = decided.parse()
                && !others.contains(&other)
            {
                others.push(other);
            }
        }
        if decides {
            return None;
        }
    }
    if others.is_empty() {
        let message = format!(
            "The rule “{}” matches, but every channel that it sends to is paused, gone, or without recipients.",
            rule.name
        );
        return Some(finding(
            ConfigFindingKind::RuleUnreachable,
            &rule.id.to_string(),
            &rule.name,
            message,
        ));
    }
    let names: Vec<_> = others
        .iter()
        .filter_map(|id| asked.rules.iter().find(|rule| rule.id == *id))
        .map(|rule| format!("“{}”", rule.name))
        .take(MAX_NAMED)
        .collect();
    let message = format!(
        "The rule “{}” never decides anything: {} before it always {}.",
        rule.name,
        names.join(", "),
        if names.len() == 1 { "does" } else { "do" }
    );
    Some(finding(
        ConfigFindingKind::RuleShadowed,
        &rule.id.to_string(),
        &rule.name,
        message,
    ))
}

/// Channels that neither a rule names nor alerts fall through to.
fn channels(snapshot: &TeamSnapshot, findings: &mut Vec<ConfigFinding>) {
    let named: HashSet<_> = snapshot
        .rules
        .iter()
        .filter(|rule| rule.enabled)
        .flat_map(|rule| rule.action.channels().iter().chain(rule.escalation_channels()))
        .copied()
        .collect();
    for channel in snapshot.channels.values() {
        let has_a_filter = matches!(channel.kind, ChannelKind::Webhook | ChannelKind::InApp);
        // An email channel without recipients is a mail server.
        let is_server = channel.kind == ChannelKind::Email
            && channel.recipients.is_empty()
            && channel.unconfirmed.is_empty();
        if !channel.enabled || channel.is_default || has_a_filter || is_server || named.contains(&channel.id)
        {
            continue;
        }
        let message = format!(
            "No rule sends to the channel “{}”, and it is not the default of its kind.",
            channel.name
        );
        findings.push(finding(
            ConfigFindingKind::ChannelUnused,
            &channel.id.to_string(),
            &channel.name,
            message,
        ));
    }
}

/// Alerts of the catalog that reach nobody but the inbox.
fn alerts(snapshot: &TeamSnapshot, events: &[Event], findings: &mut Vec<ConfigFinding>) {
    let mut unheard: BTreeMap<String, BTreeSet<Severity>> = BTreeMap::new();
    for event in events.iter().take(MAX_DECISIONS) {
        let spec = snapshot.catalog.lookup(&event.event_type);
        if !spec.is_some_and(|spec| spec.alert_policy.applies(event.severity)) {
            continue;
        }
        let decision = decide(snapshot, event);
        if decision.routes.iter().all(|route| route.target == Target::Inbox) {
            let severities = unheard.entry(event.event_type.to_string()).or_default();
            severities.insert(event.severity);
        }
    }
    for (event_type, severities) in unheard {
        let severities: Vec<_> = severities.iter().rev().map(ToString::to_string).collect();
        let message = format!(
            "{event_type} alerts at {}, and reaches nobody but the inbox.",
            severities.join(", ")
        );
        findings.push(finding(ConfigFindingKind::AlertUnheard, "", &event_type, message));
    }
}

/// Members who have turned every email off.
fn members(snapshot: &TeamSnapshot, findings: &mut Vec<ConfigFinding>) {
    for member in snapshot.members.values() {
        let is_off = |topic: &Topic| match member.preference(snapshot.plan, *topic) {
            Preference::Off => true,
            Preference::Severities(severities) => severities.is_empty(),
            Preference::On | Preference::Failures => false,
        };
        if Topic::ALL.iter().all(is_off) {
            let message = format!("{} gets no email of any topic.", member.email);
            findings.push(finding(
                ConfigFindingKind::MemberUnheard,
                &member.id.to_string(),
                member.email.as_str(),
                message,
            ));
        }
    }
}

/// Expressions that fail on the example of every type that they are asked about, such as those that name a field that no type has.
fn expressions(snapshot: &TeamSnapshot, events: &[Event], findings: &mut Vec<ConfigFinding>) {
    let rules = snapshot.rules.iter();
    let rules = rules.map(|rule| (rule.id.to_string(), format!("rule “{}”", rule.name), &rule.filter));
    let channels = snapshot.channels.values();
    let channels = channels.flat_map(|channel| {
        let filters = std::iter::once(&channel.filter).chain(&channel.triggers);
        filters.map(|filter| {
            (
                channel.id.to_string(),
                format!("channel “{}”", channel.name),
                filter,
            )
        })
    });
    for (id, name, filter) in rules.chain(channels) {
        if filter.expression.is_none() {
            continue;
        }
        let basic = without_expression(filter);
        let mut failure = None;
        let mut works = false;
        // Of one type and severity one source is enough.
        for event in events.iter().filter(|event| basic.matches(event).is_yes()) {
            match filter.matches(event) {
                Match::No(Mismatch::ExpressionFailed(error)) => failure = failure.or(Some(error)),
                _ => works = true,
            }
            if works {
                break;
            }
        }
        if let Some(error) = failure.filter(|_| !works) {
            let message = format!(
                "The expression of the {name} fails on the example of every type that it is asked about: {error}."
            );
            findings.push(finding(ConfigFindingKind::ExpressionFails, &id, &name, message));
        }
    }
}

/// Fields by which a rule gathers and that no type has that it matches, or only as what groups nothing.
fn groups(snapshot: &TeamSnapshot, events: &[Event], findings: &mut Vec<ConfigFinding>) {
    for rule in snapshot.rules.iter().filter(|rule| rule.enabled) {
        let Some(group) = &rule.group else { continue };
        let filter = without_expression(&rule.filter);
        let matched: Vec<_> = events
            .iter()
            .filter(|event| filter.matches(event).is_yes())
            .collect();
        for path in &group.by {
            let types = || {
                matched
                    .iter()
                    .filter_map(|event| snapshot.catalog.lookup(&event.event_type))
            };
            let fields: BTreeSet<_> = types().map(|spec| path.in_type(spec)).collect();
            let name = &rule.name;
            let message = match fields.last() {
                Some(TypeField::Missing) => {
                    format!(
                        "The rule “{name}” gathers by {path}, which no type has that it matches: events without it come together."
                    )
                }
                Some(TypeField::NotScalar) => format!(
                    "The rule “{name}” gathers by {path}, which is a list, an object or a number that may be a fraction: such events count as if they had none."
                ),
                Some(TypeField::Scalar) | None => continue,
            };
            let kind = ConfigFindingKind::GroupFieldUnknown;
            findings.push(finding(kind, &rule.id.to_string(), name, message));
        }
    }
}

#[cfg(test)]
mod tests;
