//! The service: what its handlers share, how it opens, and the loops that run beside it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use watchbell_contracts::api::DispatcherApi;
use watchbell_egress::Guard;
use watchbell_model::brand::Brand;
use watchbell_model::clock::SharedClock;
use watchbell_model::ids::TeamId;
use watchbell_model::secret::Secret;
use watchbell_model::unsubscribe::UnsubscribeKeys;
use watchbell_runtime::settings::read;
use watchbell_runtime::workshop::Workshop;
use watchbell_store::{DatabaseSettings, Store, connect};

use crate::confirmations::ConfirmationAsker;
use crate::dispatcher::Link;
use crate::error::Result;
use crate::followers::Followers;
use crate::owners::OwnerTeller;
use crate::pruner::FeedPruner;
use crate::resealer::Resealer;
use crate::sealing::{Keyring, SealingSettings};
use crate::slack::{SlackApp, SlackSettings};
use crate::store::changes::Change;
use crate::store::{self, Migrator};

/// How Config is configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Its own database.
    pub database: DatabaseSettings,
    /// The keys that seal channels' secrets. A key must be there when the service opens.
    #[serde(default)]
    pub sealing: SealingSettings,
    /// The keys of the links in emails: the one that the Dispatchers sign with, then those that still verify. Without
    /// any, no link is valid.
    #[serde(default, deserialize_with = "read::list")]
    pub unsubscribe_keys: Vec<Secret>,
    /// The platform's Slack app; without it there is no "Add to Slack".
    #[serde(default)]
    pub slack: Option<SlackSettings>,
    /// Under which name, and at which address, pages are served. The composing process puts it in.
    #[serde(skip)]
    pub brand: Brand,
    /// Whether the platform has a mail server of its own. The composing process puts it in.
    #[serde(skip)]
    pub platform_mail: bool,
    /// Whether recipients outside the domains of a team's members get mail by the platform's server only once they have
    /// confirmed that they want it.
    #[serde(default = "yes")]
    pub confirm_recipients: bool,
}

const fn yes() -> bool {
    true
}

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
    brand: Brand,
    platform_mail: bool,
    confirm_recipients: bool,
    slack: Option<SlackApp>,
    workshop: Workshop,
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
                brand: settings.brand.clone(),
                platform_mail: settings.platform_mail,
                confirm_recipients: settings.confirm_recipients,
                slack,
                workshop: Workshop::new(),
            }),
        })
    }

    /// Runs the loops until `shutdown`; then ends the open streams, so that a server can drain.
    pub async fn run(&self, shutdown: CancellationToken) {
        let pruner = FeedPruner::new(self.store().clone(), self.clock().clone());
        let resealer = Resealer::new(self.clone());
        let teller = OwnerTeller::new(self.clone());
        let asker = ConfirmationAsker::new(self.clone());
        tokio::join!(
            self.followers().exchange(self.store(), &shutdown),
            every(
                Duration::from_secs(3600),
                &shutdown,
                "pruning the change feed",
                || pruner.tick()
            ),
            every(
                Duration::from_secs(3600),
                &shutdown,
                "sealing secrets anew",
                || resealer.tick()
            ),
            every(Duration::from_secs(5), &shutdown, "telling Owners", || teller
                .tick()),
            every(Duration::from_secs(5), &shutdown, "asking recipients", || asker
                .tick()),
            every(
                Duration::from_secs(3600),
                &shutdown,
                "forgetting recipients",
                || asker.prune()
            ),
            every(
                Duration::from_secs(3600),
                &shutdown,
                "forgetting what was told",
                || { teller.prune() }
            ),
        );
        self.inner.closing.cancel();
    }

    /// Says where the Dispatcher is, which may open after Config: for how channels fare, and to tell Owners. The first
    /// one given stays.
    pub fn attach_dispatcher(&self, dispatcher: Arc<dyn DispatcherApi>) {
        self.inner.dispatcher.attach(dispatcher);
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

    /// Whether new recipients outside a team are asked first. Without a mail server of the platform's, teams mail by their
    /// own, and there is nothing to ask by.
    pub(crate) fn confirms_recipients(&self) -> bool {
        self.inner.confirm_recipients && self.inner.platform_mail
    }

    pub(crate) fn slack(&self) -> Option<&SlackApp> {
        self.inner.slack.as_ref()
    }

    /// Where teams' schemas are compiled and tried.
    pub(crate) fn workshop(&self) -> &Workshop {
        &self.inner.workshop
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

    /// Begins to change a team.
    pub(crate) async fn change(&self, team: TeamId) -> Result<Change> {
        Change::begin(self.store(), team, self.now()).await
    }
}

/// Calls `tick` at once and then every `pause`. A failure is logged and the next tick tries again: the database may
/// be away, which is a state to wait in.
async fn every<F, T>(
    pause: Duration,
    shutdown: &CancellationToken,
    what: &'static str,
    mut tick: impl FnMut() -> F,
) where
    F: Future<Output = Result<T>>,
{
    while shutdown
        .run_until_cancelled(async {
            if let Err(error) = tick().await {
                tracing::warn!(%error, "{what} failed; it is tried again later");
            }
            tokio::time::sleep(pause).await;
        })
        .await
        .is_some()
    {}
}

#[cfg(test)]
mod tests {
    use watchbell_runtime::settings::{Loader, SettingsError};

    use super::*;

    fn read(variable: &str, value: &str) -> std::result::Result<Settings, SettingsError> {
        let variables = [("DATABASE__URL", "sqlite::memory:"), (variable, value)];
        let variables =
            variables.map(|(name, value)| (format!("WATCHBELL__CONFIG__{name}"), value.to_owned()));
        Loader::new().env(variables).load().unwrap().required("config")
    }

    #[test]
    fn older_keys_may_come_by_the_environment() {
        let keys = ["first=", "second="].map(Secret::from);
        let sealing = read("SEALING__OLDER_KEYS", "first=, second=").unwrap();
        assert_eq!(sealing.sealing.older_keys, keys);
        let unsubscribe = read("UNSUBSCRIBE_KEYS", "first=,second=").unwrap();
        assert_eq!(unsubscribe.unsubscribe_keys, keys);
        let none = read("SEALING__OLDER_KEYS", "").unwrap();
        assert!(none.sealing.older_keys.is_empty() && none.unsubscribe_keys.is_empty());
    }

    #[test]
    fn an_older_key_that_is_none_is_not_shown() {
        let mut settings = read("SEALING__OLDER_KEYS", "hunter2").unwrap();
        settings.sealing.key = Keyring::generate_key();
        let said = Keyring::new(&settings.sealing).unwrap_err().to_string();
        assert!(
            said.contains("sealing key") && !said.contains("hunter2"),
            "{said}"
        );
        let said = read("SEALING__OLDER_KEYS__X", "hunter2").unwrap_err().to_string();
        assert!(said.contains("older_keys") && !said.contains("hunter2"), "{said}");
    }
}
