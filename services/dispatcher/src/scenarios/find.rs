//! Finding deliveries and events: every filter, and every two of them, against a straight scan.

use std::collections::BTreeSet;

use event_wire::route::Target;
use watchbell_model::catalog::notices;
use watchbell_model::ids::{MemberId, RuleId};
use watchbell_store::store_tests;

use super::*;
use crate::store::{DeliveryFilter, EXAMINED, EventFilter, Migrator};

/// What a scan looks at.
#[derive(Debug, Clone)]
struct Made {
    id: String,
    event_type: &'static str,
    severity: Severity,
    category: Category,
    source: &'static str,
    title: String,
    subject: &'static str,
    /// By member, and by address.
    to: Vec<(Option<MemberId>, &'static str, Option<RuleId>)>,
}

fn route(member: Option<MemberId>, address: &str, rule: Option<RuleId>) -> event_wire::Route {
    let target = match member {
        Some(member) => Target::Person(event_wire::PersonTarget {
            member_id: member.to_string(),
            address: address.to_owned(),
            topic: "findings".to_owned(),
            ..Default::default()
        }),
        None => Target::Address(event_wire::AddressTarget {
            address: address.to_owned(),
            ..Default::default()
        }),
    };
    event_wire::Route {
        kind: ChannelKind::Email.to_wire(),
        target: Some(target),
        reason: Some(event_wire::Reason {
            code: "rule".to_owned(),
            // What a text says is never taken for a part of the route.
            sentence: r#"The rule "address":"cy@acme.example" sends it here."#.to_owned(),
            rule_id: rule.map(|rule| rule.to_string()).unwrap_or_default(),
        }),
        ..Default::default()
    }
}

fn made(env: &TestEnv) -> Vec<Made> {
    let id = |n: u128| uuid::Uuid::from_u128(n);
    let (ann, bob) = (MemberId::from_uuid(id(1)), MemberId::from_uuid(id(2)));
    let (loud, quiet) = (RuleId::from_uuid(id(3)), RuleId::from_uuid(id(4)));
    let _ = env;
    let types = ["finding.created", "finding.resolved", "scan.failed", "scanner.x"];
    let severities = [Severity::Critical, Severity::High, Severity::Low];
    let sources = ["cspm", "CSPM", "registry", ""];
    let subjects = ["", "web-1", "100%_sure", "WEB-1 and 2"];
    (0..24)
        .map(|n| Made {
            id: format!("e{n:02}"),
            event_type: types[n % types.len()],
            severity: severities[n % severities.len()],
            category: if n % 5 == 0 {
                Category::SystemError
            } else {
                Category::SecurityAlert
            },
            source: sources[n / 2 % sources.len()],
            title: format!(
                "{} number {n}",
                if n % 3 == 0 { "Open port" } else { "Public bucket" }
            ),
            subject: subjects[n / 3 % subjects.len()],
            to: match n % 4 {
                0 => vec![(Some(ann), "ann@acme.example", None)],
                1 => vec![
                    (Some(bob), "Bob@acme.example", Some(loud)),
                    (None, "cy@acme.example", Some(quiet)),
                ],
                2 => vec![(None, "ann@acme.example", Some(loud))],
                _ => vec![],
            },
        })
        .collect()
}

async fn submit(rig: &mut Rig, all: &[Made]) {
    for made in all {
        let mut request = request(&rig.env, &made.id, &[]);
        let event = request.event.as_mut().unwrap();
        event.r#type = made.event_type.to_owned();
        event.severity = made.severity.to_wire();
        event.category = made.category.to_wire();
        event.source = made.source.to_owned();
        event.title.clone_from(&made.title);
        event.subject = made.subject.to_owned();
        request.routes = made
            .to
            .iter()
            .map(|(member, address, rule)| route(*member, address, *rule))
            .collect();
        assert_eq!(rig.submit(vec![request]).await[0].error, None);
        rig.env.clock.advance(Duration::from_millis(3));
    }
}

fn is_of(pattern: &str, event_type: &str) -> bool {
    pattern == "*"
        || pattern == event_type
        || pattern
            .strip_suffix('*')
            .is_some_and(|prefix| event_type.starts_with(prefix))
}

fn says(text: &str, made: &Made) -> bool {
    let text = text.to_ascii_lowercase();
    [made.title.as_str(), made.subject]
        .iter()
        .any(|said| said.to_ascii_lowercase().contains(&text))
}

/// A filter of deliveries, and the same as a scan says it.
type Narrow<R> = (
    &'static str,
    Box<dyn Fn(&mut R) + Send + Sync>,
    Box<dyn Fn(&Made, &(Option<MemberId>, &'static str, Option<RuleId>)) -> bool + Send + Sync>,
);

/// Pages of a filter that examine `bound` rows each, one after another; `between` happens after each page.
async fn bounded_pages(
    rig: &mut Rig,
    mut filter: DeliveryFilter,
    bound: u64,
    mut between: impl AsyncFnMut(&mut Rig),
) -> Vec<uuid::Uuid> {
    let (limit, size) = (6, 5);
    let mut ids = Vec::new();
    loop {
        let found = rig
            .core
            .db
            .deliveries(rig.env.team, &filter, limit, bound)
            .await
            .unwrap();
        let mut rows: Vec<_> = found.rows.into_iter().map(|row| row.id).collect();
        filter.before = match rows.len() > size {
            true => Some(rows[size - 1]),
            false => found.stopped_at,
        };
        rows.truncate(size);
        ids.extend(rows);
        if filter.before.is_none() {
            return ids;
        }
        between(rig).await;
    }
}

store_tests! {
    migrator = Migrator;

    async fn pages_that_end_short_go_on_to_the_same_total_while_events_come_in(store: Store) {
        let mut rig = Rig::new(&store).await;
        let all = made(&rig.env);
        submit(&mut rig, &all).await;
        let none = DeliveryFilter::default;
        let pending = vec![State::Pending];
        let (member, rule) = (all[0].to[0].0, all[1].to[0].2);
        let filters = [
            DeliveryFilter { member, ..none() },
            DeliveryFilter { rule, ..none() },
            DeliveryFilter { address: Some("ANN@acme.example".into()), ..none() },
            DeliveryFilter { text: Some("number 1".into()), ..none() },
            DeliveryFilter { types: vec!["scan*".into()], states: pending, ..none() },
            DeliveryFilter { states: vec![State::Failed, State::Parked], ..none() },
            DeliveryFilter { severities: vec![Severity::Low], kind: Some(ChannelKind::Email), ..none() },
            DeliveryFilter { replays_only: true, member, ..none() },
            DeliveryFilter { event_id: Some("e05".into()), severities: vec![Severity::Low], ..none() },
        ];
        let mut added = 0;
        for filter in filters {
            let whole = bounded_pages(&mut rig, filter.clone(), EXAMINED, async |_| {}).await;
            for bound in [1, 4, 9] {
                let mut left = 2;
                let paged = bounded_pages(&mut rig, filter.clone(), bound, async |rig| {
                    if left > 0 {
                        (left, added) = (left - 1, added + 1);
                        let new = Made { id: format!("more{added}"), ..all[1].clone() };
                        submit(rig, &[new]).await;
                    }
                });
                let paged = paged.await;
                let before: Vec<_> = paged.iter().filter(|id| whole.contains(id)).copied().collect();
                assert_eq!(before, whole, "{filter:?} by {bound}");
                let once: BTreeSet<_> = paged.iter().collect();
                assert_eq!(once.len(), paged.len());
            }
        }
    }

    async fn a_rare_text_takes_short_pages_and_is_found(store: Store) {
        let mut rig = Rig::new(&store).await;
        let mut needle = request(&rig.env, "e0", &[]);
        needle.event.as_mut().unwrap().subject = "needle".into();
        needle.routes = vec![route(None, "ann@acme.example", None)];
        let mut hay = request(&rig.env, "e1", &[]);
        hay.routes = (0..2_600).map(|n| route(None, &format!("p{n}@acme.example"), None)).collect();
        for submission in [needle, hay] {
            assert_eq!(rig.submit(vec![submission]).await[0].error, None);
            rig.env.clock.advance(Duration::from_millis(3));
        }
        let request = wire::ListDeliveriesRequest { team_id: rig.env.team.to_string(), text: "NEEDLE".into(), ..Default::default() };
        let first = rig.service.list_deliveries(internal_request(request.clone())).await.unwrap().into_inner();
        assert!(first.deliveries.is_empty() && !first.next_page_token.is_empty());
        let next = wire::ListDeliveriesRequest { page_token: first.next_page_token.clone(), ..request.clone() };
        let second = rig.service.list_deliveries(internal_request(next)).await.unwrap().into_inner();
        assert_eq!(second.deliveries.len(), 1);
        assert_eq!(second.next_page_token, "");
        let other = wire::ListDeliveriesRequest { page_token: first.next_page_token, text: "hay".into(), ..request };
        assert_eq!(rig.service.list_deliveries(internal_request(other)).await.unwrap_err().code(), tonic::Code::InvalidArgument);
    }

    async fn pages_of_events_that_end_short_go_on_to_the_same_total(store: Store) {
        let mut rig = Rig::new(&store).await;
        let all = made(&rig.env);
        submit(&mut rig, &all).await;
        let none = EventFilter::default;
        let filters = [
            none(),
            EventFilter { subject: Some("web-1".into()), ..none() },
            EventFilter { text: Some("bucket".into()), ..none() },
            EventFilter { types: vec!["sla.*".into()], ..none() },
        ];
        for filter in filters {
            let pages = async |bound| {
                let mut filter = filter.clone();
                let mut ids = Vec::new();
                loop {
                    let found = rig.core.db.events(rig.env.team, &filter, 4, bound).await.unwrap();
                    let mut rows = found.rows;
                    filter.before = match rows.len() > 3 {
                        true => Some(rows[2].key()),
                        false => found.stopped_at,
                    };
                    rows.truncate(3);
                    ids.extend(rows.into_iter().map(|row| row.id));
                    if filter.before.is_none() {
                        return ids;
                    }
                }
            };
            let whole = pages(EXAMINED).await;
            for bound in [1, 5, 24] {
                assert_eq!(pages(bound).await, whole, "{filter:?} by {bound}");
            }
        }
    }

    async fn deliveries_are_found_as_a_scan_finds_them(store: Store) {
        let mut rig = Rig::new(&store).await;
        let all = made(&rig.env);
        submit(&mut rig, &all).await;
        let ann = all[0].to[0].0.unwrap();
        let loud = all[1].to[0].2.unwrap();
        let filters: Vec<Narrow<wire::ListDeliveriesRequest>> = vec![
            ("none", Box::new(|_| {}), Box::new(|_, _| true)),
            ("member", Box::new(move |request| request.member_id = ann.to_string()), Box::new(move |_, to| to.0 == Some(ann))),
            ("address", Box::new(|request| request.address = "BOB@acme.example".into()), Box::new(|_, to| to.1 == "Bob@acme.example")),
            ("address of both kinds", Box::new(|request| request.address = "ann@acme.example".into()), Box::new(|_, to| to.1 == "ann@acme.example")),
            ("said only", Box::new(|request| request.address = "cy@acme.example".into()), Box::new(|_, to| to.1 == "cy@acme.example")),
            ("severity", Box::new(|request| request.severities = vec![Severity::High.to_wire(), Severity::Low.to_wire()]), Box::new(|made, _| made.severity != Severity::Critical)),
            ("types", Box::new(|request| request.types = vec!["scan.*".into(), "finding.resolved".into()]), Box::new(|made, _| is_of("scan.*", made.event_type) || is_of("finding.resolved", made.event_type))),
            ("rule", Box::new(move |request| request.rule_id = loud.to_string()), Box::new(move |_, to| to.2 == Some(loud))),
            ("text", Box::new(|request| request.text = "web-1".into()), Box::new(|made, _| says("web-1", made))),
            ("odd text", Box::new(|request| request.text = "100%_S".into()), Box::new(|made, _| says("100%_s", made))),
            ("title", Box::new(|request| request.text = "OPEN port".into()), Box::new(|made, _| says("open port", made))),
            ("replays", Box::new(|request| request.replays_only = true), Box::new(|_, _| false)),
        ];
        for one in &filters {
            for other in &filters {
                let mut request = wire::ListDeliveriesRequest {
                    team_id: rig.env.team.to_string(),
                    page_size: 5,
                    ..Default::default()
                };
                one.1(&mut request);
                let first = request.clone();
                other.1(&mut request);
                // Two filters of one field are the second.
                if one.0 != "none" && (first == request || one.0.starts_with("address") && other.0.starts_with("said")) {
                    continue;
                }
                let overrides = ["address", "address of both kinds", "said only"];
                let texts = ["text", "odd text", "title"];
                if [overrides, texts].iter().any(|group| group.contains(&one.0) && group.contains(&other.0)) {
                    continue;
                }
                let mut found = Vec::new();
                loop {
                    let page = rig.service.list_deliveries(internal_request(request.clone())).await.unwrap().into_inner();
                    found.extend(page.deliveries.into_iter().map(|delivery| delivery.event_id));
                    request.page_token = page.next_page_token;
                    if request.page_token.is_empty() {
                        break;
                    }
                }
                let mut expected = Vec::new();
                for made in all.iter().rev() {
                    let to = made.to.iter().filter(|to| one.2(made, to) && other.2(made, to));
                    expected.extend(to.map(|_| made.id.clone()));
                }
                assert_eq!(found, expected, "{} and {}", one.0, other.0);
            }
        }
    }

    async fn replays_are_found(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        rig.emit("e0", &[channel]).await;
        rig.settle().await;
        let id = rig.delivery().await.id;
        let replay = wire::ReplayRequest { team_id: rig.env.team.to_string(), delivery_id: id, ..Default::default() };
        let replayed = rig.service.replay(internal_request(replay)).await.unwrap().into_inner().delivery.unwrap();
        let request = wire::ListDeliveriesRequest { team_id: rig.env.team.to_string(), replays_only: true, ..Default::default() };
        let found = rig.service.list_deliveries(internal_request(request)).await.unwrap().into_inner().deliveries;
        assert_eq!(found.iter().map(|delivery| &delivery.id).collect::<Vec<_>>(), [&replayed.id]);
    }

    async fn events_are_found_as_a_scan_finds_them(store: Store) {
        let mut rig = Rig::new(&store).await;
        let all = made(&rig.env);
        submit(&mut rig, &all).await;
        let find = async |request: wire::ListEventsRequest| {
            let request = wire::ListEventsRequest { team_id: rig.env.team.to_string(), page_size: 1_000, ..request };
            let page = rig.service.list_events(internal_request(request)).await.unwrap().into_inner();
            page.events.into_iter().map(|event| event.event.unwrap().id).collect::<Vec<_>>()
        };
        let scan = |is: &dyn Fn(&Made) -> bool| all.iter().rev().filter(|made| is(made)).map(|made| made.id.clone()).collect::<Vec<_>>();
        let none = wire::ListEventsRequest::default;
        let subject = wire::ListEventsRequest { subject: "web-1".into(), ..none() };
        assert_eq!(find(subject).await, scan(&|made| made.subject == "web-1"));
        let sources = wire::ListEventsRequest { sources: vec!["CSPM".into(), "registry".into()], ..none() };
        assert_eq!(find(sources.clone()).await, scan(&|made| !made.source.is_empty()));
        let categories = wire::ListEventsRequest { categories: vec![Category::SystemError.to_wire()], ..none() };
        assert_eq!(find(categories).await, scan(&|made| made.category == Category::SystemError));
        for text in ["WEB-1", "100%_s", "number 1", "nowhere"] {
            let request = wire::ListEventsRequest { text: text.into(), ..none() };
            assert_eq!(find(request).await, scan(&|made| says(text, made)), "{text}");
        }
        let both = wire::ListEventsRequest { text: "bucket".into(), types: vec!["scan.*".into()], ..sources };
        assert_eq!(find(both).await, scan(&|made| says("bucket", made) && is_of("scan.*", made.event_type) && !made.source.is_empty()));
    }

    async fn operational_events_are_listed_where_a_pattern_names_them(store: Store) {
        let mut rig = Rig::new(&store).await;
        let mut changed = request(&rig.env, "changed", &[]);
        changed.event.as_mut().unwrap().r#type = notices::CONFIG_CHANGED.to_owned();
        let found = request(&rig.env, "found", &[]);
        rig.submit(vec![found, changed]).await;
        for (types, ids) in [(&[][..], &["found"][..]), (&["*"], &["found"]), (&["config.*"], &["changed"])] {
            let types = types.iter().map(|&pattern| pattern.to_owned()).collect();
            let request = wire::ListEventsRequest { team_id: rig.env.team.to_string(), types, ..Default::default() };
            let page = rig.service.list_events(internal_request(request)).await.unwrap().into_inner();
            let listed: Vec<_> = page.events.into_iter().map(|event| event.event.unwrap().id).collect();
            assert_eq!(listed, ids);
        }
    }

    async fn what_cannot_be_looked_for_is_named(store: Store) {
        let rig = Rig::new(&store).await;
        let request = wire::ListDeliveriesRequest {
            team_id: rig.env.team.to_string(),
            member_id: "ann".into(),
            rule_id: "rul".into(),
            types: vec!["a b".into()],
            severities: vec![77],
            text: "x".repeat(201),
            address: "x".repeat(321),
            ..Default::default()
        };
        let status = rig.service.list_deliveries(internal_request(request)).await.unwrap_err();
        let reading = watchbell_runtime::problem::from_status(&status);
        let fields: BTreeSet<_> = reading.violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, BTreeSet::from(["address", "member_id", "rule_id", "severities[0]", "text", "types[0]"]));
        // Not every database has texts with this character.
        let nul = || "a\0".to_owned();
        let request = wire::ListDeliveriesRequest { team_id: rig.env.team.to_string(), text: nul(), address: nul(), ..Default::default() };
        let status = rig.service.list_deliveries(internal_request(request)).await.unwrap_err();
        assert_eq!(watchbell_runtime::problem::from_status(&status).violations.len(), 2);
        let request = wire::ListEventsRequest { team_id: rig.env.team.to_string(), subject: nul(), sources: vec![nul()], ..Default::default() };
        let status = rig.service.list_events(internal_request(request)).await.unwrap_err();
        assert_eq!(watchbell_runtime::problem::from_status(&status).violations.len(), 2);
    }
}
