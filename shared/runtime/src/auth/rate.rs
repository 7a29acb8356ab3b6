//! How often one caller may call. Each key has its own budget, so that a runaway backend of one team is slowed before
//! it can slow another; services of Watchbell are not counted.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock as GovernorClock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use watchbell_domain::clock::SharedClock;

use super::Principal;
use crate::problem::Problem;

/// After so many checks the budgets that are full again are forgotten.
const HOUSEKEEPING: u32 = 8192;

/// One budget for each caller.
pub(super) struct RateLimit {
    limiter: RateLimiter<u128, DashMapStateStore<u128>, Monotonic, NoOpMiddleware<Since>>,
    clock: Monotonic,
    checks: AtomicU32,
}

/// Our clock as governor wants it.
#[derive(Debug, Clone)]
struct Monotonic(SharedClock);

// === impl RateLimit ===

impl RateLimit {
    /// `per_second` calls in the long run, `burst` at once.
    pub(super) fn new(per_second: NonZeroU32, burst: NonZeroU32, clock: SharedClock) -> Self {
        let clock = Monotonic(clock);
        let quota = Quota::per_second(per_second).allow_burst(burst);
        Self {
            limiter: RateLimiter::dashmap_with_clock(quota, clock.clone()),
            clock,
            checks: AtomicU32::new(0),
        }
    }

    /// Counts a call.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED`, saying when the next call fits.
    pub(super) fn check(&self, principal: &Principal) -> Result<(), Problem> {
        let caller = match principal {
            Principal::ApiKey { key_id, .. } => key_id.as_uuid().as_u128(),
            Principal::Member { member_id, .. } => member_id.as_uuid().as_u128(),
            Principal::Service => return Ok(()),
        };
        if self.checks.fetch_add(1, Ordering::Relaxed) % HOUSEKEEPING == HOUSEKEEPING - 1 {
            self.limiter.retain_recent();
        }
        self.limiter
            .check_key(&caller)
            .map_err(|full| Problem::Overloaded {
                retry_after: full.wait_time_from(self.clock.now()),
            })
    }
}

// === impl Monotonic ===

impl GovernorClock for Monotonic {
    type Instant = Since;

    fn now(&self) -> Since {
        Since(self.0.monotonic())
    }
}

/// Time since the clock's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Since(Duration);

impl std::ops::Add<governor::nanos::Nanos> for Since {
    type Output = Self;

    fn add(self, span: governor::nanos::Nanos) -> Self {
        Self(self.0 + Duration::from(span))
    }
}

impl Reference for Since {
    fn duration_since(&self, earlier: Self) -> governor::nanos::Nanos {
        self.0.saturating_sub(earlier.0).into()
    }

    fn saturating_sub(&self, span: governor::nanos::Nanos) -> Self {
        Self(self.0.checked_sub(span.into()).unwrap_or(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Scopes;
    use crate::testing::ManualClock;
    use chrono::DateTime;
    use watchbell_domain::ids::KeyId;

    fn key() -> Principal {
        Principal::ApiKey {
            key_id: KeyId::generate(DateTime::UNIX_EPOCH),
            team_id: None,
            scopes: Scopes::default(),
        }
    }

    #[test]
    fn a_caller_over_its_budget_is_told_when_to_come_back_and_others_are_not_touched() {
        let clock = ManualClock::shared();
        let two = NonZeroU32::new(2).unwrap();
        let limit = RateLimit::new(two, two, clock.clone());
        let (loud, quiet) = (key(), key());
        assert!(limit.check(&loud).is_ok() && limit.check(&loud).is_ok());
        let Err(Problem::Overloaded { retry_after }) = limit.check(&loud) else {
            panic!("the third call within a second fits a budget of two");
        };
        assert_eq!(retry_after, Duration::from_millis(500));
        assert!(limit.check(&quiet).is_ok());

        clock.advance(retry_after);
        assert!(limit.check(&loud).is_ok());
        assert!(limit.check(&loud).is_err());
    }

    #[test]
    fn services_are_not_counted() {
        let one = NonZeroU32::new(1).unwrap();
        let limit = RateLimit::new(one, one, ManualClock::shared());
        assert!((0..100).all(|_| limit.check(&Principal::Service).is_ok()));
    }
}
