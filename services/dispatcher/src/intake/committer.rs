//! Group commit. A loop writes the submissions and outcomes that have gathered in one transaction; meanwhile the next
//! batch gathers. Callers are answered only after the commit. SQLite has one such loop for both, PostgreSQL one for
//! each.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sea_orm::DbErr;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;
use watchbell_model::ChannelKind;
use watchbell_model::ids::{NotificationId, TeamId};
use watchbell_model::route::Route;
use watchbell_runtime::problem::Problem;
use watchbell_store::is_transient;

use crate::delivery::summaries;
use crate::encode;
use crate::intake::backpressure::Backpressure;
use crate::intake::lock_wait::{LockWaitQueue, is_notice};
use crate::job::{Committed, Job, JobOutcome, State, Submission};
use crate::lanes::LaneId;
use crate::state::Core;
use crate::state::submission_queue::SubmissionReceiver;
use crate::store::entities::deliveries;
use crate::store::{LockWait, NewDelivery, NewNotification, WriteTransaction};

// The next event, of any team, waits for the current transaction: these bounds keep it at some 10 ms on SQLite. The fixed
// cost of a transaction, one fsync and four statements, is a few percent of that.
/// Submissions of one transaction.
const MAX_SUBMISSIONS: usize = 256;
/// Deliveries of one transaction; one more event may exceed it.
const MAX_DELIVERIES: usize = 512;
/// Outcomes of one transaction; more than deliveries, so that accepted events are finished before more are accepted.
const MAX_OUTCOMES: usize = 768;
/// Payloads of one transaction, in bytes; one more event may exceed it.
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// Interval of checks for waiting submissions, when nothing else happens.
const BACKPRESSURE_POLL: Duration = Duration::from_millis(5);
/// After a commit that failed.
const BACK_OFF: Duration = Duration::from_millis(250);

/// Loop of the group commit.
pub(crate) struct Committer {
    core: Arc<Core>,
    /// None when another loop writes them; see [`Committer::split`].
    intake: Option<SubmissionReceiver>,
    /// None when another loop writes them.
    results: Option<mpsc::Receiver<JobOutcome>>,
    /// What woke the loop.
    first: Option<Submission>,
    backpressure: Backpressure,
    /// Submissions whose inbox is locked.
    lock_waits: LockWaitQueue,
    /// The process stops: submissions no longer wait.
    draining: bool,
    /// Also those of a commit that failed: their leases keep them ours until it succeeds.
    outcomes: Vec<JobOutcome>,
}

/// Result of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchResult {
    /// There was nothing to do.
    Idle,
    /// Number of settled submissions and outcomes.
    Settled(usize),
    /// The database was not there; outcomes are kept.
    Failed,
}

/// Where a new delivery goes once it is committed.
struct Reservation {
    submission: usize,
    planned: usize,
    lane: LaneId,
    /// Memory was reserved for it.
    granted: bool,
}

/// Contents of one transaction.
struct Batch {
    submissions: Vec<Submission>,
    outcomes: Vec<JobOutcome>,
    /// Its team's inbox was busy: its lock comes before everything that is written.
    deferred: bool,
}

/// Why a transaction was given up.
enum Refused {
    Database(DbErr),
    /// Other transactions hold the locks of these inboxes.
    Inboxes(HashSet<TeamId>),
}

/// Results of a transaction.
struct Written {
    owner: Uuid,
    /// Deliveries that this replica leases.
    leased: Vec<Uuid>,
    /// For each submission that was a duplicate, the first routes.
    first_routes: HashMap<usize, Vec<Arc<Route>>>,
    /// Deliveries whose outcome was not stored, because another replica holds them.
    lost: HashSet<Uuid>,
    /// Deliveries that ended with their summary.
    closed: Vec<deliveries::Model>,
    notified: HashSet<TeamId>,
}

// === impl Batch ===

impl Batch {
    fn deferred(submissions: Vec<Submission>) -> Self {
        Self {
            submissions,
            outcomes: Vec::new(),
            deferred: true,
        }
    }

    fn is_empty(&self) -> bool {
        self.submissions.is_empty() && self.outcomes.is_empty()
    }

    fn halved(mut self) -> [Self; 2] {
        let more = Self {
            submissions: self.submissions.split_off(self.submissions.len().div_ceil(2)),
            outcomes: self.outcomes.split_off(self.outcomes.len() / 2),
            deferred: self.deferred,
        };
        [more, self]
    }
}

// === impl Refused ===

impl Refused {
    fn if_busy(inboxes: HashSet<TeamId>) -> Result<(), Self> {
        match inboxes.is_empty() {
            true => Ok(()),
            false => Err(Self::Inboxes(inboxes)),
        }
    }
}

impl From<DbErr> for Refused {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

// === impl Committer ===

impl Committer {
    pub(crate) fn new(
        core: Arc<Core>,
        intake: SubmissionReceiver,
        results: mpsc::Receiver<JobOutcome>,
    ) -> Self {
        Self::with_queues(core, Some(intake), Some(results))
    }

    fn with_queues(
        core: Arc<Core>,
        intake: Option<SubmissionReceiver>,
        results: Option<mpsc::Receiver<JobOutcome>>,
    ) -> Self {
        Self {
            core,
            intake,
            results,
            backpressure: Backpressure::default(),
            first: None,
            lock_waits: LockWaitQueue::default(),
            draining: false,
            outcomes: Vec::new(),
        }
    }

    /// Splits the committer into one loop for submissions and one for outcomes. A database with concurrent
    /// transactions works on one while the other is on its way.
    pub(crate) fn split(self) -> (Self, Self) {
        let submissions = Self::with_queues(Arc::clone(&self.core), self.intake, None);
        (submissions, Self::with_queues(self.core, None, self.results))
    }

    /// Commits until `stop`, then drains its queues.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            let stopping = stop.is_cancelled();
            self.draining = stopping;
            self.core.load.measure(self.core.clock.monotonic());
            if self.outcomes.is_empty() && self.first.is_none() && !stopping {
                tokio::select! {
                    submission = next_submission(&mut self.intake) => self.first = Some(submission),
                    outcome = next_outcome(&mut self.results) => self.outcomes.extend(outcome),
                    () = tokio::time::sleep(BACKPRESSURE_POLL), if !self.backpressure.is_empty() || !self.lock_waits.is_empty() => {}
                    () = stop.cancelled() => {}
                }
            }
            match self.tick().await {
                BatchResult::Idle if stopping => return,
                BatchResult::Idle | BatchResult::Settled(_) => {}
                // Without the database nothing can be flushed; other replicas take the leases over.
                BatchResult::Failed if stopping => return,
                BatchResult::Failed => tokio::time::sleep(BACK_OFF).await,
            }
        }
    }

    /// Commits one batch.
    pub(crate) async fn tick(&mut self) -> BatchResult {
        let submissions = self.admit();
        let submissions = self.lock_waits.keep(submissions);
        let outcomes = self.gather();
        // A stack, because a batch that the database refuses is halved until the one at fault is alone.
        let waiting = self.lock_waits.take(MAX_SUBMISSIONS).into_iter();
        let mut batches: Vec<Batch> = waiting.map(Batch::deferred).collect();
        if submissions.is_empty() && outcomes.is_empty() && batches.is_empty() {
            return BatchResult::Idle;
        }
        let all = submissions.len() + outcomes.len();
        self.core.load.commit_started(self.core.clock.monotonic(), all);
        let mut failed = false;
        batches.push(Batch {
            submissions,
            outcomes,
            deferred: false,
        });
        while let Some(mut batch) = batches.pop() {
            let size = batch.submissions.len() + batch.outcomes.len();
            let span = tracing::info_span!(
                "commit",
                submissions = batch.submissions.len(),
                outcomes = batch.outcomes.len()
            );
            match self.commit(&batch).instrument(span).await {
                Ok((written, reservations)) => {
                    self.core.metrics.committed(size);
                    self.settle(batch.submissions, batch.outcomes, &written, &reservations);
                }
                Err(Refused::Inboxes(busy)) => {
                    batch.submissions = self.lock_waits.put_back(batch.submissions, &busy);
                    if !batch.is_empty() {
                        batches.push(batch);
                    }
                }
                Err(Refused::Database(error)) if is_transient(&error) => {
                    tracing::warn!(%error, "a commit failed");
                    failed = true;
                    refuse(batch.submissions, || {
                        Problem::unavailable("the database is unavailable")
                    });
                    self.outcomes.extend(batch.outcomes);
                }
                Err(Refused::Database(_)) if size > 1 => batches.extend(batch.halved()),
                Err(Refused::Database(error)) => {
                    for outcome in &batch.outcomes {
                        tracing::error!(%error, delivery = %outcome.job.id, "an outcome cannot be stored");
                        self.give_up(&outcome.job).await;
                    }
                    let cause = error.to_string();
                    refuse(batch.submissions, || Problem::internal(cause.clone()));
                }
            }
        }
        if self.draining {
            refuse(self.lock_waits.drain(), || {
                Problem::unavailable("the inbox is busy")
            });
        }
        if failed {
            BatchResult::Failed
        } else {
            BatchResult::Settled(all)
        }
    }

    /// Fails a delivery whose outcome the database refuses, because a retry would be refused again.
    async fn give_up(&self, job: &Job) {
        let (id, now) = (job.id.as_uuid(), self.core.clock.now());
        let why = "the result of the last attempt could not be stored";
        if let Err(error) = self.core.db.give_up(job.owner, &[id], why, now).await {
            tracing::error!(%error, delivery = %job.id, "the delivery could not be failed either");
        }
    }

    /// The submissions of this batch.
    fn admit(&mut self) -> Vec<Submission> {
        let mut submissions = Vec::new();
        let (mut bytes, mut deliveries) = (0, 0);
        let intake = &mut self.intake;
        let next = || self.first.take().or_else(|| intake.as_mut()?.try_next());
        self.backpressure
            .admit(&self.core, self.draining, next, |submission| {
                bytes += submission.event.data.len();
                deliveries += submission.routes.len();
                submissions.push(submission);
                submissions.len() < MAX_SUBMISSIONS && bytes < MAX_BYTES && deliveries < MAX_DELIVERIES
            });
        submissions
    }

    /// The outcomes of this batch.
    fn gather(&mut self) -> Vec<JobOutcome> {
        let mut outcomes = std::mem::take(&mut self.outcomes);
        while outcomes.len() < MAX_OUTCOMES {
            let Some(outcome) = self.results.as_mut().and_then(|results| results.try_recv().ok()) else {
                break;
            };
            outcomes.push(outcome);
        }
        outcomes
    }

    /// Runs one transaction. When it fails, its reservations in the lanes are released.
    async fn commit(&self, batch: &Batch) -> Result<(Written, Vec<Reservation>), Refused> {
        let mut reservations = Vec::new();
        let result = self.write(batch, &mut reservations).await;
        match result {
            Ok(written) => Ok((written, reservations)),
            Err(error) => {
                let mut lanes = self.core.lanes();
                for reservation in reservations {
                    let weight = batch.submissions[reservation.submission].weight_of_each();
                    match reservation.granted {
                        true => lanes.unreserve(reservation.lane, weight),
                        false => lanes.spilled(reservation.lane),
                    }
                }
                Err(error)
            }
        }
    }

    async fn write(&self, batch: &Batch, reservations: &mut Vec<Reservation>) -> Result<Written, Refused> {
        let db = &self.core.db;
        let mut written = Written {
            owner: self.core.owner(),
            leased: Vec::new(),
            first_routes: HashMap::new(),
            lost: HashSet::new(),
            closed: Vec::new(),
            notified: HashSet::new(),
        };
        let outcomes = &batch.outcomes;
        if outcomes.iter().any(summaries::ends_summary) {
            // What ends with a summary is read back.
            let transaction = db.begin().await?;
            self.write_batch(&transaction, batch, reservations, &mut written)
                .await?;
            let finished = |id| !written.lost.contains(&id);
            written.closed = summaries::close_with_summary(db, &transaction, outcomes, finished).await?;
            self.finish(transaction, &mut written).await?;
        } else if db.is_sqlite() {
            let transaction = db.begin_inline().await?;
            self.write_through(transaction, batch, reservations, &mut written)
                .await?;
        } else {
            let transaction = db.begin_direct().await?;
            self.write_through(transaction, batch, reservations, &mut written)
                .await?;
        }
        Ok(written)
    }

    async fn write_through<W: WriteTransaction>(
        &self,
        transaction: W,
        batch: &Batch,
        reservations: &mut Vec<Reservation>,
        written: &mut Written,
    ) -> Result<(), Refused> {
        self.write_batch(&transaction, batch, reservations, written)
            .await?;
        Ok(self.finish(transaction, written).await?)
    }

    async fn finish<W: WriteTransaction>(&self, transaction: W, written: &mut Written) -> Result<(), DbErr> {
        let leased = std::mem::take(&mut written.leased);
        let committed = self.core.db.commit(transaction).await;
        committed.inspect_err(|_| self.core.record_uncertain_leases(written.owner, leased))
    }

    async fn write_batch<W: WriteTransaction>(
        &self,
        transaction: &W,
        batch: &Batch,
        reservations: &mut Vec<Reservation>,
        written: &mut Written,
    ) -> Result<(), Refused> {
        let db = &self.core.db;
        let Batch {
            submissions,
            outcomes,
            ..
        } = batch;
        if batch.deferred {
            let teams = submissions.iter().filter(|submission| is_notice(submission));
            let teams = teams.map(|submission| submission.event.team_id).collect();
            Refused::if_busy(db.lock_inboxes(transaction, &teams, LockWait::None).await?)?;
        }
        let mut notifications = Vec::new();
        if !submissions.is_empty() {
            notifications = self
                .write_submissions(transaction, submissions, reservations, written)
                .await?;
        }
        if !outcomes.is_empty() {
            written.lost = db.finish(transaction, outcomes).await?;
            db.insert_attempts(transaction, outcomes).await?;
            for outcome in outcomes {
                let ours = !written.lost.contains(&outcome.job.id.as_uuid());
                if let Some(broken) = outcome.breaks.as_ref().filter(|_| ours) {
                    db.mark_unhealthy(transaction, outcome.job.team_id(), broken)
                        .await?;
                }
            }
        }
        if !notifications.is_empty() {
            // The locks are taken last, so that they are held only during the commit.
            let busy = db.lock_inboxes(transaction, &written.notified, LockWait::Some);
            Refused::if_busy(busy.await?)?;
            db.insert_notifications(transaction, &notifications).await?;
        }
        Ok(())
    }

    /// Writes submissions; the rows for inboxes that are still to be inserted.
    async fn write_submissions<'s, W: WriteTransaction>(
        &self,
        transaction: &W,
        submissions: &'s [Submission],
        reservations: &mut Vec<Reservation>,
        written: &mut Written,
    ) -> Result<Vec<NewNotification<'s>>, DbErr> {
        let db = &self.core.db;
        let mut first = HashMap::with_capacity(submissions.len());
        for (index, submission) in submissions.iter().enumerate() {
            first
                .entry((submission.event.team_id, submission.event.id.as_str()))
                .or_insert(index);
        }
        let mut unique: Vec<&Submission> = first.values().map(|index| &submissions[*index]).collect();
        // In the same order everywhere, so that replicas inserting the same ids do not deadlock.
        unique.sort_by(|a, b| (a.event.team_id, &a.event.id).cmp(&(b.event.team_id, &b.event.id)));
        let known = db.insert_events(transaction, &unique).await?;
        let is_new = |index: usize, submission: &Submission| {
            let key = (submission.event.team_id, submission.event.id.as_str());
            first.get(&key) == Some(&index)
                && (known.is_empty() || !known.contains(&(key.0, key.1.to_owned())))
        };
        let is_new: Vec<bool> = submissions
            .iter()
            .enumerate()
            .map(|(index, submission)| is_new(index, submission))
            .collect();
        self.find_first_routes(transaction, submissions, &is_new, written)
            .await?;

        self.reserve(submissions, &is_new, reservations);
        let mut in_order = reservations.iter();
        let mut deliveries = Vec::new();
        let mut notifications = Vec::new();
        for (submission, _) in submissions.iter().zip(&is_new).filter(|(_, is_new)| **is_new) {
            let event = &submission.event;
            let mut notified = false;
            for planned in &submission.routes {
                let lane = LaneId::of(&planned.route, event.team_id);
                let owned = match lane {
                    None => false,
                    Some(_) if submission.at_once => true,
                    Some(_) => in_order.next().is_some_and(|reservation| reservation.granted),
                };
                if owned {
                    written.leased.push(planned.id.as_uuid());
                }
                // An event has one row in the inbox, however many routes lead there.
                if planned.route.kind == ChannelKind::InApp && !std::mem::replace(&mut notified, true) {
                    notifications.push(NewNotification {
                        id: NotificationId::generate(event.accepted_at),
                        event,
                    });
                    written.notified.insert(event.team_id);
                }
                deliveries.push(NewDelivery {
                    id: planned.id,
                    event,
                    route: &planned.route,
                    route_json: &planned.json,
                    lane: lane.unwrap_or(LaneId(event.team_id.as_uuid())),
                    state: if lane.is_some() {
                        State::Pending
                    } else {
                        State::Delivered
                    },
                    owner: owned.then_some(written.owner),
                    created_at: event.accepted_at,
                    replay_of: None,
                });
            }
        }
        if !deliveries.is_empty() {
            db.insert_deliveries(transaction, &deliveries).await?;
        }
        Ok(notifications)
    }

    async fn find_first_routes<W: WriteTransaction>(
        &self,
        transaction: &W,
        submissions: &[Submission],
        is_new: &[bool],
        written: &mut Written,
    ) -> Result<(), DbErr> {
        let duplicates: Vec<usize> = (0..submissions.len()).filter(|index| !is_new[*index]).collect();
        if duplicates.is_empty() {
            return Ok(());
        }
        let event = |index: usize| &submissions[index].event;
        let keys: Vec<_> = duplicates
            .iter()
            .map(|index| (event(*index).team_id, event(*index).id.as_str()))
            .collect();
        let routes = self.core.db.first_routes(transaction, &keys).await?;
        for index in duplicates {
            let json = routes.get(&(event(index).team_id, event(index).id.as_str().to_owned()));
            let first: Vec<Arc<Route>> = json
                .and_then(|json| serde_json::from_str(json).ok())
                .unwrap_or_default();
            written.first_routes.insert(index, first);
        }
        Ok(())
    }

    /// Reserves memory in the lanes for all new deliveries at once.
    fn reserve(&self, submissions: &[Submission], is_new: &[bool], reservations: &mut Vec<Reservation>) {
        let now = self.core.clock.monotonic();
        let mut lanes = self.core.lanes();
        for (index, submission) in submissions.iter().enumerate() {
            if !is_new[index] || submission.at_once {
                continue;
            }
            let weight = submission.weight_of_each();
            for (planned, route) in submission.routes.iter().enumerate() {
                if let Some(lane) = LaneId::of(&route.route, submission.event.team_id) {
                    let granted = lanes.reserve(lane, weight, now);
                    reservations.push(Reservation {
                        submission: index,
                        planned,
                        lane,
                        granted,
                    });
                }
            }
        }
    }

    /// After the commit: into the lanes, and the answers.
    fn settle(
        &self,
        submissions: Vec<Submission>,
        outcomes: Vec<JobOutcome>,
        written: &Written,
        reservations: &[Reservation],
    ) {
        let core = &self.core;
        let job = |submission: &Submission, planned: usize, lane: LaneId| Job {
            id: submission.routes[planned].id,
            event: Arc::clone(&submission.event),
            weight: submission.weight_of_each(),
            route: Arc::clone(&submission.routes[planned].route),
            lane,
            owner: written.owner,
            _guard: core.live_jobs.register(submission.routes[planned].id.as_uuid()),
            attempts: 0,
            tries: 0,
            first_attempt_at: None,
            created_at: submission.event.accepted_at,
            replay_of: None,
        };
        // Before anything is sent, so that watchers see a delivery's creation before its end.
        let new = submissions.iter().enumerate();
        for (_, submission) in new.filter(|(index, _)| !written.first_routes.contains_key(index)) {
            core.feed
                .changed(submission.event.team_id, || encode::new_deliveries(submission));
        }
        if !reservations.is_empty() {
            let now = core.clock.monotonic();
            let mut lanes = core.lanes();
            for reservation in reservations {
                match reservation.granted {
                    true => {
                        let job = job(
                            &submissions[reservation.submission],
                            reservation.planned,
                            reservation.lane,
                        );
                        lanes.push(reservation.lane, job, now);
                    }
                    false => lanes.spilled(reservation.lane),
                }
            }
        }
        core.pump.notify_one();
        core.feed.notified(written.notified.iter().copied());
        summaries::notify_watchers(core, &written.closed);
        for (index, submission) in submissions.into_iter().enumerate() {
            let mut committed = Committed {
                duplicate: false,
                routes: Vec::new(),
                jobs: Vec::new(),
            };
            if let Some(routes) = written.first_routes.get(&index) {
                committed.duplicate = true;
                committed.routes.clone_from(routes);
            } else {
                committed.routes = submission
                    .routes
                    .iter()
                    .map(|planned| Arc::clone(&planned.route))
                    .collect();
                if submission.at_once {
                    let jobs = submission.routes.iter().enumerate().map(|(planned, route)| {
                        // The inbox has no lane, and its job nothing to do.
                        let lane = LaneId::of(&route.route, submission.event.team_id);
                        let lane = lane.unwrap_or(LaneId(Uuid::nil()));
                        job(&submission, planned, lane)
                    });
                    committed.jobs = jobs.collect();
                }
            }
            core.metrics.accepted(committed.duplicate);
            // The caller may have disconnected; the submission is committed in any case.
            let _ = submission.answer.send(Ok(committed));
        }
        for outcome in outcomes {
            self.settle_outcome(outcome, written);
        }
    }

    fn settle_outcome(&self, outcome: JobOutcome, written: &Written) {
        let core = &self.core;
        let ours = !written.lost.contains(&outcome.job.id.as_uuid());
        if ours {
            if let Some(broken) = &outcome.breaks {
                core.health.mark_unhealthy(broken.channel_id, broken.epoch);
            }
            if let (Some(due), State::Held | State::Folded) = (outcome.due_at, outcome.state) {
                let wait = (due - core.clock.now()).to_std().unwrap_or_default();
                let now = core.clock.monotonic();
                core.lanes().expect_backlog(outcome.job.lane, now + wait, now);
            }
            core.feed
                .changed(outcome.job.team_id(), || [encode::changed(&outcome)]);
        } else {
            tracing::warn!(delivery = %outcome.job.id, "another replica has taken this delivery over");
        }
        core.metrics.outcome(&outcome);
        if let Some(answer) = outcome.answer {
            let _ = answer.send(ours);
        }
    }
}

/// Never, when another loop commits them.
async fn next_submission(intake: &mut Option<SubmissionReceiver>) -> Submission {
    match intake {
        Some(intake) => intake.next().await,
        None => std::future::pending().await,
    }
}

/// None when another loop commits them.
async fn next_outcome(results: &mut Option<mpsc::Receiver<JobOutcome>>) -> Option<JobOutcome> {
    match results {
        Some(results) => results.recv().await,
        None => std::future::pending().await,
    }
}

fn refuse(submissions: Vec<Submission>, problem: impl Fn() -> Problem) {
    for submission in submissions {
        let _ = submission.answer.send(Err(problem()));
    }
}
