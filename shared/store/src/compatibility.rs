//! Support for one test of each service: what its last release does still works on the schema that new migrations make.
//! The release is kept as the schema that it made on either database and the statements that it sends to PostgreSQL.

#![allow(clippy::expect_used, reason = "support for tests, which fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, QueryResult, Statement};
use sea_orm_migration::MigratorTrait;

use crate::{Backend, Store};

/// Schema and statements that a release left behind.
#[derive(Debug, Clone, Copy)]
pub struct Released {
    /// SQL that makes its schema on SQLite.
    pub sqlite: &'static str,
    /// The schema on PostgreSQL.
    pub postgres: &'static str,
    /// The statements that it sends to PostgreSQL, each ended by a semicolon and an empty line.
    pub statements: &'static str,
}

/// Tables, as far as an INSERT or UPDATE of an older release depends on them.
#[derive(Debug, Clone, Default)]
struct Shape {
    columns: BTreeMap<(String, String), Column>,
    /// Unique indexes and other constraints, each with its table.
    constraints: BTreeSet<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Column {
    kind: String,
    not_null: bool,
    has_default: bool,
}

/// Makes the release's schema in an empty database, migrates it, and compares.
///
/// # Panics
/// When the release would not work on the new schema.
pub async fn check<M: MigratorTrait>(store: &Store, released: &Released) {
    let made = match store.backend() {
        Backend::Sqlite => released.sqlite,
        Backend::Postgres => released.postgres,
    };
    let writer = store.writer();
    writer
        .execute_unprepared(made)
        .await
        .expect("the released schema");
    let before = Shape::read(store).await;
    store.migrate::<M>().await.expect("the new migrations run on it");
    let after = Shape::read(store).await;
    let mut broken = before.broken_by(&after);
    if store.backend() == Backend::Postgres {
        let statements = released.statements.split(";\n\n").map(str::trim);
        for statement in statements.filter(|statement| !statement.is_empty()) {
            // Only parsed and analysed; the shape covers the rest of an INSERT.
            let transaction = store.begin().await.expect("a transaction");
            let prepare = format!("PREPARE released AS {statement}");
            match transaction.execute_unprepared(&prepare).await {
                // It would outlive the transaction.
                Ok(_) => drop(transaction.execute_unprepared("DEALLOCATE released").await),
                Err(error) => broken.push(format!("{error}: {statement}")),
            }
            transaction.rollback().await.expect("the transaction ends");
        }
    }
    assert!(
        broken.is_empty(),
        "the last release does not work on the new schema (see CONTRIBUTING.md, Databases):\n{}",
        broken.join("\n")
    );
}

// === impl Shape ===

impl Shape {
    async fn read(store: &Store) -> Self {
        let (columns, constraints) = match store.backend() {
            Backend::Sqlite => (
                "SELECT m.name AS t, p.name AS c, p.type AS k, p.\"notnull\" = 1 AS n, p.dflt_value IS NOT NULL AS d
                    FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table'",
                "SELECT m.name AS t, i.name AS c FROM sqlite_master m JOIN pragma_index_list(m.name) i
                    WHERE m.type = 'table' AND i.\"unique\" = 1",
            ),
            Backend::Postgres => (
                "SELECT table_name::text AS t, column_name::text AS c, data_type::text AS k, is_nullable = 'NO' AS n,
                    column_default IS NOT NULL AS d
                    FROM information_schema.columns WHERE table_schema = current_schema()",
                // Not by definitions, which are read of other schemas' indexes, too: those may be dropped meanwhile.
                "SELECT t.relname::text AS t, i.relname::text AS c FROM pg_index x
                    JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
                    WHERE i.relnamespace = current_schema()::regnamespace AND x.indisunique
                UNION SELECT conrelid::regclass::text, conname::text FROM pg_constraint
                    WHERE connamespace = current_schema()::regnamespace AND contype <> 'n'",
            ),
        };
        let text = |row: &QueryResult, name: &str| row.try_get::<String>("", name).expect("a text");
        let flag = |row: &QueryResult, name: &str| row.try_get::<bool>("", name).expect("a flag");
        let ask = async |sql: &str| {
            let statement = Statement::from_string(store.reader().get_database_backend(), sql);
            store
                .reader()
                .query_all_raw(statement)
                .await
                .expect("the catalogue")
        };
        let columns = ask(columns).await;
        let columns = columns.iter().map(|row| {
            let column = Column {
                kind: text(row, "k"),
                not_null: flag(row, "n"),
                has_default: flag(row, "d"),
            };
            ((text(row, "t"), text(row, "c")), column)
        });
        let constraints = ask(constraints).await;
        let constraints = constraints.iter().map(|row| (text(row, "t"), text(row, "c")));
        Self {
            columns: columns.collect(),
            constraints: constraints.collect(),
        }
    }

    /// What a release that knows this shape can no longer do with another.
    fn broken_by(&self, after: &Self) -> Vec<String> {
        let mut broken = Vec::new();
        let tables: BTreeSet<&String> = self.columns.keys().map(|(table, _)| table).collect();
        for ((table, name), old) in &self.columns {
            match after.columns.get(&(table.clone(), name.clone())) {
                None => broken.push(format!("{table}.{name} is gone")),
                Some(new) if new.kind != old.kind => {
                    broken.push(format!("{table}.{name} was {} and is {}", old.kind, new.kind));
                }
                Some(new) if new.not_null && !old.not_null => {
                    broken.push(format!("{table}.{name} cannot be NULL any more"));
                }
                Some(new) if old.has_default && !new.has_default => {
                    broken.push(format!("{table}.{name} has no default any more"));
                }
                Some(_) => {}
            }
        }
        for ((table, name), new) in &after.columns {
            let added = !self.columns.contains_key(&(table.clone(), name.clone()));
            if added && tables.contains(table) && new.not_null && !new.has_default {
                broken.push(format!(
                    "{table}.{name} is new, and neither nullable nor has a default"
                ));
            }
        }
        let added = after.constraints.difference(&self.constraints);
        for (table, name) in added.filter(|(table, _)| tables.contains(table)) {
            broken.push(format!("{name} is a new constraint of {table}"));
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(columns: &[(&str, &str, bool, bool)]) -> Shape {
        let columns = columns.iter().map(|(name, kind, not_null, has_default)| {
            let column = Column {
                kind: (*kind).to_owned(),
                not_null: *not_null,
                has_default: *has_default,
            };
            (("things".to_owned(), (*name).to_owned()), column)
        });
        Shape {
            columns: columns.collect(),
            ..Shape::default()
        }
    }

    #[test]
    fn what_only_adds_breaks_nothing() {
        let before = shape(&[("id", "uuid", true, false)]);
        let mut after = shape(&[
            ("id", "uuid", true, false),
            ("nullable", "text", false, false),
            ("given", "text", true, true),
        ]);
        let column = after.columns[&("things".to_owned(), "id".to_owned())].clone();
        after.columns.insert(("more".to_owned(), "id".to_owned()), column);
        after.constraints.insert(("more".to_owned(), "unique".to_owned()));
        assert_eq!(before.broken_by(&after), Vec::<String>::new());
    }

    #[test]
    fn what_an_older_release_trips_over_is_named() {
        let before = shape(&[
            ("gone", "uuid", true, false),
            ("other", "uuid", true, false),
            ("strict", "text", false, false),
            ("bare", "text", true, true),
        ]);
        let mut after = shape(&[
            ("other", "text", true, false),
            ("strict", "text", true, true),
            ("bare", "text", true, false),
            ("new", "text", true, false),
        ]);
        after
            .constraints
            .insert(("things".to_owned(), "unique".to_owned()));
        assert_eq!(
            before.broken_by(&after),
            [
                "things.bare has no default any more",
                "things.gone is gone",
                "things.other was uuid and is text",
                "things.strict cannot be NULL any more",
                "things.new is new, and neither nullable nor has a default",
                "unique is a new constraint of things",
            ]
        );
    }
}
