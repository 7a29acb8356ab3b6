//! The rows of teams that move to another cell, arrive from one, or live in one, and the migration for moves. Each change of them
//! counts up in the row of the team's shard, in the same transaction: it waits for all commits under way that are fenced by the row, and
//! whatever was fenced before is refused.

use std::collections::BTreeMap;
use std::time::Duration;

use sea_orm::{DbBackend, DbErr, QueryResult, Statement, Value};
use sea_orm_migration::prelude::*;
use uuid::Uuid;
use watchbell_model::ids::TeamId;
use watchbell_model::shard::ShardId;

use super::Db;
use super::ddl::run;
use super::transaction::Transaction;
use crate::ownership::{Absence, CellAddresses};

/// Adds what moves need.
pub(super) struct TeamMoves;

/// What a move is in one cell. The numbers are those of the contract's `TeamMoveState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MoveState {
    Copying = 1,
    Frozen = 2,
    Left = 3,
    Arriving = 4,
}

/// The row of a team's move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TeamMove {
    pub(crate) id: Uuid,
    pub(crate) state: MoveState,
    /// Of the cell where the team lives meanwhile.
    pub(crate) addresses: Vec<String>,
    /// How far copying is: see [`super::team_rows`].
    pub(crate) progress: String,
    pub(crate) copied_rows: i64,
}

// === impl TeamMoves ===

impl MigrationName for TeamMoves {
    fn name(&self) -> &'static str {
        "m0014_team_moves"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for TeamMoves {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let postgres = manager.get_database_backend() == DbBackend::Postgres;
        let (serial, made) = match postgres {
            true => ("BIGSERIAL PRIMARY KEY", "gen_random_uuid()"),
            false => ("INTEGER PRIMARY KEY AUTOINCREMENT", "randomblob(16)"),
        };
        run(manager, |uuid| {
            let mut statements = vec![
                "ALTER TABLE shards ADD COLUMN moves BIGINT NOT NULL DEFAULT 0".to_owned(),
                format!("CREATE TABLE cell (id {uuid} NOT NULL PRIMARY KEY)"),
                format!("INSERT INTO cell (id) VALUES ({made})"),
                format!(
                    "CREATE TABLE team_moves (team_id {uuid} NOT NULL PRIMARY KEY, move_id {uuid} NOT NULL,
                    state SMALLINT NOT NULL, until BIGINT, addresses TEXT NOT NULL, progress TEXT NOT NULL,
                    copied_rows BIGINT NOT NULL)"
                ),
                format!(
                    "CREATE TABLE team_changes (seq {serial}, team_id {uuid} NOT NULL, source_table TEXT NOT NULL,
                    key TEXT NOT NULL)"
                ),
            ];
            if postgres {
                statements.extend([
                    // A cursor is unique in its team: a team that arrives keeps its cursors.
                    "ALTER TABLE notifications DROP CONSTRAINT notifications_pkey".to_owned(),
                    "CREATE INDEX notifications_in_order ON notifications (cursor)".to_owned(),
                    NOTE_TEAM_CHANGE.to_owned(),
                ]);
            }
            statements
        })
        .await
    }
}

/// Notes which row of a team has changed, by the columns that its trigger names.
const NOTE_TEAM_CHANGE: &str = "
CREATE FUNCTION note_team_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed jsonb := CASE WHEN TG_OP = 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
BEGIN
    INSERT INTO team_changes (team_id, source_table, key)
        SELECT CAST(changed ->> 'team_id' AS uuid), TG_TABLE_NAME, CAST(jsonb_object_agg(name, changed -> name) AS text)
        FROM unnest(TG_ARGV) AS name;
    RETURN NULL;
END $$";

// === impl Db ===

impl Db {
    /// Tells this database from those of other cells.
    pub(crate) async fn cell_id(&self) -> Result<Uuid, DbErr> {
        let rows = self.query("SELECT id FROM cell", vec![]).await?;
        let row = rows
            .first()
            .ok_or_else(|| DbErr::RecordNotFound("cell".to_owned()))?;
        row.try_get("", "id")
    }

    /// The move of a team that is known here.
    pub(crate) async fn team_move(&self, team: TeamId) -> Result<Option<TeamMove>, DbErr> {
        let rows = self.read(self.team_move_statement(team, "")).await?;
        rows.first().map(TeamMove::read).transpose()
    }

    /// The same, locked until the transaction ends.
    pub(crate) async fn lock_team_move(
        &self,
        transaction: &Transaction,
        team: TeamId,
    ) -> Result<Option<TeamMove>, DbErr> {
        let rows = transaction
            .rows(self.team_move_statement(team, "FOR UPDATE"))
            .await?;
        rows.first().map(TeamMove::read).transpose()
    }

    fn team_move_statement(&self, team: TeamId, lock: &str) -> Statement {
        let sql = format!(
            "SELECT move_id, state, addresses, progress, copied_rows FROM team_moves WHERE team_id = $1 {lock}"
        );
        self.statement(sql, vec![team.as_uuid().into()])
    }

    /// Writes the row of a move that begins here, in place of an earlier one.
    pub(crate) async fn put_team_move(
        &self,
        transaction: &Transaction,
        team: TeamId,
        id: Uuid,
        state: MoveState,
        addresses: &[String],
    ) -> Result<(), DbErr> {
        let sql =
            "INSERT INTO team_moves (team_id, move_id, state, until, addresses, progress, copied_rows)
            VALUES ($1, $2, $3, NULL, $4, '', 0)
            ON CONFLICT (team_id) DO UPDATE SET move_id = excluded.move_id, state = excluded.state, until = NULL,
                addresses = excluded.addresses, progress = '', copied_rows = 0";
        let values = vec![
            team.as_uuid().into(),
            id.into(),
            (state as i16).into(),
            addresses.join(" ").into(),
        ];
        transaction.execute(self.statement(sql, values)).await?;
        self.count_move(transaction, team).await
    }

    /// Freezes a team whose rows are copied, for `hold` from now on by the database's clock. Whether it is so.
    pub(crate) async fn freeze_team(
        &self,
        transaction: &Transaction,
        team: TeamId,
        id: Uuid,
        hold: Duration,
    ) -> Result<bool, DbErr> {
        let sql = format!(
            "UPDATE team_moves SET state = $1, until = {} + $2 WHERE team_id = $3 AND move_id = $4 AND state = $5",
            self.database_now()
        );
        let hold = <i64 as TryFrom<_>>::try_from(hold.as_micros()).unwrap_or(i64::MAX);
        let values: Vec<Value> = vec![
            (MoveState::Frozen as i16).into(),
            hold.into(),
            team.as_uuid().into(),
            id.into(),
            (MoveState::Copying as i16).into(),
        ];
        let frozen = transaction.execute(self.statement(sql, values)).await? > 0;
        self.count_move(transaction, team).await?;
        Ok(frozen)
    }

    /// Lets a frozen team live at these addresses, unless its hold has ended or a change is not copied. Whether it does.
    pub(crate) async fn leave_cell(
        &self,
        transaction: &Transaction,
        team: TeamId,
        id: Uuid,
        addresses: &[String],
    ) -> Result<bool, DbErr> {
        // First, so that changes and the clock are read after whatever has to be waited for.
        self.count_move(transaction, team).await?;
        if self.has_changes(transaction, team).await? {
            return Ok(false);
        }
        let sql = format!(
            "UPDATE team_moves SET state = $1, until = NULL, addresses = $2
            WHERE team_id = $3 AND move_id = $4 AND state = $5 AND until > {}",
            self.database_now()
        );
        let values: Vec<Value> = vec![
            (MoveState::Left as i16).into(),
            addresses.join(" ").into(),
            team.as_uuid().into(),
            id.into(),
            (MoveState::Frozen as i16).into(),
        ];
        Ok(transaction.execute(self.statement(sql, values)).await? > 0)
    }

    /// Forgets the move of a team, which is served here from now on.
    pub(crate) async fn forget_team_move(
        &self,
        transaction: &Transaction,
        team: TeamId,
        id: Uuid,
    ) -> Result<(), DbErr> {
        let sql = "DELETE FROM team_moves WHERE team_id = $1 AND move_id = $2";
        let values = vec![team.as_uuid().into(), id.into()];
        transaction.execute(self.statement(sql, values)).await?;
        self.count_move(transaction, team).await
    }

    /// Serves teams again whose hold has ended; how many.
    pub(crate) async fn thaw_overdue_teams(&self) -> Result<usize, DbErr> {
        let transaction = self.begin().await?;
        let sql = format!(
            "UPDATE team_moves SET state = $1, until = NULL WHERE state = $2 AND until <= {} RETURNING team_id",
            self.database_now()
        );
        let values = vec![
            (MoveState::Copying as i16).into(),
            (MoveState::Frozen as i16).into(),
        ];
        let thawed = transaction.rows(self.statement(sql, values)).await?;
        for row in &thawed {
            let team = TeamId::from_uuid(row.try_get("", "team_id")?);
            self.count_move(&transaction, team).await?;
        }
        self.commit(transaction).await?;
        Ok(thawed.len())
    }

    /// Notes how far copying is.
    pub(crate) async fn note_progress(
        &self,
        transaction: &Transaction,
        team: TeamId,
        progress: &str,
        rows: i64,
    ) -> Result<(), DbErr> {
        let sql = "UPDATE team_moves SET progress = $1, copied_rows = copied_rows + $2 WHERE team_id = $3";
        let values = vec![progress.into(), rows.into(), team.as_uuid().into()];
        transaction.execute(self.statement(sql, values)).await.map(drop)
    }

    async fn count_move(&self, transaction: &Transaction, team: TeamId) -> Result<(), DbErr> {
        let sql = "UPDATE shards SET moves = moves + 1 WHERE id = $1";
        let shard = <i16 as From<_>>::from(ShardId::of(team).number());
        let statement = self.statement(sql, vec![shard.into()]);
        transaction.execute(statement).await.map(drop)
    }

    pub(super) async fn absent_teams(&self) -> Result<BTreeMap<TeamId, Absence>, DbErr> {
        Self::read_absent_teams(&self.read(self.absent_teams_statement()).await?)
    }

    pub(super) fn absent_teams_statement(&self) -> Statement {
        let sql = "SELECT team_id, state, addresses FROM team_moves WHERE state <> $1";
        self.statement(sql, vec![(MoveState::Copying as i16).into()])
    }

    pub(super) fn read_absent_teams(rows: &[QueryResult]) -> Result<BTreeMap<TeamId, Absence>, DbErr> {
        rows.iter()
            .map(|row| {
                let team = TeamId::from_uuid(row.try_get("", "team_id")?);
                let addresses: String = row.try_get("", "addresses")?;
                let addresses: CellAddresses = addresses.split_whitespace().map(Into::into).collect();
                let absence = match MoveState::read(row)? {
                    MoveState::Copying | MoveState::Frozen => Absence::Frozen,
                    MoveState::Left => Absence::Left(addresses),
                    MoveState::Arriving => Absence::Arriving(addresses),
                };
                Ok((team, absence))
            })
            .collect()
    }
}

// === impl MoveState ===

impl MoveState {
    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(match row.try_get::<i16>("", "state")? {
            1 => Self::Copying,
            2 => Self::Frozen,
            3 => Self::Left,
            4 => Self::Arriving,
            other => return Err(DbErr::Type(format!("a team's move cannot be in state {other}"))),
        })
    }
}

// === impl TeamMove ===

impl TeamMove {
    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        let addresses: String = row.try_get("", "addresses")?;
        Ok(Self {
            id: row.try_get("", "move_id")?,
            state: MoveState::read(row)?,
            addresses: addresses.split_whitespace().map(ToOwned::to_owned).collect(),
            progress: row.try_get("", "progress")?,
            copied_rows: row.try_get("", "copied_rows")?,
        })
    }
}
