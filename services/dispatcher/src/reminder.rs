//! What a rule still has to tell of an alert that stays open, as plain data: reminders to those whom it told, and one escalation
//! to others. A snooze puts them off until it ends.

use chrono::{DateTime, TimeDelta, Utc};
use ring::digest::{Context, SHA256};
use uuid::Builder;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::alert::{AlertKey, StillOpen};
use watchbell_model::ids::{DeliveryId, TeamId};
use watchbell_model::route::{Route, Target};

/// The most rules of one event that remind, or that escalate.
const MAX_RULES: usize = 20;

/// What a rule still has to tell of an alert.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reminder {
    pub(crate) team_id: TeamId,
    pub(crate) key: AlertKey,
    pub(crate) kind: ReminderKind,
    /// The rule's id; of a member's mailbox that it wants, too, the email channel's.
    pub(crate) origin: String,
    /// When the rule told of the alert.
    pub(crate) began_at: DateTime<Utc>,
    pub(crate) every: TimeDelta,
    /// How often in all; an escalation once.
    pub(crate) at_most: u32,
    pub(crate) sent: u32,
    /// When it would be due without a snooze.
    pub(crate) next_at: DateTime<Utc>,
    /// When it is due. `None`: never again, since all is told.
    pub(crate) due_at: Option<DateTime<Utc>>,
    /// When the last was due that was sent.
    pub(crate) last_due_at: Option<DateTime<Utc>>,
    /// Whom it tells.
    pub(crate) routes: Vec<Route>,
}

/// The numbers are those of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub(crate) enum ReminderKind {
    Remind = 1,
    Escalate = 2,
}

/// A reminder that is due, and whom it can tell now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DueReminder {
    /// As it was read.
    pub(crate) reminder: Reminder,
    pub(crate) routes: Vec<Route>,
}

/// Identity of a reminder among those of its alert.
pub(crate) type ReminderId = (ReminderKind, String);

// === impl ReminderKind ===

impl ReminderKind {
    pub(crate) fn from_number(number: i64) -> Option<Self> {
        [Self::Remind, Self::Escalate]
            .into_iter()
            .find(|kind| *kind as i64 == number)
    }
}

// === impl Reminder ===

impl Reminder {
    /// What the routes of an event ask for that are told now.
    pub(crate) fn begun<'r>(
        event: &AcceptedEvent,
        key: &AlertKey,
        routes: impl IntoIterator<Item = &'r Route>,
    ) -> Vec<Self> {
        let begun = |kind, origin, after: std::time::Duration, at_most, routes| {
            let every = TimeDelta::from_std(after).unwrap_or(TimeDelta::days(30));
            let next_at = event.accepted_at + every;
            Self {
                team_id: event.team_id,
                key: key.clone(),
                kind,
                origin,
                began_at: event.accepted_at,
                every,
                at_most,
                sent: 0,
                next_at,
                due_at: Some(next_at),
                last_due_at: None,
                routes,
            }
        };
        let mut reminders: Vec<Self> = Vec::new();
        for route in routes {
            let (Some(origin), bare) = (origin(route), bare(route)) else {
                continue;
            };
            let mut known = reminders.iter_mut();
            if let Some(remind) = &route.remind {
                match known.find(|known| known.is(ReminderKind::Remind, &origin)) {
                    Some(known) => known.routes.push(bare),
                    None => reminders.push(begun(
                        ReminderKind::Remind,
                        origin.clone(),
                        remind.every,
                        remind.at_most,
                        vec![bare],
                    )),
                }
            }
            if let Some(escalation) = &route.escalate {
                let routes = escalation.routes.clone();
                reminders.push(begun(ReminderKind::Escalate, origin, escalation.after, 1, routes));
            }
        }
        reminders.sort_by_key(Self::id);
        reminders.dedup_by_key(|reminder| reminder.id());
        for kind in [ReminderKind::Remind, ReminderKind::Escalate] {
            let mut count = 0;
            reminders.retain(|reminder| {
                count += usize::from(reminder.kind == kind);
                reminder.kind != kind || count <= MAX_RULES
            });
        }
        reminders
    }

    pub(crate) fn id(&self) -> ReminderId {
        (self.kind, self.origin.clone())
    }

    /// The same, put off until a snooze ends.
    pub(crate) fn snoozed(mut self, until: DateTime<Utc>) -> Self {
        self.due_at = self.due_at.map(|_| self.next_at.max(until));
        self
    }

    /// The same once it was due and told somebody, or nobody: then a reminder is made up for later, and an escalation is not.
    pub(crate) fn told(mut self, somebody: bool, now: DateTime<Utc>) -> Self {
        if somebody || self.kind == ReminderKind::Escalate {
            self.sent += 1;
            self.last_due_at = self.due_at;
        }
        let next_at = self.due_at.map_or(now, |due_at| due_at + self.every);
        // What was not told while nobody could tell it is not made up for all at once.
        self.next_at = if next_at > now { next_at } else { now + self.every };
        self.due_at = (self.sent < self.at_most).then_some(self.next_at);
        self
    }

    /// What the next one says of the alert.
    pub(crate) fn still_open(&self) -> StillOpen {
        match self.kind {
            ReminderKind::Remind => StillOpen::Reminder(self.sent + 1, self.at_most),
            ReminderKind::Escalate => StillOpen::Escalation,
        }
    }

    /// The delivery to a target of the next one.
    pub(crate) fn next_delivery(&self, target: &Target) -> DeliveryId {
        self.delivery(self.sent + 1, self.due_at.unwrap_or(self.next_at), target)
    }

    /// The delivery to a target of the last one.
    pub(crate) fn last_delivery(&self, target: &Target) -> Option<DeliveryId> {
        Some(self.delivery(self.sent, self.last_due_at?, target))
    }

    /// The same whoever makes it, and how often.
    fn delivery(&self, number: u32, at: DateTime<Utc>, target: &Target) -> DeliveryId {
        let mut hash = Context::new(&SHA256);
        let target = serde_json::to_string(target).unwrap_or_default();
        for part in [
            self.team_id.to_string().as_str(),
            self.key.as_str(),
            self.origin.as_str(),
            target.as_str(),
            &format!(
                "{} {} {number}",
                self.kind as i16,
                self.began_at.timestamp_micros()
            ),
        ] {
            hash.update(&part.len().to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut tail = [0; 10];
        tail.copy_from_slice(&hash.finish().as_ref()[..10]);
        // Ids grow with time, by which lists are ordered.
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or_default();
        DeliveryId::from_uuid(Builder::from_unix_timestamp_millis(millis, &tail).into_uuid())
    }

    fn is(&self, kind: ReminderKind, origin: &str) -> bool {
        self.kind == kind && self.origin == origin
    }
}

/// On whose behalf a route reminds or escalates.
fn origin(route: &Route) -> Option<String> {
    match &route.target {
        Target::Person {
            channel: Some(channel),
            ..
        } => Some(channel.to_string()),
        _ => Some(route.reason.rule_id.clone()).filter(|rule| !rule.is_empty()),
    }
}

/// A route without what it asks for besides.
fn bare(route: &Route) -> Route {
    Route {
        mentions: route.mentions.clone(),
        ..Route::new(route.kind, route.target.clone(), route.reason.clone())
    }
}
