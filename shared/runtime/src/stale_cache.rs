//! Cache of Config's answers (stale-while-unavailable, single flight). An entry is used until the change feed reports
//! a later change, or until it is too old; then one caller loads it while the others wait, so that no caller uses a
//! replaced value. While Config is unavailable the old entry stays in use.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use parking_lot::Mutex;
use tokio::time::timeout;
use watchbell_model::clock::SharedClock;
use watchbell_model::ids::TeamId;

use crate::config_feed::{ConfigFeed, Mark};

/// How long a question may take when there is an older answer to fall back to, and when there is none.
const ANSWER_TIMEOUT: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(5));
/// How long an older answer is used without another question, after Config did not give the next.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Cache of Config's answers; see the module.
pub struct StaleCache<K, V, E> {
    feed: ConfigFeed,
    clock: SharedClock,
    entries: Cache<K, Arc<Entry<V, E>>>,
}

/// What Config answered, and how long that is good for.
#[derive(Debug, Clone)]
pub struct Answer<V> {
    /// The answer.
    pub value: V,
    /// The team whose changes invalidate it; `None`: those of the platform's keys.
    pub of: Option<TeamId>,
    /// How long it is used without another question.
    pub fresh: Duration,
    /// How long it is used while Config is unavailable.
    pub stale: Duration,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered<E> {
    /// Config's answer was this.
    Failed(E),
    /// Config did not answer in time.
    TimedOut,
}

struct Entry<V, E> {
    held: Mutex<Option<Held<V>>>,
    /// Counts the questions that have failed.
    failures: AtomicU64,
    asking: tokio::sync::Mutex<Asking<E>>,
}

/// State of the loads of one key.
struct Asking<E> {
    last_failure: Option<Unanswered<E>>,
    not_before: Duration,
}

#[derive(Clone)]
struct Held<V> {
    answer: Answer<V>,
    mark: Mark,
    at: Duration,
}

// === impl StaleCache ===

impl<K, V, E> StaleCache<K, V, E>
where
    K: Hash + Eq + Copy + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Clone + std::fmt::Display + Send + Sync + 'static,
{
    /// Holds the answers to `capacity` questions; the least used go first.
    #[must_use]
    pub fn new(feed: ConfigFeed, clock: SharedClock, capacity: u64) -> Self {
        Self {
            feed,
            clock,
            entries: Cache::new(capacity),
        }
    }

    /// The feed that invalidates entries.
    #[must_use]
    pub const fn feed(&self) -> &ConfigFeed {
        &self.feed
    }

    /// The answer that is held, or what `ask` answers.
    ///
    /// # Errors
    /// When Config does not answer and nothing is held.
    pub async fn get<F>(&self, key: K, ask: impl FnOnce() -> F) -> Result<V, Unanswered<E>>
    where
        F: Future<Output = Result<Answer<V>, E>>,
    {
        let reachable = self.feed.is_reachable().await;
        let entry = self.entries.get_with(key, Arc::default);
        let held = entry.held();
        if let Some(held) = &held
            && (self.is_fresh(held) || (!reachable && self.is_usable(held)))
        {
            return Ok(held.answer.value.clone());
        }
        let failures = entry.failures.load(Ordering::Acquire);
        let mut asking = match (entry.asking.try_lock(), &held) {
            (Ok(asking), _) => asking,
            // The entry is only old, and not known to be replaced: use it while another caller loads.
            (Err(_), Some(held)) if self.is_current(held) && self.is_usable(held) => {
                return Ok(held.answer.value.clone());
            }
            (Err(_), _) => entry.asking.lock().await,
        };
        let held = entry.held();
        if let Some(held) = held.as_ref().filter(|held| self.is_fresh(held)) {
            return Ok(held.answer.value.clone());
        }
        let held = held.filter(|held| self.is_usable(held));
        let failed_meanwhile = entry.failures.load(Ordering::Acquire) != failures;
        match (&held, &asking.last_failure) {
            (Some(held), _) if failed_meanwhile || self.clock.monotonic() < asking.not_before => {
                return Ok(held.answer.value.clone());
            }
            (None, Some(failure)) if failed_meanwhile => return Err(failure.clone()),
            _ => {}
        }
        let mark = self.feed.mark();
        let limit = if held.is_some() {
            ANSWER_TIMEOUT.0
        } else {
            ANSWER_TIMEOUT.1
        };
        let failure = match timeout(limit, ask()).await {
            Ok(Ok(answer)) => {
                let value = answer.value.clone();
                let at = self.clock.monotonic();
                entry.hold(Held { answer, mark, at });
                return Ok(value);
            }
            Ok(Err(error)) => Unanswered::Failed(error),
            Err(_) => Unanswered::TimedOut,
        };
        asking.last_failure = Some(failure.clone());
        asking.not_before = self.clock.monotonic() + RETRY_DELAY;
        entry.failures.fetch_add(1, Ordering::AcqRel);
        match held {
            Some(held) => {
                tracing::warn!(error = %failure, "Config does not answer; going on with its last answer");
                Ok(held.answer.value)
            }
            None => Err(failure),
        }
    }

    fn is_current(&self, held: &Held<V>) -> bool {
        self.feed.is_current(held.answer.of, held.mark)
    }

    fn is_fresh(&self, held: &Held<V>) -> bool {
        self.is_current(held) && self.age(held) < held.answer.fresh
    }

    fn is_usable(&self, held: &Held<V>) -> bool {
        self.age(held) < held.answer.stale
    }

    fn age(&self, held: &Held<V>) -> Duration {
        self.clock.monotonic().saturating_sub(held.at)
    }
}

// === impl Entry ===

impl<V, E> Default for Entry<V, E> {
    fn default() -> Self {
        Self {
            held: Mutex::new(None),
            failures: AtomicU64::new(0),
            asking: tokio::sync::Mutex::new(Asking {
                last_failure: None,
                not_before: Duration::ZERO,
            }),
        }
    }
}

impl<V: Clone, E> Entry<V, E> {
    fn held(&self) -> Option<Held<V>> {
        self.held.lock().clone()
    }

    fn hold(&self, held: Held<V>) {
        *self.held.lock() = Some(held);
    }
}

// === impl Unanswered ===

impl<E: std::fmt::Display> std::fmt::Display for Unanswered<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::TimedOut => f.write_str("Config did not answer in time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::testing::ManualClock;

    /// A cache of one number, which Config knows.
    struct World {
        cache: StaleCache<(), usize, String>,
        clock: Arc<ManualClock>,
        config: Mutex<Result<usize, String>>,
        asked: AtomicUsize,
        /// A question takes a permit before it is answered.
        gate: Semaphore,
    }

    impl World {
        fn new() -> Self {
            let clock = ManualClock::shared();
            Self {
                cache: StaleCache::new(ConfigFeed::manual(), clock.clone(), 10),
                clock,
                config: Mutex::new(Ok(1)),
                asked: AtomicUsize::new(0),
                gate: Semaphore::new(1_000),
            }
        }

        async fn get(&self) -> Result<usize, Unanswered<String>> {
            let ask = || async {
                let answer = self.config.lock().clone();
                self.asked.fetch_add(1, Ordering::SeqCst);
                self.gate.acquire().await.unwrap().forget();
                answer.map(|value| Answer {
                    value,
                    of: None,
                    fresh: Duration::from_secs(60),
                    stale: Duration::from_secs(600),
                })
            };
            self.cache.get((), ask).await
        }

        fn becomes(&self, answer: Result<usize, &str>) {
            *self.config.lock() = answer.map_err(ToOwned::to_owned);
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }

        async fn until_asked(&self, count: usize) {
            while self.asked() < count {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn after_a_change_everybody_waits_for_the_new_answer_and_one_asks() {
        let world = World::new();
        assert_eq!(world.get().await, Ok(1));
        world.becomes(Ok(2));
        assert_eq!(world.get().await, Ok(1), "nobody said that it changed");
        world.cache.feed().record_change(None);
        world.gate.forget_permits(1_000);
        let burst = join_all((0..1_000).map(|_| world.get()));
        let (answers, ()) = tokio::join!(burst, async {
            world.until_asked(2).await;
            world.gate.add_permits(1_000);
        });
        assert!(answers.iter().all(|answer| *answer == Ok(2)));
        assert_eq!(world.asked(), 2);
    }

    #[tokio::test]
    async fn a_change_during_a_question_is_asked_for_by_those_who_come_after_it() {
        let world = World::new();
        world.gate.forget_permits(1_000);
        let (early, late) = tokio::join!(world.get(), async {
            world.until_asked(1).await;
            world.becomes(Ok(2));
            world.cache.feed().record_change(None);
            let (late, ()) = tokio::join!(world.get(), async { world.gate.add_permits(1_000) });
            late
        });
        assert_eq!((early, late, world.asked()), (Ok(1), Ok(2), 2));
    }

    #[tokio::test]
    async fn an_old_answer_is_asked_for_anew_by_one_and_used_by_the_others() {
        let world = World::new();
        assert_eq!(world.get().await, Ok(1));
        world.becomes(Ok(2));
        world.clock.advance(Duration::from_secs(60));
        world.gate.forget_permits(1_000);
        let (asking, ()) = tokio::join!(world.get(), async {
            world.until_asked(2).await;
            assert_eq!(world.get().await, Ok(1));
            world.gate.add_permits(1_000);
        });
        assert_eq!((asking, world.get().await, world.asked()), (Ok(2), Ok(2), 2));
    }

    #[tokio::test]
    async fn while_config_does_not_answer_the_last_answer_is_used_for_its_time() {
        let world = World::new();
        assert_eq!(world.get().await, Ok(1));
        world.becomes(Err("away"));
        world.cache.feed().record_change(None);
        for _ in 0..10 {
            assert_eq!(world.get().await, Ok(1));
        }
        assert_eq!(world.asked(), 2, "it is left alone for a while");
        world.becomes(Ok(2));
        world.clock.advance(RETRY_DELAY);
        assert_eq!(world.get().await, Ok(2));
        world.becomes(Err("away"));
        world.clock.advance(Duration::from_secs(600));
        assert_eq!(world.get().await, Err(Unanswered::Failed("away".to_owned())));
    }

    #[tokio::test]
    async fn those_who_waited_for_a_question_that_failed_share_the_failure_and_the_next_asks_again() {
        let world = World::new();
        world.becomes(Err("away"));
        world.gate.forget_permits(1_000);
        let burst = join_all((0..100).map(|_| world.get()));
        let (answers, ()) = tokio::join!(burst, async {
            world.until_asked(1).await;
            world.gate.add_permits(1_000);
        });
        assert!(answers.iter().all(Result::is_err));
        assert_eq!(world.asked(), 1);
        world.becomes(Ok(1));
        assert_eq!(world.get().await, Ok(1));
    }

    #[tokio::test]
    async fn a_caller_who_goes_away_leaves_the_question_to_the_next() {
        let world = World::new();
        world.gate.forget_permits(1_000);
        tokio::select! {
            _ = world.get() => panic!("nobody has answered"),
            () = world.until_asked(1) => {}
        }
        world.gate.add_permits(1_000);
        assert_eq!((world.get().await, world.asked()), (Ok(1), 2));
    }
}
