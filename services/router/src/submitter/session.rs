//! One stream to a Dispatcher, with the callers that wait for its answers.

use std::collections::HashMap;
use std::sync::Arc;

use futures::StreamExt as _;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::metadata::MetadataValue;
use watchbell_contracts::api::{BoxStream, CONFIG_UNKNOWN, DispatcherApi, LOCATED, boxed};
use watchbell_contracts::dispatcher::v1::{SubmitRequest, SubmitResponse};
use watchbell_model::budget::BudgetPermit;
use watchbell_runtime::auth::internal_request;

/// One stream.
pub(super) struct Session {
    state: Mutex<State>,
    /// Whether the Dispatcher had reached Config when the stream was opened.
    knows_config: bool,
    /// Cancelled when no answer will come any more.
    ended: CancellationToken,
}

struct State {
    /// Sender of requests; `None` when the session takes no more. Their permits bound their number.
    requests: Option<mpsc::UnboundedSender<SubmitRequest>>,
    waiting: HashMap<u64, Waiting>,
    sequence: u64,
}

/// A request with its memory permit.
pub(super) struct Unsent {
    pub(super) request: SubmitRequest,
    pub(super) share: BudgetPermit,
}

/// A caller that waits for an answer. The permit is held even if the caller stops waiting, because the request is in
/// flight.
struct Waiting {
    answered: oneshot::Sender<SubmitResponse>,
    _share: BudgetPermit,
}

/// The session takes no more requests. The request is returned for another session.
pub(super) struct Closed(pub(super) Box<Unsent>);

// === impl Session ===

impl Session {
    /// Opens a stream. Its answers are for [`Session::read`].
    pub(super) async fn open(
        dispatcher: &dyn DispatcherApi,
    ) -> Result<(Arc<Self>, BoxStream<SubmitResponse>), Status> {
        let (requests, outgoing) = mpsc::unbounded_channel();
        let outgoing: BoxStream<SubmitRequest> = boxed(UnboundedReceiverStream::new(outgoing).map(Ok));
        let mut request = internal_request(outgoing);
        // The snapshot says in which cell a team lives.
        request
            .metadata_mut()
            .insert(LOCATED, MetadataValue::from_static("1"));
        let response = dispatcher.submit(request).await?;
        let knows_config = !response.metadata().contains_key(CONFIG_UNKNOWN);
        let answers = response.into_inner();
        let session = Self {
            knows_config,
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
    pub(super) fn send(&self, unsent: Unsent) -> Result<oneshot::Receiver<SubmitResponse>, Closed> {
        // Under one lock, so that no caller waits for a session that has ended.
        let mut state = self.lock();
        let sequence = state.sequence;
        let Some(requests) = &state.requests else {
            return Err(Closed(Box::new(unsent)));
        };
        let Unsent { mut request, share } = unsent;
        request.sequence = sequence;
        if let Err(mpsc::error::SendError(request)) = requests.send(request) {
            state.requests = None;
            return Err(Closed(Box::new(Unsent { request, share })));
        }
        let (answered, answer) = oneshot::channel();
        let waiting = Waiting {
            answered,
            _share: share,
        };
        state.waiting.insert(sequence, waiting);
        state.sequence += 1;
        Ok(answer)
    }

    /// Whether the Dispatcher has reached Config and can deliver.
    pub(super) const fn knows_config(&self) -> bool {
        self.knows_config
    }

    /// How many wait; none when no more are taken.
    pub(super) fn busy(&self) -> Option<usize> {
        let state = self.lock();
        state.requests.as_ref().map(|_| state.waiting.len())
    }

    /// Stops taking requests. Sent requests are still answered; then the Dispatcher ends the stream.
    pub(super) fn retire(&self) {
        self.lock().requests = None;
    }

    /// Distributes answers until the stream ends; the remaining callers get an error.
    pub(super) async fn read(self: Arc<Self>, mut answers: BoxStream<SubmitResponse>) {
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(response) => {
                    let waiting = self.lock().waiting.remove(&response.sequence);
                    if let Some(waiting) = waiting {
                        // The caller may have disconnected; its event is committed in any case.
                        let _ = waiting.answered.send(response);
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
        self.state.lock()
    }
}
