//! Opening, migrating from several replicas at once, and the classes of error.

use std::time::Duration;

use sea_orm::sea_query::{ColumnDef, Table};
use sea_orm::{ConnectionTrait, DbErr, TransactionTrait};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};
use watchbell_store::{
    Backend, DatabaseSettings, StoreError, connect, is_transient, is_unique_violation, store_tests,
};

pub(crate) struct OneTable;

struct CreateThings;

impl MigratorTrait for OneTable {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(CreateThings)]
    }
}

impl MigrationName for CreateThings {
    fn name(&self) -> &'static str {
        "m0001_things"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateThings {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("things")
            .col(ColumnDef::new("id").integer().not_null().primary_key());
        manager.create_table(table.take()).await
    }
}

const INSERT: &str = "INSERT INTO things (id) VALUES (1)";

store_tests! {
    async fn replicas_that_start_together_migrate_once(store: Store) {
        let mut replicas = Vec::new();
        for _ in 0..4 {
            let settings = store.settings().clone().with_pool_size(1);
            replicas.push(tokio::spawn(async move {
                let store = connect(&settings).await.unwrap();
                store.migrate::<OneTable>().await.unwrap();
                store.close().await.unwrap();
            }));
        }
        for replica in replicas {
            replica.await.unwrap();
        }
        store.writer().execute_unprepared(INSERT).await.unwrap();
    }

    async fn an_older_release_starts_on_a_newer_schema_unless_it_needs_what_has_gone(store: Store) {
        store.migrate::<OneTable>().await.unwrap();
        let applied = |name: &str| {
            format!("INSERT INTO seaql_migrations (version, applied_at) VALUES ('{name}', 0)")
        };
        let writer = store.writer();
        writer.execute_unprepared(&applied("m0002_from_a_newer_release")).await.unwrap();
        store.migrate::<OneTable>().await.unwrap();
        writer.execute_unprepared(&applied("m0003_drop_it_needs_m0001")).await.unwrap();
        store.migrate::<OneTable>().await.unwrap();
        writer.execute_unprepared(&applied("m0004_drop_more_needs_m0002")).await.unwrap();
        let refused = store.migrate::<OneTable>().await.unwrap_err();
        assert!(matches!(refused, StoreError::Newer { .. }), "{refused}");
    }

    async fn what_one_connection_commits_the_others_read(store: Store) {
        store.migrate::<OneTable>().await.unwrap();
        let transaction = store.begin().await.unwrap();
        transaction.execute_unprepared(INSERT).await.unwrap();
        let count = "SELECT id FROM things";
        let backend = transaction.get_database_backend();
        let select = || sea_orm::Statement::from_string(backend, count);
        assert!(store.reader().query_one_raw(select()).await.unwrap().is_none(), "not committed yet");
        transaction.commit().await.unwrap();
        assert!(store.reader().query_one_raw(select()).await.unwrap().is_some());
    }

    async fn a_taken_key_is_a_unique_violation_and_not_transient(store: Store) {
        store.migrate::<OneTable>().await.unwrap();
        store.writer().execute_unprepared(INSERT).await.unwrap();
        let taken = store.writer().execute_unprepared(INSERT).await.unwrap_err();
        assert!(is_unique_violation(&taken), "{taken}");
        assert!(!is_transient(&taken));
    }

    async fn a_closed_database_is_an_outage(store: Store) {
        let settings = store.settings().clone();
        let other = connect(&settings).await.unwrap();
        other.close().await.unwrap();
        assert!(is_transient(&other.ping().await.unwrap_err()));
        store.ping().await.unwrap();
    }

    async fn readers_of_sqlite_cannot_write(store: Store) {
        store.migrate::<OneTable>().await.unwrap();
        let written = store.reader().execute_unprepared(INSERT).await;
        assert_eq!(written.is_err(), store.backend() == Backend::Sqlite);
    }

    async fn sqlite_is_durable_and_checks_foreign_keys(store: Store) {
        if store.backend() == Backend::Sqlite {
            for (pragma, wanted) in [("journal_mode", "wal"), ("synchronous", "2"), ("foreign_keys", "1")] {
                let asked = sea_orm::Statement::from_string(
                    sea_orm::DbBackend::Sqlite,
                    format!("SELECT CAST({pragma} AS TEXT) AS value FROM pragma_{pragma}"),
                );
                let row = store.writer().query_one_raw(asked).await.unwrap().unwrap();
                assert_eq!(row.try_get::<String>("", "value").unwrap(), wanted, "{pragma}");
            }
        }
    }

    async fn tls_on_loopback_is_only_for_whoever_asks_for_it(store: Store) {
        if store.backend() == Backend::Postgres {
            let asked = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
            let asked = || sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, asked);
            let row = store.reader().query_one_raw(asked()).await.unwrap().unwrap();
            assert!(!row.try_get::<bool>("", "ssl").unwrap());

            let mut settings = store.settings().clone();
            settings.url += "?sslmode=require";
            // A server without TLS says so, which shows as well that it was asked.
            match connect(&settings).await {
                Ok(store) => {
                    let row = store.reader().query_one_raw(asked()).await.unwrap().unwrap();
                    assert!(row.try_get::<bool>("", "ssl").unwrap());
                    store.close().await.unwrap();
                }
                Err(error) => assert!(error.to_string().contains("TLS"), "{error}"),
            }
        }
    }

    async fn of_several_servers_the_first_that_answers_is_used(store: Store) {
        if store.backend() == Backend::Postgres {
            let mut settings = store.settings().clone();
            // Port 1 refuses; nothing listens there.
            settings.url = settings.url.replacen('@', "@127.0.0.1:1,", 1);
            let other = connect(&settings).await.unwrap();
            other.ping().await.unwrap();
            other.close().await.unwrap();
        }
    }

    async fn a_server_that_is_read_only_is_refused(store: Store) {
        if store.backend() == Backend::Postgres {
            let mut settings = store.settings().clone();
            settings.url += "?options=-c%20default_transaction_read_only%3Don";
            let refused = connect(&settings).await.unwrap_err();
            assert!(refused.to_string().contains("is read-only"), "{refused}");
            assert!(refused.is_transient(), "a fail-over may be under way");
        }
    }

    async fn a_connection_to_a_server_that_has_become_read_only_is_not_used_again(store: Store) {
        if store.backend() == Backend::Postgres {
            store.migrate::<OneTable>().await.unwrap();
            let one = connect(&store.settings().clone().with_pool_size(1)).await.unwrap();
            let fence = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";
            one.writer().execute_unprepared(fence).await.unwrap();
            one.writer().execute_unprepared(INSERT).await.unwrap();
            one.close().await.unwrap();
        }
    }

    async fn whoever_stands_still_in_a_transaction_locks_nothing_for_ever(store: Store) {
        if store.backend() == Backend::Postgres {
            let transaction = store.begin().await.unwrap();
            let shown = sea_orm::Statement::from_string(
                sea_orm::DbBackend::Postgres,
                "SHOW idle_in_transaction_session_timeout",
            );
            let row = transaction.query_one_raw(shown).await.unwrap().unwrap();
            assert_eq!(row.try_get_by_index::<String>(0).unwrap(), "3s");
            // The same sooner.
            let sooner = "SET idle_in_transaction_session_timeout = '1ms'";
            transaction.execute_unprepared(sooner).await.unwrap();
            let ended = async {
                loop {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    if let Err(error) = transaction.execute_unprepared("SELECT 1").await {
                        return error;
                    }
                }
            };
            let error = tokio::time::timeout(Duration::from_secs(30), ended).await.unwrap();
            assert!(is_transient(&error), "{error}");
        }
    }

    async fn a_rolled_back_transaction_leaves_nothing(store: Store) {
        store.migrate::<OneTable>().await.unwrap();
        let transaction = store.begin().await.unwrap();
        transaction.execute_unprepared(INSERT).await.unwrap();
        transaction.begin().await.unwrap().commit().await.unwrap();
        transaction.rollback().await.unwrap();
        store.writer().execute_unprepared(INSERT).await.unwrap();
    }
}

/// SQLite ends a transaction by itself when the disk is full. What comes after it must be a transaction of its own, and
/// not a part of one that the driver believes to be open: after a commit that fails, nobody would commit that.
#[tokio::test]
async fn what_is_committed_after_a_full_disk_is_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let settings = DatabaseSettings::sqlite(directory.path().join("w.db"));
    let store = connect(&settings).await.unwrap();
    store.migrate::<OneTable>().await.unwrap();
    let prepare = "CREATE TABLE parts (thing INTEGER REFERENCES things (id) DEFERRABLE INITIALLY DEFERRED);
        CREATE TABLE large (bytes BLOB); PRAGMA max_page_count = 1";
    store.writer().execute_unprepared(prepare).await.unwrap();
    let transaction = store.begin().await.unwrap();
    let large = "INSERT INTO large (bytes) VALUES (zeroblob(1000000))";
    let full = transaction.execute_unprepared(large).await.unwrap_err();
    assert!(is_transient(&full), "{full}");
    drop(transaction);
    let transaction = store.begin().await.unwrap();
    let orphan = "INSERT INTO parts (thing) VALUES (7)";
    transaction.execute_unprepared(orphan).await.unwrap();
    transaction.commit().await.unwrap_err();

    let transaction = store.begin().await.unwrap();
    transaction.execute_unprepared(INSERT).await.unwrap();
    transaction.commit().await.unwrap();
    let found = sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, "SELECT id FROM things");
    let found = store.reader().query_one_raw(found).await.unwrap();
    assert!(found.is_some(), "it was said to be committed");
    store.close().await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn the_sqlite_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new/w.db");
    let store = connect(&DatabaseSettings::sqlite(&path)).await.unwrap();
    store
        .writer()
        .execute_unprepared("CREATE TABLE t (a INTEGER)")
        .await
        .unwrap();
    for (file, mode) in [("new", 0o700), ("new/w.db", 0o600), ("new/w.db-wal", 0o600)] {
        let found = std::fs::metadata(directory.path().join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(found & 0o777, mode, "{file}");
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_transient_and_a_wrong_url_is_not() {
    // Port 1 refuses; nothing listens there.
    let away = DatabaseSettings::postgres("postgres://postgres@127.0.0.1:1/postgres", "away");
    assert!(connect(&away).await.unwrap_err().is_transient());
    let wrong = DatabaseSettings {
        url: "mysql://h/db".to_owned(),
        ..away
    };
    assert!(!connect(&wrong).await.unwrap_err().is_transient());
}
