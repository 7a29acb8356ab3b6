//! The service: what its handlers and loops share, and how it opens.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use watchbell_contracts::api::DispatcherApi;
use watchbell_egress::Guard;
use watchbell_model::brand::Brand;
use watchbell_model::clock::SharedClock;
use watchbell_model::decision::Decide;
use watchbell_model::unsubscribe::UnsubscribeKeys;
use watchbell_runtime::tenant_pool::TenantPool;
use watchbell_store::{Store, connect};

use crate::cells::{CellClients, Cells};
use crate::dispatcher::Link;
use crate::error::Result;
use crate::followers::Followers;
use crate::sealing::Keyring;
use crate::settings::Settings;
use crate::slack::SlackApp;
use crate::store::{self, Migrator};

/// Config. Implements every API of the control plane; cheap to clone.
#[derive(Debug, Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    clock: SharedClock,
    keyring: Keyring,
    guard: Guard,
    unsubscribe_keys: Option<UnsubscribeKeys>,
    closing: CancellationToken,
    followers: Followers,
    dispatcher: Link,
    cells: Cells,
    brand: Brand,
    platform_mail: bool,
    confirm_recipients: bool,
    slack: Option<SlackApp>,
    tenant_pool: TenantPool,
}

// === impl Service ===

impl Service {
    /// Connects to the database and brings its tables up to date.
    ///
    /// # Errors
    /// Wrong settings, or a database that is away (see [`watchbell_store::StoreError::is_transient`]).
    pub async fn open(settings: &Settings, guard: Guard, clock: SharedClock) -> Result<Self> {
        let store = connect(&settings.database).await?;
        store.migrate::<Migrator>().await?;
        Self::new(store, settings, guard, clock)
    }

    /// On a store that is open and migrated, with a guard of the caller's.
    ///
    /// # Errors
    /// Keys that cannot be used.
    pub fn new(store: Store, settings: &Settings, guard: Guard, clock: SharedClock) -> Result<Self> {
        let keyring = Keyring::new(&settings.sealing)?;
        let keys = &settings.unsubscribe_keys;
        let unsubscribe_keys = (!keys.is_empty())
            .then(|| UnsubscribeKeys::new(keys.iter().cloned()))
            .transpose()?;
        let closing = CancellationToken::new();
        let slack = settings
            .slack
            .as_ref()
            .map(|slack| SlackApp::new(slack, &settings.brand, guard.clone()));
        Ok(Self {
            inner: Arc::new(Inner {
                store,
                followers: Followers::new(clock.clone()),
                clock,
                keyring,
                guard,
                unsubscribe_keys,
                closing,
                dispatcher: Link::default(),
                cells: Cells::default(),
                brand: settings.brand.clone(),
                platform_mail: settings.platform_mail,
                confirm_recipients: settings.confirm_recipients,
                slack,
                tenant_pool: TenantPool::new(),
            }),
        })
    }

    /// Says where the Dispatcher is, which may open after Config, and who gets an operational event: for how channels fare, and to
    /// tell Owners and others. The first ones given stay.
    pub fn attach_dispatcher(&self, dispatcher: Arc<dyn DispatcherApi>, decide: Decide) {
        self.inner.dispatcher.attach(dispatcher, decide);
    }

    /// Says how the Dispatchers of cells are called. The first ones given stay.
    pub fn attach_cells(&self, clients: CellClients) {
        self.inner.cells.attach(clients);
    }

    pub(crate) fn cells(&self) -> &Cells {
        &self.inner.cells
    }

    /// The database, for readiness checks and for closing it at the very end.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn clock(&self) -> &SharedClock {
        &self.inner.clock
    }

    pub(crate) fn followers(&self) -> &Followers {
        &self.inner.followers
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.inner.keyring
    }

    pub(crate) fn dispatcher(&self) -> &Link {
        &self.inner.dispatcher
    }

    pub(crate) fn brand(&self) -> &Brand {
        &self.inner.brand
    }

    pub(crate) fn platform_mail(&self) -> bool {
        self.inner.platform_mail
    }

    /// Whether new recipients outside a team are asked first. Without a mail server of the platform's, teams mail by
    /// their own, and there is nothing to ask by.
    pub(crate) fn confirms_recipients(&self) -> bool {
        self.inner.confirm_recipients && self.inner.platform_mail
    }

    pub(crate) fn slack(&self) -> Option<&SlackApp> {
        self.inner.slack.as_ref()
    }

    /// The pool in which teams' schemas are compiled and tried.
    pub(crate) fn tenant_pool(&self) -> &TenantPool {
        &self.inner.tenant_pool
    }

    pub(crate) fn guard(&self) -> &Guard {
        &self.inner.guard
    }

    pub(crate) fn unsubscribe_keys(&self) -> Option<&UnsubscribeKeys> {
        self.inner.unsubscribe_keys.as_ref()
    }

    pub(crate) fn closing(&self) -> &CancellationToken {
        &self.inner.closing
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        store::now(self.clock())
    }
}
