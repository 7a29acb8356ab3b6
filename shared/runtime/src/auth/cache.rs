//! Knowing keys without asking Config for each call. An answer is fresh for less than half a minute, so an ended key
//! stops working within 30 seconds; while Config is away the last answer goes on being good, so the data plane works
//! on. Keys are looked up, and remembered, by their SHA-256 only.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use moka::future::Cache;
use sha2::{Digest, Sha256};
use watchbell_domain::clock::SharedClock;

use super::Principal;
use crate::problem::{Problem, reason};

/// SHA-256 of an API key.
pub type KeyHash = [u8; 32];

/// SHA-256 of a key, as it is stored and looked up.
#[must_use]
pub fn hash_key(key: &str) -> KeyHash {
    Sha256::digest(key.as_bytes()).into()
}

/// Whoever knows which keys there are.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// Whose key this is.
    ///
    /// # Errors
    /// [`Problem::Unauthenticated`] when it is nobody's (any more); anything else when that cannot be said now.
    async fn authenticate(&self, key: KeyHash) -> Result<Grant, Problem>;
}

/// What a key, or a member's token, stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Who calls with it.
    pub principal: Principal,
    /// When it stops working, if ever.
    pub expires_at: Option<DateTime<Utc>>,
}

/// How long answers are good for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetimes {
    /// A key that is known.
    pub(crate) known: Duration,
    /// A key that is not.
    pub(crate) unknown: Duration,
    /// A known key, while nobody can be asked.
    pub(crate) stale: Duration,
    /// How long to go on with a stale answer before asking again.
    pub(crate) retry: Duration,
    /// How long one question may take.
    pub(crate) patience: Duration,
}

/// With a question that is answered in time, an ended key is refused within 30 seconds.
pub(crate) const LIFETIMES: Lifetimes = Lifetimes {
    known: Duration::from_secs(25),
    unknown: Duration::from_secs(5),
    stale: Duration::from_secs(24 * 60 * 60),
    retry: Duration::from_secs(1),
    patience: Duration::from_secs(3),
};

/// So many keys are remembered; a key takes about 200 bytes.
const CAPACITY: u64 = 100_000;

/// An [`Authenticator`] that remembers the answers of another.
pub struct CachedKeys<A> {
    inner: A,
    clock: SharedClock,
    lifetimes: Lifetimes,
    slots: Cache<KeyHash, Arc<Slot>>,
}

#[derive(Debug, Default)]
struct Slot {
    answer: Mutex<Option<Answer>>,
    /// Held by the one call that asks, so that a thousand calls with a new key ask once.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Copy)]
struct Answer {
    /// `None`: nobody's key.
    grant: Option<Grant>,
    fresh_until: Duration,
    stale_until: Duration,
}

// === impl CachedKeys ===

impl<A: Authenticator> CachedKeys<A> {
    /// Remembers what `inner` says.
    pub fn new(inner: A, clock: SharedClock) -> Self {
        Self::with_lifetimes(inner, clock, LIFETIMES)
    }

    pub(crate) fn with_lifetimes(inner: A, clock: SharedClock, lifetimes: Lifetimes) -> Self {
        Self {
            inner,
            clock,
            lifetimes,
            slots: Cache::new(CAPACITY),
        }
    }

    async fn ask(&self, key: KeyHash, slot: &Slot) -> Result<Option<Grant>, Problem> {
        let answer = tokio::time::timeout(self.lifetimes.patience, self.inner.authenticate(key)).await;
        let now = self.clock.monotonic();
        let failure = match answer {
            Ok(Ok(grant)) => {
                slot.remember(Answer {
                    grant: Some(grant),
                    fresh_until: now + self.lifetimes.known,
                    stale_until: now + self.lifetimes.stale,
                });
                return Ok(Some(grant));
            }
            Ok(Err(Problem::Unauthenticated { .. })) => {
                let until = now + self.lifetimes.unknown;
                slot.remember(Answer {
                    grant: None,
                    fresh_until: until,
                    stale_until: until,
                });
                return Ok(None);
            }
            Ok(Err(problem)) => problem.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        match slot.last().filter(|last| now < last.stale_until) {
            Some(last) => {
                tracing::debug!(failure, "keys cannot be checked; going on with the last answer");
                slot.remember(Answer {
                    fresh_until: now + self.lifetimes.retry,
                    ..last
                });
                Ok(last.grant)
            }
            None => {
                tracing::warn!(failure, "a key cannot be checked");
                Err(Problem::unavailable("keys cannot be checked at the moment"))
            }
        }
    }
}

#[async_trait]
impl<A: Authenticator> Authenticator for CachedKeys<A> {
    async fn authenticate(&self, key: KeyHash) -> Result<Grant, Problem> {
        let slot = match self.slots.get(&key).await {
            Some(slot) => slot,
            None => self.slots.get_with(key, async { Arc::default() }).await,
        };
        let grant = match slot.fresh(self.clock.monotonic()) {
            Some(answer) => answer.grant,
            None => {
                let known = slot.last().filter(|last| last.grant.is_some());
                match (slot.asking.try_lock(), known) {
                    (Ok(_asking), _) => self.ask(key, &slot).await?,
                    // Somebody else asks already; meanwhile what was known is good enough.
                    (Err(_), Some(last)) if self.clock.monotonic() < last.stale_until => last.grant,
                    (Err(_), _) => {
                        let _asking = slot.asking.lock().await;
                        match slot.fresh(self.clock.monotonic()) {
                            Some(answer) => answer.grant,
                            None => self.ask(key, &slot).await?,
                        }
                    }
                }
            }
        };
        let now = self.clock.now();
        grant
            .filter(|grant| grant.expires_at.is_none_or(|expires_at| now < expires_at))
            .ok_or(Problem::Unauthenticated {
                reason: reason::INVALID_CREDENTIAL,
            })
    }
}

// === impl Slot ===

impl Slot {
    fn last(&self) -> Option<Answer> {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh(&self, now: Duration) -> Option<Answer> {
        self.last().filter(|answer| now < answer.fresh_until)
    }

    fn remember(&self, answer: Answer) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ManualClock;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[derive(Clone, Copy)]
    enum Config {
        Knows(Option<DateTime<Utc>>),
        Refuses,
        Away,
    }

    struct Fake {
        config: Mutex<Config>,
        asked: AtomicU32,
    }

    #[async_trait]
    impl Authenticator for Arc<Fake> {
        async fn authenticate(&self, _: KeyHash) -> Result<Grant, Problem> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            match *self.config.lock().unwrap() {
                Config::Knows(expires_at) => Ok(Grant {
                    principal: Principal::Service,
                    expires_at,
                }),
                Config::Refuses => Err(Problem::Unauthenticated {
                    reason: reason::INVALID_CREDENTIAL,
                }),
                Config::Away => Err(Problem::unavailable("away")),
            }
        }
    }

    struct World {
        fake: Arc<Fake>,
        clock: Arc<ManualClock>,
        keys: CachedKeys<Arc<Fake>>,
    }

    impl World {
        fn new(config: Config) -> Self {
            let fake = Arc::new(Fake {
                config: Mutex::new(config),
                asked: AtomicU32::new(0),
            });
            let clock = ManualClock::shared();
            let keys = CachedKeys::new(Arc::clone(&fake), clock.clone());
            Self { fake, clock, keys }
        }

        fn turns(&self, config: Config) {
            *self.fake.config.lock().unwrap() = config;
        }

        async fn accepts(&self) -> bool {
            self.keys.authenticate([7; 32]).await.is_ok()
        }

        fn asked(&self) -> u32 {
            self.fake.asked.load(Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn an_ended_key_is_refused_within_thirty_seconds() {
        let world = World::new(Config::Knows(None));
        assert!(world.accepts().await);
        world.turns(Config::Refuses);
        assert!(world.accepts().await);
        assert_eq!(world.asked(), 1);
        world.clock.advance(Duration::from_secs(30));
        assert!(!world.accepts().await);
    }

    #[tokio::test]
    async fn a_new_key_that_was_tried_too_early_works_soon() {
        let world = World::new(Config::Refuses);
        assert!(!world.accepts().await && !world.accepts().await);
        assert_eq!(world.asked(), 1, "a wrong key is not asked for each time");
        world.turns(Config::Knows(None));
        world.clock.advance(Duration::from_secs(5));
        assert!(world.accepts().await);
    }

    #[tokio::test]
    async fn known_keys_work_on_while_config_is_away_and_unknown_ones_are_not_refused_for_good() {
        let world = World::new(Config::Knows(None));
        assert!(world.accepts().await);
        world.turns(Config::Away);
        world.clock.advance(Duration::from_secs(3600));
        assert!(world.accepts().await && world.accepts().await);
        assert_eq!(world.asked(), 2, "an absent Config is not asked for each call");
        let other = world.keys.authenticate([8; 32]).await.unwrap_err();
        assert!(matches!(other, Problem::Unavailable { .. }));

        world.clock.advance(LIFETIMES.stale);
        assert!(!world.accepts().await, "an answer of yesterday is no answer");
    }

    #[tokio::test]
    async fn an_expired_key_is_refused_though_its_answer_is_fresh() {
        let clock_start = DateTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let world = World::new(Config::Knows(Some(clock_start + Duration::from_secs(10))));
        assert!(world.accepts().await);
        world.clock.advance(Duration::from_secs(10));
        assert!(!world.accepts().await);
    }

    #[tokio::test]
    async fn many_calls_with_a_new_key_ask_once() {
        let world = World::new(Config::Knows(None));
        let calls = (0..50).map(|_| world.keys.authenticate([9; 32]));
        let answers = futures::future::join_all(calls).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(world.asked(), 1);
    }
}
