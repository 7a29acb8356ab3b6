//! What people do with deliveries: test, replay, recover, cancel.

use tonic::Code;
use watchbell_runtime::auth::{Principal, Scope};
use watchbell_runtime::problem::from_status;
use watchbell_store::store_tests;

use super::*;
use crate::senders::AttemptResult;
use crate::store::Migrator;

fn down() -> AttemptResult {
    AttemptResult {
        status_code: 503,
        ..AttemptResult::retryable("http.503", "the endpoint answered 503")
    }
}

async fn test(rig: &mut Rig, channel: ChannelId) -> Result<wire::Delivery, tonic::Status> {
    let request = wire::SendTestRequest {
        team_id: rig.env.team.to_string(),
        channel_id: channel.to_string(),
        ..Default::default()
    };
    let service = rig.service.clone();
    let answer = rig
        .during(async move { service.send_test(internal_request(request)).await })
        .await;
    answer.map(|answer| answer.into_inner().delivery.unwrap())
}

async fn recover(rig: &Rig, channel: ChannelId, since: DateTime<Utc>) -> Result<i64, tonic::Status> {
    let request = wire::RecoverRequest {
        team_id: rig.env.team.to_string(),
        channel_id: channel.to_string(),
        start_time: Some(timestamp(since)),
        ..Default::default()
    };
    let answer = rig.service.recover(internal_request(request)).await?;
    Ok(answer.into_inner().recovered_count)
}

async fn cancel(rig: &Rig, id: &str) -> Result<wire::Delivery, tonic::Status> {
    let request = wire::CancelDeliveryRequest {
        team_id: rig.env.team.to_string(),
        delivery_id: id.to_owned(),
    };
    let answer = rig.service.cancel_delivery(internal_request(request)).await?;
    Ok(answer.into_inner().delivery.unwrap())
}

/// A test that a key with these scopes asks for.
fn by_key(
    rig: &Rig,
    scopes: &[Scope],
    request: wire::SendTestRequest,
) -> tonic::Request<wire::SendTestRequest> {
    let mut request = tonic::Request::new(request);
    request.extensions_mut().insert(Principal::ApiKey {
        key_id: watchbell_model::ids::KeyId::generate(rig.env.now()),
        team_id: Some(rig.env.team),
        scopes: scopes.iter().copied().collect(),
    });
    request
}

store_tests! {
    migrator = Migrator;

    async fn a_test_answers_with_its_attempt_at_once(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        // Neither a queue in the lane nor quiet hours nor a pause keep a test waiting.
        rig.env.config.change(rig.env.team, channel, |channel| channel.paused = true);
        let delivery = test(&mut rig, channel).await.unwrap();
        assert!(delivery.test);
        assert_eq!(delivery.state, State::Delivered as i32);
        assert_eq!(delivery.attempts.len(), 1);
        let stored = rig.get(&delivery.id).await;
        assert_eq!(stored.attempts, delivery.attempts, "and it is in the log");
        let list = wire::ListEventsRequest { team_id: rig.env.team.to_string(), ..Default::default() };
        let events = rig.service.list_events(internal_request(list)).await.unwrap().into_inner().events;
        assert!(events.is_empty(), "tests are no facts");
    }

    async fn a_test_that_fails_is_not_tried_again_and_says_nothing_of_health(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        let gone = AttemptResult { channel_broken: true, status_code: 410, ..AttemptResult::permanent("http.410", "gone") };
        rig.env.receivers.answer(channel, gone);
        assert_eq!(test(&mut rig, channel).await.unwrap().state, State::Failed as i32);
        rig.env.receivers.answer(channel, down());
        let failed = test(&mut rig, channel).await.unwrap();
        assert_eq!(failed.state, State::Failed as i32);
        assert_eq!(failed.attempts[0].error, "the endpoint answered 503");
        rig.pass(Duration::from_secs(100_000)).await;
        assert_eq!(rig.env.receivers.carried().len(), 2);
        rig.emit("e1", &[channel]).await;
        rig.settle().await;
        assert_eq!(rig.states().await[2], State::Delivered);
    }

    async fn a_test_of_an_unknown_type_or_channel_is_refused(store: Store) {
        let mut rig = Rig::new(&store).await;
        let nowhere = ChannelId::generate(rig.env.now());
        assert_eq!(test(&mut rig, nowhere).await.unwrap_err().code(), Code::NotFound);
        let channel = rig.env.channel("a");
        let request = wire::SendTestRequest {
            team_id: rig.env.team.to_string(),
            channel_id: channel.to_string(),
            event_type: "no.such.type".to_owned(),
            ..Default::default()
        };
        let status = rig.service.send_test(internal_request(request)).await.unwrap_err();
        assert_eq!(from_status(&status).violations.iter().next().unwrap().field, "event_type");
    }

    async fn a_test_to_somebody_else_than_the_channel_is_refused(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        let request = wire::SendTestRequest {
            team_id: rig.env.team.to_string(),
            channel_id: channel.to_string(),
            recipient: "ann@example.com".to_owned(),
            ..Default::default()
        };
        let service = rig.service.clone();
        let answer = rig.during(async move { service.send_test(internal_request(request)).await }).await;
        let status = answer.unwrap_err();
        let violations = from_status(&status).violations;
        assert_eq!(violations.iter().map(|wrong| wrong.field.as_str()).collect::<Vec<_>>(), ["recipient"]);
        assert!(rig.env.receivers.carried().is_empty());
    }

    async fn a_channel_can_be_tested_before_it_is_saved_and_nothing_is_stored(store: Store) {
        let rig = Rig::new(&store).await;
        let draft = config::Channel {
            kind: ChannelKind::Webhook.to_wire(),
            display_name: "siem".to_owned(),
            destination: Some(config::channel::Destination::Webhook(config::WebhookDestination::default())),
            ..Default::default()
        };
        let request = wire::SendTestRequest {
            team_id: rig.env.team.to_string(),
            channel: Some(draft),
            ..Default::default()
        };
        let answer = rig.service.send_test(internal_request(request.clone())).await.unwrap().into_inner();
        let delivery = answer.delivery.unwrap();
        assert_eq!((delivery.state, delivery.attempts.len()), (State::Delivered as i32, 1));
        assert!(rig.deliveries().await.is_empty());
        assert_eq!(rig.env.receivers.carried().len(), 1);

        let refused = rig.service.send_test(by_key(&rig, &[Scope::DeliveriesWrite], request.clone())).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "as for saving one");
        let allowed = by_key(&rig, &[Scope::DeliveriesWrite, Scope::ConfigWrite], request.clone());
        rig.service.send_test(allowed).await.unwrap();
        let both = wire::SendTestRequest { channel_id: ChannelId::generate(rig.env.now()).to_string(), ..request };
        let refused = rig.service.send_test(internal_request(both)).await.unwrap_err();
        assert_eq!(from_status(&refused).violations.iter().next().unwrap().field, "channel");
    }

    async fn an_event_that_was_never_emitted_is_sent_as_a_test(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        rig.emit("e1", &[channel]).await;
        rig.settle().await;
        let data_json = br#"{"finding_id": "F-17", "score": 9.10}"#.to_vec();
        let draft = event_wire::Event {
            id: "e1".to_owned(),
            r#type: "finding.created".to_owned(),
            title: "Made up".to_owned(),
            payload: Some(event_wire::event::Payload::DataJson(data_json.into())),
            ..Default::default()
        };
        let request = wire::SendTestRequest {
            team_id: rig.env.team.to_string(),
            channel_id: channel.to_string(),
            event: Some(draft.clone()),
            ..Default::default()
        };
        let service = rig.service.clone();
        let sent = request.clone();
        let answer = rig.during(async move { service.send_test(internal_request(sent)).await }).await;
        let delivery = answer.unwrap().into_inner().delivery.unwrap();
        assert_eq!((delivery.state, delivery.event_title.as_str()), (State::Delivered as i32, "Made up"));
        assert!(delivery.test && delivery.event_id != "e1", "no repeat of what was accepted");
        let carried = rig.env.receivers.carried();
        assert_eq!(carried.len(), 2);
        let get = wire::GetEventRequest { team_id: rig.env.team.to_string(), event_id: delivery.event_id.clone() };
        let event = rig.service.get_event(internal_request(get)).await.unwrap().into_inner().event.unwrap();
        assert_eq!(event.data_json, r#"{"finding_id": "F-17", "score": 9.10}"#);
        assert!(event.alert.is_none(), "a test begins no alert");

        let refused = rig.service.send_test(by_key(&rig, &[Scope::DeliveriesWrite], request.clone())).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "whoever may only resend has no words of their own");
        for more in [Scope::Emit, Scope::ConfigWrite] {
            let allowed = by_key(&rig, &[Scope::DeliveriesWrite, more], request.clone());
            let service = rig.service.clone();
            rig.during(async move { service.send_test(allowed).await }).await.unwrap();
        }

        let wrong = event_wire::Event { payload: None, r#type: "no.such.type".to_owned(), ..draft.clone() };
        for (event, event_type, field) in [(wrong, "", "event.type"), (draft, "finding.created", "event")] {
            let request = wire::SendTestRequest { event: Some(event), event_type: event_type.to_owned(), ..request.clone() };
            let refused = rig.service.send_test(internal_request(request)).await.unwrap_err();
            assert_eq!(from_status(&refused).violations.iter().next().unwrap().field, field);
        }
    }

    async fn a_receipt_is_not_tested_in_a_chat(store: Store) {
        let rig = Rig::new(&store).await;
        let channel = ChannelId::generate(rig.env.now());
        rig.env.config.add(rig.env.team, channel, ChannelKind::Slack, "#alerts");
        let request = wire::SendTestRequest {
            team_id: rig.env.team.to_string(),
            channel_id: channel.to_string(),
            event_type: "compliance.receipt.issued".to_owned(),
            ..Default::default()
        };
        let refused = rig.service.send_test(internal_request(request)).await.unwrap_err();
        assert_eq!(from_status(&refused).violations.iter().next().unwrap().field, "event_type");
        assert!(rig.env.receivers.carried().is_empty() && rig.deliveries().await.is_empty());
    }

    async fn watchers_see_what_is_called_off_and_what_is_taken_up_again(store: Store) {
        use futures::{FutureExt as _, StreamExt as _};
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        rig.env.receivers.answer(channel, AttemptResult::permanent("http.400", "refused"));
        let start = rig.env.now();
        rig.emit("e1", &[channel]).await;
        rig.settle().await;
        rig.env.receivers.answer(channel, down());
        rig.emit("e2", &[channel]).await;
        rig.settle().await;
        let watch = wire::WatchDeliveriesRequest { team_id: rig.env.team.to_string(), ..Default::default() };
        let mut changes = rig.service.watch_deliveries(internal_request(watch)).await.unwrap().into_inner();
        let mut seen = move || changes.next().now_or_never().map(|change| change.unwrap().unwrap().delivery.unwrap());
        let waiting = rig.deliveries().await.into_iter().find(|delivery| delivery.event_id == "e2").unwrap();
        cancel(&rig, &waiting.id).await.unwrap();
        let told = seen().unwrap();
        assert_eq!((told.event_id.as_str(), told.state), ("e2", State::Cancelled as i32));
        assert_eq!(recover(&rig, channel, start).await.unwrap(), 1);
        let told = seen().unwrap();
        assert_eq!((told.event_id.as_str(), told.state), ("e1", State::Pending as i32));
        assert!(seen().is_none());
    }

    async fn a_replay_sends_the_same_event_as_a_new_delivery(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        rig.emit("e1", &[channel]).await;
        rig.settle().await;
        let original = rig.delivery().await;
        rig.env.clock.advance(Duration::from_secs(1));
        let request =
            wire::ReplayRequest { team_id: rig.env.team.to_string(), delivery_id: original.id.clone(), ..Default::default() };
        let replay = rig.service.replay(internal_request(request)).await.unwrap().into_inner().delivery.unwrap();
        assert_eq!(replay.replay_of, original.id);
        assert_eq!(replay.route, original.route);
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Delivered; 2]);
        assert_eq!(rig.env.receivers.events(), ["e1", "e1"]);
    }

    async fn recovery_takes_up_what_failed_since_a_time_with_a_new_schedule(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        rig.env.receivers.always(channel, Some(AttemptResult::permanent("http.410", "no")));
        rig.emit("old", &[channel]).await;
        rig.pass(Duration::from_secs(60)).await;
        let since = rig.env.now();
        for id in ["e1", "e2"] {
            rig.emit(id, &[channel]).await;
        }
        rig.settle().await;
        rig.env.receivers.always(channel, Some(down()));
        assert_eq!(recover(&rig, channel, since).await.unwrap(), 2);
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Failed, State::Pending, State::Pending]);
        rig.env.receivers.always(channel, None);
        rig.pass(Duration::from_secs(60)).await;
        assert_eq!(rig.states().await, [State::Failed, State::Delivered, State::Delivered]);
        assert_eq!(rig.deliveries().await[1].attempt_count, 3, "attempts go on counting");
        assert_eq!(recover(&rig, channel, since).await.unwrap(), 0);
    }

    async fn recovery_waits_until_the_channel_is_enabled(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        let begin = rig.env.now();
        let gone = AttemptResult { channel_broken: true, ..AttemptResult::permanent("http.410", "gone") };
        rig.env.receivers.answer(channel, gone);
        rig.emit("e1", &[channel]).await;
        rig.settle().await;
        let status = recover(&rig, channel, begin).await.unwrap_err();
        assert_eq!(from_status(&status).reason.as_deref(), Some("CHANNEL_UNHEALTHY"));
        rig.env.config.change(rig.env.team, channel, |channel| channel.health_epoch += 1);
        assert_eq!(recover(&rig, channel, begin).await.unwrap(), 1);
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Delivered]);
    }

    async fn what_waits_can_be_called_off_and_what_ended_cannot(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        rig.env.receivers.answer(channel, down());
        rig.emit("e1", &[channel]).await;
        rig.settle().await;
        let id = rig.delivery().await.id;
        let cancelled = cancel(&rig, &id).await.unwrap();
        assert_eq!(cancelled.state, State::Cancelled as i32);
        assert_eq!(cancelled.attempts.len(), 1);
        rig.pass(Duration::from_secs(100)).await;
        assert_eq!(rig.env.receivers.carried().len(), 1, "it is not tried any more");
        let status = cancel(&rig, &id).await.unwrap_err();
        assert_eq!(from_status(&status).reason.as_deref(), Some("DELIVERY_ENDED"));
    }

    async fn what_queues_in_memory_can_be_called_off_and_what_is_being_sent_cannot(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.ordered("a");
        let gate = rig.env.receivers.gate(channel);
        rig.emit("first", &[channel]).await;
        rig.emit("second", &[channel]).await;
        rig.pump.tick();
        rig.env.receivers.until(1).await;
        let all = rig.deliveries().await;
        let status = cancel(&rig, &all[0].id).await.unwrap_err();
        assert_eq!(from_status(&status).reason.as_deref(), Some("DELIVERY_IN_FLIGHT"));
        cancel(&rig, &all[1].id).await.unwrap();
        gate.add_permits(10);
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Delivered, State::Cancelled]);
    }
}
