//! What was sent, or was to be sent, is sent again by a filter: counted first, at a pace that outlives the process, each once, and
//! called off in the middle.

use std::collections::BTreeMap;

use prost_types::Timestamp;
use watchbell_contracts::dispatcher::v1::{
    CancelDeliveriesRequest, CancelDeliveriesResponse, Delivery, DeliveryFilter, DeliveryState,
    RecoverRequest, RecoverResponse, ReplayRequest, ReplayResponse,
};
use watchbell_model::clock::SystemClock;
use watchbell_testkit::{Behaviour, WebhookReceiver};

use crate::harness::database::on_postgres;
use crate::harness::{
    Client, Platform, Serve, eventually, finding, is_told_to_come_again, on_both_databases,
};

/// At one a second, more than anything here takes.
const EVENTS: usize = 200;

fn of(channel: &str) -> Option<DeliveryFilter> {
    Some(DeliveryFilter {
        channel_id: channel.to_owned(),
        ..Default::default()
    })
}

/// By a team and a channel, one a second.
fn replay(team: &str, channel: &str) -> ReplayRequest {
    ReplayRequest {
        team_id: team.to_owned(),
        filter: of(channel),
        start_time: Some(Timestamp::default()),
        per_second: 1,
        ..Default::default()
    }
}

fn recover(team: &str, channel: &str) -> RecoverRequest {
    RecoverRequest {
        team_id: team.to_owned(),
        filter: of(channel),
        start_time: Some(Timestamp::default()),
        per_second: 1,
        ..Default::default()
    }
}

fn cancel(team: &str, channel: &str) -> CancelDeliveriesRequest {
    CancelDeliveriesRequest {
        team_id: team.to_owned(),
        filter: of(channel),
        start_time: Some(Timestamp::default()),
        ..Default::default()
    }
}

async fn replayed(client: &Client, request: ReplayRequest) -> ReplayResponse {
    client.dispatcher().replay(request).await.unwrap().into_inner()
}

async fn recovered(client: &Client, request: RecoverRequest) -> RecoverResponse {
    client.dispatcher().recover(request).await.unwrap().into_inner()
}

async fn cancelled(client: &Client, request: CancelDeliveriesRequest) -> CancelDeliveriesResponse {
    client
        .dispatcher()
        .cancel_deliveries(request)
        .await
        .unwrap()
        .into_inner()
}

async fn emit(client: &Client, team: &str) {
    for number in 0..EVENTS {
        client.emit(team, finding(&format!("f-{number}"))).await.unwrap();
    }
}

fn in_state(deliveries: &[Delivery], state: DeliveryState) -> usize {
    deliveries
        .iter()
        .filter(|delivery| delivery.state() == state)
        .count()
}

/// When those that wait are due, in microseconds.
fn due(deliveries: &[Delivery]) -> BTreeMap<String, i64> {
    let waiting = deliveries
        .iter()
        .filter(|delivery| delivery.state() == DeliveryState::Pending);
    waiting
        .filter_map(|delivery| {
            let at = delivery.next_attempt_time?;
            Some((
                delivery.id.clone(),
                at.seconds * 1_000_000 + i64::from(at.nanos) / 1_000,
            ))
        })
        .collect()
}

fn now() -> i64 {
    let now = Timestamp::from(std::time::SystemTime::from(SystemClock::shared().now()));
    now.seconds * 1_000_000 + i64::from(now.nanos) / 1_000
}

/// How many of what was planned may have gone by now.
fn passed(planned: &BTreeMap<String, i64>) -> usize {
    let now = now();
    planned.values().filter(|at| **at <= now).count()
}

on_both_databases! {
    async fn a_replay_is_counted_first_keeps_its_pace_over_a_kill_and_is_called_off(database: Database) {
        let receiver = WebhookReceiver::start().await.unwrap();
        let serve = Serve::all(&database);
        let process = serve.start().await;
        let client = Client::admin(&process);
        let team = client.team("Replay").await;
        let (siem, _) = client.webhook(&team, "siem", &receiver.url(), &["finding.*"]).await;
        emit(&client, &team).await;
        eventually("all are sent", || async {
            let all = client.deliveries_of(&team, &siem).await;
            (in_state(&all, DeliveryState::Delivered) == EVENTS).then_some(())
        })
        .await;

        let counted = replayed(&client, ReplayRequest { validate_only: true, ..replay(&team, &siem) }).await;
        assert_eq!((counted.replayed_count, counted.channels.len()), (EVENTS as i64, 1));
        assert_eq!(client.deliveries_of(&team, &siem).await.len(), EVENTS, "it was only counted");
        let sent = replayed(&client, replay(&team, &siem)).await;
        assert_eq!(sent.replayed_count, EVENTS as i64);
        let planned = due(&client.deliveries_of(&team, &siem).await);
        let times: Vec<_> = planned.values().copied().collect();
        let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        assert_eq!((last - first) / 1_000_000, planned.len() as i64 - 1, "one a second");
        process.kill();

        let process = serve.start().await;
        let client = client.at(&process);
        // Another process owns the team's shard once the former one has been silent for a while.
        let again = eventually("it answers", || async {
            client.dispatcher().replay(replay(&team, &siem)).await.ok()
        })
        .await;
        assert_eq!(again.into_inner().replayed_count, 0, "each has a replay");
        eventually("some go on", || async { (receiver.count() > EVENTS + 1).then_some(()) }).await;
        let arrived = receiver.count() - EVENTS;
        assert!(arrived <= passed(&planned) + 1, "{arrived} at once");
        for (id, at) in due(&client.deliveries_of(&team, &siem).await) {
            assert_eq!(planned.get(&id), Some(&at), "it keeps its time");
        }

        let replays = || {
            let filter = of(&siem).map(|filter| DeliveryFilter { replays_only: true, ..filter });
            CancelDeliveriesRequest { filter, ..cancel(&team, &siem) }
        };
        let counted = cancelled(&client, CancelDeliveriesRequest { validate_only: true, ..replays() }).await;
        assert!(counted.cancelled_count > 0, "{counted:?}");
        cancelled(&client, replays()).await;
        eventually("none waits", || async {
            let all = client.deliveries_of(&team, &siem).await;
            (in_state(&all, DeliveryState::Pending) == 0).then_some(())
        })
        .await;
        let all = client.deliveries_of(&team, &siem).await;
        let (delivered, off) = (in_state(&all, DeliveryState::Delivered), in_state(&all, DeliveryState::Cancelled));
        assert_eq!(delivered + off, 2 * EVENTS, "each of them was sent or called off");
        assert!(off > 0);
    }

    async fn a_recovery_is_counted_first_keeps_its_pace_over_a_kill_and_takes_up_each_once(database: Database) {
        let receiver = WebhookReceiver::start().await.unwrap();
        receiver.behave(Behaviour::status(401));
        let serve = Serve::all(&database);
        let process = serve.start().await;
        let client = Client::admin(&process);
        let team = client.team("Recover").await;
        let (siem, _) = client.webhook(&team, "siem", &receiver.url(), &["finding.*"]).await;
        emit(&client, &team).await;
        eventually("all fail", || async {
            let all = client.deliveries_of(&team, &siem).await;
            (in_state(&all, DeliveryState::Failed) == EVENTS).then_some(())
        })
        .await;
        receiver.behave(Behaviour::ok());
        receiver.clear();

        let counted = recovered(&client, RecoverRequest { validate_only: true, ..recover(&team, &siem) }).await;
        assert_eq!(counted.recovered_count, EVENTS as i64);
        let all = client.deliveries_of(&team, &siem).await;
        assert_eq!(in_state(&all, DeliveryState::Failed), EVENTS, "it was only counted");
        assert_eq!(recovered(&client, recover(&team, &siem)).await.recovered_count, EVENTS as i64);
        let planned = due(&client.deliveries_of(&team, &siem).await);
        process.kill();

        let process = serve.start().await;
        let client = client.at(&process);
        let again = eventually("it answers", || async {
            client.dispatcher().recover(recover(&team, &siem)).await.ok()
        })
        .await;
        assert_eq!(again.into_inner().recovered_count, 0, "none has failed");
        eventually("some go on", || async { (receiver.count() > 1).then_some(()) }).await;
        let arrived = receiver.count();
        assert!(arrived <= passed(&planned) + 2, "{arrived} at once");
        for (id, at) in due(&client.deliveries_of(&team, &siem).await) {
            assert_eq!(planned.get(&id), Some(&at), "it keeps its time");
        }
        cancelled(&client, cancel(&team, &siem)).await;
        eventually("none waits", || async {
            let all = client.deliveries_of(&team, &siem).await;
            (in_state(&all, DeliveryState::Pending) == 0).then_some(())
        })
        .await;
        let all = client.deliveries_of(&team, &siem).await;
        assert_eq!(all.len(), EVENTS, "nothing is doubled");
        assert!(in_state(&all, DeliveryState::Cancelled) > 0);
    }
}

#[test]
fn the_owner_of_a_team_recovers_and_calls_off_whichever_dispatcher_is_asked() {
    on_postgres(|database| async move {
        let platform = Platform::split(&database, 1, 2, |_, serve| serve).await;
        let (admin, router) = (platform.admin(), &platform.clients("router")[0]);
        let dispatchers = platform.clients("dispatcher");
        // Of several teams, so that either owns one.
        for number in 0..4 {
            let receiver = WebhookReceiver::start().await.unwrap();
            receiver.behave(Behaviour::status(401));
            let team = admin.team(&format!("Team {number}")).await;
            let (siem, _) = admin
                .webhook(&team, "siem", &receiver.url(), &["finding.*"])
                .await;
            emit(router, &team).await;
            eventually("all fail", || async {
                let all = dispatchers[0].deliveries_of(&team, &siem).await;
                (in_state(&all, DeliveryState::Failed) == EVENTS).then_some(())
            })
            .await;
            receiver.behave(Behaviour::ok());
            let mut taken_up = 0;
            let mut called_off = 0;
            for dispatcher in &dispatchers {
                // The team's shard may still be on its way to another owner.
                let answer = eventually("they are recovered", || async {
                    match dispatcher.dispatcher().recover(recover(&team, &siem)).await {
                        Ok(answer) => Some(answer.into_inner()),
                        Err(status) if is_told_to_come_again(&status) => None,
                        Err(status) => panic!("{status:?}"),
                    }
                })
                .await;
                taken_up += answer.recovered_count;
            }
            assert_eq!(taken_up, EVENTS as i64, "each once");
            for dispatcher in &dispatchers {
                let answer = eventually("they are called off", || async {
                    match dispatcher
                        .dispatcher()
                        .cancel_deliveries(cancel(&team, &siem))
                        .await
                    {
                        Ok(answer) => Some(answer.into_inner()),
                        Err(status) if is_told_to_come_again(&status) => None,
                        Err(status) => panic!("{status:?}"),
                    }
                })
                .await;
                called_off += answer.cancelled_count;
            }
            let all = dispatchers[1].deliveries_of(&team, &siem).await;
            assert_eq!(called_off, in_state(&all, DeliveryState::Cancelled) as i64);
            assert!(called_off > 0);
        }
    });
}
