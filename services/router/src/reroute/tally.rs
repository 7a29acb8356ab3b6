//! Counts of a reroute: of each channel and person how many events they had already, how many were missing and how many were made.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use prost_types::{Duration as WireDuration, Timestamp};
use watchbell_contracts::router::v1::{RerouteResult, RerouteTarget, reroute_target};
use watchbell_model::convert::{FromWire as _, timestamp};
use watchbell_model::snapshot::TeamSnapshot;

use crate::place::{MAX_PLACES, Place};
use crate::stored::StoredEvent;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    places: BTreeMap<Place, Counts>,
    events: i64,
    unreached: i64,
    oldest: Option<DateTime<Utc>>,
    last_due: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    existing: i64,
    missing: i64,
    rerouted: i64,
}

// === impl Tally ===

impl Tally {
    pub(crate) fn events(&self) -> i64 {
        self.events
    }

    pub(crate) fn rerouted(&self) -> i64 {
        self.sum().rerouted
    }

    /// Notes an event that is looked at.
    pub(crate) fn look_at(&mut self, stored: &StoredEvent) {
        let occurred_at = stored.event.occurred_at;
        self.events += 1;
        self.oldest = Some(self.oldest.map_or(occurred_at, |oldest| oldest.min(occurred_at)));
    }

    /// Notes where an event went and where else it leads, which of those places had no delivery of it, and whether they got one.
    pub(crate) fn add(&mut self, existing: Vec<Place>, asked: Vec<Place>, missing: &[i32], is_made: bool) {
        self.unreached += i64::from(existing.is_empty() && asked.is_empty());
        for place in existing {
            self.places.entry(place).or_default().existing += 1;
        }
        for (number, place) in asked.into_iter().enumerate() {
            let is_missing = i32::try_from(number).is_ok_and(|number| missing.contains(&number));
            let counts = self.places.entry(place).or_default();
            counts.existing += i64::from(!is_missing);
            counts.missing += i64::from(is_missing);
            counts.rerouted += i64::from(is_missing && is_made);
        }
    }

    pub(crate) fn note_due(&mut self, due: Option<Timestamp>) {
        let key = |due: &Timestamp| (due.seconds, due.nanos);
        self.last_due = self.last_due.into_iter().chain(due).max_by_key(key);
    }

    pub(crate) fn into_result(self, today: &TeamSnapshot, elapsed: Duration) -> RerouteResult {
        let sum = self.sum();
        let targets = self.places.into_iter().map(|(place, counts)| RerouteTarget {
            kind: place.kind().to_wire(),
            display_name: place.name(&[today]),
            existing_count: counts.existing,
            missing_count: counts.missing,
            rerouted_count: counts.rerouted,
            target: match place {
                Place::Channel(_, id) => Some(reroute_target::Target::ChannelId(id)),
                Place::Member(id, _) => Some(reroute_target::Target::MemberId(id)),
                Place::Address(address) => Some(reroute_target::Target::Address(address)),
                Place::Inbox | Place::Receipts => None,
            },
        });
        RerouteResult {
            event_count: self.events,
            unreached_count: self.unreached,
            existing_count: sum.existing,
            missing_count: sum.missing,
            rerouted_count: sum.rerouted,
            targets: targets.take(MAX_PLACES).collect(),
            last_due_time: self.last_due,
            oldest_occur_time: self.oldest.map(timestamp),
            elapsed: WireDuration::try_from(elapsed).ok(),
            ..RerouteResult::default()
        }
    }

    fn sum(&self) -> Counts {
        let mut sum = Counts::default();
        for counts in self.places.values() {
            sum.existing += counts.existing;
            sum.missing += counts.missing;
            sum.rerouted += counts.rerouted;
        }
        sum
    }
}
