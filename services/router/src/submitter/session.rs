//! One stream to a Dispatcher, from opening to break, and who waits for which of its answers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::StreamExt as _;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use watchbell_contracts::{
    api::{BoxStream, DispatcherApi, boxed},
    dispatcher::v1::{SubmitRequest, SubmitResponse},
};
use watchbell_runtime::auth::internal_request;

/// How many submissions may wait for one Dispatcher before callers are told to slow down.
pub(super) const MOST_WAITING: usize = 8_192;

/// One stream.
pub(super) struct Session {
    state: Mutex<State>,
    /// Cancelled when no answer will come any more.
    ended: CancellationToken,
}

struct State {
    /// Where requests go; gone when the session takes no more.
    requests: Option<mpsc::Sender<SubmitRequest>>,
    waiting: HashMap<u64, oneshot::Sender<SubmitResponse>>,
    sequence: u64,
}

/// Why a request was not sent.
pub(super) enum Refused {
    /// Too many wait.
    Full,
    /// The session takes no more. The request comes back for another.
    Closed(Box<SubmitRequest>),
}

// === impl Session ===

impl Session {
    /// Opens a stream. Its answers are for [`Session::read`].
    pub(super) async fn open(
        dispatcher: &dyn DispatcherApi,
    ) -> Result<(Arc<Self>, BoxStream<SubmitResponse>), Status> {
        let (requests, outgoing) = mpsc::channel(MOST_WAITING);
        let outgoing: BoxStream<SubmitRequest> = boxed(ReceiverStream::new(outgoing).map(Ok));
        let answers = dispatcher.submit(internal_request(outgoing)).await?.into_inner();
        let session = Self {
            state: Mutex::new(State {
                requests: Some(requests),
                waiting: HashMap::new(),
                sequence: 0,
            }),
            ended: CancellationToken::new(),
        };
        Ok((Arc::new(session), answers))
    }

    /// Sends a request; the answer is dropped when the stream breaks first.
    pub(super) fn send(
        &self,
        mut request: SubmitRequest,
    ) -> Result<oneshot::Receiver<SubmitResponse>, Refused> {
        // All under one lock: a session that ends in between would leave somebody waiting for ever.
        let mut state = self.lock();
        if state.waiting.len() >= MOST_WAITING {
            return Err(Refused::Full);
        }
        let sequence = state.sequence;
        request.sequence = sequence;
        let Some(requests) = &state.requests else {
            return Err(Refused::Closed(Box::new(request)));
        };
        match requests.try_send(request) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(Refused::Full),
            Err(TrySendError::Closed(request)) => {
                state.requests = None;
                return Err(Refused::Closed(Box::new(request)));
            }
        }
        let (answered, answer) = oneshot::channel();
        state.waiting.insert(sequence, answered);
        state.sequence += 1;
        Ok(answer)
    }

    /// How many wait; none when no more are taken.
    pub(super) fn busy(&self) -> Option<usize> {
        let state = self.lock();
        state.requests.as_ref().map(|_| state.waiting.len())
    }

    /// Takes no more requests. What was sent is still answered, and then the Dispatcher ends the stream.
    pub(super) fn retire(&self) {
        self.lock().requests = None;
    }

    /// Hands out answers until the stream ends; whoever waits then learns that none will come.
    pub(super) async fn read(self: Arc<Self>, mut answers: BoxStream<SubmitResponse>) {
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(response) => {
                    let waiting = self.lock().waiting.remove(&response.sequence);
                    if let Some(waiting) = waiting {
                        // The caller may have gone; its event is committed all the same.
                        let _ = waiting.send(response);
                    }
                }
                Err(status) => {
                    tracing::warn!(code = ?status.code(), "the stream to the Dispatcher broke");
                    break;
                }
            }
        }
        let mut state = self.lock();
        state.requests = None;
        state.waiting.clear();
        drop(state);
        self.ended.cancel();
    }

    /// Until no answer will come any more.
    pub(super) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Whether the Dispatcher has answered anything.
    pub(super) fn was_of_use(&self) -> bool {
        let state = self.lock();
        state.sequence > state.waiting.len() as u64
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
