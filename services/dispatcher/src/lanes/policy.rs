//! How fast a lane may send, and how many at a time.

use std::time::Duration;

/// How a channel wants to be treated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LanePolicy {
    /// Attempts at the same time.
    pub(crate) concurrency: usize,
    /// Between two attempts at a steady pace; zero for no limit.
    pub(crate) interval: Duration,
    /// Attempts that may start together after a pause.
    pub(crate) burst: u32,
}

// === impl LanePolicy ===

impl LanePolicy {
    /// Policy of an unknown channel: one attempt at a time, which breaks no channel's limit.
    pub(crate) const UNKNOWN: Self = Self {
        concurrency: 1,
        interval: Duration::ZERO,
        burst: 1,
    };

    /// At most `concurrency` (at least 1) attempts at a time, and `per_second` on average; 0 for no such limit.
    pub(crate) fn new(concurrency: u32, per_second: f64) -> Self {
        let limited = per_second.is_finite() && per_second > 0.0;
        let interval = if limited {
            Duration::try_from_secs_f64(per_second.recip()).unwrap_or(Duration::MAX / 4)
        } else {
            Duration::ZERO
        };
        // The burst is one second's worth, but at most the concurrency.
        let burst = if limited {
            (per_second as u32).clamp(1, concurrency.max(1))
        } else {
            1
        };
        Self {
            concurrency: concurrency.max(1) as usize,
            interval,
            burst,
        }
    }
}
