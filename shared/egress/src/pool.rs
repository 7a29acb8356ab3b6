//! Pool of idle connections by team and destination.
//!
//! A team keeps as many as are still free, and uses its own alone: no team's connection is kept, closed or slowed down by
//! what another one does.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::mem;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use watchbell_model::budget::{BudgetPermit, SharedBudget};
use watchbell_model::ids::TeamId;

use crate::dial::now;

/// Interval at which connections that may not be used any more are closed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(2);

/// Connection that carries one request after the other, or many at a time.
pub(crate) trait Reusable: Send + Sized + 'static {
    /// Whether it can take another request: it is open, and its last request has ended.
    fn is_open(&mut self) -> bool;

    /// Time at which it is to be closed when it is idle from `now` on.
    fn expires(&self, now: Instant) -> Instant;

    /// Another handle to it, when it carries many requests at a time.
    fn share(&self) -> Option<Self>;
}

/// Bounds of a pool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Idle connections of all teams to all destinations.
    pub(crate) all: usize,
    /// Idle connections of a team to one destination.
    pub(crate) per_destination: usize,
}

/// What idle connections are kept by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key<D> {
    /// The team whose requests they carry; the process itself without one.
    pub(crate) team: Option<TeamId>,
    pub(crate) destination: D,
}

/// Pool of idle connections.
pub(crate) struct Pool<D, C> {
    budget: SharedBudget<Option<TeamId>>,
    per_destination: usize,
    state: Mutex<State<D, C>>,
}

struct State<D, C> {
    /// Used last comes last, and is taken first.
    idle: HashMap<Key<D>, Vec<Idle<C>>>,
    sweeper: Option<JoinHandle<()>>,
}

struct Idle<C> {
    connection: C,
    expires: Instant,
    _permit: BudgetPermit<Option<TeamId>>,
}

// === impl Pool ===

impl<D, C> Pool<D, C>
where
    D: Clone + Eq + Hash + Send + 'static,
    C: Reusable,
{
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            budget: SharedBudget::new(bounds.all),
            per_destination: bounds.per_destination,
            state: Mutex::new(State {
                idle: HashMap::new(),
                sweeper: None,
            }),
        }
    }

    /// The connection that was used last and may be used again. One that carries many requests stays in the pool.
    pub(crate) fn take(&self, key: &Key<D>) -> Option<C> {
        loop {
            let mut last = self.pop(key)?;
            if last.is_open() {
                return Some(last);
            }
        }
    }

    fn pop(&self, key: &Key<D>) -> Option<C> {
        let now = now();
        let mut state = self.state.lock();
        let idle = state.idle.get_mut(key)?;
        let last = idle.last_mut()?;
        if last.expires <= now {
            // The others have expired earlier.
            let expired = mem::take(idle);
            drop(state);
            drop(expired);
            return None;
        }
        if let Some(shared) = last.connection.share() {
            last.expires = last.connection.expires(now);
            return Some(shared);
        }
        idle.pop().map(|last| last.connection)
    }

    /// Keeps a connection for later, unless it may not be used again or there are enough.
    pub(crate) fn put(self: &Arc<Self>, key: &Key<D>, mut connection: C) {
        let now = now();
        let expires = connection.expires(now);
        if expires <= now || !connection.is_open() {
            return;
        }
        let Some(permit) = self.budget.take(key.team, 1) else {
            return;
        };
        let idle = Idle {
            connection,
            expires,
            _permit: permit,
        };
        let mut state = self.state.lock();
        if state.sweeper.as_ref().is_none_or(JoinHandle::is_finished) {
            state.sweeper = Some(tokio::spawn(sweep(Arc::downgrade(self))));
        }
        let kept = match state.idle.get_mut(key) {
            Some(kept) => kept,
            None => state.idle.entry(key.clone()).or_default(),
        };
        // Where several connections that carry many requests were opened at once, the first is used by all.
        let carries_many = kept.last().is_some_and(|last| last.connection.share().is_some());
        if !carries_many && kept.len() < self.per_destination {
            kept.push(idle);
        }
    }

    /// Closes what may not be used any more. Says whether anything is left.
    fn sweep_once(&self) -> bool {
        let now = now();
        let mut expired = Vec::new();
        let mut state = self.state.lock();
        state.idle.retain(|_, kept| {
            expired.extend(kept.extract_if(.., |idle| idle.expires <= now || !idle.connection.is_open()));
            !kept.is_empty()
        });
        let left = !state.idle.is_empty();
        if !left {
            state.sweeper = None;
        }
        drop(state);
        left
    }
}

async fn sweep<D, C>(pool: Weak<Pool<D, C>>)
where
    D: Clone + Eq + Hash + Send + 'static,
    C: Reusable,
{
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        match pool.upgrade() {
            Some(pool) if pool.sweep_once() => {}
            _ => return,
        }
    }
}

impl<D, C> fmt::Debug for Pool<D, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
