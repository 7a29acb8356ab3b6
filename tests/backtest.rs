//! A backtest by the configuration as it is says what became of the same events when they were emitted: of teams by chance, with
//! storms, alerts, groups, quiet hours and silences. Every wait there is longer than the test, so that what waits is still waiting.

use std::fmt::Debug;
use std::io::Write as _;

use prost_types::{Duration, Timestamp};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::dispatcher::v1::delivery::StateDetail;
use watchbell_contracts::dispatcher::v1::{
    AcknowledgeAlertRequest, Delivery, DeliveryState, FoldedReason, ListDeliveriesRequest,
};
use watchbell_contracts::event::v1::event::Payload;
use watchbell_contracts::event::v1::route::Target;
use watchbell_contracts::event::v1::{Event, Severity};
use watchbell_contracts::router::v1::BacktestCounts;
use watchbell_contracts::router::v1::backtest_target::Target as BacktestOf;
use watchbell_model::clock::SystemClock;
use watchbell_testkit::{SlackStandIn, WebhookReceiver};

use crate::harness::{Client, Serve, eventually, on_both_databases};
use crate::what_if::backtest;

const TEAMS: usize = 4;
const EVENTS: usize = 25;
const HOUR: i64 = 3_600;
const SEVERITIES: [Severity; 3] = [Severity::Medium, Severity::High, Severity::Critical];

fn now() -> std::time::SystemTime {
    SystemClock::shared().now().into()
}

/// What is known of each delivery of a channel, for whoever looks into a difference.
fn told(deliveries: &[Delivery], channel: &str) -> String {
    let of_channel = deliveries
        .iter()
        .rev()
        .filter(|delivery| is_to(delivery, channel));
    let lines = of_channel.map(|delivery| {
        let reason = delivery.route.as_ref().and_then(|route| route.reason.as_ref());
        format!(
            "{} {} {:?} {} alert {:?} {}\n",
            delivery.event_id,
            delivery.event_type,
            delivery.state(),
            delivery.state_message,
            delivery.alert.as_ref().map(|alert| (&alert.key, alert.count)),
            reason.map(|reason| reason.code.clone()).unwrap_or_default(),
        )
    });
    lines.collect()
}

fn is_to(delivery: &Delivery, channel: &str) -> bool {
    let target = delivery.route.as_ref().and_then(|route| route.target.as_ref());
    matches!(target, Some(Target::Channel(to)) if to.channel_id == channel)
}

/// One of some by chance.
fn one<T: Copy + Debug>(random: &mut StdRng, of: &[T]) -> T {
    *of.choose(random).unwrap()
}

fn slack(name: &str, slack: &SlackStandIn, change: impl FnOnce(&mut config::Channel)) -> config::Channel {
    let mut channel = config::Channel {
        display_name: name.to_owned(),
        delivery: Some(config::DeliveryPolicy {
            max_per_second: 100.0,
            ..Default::default()
        }),
        storm_control: Some(config::StormControl::default()),
        destination: Some(Destination::Slack(config::SlackDestination {
            webhook_url: slack.any_webhook_url(),
            ..Default::default()
        })),
        ..Default::default()
    };
    change(&mut channel);
    channel
}

/// Quiet but for a minute that is half a day away.
fn quiet_now(coalesce: bool) -> config::QuietHours {
    let now = now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let loud = now.as_secs() / 60 + 12 * 60;
    let time = |minute: u64| format!("{:02}:{:02}", minute / 60 % 24, minute % 60);
    config::QuietHours {
        windows: vec![config::QuietWindow {
            weekdays: vec![],
            start: time(loud + 1),
            end: time(loud),
        }],
        coalesce,
        ..Default::default()
    }
}

fn rule(name: &str, types: &[&str], channel: &str) -> config::Rule {
    let send = config::SendAction {
        channel_ids: vec![channel.to_owned()],
    };
    config::Rule {
        display_name: name.to_owned(),
        r#match: Some(config::EventFilter {
            types: types.iter().map(|name| (*name).to_owned()).collect(),
            ..Default::default()
        }),
        continues: true,
        action: Some(config::rule::Action::Send(send)),
        ..Default::default()
    }
}

/// A team by chance, and its channels.
async fn team(
    client: &Client,
    random: &mut StdRng,
    chat: &SlackStandIn,
    receiver: &WebhookReceiver,
) -> (String, [String; 3]) {
    let team = client.team("Backtest").await;
    let storm = slack("#storm", chat, |channel| {
        channel.storm_control = Some(config::StormControl {
            max_messages: one(random, &[1, 3, 6]),
            window: Some(Duration {
                seconds: HOUR,
                nanos: 0,
            }),
        });
        if random.random_bool(0.3) {
            channel.quiet_hours = Some(quiet_now(random.random()));
        }
    });
    let storm = client.channel(&team, storm).await.unwrap().0;
    let grouped = client
        .channel(&team, slack("#grouped", chat, |_| {}))
        .await
        .unwrap()
        .0;
    let types = ["finding.*", "scan.*"];
    let (siem, _) = client.webhook(&team, "siem", &receiver.url(), &types).await;
    let findings = config::Rule {
        repeat: one(random, &[config::Repeat::Unspecified, config::Repeat::Notify]).into(),
        ..rule(
            "Findings",
            one(random, &[&["finding.created"][..], &types]),
            &storm,
        )
    };
    let together = config::Rule {
        group: Some(config::Group {
            by: one(random, &[&[][..], &["type"], &["subject", "type"]])
                .iter()
                .map(|path| (*path).to_owned())
                .collect(),
            wait: Some(Duration {
                seconds: HOUR,
                nanos: 0,
            }),
            at_most: random.random_range(2..5),
        }),
        ..rule(
            "Together",
            one(random, &[&types[..], &["finding.created", "scan.failed"]]),
            &grouped,
        )
    };
    for rule in [findings, together] {
        let request = config::CreateRuleRequest {
            team_id: team.clone(),
            rule: Some(rule),
            ..Default::default()
        };
        client.routing().create_rule(request).await.unwrap();
    }
    if random.random_bool(0.7) {
        let silence = config::Silence {
            r#match: Some(config::EventFilter {
                severities: vec![one(random, &SEVERITIES).into()],
                ..Default::default()
            }),
            channel_ids: vec![one(random, &[&siem, &grouped, &storm]).clone()],
            mode: one(random, &[config::SilenceMode::Hold, config::SilenceMode::Drop]).into(),
            end_time: Some(Timestamp::from(now() + std::time::Duration::from_secs(7_200))),
            comment: "a test".to_owned(),
            ..Default::default()
        };
        let request = config::CreateSilenceRequest {
            team_id: team.clone(),
            silence: Some(silence),
            validate_only: false,
        };
        client.silences().create_silence(request).await.unwrap();
    }
    (team, [storm, grouped, siem])
}

fn event(random: &mut StdRng, number: usize) -> Event {
    let (event_type, field) = one(
        random,
        &[
            ("finding.created", "finding_id"),
            ("finding.created", "finding_id"),
            ("finding.resolved", "finding_id"),
            ("scan.failed", "scan_id"),
            ("scan.completed", "scan_id"),
        ],
    );
    let id = one(random, &["a", "b", "c"]);
    // Some come late.
    let late = random.random_bool(0.2).then(|| {
        let ago = std::time::Duration::from_millis(random.random_range(0..2_000));
        Timestamp::from(now() - ago)
    });
    Event {
        occurred_at: late,
        id: format!("evt-{number:03}"),
        r#type: event_type.to_owned(),
        severity: one(random, &SEVERITIES).into(),
        subject: one(random, &["web-1", "web-2"]).to_owned(),
        payload: Some(Payload::DataJson(
            format!(r#"{{"{field}":"{id}","target":"{id}"}}"#).into(),
        )),
        ..Default::default()
    }
}

async fn log(client: &Client, team: &str) -> Vec<Delivery> {
    let request = ListDeliveriesRequest {
        team_id: team.to_owned(),
        page_size: 1_000,
        ..Default::default()
    };
    let listed = client.dispatcher().list_deliveries(request).await;
    listed.unwrap().into_inner().deliveries
}

fn folded_into(delivery: &Delivery) -> Option<FoldedReason> {
    match &delivery.state_detail {
        Some(StateDetail::Folded(folded)) => Some(folded.reason()),
        _ => None,
    }
}

/// Whether a delivery is about to go on: it is tried, or its group is full.
fn moves(delivery: &Delivery) -> bool {
    let is_full = || match &delivery.state_detail {
        Some(StateDetail::Folded(folded)) => {
            let now = Timestamp::from(now());
            folded.reason() == FoldedReason::Group
                && folded
                    .until_time
                    .is_some_and(|until| (until.seconds, until.nanos) <= (now.seconds, now.nanos))
        }
        _ => false,
    };
    (delivery.state() == DeliveryState::Pending && !follows(delivery)) || is_full()
}

/// Whether it waits for the beginning of its alert to be sent.
fn follows(delivery: &Delivery) -> bool {
    delivery.state_message.starts_with("waiting for its beginning")
}

/// Whether it was to follow a beginning that was never sent.
fn never_follows(delivery: &Delivery) -> bool {
    delivery
        .state_message
        .starts_with("not sent because its beginning")
}

/// What the log says of a channel, as far as a backtest says it in the same words. What waits is `held_count`.
fn counted(deliveries: &[Delivery], channel: &str) -> BacktestCounts {
    let of_channel = deliveries.iter().filter(|delivery| is_to(delivery, channel));
    let mut counts = BacktestCounts::default();
    for delivery in of_channel {
        if delivery.event_type == "notifications.summary" {
            counts.summary_count += i64::from(delivery.state() == DeliveryState::Delivered);
            continue;
        }
        let reason = delivery.route.as_ref().unwrap().reason.as_ref().unwrap();
        counts.message_count += 1;
        counts.follow_count += i64::from(reason.code == "follows_alert");
        match (delivery.state(), folded_into(delivery)) {
            (DeliveryState::Delivered, _) => counts.sent_count += 1,
            (DeliveryState::Cancelled, _) if delivery.state_message.starts_with("dropped by") => {
                counts.dropped_count += 1;
            }
            (DeliveryState::Cancelled, _) => assert!(never_follows(delivery), "{delivery:?}"),
            (_, Some(FoldedReason::Repeat)) => counts.repeat_count += 1,
            (_, Some(FoldedReason::AlertTold)) => counts.superseded_count += 1,
            (_, Some(FoldedReason::Storm)) => counts.storm_count += 1,
            (_, Some(FoldedReason::Group | FoldedReason::Summary)) => counts.gathered_count += 1,
            (DeliveryState::Held, _) => counts.held_count += 1,
            (DeliveryState::Pending, _) if follows(delivery) => {}
            other => panic!("{other:?}: {delivery:?}"),
        }
    }
    counts
}

on_both_databases! {
    async fn a_backtest_says_what_became_of_the_same_events(database: Database) {
        let seed = std::env::var("WATCHBELL_TEST_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
        let _ = writeln!(std::io::stderr(), "backtest: WATCHBELL_TEST_SEED={seed}");
        let mut random = StdRng::seed_from_u64(seed);
        let (receiver, chat) = (WebhookReceiver::start().await.unwrap(), SlackStandIn::start().await.unwrap());
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        for _ in 0..TEAMS {
            let (team, channels) = team(&client, &mut random, &chat, &receiver).await;
            for number in 0..EVENTS {
                if random.random_bool(0.1) {
                    let request = AcknowledgeAlertRequest {
                        team_id: team.clone(),
                        key: format!("finding_id={}", one(&mut random, &["a", "b", "c"])),
                        ..Default::default()
                    };
                    // Whether there is such an alert is left to chance.
                    let _ = client.alerts().acknowledge_alert(request).await;
                } else {
                    client.emit(&team, event(&mut random, number)).await.unwrap();
                }
                // What becomes of an event depends on what became of those before.
                eventually("everything is sent, or waits", || async {
                    (!log(&client, &team).await.iter().any(moves)).then_some(())
                })
                .await;
            }
            let (log, result) = (log(&client, &team).await, backtest(&client, &team, "").await);
            for channel in &channels {
                let real = counted(&log, channel);
                let target = result.targets.iter().find(|target| target.target.as_ref().is_some_and(|of| of == &BacktestOf::ChannelId(channel.clone())));
                let said = target.map_or_else(BacktestCounts::default, |target| {
                    assert_eq!(target.before, target.after);
                    target.after.unwrap()
                });
                // What was called off, or came due with its group and is kept back in another way, is counted twice.
                let kept = |counts: &BacktestCounts| counts.held_count + counts.storm_count + counts.gathered_count;
                let exact = BacktestCounts {
                    held_count: 0,
                    storm_count: 0,
                    gathered_count: 0,
                    ..said
                };
                let expected = BacktestCounts {
                    held_count: 0,
                    storm_count: 0,
                    gathered_count: 0,
                    ..real
                };
                assert_eq!(exact, expected, "seed {seed}: {said:?} {real:?}\n{}", told(&log, channel));
                let twice = real.superseded_count + real.dropped_count + real.held_count + real.sent_count;
                assert!((kept(&real)..=kept(&real) + twice).contains(&kept(&said)), "{channel}, seed {seed}: {said:?} {real:?}");
                if said.superseded_count == 0 {
                    assert_eq!(said.storm_count, real.storm_count, "{channel}, seed {seed}");
                }
            }
        }
    }
}
