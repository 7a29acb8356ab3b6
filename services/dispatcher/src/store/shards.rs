//! The tables of shards and their owners, and the fence that every transaction of a shard begins with.

use std::collections::BTreeSet;
use std::collections::btree_map::Entry;
use std::time::Duration;

use sea_orm::{DbBackend, DbErr, QueryResult, Statement, Value};
use sea_orm_migration::prelude::*;
use uuid::Uuid;
use watchbell_model::shard::ShardId;

use super::Db;
use super::batch::Batch;
use super::ddl::run;
use super::transaction::{ReadRow as _, WriteTransaction};
use crate::ownership::{Epochs, ReplicaRow, ShardTable};

/// Adds them to the tables.
pub(super) struct Shards;

/// Shards that no living replica owns.
const UNOWNED: &str = "s.owner IS NULL OR NOT EXISTS (SELECT 1 FROM replicas r WHERE r.id = s.owner)";

// === impl Shards ===

impl MigrationName for Shards {
    fn name(&self) -> &'static str {
        "m0004_shards"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Shards {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let rows: Vec<String> = ShardId::all().map(|shard| format!("({shard}, 0)")).collect();
        run(manager, |uuid| {
            vec![
                "ALTER TABLE replicas ADD COLUMN address TEXT NOT NULL DEFAULT ''".to_owned(),
                "ALTER TABLE replicas ADD COLUMN build TEXT NOT NULL DEFAULT ''".to_owned(),
                format!(
                    "CREATE TABLE shards (id SMALLINT NOT NULL PRIMARY KEY, owner {uuid}, epoch BIGINT NOT NULL)"
                ),
                format!("INSERT INTO shards (id, epoch) VALUES {}", rows.join(", ")),
            ]
        })
        .await
    }
}

// === impl Db ===

impl Db {
    /// The replicas and the shards they own.
    pub(crate) async fn shard_table(&self) -> Result<ShardTable, DbErr> {
        ShardTable::read(&self.read(self.shard_table_statement()).await?)
    }

    pub(super) fn shard_table_statement(&self) -> Statement {
        let sql = format!(
            "SELECT r.id AS replica, r.address AS address, r.build AS build, s.id AS shard, s.epoch AS epoch,
                {} - r.heartbeat_at AS silence
            FROM replicas r LEFT JOIN shards s ON s.owner = r.id",
            self.database_now()
        );
        self.statement(sql, vec![])
    }

    /// Takes up to `most` unowned shards; returns how many. Any of them, so that replicas that take at the same time
    /// seldom want the same.
    pub(crate) async fn take_shards(&self, me: Uuid, most: usize) -> Result<u64, DbErr> {
        let lock = match self.backend() {
            DbBackend::Postgres => "FOR UPDATE OF s SKIP LOCKED",
            _ => "",
        };
        let sql = format!(
            "UPDATE shards SET owner = $1, epoch = epoch + 1 WHERE id IN
                (SELECT s.id FROM shards s WHERE {UNOWNED} ORDER BY random() LIMIT $2 {lock})"
        );
        let most = <i64 as TryFrom<_>>::try_from(most).unwrap_or(i64::MAX);
        self.execute(sql, vec![me.into(), most.into()]).await
    }

    /// Hands shards over to a successor, or to nobody; waits for commits under way that are fenced by them.
    pub(crate) async fn hand_over(
        &self,
        me: Uuid,
        shards: &BTreeSet<ShardId>,
        successor: Option<Uuid>,
    ) -> Result<(), DbErr> {
        let lock = match self.backend() {
            DbBackend::Postgres => "FOR UPDATE OF s",
            _ => "",
        };
        let batch = Batch::new().small("id", shards.iter().map(|shard| i16::from(shard.number())));
        // Locked in the order of the fence, so that neither waits for the other.
        let sql = format!(
            "UPDATE shards SET owner = {{1}}, epoch = epoch + 1 WHERE id IN
                (SELECT s.id FROM shards s WHERE s.owner = {{0}} AND s.id IN (SELECT id FROM ({{rows}}) AS b)
                ORDER BY s.id {lock})"
        );
        let values: Vec<Value> = vec![me.into(), successor.into()];
        self.write(batch.statement(self.backend(), &sql, values)).await?;
        Ok(())
    }

    /// The fence: reads the rows of shards under a lock that a take-over waits for. Returns the shards that `me` does
    /// not own in these epochs; with any, nothing may be written for them.
    pub(crate) async fn fence<W: WriteTransaction>(
        &self,
        transaction: &W,
        me: Uuid,
        epochs: &Epochs,
    ) -> Result<BTreeSet<ShardId>, DbErr> {
        self.fence_with("", transaction, me, epochs).await
    }

    /// The fence of a transaction that adds to the feeds of the shards' teams. It waits for another one of this replica, which may still
    /// be under way when its answer was lost: so events become visible in the order of their positions.
    pub(crate) async fn fence_in_order<W: WriteTransaction>(
        &self,
        transaction: &W,
        me: Uuid,
        epochs: &Epochs,
    ) -> Result<BTreeSet<ShardId>, DbErr> {
        let turn = match self.backend() {
            DbBackend::Postgres => {
                ", CAST(pg_advisory_xact_lock(hashtext(current_schema()), CAST(s.id AS INTEGER)) AS TEXT) AS turn"
            }
            _ => "",
        };
        self.fence_with(turn, transaction, me, epochs).await
    }

    async fn fence_with<W: WriteTransaction>(
        &self,
        also: &str,
        transaction: &W,
        me: Uuid,
        epochs: &Epochs,
    ) -> Result<BTreeSet<ShardId>, DbErr> {
        if epochs.is_empty() {
            return Ok(BTreeSet::new());
        }
        let lock = match self.backend() {
            DbBackend::Postgres => "FOR SHARE OF s",
            _ => "",
        };
        let batch = Batch::new()
            .small("id", epochs.keys().map(|shard| i16::from(shard.number())))
            .big("epoch", epochs.values().copied())
            .uuid("owner", epochs.keys().map(|_| me))
            .with_one_plan();
        let sql = format!(
            "SELECT CAST(s.id AS TEXT) AS id{also} FROM ({{rows}}) AS b
                JOIN shards s ON s.id = b.id AND s.owner = b.owner AND s.epoch = b.epoch ORDER BY s.id {lock}"
        );
        let rows = transaction.read(&sql, &batch, &[]).await?;
        let mut missing: BTreeSet<ShardId> = epochs.keys().copied().collect();
        for row in &rows {
            if let Some(shard) = row.text("id")?.parse().ok().and_then(ShardId::from_number) {
                missing.remove(&shard);
            }
        }
        Ok(missing)
    }
}

// === impl ShardTable ===

impl ShardTable {
    pub(super) fn read(rows: &[QueryResult]) -> Result<Self, DbErr> {
        let mut table = Self::default();
        for row in rows {
            let replica: Uuid = row.try_get("", "replica")?;
            if let Entry::Vacant(vacant) = table.replicas.entry(replica) {
                let (address, build): (String, String) =
                    (row.try_get("", "address")?, row.try_get("", "build")?);
                let silence: i64 = row.try_get("", "silence")?;
                vacant.insert(ReplicaRow {
                    address: address.into(),
                    owns_shards: !build.is_empty(),
                    silence: Duration::from_micros(silence.try_into().unwrap_or(0)),
                });
            }
            let shard: Option<i16> = row.try_get("", "shard")?;
            if let Some(shard) = shard.and_then(|shard| ShardId::from_number(shard.into())) {
                table.owners.insert(shard, (replica, row.try_get("", "epoch")?));
            }
        }
        Ok(table)
    }
}
