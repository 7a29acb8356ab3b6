//! Whole teams and events by chance: few names, so that things meet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::{option, sample};
use serde_json::Map;
use uuid::Uuid;
use watchbell_model::alert::Repeat;
use watchbell_model::catalog::{AlertPolicy, EventTypeDefinition};
use watchbell_model::channel::Channel;
use watchbell_model::email::EmailAddress;
use watchbell_model::event::Event;
use watchbell_model::expression::Expression;
use watchbell_model::filter::Filter;
use watchbell_model::group::GroupSpec;
use watchbell_model::ids::{ChannelId, MemberId, MentionRuleId, RuleId};
use watchbell_model::member::Member;
use watchbell_model::mention::{Mention, MentionRule, TeamsUser};
use watchbell_model::preference::Preference;
use watchbell_model::rule::{Rule, RuleAction};
use watchbell_model::severities::SeveritySet;
use watchbell_model::snapshot::SnapshotParts;
use watchbell_model::vocabulary::{Category, ChannelKind, Plan, Role, Severity, Topic};

use super::oracle::EXPRESSIONS;
use crate::testing::{channel, event, team_id};

/// The team's own event type, which alerts at what the generator chose.
const CUSTOM: &str = "deploy.finished";
const TYPES: [&str; 8] = [
    "finding.created",
    "finding.resolved",
    "scan.failed",
    "scan.completed",
    "atlas.alert.fired",
    "audit.queued",
    "compliance.receipt.issued",
    CUSTOM,
];
const PATTERNS: [&str; 9] = [
    "*",
    "finding.*",
    "scan.*",
    "atlas.alert.*",
    "compliance.*",
    "finding.created",
    "scan.failed",
    "compliance.receipt.issued",
    CUSTOM,
];
const ADDRESSES: [&str; 4] = ["a@example.com", "b@example.com", "c@example.com", "d@example.com"];
const SOURCES: [&str; 3] = ["cspm", "Kubernetes", "registry"];
/// Compiling one takes a thread of its own.
static COMPILED: LazyLock<[Expression; EXPRESSIONS.len()]> =
    LazyLock::new(|| EXPRESSIONS.map(|source| source.parse().unwrap()));
/// The most channels of a team; rules also name some that are gone.
const CHANNELS: u128 = 10;

fn severities() -> impl Strategy<Value = SeveritySet> {
    sample::subsequence(Severity::ALL.to_vec(), 0..=3).prop_map(|some| some.into_iter().collect())
}

fn addresses() -> impl Strategy<Value = Vec<EmailAddress>> {
    sample::subsequence(ADDRESSES.to_vec(), 0..=3)
        .prop_map(|some| some.iter().map(|text| text.parse().unwrap()).collect())
}

pub(super) fn filter() -> impl Strategy<Value = Filter> {
    let some = (
        sample::subsequence(PATTERNS.to_vec(), 0..=2),
        sample::subsequence(Category::ALL.to_vec(), 0..=1),
        prop_oneof![3 => Just(SeveritySet::EMPTY), 1 => severities()],
        prop_oneof![3 => Just(vec![]), 1 => sample::subsequence(vec!["CSPM", "kubernetes"], 1..=2)],
        option::weighted(0.2, sample::select(COMPILED.to_vec())),
    )
        .prop_map(|(types, categories, severities, sources, expression)| Filter {
            types: types.iter().map(|text| text.parse().unwrap()).collect(),
            categories,
            severities,
            sources: sources.into_iter().map(str::to_owned).collect(),
            expression,
        });
    prop_oneof![1 => Just(Filter::default()), 2 => some]
}

fn channels() -> impl Strategy<Value = Vec<Channel>> {
    let one = (
        sample::select(ChannelKind::ALL.to_vec()),
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.4),
        filter(),
        option::weighted(0.3, filter()),
        addresses(),
    );
    vec(one, 0..CHANNELS as usize).prop_map(|some| {
        let mut defaults = BTreeSet::new();
        some.into_iter()
            .zip(1_u128..)
            .map(
                |((kind, enabled, is_default, filter, triggers, recipients), number)| {
                    let id = ChannelId::from_uuid(Uuid::from_u128(number));
                    let is_default = is_default && defaults.insert(kind);
                    Channel {
                        enabled,
                        is_default,
                        filter: if kind == ChannelKind::Webhook {
                            filter
                        } else {
                            Filter::default()
                        },
                        triggers: triggers.filter(|_| kind.is_chat()),
                        recipients: if kind == ChannelKind::Email {
                            recipients
                        } else {
                            vec![]
                        },
                        ..channel(id, kind, &format!("channel {number}"))
                    }
                },
            )
            .collect()
    })
}

pub(super) fn action() -> impl Strategy<Value = RuleAction> {
    let chats = vec![ChannelKind::Slack, ChannelKind::Teams];
    prop_oneof![
        2 => vec(1..CHANNELS + 3, 1..4).prop_map(|numbers| RuleAction::Send {
            channels: numbers.into_iter().map(|number| ChannelId::from_uuid(Uuid::from_u128(number))).collect(),
        }),
        1 => sample::subsequence(chats, 0..=2).prop_map(|kinds| RuleAction::Silence { kinds }),
    ]
}

pub(super) fn rule() -> impl Strategy<Value = Rule> {
    (
        any::<u64>(),
        1_u32..6,
        prop::bool::weighted(0.9),
        filter(),
        action(),
        prop::bool::weighted(0.3),
    )
        .prop_map(|(id, position, enabled, filter, action, continue_)| Rule {
            id: RuleId::from_uuid(Uuid::from_u128(id.into())),
            name: format!("rule {id}"),
            position,
            enabled,
            filter,
            action,
            continue_,
            repeat: Repeat::Count,
            group: id.is_multiple_of(4).then(|| GroupSpec {
                by: vec!["type".parse().unwrap(), "data.id".parse().unwrap()],
                wait: std::time::Duration::from_secs(60),
                at_most: 10,
            }),
            remind: None,
            escalate: None,
        })
}

fn mention() -> impl Strategy<Value = Mention> {
    let teams_user = |name: &str| {
        Mention::TeamsUser(TeamsUser {
            id: format!("{name}@example.com"),
            name: name.to_owned(),
        })
    };
    sample::select(vec![
        Mention::SlackUser("U0ANN".parse().unwrap()),
        Mention::SlackGroup("S0ALL".parse().unwrap()),
        Mention::Here,
        teams_user("ann"),
        teams_user("ben"),
    ])
}

fn mention_rule() -> impl Strategy<Value = MentionRule> {
    let types = sample::subsequence(PATTERNS.to_vec(), 1..=2);
    (types, severities(), vec(mention(), 1..4)).prop_map(|(types, severities, mentions)| MentionRule {
        id: MentionRuleId::from_uuid(Uuid::from_u128(1)),
        types: types.iter().map(|text| text.parse().unwrap()).collect(),
        severities,
        mentions,
    })
}

fn preference() -> impl Strategy<Value = Preference> {
    prop_oneof![
        Just(Preference::Off),
        Just(Preference::On),
        Just(Preference::Failures),
        severities().prop_map(Preference::Severities),
    ]
}

fn members() -> impl Strategy<Value = Vec<Member>> {
    let preferences = prop::collection::btree_map(sample::select(Topic::ALL.to_vec()), preference(), 0..4);
    vec((sample::select(Role::ALL.to_vec()), preferences), 0..5).prop_map(|some| {
        some.into_iter()
            .zip(1_u128..)
            .map(|((role, preferences), number)| member(number, role, preferences))
            .collect()
    })
}

/// Some are recipients of channels, too.
fn member(number: u128, role: Role, preferences: BTreeMap<Topic, Preference>) -> Member {
    let email = match usize::try_from(number).unwrap() {
        known @ 1..=2 => ADDRESSES[known].to_owned(),
        other => format!("member{other}@example.com"),
    };
    Member {
        id: MemberId::from_uuid(Uuid::from_u128(number)),
        team_id: team_id(),
        email: email.parse().unwrap(),
        name: String::new(),
        role,
        slack_user_id: None,
        permissions: BTreeSet::new(),
        preferences,
    }
}

fn custom_type() -> impl Strategy<Value = EventTypeDefinition> {
    let policy = prop_oneof![
        Just(AlertPolicy::Never),
        Just(AlertPolicy::Always),
        severities().prop_map(AlertPolicy::Severities),
    ];
    let topic = option::of(sample::select(vec![Topic::Scans, Topic::Account]));
    (policy, topic).prop_map(|(alert_policy, topic)| EventTypeDefinition {
        name: CUSTOM.parse().unwrap(),
        title: "Deploy finished".to_owned(),
        description: String::new(),
        category: Category::SystemNotification,
        severity: Severity::Info,
        alert_policy,
        topic,
        data_schema: None,
        example: Map::new(),
        alert: None,
    })
}

/// A team of any plan.
pub(crate) fn team() -> impl Strategy<Value = SnapshotParts> {
    (
        sample::select(Plan::ALL.to_vec()),
        channels(),
        vec(rule(), 0..7),
        members(),
        vec(mention_rule(), 0..4),
        addresses(),
        custom_type(),
    )
        .prop_map(
            |(plan, channels, rules, members, mention_rules, compliance_recipients, custom)| SnapshotParts {
                plan,
                channels,
                rules,
                members,
                mention_rules,
                compliance_recipients,
                event_types: vec![custom],
                ..SnapshotParts::empty(team_id())
            },
        )
}

/// An event of any type but a receipt.
pub(super) fn no_receipt() -> impl Strategy<Value = Event> {
    any_event().prop_filter("a receipt", |event| event.event_type.as_str() != TYPES[6])
}

/// An event of any type, at any severity, of any category and source.
pub(crate) fn any_event() -> impl Strategy<Value = Event> {
    (
        sample::select(TYPES.to_vec()),
        sample::select(Severity::ALL.to_vec()),
        sample::select(Category::ALL.to_vec()),
        option::of(sample::select(SOURCES.to_vec())),
    )
        .prop_map(|(event_type, severity, category, source)| Event {
            event_type: event_type.parse().unwrap(),
            severity,
            category,
            source: source.unwrap_or_default().to_owned(),
            ..event("finding.created")
        })
}
