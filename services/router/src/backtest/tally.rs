//! What a backtest counts as it decides: how many events reach somebody else with the draft, or nobody, with examples; and the
//! result, with what the walk has counted of each channel and person.

use std::collections::VecDeque;
use std::time::Duration;

use prost_types::Duration as WireDuration;
use watchbell_contracts::router::v1::{
    BacktestCounts, BacktestExample, BacktestResult, BacktestTarget, backtest_target,
};
use watchbell_model::alert::AlertAction;
use watchbell_model::catalog::notices::is_operational;
use watchbell_model::convert::FromWire as _;
use watchbell_model::decision::{Decision, Route};
use watchbell_model::snapshot::TeamSnapshot;

use super::example::{Example, example};
use super::sequence::{Occurrence, Sequence};
use super::targets::Targets;
use crate::decide::decide;
use crate::place::{MAX_PLACES, Place};
use crate::stored::StoredEvent;

/// The most examples.
const MAX_EXAMPLES: usize = 20;
/// The most targets that an example names on each side.
const MAX_NAMED: usize = 20;
/// Of how many events of alerts, the newest, it is kept what an example says.
const MAX_CANDIDATES: usize = 1_000;

/// See the module. Whom an event of an alert reaches is known only once the events before it are: these are counted by
/// [`Tally::add_of_alert`].
#[derive(Default)]
pub(crate) struct Tally {
    events: i64,
    /// Events of alerts that were decided.
    of_alerts: i64,
    unreached: [i64; 2],
    changed: i64,
    failed: [i64; 2],
    examples: Vec<BacktestExample>,
    /// Those of alerts, the last ones.
    examples_of_alerts: VecDeque<Example>,
    candidates: usize,
}

// === impl Tally ===

impl Tally {
    /// How many events were decided.
    pub(crate) fn events(&self) -> i64 {
        self.events + self.of_alerts
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
        let sides = [(today, &*before.routes), (draft, &*after.routes)];
        for (failed, decision) in self.failed.iter_mut().zip(&decisions) {
            *failed += i64::from(!decision.failed_expressions.is_empty());
        }
        if let Ok(alert) = &stored.event.alert {
            let is_operational = is_operational(stored.event.event_type.as_str());
            // Nobody follows what begins an alert.
            let may_differ =
                alert.action == AlertAction::Resolve || is_operational || !go_alike(before, after);
            let example = (may_differ && self.candidates < MAX_CANDIDATES).then(|| {
                self.candidates += 1;
                Box::new(Example::of(stored))
            });
            self.of_alerts += 1;
            return sequence.push(sides, stored, example);
        }
        sequence.push(sides, stored, None);
        let reaches_nobody = before.routes.is_empty() && after.routes.is_empty();
        if !self.counts(stored.event.event_type.as_str(), reaches_nobody) {
            return;
        }
        for (unreached, decision) in self.unreached.iter_mut().zip(&decisions) {
            let places = || decision.routes.iter().map(|route| Place::of(&route.target));
            *unreached += i64::from(!places().any(|place| interrupts(&place)));
        }
        // Most events go the same ways.
        if !go_alike(before, after) {
            let places = |routes: &[Route]| routes.iter().map(|route| Place::of(&route.target)).collect();
            self.compare(snapshots, stored, [places(&before.routes), places(&after.routes)]);
        }
    }

    /// Counts an event of an alert, with the places of those whom it reaches by both configurations: also those who hear of it since
    /// they were told of the alert. `is_told_elsewhere`: it reaches others, too, in the same way by both.
    pub(super) fn add_of_alert(
        &mut self,
        targets: &Targets,
        event: &mut Occurrence,
        mut reached: [Vec<usize>; 2],
        is_told_elsewhere: bool,
    ) {
        let reaches_nobody = reached.iter().all(Vec::is_empty) && !is_told_elsewhere;
        if !self.counts(&event.event_type, reaches_nobody) {
            return;
        }
        for (unreached, places) in self.unreached.iter_mut().zip(&reached) {
            let mut places = places.iter().map(|place| &targets.places()[*place]);
            *unreached += i64::from(!is_told_elsewhere && !places.any(interrupts));
        }
        reached.iter_mut().for_each(|places| places.sort_unstable());
        let [before, after] = &reached;
        if before == after {
            return;
        }
        self.changed += 1;
        let Some(example) = event.example.take() else {
            return;
        };
        if self.examples_of_alerts.len() == MAX_EXAMPLES {
            self.examples_of_alerts.pop_front();
        }
        self.examples_of_alerts.push_back(Example {
            gains: only(after, before),
            losses: only(before, after),
            ..*example
        });
    }

    /// Counts an event, unless it is to reach nobody: operational ones are, until a filter names them.
    fn counts(&mut self, event_type: &str, reaches_nobody: bool) -> bool {
        let counts = !(reaches_nobody && is_operational(event_type));
        self.events += i64::from(counts);
        counts
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
        let named = |places: Vec<Place>| places.iter().map(|place| place.name(&[draft, today])).collect();
        self.examples.push(BacktestExample {
            gains: named(only(after, before)),
            losses: named(only(before, after)),
            ..example(stored)
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
        let named = |numbers: &[usize]| {
            let places = numbers.iter().map(|number| &places.places()[*number]);
            places.map(|place| place.name(&[draft, today])).collect()
        };
        let of_alerts = self
            .examples_of_alerts
            .into_iter()
            .map(|example| BacktestExample {
                gains: named(&example.gains),
                losses: named(&example.losses),
                ..example.event
            });
        let mut examples = self.examples;
        examples.extend(of_alerts);
        let accepted = |example: &BacktestExample| example.accept_time.map(|at| (at.seconds, at.nanos));
        examples.sort_by_key(|example| std::cmp::Reverse(accepted(example)));
        examples.truncate(MAX_EXAMPLES);
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
            examples,
            elapsed: WireDuration::try_from(elapsed).ok(),
            ..BacktestResult::default()
        }
    }
}

/// Whether two decisions lead to the same targets.
fn go_alike(one: &Decision, other: &Decision) -> bool {
    let [one, other] = [one, other].map(|decision| decision.routes.iter().map(|route| &route.target));
    one.eq(other)
}

/// What these have and those do not, as much as an example names.
fn only<T: Clone + PartialEq>(these: &[T], those: &[T]) -> Vec<T> {
    let only = these.iter().filter(|place| !those.contains(place));
    only.take(MAX_NAMED).cloned().collect()
}

/// Whether a place is somebody's: the inbox interrupts nobody.
fn interrupts(place: &Place) -> bool {
    *place != Place::Inbox
}
