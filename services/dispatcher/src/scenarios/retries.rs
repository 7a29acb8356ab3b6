//! Again later: the schedule, Retry-After, quiet hours, and Config's absence.

use std::sync::atomic::Ordering;

use watchbell_store::store_tests;

use super::*;
use crate::senders::{AttemptOutcome, AttemptResult};
use crate::store::Migrator;

const SECOND: Duration = Duration::from_secs(1);

fn down() -> AttemptResult {
    AttemptResult {
        status_code: 503,
        ..AttemptResult::retryable("http.503", "the endpoint answered 503")
    }
}

fn secs(rig: &Rig, begin: DateTime<Utc>) -> Vec<i64> {
    rig.env
        .receivers
        .carried()
        .iter()
        .map(|carried| (carried.at - begin).num_seconds())
        .collect()
}

pub(super) fn nights() -> config::QuietHours {
    config::QuietHours {
        time_zone: "UTC".to_owned(),
        windows: vec![config::QuietWindow {
            weekdays: vec![],
            start: "09:00".to_owned(),
            end: "17:00".to_owned(),
        }],
        ..Default::default()
    }
}

store_tests! {
    migrator = Migrator;

    async fn a_failing_endpoint_is_tried_on_the_promised_schedule_to_the_second(store: Store) {
        let mut rig = Rig::new(&store).await;
        let begin = rig.env.now();
        let channel = rig.env.channel("a");
        rig.env.receivers.always(channel, Some(down()));
        rig.emit("e1", &[channel]).await;
        rig.settle().await;
        for wait in [60, 300, 1_800, 7_200, 43_200] {
            rig.pass(Duration::from_secs(wait) - SECOND).await;
            let before = rig.env.receivers.carried().len();
            rig.pass(SECOND).await;
            assert_eq!(rig.env.receivers.carried().len(), before + 1, "{wait} s, and not a second earlier");
        }
        assert_eq!(secs(&rig, begin), [0, 60, 360, 2_160, 9_360, 52_560]);
        let delivery = rig.delivery().await;
        assert_eq!(delivery.state, State::Failed as i32);
        assert_eq!(delivery.attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
        assert!(delivery.state_message.contains("given up after 6 attempts"), "{}", delivery.state_message);
        rig.pass(Duration::from_secs(100_000)).await;
        assert_eq!(rig.env.receivers.carried().len(), 6, "and that was all");
    }

    async fn a_retry_that_gets_through_ends_the_delivery(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        rig.env.receivers.answer(channel, down());
        rig.emit("e1", &[channel]).await;
        rig.settle().await;
        let waiting = rig.delivery().await;
        assert_eq!(waiting.state, State::Pending as i32);
        assert_eq!(waiting.state_message, "the endpoint answered 503. The next attempt is at 21 Nov 2026, 09:01 UTC.");
        assert_eq!(waiting.next_attempt_time, Some(timestamp(rig.env.now() + chrono::TimeDelta::seconds(60))));
        rig.pass(Duration::from_secs(60)).await;
        let done = rig.delivery().await;
        assert_eq!((done.state, done.attempt_count), (State::Delivered as i32, 2));
        assert_eq!(done.attempts[0].status_code, 503);
        assert_eq!(done.attempts[0].error_code, "http.503");
        assert!(done.end_time.is_some() && done.next_attempt_time.is_none());
    }

    async fn a_retry_survives_a_restart(store: Store) {
        let env = TestEnv::new();
        let mut first = Rig::on(&store, &env).await;
        let channel = env.channel("a");
        env.receivers.answer(channel, down());
        first.emit("e1", &[channel]).await;
        first.settle().await;
        let mut second = Rig::on(&store, &env).await;
        presume_dead(&first, &mut second).await;
        drop(first);
        second.settle().await;
        assert_eq!(env.receivers.carried().len(), 1);
        second.pass(Duration::from_secs(60)).await;
        assert_eq!(second.states().await, [State::Delivered]);
        assert_eq!(env.receivers.carried()[1].number, 2);
    }

    async fn what_cannot_succeed_is_not_tried_again(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        rig.env.receivers.answer(channel, AttemptResult::permanent("http.401", "the endpoint says the signature is wrong"));
        rig.emit("e1", &[channel]).await;
        rig.settle().await;
        rig.pass(Duration::from_secs(100_000)).await;
        let delivery = rig.delivery().await;
        assert_eq!((delivery.state, delivery.attempts.len()), (State::Failed as i32, 1));
        assert_eq!(delivery.state_message, "the endpoint says the signature is wrong");
    }

    async fn a_channel_that_asks_to_wait_is_left_alone_so_long(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (slow, other) = (rig.env.channel("slow"), rig.env.channel("other"));
        let outcome = AttemptOutcome::Retryable { retry_after: Some(Duration::from_secs(600)) };
        rig.env.receivers.answer(slow, AttemptResult { outcome, status_code: 429, ..down() });
        rig.emit("e1", &[slow]).await;
        rig.settle().await;
        rig.emit("e2", &[slow, other]).await;
        rig.pass(Duration::from_secs(599)).await;
        let carried = rig.env.receivers.carried();
        assert_eq!(carried.len(), 2, "the lane rests, others do not");
        assert_eq!(carried[1].channel, Some(other));
        rig.pass(SECOND).await;
        assert_eq!(rig.states().await, [State::Delivered; 3]);
    }

    async fn a_chat_that_throttles_is_asked_again_exactly_when_it_says_and_loses_no_retry(store: Store) {
        let mut rig = Rig::new(&store).await;
        let slack = ChannelId::generate(rig.env.now());
        rig.env.config.add(rig.env.team, slack, ChannelKind::Slack, "#a");
        let outcome = AttemptOutcome::Retryable { retry_after: Some(Duration::from_secs(70)) };
        let throttled = AttemptResult { outcome, status_code: 429, ..down() };
        rig.env.receivers.always(slack, Some(throttled));
        let route = event_wire::Route { kind: ChannelKind::Slack.to_wire(), ..to_channel(slack) };
        let request = wire::SubmitRequest { routes: vec![route], ..request(&rig.env, "e1", &[]) };
        rig.submit(vec![request]).await;
        rig.settle().await;
        for _ in 0..9 {
            rig.pass(Duration::from_secs(70)).await;
        }
        assert_eq!(rig.env.receivers.carried().len(), 10);
        assert_eq!(rig.states().await, [State::Pending]);
        rig.env.receivers.always(slack, None);
        rig.pass(Duration::from_secs(70)).await;
        assert_eq!(rig.states().await, [State::Delivered]);
    }

    async fn a_chat_that_asks_to_come_again_at_once_does_not_set_our_pace(store: Store) {
        let mut rig = Rig::new(&store).await;
        let slack = ChannelId::generate(rig.env.now());
        rig.env.config.add(rig.env.team, slack, ChannelKind::Slack, "#a");
        let outcome = AttemptOutcome::Retryable { retry_after: Some(Duration::ZERO) };
        rig.env.receivers.always(slack, Some(AttemptResult { outcome, status_code: 429, ..down() }));
        let route = event_wire::Route { kind: ChannelKind::Slack.to_wire(), ..to_channel(slack) };
        let request = wire::SubmitRequest { routes: vec![route], ..request(&rig.env, "e1", &[]) };
        rig.submit(vec![request]).await;
        rig.settle().await;
        let slower_and_slower = [1, 2, 4, 8, 16, 32, 64, 64, 64, 64];
        // The schedule says 60 s first; the lane rests for 64.
        let by_the_schedule = [64, 300, 1_800, 7_200, 43_200];
        for (attempts, wait) in slower_and_slower.into_iter().chain(by_the_schedule).enumerate() {
            rig.pass(Duration::from_secs(wait) - SECOND).await;
            assert_eq!(rig.env.receivers.carried().len(), attempts + 1, "not before {wait} s");
            rig.pass(SECOND).await;
            assert_eq!(rig.env.receivers.carried().len(), attempts + 2, "after {wait} s");
        }
        assert_eq!(rig.states().await, [State::Failed]);
    }

    async fn quiet_hours_hold_and_deliver_in_order_at_their_end(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        rig.env.config.change(rig.env.team, channel, |channel| channel.quiet_hours = Some(nights()));
        for id in ["e1", "e2", "e3"] {
            rig.emit(id, &[channel]).await;
            rig.pass(Duration::from_secs(600)).await;
        }
        assert_eq!(rig.states().await, [State::Held; 3]);
        assert!(rig.deliveries().await[0].state_message.ends_with("until 21 Nov 2026, 17:00 UTC"));
        let mut urgent = request(&rig.env, "urgent", &[channel]);
        urgent.event.as_mut().unwrap().severity = Severity::Critical.to_wire();
        rig.submit(vec![urgent]).await;
        rig.settle().await;
        assert_eq!(rig.env.receivers.events(), ["urgent"], "what is CRITICAL passes");
        rig.env.clock.set("2026-11-21T17:00:00Z".parse().unwrap());
        rig.emit("e4", &[channel]).await;
        rig.settle().await;
        assert_eq!(rig.env.receivers.events(), ["urgent", "e1", "e2", "e3", "e4"]);
    }

    async fn a_retry_respects_quiet_hours(store: Store) {
        let mut rig = Rig::new(&store).await;
        rig.env.clock.set("2026-11-21T08:59:30Z".parse().unwrap());
        let channel = rig.env.channel("a");
        rig.env.config.change(rig.env.team, channel, |channel| channel.quiet_hours = Some(nights()));
        rig.env.receivers.answer(channel, down());
        rig.emit("e1", &[channel]).await;
        rig.settle().await;
        rig.pass(Duration::from_secs(60)).await;
        assert_eq!(rig.states().await, [State::Held]);
        rig.env.clock.set("2026-11-21T17:00:00Z".parse().unwrap());
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Delivered]);
    }

    async fn without_config_the_last_known_answer_serves_and_the_unknown_waits(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (known, unknown) = (rig.env.channel("known"), rig.env.channel("unknown"));
        rig.emit("e1", &[known]).await;
        rig.settle().await;
        rig.env.config.away.store(true, Ordering::Relaxed);
        rig.env.clock.advance(Duration::from_secs(3600));
        rig.emit("e2", &[known, unknown]).await;
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Delivered, State::Delivered, State::Pending]);
        let waiting = rig.deliveries().await.remove(2);
        assert_eq!(waiting.attempt_count, 0, "waiting for Config is no attempt");
        rig.env.config.away.store(false, Ordering::Relaxed);
        rig.pass(Duration::from_secs(5)).await;
        assert_eq!(rig.states().await, [State::Delivered; 3]);
    }

    async fn a_deleted_channel_cancels_what_was_on_its_way(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        rig.env.config.delete(rig.env.team, channel);
        rig.emit("e1", &[channel]).await;
        rig.settle().await;
        let delivery = rig.delivery().await;
        assert_eq!(delivery.state, State::Cancelled as i32);
        assert_eq!(delivery.state_message, "the channel was deleted");
    }
}
