//! Storm control: a channel gets at most a number of messages per window; the rest of the window is folded into one summary.
//! The decision is pure: whoever asks keeps what was sent lately.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::channel::StormLimit;
use crate::vocabulary::Severity;

/// The longest possible window; earlier messages do not count. Instants must be at least as large, so that messages sent before
/// whoever asks began have one, too.
pub const LONGEST: Duration = Duration::from_secs(3600);

/// Messages recently sent to a channel.
#[derive(Debug, Default)]
pub struct Recent {
    /// When, oldest first; never more than the limit.
    sent: VecDeque<Duration>,
    /// The current fold, if any.
    folding: Option<Folding>,
}

#[derive(Debug, Clone, Copy)]
struct Folding {
    limit: StormLimit,
    until: Duration,
    /// The same instant in UTC: one for all folded messages, so that they come due together.
    until_utc: DateTime<Utc>,
}

/// Whether a message of its own may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StormDecision {
    /// It may, and is counted.
    Send,
    /// It is folded into the summary at that time.
    Fold(DateTime<Utc>),
}

/// Whether events of a severity are never folded.
#[must_use]
pub fn passes(severity: Severity) -> bool {
    severity == Severity::Critical
}

// === impl Recent ===

impl Recent {
    /// From the delivery log: when messages were sent, oldest first, and until when messages are folded.
    #[must_use]
    pub fn restored(
        sent: &[DateTime<Utc>],
        until: Option<DateTime<Utc>>,
        limit: StormLimit,
        now: Duration,
        now_utc: DateTime<Utc>,
    ) -> Self {
        let ago = |at: &DateTime<Utc>| (now_utc - *at).to_std().unwrap_or_default();
        Self {
            sent: sent.iter().map(|at| now.saturating_sub(ago(at))).collect(),
            folding: until.map(|until_utc| Folding {
                limit,
                until: now + (until_utc - now_utc).to_std().unwrap_or_default(),
                until_utc,
            }),
        }
    }

    /// Whether a message may go at `now`, by a clock that never goes back, which is `now_utc` by the calendar. What `must_go` always
    /// may, and counts like any other.
    pub fn decide(
        &mut self,
        limit: StormLimit,
        must_go: bool,
        now: Duration,
        now_utc: DateTime<Utc>,
    ) -> StormDecision {
        let max = limit.max_messages.max(1) as usize;
        while self.sent.front().is_some_and(|at| *at + limit.window <= now) {
            self.sent.pop_front();
        }
        if !must_go {
            // A changed limit starts a new window.
            self.folding = self
                .folding
                .filter(|folding| folding.limit == limit && now < folding.until);
            if let Some(folding) = self.folding {
                return StormDecision::Fold(folding.until_utc);
            }
            if let Some(excess) = self.sent.len().checked_sub(max) {
                let until = self.sent[excess] + limit.window;
                let wait = TimeDelta::from_std(until.saturating_sub(now)).unwrap_or_default();
                let until_utc = now_utc + wait;
                self.folding = Some(Folding {
                    limit,
                    until,
                    until_utc,
                });
                return StormDecision::Fold(until_utc);
            }
        }
        self.sent.push_back(now);
        while self.sent.len() > max {
            self.sent.pop_front();
        }
        StormDecision::Send
    }

    /// Whether any message was sent so lately that it may count.
    #[must_use]
    pub fn matters(&self, now: Duration) -> bool {
        self.sent.back().is_some_and(|at| *at + LONGEST > now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> (Duration, DateTime<Utc>) {
        let delta = TimeDelta::milliseconds(i64::try_from(millis).unwrap());
        (Duration::from_millis(millis), DateTime::UNIX_EPOCH + delta)
    }

    fn limit_of(max_messages: u32, seconds: u64) -> StormLimit {
        StormLimit {
            max_messages,
            window: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn what_exceeds_the_limit_waits_until_the_first_of_them_is_a_window_ago() {
        let mut recent = Recent::default();
        let mut ask = |millis: u64| recent.decide(limit_of(2, 60), false, at(millis).0, at(millis).1);
        assert_eq!(ask(0), StormDecision::Send);
        assert_eq!(ask(10_000), StormDecision::Send);
        assert_eq!(ask(20_000), StormDecision::Fold(at(60_000).1));
        assert_eq!(ask(59_999), StormDecision::Fold(at(60_000).1));
        assert_eq!(ask(60_000), StormDecision::Send);
        assert_eq!(ask(60_001), StormDecision::Fold(at(70_000).1));
    }

    #[test]
    fn a_limit_that_is_raised_counts_at_once() {
        let mut recent = Recent::default();
        let mut ask = |max: u32| recent.decide(limit_of(max, 60), false, at(0).0, at(0).1);
        assert_eq!(ask(1), StormDecision::Send);
        assert_ne!(ask(1), StormDecision::Send);
        assert_eq!(ask(2), StormDecision::Send);
    }

    proptest! {
        #[test]
        fn no_window_has_more_than_the_limit_unless_it_must_go(
            max in 1_u32..6,
            seconds in 1_u64..20,
            steps in prop::collection::vec((0_u64..4_000, prop::bool::weighted(0.2)), 1..200),
        ) {
            let limit = limit_of(max, seconds);
            let mut recent = Recent::default();
            let (mut millis, mut sent, mut open) = (0, Vec::<Duration>::new(), None);
            for (step, must_go) in steps {
                millis += step;
                let (now, now_utc) = at(millis);
                let before = sent.iter().filter(|at| **at + limit.window > now).count();
                match recent.decide(limit, must_go, now, now_utc) {
                    StormDecision::Send => {
                        prop_assert!(must_go || before < max as usize, "{before} of {max} were sent already");
                        sent.push(now);
                    }
                    StormDecision::Fold(until) => {
                        prop_assert!(!must_go, "it had to go");
                        prop_assert!(before > 0, "nothing folds without a storm");
                        let window = TimeDelta::from_std(limit.window).unwrap();
                        prop_assert!(now_utc < until && until <= now_utc + window, "it waits a window at most");
                        if let Some(open) = open.filter(|open| now_utc < *open) {
                            prop_assert_eq!(until, open, "what is folded comes due together");
                        }
                        open = Some(until);
                    }
                }
            }
        }
    }
}
