//! Several Dispatchers on one PostgreSQL: what a channel is promised is the channel's, and not each process's, because
//! everything of a team has one owner at a time, who is found wherever it is.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt as _;
use futures::future::join_all;
use parking_lot::Mutex;
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::config::v1::DeliveryPolicy;
use watchbell_contracts::dispatcher::v1::{
    CancelDeliveryRequest, DeliveryState, MarkAllReadRequest, ReplayRequest, WatchDeliveriesRequest,
};
use watchbell_contracts::event::v1::{Event, Severity};
use watchbell_model::clock::{Clock as _, SystemClock};
use watchbell_testkit::{Behaviour, WebhookReceiver};

use crate::harness::{Client, Ordeal, Platform, eventually, finding};

/// How long a receiver thinks.
const THINKS: Duration = Duration::from_millis(30);

/// What arrived when, in order.
type Arrivals = Arc<Mutex<Vec<(String, DateTime<Utc>)>>>;

#[test]
fn rate_and_concurrency_are_the_channels_with_three_dispatchers() {
    on_three(async |platform, team| {
        let (receiver, arrivals) = receiver().await;
        let policy = DeliveryPolicy {
            max_concurrency: 1,
            max_per_second: 10.0,
            ..Default::default()
        };
        let admin = platform.admin();
        admin.subscribe(team, "siem", &receiver.url(), policy).await;
        emit_all(&platform.clients("router")[0], team, 50).await;
        eventually("all arrive", || async { (receiver.count() == 50).then_some(()) }).await;
        let arrivals = arrivals.lock();
        for pair in arrivals.windows(2) {
            let apart = (pair[1].1 - pair[0].1).to_std().unwrap();
            assert!(
                apart >= THINKS - Duration::from_millis(5),
                "two at a time: {pair:?}"
            );
        }
        for window in arrivals.windows(14) {
            let took = (window[13].1 - window[0].1).to_std().unwrap();
            assert!(took >= Duration::from_secs(1), "14 within {took:?}");
        }
    });
}

#[test]
fn a_storm_is_counted_once_with_three_dispatchers() {
    on_three(async |platform, team| {
        let (receiver, _) = receiver().await;
        let admin = platform.admin();
        let policy = DeliveryPolicy::default();
        let channel = admin.subscribe(team, "room", &receiver.url(), policy).await;
        change(admin, team, &channel, "storm_control", |channel| {
            channel.storm_control = Some(config::StormControl {
                max_messages: 5,
                window: Some(prost_types::Duration {
                    seconds: 600,
                    nanos: 0,
                }),
            });
        })
        .await;
        emit_all(&platform.clients("router")[0], team, 40).await;
        let dispatcher = &platform.clients("dispatcher")[1];
        eventually("all are sent or folded", || async {
            let deliveries = dispatcher.deliveries_of(team, &channel).await;
            let folded = deliveries
                .iter()
                .filter(|delivery| delivery.state() == DeliveryState::Folded);
            (folded.count() == 35).then_some(())
        })
        .await;
        assert_eq!(receiver.count(), 5);
    });
}

#[test]
fn what_was_held_is_sent_in_order_with_three_dispatchers() {
    on_three(async |platform, team| {
        let (receiver, arrivals) = receiver().await;
        receiver.behave(Behaviour::ok());
        let policy = DeliveryPolicy {
            max_concurrency: 1,
            ..Default::default()
        };
        let admin = platform.admin();
        let channel = admin.subscribe(team, "room", &receiver.url(), policy).await;
        let at = |hours| {
            let time = SystemClock::new().now() + TimeDelta::hours(hours);
            time.format("%H:%M").to_string()
        };
        let now = config::QuietHours {
            time_zone: "UTC".to_owned(),
            windows: vec![config::QuietWindow {
                weekdays: vec![],
                start: at(-1),
                end: at(1),
            }],
            ..Default::default()
        };
        change(admin, team, &channel, "quiet_hours", |channel| {
            channel.quiet_hours = Some(now);
        })
        .await;
        let router = &platform.clients("router")[0];
        let mut expected = Vec::new();
        for number in 0..150 {
            let id = format!("held-{number:03}");
            router.emit(team, high(&id)).await.unwrap();
            expected.push(id);
        }
        let dispatcher = &platform.clients("dispatcher")[2];
        eventually("all are held", || async {
            let deliveries = dispatcher.deliveries_of(team, &channel).await;
            let held = deliveries
                .iter()
                .filter(|delivery| delivery.state() == DeliveryState::Held);
            (held.count() == 150).then_some(())
        })
        .await;
        change(admin, team, &channel, "quiet_hours", |channel| {
            channel.quiet_hours = None;
        })
        .await;
        eventually("the first is sent", || async {
            (receiver.count() > 0).then_some(())
        })
        .await;
        for number in 0..20 {
            let id = format!("new-{number:03}");
            router.emit(team, high(&id)).await.unwrap();
            expected.push(id);
        }
        eventually("all arrive", || async { (receiver.count() == 170).then_some(()) }).await;
        let arrived: Vec<String> = arrivals.lock().iter().map(|(id, _)| id.clone()).collect();
        assert_eq!(arrived, expected);
    });
}

#[test]
fn every_dispatcher_shows_all_of_a_team_and_acts_for_it() {
    on_three(async |platform, team| {
        let (receiver, _) = receiver().await;
        let admin = platform.admin();
        admin
            .subscribe(team, "siem", &receiver.url(), DeliveryPolicy::default())
            .await;
        let dispatchers = platform.clients("dispatcher");
        let mut streams = Vec::new();
        for dispatcher in &dispatchers {
            let request = WatchDeliveriesRequest {
                team_id: team.to_owned(),
                ..Default::default()
            };
            streams.push(
                dispatcher
                    .dispatcher()
                    .watch_deliveries(request)
                    .await
                    .unwrap()
                    .into_inner(),
            );
        }
        emit_all(&platform.clients("router")[0], team, 30).await;
        let mut last = String::new();
        for stream in &mut streams {
            let mut delivered = 0;
            while delivered < 30 {
                let change = stream.next().await.unwrap().unwrap().delivery.unwrap();
                if change.state() == DeliveryState::Delivered && !change.attempts.is_empty() {
                    delivered += 1;
                    last = change.id;
                }
            }
        }
        let by_other_header = dispatchers.iter().map(Client::by_x_api_key);
        for dispatcher in dispatchers.iter().cloned().chain(by_other_header) {
            let request = ReplayRequest {
                team_id: team.to_owned(),
                delivery_id: last.clone(),
                ..Default::default()
            };
            dispatcher.dispatcher().replay(request).await.unwrap();
            let request = CancelDeliveryRequest {
                team_id: team.to_owned(),
                delivery_id: last.clone(),
            };
            let refused = dispatcher
                .dispatcher()
                .cancel_delivery(request)
                .await
                .unwrap_err();
            assert_eq!(
                refused.code(),
                tonic::Code::FailedPrecondition,
                "the caller is known: {refused:?}"
            );
            let request = MarkAllReadRequest {
                team_id: team.to_owned(),
                member_id: "mbr_01h455vb4pex5vsknk084sn02q".to_owned(),
            };
            let refused = dispatcher.inbox().mark_all_read(request).await.unwrap_err();
            assert_eq!(refused.code(), tonic::Code::NotFound, "{refused:?}");
        }
        eventually("the replays arrive", || async {
            (receiver.count() == 36).then_some(())
        })
        .await;
    });
}

#[test]
fn dispatchers_that_come_and_go_under_load_lose_nothing() {
    crate::harness::database::on_postgres(|database| async move {
        let platform = Platform::split(&database, 1, 2, |_, serve| serve).await;
        let mut ordeal = Ordeal::begin(&database, platform).await;
        ordeal.proceeds(50).await;
        ordeal
            .fault(async |ordeal| {
                ordeal.platform.add_dispatcher(&database).await;
                ordeal.has_shares(3).await;
            })
            .await;
        ordeal.proceeds(100).await;
        // Each in turn is stopped and started again, as in a roll-out.
        for index in ordeal.platform.indices("dispatcher") {
            ordeal
                .fault(async |ordeal| {
                    ordeal.platform.restart(index).await;
                    ordeal.has_shares(3).await;
                })
                .await;
            ordeal.proceeds(50).await;
        }
        ordeal
            .fault(async |ordeal| {
                let last = *ordeal.platform.indices("dispatcher").last().unwrap();
                ordeal.platform.remove(last).await;
                ordeal.has_shares(2).await;
            })
            .await;
        ordeal.proceeds(100).await;
        let slowest = ordeal.load.slowest();
        let outcome = ordeal.end("added, restarted in turn, and removed").await;
        let _ = writeln!(std::io::stderr(), "the slowest call took {slowest:?}");
        assert_eq!(outcome.unlogged, 0, "nobody died: the log has every attempt");
    });
}

#[test]
fn the_shards_of_a_dead_dispatcher_are_taken_over() {
    crate::harness::database::on_postgres(|database| async move {
        let platform = Platform::split(&database, 1, 3, |_, serve| serve).await;
        let mut ordeal = Ordeal::begin(&database, platform).await;
        ordeal.has_shares(3).await;
        ordeal.proceeds(50).await;
        for _ in 0..2 {
            let victim = ordeal.owner().await;
            ordeal
                .fault(async |ordeal| {
                    let clock = SystemClock::new();
                    let begun = clock.monotonic();
                    ordeal.platform.kill_for_good(victim);
                    eventually("another owns the team", || async {
                        (ordeal.owner().await != victim).then_some(())
                    })
                    .await;
                    ordeal.proceeds(32).await;
                    let took = clock.monotonic() - begun;
                    let _ = writeln!(std::io::stderr(), "taken over within {took:?}");
                    assert!(took < Duration::from_secs(8), "taken over after {took:?}");
                    ordeal.platform.start(victim);
                })
                .await;
            ordeal.platform.ready().await;
            ordeal.has_shares(3).await;
        }
        ordeal.end("owners killed").await;
    });
}

/// Runs a test on three Dispatchers that have their shares, with a team.
fn on_three(test: impl AsyncFnOnce(&Platform, &str)) {
    crate::harness::database::on_postgres(|database| async move {
        let platform = Platform::split(&database, 1, 3, |_, serve| serve).await;
        let rows = crate::harness::Rows::of_dispatcher(&database).await;
        eventually("all have their share", || async {
            let shares = rows.shares().await;
            (shares.len() == 3 && shares.values().all(|share| *share >= 85)).then_some(())
        })
        .await;
        let team = platform.admin().team("Owned").await;
        test(&platform, &team).await;
    });
}

/// A receiver that thinks, and what arrives at it.
async fn receiver() -> (WebhookReceiver, Arrivals) {
    let arrivals = Arrivals::default();
    let (noting, clock) = (arrivals.clone(), SystemClock::new());
    let receiver = WebhookReceiver::builder()
        .on_arrival(move |arrival| {
            let id = arrival.headers["webhook-id"].to_str().unwrap().to_owned();
            noting.lock().push((id, clock.now()));
        })
        .start()
        .await
        .unwrap();
    receiver.behave(Behaviour::delayed(THINKS));
    (receiver, arrivals)
}

fn high(id: &str) -> Event {
    Event {
        severity: Severity::High.into(),
        ..finding(id)
    }
}

async fn emit_all(router: &Client, team: &str, events: usize) {
    let emitted = (0..events).map(|number| async move {
        let id = format!("e{number}");
        router.emit(team, high(&id)).await
    });
    for answer in join_all(emitted).await {
        answer.unwrap();
    }
}

async fn change(admin: &Client, team: &str, id: &str, path: &str, change: impl FnOnce(&mut config::Channel)) {
    let request = config::GetChannelRequest {
        team_id: team.to_owned(),
        channel_id: id.to_owned(),
    };
    let channel = admin
        .channels()
        .get_channel(request)
        .await
        .unwrap()
        .into_inner()
        .channel;
    let mut channel = channel.unwrap();
    change(&mut channel);
    let request = config::UpdateChannelRequest {
        team_id: team.to_owned(),
        channel: Some(channel),
        update_mask: Some(prost_types::FieldMask {
            paths: vec![path.to_owned()],
        }),
        ..Default::default()
    };
    admin.channels().update_channel(request).await.unwrap();
}
