//! Puts services together: each is opened where it lives, or called where it lives, and served on one port.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use watchbell_config::{CellClients, Service as Config};
use watchbell_console::{Console, ConsoleError, ConsoleSettings};
use watchbell_contracts::api;
use watchbell_contracts::api::{
    AlertApi, CatalogApi, CellApi, ChannelApi, DigestApi, DispatcherApi, InboxApi, MAX_MESSAGE_BYTES,
    PreferenceApi, RouterApi, RoutingApi, SilenceApi, SnapshotApi, TeamApi, TeamMoveApi,
};
use watchbell_contracts::config::v1::channel_service_client::ChannelServiceClient;
use watchbell_contracts::config::v1::preference_service_client::PreferenceServiceClient;
use watchbell_contracts::config::v1::snapshot_service_client::SnapshotServiceClient;
use watchbell_contracts::config::v1::team_service_client::TeamServiceClient;
use watchbell_contracts::dispatcher::v1::team_move_service_client::TeamMoveServiceClient;
use watchbell_digest::Digest;
use watchbell_dispatcher::{Dispatcher, Membership, OpenError};
use watchbell_edge::Edge;
use watchbell_egress::{Authorities, DnsResolver, EgressPolicy, Guard};
use watchbell_model::clock::{SharedClock, SystemClock};
use watchbell_model::secret::Secret;
use watchbell_model::unsubscribe::UnsubscribeKeys;
use watchbell_router::{Dispatchers, Router};
use watchbell_runtime::auth::jwt::MemberTokens;
use watchbell_runtime::auth::{AuthLayer, CachedKeys, ConfigKeys, CurrentMembers};
use watchbell_runtime::cells::CellDirectory;
use watchbell_runtime::client;
use watchbell_runtime::client::{ClientError, Peers, ServiceChannel};
use watchbell_runtime::config_feed::ConfigFeed;
use watchbell_runtime::ready::{Condition, Readiness};
use watchbell_runtime::server::{Server, ServerError};
use watchbell_runtime::settings::{EgressSettings, SettingsError, read};
use watchbell_runtime::tasks::{ShutdownPhase, TaskSet};
use watchbell_runtime::telemetry::{LogFilter, Telemetry, TelemetryError};
use watchbell_runtime::version;
use watchbell_store::Store;

use super::default_data_dir;
use super::first_start::ADMIN_KEY;
use super::plan::Plan;
use super::remote_dispatchers::{self, RemoteDispatchers};
use super::service_name::ServiceName;
use super::{first_start, members};

/// Why a process does not start, or does not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("telemetry")]
    Telemetry(#[from] TelemetryError),
    #[error("Config does not open")]
    Config(#[from] watchbell_config::Error),
    #[error("the Dispatcher does not open")]
    Dispatcher(#[from] OpenError),
    #[error("the Digest does not open")]
    Digest(#[from] watchbell_digest::Error),
    #[error("the Edge does not open")]
    Edge(#[from] watchbell_edge::PageError),
    #[error("the console does not open")]
    Console(#[from] ConsoleError),
    #[error("another service cannot be called")]
    Peer(#[from] ClientError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("the admin key cannot be kept in {0}")]
    AdminKey(PathBuf, #[source] std::io::Error),
    #[error("the server broke")]
    Broken(#[from] tokio::task::JoinError),
}

/// A process that serves.
pub(crate) struct Running {
    /// Where.
    pub(crate) address: SocketAddr,
    /// Where for operators.
    admin_address: SocketAddr,
    /// A platform key, when this start has made or was given one.
    pub(crate) admin_key: Option<Secret>,
    /// The operator knows it already.
    key_was_given: bool,
    data_dir: PathBuf,
    services: Vec<ServiceName>,
    has_console: bool,
    has_tls: bool,
    stop: CancellationToken,
    membership: Option<Membership>,
    server: JoinHandle<Result<(), ServerError>>,
    tasks: TaskSet,
    stores: Vec<Store>,
    pub(crate) telemetry: Telemetry,
    grace: std::time::Duration,
}

/// What is known of the services while they are put together.
struct Composition {
    plan: Plan,
    clock: SharedClock,
    /// The one way out, which all services share.
    guard: Guard,
    tasks: TaskSet,
    readiness: Readiness,
    stores: Vec<Store>,
    members: Option<Arc<MemberTokens>>,
    config: Option<Arc<Config>>,
    dispatcher: Option<Arc<watchbell_dispatcher::Service>>,
    /// The cell of the Dispatcher of this process.
    cell_id: Uuid,
    membership: Option<Membership>,
    /// Those of other processes, when none is in this one.
    remote: Option<RemoteDispatchers>,
    router: Option<Arc<Router>>,
    digest: Option<Arc<Digest>>,
}

/// Keys of links that do not sign any more and still verify, which are set for Config.
#[derive(Default, Deserialize)]
#[serde(default)]
struct OlderKeys {
    #[serde(deserialize_with = "read::list")]
    unsubscribe_keys: Vec<Secret>,
}

/// Config, wherever it lives, and what has changed there.
struct ControlPlane {
    config: Arc<dyn SnapshotApi>,
    feed: ConfigFeed,
}

/// Opens what the plan names, and serves it.
pub(crate) async fn start(plan: Plan) -> Result<Running, StartError> {
    let authorities = authorities(&plan.shared.egress)?;
    let clock: SharedClock = Arc::new(SystemClock::new());
    let telemetry = Telemetry::start(
        &plan.shared.telemetry,
        "watchbell",
        authorities.as_deref(),
        clock.clone(),
    )?;
    tracing::info!(
        version = version::VERSION,
        revision = version::REVISION,
        services = names(&plan.services),
        data_dir = %plan.data_dir.display(),
        "starting"
    );
    let readiness = Readiness::new();
    let mut composition = Composition {
        tasks: TaskSet::new(readiness.clone()),
        clock,
        guard: guard(&plan.shared.egress, authorities.as_deref())?,
        readiness,
        stores: Vec::new(),
        members: None,
        config: None,
        dispatcher: None,
        cell_id: Uuid::nil(),
        membership: None,
        remote: None,
        router: None,
        digest: None,
        plan,
    };
    composition.know_members().await?;
    let admin_key = composition.open_config().await?;
    let control = composition.follow_config()?;
    composition.open_dispatcher(&telemetry, &control).await?;
    composition.follow_dispatchers()?;
    composition.introduce();
    composition.open_router(&telemetry, &control)?;
    composition.open_digest(&control).await?;
    composition.serve(admin_key, telemetry, control).await
}

/// The certificate authorities that the operator adds to the public ones, in PEM.
pub(super) fn authorities(settings: &EgressSettings) -> Result<Option<Vec<u8>>, SettingsError> {
    let Some(path) = &settings.ca_file else {
        return Ok(None);
    };
    let failed = |why: String| SettingsError::new("egress.ca_file", format!("{}: {why}", path.display()));
    let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    Authorities::with_pem(&pem).map_err(|error| failed(error.to_string()))?;
    Ok(Some(pem))
}

/// What the settings allow to be reached, and believed.
pub(super) fn guard(settings: &EgressSettings, authorities: Option<&[u8]>) -> Result<Guard, SettingsError> {
    let policy = EgressPolicy::allowing(settings.allow.iter().copied());
    let guard = match settings.name_servers.as_slice() {
        [] => Guard::new(policy),
        servers => Guard::with_resolver(policy, Arc::new(DnsResolver::asking_at(servers))),
    };
    let Some(pem) = authorities else {
        return Ok(guard);
    };
    let authorities = Authorities::with_pem(pem)
        .map_err(|error| SettingsError::new("egress.ca_file", error.to_string()))?;
    Ok(guard.trusting(authorities))
}

// === impl Composition ===

impl Composition {
    /// The provider of members' tokens may be away; settings that are wrong end the start here.
    async fn know_members(&mut self) -> Result<(), StartError> {
        if let Some(jwt) = &self.plan.shared.auth.jwt {
            let tokens = members::tokens(jwt, self.guard.clone(), self.clock.clone()).await?;
            self.tasks.spawn(ShutdownPhase::Close, tokens.jwks_refresher());
            self.members = Some(Arc::new(tokens));
        }
        Ok(())
    }

    async fn open_config(&mut self) -> Result<Option<Secret>, StartError> {
        if !self.plan.has(ServiceName::Config) {
            return Ok(None);
        }
        let mut settings: watchbell_config::Settings = self.plan.settings.required("config")?;
        settings.brand = self.plan.shared.brand.clone();
        let mail: watchbell_dispatcher::MailSettings = self.plan.settings.section("mail")?;
        settings.platform_mail = mail.is_set();
        if let (true, Some(key)) = (settings.sealing.key.is_empty(), &self.plan.keys.sealing) {
            settings.sealing.key = key.clone();
        }
        settings
            .unsubscribe_keys
            .insert(0, self.plan.keys.unsubscribe.clone());
        let config = Config::open(&settings, self.guard.clone(), self.clock.clone()).await?;
        let admin_key = self.admin_key(&config).await?;
        let looping = config.clone();
        self.tasks
            .spawn_fn(ShutdownPhase::Close, "config.upkeep", |shutdown| async move {
                looping.run(shutdown).await;
            });
        self.stores.push(config.store().clone());
        self.config = Some(Arc::new(config));
        Ok(admin_key)
    }

    /// The operator's own, or on a first start one that is made.
    async fn admin_key(&self, config: &Config) -> Result<Option<Secret>, StartError> {
        if let Some(key) = &self.plan.keys.admin {
            if !config.adopt_key(key).await? {
                return Err(SettingsError::new("keys.admin", "is the key of a team").into());
            }
            return Ok(Some(key.clone()));
        }
        if !config.has_no_key().await? {
            return Ok(None);
        }
        let data_dir = &self.plan.data_dir;
        let failed = |error| StartError::AdminKey(data_dir.clone(), error);
        let key = first_start::admin_key(data_dir).map_err(failed)?;
        if config.adopt_first_key(&key).await? {
            return Ok(Some(key));
        }
        // Another replica was faster, and tells of its own.
        first_start::forget_admin_key(data_dir).map_err(failed)?;
        Ok(None)
    }

    /// One follower of the change feed for the whole process.
    fn follow_config(&mut self) -> Result<ControlPlane, StartError> {
        let config = self.snapshots()?;
        let (feed, follower) = ConfigFeed::new(config.clone(), &self.readiness, self.clock.clone());
        self.tasks.spawn(ShutdownPhase::Close, follower);
        Ok(ControlPlane { config, feed })
    }

    async fn open_dispatcher(
        &mut self,
        telemetry: &Telemetry,
        control: &ControlPlane,
    ) -> Result<(), StartError> {
        if !self.plan.has(ServiceName::Dispatcher) {
            return Ok(());
        }
        let settings: watchbell_dispatcher::Settings = self.plan.settings.required("dispatcher")?;
        let needs = watchbell_dispatcher::Needs {
            clock: self.clock.clone(),
            config: control.config.clone(),
            feed: control.feed.clone(),
            meter: telemetry.metrics().meter("watchbell.dispatcher"),
            peers: Arc::new(Peers::new(&self.plan.shared)),
            cells: Arc::new(CellDirectory::new(
                control.config.clone(),
                control.feed.clone(),
                self.clock.clone(),
            )),
            decide: watchbell_router::decide,
        };
        let outgoing = watchbell_dispatcher::Outgoing {
            brand: self.plan.shared.brand.clone(),
            guard: self.guard.clone(),
            mail: self.plan.settings.section("mail")?,
            link_keys: self.link_keys()?,
        };
        let dispatcher = Dispatcher::open(settings, needs, outgoing).await?;
        self.stores.push(dispatcher.store().clone());
        self.cell_id = dispatcher.cell_id();
        self.dispatcher = Some(Arc::new(dispatcher.service()));
        self.membership = Some(dispatcher.membership());
        dispatcher.start(&mut self.tasks);
        Ok(())
    }

    /// The key that signs links, and the older ones, with which links still verify.
    fn link_keys(&self) -> Result<UnsubscribeKeys, SettingsError> {
        let older: OlderKeys = self.plan.settings.section("config")?;
        let keys = std::iter::once(self.plan.keys.unsubscribe.clone()).chain(older.unsubscribe_keys);
        UnsubscribeKeys::new(keys).map_err(|error| SettingsError::new("keys.unsubscribe", error.to_string()))
    }

    /// Follows the Dispatchers of other processes, when none is in this one.
    fn follow_dispatchers(&mut self) -> Result<(), StartError> {
        let seeds = &self.plan.shared.peers.dispatcher;
        if self.dispatcher.is_none() && !seeds.is_empty() {
            let reached = self.dispatchers_reached();
            let remote = RemoteDispatchers::follow(&self.plan.shared, reached, &mut self.tasks)?;
            self.remote = Some(remote);
        }
        Ok(())
    }

    /// A Router is of no use until it knows a Dispatcher. One beside Config is ready all the same, since Dispatchers may find
    /// Config only once that is ready.
    fn dispatchers_reached(&self) -> Condition {
        let (area, what) = ("router", "dispatchers");
        if self.plan.has(ServiceName::Router) && !self.plan.has(ServiceName::Config) {
            let why = "no Dispatcher has been reached yet";
            return self.readiness.expected(area, what, why);
        }
        self.readiness.condition(area, what)
    }

    /// Config asks a Dispatcher how channels fare, and tells Owners by it; it also works without one.
    fn introduce(&self) {
        if let (Some(config), Some(dispatcher)) = (&self.config, self.any_dispatcher()) {
            config.attach_dispatcher(dispatcher, watchbell_router::decide);
        }
        if let Some(config) = &self.config {
            let shared = self.plan.shared.clone();
            let local = self.dispatcher.clone();
            config.attach_cells(CellClients {
                connect: Arc::new(move |url| {
                    let client = TeamMoveServiceClient::new(client::connect(url, &shared)?);
                    Ok(Arc::new(client) as Arc<dyn TeamMoveApi>)
                }),
                main: match local {
                    Some(_) => Vec::new(),
                    None => self.plan.shared.peers.dispatcher.clone(),
                },
                local: local.map(|dispatcher| dispatcher as Arc<dyn TeamMoveApi>),
            });
        }
    }

    fn open_router(&mut self, telemetry: &Telemetry, control: &ControlPlane) -> Result<(), StartError> {
        if self.plan.has(ServiceName::Router) {
            let dispatchers = match (&self.dispatcher, &self.remote) {
                (Some(dispatcher), _) => Dispatchers::Local {
                    dispatcher: dispatcher.clone(),
                    cell_id: self.cell_id,
                },
                (None, Some(remote)) => remote.dispatchers(),
                (None, None) => return Err(no_dispatcher().into()),
            };
            let needs = watchbell_router::Needs {
                clock: self.clock.clone(),
                config: control.config.clone(),
                feed: control.feed.clone(),
                dispatchers,
                connect: remote_dispatchers::connect(&self.plan.shared),
                log: self.any_dispatcher().ok_or_else(no_dispatcher)?,
                meter: telemetry.metrics().meter("watchbell.router"),
            };
            self.router = Some(Router::open(needs, &mut self.tasks));
        }
        Ok(())
    }

    async fn open_digest(&mut self, control: &ControlPlane) -> Result<(), StartError> {
        if !self.plan.has(ServiceName::Digest) {
            return Ok(());
        }
        let settings: watchbell_digest::Settings = self.plan.settings.required("digest")?;
        let needs = watchbell_digest::Needs {
            clock: self.clock.clone(),
            config: control.config.clone(),
            feed: control.feed.clone(),
            dispatcher: self.any_dispatcher().ok_or_else(no_dispatcher)?,
            brand: self.plan.shared.brand.clone(),
        };
        let digest = Digest::open(&settings, needs, &mut self.tasks).await?;
        self.stores.push(digest.store().clone());
        self.digest = Some(digest);
        Ok(())
    }

    /// Teams and members, as Config knows them wherever it lives.
    fn teams(&self) -> Result<Arc<dyn TeamApi>, StartError> {
        Ok(match &self.config {
            Some(config) => config.clone(),
            None => Arc::new(TeamServiceClient::new(
                self.peer(self.plan.shared.peers.config.as_deref())?,
            )),
        })
    }

    /// The pages, which ask Config and a Dispatcher wherever these live.
    fn edge(&self, auth: AuthLayer) -> Result<Option<axum::Router>, StartError> {
        if !self.plan.has(ServiceName::Edge) {
            return Ok(None);
        }
        let shared = &self.plan.shared;
        let needs = watchbell_edge::Needs {
            preferences: match &self.config {
                Some(config) => config.clone(),
                None => Arc::new(PreferenceServiceClient::new(
                    self.peer(shared.peers.config.as_deref())?,
                )),
            },
            channels: match &self.config {
                Some(config) => config.clone(),
                None => Arc::new(ChannelServiceClient::new(
                    self.peer(shared.peers.config.as_deref())?,
                )),
            },
            inbox: match (&self.dispatcher, &self.remote) {
                (Some(dispatcher), _) => dispatcher.clone(),
                (None, Some(remote)) => remote.inbox(),
                (None, None) => return Err(no_dispatcher().into()),
            },
            alerts: match (&self.dispatcher, &self.remote) {
                (Some(dispatcher), _) => dispatcher.clone(),
                (None, Some(remote)) => remote.alerts(),
                (None, None) => return Err(no_dispatcher().into()),
            },
            log: self.any_dispatcher().ok_or_else(no_dispatcher)?,
            auth,
            brand: shared.brand.clone(),
            web_origins: shared.server.web_origins.clone(),
        };
        Ok(Some(watchbell_edge::router(Edge::new(
            self.plan.settings.section("edge")?,
            needs,
        )?)))
    }

    /// The console's files, which ask nothing of other services.
    fn console(&self) -> Result<Option<axum::Router>, StartError> {
        let settings: ConsoleSettings = self.plan.settings.section("console")?;
        if !self.plan.has(ServiceName::Console) || !settings.enabled {
            return Ok(None);
        }
        let shared = &self.plan.shared;
        let console = Console::new(&settings, &shared.brand, shared.auth.jwt.is_some())?;
        Ok(Some(console.router()))
    }

    async fn serve(
        self,
        admin_key: Option<Secret>,
        telemetry: Telemetry,
        control: ControlPlane,
    ) -> Result<Running, StartError> {
        let keys = ConfigKeys::new(control.config);
        let keys = Arc::new(CachedKeys::new(keys, control.feed.clone(), self.clock.clone()));
        let mut auth = AuthLayer::configured(keys, &self.plan.shared, self.clock.clone());
        if let Some(members) = &self.members {
            let current =
                CurrentMembers::new(members.clone(), self.teams()?, control.feed, self.clock.clone());
            auth = auth.members(Arc::new(current));
        }
        let edge = self.edge(auth.clone())?;
        let console = self.console()?;
        let has_console = console.is_some();
        let shared = &self.plan.shared;
        let meter = telemetry.metrics().meter("watchbell");
        let mut server = Server::new(
            shared.server.clone(),
            shared.limits.clone(),
            auth,
            self.readiness.clone(),
            &meter,
            self.clock.clone(),
        )
        .admin(telemetry.metrics().router())
        .http(edge.unwrap_or_default())
        .http(console.unwrap_or_default());
        if let Some(config) = &self.config {
            server = server
                .service(api::serve_team(config.clone() as Arc<dyn TeamApi>))
                .service(api::serve_channel(config.clone() as Arc<dyn ChannelApi>))
                .service(api::serve_routing(config.clone() as Arc<dyn RoutingApi>))
                .service(api::serve_silence(config.clone() as Arc<dyn SilenceApi>))
                .service(api::serve_preference(config.clone() as Arc<dyn PreferenceApi>))
                .service(api::serve_catalog(config.clone() as Arc<dyn CatalogApi>))
                .service(api::serve_cell(config.clone() as Arc<dyn CellApi>))
                .service(api::serve_snapshot(config.clone() as Arc<dyn SnapshotApi>));
        }
        if let Some(router) = &self.router {
            server = server.service(api::serve_router(router.clone() as Arc<dyn RouterApi>));
        }
        if let Some(dispatcher) = &self.dispatcher {
            server = server
                .service(api::serve_dispatcher(dispatcher.clone() as Arc<dyn DispatcherApi>))
                .service(api::serve_alert(dispatcher.clone() as Arc<dyn AlertApi>))
                .service(api::serve_inbox(dispatcher.clone() as Arc<dyn InboxApi>))
                .service(api::serve_team_move(dispatcher.clone() as Arc<dyn TeamMoveApi>));
        }
        if let Some(digest) = &self.digest {
            server = server.service(api::serve_digest(digest.clone() as Arc<dyn DigestApi>));
        }
        let bound = server.bind().await?;
        if let Some(membership) = self.membership.clone() {
            let (address, tls) = (bound.address(), shared.server.tls.is_some());
            tokio::spawn(async move { membership.join(address, tls).await });
        }
        let stop = CancellationToken::new();
        Ok(Running {
            address: bound.address(),
            admin_address: bound.admin_address(),
            admin_key,
            key_was_given: self.plan.keys.admin.is_some(),
            data_dir: self.plan.data_dir,
            services: self.plan.services,
            has_console,
            has_tls: self.plan.shared.server.tls.is_some(),
            grace: self.plan.shared.server.shutdown_grace,
            server: tokio::spawn(bound.serve(stop.clone())),
            stop,
            membership: self.membership,
            tasks: self.tasks,
            stores: self.stores,
            telemetry,
        })
    }

    fn snapshots(&self) -> Result<Arc<dyn SnapshotApi>, StartError> {
        if let Some(config) = &self.config {
            return Ok(config.clone());
        }
        let client = SnapshotServiceClient::new(self.peer(self.plan.shared.peers.config.as_deref())?);
        Ok(Arc::new(client.max_decoding_message_size(16 * MAX_MESSAGE_BYTES)))
    }

    /// Any Dispatcher, which answers reads and passes everything else on to the owner of the team.
    fn any_dispatcher(&self) -> Option<Arc<dyn DispatcherApi>> {
        match (&self.dispatcher, &self.remote) {
            (Some(dispatcher), _) => Some(dispatcher.clone()),
            (None, remote) => remote.as_ref().map(RemoteDispatchers::any),
        }
    }

    fn peer(&self, url: Option<&str>) -> Result<ServiceChannel, StartError> {
        let url = url.ok_or_else(|| SettingsError::new("peers", "must say where the other services are"))?;
        Ok(client::connect(url, &self.plan.shared)?)
    }
}

fn names(services: &[ServiceName]) -> String {
    let names = services
        .iter()
        .map(|service| format!("{service:?}").to_lowercase());
    names.collect::<Vec<_>>().join(", ")
}

fn no_dispatcher() -> SettingsError {
    SettingsError::new("peers.dispatcher", "must name a Dispatcher")
}

// === impl Running ===

impl Running {
    /// The filter of the process's log lines.
    pub(crate) fn log_filter(&self) -> LogFilter {
        self.telemetry.log_filter()
    }

    /// Says where it listens and, on a first start, what to do next. The admin key is shown to a person at a terminal;
    /// where standard output goes into a log, which is kept and read by many, only its file is named.
    pub(crate) fn announce(&self) {
        let scheme = if self.has_tls { "https" } else { "http" };
        println!(
            "watchbell serves {} at {scheme}://{}",
            names(&self.services),
            self.address
        );
        println!(
            "metrics and readiness for operators at http://{}",
            self.admin_address
        );
        if self.has_console {
            println!(
                "the console is at {scheme}://{}{}",
                self.address,
                watchbell_console::PATH
            );
        }
        let Some(key) = self.admin_key.as_ref().filter(|_| !self.key_was_given) else {
            return;
        };
        let mut options = String::new();
        if self.has_tls || self.address.port() != 7700 {
            options += &format!(" --server {scheme}://{}", self.address);
        }
        let file = self.data_dir.join(ADMIN_KEY);
        let file = file.display();
        if self.data_dir != default_data_dir() {
            options += &format!(" --key @{file}");
        }
        let made = if std::io::stdout().is_terminal() {
            format!(
                "The admin API key, shown this once and kept in {file}:\n\n    {}",
                key.expose()
            )
        } else {
            format!("The admin API key is in {file}.")
        };
        println!(
            "\nThis is its first start. {made}\n\n\
             Next:\n    watchbell teams create --name Acme{options}\n    watchbell channels create webhook --help\n    \
             watchbell emit --help\n",
        );
    }

    /// Serves until `stop`, or until serving breaks; then ends everything in order.
    pub(crate) async fn until(mut self, stop: CancellationToken) -> Result<(), StartError> {
        let broken = tokio::select! {
            () = stop.cancelled() => None,
            ended = &mut self.server => Some(ended),
        };
        match broken {
            None => self.shut_down().await,
            Some(ended) => {
                self.close().await;
                Ok(ended??)
            }
        }
    }

    /// Ends everything in order: shards, calls, the loops, the databases.
    pub(crate) async fn shut_down(mut self) -> Result<(), StartError> {
        // The shards first, while calls are still answered.
        if let Some(membership) = &self.membership
            && tokio::time::timeout(self.grace, membership.retire())
                .await
                .is_err()
        {
            tracing::warn!("shards were not handed over in time");
        }
        self.stop.cancel();
        let ended = (&mut self.server).await;
        self.close().await;
        Ok(ended??)
    }

    async fn close(self) {
        if let Err(dropped) = self.tasks.shutdown(self.grace).await {
            tracing::warn!(?dropped, "loops did not end in time");
        }
        for store in self.stores {
            if let Err(error) = store.close().await {
                tracing::warn!(%error, "a database did not close");
            }
        }
        let telemetry = self.telemetry;
        // Exporting what is left blocks.
        let _ = tokio::task::spawn_blocking(move || telemetry.stop()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_that_cannot_be_read_end_the_start_and_name_the_setting() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        let settings = |path: &std::path::Path| EgressSettings {
            ca_file: Some(path.to_owned()),
            ..EgressSettings::default()
        };
        std::fs::write(&file, "no certificates").unwrap();
        for path in [file.as_path(), dir.path(), &dir.path().join("missing.pem")] {
            let error = authorities(&settings(path)).unwrap_err().to_string();
            assert!(error.contains("egress.ca_file"), "{error}");
            assert!(error.contains(&path.display().to_string()), "{error}");
        }
        assert_eq!(authorities(&EgressSettings::default()).unwrap(), None);
    }
}
