//! Run queues per team. The runtime's threads run tasks in the order in which they became runnable, so a team with a
//! thousand concurrent calls would put a thousand tasks before another team's one. Therefore at most as many tasks of one
//! team are runnable at a time as there are threads; the others wait in the team's queue, and another team's call waits for
//! a few polls at most. While the threads are not saturated, the queues are empty. Reads, which take connections to the
//! database, and heavy work, which takes threads outside of the runtime, are limited in the same way.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Weak};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tonic::Request;
use tracing::Instrument as _;

use crate::problem::Problem;

/// Reads of one team that use the database concurrently, at most. A pool has ten connections, which the writers of
/// PostgreSQL share.
const READS: usize = 4;

/// Threads for heavy work of all teams: one for every two processors.
static HEAVY: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Arc::new(Semaphore::new(processors.div_ceil(2)))
});

/// Number of queues above which unused ones are dropped.
const HOUSEKEEPING: usize = 1_024;

/// The queues of all callers, by whom they belong to.
#[derive(Debug)]
pub(crate) struct RunQueues<O>(Mutex<HashMap<O, Weak<Queue>>>);

/// Run queue of one team, of a caller without a team, or of a network whose calls are anonymous. Tasks of an in-process
/// call have none. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct RunQueue(Option<Arc<Queue>>);

#[derive(Debug)]
struct Queue {
    /// Tasks that may be runnable at once.
    slots: usize,
    state: Mutex<State>,
    reads: Arc<Semaphore>,
    heavy: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct State {
    /// Slots of tasks that run, or run as soon as a thread is free.
    taken: usize,
    next: u64,
    waiting: BTreeMap<Ticket, Waker>,
    /// Tasks that were given a slot and have not used it yet.
    called: HashSet<Ticket>,
}

/// Place in the queue. Started tasks come first: they may hold a resource that others wait for, such as a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Ticket {
    fresh: bool,
    number: u64,
}

/// Future that is polled only while it holds a slot. Its parent must poll it whenever it was woken, or drop it.
pub(crate) struct Queued<F> {
    queue: Option<Arc<Queue>>,
    fresh: bool,
    ticket: Option<Ticket>,
    inner: Pin<Box<F>>,
}

/// Slot of a task that is being polled.
struct Slot<'q>(&'q Queue);

// === impl RunQueues ===

impl<O> Default for RunQueues<O> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<O: Eq + Hash> RunQueues<O> {
    /// The queue of a caller.
    pub(crate) fn of(&self, owner: O) -> RunQueue {
        let mut queues = self.0.lock();
        if let Some(queue) = queues.get(&owner).and_then(Weak::upgrade) {
            return RunQueue(Some(queue));
        }
        if queues.len() >= HOUSEKEEPING {
            queues.retain(|_, queue| queue.strong_count() > 0);
        }
        let queue = Arc::new(Queue::new(threads()));
        queues.insert(owner, Arc::downgrade(&queue));
        RunQueue(Some(queue))
    }
}

/// Worker threads of the runtime.
fn threads() -> usize {
    tokio::runtime::Handle::try_current().map_or(1, |runtime| runtime.metrics().num_workers())
}

// === impl RunQueue ===

impl RunQueue {
    /// The queue of the caller of a request.
    pub fn from_request<T>(request: &Request<T>) -> Self {
        request.extensions().get().cloned().unwrap_or_default()
    }

    /// Spawns a task that takes slots of this queue.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        tokio::spawn(self.clone().queue(task).in_current_span())
    }

    /// Waits until the team has fewer reads than it may have; the permit is for the whole call.
    pub(crate) async fn read(&self) -> Option<OwnedSemaphorePermit> {
        let reads = Arc::clone(&self.0.as_ref()?.reads);
        // It is never closed.
        reads.acquire_owned().await.ok()
    }

    /// Does work that would occupy a thread of the runtime for too long on another one: one piece of a team at a time. What
    /// has begun is finished even if its caller is gone.
    ///
    /// # Errors
    /// It panicked.
    pub(crate) async fn heavy<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = match &self.0 {
            Some(queue) => Arc::clone(&queue.heavy).acquire_owned().await.ok(),
            None => None,
        };
        let thread = Arc::clone(&HEAVY).acquire_owned().await.ok();
        let working = tokio::task::spawn_blocking(move || {
            let _held = (turn, thread);
            work()
        });
        working.await.map_err(Problem::internal)
    }

    pub(crate) fn queue<F: Future>(self, inner: F) -> Queued<F> {
        Queued {
            queue: self.0,
            fresh: true,
            ticket: None,
            inner: Box::pin(inner),
        }
    }
}

// === impl Queue ===

impl Queue {
    fn new(slots: usize) -> Self {
        Self {
            slots,
            state: Mutex::default(),
            reads: Arc::new(Semaphore::new(slots.min(READS))),
            heavy: Arc::new(Semaphore::new(1)),
        }
    }

    /// A slot; `None` when the task has to wait, and is woken once it has a slot.
    fn take(&self, fresh: bool, ticket: &mut Option<Ticket>, waker: &Waker) -> Option<Slot<'_>> {
        let mut state = self.state.lock();
        match *ticket {
            Some(held) if state.called.remove(&held) => *ticket = None,
            Some(held) => {
                state.waiting.insert(held, waker.clone());
                return None;
            }
            None if state.taken < self.slots => state.taken += 1,
            None => {
                let number = state.next;
                state.next += 1;
                let held = Ticket { fresh, number };
                state.waiting.insert(held, waker.clone());
                *ticket = Some(held);
                return None;
            }
        }
        Some(Slot(self))
    }

    /// Passes a slot on to the next task, or frees it.
    fn release(&self) {
        let mut state = self.state.lock();
        if let Some((next, waker)) = state.waiting.pop_first() {
            state.called.insert(next);
            drop(state);
            waker.wake();
        } else {
            state.taken -= 1;
        }
    }

    /// Removes a task that was dropped while it waited.
    fn leave(&self, ticket: Ticket) {
        let called = {
            let mut state = self.state.lock();
            state.waiting.remove(&ticket);
            state.called.remove(&ticket)
        };
        if called {
            self.release();
        }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.release();
    }
}

// === impl Queued ===

impl<F: Future> Future for Queued<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let Some(queue) = &this.queue else {
            return this.inner.as_mut().poll(cx);
        };
        let Some(_slot) = queue.take(this.fresh, &mut this.ticket, cx.waker()) else {
            return Poll::Pending;
        };
        this.fresh = false;
        this.inner.as_mut().poll(cx)
    }
}

impl<F> Drop for Queued<F> {
    fn drop(&mut self) {
        if let (Some(queue), Some(ticket)) = (&self.queue, self.ticket) {
            queue.leave(ticket);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A task with a waker of its own.
    struct Task<F> {
        future: Queued<F>,
        woken: Arc<Woken>,
    }

    impl<F: Future> Task<F> {
        fn new(queue: &Arc<Queue>, inner: F) -> Self {
            Self {
                future: RunQueue(Some(Arc::clone(queue))).queue(inner),
                woken: Arc::default(),
            }
        }

        fn poll(&mut self) -> Poll<F::Output> {
            let waker = Waker::from(Arc::clone(&self.woken));
            Pin::new(&mut self.future).poll(&mut Context::from_waker(&waker))
        }

        fn wakes(&self) -> usize {
            self.woken.0.load(Ordering::SeqCst)
        }
    }

    /// A future that says how often it was polled, and is never ready.
    fn counting(polls: &AtomicUsize) -> impl Future<Output = ()> {
        std::future::poll_fn(|_| {
            polls.fetch_add(1, Ordering::SeqCst);
            Poll::Pending
        })
    }

    /// Polls `while_running` while a task of this queue runs.
    fn run_beside(queue: &Arc<Queue>, while_running: impl FnOnce()) {
        let mut while_running = Some(while_running);
        let inner = std::future::poll_fn(move |_| {
            if let Some(while_running) = while_running.take() {
                while_running();
            }
            Poll::Ready(())
        });
        assert!(Task::new(queue, inner).poll().is_ready());
    }

    #[test]
    fn tasks_without_a_slot_wait_and_run_in_order() {
        let queue = Arc::new(Queue::new(1));
        let polls = AtomicUsize::new(0);
        let (mut first, mut second) = (
            Task::new(&queue, counting(&polls)),
            Task::new(&queue, counting(&polls)),
        );
        run_beside(&queue, || {
            assert!(first.poll().is_pending() && second.poll().is_pending());
            assert_eq!(polls.load(Ordering::SeqCst), 0, "neither has run");
        });
        assert_eq!((first.wakes(), second.wakes()), (1, 0));
        assert!(second.poll().is_pending());
        assert_eq!(polls.load(Ordering::SeqCst), 0, "the slot is the first's");
        assert!(first.poll().is_pending());
        assert_eq!((polls.load(Ordering::SeqCst), second.wakes()), (1, 1));
        assert!(second.poll().is_pending());
        assert_eq!(polls.load(Ordering::SeqCst), 2);
        assert_eq!(
            queue.state.lock().taken,
            0,
            "a task that waits for something has no slot"
        );
    }

    #[test]
    fn started_tasks_come_before_new_ones() {
        let queue = Arc::new(Queue::new(1));
        let polls = AtomicUsize::new(0);
        let (mut begun, mut fresh) = (
            Task::new(&queue, counting(&polls)),
            Task::new(&queue, counting(&polls)),
        );
        assert!(begun.poll().is_pending());
        run_beside(&queue, || {
            assert!(fresh.poll().is_pending() && begun.poll().is_pending());
        });
        assert_eq!((begun.wakes(), fresh.wakes()), (1, 0));
    }

    #[test]
    fn a_task_dropped_with_a_slot_passes_it_on() {
        let queue = Arc::new(Queue::new(1));
        let polls = AtomicUsize::new(0);
        let mut tasks: Vec<_> = (0..3).map(|_| Task::new(&queue, counting(&polls))).collect();
        run_beside(&queue, || {
            assert!(tasks.iter_mut().all(|task| task.poll().is_pending()));
        });
        let last = tasks.pop().unwrap();
        drop(tasks);
        assert_eq!(last.wakes(), 1);
        drop(last);
        let state = queue.state.lock();
        assert!(state.taken == 0 && state.waiting.is_empty() && state.called.is_empty());
    }

    #[test]
    fn each_owner_has_a_queue_while_it_is_used() {
        let queues = RunQueues::default();
        let same = |a: &RunQueue, b: &RunQueue| Arc::ptr_eq(a.0.as_ref().unwrap(), b.0.as_ref().unwrap());
        let first = queues.of(1);
        assert!(same(&first, &queues.of(1)) && !same(&first, &queues.of(2)));
        for number in 0..2_000_u32 {
            queues.of(number);
        }
        assert!(queues.0.lock().len() <= HOUSEKEEPING + 1);
    }
}
