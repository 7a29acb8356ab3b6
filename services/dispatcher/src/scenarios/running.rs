//! The loops as a process runs them: woken by one another, and stopped in order.

use tokio_util::sync::CancellationToken;
use watchbell_runtime::ready::Readiness;
use watchbell_runtime::tasks::TaskSet;
use watchbell_store::{DatabaseSettings, store_tests};

use super::*;
use crate::store::Migrator;

/// On one thread, since the runtime's time stands still, too.
#[tokio::test]
async fn attempts_have_as_long_to_end_as_the_stop_gives_them() {
    let directory = tempfile::tempdir().unwrap();
    let settings = DatabaseSettings::sqlite(directory.path().join("test.db"));
    let store = watchbell_store::connect(&settings).await.unwrap();
    store.migrate::<Migrator>().await.unwrap();
    let env = TestEnv::new();
    let mut rig = Rig::on(&store, &env).await;
    let channel = env.channel("a");
    env.config.change(env.team, channel, |channel| {
        channel.delivery = Some(config::DeliveryPolicy {
            timeout: Some(prost_types::Duration {
                seconds: 30,
                nanos: 0,
            }),
            ..Default::default()
        });
    });
    rig.emit("e1", &[channel]).await;
    let gate = env.receivers.gate(channel);
    let stop = CancellationToken::new();
    let pump = tokio::spawn(rig.pump.run(stop.clone()));
    env.receivers.until(1).await;
    stop.cancel();
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(25)).await;
    tokio::time::resume();
    gate.add_permits(1);
    pump.await.unwrap();
    assert_eq!(rig.committer.tick().await, BatchResult::Settled(1));
}

store_tests! {
    migrator = Migrator;

    async fn running_loops_deliver_and_an_orderly_stop_leaves_nothing_behind(store: Store) {
        let env = TestEnv::new();
        let rig = Rig::with(&store, &env, |settings| settings.max_jobs_per_lane = 4).await;
        let channel = env.channel("a");
        let readiness = Readiness::new();
        let mut tasks = TaskSet::new(readiness.clone());
        let core = Arc::clone(&rig.core);
        let answers: Vec<_> = (0..20).map(|n| ask(&rig, &format!("e{n:02}"), &[channel])).collect();
        crate::loops::start(&core, Arc::clone(&rig.heartbeat), rig.committer, &mut tasks);
        for answer in answers {
            assert_eq!(answer.await.unwrap().error, None);
        }
        // More than the lane takes into memory: the sweeper loads the rest.
        env.receivers.until(20).await;

        // What is still queued when the process stops belongs to nobody afterwards, and waits for the next one.
        let gate = env.receivers.gate(channel);
        let service = rig.service.clone();
        let requests = (0..3).map(|n| Ok(request(&env, &format!("late{n}"), &[channel]))).collect::<Vec<_>>();
        let mut late = service.submit(internal_request(boxed(futures::stream::iter(requests)))).await.unwrap().into_inner();
        while let Some(answer) = futures::StreamExt::next(&mut late).await {
            assert_eq!(answer.unwrap().error, None);
        }
        env.receivers.until(21).await;
        gate.add_permits(100);
        tasks.shutdown(Duration::from_secs(20)).await.unwrap();
        assert!(readiness.is_serving());
        let mut next = Rig::on(&store, &env).await;
        next.settle().await;
        assert!(next.states().await.iter().all(|state| *state == State::Delivered));
    }
}
