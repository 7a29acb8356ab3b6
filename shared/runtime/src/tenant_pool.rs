//! Thread pool for tenants' programs: validating data against schemas, matching patterns, evaluating expressions.
//! Such work may take tens of milliseconds and must not block the threads that serve other callers. The pool runs one
//! task of a team at a time, so that a team delays only itself; tasks that would wait too long are refused.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::Span;
use watchbell_model::ids::TeamId;

use crate::problem::{DEFAULT_RETRY, Problem};

/// How long a piece of work may wait for its turn.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(3);
/// How many pieces of one team may wait.
const MAX_WAITING: usize = 1_000;

/// Does work of tenants on threads of its own. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TenantPool {
    threads: Arc<Semaphore>,
    teams: Arc<Mutex<HashMap<TeamId, Team>>>,
}

/// A team that has work here.
#[derive(Debug)]
struct Team {
    turn: Arc<Semaphore>,
    pieces: usize,
}

/// The pool is overloaded: the task was not started, and may be repeated later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the team's schemas and expressions are overloaded")]
pub struct Busy;

impl From<Busy> for Problem {
    fn from(_: Busy) -> Self {
        Self::Overloaded {
            retry_after: DEFAULT_RETRY,
        }
    }
}

/// A piece of work, from its coming until it is done or given up.
struct Piece<'p> {
    tenant_pool: &'p TenantPool,
    team: TeamId,
    turn: Arc<Semaphore>,
}

// === impl TenantPool ===

impl TenantPool {
    /// A pool with a thread for every two processors.
    #[must_use]
    pub fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with_threads(processors.div_ceil(2))
    }

    fn with_threads(threads: usize) -> Self {
        Self {
            threads: Arc::new(Semaphore::new(threads)),
            teams: Arc::default(),
        }
    }

    /// Runs a task in the team's turn. A started task is finished even if its caller is gone.
    ///
    /// # Errors
    /// When it cannot be started soon.
    ///
    /// # Panics
    /// When the task panics.
    pub async fn run<T: Send + 'static>(
        &self,
        team: TeamId,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let piece = self.enter(team)?;
        let turn = Arc::clone(&piece.turn);
        let threads = Arc::clone(&self.threads);
        let begin = async {
            // The team's turn first, so that a team has at most one task in the queue for threads.
            let turn = turn.acquire_owned().await;
            (turn, threads.acquire_owned().await)
        };
        let permits = timeout(QUEUE_TIMEOUT, begin).await.map_err(|_| Busy)?;
        let span = Span::current();
        let done = tokio::task::spawn_blocking(move || {
            let _permits = permits;
            span.in_scope(work)
        });
        match done.await {
            Ok(done) => Ok(done),
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Busy),
            },
        }
    }

    fn enter(&self, team: TeamId) -> Result<Piece<'_>, Busy> {
        let mut teams = self.teams.lock();
        let entry = teams.entry(team).or_insert_with(|| Team {
            turn: Arc::new(Semaphore::new(1)),
            pieces: 0,
        });
        if entry.pieces == MAX_WAITING {
            return Err(Busy);
        }
        entry.pieces += 1;
        Ok(Piece {
            tenant_pool: self,
            team,
            turn: Arc::clone(&entry.turn),
        })
    }
}

impl Default for TenantPool {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Piece<'_> {
    fn drop(&mut self) {
        let mut teams = self.tenant_pool.teams.lock();
        if let Entry::Occupied(mut entry) = teams.entry(self.team) {
            entry.get_mut().pieces -= 1;
            if entry.get().pieces == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use tokio::sync::oneshot;

    use super::*;

    fn team(number: u8) -> TeamId {
        format!("team_{number:026}").parse().unwrap()
    }

    /// Begins a piece that says when it has begun and ends when it is let.
    async fn begin(
        tenant_pool: &TenantPool,
        team: TeamId,
    ) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), Busy>>) {
        let (began, has_begun) = oneshot::channel();
        let (end, ends) = mpsc::channel();
        let tenant_pool = tenant_pool.clone();
        let piece = tokio::spawn(async move {
            let work = move || {
                let _ = began.send(());
                let _ = ends.recv();
            };
            tenant_pool.run(team, work).await
        });
        has_begun.await.unwrap();
        (end, piece)
    }

    #[tokio::test]
    async fn a_team_has_one_piece_of_work_at_a_time_and_delays_no_other() {
        let tenant_pool = TenantPool::with_threads(2);
        let (end, first) = begin(&tenant_pool, team(1)).await;
        let order = Arc::new(AtomicUsize::new(0));
        let second = tokio::spawn({
            let (tenant_pool, order) = (tenant_pool.clone(), Arc::clone(&order));
            async move {
                tenant_pool
                    .run(team(1), move || order.fetch_add(1, Ordering::SeqCst))
                    .await
            }
        });
        let counted = Arc::clone(&order);
        let other = tenant_pool
            .run(team(2), move || counted.fetch_add(1, Ordering::SeqCst))
            .await;
        assert_eq!(other, Ok(0));
        end.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(()));
        assert_eq!(second.await.unwrap(), Ok(1));
        assert!(tenant_pool.teams.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_is_told_to_come_again() {
        let tenant_pool = TenantPool::with_threads(1);
        let (end, first) = begin(&tenant_pool, team(1)).await;
        for waiting in [team(1), team(2)] {
            let tenant_pool = tenant_pool.clone();
            let waiting = tokio::spawn(async move { tenant_pool.run(waiting, || ()).await });
            tokio::task::yield_now().await;
            tokio::time::advance(QUEUE_TIMEOUT * 2).await;
            assert_eq!(waiting.await.unwrap(), Err(Busy));
        }
        end.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(()));
        assert_eq!(tenant_pool.run(team(2), || ()).await, Ok(()));
    }

    #[tokio::test]
    async fn a_piece_that_panics_gives_its_turn_back() {
        let tenant_pool = TenantPool::with_threads(1);
        let broken = tokio::spawn({
            let tenant_pool = tenant_pool.clone();
            async move { tenant_pool.run(team(1), || panic!("broken")).await }
        });
        assert!(broken.await.unwrap_err().is_panic());
        assert_eq!(tenant_pool.run(team(1), || 7).await, Ok(7));
    }
}
