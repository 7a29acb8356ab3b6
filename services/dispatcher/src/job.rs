//! Types that move between intake, lanes, attempts and the database: submissions on the way in, jobs in the lanes,
//! outcomes on the way back.

pub(crate) mod live_jobs;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::alert_life::Act;
use watchbell_model::budget::{BudgetPermit, UNIT_BYTES};
use watchbell_model::ids::{AttemptId, ChannelId, DeliveryId, SilenceId, TeamId};
use watchbell_model::route::Route;
use watchbell_model::shard::ShardId;
use watchbell_runtime::problem::Problem;

use crate::event::InMemory as _;
use crate::job::live_jobs::JobGuard;
use crate::lanes::{LaneId, Weighted};
use crate::reminder::DueReminder;
use crate::senders::{AttemptOutcome, AttemptResult};

/// State of a delivery. The numbers are those of the contract and of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i16)]
pub(crate) enum State {
    /// Waiting for its first or next attempt, or in one.
    Pending = 1,
    /// Waiting for quiet hours or a silence to end.
    Held = 2,
    /// Kept, and not tried until its reason has gone.
    Parked = 3,
    /// Part of a summary.
    Folded = 4,
    /// Delivered or handed over.
    Delivered = 5,
    /// Given up.
    Failed = 6,
    /// Cancelled.
    Cancelled = 7,
}

/// Why a delivery is parked, which decides when it is resumed. The numbers are those of the contract and of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub(crate) enum ParkedFor {
    /// Until the channel is activated.
    Paused = 1,
    /// Until the channel is re-enabled with a request to recover.
    Unhealthy = 2,
    /// A receipt, until the team has a recipient.
    NoRecipient = 3,
}

/// An event and its routes, to be committed.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) event: Arc<AcceptedEvent>,
    pub(crate) routes: Vec<Planned>,
    /// Keep the deliveries out of the lanes: the submitter sends them itself.
    pub(crate) at_once: bool,
    pub(crate) answer: oneshot::Sender<Result<Committed, Problem>>,
    /// What somebody does about the event's alert, of which the event tells.
    pub(crate) act: Option<Act>,
    /// The reminder that is sent. Its event is the one with which the alert began, and was accepted before.
    pub(crate) reminder: Option<Box<DueReminder>>,
    /// Its part of the memory budget of the submission queue.
    pub(crate) permit: Option<BudgetPermit>,
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
    /// With `at_once`: the jobs to send.
    pub(crate) jobs: Vec<Job>,
}

/// A delivery that this replica carries out.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: DeliveryId,
    pub(crate) event: Arc<AcceptedEvent>,
    /// Its share of the event's memory, in units.
    pub(crate) weight: usize,
    pub(crate) route: Arc<Route>,
    pub(crate) lane: LaneId,
    /// The epoch of its shard in which it was accepted or loaded.
    pub(crate) epoch: i64,
    /// Registers the job, so that its delivery is not loaded once more. A draft of a channel is tested without.
    pub(crate) _guard: Option<JobGuard>,
    /// Attempts so far.
    pub(crate) attempts: u32,
    /// Of these, in the present run of the retry schedule.
    pub(crate) tries: u32,
    /// When that run began.
    pub(crate) first_attempt_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    /// When it was to be sent: when it was accepted, or at the end of a wait that was asked for.
    pub(crate) due_at: DateTime<Utc>,
    /// Since when its lane has let it go, by the monotonic clock.
    pub(crate) allowed_since: Duration,
    pub(crate) replay_of: Option<DeliveryId>,
    /// The silence that held it last, until it is accounted for.
    pub(crate) held_by: Option<SilenceId>,
}

/// The new state of a job, with which it ends.
#[derive(Debug)]
pub(crate) struct JobOutcome {
    pub(crate) job: Job,
    pub(crate) state: State,
    /// Explanation of the state, shown to users.
    pub(crate) message: String,
    pub(crate) parked_for: Option<ParkedFor>,
    pub(crate) held_by: Option<SilenceId>,
    /// Attempts of the present run of the retry schedule, this one included if it counts.
    pub(crate) tries: u32,
    /// When it is due next, if it is.
    pub(crate) due_at: Option<DateTime<Utc>>,
    pub(crate) ended_at: Option<DateTime<Utc>>,
    /// The attempt that led here, if there was one.
    pub(crate) attempt: Option<Attempt>,
    /// The attempt makes the channel unhealthy.
    pub(crate) breaks: Option<Break>,
    /// Receives whether it was committed.
    pub(crate) answer: Option<oneshot::Sender<bool>>,
}

/// One attempt.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) id: AttemptId,
    pub(crate) number: u32,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) result: AttemptResult,
}

/// A channel that becomes unhealthy.
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
    /// All states.
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
        event: impl Into<Arc<AcceptedEvent>>,
        routes: Vec<Planned>,
        at_once: bool,
        answer: oneshot::Sender<Result<Committed, Problem>>,
    ) -> Self {
        Self {
            event: event.into(),
            routes,
            at_once,
            answer,
            act: None,
            reminder: None,
            permit: None,
        }
    }

    /// The reminder that it sends, if it sends one.
    pub(crate) fn due_reminder(&self) -> Option<&DueReminder> {
        self.reminder.as_deref()
    }

    /// Memory of the event and its routes, in units.
    pub(crate) fn weight(&self) -> usize {
        let routes: usize = self.routes.iter().map(Planned::bytes).sum();
        self.event.weight() + routes / UNIT_BYTES
    }

    /// Memory of the job of each route, in units.
    pub(crate) fn weight_of_each(&self) -> usize {
        self.event.weight_shared_by(self.routes.len())
    }
}

// === impl Planned ===

impl Planned {
    /// A route with the delivery that will carry it out. `None`: it does not serialise.
    pub(crate) fn new(route: impl Into<Arc<Route>>, now: DateTime<Utc>) -> Option<Self> {
        let route = route.into();
        let json = serde_json::to_string(&*route).ok()?;
        Some(Self {
            id: DeliveryId::generate(now),
            route,
            json,
        })
    }

    /// About how much memory it takes: the route and its text.
    fn bytes(&self) -> usize {
        const FIXED: usize = 512;
        FIXED + 2 * self.json.len()
    }
}

// === impl Job ===

impl Job {
    pub(crate) fn team_id(&self) -> TeamId {
        self.event.team_id
    }

    pub(crate) fn shard(&self) -> ShardId {
        ShardId::of(self.team_id())
    }

    /// Moves the job to another state without an attempt.
    pub(crate) fn stays(self, state: State, message: impl Into<String>) -> JobOutcome {
        JobOutcome {
            tries: self.tries,
            held_by: self.held_by,
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
    pub(crate) fn waits(self, state: State, message: impl Into<String>, due_at: DateTime<Utc>) -> JobOutcome {
        JobOutcome {
            due_at: Some(due_at),
            ..self.stays(state, message)
        }
    }

    /// The end of this job, without a (further) attempt.
    pub(crate) fn ends(self, state: State, message: impl Into<String>, now: DateTime<Utc>) -> JobOutcome {
        JobOutcome {
            ended_at: Some(now),
            ..self.stays(state, message)
        }
    }

    /// Parks the job.
    pub(crate) fn parks(self, why: ParkedFor, message: impl Into<String>) -> JobOutcome {
        JobOutcome {
            parked_for: Some(why),
            ..self.stays(State::Parked, message)
        }
    }
}

impl Weighted for Job {
    fn weight(&self) -> usize {
        self.weight
    }

    fn team(&self) -> TeamId {
        self.team_id()
    }

    fn allowed_since(&mut self, at: Duration) {
        self.allowed_since = at;
    }
}

// === impl Attempt ===

impl Attempt {
    /// The outcome's number in the contract and in the tables.
    pub(crate) fn outcome(&self) -> i16 {
        match self.result.outcome {
            AttemptOutcome::Delivered => 1,
            AttemptOutcome::Accepted => 2,
            AttemptOutcome::Retryable { .. } => 3,
            AttemptOutcome::Permanent => 4,
        }
    }
}
