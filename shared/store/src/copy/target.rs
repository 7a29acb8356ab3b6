//! The side that is written: new schemas of a PostgreSQL, in one transaction.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult, Statement, Value};
use sea_orm_migration::{MigrationTrait, MigratorTraitSelf as _};

use super::error::CopyError;
use crate::migrate::Tolerant;
use crate::postgres::advisory_lock;
use crate::{DatabaseSettings, Location, connect};

/// The table of the migrations that were applied, which is not copied: they were applied here, too.
pub(super) const MIGRATIONS: &str = "seaql_migrations";

/// A table to copy.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) schema: String,
    pub(super) name: String,
    /// Its columns, and how SQLite says each as JSON.
    pub(super) columns: BTreeMap<String, String>,
    /// The sequence that numbers its rows.
    pub(super) serial: Option<String>,
}

/// The transaction.
pub(super) struct Target(DatabaseTransaction);

// === impl Table ===

impl Table {
    /// What reads its rows as JSON objects.
    pub(super) fn select(&self) -> String {
        let fields = self
            .columns
            .iter()
            .map(|(name, value)| format!("'{name}', {value}"));
        let fields = fields.collect::<Vec<_>>().join(", ");
        format!("SELECT json_object({fields}) FROM \"{}\"", self.name)
    }

    /// Its name as SQL has it.
    fn quoted(&self) -> String {
        format!("\"{}\".\"{}\"", self.schema, self.name)
    }
}

/// How SQLite says a column as JSON that PostgreSQL reads as this type.
fn as_json(column: &str, kind: &str) -> Option<String> {
    let column = format!("\"{column}\"");
    match kind {
        "text" | "varchar" | "bool" | "int2" | "int4" | "int8" | "timestamptz" => Some(column),
        "uuid" => Some(format!("iif({column} IS NULL, NULL, hex({column}))")),
        "bytea" => Some(format!("iif({column} IS NULL, NULL, '\\x' || hex({column}))")),
        _ => None,
    }
}

// === impl Target ===

impl Target {
    /// Begins, and makes the schemas that are absent.
    pub(super) async fn begin(url: &str, schemas: impl IntoIterator<Item = &str>) -> Result<Self, CopyError> {
        let mut target = None;
        for schema in schemas {
            let settings = DatabaseSettings::postgres(url, schema).with_pool_size(1);
            let Location::Postgres { schema, .. } = settings.location()? else {
                return Err(CopyError::NotPostgres);
            };
            let target = match &target {
                Some(target) => target,
                None => target.insert(Self(connect(&settings).await?.begin().await?)),
            };
            // As every service does when it migrates, so that none starts meanwhile.
            advisory_lock(&target.0, &schema).await?;
            target
                .run(&format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\""))
                .await?;
        }
        let target = target.ok_or(CopyError::NotPostgres)?;
        // Reading may take its time.
        target
            .run("SET LOCAL idle_in_transaction_session_timeout = 0")
            .await?;
        Ok(target)
    }

    /// Makes the tables of a store, in a schema that has none, and empties them of what migrations put there.
    pub(super) async fn make_tables(
        &self,
        schema: &str,
        migrations: fn() -> Vec<Box<dyn MigrationTrait>>,
    ) -> Result<Vec<Table>, CopyError> {
        if !self.tables(schema).await?.is_empty() {
            return Err(CopyError::NotEmpty(schema.to_owned()));
        }
        self.run(&format!("SET LOCAL search_path TO \"{schema}\""))
            .await?;
        Tolerant::new(migrations).up(&self.0, None).await?;
        let mut tables = Vec::new();
        for name in self.tables(schema).await? {
            if name != MIGRATIONS {
                tables.push(self.table(schema, name).await?);
            }
        }
        let names = tables.iter().map(Table::quoted).collect::<Vec<_>>().join(", ");
        self.run(&format!("TRUNCATE {names}")).await?;
        Ok(tables)
    }

    /// In the order in which they were made: a table comes after those that its rows refer to.
    async fn tables(&self, schema: &str) -> Result<Vec<String>, DbErr> {
        let sql =
            "SELECT c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') ORDER BY c.oid";
        let rows = self.query(sql, vec![schema.into()]).await?;
        rows.iter().map(|row| row.try_get("", "name")).collect()
    }

    async fn table(&self, schema: &str, name: String) -> Result<Table, CopyError> {
        let mut table = Table {
            schema: schema.to_owned(),
            name,
            columns: BTreeMap::new(),
            serial: None,
        };
        let sql = "SELECT a.attname::text AS name, t.typname::text AS kind, pg_get_serial_sequence($1, a.attname) AS serial
            FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
            WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped";
        for row in self.query(sql, vec![table.quoted().into()]).await? {
            let (column, kind): (String, String) = (row.try_get("", "name")?, row.try_get("", "kind")?);
            if let Some(serial) = row.try_get("", "serial")? {
                table.serial = Some(serial);
            }
            let Some(value) = as_json(&column, &kind) else {
                let table = table.name;
                return Err(CopyError::Type { table, column, kind });
            };
            table.columns.insert(column, value);
        }
        Ok(table)
    }

    /// Writes an array of rows.
    pub(super) async fn insert(&self, table: &Table, rows: &str) -> Result<(), CopyError> {
        let name = table.quoted();
        let sql = format!("INSERT INTO {name} SELECT * FROM json_populate_recordset(NULL::{name}, $1::json)");
        let inserted = self.0.execute_raw(statement(&sql, vec![rows.into()])).await;
        inserted.map(drop).map_err(|error| CopyError::Rows {
            table: table.name.clone(),
            error,
        })
    }

    /// Ends a table that has `source_rows` rows in SQLite, where the last number given out is `last_serial`.
    pub(super) async fn end(
        &self,
        table: &Table,
        source_rows: u64,
        last_serial: i64,
    ) -> Result<(), CopyError> {
        let name = table.quoted();
        let count = self
            .query(&format!("SELECT count(*) AS count FROM {name}"), vec![])
            .await?;
        let target_rows = match count.first() {
            Some(row) => row.try_get::<i64>("", "count")?.unsigned_abs(),
            None => 0,
        };
        if target_rows != source_rows {
            return Err(CopyError::Miscounted {
                table: table.name.clone(),
                source_rows,
                target_rows,
            });
        }
        if let (Some(serial), 1..) = (&table.serial, last_serial) {
            let values = vec![serial.as_str().into(), last_serial.into()];
            self.query("SELECT setval($1::regclass, $2)", values).await?;
        }
        // The planner knows nothing of new tables.
        Ok(self.run(&format!("ANALYZE {name}")).await?)
    }

    pub(super) async fn commit(self) -> Result<(), CopyError> {
        Ok(self.0.commit().await?)
    }

    async fn query(&self, sql: &str, values: Vec<Value>) -> Result<Vec<QueryResult>, DbErr> {
        self.0.query_all_raw(statement(sql, values)).await
    }

    async fn run(&self, sql: &str) -> Result<(), DbErr> {
        self.0.execute_unprepared(sql).await.map(drop)
    }
}

fn statement(sql: &str, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}
