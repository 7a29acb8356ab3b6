//! What was decided of each event, in a few bytes, for as long as a backtest reads: it reads the newest events first, and what becomes
//! of their messages depends on those before.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use watchbell_contracts::event::v1::Route as WireRoute;
use watchbell_model::alert::{AlertAction, AlertKey};
use watchbell_model::catalog::notices::{ALERT_ACKNOWLEDGED, ALERT_RESOLVED, ALERT_SNOOZED};
use watchbell_model::convert::FromWire as _;
use watchbell_model::decision::Route;
use watchbell_model::expression::Facts;
use watchbell_model::route::FOLLOWS_ALERT;
use watchbell_model::snapshot::TeamSnapshot;
use watchbell_model::vocabulary::{ChannelKind, Severity};

use super::example::Example;
use super::targets::Targets;
use crate::stored::StoredEvent;

/// The most routes of all events, and silences that are about them, of both configurations.
const MAX_KEPT: usize = 2_000_000;

/// See the module.
#[derive(Default)]
pub(super) struct Sequence {
    pub(super) targets: Targets,
    /// As they are read, and then the last accepted first.
    events: Vec<Occurrence>,
    routes: Vec<Routed>,
    /// Places of silences in their configuration.
    silences: Vec<u16>,
    alerts: Numbers,
    groups: Numbers,
    types: HashMap<String, Arc<str>>,
    limits: Vec<(Duration, u32)>,
    /// The key of some alert.
    pub(super) key: Option<AlertKey>,
}

/// An event.
pub(super) struct Occurrence {
    pub(super) accepted_at: DateTime<Utc>,
    pub(super) occurred_at: DateTime<Utc>,
    pub(super) severity: Severity,
    pub(super) event_type: Arc<str>,
    /// Its alert by a number, and what it does to it.
    pub(super) alert: Option<(u32, Does)>,
    /// Whether somebody got it because the alert was told there.
    pub(super) was_followed: bool,
    /// What an example says of it, should it turn out to be one.
    pub(super) example: Option<Box<Example>>,
    routes: [Range<u32>; 2],
    silences: [Range<u32>; 2],
}

/// What an event does to its alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    Acts(AlertAction),
    /// It tells that somebody has acknowledged it.
    Acknowledges,
    /// It tells that somebody has snoozed it until then.
    Snoozes(DateTime<Utc>),
    /// It tells that somebody has resolved it by hand.
    Resolves,
}

/// A route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Routed {
    pub(super) target: u32,
    pub(super) tells_repeats: bool,
    pub(super) group: Option<Group>,
}

/// What gathers a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    /// What comes together has the same.
    pub(super) key: u32,
    limits: u16,
}

/// Numbers for things that are known by their hashes only: their texts may be long.
#[derive(Default)]
struct Numbers {
    hasher: RandomState,
    of: HashMap<u64, u32>,
}

// === impl Numbers ===

impl Numbers {
    fn of(&mut self, thing: impl Hash) -> u32 {
        let next = u32::try_from(self.of.len()).unwrap_or(u32::MAX);
        *self.of.entry(self.hasher.hash_one(thing)).or_insert(next)
    }
}

// === impl Sequence ===

impl Sequence {
    /// Whether there is no room for more events.
    pub(super) fn is_full(&self) -> bool {
        self.routes.len() + self.silences.len() >= MAX_KEPT
    }

    /// Adds an event, with what both configurations make of it. Of those that were accepted at the same time the last comes first.
    pub(super) fn push(
        &mut self,
        sides: [(&TeamSnapshot, &[Route]); 2],
        stored: &StoredEvent,
        example: Option<Box<Example>>,
    ) {
        let event = &stored.event;
        let event_type = event.event_type.as_str();
        let alert = event.alert.as_ref().ok().map(|alert| {
            let does = match event_type {
                ALERT_ACKNOWLEDGED => Does::Acknowledges,
                ALERT_SNOOZED => Does::Snoozes(snoozed_until(stored)),
                ALERT_RESOLVED => Does::Resolves,
                _ => Does::Acts(alert.action),
            };
            self.key.get_or_insert_with(|| alert.key.clone());
            (self.alerts.of(&alert.key), does)
        });
        let is_quiet = sides.iter().all(|(_, routes)| routes.is_empty());
        if is_quiet && alert.is_none() {
            return;
        }
        let facts = Facts::of(event);
        let mut silences = [0..0, 0..0];
        let mut routes = [0..0, 0..0];
        for (side, (snapshot, decided)) in sides.into_iter().enumerate() {
            let begin = length(&self.silences);
            let all = snapshot.silences.iter().zip(0_u16..);
            self.silences.extend(all.filter_map(|(silence, place)| {
                let holds = silence.is_active(stored.accepted_at) && silence.concerns(&facts);
                holds.then_some(place)
            }));
            silences[side] = begin..length(&self.silences);
            let begin = length(&self.routes);
            for route in decided {
                let routed = self.routed(route);
                self.routes.push(routed);
            }
            routes[side] = begin..length(&self.routes);
        }
        // Most events go the same ways.
        if self.of(&routes[0]) == self.of(&routes[1]) {
            self.routes.truncate(routes[1].start as usize);
            routes[1] = routes[0].clone();
        }
        let event_type = match self.types.get(event_type) {
            Some(known) => Arc::clone(known),
            None => {
                let new: Arc<str> = event_type.into();
                self.types.insert(event_type.to_owned(), Arc::clone(&new));
                new
            }
        };
        self.events.push(Occurrence {
            accepted_at: stored.accepted_at,
            occurred_at: event.occurred_at,
            severity: event.severity,
            event_type,
            alert,
            was_followed: alert.is_some() && stored.routes.iter().any(follows),
            example,
            routes,
            silences,
        });
    }

    /// Puts all events into the order in which they were accepted: they are read in that in which they occurred.
    pub(super) fn put_in_order(&mut self) {
        let order = |event: &Occurrence| std::cmp::Reverse(event.accepted_at);
        self.events.sort_by_key(order);
    }

    /// The next event in order.
    pub(super) fn pop(&mut self) -> Option<Occurrence> {
        self.events.pop()
    }

    pub(super) fn next_time(&self) -> Option<DateTime<Utc>> {
        self.events.last().map(|event| event.accepted_at)
    }

    /// The routes of an event by one configuration.
    pub(super) fn routes(&self, event: &Occurrence, side: usize) -> &[Routed] {
        self.of(&event.routes[side])
    }

    /// Silences of one configuration that are in force and about an event, by their places.
    pub(super) fn silences(&self, event: &Occurrence, side: usize) -> &[u16] {
        let range = &event.silences[side];
        &self.silences[range.start as usize..range.end as usize]
    }

    /// How long a group gathers, and how many.
    pub(super) fn limits(&self, group: Group) -> (Duration, u32) {
        self.limits[usize::from(group.limits)]
    }

    fn of(&self, range: &Range<u32>) -> &[Routed] {
        &self.routes[range.start as usize..range.end as usize]
    }

    fn routed(&mut self, route: &Route) -> Routed {
        let group = route.group.as_ref().map(|group| {
            let limits = (group.wait, group.at_most);
            let known = self.limits.iter().position(|known| *known == limits);
            let place = known.unwrap_or_else(|| {
                self.limits.push(limits);
                self.limits.len() - 1
            });
            Group {
                key: self.groups.of(group.key),
                // A team has fewer rules.
                limits: u16::try_from(place).unwrap_or(u16::MAX),
            }
        });
        Routed {
            target: self.targets.number(&route.target),
            tells_repeats: route.tells_repeats,
            group,
        }
    }
}

/// Whether a stored route interrupts somebody who was told of the event's alert.
fn follows(route: &WireRoute) -> bool {
    let code = route.reason.as_ref().map(|reason| reason.code.as_str());
    code == Some(FOLLOWS_ALERT) && route.kind != ChannelKind::InApp.to_wire()
}

/// When the snooze ends of which an event tells; at once when it does not say.
fn snoozed_until(stored: &StoredEvent) -> DateTime<Utc> {
    let until = stored
        .event
        .data
        .object()
        .get("until")
        .and_then(|until| until.as_str());
    let until = until.and_then(|until| DateTime::parse_from_rfc3339(until).ok());
    until.map_or(stored.accepted_at, |until| until.to_utc())
}

fn length<T>(of: &[T]) -> u32 {
    u32::try_from(of.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_and_silences_together_fill_a_sequence() {
        let mut sequence = Sequence {
            silences: vec![0; MAX_KEPT - 1],
            ..Sequence::default()
        };
        assert!(!sequence.is_full());
        sequence.routes.push(Routed {
            target: 0,
            tells_repeats: false,
            group: None,
        });
        assert!(sequence.is_full());
    }
}
