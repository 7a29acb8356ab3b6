//! A wall clock that is set forward and back by an hour while the process runs.

use chrono::TimeDelta;
use watchbell_contracts::config::v1::DeliveryPolicy;
use watchbell_contracts::dispatcher::v1::{Delivery, DeliveryState, ListDeliveriesRequest};
use watchbell_model::clock::{Clock as _, SystemClock};
use watchbell_model::convert::timestamp;
use watchbell_testkit::WebhookReceiver;

use crate::harness::{Client, Faults, Ordeal, Platform, Serve, eventually, finding};

const HOUR: i64 = 60 * 60;
/// One after the other, in seconds ahead of the right time.
const STEPS: [i64; 5] = [HOUR, 0, -HOUR, HOUR, 0];
/// Events that fail at first, and jobs that fit into memory: the rest waits in the database from the start.
const EVENTS: usize = 20;
const PER_LANE: usize = 4;

/// Waits until a delivery is dated by a clock that is so many seconds ahead.
async fn bites(dispatcher: &Client, team: &str, ahead: i64) {
    if ahead == 0 {
        return;
    }
    eventually("a delivery is dated by the clock that is wrong", || async {
        let halfway = SystemClock::new().now() + TimeDelta::seconds(ahead / 2);
        let mut request = ListDeliveriesRequest {
            team_id: team.to_owned(),
            ..Default::default()
        };
        match ahead > 0 {
            true => request.start_time = Some(timestamp(halfway)),
            false => request.end_time = Some(timestamp(halfway)),
        }
        let listed = dispatcher.dispatcher().list_deliveries(request).await.unwrap();
        (!listed.into_inner().deliveries.is_empty()).then_some(())
    })
    .await;
}

/// Sets the clock again and again while events are emitted and delivered. Nobody dies and nobody is unreachable, so
/// nothing may arrive twice.
async fn step(ordeal: Ordeal, faults: &Faults) {
    let dispatcher = ordeal.platform.clients("dispatcher").remove(0);
    for ahead in STEPS {
        ordeal.proceeds(100).await;
        faults.set_clock_ahead(ahead);
        bites(&dispatcher, ordeal.team(), ahead).await;
        ordeal.proceeds(100).await;
    }
    let outcome = ordeal.end("a clock that jumps").await;
    assert_eq!((outcome.again, outcome.unlogged), (0, 0));
}

#[test]
fn a_clock_that_jumps_loses_nothing_and_repeats_nothing() {
    crate::harness::database::on_sqlite(|database| async move {
        let faults = Faults::new(database.directory());
        let platform = Platform::alone(faults.under(Serve::all(&database))).await;
        step(Ordeal::begin(&database, platform).await, &faults).await;
    });
}

#[test]
fn dispatchers_whose_clocks_jump_lose_nothing_and_repeat_nothing() {
    crate::harness::database::on_postgres(|database| async move {
        let faults = Faults::new(database.directory());
        // Either may own the team's shard.
        let platform = Platform::split(&database, 1, 2, |_, serve| faults.under(serve)).await;
        let ordeal = Ordeal::begin(&database, platform).await;
        let before = ordeal.replicas().await;
        step(ordeal, &faults).await;
        assert_eq!(before, 2);
    });
}

/// What is tried again in some seconds is, although the clock that said when was an hour ahead, and so is what found no
/// room in memory.
#[test]
fn what_waits_is_not_late_when_the_clock_moves_back() {
    crate::harness::database::on_sqlite(|database| async move {
        let faults = Faults::new(database.directory());
        faults.set_clock_ahead(HOUR);
        let serve =
            Serve::all(&database).env("WATCHBELL__DISPATCHER__MAX_JOBS_PER_LANE", PER_LANE.to_string());
        let process = faults.under(serve).start().await;
        let client = Client::admin(&process);
        let team = client.team("Set back").await;
        let receiver = WebhookReceiver::start().await.unwrap();
        receiver.fail_first(EVENTS, 503);
        let seconds = |seconds| prost_types::Duration { seconds, nanos: 0 };
        let policy = DeliveryPolicy {
            retry_delays: vec![seconds(10); 5],
            max_concurrency: 1,
            ..Default::default()
        };
        let channel = client.subscribe(&team, "siem", &receiver.url(), policy).await;
        for number in 0..EVENTS {
            client
                .emit(&team, finding(&format!("set-back-{number}")))
                .await
                .unwrap();
        }
        bites(&client, &team, HOUR).await;
        faults.set_clock_ahead(0);
        eventually("every event is tried", || async {
            (receiver.distinct_events() == EVENTS).then_some(())
        })
        .await;
        eventually("every event is delivered", || async {
            let listed = client.deliveries_of(&team, &channel).await;
            let over = |delivery: &Delivery| delivery.state() == DeliveryState::Delivered;
            (listed.len() == EVENTS && listed.iter().all(over)).then_some(())
        })
        .await;
    });
}
