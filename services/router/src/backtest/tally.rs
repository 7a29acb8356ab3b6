//! What a backtest counts as it decides: how many events reach somebody else with the draft, or nobody, with examples; and the
//! result, with what the walk has counted of each channel and person.

use std::time::Duration;

use prost_types::Duration as WireDuration;
use watchbell_contracts::router::v1::{
    BacktestCounts, BacktestExample, BacktestResult, BacktestTarget, backtest_target,
};
use watchbell_model::catalog::notices::is_operational;
use watchbell_model::convert::{FromWire as _, timestamp};
use watchbell_model::decision::{Route, Target};
use watchbell_model::snapshot::TeamSnapshot;

use super::sequence::Sequence;
use super::targets::Targets;
use crate::decide::decide;
use crate::place::{MAX_PLACES, Place};
use crate::stored::StoredEvent;

/// The most examples.
const MAX_EXAMPLES: usize = 20;
/// The most targets that an example names on each side.
const MAX_NAMED: usize = 20;

/// See the module.
#[derive(Default)]
pub(crate) struct Tally {
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

    /// Decides an event by both configurations, and adds it to the sequence.
    pub(crate) fn add(
        &mut self,
        snapshots: [&TeamSnapshot; 2],
        stored: &StoredEvent,
        sequence: &mut Sequence,
    ) {
        // What somebody tries out was decided by nobody.
        if stored.event.test {
            return;
        }
        let decisions = snapshots.map(|snapshot| decide(snapshot, &stored.event));
        let [before, after] = &decisions;
        let [today, draft] = snapshots;
        sequence.push([(today, &before.routes), (draft, &after.routes)], stored);
        let reaches_nobody = before.routes.is_empty() && after.routes.is_empty();
        // Until a filter names them, they are to reach nobody.
        if reaches_nobody && is_operational(stored.event.event_type.as_str()) {
            return;
        }
        self.events += 1;
        for (side, decision) in decisions.iter().enumerate() {
            self.failed[side] += i64::from(!decision.failed_expressions.is_empty());
            self.unreached[side] += i64::from(!decision.routes.iter().any(interrupts));
        }
        let targets = |routes: &[Route]| routes.iter().map(|route| Place::of(&route.target)).collect();
        // Most events go the same ways.
        if !before
            .routes
            .iter()
            .map(|route| &route.target)
            .eq(after.routes.iter().map(|route| &route.target))
        {
            self.compare(
                snapshots,
                stored,
                [targets(&before.routes), targets(&after.routes)],
            );
        }
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

    /// The result, with the counts of the places of targets.
    pub(crate) fn into_result(
        self,
        [today, draft]: [&TeamSnapshot; 2],
        (places, [before, after]): (Targets, [Vec<BacktestCounts>; 2]),
        elapsed: Duration,
    ) -> BacktestResult {
        let [unreached_before, unreached_after] = self.unreached;
        let [failed_before, failed_after] = self.failed;
        let mut targets: Vec<_> = places
            .places()
            .iter()
            .zip(before.into_iter().zip(after))
            .collect();
        targets.sort_by_key(|(place, _)| *place);
        let targets = targets
            .into_iter()
            .map(|(place, (before, after))| BacktestTarget {
                kind: place.kind().to_wire(),
                display_name: place.name(&[draft, today]),
                before: Some(before),
                after: Some(after),
                target: match place {
                    Place::Channel(_, id) => Some(backtest_target::Target::ChannelId(id.clone())),
                    Place::Member(id, _) => Some(backtest_target::Target::MemberId(id.clone())),
                    Place::Address(address) => Some(backtest_target::Target::Address(address.clone())),
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
