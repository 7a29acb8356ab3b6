//! Lanes in the whole: nobody waits for anybody else.

use watchbell_store::store_tests;

use super::*;
use crate::store::Migrator;

store_tests! {
    migrator = Migrator;

    async fn a_slow_endpoint_delays_nobody_else(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (slow, fast) = (rig.env.channel("slow"), rig.env.channel("fast"));
        let gate = rig.env.receivers.gate(slow);
        for n in 0..50 {
            rig.emit(&format!("slow{n}"), &[slow]).await;
        }
        for n in 0..20 {
            rig.emit(&format!("fast{n}"), &[fast]).await;
        }
        let receivers = Arc::clone(&rig.env.receivers);
        let done = || receivers.carried().iter().filter(|carried| carried.channel == Some(fast)).count();
        while done() < 20 {
            rig.pump.tick();
            tokio::task::yield_now().await;
        }
        let slow_ones = receivers.carried().len() - 20;
        assert!(slow_ones <= 8, "the slow channel holds its own slots and no more: {slow_ones}");
        while rig.states().await[50..] != [State::Delivered; 20] {
            rig.committer.tick().await;
        }
        gate.add_permits(50);
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Delivered; 50 + 20][..]);
    }

    async fn a_full_lane_leaves_room_for_others(store: Store) {
        let env = TestEnv::new();
        let mut rig = Rig::with(&store, &env, |settings| {
            settings.max_jobs = 20;
            settings.max_jobs_per_lane = 15;
        })
        .await;
        let (loud, other) = (env.channel("loud"), env.channel("other"));
        let _gate = env.receivers.gate(loud);
        for n in 0..40 {
            rig.emit(&format!("loud{n}"), &[loud]).await;
        }
        rig.emit("other", &[other]).await;
        assert_eq!(rig.core.lanes().queued(crate::lanes::LaneId(other.as_uuid())), 1);
    }

    async fn one_slack_message_a_second(store: Store) {
        let mut rig = Rig::new(&store).await;
        let slack = ChannelId::generate(rig.env.now());
        rig.env.config.add(rig.env.team, slack, ChannelKind::Slack, "#a");
        for n in 0..3 {
            let route = event_wire::Route { kind: ChannelKind::Slack.to_wire(), ..to_channel(slack) };
            let request = wire::SubmitRequest { routes: vec![route], ..request(&rig.env, &format!("e{n}"), &[]) };
            rig.submit(vec![request]).await;
        }
        rig.settle().await;
        // Before the channel is known there is no rate; the second goes by it.
        let first = rig.env.receivers.carried().len();
        assert!(first <= 2, "{first}");
        for _ in first..3 {
            rig.pass(Duration::from_secs(1)).await;
        }
        assert_eq!(rig.states().await, [State::Delivered; 3]);
        let at: Vec<_> = rig.env.receivers.carried().iter().map(|carried| carried.at).collect();
        assert!(at[2] - at[1] >= chrono::TimeDelta::seconds(1));
    }
}
