//! What moves between intake, lanes, attempts and the database: submissions on their way in, jobs in the lanes,
//! outcomes on their way back.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;
use uuid::Uuid;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::ids::{AttemptId, ChannelId, DeliveryId, TeamId};
use watchbell_model::route::Route;
use watchbell_runtime::problem::Problem;
use watchbell_runtime::shares::Share;

use crate::event::InMemory as _;
use crate::lanes::{LaneId, Weigh};
use crate::maintenance::reconciler::Hold;
use crate::senders::{Report, Verdict};

/// Where a delivery stands. The numbers are those of the contract and of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i16)]
pub(crate) enum State {
    /// Waiting for its first or next attempt, or in one.
    Pending = 1,
    /// Waiting for quiet hours to end.
    Held = 2,
    /// Kept, not tried.
    Parked = 3,
    /// Told by a summary.
    Folded = 4,
    /// Done.
    Delivered = 5,
    /// Given up.
    Failed = 6,
    /// Called off.
    Cancelled = 7,
}

/// Why a delivery is parked, which decides what takes it up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub(crate) enum ParkedFor {
    /// Until somebody activates the channel.
    Paused = 1,
    /// Until the channel is enabled again and somebody asks to recover.
    Unhealthy = 2,
    /// A receipt, until there is somebody who gets it.
    NoRecipient = 3,
}

/// An event and its routes, to be committed.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) event: Arc<AcceptedEvent>,
    pub(crate) routes: Vec<Planned>,
    /// Keep its deliveries leased, but out of the lanes: whoever submitted it carries them.
    pub(crate) at_once: bool,
    pub(crate) answer: oneshot::Sender<Result<Committed, Problem>>,
    /// Of the room that is for what waits; see `intake`.
    pub(crate) share: Option<Share>,
}

/// A route and the delivery that will carry it out.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) id: DeliveryId,
    pub(crate) route: Arc<Route>,
    /// The route as it is stored.
    pub(crate) json: String,
}

/// What became of a submission.
#[derive(Debug)]
pub(crate) struct Committed {
    /// The id was accepted before; nothing was stored now.
    pub(crate) duplicate: bool,
    /// The routes stored: with a duplicate the first ones.
    pub(crate) routes: Vec<Arc<Route>>,
    /// With `at_once`: what is to be carried.
    pub(crate) jobs: Vec<Job>,
}

/// A delivery that this replica holds the lease of.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) id: DeliveryId,
    pub(crate) event: Arc<AcceptedEvent>,
    /// Its part of the memory that the event takes, which jobs of other routes may share.
    pub(crate) places: usize,
    pub(crate) route: Arc<Route>,
    pub(crate) lane: LaneId,
    /// As whom this replica holds it.
    pub(crate) owner: Uuid,
    /// Makes it known to who looks for leases without a job.
    pub(crate) _hold: Hold,
    /// Attempts so far.
    pub(crate) attempts: u32,
    /// Of these, in the present run of the retry schedule.
    pub(crate) tries: u32,
    /// When that run began.
    pub(crate) first_attempt_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) replay_of: Option<DeliveryId>,
}

/// Where a job stands from now on. Committing it gives the lease back.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) job: Job,
    pub(crate) state: State,
    /// Why it stands there, for people.
    pub(crate) message: String,
    pub(crate) parked_for: Option<ParkedFor>,
    /// Attempts of the present run of the retry schedule, this one included if it counts.
    pub(crate) tries: u32,
    /// When it is due next, if it is.
    pub(crate) due_at: Option<DateTime<Utc>>,
    pub(crate) ended_at: Option<DateTime<Utc>>,
    /// The attempt that led here, if there was one.
    pub(crate) attempt: Option<Attempt>,
    /// The channel turns unhealthy with it.
    pub(crate) breaks: Option<Break>,
    /// Told whether it was committed under our lease.
    pub(crate) answer: Option<oneshot::Sender<bool>>,
}

/// One try.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) id: AttemptId,
    pub(crate) number: u32,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) report: Report,
}

/// A channel that turns unhealthy.
#[derive(Debug, Clone)]
pub(crate) struct Break {
    pub(crate) channel_id: ChannelId,
    /// The epoch of the channel's health in which that was seen.
    pub(crate) epoch: i64,
    pub(crate) at: DateTime<Utc>,
    pub(crate) message: String,
}

// === impl State ===

impl State {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Pending,
        Self::Held,
        Self::Parked,
        Self::Folded,
        Self::Delivered,
        Self::Failed,
        Self::Cancelled,
    ];

    /// From a table or a request.
    pub(crate) fn from_number(number: i32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|state| i32::from(*state as i16) == number)
    }
}

// === impl Submission ===

impl Submission {
    /// A submission of which nothing waits yet.
    pub(crate) fn new(
        event: AcceptedEvent,
        routes: Vec<Planned>,
        at_once: bool,
        answer: oneshot::Sender<Result<Committed, Problem>>,
    ) -> Self {
        Self {
            event: Arc::new(event),
            routes,
            at_once,
            answer,
            share: None,
        }
    }

    /// The places that the job of each of its routes takes.
    pub(crate) fn places_of_each(&self) -> usize {
        self.event.places_shared(self.routes.len())
    }
}

// === impl Job ===

impl Job {
    pub(crate) fn team_id(&self) -> TeamId {
        self.event.team_id
    }

    /// Another place for this job, without an attempt.
    pub(crate) fn stays(self, state: State, message: impl Into<String>) -> Outcome {
        Outcome {
            tries: self.tries,
            job: self,
            state,
            message: message.into(),
            parked_for: None,
            due_at: None,
            ended_at: None,
            attempt: None,
            breaks: None,
            answer: None,
        }
    }

    /// As [`Job::stays`], to be looked at again later.
    pub(crate) fn waits(self, state: State, message: impl Into<String>, due_at: DateTime<Utc>) -> Outcome {
        Outcome {
            due_at: Some(due_at),
            ..self.stays(state, message)
        }
    }

    /// The end of this job, without a (further) attempt.
    pub(crate) fn ends(self, state: State, message: impl Into<String>, now: DateTime<Utc>) -> Outcome {
        Outcome {
            ended_at: Some(now),
            ..self.stays(state, message)
        }
    }

    /// Parked.
    pub(crate) fn parks(self, why: ParkedFor, message: impl Into<String>) -> Outcome {
        Outcome {
            parked_for: Some(why),
            ..self.stays(State::Parked, message)
        }
    }
}

impl Weigh for Job {
    fn places(&self) -> usize {
        self.places
    }
}

// === impl Attempt ===

impl Attempt {
    /// The outcome's number in the contract and in the tables.
    pub(crate) fn outcome(&self) -> i16 {
        match self.report.verdict {
            Verdict::Delivered => 1,
            Verdict::Accepted => 2,
            Verdict::Retryable { .. } => 3,
            Verdict::Permanent => 4,
        }
    }
}
