//! `Submit`: events with their routes, into the group commit of the owner of their team's shard. Answers come as commits
//! finish.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use tokio::sync::oneshot;
use tonic::{Request, Status};
use tracing::{Instrument as _, field};
use watchbell_contracts::api::{BoxStream, DispatcherApi, boxed};
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::alert_life::Act;
use watchbell_model::ids::TeamId;
use watchbell_model::route::Route;
use watchbell_runtime::event_span;
use watchbell_runtime::problem::{DEFAULT_RETRY, Problem, from_message, not_owner, to_message};
use watchbell_runtime::telemetry::propagate;

use super::forward::{Hops, OWNER_TIMEOUT, OWNER_UNAVAILABLE, forwarded, hops, locate};
use super::{Service, internal};
use crate::error::Error;
use crate::job::{Committed, Planned, Submission};
use crate::ownership::{CellAddresses, Location};
use crate::state::Core;
use crate::state::submission_queue::Refused;

/// Submissions of one stream that may wait for their commits concurrently: more than a Router allows, so that one
/// team's submissions never wait behind another's here.
const IN_FLIGHT: usize = 16_384;
/// Before a submission is tried again whose owner has just gone.
const RETRY: Duration = Duration::from_millis(50);

/// An event on its way to the owner of its team's shard.
enum Forwardable {
    Message(Box<wire::SubmitRequest>),
    Event(Arc<AcceptedEvent>, Vec<Arc<Route>>),
}

/// What the owner answered: this replica, or another one.
pub(super) enum OwnerAnswer {
    Committed(Committed),
    Relayed(wire::SubmitResponse),
}

pub(super) fn submit(
    service: &Service,
    request: Request<BoxStream<wire::SubmitRequest>>,
) -> Result<BoxStream<wire::SubmitResponse>, Error> {
    internal(&request)?;
    let hops = hops(&request);
    let service = service.clone();
    let answers = request
        .into_inner()
        .map(move |message| submit_one(service.clone(), message, hops));
    Ok(boxed(answers.buffer_unordered(IN_FLIGHT)))
}

async fn submit_one(
    service: Service,
    message: Result<wire::SubmitRequest, Status>,
    hops: Hops,
) -> Result<wire::SubmitResponse, Status> {
    let message = message?;
    let sequence = message.sequence;
    let carried = Forwardable::Message(Box::new(message));
    let mut response = match submit_to_owner(&service, carried, hops).await {
        Ok(OwnerAnswer::Committed(committed)) => wire::SubmitResponse {
            duplicate: committed.duplicate,
            routes: committed.routes.iter().map(|route| (&**route).into()).collect(),
            ..Default::default()
        },
        Ok(OwnerAnswer::Relayed(response)) => response,
        Err(problem) => wire::SubmitResponse {
            error: Some(to_message(&problem.into())),
            ..Default::default()
        },
    };
    response.sequence = sequence;
    Ok(response)
}

/// Commits an event at the owner of its team's shard, wherever that is.
pub(super) async fn submit_event(
    service: &Service,
    event: AcceptedEvent,
    routes: Vec<Route>,
) -> Result<OwnerAnswer, Problem> {
    let routes = routes.into_iter().map(Arc::new).collect();
    submit_to_owner(
        service,
        Forwardable::Event(Arc::new(event), routes),
        Hops::default(),
    )
    .await
}

/// Tries until the event is committed, or nobody has owned its shard for too long. A repetition is safe, because ids are
/// unique.
async fn submit_to_owner(
    service: &Service,
    mut carried: Forwardable,
    hops: Hops,
) -> Result<OwnerAnswer, Problem> {
    let core = &service.core;
    let end = core.clock.monotonic() + OWNER_TIMEOUT;
    loop {
        let located = match carried.team() {
            Some(team) => match carried.other_cell(service, team, hops).await {
                Some(cell) => Location::Elsewhere(cell),
                None => locate(core, team, hops).await?,
            },
            // Whoever reads it says what is wrong.
            None => Location::Here,
        };
        let last = core.clock.monotonic() >= end;
        let problem = match located {
            Location::At(address) if !hops.replica => {
                match carried.send(service, &address, hops.to_replica()).await {
                    Ok(response) => return Ok(OwnerAnswer::Relayed(response)),
                    Err(problem) => problem,
                }
            }
            Location::Elsewhere(cell) => {
                match carried
                    .send(service, service.one_of(&cell)?, hops.to_cell())
                    .await
                {
                    Ok(response) => return Ok(OwnerAnswer::Relayed(response)),
                    Err(problem) => problem,
                }
            }
            Location::At(address) => {
                return Err(Problem::NotOwner {
                    address: Some(address.to_string()),
                });
            }
            Location::Here | Location::Nowhere => {
                let (event, routes) = carried.read(core)?;
                match enter(core, Arc::clone(&event), routes.clone(), false).await {
                    Ok(committed) => return Ok(OwnerAnswer::Committed(committed)),
                    Err(problem @ Problem::NotOwner { .. }) => {
                        carried = Forwardable::Event(event, routes);
                        problem
                    }
                    Err(problem) => return Err(problem),
                }
            }
        };
        if last {
            return Err(problem);
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Submits to another replica. An error is one that may pass by itself.
async fn send(
    service: &Service,
    address: &Arc<str>,
    message: wire::SubmitRequest,
    hops: Hops,
) -> Result<wire::SubmitResponse, Problem> {
    let requests = forwarded(boxed(stream::iter([Ok(message)])), hops);
    let dispatcher = service.submitter(address)?;
    let submitted = async {
        let mut answers = DispatcherApi::submit(&dispatcher, requests)
            .await
            .ok()?
            .into_inner();
        answers.next().await?.ok()
    };
    let answered = tokio::time::timeout(OWNER_TIMEOUT, submitted).await;
    let Ok(Some(response)) = answered else {
        return Err(Problem::unavailable(OWNER_UNAVAILABLE));
    };
    match response
        .error
        .as_ref()
        .and_then(|error| not_owner(&from_message(error)))
    {
        Some(problem) => Err(problem),
        None => Ok(response),
    }
}

/// Into the group commit of this replica and back.
pub(super) async fn enter(
    core: &Core,
    event: Arc<AcceptedEvent>,
    routes: Vec<Arc<Route>>,
    at_once: bool,
) -> Result<Committed, Problem> {
    let now = event.accepted_at;
    let routes = routes
        .into_iter()
        .filter_map(|route| Planned::new(route, now))
        .collect();
    let (answer, committed) = oneshot::channel();
    let submission = Submission::new(event, routes, at_once, answer);
    enqueue(core, submission, committed).await
}

/// What somebody does about an alert, into the group commit of this replica and back. It goes to `routes`, and to those who
/// follow the alert.
pub(super) async fn enter_act(
    core: &Core,
    event: AcceptedEvent,
    routes: Vec<Route>,
    act: Act,
) -> Result<Committed, Problem> {
    let now = event.accepted_at;
    let routes = routes.into_iter();
    let routes = routes.filter_map(|route| Planned::new(route, now)).collect();
    let (answer, committed) = oneshot::channel();
    let submission = Submission {
        act: Some(act),
        ..Submission::new(event, routes, false, answer)
    };
    enqueue(core, submission, committed).await
}

/// Hands a submission to the group commit, and waits for it.
async fn enqueue(
    core: &Core,
    submission: Submission,
    committed: oneshot::Receiver<Result<Committed, Problem>>,
) -> Result<Committed, Problem> {
    let event = &submission.event;
    let emitted = event.traceparent.as_deref().unwrap_or_default();
    // Only in the trace of an event that has one: alone it would say nothing.
    let span = event_span!(
        Some(emitted),
        "commit",
        event = %event.id,
        otel.status_code = field::Empty,
        "error.type" = field::Empty,
    );
    propagate::continue_from(&span, emitted);
    core.submissions
        .try_send(submission)
        .map_err(|refused| match refused {
            Refused::Full => Problem::Overloaded {
                retry_after: DEFAULT_RETRY,
            },
            Refused::Closed => Problem::unavailable("the Dispatcher is stopping"),
        })?;
    let committed = committed
        .instrument(span.clone())
        .await
        .unwrap_or_else(|_| Err(Problem::unavailable("the Dispatcher is stopping")));
    if let Err(problem) = &committed {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", problem.reason());
    }
    committed
}

// === impl Forwardable ===

impl Forwardable {
    fn team(&self) -> Option<TeamId> {
        match self {
            Self::Message(message) => message.team_id.parse().ok(),
            Self::Event(event, _) => Some(event.team_id),
        }
    }

    fn read(self, core: &Core) -> Result<(Arc<AcceptedEvent>, Vec<Arc<Route>>), Problem> {
        match self {
            Self::Message(message) => {
                let (event, routes) = AcceptedEvent::read(*message, core.clock.now())?;
                Ok((Arc::new(event), routes.into_iter().map(Arc::new).collect()))
            }
            Self::Event(event, routes) => Ok((event, routes)),
        }
    }

    /// The cell that the team lives in, if it is another one and the Router has not chosen this one.
    async fn other_cell(&self, service: &Service, team: TeamId, hops: Hops) -> Option<CellAddresses> {
        match self {
            Self::Message(_) if !hops.located && !hops.replica => service.other_cell(team, hops).await,
            _ => None,
        }
    }

    /// Sends it to another Dispatcher, and keeps it.
    async fn send(
        &mut self,
        service: &Service,
        address: &Arc<str>,
        hops: Hops,
    ) -> Result<wire::SubmitResponse, Problem> {
        let message = match self {
            Self::Message(message) => (**message).clone(),
            Self::Event(event, routes) => Self::Event(Arc::clone(event), routes.clone()).message(),
        };
        send(service, address, message, hops).await
    }

    fn message(self) -> wire::SubmitRequest {
        match self {
            Self::Message(message) => *message,
            Self::Event(event, routes) => {
                let routes: Vec<Route> = routes.iter().map(|route| (**route).clone()).collect();
                Arc::unwrap_or_clone(event).into_message(&routes)
            }
        }
    }
}
