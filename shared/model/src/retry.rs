//! When a failed delivery is tried again. The schedule is a list of waits, so that what users were promised (1 min, 5 min,
//! 30 min, 2 h, 12 h) can be read off it; a receiver that asks for more time gets it, and a little jitter keeps
//! deliveries that failed together from coming back together.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::violation::{Violations, reason};

/// The most retries of one delivery.
pub const MAX_RETRIES: usize = 10;
/// The longest wait, whatever a receiver asks for.
pub const MAX_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// Jitter lengthens a wait by up to this part of it.
const JITTER: f64 = 0.1;

/// The waits after the first attempt and after each retry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u64>", into = "Vec<u64>")]
pub struct RetrySchedule(Vec<Duration>);

// === impl RetrySchedule ===

impl RetrySchedule {
    /// A schedule of these waits, each 1 second to 24 hours. An empty one never retries. Paths are `[index]`.
    pub fn try_new(waits: Vec<Duration>) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        if waits.len() > MAX_RETRIES {
            violations.add(
                "",
                reason::TOO_LONG,
                format!("must have at most {MAX_RETRIES} entries"),
            );
        }
        for (index, wait) in waits.iter().enumerate() {
            if !(Duration::from_secs(1)..=MAX_WAIT).contains(wait) {
                violations.add(
                    format!("[{index}]"),
                    reason::OUT_OF_RANGE,
                    "must be 1 second to 24 hours",
                );
            }
        }
        violations.into_result(Self(waits))
    }

    /// The waits.
    #[must_use]
    pub fn waits(&self) -> &[Duration] {
        &self.0
    }

    /// How many attempts there are in all.
    #[must_use]
    pub fn max_attempts(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// When to try again after so many failed attempts (1 after the first); none when that was the last. `retry_after`
    /// is honoured when it asks for longer than the schedule. `jitter` is a random number in [0, 1).
    #[must_use]
    pub fn next(
        &self,
        failed_attempts: u32,
        now: DateTime<Utc>,
        retry_after: Option<Duration>,
        jitter: f64,
    ) -> Option<DateTime<Utc>> {
        let index = usize::try_from(failed_attempts.checked_sub(1)?).ok()?;
        let wait = *self.0.get(index)?;
        let wait = wait.mul_f64(1.0 + JITTER * jitter.clamp(0.0, 1.0));
        let wait = wait.max(retry_after.unwrap_or_default()).min(MAX_WAIT);
        Some(now + TimeDelta::from_std(wait).unwrap_or(TimeDelta::hours(24)))
    }
}

impl Default for RetrySchedule {
    fn default() -> Self {
        Self(
            [60, 5 * 60, 30 * 60, 2 * 60 * 60, 12 * 60 * 60]
                .map(Duration::from_secs)
                .to_vec(),
        )
    }
}

/// Written as seconds.
impl TryFrom<Vec<u64>> for RetrySchedule {
    type Error = Violations;

    fn try_from(seconds: Vec<u64>) -> Result<Self, Violations> {
        Self::try_new(seconds.into_iter().map(Duration::from_secs).collect())
    }
}

impl From<RetrySchedule> for Vec<u64> {
    fn from(schedule: RetrySchedule) -> Self {
        schedule.0.iter().map(Duration::as_secs).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::tests::noon;

    fn wait(failed: u32, retry_after: Option<u64>, jitter: f64) -> Option<i64> {
        let next =
            RetrySchedule::default().next(failed, noon(), retry_after.map(Duration::from_secs), jitter)?;
        Some((next - noon()).num_seconds())
    }

    #[test]
    fn the_default_schedule_is_the_promised_one_and_ends_after_five_retries() {
        let waits: Vec<_> = (1..=6).map(|failed| wait(failed, None, 0.0)).collect();
        assert_eq!(
            waits,
            [Some(60), Some(300), Some(1_800), Some(7_200), Some(43_200), None]
        );
        assert_eq!(RetrySchedule::default().max_attempts(), 6);
        assert_eq!(wait(0, None, 0.0), None);
    }

    #[test]
    fn a_receiver_that_asks_for_longer_is_heard_up_to_a_day() {
        assert_eq!(wait(1, Some(600), 0.0), Some(600));
        assert_eq!(wait(1, Some(10), 0.0), Some(60));
        assert_eq!(wait(5, Some(10_000_000_000), 0.5), Some(24 * 3_600));
        assert_eq!(wait(6, Some(600), 0.0), None);
    }

    #[test]
    fn a_schedule_out_of_bounds_names_each_wait() {
        let violations = RetrySchedule::try_new(vec![Duration::ZERO, MAX_WAIT, MAX_WAIT * 2]).unwrap_err();
        let fields: Vec<_> = violations
            .iter()
            .map(|violation| violation.field.as_str())
            .collect();
        assert_eq!(fields, ["[0]", "[2]"]);
        assert!(RetrySchedule::try_new(vec![MAX_WAIT; MAX_RETRIES + 1]).is_err());
        assert_eq!(
            RetrySchedule::try_new(vec![]).unwrap().next(1, noon(), None, 0.0),
            None
        );
    }

    proptest! {
        #[test]
        fn a_wait_is_never_shorter_than_asked_and_at_most_a_tenth_longer(
            waits in proptest::collection::vec(1_u64..=86_400, 0..=10),
            failed in 0_u32..15,
            retry_after in proptest::option::of(0_u64..200_000),
            jitter in 0.0_f64..1.0,
        ) {
            let schedule = RetrySchedule::try_from(waits.clone()).unwrap();
            let next = schedule.next(failed, noon(), retry_after.map(Duration::from_secs), jitter);
            match (failed as usize).checked_sub(1).and_then(|index| waits.get(index)) {
                None => prop_assert_eq!(next, None),
                Some(wait) => {
                    let got = (next.unwrap() - noon()).num_milliseconds();
                    let least = (*wait).max(retry_after.unwrap_or(0)).min(86_400) as i64 * 1_000;
                    let most = ((*wait as f64 * 1_100.0) as i64).max(retry_after.unwrap_or(0) as i64 * 1_000);
                    prop_assert!(got >= least && got <= most.min(86_400_000) + 1, "{least} {got} {most}");
                }
            }
            let again: RetrySchedule = serde_json::from_str(&serde_json::to_string(&schedule).unwrap()).unwrap();
            prop_assert_eq!(again, schedule);
        }
    }
}
