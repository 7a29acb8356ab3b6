//! How long a page of 200 takes by each filter, over very many deliveries of one team. A few are made by emitting, and
//! copied into the past by SQL.

mod copies;
mod filters;

use prost_types::Timestamp;
use sea_orm::Database;
use watchbell_contracts::config::v1::{CreateMemberRequest, EventFilter, Member, Role, Rule, SendAction};
use watchbell_contracts::config::v1::{CreateRuleRequest, rule};
use watchbell_contracts::dispatcher::v1::{ListDeliveriesRequest, ListEventsRequest};
use watchbell_contracts::event::v1::event::Payload;
use watchbell_contracts::event::v1::{Event, Severity};
use watchbell_contracts::router::v1::EmitRequest;
use watchbell_model::catalog::Catalog;
use watchbell_model::convert::timestamp;
use watchbell_testkit::{SlackStandIn, WebhookReceiver};

use self::copies::{Copies, SPREAD_MS};
use self::filters::{Known, of_deliveries, of_events};
use super::Progress;
use super::lab::{Lab, Team};
use super::report::{Figure, Latencies};
use super::what_if::slack_channel;
use crate::failure::{Failure, Outcome, present};
use crate::session::Session;

const PAGE: i32 = 200;
/// Calls by each filter: pages one after the other, and again from the newest.
const CALLS: usize = 40;
const GOAL_MS: f64 = 50.0;
const TYPES: [&str; 5] = [
    "finding.created",
    "finding.resolved",
    "scan.failed",
    "atlas.alert.fired",
    "sla.breached",
];
const SEVERITIES: [Severity; 4] = [
    Severity::Critical,
    Severity::High,
    Severity::Medium,
    Severity::Low,
];

/// Makes so many deliveries, and asks for pages of them.
pub(super) async fn run(lab: &Lab, deliveries: u64, progress: &Progress) -> Outcome<Vec<Figure>> {
    let endpoint = lab
        .endpoint(WebhookReceiver::builder().count_only().without_event_ids())
        .await?;
    let slack = SlackStandIn::start().await?;
    let urls = [endpoint.url_at("/siem"), endpoint.url_at("/soar")];
    let team = lab.team("find", &urls).await?;
    let mut known = set_up(&team, &slack.any_webhook_url()).await?;
    known.event = emit(&team).await?;
    let store = lab.site.dispatcher_store();
    let connection = Database::connect(&store.url).await.map_err(anyhow::Error::from)?;
    let copies = Copies::new(&connection, &store, &team).await?;
    let count = copies.make(deliveries, progress).await?;
    connection.close().await.map_err(anyhow::Error::from)?;
    let now = lab.clock.now();
    let middle = now - chrono::TimeDelta::milliseconds((SPREAD_MS / 2).cast_signed());
    known.start = timestamp(middle);
    known.end = timestamp(middle + chrono::TimeDelta::days(3));

    let mut measured = Vec::new();
    for (name, request) in of_deliveries(&known) {
        progress.say(name);
        measured.push((name, list_deliveries(lab, team.admin(), request).await?));
    }
    for (name, request) in of_events(&known) {
        progress.say(name);
        measured.push((name, list_events(lab, team.admin(), request).await?));
    }
    Ok(vec![figure(count, &measured)])
}

fn figure(count: u64, measured: &[(&'static str, Latencies)]) -> Figure {
    let by_p99 =
        |one: &&(&str, Latencies), other: &&(&str, Latencies)| one.1.ms(0.99).total_cmp(&other.1.ms(0.99));
    let worst = measured.iter().max_by(by_p99);
    let (name, p50, p99) = worst.map_or(("none", 0.0, 0.0), |(name, times)| {
        (*name, times.ms(0.5), times.ms(0.99))
    });
    let details: Vec<_> = measured
        .iter()
        .map(|(name, times)| format!("{name} {:.1}/{:.1}", times.ms(0.5), times.ms(0.99)))
        .collect();
    let mut figure = Figure::new(
        format!("a page of {PAGE} by any filter, over {count} deliveries"),
        format!("p50 {p50:.1} ms, p99 {p99:.1} ms by {name}"),
    )
    .goal("≤ 50 ms", p99 <= GOAL_MS)
    .details(format!("p50/p99 in ms: {}", details.join("; ")))
    .value("deliveries", count as f64);
    for (name, times) in measured {
        figure = figure.value(name, times.ms(0.99));
    }
    figure
}

/// Rules, members and a chat channel.
async fn set_up(team: &Team, slack: &str) -> Outcome<Known> {
    let admin = team.admin();
    let chat = slack_channel(admin, slack).await?;
    let mut rules = Vec::new();
    for (name, types) in [("everything", "*"), ("nothing", "audit.delivered")] {
        let rule = Rule {
            display_name: name.to_owned(),
            r#match: Some(EventFilter {
                types: vec![types.to_owned()],
                ..EventFilter::default()
            }),
            action: Some(rule::Action::Send(SendAction {
                channel_ids: vec![chat.clone()],
            })),
            continues: true,
            ..Rule::default()
        };
        let request = CreateRuleRequest {
            team_id: admin.team(),
            rule: Some(rule),
            ..CreateRuleRequest::default()
        };
        let made = admin.routing().create_rule(admin.ask(request)).await?;
        rules.push(present(made.into_inner().rule)?.id);
    }
    let address = "ann@example.com";
    let mut members = Vec::new();
    for (email, role) in [(address, Role::Owner), ("bob@example.com", Role::Member)] {
        let request = CreateMemberRequest {
            team_id: admin.team(),
            member: Some(Member {
                email: email.to_owned(),
                role: role.into(),
                ..Member::default()
            }),
            validate_only: false,
        };
        let made = admin.teams().create_member(admin.ask(request)).await?;
        members.push(present(made.into_inner().member)?.id);
    }
    let other_member = members.pop().unwrap_or_default();
    let idle_rule = rules.pop().unwrap_or_default();
    Ok(Known {
        webhook: team.first_channel(),
        rule: rules.pop().unwrap_or_default(),
        idle_rule,
        member: members.pop().unwrap_or_default(),
        address,
        other_member,
        event: String::new(),
        start: Timestamp::default(),
        end: Timestamp::default(),
    })
}

/// Emits the events that are copied; the id of one.
async fn emit(team: &Team) -> Outcome<String> {
    let admin = team.admin();
    let mut last = String::new();
    for (number, event_type) in TYPES.iter().cycle().take(4 * TYPES.len()).enumerate() {
        let spec = Catalog::built_in().get(event_type);
        let spec = spec.ok_or_else(|| Failure::message("the catalog lacks a type"))?;
        let event = Event {
            id: format!("evt-{number}"),
            dedup_key: format!("alert-{number}"),
            r#type: (*event_type).to_owned(),
            severity: SEVERITIES[number % SEVERITIES.len()].into(),
            source: ["cspm", "registry", "kubernetes"][number % 3].to_owned(),
            title: format!("Something happened on web-{number}"),
            subject: format!("deployment/web-{number}"),
            payload: Some(Payload::DataJson(spec.example.text().to_owned().into())),
            ..Event::default()
        };
        let request = EmitRequest {
            team_id: admin.team(),
            event: Some(event),
        };
        last = admin
            .router()
            .emit(admin.ask(request))
            .await?
            .into_inner()
            .event_id;
    }
    Ok(last)
}

/// Calls page after page; `list` answers the next one's token.
async fn timed(lab: &Lab, list: impl AsyncFn(String) -> Outcome<String>) -> Outcome<Latencies> {
    let mut page_token = String::new();
    let mut times = Latencies::new();
    for _ in 0..CALLS {
        let began = lab.clock.monotonic();
        let next = list(page_token).await?;
        times.record(lab.clock.monotonic().saturating_sub(began));
        page_token = next;
    }
    Ok(times)
}

async fn list_deliveries(lab: &Lab, admin: &Session, request: ListDeliveriesRequest) -> Outcome<Latencies> {
    timed(lab, async |page_token| {
        let request = ListDeliveriesRequest {
            team_id: admin.team(),
            page_size: PAGE,
            page_token,
            ..request.clone()
        };
        let answer = admin.dispatcher().list_deliveries(admin.ask(request)).await?;
        Ok(answer.into_inner().next_page_token)
    })
    .await
}

async fn list_events(lab: &Lab, admin: &Session, request: ListEventsRequest) -> Outcome<Latencies> {
    timed(lab, async |page_token| {
        let request = ListEventsRequest {
            team_id: admin.team(),
            page_size: PAGE,
            page_token,
            ..request.clone()
        };
        let answer = admin.dispatcher().list_events(admin.ask(request)).await?;
        Ok(answer.into_inner().next_page_token)
    })
    .await
}
