//! Alerts: repeats are counted, the end goes to whoever was told of the beginning, and neither order, repetition nor
//! restarts change that.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use watchbell_contracts::dispatcher::v1::AlertState;
use watchbell_contracts::event::v1::{AlertAction, EventAlert};
use watchbell_model::ids::DeliveryId;
use watchbell_model::route::FOLLOWS_ALERT;
use watchbell_store::store_tests;

use super::people::{member, to_member};
use super::silences::{make, silence};
use super::storms::{only_summary, quiet, seconds, slack, titles, to_slack};
use super::*;
use crate::lanes::LaneId;
use crate::senders::AttemptResult;
use crate::store::Migrator;

use AlertAction::{Resolve, Trigger, Update};

pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const KEY: &str = "finding_id=1";

/// What an event says.
pub(super) struct Said {
    pub(super) action: AlertAction,
    pub(super) id: String,
    pub(super) severity: Severity,
    pub(super) at: DateTime<Utc>,
    pub(super) routes: Vec<event_wire::Route>,
}

impl Said {
    pub(super) fn request(self, env: &TestEnv) -> wire::SubmitRequest {
        let event_type = match self.action {
            Resolve => "finding.resolved",
            Update => "sla.warning",
            _ => "finding.created",
        };
        let event = event_wire::Event {
            r#type: event_type.to_owned(),
            severity: self.severity.to_wire(),
            occurred_at: Some(timestamp(self.at)),
            ..event(env, &self.id)
        };
        wire::SubmitRequest {
            event: Some(event),
            routes: self.routes,
            alert: Some(EventAlert {
                key: KEY.to_owned(),
                action: self.action.into(),
            }),
            ..request(env, "", &[])
        }
    }
}

/// An event of the alert that occurs now, at HIGH.
pub(super) fn said(rig: &Rig, action: AlertAction, id: &str, routes: &[event_wire::Route]) -> Said {
    Said {
        action,
        id: id.to_owned(),
        severity: Severity::High,
        at: rig.env.now(),
        routes: routes.to_vec(),
    }
}

pub(super) async fn say(
    rig: &mut Rig,
    action: AlertAction,
    id: &str,
    routes: &[event_wire::Route],
) -> wire::SubmitResponse {
    let said = said(rig, action, id, routes);
    submit(rig, said).await
}

pub(super) async fn submit(rig: &mut Rig, said: Said) -> wire::SubmitResponse {
    let request = said.request(&rig.env);
    let answer = rig.submit(vec![request]).await.remove(0);
    assert_eq!(answer.error, None);
    rig.settle().await;
    answer
}

pub(super) fn to_room(room: ChannelId) -> event_wire::Route {
    event_wire::Route {
        kind: ChannelKind::Slack.to_wire(),
        ..to_channel(room)
    }
}

/// The delivery of an event by a kind of channel.
async fn delivery(rig: &Rig, event: &str, kind: ChannelKind) -> wire::Delivery {
    let all = rig.deliveries().await.into_iter();
    let mut of_event = all.filter(|delivery| {
        delivery.event_id == event && delivery.route.as_ref().unwrap().kind == kind.to_wire()
    });
    let found = of_event.next().unwrap();
    assert!(of_event.next().is_none(), "an event reaches a target once");
    found
}

pub(super) async fn notifications(rig: &Rig) -> Vec<wire::Notification> {
    use watchbell_contracts::api::InboxApi as _;
    let reader = watchbell_model::ids::MemberId::generate(rig.env.now());
    rig.env.config.join(reader, "reader@example.com", false);
    rig.core.channels.forget(rig.env.team);
    let request = wire::ListNotificationsRequest {
        team_id: rig.env.team.to_string(),
        member_id: reader.to_string(),
        ..Default::default()
    };
    let answer = rig.service.list_notifications(internal_request(request)).await;
    answer.unwrap().into_inner().notifications
}

store_tests! {
    migrator = Migrator;

    async fn a_repeat_is_counted_in_chat_mail_and_inbox_and_webhooks_get_every_event(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (room, siem) = (slack(&rig.env), rig.env.ordered("siem"));
        let olga = member(&rig, false);
        let routes = [to_room(room), to_channel(siem), to_member(olga, "findings"), to_inbox()];
        for id in ["e1", "e2", "e3"] {
            say(&mut rig, Trigger, id, &routes).await;
            rig.pass(HOUR).await;
        }
        let mut sent = rig.env.receivers.events();
        sent.sort();
        assert_eq!(sent, ["e1", "e1", "e1", "e2", "e3"]);
        for kind in [ChannelKind::Slack, ChannelKind::Email, ChannelKind::InApp] {
            let counted = delivery(&rig, "e3", kind).await;
            assert_eq!(counted.state, State::Folded as i32);
            assert_eq!(counted.state_message, "seen 3 times since 21 Nov 2026, 09:00 UTC");
            assert!(counted.end_time.is_some());
        }
        let status = delivery(&rig, "e3", ChannelKind::Webhook).await.alert.unwrap();
        assert_eq!((status.key.as_str(), status.state(), status.count), (KEY, AlertState::Open, 3));
        assert_eq!(status.opened_event_id, "e1");
        let inbox = notifications(&rig).await;
        assert_eq!(inbox.len(), 1);
        assert_eq!((inbox[0].event_id.as_str(), inbox[0].alert.as_ref().unwrap().count), ("e1", 3));
    }

    async fn a_worse_severity_is_news_and_so_is_the_first_update_of_its_type(store: Store) {
        let mut rig = Rig::new(&store).await;
        let routes = [to_room(slack(&rig.env))];
        for (action, id, severity) in [
            (Trigger, "begins", Severity::Low),
            (Trigger, "repeats", Severity::Low),
            (Trigger, "worse", Severity::High),
            (Trigger, "milder", Severity::Medium),
            (Update, "update", Severity::Medium),
            (Update, "again", Severity::Medium),
            (Update, "worst", Severity::Critical),
        ] {
            let said = Said { severity, ..said(&rig, action, id, &routes) };
            submit(&mut rig, said).await;
        }
        assert_eq!(rig.env.receivers.events(), ["begins", "worse", "update", "worst"]);
    }

    async fn who_wants_repeats_gets_them_and_who_was_never_told_is_told(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (one, other) = (slack(&rig.env), slack(&rig.env));
        let eager = event_wire::Route { tells_repeats: true, ..to_room(one) };
        say(&mut rig, Trigger, "e1", std::slice::from_ref(&eager)).await;
        say(&mut rig, Trigger, "e2", &[eager, to_room(other)]).await;
        say(&mut rig, Trigger, "e3", &[to_room(one), to_room(other)]).await;
        let mut sent = rig.env.receivers.events();
        sent.sort();
        assert_eq!(sent, ["e1", "e2", "e2"]);
    }

    async fn the_end_goes_to_whoever_was_told_of_the_beginning_once(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (room, siem) = (slack(&rig.env), rig.env.ordered("siem"));
        let olga = member(&rig, false);
        let told = [to_room(room), to_channel(siem), to_member(olga, "findings"), to_inbox()];
        say(&mut rig, Trigger, "begin", &told).await;
        rig.pass(2 * HOUR).await;
        // The rules send the end to one of them only.
        let answer = say(&mut rig, Resolve, "end", &[to_channel(siem)]).await;
        assert_eq!(answer.routes.len(), 4);
        let reason = |route: &event_wire::Route| route.reason.clone().unwrap_or_default().code;
        let followed = answer.routes.iter().filter(|route| reason(route) == FOLLOWS_ALERT);
        assert_eq!(followed.count(), 3);
        assert_eq!(rig.env.receivers.events(), ["begin", "begin", "begin", "end", "end", "end"]);
        let status = delivery(&rig, "end", ChannelKind::Slack).await.alert.unwrap();
        assert_eq!((status.state(), status.count), (AlertState::Resolved, 1));

        // A repetition is answered with the same routes and sends nothing.
        let again = say(&mut rig, Resolve, "end", &[to_channel(siem)]).await;
        assert!(again.duplicate && again.routes == answer.routes);
        say(&mut rig, Resolve, "end-again", &[]).await;
        assert_eq!(rig.env.receivers.carried().len(), 6);
        let inbox = notifications(&rig).await;
        assert_eq!(inbox.len(), 1, "an alert has one row, which changes");
        assert_eq!(inbox[0].event_id, "end");
        assert_eq!(inbox[0].alert.as_ref().unwrap().state(), AlertState::Resolved);
    }

    async fn a_new_life_is_told_anew(store: Store) {
        let mut rig = Rig::new(&store).await;
        let routes = [to_room(slack(&rig.env))];
        for (action, id) in [(Trigger, "e1"), (Resolve, "e2"), (Trigger, "e3"), (Trigger, "e4"), (Resolve, "e5")] {
            rig.pass(Duration::from_secs(1)).await;
            let routes = if action == Resolve { &[][..] } else { &routes };
            say(&mut rig, action, id, routes).await;
        }
        assert_eq!(rig.env.receivers.events(), ["e1", "e2", "e3", "e5"]);
    }

    async fn opt_outs_hold_for_the_end(store: Store) {
        let mut rig = Rig::new(&store).await;
        let olga = member(&rig, false);
        say(&mut rig, Trigger, "begin", &[to_member(olga, "findings")]).await;
        rig.env.config.opt_out(olga, "findings");
        rig.core.channels.forget(rig.env.team);
        say(&mut rig, Resolve, "end", &[]).await;
        assert_eq!(rig.env.receivers.events(), ["begin"]);
        let end = delivery(&rig, "end", ChannelKind::Email).await;
        assert_eq!(end.state, State::Cancelled as i32);
        assert_eq!(end.state_message, "The member turned emails on findings off.");
    }

    async fn what_begins_and_ends_within_quiet_hours_is_one_line_that_says_how_long_it_was_open(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        rig.env.config.change(rig.env.team, room, |channel| channel.quiet_hours = Some(quiet("13:00", false)));
        say(&mut rig, Trigger, "begin", &[to_room(room)]).await;
        rig.pass(HOUR).await;
        say(&mut rig, Trigger, "repeat", &[to_room(room)]).await;
        rig.pass(HOUR + Duration::from_secs(600)).await;
        let request = wire::WatchDeliveriesRequest { team_id: rig.env.team.to_string(), ..Default::default() };
        let mut watched = rig.service.watch_deliveries(internal_request(request)).await.unwrap().into_inner();
        say(&mut rig, Resolve, "end", &[]).await;
        let is_begin = |change: &wire::Delivery| change.event_id == "begin";
        let seen = loop {
            let change = watched.next().await.unwrap().unwrap().delivery.unwrap();
            if is_begin(&change) {
                break change;
            }
        };
        assert_eq!(seen.state, State::Folded as i32, "watchers see that it has ended");
        assert_eq!(rig.env.receivers.events(), Vec::<String>::new());
        let begin = delivery(&rig, "begin", ChannelKind::Slack).await;
        assert_eq!(begin.state, State::Folded as i32);
        assert_eq!(begin.state_message, "opened and resolved before it was sent: its end tells both");
        rig.pass(2 * HOUR).await;
        assert_eq!(rig.env.receivers.events(), ["end"]);
        let end = delivery(&rig, "end", ChannelKind::Slack).await;
        assert_eq!(end.event_title, "Finding end (was open for 2 h 10 min)");
        rig.pass(3 * HOUR).await;
        assert_eq!(rig.env.receivers.carried().len(), 1);
    }

    async fn what_was_held_says_where_its_alert_stands_when_it_is_sent(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (alone, room) = (slack(&rig.env), slack(&rig.env));
        let window = silence(&rig.env, 2);
        make(&mut rig, &window).await;
        for id in ["e1", "e2", "e3"] {
            say(&mut rig, Trigger, id, &[to_room(alone), to_room(room)]).await;
            rig.pass(Duration::from_secs(60)).await;
        }
        rig.submit(vec![to_slack(&rig.env, "other", room)]).await;
        rig.settle().await;
        rig.pass(2 * HOUR).await;
        let (_, account) = only_summary(&rig).await;
        assert_eq!(titles(&account), ["Finding e1 (seen 3 times)", "Finding other"]);
        let carried = rig.env.receivers.carried();
        let alone = carried.iter().find(|carried| carried.channel == Some(alone)).unwrap();
        assert_eq!(alone.event, "e1");
        assert_eq!(
            alone.standing.as_deref(),
            Some("Open since 21 Nov 2026, 09:00 UTC, seen 3 times")
        );
    }

    async fn a_beginning_that_had_a_job_when_its_alert_ended_is_told_by_the_end_in_a_storms_summary(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        let fillers = (0..20).map(|n| to_slack(&rig.env, &format!("filler-{n}"), room)).collect();
        rig.submit(fillers).await;
        seconds(&mut rig, 20).await;
        // Neither is taken from its lane before the other is committed.
        let begin = said(&rig, Trigger, "begin", &[to_room(room)]).request(&rig.env);
        rig.submit(vec![begin]).await;
        let end = said(&rig, Resolve, "end", &[to_room(room)]).request(&rig.env);
        rig.submit(vec![end, to_slack(&rig.env, "other", room)]).await;
        seconds(&mut rig, 80).await;
        let (_, summary) = only_summary(&rig).await;
        assert_eq!(titles(&summary), ["Finding end (was open for less than a minute)", "Finding other"]);
        let begin = delivery(&rig, "begin", ChannelKind::Slack).await;
        assert_eq!(begin.state, State::Folded as i32);
        assert_eq!(begin.state_message, "opened and resolved before it was sent: its end tells both");
    }

    async fn a_beginning_that_ends_with_its_alert_is_not_loaded_from_an_older_row(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        rig.env.config.change(rig.env.team, room, |channel| channel.quiet_hours = Some(quiet("13:00", false)));
        say(&mut rig, Trigger, "begin", &[to_room(room)]).await;
        rig.pass(HOUR).await;
        let begin: DeliveryId = delivery(&rig, "begin", ChannelKind::Slack).await.id.parse().unwrap();
        let core = Arc::clone(&rig.core);
        let read = core.live_jobs.begin_read();
        let end = said(&rig, Resolve, "end", &[]).request(&rig.env);
        rig.submit(vec![end]).await;
        assert_eq!(delivery(&rig, "begin", ChannelKind::Slack).await.state, State::Folded as i32);
        assert!(read.register(begin.as_uuid(), LaneId(room.as_uuid()), rig.env.team).is_none(), "it may have been read before");
        drop(read);
    }

    async fn the_end_waits_for_a_beginning_that_is_tried_again_and_is_not_sent_without_one(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        rig.env.receivers.answer(room, AttemptResult::retryable("slack.503", "busy"));
        say(&mut rig, Trigger, "begin", &[to_room(room)]).await;
        say(&mut rig, Resolve, "end", &[]).await;
        assert_eq!(rig.env.receivers.events(), ["begin"]);
        let end = delivery(&rig, "end", ChannelKind::Slack).await;
        assert!(end.state_message.starts_with("waiting for its beginning"), "{}", end.state_message);
        for _ in 0..4 {
            rig.pass(Duration::from_secs(30)).await;
        }
        assert_eq!(rig.env.receivers.events(), ["begin", "begin", "end"]);

        rig.env.receivers.answer(room, AttemptResult::retryable("slack.503", "busy"));
        say(&mut rig, Trigger, "second", &[to_room(room)]).await;
        say(&mut rig, Resolve, "second-end", &[]).await;
        rig.env.receivers.answer(room, AttemptResult::permanent("slack.no_service", "gone"));
        for _ in 0..4 {
            rig.pass(Duration::from_secs(30)).await;
        }
        assert_eq!(rig.env.receivers.events()[3..], ["second", "second"]);
        let end = delivery(&rig, "second-end", ChannelKind::Slack).await;
        assert_eq!(end.state, State::Cancelled as i32);
        assert!(end.state_message.starts_with("not sent because its beginning"), "{}", end.state_message);
    }

    async fn a_late_event_reopens_nothing_and_no_event_of_another_team_touches_an_alert(store: Store) {
        let mut rig = Rig::new(&store).await;
        let routes = [to_room(slack(&rig.env))];
        let earlier = rig.env.now() - chrono::TimeDelta::hours(2);
        say(&mut rig, Resolve, "end", &[]).await;
        let late = Said { at: earlier, ..said(&rig, Trigger, "late", &routes) };
        submit(&mut rig, late).await;
        assert_eq!(rig.env.receivers.events(), ["late"], "nobody knows of it, so it is told");
        assert_eq!(rig.env.receivers.carried()[0].standing.as_deref(), Some("Resolved"));
        let status = delivery(&rig, "late", ChannelKind::Slack).await.alert.unwrap();
        assert_eq!(status.state(), AlertState::Resolved);
        say(&mut rig, Resolve, "end-again", &[]).await;
        assert_eq!(rig.env.receivers.carried().len(), 1, "and its end was told with it");

        let other = TestEnv { team: TeamId::generate(rig.env.now()), ..rig.env.clone() };
        let foreign = said(&rig, Trigger, "foreign", &[]).request(&other);
        rig.submit(vec![foreign]).await;
        rig.pass(Duration::from_secs(1)).await;
        say(&mut rig, Trigger, "begin", &routes).await;
        assert_eq!(rig.env.receivers.events(), ["late", "begin"]);
        assert_eq!(delivery(&rig, "begin", ChannelKind::Slack).await.alert.unwrap().count, 1);
    }

    async fn a_preview_of_an_event_says_where_its_alert_stood(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        say(&mut rig, Trigger, "begin", &[to_room(room)]).await;
        say(&mut rig, Trigger, "again", &[to_room(room)]).await;
        let request = wire::RenderPreviewRequest {
            team_id: rig.env.team.to_string(),
            kind: ChannelKind::Slack.to_wire(),
            event_id: "again".to_owned(),
            ..Default::default()
        };
        let preview = rig.service.render_preview(internal_request(request)).await.unwrap();
        let shown = format!("{:?}", preview.into_inner().message);
        assert!(shown.contains("Open since 21 Nov 2026, 09:00 UTC, seen 2 times"), "{shown}");
    }

    async fn an_event_read_back_names_its_alert(store: Store) {
        let mut rig = Rig::new(&store).await;
        say(&mut rig, Trigger, "e1", &[]).await;
        rig.emit("e2", &[]).await;
        let get = |id: &str| {
            let request = wire::GetEventRequest { team_id: rig.env.team.to_string(), event_id: id.to_owned() };
            rig.service.get_event(internal_request(request))
        };
        let event = get("e1").await.unwrap().into_inner().event.unwrap();
        let alert = event.alert.unwrap();
        assert_eq!((alert.key.as_str(), alert.action()), (KEY, Trigger));
        assert_eq!(event.event.unwrap().dedup_key, KEY);
        assert_eq!(get("e2").await.unwrap().into_inner().event.unwrap().alert, None);
    }

    async fn alerts_are_kept_as_long_as_events_and_open_ones_for_a_year(store: Store) {
        let mut rig = Rig::new(&store).await;
        say(&mut rig, Trigger, "begin", &[]).await;
        let day = Duration::from_secs(24 * 3600);
        let count = async |rig: &Rig| {
            let reader = rig.core.db.store().reader();
            reader.query_all_raw(statement(reader, "SELECT key FROM alerts")).await.unwrap().len()
        };
        let purge = async |rig: &Rig| {
            let retention = crate::maintenance::retention::Retention::new(Arc::clone(&rig.core));
            while retention.tick().await.unwrap().is_some() {}
        };
        rig.pass(300 * day).await;
        purge(&rig).await;
        assert_eq!(count(&rig).await, 1);
        say(&mut rig, Resolve, "end", &[]).await;
        rig.pass(300 * day).await;
        purge(&rig).await;
        assert_eq!(count(&rig).await, 0);
        say(&mut rig, Trigger, "forgotten", &[]).await;
        rig.pass(400 * day).await;
        purge(&rig).await;
        assert_eq!(count(&rig).await, 0);
    }

    async fn whoever_was_told_of_the_beginning_is_told_of_the_end_exactly_once_in_any_order_and_over_restarts(store: Store) {
        use rand::rngs::StdRng;
        use rand::{RngExt as _, SeedableRng as _};
        let env = TestEnv::new();
        let rooms = [slack(&env), slack(&env)];
        let mut rig = Rig::on(&store, &env).await;
        for seed in 0..12_u64 {
            let mut random = StdRng::seed_from_u64(seed);
            let before = env.receivers.carried().len();
            let begin = env.now();
            let mut requests = Vec::new();
            for number in 0..random.random_range(2..9) {
                let action = [Trigger, Trigger, Trigger, Update, Resolve][random.random_range(0..5)];
                let routes: Vec<_> = rooms
                    .iter()
                    .filter(|_| action != Resolve && random.random_bool(0.6))
                    .map(|room| to_room(*room))
                    .collect();
                let said = Said {
                    severity: Severity::ALL[random.random_range(0..5)],
                    at: begin + chrono::TimeDelta::seconds(random.random_range(0..6)),
                    routes,
                    ..said(&rig, action, &format!("{seed}-{number}"), &[])
                };
                let mut request = said.request(&env);
                request.alert.as_mut().unwrap().key = format!("seed={seed}");
                requests.push((action, request));
            }
            let end = Said { at: begin + chrono::TimeDelta::seconds(10), ..said(&rig, Resolve, &format!("{seed}-end"), &[]) };
            let mut end = end.request(&env);
            end.alert.as_mut().unwrap().key = format!("seed={seed}");
            requests.push((Resolve, end));
            let resolves: Vec<String> = requests
                .iter()
                .filter(|(action, _)| *action == Resolve)
                .map(|(_, request)| request.event.as_ref().unwrap().id.clone())
                .collect();
            for (_, request) in requests {
                if random.random_bool(0.2) {
                    rig.heartbeat.leave().await;
                    rig = Rig::on(&store, &env).await;
                }
                // Once more now and then.
                for _ in 0..random.random_range(1..3) {
                    rig.submit(vec![request.clone()]).await;
                }
                rig.settle().await;
            }
            // What each room heard of each life, in order.
            let mut heard: BTreeMap<ChannelId, Vec<bool>> = BTreeMap::new();
            for carried in &env.receivers.carried()[before..] {
                let is_end = resolves.contains(&carried.event);
                heard.entry(carried.channel.unwrap()).or_default().push(is_end);
            }
            for (room, heard) in heard {
                let ends = heard.iter().filter(|is_end| **is_end).count();
                assert!(!heard[0], "seed {seed}: {room} hears of an end first: {heard:?}");
                assert!(
                    heard.windows(2).all(|pair| !(pair[0] && pair[1])),
                    "seed {seed}: {room} hears of an end twice: {heard:?}"
                );
                let late = only_late(&rig, &format!("{seed}-"), room).await;
                assert!(ends > 0 || late, "seed {seed}: {room} never hears of the end: {heard:?}");
                assert!(*heard.last().unwrap() || late, "seed {seed}: {room} was told of a beginning last: {heard:?}");
            }
            rig.pass(HOUR).await;
        }
    }
}

/// The titles of what a room was sent, oldest first.
pub(super) async fn titles_to(rig: &Rig, kind: ChannelKind) -> Vec<String> {
    let all = rig.deliveries().await.into_iter();
    all.filter(|delivery| {
        delivery.route.as_ref().unwrap().kind == kind.to_wire() && delivery.state == State::Delivered as i32
    })
    .map(|delivery| delivery.event_title)
    .collect()
}

fn statement(connection: &impl ConnectionTrait, sql: &str) -> sea_orm::Statement {
    sea_orm::Statement::from_string(connection.get_database_backend(), sql)
}

/// Whether the last that a room heard was of an event that came after the end of its alert, which its message says.
async fn only_late(rig: &Rig, prefix: &str, room: ChannelId) -> bool {
    let all = rig.deliveries().await;
    let mut sent = all.iter().filter(|delivery| {
        delivery.event_id.starts_with(prefix)
            && delivery.state == State::Delivered as i32
            && delivery.route.as_ref().unwrap().target == to_room(room).target
    });
    sent.next_back().is_some_and(|last| {
        let status = last.alert.as_ref();
        status.is_none_or(|status| status.state() == AlertState::Resolved)
    })
}
