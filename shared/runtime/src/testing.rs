//! What the tests of this crate share.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use watchbell_model::clock::Clock;

/// Now by Tokio's clock, which `start_paused` tests own.
#[expect(clippy::disallowed_methods, reason = "the clock of a test is paused")]
pub(crate) fn paused_now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub(crate) struct ManualClock(Mutex<Duration>);

impl ManualClock {
    pub(crate) fn shared() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Duration::from_secs(1_000))))
    }

    pub(crate) fn advance(&self, by: Duration) {
        *self.0.lock() += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock()
    }
}
