//! The tables of Config, made and changed in order. A migration that has shipped is never edited.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, binary, binary_null, boolean, integer, string, string_null, text, timestamp_with_time_zone,
    timestamp_with_time_zone_null, uuid, uuid_null,
};
use sea_orm_migration::sea_orm::DbBackend;

/// Config's migrations.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(Tables),
            Box::new(Installs),
            Box::new(Nonces),
            Box::new(Links),
            Box::new(ExpressionFailures),
            Box::new(Confirmations),
            Box::new(WaitingByTeam),
            Box::new(Silences),
            Box::new(History),
            Box::new(PortalSessions),
            Box::new(ToldChanges),
            Box::new(super::cells::Cells),
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
        for table in tables() {
            manager.create_table(table).await?;
        }
        let connection = manager.get_connection();
        for sql in [
            "CREATE UNIQUE INDEX members_by_email ON members (team_id, email_key)",
            "CREATE INDEX members_by_team ON members (team_id, id)",
            "CREATE INDEX preferences_by_team ON preferences (team_id)",
            "CREATE UNIQUE INDEX api_keys_by_hash ON api_keys (key_sha256)",
            "CREATE INDEX api_keys_by_team ON api_keys (team_id, id)",
            "CREATE UNIQUE INDEX channels_by_name ON channels (team_id, kind, display_name)",
            "CREATE INDEX channels_by_team ON channels (team_id, id)",
            // At most one default for each kind, whoever writes.
            "CREATE UNIQUE INDEX channels_default ON channels (team_id, kind) WHERE is_default",
            "CREATE INDEX rules_by_position ON rules (team_id, position)",
            "CREATE INDEX mention_rules_by_team ON mention_rules (team_id, id)",
            "INSERT INTO feed (id, head, pruned) VALUES (1, 0, 0)",
        ] {
            connection.execute_unprepared(sql).await?;
        }
        Ok(())
    }
}

/// "Add to Slack", and what Owners are told.
struct Installs;

impl MigrationName for Installs {
    fn name(&self) -> &'static str {
        "m0002_installs"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Installs {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let key = |column: &mut ColumnDef| column.primary_key().take();
        let states = Table::create()
            .table("slack_states")
            .col(key(&mut uuid("nonce")))
            .col(uuid("team_id"))
            .col(timestamp_with_time_zone("expire_time"))
            .foreign_key(&mut of_team("slack_states"))
            .take();
        let notices = Table::create()
            .table("owner_notices")
            .col(key(&mut string("id")))
            .col(uuid("team_id"))
            .col(binary("event"))
            .col(boolean("told"))
            .col(timestamp_with_time_zone("create_time"))
            .foreign_key(&mut of_team("owner_notices"))
            .take();
        for table in [states, notices] {
            manager.create_table(table).await?;
        }
        let connection = manager.get_connection();
        for sql in [
            "CREATE INDEX owner_notices_untold ON owner_notices (create_time) WHERE NOT told",
            "CREATE INDEX channels_rotating ON channels (rotation_end) WHERE rotation_end IS NOT NULL",
            "CREATE INDEX api_keys_expiring ON api_keys (expire_time) WHERE expire_time IS NOT NULL",
        ] {
            connection.execute_unprepared(sql).await?;
        }
        Ok(())
    }
}

/// Changes that are told from those of another history.
struct Nonces;

impl MigrationName for Nonces {
    fn name(&self) -> &'static str {
        "m0003_nonces"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Nonces {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::alter();
        table.table("changes").add_column(uuid_null("nonce"));
        manager.alter_table(table.take()).await
    }
}

/// What was done by the links of emails, so that a link takes back only its own action.
struct Links;

impl MigrationName for Links {
    fn name(&self) -> &'static str {
        "m0004_links"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Links {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One column a statement: SQLite takes no more.
        for column in [string_null("link_id"), timestamp_with_time_zone_null("link_time")] {
            let table = Table::alter().table("preferences").add_column(column).take();
            manager.alter_table(table).await?;
        }
        let departures = Table::create()
            .table("departures")
            .col(uuid("team_id"))
            .col(string("list"))
            .col(string("address_key"))
            .col(big_integer("version"))
            .col(timestamp_with_time_zone("leave_time"))
            .primary_key(Index::create().col("team_id").col("list").col("address_key"))
            .foreign_key(&mut of_team("departures"))
            .take();
        manager.create_table(departures).await
    }
}

/// Expressions that failed at evaluation, for each day.
struct ExpressionFailures;

impl MigrationName for ExpressionFailures {
    fn name(&self) -> &'static str {
        "m0005_expression_failures"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for ExpressionFailures {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let failures = Table::create()
            .table("expression_failures")
            .col(uuid("team_id"))
            .col(string("owner"))
            .col(string("day"))
            .col(text("expression"))
            .col(big_integer("count"))
            .col(text("error"))
            .col(timestamp_with_time_zone("last_time"))
            .col(boolean("told"))
            .primary_key(Index::create().col("team_id").col("owner").col("day"))
            .foreign_key(&mut of_team("expression_failures"))
            .take();
        manager.create_table(failures).await?;
        let untold =
            "CREATE INDEX expression_failures_untold ON expression_failures (team_id) WHERE NOT told";
        manager.get_connection().execute_unprepared(untold).await?;
        Ok(())
    }
}

/// Recipients who are asked to confirm.
struct Confirmations;

impl MigrationName for Confirmations {
    fn name(&self) -> &'static str {
        "m0006_confirmations"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Confirmations {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let confirmations = Table::create()
            .table("confirmations")
            .col(uuid("team_id"))
            .col(string("address_key"))
            .col(string("address"))
            .col(string("mailbox"))
            .col(uuid("nonce"))
            .col(timestamp_with_time_zone("ask_time"))
            .col(timestamp_with_time_zone_null("confirm_time"))
            .col(integer("sent_count"))
            .col(timestamp_with_time_zone_null("send_time"))
            .col(boolean("due"))
            .primary_key(Index::create().col("team_id").col("address_key"))
            .foreign_key(&mut of_team("confirmations"))
            .take();
        manager.create_table(confirmations).await?;
        let connection = manager.get_connection();
        for sql in [
            "CREATE INDEX confirmations_due ON confirmations (ask_time) WHERE due",
            "CREATE INDEX confirmations_by_mailbox ON confirmations (mailbox, send_time)",
            "CREATE INDEX confirmations_stale ON confirmations (ask_time) WHERE confirm_time IS NULL",
        ] {
            connection.execute_unprepared(sql).await?;
        }
        Ok(())
    }
}

/// Indexes of what waits to be sent, by team.
struct WaitingByTeam;

impl MigrationName for WaitingByTeam {
    fn name(&self) -> &'static str {
        "m0007_waiting_by_team"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for WaitingByTeam {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for sql in [
            "CREATE INDEX confirmations_due_by_team ON confirmations (team_id, address_key) WHERE due",
            "CREATE INDEX confirmations_unconfirmed ON confirmations (team_id, address_key) WHERE confirm_time IS NULL",
            "CREATE INDEX owner_notices_untold_by_team ON owner_notices (team_id, create_time) WHERE NOT told",
        ] {
            connection.execute_unprepared(sql).await?;
        }
        Ok(())
    }
}

/// Silences.
struct Silences;

impl MigrationName for Silences {
    fn name(&self) -> &'static str {
        "m0008_silences"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Silences {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let silences = Table::create()
            .table("silences")
            .col(uuid("id").primary_key())
            .col(uuid("team_id"))
            .col(binary("spec"))
            .col(timestamp_with_time_zone("start_time"))
            .col(timestamp_with_time_zone("end_time"))
            .col(timestamp_with_time_zone("create_time"))
            .foreign_key(&mut of_team("silences"))
            .take();
        manager.create_table(silences).await?;
        let connection = manager.get_connection();
        for sql in [
            "CREATE INDEX silences_by_team ON silences (team_id, id)",
            "CREATE INDEX silences_by_end ON silences (end_time)",
        ] {
            connection.execute_unprepared(sql).await?;
        }
        Ok(())
    }
}

/// The history of configurations, which begins now for the teams that there are; makers and last uses of keys.
struct History;

impl MigrationName for History {
    fn name(&self) -> &'static str {
        "m0009_history"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for History {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let history = Table::create()
            .table("config_history")
            .col(uuid("team_id"))
            .col(big_integer("revision"))
            .col(timestamp_with_time_zone("change_time"))
            .col(integer("actor_kind"))
            .col(string("actor_id"))
            .col(string("actor_name"))
            .col(string("address"))
            .col(string("method"))
            .col(binary_null("changes"))
            .col(binary_null("difference"))
            .primary_key(Index::create().col("team_id").col("revision"))
            .foreign_key(&mut of_team("config_history"))
            .take();
        manager.create_table(history).await?;
        // One column a statement: SQLite takes no more.
        for column in [
            binary_null("creator"),
            timestamp_with_time_zone_null("last_use_time"),
        ] {
            let table = Table::alter().table("api_keys").add_column(column).take();
            manager.alter_table(table).await?;
        }
        let now = match manager.get_database_backend() {
            DbBackend::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')",
            _ => "now()",
        };
        let connection = manager.get_connection();
        for sql in [
            "CREATE INDEX config_history_by_time ON config_history (change_time)".to_owned(),
            format!(
                "INSERT INTO config_history
                    (team_id, revision, change_time, actor_kind, actor_id, actor_name, address, method)
                SELECT id, revision, {now}, 4, '', '', '', 'Upgrade' FROM teams"
            ),
        ] {
            connection.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}

/// Sessions of members that keys made.
struct PortalSessions;

impl MigrationName for PortalSessions {
    fn name(&self) -> &'static str {
        "m0010_portal_sessions"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for PortalSessions {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let goes_with = |column: &'static str, table: &'static str| {
            ForeignKey::create()
                .from("portal_sessions", column)
                .to(table, "id")
                .on_delete(ForeignKeyAction::Cascade)
                .take()
        };
        let sessions = Table::create()
            .table("portal_sessions")
            .col(binary("token_sha256").primary_key())
            .col(uuid("team_id"))
            .col(uuid("member_id"))
            .col(uuid("key_id"))
            .col(boolean("read_only"))
            .col(timestamp_with_time_zone("expire_time"))
            .col(timestamp_with_time_zone("create_time"))
            .foreign_key(&mut of_team("portal_sessions"))
            .foreign_key(&mut goes_with("member_id", "members"))
            .foreign_key(&mut goes_with("key_id", "api_keys"))
            .take();
        manager.create_table(sessions).await?;
        let connection = manager.get_connection();
        for sql in [
            "CREATE INDEX portal_sessions_by_team ON portal_sessions (team_id, expire_time)",
            "CREATE INDEX portal_sessions_by_member ON portal_sessions (member_id)",
            "CREATE INDEX portal_sessions_by_key ON portal_sessions (key_id)",
            "CREATE INDEX portal_sessions_by_end ON portal_sessions (expire_time)",
        ] {
            connection.execute_unprepared(sql).await?;
        }
        Ok(())
    }
}

/// Which changes of teams are told as events. What was changed before now is not told.
struct ToldChanges;

impl MigrationName for ToldChanges {
    fn name(&self) -> &'static str {
        "m0011_told_changes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for ToldChanges {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let told = Table::create()
            .table("told_changes")
            .col(uuid("team_id").primary_key())
            .col(big_integer("revision"))
            .col(boolean("pending"))
            .col(timestamp_with_time_zone("next_time"))
            .foreign_key(&mut of_team("told_changes"))
            .take();
        manager.create_table(told).await?;
        let index = "CREATE INDEX told_changes_pending ON told_changes (next_time) WHERE pending";
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }
}

fn tables() -> Vec<TableCreateStatement> {
    let key = |column: &mut ColumnDef| column.primary_key().take();
    vec![
        Table::create()
            .table("teams")
            .col(key(&mut uuid("id")))
            .col(string("display_name"))
            .col(string("plan"))
            .col(string("time_zone"))
            .col(big_integer("revision"))
            .col(big_integer("version"))
            .col(timestamp_with_time_zone("create_time"))
            .col(timestamp_with_time_zone("update_time"))
            .take(),
        Table::create()
            .table("team_settings")
            .col(key(&mut uuid("team_id")))
            .col(text("compliance_recipients"))
            .col(binary("digest"))
            .col(big_integer("digest_version"))
            .foreign_key(&mut of_team("team_settings"))
            .take(),
        Table::create()
            .table("members")
            .col(key(&mut uuid("id")))
            .col(uuid("team_id"))
            .col(string("email"))
            .col(string("email_key"))
            .col(string("display_name"))
            .col(string("role"))
            .col(string("slack_user_id"))
            .col(string("permissions"))
            .col(big_integer("version"))
            .col(timestamp_with_time_zone("create_time"))
            .col(timestamp_with_time_zone("update_time"))
            .foreign_key(&mut of_team("members"))
            .take(),
        Table::create()
            .table("preferences")
            .col(uuid("member_id"))
            .col(string("topic"))
            .col(uuid("team_id"))
            .col(integer("setting"))
            .col(string("severities"))
            .col(binary_null("before"))
            .primary_key(Index::create().col("member_id").col("topic"))
            .foreign_key(
                ForeignKey::create()
                    .from("preferences", "member_id")
                    .to("members", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .take(),
        Table::create()
            .table("api_keys")
            .col(key(&mut uuid("id")))
            .col(uuid_null("team_id"))
            .col(string("display_name"))
            .col(string("scopes"))
            .col(binary("key_sha256"))
            .col(timestamp_with_time_zone("create_time"))
            .col(timestamp_with_time_zone_null("expire_time"))
            .foreign_key(&mut of_team("api_keys"))
            .take(),
        Table::create()
            .table("channels")
            .col(key(&mut uuid("id")))
            .col(uuid("team_id"))
            .col(string("kind"))
            .col(string("display_name"))
            .col(boolean("paused"))
            .col(boolean("is_default"))
            .col(binary("spec"))
            .col(binary("secrets"))
            .col(timestamp_with_time_zone_null("rotation_end"))
            .col(boolean("unhealthy"))
            .col(text("health_message"))
            .col(big_integer("health_epoch"))
            .col(timestamp_with_time_zone_null("health_time"))
            .col(boolean("recover_parked"))
            .col(big_integer("version"))
            .col(timestamp_with_time_zone("create_time"))
            .col(timestamp_with_time_zone("update_time"))
            .foreign_key(&mut of_team("channels"))
            .take(),
        Table::create()
            .table("rules")
            .col(key(&mut uuid("id")))
            .col(uuid("team_id"))
            .col(integer("position"))
            .col(binary("spec"))
            .col(big_integer("version"))
            .col(timestamp_with_time_zone("create_time"))
            .col(timestamp_with_time_zone("update_time"))
            .foreign_key(&mut of_team("rules"))
            .take(),
        Table::create()
            .table("mention_rules")
            .col(key(&mut uuid("id")))
            .col(uuid("team_id"))
            .col(binary("spec"))
            .col(big_integer("version"))
            .col(timestamp_with_time_zone("create_time"))
            .col(timestamp_with_time_zone("update_time"))
            .foreign_key(&mut of_team("mention_rules"))
            .take(),
        Table::create()
            .table("event_types")
            .col(uuid("team_id"))
            .col(string("name"))
            .col(binary("spec"))
            .col(big_integer("version"))
            .primary_key(Index::create().col("team_id").col("name"))
            .foreign_key(&mut of_team("event_types"))
            .take(),
        Table::create()
            .table("changes")
            .col(key(&mut big_integer("cursor")))
            .col(uuid("team_id"))
            .col(big_integer("revision"))
            .col(timestamp_with_time_zone("create_time"))
            .take(),
        Table::create()
            .table("feed")
            .col(key(&mut integer("id")))
            .col(big_integer("head"))
            .col(big_integer("pruned"))
            .take(),
    ]
}

/// Everything a team owns goes with it.
fn of_team(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, "team_id")
        .to("teams", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .take()
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
