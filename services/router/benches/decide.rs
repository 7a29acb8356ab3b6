//! How many events a core decides in a second, for a team that is larger than most: 200 rules, 50 webhooks and 500
//! members. `cargo bench -p watchbell-router`.

#![allow(clippy::unwrap_used, reason = "a benchmark may fall over its own fixtures")]

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use divan::Bencher;
use divan::counter::ItemsCount;
use uuid::Uuid;
use watchbell_contracts::config::v1::EventFilter;
use watchbell_contracts::event::v1::Route;
use watchbell_model::alert::Repeat;
use watchbell_model::catalog::Catalog;
use watchbell_model::channel::{Channel, LaneLimits, StormLimit};
use watchbell_model::convert::FromWire as _;
use watchbell_model::event::Event;
use watchbell_model::filter::Filter;
use watchbell_model::ids::{ChannelId, MemberId, RuleId, TeamId};
use watchbell_model::member::Member;
use watchbell_model::preference::Preference;
use watchbell_model::retry::RetrySchedule;
use watchbell_model::rule::{Rule, RuleAction};
use watchbell_model::snapshot::{SnapshotParts, TeamSnapshot};
use watchbell_model::vocabulary::{ChannelHealth, ChannelKind, Role, Severity, Topic};
use watchbell_router::decide;

fn main() {
    divan::main();
}

fn team_id() -> TeamId {
    TeamId::from_uuid(Uuid::from_u128(1))
}

fn channel(number: u128, kind: ChannelKind, filter: Filter) -> Channel {
    Channel {
        id: ChannelId::from_uuid(Uuid::from_u128(number)),
        team_id: team_id(),
        kind,
        name: format!("channel {number}"),
        description: String::new(),
        enabled: true,
        is_default: number == 1,
        filter,
        triggers: None,
        quiet_hours: None,
        storm: StormLimit::default_for(kind),
        retry: RetrySchedule::default(),
        limits: LaneLimits::default_for(kind),
        health: ChannelHealth::Healthy,
        recipients: Vec::new(),
        unconfirmed: Vec::new(),
    }
}

/// What rules and webhooks of such a team ask for, by number: exact types, groups, categories with severities, sources.
fn filter(number: u128, expressions: bool) -> Filter {
    let types: Vec<_> = Catalog::built_in()
        .iter()
        .map(|spec| spec.event_type.to_string())
        .collect();
    let name = &types[number as usize % types.len()];
    let (types, severities, sources) = match number % 4 {
        0 => (vec![name.clone()], vec![], vec![]),
        1 => (
            vec![format!("{}.*", name.split('.').next().unwrap())],
            vec![Severity::Low.to_wire()],
            vec![],
        ),
        2 => (
            vec![],
            vec![Severity::Critical.to_wire()],
            vec![format!("source-{number}")],
        ),
        _ => (
            vec![name.clone(), "user.*".to_owned()],
            vec![],
            vec!["cspm".to_owned()],
        ),
    };
    let expression = if expressions && number.is_multiple_of(10) {
        format!("event.data.score > 9.5 && event.source == 'source-{number}'")
    } else {
        String::new()
    };
    Filter::try_from(&EventFilter {
        types: if expression.is_empty() { types } else { vec![] },
        severities: if expression.is_empty() { severities } else { vec![] },
        sources: if expression.is_empty() { sources } else { vec![] },
        expression,
        ..EventFilter::default()
    })
    .unwrap()
}

fn team(members: u128, expressions: bool) -> TeamSnapshot {
    let slack = (1..=20).map(|number| channel(number, ChannelKind::Slack, Filter::default()));
    let webhooks = (101..=150).map(|number| channel(number, ChannelKind::Webhook, filter(number, false)));
    let rules = (1..=200_u128).map(|number| Rule {
        id: RuleId::from_uuid(Uuid::from_u128(number)),
        name: format!("rule {number}"),
        position: u32::try_from(number).unwrap(),
        enabled: true,
        filter: filter(number, expressions),
        action: RuleAction::Send {
            channels: vec![ChannelId::from_uuid(Uuid::from_u128(number % 20 + 1))],
        },
        continue_: number.is_multiple_of(2),
        repeat: Repeat::Count,
        group: None,
        remind: None,
        escalate: None,
    });
    let members = (1..=members).map(|number| Member {
        id: MemberId::from_uuid(Uuid::from_u128(number)),
        team_id: team_id(),
        email: format!("somebody.{number}@example.com").parse().unwrap(),
        name: String::new(),
        role: Role::Member,
        slack_user_id: None,
        permissions: BTreeSet::new(),
        preferences: if number.is_multiple_of(3) {
            BTreeMap::from([
                (Topic::Findings, Preference::Off),
                (Topic::Marketing, Preference::Off),
            ])
        } else {
            BTreeMap::new()
        },
    });
    TeamSnapshot::new(SnapshotParts {
        channels: slack.chain(webhooks).collect(),
        rules: rules.collect(),
        members: members.collect(),
        ..SnapshotParts::empty(team_id())
    })
    .unwrap()
}

fn event(event_type: &str, severity: Severity) -> Event {
    let catalog = Catalog::built_in();
    Event {
        severity,
        source: "cspm".to_owned(),
        test: false,
        ..catalog
            .synthetic(event_type, team_id(), DateTime::UNIX_EPOCH)
            .unwrap()
    }
}

fn bench(bencher: Bencher<'_, '_>, team: &TeamSnapshot, event: &Event) {
    bencher
        .counter(ItemsCount::new(1_usize))
        .bench(|| decide(divan::black_box(team), divan::black_box(event)));
}

/// Most of the members get an email.
#[divan::bench]
fn a_critical_finding_that_hundreds_hear(bencher: Bencher<'_, '_>) {
    bench(
        bencher,
        &team(500, false),
        &event("finding.created", Severity::Critical),
    );
}

/// The same, and its routes put into the words of the contract, which a submission pays too.
#[divan::bench]
fn a_critical_finding_as_messages(bencher: Bencher<'_, '_>) {
    let (team, event) = (team(500, false), event("finding.created", Severity::Critical));
    bencher.counter(ItemsCount::new(1_usize)).bench(|| {
        let decision = decide(divan::black_box(&team), divan::black_box(&event));
        decision
            .routes
            .iter()
            .map(|route| Route::from(&watchbell_model::route::Route::from(route)))
            .collect::<Vec<_>>()
    });
}

/// Nobody wants it by email.
#[divan::bench]
fn a_finished_scan_that_few_hear(bencher: Bencher<'_, '_>) {
    bench(
        bencher,
        &team(500, false),
        &event("scan.completed", Severity::Info),
    );
}

/// The rules and webhooks alone.
#[divan::bench]
fn a_finished_scan_in_a_team_without_members(bencher: Bencher<'_, '_>) {
    bench(bencher, &team(0, false), &event("scan.completed", Severity::Info));
}

/// Twenty of the rules are expressions.
#[divan::bench]
fn twenty_expressions(bencher: Bencher<'_, '_>) {
    bench(bencher, &team(0, true), &event("scan.completed", Severity::Info));
}
