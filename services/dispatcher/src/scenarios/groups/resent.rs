//! What a rule has gathered, sent again.

use chrono::TimeDelta;

use super::*;

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
}
