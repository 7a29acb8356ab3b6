//! The stream of a team's events: each once, in one order, whatever happens meanwhile.

use futures::{FutureExt as _, StreamExt as _};
use tonic::Code;
use watchbell_contracts::api::BoxStream;
use watchbell_store::store_tests;

use super::*;
use crate::store::Migrator;

type Events = BoxStream<wire::StreamEventsResponse>;

const DAY: Duration = Duration::from_secs(86_400);

async fn open(rig: &Rig, request: wire::StreamEventsRequest) -> Result<Events, tonic::Status> {
    let request = wire::StreamEventsRequest {
        team_id: rig.env.team.to_string(),
        ..request
    };
    let answer = rig.service.stream_events(internal_request(request)).await?;
    Ok(answer.into_inner())
}

async fn after(rig: &Rig, cursor: &str) -> Events {
    let request = wire::StreamEventsRequest {
        cursor: cursor.to_owned(),
        ..Default::default()
    };
    open(rig, request).await.unwrap()
}

async fn from_beginning(rig: &Rig) -> Events {
    let request = wire::StreamEventsRequest {
        from_beginning: true,
        ..Default::default()
    };
    open(rig, request).await.unwrap()
}

async fn next(events: &mut Events) -> wire::StreamEventsResponse {
    let next = tokio::time::timeout(Duration::from_secs(10), events.next()).await;
    next.expect("there is a response")
        .expect("the stream goes on")
        .expect("without an error")
}

/// The ids of the next events, and the cursor after the last.
async fn take(events: &mut Events, count: usize) -> (Vec<String>, String) {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    while ids.len() < count {
        let response = next(events).await;
        ids.extend(response.event.map(|accepted| accepted.event.unwrap().id));
        cursor = response.cursor;
    }
    (ids, cursor)
}

async fn nothing_more(events: &mut Events) {
    for _ in 0..20 {
        tokio::task::yield_now().await;
        assert!(events.next().now_or_never().is_none());
    }
}

store_tests! {
    migrator = Migrator;

    async fn events_come_once_and_in_order_and_go_on_after_a_cursor(store: Store) {
        let mut rig = Rig::new(&store).await;
        rig.emit("before", &[]).await;
        let mut live = after(&rig, "").await;
        let first = next(&mut live).await;
        assert!(first.event.is_none(), "it says where it begins");
        for id in ["e3", "e1", "e2"] {
            rig.emit(id, &[]).await;
        }
        let (ids, _) = take(&mut live, 3).await;
        assert_eq!(ids, ["e3", "e1", "e2"], "in the order of their commits");
        let (ids, cursor) = take(&mut from_beginning(&rig).await, 2).await;
        assert_eq!(ids, ["before", "e3"]);
        let mut rest = after(&rig, &cursor).await;
        assert_eq!(take(&mut rest, 2).await.0, ["e1", "e2"]);
        rig.emit("e1", &[]).await;
        rig.emit("e4", &[]).await;
        assert_eq!(take(&mut rest, 1).await.0, ["e4"], "a duplicate is no event");
        assert_eq!(take(&mut after(&rig, &first.cursor).await, 4).await.0, ["e3", "e1", "e2", "e4"]);
    }

    async fn a_clock_that_goes_back_changes_no_order(store: Store) {
        let mut rig = Rig::new(&store).await;
        rig.emit("e1", &[]).await;
        let mut live = after(&rig, "").await;
        next(&mut live).await;
        rig.env.clock.set(rig.env.now() - chrono::TimeDelta::hours(1));
        rig.emit("e2", &[]).await;
        assert_eq!(take(&mut live, 1).await.0, ["e2"]);
        // Another owner, whose clock is behind, goes on after what the former one gave.
        let env = rig.env.clone();
        rig.core.db.leave_replica(rig.core.owner()).await.unwrap();
        drop((live, rig));
        let mut other = Rig::on(&store, &env).await;
        other.emit("e0", &[]).await;
        assert_eq!(take(&mut from_beginning(&other).await, 3).await.0, ["e1", "e2", "e0"]);
    }

    async fn filters_choose_and_the_cursor_moves_on_all_the_same(store: Store) {
        let mut rig = Rig::new(&store).await;
        let begin = next(&mut after(&rig, "").await).await.cursor;
        for (id, event_type, severity) in [
            ("low", "finding.created", Severity::Low),
            ("scan", "scan.failed", Severity::Critical),
            ("high", "finding.created", Severity::High),
        ] {
            let mut request = request(&rig.env, id, &[]);
            let event = request.event.as_mut().unwrap();
            event.r#type = event_type.to_owned();
            event.severity = severity.to_wire();
            rig.submit(vec![request]).await;
        }
        let filtered = wire::StreamEventsRequest {
            cursor: begin.clone(),
            types: vec!["finding.*".to_owned()],
            min_severity: Severity::High.to_wire(),
            ..Default::default()
        };
        assert_eq!(take(&mut open(&rig, filtered).await.unwrap(), 1).await.0, ["high"]);
        let none = wire::StreamEventsRequest {
            cursor: begin.clone(),
            types: vec!["sla.*".to_owned()],
            ..Default::default()
        };
        let mut none = open(&rig, none).await.unwrap();
        assert_eq!(next(&mut none).await.cursor, begin);
        let passed = next(&mut none).await;
        assert!(passed.event.is_none() && passed.cursor != begin);
        nothing_more(&mut after_first(&rig, &passed.cursor).await).await;
    }

    async fn many_events_are_read_a_few_at_a_time_and_none_is_left_out(store: Store) {
        let mut rig = Rig::new(&store).await;
        let requests: Vec<_> = (0..1_200)
            .map(|number| wire::SubmitRequest { sequence: number, ..request(&rig.env, &format!("e{number:04}"), &[]) })
            .collect();
        rig.submit(requests).await;
        let (ids, cursor) = take(&mut from_beginning(&rig).await, 1_200).await;
        let expected: Vec<_> = (0..1_200).map(|number| format!("e{number:04}")).collect();
        assert_eq!(ids, expected);
        nothing_more(&mut after_first(&rig, &cursor).await).await;
    }

    async fn a_cursor_is_of_its_team_and_lasts_as_long_as_events_are_kept(store: Store) {
        let mut rig = Rig::new(&store).await;
        rig.emit("e1", &[]).await;
        let (_, cursor) = take(&mut from_beginning(&rig).await, 1).await;
        let other = wire::StreamEventsRequest {
            team_id: TeamId::generate(rig.env.now()).to_string(),
            cursor: cursor.clone(),
            ..Default::default()
        };
        let refused = rig.service.stream_events(internal_request(other)).await.map(drop).unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        let asked = |cursor: &str| wire::StreamEventsRequest { cursor: cursor.to_owned(), ..Default::default() };
        let refused = open(&rig, asked("no cursor")).await.map(drop).unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);

        rig.pass(DAY * 89).await;
        let quiet = next(&mut after(&rig, "").await).await.cursor;
        rig.pass(DAY * 2).await;
        assert!(open(&rig, asked(&quiet)).await.is_ok(), "nothing was accepted before it was given");
        let refused = open(&rig, asked(&cursor)).await.map(drop).unwrap_err();
        assert_eq!(refused.code(), Code::OutOfRange);
        assert!(refused.message().contains("from_beginning"), "{}", refused.message());
    }

    async fn a_stream_ends_when_its_team_has_another_owner_and_says_so(store: Store) {
        let rig = Rig::new(&store).await;
        let mut live = after(&rig, "").await;
        next(&mut live).await;
        nothing_more(&mut live).await;
        rig.core.begin_new_epoch(uuid::Uuid::now_v7());
        let ended = tokio::time::timeout(Duration::from_secs(10), live.next()).await.unwrap();
        assert_eq!(ended.unwrap().unwrap_err().code(), Code::Unavailable);
        assert!(live.next().await.is_none());
        rig.heartbeat.tick().await.unwrap();
    }
}

/// A stream after its first response.
async fn after_first(rig: &Rig, cursor: &str) -> Events {
    let mut events = after(rig, cursor).await;
    next(&mut events).await;
    events
}
