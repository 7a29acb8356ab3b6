//! Submission of decisions to the Dispatcher. One in the same process is called directly. Otherwise one long-lived stream to
//! each Dispatcher carries the submissions of all callers, so that an `Emit` costs a message and not a call. A submission goes
//! to the owner of its team's shard; while that is unknown or away it goes to any other Dispatcher, which passes it on or waits
//! for the next owner. It is answered after the commit, or with an error when no Dispatcher is available. A submission in flight
//! on a broken stream may have been committed; repeating it is safe, because event ids are unique.

mod cells;
mod link;
mod links;
mod session;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::timeout;

use prost::Message as _;
use uuid::Uuid;
use watchbell_contracts::dispatcher::v1::{SubmitRequest, SubmitResponse};
use watchbell_model::AcceptedEvent;
use watchbell_model::budget::{SharedBudget, units};
use watchbell_model::cell::TeamCell;
use watchbell_model::ids::TeamId;
use watchbell_model::route::Route;
use watchbell_runtime::owners::{Connect, OwnersReceiver};
use watchbell_runtime::problem::{Problem, from_message};
use watchbell_runtime::submit::Submit;

pub(crate) use self::cells::Cells;
use self::links::Links;
pub(crate) use self::links::LinksLoop;
use self::session::{Closed, Session, Unsent};
use crate::error::Error;

/// How long a Dispatcher may take to answer. One that stands still, or cannot reach its database and is not told so, is
/// not waited for until its stream breaks.
const ANSWER: Duration = Duration::from_secs(10);

/// How long a former owner of a team's shard may take to answer what it was sent before.
const HAND_OVER: Duration = Duration::from_secs(1);

/// How much may wait for Dispatchers before callers are told to slow down, in units that teams share. A team's half is less
/// than what a Dispatcher takes of it: its digests and notices do not come by here, and have room there.
const UNITS: usize = 12_288;

/// Where the Router submits to.
pub enum Dispatchers {
    /// The Dispatcher of this process.
    Local {
        /// It.
        dispatcher: Arc<dyn Submit>,
        /// The database of its cell.
        cell_id: Uuid,
    },
    /// Those of other processes.
    Remote {
        /// Addresses at which they are sought; at least one.
        seeds: Vec<Arc<str>>,
        /// Calls one of them.
        connect: Connect,
        /// Who owns which shard.
        owners: OwnersReceiver,
    },
}

/// Hands events on and waits for their commits.
#[derive(Clone)]
pub(crate) struct Submitter {
    own: Own,
    cells: Cells,
}

/// The Dispatchers that the process is set up with: those of the cell `main`, or the one within it.
#[derive(Clone)]
enum Own {
    Local(Arc<dyn Submit>, Uuid),
    Remote(Remote),
}

/// Submits to the owner of a team's shard. Another Dispatcher is chosen by turns while that one is away, one that has not
/// reached Config only when there is no other.
#[derive(Clone)]
pub(crate) struct Remote {
    links: Links,
    owners: OwnersReceiver,
    turn: Arc<AtomicUsize>,
    memory: SharedBudget,
    answer: Duration,
}

// === impl Submitter ===

impl Submitter {
    /// A submitter, and the loop that must run for it.
    pub(crate) fn new(dispatchers: Dispatchers, cells: Cells) -> (Self, Option<LinksLoop>) {
        let (own, links) = match dispatchers {
            Dispatchers::Local { dispatcher, cell_id } => (Own::Local(dispatcher, cell_id), None),
            Dispatchers::Remote {
                seeds,
                connect,
                owners,
            } => {
                let (remote, links) = Remote::new(seeds, connect, owners);
                (Own::Remote(remote), Some(links))
            }
        };
        (Self { own, cells }, links)
    }

    /// Commits an event and its routes in the cell that the team lives in. The answer's routes are those stored: with a duplicate the first
    /// ones.
    pub(crate) async fn submit(
        &self,
        event: AcceptedEvent,
        routes: Vec<Route>,
        cell: Option<&TeamCell>,
    ) -> Result<SubmitResponse, Error> {
        let cell = cell.filter(|cell| !self.own.is_of(cell));
        let remote = match (&self.own, cell) {
            (_, Some(cell)) => self.cells.of(cell).await,
            (Own::Remote(remote), None) => remote.clone(),
            (Own::Local(dispatcher, _), None) => {
                let submitted = timeout(ANSWER, dispatcher.submit(event, routes)).await;
                let submitted = submitted
                    .unwrap_or_else(|_| Err(Problem::unavailable("the Dispatcher takes too long")))?;
                return Ok(SubmitResponse {
                    duplicate: submitted.duplicate,
                    routes: submitted.routes.iter().map(|route| (&**route).into()).collect(),
                    ..SubmitResponse::default()
                });
            }
        };
        let response = remote.submit(event.team_id, event.into_message(&routes)).await?;
        match response.error {
            Some(error) => Err(Error::Refused(from_message(&error))),
            None => Ok(response),
        }
    }

    /// Whether any Dispatcher can be submitted to.
    #[cfg(test)]
    pub(crate) fn is_open(&self) -> bool {
        match &self.own {
            Own::Local(..) => true,
            Own::Remote(remote) => remote.any().is_some(),
        }
    }
}

// === impl Own ===

impl Own {
    fn is_of(&self, cell: &TeamCell) -> bool {
        match self {
            Self::Local(_, cell_id) => cell.database_id == *cell_id,
            Self::Remote(_) => cell.name.is_main(),
        }
    }
}

// === impl Remote ===

impl Remote {
    /// A submitter, and the loop that must run for it.
    pub(crate) fn new(seeds: Vec<Arc<str>>, connect: Connect, owners: OwnersReceiver) -> (Self, LinksLoop) {
        let links = Links::default();
        let looping = LinksLoop::new(links.clone(), seeds, connect, owners.clone());
        let remote = Self {
            links,
            owners,
            turn: Arc::default(),
            memory: SharedBudget::new(UNITS),
            answer: ANSWER,
        };
        (remote, looping)
    }

    /// Commits an event of this team and its routes.
    pub(crate) async fn submit(&self, team: TeamId, request: SubmitRequest) -> Result<SubmitResponse, Error> {
        let share = self.memory.take(team, units(request.encoded_len()));
        let mut unsent = Unsent {
            request,
            share: share.ok_or(Error::Overloaded)?,
        };
        loop {
            let owner = self.owner(team);
            let session = owner.as_ref().and_then(|address| self.links.open(address));
            let (session, owner) = match session {
                Some(session) => (session, owner),
                None => (self.any().ok_or(Error::NoDispatcher)?, None),
            };
            match session.send(unsent) {
                Ok(answer) => {
                    let answer = timeout(self.answer, answer);
                    return tokio::select! {
                        answer = answer => match answer {
                            Ok(Ok(answer)) => Ok(answer),
                            // It may be committed all the same, and repeating it is safe.
                            Ok(Err(_)) | Err(_) => Err(Error::NoDispatcher),
                        },
                        () = self.moves(team, owner) => Err(Error::NoDispatcher),
                    };
                }
                // It closed since we chose it, and is not chosen again.
                Err(Closed(back)) => unsent = *back,
            }
        }
    }

    fn owner(&self, team: TeamId) -> Option<Arc<str>> {
        self.owners.borrow().of(team).cloned()
    }

    /// Until a team has had another owner for a moment, in which the former one would have answered: it stands still.
    async fn moves(&self, team: TeamId, from: Option<Arc<str>>) {
        let Some(from) = from else {
            return std::future::pending().await;
        };
        let mut owners = self.owners.clone();
        let moved = owners.wait_for(|owners| owners.of(team).is_some_and(|owner| *owner != from));
        if moved.await.is_err() {
            return std::future::pending().await;
        }
        tokio::time::sleep(HAND_OVER).await;
    }

    /// Any Dispatcher, by turns.
    fn any(&self) -> Option<Arc<Session>> {
        let links = self.links.all();
        let start = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = links.len();
        (0..count)
            .filter_map(|offset| {
                let session = links[start.wrapping_add(offset) % count].session()?;
                Some(((!session.knows_config(), session.busy()?), session))
            })
            .min_by_key(|(rank, _)| *rank)
            .map(|(_, session)| session)
    }
}
