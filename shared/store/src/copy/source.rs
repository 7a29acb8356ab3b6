//! The side that is read: a SQLite file that nobody else has open.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _};
use sea_orm_migration::MigrationTrait;

use super::error::CopyError;
use super::target::{MIGRATIONS, Table};

/// About the size of what is written by one statement; one row may be larger.
const BATCH_BYTES: usize = 1 << 20;

/// A SQLite file in a transaction that keeps everybody else out.
pub(super) struct Source {
    path: PathBuf,
    connection: Connection,
}

/// Rows of a table, as an array of JSON objects.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) json: String,
    pub(super) rows: u64,
}

// === impl Batch ===

impl Batch {
    fn push(&mut self, row: &str) {
        self.json.push(if self.rows == 0 { '[' } else { ',' });
        self.json.push_str(row);
        self.rows += 1;
    }

    fn end(mut self) -> Self {
        self.json.push(']');
        self
    }
}

/// Opens the file for this process alone.
fn lock(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::ZERO)?;
    // With WAL this alone finds others who have the file open, who hold a shared lock for as long.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.execute_batch("BEGIN EXCLUSIVE")?;
    Ok(connection)
}

// === impl Source ===

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, CopyError> {
        if !path.exists() {
            return Err(CopyError::Absent(path.to_owned()));
        }
        match lock(path) {
            Ok(connection) => Ok(Self {
                path: path.to_owned(),
                connection,
            }),
            Err(rusqlite::Error::SqliteFailure(error, _)) if error.code == ErrorCode::DatabaseBusy => {
                Err(CopyError::InUse(path.to_owned()))
            }
            Err(error) => Err(CopyError::Sqlite {
                path: path.to_owned(),
                error,
            }),
        }
    }

    /// Whether its tables were made by exactly these migrations.
    pub(super) fn check_migrations(&self, own: &[Box<dyn MigrationTrait>]) -> Result<(), CopyError> {
        let applied = self.texts(&format!("SELECT version FROM {MIGRATIONS}"))?;
        let own: BTreeSet<String> = own.iter().map(|migration| migration.name().to_owned()).collect();
        let path = self.path.clone();
        if let Some(newer) = applied.difference(&own).next() {
            let migration = newer.clone();
            return Err(CopyError::Newer { path, migration });
        }
        match own.difference(&applied).next() {
            Some(missing) => Err(CopyError::Older {
                path,
                migration: missing.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Whether it has these tables with their columns, and no others.
    pub(super) fn check_tables(&self, tables: &[Table]) -> Result<(), CopyError> {
        let differs = |table: &str| CopyError::Differs {
            path: self.path.clone(),
            table: table.to_owned(),
        };
        let own = self.texts(&format!(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> '{MIGRATIONS}'"
        ))?;
        let names: BTreeSet<String> = tables.iter().map(|table| table.name.clone()).collect();
        if let Some(name) = own.symmetric_difference(&names).next() {
            return Err(differs(name));
        }
        for table in tables {
            let own = self.texts(&format!("SELECT name FROM pragma_table_info('{}')", table.name))?;
            if own != table.columns.keys().cloned().collect() {
                return Err(differs(&table.name));
            }
        }
        Ok(())
    }

    /// Hands its rows to `write` in batches, for as long as that wants them.
    pub(super) fn read(&self, table: &Table, mut write: impl FnMut(Batch) -> bool) -> Result<(), CopyError> {
        let mut batch = Batch::default();
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = self.connection.prepare(&table.select())?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                batch.push(row.get_ref(0)?.as_str()?);
                if batch.json.len() >= BATCH_BYTES && !write(std::mem::take(&mut batch).end()) {
                    return Ok(());
                }
            }
            if batch.rows > 0 {
                write(std::mem::take(&mut batch).end());
            }
            Ok(())
        };
        read().map_err(|error| self.failed(error))
    }

    pub(super) fn count(&self, table: &Table) -> Result<u64, CopyError> {
        let count = format!("SELECT count(*) FROM \"{}\"", table.name);
        let count: i64 = self
            .connection
            .query_row(&count, [], |row| row.get(0))
            .map_err(|error| self.failed(error))?;
        Ok(count.unsigned_abs())
    }

    /// The last number that a table with a serial column gave out, which may be of a row that is gone.
    pub(super) fn last_serial(&self, table: &Table) -> Result<i64, CopyError> {
        if table.serial.is_none() {
            return Ok(0);
        }
        let last = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
        let last = self
            .connection
            .query_row(last, [&table.name], |row| row.get(0))
            .optional();
        Ok(last.map_err(|error| self.failed(error))?.unwrap_or(0))
    }

    fn texts(&self, sql: &str) -> Result<BTreeSet<String>, CopyError> {
        let read = || -> rusqlite::Result<BTreeSet<String>> {
            let mut statement = self.connection.prepare(sql)?;
            let texts = statement.query_map([], |row| row.get(0))?;
            texts.collect()
        };
        read().map_err(|error| self.failed(error))
    }

    fn failed(&self, error: rusqlite::Error) -> CopyError {
        CopyError::Sqlite {
            path: self.path.clone(),
            error,
        }
    }
}
