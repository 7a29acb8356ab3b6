//! A clock that stands still until a test moves it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::{Mutex, MutexGuard};
use watchbell_model::clock::{Clock, SharedClock};

/// A settable clock. Clones show the same time.
#[derive(Debug, Clone)]
pub struct TestClock {
    time: Arc<Mutex<Time>>,
}

#[derive(Debug)]
struct Time {
    wall: DateTime<Utc>,
    monotonic: Duration,
}

impl TestClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: DateTime<Utc>) -> Self {
        Self {
            time: Arc::new(Mutex::new(Time {
                wall: now,
                monotonic: Duration::ZERO,
            })),
        }
    }

    /// A clock that shows an RFC 3339 instant, such as `2026-11-21T07:00:00Z`.
    ///
    /// # Errors
    /// When the text is no such instant.
    pub fn parse(instant: &str) -> Result<Self, chrono::ParseError> {
        Ok(Self::at(DateTime::parse_from_rfc3339(instant)?.to_utc()))
    }

    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        let mut time = self.lock();
        time.wall += TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
        time.monotonic += by;
    }

    /// Sets the wall clock, forward or back; monotonic time only follows forward.
    pub fn set(&self, now: DateTime<Utc>) {
        let mut time = self.lock();
        let forward = (now - time.wall).to_std().unwrap_or_default();
        time.monotonic += forward;
        time.wall = now;
    }

    /// This clock as everybody holds it.
    #[must_use]
    pub fn shared(&self) -> SharedClock {
        Arc::new(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Time> {
        self.time.lock()
    }
}

impl Default for TestClock {
    /// Saturday, 2026-11-21 07:00 UTC.
    fn default() -> Self {
        Self::at(DateTime::UNIX_EPOCH + TimeDelta::seconds(1_795_244_400))
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        self.lock().wall
    }

    fn monotonic(&self) -> Duration {
        self.lock().monotonic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_only_when_told_and_latencies_never_go_back() {
        let clock = TestClock::default();
        assert_eq!(
            clock.now(),
            "2026-11-21T07:00:00Z".parse::<DateTime<Utc>>().unwrap()
        );
        let shared = clock.shared();
        clock.advance(Duration::from_secs(90));
        assert_eq!(
            shared.now(),
            "2026-11-21T07:01:30Z".parse::<DateTime<Utc>>().unwrap()
        );
        assert_eq!(shared.monotonic(), Duration::from_secs(90));
        clock.set("2026-11-21T06:00:00Z".parse().unwrap());
        assert_eq!(shared.monotonic(), Duration::from_secs(90));
    }
}
