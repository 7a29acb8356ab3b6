//! Copies of SQLite stores in PostgreSQL, as they are: ids, sealed secrets, times and cursors stay what they were. The files
//! are locked meanwhile, so that what is read is one state of all of them; everything is written in one transaction, so
//! that a copy that fails leaves nothing behind.
//!
//! It knows no table: rows go from SQLite to PostgreSQL as JSON, and PostgreSQL reads each column by its own type.

mod error;
mod source;
mod target;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use sea_orm_migration::{MigrationTrait, MigratorTrait};
use tokio::sync::mpsc;

pub use error::CopyError;
use source::{Batch, Source};
use target::{Table, Target};

/// Batches that have been read and are not written yet.
const READ_AHEAD: usize = 2;

/// The SQLite file of a service, and the schema that it is copied to.
#[derive(Debug, Clone)]
pub struct StoreCopy {
    file: PathBuf,
    schema: String,
    migrations: fn() -> Vec<Box<dyn MigrationTrait>>,
}

/// A table that was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedTable {
    /// The schema in PostgreSQL.
    pub schema: String,
    /// The table.
    pub table: String,
    /// Its rows, counted on both sides.
    pub rows: u64,
}

// === impl StoreCopy ===

impl StoreCopy {
    /// A store with these migrations.
    #[must_use]
    pub fn new<M: MigratorTrait>(file: PathBuf, schema: String) -> Self {
        Self {
            file,
            schema,
            migrations: M::migrations,
        }
    }
}

/// Copies the stores to the PostgreSQL of the URL, and calls `progress` with each table and the rows that were written to it.
///
/// # Errors
/// A store that is in use or of another release, a schema with tables in it, or the database's. Nothing is copied then.
pub async fn copy_to_postgres(
    stores: &[StoreCopy],
    url: &str,
    mut progress: impl FnMut(&str, u64),
) -> Result<Vec<CopiedTable>, CopyError> {
    let mut sources = Vec::new();
    for store in stores {
        let source = Source::open(&store.file)?;
        source.check_migrations(&(store.migrations)())?;
        sources.push(source);
    }
    let target = Target::begin(url, stores.iter().map(|store| store.schema.as_str())).await?;
    let mut tables = Vec::new();
    for (index, (store, source)) in stores.iter().zip(&sources).enumerate() {
        let made = target.make_tables(&store.schema, store.migrations).await?;
        source.check_tables(&made)?;
        tables.extend(made.into_iter().map(|table| (index, table)));
    }
    let (sources, tables) = write(sources, tables, &target, &mut progress).await?;
    let mut copied = Vec::new();
    for (index, table) in &tables {
        let source = &sources[*index];
        let rows = source.count(table)?;
        target.end(table, rows, source.last_serial(table)?).await?;
        copied.push(CopiedTable {
            schema: table.schema.clone(),
            table: table.name.clone(),
            rows,
        });
    }
    target.commit().await?;
    Ok(copied)
}

/// Reads on a thread of its own while the batches before are written.
async fn write(
    sources: Vec<Source>,
    tables: Vec<(usize, Table)>,
    target: &Target,
    progress: &mut impl FnMut(&str, u64),
) -> Result<(Vec<Source>, Vec<(usize, Table)>), CopyError> {
    let (batches, mut read) = mpsc::channel::<(usize, Batch)>(READ_AHEAD);
    let names = tables.clone();
    let reader = tokio::task::spawn_blocking(move || {
        for (number, (index, table)) in tables.iter().enumerate() {
            // Nobody listens any more after an error of the writer.
            sources[*index].read(table, |batch| batches.blocking_send((number, batch)).is_ok())?;
        }
        Ok((sources, tables))
    });
    while let Some((number, batch)) = read.recv().await {
        let table = &names[number].1;
        target.insert(table, &batch.json).await?;
        progress(&table.name, batch.rows);
    }
    reader
        .await
        .map_err(|error| CopyError::Reader(error.to_string()))?
}
