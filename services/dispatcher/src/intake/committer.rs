//! The group commit. A loop gathers what is written on the hot path, submissions and outcomes, and writes what has
//! gathered in one transaction; while that is under way the next batch gathers. Nobody is told "accepted" before the
//! commit. SQLite has one such loop for both, PostgreSQL one for each.

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
use crate::intake::backpressure::Admission;
use crate::intake::lock_wait::{Deferred, is_notice};
use crate::job::{Committed, Job, Outcome, State, Submission};
use crate::lanes::LaneId;
use crate::state::Core;
use crate::state::submission_queue::Turns;
use crate::store::entities::deliveries;
use crate::store::{NewDelivery, NewNotification, Patience, Writing};

/// Submissions of one transaction.
const MAX_SUBMISSIONS: usize = 1000;
/// Deliveries of one transaction; one more event may exceed it. Beyond some thousand a batch only takes memory.
const MAX_DELIVERIES: usize = 3000;
/// Outcomes of one transaction.
const MAX_OUTCOMES: usize = 4000;
/// Payloads of one transaction, in bytes; one more event may exceed it.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Between two looks at what is not taken in yet, when nothing else happens.
const ADMISSION: Duration = Duration::from_millis(5);
/// After a commit that failed.
const BACK_OFF: Duration = Duration::from_millis(250);

/// The loop.
pub(crate) struct Committer {
    core: Arc<Core>,
    /// None when another loop writes them; see [`Committer::split`].
    intake: Option<Turns>,
    /// The same.
    results: Option<mpsc::Receiver<Outcome>>,
    /// What woke the loop.
    first: Option<Submission>,
    admission: Admission,
    /// Those whose inbox is busy.
    deferred: Deferred,
    /// Nobody waits any more, because the process stops.
    hurry: bool,
    /// Also those of a commit that failed: their leases keep them ours until it succeeds.
    outcomes: Vec<Outcome>,
}

/// What a round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Round {
    /// There was nothing to do.
    Idle,
    /// So many submissions and outcomes were settled.
    Settled(usize),
    /// The database was not there; outcomes are kept.
    Failed,
}

/// Where a new delivery goes once it is committed.
struct Placement {
    submission: usize,
    planned: usize,
    lane: LaneId,
    /// Room was reserved for it in memory.
    room: bool,
}

/// What is written in one transaction.
struct Batch {
    submissions: Vec<Submission>,
    outcomes: Vec<Outcome>,
    /// Its team's inbox was busy: its lock comes before everything that is written.
    deferred: bool,
}

/// Why a transaction was given up.
enum Refused {
    Database(DbErr),
    /// Somebody else has the locks of these inboxes.
    Inboxes(HashSet<TeamId>),
}

/// What a transaction found out.
struct Written {
    owner: Uuid,
    /// Deliveries that this replica leases.
    leased: Vec<Uuid>,
    /// For each submission that was a duplicate, the first routes.
    first_routes: HashMap<usize, Vec<Arc<Route>>>,
    /// Deliveries whose outcome does not count, because somebody else holds them.
    lost: HashSet<Uuid>,
    /// What summaries told and ended with them.
    followed: Vec<deliveries::Model>,
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
    pub(crate) fn new(core: Arc<Core>, intake: Turns, results: mpsc::Receiver<Outcome>) -> Self {
        Self::of(core, Some(intake), Some(results))
    }

    fn of(core: Arc<Core>, intake: Option<Turns>, results: Option<mpsc::Receiver<Outcome>>) -> Self {
        Self {
            core,
            intake,
            results,
            admission: Admission::default(),
            first: None,
            deferred: Deferred::default(),
            hurry: false,
            outcomes: Vec::new(),
        }
    }

    /// Two loops, one for submissions and one for outcomes. A database that takes several transactions at a time works
    /// on one while the other is on its way.
    pub(crate) fn split(self) -> (Self, Self) {
        let submissions = Self::of(Arc::clone(&self.core), self.intake, None);
        (submissions, Self::of(self.core, None, self.results))
    }

    /// Commits until told to stop, then what is still in its queues.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            let stopping = stop.is_cancelled();
            self.hurry = stopping;
            self.core.pressure.measure(self.core.clock.monotonic());
            if self.outcomes.is_empty() && self.first.is_none() && !stopping {
                tokio::select! {
                    submission = next_submission(&mut self.intake) => self.first = Some(submission),
                    outcome = next_outcome(&mut self.results) => self.outcomes.extend(outcome),
                    () = tokio::time::sleep(ADMISSION), if !self.admission.is_empty() || !self.deferred.is_empty() => {}
                    () = stop.cancelled() => {}
                }
            }
            match self.tick().await {
                Round::Idle if stopping => return,
                Round::Idle | Round::Settled(_) => {}
                // With the database away there is no flushing; whatever is leased moves to others.
                Round::Failed if stopping => return,
                Round::Failed => tokio::time::sleep(BACK_OFF).await,
            }
        }
    }

    /// Commits what has gathered.
    pub(crate) async fn tick(&mut self) -> Round {
        let submissions = self.admit();
        let submissions = self.deferred.keep(submissions);
        let outcomes = self.gather();
        // A stack, because a batch that the database refuses is halved until the one at fault is alone.
        let waiting = self.deferred.take(MAX_SUBMISSIONS).into_iter();
        let mut batches: Vec<Batch> = waiting.map(Batch::deferred).collect();
        if submissions.is_empty() && outcomes.is_empty() && batches.is_empty() {
            return Round::Idle;
        }
        let all = submissions.len() + outcomes.len();
        self.core.pressure.commits(self.core.clock.monotonic(), all);
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
                Ok((written, placements)) => {
                    self.core.metrics.committed(size);
                    self.settle(batch.submissions, batch.outcomes, &written, &placements);
                }
                Err(Refused::Inboxes(busy)) => {
                    batch.submissions = self.deferred.put_back(batch.submissions, &busy);
                    if !batch.is_empty() {
                        batches.push(batch);
                    }
                }
                Err(Refused::Database(error)) if is_transient(&error) => {
                    tracing::warn!(%error, "a commit failed");
                    failed = true;
                    refuse(batch.submissions, || Problem::unavailable("the database is away"));
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
        if self.hurry {
            refuse(self.deferred.drain(), || {
                Problem::unavailable("the inbox is busy")
            });
        }
        if failed {
            Round::Failed
        } else {
            Round::Settled(all)
        }
    }

    /// Fails a delivery whose outcome the database refuses: if it were tried again, it would be refused again.
    async fn give_up(&self, job: &Job) {
        let (id, now) = (job.id.as_uuid(), self.core.clock.now());
        let why = "what came of the last attempt could not be stored";
        if let Err(error) = self.core.db.give_up(job.owner, &[id], why, now).await {
            tracing::error!(%error, delivery = %job.id, "nor can it be given up");
        }
    }

    /// The submissions of this batch.
    fn admit(&mut self) -> Vec<Submission> {
        let mut submissions = Vec::new();
        let (mut bytes, mut deliveries) = (0, 0);
        let intake = &mut self.intake;
        let next = || self.first.take().or_else(|| intake.as_mut()?.try_next());
        self.admission.round(&self.core, self.hurry, next, |submission| {
            bytes += submission.event.data.len();
            deliveries += submission.routes.len();
            submissions.push(submission);
            submissions.len() < MAX_SUBMISSIONS && bytes < MAX_BYTES && deliveries < MAX_DELIVERIES
        });
        submissions
    }

    /// The outcomes of this batch.
    fn gather(&mut self) -> Vec<Outcome> {
        let mut outcomes = std::mem::take(&mut self.outcomes);
        while outcomes.len() < MAX_OUTCOMES {
            let Some(outcome) = self.results.as_mut().and_then(|results| results.try_recv().ok()) else {
                break;
            };
            outcomes.push(outcome);
        }
        outcomes
    }

    /// One transaction. When it fails, no room is reserved in the lanes any more.
    async fn commit(&self, batch: &Batch) -> Result<(Written, Vec<Placement>), Refused> {
        let mut placements = Vec::new();
        let result = self.write(batch, &mut placements).await;
        match result {
            Ok(written) => Ok((written, placements)),
            Err(error) => {
                let mut lanes = self.core.lanes();
                for placement in placements {
                    let places = batch.submissions[placement.submission].places_of_each();
                    match placement.room {
                        true => lanes.unreserve(placement.lane, places),
                        false => lanes.spilled(placement.lane),
                    }
                }
                Err(error)
            }
        }
    }

    async fn write(&self, batch: &Batch, placements: &mut Vec<Placement>) -> Result<Written, Refused> {
        let db = &self.core.db;
        let mut written = Written {
            owner: self.core.owner(),
            leased: Vec::new(),
            first_routes: HashMap::new(),
            lost: HashSet::new(),
            followed: Vec::new(),
            notified: HashSet::new(),
        };
        let outcomes = &batch.outcomes;
        if outcomes.iter().any(summaries::ends_summary) {
            // What ends with a summary is read back.
            let transaction = db.begin().await?;
            self.write_batch(&transaction, batch, placements, &mut written)
                .await?;
            let finished = |id| !written.lost.contains(&id);
            written.followed = summaries::follow(db, &transaction, outcomes, finished).await?;
            self.finish(transaction, &mut written).await?;
        } else if db.is_sqlite() {
            let transaction = db.begin_inline().await?;
            self.write_through(transaction, batch, placements, &mut written)
                .await?;
        } else {
            let transaction = db.begin_direct().await?;
            self.write_through(transaction, batch, placements, &mut written)
                .await?;
        }
        Ok(written)
    }

    async fn write_through<W: Writing>(
        &self,
        transaction: W,
        batch: &Batch,
        placements: &mut Vec<Placement>,
        written: &mut Written,
    ) -> Result<(), Refused> {
        self.write_batch(&transaction, batch, placements, written).await?;
        Ok(self.finish(transaction, written).await?)
    }

    async fn finish<W: Writing>(&self, transaction: W, written: &mut Written) -> Result<(), DbErr> {
        let leased = std::mem::take(&mut written.leased);
        let committed = self.core.db.commit(transaction).await;
        committed.inspect_err(|_| self.core.doubt(written.owner, leased))
    }

    async fn write_batch<W: Writing>(
        &self,
        transaction: &W,
        batch: &Batch,
        placements: &mut Vec<Placement>,
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
            Refused::if_busy(db.lock_inboxes(transaction, &teams, Patience::None).await?)?;
        }
        let mut notifications = Vec::new();
        if !submissions.is_empty() {
            notifications = self
                .write_submissions(transaction, submissions, placements, written)
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
            // The locks come last, so that they are held for no longer than the commit takes.
            let busy = db.lock_inboxes(transaction, &written.notified, Patience::Some);
            Refused::if_busy(busy.await?)?;
            db.insert_notifications(transaction, &notifications).await?;
        }
        Ok(())
    }

    /// Writes submissions; the rows for inboxes that are still to be inserted.
    async fn write_submissions<'s, W: Writing>(
        &self,
        transaction: &W,
        submissions: &'s [Submission],
        placements: &mut Vec<Placement>,
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
        // In one order everywhere: replicas that insert the same ids must not lock one another out.
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

        self.place(submissions, &is_new, placements);
        let mut rooms = placements.iter();
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
                    Some(_) => rooms.next().is_some_and(|placement| placement.room),
                };
                if owned {
                    written.leased.push(planned.id.as_uuid());
                }
                // However many routes lead into the inbox, one row tells of the event.
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

    async fn find_first_routes<W: Writing>(
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

    /// Asks the lanes for room, all at once.
    fn place(&self, submissions: &[Submission], is_new: &[bool], placements: &mut Vec<Placement>) {
        let now = self.core.clock.monotonic();
        let mut lanes = self.core.lanes();
        for (index, submission) in submissions.iter().enumerate() {
            if !is_new[index] || submission.at_once {
                continue;
            }
            let places = submission.places_of_each();
            for (planned, route) in submission.routes.iter().enumerate() {
                if let Some(lane) = LaneId::of(&route.route, submission.event.team_id) {
                    let room = lanes.reserve(lane, places, now);
                    placements.push(Placement {
                        submission: index,
                        planned,
                        lane,
                        room,
                    });
                }
            }
        }
    }

    /// After the commit: into the lanes, and the answers.
    fn settle(
        &self,
        submissions: Vec<Submission>,
        outcomes: Vec<Outcome>,
        written: &Written,
        placements: &[Placement],
    ) {
        let core = &self.core;
        let job = |submission: &Submission, planned: usize, lane: LaneId| Job {
            id: submission.routes[planned].id,
            event: Arc::clone(&submission.event),
            places: submission.places_of_each(),
            route: Arc::clone(&submission.routes[planned].route),
            lane,
            owner: written.owner,
            _hold: core.holdings.hold(submission.routes[planned].id.as_uuid()),
            attempts: 0,
            tries: 0,
            first_attempt_at: None,
            created_at: submission.event.accepted_at,
            replay_of: None,
        };
        // Before anything may be sent: nobody is to hear what became of a delivery and then that it was made.
        if core.feed.is_watched() {
            let new = submissions.iter().enumerate();
            let new = new.filter(|(index, _)| !written.first_routes.contains_key(index));
            new.flat_map(|(_, submission)| encode::new_deliveries(submission))
                .for_each(|change| core.feed.changed(change));
        }
        if !placements.is_empty() {
            let now = core.clock.monotonic();
            let mut lanes = core.lanes();
            for placement in placements {
                match placement.room {
                    true => {
                        let job = job(
                            &submissions[placement.submission],
                            placement.planned,
                            placement.lane,
                        );
                        lanes.push(placement.lane, job, now);
                    }
                    false => lanes.spilled(placement.lane),
                }
            }
        }
        core.pump.notify_one();
        core.feed.notified(written.notified.iter().copied());
        summaries::tell_watchers(core, &written.followed);
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
            // Whoever asked may have gone; it was committed all the same.
            let _ = submission.answer.send(Ok(committed));
        }
        for outcome in outcomes {
            self.settle_outcome(outcome, written);
        }
    }

    fn settle_outcome(&self, outcome: Outcome, written: &Written) {
        let core = &self.core;
        let ours = !written.lost.contains(&outcome.job.id.as_uuid());
        if ours {
            if let Some(broken) = &outcome.breaks {
                core.health.broke(broken.channel_id, broken.epoch);
            }
            if let (Some(due), State::Held | State::Folded) = (outcome.due_at, outcome.state) {
                let wait = (due - core.clock.now()).to_std().unwrap_or_default();
                let now = core.clock.monotonic();
                core.lanes().expect_backlog(outcome.job.lane, now + wait, now);
            }
            if core.feed.is_watched() {
                core.feed.changed(encode::changed(&outcome));
            }
        } else {
            tracing::warn!(delivery = %outcome.job.id, "another replica has taken this delivery over meanwhile");
        }
        core.metrics.outcome(&outcome);
        if let Some(answer) = outcome.answer {
            let _ = answer.send(ours);
        }
    }
}

/// Never, when another loop commits them.
async fn next_submission(intake: &mut Option<Turns>) -> Submission {
    match intake {
        Some(intake) => intake.next().await,
        None => std::future::pending().await,
    }
}

/// The same.
async fn next_outcome(results: &mut Option<mpsc::Receiver<Outcome>>) -> Option<Outcome> {
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
