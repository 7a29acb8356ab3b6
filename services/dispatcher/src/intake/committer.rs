//! Group commit. A loop writes the submissions and outcomes that have gathered in one transaction; meanwhile the next
//! batch gathers. Callers are answered only after the commit. SQLite has one such loop for both, PostgreSQL one for
//! each.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use watchbell_model::ids::TeamId;
use watchbell_model::shard::ShardId;
use watchbell_runtime::problem::Problem;
use watchbell_store::is_transient;

use super::commit::{Batch, Refused, commit};
use super::settle::settle;
use crate::intake::backpressure::Backpressure;
use crate::job::{Job, JobOutcome, Submission};
use crate::state::Core;
use crate::state::submission_queue::SubmissionReceiver;

// The next event, of any team, waits for the current transaction: these bounds keep it at some 10 ms on SQLite. The fixed
// cost of a transaction, one fsync and four statements, is a few percent of that.
/// Submissions of one transaction.
const MAX_SUBMISSIONS: usize = 256;
/// Deliveries of one transaction; one more event may exceed it.
const MAX_DELIVERIES: usize = 256;
/// Outcomes of one transaction; more than deliveries, so that accepted events are finished before more are accepted.
const MAX_OUTCOMES: usize = 384;
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
    /// The process stops: submissions no longer wait.
    draining: bool,
    /// Also those of a commit that failed, whose jobs live on.
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
                    () = tokio::time::sleep(BACKPRESSURE_POLL), if !self.backpressure.is_empty() => {}
                    () = stop.cancelled() => {}
                }
            }
            match self.tick().await {
                BatchResult::Idle if stopping => return,
                BatchResult::Idle | BatchResult::Settled(_) => {}
                // Without the database nothing can be flushed; the next owners send again.
                BatchResult::Failed if stopping => return,
                BatchResult::Failed => tokio::time::sleep(BACK_OFF).await,
            }
        }
    }

    /// Commits one batch.
    pub(crate) async fn tick(&mut self) -> BatchResult {
        let batch = Batch {
            submissions: self.admit(),
            outcomes: self.gather(),
        };
        if batch.is_empty() {
            return BatchResult::Idle;
        }
        let all = batch.len();
        self.core.load.commit_started(self.core.clock.monotonic(), all);
        let mut failed = false;
        // A stack, because a batch that the database refuses is halved until the one at fault is alone.
        let mut batches = vec![batch];
        while let Some(mut batch) = batches.pop() {
            let size = batch.len();
            // Each submission has a span of its own in the trace of its event.
            let span = tracing::debug_span!(
                "transaction",
                submissions = batch.submissions.len(),
                outcomes = batch.outcomes.len()
            );
            match commit(&self.core, &batch).instrument(span).await {
                Ok(written) => {
                    self.core.metrics.committed(size);
                    settle(&self.core, batch, written);
                }
                Err(Refused::Shards(lost)) => {
                    batch.submissions = self.refuse_lost(batch.submissions, &lost);
                    if !batch.is_empty() {
                        batches.push(batch);
                    }
                }
                Err(Refused::Teams(absent)) => {
                    batch.submissions = refuse_absent(batch.submissions, &absent);
                    // The next cell makes their attempts again.
                    batch
                        .outcomes
                        .retain(|outcome| !absent.contains(&outcome.job.team_id()));
                    if !batch.is_empty() {
                        batches.push(batch);
                    }
                }
                Err(Refused::Outdated) => {
                    if let Err(error) = self.core.refresh_shards().await {
                        tracing::warn!(%error, "the shards cannot be read");
                        tokio::time::sleep(BACK_OFF).await;
                    }
                    batches.push(batch);
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
        if failed {
            BatchResult::Failed
        } else {
            BatchResult::Settled(all)
        }
    }

    /// Fails a delivery whose outcome the database refuses, because a retry would be refused again.
    async fn give_up(&self, job: &Job) {
        let (core, team, id) = (&self.core, job.team_id(), job.id.as_uuid());
        let why = "the result of the last attempt could not be stored";
        let given_up = async {
            let Some(transaction) = core.begin_fenced(team).await? else {
                return Ok(());
            };
            core.db
                .give_up(&transaction, team, id, why, core.clock.now())
                .await?;
            core.db.commit(transaction).await
        };
        if let Err(error) = given_up.await {
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

    /// Refuses the submissions of shards that another replica owns; returns the others.
    fn refuse_lost(&self, submissions: Vec<Submission>, lost: &BTreeSet<ShardId>) -> Vec<Submission> {
        // Another read of the table says whose they are.
        self.core.refresh.notify_one();
        let is_lost = |submission: &Submission| lost.contains(&ShardId::of(submission.event.team_id));
        let (refused, others): (Vec<_>, Vec<_>) = submissions.into_iter().partition(is_lost);
        refuse(refused, || Problem::NotOwner { address: None });
        others
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

/// Refuses the submissions of teams that are not served here; returns the others. Whoever submitted them finds out where.
fn refuse_absent(submissions: Vec<Submission>, absent: &BTreeSet<TeamId>) -> Vec<Submission> {
    let is_absent = |submission: &Submission| absent.contains(&submission.event.team_id);
    let (refused, others): (Vec<_>, Vec<_>) = submissions.into_iter().partition(is_absent);
    refuse(refused, || Problem::NotOwner { address: None });
    others
}

fn refuse(submissions: Vec<Submission>, problem: impl Fn() -> Problem) {
    for submission in submissions {
        let _ = submission.answer.send(Err(problem()));
    }
}
