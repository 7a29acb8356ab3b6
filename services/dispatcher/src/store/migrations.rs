//! The tables, written once for both databases: only the names of a few types differ. Instants are microseconds since
//! 1970 in a BIGINT, which both databases index and compare alike; enumerations are the numbers of the contracts.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// All migrations of the Dispatcher.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(Tables),
            Box::new(super::summaries::Summaries),
            Box::new(UnreadMarks),
            Box::new(super::shards::Shards),
            Box::new(super::silences::Silences),
            Box::new(super::alerts::Alerts),
            Box::new(Finding),
            Box::new(super::failures::Failures),
            Box::new(super::event_feed::Positions),
            Box::new(super::groups::Groups),
            Box::new(super::reminders::Reminders),
            Box::new(super::attempts::FirstAttempts),
            Box::new(super::alerts::AlertIndexes),
            Box::new(super::team_moves::TeamMoves),
        ]
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
        // Rows of attempts lie in the order of their key alone: SQLite's own row ids would need two trees more.
        let (uuid, serial, by_key) = match connection.get_database_backend() {
            DbBackend::Postgres => ("UUID", "BIGSERIAL PRIMARY KEY", ""),
            _ => ("BLOB", "INTEGER PRIMARY KEY AUTOINCREMENT", "WITHOUT ROWID"),
        };
        for statement in TABLES
            .split(';')
            .map(str::trim)
            .filter(|statement| !statement.is_empty())
        {
            let statement = statement
                .replace("{uuid}", uuid)
                .replace("{serial}", serial)
                .replace("{by_key}", by_key);
            connection.execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}

const TABLES: &str = "
CREATE TABLE events (
    team_id {uuid} NOT NULL,
    id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    severity SMALLINT NOT NULL,
    category SMALLINT NOT NULL,
    source TEXT NOT NULL,
    occurred_at BIGINT NOT NULL,
    accepted_at BIGINT NOT NULL,
    title TEXT NOT NULL,
    url TEXT NOT NULL,
    subject TEXT NOT NULL,
    data TEXT NOT NULL,
    test BOOLEAN NOT NULL,
    routes TEXT NOT NULL,
    traceparent TEXT,
    email TEXT,
    PRIMARY KEY (team_id, id)
);
CREATE INDEX events_by_time ON events (team_id, occurred_at, id);
CREATE INDEX events_by_acceptance ON events (accepted_at);
CREATE TABLE deliveries (
    id {uuid} NOT NULL PRIMARY KEY,
    team_id {uuid} NOT NULL,
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    severity SMALLINT NOT NULL,
    kind SMALLINT NOT NULL,
    channel_id {uuid},
    lane_id {uuid} NOT NULL,
    route TEXT NOT NULL,
    state SMALLINT NOT NULL,
    state_message TEXT NOT NULL,
    parked_for SMALLINT,
    attempt_count INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    first_attempt_at BIGINT,
    due_at BIGINT,
    lease_owner {uuid},
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    replay_of {uuid},
    test BOOLEAN NOT NULL,
    title TEXT NOT NULL
);
CREATE INDEX deliveries_due ON deliveries (lane_id, due_at, id) WHERE lease_owner IS NULL AND state IN (1, 2);
CREATE INDEX deliveries_leased ON deliveries (lease_owner) WHERE lease_owner IS NOT NULL;
CREATE INDEX deliveries_parked ON deliveries (lane_id, id) WHERE state = 3;
CREATE INDEX deliveries_of_team ON deliveries (team_id, id);
CREATE INDEX deliveries_of_channel ON deliveries (team_id, channel_id, id);
CREATE INDEX deliveries_of_event ON deliveries (team_id, event_id);
CREATE TABLE attempts (
    id {uuid} NOT NULL,
    team_id {uuid} NOT NULL,
    delivery_id {uuid} NOT NULL,
    number INTEGER NOT NULL,
    started_at BIGINT NOT NULL,
    latency_us BIGINT NOT NULL,
    outcome SMALLINT NOT NULL,
    status_code INTEGER NOT NULL,
    error TEXT NOT NULL,
    error_code TEXT NOT NULL,
    request_headers TEXT NOT NULL,
    response_body TEXT NOT NULL,
    ambiguous BOOLEAN NOT NULL,
    PRIMARY KEY (delivery_id, number, id)
) {by_key};
CREATE TABLE notifications (
    cursor {serial},
    id {uuid} NOT NULL UNIQUE,
    team_id {uuid} NOT NULL,
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    severity SMALLINT NOT NULL,
    title TEXT NOT NULL,
    url TEXT NOT NULL,
    source TEXT NOT NULL,
    subject TEXT NOT NULL,
    test BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX notifications_of_team ON notifications (team_id, cursor);
CREATE TABLE notification_marks (
    team_id {uuid} NOT NULL,
    member_id {uuid} NOT NULL,
    cursor BIGINT NOT NULL,
    read_at BIGINT,
    archived_at BIGINT,
    PRIMARY KEY (team_id, member_id, cursor)
);
CREATE INDEX notification_marks_by_cursor ON notification_marks (cursor);
CREATE TABLE inbox_members (
    team_id {uuid} NOT NULL,
    member_id {uuid} NOT NULL,
    read_through BIGINT NOT NULL,
    PRIMARY KEY (team_id, member_id)
);
CREATE TABLE replicas (
    id {uuid} NOT NULL PRIMARY KEY,
    heartbeat_at BIGINT NOT NULL
);
CREATE TABLE channel_health (
    channel_id {uuid} NOT NULL PRIMARY KEY,
    team_id {uuid} NOT NULL,
    unhealthy BOOLEAN NOT NULL,
    epoch BIGINT NOT NULL,
    since BIGINT,
    message TEXT NOT NULL,
    reported BOOLEAN NOT NULL,
    told BOOLEAN NOT NULL,
    last_success_at BIGINT,
    last_error TEXT NOT NULL,
    last_error_at BIGINT
);
CREATE INDEX channel_health_of_team ON channel_health (team_id);
CREATE INDEX channel_health_unhealthy ON channel_health (channel_id) WHERE unhealthy;
";

/// Notifications that a member has marked as unread again.
struct UnreadMarks;

impl MigrationName for UnreadMarks {
    fn name(&self) -> &'static str {
        "m0003_unread_marks"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for UnreadMarks {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(UNREAD_MARKS).await?;
        Ok(())
    }
}

const UNREAD_MARKS: &str = "
ALTER TABLE notification_marks ADD COLUMN unread_at BIGINT;
CREATE INDEX notification_marks_unread ON notification_marks (team_id, member_id, cursor) WHERE unread_at IS NOT NULL;
";

/// Indexes for what deliveries are often looked for by, of rows that are few.
struct Finding;

impl MigrationName for Finding {
    fn name(&self) -> &'static str {
        "m0007_finding"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Finding {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(FINDING).await?;
        Ok(())
    }
}

// On SQLite a list of states would cost every change of a delivery a table of its own.
const FINDING: &str = "
CREATE INDEX deliveries_exceptional ON deliveries (team_id, id) WHERE state <> 1 AND state <> 5;
CREATE INDEX deliveries_replays ON deliveries (team_id, id) WHERE replay_of IS NOT NULL;
";

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
