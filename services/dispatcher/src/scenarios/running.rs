//! The loops as a process runs them: woken by one another, and stopped in order.

use watchbell_runtime::ready::Readiness;
use watchbell_runtime::tasks::TaskSet;
use watchbell_store::store_tests;

use super::*;
use crate::store::Migrator;

store_tests! {
    migrator = Migrator;

    async fn running_loops_deliver_and_an_orderly_stop_leaves_nothing_behind(store: Store) {
        let stage = Stage::new();
        let rig = Rig::with(&store, &stage, |settings| settings.max_jobs_per_lane = 4).await;
        let channel = stage.channel("a");
        let readiness = Readiness::new();
        let mut tasks = TaskSet::new(readiness.clone());
        let core = Arc::clone(&rig.core);
        let answers: Vec<_> = (0..20).map(|n| ask(&rig, &format!("e{n:02}"), &[channel])).collect();
        crate::loops::start(Arc::clone(&core), rig.committer, &mut tasks);
        for answer in answers {
            assert_eq!(answer.await.unwrap().error, None);
        }
        // More than the lane takes into memory: the sweeper brings the rest.
        stage.receivers.until(20).await;

        // What is still queued when the process stops belongs to nobody afterwards, and waits for the next one.
        let gate = stage.receivers.gate(channel);
        let service = Service { core: Arc::clone(&core) };
        let requests = (0..3).map(|n| Ok(request(&stage, &format!("late{n}"), &[channel]))).collect::<Vec<_>>();
        let mut late = service.submit(internal_request(boxed(futures::stream::iter(requests)))).await.unwrap().into_inner();
        while let Some(answer) = futures::StreamExt::next(&mut late).await {
            assert_eq!(answer.unwrap().error, None);
        }
        stage.receivers.until(21).await;
        gate.add_permits(100);
        tasks.shutdown(Duration::from_secs(20)).await.unwrap();
        assert!(readiness.is_serving());
        let leased = "SELECT COUNT(*) AS n FROM deliveries WHERE lease_owner IS NOT NULL";
        let backend = store.writer().get_database_backend();
        let row = store.reader().query_one_raw(sea_orm::Statement::from_string(backend, leased)).await.unwrap().unwrap();
        assert_eq!(row.try_get::<i64>("", "n").unwrap(), 0);
        let mut next = Rig::on(&store, &stage).await;
        next.settle().await;
        assert!(next.states().await.iter().all(|state| *state == State::Delivered));
    }
}
