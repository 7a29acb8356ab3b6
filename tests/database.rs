//! PostgreSQL goes away and comes back under load. Nobody starts anything again: processes wait, and go on.

use crate::harness::database::on_cluster;
use crate::harness::{Browser, Ordeal, Platform, cut_connections, eventually, text};

/// Restarts, by turns in order and as after a crash.
const RESTARTS: usize = 4;
const CUTS: usize = 20;

#[test]
fn a_restart_of_postgres_loses_nothing_and_callers_are_told_to_come_again() {
    on_cluster(async |cluster, database| {
        let platform = Platform::split(database, 1, 2, |_, serve| serve).await;
        let mut ordeal = Ordeal::begin(database, platform).await;
        for number in 0..RESTARTS {
            ordeal.proceeds(200).await;
            let mode = if number % 2 == 0 { "fast" } else { "immediate" };
            ordeal
                .fault(async |ordeal| {
                    let before = ordeal.load.refused();
                    cluster.down(mode);
                    eventually("callers are told to come again", || async {
                        (ordeal.load.refused() > before).then_some(())
                    })
                    .await;
                    cluster.up();
                    ordeal.proceeds(1).await;
                })
                .await;
        }
        ordeal.proceeds(200).await;
        let outcome = ordeal.end("restarts of PostgreSQL").await;
        assert_eq!(outcome.unlogged, 0, "nobody died: the log has every attempt");
    });
}

#[test]
fn cut_connections_lose_nothing() {
    on_cluster(async |cluster, database| {
        let platform = Platform::split(database, 1, 2, |_, serve| serve).await;
        let mut ordeal = Ordeal::begin(database, platform).await;
        let administrator = cluster.administrator().await;
        for number in 0..CUTS {
            ordeal.proceeds(number * 7 % 40).await;
            ordeal
                .fault(async |_| cut_connections(&administrator).await)
                .await;
        }
        ordeal.proceeds(200).await;
        let outcome = ordeal.end("cut connections").await;
        assert_eq!(outcome.unlogged, 0, "nobody died: the log has every attempt");
    });
}

#[test]
fn probes_tell_of_a_database_that_is_away_until_it_is_back_and_ask_for_no_other_start() {
    on_cluster(async |cluster, database| {
        let mut platform = Platform::whole(database).await;
        let (browser, process) = (Browser::new(), platform.process(0));
        let (public, operators) = (process.address, process.operators);
        let probe = async |address, path| {
            let answer = browser.open(&format!("http://{address}{path}")).await;
            (answer.status.as_u16(), text(&answer))
        };
        cluster.down("immediate");
        let said = eventually("the process is not ready", || async {
            let (status, said) = probe(operators, "/readyz").await;
            (status == 503).then_some(said)
        });
        let said = said.await;
        assert!(
            said.starts_with("dispatcher database: no heartbeat") && said.lines().count() == 1,
            "{said}"
        );
        let brief = (503, "not ready\n".to_owned());
        assert_eq!(
            probe(public, "/readyz").await,
            brief,
            "the causes are not for everybody"
        );
        assert_eq!(probe(public, "/healthz").await, (200, "ok\n".to_owned()));
        cluster.up();
        platform.ready().await;
        assert_eq!(probe(public, "/readyz").await.0, 200);
    });
}
