//! Migrations, and which releases work on one schema. During a roll-out, and after one was taken back, releases run side
//! by side on the newest schema. A migration that only adds (tables, indexes, columns that are nullable or have a default)
//! is compatible with every older release, which passes over it. One that takes away ends its name in `_needs_` and the
//! oldest migration whose release no longer uses what goes: `m0009_drop_leases_needs_m0007`. A release that does not
//! know that one refuses to start.

use sea_orm_migration::prelude::*;
use sea_orm_migration::{MigratorTraitSelf, seaql_migrations};

use crate::postgres::advisory_lock;
use crate::{Location, Store, StoreError};

/// Precedes the oldest migration that a release must know.
const NEEDS: &str = "_needs_";

// === impl Store ===

impl Store {
    /// Runs all pending migrations in one transaction, under a lock, so that replicas may start at the same time and
    /// a failed migration changes nothing. Migrations of a newer release stay.
    ///
    /// # Errors
    /// The database's, a migration's own, or [`StoreError::Newer`].
    pub async fn migrate<M: MigratorTrait>(&self) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        if let Location::Postgres { schema, .. } = self.settings().location()? {
            advisory_lock(&transaction, &schema).await?;
        }
        M::install(&transaction).await?;
        let applied = M::get_migration_models(&transaction).await?;
        let known: Vec<String> = M::migrations().iter().map(|own| own.name().to_owned()).collect();
        let newer = newer(&known, applied)?;
        if !newer.is_empty() {
            tracing::info!(
                migrations = newer.join(", "),
                "a newer Watchbell has migrated the database; this release works with it"
            );
        }
        let migrator = Tolerant {
            newer,
            ..Tolerant::new(M::migrations)
        };
        migrator.up(&transaction, None).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// The applied migrations of newer releases with which this release is compatible.
fn newer(known: &[String], applied: Vec<seaql_migrations::Model>) -> Result<Vec<String>, StoreError> {
    let mut newer = Vec::new();
    for seaql_migrations::Model { version, .. } in applied {
        if known.contains(&version) {
            continue;
        }
        let needs = version.rsplit_once(NEEDS).map(|(_, needs)| needs);
        let is_needed = |name: &String| Some(name.split('_').next().unwrap_or(name)) == needs;
        if needs.is_some() && !known.iter().any(is_needed) {
            return Err(StoreError::Newer { migration: version });
        }
        newer.push(version);
    }
    Ok(newer)
}

/// A release's own migrations, and placeholders for newer ones.
pub(crate) struct Tolerant {
    own: fn() -> Vec<Box<dyn MigrationTrait>>,
    newer: Vec<String>,
}

// === impl Tolerant ===

impl Tolerant {
    /// Only its own.
    pub(crate) fn new(own: fn() -> Vec<Box<dyn MigrationTrait>>) -> Self {
        Self {
            own,
            newer: Vec::new(),
        }
    }
}

impl MigratorTraitSelf for Tolerant {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        let newer = self.newer.iter().cloned().map(Applied);
        let newer = newer.map(|applied| Box::new(applied) as Box<dyn MigrationTrait>);
        (self.own)().into_iter().chain(newer).collect()
    }
}

/// A migration that a newer release has applied.
struct Applied(String);

impl MigrationName for Applied {
    fn name(&self) -> &str {
        &self.0
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Applied {
    async fn up(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(applied: &str) -> Result<Vec<String>, StoreError> {
        let known = ["m0001_tables", "m0002_summaries"].map(str::to_owned);
        let rows = ["m0001_tables", applied].map(|version| seaql_migrations::Model {
            version: version.to_owned(),
            applied_at: 0,
        });
        newer(&known, rows.into())
    }

    #[test]
    fn a_migration_that_only_adds_is_passed_over_by_older_releases() {
        assert_eq!(judge("m0003_notes").unwrap(), ["m0003_notes"]);
        assert!(judge("m0002_summaries").unwrap().is_empty());
    }

    #[test]
    fn a_migration_that_takes_away_names_the_oldest_release_that_works_without() {
        judge("m0004_drop_it_needs_m0002").unwrap();
        let refused = judge("m0004_drop_it_needs_m0003").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "a newer Watchbell has migrated the database (m0004_drop_it_needs_m0003), and this release is too old for \
             it: start a newer one"
        );
        assert!(!refused.is_transient());
    }
}
