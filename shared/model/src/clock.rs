//! Time as a dependency: code that needs an instant holds a [`SharedClock`], so that tests own time.
//! Pure functions of this crate do not take a clock at all, they take `now`.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

/// The only source of time.
pub trait Clock: Send + Sync + Debug {
    /// The wall clock. May jump, so never subtract two of these to measure a latency.
    fn now(&self) -> DateTime<Utc>;

    /// Time since an arbitrary start that never goes back; for latencies.
    fn monotonic(&self) -> Duration;
}

/// A clock as everybody holds it.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Instant,
}

// === impl SystemClock ===

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[must_use]
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the machine's clocks"
    )]
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// [`SystemClock::new`], shared.
    #[must_use]
    pub fn shared() -> SharedClock {
        Arc::new(Self::new())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the machine's clocks"
    )]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}
