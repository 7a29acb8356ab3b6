//! More than there is room for. Every queue is bounded, whoever exceeds one is told when to come again, and one team's flood
//! takes nothing from another's alerts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prost::Message as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use watchbell_contracts::config::v1::{DeliveryPolicy, Scope};
use watchbell_contracts::event::v1::Event;
use watchbell_contracts::event::v1::event::Payload;
use watchbell_contracts::router::v1::emit_result::Outcome;
use watchbell_contracts::router::v1::{EmitBatchRequest, EmitResult, EmitStreamRequest};
use watchbell_testkit::{Behaviour, WebhookReceiver};

use crate::harness::{Client, Serve, eventually, finding, is_told_to_come_again};

/// Callers that emit batches, and callers that stream.
const BATCHING: usize = 2;
const STREAMING: usize = 1;
const BATCH: usize = 100;
/// Attempts under way at the endpoint that never answers.
const CONCURRENCY: u32 = 64;
/// What waits of the one team before the other's first alert.
const WAITING: usize = 3_000;
/// Alerts of the other team, one after the other.
const ALERTS: usize = 20;
/// The bounds of memory: jobs of a lane, and of all lanes.
const PER_LANE: usize = 200;
const IN_ALL: usize = 1_000;
/// What the process may grow by while the flood goes on.
const GROWTH: u64 = 128 * 1024 * 1024;

/// One team's callers, who emit as fast as they are answered.
struct Flood {
    callers: JoinSet<()>,
    stop: CancellationToken,
    accepted: Arc<AtomicUsize>,
}

impl Flood {
    fn start(client: &Client, team: &str) -> Self {
        let (stop, accepted) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
        let mut callers = JoinSet::new();
        for caller in 0..BATCHING + STREAMING {
            let (client, team) = (client.clone(), team.to_owned());
            let (stop, accepted) = (stop.clone(), accepted.clone());
            callers.spawn(async move {
                if caller < BATCHING {
                    batches(&client, &team, &stop, &accepted).await;
                } else {
                    stream(&client, &team, &stop, &accepted).await;
                }
            });
        }
        Self {
            callers,
            stop,
            accepted,
        }
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// How much was accepted in all.
    async fn end(self) -> usize {
        self.stop.cancel();
        self.callers.join_all().await;
        self.accepted.load(Ordering::Relaxed)
    }
}

async fn batches(client: &Client, team: &str, stop: &CancellationToken, accepted: &AtomicUsize) {
    while !stop.is_cancelled() {
        let events = (0..BATCH).map(|_| anonymous()).collect();
        let request = EmitBatchRequest {
            team_id: team.to_owned(),
            events,
        };
        match client.router().emit_batch(request).await {
            Ok(answer) => answer
                .into_inner()
                .results
                .iter()
                .for_each(|result| note(result, accepted)),
            // Over its rate.
            Err(status) => {
                assert!(is_told_to_come_again(&status), "{status:?}");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

async fn stream(client: &Client, team: &str, stop: &CancellationToken, accepted: &AtomicUsize) {
    let (team, stop) = (team.to_owned(), stop.clone());
    let requests = std::iter::from_fn(move || {
        let request = EmitStreamRequest {
            team_id: team.clone(),
            event: Some(anonymous()),
        };
        (!stop.is_cancelled()).then_some(request)
    });
    let answers = client.router().emit_stream(tokio_stream::iter(requests)).await;
    let mut answers = answers.expect("a stream is answered").into_inner();
    while let Some(answer) = answers.message().await.expect("it goes on") {
        note(&answer.result.expect("a result"), accepted);
    }
}

/// An event that gets an id of its own.
fn anonymous() -> Event {
    Event {
        id: String::new(),
        ..finding("flood")
    }
}

/// Counts what was accepted; whatever was not must be worth another try.
fn note(result: &EmitResult, accepted: &AtomicUsize) {
    match result.outcome.as_ref().expect("an outcome") {
        Outcome::Accepted(_) => drop(accepted.fetch_add(1, Ordering::Relaxed)),
        Outcome::Refused(refused) => {
            let details = refused.encode_to_vec().into();
            let status = Status::with_details(Code::from(refused.code), &refused.message, details);
            assert!(is_told_to_come_again(&status), "{status:?}");
        }
    }
}

#[test]
fn one_teams_flood_delays_nobody_elses_alerts_and_takes_no_memory() {
    crate::harness::database::on_sqlite(|database| async move {
        let process = Serve::all(&database)
            .env("WATCHBELL__DISPATCHER__MAX_JOBS_PER_LANE", PER_LANE.to_string())
            .env("WATCHBELL__DISPATCHER__MAX_JOBS", IN_ALL.to_string())
            .start()
            .await;
        let admin = Client::admin(&process);
        let (loud, quiet) = (admin.team("Loud").await, admin.team("Quiet").await);
        let never = WebhookReceiver::builder().count_only().start().await.unwrap();
        never.behave(Behaviour::Hang);
        let policy = DeliveryPolicy {
            max_concurrency: CONCURRENCY,
            timeout: Some(prost_types::Duration {
                seconds: 60,
                nanos: 0,
            }),
            ..Default::default()
        };
        admin.subscribe(&loud, "never", &never.url(), policy).await;
        let receiver = WebhookReceiver::start().await.unwrap();
        admin.webhook(&quiet, "siem", &receiver.url(), &["*"]).await;
        let loud_key = admin.key(&process, &loud, &[Scope::Emit]).await;
        let quiet_key = admin.key(&process, &quiet, &[Scope::Emit]).await;

        let flood = Flood::start(&loud_key, &loud);
        eventually("a lot waits", || async {
            (flood.accepted() >= WAITING).then_some(())
        })
        .await;
        let (before, memory) = (flood.accepted(), process.peak_memory());
        for number in 0..ALERTS {
            let id = format!("quiet-{number}");
            quiet_key
                .emit(&quiet, finding(&id))
                .await
                .expect("nobody is refused for another team's sake");
            eventually("the alert arrives", || async {
                (receiver.arrivals_of(&id) > 0).then_some(())
            })
            .await;
        }
        let growth = process.peak_memory() - memory;
        let meanwhile = flood.accepted() - before;
        let accepted = flood.end().await;
        assert!(
            meanwhile > IN_ALL,
            "the flood went on: {meanwhile} events while the alerts came"
        );
        let waiting = accepted - never.count();
        assert!(waiting >= WAITING, "all but those under way wait: {waiting}");
        assert!(
            growth < GROWTH,
            "{accepted} events, and it grew by {} MB",
            growth / 1024 / 1024
        );
    });
}

#[test]
fn hanging_endpoints_of_one_team_hold_nobody_else() {
    const ENDPOINTS: usize = 130;
    const SLOTS: usize = 64;
    crate::harness::database::on_sqlite(|database| async move {
        let serve = Serve::all(&database);
        let serve = serve.env("WATCHBELL__DISPATCHER__MAX_ATTEMPTS_IN_FLIGHT", SLOTS.to_string());
        let process = serve.start().await;
        let admin = Client::admin(&process);
        let (stuck, other) = (admin.team("Stuck").await, admin.team("Other").await);
        let never = WebhookReceiver::builder().count_only().start().await.unwrap();
        never.behave(Behaviour::Hang);
        let policy = DeliveryPolicy {
            max_concurrency: 4,
            timeout: Some(prost_types::Duration {
                seconds: 60,
                nanos: 0,
            }),
            ..Default::default()
        };
        for number in 0..ENDPOINTS {
            admin
                .subscribe(&stuck, &format!("never-{number}"), &never.url(), policy.clone())
                .await;
        }
        let receiver = WebhookReceiver::start().await.unwrap();
        admin.webhook(&other, "siem", &receiver.url(), &["*"]).await;

        for number in 0..3 {
            admin
                .emit(&stuck, finding(&format!("stuck-{number}")))
                .await
                .expect("it is accepted");
        }
        eventually("its share of the slots is taken", || async {
            (never.count() >= SLOTS / 2).then_some(())
        })
        .await;
        admin
            .emit(&other, finding("alert"))
            .await
            .expect("it is accepted");
        eventually("the alert arrives", || async {
            (receiver.arrivals_of("alert") > 0).then_some(())
        })
        .await;
        assert_eq!(never.count(), SLOTS / 2, "and no more");
    });
}

#[test]
fn large_events_that_cannot_be_sent_take_no_memory() {
    const EVENTS: usize = 600;
    const BYTES: usize = 240 * 1024;
    crate::harness::database::on_sqlite(|database| async move {
        // What they cost is more than a key may spend in so short a time.
        let serve = Serve::all(&database).env("WATCHBELL__LIMITS__BURST", "1000000");
        let process = serve.start().await;
        let admin = Client::admin(&process);
        let team = admin.team("Large").await;
        let never = WebhookReceiver::builder().count_only().start().await.unwrap();
        never.behave(Behaviour::Hang);
        let policy = DeliveryPolicy {
            max_concurrency: 4,
            ..Default::default()
        };
        admin.subscribe(&team, "never", &never.url(), policy).await;
        let data =
            serde_json::json!({"finding_id": "f", "title": "x".repeat(BYTES), "resource": "r"}).to_string();
        let large = |number: usize| Event {
            payload: Some(Payload::DataJson(data.clone().into())),
            ..finding(&format!("large-{number}"))
        };
        for number in 0..10 {
            admin.emit(&team, large(number)).await.expect("it is accepted");
        }
        let memory = process.peak_memory();
        for number in 10..EVENTS {
            admin.emit(&team, large(number)).await.expect("it is accepted");
        }
        let growth = process.peak_memory() - memory;
        assert!(
            growth < (EVENTS * BYTES / 2) as u64,
            "{} MB wait, and it grew by {} MB",
            EVENTS * BYTES / 1024 / 1024,
            growth / 1024 / 1024
        );
    });
}

#[test]
fn whoever_calls_too_often_is_told_when_to_come_again_and_nobody_else_is() {
    const RATE: usize = 20;
    crate::harness::database::on_sqlite(|database| async move {
        let process = Serve::all(&database)
            .env("WATCHBELL__LIMITS__CALLS_PER_SECOND", RATE.to_string())
            .env("WATCHBELL__LIMITS__BURST", RATE.to_string())
            .start()
            .await;
        let admin = Client::admin(&process);
        let (loud, quiet) = (admin.team("Loud").await, admin.team("Quiet").await);
        let loud_key = admin.key(&process, &loud, &[Scope::Emit]).await;
        let quiet_key = admin.key(&process, &quiet, &[Scope::Emit]).await;

        let calls = (0..RATE * 10).map(|number| {
            let (client, team) = (loud_key.clone(), loud.clone());
            async move { client.emit(&team, finding(&format!("loud-{number}"))).await }
        });
        let answers = calls.collect::<JoinSet<_>>().join_all().await;
        let refused: Vec<_> = answers
            .iter()
            .filter_map(|answer| answer.as_ref().err())
            .collect();
        assert!(answers.len() - refused.len() >= RATE, "the burst is let through");
        assert!(!refused.is_empty(), "nobody was refused: the limit does not bite");
        for status in refused {
            assert_eq!(status.code(), Code::ResourceExhausted);
            assert!(is_told_to_come_again(status), "{status:?}");
        }
        for number in 0..RATE / 2 {
            let emitted = quiet_key.emit(&quiet, finding(&format!("quiet-{number}"))).await;
            emitted.expect("another key has a budget of its own");
        }
        eventually("it may call again", || async {
            loud_key.emit(&loud, finding("again")).await.ok()
        })
        .await;
    });
}

#[test]
fn what_does_not_fit_into_the_intake_is_refused_and_what_does_is_kept() {
    crate::harness::database::on_sqlite(|database| async move {
        let serve = Serve::all(&database).env("WATCHBELL__DISPATCHER__INTAKE_QUEUE", "2");
        let process = serve.start().await;
        let admin = Client::admin(&process);
        let team = admin.team("Burst").await;
        let receiver = WebhookReceiver::start().await.unwrap();
        admin.webhook(&team, "siem", &receiver.url(), &["*"]).await;
        let events: Vec<_> = (0..1_000)
            .map(|number| finding(&format!("burst-{number}")))
            .collect();
        let request = EmitBatchRequest {
            team_id: team.clone(),
            events: events.clone(),
        };
        let answer = admin.router().emit_batch(request).await;
        let accepted = AtomicUsize::new(0);
        let results = answer.expect("a batch is answered").into_inner().results;
        results.iter().for_each(|result| note(result, &accepted));
        assert!(
            accepted.into_inner() < events.len(),
            "nothing was refused: the limit does not bite"
        );
        for event in &events {
            eventually("the same event again, when there is room", || async {
                match admin.emit(&team, event.clone()).await {
                    Ok(_) => Some(()),
                    Err(status) if is_told_to_come_again(&status) => None,
                    Err(status) => panic!("{status:?}"),
                }
            })
            .await;
        }
        eventually("every event arrives", || async {
            (receiver.distinct_events() == events.len()).then_some(())
        })
        .await;
        assert_eq!(
            receiver.duplicates(),
            [],
            "a call that is repeated sends nothing twice"
        );
    });
}
