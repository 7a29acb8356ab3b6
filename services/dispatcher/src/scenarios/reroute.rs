//! Deliveries that are added to accepted events: once, at a pace, and without a word to their alerts.

use chrono::TimeDelta;
use tonic::Code;
use watchbell_contracts::api::{AlertApi, InboxApi};
use watchbell_model::ids::MemberId;
use watchbell_runtime::problem::from_status;
use watchbell_store::store_tests;

use super::*;
use crate::store::Migrator;

fn added(rig: &Rig, run: &str, events: &[(&str, Vec<event_wire::Route>)]) -> wire::AddDeliveriesRequest {
    let events = events.iter().map(|(id, routes)| wire::EventRoutes {
        event_id: (*id).to_owned(),
        routes: routes.clone(),
    });
    wire::AddDeliveriesRequest {
        team_id: rig.env.team.to_string(),
        run_id: run.to_owned(),
        events: events.collect(),
        validate_only: false,
        per_second: 1_000,
        is_last: true,
    }
}

/// The places that were missing, event by event.
async fn add(rig: &Rig, request: wire::AddDeliveriesRequest) -> Result<Vec<Vec<i32>>, tonic::Status> {
    let answer = rig.service.add_deliveries(internal_request(request)).await?;
    Ok(answer
        .into_inner()
        .events
        .into_iter()
        .map(|event| event.places)
        .collect())
}

fn to_person(member: MemberId, address: &str) -> event_wire::Route {
    event_wire::Route {
        kind: ChannelKind::Email.to_wire(),
        target: Some(event_wire::route::Target::Person(event_wire::PersonTarget {
            member_id: member.to_string(),
            address: address.to_owned(),
            topic: "findings".to_owned(),
            channel_id: String::new(),
        })),
        ..Default::default()
    }
}

store_tests! {
    migrator = Migrator;

    async fn what_was_never_sent_is_sent_once_however_often_it_is_asked(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (a, b) = (rig.env.channel("a"), rig.env.channel("b"));
        rig.emit("nowhere", &[]).await;
        rig.emit("at-a", &[a]).await;
        rig.settle().await;
        rig.pass(Duration::from_secs(60)).await;
        let events = [("nowhere", vec![to_channel(a), to_channel(b)]), ("at-a", vec![to_channel(a), to_channel(b)])];
        let asked = wire::AddDeliveriesRequest { validate_only: true, ..added(&rig, "r1", &events) };
        let missing: Vec<Vec<i32>> = vec![vec![0, 1], vec![1]];
        assert_eq!(add(&rig, asked).await.unwrap(), missing);
        assert_eq!(rig.deliveries().await.len(), 1, "it was only asked");
        // Two at once, as after a call whose answer was lost.
        let (first, second) = tokio::join!(
            add(&rig, added(&rig, "r2", &events)),
            add(&rig, added(&rig, "r2", &events)),
        );
        let made: usize = [first.unwrap(), second.unwrap()].concat().iter().map(Vec::len).sum();
        assert_eq!(made, 3);
        rig.pass(Duration::from_secs(1)).await;
        assert_eq!(rig.states().await, [State::Delivered; 4]);
        let mut carried = rig.env.receivers.events();
        carried.sort_unstable();
        assert_eq!(carried, ["at-a", "at-a", "nowhere", "nowhere"]);
        for delivery in &rig.deliveries().await[1..] {
            assert_eq!(delivery.replay_of, delivery.id, "a replay of nothing before it");
            assert!(!delivery.test);
        }
        let none: Vec<Vec<i32>> = vec![vec![], vec![]];
        assert_eq!(add(&rig, added(&rig, "r3", &events)).await.unwrap(), none);
        rig.pass(Duration::from_secs(60)).await;
        assert_eq!(rig.deliveries().await.len(), 4);
    }

    async fn it_goes_on_after_a_failover_and_doubles_nothing(store: Store) {
        let env = TestEnv::new();
        let mut first = Rig::on(&store, &env).await;
        let channel = env.channel("a");
        for id in ["e1", "e2", "e3"] {
            first.emit(id, &[]).await;
        }
        let all = ["e1", "e2", "e3"].map(|id| (id, vec![to_channel(channel)]));
        let begun = wire::AddDeliveriesRequest { is_last: false, ..added(&first, "r1", &all[..2]) };
        assert_eq!(add(&first, begun).await.unwrap().concat().len(), 2);
        // The process is gone before anything was sent, and with it the Router that asked.
        let mut second = Rig::on(&store, &env).await;
        presume_dead(&first, &mut second).await;
        drop(first);
        second.settle().await;
        let made = add(&second, added(&second, "r2", &all)).await.unwrap();
        assert_eq!(made, [vec![], vec![], vec![0]]);
        second.pass(Duration::from_secs(1)).await;
        let mut carried = env.receivers.events();
        carried.sort_unstable();
        assert_eq!(carried, ["e1", "e2", "e3"]);
    }

    async fn a_person_and_the_inbox_have_it_by_whichever_way_it_came(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (ann, bob) = (MemberId::generate(rig.env.now()), MemberId::generate(rig.env.now()));
        let sent = wire::SubmitRequest { routes: vec![to_person(ann, "ann@example.com"), to_inbox()], ..request(&rig.env, "e1", &[]) };
        rig.submit(vec![sent]).await;
        rig.emit("e2", &[]).await;
        let routes = vec![to_person(ann, "new@example.com"), to_person(bob, "bob@example.com"), to_inbox()];
        let events = [("e1", routes.clone()), ("e2", vec![to_inbox()])];
        let asked = added(&rig, "r1", &events);
        assert_eq!(add(&rig, asked.clone()).await.unwrap(), [vec![1], vec![0]]);
        assert_eq!(add(&rig, asked).await.unwrap(), [vec![], Vec::<i32>::new()]);
        rig.env.config.join(ann, "ann@example.com", false);
        let list = wire::ListNotificationsRequest {
            team_id: rig.env.team.to_string(),
            member_id: ann.to_string(),
            ..Default::default()
        };
        let inbox = rig.service.list_notifications(internal_request(list)).await.unwrap().into_inner();
        let ids: Vec<_> = inbox.notifications.iter().map(|row| row.event_id.as_str()).collect();
        assert_eq!(ids, ["e2", "e1"]);
    }

    async fn what_is_added_is_due_at_a_pace_that_outlives_the_process(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        let ids = ["e1", "e2", "e3"];
        for id in ids {
            rig.emit(id, &[]).await;
        }
        let begin = rig.env.now();
        let events = ids.map(|id| (id, vec![to_channel(channel)]));
        let slowly = wire::AddDeliveriesRequest { per_second: 2, ..added(&rig, "r1", &events) };
        let answer = rig.service.add_deliveries(internal_request(slowly)).await.unwrap().into_inner();
        assert_eq!(answer.last_due_time, Some(timestamp(begin + TimeDelta::seconds(1))));
        rig.settle().await;
        assert_eq!(rig.env.receivers.events(), ["e1"]);
        rig.pass(Duration::from_millis(500)).await;
        assert_eq!(rig.env.receivers.events(), ["e1", "e2"]);
        rig.pass(Duration::from_millis(500)).await;
        assert_eq!(rig.env.receivers.events(), ids);
    }

    async fn an_alert_does_not_change_with_it(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (a, b) = (rig.env.channel("a"), rig.env.channel("b"));
        let opens = wire::SubmitRequest {
            alert: Some(event_wire::EventAlert {
                key: "finding_id=F-1".to_owned(),
                action: event_wire::AlertAction::Trigger.into(),
            }),
            ..request(&rig.env, "e1", &[a])
        };
        rig.submit(vec![opens]).await;
        rig.settle().await;
        let get = wire::GetAlertRequest { team_id: rig.env.team.to_string(), key: "finding_id=F-1".to_owned() };
        let alert = async |rig: &Rig| rig.service.get_alert(internal_request(get.clone())).await.unwrap().into_inner().alert;
        let before = alert(&rig).await;
        rig.env.clock.advance(Duration::from_secs(60));
        assert_eq!(add(&rig, added(&rig, "r1", &[("e1", vec![to_channel(b)])])).await.unwrap(), [vec![0]]);
        rig.settle().await;
        assert_eq!(alert(&rig).await, before);
        let all = rig.deliveries().await;
        assert_eq!(all[1].state, State::Delivered as i32);
        assert_eq!(all[1].alert, all[0].alert, "as it was when the event was accepted");
    }

    async fn nothing_is_added_to_what_is_another_teams_or_gone(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        rig.emit("e1", &[]).await;
        let stranger = wire::AddDeliveriesRequest {
            team_id: TeamId::generate(rig.env.now()).to_string(),
            ..added(&rig, "r1", &[("e1", vec![to_channel(channel)])])
        };
        assert_eq!(add(&rig, stranger).await.unwrap(), [Vec::<i32>::new()]);
        let gone = added(&rig, "r2", &[("gone", vec![to_channel(channel)])]);
        assert_eq!(add(&rig, gone).await.unwrap(), [Vec::<i32>::new()]);
        assert!(rig.deliveries().await.is_empty());
    }

    async fn a_team_has_one_run_at_a_time_and_recovery_waits_for_it(store: Store) {
        let rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        let goes_on = |run: &str| wire::AddDeliveriesRequest { is_last: false, ..added(&rig, run, &[]) };
        add(&rig, goes_on("r1")).await.unwrap();
        add(&rig, goes_on("r1")).await.unwrap();
        let refused = add(&rig, goes_on("r2")).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert_eq!(from_status(&refused).reason.as_deref(), Some("RESEND_UNDER_WAY"));
        assert!(refused.message().starts_with("a Reroute of the team is under way"), "{}", refused.message());
        let recover = wire::RecoverRequest {
            team_id: rig.env.team.to_string(),
            channel_id: channel.to_string(),
            start_time: Some(timestamp(rig.env.now())),
            ..Default::default()
        };
        let refused = rig.service.recover(internal_request(recover.clone())).await.unwrap_err();
        assert_eq!(from_status(&refused).reason.as_deref(), Some("RESEND_UNDER_WAY"));
        add(&rig, added(&rig, "r1", &[])).await.unwrap();
        rig.service.recover(internal_request(recover)).await.unwrap();
        add(&rig, goes_on("r2")).await.unwrap();
    }
}
