//! Hands decisions to the Dispatcher. One long-lived stream to each Dispatcher carries the submissions of all callers,
//! so that an `Emit` costs a message and not a call. A submission is answered after the commit, or told that no
//! Dispatcher could be asked; one that was in flight on a stream that broke may have been committed, and repeating it
//! is safe because event ids are unique.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::StreamExt as _;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use watchbell_contracts::{
    api::{BoxStream, DispatcherApi, boxed},
    dispatcher::v1::{SubmitRequest, SubmitResponse},
};
use watchbell_runtime::auth::internal_request;

use crate::error::Error;

/// How many submissions may wait for one Dispatcher before callers are told to slow down.
const QUEUE: usize = 8_192;
/// The wait before a broken stream is opened again; doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Submits to the least busy Dispatcher that is there.
#[derive(Clone)]
pub(crate) struct Submitter {
    links: Arc<[Arc<Link>]>,
    turn: Arc<AtomicUsize>,
}

/// The stream to one Dispatcher.
#[derive(Default)]
struct Link {
    /// Where requests go while the stream is open.
    requests: Mutex<Option<mpsc::Sender<SubmitRequest>>>,
    pending: Pending,
    sequence: AtomicU64,
}

/// Who waits for which answer.
#[derive(Default)]
struct Pending(Mutex<HashMap<u64, oneshot::Sender<SubmitResponse>>>);

/// Keeps one link's stream open.
pub(crate) struct LinkLoop {
    dispatcher: Arc<dyn DispatcherApi>,
    link: Arc<Link>,
}

// === impl Submitter ===

impl Submitter {
    /// A submitter, and for each Dispatcher the loop that must run for it.
    pub(crate) fn new(dispatchers: Vec<Arc<dyn DispatcherApi>>) -> (Self, Vec<LinkLoop>) {
        let (links, loops) = dispatchers
            .into_iter()
            .map(LinkLoop::new)
            .unzip::<_, _, Vec<_>, Vec<_>>();
        (
            Self {
                links: links.into(),
                turn: Arc::default(),
            },
            loops,
        )
    }

    /// Commits an event and its routes.
    pub(crate) async fn submit(&self, mut request: SubmitRequest) -> Result<SubmitResponse, Error> {
        let (link, requests) = self.least_busy().ok_or(Error::NoDispatcher)?;
        let (sequence, answer) = link.expect_answer();
        request.sequence = sequence;
        if let Err(refused) = requests.try_send(request) {
            link.pending.forget(sequence);
            return Err(match refused {
                TrySendError::Full(_) => Error::Overloaded,
                TrySendError::Closed(_) => Error::NoDispatcher,
            });
        }
        answer.await.map_err(|_| Error::NoDispatcher)
    }

    /// Of equally busy links each has its turn.
    fn least_busy(&self) -> Option<(&Link, mpsc::Sender<SubmitRequest>)> {
        let start = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = self.links.len();
        (0..count)
            .filter_map(|offset| {
                let link = &*self.links[(start + offset) % count];
                Some((link, link.requests()?))
            })
            .min_by_key(|(link, _)| link.pending.lock().len())
    }
}

// === impl Link ===

impl Link {
    /// Where requests go; `None` while the stream is broken.
    fn requests(&self) -> Option<mpsc::Sender<SubmitRequest>> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_requests(&self, requests: Option<mpsc::Sender<SubmitRequest>>) {
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner) = requests;
    }

    fn expect_answer(&self) -> (u64, oneshot::Receiver<SubmitResponse>) {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let (answered, answer) = oneshot::channel();
        self.pending.lock().insert(sequence, answered);
        (sequence, answer)
    }
}

// === impl Pending ===

impl Pending {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<SubmitResponse>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, sequence: u64) {
        self.lock().remove(&sequence);
    }

    fn answer(&self, response: SubmitResponse) {
        if let Some(waiting) = self.lock().remove(&response.sequence) {
            // The caller may have gone; its event is committed all the same.
            let _ = waiting.send(response);
        }
    }

    /// Everybody who waits learns that no answer will come.
    fn give_up(&self) {
        self.lock().clear();
    }
}

// === impl LinkLoop ===

impl LinkLoop {
    fn new(dispatcher: Arc<dyn DispatcherApi>) -> (Arc<Link>, Self) {
        let link = Arc::new(Link::default());
        (link.clone(), Self { dispatcher, link })
    }

    /// Opens the stream, again and again, until shutdown.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut wait = FIRST_WAIT;
        while !shutdown.is_cancelled() {
            let opened = tokio::select! {
                opened = self.session() => opened,
                () = shutdown.cancelled() => false,
            };
            self.link.set_requests(None);
            self.link.pending.give_up();
            if opened {
                wait = FIRST_WAIT;
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(LONGEST_WAIT),
            }
        }
    }

    /// One stream from opening to break. Whether it was opened at all.
    async fn session(&self) -> bool {
        let (requests, outgoing) = mpsc::channel(QUEUE);
        let outgoing: BoxStream<SubmitRequest> = boxed(ReceiverStream::new(outgoing).map(Ok));
        let mut answers = match self.dispatcher.submit(internal_request(outgoing)).await {
            Ok(response) => response.into_inner(),
            Err(status) => {
                tracing::warn!(code = ?status.code(), "the Dispatcher cannot be reached");
                return false;
            }
        };
        self.link.set_requests(Some(requests));
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(response) => self.link.pending.answer(response),
                Err(status) => {
                    tracing::warn!(code = ?status.code(), "the stream to the Dispatcher broke");
                    break;
                }
            }
        }
        true
    }
}
