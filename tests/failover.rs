//! PostgreSQL fails over to a standby under load. Nobody starts anything of Watchbell again: it finds the new primary.

use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};

use crate::harness::database::on_pair;
use crate::harness::{Browser, Ordeal, Platform, eventually, signal, text};

#[test]
fn a_fail_over_loses_nothing_that_was_accepted_where_commits_wait_for_a_standby() {
    on_pair(async |primary, standby, database| {
        let (at_primary, at_standby) = (primary.administrator().await, standby.administrator().await);
        eventually("the standby follows", || async {
            number(
                &at_primary,
                "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'",
            )
            .await
        })
        .await;
        let platform = Platform::split(database, 1, 2, |_, serve| serve).await;
        for dispatcher in platform.indices("dispatcher") {
            // As long as commits do not wait for it.
            let address = platform.process(dispatcher).operators;
            eventually("operators are warned", || async {
                let metrics = Browser::new().open(&format!("http://{address}/metrics")).await;
                let metrics = text(&metrics);
                let mut lines = metrics.lines();
                lines
                    .any(|line| line.starts_with("watchbell_database_at_risk") && line.ends_with(" 1"))
                    .then_some(())
            })
            .await;
        }
        for sql in [
            "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'",
            "SELECT pg_reload_conf()",
        ] {
            at_primary.execute_unprepared(sql).await.unwrap();
        }
        eventually("commits wait for the standby", || async {
            number(
                &at_primary,
                "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'",
            )
            .await
        })
        .await;

        let mut ordeal = Ordeal::begin(database, platform).await;
        ordeal.proceeds(200).await;
        ordeal
            .fault(async |ordeal| {
                let receiver = "SELECT pid::bigint FROM pg_stat_wal_receiver";
                let receiver = number(&at_standby, receiver)
                    .await
                    .expect("it receives")
                    .to_string();
                signal("STOP", &receiver);
                eventually("a commit waits for the standby", || async {
                    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
                    number(&at_primary, waiting).await
                })
                .await;
                primary.kill();
                signal("CONT", &receiver);
                standby.promote();
                ordeal.proceeds(1).await;
            })
            .await;
        ordeal.proceeds(200).await;
        let outcome = ordeal.end("a fail-over").await;
        assert_eq!(
            outcome.unlogged, 0,
            "nobody of ours died: the log has every attempt"
        );
    });
}

/// A number that is not 0.
async fn number(connection: &DatabaseConnection, sql: &str) -> Option<i64> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.ok()??;
    row.try_get_by_index::<i64>(0).ok().filter(|number| *number > 0)
}
