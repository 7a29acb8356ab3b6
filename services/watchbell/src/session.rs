//! A conversation with a running server: one connection, one credential, one team, and how answers are printed.

pub(crate) mod contexts;
mod destination;
mod names;
mod out;
pub(crate) mod rpc;

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};
use watchbell_contracts::config::v1::cell_service_client::CellServiceClient;
#[cfg(feature = "demo")]
use watchbell_contracts::config::v1::channel_service_client::ChannelServiceClient;
use watchbell_contracts::config::v1::preference_service_client::PreferenceServiceClient;
use watchbell_contracts::config::v1::routing_service_client::RoutingServiceClient;
use watchbell_contracts::config::v1::team_service_client::TeamServiceClient;
use watchbell_contracts::digest::v1::digest_service_client::DigestServiceClient;
use watchbell_contracts::dispatcher::v1::dispatcher_service_client::DispatcherServiceClient;
use watchbell_contracts::dispatcher::v1::inbox_service_client::InboxServiceClient;
use watchbell_contracts::router::v1::router_service_client::RouterServiceClient;
use watchbell_model::clock::{SharedClock, SystemClock};
use watchbell_model::secret::Secret;

pub(crate) use names::Named;
pub(crate) use out::Out;

use self::destination::Destination;
use crate::failure::{Failure, Outcome};
use crate::input;

/// How long a call may take; streams have no such end.
const DEADLINE: Duration = Duration::from_secs(30);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where to call, as whom, for which team: options of the commands that talk to a server, before or after their words.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Global {
    /// The server to talk to, instead of a context's; http://127.0.0.1:7700 when there is neither
    #[arg(long, env = "WATCHBELL_SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// The context to use (see `watchbell context`), instead of the one in use
    #[arg(
        long,
        env = "WATCHBELL_CONTEXT",
        value_name = "NAME",
        conflicts_with = "server"
    )]
    pub(crate) context: Option<String>,
    /// The API key, or @FILE to read it from
    #[arg(long, env = "WATCHBELL_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) key: Option<Secret>,
    /// The team, by id or name; a team's own key knows it
    #[arg(long, env = "WATCHBELL_TEAM", value_name = "TEAM")]
    pub(crate) team: Option<String>,
    /// A PEM file with the authority of an https server, instead of the public ones
    #[arg(long = "ca", env = "WATCHBELL_CA", value_name = "FILE")]
    pub(crate) authority: Option<String>,
    /// Print protobuf JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,
    /// Cut nothing in tables, however narrow the terminal is
    #[arg(long)]
    pub(crate) wide: bool,
}

/// The largest answer taken: a page of events with all their data.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// What a call carries.
type Wire = InterceptedService<Channel, Credential>;

/// Puts the key on every call.
#[derive(Clone)]
pub(crate) struct Credential(Option<MetadataValue<Ascii>>);

/// Where to call, and as whom.
pub(crate) struct Peer<'a> {
    /// An http or https URL.
    pub(crate) server: &'a str,
    /// The API key.
    pub(crate) key: Option<&'a Secret>,
    /// A PEM file to check an https server against, instead of the public authorities.
    pub(crate) authority: Option<&'a str>,
}

/// See the module.
pub(crate) struct Session {
    channel: Wire,
    team: String,
    pub(crate) out: Out,
    clock: SharedClock,
}

// === impl Credential ===

impl Interceptor for Credential {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

// === impl Session ===

macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident: $client:ident,)*) => {
        impl Session {
            $($(#[$doc])* pub(crate) fn $name(&self) -> $client<Wire> {
                $client::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER)
            })*
        }
    };
}

clients! {
    /// Emitting and explaining.
    router: RouterServiceClient,
    /// Cells.
    cells: CellServiceClient,
    /// Teams, members and keys.
    teams: TeamServiceClient,
    #[cfg(feature = "demo")]
    /// Channels.
    channels: ChannelServiceClient,
    /// Rules and documents.
    routing: RoutingServiceClient,
    /// Preferences, recipients, digest settings.
    preferences: PreferenceServiceClient,
    /// Deliveries and events.
    dispatcher: DispatcherServiceClient,
    /// Notifications.
    inbox: InboxServiceClient,
    /// Digests.
    digest: DigestServiceClient,
}

impl Session {
    /// Connects as the global options say. Without `needs_team` the team that they name is not looked up: it may not be there yet.
    pub(crate) async fn open(global: &Global, needs_team: bool) -> Outcome<Self> {
        let destination = Destination::of(global, contexts::chosen)?;
        let peer = Peer {
            server: &destination.server,
            key: destination.key.as_ref(),
            authority: destination.authority.as_deref(),
        };
        let out = Out::new(global.json).wide(global.wide);
        let mut session = Self::connect(peer, out, SystemClock::shared()).await?;
        if needs_team {
            session.team = session.id_of(Named::Team, &destination.team).await?;
        }
        Ok(session)
    }

    /// Connects, for no team yet.
    pub(crate) async fn connect(peer: Peer<'_>, out: Out, clock: SharedClock) -> Outcome<Self> {
        if !["http://", "https://"]
            .iter()
            .any(|scheme| peer.server.starts_with(scheme))
        {
            let why = format!(
                "`{0}` is no URL of a server: write http://{0} or https://{0}",
                peer.server
            );
            return Err(Failure::usage(why));
        }
        let unreachable = |cause: &dyn std::error::Error| Failure::Unreachable {
            server: peer.server.to_owned(),
            cause: plain(innermost(cause)),
        };
        let mut endpoint = Endpoint::from_shared(peer.server.to_owned())
            .map_err(|_| Failure::usage(format!("`{}` is no URL of a server", peer.server)))?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true);
        if peer.server.starts_with("https:") {
            endpoint = endpoint
                .tls_config(tls(peer.authority)?)
                .map_err(|error| unreachable(&error))?;
        }
        let channel = endpoint.connect().await.map_err(|error| unreachable(&error))?;
        let credential = peer
            .key
            .map(|key| format!("Bearer {}", key.expose()).parse::<MetadataValue<Ascii>>())
            .transpose()
            .map_err(|_| Failure::usage("the key has characters that no key has"))?
            .map(|mut value| {
                value.set_sensitive(true);
                value
            });
        Ok(Self {
            channel: InterceptedService::new(channel, Credential(credential)),
            team: String::new(),
            out,
            clock,
        })
    }

    /// One that reaches no server.
    #[cfg(test)]
    pub(crate) fn offline() -> Self {
        let channel = Endpoint::from_static("http://127.0.0.1:1").connect_lazy();
        Self {
            channel: InterceptedService::new(channel, Credential(None)),
            team: String::new(),
            out: Out::new(false),
            clock: SystemClock::shared(),
        }
    }

    /// The same connection, for another team.
    #[cfg(feature = "demo")]
    pub(crate) fn for_team(&self, team_id: &str) -> Self {
        Self {
            channel: self.channel.clone(),
            team: team_id.to_owned(),
            out: self.out,
            clock: self.clock.clone(),
        }
    }

    /// The team asked for; empty leaves it to the key.
    pub(crate) fn team(&self) -> String {
        self.team.clone()
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    /// A call with a deadline.
    #[expect(clippy::unused_self, reason = "deadlines belong to the session")]
    pub(crate) fn ask<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(DEADLINE);
        request
    }
}

fn tls(authority: Option<&str>) -> Outcome<ClientTlsConfig> {
    let config = ClientTlsConfig::new();
    match authority {
        Some(path) => Ok(config.ca_certificate(Certificate::from_pem(input::read_file(path)?))),
        None => Ok(config.trust_anchors(webpki_roots::TLS_SERVER_ROOTS.iter().cloned())),
    }
}

/// What a handshake says where no TLS is spoken, in words.
fn plain(cause: String) -> String {
    match cause.contains("InvalidContentType") {
        true => "it does not speak TLS there; write http:// instead of https://".to_owned(),
        false => cause,
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
