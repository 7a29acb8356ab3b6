use std::path::Path;

use rusqlite::Connection;
use sea_orm::ConnectionTrait as _;
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;
use uuid::Uuid;

use super::{CopiedTable, StoreCopy, copy_to_postgres};
use crate::testing;
use crate::{DatabaseSettings, Store, connect};

/// A column of each type, a table that refers to another, a serial number, and a row of a migration.
struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Tables)]
    }
}

struct Tables;

impl MigrationName for Tables {
    fn name(&self) -> &'static str {
        "m0001_tables"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Tables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let [uuid, bytes, time, serial] = match connection.get_database_backend() {
            DbBackend::Postgres => ["UUID", "BYTEA", "TIMESTAMPTZ", "BIGSERIAL PRIMARY KEY"],
            _ => ["BLOB", "BLOB", "TEXT", "INTEGER PRIMARY KEY AUTOINCREMENT"],
        };
        for sql in [
            format!("CREATE TABLE zoos (id {uuid} PRIMARY KEY, opened {time}, open BOOLEAN NOT NULL)"),
            format!(
                "CREATE TABLE animals (number {serial}, zoo {uuid} NOT NULL REFERENCES zoos (id), name VARCHAR NOT NULL,
                    about TEXT, photo {bytes}, legs SMALLINT, hairs BIGINT, age INTEGER)"
            ),
            "CREATE TABLE clock (id INTEGER PRIMARY KEY, ticks BIGINT NOT NULL)".to_owned(),
            "INSERT INTO clock VALUES (1, 0)".to_owned(),
        ] {
            connection.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}

const ZOO: Uuid = Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);

/// A store with a few rows, which is closed.
async fn filled(directory: &Path) -> StoreCopy {
    let file = directory.join("zoo.db");
    let store = connect(&DatabaseSettings::sqlite(&file)).await.unwrap();
    store.migrate::<Migrator>().await.unwrap();
    store.close().await.unwrap();
    let connection = Connection::open(&file).unwrap();
    let zoo = ZOO.as_bytes().to_vec();
    connection
        .execute(
            "INSERT INTO zoos VALUES (?1, '2026-11-21T09:00:00.123456+00:00', 1)",
            [&zoo],
        )
        .unwrap();
    connection
        .execute("UPDATE clock SET ticks = 9007199254740993", [])
        .unwrap();
    let animal = "INSERT INTO animals (zoo, name, about, photo, legs, hairs, age) VALUES (?1, ?2, ?3, ?4, 4, ?5, NULL)";
    connection
        .execute(
            animal,
            (
                &zoo,
                "Zoë “Z” \\ \u{1f993}",
                "{\"stripes\": 0}",
                [0_u8, 255, 39].as_slice(),
                i64::MAX,
            ),
        )
        .unwrap();
    // More than one statement writes.
    for _ in 0..4 {
        connection
            .execute(
                animal,
                (&zoo, "Nobody", "x".repeat(800_000), None::<Vec<u8>>, None::<i64>),
            )
            .unwrap();
    }
    connection
        .execute("DELETE FROM animals WHERE number = 5", [])
        .unwrap();
    StoreCopy::new::<Migrator>(file, String::new())
}

/// Copies into a schema of its own, which `check` may look at.
async fn with_copy(check: impl AsyncFnOnce(&str, StoreCopy)) {
    let Some((url, admin)) = testing::postgres().await else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let schema = format!("wbt_{}", Uuid::new_v4().simple());
    let copy = StoreCopy {
        schema: schema.clone(),
        ..filled(directory.path()).await
    };
    check(&url, copy).await;
    let drop = format!("DROP SCHEMA IF EXISTS \"{schema}\" CASCADE");
    admin.execute_unprepared(&drop).await.unwrap();
}

async fn opened(url: &str, copy: &StoreCopy) -> Store {
    connect(&DatabaseSettings::postgres(url, &copy.schema))
        .await
        .unwrap()
}

async fn text(store: &Store, sql: &str) -> String {
    let rows = store
        .reader()
        .query_all_raw(sea_orm::Statement::from_string(DbBackend::Postgres, sql))
        .await
        .unwrap();
    let rows = rows.iter().map(|row| row.try_get_by_index::<String>(0).unwrap());
    rows.collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn every_type_arrives_as_it_was_and_numbers_go_on() {
    with_copy(async |url, copy| {
        let mut told = Vec::new();
        let copied = copy_to_postgres(std::slice::from_ref(&copy), url, |table, rows| told.push((table.to_owned(), rows))).await;
        let rows = |table: &str, rows| CopiedTable { schema: copy.schema.clone(), table: table.to_owned(), rows };
        assert_eq!(copied.unwrap(), [rows("zoos", 1), rows("animals", 4), rows("clock", 1)]);
        assert_eq!(told.iter().filter(|(table, _)| table == "animals").count(), 2, "{told:?}");
        let store = opened(url, &copy).await;
        let zoos = text(&store, "SELECT concat_ws(' ', id, opened AT TIME ZONE 'UTC', open) FROM zoos").await;
        assert_eq!(zoos, format!("{ZOO} 2026-11-21 09:00:00.123456 t"));
        let first = text(&store, "SELECT concat_ws('|', number, zoo, name, about, photo, legs, hairs, age IS NULL) FROM animals WHERE number = 1");
        assert_eq!(
            first.await,
            format!("1|{ZOO}|Zoë “Z” \\ \u{1f993}|{{\"stripes\": 0}}|\\x00ff27|4|9223372036854775807|t")
        );
        assert_eq!(text(&store, "SELECT string_agg(ticks::text, ',') FROM clock").await, "9007199254740993");
        let next = format!("INSERT INTO animals (zoo, name) VALUES ('{ZOO}', 'Next') RETURNING number::text");
        assert_eq!(text(&store, &next).await, "6", "5 is gone, and is not given out again");
        store.migrate::<Migrator>().await.unwrap();
        store.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn nothing_is_overwritten_and_a_copy_that_fails_leaves_nothing() {
    with_copy(async |url, copy| {
        Connection::open(&copy.file)
            .unwrap()
            .execute(
                "UPDATE animals SET about = CAST(X'00' AS TEXT) WHERE number = 3",
                [],
            )
            .unwrap();
        let refused = copy_to_postgres(std::slice::from_ref(&copy), url, |_, _| ())
            .await
            .unwrap_err()
            .to_string();
        assert!(refused.starts_with("the table animals: "), "{refused}");
        Connection::open(&copy.file)
            .unwrap()
            .execute("UPDATE animals SET about = ''", [])
            .unwrap();
        copy_to_postgres(std::slice::from_ref(&copy), url, |_, _| ())
            .await
            .unwrap();
        let again = copy_to_postgres(std::slice::from_ref(&copy), url, |_, _| ())
            .await
            .unwrap_err()
            .to_string();
        assert!(
            again.starts_with(&format!("the schema {} has tables already", copy.schema)),
            "{again}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_store_in_use_or_of_another_release_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let copy = filled(directory.path()).await;
    let refused = async |copy: &StoreCopy| {
        let copied = copy_to_postgres(
            std::slice::from_ref(copy),
            "postgres://127.0.0.1:1/none",
            |_, _| (),
        )
        .await;
        copied.unwrap_err().to_string()
    };
    let file = copy.file.display().to_string();
    let server = connect(&DatabaseSettings::sqlite(&copy.file)).await.unwrap();
    assert_eq!(
        refused(&copy).await,
        format!("{file} is in use: stop the server that has it open")
    );
    server.close().await.unwrap();

    let change = |sql: &str| Connection::open(&copy.file).unwrap().execute(sql, []).unwrap();
    change("INSERT INTO seaql_migrations VALUES ('m0002_later', 0)");
    assert!(
        refused(&copy)
            .await
            .contains("is of a newer release, which has m0002_later")
    );
    change("DELETE FROM seaql_migrations");
    assert!(
        refused(&copy)
            .await
            .contains("is of an older release, which does not know m0001_tables")
    );
    let absent = StoreCopy {
        file: directory.path().join("none.db"),
        ..copy.clone()
    };
    assert!(refused(&absent).await.starts_with("there is no "));
}
