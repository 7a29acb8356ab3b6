//! Groups: what a rule gathers is one message, in time, once, and as any other where quiet hours, silences, storms and alerts
//! are concerned.

mod held;
mod inbox;
mod resent;

use std::collections::{BTreeMap, BTreeSet};

use watchbell_contracts::dispatcher::v1::delivery::StateDetail;
use watchbell_contracts::event::v1::AlertAction::{Resolve, Trigger};
use watchbell_model::convert::duration;
use watchbell_model::group::{GroupValue, MAX_EVENTS};
use watchbell_store::store_tests;

use super::alerts::{HOUR, say, to_room};
use super::people::{email_channel, to_recipient};
use super::storms::{only_summary, seconds, slack, summaries, titles, told};
use super::*;
use crate::senders::AttemptResult;
use crate::senders::summary::{GatheredBy, Why};
use crate::store::Migrator;

/// How long the stories' rule gathers.
const WAIT: Duration = Duration::from_secs(120);

/// A route that is gathered with others of the same scan for two minutes.
fn of_scan(scan: &str, route: event_wire::Route) -> event_wire::Route {
    let mut key = [0; 32];
    key[..scan.len()].copy_from_slice(scan.as_bytes());
    event_wire::Route {
        group: Some(event_wire::RouteGroup {
            key: key.to_vec().into(),
            rule_name: "Scans".to_owned(),
            values: vec![event_wire::GroupValue {
                path: "data.scan_id".to_owned(),
                value: Some(scan.to_owned()),
            }],
            wait: Some(duration(WAIT)),
            at_most: i32::try_from(MAX_EVENTS).unwrap(),
        }),
        reason: Some(event_wire::Reason {
            code: "rule_matched".to_owned(),
            sentence: "The rule “Scans” sends it here.".to_owned(),
            rule_id: "rul_1".to_owned(),
        }),
        ..route
    }
}

fn at_most(count: i32, mut route: event_wire::Route) -> event_wire::Route {
    if let Some(group) = &mut route.group {
        group.at_most = count;
    }
    route
}

fn finding(env: &TestEnv, id: &str, severity: Severity, routes: &[event_wire::Route]) -> wire::SubmitRequest {
    let event = event_wire::Event {
        severity: severity.to_wire(),
        ..event(env, id)
    };
    wire::SubmitRequest {
        event: Some(event),
        routes: routes.to_vec(),
        ..request(env, "", &[])
    }
}

/// Emits an event of that severity.
async fn find(rig: &mut Rig, id: &str, severity: Severity, routes: &[event_wire::Route]) {
    let request = finding(&rig.env, id, severity, routes);
    let answer = rig.submit(vec![request]).await.remove(0);
    assert_eq!(answer.error, None);
    rig.settle().await;
}

/// Emits LOW events, a second after each other.
async fn find_all(rig: &mut Rig, ids: &[&str], route: &event_wire::Route) {
    for id in ids {
        find(rig, id, Severity::Low, std::slice::from_ref(route)).await;
        rig.pass(Duration::from_secs(1)).await;
    }
}

fn folded(delivery: &wire::Delivery) -> &wire::Folded {
    match &delivery.state_detail {
        Some(StateDetail::Folded(folded)) => folded,
        other => panic!("it is folded: {other:?}"),
    }
}

store_tests! {
    migrator = Migrator;

    async fn a_scans_findings_are_one_message_at_the_firsts_time_and_the_wait_and_critical_goes_at_once(store: Store) {
        let mut rig = Rig::new(&store).await;
        let route = of_scan("nightly", to_room(slack(&rig.env)));
        find_all(&mut rig, &["e1", "e2"], &route).await;
        find(&mut rig, "e3", Severity::High, std::slice::from_ref(&route)).await;
        find(&mut rig, "urgent", Severity::Critical, std::slice::from_ref(&route)).await;
        assert_eq!(rig.env.receivers.events(), ["urgent"]);
        let waiting = told(&rig, State::Folded).await;
        assert_eq!(waiting.len(), 3);
        for delivery in &waiting {
            assert_eq!(delivery.state_message, "gathered by the rule “Scans” until 21 Nov 2026, 09:02 UTC");
            assert_eq!(folded(delivery).reason(), wire::FoldedReason::Group);
            let due = timestamp(BEGIN.parse::<DateTime<Utc>>().unwrap() + WAIT);
            assert_eq!((delivery.next_attempt_time, folded(delivery).until_time), (Some(due), Some(due)));
            assert_eq!(delivery.end_time, None);
        }
        rig.pass(WAIT - Duration::from_secs(3)).await;
        assert_eq!(rig.env.receivers.events(), ["urgent"], "not before its time");
        rig.pass(Duration::from_secs(1)).await;
        let (delivery, summary) = only_summary(&rig).await;
        assert_eq!(rig.env.receivers.events(), ["urgent", delivery.event_id.as_str()]);
        assert_eq!(delivery.state, State::Delivered as i32);
        assert_eq!(delivery.event_title, "3 findings of scan nightly: 1 high, 2 low");
        assert_eq!(delivery.folded_count, 3);
        let reason = delivery.route.unwrap().reason.unwrap();
        assert_eq!((reason.code.as_str(), reason.rule_id.as_str()), ("group", "rul_1"));
        let values = vec![GroupValue { path: "data.scan_id".to_owned(), value: Some("nightly".to_owned()) }];
        assert_eq!(summary.why, Why::Group(GatheredBy { rule: "Scans".to_owned(), values }));
        assert_eq!(titles(&summary), ["Finding e1", "Finding e2", "Finding e3"]);
        for delivery in told(&rig, State::Folded).await {
            assert_eq!(folded(&delivery).reason(), wire::FoldedReason::Summary);
            assert!(delivery.end_time.is_some() && delivery.state_message.starts_with("included in the summary"));
        }
        rig.pass(HOUR).await;
        assert_eq!(rig.env.receivers.carried().len(), 2, "nothing is told twice");
    }

    async fn one_alone_is_sent_as_itself(store: Store) {
        let mut rig = Rig::new(&store).await;
        let route = of_scan("nightly", to_room(slack(&rig.env)));
        find(&mut rig, "alone", Severity::Low, &[route]).await;
        assert!(rig.env.receivers.carried().is_empty());
        rig.pass(WAIT).await;
        assert_eq!(rig.env.receivers.events(), ["alone"]);
        let delivery = rig.delivery().await;
        assert_eq!((delivery.state, delivery.state_message.as_str()), (State::Delivered as i32, ""));
        rig.pass(HOUR).await;
        assert_eq!(rig.env.receivers.carried().len(), 1);
    }

    async fn a_full_group_goes_at_once_and_the_next_event_begins_another(store: Store) {
        let mut rig = Rig::new(&store).await;
        let route = at_most(3, of_scan("nightly", to_room(slack(&rig.env))));
        let ids = ["e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8"];
        let requests = ids.map(|id| finding(&rig.env, id, Severity::Low, std::slice::from_ref(&route)));
        rig.submit(requests.to_vec()).await;
        rig.settle().await;
        seconds(&mut rig, 3).await;
        let mut sizes: Vec<_> = summaries(&rig).await.iter().map(|(_, summary)| summary.total).collect();
        assert_eq!(sizes, [3, 3], "two are full");
        rig.pass(WAIT).await;
        sizes.extend([2]);
        let all: Vec<_> = summaries(&rig).await.iter().map(|(_, summary)| summary.total).collect();
        assert_eq!(all, sizes, "the rest has waited");
    }

    async fn a_lane_with_very_many_groups_keeps_no_other_waiting(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (room, other) = (slack(&rig.env), rig.env.channel("other"));
        let requests = (0..250).map(|number| {
            let route = of_scan(&format!("s{number}"), to_room(room));
            finding(&rig.env, &format!("e{number}"), Severity::Low, &[route])
        });
        let requests = requests.collect();
        rig.submit(requests).await;
        rig.settle().await;
        rig.pass(WAIT / 2).await;
        rig.env.receivers.answer(other, AttemptResult::retryable("http.503", "down"));
        rig.emit("late", &[other]).await;
        rig.settle().await;
        rig.env.clock.advance(WAIT);
        rig.heartbeat.tick().await.unwrap();
        rig.sweeper.tick().await.unwrap();
        rig.pump.tick();
        rig.pump.settle().await;
        assert_eq!(rig.env.receivers.events().iter().filter(|id| *id == "late").count(), 2, "it is tried again");
        let left = rig.core.db.summary_lanes(&[crate::lanes::LaneId(room.as_uuid())], None).await.unwrap();
        assert!(left[0].folded_due.is_some(), "not all are told yet");
        for _ in 0..3 {
            rig.sweeper.tick().await.unwrap();
        }
        let left = rig.core.db.summary_lanes(&[crate::lanes::LaneId(room.as_uuid())], None).await.unwrap();
        assert!(left.is_empty(), "now they are");
    }

    async fn what_has_other_values_or_another_place_comes_apart(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (one, other) = (slack(&rig.env), slack(&rig.env));
        let mail = email_channel(&rig, "on call", &["ada@example.com", "bob@example.com"]);
        let to = |address: &str| {
            let mut route = of_scan("a", to_recipient(mail));
            if let Some(event_wire::route::Target::Address(target)) = &mut route.target {
                address.clone_into(&mut target.address);
            }
            at_most(2, route)
        };
        let routes = [
            of_scan("a", to_room(one)),
            of_scan("a", to_room(other)),
            to("ada@example.com"),
            to("bob@example.com"),
        ];
        find(&mut rig, "a1", Severity::Low, &routes).await;
        find(&mut rig, "b1", Severity::Low, &[of_scan("b", to_room(one))]).await;
        assert!(rig.env.receivers.carried().is_empty(), "two mails of one event fill no group");
        find(&mut rig, "a2", Severity::Low, &routes).await;
        find(&mut rig, "b2", Severity::Low, &[of_scan("b", to_room(one))]).await;
        rig.pass(WAIT).await;
        seconds(&mut rig, 2).await;
        let mut sent: Vec<_> = Vec::new();
        for (delivery, summary) in summaries(&rig).await {
            let titles = titles(&summary).join(" ");
            let carried = rig.env.receivers.carried().into_iter();
            let to: Vec<_> = carried.filter(|carried| carried.event == delivery.event_id).collect();
            assert_eq!(to.len(), 1);
            sent.push((titles, to[0].channel, to[0].address.clone()));
        }
        sent.sort();
        let (of_a, of_b) = ("Finding a1 Finding a2".to_owned(), "Finding b1 Finding b2".to_owned());
        let mut wanted = vec![
            (of_a.clone(), Some(one), None),
            (of_a.clone(), Some(other), None),
            (of_a.clone(), Some(mail), Some("ada@example.com".to_owned())),
            (of_a, Some(mail), Some("bob@example.com".to_owned())),
            (of_b, Some(one), None),
        ];
        wanted.sort();
        assert_eq!(sent, wanted);
    }

    async fn programs_and_tests_get_each_event_whatever_a_route_says(store: Store) {
        let mut rig = Rig::new(&store).await;
        let siem = rig.env.channel("siem");
        find(&mut rig, "e1", Severity::Low, &[of_scan("a", to_channel(siem))]).await;
        let room = slack(&rig.env);
        let mut test = finding(&rig.env, "test", Severity::Low, &[of_scan("a", to_room(room))]);
        test.event.as_mut().unwrap().test = true;
        rig.submit(vec![test]).await;
        rig.settle().await;
        assert_eq!(rig.env.receivers.events(), ["e1", "test"]);
    }

    async fn the_message_calls_whomever_any_of_its_events_calls_and_is_tried_as_any_message(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        let route = of_scan("nightly", to_room(room));
        let here = event_wire::Route { mentions: vec![(&watchbell_model::mention::Mention::Here).into()], ..route.clone() };
        find_all(&mut rig, &["e1"], &route).await;
        find_all(&mut rig, &["e2", "e3"], &here).await;
        rig.env.receivers.answer(room, AttemptResult::retryable("http.503", "Slack is down"));
        rig.pass(WAIT).await;
        rig.pass(Duration::from_secs(60)).await;
        let (delivery, _) = only_summary(&rig).await;
        assert_eq!((delivery.state, delivery.attempts.len()), (State::Delivered as i32, 2));
        assert_eq!(delivery.route.unwrap().mentions.len(), 1);
        assert_eq!(told(&rig, State::Folded).await.len(), 3);
    }

    async fn what_was_gathered_survives_a_crash_before_and_after_its_message_was_made(store: Store) {
        let env = TestEnv::new();
        let mut first = Rig::on(&store, &env).await;
        let route = of_scan("nightly", to_room(slack(&env)));
        find_all(&mut first, &["e1", "e2"], &route).await;
        let mut second = Rig::on(&store, &env).await;
        presume_dead(&first, &mut second).await;
        drop(first);
        find_all(&mut second, &["e3"], &route).await;
        assert_eq!(told(&second, State::Folded).await.len(), 3);

        env.clock.advance(WAIT - Duration::from_secs(3));
        assert_eq!(second.sweeper.tick().await.unwrap().loaded, 1, "the message, made and not sent");
        let mut third = Rig::on(&store, &env).await;
        presume_dead(&second, &mut third).await;
        drop(second);
        seconds(&mut third, 2).await;
        let (delivery, summary) = only_summary(&third).await;
        assert_eq!(delivery.state, State::Delivered as i32);
        assert_eq!(titles(&summary), ["Finding e1", "Finding e2", "Finding e3"]);
        assert_eq!(env.receivers.carried().len(), 1);
    }

    async fn two_replicas_that_look_at_once_make_one_message(store: Store) {
        let env = TestEnv::new();
        let mut first = Rig::on(&store, &env).await;
        let route = of_scan("nightly", to_room(slack(&env)));
        find_all(&mut first, &["e1", "e2", "e3"], &route).await;
        let mut second = Rig::on(&store, &env).await;
        env.clock.advance(WAIT);
        let (one, other) = tokio::join!(first.sweeper.tick(), second.sweeper.tick());
        assert!(one.unwrap().loaded + other.unwrap().loaded <= 1);
        let owner = if first.core.db.is_sqlite() { &mut second } else { &mut first };
        seconds(owner, 2).await;
        let (delivery, summary) = only_summary(&second).await;
        assert_eq!((delivery.state, summary.total), (State::Delivered as i32, 3));
        assert_eq!(env.receivers.carried().len(), 1);
    }

    async fn whoever_was_told_by_a_group_is_told_of_the_end_and_repeats_are_counted(store: Store) {
        let mut rig = Rig::new(&store).await;
        let route = of_scan("nightly", to_room(slack(&rig.env)));
        say(&mut rig, Trigger, "begin", std::slice::from_ref(&route)).await;
        say(&mut rig, Trigger, "repeat", std::slice::from_ref(&route)).await;
        find(&mut rig, "other", Severity::Low, std::slice::from_ref(&route)).await;
        rig.pass(WAIT).await;
        let (delivery, summary) = only_summary(&rig).await;
        assert_eq!(titles(&summary), ["Finding begin (seen 2 times)", "Finding other"]);
        rig.pass(HOUR).await;
        say(&mut rig, Trigger, "again", std::slice::from_ref(&route)).await;
        rig.pass(WAIT).await;
        say(&mut rig, Resolve, "end", &[]).await;
        assert_eq!(rig.env.receivers.events(), [delivery.event_id.as_str(), "end"]);
    }

    async fn what_begins_and_ends_while_it_is_gathered_is_one_quiet_line(store: Store) {
        let mut rig = Rig::new(&store).await;
        let route = of_scan("nightly", to_room(slack(&rig.env)));
        say(&mut rig, Trigger, "begin", std::slice::from_ref(&route)).await;
        find(&mut rig, "other", Severity::Low, std::slice::from_ref(&route)).await;
        rig.pass(Duration::from_secs(60)).await;
        say(&mut rig, Resolve, "end", &[]).await;
        assert_eq!(rig.env.receivers.events(), ["end"]);
        let all = rig.deliveries().await;
        assert_eq!(all[0].state_message, "opened and resolved before it was sent: its end tells both");
        assert_eq!(all[2].event_title, "Finding end (was open for 1 min)");
        rig.pass(WAIT).await;
        assert_eq!(rig.env.receivers.events(), ["end", "other"], "what is left is sent as itself");
    }

    async fn what_is_called_off_is_not_told_and_a_deleted_channel_gets_nothing(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        let route = of_scan("nightly", to_room(room));
        find_all(&mut rig, &["e1", "e2", "e3"], &route).await;
        let first = rig.deliveries().await.remove(0);
        let request = wire::CancelDeliveryRequest { team_id: first.team_id, delivery_id: first.id };
        rig.service.cancel_delivery(internal_request(request)).await.unwrap();
        rig.pass(WAIT).await;
        assert_eq!(titles(&only_summary(&rig).await.1), ["Finding e2", "Finding e3"]);

        find_all(&mut rig, &["e4", "e5"], &route).await;
        rig.env.config.delete(rig.env.team, room);
        rig.core.channels.forget(rig.env.team);
        rig.unparker.tick().await.unwrap();
        rig.pass(WAIT).await;
        assert_eq!(rig.env.receivers.carried().len(), 1);
        assert_eq!(told(&rig, State::Cancelled).await.len(), 3);
    }

    async fn whatever_comes_when_each_event_is_in_one_message_in_time_and_none_is_too_long(store: Store) {
        let env = TestEnv::new();
        let mut rig = Rig::on(&store, &env).await;
        let room = slack(&env);
        env.config.change(env.team, room, |channel| {
            channel.storm_control = Some(config::StormControl::default());
            channel.delivery = Some(config::DeliveryPolicy { max_per_second: 1000.0, ..Default::default() });
        });
        let mut seed = 0x5eed_u64;
        let mut dice = |sides: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % sides
        };
        let mut came: BTreeMap<String, DateTime<Utc>> = BTreeMap::new();
        for step in 0..120 {
            let mut requests = Vec::new();
            for n in 0..dice(3) {
                let id = format!("e{step:03}-{n}");
                let route = at_most(5, of_scan(["a", "b"][usize::from(dice(2) == 0)], to_room(room)));
                came.insert(format!("Finding {id}"), env.now());
                requests.push(finding(&env, &id, Severity::Low, &[route]));
            }
            if !requests.is_empty() {
                rig.submit(requests).await;
            }
            rig.pass(Duration::from_secs(dice(15))).await;
            if step % 40 == 39 {
                let mut next = Rig::on(&store, &env).await;
                presume_dead(&rig, &mut next).await;
                rig = next;
                rig.settle().await;
            }
        }
        rig.pass(WAIT).await;
        seconds(&mut rig, 2).await;
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for (delivery, summary) in summaries(&rig).await {
            let at = env.receivers.carried().into_iter().find(|it| it.event == delivery.event_id).unwrap().at;
            assert!(summary.total <= 5, "{}", summary.total);
            for title in titles(&summary) {
                // Time goes by up to 15 seconds at once, and the room takes its messages one after the other.
                assert!(at <= came[title] + WAIT + Duration::from_secs(30), "{title} is late");
                assert!(seen.insert(title.to_owned()), "{title} is told twice");
            }
        }
        for alone in env.receivers.carried().iter().filter(|it| it.event.starts_with('e') && it.event.contains('-')) {
            assert!(seen.insert(format!("Finding {}", alone.event)), "{} is told twice", alone.event);
        }
        assert_eq!(seen, came.into_keys().collect());
    }
}
