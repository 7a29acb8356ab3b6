//! How long a page of 200 takes by each filter, over very many deliveries of one team. A few are made by emitting, and
//! copied into the past by SQL.

use prost_types::Timestamp;
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, DbBackend, Statement};
use watchbell_contracts::config::v1::{CreateMemberRequest, EventFilter, Member, Role, Rule, SendAction};
use watchbell_contracts::config::v1::{CreateRuleRequest, rule};
use watchbell_contracts::dispatcher::v1::{DeliveryState, ListDeliveriesRequest, ListEventsRequest};
use watchbell_contracts::event::v1::event::Payload;
use watchbell_contracts::event::v1::{ChannelKind, Event, Severity};
use watchbell_contracts::router::v1::EmitRequest;
use watchbell_model::catalog::Catalog;
use watchbell_model::convert::timestamp;
use watchbell_model::ids::TeamId;
use watchbell_testkit::{SlackStandIn, WebhookReceiver};

use super::Progress;
use super::lab::{Lab, Store, Team};
use super::report::{Figure, Latencies};
use super::what_if::slack_channel;
use crate::failure::{Failure, Outcome, present};
use crate::session::Session;

const PAGE: i32 = 200;
/// Calls by each filter: pages one after the other, and again from the newest.
const CALLS: usize = 40;
/// Over how much time the copies are spread: less than deliveries are kept.
const SPREAD_MS: u64 = 60 * 24 * 3_600 * 1_000;
/// Copies of all that are made by one statement.
const CHUNK: u64 = 50;
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

/// What deliveries and events are asked for by.
struct Known {
    webhook: String,
    rule: String,
    /// One that matches nothing.
    idle_rule: String,
    member: String,
    address: &'static str,
    /// Who gets nothing.
    other_member: String,
    event: String,
    start: Timestamp,
    end: Timestamp,
}

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

/// Copies of all events and deliveries of a team, further and further back in time.
struct Copies<'c> {
    connection: &'c DatabaseConnection,
    backend: DbBackend,
    events: String,
    deliveries: String,
    /// Deliveries of one copy.
    each: u64,
}

// === impl Copies ===

impl<'c> Copies<'c> {
    async fn new(connection: &'c DatabaseConnection, store: &Store, team: &Team) -> Outcome<Self> {
        let backend = connection.get_database_backend();
        let team: TeamId = team
            .admin()
            .team()
            .parse()
            .map_err(|_| Failure::message("the team's id is none"))?;
        let hex = team.as_uuid().simple().to_string();
        let (team, id) = match backend {
            DbBackend::Postgres => (
                format!("'{hex}'::uuid"),
                "(lpad(to_hex(t.created_at / 1000 - {back}), 12, '0') || substr(replace(t.id::text, '-', ''), 13))::uuid",
            ),
            _ => (
                format!("x'{hex}'"),
                "unhex(printf('%012x', t.created_at / 1000 - {back}) || substr(hex(t.id), 13))",
            ),
        };
        let events = [
            ("id", "t.id || '-' || s.n"),
            ("occurred_at", "t.occurred_at - {back} * 1000"),
            ("accepted_at", "t.accepted_at - {back} * 1000"),
            ("position", "NULL"),
        ];
        let deliveries = [
            ("id", id),
            ("event_id", "t.event_id || '-' || s.n"),
            ("created_at", "t.created_at - {back} * 1000"),
            ("ended_at", "t.created_at - {back} * 1000 + 1000000"),
            ("state", "CASE WHEN s.n % 50 = 0 THEN 6 ELSE 5 END"),
            ("replay_of", "CASE WHEN s.n % 200 = 0 THEN t.id ELSE NULL END"),
            ("due_at", "NULL"),
            ("folded_into", "NULL"),
            ("held_by", "NULL"),
            ("parked_for", "NULL"),
            ("group_key", "NULL"),
            ("gathered_with", "NULL"),
        ];
        let table = |name: &str| store.table(name);
        let count = format!(
            "SELECT COUNT(*) AS count FROM {} t WHERE t.team_id = {team}",
            table("deliveries")
        );
        let counted = connection
            .query_one_raw(Statement::from_string(backend, count))
            .await
            .map_err(anyhow::Error::from)?;
        let each: i64 = present(counted)?
            .try_get("", "count")
            .map_err(anyhow::Error::from)?;
        let mut copies = Self {
            connection,
            backend,
            events: String::new(),
            deliveries: String::new(),
            each: each.unsigned_abs().max(1),
        };
        copies.events = copies.insert(store, "events", &team, &events).await?;
        copies.deliveries = copies.insert(store, "deliveries", &team, &deliveries).await?;
        Ok(copies)
    }

    /// The statement that copies the originals of a table. `{first}`, `{last}` and `{step}` are to be filled in.
    async fn insert(
        &self,
        store: &Store,
        table: &str,
        team: &str,
        changed: &[(&str, &str)],
    ) -> Outcome<String> {
        let sql = store.columns_of(table);
        let rows = self
            .connection
            .query_all_raw(Statement::from_string(self.backend, sql))
            .await;
        let mut columns = Vec::new();
        for row in rows.map_err(anyhow::Error::from)? {
            columns.push(row.try_get::<String>("", "name").map_err(anyhow::Error::from)?);
        }
        let values: Vec<_> = columns
            .iter()
            .map(|column| {
                let change = changed.iter().find(|(name, _)| name == column);
                change.map_or_else(|| format!("t.{column}"), |(_, value)| (*value).to_owned())
            })
            .collect();
        let table = store.table(table);
        let originals = match changed.iter().any(|(name, _)| *name == "event_id") {
            true => "t.event_id NOT LIKE '%-%-%'",
            false => "t.id NOT LIKE '%-%-%'",
        };
        let (columns, values) = (
            columns.join(", "),
            values.join(", ").replace("{back}", "(s.n * {step})"),
        );
        Ok(format!(
            "WITH RECURSIVE s(n) AS (SELECT CAST({{first}} AS BIGINT) UNION ALL SELECT n + 1 FROM s WHERE n < {{last}})
            INSERT INTO {table} ({columns}) SELECT {values} FROM {table} t CROSS JOIN s
            WHERE t.team_id = {team} AND {originals}"
        ))
    }

    /// Copies until there are so many deliveries; how many there are.
    async fn make(&self, deliveries: u64, progress: &Progress) -> Outcome<u64> {
        let copies = deliveries.div_ceil(self.each).max(1);
        let step = SPREAD_MS / copies;
        let mut first = 1;
        while first <= copies {
            progress.say(&format!(
                "{} of {deliveries} deliveries are made",
                first * self.each
            ));
            let last = (first + CHUNK - 1).min(copies);
            for sql in [&self.events, &self.deliveries] {
                let sql = sql
                    .replace("{first}", &first.to_string())
                    .replace("{last}", &last.to_string())
                    .replace("{step}", &step.to_string());
                self.connection
                    .execute_unprepared(&sql)
                    .await
                    .map_err(anyhow::Error::from)?;
            }
            first = last + 1;
        }
        self.connection
            .execute_unprepared("ANALYZE")
            .await
            .map_err(anyhow::Error::from)?;
        Ok((copies + 1) * self.each)
    }
}

fn of_deliveries(known: &Known) -> Vec<(&'static str, ListDeliveriesRequest)> {
    let all = ListDeliveriesRequest::default;
    let states = |state: DeliveryState| vec![state.into()];
    let texts = |text: &str| vec![text.to_owned()];
    vec![
        ("none", all()),
        (
            "channel",
            ListDeliveriesRequest {
                channel_id: known.webhook.clone(),
                ..all()
            },
        ),
        (
            "kind",
            ListDeliveriesRequest {
                kind: ChannelKind::InApp.into(),
                ..all()
            },
        ),
        (
            "kind: rare",
            ListDeliveriesRequest {
                kind: ChannelKind::Teams.into(),
                ..all()
            },
        ),
        (
            "state: delivered",
            ListDeliveriesRequest {
                states: states(DeliveryState::Delivered),
                ..all()
            },
        ),
        (
            "state: failed",
            ListDeliveriesRequest {
                states: states(DeliveryState::Failed),
                ..all()
            },
        ),
        (
            "state: rare",
            ListDeliveriesRequest {
                states: states(DeliveryState::Pending),
                ..all()
            },
        ),
        (
            "event",
            ListDeliveriesRequest {
                event_id: known.event.clone(),
                ..all()
            },
        ),
        (
            "types",
            ListDeliveriesRequest {
                types: texts("scan.*"),
                ..all()
            },
        ),
        (
            "types: rare",
            ListDeliveriesRequest {
                types: texts("user.*"),
                ..all()
            },
        ),
        (
            "severities",
            ListDeliveriesRequest {
                severities: vec![Severity::Critical.into()],
                ..all()
            },
        ),
        (
            "severities: rare",
            ListDeliveriesRequest {
                severities: vec![Severity::Info.into()],
                ..all()
            },
        ),
        (
            "member",
            ListDeliveriesRequest {
                member_id: known.member.clone(),
                ..all()
            },
        ),
        (
            "member: rare",
            ListDeliveriesRequest {
                member_id: known.other_member.clone(),
                ..all()
            },
        ),
        (
            "address",
            ListDeliveriesRequest {
                address: known.address.to_owned(),
                ..all()
            },
        ),
        (
            "address: rare",
            ListDeliveriesRequest {
                address: "nobody@example.com".to_owned(),
                ..all()
            },
        ),
        (
            "rule",
            ListDeliveriesRequest {
                rule_id: known.rule.clone(),
                ..all()
            },
        ),
        (
            "rule: rare",
            ListDeliveriesRequest {
                rule_id: known.idle_rule.clone(),
                ..all()
            },
        ),
        (
            "text",
            ListDeliveriesRequest {
                text: "Web-1".to_owned(),
                ..all()
            },
        ),
        (
            "text: rare",
            ListDeliveriesRequest {
                text: "nowhere to be found".to_owned(),
                ..all()
            },
        ),
        (
            "replays",
            ListDeliveriesRequest {
                replays_only: true,
                ..all()
            },
        ),
        (
            "period",
            ListDeliveriesRequest {
                start_time: Some(known.start),
                end_time: Some(known.end),
                ..all()
            },
        ),
        (
            "member, text and period",
            ListDeliveriesRequest {
                member_id: known.member.clone(),
                text: "nowhere to be found".to_owned(),
                start_time: Some(known.start),
                ..all()
            },
        ),
        (
            "channel, severities and types",
            ListDeliveriesRequest {
                channel_id: known.webhook.clone(),
                severities: vec![Severity::Info.into()],
                types: texts("finding.*"),
                ..all()
            },
        ),
    ]
}

fn of_events(known: &Known) -> Vec<(&'static str, ListEventsRequest)> {
    let all = ListEventsRequest::default;
    vec![
        ("events: none", all()),
        (
            "events: types",
            ListEventsRequest {
                types: vec!["scan.*".to_owned()],
                ..all()
            },
        ),
        (
            "events: types, rare",
            ListEventsRequest {
                types: vec!["user.*".to_owned()],
                ..all()
            },
        ),
        (
            "events: severities, rare",
            ListEventsRequest {
                severities: vec![Severity::Info.into()],
                ..all()
            },
        ),
        (
            "events: sources, rare",
            ListEventsRequest {
                sources: vec!["nobody".to_owned()],
                ..all()
            },
        ),
        (
            "events: subject, rare",
            ListEventsRequest {
                subject: "nothing".to_owned(),
                ..all()
            },
        ),
        (
            "events: text",
            ListEventsRequest {
                text: "Web-1".to_owned(),
                ..all()
            },
        ),
        (
            "events: text, rare",
            ListEventsRequest {
                text: "nowhere to be found".to_owned(),
                ..all()
            },
        ),
        (
            "events: period",
            ListEventsRequest {
                start_time: Some(known.start),
                end_time: Some(known.end),
                ..all()
            },
        ),
    ]
}

async fn list_deliveries(lab: &Lab, admin: &Session, request: ListDeliveriesRequest) -> Outcome<Latencies> {
    let mut request = ListDeliveriesRequest {
        team_id: admin.team(),
        page_size: PAGE,
        ..request
    };
    let mut times = Latencies::new();
    for _ in 0..CALLS {
        let began = lab.clock.monotonic();
        let answer = admin
            .dispatcher()
            .list_deliveries(admin.ask(request.clone()))
            .await?;
        times.record(lab.clock.monotonic().saturating_sub(began));
        request.page_token = answer.into_inner().next_page_token;
    }
    Ok(times)
}

async fn list_events(lab: &Lab, admin: &Session, request: ListEventsRequest) -> Outcome<Latencies> {
    let mut request = ListEventsRequest {
        team_id: admin.team(),
        page_size: PAGE,
        ..request
    };
    let mut times = Latencies::new();
    for _ in 0..CALLS {
        let began = lab.clock.monotonic();
        let answer = admin.dispatcher().list_events(admin.ask(request.clone())).await?;
        times.record(lab.clock.monotonic().saturating_sub(began));
        request.page_token = answer.into_inner().next_page_token;
    }
    Ok(times)
}
