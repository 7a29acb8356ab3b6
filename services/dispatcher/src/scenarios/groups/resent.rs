//! What a rule has gathered, sent again.

use chrono::TimeDelta;

use super::*;

fn refused() -> AttemptResult {
    AttemptResult::permanent("http.400", "no")
}

store_tests! {
    migrator = Migrator;

    async fn what_is_still_gathered_is_not_replayed(store: Store) {
        let mut rig = Rig::new(&store).await;
        let route = of_scan("nightly", to_room(slack(&rig.env)));
        find_all(&mut rig, &["e1", "e2"], &route).await;
        let request = wire::ReplayRequest {
            team_id: rig.env.team.to_string(),
            filter: Some(wire::DeliveryFilter { states: vec![State::Folded as i32], ..Default::default() }),
            start_time: Some(timestamp(rig.env.now() - TimeDelta::days(1))),
            ..Default::default()
        };
        let replay = async |rig: &Rig| {
            let answer = rig.service.replay(internal_request(request.clone())).await;
            answer.unwrap().into_inner().replayed_count
        };
        assert_eq!(replay(&rig).await, 0, "their message tells them");
        rig.pass(WAIT).await;
        assert_eq!(rig.env.receivers.carried().len(), 1);
        assert_eq!(replay(&rig).await, 2, "it has told them");
    }

    async fn what_a_recovered_message_tells_waits_for_it_again_however_it_is_recovered(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        let route = of_scan("nightly", to_room(room));
        rig.env.receivers.always(room, Some(refused()));
        say(&mut rig, Trigger, "begin", std::slice::from_ref(&route)).await;
        find(&mut rig, "other", Severity::Low, std::slice::from_ref(&route)).await;
        rig.pass(WAIT).await;
        assert_eq!(told(&rig, State::Failed).await.len(), 2);
        rig.env.receivers.always(room, None);
        let request = wire::RecoverRequest {
            team_id: rig.env.team.to_string(),
            filter: Some(wire::DeliveryFilter::default()),
            start_time: Some(timestamp(rig.env.now() - TimeDelta::days(1))),
            ..Default::default()
        };
        let answer = rig.service.recover(internal_request(request)).await;
        assert_eq!(answer.unwrap().into_inner().recovered_count, 1, "the message");
        let waiting = told(&rig, State::Folded).await;
        assert_eq!(waiting.len(), 2);
        assert!(waiting.iter().all(|delivery| delivery.end_time.is_none()));
        say(&mut rig, Resolve, "end", &[]).await;
        rig.pass(Duration::from_secs(10)).await;
        assert_eq!(rig.env.receivers.events()[1..].len(), 2, "whoever is told of the beginning is told of the end");
    }
}
