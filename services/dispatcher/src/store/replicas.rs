//! The rows of replicas. A replica is alive while its heartbeat, by the database's clock, is fresh.

use sea_orm::DbErr;
use uuid::Uuid;

use super::Db;
use crate::ownership::{MoveCounts, ShardTable};

// === impl Db ===

impl Db {
    /// Registers a replica, which takes no shards before it is announced.
    pub(crate) async fn enter_replica(&self, id: Uuid) -> Result<(), DbErr> {
        let sql = format!(
            "INSERT INTO replicas (id, heartbeat_at, build) VALUES ($1, {}, $2)",
            self.database_now()
        );
        let values = vec![id.into(), env!("CARGO_PKG_VERSION").into()];
        self.execute(sql, values).await.map(|_| ())
    }

    /// Lets a replica take shards, at an address where it is called.
    pub(crate) async fn announce_replica(&self, id: Uuid, address: &str) -> Result<(), DbErr> {
        let sql = "UPDATE replicas SET address = $1 WHERE id = $2";
        let values = vec![address.into(), id.into()];
        self.execute(sql, values).await.map(|_| ())
    }

    /// Records a heartbeat, and reads the tables; `None` when other replicas took this one for dead and removed its row.
    pub(crate) async fn heartbeat(&self, id: Uuid, known: &MoveCounts) -> Result<Option<ShardTable>, DbErr> {
        let transaction = self.begin().await?;
        let sql = format!(
            "UPDATE replicas SET heartbeat_at = {} WHERE id = $1",
            self.database_now()
        );
        let beaten = transaction.execute(self.statement(sql, vec![id.into()])).await?;
        let mut table = ShardTable::read(&transaction.rows(self.shard_table_statement()).await?)?;
        if !table.is_known(known) {
            let absent = transaction.rows(self.absent_teams_statement()).await?;
            table.absent = Some(Self::read_absent_teams(&absent)?);
        }
        self.commit(transaction).await?;
        Ok((beaten > 0).then_some(table))
    }

    /// Removes a replica's row.
    pub(crate) async fn leave_replica(&self, id: Uuid) -> Result<(), DbErr> {
        self.execute("DELETE FROM replicas WHERE id = $1", vec![id.into()])
            .await
            .map(|_| ())
    }

    /// Removes the rows of other replicas without a heartbeat for `timeout` microseconds. Never its own: a replica
    /// that runs this is alive, however long it waited for the database.
    pub(crate) async fn reap_dead_replicas(&self, timeout: i64, us: Uuid) -> Result<u64, DbErr> {
        let sql = format!(
            "DELETE FROM replicas WHERE heartbeat_at < {} - $1 AND id <> $2",
            self.database_now()
        );
        self.execute(sql, vec![timeout.into(), us.into()]).await
    }

    /// Removes the rows of all replicas. SQLite only, where one process opens the database.
    pub(crate) async fn forget_replicas(&self) -> Result<(), DbErr> {
        self.execute("DELETE FROM replicas", vec![]).await.map(|_| ())
    }
}
