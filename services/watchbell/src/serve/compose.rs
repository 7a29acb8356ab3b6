//! Puts services together: each is opened where it lives, or called where it lives, and served on one port.

use std::sync::Arc;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use watchbell_config::{CellClients, Service as Config};
use watchbell_console::{Console, ConsoleSettings};
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
use watchbell_dispatcher::{Dispatcher, Membership};
use watchbell_edge::Edge;
use watchbell_egress::Guard;
use watchbell_model::clock::{SharedClock, SystemClock};
use watchbell_model::secret::Secret;
use watchbell_model::unsubscribe::UnsubscribeKeys;
use watchbell_router::{Dispatchers, Router};
use watchbell_runtime::auth::jwt::MemberTokens;
use watchbell_runtime::auth::{AuthLayer, CachedKeys, ConfigKeys, CurrentMembers};
use watchbell_runtime::cells::CellDirectory;
use watchbell_runtime::client;
use watchbell_runtime::client::{Peers, ServiceChannel};
use watchbell_runtime::config_feed::ConfigFeed;
use watchbell_runtime::ready::{Condition, Readiness};
use watchbell_runtime::server::Server;
use watchbell_runtime::settings::{SettingsError, read};
use watchbell_runtime::tasks::{ShutdownPhase, TaskSet};
use watchbell_runtime::telemetry::Telemetry;
use watchbell_runtime::version;
use watchbell_store::Store;

use super::egress::{authorities, guard};
use super::plan::Plan;
use super::remote_dispatchers::{self, RemoteDispatchers};
use super::running::Running;
use super::service_name::{ServiceName, names};
use super::start_error::StartError;
use super::{first_start, members};

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
            console: self
                .console_settings()?
                .map(|_| watchbell_console::PATH.to_owned()),
        };
        Ok(Some(watchbell_edge::router(Edge::new(
            self.plan.settings.section("edge")?,
            needs,
        )?)))
    }

    /// The console's files, which ask nothing of other services.
    fn console(&self) -> Result<Option<axum::Router>, StartError> {
        let Some(settings) = self.console_settings()? else {
            return Ok(None);
        };
        let shared = &self.plan.shared;
        let console = Console::new(&settings, &shared.brand, shared.auth.jwt.is_some())?;
        Ok(Some(console.router()))
    }

    /// How the console is served, if it is.
    fn console_settings(&self) -> Result<Option<ConsoleSettings>, StartError> {
        if !self.plan.has(ServiceName::Console) {
            return Ok(None);
        }
        let settings: ConsoleSettings = self.plan.settings.section("console")?;
        Ok(Some(settings).filter(|settings| settings.enabled))
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

fn no_dispatcher() -> SettingsError {
    SettingsError::new("peers.dispatcher", "must name a Dispatcher")
}
