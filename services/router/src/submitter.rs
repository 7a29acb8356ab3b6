//! Submission of decisions to the Dispatcher. One in the same process is called directly. Otherwise one long-lived stream to
//! each Dispatcher carries the submissions of all callers, so that an `Emit` costs a message and not a call. A submission is
//! answered after the commit, or with an error when no Dispatcher is available. A submission in flight on a broken stream may
//! have been committed; repeating it is safe, because event ids are unique.

mod link;
mod session;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::timeout;

use prost::Message as _;
use watchbell_contracts::api::DispatcherApi;
use watchbell_contracts::dispatcher::v1::{SubmitRequest, SubmitResponse};
use watchbell_model::AcceptedEvent;
use watchbell_model::ids::TeamId;
use watchbell_model::route::Route;
use watchbell_runtime::memory_budget::{MemoryBudget, units};
use watchbell_runtime::problem::{Problem, from_message};
use watchbell_runtime::submit::Submit;

use self::link::Link;
pub(crate) use self::link::LinkLoop;
use self::session::{Closed, Session, Unsent};
use crate::error::Error;

/// How long a Dispatcher may take to answer. One that stands still, or cannot reach its database and is not told so, is
/// not waited for until its stream breaks.
const ANSWER: Duration = Duration::from_secs(10);

/// How much may wait for Dispatchers before callers are told to slow down, in units that teams share. A team's half is less
/// than what a Dispatcher takes of it: its digests and notices do not come by here, and have room there.
const UNITS: usize = 12_288;

/// Where the Router submits to.
pub enum Dispatchers {
    /// The Dispatcher of this process.
    Local(Arc<dyn Submit>),
    /// Those of other processes; at least one.
    Remote(Vec<Arc<dyn DispatcherApi>>),
}

/// Hands events on and waits for their commits.
#[derive(Clone)]
pub(crate) enum Submitter {
    Local(Arc<dyn Submit>),
    Remote(Remote),
}

/// Submits to the least busy Dispatcher that is there, and to one that has not reached Config only when there is no other.
#[derive(Clone)]
pub(crate) struct Remote {
    links: Arc<[Arc<Link>]>,
    turn: Arc<AtomicUsize>,
    memory: MemoryBudget,
    answer: Duration,
}

// === impl Submitter ===

impl Submitter {
    /// A submitter, and for each Dispatcher of another process the loop that must run for it.
    pub(crate) fn new(dispatchers: Dispatchers) -> (Self, Vec<LinkLoop>) {
        match dispatchers {
            Dispatchers::Local(dispatcher) => (Self::Local(dispatcher), Vec::new()),
            Dispatchers::Remote(dispatchers) => {
                let (remote, loops) = Remote::new(dispatchers);
                (Self::Remote(remote), loops)
            }
        }
    }

    /// Commits an event and its routes. The answer's routes are those stored: with a duplicate the first ones.
    pub(crate) async fn submit(
        &self,
        event: AcceptedEvent,
        routes: Vec<Route>,
    ) -> Result<SubmitResponse, Error> {
        match self {
            Self::Local(dispatcher) => {
                let submitted = timeout(ANSWER, dispatcher.submit(event, routes)).await;
                let submitted = submitted
                    .unwrap_or_else(|_| Err(Problem::unavailable("the Dispatcher takes too long")))?;
                Ok(SubmitResponse {
                    duplicate: submitted.duplicate,
                    routes: submitted.routes.iter().map(|route| (&**route).into()).collect(),
                    ..SubmitResponse::default()
                })
            }
            Self::Remote(remote) => {
                let response = remote.submit(event.team_id, event.into_message(&routes)).await?;
                match response.error {
                    Some(error) => Err(Error::Refused(from_message(&error))),
                    None => Ok(response),
                }
            }
        }
    }

    /// Whether any Dispatcher can be submitted to.
    #[cfg(test)]
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::Local(_) => true,
            Self::Remote(remote) => remote.least_busy().is_some(),
        }
    }
}

// === impl Remote ===

impl Remote {
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
                memory: MemoryBudget::new(UNITS),
                answer: ANSWER,
            },
            loops,
        )
    }

    /// Commits an event of this team and its routes.
    pub(crate) async fn submit(&self, team: TeamId, request: SubmitRequest) -> Result<SubmitResponse, Error> {
        let share = self.memory.take(team, units(request.encoded_len()));
        let mut unsent = Unsent {
            request,
            share: share.ok_or(Error::Overloaded)?,
        };
        loop {
            let session = self.least_busy().ok_or(Error::NoDispatcher)?;
            match session.send(unsent) {
                Ok(answer) => {
                    return match timeout(self.answer, answer).await {
                        Ok(Ok(answer)) => Ok(answer),
                        // It may be committed all the same, and repeating it is safe.
                        Ok(Err(_)) | Err(_) => Err(Error::NoDispatcher),
                    };
                }
                // It closed since we chose it, and is not chosen again.
                Err(Closed(back)) => unsent = *back,
            }
        }
    }

    /// Of equally busy links each has its turn.
    fn least_busy(&self) -> Option<Arc<Session>> {
        let start = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = self.links.len();
        (0..count)
            .filter_map(|offset| {
                let session = self.links[start.wrapping_add(offset) % count].session()?;
                Some(((!session.knows_config(), session.busy()?), session))
            })
            .min_by_key(|(rank, _)| *rank)
            .map(|(_, session)| session)
    }
}
