//! One message instead of many: storms, quiet hours that coalesce, and quiet hours that somebody edits.

use watchbell_model::catalog::notices::NOTIFICATIONS_SUMMARY;
use watchbell_store::store_tests;

use super::*;
use crate::senders::AttemptResult;
use crate::senders::summary::{Summary, Why};
use crate::store::Migrator;

const SECOND: Duration = Duration::from_secs(1);

pub(super) fn slack(env: &TestEnv) -> ChannelId {
    let id = ChannelId::generate(env.now());
    env.config.add(env.team, id, ChannelKind::Slack, "#alerts");
    id
}

pub(super) fn quiet(until: &str, coalesce: bool) -> config::QuietHours {
    config::QuietHours {
        time_zone: "UTC".to_owned(),
        windows: vec![config::QuietWindow {
            weekdays: vec![],
            start: "08:00".to_owned(),
            end: until.to_owned(),
        }],
        coalesce,
        ..Default::default()
    }
}

pub(super) fn to_slack(env: &TestEnv, id: &str, channel: ChannelId) -> wire::SubmitRequest {
    let route = event_wire::Route {
        kind: ChannelKind::Slack.to_wire(),
        ..to_channel(channel)
    };
    wire::SubmitRequest {
        routes: vec![route],
        ..request(env, id, &[])
    }
}

/// Submits that many events to a room, `e0` and so on.
async fn storm(rig: &mut Rig, channel: ChannelId, count: usize) {
    let requests = (0..count).map(|n| to_slack(&rig.env, &format!("e{n}"), channel));
    let requests = requests.collect();
    rig.submit(requests).await;
    rig.settle().await;
}

pub(super) async fn seconds(rig: &mut Rig, count: usize) {
    for _ in 0..count {
        rig.pass(SECOND).await;
    }
}

/// Deliveries of summaries, and what they tell.
pub(super) async fn summaries(rig: &Rig) -> Vec<(wire::Delivery, Summary)> {
    let mut summaries = Vec::new();
    for delivery in rig.deliveries().await {
        if delivery.event_type == NOTIFICATIONS_SUMMARY {
            let event = rig.core.db.event(rig.env.team, &delivery.event_id).await.unwrap();
            let summary = Summary::from_event(&event.unwrap().event().unwrap()).unwrap();
            summaries.push((rig.get(&delivery.id).await, summary));
        }
    }
    summaries
}

pub(super) async fn only_summary(rig: &Rig) -> (wire::Delivery, Summary) {
    let mut all = summaries(rig).await;
    assert_eq!(all.len(), 1, "there is one summary");
    all.remove(0)
}

/// What is not a summary, by state.
pub(super) async fn told(rig: &Rig, state: State) -> Vec<wire::Delivery> {
    let all = rig.deliveries().await.into_iter();
    all.filter(|delivery| delivery.state == state as i32 && delivery.event_type != NOTIFICATIONS_SUMMARY)
        .collect()
}

pub(super) fn titles(summary: &Summary) -> Vec<&str> {
    summary.items.iter().map(|item| item.title.as_str()).collect()
}

const LAST_FIVE: [&str; 5] = [
    "Finding e20",
    "Finding e21",
    "Finding e22",
    "Finding e23",
    "Finding e24",
];

store_tests! {
    migrator = Migrator;

    async fn a_storm_goes_on_over_restarts(store: Store) {
        let env = TestEnv::new();
        let room = slack(&env);
        let (mut sent, mut folded) = (0, 0);
        // Short of the limit, beyond it, and while what is folded waits.
        for (count, more, wait) in [(15, 15, 16), (15, 5, 10), (5, 0, 2)] {
            let mut rig = Rig::on(&store, &env).await;
            let requests = (0..count).map(|n| to_slack(&env, &format!("{sent}-{folded}-{n}"), room));
            rig.submit(requests.collect()).await;
            seconds(&mut rig, wait).await;
            (sent, folded) = (sent + more, folded + count - more);
            assert_eq!(env.receivers.carried().len(), sent);
            assert_eq!(told(&rig, State::Folded).await.len(), folded);
            rig.heartbeat.leave().await;
        }
        let mut rig = Rig::on(&store, &env).await;
        seconds(&mut rig, 40).await;
        assert_eq!(only_summary(&rig).await.1.total, folded);
    }

    async fn a_storm_is_twenty_messages_and_a_summary_of_the_rest_and_critical_passes(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        storm(&mut rig, room, 25).await;
        seconds(&mut rig, 30).await;
        assert_eq!(rig.env.receivers.carried().len(), 20);
        let folded = told(&rig, State::Folded).await;
        assert_eq!(folded.len(), 5);
        assert!(folded.iter().all(|delivery| delivery.state_message == "folded into a summary at 21 Nov 2026, 09:01 UTC"));
        assert!(folded.iter().all(|delivery| delivery.next_attempt_time.is_some() && delivery.end_time.is_none()));

        let mut urgent = to_slack(&rig.env, "urgent", room);
        urgent.event.as_mut().unwrap().severity = Severity::Critical.to_wire();
        rig.submit(vec![urgent]).await;
        seconds(&mut rig, 2).await;
        assert_eq!(rig.env.receivers.events()[20..], ["urgent"], "what is CRITICAL is never folded");

        seconds(&mut rig, 40).await;
        let (delivery, summary) = only_summary(&rig).await;
        assert_eq!(delivery.state, State::Delivered as i32);
        assert_eq!((&summary.why, summary.total), (&Why::Storm, 5));
        assert_eq!(titles(&summary), LAST_FIVE);
        assert_eq!(rig.env.receivers.carried().len(), 22);
        let folded = told(&rig, State::Folded).await;
        assert_eq!(folded.len(), 5);
        for folded in folded {
            assert!(folded.end_time.is_some(), "told is done");
            assert_eq!(folded.state_message, format!("included in the summary {}", delivery.id));
        }
        let list = wire::ListEventsRequest { team_id: rig.env.team.to_string(), ..Default::default() };
        let events = rig.service.list_events(internal_request(list)).await.unwrap().into_inner().events;
        assert!(events.iter().all(|event| event.event.as_ref().unwrap().r#type != NOTIFICATIONS_SUMMARY));
    }

    async fn folding_costs_none_of_the_rooms_pace(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        storm(&mut rig, room, 200).await;
        seconds(&mut rig, 25).await;
        assert_eq!(told(&rig, State::Folded).await.len(), 180, "at one a second it would take minutes");
        seconds(&mut rig, 40).await;
        let (delivery, summary) = only_summary(&rig).await;
        assert_eq!((delivery.state, summary.total), (State::Delivered as i32, 180));
        assert_eq!(rig.env.receivers.carried().len(), 21);
    }

    async fn what_was_folded_survives_a_crash_before_and_after_its_summary_was_made(store: Store) {
        let env = TestEnv::new();
        let mut first = Rig::on(&store, &env).await;
        let room = slack(&env);
        storm(&mut first, room, 25).await;
        seconds(&mut first, 30).await;
        let mut second = Rig::on(&store, &env).await;
        presume_dead(&first, &mut second).await;
        drop(first);
        assert_eq!(told(&second, State::Folded).await.len(), 5);

        env.clock.advance(Duration::from_secs(30));
        assert_eq!(second.sweeper.tick().await.unwrap().loaded, 1, "the summary, made and not sent");
        let mut third = Rig::on(&store, &env).await;
        presume_dead(&second, &mut third).await;
        drop(second);
        seconds(&mut third, 2).await;
        let (delivery, summary) = only_summary(&third).await;
        assert_eq!(delivery.state, State::Delivered as i32);
        assert_eq!(titles(&summary), LAST_FIVE);
        assert_eq!(env.receivers.carried().len(), 21);
    }

    async fn two_replicas_that_look_at_once_make_one_summary(store: Store) {
        let env = TestEnv::new();
        let mut first = Rig::on(&store, &env).await;
        let room = slack(&env);
        storm(&mut first, room, 25).await;
        seconds(&mut first, 30).await;
        let mut second = Rig::on(&store, &env).await;
        env.clock.advance(Duration::from_secs(30));
        let (one, other) = tokio::join!(first.sweeper.tick(), second.sweeper.tick());
        assert!(one.unwrap().loaded + other.unwrap().loaded <= 1);
        // On SQLite the second process is the only one.
        let owner = if first.core.db.is_sqlite() { &mut second } else { &mut first };
        seconds(owner, 2).await;
        let (delivery, summary) = only_summary(&second).await;
        assert_eq!((delivery.state, summary.total), (State::Delivered as i32, 5));
        assert_eq!(env.receivers.carried().len(), 21);
    }

    async fn mail_that_is_folded_stays_with_its_recipient(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = ChannelId::generate(rig.env.now());
        rig.env.config.add(rig.env.team, channel, ChannelKind::Email, "on call");
        rig.env.config.change(rig.env.team, channel, |channel| {
            channel.storm_control = Some(config::StormControl {
                max_messages: 1,
                window: Some(watchbell_model::convert::duration(Duration::from_secs(60))),
            });
        });
        for n in 0..3 {
            let to = |address: &str| event_wire::Route {
                kind: ChannelKind::Email.to_wire(),
                target: Some(event_wire::route::Target::Address(event_wire::AddressTarget {
                    address: address.to_owned(),
                    channel_id: channel.to_string(),
                })),
                ..Default::default()
            };
            let routes = vec![to("ada@example.com"), to("bob@example.com")];
            let request = wire::SubmitRequest { routes, ..request(&rig.env, &format!("e{n}"), &[]) };
            rig.submit(vec![request]).await;
            rig.settle().await;
        }
        assert_eq!(rig.env.receivers.carried().len(), 1);
        rig.pass(Duration::from_secs(60)).await;
        let all = summaries(&rig).await;
        let mut totals: Vec<usize> = all.iter().map(|(_, summary)| summary.total).collect();
        totals.sort_unstable();
        assert_eq!(totals, [2, 3], "one to each, of what was folded for each");
        let mut told: Vec<_> = rig.env.receivers.carried().into_iter().skip(1).map(|mail| mail.address).collect();
        told.sort();
        assert_eq!(told, [Some("ada@example.com".to_owned()), Some("bob@example.com".to_owned())]);
    }

    async fn a_summary_is_tried_as_any_message_and_what_it_tells_fails_and_recovers_with_it(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        storm(&mut rig, room, 25).await;
        seconds(&mut rig, 30).await;
        rig.env.receivers.always(room, Some(AttemptResult::retryable("http.503", "Slack is down")));
        for wait in [30, 60, 300, 1_800, 7_200, 43_200] {
            rig.pass(Duration::from_secs(wait)).await;
        }
        let (delivery, summary) = only_summary(&rig).await;
        assert_eq!((delivery.state, delivery.attempts.len()), (State::Failed as i32, 6));
        assert_eq!(titles(&summary), LAST_FIVE);
        let mut carried = rig.env.receivers.events().split_off(20);
        carried.dedup();
        assert_eq!(carried, std::slice::from_ref(&delivery.event_id), "the same message each time");
        let failed = told(&rig, State::Failed).await;
        assert_eq!(failed.len(), 5);
        assert!(failed[0].state_message.contains("Slack is down"), "{}", failed[0].state_message);

        rig.env.receivers.always(room, None);
        rig.env.config.change(rig.env.team, room, |channel| channel.health_epoch += 1);
        rig.core.channels.forget(rig.env.team);
        rig.health.tick().await.unwrap();
        let request = wire::RecoverRequest {
            team_id: rig.env.team.to_string(),
            channel_id: room.to_string(),
            start_time: Some(timestamp(BEGIN.parse().unwrap())),
            ..Default::default()
        };
        let recovered = rig.service.recover(internal_request(request)).await.unwrap().into_inner();
        assert_eq!(recovered.recovered_count, 1, "the summary, and nothing besides it");
        assert_eq!(told(&rig, State::Folded).await.len(), 5, "they wait for it again");
        seconds(&mut rig, 2).await;
        assert_eq!(only_summary(&rig).await.0.state, State::Delivered as i32);
        assert!(told(&rig, State::Folded).await.iter().all(|delivery| delivery.end_time.is_some()));
    }

    async fn what_a_summary_tells_is_called_off_with_it(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        storm(&mut rig, room, 22).await;
        seconds(&mut rig, 30).await;
        rig.env.receivers.always(room, Some(AttemptResult::retryable("http.503", "Slack is down")));
        seconds(&mut rig, 31).await;
        let (delivery, _) = only_summary(&rig).await;
        let request = wire::CancelDeliveryRequest { team_id: delivery.team_id, delivery_id: delivery.id };
        rig.service.cancel_delivery(internal_request(request)).await.unwrap();
        rig.unparker.tick().await.unwrap();
        assert_eq!(told(&rig, State::Cancelled).await.len(), 2);
    }

    async fn the_only_one_that_was_folded_is_sent_as_itself(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        storm(&mut rig, room, 21).await;
        seconds(&mut rig, 30).await;
        assert_eq!(told(&rig, State::Folded).await.len(), 1);
        seconds(&mut rig, 31).await;
        assert_eq!(rig.env.receivers.events()[20..], ["e20"]);
        assert_eq!(rig.states().await, [State::Delivered; 21]);
    }

    async fn a_room_has_the_limit_it_was_given_and_replays_are_never_folded(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("siem");
        rig.env.config.change(rig.env.team, channel, |channel| {
            channel.storm_control = Some(config::StormControl {
                max_messages: 1,
                window: Some(watchbell_model::convert::duration(Duration::from_secs(600))),
            });
        });
        rig.emit("e1", &[channel]).await;
        rig.settle().await;
        rig.emit("e2", &[channel]).await;
        rig.settle().await;
        let folded = told(&rig, State::Folded).await;
        assert_eq!(folded[0].state_message, "folded into a summary at 21 Nov 2026, 09:10 UTC");
        let replay = wire::ReplayRequest {
            team_id: rig.env.team.to_string(),
            delivery_id: folded[0].id.clone(),
            ..Default::default()
        };
        rig.service.replay(internal_request(replay)).await.unwrap();
        rig.settle().await;
        assert_eq!(rig.env.receivers.events(), ["e1", "e2"]);
        assert_eq!(rig.states().await, [State::Delivered, State::Folded, State::Delivered]);
    }

    async fn what_quiet_hours_held_comes_as_one_summary_in_order_if_the_channel_coalesces(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (many, single) = (rig.env.channel("many"), rig.env.channel("single"));
        for channel in [many, single] {
            rig.env.config.change(rig.env.team, channel, |channel| {
                channel.quiet_hours = Some(quiet("17:00", true));
            });
        }
        rig.emit("alone", &[single]).await;
        for id in ["e1", "e2", "e3"] {
            rig.emit(id, &[many]).await;
            rig.pass(Duration::from_secs(600)).await;
        }
        assert_eq!(rig.states().await, [State::Held; 4]);
        rig.env.clock.set("2026-11-21T17:00:00Z".parse().unwrap());
        rig.emit("later", &[many]).await;
        rig.settle().await;
        let (delivery, summary) = only_summary(&rig).await;
        assert_eq!(summary.why, Why::QuietHours);
        assert_eq!(titles(&summary), ["Finding e1", "Finding e2", "Finding e3"]);
        let carried = rig.env.receivers.carried();
        let events = |id: ChannelId| {
            let of = carried.iter().filter(|carried| carried.channel == Some(id));
            of.map(|carried| carried.event.clone()).collect::<Vec<_>>()
        };
        assert_eq!(events(many), [delivery.event_id.as_str(), "later"], "what was held comes first");
        assert_eq!(events(single), ["alone"], "one alone is no summary");
        assert_eq!(told(&rig, State::Folded).await.len(), 3);
    }

    async fn an_edit_of_quiet_hours_reaches_what_they_hold_already(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.ordered("a");
        let edit = |rig: &Rig, quiet: Option<config::QuietHours>| {
            rig.env.config.change(rig.env.team, channel, |channel| channel.quiet_hours = quiet);
            rig.core.channels.forget(rig.env.team);
        };
        edit(&rig, Some(quiet("17:00", false)));
        rig.emit("e1", &[channel]).await;
        rig.emit("e2", &[channel]).await;
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Held; 2]);
        assert_eq!(rig.unparker.tick().await.unwrap(), 0, "nothing was edited");

        edit(&rig, Some(quiet("12:00", false)));
        assert_eq!(rig.unparker.tick().await.unwrap(), 2);
        rig.settle().await;
        let held = rig.deliveries().await;
        assert!(held[0].state_message.ends_with("until 21 Nov 2026, 12:00 UTC"), "{}", held[0].state_message);
        assert_eq!(held[0].next_attempt_time, Some(timestamp("2026-11-21T12:00:00Z".parse().unwrap())));
        assert_eq!(rig.states().await, [State::Held; 2]);

        edit(&rig, None);
        assert_eq!(rig.unparker.tick().await.unwrap(), 2);
        assert_eq!(rig.states().await, [State::Pending; 2]);
        rig.settle().await;
        assert_eq!(rig.env.receivers.events(), ["e1", "e2"], "at once and in order");
    }
}
