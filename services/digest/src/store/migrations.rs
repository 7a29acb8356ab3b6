//! The table, made and changed in order. A migration that has shipped is never edited.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string, text, timestamp_with_time_zone, uuid};

/// The Digest's migrations.
#[derive(Debug)]
pub struct Migrator;

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
        let runs = Table::create()
            .table("digest_runs")
            .col(uuid("id").primary_key())
            .col(uuid("team_id"))
            .col(big_integer("sequence"))
            .col(timestamp_with_time_zone("previous_start"))
            .col(timestamp_with_time_zone("period_start"))
            .col(timestamp_with_time_zone("period_end"))
            .col(string("state"))
            .col(text("recipients"))
            .col(text("message"))
            .col(big_integer("lease_until"))
            .col(timestamp_with_time_zone("create_time"))
            .take();
        manager.create_table(runs).await?;
        for sql in [
            // One digest for each team and period, whoever writes.
            "CREATE UNIQUE INDEX digest_runs_by_period ON digest_runs (team_id, period_start)",
            // And one after the other, even while replicas disagree about the cron.
            "CREATE UNIQUE INDEX digest_runs_by_sequence ON digest_runs (team_id, sequence)",
            "CREATE INDEX digest_runs_pending ON digest_runs (lease_until) WHERE state = 'PENDING'",
        ] {
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use watchbell_store::compatibility::{self, Released};

    use super::Migrator;

    watchbell_store::store_tests! {
        async fn what_the_last_release_does_works_on_the_new_schema(store: Store) {
            let released = Released {
                sqlite: include_str!("../../released/sqlite.sql"),
                postgres: include_str!("../../released/postgres.sql"),
                statements: include_str!("../../released/statements.sql"),
            };
            compatibility::check::<Migrator>(&store, &released).await;
        }
    }
}
