//! Rate limits (GCRA) by what calls cost: a call costs one, and each event beyond the first costs one more, and one more
//! for each 4 KiB that it fills. A body is charged by its length while it comes, before anything is read of it, which counts
//! towards the cost of its events. Each key and member has a budget of its own, and all those of a team share another one, so
//! that neither a runaway backend nor a team with many keys slows anybody else. Services of Watchbell are not counted.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use governor::clock::{Clock as GovernorClock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use tonic::Request;
use watchbell_model::clock::SharedClock;

use super::Principal;
use crate::problem::Problem;

/// Number of checks after which budgets that are full again are forgotten.
const HOUSEKEEPING: u32 = 8192;

/// Budget of a team, in budgets of one of its keys.
const TEAM: NonZeroU32 = NonZeroU32::new(2).unwrap();

type Limiter = RateLimiter<u128, DashMapStateStore<u128>, Monotonic, NoOpMiddleware<Since>>;

/// The budgets of all principals and teams.
pub(super) struct RateLimit {
    principals: Limiter,
    teams: Limiter,
    burst: NonZeroU32,
    clock: Monotonic,
    checks: AtomicU32,
}

/// Rate limit of one request's caller, for handlers that know the request's cost. Charges for the request's body
/// count towards that cost: a call that is refused for its cost has paid for its body. A request without
/// authentication has no limit.
#[derive(Clone, Default)]
pub struct Budget(Option<Arc<Account>>);

struct Account {
    rate: Arc<RateLimit>,
    principal: Principal,
    /// Units charged for the body and not credited to the request's cost yet.
    paid: AtomicUsize,
}

/// Our clock as governor wants it.
#[derive(Debug, Clone)]
struct Monotonic(SharedClock);

// === impl RateLimit ===

impl RateLimit {
    /// `per_second` on average, `burst` at once; twice as much for a team.
    pub(super) fn new(per_second: NonZeroU32, burst: NonZeroU32, clock: SharedClock) -> Self {
        let clock = Monotonic(clock);
        let limiter = |times: NonZeroU32| {
            let quota = Quota::per_second(per_second.saturating_mul(times));
            let quota = quota.allow_burst(burst.saturating_mul(times));
            RateLimiter::dashmap_with_clock(quota, clock.clone())
        };
        Self {
            principals: limiter(NonZeroU32::MIN),
            teams: limiter(TEAM),
            burst,
            clock: clock.clone(),
            checks: AtomicU32::new(0),
        }
    }

    /// Charges the cost of a call; more than a burst counts as a burst, since it would never fit.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED`, with the time when it fits.
    pub(super) fn charge(&self, principal: &Principal, cost: NonZeroU32) -> Result<(), Problem> {
        let caller = match principal {
            Principal::ApiKey { key_id, .. } => key_id.as_uuid().as_u128(),
            Principal::Member { member_id, .. } => member_id.as_uuid().as_u128(),
            Principal::Service => return Ok(()),
        };
        if self.checks.fetch_add(1, Ordering::Relaxed) % HOUSEKEEPING == HOUSEKEEPING - 1 {
            self.principals.retain_recent();
            self.teams.retain_recent();
        }
        self.check(&self.principals, caller, cost)?;
        match principal.own_team() {
            Some(team) => self.check(&self.teams, team.as_uuid().as_u128(), cost),
            None => Ok(()),
        }
    }

    fn check(&self, limiter: &Limiter, key: u128, cost: NonZeroU32) -> Result<(), Problem> {
        match limiter.check_key_n(&key, cost.min(self.burst)) {
            Ok(Err(full)) => Err(Problem::Overloaded {
                retry_after: full.wait_time_from(self.clock.now()),
            }),
            _ => Ok(()),
        }
    }
}

// === impl Budget ===

impl Budget {
    pub(super) fn new(rate: Arc<RateLimit>, principal: Principal) -> Self {
        Self(Some(Arc::new(Account {
            rate,
            principal,
            paid: AtomicUsize::new(0),
        })))
    }

    /// The rate limit of a request's caller.
    pub fn from_request<T>(request: &Request<T>) -> Self {
        request.extensions().get().cloned().unwrap_or_default()
    }

    /// Charges for a part of the request's body.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED`, saying when it fits.
    pub(super) fn charge_body(&self, cost: usize) -> Result<(), Problem> {
        let Some(account) = &self.0 else { return Ok(()) };
        account.charge(cost)?;
        account.paid.fetch_add(cost, Ordering::Relaxed);
        Ok(())
    }

    /// Charges the cost beyond that of the call itself and its body.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED`, with the time when it fits.
    pub fn charge(&self, cost: usize) -> Result<(), Problem> {
        let Some(account) = &self.0 else { return Ok(()) };
        let paid = account.paid.swap(0, Ordering::Relaxed);
        account.charge(cost.saturating_sub(paid))
    }

    /// Charges a message of a stream, and waits until it fits: flow control then slows its sender down.
    pub async fn charge_when_it_fits(&self, cost: usize) {
        while let Err(Problem::Overloaded { retry_after }) = self.charge(cost) {
            tokio::time::sleep(retry_after).await;
        }
    }
}

// === impl Account ===

impl Account {
    fn charge(&self, cost: usize) -> Result<(), Problem> {
        match NonZeroU32::new(u32::try_from(cost).unwrap_or(u32::MAX)) {
            Some(cost) => self.rate.charge(&self.principal, cost),
            None => Ok(()),
        }
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
    use watchbell_model::ids::{KeyId, TeamId};

    const ONE: NonZeroU32 = NonZeroU32::MIN;

    fn number(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    fn key(team_id: Option<TeamId>) -> Principal {
        Principal::ApiKey {
            key_id: KeyId::generate(DateTime::UNIX_EPOCH),
            team_id,
            scopes: Scopes::default(),
        }
    }

    #[test]
    fn a_caller_over_its_budget_is_told_when_to_come_back_and_others_are_not_touched() {
        let clock = ManualClock::shared();
        let limit = RateLimit::new(number(2), number(2), clock.clone());
        let (loud, quiet) = (key(None), key(None));
        assert!(limit.charge(&loud, ONE).is_ok() && limit.charge(&loud, ONE).is_ok());
        let Err(Problem::Overloaded { retry_after }) = limit.charge(&loud, ONE) else {
            panic!("the third call within a second fits a budget of two");
        };
        assert_eq!(retry_after, Duration::from_millis(500));
        assert!(limit.charge(&quiet, ONE).is_ok());

        clock.advance(retry_after);
        assert!(limit.charge(&loud, ONE).is_ok());
        assert!(limit.charge(&loud, ONE).is_err());
    }

    #[test]
    fn a_call_is_charged_by_its_cost_and_one_that_costs_more_than_a_burst_fits_once() {
        let clock = ManualClock::shared();
        let limit = RateLimit::new(number(100), number(1_000), clock.clone());
        let caller = key(None);
        limit.charge(&caller, number(600)).unwrap();
        let Err(Problem::Overloaded { retry_after }) = limit.charge(&caller, number(600)) else {
            panic!("1,200 fit a burst of 1,000");
        };
        assert_eq!(retry_after, Duration::from_secs(2), "200 more at 100 a second");
        assert!(limit.charge(&caller, number(400)).is_ok());
        clock.advance(Duration::from_secs(10));
        assert!(limit.charge(&caller, number(5_000)).is_ok());
        assert!(limit.charge(&caller, ONE).is_err());
    }

    #[test]
    fn a_body_is_charged_while_it_comes_and_counts_towards_what_is_in_it() {
        let clock = ManualClock::shared();
        let limit = Arc::new(RateLimit::new(number(100), number(100), clock.clone()));
        let caller = key(None);
        let budget = || Budget::new(Arc::clone(&limit), caller);
        let refused = budget();
        refused.charge_body(20).unwrap();
        assert!(
            refused.charge(101).is_err(),
            "it has paid for its body all the same"
        );
        let accepted = budget();
        accepted.charge_body(20).unwrap();
        accepted.charge(70).unwrap();
        assert!(budget().charge_body(11).is_err(), "20 and 70 of the 100 are gone");
        assert!(budget().charge_body(10).is_ok());
    }

    #[test]
    fn the_keys_of_a_team_share_a_budget() {
        let limit = RateLimit::new(number(10), number(10), ManualClock::shared());
        let team = |team| std::iter::repeat_with(move || key(Some(team)));
        let loud = TeamId::generate(DateTime::UNIX_EPOCH);
        let accepted = team(loud)
            .take(100)
            .filter(|key| limit.charge(key, number(5)).is_ok());
        assert_eq!(accepted.count(), 4, "20 for all keys of the team");
        let quiet = TeamId::generate(DateTime::UNIX_EPOCH);
        assert!(
            team(quiet)
                .take(2)
                .all(|key| limit.charge(&key, number(5)).is_ok())
        );
    }

    #[test]
    fn services_are_not_counted() {
        let limit = RateLimit::new(ONE, ONE, ManualClock::shared());
        assert!((0..100).all(|_| limit.charge(&Principal::Service, ONE).is_ok()));
    }
}
