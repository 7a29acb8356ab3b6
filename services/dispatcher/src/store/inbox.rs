//! The in-app inbox: one row per event and team, marks per member. A member who has read everything has one number
//! (`read_through`) instead of a mark per row; `unread_at` marks a row as unread again, whatever that number says.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::{DbErr, QueryResult, Value};
use uuid::Uuid;
use watchbell_model::alert::{AlertKey, AlertState, AlertStatus, Opened};
use watchbell_model::convert::FromWire as _;
use watchbell_model::ids::{MemberId, NotificationId, TeamId};

use super::batch::Batch;
use super::transaction::Transaction;
use super::{Db, instant, micros};

/// A row of the inbox as a member sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotificationRow {
    pub(crate) cursor: i64,
    pub(crate) id: Uuid,
    pub(crate) team_id: Uuid,
    pub(crate) event_id: String,
    pub(crate) event_type: String,
    pub(crate) severity: i16,
    pub(crate) title: String,
    pub(crate) url: String,
    pub(crate) source: String,
    pub(crate) subject: String,
    pub(crate) test: bool,
    pub(crate) created_at: i64,
    pub(crate) read: bool,
    pub(crate) archived: bool,
    /// The alert, as it is now.
    pub(crate) alert: Option<AlertStatus>,
}

/// Which rows, newest first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InboxFilter {
    pub(crate) before: Option<i64>,
    pub(crate) unread_only: bool,
    pub(crate) include_archived: bool,
    pub(crate) limit: u64,
}

const COLUMNS: &str =
    "SELECT n.cursor, n.id, n.team_id, n.event_id, n.event_type, n.severity, n.title, n.url, n.source,
        n.subject, n.test, n.created_at,
        (k.unread_at IS NULL AND (n.cursor <= $3 OR k.read_at IS NOT NULL)) AS read,
        (k.archived_at IS NOT NULL) AS archived,
        a.key, a.state, a.opened_event_id, a.opened_at, a.count
    FROM notifications n LEFT JOIN notification_marks k
        ON k.team_id = n.team_id AND k.member_id = $2 AND k.cursor = n.cursor
    LEFT JOIN alerts a ON a.team_id = n.team_id AND a.key = n.alert_key
    WHERE n.team_id = $1 AND";

/// Rows that are unread, archived or not. The first condition bounds what is looked at.
const UNREAD: &str = "n.cursor >= $4 AND (k.unread_at IS NOT NULL OR (n.cursor > $3 AND k.read_at IS NULL))";

/// How far a member has read.
#[derive(Debug, Clone, Copy)]
struct Progress {
    /// Everything up to this cursor is read, unless it was marked as unread again.
    read_through: i64,
    /// Nothing before this cursor is unread.
    first_unread: i64,
}

// === impl Db ===

impl Db {
    /// The keys of those alerts of which the inbox has newer news than of that time.
    pub(crate) async fn newer_notifications(
        &self,
        transaction: &Transaction,
        team: TeamId,
        alerts: &[(&AlertKey, DateTime<Utc>)],
    ) -> Result<HashSet<String>, DbErr> {
        let batch = Batch::new()
            .text("key", alerts.iter().map(|(key, _)| key.as_str()))
            .big("at", alerts.iter().map(|(_, at)| micros(*at)));
        let sql = "SELECT n.alert_key FROM ({rows}) AS b JOIN notifications n ON n.team_id = {0}
            AND n.alert_key = b.key AND n.alert_key IS NOT NULL AND n.created_at > b.at";
        let statement = batch.statement(self.backend(), sql, vec![team.as_uuid().into()]);
        let rows = transaction.rows(statement).await?;
        rows.iter().map(|row| row.try_get("", "alert_key")).collect()
    }

    /// Notifications, newest first.
    pub(crate) async fn notifications(
        &self,
        team: TeamId,
        member: MemberId,
        filter: InboxFilter,
    ) -> Result<Vec<NotificationRow>, DbErr> {
        let progress = self.progress(team, member).await?;
        let mut values = progress.values(team, member);
        let mut sql = COLUMNS.to_owned();
        if filter.unread_only {
            values.push(progress.first_unread.into());
            sql.push_str(&format!(" {UNREAD} AND"));
        }
        values.push(filter.before.unwrap_or(i64::MAX).into());
        sql.push_str(&format!(" n.cursor < ${}", values.len()));
        if !filter.include_archived {
            sql.push_str(" AND k.archived_at IS NULL");
        }
        values.push(i64::try_from(filter.limit).unwrap_or(i64::MAX).into());
        sql.push_str(&format!(" ORDER BY n.cursor DESC LIMIT ${}", values.len()));
        self.inbox_rows(sql, values).await
    }

    /// Notifications after a cursor, oldest first.
    pub(crate) async fn notifications_after(
        &self,
        team: TeamId,
        member: MemberId,
        cursor: i64,
        limit: i64,
    ) -> Result<Vec<NotificationRow>, DbErr> {
        let mut values = self.progress(team, member).await?.values(team, member);
        values.extend([cursor.into(), limit.into()]);
        let sql = format!("{COLUMNS} n.cursor > $4 ORDER BY n.cursor LIMIT $5");
        self.inbox_rows(sql, values).await
    }

    async fn inbox_rows(&self, sql: String, values: Vec<Value>) -> Result<Vec<NotificationRow>, DbErr> {
        let rows = self.query(sql, values).await?;
        rows.iter().map(NotificationRow::read).collect()
    }

    /// The newest notification of a team.
    pub(crate) async fn newest_notification(
        &self,
        team: TeamId,
    ) -> Result<Option<(i64, NotificationId)>, DbErr> {
        let sql = "SELECT cursor, id FROM notifications WHERE team_id = $1 ORDER BY cursor DESC LIMIT 1";
        let rows = self.query(sql, vec![team.as_uuid().into()]).await?;
        let newest = rows.first().map(|row| {
            let id = NotificationId::from_uuid(row.try_get("", "id")?);
            Ok((row.try_get("", "cursor")?, id))
        });
        newest.transpose()
    }

    /// The notification of a team that has this cursor.
    pub(crate) async fn notification_at(
        &self,
        team: TeamId,
        cursor: i64,
    ) -> Result<Option<NotificationId>, DbErr> {
        let sql = "SELECT id FROM notifications WHERE team_id = $1 AND cursor = $2";
        let rows = self
            .query(sql, vec![team.as_uuid().into(), cursor.into()])
            .await?;
        let id = rows.first().map(|row| row.try_get("", "id"));
        Ok(id.transpose()?.map(NotificationId::from_uuid))
    }

    /// How many are unread and not archived.
    pub(crate) async fn unread_count(&self, team: TeamId, member: MemberId) -> Result<i64, DbErr> {
        let progress = self.progress(team, member).await?;
        let sql = format!(
            "SELECT COUNT(*) AS unread FROM notifications n LEFT JOIN notification_marks k
                ON k.team_id = n.team_id AND k.member_id = $2 AND k.cursor = n.cursor
            WHERE n.team_id = $1 AND {UNREAD} AND k.archived_at IS NULL"
        );
        let mut values = progress.values(team, member);
        values.push(progress.first_unread.into());
        let rows = self.query(sql, values).await?;
        rows.first().map_or(Ok(0), |row| row.try_get("", "unread"))
    }

    /// Marks notifications as read. Ids that the team does not have are passed over.
    pub(crate) async fn mark_read(
        &self,
        transaction: &Transaction,
        team: TeamId,
        member: MemberId,
        ids: &[NotificationId],
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let read = "read_at = COALESCE(notification_marks.read_at, excluded.read_at), unread_at = NULL";
        self.mark(transaction, (team, member), ids, "read_at", read, now)
            .await
    }

    /// Marks notifications as unread again.
    pub(crate) async fn mark_unread(
        &self,
        transaction: &Transaction,
        team: TeamId,
        member: MemberId,
        ids: &[NotificationId],
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let unread = "read_at = NULL, unread_at = excluded.unread_at";
        self.mark(transaction, (team, member), ids, "unread_at", unread, now)
            .await
    }

    /// Archives notifications.
    pub(crate) async fn archive(
        &self,
        transaction: &Transaction,
        team: TeamId,
        member: MemberId,
        ids: &[NotificationId],
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let archived = "archived_at = COALESCE(notification_marks.archived_at, excluded.archived_at)";
        self.mark(transaction, (team, member), ids, "archived_at", archived, now)
            .await
    }

    /// Brings archived notifications back.
    pub(crate) async fn unarchive(
        &self,
        transaction: &Transaction,
        team: TeamId,
        member: MemberId,
        ids: &[NotificationId],
    ) -> Result<(), DbErr> {
        let batch = Batch::new().uuid("id", ids.iter().map(NotificationId::as_uuid));
        let sql = "UPDATE notification_marks SET archived_at = NULL
            WHERE team_id = {0} AND member_id = {1} AND cursor IN (
                SELECT n.cursor FROM ({rows}) AS b JOIN notifications n ON n.id = b.id WHERE n.team_id = {0})";
        let values = vec![team.as_uuid().into(), member.as_uuid().into()];
        transaction
            .execute(batch.statement(self.backend(), sql, values))
            .await?;
        Ok(())
    }

    /// Writes an instant into a column of each notification's mark; `change` is for marks that are there already.
    async fn mark(
        &self,
        transaction: &Transaction,
        (team, member): (TeamId, MemberId),
        ids: &[NotificationId],
        column: &'static str,
        change: &'static str,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let batch = Batch::new().uuid("id", ids.iter().map(NotificationId::as_uuid));
        let sql = format!(
            "INSERT INTO notification_marks (team_id, member_id, cursor, {column})
            SELECT n.team_id, {{1}}, n.cursor, {{2}} FROM ({{rows}}) AS b JOIN notifications n ON n.id = b.id
                WHERE n.team_id = {{0}}
            ON CONFLICT (team_id, member_id, cursor) DO UPDATE SET {change}"
        );
        let values = vec![team.as_uuid().into(), member.as_uuid().into(), micros(now).into()];
        transaction
            .execute(batch.statement(self.backend(), &sql, values))
            .await?;
        Ok(())
    }

    /// Marks everything so far as read.
    pub(crate) async fn mark_all_read(
        &self,
        transaction: &Transaction,
        team: TeamId,
        member: MemberId,
    ) -> Result<(), DbErr> {
        let values = || vec![team.as_uuid().into(), member.as_uuid().into()];
        let sql = "INSERT INTO inbox_members (team_id, member_id, read_through)
            SELECT $1, $2, COALESCE(MAX(cursor), 0) FROM notifications WHERE team_id = $1
            ON CONFLICT (team_id, member_id) DO UPDATE SET read_through = excluded.read_through
            WHERE inbox_members.read_through < excluded.read_through";
        transaction.execute(self.statement(sql, values())).await?;
        let sql = "UPDATE notification_marks SET unread_at = NULL
            WHERE team_id = $1 AND member_id = $2 AND unread_at IS NOT NULL
                AND cursor <= (SELECT read_through FROM inbox_members WHERE team_id = $1 AND member_id = $2)";
        transaction.execute(self.statement(sql, values())).await?;
        Ok(())
    }

    async fn progress(&self, team: TeamId, member: MemberId) -> Result<Progress, DbErr> {
        let sql = "SELECT
            (SELECT read_through FROM inbox_members WHERE team_id = $1 AND member_id = $2) AS read_through,
            (SELECT MIN(cursor) FROM notification_marks
                WHERE team_id = $1 AND member_id = $2 AND unread_at IS NOT NULL) AS first_unread";
        let rows = self
            .query(sql, vec![team.as_uuid().into(), member.as_uuid().into()])
            .await?;
        let column = |name: &str| -> Result<Option<i64>, DbErr> {
            rows.first().map_or(Ok(None), |row| row.try_get("", name))
        };
        let read_through = column("read_through")?.unwrap_or(0);
        let first_unread = column("first_unread")?.unwrap_or(i64::MAX).min(read_through + 1);
        Ok(Progress {
            read_through,
            first_unread,
        })
    }
}

// === impl NotificationRow ===

impl NotificationRow {
    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            cursor: row.try_get("", "cursor")?,
            id: row.try_get("", "id")?,
            team_id: row.try_get("", "team_id")?,
            event_id: row.try_get("", "event_id")?,
            event_type: row.try_get("", "event_type")?,
            severity: row.try_get("", "severity")?,
            title: row.try_get("", "title")?,
            url: row.try_get("", "url")?,
            source: row.try_get("", "source")?,
            subject: row.try_get("", "subject")?,
            test: row.try_get("", "test")?,
            created_at: row.try_get("", "created_at")?,
            read: row.try_get("", "read")?,
            archived: row.try_get("", "archived")?,
            alert: alert_status(row)?,
        })
    }
}

fn alert_status(row: &QueryResult) -> Result<Option<AlertStatus>, DbErr> {
    let Some(key) = row.try_get::<Option<String>>("", "key")? else {
        return Ok(None);
    };
    let unreadable = || DbErr::Type("the alert of a notification cannot be read".to_owned());
    let state = AlertState::from_wire(row.try_get::<i16>("", "state")?.into());
    let event_id: Option<String> = row.try_get("", "opened_event_id")?;
    let opened_at: Option<i64> = row.try_get("", "opened_at")?;
    let event_id = event_id.and_then(|id| id.parse().ok());
    Ok(Some(AlertStatus {
        key: key.parse().map_err(|_| unreadable())?,
        state: state.ok().flatten().ok_or_else(unreadable)?,
        opened: event_id.zip(opened_at).map(|(event_id, at)| Opened {
            event_id,
            at: instant(at),
        }),
        count: row.try_get("", "count")?,
        news: None,
        still_open: None,
    }))
}

// === impl Progress ===

impl Progress {
    /// The first three parameters of the queries.
    fn values(self, team: TeamId, member: MemberId) -> Vec<Value> {
        vec![
            team.as_uuid().into(),
            member.as_uuid().into(),
            self.read_through.into(),
        ]
    }
}
