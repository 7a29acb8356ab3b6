//! State shared by the loops of one replica: the lanes in memory, the queues of the committer, and the replica's
//! identity.

pub(crate) mod due_lanes;
pub(crate) mod feed;
pub(crate) mod load;
pub(crate) mod positions;
mod shards;
pub(crate) mod submission_queue;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use parking_lot::{Mutex, MutexGuard};
use sea_orm::DbErr;
use tokio::sync::{Notify, mpsc, watch};
use uuid::Uuid;
use watchbell_model::brand::Brand;
use watchbell_model::budget::{SharedBudget, units};
use watchbell_model::clock::SharedClock;
use watchbell_model::decision::Decide;
use watchbell_model::ids::TeamId;
use watchbell_model::shard::ShardId;
use watchbell_model::unsubscribe::UnsubscribeKeys;
use watchbell_runtime::running::Running;
use watchbell_runtime::tenant_pool::TenantPool;

use crate::channel::cache::Channels;
use crate::channel::health::Health;
use crate::channel::hold::HoldPlans;
use crate::channel::mail_budget::Budgets;
use crate::channel::silence::SilencePlans;
use crate::channel::storm::Storms;
use crate::job::live_jobs::LiveJobs;
use crate::job::{Job, JobOutcome};
use crate::lanes::{LaneId, Lanes};
use crate::metrics::Metrics;
use crate::ownership::Ownership;
use crate::resend::Resends;
use crate::senders::Transport;
use crate::senders::preview::Previews;
use crate::settings::{MailPolicy, Settings};
use crate::state::due_lanes::DueLanes;
use crate::state::feed::Feed;
use crate::state::load::LoadMonitor;
use crate::state::positions::Positions;
use crate::state::submission_queue::{SubmissionQueue, SubmissionReceiver};
use crate::store::{Db, Transaction, micros};

/// Bytes of events that all streams together have read and their callers have not. Those of one team have at most as many as are still free.
const MAX_UNREAD: usize = 32 * 1024 * 1024;

/// Shared by everything in one replica.
pub(crate) struct Core {
    pub(crate) clock: SharedClock,
    pub(crate) settings: Settings,
    pub(crate) db: Db,
    pub(crate) channels: Channels,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) health: Health,
    pub(crate) load: LoadMonitor,
    pub(crate) storms: Storms,
    pub(crate) budgets: Budgets,
    pub(crate) mail: MailPolicy,
    pub(crate) brand: Arc<Brand>,
    /// Verify the links of messages.
    pub(crate) link_keys: UnsubscribeKeys,
    pub(crate) previews: Previews,
    pub(crate) hold_plans: HoldPlans,
    pub(crate) silence_plans: SilencePlans,
    /// Evaluates the expressions of silences.
    pub(crate) tenant_pool: TenantPool,
    /// Teams whose deliveries are counted.
    pub(crate) counting: Running,
    /// What streams of events have read and their callers have not.
    pub(crate) unread_events: SharedBudget,
    /// Of which teams deliveries are sent again.
    pub(crate) resends: Resends,
    /// Who gets an operational event.
    pub(crate) decide: Decide,
    pub(crate) live_jobs: LiveJobs,
    pub(crate) feed: Feed,
    pub(crate) metrics: Metrics,
    /// A random number in [0, 1), so that what failed together does not come back together.
    pub(crate) jitter: fn() -> f64,
    /// Into the committer. Full: overloaded.
    pub(crate) submissions: Arc<SubmissionQueue>,
    /// Into the committer. Full: attempts wait with their slots, and nothing new is started.
    pub(crate) outcomes: mpsc::Sender<JobOutcome>,
    /// Something may be sent.
    pub(crate) pump: Notify,
    /// Something may be loaded.
    pub(crate) sweep: Notify,
    /// When the sweeper looks again by itself, in microseconds since 1970.
    pub(crate) next_sweep: AtomicI64,
    /// The table of shards should be read now.
    pub(crate) refresh: Notify,
    /// Locked while the table is read, so that an older version does not replace a newer one.
    pub(crate) refreshing: tokio::sync::Mutex<()>,
    /// Counts how often the table was read.
    pub(crate) refreshes: watch::Sender<u64>,
    /// Where other replicas and services call this one; `None` while it takes no shards.
    pub(crate) address: Mutex<Option<Arc<str>>>,
    /// Of teams' newest events.
    pub(crate) positions: Positions,
    /// Held from the first row of an inbox that a transaction inserts until its commit, so that cursors ascend in the
    /// order of commits.
    pub(crate) inboxes: tokio::sync::Mutex<()>,
    ownership: Mutex<Ownership>,
    lanes: Mutex<Lanes<Job>>,
    due: Mutex<DueLanes>,
    gathering: Mutex<DueLanes>,
    owner: Mutex<Uuid>,
}

/// Parts of a [`Core`] that its creator provides.
pub(crate) struct Parts {
    pub(crate) clock: SharedClock,
    pub(crate) settings: Settings,
    pub(crate) db: Db,
    pub(crate) channels: Channels,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) tenant_pool: TenantPool,
    pub(crate) decide: Decide,
    pub(crate) metrics: Metrics,
    pub(crate) mail: MailPolicy,
    pub(crate) brand: Arc<Brand>,
    pub(crate) link_keys: UnsubscribeKeys,
    pub(crate) jitter: fn() -> f64,
}

// === impl Core ===

impl Core {
    /// A core, and the ends of its queues for the committer.
    pub(crate) fn new(parts: Parts) -> (Arc<Self>, SubmissionReceiver, mpsc::Receiver<JobOutcome>) {
        let (submissions, receiver) = SubmissionQueue::new(parts.settings.intake_queue);
        let (outcomes, results) = mpsc::channel(parts.settings.outcome_queue);
        let limits = parts.settings.limits();
        let core = Self {
            clock: parts.clock,
            settings: parts.settings,
            db: parts.db,
            channels: parts.channels,
            transport: parts.transport,
            health: Health::default(),
            load: LoadMonitor::default(),
            storms: Storms::default(),
            budgets: Budgets::new(parts.mail.per_team_hour),
            mail: parts.mail,
            previews: Previews::new(Arc::clone(&parts.brand)),
            brand: parts.brand,
            link_keys: parts.link_keys,
            hold_plans: HoldPlans::default(),
            silence_plans: SilencePlans::default(),
            tenant_pool: parts.tenant_pool,
            counting: Running::default(),
            unread_events: SharedBudget::new(units(MAX_UNREAD)),
            resends: Resends::default(),
            decide: parts.decide,
            live_jobs: LiveJobs::default(),
            feed: Feed::default(),
            metrics: parts.metrics,
            jitter: parts.jitter,
            submissions,
            outcomes,
            pump: Notify::new(),
            sweep: Notify::new(),
            next_sweep: AtomicI64::new(i64::MAX),
            refresh: Notify::new(),
            refreshing: tokio::sync::Mutex::default(),
            refreshes: watch::Sender::default(),
            address: Mutex::default(),
            positions: Positions::default(),
            inboxes: tokio::sync::Mutex::default(),
            ownership: Mutex::default(),
            lanes: Mutex::new(Lanes::new(limits)),
            due: Mutex::default(),
            gathering: Mutex::default(),
            owner: Mutex::new(Uuid::now_v7()),
        };
        (Arc::new(core), receiver, results)
    }

    /// The lanes. Hold them briefly, and never across an await.
    pub(crate) fn lanes(&self) -> MutexGuard<'_, Lanes<Job>> {
        self.lanes.lock()
    }

    /// The shards of this replica. Hold them briefly, never across an await, and before the lanes.
    pub(crate) fn ownership(&self) -> MutexGuard<'_, Ownership> {
        self.ownership.lock()
    }

    /// Whether this replica owns a team's shard, and the team lives in this cell.
    pub(crate) fn owns(&self, team: TeamId) -> bool {
        self.ownership().serves(team)
    }

    /// Begins a transaction that writes for a team, under the fence. `None` when the team is served elsewhere, or not at this moment.
    pub(crate) async fn begin_fenced(&self, team: TeamId) -> Result<Option<Transaction>, DbErr> {
        loop {
            let fence = {
                let ownership = self.ownership();
                ownership
                    .serves(team)
                    .then(|| ownership.fence([ShardId::of(team)]))
            };
            let Some(fence) = fence else {
                self.refresh.notify_one();
                return Ok(None);
            };
            let transaction = self.db.begin().await?;
            let fenced = self.db.fence(&transaction, self.owner(), &fence).await?;
            if fenced.is_open() {
                return Ok(Some(transaction));
            }
            drop(transaction);
            if !fenced.lost.is_empty() {
                self.refresh.notify_one();
                return Ok(None);
            }
            self.refresh_shards().await?;
        }
    }

    /// Whether an attempt of this job may start now.
    pub(crate) fn may_send(&self, job: &Job) -> bool {
        let now = self.clock.monotonic();
        self.ownership().may_send(job.team_id(), job.epoch, now)
    }

    /// The database holds a delivery of a lane that is due then, and has no job.
    pub(crate) fn note_due(&self, team: TeamId, lane: LaneId, at: DateTime<Utc>) {
        if self.due().note(team, lane, at) {
            self.wake_sweeper(at);
        }
    }

    /// The database holds a delivery of a lane that is due for a summary then.
    pub(crate) fn note_gathering(&self, team: TeamId, lane: LaneId, at: DateTime<Utc>) {
        if self.gathering().note(team, lane, at) {
            self.wake_sweeper(at);
        }
    }

    /// As [`Core::note_gathering`]. New deliveries of the lane queue up behind what comes then.
    pub(crate) fn expect_gathering(&self, team: TeamId, lane: LaneId, at: DateTime<Utc>) {
        let wait = (at - self.clock.now()).to_std().unwrap_or_default();
        let now = self.clock.monotonic();
        self.lanes().expect_backlog(lane, now + wait, now);
        self.note_gathering(team, lane, at);
    }

    fn wake_sweeper(&self, at: DateTime<Utc>) {
        if micros(at) < self.next_sweep.load(Ordering::Relaxed) {
            self.sweep.notify_one();
        }
    }

    /// Lanes with deliveries in the database that have no job.
    pub(crate) fn due(&self) -> MutexGuard<'_, DueLanes> {
        self.due.lock()
    }

    /// Lanes with deliveries in the database that may be summarised.
    pub(crate) fn gathering(&self) -> MutexGuard<'_, DueLanes> {
        self.gathering.lock()
    }

    /// Leaves a delivery to the database: its job ends here without an outcome.
    pub(crate) fn put_back(&self, job: Job) {
        let (team, lane) = (job.team_id(), job.lane);
        // First, since what has a job is not loaded.
        drop(job);
        if self.owns(team) {
            self.note_due(team, lane, self.clock.now());
        }
    }

    /// Drops the waiting jobs of shards that this replica has lost, or is about to. The next owner loads them.
    pub(crate) fn drop_jobs(&self, shards: &BTreeSet<ShardId>) {
        if shards.is_empty() {
            return;
        }
        self.lanes().retain(|job| !shards.contains(&job.shard()));
        self.due().forget(shards);
        self.gathering().forget(shards);
        self.storms.forget(shards);
    }

    /// Drops the waiting jobs of a team that is served elsewhere, or is about to be.
    pub(crate) fn drop_jobs_of(&self, team: TeamId) {
        self.lanes().retain(|job| job.team_id() != team);
        self.due().forget_team(team);
        self.gathering().forget_team(team);
        self.positions.forget(team);
    }

    /// The identity under which this replica owns shards.
    pub(crate) fn owner(&self) -> Uuid {
        *self.owner.lock()
    }

    /// Changes the identity after other replicas took this one for dead. What it owned is theirs now.
    pub(crate) fn begin_new_epoch(&self, id: Uuid) {
        *self.owner.lock() = id;
        let lost = self.ownership().clear();
        self.drop_jobs(&lost);
        self.feed.end(&lost);
    }
}
