//! Two Dispatchers on one PostgreSQL, of which one seems to be dead and is not. The other takes its work over; when it is
//! back it learns that, and what it still says of that work does not count.

use crate::harness::{Ordeal, Platform, Wire, eventually};

/// How often each seems to be dead.
const TIMES: usize = 2;

#[test]
fn a_dispatcher_that_stands_still_is_fenced_and_goes_on_as_another() {
    crate::harness::database::on_postgres(|database| async move {
        let platform = Platform::split(&database, 1, 2, |_, serve| serve).await;
        let dispatchers = platform.indices("dispatcher");
        let mut ordeal = Ordeal::begin(&database, platform).await;
        for victim in dispatchers.repeat(TIMES) {
            ordeal.proceeds(100).await;
            ordeal
                .fault(async |ordeal| {
                    ordeal.platform.process(victim).stop();
                    taken_over(ordeal).await;
                    ordeal.proceeds(100).await;
                    ordeal.platform.process(victim).go_on();
                    back(ordeal).await;
                })
                .await;
        }
        ordeal.proceeds(100).await;
        let outcome = ordeal.end("standing still").await;
        assert_eq!(outcome.unlogged, 0, "nobody died: the log has every attempt");
    });
}

#[test]
fn a_dispatcher_whose_wire_to_the_database_is_dead_is_fenced_and_goes_on_as_another() {
    crate::harness::database::on_cluster(async |cluster, database| {
        let wire = Wire::to(cluster.port()).await;
        let url = cluster.url_at(wire.port());
        let platform = Platform::split(database, 1, 2, |number, serve| match number {
            0 => serve.env("WATCHBELL__DISPATCHER__DATABASE__URL", url.clone()),
            _ => serve,
        })
        .await;
        let mut ordeal = Ordeal::begin(database, platform).await;
        for _ in 0..TIMES {
            ordeal.proceeds(100).await;
            ordeal
                .fault(async |ordeal| {
                    wire.dead(true);
                    taken_over(ordeal).await;
                    ordeal.proceeds(100).await;
                    wire.dead(false);
                    back(ordeal).await;
                })
                .await;
            ordeal.proceeds(100).await;
            ordeal.fault(async |_| wire.cut()).await;
        }
        ordeal.proceeds(100).await;
        let outcome = ordeal.end("a dead wire").await;
        assert_eq!(outcome.unlogged, 0, "nobody died: the log has every attempt");
    });
}

async fn taken_over(ordeal: &Ordeal) {
    eventually("the other takes it for dead", || async {
        (ordeal.replicas().await == 1).then_some(())
    })
    .await;
}

async fn back(ordeal: &Ordeal) {
    eventually("it is back as another", || async {
        (ordeal.replicas().await == 2).then_some(())
    })
    .await;
}
