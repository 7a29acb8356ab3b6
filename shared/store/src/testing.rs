//! One test, two databases. [`store_tests!`](crate::store_tests) turns `async fn name(store: Store)` into
//! `name::sqlite` and `name::postgres`, each with a database of its own that is gone afterwards.
//!
//! PostgreSQL is the one of `WATCHBELL_TEST_POSTGRES` (a URL), else 127.0.0.1:5432 as `postgres` when that
//! answers. Without it the PostgreSQL half says so and passes, unless `WATCHBELL_REQUIRE_POSTGRES=1`.

#![allow(clippy::expect_used, reason = "support for tests, which fail by panicking")]

use std::future::Future;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;

use futures::FutureExt;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use uuid::Uuid;

use crate::{DatabaseSettings, Store, connect};

/// Small, because many tests share one server.
const POOL: u32 = 4;

/// A migrator without migrations, for tests that make their own tables.
#[derive(Debug)]
pub struct NoMigrations;

impl MigratorTrait for NoMigrations {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        Vec::new()
    }
}

/// Makes each `async fn name(store: Store) { … }` two tests, `name::sqlite` and `name::postgres`.
///
/// ```ignore
/// watchbell_store::store_tests! {
///     migrator = Migrator;
///
///     async fn a_team_is_found_again(store: Store) { … }
/// }
/// ```
#[macro_export]
macro_rules! store_tests {
    (migrator = $migrator:ty; $( $(#[$meta:meta])* async fn $name:ident($store:ident: Store) $body:block )+) => {
        $(
            mod $name {
                #[allow(unused_imports)]
                use super::*;

                async fn body($store: $crate::Store) $body

                #[test]
                $(#[$meta])*
                fn sqlite() {
                    $crate::testing::on_sqlite::<$migrator, _>(body);
                }

                #[test]
                $(#[$meta])*
                fn postgres() {
                    $crate::testing::on_postgres::<$migrator, _>(body);
                }
            }
        )+
    };
    ($( $(#[$meta:meta])* async fn $name:ident($store:ident: Store) $body:block )+) => {
        $crate::store_tests! {
            migrator = $crate::testing::NoMigrations;
            $( $(#[$meta])* async fn $name($store: Store) $body )+
        }
    };
}

/// Runs `test` on a fresh SQLite file.
///
/// # Panics
/// When the test does, or when the database cannot be made.
pub fn on_sqlite<M: MigratorTrait, F: Future<Output = ()>>(test: impl FnOnce(Store) -> F) {
    runtime().block_on(async {
        let directory = TempDirectory::new();
        let settings = DatabaseSettings::sqlite(directory.0.join("test.db")).with_pool_size(POOL);
        run::<M, F>(&settings, test)
            .await
            .unwrap_or_else(|panic| resume_unwind(panic));
    });
}

/// Runs `test` in a fresh schema of the PostgreSQL for tests; see the module for which, and what when there is none.
///
/// # Panics
/// When the test does, when the schema cannot be made, or when PostgreSQL is required and absent.
pub fn on_postgres<M: MigratorTrait, F: Future<Output = ()>>(test: impl FnOnce(Store) -> F) {
    runtime().block_on(async {
        let Some((url, admin)) = postgres().await else {
            return;
        };
        let schema = format!("wbt_{}", Uuid::new_v4().simple());
        let settings = DatabaseSettings::postgres(url, &schema).with_pool_size(POOL);
        let outcome = run::<M, F>(&settings, test).await;
        admin
            .execute_unprepared(&format!("DROP SCHEMA IF EXISTS \"{schema}\" CASCADE"))
            .await
            .expect("the test's schema is dropped");
        admin
            .close()
            .await
            .expect("the administrator's connection closes");
        outcome.unwrap_or_else(|panic| resume_unwind(panic));
    });
}

async fn run<M: MigratorTrait, F: Future<Output = ()>>(
    settings: &DatabaseSettings,
    test: impl FnOnce(Store) -> F,
) -> std::thread::Result<()> {
    let store = connect(settings).await.expect("the test's database opens");
    store.migrate::<M>().await.expect("the migrations run");
    let outcome = AssertUnwindSafe(test(store.clone())).catch_unwind().await;
    // After a failure, a transaction may still hold the only writer; closing would wait for it.
    if outcome.is_ok() {
        store.close().await.expect("the test's database closes");
    }
    outcome
}

/// The URL of the PostgreSQL for tests and a connection to it, or `None` after saying that there is none.
///
/// # Panics
/// When PostgreSQL is required and absent.
pub async fn postgres() -> Option<(String, DatabaseConnection)> {
    let given = std::env::var("WATCHBELL_TEST_POSTGRES")
        .ok()
        .filter(|url| !url.is_empty());
    let required =
        given.is_some() || std::env::var("WATCHBELL_REQUIRE_POSTGRES").is_ok_and(|flag| flag == "1");
    let url = given.unwrap_or_else(|| "postgres://postgres@127.0.0.1:5432/postgres".to_owned());
    if !required && !answers() {
        say_not_run();
        return None;
    }
    let mut options = ConnectOptions::new(&url);
    options
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(10))
        .sqlx_logging(false);
    match Database::connect(options).await {
        Ok(admin) => Some((url, admin)),
        Err(error) => {
            assert!(!required, "PostgreSQL is required and does not answer: {error}");
            say_not_run();
            None
        }
    }
}

/// Whether anything listens where a PostgreSQL would.
fn answers() -> bool {
    let address = SocketAddr::from(([127, 0, 0, 1], 5432));
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// Once in a process, and past the capture of what passing tests print.
fn say_not_run() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        let _ = writeln!(
            std::io::stderr(),
            "NOT RUN on PostgreSQL: nothing answers at 127.0.0.1:5432 and WATCHBELL_TEST_POSTGRES is unset"
        );
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts")
}

struct TempDirectory(PathBuf);

impl TempDirectory {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("watchbell-{}", Uuid::new_v4().simple())))
    }
}

impl Drop for TempDirectory {
    fn drop(&mut self) {
        // What is left behind lies in the temporary directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
