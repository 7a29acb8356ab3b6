//! The Dispatcher: owns events, deliveries, attempts and the in-app inbox, and is the only part of Watchbell that
//! talks to the outside. An accepted event is delivered at least once to every route, whichever process dies when:
//! callers are answered only after the commit, and committed work belongs to a living replica or is taken over.
//!
//! The path of an event: `api/submit` parses it, `intake` stores it, the `lanes` schedule it, `delivery` sends it and
//! decides what follows, and `intake` stores the outcome. Deliveries that cannot be sent now wait in the database,
//! from where the sweeper in `maintenance` brings them back.

mod advertise;
mod api;
mod channel;
mod delivery;
mod encode;
mod error;
mod event;
mod group;
mod intake;
mod job;
mod lanes;
mod loops;
mod maintenance;
mod metrics;
mod ownership;
mod reminder;
mod resend;
mod senders;
mod settings;
mod state;
mod stats;
mod store;

#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod simulation;

use std::net::SocketAddr;
use std::sync::Arc;

use opentelemetry::metrics::Meter;
use uuid::Uuid;
use watchbell_contracts::api::SnapshotApi;
use watchbell_egress::{Guard, HttpClient, SmtpSender};
use watchbell_model::brand::Brand;
use watchbell_model::clock::SharedClock;
use watchbell_model::decision::Decide;
use watchbell_model::unsubscribe::UnsubscribeKeys;
use watchbell_runtime::cells::CellDirectory;
use watchbell_runtime::client::Peers;
use watchbell_runtime::config_feed::ConfigFeed;
use watchbell_runtime::tasks::TaskSet;
use watchbell_runtime::tenant_pool::TenantPool;
use watchbell_store::Store;

pub use api::Service;
pub use error::{CorruptRow, Error, OpenError};
#[cfg(feature = "fuzzing")]
pub use senders::fuzzing;
pub use settings::{MailSecurity, MailSettings, Settings};
pub use store::Migrator;

use crate::channel::cache::Channels;
use crate::intake::committer::Committer;
use crate::maintenance::heartbeat::Heartbeat;
use crate::senders::{SenderDeps, Senders};
use crate::state::{Core, Parts};
use crate::store::Db;

/// A Dispatcher that has opened its database and waits to be started.
pub struct Dispatcher {
    core: Arc<Core>,
    heartbeat: Arc<Heartbeat>,
    committer: Committer,
    peers: Arc<Peers>,
    cells: Arc<CellDirectory>,
    cell_id: Uuid,
}

/// What a Dispatcher needs of others.
pub struct Needs {
    /// The only source of time.
    pub clock: SharedClock,
    /// Config, remote or in this process.
    pub config: Arc<dyn SnapshotApi>,
    /// What has changed in Config.
    pub feed: ConfigFeed,
    /// Where it measures.
    pub meter: Meter,
    /// How other replicas are called.
    pub peers: Arc<Peers>,
    /// Which cell teams live in.
    pub cells: Arc<CellDirectory>,
    /// Who gets an operational event.
    pub decide: Decide,
}

/// A Dispatcher's place among the replicas.
#[derive(Clone)]
pub struct Membership {
    heartbeat: Arc<Heartbeat>,
}

/// How a Dispatcher reaches the outside world, and under which name.
pub struct Outgoing {
    /// Under which name it speaks.
    pub brand: Brand,
    /// What may be dialled, and who is believed there.
    pub guard: Guard,
    /// The platform's own mail server.
    pub mail: MailSettings,
    /// Sign the links in messages. Config verifies those to unsubscribe with the same, and the Dispatcher those to acknowledge.
    pub link_keys: UnsubscribeKeys,
}

// === impl Dispatcher ===

impl Dispatcher {
    /// Opens the database, migrates it and enters this replica. Nothing runs yet.
    ///
    /// # Errors
    /// Wrong settings, or a database that is away.
    pub async fn open(settings: Settings, needs: Needs, outgoing: Outgoing) -> Result<Self, OpenError> {
        let guard = outgoing.guard;
        let (peers, cells) = (needs.peers, needs.cells);
        let brand = Arc::new(outgoing.brand);
        let mail = outgoing.mail.policy();
        let tenant_pool = TenantPool::new();
        let senders = Senders::new(SenderDeps {
            tenant_pool: tenant_pool.clone(),
            http: HttpClient::new(guard.clone()),
            smtp: SmtpSender::new(guard.clone()),
            guard,
            clock: Arc::clone(&needs.clock),
            brand: Arc::clone(&brand),
            platform_mail: outgoing.mail.server(),
            link_keys: outgoing.link_keys.clone(),
        })
        .map_err(|error| OpenError::Senders(error.to_string()))?;
        let store = watchbell_store::connect(&settings.database).await?;
        store.migrate::<Migrator>().await?;
        let parts = Parts {
            channels: Channels::new(needs.config, needs.feed, Arc::clone(&needs.clock), mail.is_set),
            clock: needs.clock,
            settings,
            db: Db::new(store),
            transport: Arc::new(senders),
            tenant_pool,
            decide: needs.decide,
            metrics: metrics::Metrics::new(&needs.meter),
            mail,
            brand,
            link_keys: outgoing.link_keys,
            jitter: rand::random,
        };
        let (core, intake, outcomes) = Core::new(parts);
        Heartbeat::enter(&core).await?;
        let cell_id = core.db.cell_id().await?;
        let committer = Committer::new(Arc::clone(&core), intake, outcomes);
        let heartbeat = Arc::new(Heartbeat::new(Arc::clone(&core)));
        Ok(Self {
            core,
            heartbeat,
            committer,
            peers,
            cells,
            cell_id,
        })
    }

    /// Tells its cell from others.
    #[must_use]
    pub const fn cell_id(&self) -> Uuid {
        self.cell_id
    }

    /// The database, for closing it at the very end.
    #[must_use]
    pub fn store(&self) -> &Store {
        self.core.db.store()
    }

    /// The services, for callers in this process and for the gRPC server.
    #[must_use]
    pub fn service(&self) -> Service {
        Service {
            core: Arc::clone(&self.core),
            peers: Arc::clone(&self.peers),
            cells: Arc::clone(&self.cells),
            cell_id: self.cell_id,
            turns: Arc::default(),
        }
    }

    /// Its place among the replicas.
    #[must_use]
    pub fn membership(&self) -> Membership {
        Membership {
            heartbeat: Arc::clone(&self.heartbeat),
        }
    }

    /// Starts all loops.
    pub fn start(self, tasks: &mut TaskSet) {
        loops::start(&self.core, self.heartbeat, self.committer, tasks);
    }
}

// === impl Membership ===

impl Membership {
    /// Lets it take shards: it listens at this address, by TLS or not.
    pub async fn join(&self, listening: SocketAddr, tls: bool) {
        let settings = &self.heartbeat.core().settings;
        let url = match settings.advertise.as_str() {
            "" => advertise::url(listening, tls, &settings.database).await,
            given => given.to_owned(),
        };
        self.heartbeat.join(&url);
    }

    /// Hands its shards over to the other replicas while it still serves. Calls about them are passed on from then on.
    pub async fn retire(&self) {
        if let Err(error) = self.heartbeat.retire().await {
            tracing::warn!(%error, "shards were not handed over; other replicas take them over soon");
        }
    }
}
