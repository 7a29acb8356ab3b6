//! `kill -9` at random moments, of any process and while it starts too, under load. `WATCHBELL_TEST_KILLS` says how
//! many; `WATCHBELL_TEST_SEED` repeats a run's choices, though not its timing.

use std::io::Write as _;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::harness::{CONCURRENCY, Database, Ordeal, Platform};

const KILLS: u32 = 50;
/// What may be between its request and its commit when a process dies: the attempts of both lanes, and those that ended
/// while a commit was under way, which in a debug build on a busy machine takes as long as some attempts.
const IN_FLIGHT: usize = 2 * CONCURRENCY * 12;

#[test]
fn one_process_on_sqlite() {
    crate::harness::database::on_sqlite(|database| async move {
        let platform = Platform::whole(&database).await;
        survives("one process on SQLite", &database, platform).await;
    });
}

#[test]
fn a_process_for_each_service_on_sqlite() {
    crate::harness::database::on_sqlite(|database| async move {
        let platform = Platform::split(&database, 2, 1, |_, serve| serve).await;
        survives("four processes on SQLite", &database, platform).await;
    });
}

#[test]
fn replicas_on_postgres() {
    crate::harness::database::on_postgres(|database| async move {
        let platform = Platform::split(&database, 2, 2, |_, serve| serve).await;
        survives("five processes on PostgreSQL", &database, platform).await;
    });
}

async fn survives(what: &str, database: &Database, platform: Platform) {
    let seed = set("WATCHBELL_TEST_SEED").unwrap_or_else(rand::random);
    // Past the capture: whoever waits in vain wants to know as well.
    let _ = writeln!(std::io::stderr(), "kills, {what}: WATCHBELL_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut ordeal = Ordeal::begin(database, platform).await;
    let mut last = 0;
    for _ in 0..set("WATCHBELL_TEST_KILLS").unwrap_or(KILLS) {
        let victim = if random.random_bool(0.25) {
            // Very likely it is still starting.
            tokio::time::sleep(Duration::from_millis(random.random_range(0..400))).await;
            last
        } else {
            ordeal.proceeds(random.random_range(1..150)).await;
            random.random_range(0..ordeal.platform.len())
        };
        if ordeal.platform.indices("dispatcher").contains(&victim) {
            ordeal.fault(async |ordeal| ordeal.platform.kill(victim)).await;
        } else {
            ordeal.platform.kill(victim);
        }
        last = victim;
    }
    let outcome = ordeal.end(&format!("kills, {what}")).await;
    assert!(
        outcome.most <= IN_FLIGHT,
        "{} arrived again at one kill",
        outcome.most
    );
    if database.postgres().is_none() {
        // Nobody takes anything over from a living process: what arrived again had not been committed.
        assert_eq!(outcome.again, outcome.unlogged);
    }
}

fn set<T: std::str::FromStr>(variable: &str) -> Option<T> {
    let value = std::env::var(variable).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is not a number: {value}")),
    )
}
