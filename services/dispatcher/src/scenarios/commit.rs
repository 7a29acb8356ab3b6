//! Intake: accepted once, after the commit, and never lost.

use std::time::Duration;

use watchbell_runtime::problem::from_status;
use watchbell_store::store_tests;

use super::*;
use crate::store::Migrator;

store_tests! {
    migrator = Migrator;

    async fn an_event_is_accepted_and_delivered_to_every_route(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channels = [rig.env.channel("a"), rig.env.channel("b")];
        let answer = rig.emit("e1", &channels).await;
        assert!(!answer.duplicate);
        assert_eq!(answer.routes, channels.map(to_channel));
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Delivered; 2]);
        let carried = rig.env.receivers.carried();
        let reached: std::collections::BTreeSet<_> = carried.iter().filter_map(|carried| carried.channel).collect();
        assert_eq!(reached, channels.into());
    }

    async fn nobody_is_told_before_the_commit(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        let mut answered = ask(&rig, "e1", &[channel]);
        while rig.core.submissions.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(answered.try_recv().is_err(), "it is only in the queue");
        assert_eq!(rig.pump.tick(), 0, "and nothing is sent yet");
        rig.committer.tick().await;
        assert!(!answered.await.unwrap().duplicate);
        assert_eq!(rig.pump.tick(), 1);
    }

    async fn duplicates_within_a_batch_and_across_batches_answer_with_the_first_routes(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (first, other) = (rig.env.channel("first"), rig.env.channel("other"));
        let mut requests = vec![
            request(&rig.env, "same", &[first]),
            request(&rig.env, "same", &[other]),
            request(&rig.env, "else", &[other]),
        ];
        for (sequence, request) in requests.iter_mut().enumerate() {
            request.sequence = sequence as u64;
        }
        let answers = rig.submit(requests).await;
        assert_eq!(answers.iter().map(|answer| answer.duplicate).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!(answers[1].routes, [to_channel(first)]);
        let again = rig.emit("same", &[other]).await;
        assert!(again.duplicate);
        assert_eq!(again.routes, [to_channel(first)]);
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Delivered; 2], "nothing is sent twice");
    }

    async fn the_same_id_in_another_team_is_another_event(store: Store) {
        let mut rig = Rig::new(&store).await;
        rig.emit("e1", &[]).await;
        rig.env.team = TeamId::generate(rig.env.now());
        assert!(!rig.emit("e1", &[]).await.duplicate);
    }

    async fn many_submissions_share_few_commits(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.ordered("a");
        let requests = (0..500_u64).map(|sequence| wire::SubmitRequest {
            sequence,
            ..request(&rig.env, &format!("e{sequence:03}"), &[channel])
        });
        let answers = rig.submit(requests.collect()).await;
        assert_eq!(answers.len(), 500);
        assert!(answers.iter().all(|answer| answer.error.is_none() && !answer.duplicate));
        rig.settle().await;
        let events = rig.env.receivers.events();
        assert_eq!(events, (0..500).map(|n| format!("e{n:03}")).collect::<Vec<_>>(), "and keep their order");
    }

    async fn a_full_queue_answers_overloaded_and_says_when_to_come_again(store: Store) {
        let mut rig = Rig::with(&store, &TestEnv::new(), |settings| settings.intake_queue = 2).await;
        let channel = rig.env.channel("a");
        let requests = (0..5_u64).map(|sequence| wire::SubmitRequest {
            sequence,
            ..request(&rig.env, &format!("e{sequence}"), &[channel])
        });
        let requests: Vec<_> = requests.collect();
        let answers = rig.submit(requests).await;
        let refused: Vec<_> = answers.iter().filter_map(|answer| answer.error.as_ref()).collect();
        assert!(!refused.is_empty(), "five do not fit into two units");
        for status in refused {
            assert_eq!(status.code, tonic::Code::ResourceExhausted as i32);
            let details = prost::Message::encode_to_vec(status);
            let status = tonic::Status::with_details(tonic::Code::ResourceExhausted, "", details.into());
            assert!(from_status(&status).retry_after.is_some());
        }
        rig.settle().await;
        let accepted = answers.iter().filter(|answer| answer.error.is_none()).count();
        assert_eq!(rig.deliveries().await.len(), accepted, "what was accepted is there, and nothing else");
    }

    async fn every_violation_is_answered_and_the_stream_goes_on(store: Store) {
        let mut rig = Rig::new(&store).await;
        let mut wrong = request(&rig.env, "", &[]);
        wrong.event.as_mut().unwrap().severity = 0;
        wrong.routes.push(Default::default());
        let right = wire::SubmitRequest { sequence: 1, ..request(&rig.env, "e1", &[]) };
        let answers = rig.submit(vec![wrong, right]).await;
        let error = answers[0].error.as_ref().unwrap();
        assert_eq!(error.code, tonic::Code::InvalidArgument as i32);
        for field in ["event.id", "event.severity", "routes[0].kind", "routes[0].target"] {
            assert!(error.message.contains(field), "{field} in {}", error.message);
        }
        assert_eq!(answers[1].error, None);
    }

    async fn a_crash_loses_nothing_that_was_accepted(store: Store) {
        let env = TestEnv::new();
        let mut first = Rig::on(&store, &env).await;
        let channel = env.channel("a");
        for id in ["e1", "e2", "e3"] {
            first.emit(id, &[channel]).await;
        }
        // One of them is under way when the process dies.
        let _gate = env.receivers.gate(channel);
        first.pump.tick();
        env.receivers.until(1).await;
        let mut second = Rig::on(&store, &env).await;
        presume_dead(&first, &mut second).await;
        drop(first);
        env.receivers.gate(channel).add_permits(10);
        second.settle().await;
        assert_eq!(second.states().await, [State::Delivered; 3]);
    }

    async fn text_that_a_database_does_not_take_is_made_acceptable(store: Store) {
        let mut rig = Rig::new(&store).await;
        let mut odd = request(&rig.env, "e1", &[]);
        odd.event.as_mut().unwrap().title = "a\0b 🔔 \"quoted\" \\ \u{1}".to_owned();
        assert_eq!(rig.submit(vec![odd]).await[0].error, None);
        let get = wire::GetEventRequest { team_id: rig.env.team.to_string(), event_id: "e1".to_owned() };
        let event = rig.service.get_event(internal_request(get)).await.unwrap().into_inner().event.unwrap();
        assert_eq!(event.event.unwrap().title, "a\u{fffd}b 🔔 \"quoted\" \\ \u{1}");
    }

    async fn while_the_database_is_away_callers_are_told_to_come_again_and_outcomes_are_kept(store: Store) {
        let env = TestEnv::new();
        let own = watchbell_store::connect(store.settings()).await.unwrap();
        let mut rig = Rig::on(&own, &env).await;
        let channel = env.channel("a");
        rig.emit("e1", &[channel]).await;
        rig.pump.tick();
        rig.pump.settle().await;
        own.close().await.unwrap();
        let answered = ask(&rig, "e2", &[channel]);
        while rig.core.submissions.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(rig.committer.tick().await, BatchResult::Failed);
        let error = answered.await.unwrap().error.unwrap();
        assert_eq!(error.code, tonic::Code::Unavailable as i32);
        assert_eq!(rig.committer.tick().await, BatchResult::Failed, "the outcome is still there to be written");
        assert_eq!(rig.core.lanes().held(), 0, "what was refused keeps no room");
        env.clock.advance(Duration::from_secs(1));
    }
}
