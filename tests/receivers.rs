//! Endpoints that do what no honest server does. Each attempt ends in time and says what happened, its delivery goes on by
//! its schedule, and no other endpoint waits for it.

use std::time::Duration;

use bytes::Bytes;
use watchbell_contracts::config::v1::DeliveryPolicy;
use watchbell_contracts::dispatcher::v1::{AttemptOutcome, Delivery, DeliveryState};
use watchbell_testkit::{Behaviour, RawEndpoint, Step, WebhookReceiver};

use crate::harness::{Client, Serve, eventually, finding};

/// Of an attempt.
const TIME_OUT: Duration = Duration::from_secs(1);
/// How much later than that an attempt may say that it ended, on a busy machine.
const GRACE: Duration = Duration::from_secs(5);
/// What the process may grow by while endpoints pour out what they have.
const GROWTH: u64 = 64 * 1024 * 1024;
/// Attempts before what an endpoint pours out takes memory.
const FLOODS: usize = 4;

/// What the first attempt has to say for itself.
#[derive(Debug, PartialEq)]
struct Said {
    outcome: AttemptOutcome,
    /// 0 without an answer.
    status: i32,
    /// It may have arrived.
    ambiguous: bool,
}

/// It got through, and with this status.
fn delivered(status: i32) -> Said {
    Said {
        outcome: AttemptOutcome::Delivered,
        status,
        ambiguous: false,
    }
}

/// It is tried again, since this status is no success.
fn refused(status: i32) -> Said {
    Said {
        outcome: AttemptOutcome::Retryable,
        status,
        ambiguous: false,
    }
}

/// It is tried again, since nobody knows whether it arrived.
fn unanswered() -> Said {
    Said {
        ambiguous: true,
        ..refused(0)
    }
}

fn retry_soon() -> DeliveryPolicy {
    let seconds = |seconds| prost_types::Duration { seconds, nanos: 0 };
    DeliveryPolicy {
        retry_delays: vec![seconds(1); 10],
        timeout: Some(seconds(1)),
        ..Default::default()
    }
}

/// Endpoints whose first connection goes wrong, by name, and what is said of the attempt.
fn faults() -> Vec<(&'static str, Vec<Step>, Said)> {
    let slowly = Duration::from_millis(100);
    let large = || Step::Say(Bytes::from(vec![b'x'; 200 * 1024]));
    vec![
        ("stalls before it reads", vec![Step::Stall], unanswered()),
        (
            "stalls after it has read",
            vec![Step::Take, Step::Stall],
            unanswered(),
        ),
        (
            "resets in the middle of the request",
            vec![Step::TakePart(20), Step::Reset],
            unanswered(),
        ),
        (
            "resets before the answer",
            vec![Step::Take, Step::Reset],
            unanswered(),
        ),
        ("closes before the answer", vec![Step::Take], unanswered()),
        (
            "resets in the middle of the answer's head",
            vec![
                Step::Take,
                Step::say("HTTP/1.1 200 OK\r\ncontent-le"),
                Step::Reset,
            ],
            unanswered(),
        ),
        (
            "resets in the middle of the answer's body",
            vec![
                Step::Take,
                Step::say("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nha"),
                Step::Reset,
            ],
            delivered(200),
        ),
        (
            "promises a longer body than it sends",
            vec![
                Step::Take,
                Step::say("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nshort"),
            ],
            delivered(200),
        ),
        (
            "sends a longer body than it promises",
            vec![
                Step::Take,
                Step::say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 500 Never Asked\r\n\r\n"),
            ],
            delivered(200),
        ),
        (
            "promises two lengths",
            vec![
                Step::Take,
                Step::say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok"),
            ],
            unanswered(),
        ),
        (
            "cuts its chunks badly",
            vec![
                Step::Take,
                Step::say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nno number\r\nok\r\n"),
            ],
            delivered(200),
        ),
        (
            "answers byte by byte and never gets to the end of its head",
            vec![
                Step::Take,
                Step::drip("HTTP/1.1 200 OK\r\nserver: slow\r\nx-more: and more\r\n", slowly),
                Step::Stall,
            ],
            unanswered(),
        ),
        (
            "answers byte by byte and never gets to the end of its body",
            vec![
                Step::Take,
                Step::say("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"),
                Step::drip("0123456789012345678901234567890123456789", slowly),
                Step::Stall,
            ],
            delivered(200),
        ),
        (
            "answers with garbage",
            vec![Step::Take, Step::say("\u{16}\u{3}\u{1} this is not HTTP\r\n\r\n")],
            unanswered(),
        ),
        (
            "answers with one huge header",
            vec![
                Step::Take,
                Step::say("HTTP/1.1 200 OK\r\nx-large: "),
                large(),
                Step::say("\r\n\r\n"),
            ],
            unanswered(),
        ),
        (
            "answers by HTTP/1.0",
            vec![Step::Take, Step::say("HTTP/1.0 200 OK\r\n\r\nok")],
            delivered(200),
        ),
        (
            "gives a body to 204",
            vec![
                Step::Take,
                Step::say("HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\nok"),
            ],
            delivered(204),
        ),
        (
            "gives a body to 304",
            vec![
                Step::Take,
                Step::say("HTTP/1.1 304 Not Modified\r\ncontent-length: 2\r\n\r\nok"),
            ],
            refused(304),
        ),
        (
            "switches protocols",
            vec![
                Step::Take,
                Step::say("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
                Step::Stall,
            ],
            refused(101),
        ),
        (
            "redirects to itself",
            vec![
                Step::Take,
                Step::say("HTTP/1.1 307 Temporary Redirect\r\nlocation: /hook\r\ncontent-length: 0\r\n\r\n"),
            ],
            refused(307),
        ),
    ]
}

/// Endpoints that never stop, by name, and what is said of the attempt.
fn floods() -> Vec<(&'static str, Vec<Step>, Said)> {
    let for_ever = |text: &str| Step::SayForEver(Bytes::from(text.repeat(4096)));
    vec![
        (
            "never ends its body",
            vec![
                Step::Take,
                Step::say("HTTP/1.1 200 OK\r\n\r\n"),
                for_ever("and on and on "),
            ],
            delivered(200),
        ),
        (
            "never ends its chunks",
            vec![
                Step::Take,
                Step::say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
                for_ever("2\r\nok\r\n"),
            ],
            delivered(200),
        ),
        (
            "never ends its headers",
            vec![
                Step::Take,
                Step::say("HTTP/1.1 200 OK\r\n"),
                for_ever("x-more: and more\r\n"),
            ],
            unanswered(),
        ),
        (
            "never ends its interim answers",
            vec![Step::Take, for_ever("HTTP/1.1 100 Continue\r\n\r\n")],
            unanswered(),
        ),
    ]
}

/// The delivery of the team's only event over the channel.
async fn delivery(client: &Client, team: &str, channel: &str) -> Delivery {
    let listed = client.deliveries_of(team, channel).await;
    let [listed] = <[Delivery; 1]>::try_from(listed).expect("one delivery for each channel");
    client.delivery(team, &listed.id).await
}

/// Waits until the delivery is over; checks what its first attempt said, and that any failure was made good.
async fn judge(client: &Client, team: &str, channel: &str, name: &str, said: Said) {
    let what = format!("the endpoint that {name} gets its event");
    let delivered = eventually(&what, || async {
        let delivery = delivery(client, team, channel).await;
        (delivery.state() == DeliveryState::Delivered).then_some(delivery)
    });
    let attempts = delivered.await.attempts;
    let first = &attempts[0];
    let found = Said {
        outcome: first.outcome(),
        status: first.status_code,
        ambiguous: first.ambiguous,
    };
    assert_eq!(found, said, "an endpoint that {name}: {first:?}");
    let got_through = said.outcome == AttemptOutcome::Delivered;
    assert_eq!(
        attempts.len(),
        if got_through { 1 } else { 2 },
        "an endpoint that {name}"
    );
    assert_eq!(
        first.error.is_empty(),
        got_through,
        "an endpoint that {name}: {first:?}"
    );
    assert!(first.response_body.len() <= 4096, "an endpoint that {name}");
    let latency = Duration::try_from(first.latency.unwrap_or_default()).unwrap();
    assert!(latency < TIME_OUT + GRACE, "an endpoint that {name}: {latency:?}");
}

#[test]
fn whatever_an_endpoint_does_its_attempt_ends_and_says_so_and_the_delivery_goes_on() {
    crate::harness::database::on_sqlite(|database| async move {
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        let team = client.team("Receivers").await;
        let healthy = WebhookReceiver::start().await.unwrap();
        client.webhook(&team, "healthy", &healthy.url(), &["*"]).await;
        // Longer than all of the test: while its first attempt is under way, the others are not kept waiting by it.
        let patient = DeliveryPolicy {
            timeout: Some(prost_types::Duration {
                seconds: 60,
                nanos: 0,
            }),
            ..Default::default()
        };
        let never = WebhookReceiver::start().await.unwrap();
        never.behave(Behaviour::Hang);
        let never_channel = client.subscribe(&team, "never", &never.url(), patient).await;
        let mut endpoints = Vec::new();
        for (name, script, said) in faults() {
            let endpoint = RawEndpoint::start(vec![script]).await.unwrap();
            let channel = client.subscribe(&team, name, &endpoint.url(), retry_soon()).await;
            endpoints.push((name, endpoint, channel, said));
        }

        client.emit(&team, finding("only")).await.unwrap();
        eventually("the healthy endpoint gets its event", || async {
            (healthy.arrivals_of("only") > 0).then_some(())
        })
        .await;
        for (name, endpoint, channel, said) in endpoints {
            judge(&client, &team, &channel, name, said).await;
            eventually(
                &format!("no connection is left open to the endpoint that {name}"),
                || async { (endpoint.open() <= 1).then_some(()) },
            )
            .await;
        }
        let waiting = delivery(&client, &team, &never_channel).await;
        assert_eq!(
            (waiting.state(), waiting.attempts.len()),
            (DeliveryState::Pending, 0)
        );
        assert_eq!((healthy.count(), never.count()), (1, 1));
    });
}

#[test]
fn what_an_endpoint_pours_out_takes_no_memory_and_no_processor() {
    crate::harness::database::on_sqlite(|database| async move {
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        let team = client.team("Floods").await;
        let healthy = WebhookReceiver::start().await.unwrap();
        client.webhook(&team, "healthy", &healthy.url(), &["*"]).await;
        let mut endpoints = Vec::new();
        for number in 0..FLOODS {
            for (name, script, said) in floods() {
                let endpoint = RawEndpoint::start(vec![script]).await.unwrap();
                let display_name = format!("{name}, {number}");
                let channel = client
                    .subscribe(&team, &display_name, &endpoint.url(), retry_soon())
                    .await;
                endpoints.push((name, endpoint, channel, said));
            }
        }
        let before = process.peak_memory();
        client.emit(&team, finding("only")).await.unwrap();
        for (name, endpoint, channel, said) in endpoints {
            judge(&client, &team, &channel, name, said).await;
            eventually(
                &format!("nobody listens any more to the endpoint that {name}"),
                || async { (endpoint.open() <= 1).then_some(()) },
            )
            .await;
        }
        assert_eq!(healthy.arrivals_of("only"), 1);
        let growth = process.peak_memory() - before;
        assert!(growth < GROWTH, "it grew by {} MB", growth / 1024 / 1024);
    });
}

/// Deliveries by connections that end at the worst moment. Whatever arrives twice was said to be ambiguous.
#[test]
fn connections_that_close_when_they_are_used_again_lose_nothing() {
    const EVENTS: usize = 60;
    crate::harness::database::on_sqlite(|database| async move {
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        let team = client.team("Keep-alive").await;
        let answer = || Step::say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        // By turns: closed right after an answer, reset when the next request begins, closed when it has arrived.
        let scripts = (0..EVENTS).map(|number| match number % 3 {
            0 => vec![Step::Take, answer()],
            1 => vec![Step::Take, answer(), Step::TakePart(1), Step::Reset],
            _ => vec![Step::Take, answer(), Step::Take],
        });
        let endpoint = RawEndpoint::start(scripts.collect()).await.unwrap();
        let policy = DeliveryPolicy {
            max_concurrency: 1,
            ..retry_soon()
        };
        let channel = client.subscribe(&team, "closes", &endpoint.url(), policy).await;
        for number in 0..EVENTS {
            client
                .emit(&team, finding(&format!("keep-{number}")))
                .await
                .unwrap();
        }
        let delivered = eventually("every event is delivered", || async {
            let listed = client.deliveries_of(&team, &channel).await;
            let over = |delivery: &Delivery| delivery.state() == DeliveryState::Delivered;
            (listed.len() == EVENTS && listed.iter().all(over)).then_some(listed)
        })
        .await;
        let (mut failures, mut twice) = (0, 0);
        for listed in delivered {
            let delivery = client.delivery(&team, &listed.id).await;
            let id = format!("\"id\":\"{}\"", delivery.event_id);
            let taken = endpoint.taken();
            let arrivals = taken
                .iter()
                .filter(|request| String::from_utf8_lossy(request).contains(&id))
                .count();
            let ambiguous = delivery
                .attempts
                .iter()
                .filter(|attempt| attempt.ambiguous)
                .count();
            assert!(arrivals >= 1, "{id} was never there");
            assert!(
                arrivals <= 1 + ambiguous,
                "{id} arrived {arrivals} times, {ambiguous} of them said to be in doubt"
            );
            failures += delivery.attempts.len() - 1;
            twice += arrivals - 1;
        }
        assert!(
            failures > 0,
            "no connection was closed while it was used: the fault does not bite"
        );
        assert!(
            twice > 0,
            "nothing arrived before its connection closed: the fault does not bite"
        );
    });
}
