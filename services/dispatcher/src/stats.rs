//! Statistics of deliveries, counted row by row: how many in which state, when, by what, and how long the delivered ones took.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::job::State;

/// What is counted of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeliveryFacts {
    /// In microseconds.
    pub(crate) created_at: i64,
    pub(crate) ended_at: Option<i64>,
    pub(crate) state: State,
    /// The numbers of the contract.
    pub(crate) kind: i16,
    pub(crate) severity: i16,
    pub(crate) channel: Option<Uuid>,
}

/// A period in pieces of equal length, of which the last may be shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Buckets {
    pub(crate) start: DateTime<Utc>,
    pub(crate) end: DateTime<Utc>,
    pub(crate) length: TimeDelta,
}

/// Deliveries by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts([i64; State::ALL.len()]);

/// What was counted so far.
#[derive(Debug)]
pub(crate) struct Tally {
    buckets: Buckets,
    pub(crate) all: Counts,
    /// One for each bucket.
    pub(crate) by_time: Vec<Counts>,
    pub(crate) by_channel: BTreeMap<(Option<Uuid>, i16), Counts>,
    pub(crate) by_severity: BTreeMap<i16, Counts>,
    /// From accepted to delivered, in microseconds.
    latencies: Vec<i64>,
}

// === impl Buckets ===

impl Buckets {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        let period = u64::try_from(micros(self.end - self.start)).unwrap_or_default();
        let length = u64::try_from(micros(self.length)).unwrap_or_default().max(1);
        usize::try_from(period.div_ceil(length)).unwrap_or(usize::MAX)
    }

    /// When one begins.
    pub(crate) fn begin(&self, index: usize) -> DateTime<Utc> {
        self.start + self.length * i32::try_from(index).unwrap_or(i32::MAX)
    }

    fn of(&self, at: i64) -> usize {
        let since = at - self.start.timestamp_micros();
        usize::try_from(since / micros(self.length).max(1)).unwrap_or_default()
    }
}

// === impl Counts ===

impl Counts {
    /// How many are in a state.
    pub(crate) fn of(&self, state: State) -> i64 {
        State::ALL
            .iter()
            .zip(self.0)
            .find_map(|(each, count)| (*each == state).then_some(count))
            .unwrap_or_default()
    }

    fn add(&mut self, state: State) {
        let count = State::ALL
            .iter()
            .zip(&mut self.0)
            .find(|(each, _)| **each == state);
        if let Some((_, count)) = count {
            *count += 1;
        }
    }
}

// === impl Tally ===

impl Tally {
    /// Nothing counted yet.
    pub(crate) fn new(buckets: Buckets) -> Self {
        Self {
            buckets,
            all: Counts::default(),
            by_time: vec![Counts::default(); buckets.count()],
            by_channel: BTreeMap::new(),
            by_severity: BTreeMap::new(),
            latencies: Vec::new(),
        }
    }

    /// Counts a delivery.
    pub(crate) fn add(&mut self, facts: &DeliveryFacts) {
        self.all.add(facts.state);
        if let Some(bucket) = self.by_time.get_mut(self.buckets.of(facts.created_at)) {
            bucket.add(facts.state);
        }
        let channel = (facts.channel, facts.kind);
        self.by_channel.entry(channel).or_default().add(facts.state);
        self.by_severity
            .entry(facts.severity)
            .or_default()
            .add(facts.state);
        if let (State::Delivered, Some(ended)) = (facts.state, facts.ended_at) {
            self.latencies.push((ended - facts.created_at).max(0));
        }
    }

    /// The latencies that so many thousandths of the delivered ones did not exceed; none when nothing was delivered.
    pub(crate) fn latencies(&mut self, thousandths: &[usize]) -> Vec<TimeDelta> {
        self.latencies.sort_unstable();
        let last = self.latencies.len().saturating_sub(1);
        let at = |part: &usize| self.latencies.get(last * part / 1_000);
        let found = thousandths.iter().filter_map(at);
        found.map(|latency| TimeDelta::microseconds(*latency)).collect()
    }
}

fn micros(delta: TimeDelta) -> i64 {
    delta.num_microseconds().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn buckets(seconds: i64, length: i64) -> Buckets {
        Buckets {
            start: DateTime::UNIX_EPOCH,
            end: DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds),
            length: TimeDelta::seconds(length),
        }
    }

    fn facts(second: i64, state: State, took: Option<i64>) -> DeliveryFacts {
        DeliveryFacts {
            created_at: second * SECOND,
            ended_at: took.map(|took| second * SECOND + took),
            state,
            kind: 4,
            severity: 2,
            channel: Some(Uuid::from_u128(7)),
        }
    }

    #[test]
    fn the_last_bucket_may_be_shorter() {
        assert_eq!(buckets(60, 20).count(), 3);
        assert_eq!(buckets(61, 20).count(), 4);
        assert_eq!(buckets(0, 20).count(), 0);
        assert_eq!(
            buckets(61, 20).begin(3),
            DateTime::UNIX_EPOCH + TimeDelta::seconds(60)
        );
    }

    #[test]
    fn each_delivery_counts_once_in_every_view() {
        let mut tally = Tally::new(buckets(60, 20));
        for (second, state) in [
            (0, State::Delivered),
            (19, State::Failed),
            (20, State::Failed),
            (59, State::Held),
        ] {
            tally.add(&facts(second, state, Some(1)));
        }
        assert_eq!((tally.all.of(State::Failed), tally.all.of(State::Held)), (2, 1));
        let failed: Vec<_> = tally
            .by_time
            .iter()
            .map(|bucket| bucket.of(State::Failed))
            .collect();
        assert_eq!(failed, [1, 1, 0]);
        assert_eq!(
            tally.by_channel[&(Some(Uuid::from_u128(7)), 4)].of(State::Failed),
            2
        );
        assert_eq!(tally.by_severity[&2].of(State::Delivered), 1);
    }

    #[test]
    fn latencies_are_of_what_was_delivered() {
        let mut tally = Tally::new(buckets(60, 20));
        assert!(tally.latencies(&[500]).is_empty());
        tally.add(&facts(1, State::Failed, Some(900)));
        for took in (1..=101).rev() {
            tally.add(&facts(1, State::Delivered, Some(took)));
        }
        let latencies = tally.latencies(&[0, 500, 990, 1_000]);
        let expected = [1, 51, 100, 101].map(TimeDelta::microseconds);
        assert_eq!(latencies, expected);
    }
}
