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
use crate::ownership::{Fence, MoveCounts, ReplicaRow, ShardTable};

/// Adds them to the tables.
pub(super) struct Shards;

/// Shards of which a transaction may write nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Fenced {
    /// Those of another owner or epoch.
    pub(crate) lost: BTreeSet<ShardId>,
    /// Those in which a move of a team has changed something since the fence was made: it is to be made anew.
    pub(crate) outdated: BTreeSet<ShardId>,
}

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
    /// The replicas and the shards they own, and the teams that are not served, if that has changed since `known`.
    pub(crate) async fn shard_table(&self, known: &MoveCounts) -> Result<ShardTable, DbErr> {
        let mut table = ShardTable::read(&self.read(self.shard_table_statement()).await?)?;
        // After the counts, so that it is at least as new.
        if !table.is_known(known) {
            table.absent = Some(self.absent_teams().await?);
        }
        Ok(table)
    }

    pub(super) fn shard_table_statement(&self) -> Statement {
        let sql = format!(
            "SELECT r.id AS replica, r.address AS address, r.build AS build, s.id AS shard, s.epoch AS epoch, s.moves AS moves,
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

    /// The fence: reads the rows of shards under a lock that a take-over and the move of a team wait for. Nothing may be written
    /// for the shards that it answers.
    pub(crate) async fn fence<W: WriteTransaction>(
        &self,
        transaction: &W,
        me: Uuid,
        fence: &Fence,
    ) -> Result<Fenced, DbErr> {
        self.fence_with("", transaction, me, fence).await
    }

    /// The fence of a transaction that adds to the feeds of the shards' teams. It waits for another one of this replica, which may still
    /// be under way when its answer was lost: so events become visible in the order of their positions.
    pub(crate) async fn fence_in_order<W: WriteTransaction>(
        &self,
        transaction: &W,
        me: Uuid,
        fence: &Fence,
    ) -> Result<Fenced, DbErr> {
        let turn = match self.backend() {
            DbBackend::Postgres => {
                ", CAST(pg_advisory_xact_lock(hashtext(current_schema()), CAST(s.id AS INTEGER)) AS TEXT) AS turn"
            }
            _ => "",
        };
        self.fence_with(turn, transaction, me, fence).await
    }

    async fn fence_with<W: WriteTransaction>(
        &self,
        also: &str,
        transaction: &W,
        me: Uuid,
        fence: &Fence,
    ) -> Result<Fenced, DbErr> {
        let epochs = &fence.epochs;
        let mut fenced = Fenced::default();
        if epochs.is_empty() {
            return Ok(fenced);
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
            "SELECT CAST(s.id AS TEXT) AS id, s.moves AS moves{also} FROM ({{rows}}) AS b
                JOIN shards s ON s.id = b.id AND s.owner = b.owner AND s.epoch = b.epoch ORDER BY s.id {lock}"
        );
        let rows = transaction.read(&sql, &batch, &[]).await?;
        fenced.lost = epochs.keys().copied().collect();
        for row in &rows {
            if let Some(shard) = row.text("id")?.parse().ok().and_then(ShardId::from_number) {
                fenced.lost.remove(&shard);
                if row.big("moves")? != Some(fence.moves.get(&shard).copied().unwrap_or(0)) {
                    fenced.outdated.insert(shard);
                }
            }
        }
        Ok(fenced)
    }
}

// === impl Fenced ===

impl Fenced {
    /// Whether everything may be written.
    pub(crate) fn is_open(&self) -> bool {
        self.lost.is_empty() && self.outdated.is_empty()
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
                    is_of_this_release: build == env!("CARGO_PKG_VERSION"),
                    silence: Duration::from_micros(silence.try_into().unwrap_or(0)),
                });
            }
            let shard: Option<i16> = row.try_get("", "shard")?;
            if let Some(shard) = shard.and_then(|shard| ShardId::from_number(shard.into())) {
                table.owners.insert(shard, (replica, row.try_get("", "epoch")?));
                table.moves.insert(shard, row.try_get("", "moves")?);
            }
        }
        Ok(table)
    }

    /// Whether no move has changed anything since these counts.
    pub(super) fn is_known(&self, counts: &MoveCounts) -> bool {
        let known = |shard| counts.get(shard).copied().unwrap_or(0);
        self.moves.iter().all(|(shard, count)| known(shard) == *count)
    }
}
