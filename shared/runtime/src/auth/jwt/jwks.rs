//! Cache of the provider's keys (JWKS). A background loop refreshes them; a token with an unknown key triggers a
//! refresh. Known keys are used for a day while the provider is unavailable; a process without keys refuses members.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::{Mutex, MutexGuard};
use tokio::io::AsyncReadExt as _;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use watchbell_model::clock::SharedClock;

use super::TokenError;
use super::keys::{KeySet, PublicKey};
use super::token::Token;
use crate::problem::{Cause, Chain, Problem};
use crate::tasks::{Loop, repeat};

/// No key set is longer, in bytes.
pub const MAX_KEY_SET: usize = 64 * 1024;

/// Interval of refreshes: a withdrawn key is trusted no longer than this.
const REFRESH: Duration = Duration::from_secs(10 * 60);
/// When to try again after they could not be read.
const RETRY: Duration = Duration::from_secs(5);
/// How often tokens with keys that are not known can have them read, however many such tokens there are.
const ON_DEMAND: Duration = Duration::from_secs(30);
/// How long keys are used that cannot be read again.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long reading them may take, and how long a caller waits for it.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a provider's keys are read.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// The key set, a JSON document of at most [`MAX_KEY_SET`] bytes.
    ///
    /// # Errors
    /// Why it cannot be had, for the log.
    async fn fetch(&self) -> Result<Vec<u8>, Cause>;
}

/// A file with a key set. It may be replaced while the process runs.
#[derive(Debug)]
pub struct KeyFile(PathBuf);

/// The loop that reads the keys.
pub struct JwksRefresher(Arc<JwksCache>);

/// The keys, and how they are doing.
pub(super) struct JwksCache {
    source: Arc<dyn KeySource>,
    clock: SharedClock,
    state: Mutex<State>,
    /// How many readings have ended.
    ended: watch::Sender<u64>,
    asked: Notify,
}

#[derive(Debug)]
struct State {
    /// The keys that were read last, and when.
    known: Option<(Arc<KeySet>, Duration)>,
    failing: bool,
    /// How many readings have begun.
    begun: u64,
    /// The refresh that callers with an unknown key wait for.
    awaited: u64,
    asked_at: Option<Duration>,
}

// === impl KeyFile ===

impl KeyFile {
    /// The file at this path, which must hold a key set now: an unavailable provider may come back, a missing file is
    /// a mistake.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, Cause> {
        let file = Self(path.into());
        parse(&file.fetch().await?)?;
        Ok(file)
    }
}

#[async_trait]
impl KeySource for KeyFile {
    async fn fetch(&self) -> Result<Vec<u8>, Cause> {
        let mut document = Vec::new();
        let file = tokio::fs::File::open(&self.0).await?;
        // One more byte distinguishes a longer file from one that just fits.
        file.take(MAX_KEY_SET as u64 + 1)
            .read_to_end(&mut document)
            .await?;
        Ok(document)
    }
}

// === impl JwksRefresher ===

impl JwksRefresher {
    pub(super) fn new(jwks: Arc<JwksCache>) -> Self {
        Self(jwks)
    }
}

impl Loop for JwksRefresher {
    const NAME: &'static str = "auth.keys";

    async fn run(self, shutdown: CancellationToken) {
        let jwks = &*self.0;
        let refreshing = repeat(&shutdown, Duration::ZERO, Some(&jwks.asked), || jwks.tick());
        // A refresh is not waited for.
        shutdown.run_until_cancelled(refreshing).await;
    }
}

// === impl JwksCache ===

impl JwksCache {
    pub(super) fn new(source: Arc<dyn KeySource>, clock: SharedClock) -> Self {
        Self {
            source,
            clock,
            state: Mutex::new(State {
                known: None,
                failing: false,
                begun: 0,
                // The first callers wait for the first load.
                awaited: 1,
                asked_at: None,
            }),
            ended: watch::Sender::new(0),
            asked: Notify::new(),
        }
    }

    /// The key for a token. An unknown key triggers a refresh, if one is due.
    ///
    /// # Errors
    /// `UNAVAILABLE` when it is unknown whether there is such a key.
    pub(super) async fn key(&self, token: &Token<'_>) -> Result<Result<PublicKey, TokenError>, Problem> {
        let find = |set: &KeySet| set.find(token.algorithm, token.key_id.as_deref()).cloned();
        let found = self.known().map(|set| find(&set));
        if let Some(found @ (Ok(_) | Err(TokenError::WhichKey))) = found {
            return Ok(found);
        }
        let is_current = self.read_again().await;
        match self.known().map(|set| find(&set)) {
            Some(Err(TokenError::NoKey)) | None if !is_current => Err(Problem::Unavailable {
                retry_after: RETRY,
                message: "the keys of members' tokens are unavailable at the moment".to_owned(),
            }),
            Some(found) => Ok(found),
            None => Ok(Err(TokenError::NoKey)),
        }
    }

    fn known(&self) -> Option<Arc<KeySet>> {
        self.state().known.as_ref().map(|(set, _)| Arc::clone(set))
    }

    /// Waits for a refresh, unless one was triggered a moment ago. Returns whether the last refresh succeeded.
    async fn read_again(&self) -> bool {
        let mut ended = self.ended.subscribe();
        let awaited = {
            let mut state = self.state();
            let now = self.clock.monotonic();
            let is_due = state
                .asked_at
                .is_none_or(|asked_at| now.saturating_sub(asked_at) >= ON_DEMAND);
            if *ended.borrow() >= state.awaited && is_due {
                state.asked_at = Some(now);
                state.awaited = state.begun + 1;
                self.asked.notify_one();
            }
            state.awaited
        };
        let reading = ended.wait_for(|ended| *ended >= awaited);
        matches!(tokio::time::timeout(FETCH_TIMEOUT, reading).await, Ok(Ok(_))) && !self.state().failing
    }

    /// Reads the keys once; how long to wait before the next time.
    pub(super) async fn tick(&self) -> Duration {
        let reading = {
            let mut state = self.state();
            state.begun += 1;
            state.begun
        };
        let read = self.read().await;
        let pause = self.state().take(read, self.clock.monotonic());
        self.ended.send_replace(reading);
        pause
    }

    async fn read(&self) -> Result<KeySet, Cause> {
        let document = tokio::time::timeout(FETCH_TIMEOUT, self.source.fetch())
            .await
            .map_err(|_| format!("no response within {FETCH_TIMEOUT:?}"))??;
        parse(&document)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

fn parse(document: &[u8]) -> Result<KeySet, Cause> {
    if document.len() > MAX_KEY_SET {
        return Err(format!("longer than {MAX_KEY_SET} bytes").into());
    }
    Ok(KeySet::parse(document)?)
}

// === impl State ===

impl State {
    /// Stores the result of a refresh; returns the delay before the next. Only changes of state are logged.
    fn take(&mut self, read: Result<KeySet, Cause>, now: Duration) -> Duration {
        match read {
            Ok(set) => {
                let is_news = self.failing || self.known.as_ref().is_none_or(|(last, _)| **last != set);
                if is_news && set.len() == 0 {
                    tracing::warn!(keys = %set, "the key set for members' tokens was loaded, but has no usable key");
                } else if is_news {
                    tracing::info!(keys = %set, "the key set for members' tokens was loaded");
                }
                self.failing = false;
                self.known = Some((Arc::new(set), now));
                REFRESH
            }
            Err(why) => {
                let why = Chain(why.as_ref());
                let is_news = !std::mem::replace(&mut self.failing, true);
                let is_stale = |read_at: &Duration| now.saturating_sub(*read_at) >= STALE;
                match &self.known {
                    Some((_, read_at)) if is_stale(read_at) => {
                        tracing::error!(%why, "the key set for members' tokens could not be loaded for a day: members are refused");
                        self.known = None;
                    }
                    Some(_) if is_news => {
                        tracing::warn!(%why, "the key set for members' tokens cannot be loaded; known keys stay in use for a day");
                    }
                    None if is_news => {
                        tracing::warn!(%why, "the key set for members' tokens cannot be loaded: members are refused until then");
                    }
                    _ => tracing::debug!(%why, "the key set for members' tokens still cannot be loaded"),
                }
                RETRY
            }
        }
    }
}
