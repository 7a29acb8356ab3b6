//! State shared by the loops of one replica: the lanes in memory, the queues of the committer, and the replica's
//! identity.

pub(crate) mod feed;
pub(crate) mod load;
pub(crate) mod submission_queue;

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, mpsc};
use uuid::Uuid;
use watchbell_model::brand::Brand;
use watchbell_model::clock::SharedClock;

use crate::channel::cache::Channels;
use crate::channel::health::Health;
use crate::channel::hold::HoldPlans;
use crate::channel::mail_budget::Budgets;
use crate::channel::storm::Storms;
use crate::job::live_jobs::LiveJobs;
use crate::job::{Job, JobOutcome};
use crate::lanes::Lanes;
use crate::metrics::Metrics;
use crate::senders::Transport;
use crate::settings::{MailPolicy, Settings};
use crate::state::feed::Feed;
use crate::state::load::LoadMonitor;
use crate::state::submission_queue::{SubmissionQueue, SubmissionReceiver};
use crate::store::Db;

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
    pub(crate) hold_plans: HoldPlans,
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
    /// Something may be claimed.
    pub(crate) sweep: Notify,
    lanes: Mutex<Lanes<Job>>,
    owner: Mutex<Uuid>,
    /// Leases of commits whose result is unknown.
    uncertain_leases: Mutex<Vec<(Uuid, Uuid)>>,
}

/// Parts of a [`Core`] that its creator provides.
pub(crate) struct Parts {
    pub(crate) clock: SharedClock,
    pub(crate) settings: Settings,
    pub(crate) db: Db,
    pub(crate) channels: Channels,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) metrics: Metrics,
    pub(crate) mail: MailPolicy,
    pub(crate) brand: Arc<Brand>,
    pub(crate) jitter: fn() -> f64,
}

// === impl Core ===

impl Core {
    /// A core, and the ends of its queues for the committer.
    pub(crate) fn new(parts: Parts) -> (Arc<Self>, SubmissionReceiver, mpsc::Receiver<JobOutcome>) {
        let (submissions, receiver) = SubmissionQueue::new(parts.settings.intake_queue);
        let (outcomes, results) = mpsc::channel(parts.settings.outcome_queue);
        let limits = parts.settings.limits();
        let feed = Feed::new(parts.db.store());
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
            brand: parts.brand,
            hold_plans: HoldPlans::default(),
            live_jobs: LiveJobs::default(),
            feed,
            metrics: parts.metrics,
            jitter: parts.jitter,
            submissions,
            outcomes,
            pump: Notify::new(),
            sweep: Notify::new(),
            lanes: Mutex::new(Lanes::new(limits)),
            owner: Mutex::new(Uuid::now_v7()),
            uncertain_leases: Mutex::default(),
        };
        (Arc::new(core), receiver, results)
    }

    /// The lanes. Hold them briefly, and never across an await.
    pub(crate) fn lanes(&self) -> MutexGuard<'_, Lanes<Job>> {
        self.lanes.lock()
    }

    /// The identity under which this replica takes leases.
    pub(crate) fn owner(&self) -> Uuid {
        *self.owner.lock()
    }

    /// Changes the identity after other replicas took this one for dead. Jobs of the former identity are dropped;
    /// others own them now.
    pub(crate) fn begin_new_epoch(&self, id: Uuid) {
        *self.owner.lock() = id;
        self.lanes().retain(|job| job.owner == id);
    }

    /// Notes leases that may or may not have been taken; the sweeper gives them back.
    pub(crate) fn record_uncertain_leases(&self, owner: Uuid, ids: impl IntoIterator<Item = Uuid>) {
        let mut uncertain_leases = self.uncertain_leases.lock();
        uncertain_leases.extend(ids.into_iter().map(|id| (owner, id)));
    }

    /// Those leases, to be given back.
    pub(crate) fn take_uncertain_leases(&self) -> Vec<(Uuid, Uuid)> {
        std::mem::take(&mut *self.uncertain_leases.lock())
    }
}
