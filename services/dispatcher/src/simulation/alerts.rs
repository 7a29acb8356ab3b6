//! Alerts of a schedule: what events say of them, and a slow oracle that looks at all events again in the order in which they
//! were committed. Whoever was told of a beginning is told of its end once; a repeat is told to nobody who knows; and an alert
//! is open when its newest trigger is newer than its newest end.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;
use watchbell_model::Severity;
use watchbell_model::alert::AlertAction;

use super::checks::{Row, name};
use super::rng::Rng;
use crate::job::State;

/// When schedules begin. Quiet hours end a little later.
pub(super) const BEGIN: &str = "2026-11-21T08:59:55Z";

/// What an event says of its alert.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) key: String,
    pub(super) action: AlertAction,
    /// When it occurred, in seconds after the schedule's begin.
    at: i64,
    pub(super) severity: Severity,
    pub(super) event_type: &'static str,
}

/// An event, and the lanes to which it was routed.
pub(super) struct Event<'a> {
    pub(super) id: &'a str,
    pub(super) said: &'a Said,
    pub(super) lanes: BTreeSet<Uuid>,
}

/// What the database has and receivers got, at rest.
pub(super) struct AtRest<'a> {
    pub(super) rows: &'a BTreeMap<Uuid, Row>,
    pub(super) arrived: &'a HashMap<Uuid, u32>,
    /// Lanes of chats; the others are webhooks.
    pub(super) chats: &'a BTreeSet<Uuid>,
    /// By key, whether the alert is open.
    pub(super) open: &'a BTreeMap<String, bool>,
}

/// One life of an alert.
#[derive(Default)]
struct Life {
    worst: Option<Severity>,
    updates: BTreeSet<&'static str>,
    /// Who was told of it.
    told: BTreeSet<Uuid>,
    /// Deliveries that told of it and were not sent.
    superseded: Vec<Uuid>,
}

// === impl Said ===

impl Said {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        use AlertAction::{Resolve, Trigger, Update};
        let action = *rng.pick(&[Trigger, Trigger, Trigger, Update, Resolve, Resolve]);
        let types: &[&'static str] = match action {
            Trigger => &["finding.created"],
            Update => &["sla.warning", "sla.breached"],
            Resolve => &["finding.resolved"],
        };
        Self {
            key: (*rng.pick(&["finding_id=1", "finding_id=1", "finding_id=2"])).to_owned(),
            action,
            at: *rng.pick(&[-3, -2, -1, 0, 1, 2, 3]),
            severity: *rng.pick(&[Severity::Low, Severity::High, Severity::High]),
            event_type: types[rng.below(types.len())],
        }
    }

    pub(super) fn occurred_at(&self) -> DateTime<Utc> {
        let begin: DateTime<Utc> = BEGIN.parse().unwrap();
        begin + TimeDelta::seconds(self.at)
    }
}

/// Checks one alert: its events in the order in which they were committed.
pub(super) fn check(key: &str, events: &[Event<'_>], rest: &AtRest<'_>) -> Result<(), String> {
    let mut life = Life::default();
    for (index, event) in events.iter().enumerate() {
        let before = &events[..index];
        let (was_open, is_open) = (is_open(before), is_open(&events[..=index]));
        let sent = rest.deliveries(event)?;
        let expected = match (was_open, is_open) {
            (true, false) => &event.lanes | &life.told,
            _ => event.lanes.clone(),
        };
        let lanes: BTreeSet<Uuid> = sent.keys().copied().collect();
        if lanes != expected {
            return Err(format!("{} goes to {lanes:?} and not to {expected:?}", event.id));
        }
        match (was_open, is_open) {
            (false, true) => {
                life = Life::default();
                life.begin(event, &sent, rest)?;
            }
            (true, true) => life.go_on(event, before, &sent, rest)?,
            (true, false) => {
                for delivery in sent.values() {
                    rest.is_told(*delivery)?;
                }
                let ended = std::mem::take(&mut life);
                let unsaid = |id: &&Uuid| !sent.contains_key(&rest.rows[*id].lane);
                if let Some(id) = ended.superseded.iter().find(unsaid) {
                    return Err(format!("{} was superseded by nothing", name(*id)));
                }
            }
            (false, false) => {
                for delivery in sent.values() {
                    rest.is_told(*delivery)?;
                }
            }
        }
    }
    if let Some(id) = life.superseded.first() {
        return Err(format!("{} was not sent, and the alert is open", name(*id)));
    }
    let open = rest.open.get(key).copied().unwrap_or_default();
    match open == is_open(events) {
        true => Ok(()),
        false => Err(format!("{key} is open: {open}")),
    }
}

fn newest(events: &[Event<'_>], action: AlertAction) -> Option<i64> {
    let of_action = events.iter().filter(|event| event.said.action == action);
    of_action.map(|event| event.said.at).max()
}

fn is_open(events: &[Event<'_>]) -> bool {
    newest(events, AlertAction::Trigger) > newest(events, AlertAction::Resolve)
}

// === impl Life ===

impl Life {
    fn begin(
        &mut self,
        event: &Event<'_>,
        sent: &BTreeMap<Uuid, Uuid>,
        rest: &AtRest<'_>,
    ) -> Result<(), String> {
        self.worst = Some(event.said.severity);
        for (lane, delivery) in sent {
            self.tells(*lane, *delivery, rest)?;
        }
        Ok(())
    }

    /// An event of an open alert, which `before` had told of it.
    fn go_on(
        &mut self,
        event: &Event<'_>,
        before: &[Event<'_>],
        sent: &BTreeMap<Uuid, Uuid>,
        rest: &AtRest<'_>,
    ) -> Result<(), String> {
        let said = event.said;
        let is_end = said.action == AlertAction::Resolve;
        let is_late = newest(before, AlertAction::Resolve).is_some_and(|ended| said.at <= ended);
        let is_worse = Some(said.severity) > self.worst;
        let mut is_news = is_worse;
        if !is_late && !is_end {
            self.worst = self.worst.max(Some(said.severity));
            is_news |= said.action == AlertAction::Update && self.updates.insert(said.event_type);
        }
        for (lane, delivery) in sent {
            let knows = self.told.contains(lane) && rest.chats.contains(lane);
            if is_end {
                rest.is_told(*delivery)?;
            } else if knows && !is_news {
                rest.is_counted(*delivery)?;
            } else {
                self.tells(*lane, *delivery, rest)?;
            }
        }
        Ok(())
    }

    fn tells(&mut self, lane: Uuid, delivery: Uuid, rest: &AtRest<'_>) -> Result<(), String> {
        let is_first = self.told.insert(lane);
        let row = &rest.rows[&delivery];
        if is_first && rest.chats.contains(&lane) && row.is_left_out() {
            self.superseded.push(delivery);
            return Ok(());
        }
        rest.is_told(delivery)
    }
}

// === impl AtRest ===

impl AtRest<'_> {
    /// The deliveries of an event by lane, of which each has one.
    fn deliveries(&self, event: &Event<'_>) -> Result<BTreeMap<Uuid, Uuid>, String> {
        let mut by_lane = BTreeMap::new();
        for (id, row) in self.rows.iter().filter(|(_, row)| row.event == event.id) {
            if by_lane.insert(row.lane, *id).is_some() {
                return Err(format!("{} goes twice to one lane", event.id));
            }
        }
        Ok(by_lane)
    }

    fn has_arrived(&self, delivery: Uuid) -> bool {
        let is_delivered = |row: &Row| row.state == State::Delivered as i32;
        self.rows.get(&delivery).is_some_and(is_delivered) && self.arrived.contains_key(&delivery)
    }

    /// It was sent by itself or in a summary, which another may tell.
    fn is_told(&self, delivery: Uuid) -> Result<(), String> {
        let row = &self.rows[&delivery];
        let mut teller = delivery;
        while let Some(summary) = self.rows[&teller].summary {
            teller = summary;
        }
        match self.has_arrived(teller) {
            true => Ok(()),
            false => Err(format!("{} was not told: {row:?}", name(delivery))),
        }
    }

    fn is_counted(&self, delivery: Uuid) -> Result<(), String> {
        let row = &self.rows[&delivery];
        match row.is_left_out() && !self.arrived.contains_key(&delivery) {
            true => Ok(()),
            false => Err(format!(
                "{} is a repeat, and not only counted: {row:?}",
                name(delivery)
            )),
        }
    }
}
