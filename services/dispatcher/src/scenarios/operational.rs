//! Operational events: what is told, how often, and of what nothing is.

use std::collections::BTreeSet;

use uuid::Uuid;
use watchbell_model::catalog::notices::{CHANNEL_RECOVERED, DELIVERY_FAILED};
use watchbell_model::ids::MemberId;
use watchbell_store::store_tests;

use super::health::{exhaust, reenable, tell};
use super::*;
use crate::maintenance::failure_reporter::FailureReporter;
use crate::senders::AttemptResult;
use crate::store::{FailedLane, Migrator};

const MINUTE: Duration = Duration::from_secs(60);

fn refused() -> AttemptResult {
    AttemptResult {
        status_code: 410,
        ..AttemptResult::permanent("http.410", "the endpoint answered 410")
    }
}

/// One round of telling of failures, with the commits that it waits for.
async fn report(rig: &mut Rig) {
    let core = Arc::clone(&rig.core);
    rig.during(async move { FailureReporter { core }.tick().await.unwrap() })
        .await;
    rig.settle().await;
}

/// The lanes of which something is to be told or forgotten, read one by one.
async fn failed_lanes(rig: &Rig) -> Vec<FailedLane> {
    let mut lanes: Vec<FailedLane> = Vec::new();
    loop {
        let after = lanes
            .last()
            .map_or((Uuid::nil(), Uuid::nil()), |lane| (lane.team_id, lane.lane_id));
        let page = rig.core.db.failed_lanes_all_teams(rig.env.now(), after, 1);
        match page.await.unwrap().pop() {
            Some(lane) => lanes.push(lane),
            None => return lanes,
        }
    }
}

/// The failures that were told, oldest first.
async fn failures(rig: &Rig) -> Vec<wire::AcceptedEvent> {
    let request = wire::ListEventsRequest {
        team_id: rig.env.team.to_string(),
        types: vec![DELIVERY_FAILED.to_owned()],
        ..Default::default()
    };
    let listed = rig.service.list_events(internal_request(request)).await.unwrap();
    let mut events = listed.into_inner().events;
    events.reverse();
    events
}

fn data(event: &wire::AcceptedEvent) -> serde_json::Value {
    serde_json::from_str(&event.data_json).unwrap()
}

/// Their counts.
async fn told(rig: &Rig) -> Vec<i64> {
    let failures = failures(rig).await;
    failures
        .iter()
        .map(|event| data(event)["count"].as_i64().unwrap())
        .collect()
}

store_tests! {
    migrator = Migrator;

    async fn failures_are_told_at_once_and_then_once_an_hour_with_how_many_there_were(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("siem");
        rig.env.receivers.always(channel, Some(refused()));
        report(&mut rig).await;
        assert!(told(&rig).await.is_empty());
        rig.emit("e1", &[channel]).await;
        rig.settle().await;
        report(&mut rig).await;
        assert_eq!(told(&rig).await, [1]);
        for id in ["e2", "e3"] {
            rig.emit(id, &[channel]).await;
            rig.settle().await;
            rig.pass(MINUTE).await;
            report(&mut rig).await;
        }
        assert_eq!(told(&rig).await, [1], "not before the hour is over");
        rig.pass(MINUTE * 60).await;
        report(&mut rig).await;
        assert_eq!(told(&rig).await, [1, 2]);
        rig.pass(MINUTE * 60).await;
        report(&mut rig).await;
        assert_eq!(told(&rig).await, [1, 2], "nothing has failed since");
        assert!(failed_lanes(&rig).await.is_empty());
        let last = failures(&rig).await.pop().unwrap();
        let data = data(&last);
        assert_eq!(data["channel"], "siem");
        assert_eq!((&data["channel_id"], &data["event_id"]), (&channel.to_string().into(), &"e3".into()));
        assert_eq!(data["error"], "the endpoint answered 410");
        assert_eq!(last.event.unwrap().title, "2 deliveries to siem were given up");
    }

    async fn lanes_are_read_page_by_page_each_once(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channels = ["siem", "pager", "archive"].map(|name| rig.env.channel(name));
        for channel in channels {
            rig.env.receivers.always(channel, Some(refused()));
        }
        rig.emit("e1", &channels).await;
        rig.settle().await;
        let lanes: BTreeSet<_> = failed_lanes(&rig).await.into_iter().map(|lane| lane.lane_id).collect();
        assert_eq!(lanes, channels.map(|channel| channel.as_uuid()).into());
        report(&mut rig).await;
        assert_eq!(told(&rig).await, [1, 1, 1]);
    }

    async fn what_was_counted_is_told_by_the_next_process(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("siem");
        rig.env.receivers.always(channel, Some(refused()));
        rig.emit("e1", &[channel]).await;
        rig.settle().await;
        let env = rig.env.clone();
        rig.core.db.leave_replica(rig.core.owner()).await.unwrap();
        drop(rig);
        let mut next = Rig::on(&store, &env).await;
        report(&mut next).await;
        assert_eq!(told(&next).await, [1]);
    }

    async fn an_operational_event_that_fails_makes_no_other(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("siem");
        rig.env.receivers.always(channel, Some(refused()));
        let mut request = request(&rig.env, "o1", &[channel]);
        request.event.as_mut().unwrap().r#type = DELIVERY_FAILED.to_owned();
        rig.submit(vec![request]).await;
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Failed]);
        report(&mut rig).await;
        assert!(failed_lanes(&rig).await.is_empty());
    }

    async fn a_channel_that_recovers_ends_its_alert_for_whoever_was_told(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("siem");
        rig.env.receivers.always(channel, Some(AttemptResult::retryable("http.503", "the endpoint answered 503")));
        rig.env.config.join(MemberId::generate(rig.env.now()), "olga@example.com", true);
        rig.emit("e1", &[channel]).await;
        exhaust(&mut rig).await;
        tell(&mut rig).await;
        let alerts = |states: Vec<watchbell_model::alert::AlertState>| crate::store::AlertFilter { states, ..Default::default() };
        let open = rig.core.db.alerts(rig.env.team, &alerts(vec![]), 10).await.unwrap();
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].key.as_str(), format!("channel_id={channel}"));
        reenable(&rig, channel, false);
        for _ in 0..2 {
            tell(&mut rig).await;
            rig.settle().await;
        }
        let told: Vec<_> = rig.deliveries().await.into_iter()
            .filter(|delivery| delivery.event_type == CHANNEL_RECOVERED).collect();
        assert_eq!(told.len(), 2, "by email and in the inbox");
        assert_eq!(told[0].event_title, "The channel siem is enabled again");
        let ended = rig.core.db.alerts(rig.env.team, &alerts(vec![]), 10).await.unwrap();
        assert!(ended[0].resolved_at.is_some());
    }
}
