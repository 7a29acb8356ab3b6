//! The in-app inbox: one row per event and team, marks per member. A member who has read everything has one number
//! (`read_through`) instead of a mark per row.

use chrono::{DateTime, Utc};
use sea_orm::{DbErr, FromQueryResult, Value};
use uuid::Uuid;
use watchbell_model::ids::{MemberId, NotificationId, TeamId};

use super::batch::Batch;
use super::{Db, micros};

/// A row of the inbox as a member sees it.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
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
        n.subject, n.test, n.created_at, (n.cursor <= $3 OR k.read_at IS NOT NULL) AS read,
        (k.archived_at IS NOT NULL) AS archived
    FROM notifications n LEFT JOIN notification_marks k
        ON k.team_id = n.team_id AND k.member_id = $2 AND k.cursor = n.cursor
    WHERE n.team_id = $1 AND";

const UNREAD: &str = "n.cursor > $3 AND k.read_at IS NULL AND k.archived_at IS NULL";

// === impl Db ===

impl Db {
    /// Notifications, newest first.
    pub(crate) async fn notifications(
        &self,
        team: TeamId,
        member: MemberId,
        filter: InboxFilter,
    ) -> Result<Vec<NotificationRow>, DbErr> {
        let mut sql = format!("{COLUMNS} n.cursor < $4");
        if filter.unread_only {
            sql.push_str(" AND n.cursor > $3 AND k.read_at IS NULL");
        }
        if !filter.include_archived {
            sql.push_str(" AND k.archived_at IS NULL");
        }
        sql.push_str(" ORDER BY n.cursor DESC LIMIT $5");
        let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
        self.inbox_rows(
            team,
            member,
            sql,
            vec![filter.before.unwrap_or(i64::MAX).into(), limit.into()],
        )
        .await
    }

    /// Notifications after a cursor, oldest first.
    pub(crate) async fn notifications_after(
        &self,
        team: TeamId,
        member: MemberId,
        cursor: i64,
        limit: i64,
    ) -> Result<Vec<NotificationRow>, DbErr> {
        let sql = format!("{COLUMNS} n.cursor > $4 ORDER BY n.cursor LIMIT $5");
        self.inbox_rows(team, member, sql, vec![cursor.into(), limit.into()])
            .await
    }

    async fn inbox_rows(
        &self,
        team: TeamId,
        member: MemberId,
        sql: String,
        more: Vec<Value>,
    ) -> Result<Vec<NotificationRow>, DbErr> {
        let read_through = self.read_through(team, member).await?;
        let mut values: Vec<Value> = vec![
            team.as_uuid().into(),
            member.as_uuid().into(),
            read_through.into(),
        ];
        values.extend(more);
        let rows = self.query(sql, values).await?;
        rows.iter()
            .map(|row| NotificationRow::from_query_result(row, ""))
            .collect()
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
        let read_through = self.read_through(team, member).await?;
        let sql = format!(
            "SELECT COUNT(*) AS unread FROM notifications n LEFT JOIN notification_marks k
                ON k.team_id = n.team_id AND k.member_id = $2 AND k.cursor = n.cursor
            WHERE n.team_id = $1 AND {UNREAD}"
        );
        let values = vec![
            team.as_uuid().into(),
            member.as_uuid().into(),
            read_through.into(),
        ];
        let rows = self.query(sql, values).await?;
        rows.first().map_or(Ok(0), |row| row.try_get("", "unread"))
    }

    /// Marks notifications as read. Ids that the team does not have are passed over.
    pub(crate) async fn mark_read(
        &self,
        team: TeamId,
        member: MemberId,
        ids: &[NotificationId],
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        self.mark(team, member, ids, "read_at", now).await
    }

    /// Archives notifications.
    pub(crate) async fn archive(
        &self,
        team: TeamId,
        member: MemberId,
        ids: &[NotificationId],
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        self.mark(team, member, ids, "archived_at", now).await
    }

    async fn mark(
        &self,
        team: TeamId,
        member: MemberId,
        ids: &[NotificationId],
        column: &'static str,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let batch = Batch::new().uuid("id", ids.iter().map(NotificationId::as_uuid));
        let sql = format!(
            "INSERT INTO notification_marks (team_id, member_id, cursor, {column})
            SELECT n.team_id, {{1}}, n.cursor, {{2}} FROM ({{rows}}) AS b JOIN notifications n ON n.id = b.id
                WHERE n.team_id = {{0}}
            ON CONFLICT (team_id, member_id, cursor)
                DO UPDATE SET {column} = COALESCE(notification_marks.{column}, excluded.{column})"
        );
        let values = vec![team.as_uuid().into(), member.as_uuid().into(), micros(now).into()];
        self.write(batch.statement(self.backend(), &sql, values)).await?;
        Ok(())
    }

    /// Marks everything so far as read.
    pub(crate) async fn mark_all_read(&self, team: TeamId, member: MemberId) -> Result<(), DbErr> {
        let through = self
            .newest_notification(team)
            .await?
            .map_or(0, |(cursor, _)| cursor);
        let sql = "INSERT INTO inbox_members (team_id, member_id, read_through) VALUES ($1, $2, $3)
            ON CONFLICT (team_id, member_id) DO UPDATE SET read_through = excluded.read_through
            WHERE inbox_members.read_through < excluded.read_through";
        self.execute(
            sql,
            vec![team.as_uuid().into(), member.as_uuid().into(), through.into()],
        )
        .await?;
        Ok(())
    }

    async fn read_through(&self, team: TeamId, member: MemberId) -> Result<i64, DbErr> {
        let sql = "SELECT read_through FROM inbox_members WHERE team_id = $1 AND member_id = $2";
        let rows = self
            .query(sql, vec![team.as_uuid().into(), member.as_uuid().into()])
            .await?;
        rows.first().map_or(Ok(0), |row| row.try_get("", "read_through"))
    }
}
