//! Deliveries that rules gather, and their migration. `group_key` says what comes together in a lane, `gathered_with` names the
//! group by its first delivery, and `gathered_count` says how many it had gathered then; a row that is sent otherwise has neither
//! of the first two.

use chrono::{DateTime, Utc};
use sea_orm::{DbBackend, DbErr, Value};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};
use uuid::Uuid;
use watchbell_model::group::gathering::{OpenGroup, OpenGroups};
use watchbell_model::ids::{SilenceId, TeamId};

use super::batch::Batch;
use super::ddl::run;
use super::entities::deliveries;
use super::indexes::GATHERING;
use super::summaries::{SummaryItem, models, summary_item};
use super::transaction::{ReadRow, Transaction, WriteTransaction};
use super::{Db, instant, micros};
use crate::group::GatheringKey;
use crate::job::State;
use crate::lanes::LaneId;

/// Adds them to the tables.
pub(super) struct Groups;

/// A group that is due: what comes together in its lane, and the first delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DueGroup {
    key: Uuid,
    group: Uuid,
}

/// What becomes of a delivery that leaves its group before that is told.
#[derive(Debug)]
pub(crate) struct Leaves {
    pub(crate) id: Uuid,
    pub(crate) state: State,
    pub(crate) message: String,
    pub(crate) held_by: Option<SilenceId>,
    /// When it is due next; one that is not due any more has ended.
    pub(crate) due_at: Option<DateTime<Utc>>,
}

// === impl Groups ===

impl MigrationName for Groups {
    fn name(&self) -> &'static str {
        "m0010_groups"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Groups {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, |uuid| {
            vec![
                format!("ALTER TABLE deliveries ADD COLUMN group_key {uuid}"),
                format!("ALTER TABLE deliveries ADD COLUMN gathered_with {uuid}"),
                "ALTER TABLE deliveries ADD COLUMN gathered_count BIGINT".to_owned(),
                format!(
                    "CREATE INDEX deliveries_gathered ON deliveries (lane_id, group_key, gathered_with, gathered_count)
                    WHERE {GATHERED}"
                )
                .replace("d.", ""),
            ]
        })
        .await
    }
}

/// Of a group that gathers.
const GATHERED: &str = "d.gathered_with IS NOT NULL AND d.folded_into IS NULL AND d.ended_at IS NULL";

// === impl Db ===

impl Db {
    /// The newest groups of what comes together so, by their last deliveries: nothing is counted.
    pub(crate) async fn open_groups<W: WriteTransaction>(
        &self,
        transaction: &W,
        keys: &[GatheringKey],
    ) -> Result<OpenGroups<GatheringKey>, DbErr> {
        let batch = Batch::new()
            .uuid("lane_id", keys.iter().map(|(lane, _)| lane.0))
            .uuid("group_key", keys.iter().map(|(_, key)| *key));
        let sql = format!(
            "SELECT d.lane_id, d.group_key, d.gathered_with, d.due_at, d.gathered_count
            FROM ({{rows}}) AS b CROSS JOIN deliveries d
            WHERE d.id = (SELECT d.id FROM deliveries d
                WHERE d.lane_id = b.lane_id AND d.group_key = b.group_key AND {GATHERED}
                ORDER BY d.gathered_with DESC, d.gathered_count DESC LIMIT 1)"
        );
        let mut open = OpenGroups::default();
        for row in transaction.read(&sql, &batch, &[]).await? {
            let key = (LaneId(row.uuid("lane_id")?), row.uuid("group_key")?);
            let count = row.big("gathered_count")?.unwrap_or_default();
            let group = OpenGroup {
                id: row.uuid("gathered_with")?,
                due: row.big("due_at")?.map(instant).unwrap_or_default(),
                count: u32::try_from(count).unwrap_or(u32::MAX),
            };
            open.insert(key, group);
        }
        Ok(open)
    }

    /// Some groups of a lane that are due, the longest due first: as many as have so many deliveries, and at least one. Of the
    /// deliveries that are due the first thousand are looked at.
    pub(crate) async fn due_groups(
        &self,
        (team, lane): (TeamId, LaneId),
        now: DateTime<Utc>,
        max_groups: usize,
        max_rows: usize,
    ) -> Result<Vec<DueGroup>, DbErr> {
        let sql = format!(
            "SELECT g.group_key, g.gathered_with, (SELECT COUNT(*) FROM deliveries d WHERE d.lane_id = $1
                    AND d.group_key = g.group_key AND d.gathered_with = g.gathered_with AND {GATHERED}) AS size
            FROM (SELECT first.group_key, first.gathered_with, MIN(first.due_at) AS due_at
                FROM (SELECT d.group_key, d.gathered_with, d.due_at FROM deliveries d
                    WHERE {GATHERING} AND d.lane_id = $1 AND d.team_id = $2 AND d.state = 4 AND d.due_at <= $3
                        AND d.gathered_with IS NOT NULL
                    ORDER BY d.due_at, d.id LIMIT 1000) AS first
                GROUP BY first.group_key, first.gathered_with) AS g
            ORDER BY g.due_at, g.gathered_with LIMIT $4"
        );
        let values = vec![
            lane.0.into(),
            team.as_uuid().into(),
            micros(now).into(),
            i64::try_from(max_groups).unwrap_or(i64::MAX).into(),
        ];
        let mut groups = Vec::new();
        let mut left = max_rows;
        for row in self.query(sql, values).await? {
            let size: i64 = row.try_get("", "size")?;
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            if size > left && !groups.is_empty() {
                break;
            }
            left = left.saturating_sub(size);
            groups.push(DueGroup {
                key: row.try_get("", "group_key")?,
                group: row.try_get("", "gathered_with")?,
            });
        }
        Ok(groups)
    }

    /// What these groups of a lane have gathered, group by group and oldest first, up to so many deliveries.
    pub(crate) async fn gathered(
        &self,
        (team, lane): (TeamId, LaneId),
        groups: &[DueGroup],
        limit: usize,
    ) -> Result<Vec<deliveries::Model>, DbErr> {
        let sql = format!(
            "SELECT d.* FROM ({{rows}}) AS b CROSS JOIN deliveries d
            WHERE {}
            ORDER BY d.gathered_with, d.created_at, d.id LIMIT {{2}}",
            of_groups()
        );
        let values = gathered_values(team, lane, limit);
        let rows = self
            .read(of(groups).statement(self.backend(), &sql, values))
            .await?;
        models(&rows)
    }

    /// Takes what these groups of a lane have gathered, group by group and oldest first, up to so many deliveries, without
    /// those that have a job.
    pub(crate) async fn take_gathered(
        &self,
        transaction: &Transaction,
        (team, lane): (TeamId, LaneId),
        groups: &[DueGroup],
        live: &[Uuid],
        limit: usize,
    ) -> Result<Vec<SummaryItem>, DbErr> {
        let lock = match self.backend() {
            DbBackend::Postgres => "FOR UPDATE OF d",
            _ => "",
        };
        let sql = format!(
            "SELECT d.*, e.url AS event_url, e.subject AS event_subject, e.occurred_at AS event_occurred_at
            FROM ({{rows}}) AS b CROSS JOIN deliveries d
            LEFT JOIN events e ON e.team_id = d.team_id AND e.id = d.event_id
            WHERE {}
            ORDER BY d.gathered_with, d.created_at, d.id LIMIT {{2}} {lock}",
            of_groups()
        );
        let values = gathered_values(team, lane, limit);
        let rows = transaction
            .rows(of(groups).statement(self.backend(), &sql, values))
            .await?;
        let items = rows.iter().map(summary_item);
        let items = items.filter(|item| !item.as_ref().is_ok_and(|item| live.contains(&item.delivery.id)));
        items.collect()
    }

    /// Takes deliveries that are still gathered out of their groups.
    pub(crate) async fn leave_groups(
        &self,
        transaction: &Transaction,
        team: TeamId,
        leaves: &[Leaves],
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let all = || leaves.iter();
        let batch = Batch::new()
            .uuid("id", all().map(|it| it.id))
            .small("state", all().map(|it| it.state as i16))
            .text("state_message", all().map(|it| it.message.as_str()))
            .uuid_opt(
                "held_by",
                all().map(|it| it.held_by.map(|silence| silence.as_uuid())),
            )
            .big_opt("due_at", all().map(|it| it.due_at.map(micros)));
        let sql = "UPDATE deliveries SET state = b.state, state_message = b.state_message, held_by = b.held_by, due_at = b.due_at,
                ended_at = CASE WHEN b.due_at IS NULL THEN {1} ELSE NULL END, group_key = NULL, gathered_with = NULL
            FROM ({rows}) AS b WHERE deliveries.id = b.id AND deliveries.team_id = {0} AND deliveries.state = 4
                AND deliveries.gathered_with IS NOT NULL AND deliveries.folded_into IS NULL AND deliveries.ended_at IS NULL";
        let values = vec![team.as_uuid().into(), micros(now).into()];
        transaction
            .execute(batch.statement(self.backend(), sql, values))
            .await?;
        Ok(())
    }

    /// Ends what was gathered alone for the inbox, which shows it.
    pub(crate) async fn end_gathered(
        &self,
        transaction: &Transaction,
        team: TeamId,
        id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Vec<deliveries::Model>, DbErr> {
        let sql = "UPDATE deliveries SET state = 5, state_message = '', due_at = NULL, ended_at = $1, group_key = NULL,
                gathered_with = NULL
            WHERE id = $2 AND team_id = $3 RETURNING *";
        let values: Vec<Value> = vec![micros(now).into(), id.into(), team.as_uuid().into()];
        models(&transaction.rows(self.statement(sql, values)).await?)
    }
}

/// Of the groups of a batch, of the lane and team of the first parameters. Its rows go before the deliveries in a cross join,
/// which SQLite does not turn round.
fn of_groups() -> String {
    format!(
        "d.lane_id = {{0}} AND d.group_key = b.group_key AND d.gathered_with = b.gathered_with AND {GATHERED} AND d.state = 4
            AND d.team_id = {{1}}"
    )
}

fn of(groups: &[DueGroup]) -> Batch<'static> {
    Batch::new()
        .uuid("group_key", groups.iter().map(|due| due.key))
        .uuid("gathered_with", groups.iter().map(|due| due.group))
}

fn gathered_values(team: TeamId, lane: LaneId, limit: usize) -> Vec<Value> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    vec![lane.0.into(), team.as_uuid().into(), limit.into()]
}
