//! `Submit`: events with their routes, into the group commit. Answers come as commits finish.

use std::sync::Arc;

use futures::StreamExt;
use tokio::sync::oneshot;
use tonic::{Request, Status};
use watchbell_contracts::api::{BoxStream, boxed};
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::route::Route;
use watchbell_runtime::problem::{DEFAULT_RETRY, Problem, to_message};

use super::internal;
use crate::error::Error;
use crate::job::{Committed, Planned, Submission};
use crate::state::Core;
use crate::state::submission_queue::Refused;

/// Submissions of one stream that may wait for their commits concurrently: more than a Router allows, so that one
/// team's submissions never wait behind another's here.
const IN_FLIGHT: usize = 16_384;

pub(super) fn submit(
    core: &Arc<Core>,
    request: Request<BoxStream<wire::SubmitRequest>>,
) -> Result<BoxStream<wire::SubmitResponse>, Error> {
    internal(&request)?;
    let core = Arc::clone(core);
    let answers = request
        .into_inner()
        .map(move |message| submit_one(Arc::clone(&core), message));
    Ok(boxed(answers.buffer_unordered(IN_FLIGHT)))
}

async fn submit_one(
    core: Arc<Core>,
    message: Result<wire::SubmitRequest, Status>,
) -> Result<wire::SubmitResponse, Status> {
    let message = message?;
    let sequence = message.sequence;
    let mut response = wire::SubmitResponse {
        sequence,
        ..Default::default()
    };
    match commit(&core, message).await {
        Ok(committed) => {
            response.duplicate = committed.duplicate;
            response.routes = committed.routes.iter().map(|route| (&**route).into()).collect();
        }
        Err(problem) => response.error = Some(to_message(&problem.into())),
    }
    Ok(response)
}

async fn commit(core: &Core, message: wire::SubmitRequest) -> Result<Committed, Problem> {
    let (event, routes) = AcceptedEvent::read(message, core.clock.now())?;
    enter(core, event, routes, false).await
}

/// Into the group commit and back.
pub(super) async fn enter(
    core: &Core,
    event: AcceptedEvent,
    routes: Vec<Route>,
    at_once: bool,
) -> Result<Committed, Problem> {
    let now = event.accepted_at;
    let routes = routes
        .into_iter()
        .filter_map(|route| Planned::new(route, now))
        .collect();
    let (answer, committed) = oneshot::channel();
    let submission = Submission::new(event, routes, at_once, answer);
    core.submissions
        .try_send(submission)
        .map_err(|refused| match refused {
            Refused::Full => Problem::Overloaded {
                retry_after: DEFAULT_RETRY,
            },
            Refused::Closed => Problem::unavailable("the Dispatcher is stopping"),
        })?;
    committed
        .await
        .unwrap_or_else(|_| Err(Problem::unavailable("the Dispatcher is stopping")))
}
