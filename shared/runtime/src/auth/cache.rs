//! Cache of API keys. An entry is fresh for less than half a minute, and until the change feed reports a change: a
//! deleted key is refused at once where the feed is open, and within 30 seconds everywhere. While Config is
//! unavailable an entry stays valid for an hour at most. Keys are looked up and stored by their SHA-256 only.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use watchbell_model::clock::SharedClock;

use super::Principal;
use crate::config_feed::ConfigFeed;
use crate::problem::{Problem, reason};
use crate::stale_cache::{Answer, StaleCache};

/// SHA-256 of an API key.
pub type KeyHash = [u8; 32];

/// SHA-256 of a key, as it is stored and looked up.
#[must_use]
pub fn hash_key(key: &str) -> KeyHash {
    Sha256::digest(key.as_bytes()).into()
}

/// Source of API keys.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// The grant of a key.
    ///
    /// # Errors
    /// [`Problem::Unauthenticated`] when the key is not valid; any other error when that cannot be determined now.
    async fn authenticate(&self, key: KeyHash) -> Result<Grant, Problem>;
}

/// What a key, or a member's token, grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// The caller.
    pub principal: Principal,
    /// When it stops working, if ever.
    pub expires_at: Option<DateTime<Utc>>,
}

/// How long a known key is used without another question. With a question that is answered in time, a key that ended is
/// refused within 30 seconds even where the change feed is not heard.
pub(super) const KNOWN: Duration = Duration::from_secs(20);
/// How long an unknown key stays unknown without another lookup.
const UNKNOWN: Duration = Duration::from_secs(5);
/// How long a known key stays valid while Config is unavailable.
const AWAY: Duration = Duration::from_secs(60 * 60);

/// Number of cached keys; one takes about 300 bytes.
const CAPACITY: u64 = 100_000;

/// An [`Authenticator`] that remembers the answers of another.
pub struct CachedKeys<A> {
    inner: A,
    clock: SharedClock,
    /// `None`: an unknown key.
    answers: StaleCache<KeyHash, Option<Grant>, String>,
}

// === impl CachedKeys ===

impl<A: Authenticator> CachedKeys<A> {
    /// Caches the answers of `inner` until `feed` reports a change.
    pub fn new(inner: A, feed: ConfigFeed, clock: SharedClock) -> Self {
        Self {
            inner,
            answers: StaleCache::new(feed, clock.clone(), CAPACITY),
            clock,
        }
    }

    async fn ask(&self, key: KeyHash) -> Result<Answer<Option<Grant>>, String> {
        match self.inner.authenticate(key).await {
            Ok(grant) => Ok(Answer {
                value: Some(grant),
                of: grant.principal.own_team(),
                fresh: KNOWN,
                stale: AWAY,
            }),
            Err(Problem::Unauthenticated { .. }) => Ok(Answer {
                value: None,
                of: None,
                fresh: UNKNOWN,
                stale: UNKNOWN,
            }),
            Err(problem) => Err(problem.to_string()),
        }
    }
}

#[async_trait]
impl<A: Authenticator> Authenticator for CachedKeys<A> {
    async fn authenticate(&self, key: KeyHash) -> Result<Grant, Problem> {
        let grant = self.answers.get(key, || self.ask(key)).await.map_err(|error| {
            tracing::warn!(%error, "a key cannot be checked");
            Problem::unavailable("keys cannot be checked at the moment")
        })?;
        let now = self.clock.now();
        grant
            .filter(|grant| grant.expires_at.is_none_or(|expires_at| now < expires_at))
            .ok_or(Problem::Unauthenticated {
                reason: reason::INVALID_CREDENTIAL,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ManualClock;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use parking_lot::Mutex;

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
            match *self.config.lock() {
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
        feed: ConfigFeed,
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
            let feed = ConfigFeed::manual();
            let keys = CachedKeys::new(Arc::clone(&fake), feed.clone(), clock.clone());
            Self {
                fake,
                feed,
                clock,
                keys,
            }
        }

        fn turns(&self, config: Config) {
            *self.fake.config.lock() = config;
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
    async fn a_key_that_ended_is_refused_as_soon_as_the_feed_tells_of_it() {
        let world = World::new(Config::Knows(None));
        assert!(world.accepts().await);
        world.turns(Config::Refuses);
        world.feed.record_change(None);
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
        world.clock.advance(AWAY - Duration::from_secs(1));
        assert!(world.accepts().await && world.accepts().await);
        assert_eq!(world.asked(), 2, "an absent Config is not asked for each call");
        let other = world.keys.authenticate([8; 32]).await.unwrap_err();
        assert!(matches!(other, Problem::Unavailable { .. }));

        world.clock.advance(Duration::from_secs(1));
        assert!(!world.accepts().await, "an hour-old answer is no answer");
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
