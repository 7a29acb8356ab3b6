//! Writes of the committer in one transaction: one statement for each table, whatever the number of rows.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::DbErr;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::alert::AlertKey;
use watchbell_model::ids::{DeliveryId, NotificationId, TeamId};
use watchbell_model::route::Route;
use watchbell_store::Backend;

use super::batch::Batch;
use super::transaction::{ReadRow, WriteTransaction};
use super::{Db, attempts, micros, number, postgres, sqlite};
use crate::group::Gathered;
use crate::job::{Break, JobOutcome, Planned, State, Submission};
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
    pub(crate) state_message: &'a str,
    /// The group that it waits in.
    pub(crate) gathered: Option<&'a Gathered>,
    pub(crate) title: &'a str,
    /// The event's alert, as JSON.
    pub(crate) alert: Option<&'a str>,
    pub(crate) created_at: DateTime<Utc>,
    /// When it is to be sent, unless it has ended.
    pub(crate) due_at: DateTime<Utc>,
    pub(crate) replay_of: Option<DeliveryId>,
}

/// A row of the inbox to be inserted.
#[derive(Debug)]
pub(crate) struct NewNotification<'a> {
    pub(crate) id: NotificationId,
    pub(crate) event: &'a AcceptedEvent,
}

// === impl Db ===

impl Db {
    /// Inserts new events, each id once, with their positions in their teams' feeds; returns the keys that existed already. What is no
    /// part of a feed has no position.
    pub(crate) async fn insert_events<W: WriteTransaction>(
        &self,
        transaction: &W,
        submissions: &[(&Submission, Option<i64>)],
    ) -> Result<HashSet<(TeamId, String)>, DbErr> {
        let events = || submissions.iter().map(|(submission, _)| &*submission.event);
        let routes: Vec<String> = submissions
            .iter()
            .map(|(submission, _)| joined(&submission.routes))
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
            .big_opt("position", submissions.iter().map(|(_, position)| *position))
            .text("title", events().map(|event| event.title.as_str()))
            .text("url", events().map(|event| event.url.as_str()))
            .text("subject", events().map(|event| event.subject.as_str()))
            .text("data", events().map(|event| event.data.as_str()))
            .bool("test", events().map(|event| event.test))
            .text("routes", routes.iter().map(String::as_str))
            .text_opt("traceparent", events().map(|event| event.traceparent.as_deref()))
            .text_opt("email", emails.iter().map(Option::as_deref));
        let of_alerts = events().any(|event| event.alert.is_some());
        let alerts = || events().map(|event| event.alert.as_ref());
        // Events without an alert do not pay for the others.
        let batch = match of_alerts {
            false => batch,
            true => batch
                .text_opt("alert_key", alerts().map(|alert| Some(alert?.key.as_str())))
                .small_opt("alert_action", alerts().map(|alert| Some(number(alert?.action)))),
        };
        let batch = batch.with_one_plan();
        let keys = || {
            Batch::new()
                .uuid("team_id", events().map(|event| event.team_id.as_uuid()))
                .text("id", events().map(|event| event.id.as_str()))
        };
        // Only existing keys are read back: reading a row costs about as much as writing one.
        match self.store.backend() {
            Backend::Sqlite => sqlite::insert_events(transaction, &batch, keys).await,
            Backend::Postgres => postgres::insert_events(transaction, &batch, keys).await,
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
        let ended = |row: &NewDelivery<'_>| {
            matches!(row.state, State::Delivered | State::Folded) && row.gathered.is_none()
        };
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
                all().map(|row| (!ended(row)).then(|| micros(row.due_at))),
            )
            .big("created_at", all().map(|row| micros(row.created_at)))
            .big_opt(
                "ended_at",
                all().map(|row| ended(row).then(|| micros(row.created_at))),
            )
            .uuid_opt("replay_of", all().map(|row| row.replay_of.map(|id| id.as_uuid())))
            .bool("test", all().map(|row| row.event.test))
            .text("title", all().map(|row| row.title));
        let are_gathered = rows.iter().any(|row| row.gathered.is_some());
        let say_more = are_gathered || rows.iter().any(|row| row.alert.is_some());
        // Rows of events without an alert do not pay for the others.
        let (batch, sql) = match say_more {
            false => (
                batch,
                "INSERT INTO deliveries (state_message, attempt_count, tries, {names})
                    SELECT '', 0, 0, b.* FROM ({rows}) AS b WHERE true",
            ),
            true => (
                batch
                    .text("state_message", all().map(|row| row.state_message))
                    .text_opt("alert", all().map(|row| row.alert)),
                "INSERT INTO deliveries (attempt_count, tries, {names}) SELECT 0, 0, b.* FROM ({rows}) AS b WHERE true",
            ),
        };
        let gathered = || all().map(|row| row.gathered);
        let batch = match are_gathered {
            false => batch,
            true => batch
                .uuid_opt("group_key", gathered().map(|it| it.map(|it| it.key)))
                .uuid_opt("gathered_with", gathered().map(|it| it.map(|it| it.group)))
                .big_opt(
                    "gathered_count",
                    gathered().map(|it| it.map(|it| i64::from(it.count))),
                ),
        };
        transaction.run(sql, &batch.with_one_plan(), &[]).await?;
        Ok(())
    }

    /// Adds routes to those that are stored with events.
    pub(crate) async fn add_routes<W: WriteTransaction>(
        &self,
        transaction: &W,
        events: &[(&Submission, &[Planned])],
    ) -> Result<(), DbErr> {
        let routes: Vec<String> = events
            .iter()
            .map(|(submission, added)| joined(submission.routes.iter().chain(*added)))
            .collect();
        let all = || events.iter().map(|(submission, _)| &submission.event);
        let batch = Batch::new()
            .uuid("team_id", all().map(|event| event.team_id.as_uuid()))
            .text("id", all().map(|event| event.id.as_str()))
            .text("routes", routes.iter().map(String::as_str));
        let sql = "UPDATE events SET routes = b.routes FROM ({rows}) AS b
            WHERE events.team_id = b.team_id AND events.id = b.id";
        transaction.run(sql, &batch, &[]).await?;
        Ok(())
    }

    /// Inserts rows of inboxes. Their cursors must ascend in the order of commits, so that a reader that has seen one has
    /// seen every smaller one of its team: a team's owner inserts in one transaction at a time.
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
            .big("created_at", events().map(|event| micros(event.accepted_at)))
            .text_opt(
                "alert_key",
                events().map(|event| Some(event.alert.as_ref()?.key.as_str())),
            );
        let sql = "INSERT INTO notifications ({names}) SELECT b.* FROM ({rows}) AS b WHERE true";
        transaction.run(sql, &batch.with_one_plan(), &[]).await?;
        Ok(())
    }

    /// Removes the rows of alerts from inboxes: newer ones are about to come.
    pub(crate) async fn remove_notifications_of<W: WriteTransaction>(
        &self,
        transaction: &W,
        alerts: &[(TeamId, &AlertKey)],
    ) -> Result<(), DbErr> {
        let batch = Batch::new()
            .uuid("team_id", alerts.iter().map(|(team, _)| team.as_uuid()))
            .text("key", alerts.iter().map(|(_, key)| key.as_str()));
        let former = "SELECT n.cursor FROM ({rows}) AS b
            JOIN notifications n ON n.team_id = b.team_id AND n.alert_key = b.key AND n.alert_key IS NOT NULL";
        for table in ["notification_marks", "notifications"] {
            let sql = format!("DELETE FROM {table} WHERE cursor IN ({former})");
            transaction.run(&sql, &batch, &[]).await?;
        }
        Ok(())
    }

    /// Stores outcomes of deliveries whose shards the transaction is fenced by, with the first attempt of each.
    pub(crate) async fn finish<W: WriteTransaction>(
        &self,
        transaction: &W,
        outcomes: &[&JobOutcome],
    ) -> Result<(), DbErr> {
        if outcomes.is_empty() {
            return Ok(());
        }
        let all = || outcomes.iter();
        let batch = Batch::new()
            .uuid("id", all().map(|outcome| outcome.job.id.as_uuid()))
            .small("state", all().map(|outcome| outcome.state as i16))
            .text("state_message", all().map(|outcome| outcome.message.as_str()))
            .small_opt(
                "parked_for",
                all().map(|outcome| outcome.parked_for.map(|why| why as i16)),
            )
            .uuid_opt(
                "held_by",
                all().map(|outcome| outcome.held_by.map(|silence| silence.as_uuid())),
            )
            .int("attempt_count", all().map(|outcome| count(outcome.attempts())))
            .int("tries", all().map(|outcome| count(outcome.tries)))
            .big_opt(
                "first_attempt_at",
                all().map(|outcome| outcome.first_attempt_at().map(micros)),
            )
            .big_opt("due_at", all().map(|outcome| outcome.due_at.map(micros)))
            .big_opt("ended_at", all().map(|outcome| outcome.ended_at.map(micros)));
        let (batch, first_attempts) = attempts::with_first(batch, outcomes);
        let sql = format!(
            "UPDATE deliveries SET state = b.state, state_message = b.state_message, parked_for = b.parked_for,
                held_by = b.held_by, attempt_count = b.attempt_count, tries = b.tries, first_attempt_at = b.first_attempt_at,
                due_at = b.due_at, ended_at = b.ended_at{first_attempts}
            FROM ({{rows}}) AS b WHERE deliveries.id = b.id"
        );
        transaction.run(&sql, &batch.with_one_plan(), &[]).await?;
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
            SELECT b.channel_id, b.team_id, true, b.epoch, b.since, b.message, false, false, b.message FROM ({rows}) AS b WHERE true
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
fn joined<'p>(routes: impl IntoIterator<Item = &'p Planned>) -> String {
    let mut json = String::from("[");
    for (index, route) in routes.into_iter().enumerate() {
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
