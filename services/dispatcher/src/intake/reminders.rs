//! Reminders and escalations in the transaction of their alerts' events: they begin with what a rule tells, go when somebody
//! acknowledges or the alert ends, wait while it is snoozed, and become deliveries when they are due.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sea_orm::DbErr;
use uuid::Uuid;
use watchbell_model::alert::StillOpen;
use watchbell_model::alert_life::{Act, Alert, Told};
use watchbell_model::route::{ESCALATION, REMINDER, Reason, Route, TargetKey};

use crate::job::{Planned, Submission};
use crate::reminder::{DueReminder, Reminder, ReminderId, ReminderKind};
use crate::senders::text::time_text;
use crate::store::{AlertId, Db, Telling, TellingDelivery, WriteTransaction};

/// What a batch does to reminders.
#[derive(Debug, Default)]
pub(super) struct ReminderChanges {
    of: BTreeMap<AlertId, OfAlert>,
}

/// What a batch does to the reminders of one alert, in the order in which it is written.
#[derive(Debug, Default)]
struct OfAlert {
    /// As they were read, where something is due.
    present: BTreeMap<ReminderId, Reminder>,
    is_cleared: bool,
    begun: BTreeMap<ReminderId, Reminder>,
    sent: BTreeMap<ReminderId, Reminder>,
    snoozed_until: Option<DateTime<Utc>>,
}

/// What becomes of a reminder that is due.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) deliveries: Vec<Planned>,
    /// Somebody was told who did not know of the alert.
    pub(super) is_told_to_others: bool,
}

// === impl ReminderChanges ===

impl ReminderChanges {
    /// Reads the reminders that are said to be due, within the transaction that sends them.
    pub(super) async fn read<W: WriteTransaction>(
        db: &Db,
        transaction: &W,
        submissions: &[Submission],
    ) -> Result<Self, DbErr> {
        let due = submissions
            .iter()
            .filter_map(|submission| submission.due_reminder());
        let alerts: BTreeSet<AlertId> = due
            .map(|due| (due.reminder.team_id, due.reminder.key.clone()))
            .collect();
        let mut changes = Self::default();
        if alerts.is_empty() {
            return Ok(changes);
        }
        let alerts: Vec<&AlertId> = alerts.iter().collect();
        for reminder in db.reminders_of(transaction, &alerts).await? {
            let of = changes
                .of
                .entry((reminder.team_id, reminder.key.clone()))
                .or_default();
            of.present.insert(reminder.id(), reminder);
        }
        Ok(changes)
    }

    /// Whether a reminder is still due as it was read before the transaction.
    pub(super) fn is_due(&self, alert: &AlertId, due: &DueReminder) -> bool {
        let id = due.reminder.id();
        self.of.get(alert).is_some_and(|of| {
            !of.is_cleared && !of.sent.contains_key(&id) && of.present.get(&id) == Some(&due.reminder)
        })
    }

    /// Begins what the routes of an event ask for whose deliveries are sent.
    pub(super) fn begin<'r>(
        &mut self,
        id: &AlertId,
        alert: &Alert,
        submission: &Submission,
        told: impl Iterator<Item = &'r Route>,
    ) {
        if !alert.is_unattended() {
            return;
        }
        let begun = Reminder::begun(&submission.event, &alert.key, told);
        if begun.is_empty() {
            return;
        }
        let of = self.of.entry(id.clone()).or_default();
        for reminder in begun {
            let reminder = match alert.snooze_end(submission.event.accepted_at) {
                Some(until) => reminder.snoozed(until),
                None => reminder,
            };
            of.begun.entry(reminder.id()).or_insert(reminder);
        }
    }

    /// Follows what somebody does about an alert.
    pub(super) fn act(&mut self, id: &AlertId, act: &Act) {
        match act {
            Act::Acknowledge { .. } | Act::Resolve { .. } => self.clear(id),
            Act::Snooze { until, .. } => {
                self.of.entry(id.clone()).or_default().snoozed_until = Some(*until);
            }
        }
    }

    /// Nothing of the alert is told again.
    pub(super) fn clear(&mut self, id: &AlertId) {
        let of = self.of.entry(id.clone()).or_default();
        *of = OfAlert {
            is_cleared: true,
            ..OfAlert::default()
        };
    }

    /// Makes the deliveries of a reminder that is due, and notes who is told of the alert by it. A target that does not know of the
    /// alert, or of the last reminder, or has only just heard of it, is passed over.
    pub(super) fn send(
        &mut self,
        id: &AlertId,
        due: &DueReminder,
        alert: &mut Alert,
        telling: &Telling,
        now: DateTime<Utc>,
    ) -> Sent {
        let reminder = &due.reminder;
        // What was kept back for long was told just now.
        let lately = now - reminder.every / 2;
        let is_news = |delivery: Uuid| {
            let told = telling.get(&delivery);
            told.is_some_and(|told| told.ended_at.is_none_or(|ended| ended > lately))
        };
        let was_given_up = |delivery: Uuid| telling.get(&delivery).is_some_and(TellingDelivery::was_given_up);
        let mut sent = Sent {
            deliveries: Vec::new(),
            is_told_to_others: false,
        };
        let reason = reason(reminder, alert);
        for route in &due.routes {
            let Some(key) = TargetKey::of(&route.target) else {
                continue;
            };
            let known = alert
                .told
                .iter()
                .position(|told| TargetKey::of(&told.target).as_ref() == Some(&key));
            let knows = known.filter(|index| !was_given_up(alert.told[*index].delivery));
            let told = knows.map(|index| alert.told[index].delivery);
            if reminder.kind == ReminderKind::Remind {
                let last = reminder.last_delivery(&route.target).map(|id| id.as_uuid());
                if told.is_none_or(is_news) || last.is_some_and(is_news) {
                    continue;
                }
            }
            let route = Route {
                reason: reason.clone(),
                ..route.clone()
            };
            let delivery = reminder.next_delivery(&route.target);
            let Some(planned) = Planned::new(route, now) else {
                continue;
            };
            if told.is_none() {
                let told = Told::new(&planned.route, delivery);
                match known {
                    Some(index) => alert.told[index] = told,
                    None => alert.told.push(told),
                }
                sent.is_told_to_others = true;
            }
            sent.deliveries.push(Planned {
                id: delivery,
                ..planned
            });
        }
        let after = reminder.clone().told(!sent.deliveries.is_empty(), now);
        self.of
            .entry(id.clone())
            .or_default()
            .sent
            .insert(after.id(), after);
        sent
    }

    /// Writes everything.
    pub(super) async fn write<W: WriteTransaction>(&self, db: &Db, transaction: &W) -> Result<(), DbErr> {
        let cleared = self.of.iter().filter(|(_, of)| of.is_cleared);
        let cleared: Vec<&AlertId> = cleared.map(|(id, _)| id).collect();
        if !cleared.is_empty() {
            db.delete_reminders(transaction, &cleared).await?;
        }
        let of = || self.of.values();
        let begun: Vec<Reminder> = of().flat_map(|of| of.begun.values().cloned()).collect();
        if !begun.is_empty() {
            db.insert_reminders(transaction, &begun).await?;
        }
        let sent: Vec<Reminder> = of().flat_map(|of| of.sent.values().cloned()).collect();
        if !sent.is_empty() {
            db.write_sent_reminders(transaction, &sent).await?;
        }
        let snoozed = self
            .of
            .iter()
            .filter_map(|(id, of)| Some((id, of.snoozed_until?)));
        let snoozed: Vec<_> = snoozed.collect();
        if !snoozed.is_empty() {
            db.snooze_reminders(transaction, &snoozed).await?;
        }
        Ok(())
    }
}

/// Why it is told.
fn reason(reminder: &Reminder, alert: &Alert) -> Reason {
    let since = alert
        .opened
        .as_ref()
        .map_or(reminder.began_at, |opened| opened.at);
    let since = time_text(since);
    let (code, sentence) = match reminder.still_open() {
        StillOpen::Reminder(number, of) => (
            REMINDER,
            format!("Reminder {number} of {of}: the alert is open since {since}."),
        ),
        StillOpen::Escalation => (
            ESCALATION,
            format!("Nobody has acknowledged the alert since {since}."),
        ),
    };
    let rule_id = reminder.routes.iter().map(|route| &route.reason.rule_id);
    Reason {
        rule_id: rule_id.max().cloned().unwrap_or_default(),
        ..Reason::new(code, sentence)
    }
}
