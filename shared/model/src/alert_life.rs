//! The life of an alert, as plain data: what an event makes of it, and whether that is news. Order is by when events
//! occurred, so that the same events leave the same state whenever they come: an alert is open exactly when its newest
//! trigger is newer than its newest end.

#[cfg(test)]
mod properties;
pub mod telling;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::telling::Listener;
use crate::accepted_event::AcceptedEvent;
use crate::alert::{AlertAction, AlertKey, AlertState, AlertStatus, News, Opened};
use crate::ids::{DeliveryId, TeamId};
use crate::route::{Route, Target, TargetKey};
use crate::vocabulary::{ChannelKind, Severity};

/// Types of updates that are remembered; the first event of each is news. More are repeats.
const MAX_UPDATE_TYPES: usize = 32;

/// An alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Whose.
    pub team_id: TeamId,
    /// Which.
    pub key: AlertKey,
    /// Where it stands; a snooze may have ended since.
    pub state: AlertState,
    /// The worst since it began.
    pub severity: Severity,
    /// Type, title and so on of the event with which it began.
    pub event_type: Arc<str>,
    /// One line.
    pub title: String,
    /// Where to look closer; may be empty.
    pub url: String,
    /// The part of the platform it came from; may be empty.
    pub source: String,
    /// What it is about; may be empty.
    pub subject: String,
    /// How its present or last life began; absent when only its end is known.
    pub opened: Option<Opened>,
    /// Events of that life, its end not counted.
    pub count: i64,
    /// When the newest event that told of it occurred.
    pub last_occurred_at: DateTime<Utc>,
    /// When its newest trigger occurred.
    pub last_triggered_at: Option<DateTime<Utc>>,
    /// When its newest end occurred, also that of a former life.
    pub resolved_at: Option<DateTime<Utc>>,
    /// Types of updates since it began.
    pub update_types: Vec<String>,
    /// Who was told that it began.
    pub told: Vec<Told>,
    /// When it changed last, by the clock of the Dispatcher.
    pub changed_at: DateTime<Utc>,
    /// Who has acknowledged it.
    pub acknowledged: Option<Handled>,
    /// With when it ends.
    pub snoozed: Option<Handled>,
    /// Who has resolved it by hand.
    pub resolved_by: Option<String>,
}

/// Who has done something about an alert, and a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handled {
    /// Who, in words.
    pub by: String,
    /// The time.
    pub at: DateTime<Utc>,
}

/// What somebody does about an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Takes it on.
    Acknowledge {
        /// Who, in words.
        by: String,
    },
    /// Wants to hear nothing of it for a while.
    Snooze {
        /// Who, in words.
        by: String,
        /// When it ends.
        until: DateTime<Utc>,
    },
    /// Says that it has ended.
    Resolve {
        /// Who, in words.
        by: String,
    },
}

/// A target that was told that an alert began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// What it is.
    #[serde(rename = "k")]
    pub kind: ChannelKind,
    /// Where it is.
    #[serde(rename = "t")]
    pub target: Target,
    /// The delivery that told it.
    #[serde(rename = "d")]
    pub delivery: Uuid,
}

// === impl Alert ===

impl Alert {
    /// Applies an event. `None` when there still is no alert.
    #[must_use]
    pub fn apply(
        before: Option<Self>,
        event: &AcceptedEvent,
        key: &AlertKey,
        action: AlertAction,
    ) -> (Option<Self>, News) {
        let at = event.occurred_at;
        let is_late = |alert: &Self| alert.resolved_at.is_some_and(|ended| at <= ended);
        match (action, before) {
            (AlertAction::Trigger, None) => (Some(Self::begun(event, key, None)), News::Begins),
            (AlertAction::Trigger | AlertAction::Update, Some(alert))
                if is_late(&alert) && alert.is_open() =>
            {
                // Of a former life: it is not counted, and whoever hears of it hears of the end, too.
                let news = match event.severity > alert.severity {
                    true => News::Changes,
                    false => News::Repeats,
                };
                (Some(alert), news)
            }
            (_, Some(alert)) if is_late(&alert) => (Some(alert), News::Unrelated),
            (AlertAction::Trigger, Some(alert)) if !alert.is_open() => {
                (Some(Self::begun(event, key, alert.resolved_at)), News::Begins)
            }
            (AlertAction::Trigger, Some(mut alert)) => {
                alert.last_triggered_at = alert.last_triggered_at.max(Some(at));
                if alert.opened.as_ref().is_none_or(|opened| at < opened.at) {
                    alert.opened = Some(Opened {
                        event_id: event.id.clone(),
                        at,
                    });
                }
                let awakes = alert.awakes(event.accepted_at);
                let news = alert.count(event, awakes);
                (Some(alert), news)
            }
            (AlertAction::Update, Some(mut alert)) if alert.is_open() => {
                let awakes = alert.awakes(event.accepted_at);
                let is_new = alert.notes_update(&event.event_type) || awakes;
                let news = alert.count(event, is_new);
                (Some(alert), news)
            }
            (AlertAction::Update, other) => (other, News::Unrelated),
            (AlertAction::Resolve, before) => {
                let was_open = before.as_ref().is_some_and(Self::is_open);
                let mut alert = before.unwrap_or_else(|| Self::unknown(event, key));
                alert.resolved_at = Some(at);
                alert.resolved_by = None;
                alert.changed_at = event.accepted_at;
                // What was triggered later goes on.
                let ends = alert.last_triggered_at.is_none_or(|triggered| triggered <= at);
                if ends {
                    alert.state = AlertState::Resolved;
                }
                (
                    Some(alert),
                    if was_open && ends {
                        News::Ends
                    } else {
                        News::Unrelated
                    },
                )
            }
        }
    }

    /// Applies what somebody does. Nothing when the alert has ended, or was handled alike.
    #[must_use]
    pub fn act(before: Option<Self>, act: &Act, now: DateTime<Utc>) -> (Option<Self>, News) {
        let mut alert = match before {
            Some(alert) if alert.is_open() => alert,
            other => return (other, News::Unrelated),
        };
        let news = match act {
            Act::Acknowledge { .. } if alert.state == AlertState::Acknowledged => News::Unrelated,
            Act::Acknowledge { by } => {
                alert.state = AlertState::Acknowledged;
                alert.acknowledged = Some(Handled {
                    by: by.clone(),
                    at: now,
                });
                News::Handled
            }
            Act::Snooze { by, until } => {
                alert.state = AlertState::Snoozed;
                alert.snoozed = Some(Handled {
                    by: by.clone(),
                    at: *until,
                });
                News::Handled
            }
            Act::Resolve { by } => {
                alert.state = AlertState::Resolved;
                alert.resolved_by = Some(by.clone());
                // A trigger may be ahead of this clock.
                alert.resolved_at = Some(now).max(alert.last_triggered_at);
                News::Ends
            }
        };
        alert.changed_at = now;
        (Some(alert), news)
    }

    /// Where it stands at an instant: a snooze ends by itself.
    #[must_use]
    pub fn state_at(&self, now: DateTime<Utc>) -> AlertState {
        match (self.state, &self.snoozed) {
            (AlertState::Snoozed, Some(snoozed)) if snoozed.at <= now => AlertState::Open,
            (state, _) => state,
        }
    }

    /// Whether it is open and nobody has acknowledged it. It may be snoozed.
    #[must_use]
    pub fn is_unattended(&self) -> bool {
        self.is_open() && self.acknowledged.is_none()
    }

    /// When its snooze ends, if it is snoozed at that instant.
    #[must_use]
    pub fn snooze_end(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let snoozed = self.snoozed.as_ref();
        snoozed
            .filter(|_| self.state_at(now) == AlertState::Snoozed)
            .map(|snoozed| snoozed.at)
    }

    /// Whether it is to be told again now because it is still open.
    #[must_use]
    pub fn is_neglected(&self, now: DateTime<Utc>) -> bool {
        self.is_unattended() && self.state_at(now) == AlertState::Open
    }

    /// Whether it has not ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state != AlertState::Resolved
    }

    /// Whether somebody has taken care of it.
    #[must_use]
    pub fn is_handled(&self) -> bool {
        matches!(self.state, AlertState::Acknowledged | AlertState::Snoozed)
    }

    /// Whether an event that is this to those who know of the alert is only counted where a route leads that was told of it.
    #[must_use]
    pub fn is_counted(&self, news: News, kind: ChannelKind, tells_repeats: bool) -> bool {
        let wants = kind == ChannelKind::Webhook || (tells_repeats && !self.is_handled());
        news == News::Repeats && !wants
    }

    /// What is said of it now to whoever hears late of an event with which it stood so. The same unless it lives on, or its end
    /// was that of the same life.
    #[must_use]
    pub fn status_since(&self, then: &AlertStatus, now: DateTime<Utc>) -> AlertStatus {
        let began = then.opened.as_ref().map(|opened| opened.at);
        let lives_on = self.is_open()
            && self
                .resolved_at
                .is_none_or(|ended| began.is_some_and(|began| ended < began));
        let is_same = began.is_some() && (lives_on || self.opened == then.opened);
        if then.state == AlertState::Resolved || !is_same {
            return then.clone();
        }
        AlertStatus {
            state: self.state_at(now),
            opened: self.opened.clone(),
            count: self.count,
            ..then.clone()
        }
    }

    /// As an event of which it is this, and messages, show it.
    #[must_use]
    pub fn status(&self, news: News) -> AlertStatus {
        AlertStatus {
            key: self.key.clone(),
            state: self.state,
            opened: self.opened.clone(),
            count: self.count,
            news: Some(news),
            still_open: None,
        }
    }

    fn begun(event: &AcceptedEvent, key: &AlertKey, resolved_at: Option<DateTime<Utc>>) -> Self {
        Self {
            state: AlertState::Open,
            opened: Some(Opened {
                event_id: event.id.clone(),
                at: event.occurred_at,
            }),
            count: 1,
            last_triggered_at: Some(event.occurred_at),
            resolved_at,
            ..Self::unknown(event, key)
        }
    }

    /// One of which only the end is known.
    fn unknown(event: &AcceptedEvent, key: &AlertKey) -> Self {
        Self {
            team_id: event.team_id,
            key: key.clone(),
            state: AlertState::Resolved,
            severity: event.severity,
            event_type: Arc::clone(&event.event_type),
            title: event.title.clone(),
            url: event.url.clone(),
            source: event.source.clone(),
            subject: event.subject.clone(),
            opened: None,
            count: 0,
            last_occurred_at: event.occurred_at,
            last_triggered_at: None,
            resolved_at: None,
            update_types: Vec::new(),
            told: Vec::new(),
            changed_at: event.accepted_at,
            acknowledged: None,
            snoozed: None,
            resolved_by: None,
        }
    }

    /// Ends a snooze whose time has come; whether it did.
    fn awakes(&mut self, now: DateTime<Utc>) -> bool {
        let awakes = self.state != self.state_at(now);
        if awakes {
            self.state = AlertState::Open;
            self.snoozed = None;
        }
        awakes
    }

    /// Counts an event of an open alert.
    fn count(&mut self, event: &AcceptedEvent, is_new: bool) -> News {
        self.count += 1;
        self.last_occurred_at = self.last_occurred_at.max(event.occurred_at);
        self.changed_at = event.accepted_at;
        let is_worse = event.severity > self.severity;
        self.severity = self.severity.max(event.severity);
        match is_new || is_worse {
            true => News::Changes,
            false => News::Repeats,
        }
    }

    /// Notes an update; whether it is the first of its type.
    fn notes_update(&mut self, event_type: &str) -> bool {
        let is_new = self.update_types.len() < MAX_UPDATE_TYPES
            && !self.update_types.iter().any(|known| known == event_type);
        if is_new {
            self.update_types.push(event_type.to_owned());
        }
        is_new
    }
}

// === impl Told ===

impl Told {
    /// Of a route whose delivery tells it.
    #[must_use]
    pub fn new(route: &Route, delivery: DeliveryId) -> Self {
        Self {
            kind: route.kind,
            target: route.target.clone(),
            delivery: delivery.as_uuid(),
        }
    }
}

impl Listener for Told {
    type Key = TargetKey;

    fn key(&self) -> Option<TargetKey> {
        TargetKey::of(&self.target)
    }

    fn kind(&self) -> ChannelKind {
        self.kind
    }

    fn is_channel(&self) -> bool {
        matches!(self.target, Target::Channel(_))
    }
}
