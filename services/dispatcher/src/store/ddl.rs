//! What the migrations of this store share.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// Runs statements that need the name of the type of ids.
pub(super) async fn run<S: AsRef<str>>(
    manager: &SchemaManager<'_>,
    statements: impl FnOnce(&str) -> Vec<S>,
) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    let uuid = match connection.get_database_backend() {
        DbBackend::Postgres => "UUID",
        _ => "BLOB",
    };
    for statement in statements(uuid) {
        connection.execute_unprepared(statement.as_ref()).await?;
    }
    Ok(())
}
