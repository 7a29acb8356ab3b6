//! Writes of the committer in one transaction: one statement for each table, whatever the number of rows.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::DbErr;
use uuid::Uuid;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::ids::{DeliveryId, NotificationId, TeamId};
use watchbell_model::route::Route;
use watchbell_store::Backend;

use super::batch::Batch;
use super::transaction::{ReadRow, WriteTransaction};
use super::{Db, micros, number, postgres, sqlite};
use crate::job::{Break, JobOutcome, State, Submission};
use crate::lanes::LaneId;

/// A delivery to be inserted.
#[derive(Debug)]
pub(crate) struct NewDelivery<'a> {
    pub(crate) id: DeliveryId,
    pub(crate) event: &'a Arc<AcceptedEvent>,
    pub(crate) route: &'a Arc<Route>,
    pub(crate) route_json: &'a str,
    pub(crate) lane: LaneId,
    pub(crate) state: State,
    /// `None` leaves it to the sweepers.
    pub(crate) owner: Option<Uuid>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) replay_of: Option<DeliveryId>,
}

/// A row of the inbox to be inserted.
#[derive(Debug)]
pub(crate) struct NewNotification<'a> {
    pub(crate) id: NotificationId,
    pub(crate) event: &'a AcceptedEvent,
}

/// How often a lock held by another transaction is tried again, [`LOCKED`] apart.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(crate) enum LockWait {
    None = 0,
    Some = 10,
}

/// Between two tries.
const LOCKED: Duration = Duration::from_millis(2);

// === impl Db ===

impl Db {
    /// Inserts new events, each id once; returns the keys that existed already.
    pub(crate) async fn insert_events<W: WriteTransaction>(
        &self,
        transaction: &W,
        submissions: &[&Submission],
    ) -> Result<HashSet<(TeamId, String)>, DbErr> {
        let events = || submissions.iter().map(|submission| &*submission.event);
        let routes: Vec<String> = submissions
            .iter()
            .map(|submission| joined(&submission.routes))
            .collect();
        let emails: Vec<Option<String>> = events()
            .map(|event| event.email.as_ref().map(serde_json::to_string).transpose())
            .collect::<Result<_, _>>()
            .map_err(|error| DbErr::Custom(error.to_string()))?;
        let batch = Batch::new()
            .uuid("team_id", events().map(|event| event.team_id.as_uuid()))
            .text("id", events().map(|event| event.id.as_str()))
            .text("event_type", events().map(|event| &*event.event_type))
            .small("severity", events().map(|event| number(event.severity)))
            .small("category", events().map(|event| number(event.category)))
            .text("source", events().map(|event| event.source.as_str()))
            .big("occurred_at", events().map(|event| micros(event.occurred_at)))
            .big("accepted_at", events().map(|event| micros(event.accepted_at)))
            .text("title", events().map(|event| event.title.as_str()))
            .text("url", events().map(|event| event.url.as_str()))
            .text("subject", events().map(|event| event.subject.as_str()))
            .text("data", events().map(|event| event.data.as_str()))
            .bool("test", events().map(|event| event.test))
            .text("routes", routes.iter().map(String::as_str))
            .text_opt("traceparent", events().map(|event| event.traceparent.as_deref()))
            .text_opt("email", emails.iter().map(Option::as_deref));
        // Only existing keys are read back: reading a row costs about as much as writing one.
        match self.store.backend() {
            Backend::Sqlite => sqlite::insert_events(transaction, &batch).await,
            Backend::Postgres => postgres::insert_events(transaction, &batch).await,
        }
    }

    /// The routes, as JSON, that events were first accepted with.
    pub(crate) async fn first_routes<W: WriteTransaction>(
        &self,
        transaction: &W,
        events: &[(TeamId, &str)],
    ) -> Result<HashMap<(TeamId, String), String>, DbErr> {
        let batch = Batch::new()
            .uuid("team_id", events.iter().map(|(team, _)| team.as_uuid()))
            .text("id", events.iter().map(|(_, id)| *id));
        let sql = "SELECT e.team_id, e.id, e.routes FROM ({rows}) AS b
            JOIN events e ON e.team_id = b.team_id AND e.id = b.id";
        let rows = transaction.read(sql, &batch, &[]).await?;
        rows.iter()
            .map(|row| {
                let key = (TeamId::from_uuid(row.uuid("team_id")?), row.text("id")?);
                Ok((key, row.text("routes")?))
            })
            .collect()
    }

    /// Inserts deliveries.
    pub(crate) async fn insert_deliveries<W: WriteTransaction>(
        &self,
        transaction: &W,
        rows: &[NewDelivery<'_>],
    ) -> Result<(), DbErr> {
        let all = || rows.iter();
        let ended = |row: &NewDelivery<'_>| row.state == State::Delivered;
        let batch = Batch::new()
            .uuid("id", all().map(|row| row.id.as_uuid()))
            .uuid("team_id", all().map(|row| row.event.team_id.as_uuid()))
            .text("event_id", all().map(|row| row.event.id.as_str()))
            .text("event_type", all().map(|row| &*row.event.event_type))
            .small("severity", all().map(|row| number(row.event.severity)))
            .small("kind", all().map(|row| number(row.route.kind)))
            .uuid_opt(
                "channel_id",
                all().map(|row| row.route.channel_id().map(|id| id.as_uuid())),
            )
            .uuid("lane_id", all().map(|row| row.lane.0))
            .text("route", all().map(|row| row.route_json))
            .small("state", all().map(|row| row.state as i16))
            .big_opt(
                "due_at",
                all().map(|row| (!ended(row)).then(|| micros(row.created_at))),
            )
            .uuid_opt("lease_owner", all().map(|row| row.owner))
            .big("created_at", all().map(|row| micros(row.created_at)))
            .big_opt(
                "ended_at",
                all().map(|row| ended(row).then(|| micros(row.created_at))),
            )
            .uuid_opt("replay_of", all().map(|row| row.replay_of.map(|id| id.as_uuid())))
            .bool("test", all().map(|row| row.event.test))
            .text("title", all().map(|row| row.event.title.as_str()));
        let sql = "INSERT INTO deliveries (state_message, attempt_count, tries, {names})
            SELECT '', 0, 0, b.* FROM ({rows}) AS b";
        transaction.run(sql, &batch, &[]).await?;
        Ok(())
    }

    /// Takes the locks of teams' inboxes until the end of the transaction. Cursors are assigned under this lock, so
    /// that a reader that has seen a cursor has seen every smaller one of its team, whichever replica wrote it. A
    /// holder is about to commit: it is waited for briefly, unless `wait` is [`LockWait::None`]. Returns the locks
    /// that others still hold.
    pub(crate) async fn lock_inboxes<W: WriteTransaction>(
        &self,
        transaction: &W,
        teams: &HashSet<TeamId>,
        wait: LockWait,
    ) -> Result<HashSet<TeamId>, DbErr> {
        if teams.is_empty() || self.is_sqlite() {
            return Ok(HashSet::new());
        }
        let mut busy = postgres::lock_inboxes(transaction, teams).await?;
        for _ in 0..wait as u8 {
            if busy.is_empty() {
                break;
            }
            tokio::time::sleep(LOCKED).await;
            busy = postgres::lock_inboxes(transaction, &busy).await?;
        }
        Ok(busy)
    }

    /// Inserts rows of the inbox, whose lock the transaction holds.
    pub(crate) async fn insert_notifications<W: WriteTransaction>(
        &self,
        transaction: &W,
        rows: &[NewNotification<'_>],
    ) -> Result<(), DbErr> {
        let events = || rows.iter().map(|row| row.event);
        let batch = Batch::new()
            .uuid("id", rows.iter().map(|row| row.id.as_uuid()))
            .uuid("team_id", events().map(|event| event.team_id.as_uuid()))
            .text("event_id", events().map(|event| event.id.as_str()))
            .text("event_type", events().map(|event| &*event.event_type))
            .small("severity", events().map(|event| number(event.severity)))
            .text("title", events().map(|event| event.title.as_str()))
            .text("url", events().map(|event| event.url.as_str()))
            .text("source", events().map(|event| event.source.as_str()))
            .text("subject", events().map(|event| event.subject.as_str()))
            .bool("test", events().map(|event| event.test))
            .big("created_at", events().map(|event| micros(event.accepted_at)));
        let sql = "INSERT INTO notifications ({names}) SELECT * FROM ({rows}) AS b";
        transaction.run(sql, &batch, &[]).await?;
        Ok(())
    }

    /// Stores outcomes and releases their leases, each only if the lease still is the job's. Returns the deliveries
    /// whose outcome was not stored.
    pub(crate) async fn finish<W: WriteTransaction>(
        &self,
        transaction: &W,
        outcomes: &[JobOutcome],
    ) -> Result<HashSet<Uuid>, DbErr> {
        let all = || outcomes.iter();
        let batch = Batch::new()
            .uuid("id", all().map(|outcome| outcome.job.id.as_uuid()))
            .uuid("owner", all().map(|outcome| outcome.job.owner))
            .small("state", all().map(|outcome| outcome.state as i16))
            .text("state_message", all().map(|outcome| outcome.message.as_str()))
            .small_opt(
                "parked_for",
                all().map(|outcome| outcome.parked_for.map(|why| why as i16)),
            )
            .int("attempt_count", all().map(|outcome| count(outcome.attempts())))
            .int("tries", all().map(|outcome| count(outcome.tries)))
            .big_opt(
                "first_attempt_at",
                all().map(|outcome| outcome.first_attempt_at().map(micros)),
            )
            .big_opt("due_at", all().map(|outcome| outcome.due_at.map(micros)))
            .big_opt("ended_at", all().map(|outcome| outcome.ended_at.map(micros)));
        let sql = "UPDATE deliveries SET state = b.state, state_message = b.state_message, parked_for = b.parked_for,
                attempt_count = b.attempt_count, tries = b.tries, first_attempt_at = b.first_attempt_at,
                due_at = b.due_at, ended_at = b.ended_at, lease_owner = NULL
            FROM ({rows}) AS b WHERE deliveries.id = b.id AND deliveries.lease_owner = b.owner";
        let moved = transaction.run(sql, &batch, &[]).await?;
        if moved == outcomes.len() as u64 {
            return Ok(HashSet::new());
        }
        // Others may have moved some. A delivery that an earlier commit with a lost answer has moved counts as
        // stored.
        let sql = "SELECT b.id AS id FROM ({rows}) AS b WHERE NOT EXISTS (SELECT 1 FROM deliveries d
            WHERE d.id = b.id AND d.lease_owner IS NULL AND d.state = b.state AND d.state_message = b.state_message
                AND d.attempt_count = b.attempt_count AND d.tries = b.tries
                AND COALESCE(d.first_attempt_at, 0) = COALESCE(b.first_attempt_at, 0)
                AND COALESCE(d.due_at, 0) = COALESCE(b.due_at, 0)
                AND COALESCE(d.ended_at, 0) = COALESCE(b.ended_at, 0))";
        let rows = transaction.read(sql, &batch, &[]).await?;
        rows.iter().map(|row| row.uuid("id")).collect()
    }

    /// Inserts the attempts of outcomes. They happened, whoever holds the lease now.
    pub(crate) async fn insert_attempts<W: WriteTransaction>(
        &self,
        transaction: &W,
        outcomes: &[JobOutcome],
    ) -> Result<(), DbErr> {
        let made = || {
            outcomes
                .iter()
                .filter_map(|outcome| outcome.attempt.as_ref().map(|made| (&outcome.job, made)))
        };
        if made().next().is_none() {
            return Ok(());
        }
        let batch = Batch::new()
            .uuid("id", made().map(|(_, attempt)| attempt.id.as_uuid()))
            .uuid("team_id", made().map(|(job, _)| job.team_id().as_uuid()))
            .uuid("delivery_id", made().map(|(job, _)| job.id.as_uuid()))
            .int("number", made().map(|(_, attempt)| count(attempt.number)))
            .big(
                "started_at",
                made().map(|(_, attempt)| micros(attempt.started_at)),
            )
            .big(
                "latency_us",
                made().map(|(_, attempt)| {
                    i64::try_from(attempt.result.latency.as_micros()).unwrap_or(i64::MAX)
                }),
            )
            .small("outcome", made().map(|(_, attempt)| attempt.outcome()))
            .int(
                "status_code",
                made().map(|(_, attempt)| i32::from(attempt.result.status_code)),
            )
            .text("error", made().map(|(_, attempt)| attempt.result.error.as_str()))
            .text(
                "error_code",
                made().map(|(_, attempt)| attempt.result.error_code.as_str()),
            )
            .text(
                "request_headers",
                made().map(|(_, attempt)| attempt.result.request_headers.as_json()),
            )
            .text(
                "response_body",
                made().map(|(_, attempt)| attempt.result.response_body.as_str()),
            )
            .bool("ambiguous", made().map(|(_, attempt)| attempt.result.ambiguous));
        // The same outcome is written again after a commit with an unknown result.
        let sql =
            "INSERT INTO attempts ({names}) SELECT * FROM ({rows}) AS b WHERE true ON CONFLICT DO NOTHING";
        transaction.run(sql, &batch, &[]).await?;
        Ok(())
    }

    /// Notes that a channel is unhealthy, unless a newer epoch is known.
    pub(crate) async fn mark_unhealthy<W: WriteTransaction>(
        &self,
        transaction: &W,
        team: TeamId,
        broken: &Break,
    ) -> Result<(), DbErr> {
        let sql = "INSERT INTO channel_health
                (channel_id, team_id, unhealthy, epoch, since, message, reported, told, last_error)
            SELECT channel_id, team_id, true, epoch, since, message, false, false, message FROM ({rows}) AS b WHERE true
            ON CONFLICT (channel_id) DO UPDATE SET unhealthy = true, epoch = excluded.epoch, since = excluded.since,
                message = excluded.message, reported = false, told = false
            WHERE channel_health.epoch < excluded.epoch
                OR (channel_health.epoch = excluded.epoch AND NOT channel_health.unhealthy)";
        let batch = Batch::new()
            .uuid("channel_id", [broken.channel_id.as_uuid()])
            .uuid("team_id", [team.as_uuid()])
            .big("epoch", [broken.epoch])
            .big("since", [micros(broken.at)])
            .text("message", [broken.message.as_str()]);
        transaction.run(sql, &batch, &[]).await?;
        Ok(())
    }
}

/// Routes as one JSON array.
fn joined(routes: &[crate::job::Planned]) -> String {
    let mut json = String::from("[");
    for (index, route) in routes.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        json.push_str(&route.json);
    }
    json.push(']');
    json
}

fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

// === impl JobOutcome ===

impl JobOutcome {
    /// Attempts of the delivery, this one included.
    pub(crate) fn attempts(&self) -> u32 {
        self.job.attempts + u32::from(self.attempt.is_some())
    }

    /// When that run began.
    pub(crate) fn first_attempt_at(&self) -> Option<DateTime<Utc>> {
        self.job
            .first_attempt_at
            .or(self.attempt.as_ref().map(|attempt| attempt.started_at))
    }
}
