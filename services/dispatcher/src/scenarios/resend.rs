//! Many deliveries sent again by a filter: counted first, each once, at a pace.

use chrono::TimeDelta;
use tonic::Code;
use watchbell_runtime::problem::from_status;
use watchbell_store::store_tests;

use super::*;
use crate::senders::AttemptResult;
use crate::store::Migrator;

fn refused() -> AttemptResult {
    AttemptResult::permanent("http.400", "no")
}

fn replay(rig: &Rig, filter: wire::DeliveryFilter) -> wire::ReplayRequest {
    wire::ReplayRequest {
        team_id: rig.env.team.to_string(),
        filter: Some(filter),
        start_time: Some(timestamp(rig.env.now() - TimeDelta::days(1))),
        per_second: 1_000,
        ..Default::default()
    }
}

fn recover(rig: &Rig, filter: wire::DeliveryFilter) -> wire::RecoverRequest {
    wire::RecoverRequest {
        team_id: rig.env.team.to_string(),
        filter: Some(filter),
        start_time: Some(timestamp(rig.env.now() - TimeDelta::days(1))),
        per_second: 1_000,
        ..Default::default()
    }
}

async fn replayed(rig: &Rig, request: wire::ReplayRequest) -> wire::ReplayResponse {
    let answer = rig.service.replay(internal_request(request)).await;
    answer.unwrap().into_inner()
}

async fn recovered(rig: &Rig, request: wire::RecoverRequest) -> wire::RecoverResponse {
    let answer = rig.service.recover(internal_request(request)).await;
    answer.unwrap().into_inner()
}

/// How many of each channel, and why not.
fn counts(channels: &[wire::ResendCount]) -> Vec<(&str, i64, &str)> {
    let channels = channels.iter();
    channels
        .map(|of| (of.channel_id.as_str(), of.count, of.refusal.as_str()))
        .collect()
}

fn fields(status: &tonic::Status) -> Vec<String> {
    let violations = from_status(status).violations;
    let mut fields: Vec<_> = violations.iter().map(|of| of.field.clone()).collect();
    fields.sort_unstable();
    fields
}

fn of(types: &[&str]) -> wire::DeliveryFilter {
    wire::DeliveryFilter {
        types: types.iter().map(ToString::to_string).collect(),
        ..Default::default()
    }
}

store_tests! {
    migrator = Migrator;

    async fn what_failed_is_recovered_by_a_filter_counted_first_and_at_a_pace(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (a, b) = (rig.env.channel("a"), rig.env.channel("b"));
        for channel in [a, b] {
            rig.env.receivers.always(channel, Some(refused()));
        }
        rig.emit("e1", &[a, b]).await;
        rig.emit("e2", &[a]).await;
        let other = event_wire::Event { r#type: "scan.failed".to_owned(), ..event(&rig.env, "e3") };
        rig.submit(vec![wire::SubmitRequest { event: Some(other), ..request(&rig.env, "e3", &[a]) }]).await;
        rig.settle().await;
        for channel in [a, b] {
            rig.env.receivers.always(channel, None);
        }
        let asked = recover(&rig, of(&["finding.*"]));
        let counted = recovered(&rig, wire::RecoverRequest { validate_only: true, ..asked.clone() }).await;
        assert_eq!((counted.recovered_count, counted.truncated), (3, false));
        let (of_a, of_b) = (a.to_string(), b.to_string());
        assert_eq!(counts(&counted.channels), [(of_a.as_str(), 2, ""), (of_b.as_str(), 1, "")]);
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Failed; 4], "it was only counted");

        let begin = rig.env.now();
        let slowly = recovered(&rig, wire::RecoverRequest { per_second: 1, ..asked.clone() }).await;
        assert_eq!((slowly.recovered_count, slowly.channels), (3, counted.channels));
        assert_eq!(slowly.last_due_time, Some(timestamp(begin + TimeDelta::seconds(2))));
        for arrived in 1..=3 {
            rig.settle().await;
            let delivered = rig.states().await.iter().filter(|state| **state == State::Delivered).count();
            assert_eq!(delivered, arrived);
            rig.env.clock.advance(Duration::from_secs(1));
        }
        assert_eq!(recovered(&rig, asked).await.recovered_count, 0);
        assert_eq!(recovered(&rig, recover(&rig, of(&[]))).await.recovered_count, 1, "the scan");
    }

    async fn recovery_by_a_filter_passes_over_channels_that_do_not_carry_and_says_why(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (a, b) = (rig.env.channel("a"), rig.env.channel("b"));
        for channel in [a, b] {
            rig.env.receivers.always(channel, Some(refused()));
        }
        rig.emit("e1", &[a, b]).await;
        rig.emit("e2", &[b]).await;
        rig.settle().await;
        rig.env.config.change(rig.env.team, b, |channel| channel.paused = true);
        let answer = recovered(&rig, recover(&rig, of(&[]))).await;
        assert_eq!(answer.recovered_count, 1);
        let (of_a, of_b) = (a.to_string(), b.to_string());
        let paused = "the channel is paused; activate it first";
        assert_eq!(counts(&answer.channels), [(of_b.as_str(), 2, paused), (of_a.as_str(), 1, "")]);
        rig.env.config.delete(rig.env.team, b);
        let answer = recovered(&rig, recover(&rig, of(&[]))).await;
        assert_eq!(counts(&answer.channels), [(of_b.as_str(), 2, "the channel was deleted")]);
        let states = rig.states().await;
        assert_eq!(states.iter().filter(|state| **state == State::Failed).count(), 2);
    }

    async fn deliveries_are_replayed_by_a_filter_each_once(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (a, b) = (rig.env.channel("a"), rig.env.channel("b"));
        rig.submit(vec![wire::SubmitRequest { routes: vec![to_channel(a), to_inbox()], ..request(&rig.env, "e1", &[]) }]).await;
        rig.emit("e2", &[a, b]).await;
        rig.settle().await;
        rig.env.clock.advance(Duration::from_secs(60));
        let of_a = wire::DeliveryFilter { channel_id: a.to_string(), ..Default::default() };
        let asked = replay(&rig, of_a);
        let counted = replayed(&rig, wire::ReplayRequest { validate_only: true, ..asked.clone() }).await;
        assert_eq!((counted.replayed_count, counted.delivery), (2, None));
        assert_eq!(rig.deliveries().await.len(), 4);
        assert_eq!(replayed(&rig, asked.clone()).await.replayed_count, 2);
        rig.pass(Duration::from_secs(1)).await;
        assert_eq!(rig.env.receivers.events().iter().filter(|id| *id == "e2").count(), 3);
        let all = rig.deliveries().await;
        let replays: Vec<_> = all.iter().filter(|delivery| !delivery.replay_of.is_empty()).collect();
        assert_eq!(replays.len(), 2);
        assert!(replays.iter().all(|delivery| delivery.state == State::Delivered as i32 && delivery.route == all[0].route));
        assert_eq!(replayed(&rig, asked).await.replayed_count, 0, "each has a replay");
        assert_eq!(replayed(&rig, replay(&rig, of(&[]))).await.replayed_count, 1, "that of b; not the inbox, and no replay");
        let once_more = wire::DeliveryFilter { channel_id: a.to_string(), replays_only: true, ..Default::default() };
        assert_eq!(replayed(&rig, replay(&rig, once_more)).await.replayed_count, 2);
        let inbox = wire::DeliveryFilter { kind: ChannelKind::InApp.to_wire(), ..Default::default() };
        assert_eq!(replayed(&rig, replay(&rig, inbox)).await.replayed_count, 1);
    }

    async fn more_than_a_page_is_replayed_once_whoever_asks_at_the_same_time(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        let many = (0..1_100).map(|number| request(&rig.env, &format!("e{number}"), &[channel])).collect();
        rig.submit(many).await;
        rig.settle().await;
        let asked = replay(&rig, of(&[]));
        let (first, second) = tokio::join!(
            rig.service.replay(internal_request(asked.clone())),
            rig.service.replay(internal_request(asked.clone())),
        );
        let refused = second.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert!(refused.message().starts_with("a Replay of the team is under way"), "{}", refused.message());
        assert_eq!(first.unwrap().into_inner().replayed_count, 1_100);
        assert_eq!(replayed(&rig, asked).await.replayed_count, 0);
    }

    async fn what_a_replay_has_still_to_send_is_called_off_by_its_filter(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (a, b) = (rig.env.channel("a"), rig.env.channel("b"));
        for number in 0..5 {
            rig.emit(&format!("e{number}"), &[a, b]).await;
        }
        rig.settle().await;
        rig.env.clock.advance(Duration::from_secs(1));
        let slowly = wire::ReplayRequest { per_second: 1, ..replay(&rig, of(&["finding.*"])) };
        assert_eq!(replayed(&rig, slowly).await.replayed_count, 10);
        rig.settle().await;
        // One that was never replayed waits as well.
        rig.env.receivers.always(b, Some(AttemptResult::retryable("http.503", "later")));
        rig.emit("retried", &[b]).await;
        rig.settle().await;
        let of_a = wire::DeliveryFilter { channel_id: a.to_string(), replays_only: true, ..Default::default() };
        let request = |filter, validate_only| wire::CancelDeliveriesRequest {
            team_id: rig.env.team.to_string(),
            filter: Some(filter),
            start_time: Some(timestamp(rig.env.now() - TimeDelta::days(1))),
            validate_only,
            ..Default::default()
        };
        let cancel = async |filter, validate_only| {
            let answer = rig.service.cancel_deliveries(internal_request(request(filter, validate_only))).await;
            answer.unwrap().into_inner()
        };
        let counted = cancel(of_a.clone(), true).await;
        let left = counted.cancelled_count;
        assert!((4..=5).contains(&left), "{counted:?}");
        assert_eq!(counts(&counted.channels), [(a.to_string().as_str(), left, "")]);
        let cancelled = cancel(of_a.clone(), false).await;
        assert_eq!((cancelled.cancelled_count, cancelled.channels), (left, counted.channels));
        assert_eq!(cancel(of_a, false).await.cancelled_count, 0);
        let all = wire::DeliveryFilter { replays_only: true, ..Default::default() };
        let rest = cancel(all, false).await.cancelled_count;
        assert_eq!(left + rest, 9, "the first was sent at once");
        let refused = request(wire::DeliveryFilter { states: vec![State::Failed as i32], ..Default::default() }, false);
        let refused = wire::CancelDeliveriesRequest { start_time: None, ..refused };
        let status = rig.service.cancel_deliveries(internal_request(refused)).await.unwrap_err();
        assert_eq!(fields(&status), ["filter.states[0]", "start_time"]);
        rig.env.receivers.always(b, None);
        rig.pass(Duration::from_secs(3_600)).await;
        let states = rig.states().await;
        let in_state = |of| states.iter().filter(|state| **state == of).count();
        assert_eq!((in_state(State::Delivered), in_state(State::Cancelled)), (12, 9), "what retries goes on");
    }

    async fn the_pace_goes_on_over_a_restart(store: Store) {
        let env = TestEnv::new();
        let mut rig = Rig::on(&store, &env).await;
        let a = rig.env.channel("a");
        for number in 0..6 {
            rig.emit(&format!("e{number}"), &[a]).await;
        }
        rig.settle().await;
        let of_a = wire::DeliveryFilter { channel_id: a.to_string(), ..Default::default() };
        let slowly = wire::ReplayRequest { per_second: 1, ..replay(&rig, of_a) };
        rig.env.clock.advance(Duration::from_secs(1));
        let begin = rig.env.now();
        assert_eq!(replayed(&rig, slowly).await.replayed_count, 6);
        rig.settle().await;
        let delivered = async |rig: &Rig| {
            let states = rig.states().await;
            states.iter().filter(|state| **state == State::Delivered).count()
        };
        assert_eq!(delivered(&rig).await, 7, "one at once");
        let mut second = Rig::on(&store, &env).await;
        presume_dead(&rig, &mut second).await;
        drop(rig);
        let mut rig = second;
        let first = delivered(&rig).await;
        for arrived in first..first + 2 {
            rig.settle().await;
            assert_eq!(delivered(&rig).await, arrived);
            rig.env.clock.advance(Duration::from_secs(1));
        }
        // What is asked for now goes behind what was asked for by the former process.
        let again = wire::DeliveryFilter { replays_only: true, ..Default::default() };
        let again = wire::ReplayRequest { per_second: 1, ..replay(&rig, again) };
        let answer = replayed(&rig, again).await;
        assert_eq!((answer.replayed_count, answer.last_due_time), (2, Some(timestamp(begin + TimeDelta::seconds(7)))));
    }

    async fn a_filter_that_cannot_be_is_refused_field_by_field(store: Store) {
        let rig = Rig::new(&store).await;
        let (a, b) = (rig.env.channel("a"), rig.env.channel("b"));
        let waiting = wire::DeliveryFilter { states: vec![State::Pending as i32, State::Failed as i32], ..of(&["no pattern!"]) };
        let request = wire::ReplayRequest { start_time: None, per_second: -1, delivery_id: "dlv_1".to_owned(), ..replay(&rig, waiting) };
        let status = rig.service.replay(internal_request(request)).await.unwrap_err();
        assert_eq!(fields(&status), ["delivery_id", "filter.states[0]", "filter.types[0]", "per_second", "start_time"]);
        let delivered = wire::DeliveryFilter { states: vec![State::Delivered as i32], channel_id: b.to_string(), ..Default::default() };
        let request = wire::RecoverRequest { channel_id: a.to_string(), per_second: 1_001, ..recover(&rig, delivered) };
        let status = rig.service.recover(internal_request(request)).await.unwrap_err();
        assert_eq!(fields(&status), ["filter.channel_id", "filter.states[0]", "per_second"]);
        let nothing = wire::RecoverRequest { team_id: rig.env.team.to_string(), ..Default::default() };
        let status = rig.service.recover(internal_request(nothing)).await.unwrap_err();
        assert_eq!(fields(&status), ["channel_id", "start_time"]);
    }
}
