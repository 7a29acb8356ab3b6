//! Counts of a backtest: of each channel and person what they get today and with the draft, what of it would be held or dropped,
//! and examples of what differs.

use std::collections::BTreeMap;
use std::time::Duration;

use prost_types::Duration as WireDuration;
use watchbell_contracts::router::v1::{
    BacktestCounts, BacktestExample, BacktestResult, BacktestTarget, backtest_target,
};
use watchbell_model::catalog::notices::is_operational;
use watchbell_model::convert::{FromWire as _, timestamp};
use watchbell_model::decision::{Outcome, Route, Target};
use watchbell_model::snapshot::TeamSnapshot;

use crate::decide::decide;
use crate::explain::hold;
use crate::place::{MAX_PLACES, Place};
use crate::stored::StoredEvent;

/// The most examples.
const MAX_EXAMPLES: usize = 20;
/// The most targets that an example names on each side.
const MAX_NAMED: usize = 20;

/// See the module.
#[derive(Default)]
pub(crate) struct Tally {
    places: BTreeMap<Place, [BacktestCounts; 2]>,
    events: i64,
    unreached: [i64; 2],
    changed: i64,
    failed: [i64; 2],
    examples: Vec<BacktestExample>,
}

// === impl Tally ===

impl Tally {
    pub(crate) fn events(&self) -> i64 {
        self.events
    }

    /// Decides an event by both configurations. Quiet hours and silences are asked at the time at which it was accepted.
    pub(crate) fn add(&mut self, snapshots: [&TeamSnapshot; 2], stored: &StoredEvent) {
        let decisions = snapshots.map(|snapshot| decide(snapshot, &stored.event));
        let reaches_nobody = decisions.iter().all(|decision| decision.routes.is_empty());
        // Until a filter names them, they are to reach nobody.
        if reaches_nobody && is_operational(stored.event.event_type.as_str()) {
            return;
        }
        self.events += 1;
        let mut reached: [Vec<Place>; 2] = Default::default();
        for (side, (snapshot, decision)) in snapshots.into_iter().zip(&decisions).enumerate() {
            self.failed[side] += i64::from(!decision.failed_expressions.is_empty());
            self.unreached[side] += i64::from(!decision.routes.iter().any(interrupts));
            for route in &decision.routes {
                let place = Place::of(&route.target);
                let counts = &mut self.places.entry(place.clone()).or_default()[side];
                counts.message_count += 1;
                counts.gathered_count += i64::from(route.group.is_some());
                match hold(snapshot, &stored.event, route, stored.accepted_at).map(|step| step.outcome) {
                    Some(Outcome::Held) => counts.held_count += 1,
                    Some(Outcome::Silenced) => counts.dropped_count += 1,
                    _ => {}
                }
                reached[side].push(place);
            }
        }
        self.compare(snapshots, stored, reached);
    }

    fn compare(
        &mut self,
        [today, draft]: [&TeamSnapshot; 2],
        stored: &StoredEvent,
        mut reached: [Vec<Place>; 2],
    ) {
        reached.iter_mut().for_each(|places| places.sort());
        let [before, after] = &reached;
        if before == after {
            return;
        }
        self.changed += 1;
        if self.examples.len() == MAX_EXAMPLES {
            return;
        }
        let only = |these: &[Place], those: &[Place]| -> Vec<String> {
            let only = these.iter().filter(|place| !those.contains(place));
            only.take(MAX_NAMED)
                .map(|place| place.name(&[draft, today]))
                .collect()
        };
        let event = &stored.event;
        self.examples.push(BacktestExample {
            event_id: event.id.to_string(),
            r#type: event.event_type.to_string(),
            severity: event.severity.to_wire(),
            title: event.title.clone(),
            accept_time: Some(timestamp(stored.accepted_at)),
            gains: only(after, before),
            losses: only(before, after),
        });
    }

    pub(crate) fn into_result(self, [today, draft]: [&TeamSnapshot; 2], elapsed: Duration) -> BacktestResult {
        let [unreached_before, unreached_after] = self.unreached;
        let [failed_before, failed_after] = self.failed;
        let targets = self
            .places
            .into_iter()
            .map(|(place, [before, after])| BacktestTarget {
                kind: place.kind().to_wire(),
                display_name: place.name(&[draft, today]),
                before: Some(before),
                after: Some(after),
                target: match place {
                    Place::Channel(_, id) => Some(backtest_target::Target::ChannelId(id)),
                    Place::Member(id, _) => Some(backtest_target::Target::MemberId(id)),
                    Place::Address(address) => Some(backtest_target::Target::Address(address)),
                    Place::Inbox | Place::Receipts => None,
                },
            });
        BacktestResult {
            event_count: self.events,
            changed_count: self.changed,
            unreached_before,
            unreached_after,
            failed_expressions_before: failed_before,
            failed_expressions_after: failed_after,
            targets: targets.take(MAX_PLACES).collect(),
            examples: self.examples,
            elapsed: WireDuration::try_from(elapsed).ok(),
            ..BacktestResult::default()
        }
    }
}

/// Whether a route reaches somebody: the inbox interrupts nobody.
fn interrupts(route: &Route) -> bool {
    !matches!(route.target, Target::Inbox)
}
