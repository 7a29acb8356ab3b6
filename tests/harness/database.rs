//! The database of a test: a directory of SQLite files, or schemas of a PostgreSQL that are dropped afterwards.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

use futures::FutureExt as _;
use sea_orm::ConnectionTrait as _;
use tempfile::TempDir;
use watchbell_store::testing;

use super::Cluster;

/// Where the processes of one test keep their rows, and their data directory.
pub(crate) struct Database {
    directory: Arc<TempDir>,
    postgres: Option<(String, String)>,
}

impl Database {
    /// The data directory.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The URL of the PostgreSQL and what the names of the schemas begin with, if it is one.
    pub(crate) fn postgres(&self) -> Option<(&str, &str)> {
        self.postgres
            .as_ref()
            .map(|(url, schema)| (url.as_str(), schema.as_str()))
    }

    /// Another database of the same cluster and data directory.
    pub(crate) async fn another(&self, cluster: &Cluster, name: &str) -> Self {
        let administrator = cluster.administrator().await;
        administrator
            .execute_unprepared(&format!("CREATE DATABASE {name}"))
            .await
            .expect("a database can be made");
        let (url, schema) = self.postgres.as_ref().expect("it is PostgreSQL");
        let url = url.strip_suffix("/postgres").expect("the first database");
        Self {
            directory: Arc::clone(&self.directory),
            postgres: Some((format!("{url}/{name}"), schema.clone())),
        }
    }

    /// The flags that lead `serve` to it.
    pub(crate) fn flags(&self) -> Vec<String> {
        let mut flags = vec![
            "--data-dir".to_owned(),
            self.directory.path().display().to_string(),
        ];
        if let Some((url, schema)) = &self.postgres {
            flags.extend([
                "--database".to_owned(),
                url.clone(),
                "--schema".to_owned(),
                schema.clone(),
            ]);
        }
        flags
    }
}

/// Runs `test` on SQLite files of its own.
pub(crate) fn on_sqlite<F: Future<Output = ()>>(test: impl FnOnce(Database) -> F) {
    runtime().block_on(test(Database {
        directory: directory(),
        postgres: None,
    }));
}

/// Runs `test` in schemas of its own, on the PostgreSQL for tests.
pub(crate) fn on_postgres<F: Future<Output = ()>>(test: impl FnOnce(Database) -> F) {
    runtime().block_on(async {
        let Some((url, admin)) = testing::postgres().await else {
            return;
        };
        let schema = format!("wbb_{}", uuid::Uuid::new_v4().simple());
        let database = Database {
            directory: directory(),
            postgres: Some((url, schema.clone())),
        };
        let outcome = AssertUnwindSafe(test(database)).catch_unwind().await;
        for service in ["config", "dispatcher", "digest"] {
            let drop = format!("DROP SCHEMA IF EXISTS \"{schema}_{service}\" CASCADE");
            admin
                .execute_unprepared(&drop)
                .await
                .expect("the test's schemas are dropped");
        }
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

/// Runs `test` on a PostgreSQL of its own, which it may stop.
pub(crate) fn on_cluster(test: impl AsyncFnOnce(&Cluster, &Database)) {
    let Some(cluster) = Cluster::start() else { return };
    let database = Database {
        directory: directory(),
        postgres: Some((cluster.url(), "wbb".to_owned())),
    };
    runtime().block_on(test(&cluster, &database));
}

/// Runs `test` on a PostgreSQL of its own and a standby of that, of which it may stop either.
pub(crate) fn on_pair(test: impl AsyncFnOnce(&Cluster, &Cluster, &Database)) {
    let Some(primary) = Cluster::start() else { return };
    let standby = primary.standby();
    let (first, second) = (primary.port(), standby.port());
    let database = Database {
        directory: directory(),
        postgres: Some((
            format!("postgres://postgres@127.0.0.1:{first},127.0.0.1:{second}/postgres"),
            "wbb".to_owned(),
        )),
    };
    runtime().block_on(test(&primary, &standby, &database));
}

fn directory() -> Arc<TempDir> {
    let directory = tempfile::Builder::new()
        .prefix("watchbell-blackbox-")
        .tempdir()
        .expect("a temporary directory");
    Arc::new(directory)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts")
}

/// Makes of each test two: one on SQLite, one on PostgreSQL.
macro_rules! on_both_databases {
    ($($(#[$meta:meta])* async fn $name:ident($database:ident: Database) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn body($database: $crate::harness::Database) $body

            $(#[$meta])*
            #[test]
            fn sqlite() {
                $crate::harness::database::on_sqlite(body);
            }

            $(#[$meta])*
            #[test]
            fn postgres() {
                $crate::harness::database::on_postgres(body);
            }
        }
    )+};
}
pub(crate) use on_both_databases;
