//! Loop that sends reminders and escalations of alerts that stay open, once they are due. Each is committed like an event's
//! deliveries, by the owner of its team's shard, and is due no more in the same transaction.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound as _, Utc};
use futures::future::join_all;
use sea_orm::DbErr;
use tokio::sync::oneshot;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_model::ChannelKind;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::alert_life::Alert;
use watchbell_model::route::{Route, Target, TargetKey};
use watchbell_model::shard::ShardId;

use crate::channel::cache::{ConfigUnavailable, Lookup};
use crate::channel::policy::ChannelPolicy;
use crate::delivery::precheck::refusal;
use crate::job::Submission;
use crate::reminder::{DueReminder, Reminder, ReminderKind};
use crate::senders::Via;
use crate::state::Core;

/// Reminders that are read, and sent, at once.
const PAGE: usize = 100;
/// The longest wait for a commit.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Loop that sends them.
pub(crate) struct Reminders {
    pub(crate) core: Arc<Core>,
}

// === impl Reminders ===

impl Reminders {
    /// Between two rounds.
    pub(crate) const INTERVAL: Duration = Duration::from_secs(5);

    /// Runs once. All that is due is looked at, a page of each shard in turn: neither what cannot be sent now nor a team with very
    /// many keeps others waiting.
    pub(crate) async fn tick(&self) -> Result<(), DbErr> {
        let core = &self.core;
        let now = core.clock.now();
        let owned = core.ownership().owned();
        let due = core.db.shards_with_due_reminders(&owned, now).await?;
        let mut left: Vec<(ShardId, Option<Reminder>)> = due.into_iter().map(|shard| (shard, None)).collect();
        while !left.is_empty() {
            let mut more = Vec::new();
            for (shard, after) in left {
                match self.send_page(shard, now, after).await {
                    Ok(None) => {}
                    Ok(last) => more.push((shard, last)),
                    Err(error) => tracing::warn!(%error, %shard, "reminders of a shard cannot be read"),
                }
            }
            left = more;
        }
        Ok(())
    }

    /// Sends a page of what is due of a shard; the last of it, if there may be more.
    async fn send_page(
        &self,
        shard: ShardId,
        now: DateTime<Utc>,
        after: Option<Reminder>,
    ) -> Result<Option<Reminder>, DbErr> {
        let db = &self.core.db;
        let page = db.due_reminders(shard, now, after.as_ref(), PAGE as u64).await?;
        let last = page.last().cloned().filter(|_| page.len() == PAGE);
        let ours = page
            .into_iter()
            .filter(|reminder| self.core.owns(reminder.team_id));
        let sent = ours.map(async |reminder| {
            let (team, key) = (reminder.team_id, reminder.key.clone());
            if let Err(error) = self.send(reminder).await {
                tracing::warn!(%error, %team, alert = %key, "a reminder cannot be sent");
            }
        });
        join_all(sent).await;
        Ok(last)
    }

    async fn send(&self, reminder: Reminder) -> Result<(), DbErr> {
        let core = &self.core;
        let Some(alert) = core.db.alert(reminder.team_id, &reminder.key).await? else {
            return self.forget(&reminder).await;
        };
        if !alert.is_neglected(core.clock.now()) {
            return Ok(());
        }
        let Some(event) = self.event(&alert).await? else {
            return self.forget(&reminder).await;
        };
        let Ok(routes) = self.routes(&reminder, &event).await else {
            return Ok(());
        };
        let (answer, committed) = oneshot::channel();
        let submission = Submission {
            reminder: Some(Box::new(DueReminder { reminder, routes })),
            ..Submission::new(event, Vec::new(), false, answer)
        };
        // `try_send`, because waiting for memory would stop the loop.
        if core.submissions.try_send(submission).is_ok() {
            let _ = tokio::time::timeout(COMMIT_TIMEOUT, committed).await;
        }
        Ok(())
    }

    /// The event with which the alert began, as it is told now.
    async fn event(&self, alert: &Alert) -> Result<Option<AcceptedEvent>, DbErr> {
        let core = &self.core;
        let Some(opened) = &alert.opened else {
            return Ok(None);
        };
        let Some(row) = core.db.event(alert.team_id, opened.event_id.as_str()).await? else {
            return Ok(None);
        };
        let event = row.event().map_err(|error| DbErr::Type(error.to_string()))?;
        Ok(Some(AcceptedEvent {
            severity: alert.severity,
            accepted_at: core.clock.now().trunc_subsecs(6),
            ..event
        }))
    }

    /// Whom it can tell now: those who would not get it are passed over.
    async fn routes(
        &self,
        reminder: &Reminder,
        event: &AcceptedEvent,
    ) -> Result<Vec<Route>, ConfigUnavailable> {
        let core = &self.core;
        let mut routes: Vec<Route> = Vec::new();
        let mut keys: Vec<Option<TargetKey>> = Vec::new();
        for route in &reminder.routes {
            let mut told = vec![route.clone()];
            if let Some(id) = route.channel_id() {
                match core.channels.channel(reminder.team_id, id).await? {
                    Lookup::Found(policy) if policy.paused => continue,
                    Lookup::Found(policy) if reminder.kind == ReminderKind::Escalate => {
                        told = targets(route, &policy);
                    }
                    Lookup::Found(_) => {}
                    Lookup::Deleted => continue,
                }
            }
            for route in told {
                let key = TargetKey::of(&route.target);
                if !keys.contains(&key) && refusal(core, event, &route).await.is_none() {
                    keys.push(key);
                    routes.push(route);
                }
            }
        }
        Ok(routes)
    }

    /// Deletes the reminders of an alert of which nothing is known any more.
    async fn forget(&self, reminder: &Reminder) -> Result<(), DbErr> {
        let core = &self.core;
        if let Some(transaction) = core.begin_fenced(reminder.team_id).await? {
            let alert = (reminder.team_id, reminder.key.clone());
            core.db.delete_reminders(&transaction, &[&alert]).await?;
            core.db.commit(transaction).await?;
        }
        Ok(())
    }
}

/// Where a route to a channel leads today.
fn targets(route: &Route, policy: &ChannelPolicy) -> Vec<Route> {
    let to = |target| Route {
        target,
        ..route.clone()
    };
    match route.kind {
        ChannelKind::InApp => vec![to(Target::Inbox)],
        ChannelKind::Email => {
            let Via::Channel { channel, .. } = &policy.channel.via else {
                return Vec::new();
            };
            let Some(Destination::Email(email)) = &channel.destination else {
                return Vec::new();
            };
            let targets = email.recipients.iter().map(|address| Target::Address {
                address: address.clone(),
                channel: policy.channel_id,
            });
            targets.map(to).collect()
        }
        ChannelKind::Slack | ChannelKind::Teams | ChannelKind::Webhook => vec![route.clone()],
    }
}
