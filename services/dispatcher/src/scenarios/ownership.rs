//! Whose work it is: fencing, take-over, hand-over, and the way back from the database.

use watchbell_model::budget::UNIT_BYTES;
use watchbell_runtime::ready::Readiness;
use watchbell_store::store_tests;

use super::*;
use crate::maintenance::heartbeat::HeartbeatMonitor;
use crate::maintenance::shared_events::SharedEvents;
use crate::store::{DeliveryFilter, LoadedRow, Migrator};

store_tests! {
    migrator = Migrator;

    async fn a_replica_that_owns_a_shard_no_more_cannot_complete_its_deliveries(store: Store) {
        let env = TestEnv::new();
        let mut first = Rig::on(&store, &env).await;
        let channel = env.channel("a");
        first.emit("e1", &[channel]).await;
        let gate = env.receivers.gate(channel);
        first.pump.tick();
        env.receivers.until(1).await;

        let mut second = Rig::on(&store, &env).await;
        presume_dead(&first, &mut second).await;
        second.sweeper.tick().await.unwrap();
        env.receivers.answer(channel, crate::senders::AttemptResult::permanent("gone", "the first replica's answer"));
        gate.add_permits(1);
        first.pump.settle().await;
        assert_eq!(first.committer.tick().await, BatchResult::Settled(1));
        assert_eq!(second.states().await, [State::Pending], "the first replica's word does not count");

        gate.add_permits(1);
        second.settle().await;
        let delivery = second.delivery().await;
        assert_eq!(delivery.state, State::Delivered as i32);
        assert_eq!(delivery.attempts.len(), 2, "but both attempts are in the log, for both took place");
    }

    async fn the_work_of_a_silent_replica_moves(store: Store) {
        let env = TestEnv::new();
        let mut silent = Rig::on(&store, &env).await;
        let channel = env.channel("a");
        silent.emit("e1", &[channel]).await;
        let mut other = Rig::on(&store, &env).await;
        if store.backend() == Backend::Postgres {
            other.heartbeat.tick().await.unwrap();
            other.settle().await;
            assert_eq!(other.states().await, [State::Pending], "it is not dead yet");
        }
        presume_dead(&silent, &mut other).await;
        other.settle().await;
        assert_eq!(other.states().await, [State::Delivered]);
        assert_eq!(env.receivers.events(), ["e1"]);
    }

    async fn health_tells_of_a_database_that_is_away_until_it_is_back(store: Store) {
        let rig = Rig::new(&store).await;
        let readiness = Readiness::new();
        let database = readiness.condition("dispatcher", "database");
        let pulse = HeartbeatMonitor { heartbeat: Arc::clone(&rig.heartbeat), database };
        rig.heartbeat.tick().await.unwrap();
        store.writer().execute_unprepared("ALTER TABLE replicas RENAME TO elsewhere").await.unwrap();
        for second in 1..=6 {
            rig.env.clock.advance(Duration::from_secs(1));
            rig.heartbeat.tick().await.unwrap_err();
            pulse.tick();
            assert_eq!(readiness.is_serving(), second < 5, "after {second} s");
        }
        assert_eq!(readiness.failing()[0].why, "no heartbeat has succeeded for 6 s");

        store.writer().execute_unprepared("ALTER TABLE elsewhere RENAME TO replicas").await.unwrap();
        rig.heartbeat.tick().await.unwrap();
        pulse.tick();
        assert!(readiness.is_serving());
    }

    async fn after_the_database_was_away_nobody_is_taken_for_dead_at_once(store: Store) {
        let env = TestEnv::new();
        let mut silent = Rig::on(&store, &env).await;
        let channel = env.channel("a");
        silent.emit("e1", &[channel]).await;
        let mut other = Rig::on(&store, &env).await;
        other.heartbeat.tick().await.unwrap();
        env.clock.advance(Duration::from_secs(60));
        presume_dead(&silent, &mut other).await;
        if store.backend() == Backend::Postgres {
            other.settle().await;
            assert_eq!(other.states().await, [State::Pending], "it may have been silent for the same reason");
            for _ in 0..3 {
                env.clock.advance(Duration::from_secs(1));
                other.heartbeat.tick().await.unwrap();
            }
        }
        other.settle().await;
        assert_eq!(other.states().await, [State::Delivered]);
    }

    async fn a_replica_taken_for_dead_goes_on_as_another_and_drops_what_it_held(store: Store) {
        let env = TestEnv::new();
        let mut first = Rig::on(&store, &env).await;
        let channel = env.channel("a");
        first.emit("e1", &[channel]).await;
        let before = first.core.owner();
        let mut second = Rig::on(&store, &env).await;
        presume_dead(&first, &mut second).await;
        second.settle().await;
        first.heartbeat.tick().await.unwrap();
        assert_ne!(first.core.owner(), before);
        assert_eq!(first.core.lanes().held(), 0);
        assert_eq!(first.pump.tick(), 0, "what it held is not sent again");
        assert_eq!(env.receivers.events(), ["e1"]);
        second.heartbeat.leave().await;
        first.own().await;
        first.emit("e2", &[channel]).await;
        first.settle().await;
        assert_eq!(first.states().await, [State::Delivered; 2], "and it works on");
    }

    async fn a_replica_that_leaves_gives_everything_back_at_once(store: Store) {
        let env = TestEnv::new();
        let mut leaving = Rig::on(&store, &env).await;
        let channel = env.channel("a");
        leaving.emit("e1", &[channel]).await;
        leaving.heartbeat.leave().await;
        let mut next = Rig::on(&store, &env).await;
        next.settle().await;
        assert_eq!(next.states().await, [State::Delivered]);
    }

    async fn what_finds_no_room_waits_in_the_database_and_keeps_its_order(store: Store) {
        let env = TestEnv::new();
        let mut rig = Rig::with(&store, &env, |settings| settings.max_jobs_per_lane = 3).await;
        let channel = env.ordered("a");
        let ids: Vec<_> = (0..40).map(|n| format!("e{n:02}")).collect();
        for id in &ids {
            rig.emit(id, &[channel]).await;
        }
        assert!(rig.core.lanes().held() <= 3);
        rig.settle().await;
        assert_eq!(env.receivers.events(), ids);
        rig.emit("e40", &[channel]).await;
        assert_eq!(rig.core.lanes().held(), 1, "with the backlog gone, new ones go straight to memory again");
    }

    async fn lanes_that_load_one_event_share_it(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channels = [rig.env.channel("a"), rig.env.channel("b")];
        rig.emit("e1", &channels).await;
        let db = &rig.core.db;
        let rows = db.deliveries(rig.env.team, &DeliveryFilter::default(), 10, 10).await.unwrap().rows;
        let rows: Vec<_> = rows.into_iter().map(|delivery| LoadedRow { delivery, filled: 1 }).collect();
        let mut events = SharedEvents::default();
        let one = events.load(db, &rows[..1]).await.unwrap().into_values().next().unwrap();
        let other = events.load(db, &rows[1..]).await.unwrap().into_values().next().unwrap();
        assert!(Arc::ptr_eq(&one.event, &other.event), "it is not read twice");
        drop((one, other));
        assert_eq!(events.load(db, &[]).await.unwrap().len(), 0);
        assert_eq!(events.held(), 0, "what no job has any more is forgotten");
    }

    async fn large_events_take_the_room_of_many_and_keep_their_order(store: Store) {
        let env = TestEnv::new();
        let mut rig = Rig::with(&store, &env, |settings| settings.max_jobs_per_lane = 5).await;
        let channel = env.ordered("a");
        let ids: Vec<_> = (0..12).map(|n| format!("e{n:02}")).collect();
        for id in &ids {
            let mut request = request(&env, id, &[channel]);
            // Of three units.
            let data = format!("{{\"text\":\"{}\"}}", "x".repeat(2 * UNIT_BYTES));
            request.event.as_mut().unwrap().payload = Some(event_wire::event::Payload::DataJson(data.into()));
            assert_eq!(rig.submit(vec![request]).await[0].error, None);
        }
        assert_eq!(rig.core.lanes().held(), 6, "two events, of which the second begins in the fourth place");
        let mut most = 0;
        while env.receivers.events().len() < ids.len() {
            rig.sweeper.tick().await.unwrap();
            most = most.max(rig.core.lanes().held());
            rig.pump.tick();
            rig.pump.settle().await;
            assert_eq!(rig.core.lanes().held(), 0, "what has ended waits for its commit without its payload");
            rig.committer.tick().await;
        }
        assert_eq!(most, 6, "and the same of those that waited in the database");
        assert_eq!(env.receivers.events(), ids);
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Delivered; 12]);
    }

    async fn what_memory_has_forgotten_is_found_by_the_next_look_at_all_lanes(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        rig.emit("e1", &[channel]).await;
        // As if a fail-over had lost the commit of its outcome: the row waits, and the job has ended.
        rig.core.lanes().retain(|_| false);
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Pending]);
        rig.pass(Duration::from_secs(31)).await;
        assert_eq!(rig.states().await, [State::Delivered]);
    }

    async fn what_memory_knows_is_not_loaded_however_long_it_takes(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (slow, full) = (rig.env.ordered("slow"), rig.env.ordered("full"));
        let gate = rig.env.receivers.gate(slow);
        for id in ["under-way", "queued"] {
            rig.emit(id, &[slow]).await;
        }
        rig.pump.tick();
        rig.env.receivers.until(1).await;
        rig.emit("not-committed", &[full]).await;
        rig.pump.tick();
        rig.env.receivers.until(2).await;
        for _ in 0..3 {
            rig.env.clock.advance(Duration::from_secs(31));
            assert_eq!(rig.sweeper.tick().await.unwrap().loaded, 0);
        }
        gate.add_permits(2);
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Delivered; 3]);
        assert_eq!(rig.env.receivers.events().len(), 3);
    }

    async fn a_delivery_that_is_loaded_while_its_attempt_ends_is_not_sent_again(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        rig.emit("e1", &[channel]).await;
        let lane = crate::lanes::LaneId(channel.as_uuid());
        // The read begins before the outcome is committed, and ends after it.
        let live_jobs = rig.core.live_jobs.clone();
        let read = live_jobs.begin_read();
        let units = std::collections::HashMap::from([(lane, 8)]);
        let rows = rig.core.db.due_deliveries(&units, &[], rig.env.now()).await.unwrap();
        rig.pump.tick();
        rig.pump.settle().await;
        rig.committer.tick().await;
        assert_eq!(rows.len(), 1);
        assert!(read.register(rows[0].delivery.id, lane, rig.env.team).is_none());
    }

    async fn while_a_dispatcher_of_a_release_without_owners_lives_nobody_owns_shards(store: Store) {
        if store.backend() == Backend::Sqlite {
            return;
        }
        let env = TestEnv::new();
        let mut rig = Rig::on(&store, &env).await;
        let former = uuid::Uuid::now_v7();
        let beat = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
        let enter = format!("INSERT INTO replicas (id, heartbeat_at) VALUES ('{former}', {beat})");
        store.writer().execute_unprepared(&enter).await.unwrap();
        rig.heartbeat.tick().await.unwrap();
        assert!(rig.core.ownership().owned().is_empty(), "it gives up what it has");
        rig.heartbeat.tick().await.unwrap();
        assert!(rig.core.ownership().owned().is_empty(), "and takes nothing");
        // It has leased a delivery and stops.
        let channel = env.channel("a");
        let leave = format!("DELETE FROM replicas WHERE id = '{former}'");
        store.writer().execute_unprepared(&leave).await.unwrap();
        rig.own().await;
        rig.emit("e1", &[channel]).await;
        rig.core.lanes().retain(|_| false);
        let lease = format!("UPDATE deliveries SET lease_owner = '{former}'");
        store.writer().execute_unprepared(&lease).await.unwrap();
        rig.heartbeat.leave().await;
        let mut next = Rig::on(&store, &env).await;
        next.settle().await;
        assert_eq!(next.states().await, [State::Delivered]);
    }

    async fn an_outcome_that_the_database_refuses_fails_its_delivery(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        rig.emit("e1", &[channel]).await;
        rig.pump.tick();
        rig.pump.settle().await;
        store.writer().execute_unprepared("ALTER TABLE deliveries RENAME attempt_error TO elsewhere").await.unwrap();
        rig.committer.tick().await;
        store.writer().execute_unprepared("ALTER TABLE deliveries RENAME elsewhere TO attempt_error").await.unwrap();
        assert_eq!(rig.states().await, [State::Failed], "and it does not wait for ever");
        assert_eq!(rig.delivery().await.state_message, "the result of the last attempt could not be stored");
    }

    async fn one_look_finds_every_lane_that_waits(store: Store) {
        let env = TestEnv::new();
        let mut writer = Rig::on(&store, &env).await;
        let mut requests = Vec::new();
        for lane in 0..30 {
            let channel = env.channel(&format!("c{lane}"));
            for n in 0..3 {
                requests.push(request(&env, &format!("e{lane}.{n}"), &[channel]));
            }
        }
        writer.submit(requests).await;
        writer.heartbeat.leave().await;
        let mut rig = Rig::on(&store, &env).await;
        let waiting = rig.core.db.waiting_lanes_all_teams().await.unwrap();
        assert_eq!(waiting.len(), 30);
        assert!(waiting.iter().all(|lane| lane.due_at == env.now()));
        assert_eq!(rig.sweeper.tick().await.unwrap().loaded, 90);
    }
}
