//! A conversation with a running server: one connection, one credential, one team, and how answers are printed.

use std::collections::HashMap;
use std::future::Future;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use chrono::{DateTime, Utc};
use prost::Message;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::{Interceptor, interceptor::InterceptedService};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};
use watchbell_contracts::config::v1::{Channel as ChannelMessage, Rule};
use watchbell_contracts::config::v1::{
    ListChannelsRequest, ListMembersRequest, ListRulesRequest, ListTeamsRequest,
    catalog_service_client::CatalogServiceClient, channel_service_client::ChannelServiceClient,
    preference_service_client::PreferenceServiceClient, routing_service_client::RoutingServiceClient,
    team_service_client::TeamServiceClient,
};
use watchbell_contracts::digest::v1::digest_service_client::DigestServiceClient;
use watchbell_contracts::dispatcher::v1::{
    dispatcher_service_client::DispatcherServiceClient, inbox_service_client::InboxServiceClient,
};
use watchbell_contracts::json;
use watchbell_contracts::router::v1::router_service_client::RouterServiceClient;
use watchbell_domain::ChannelKind;
use watchbell_domain::clock::{SharedClock, SystemClock};
use watchbell_domain::ids::{ChannelId, MemberId, RuleId, TeamId};
use watchbell_domain::secret::Secret;

use crate::cli::Global;
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::text::{self, Style};

/// How long a call may take; streams have no such end.
const DEADLINE: Duration = Duration::from_secs(30);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

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

/// How answers are printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    /// As protobuf JSON.
    pub(crate) json: bool,
    /// Colours.
    pub(crate) style: Style,
    /// Of the terminal; none for a pipe.
    pub(crate) width: Option<usize>,
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

// === impl Out ===

impl Out {
    /// For standard output as it is.
    pub(crate) fn new(json: bool) -> Self {
        let terminal = std::io::stdout().is_terminal();
        Self {
            json,
            style: Style::new(terminal && console::colors_enabled()),
            width: terminal.then(|| usize::from(console::Term::stdout().size().1)),
        }
    }

    /// Prints a text as it is.
    #[expect(clippy::unused_self, reason = "the one way to standard output")]
    pub(crate) fn print(&self, text: &str) -> Outcome {
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        Ok(stdout.flush()?)
    }

    /// Prints an answer: as JSON when asked for, else as `human` says it. `name` is the full name of the message.
    pub(crate) fn show<M: Message>(&self, name: &str, answer: &M, human: impl FnOnce() -> String) -> Outcome {
        if !self.json {
            return self.print(&human());
        }
        let json = json::to_json(name, answer).map_err(anyhow::Error::from)?;
        self.print(&format!("{json:#}\n"))
    }

    /// Prints one message of a stream: a line of JSON when asked for.
    pub(crate) fn line<M: Message>(
        &self,
        name: &str,
        message: &M,
        human: impl FnOnce() -> String,
    ) -> Outcome {
        if !self.json {
            return self.print(&format!("{}\n", human()));
        }
        let json = json::to_json(name, message).map_err(anyhow::Error::from)?;
        self.print(&format!("{json}\n"))
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
    /// Teams, members and keys.
    teams: TeamServiceClient,
    /// Channels.
    channels: ChannelServiceClient,
    /// Rules and documents.
    routing: RoutingServiceClient,
    /// Preferences, recipients, digest settings.
    preferences: PreferenceServiceClient,
    /// Event types.
    catalog: CatalogServiceClient,
    /// Deliveries and events.
    dispatcher: DispatcherServiceClient,
    /// Notifications.
    inbox: InboxServiceClient,
    /// Digests.
    digest: DigestServiceClient,
}

impl Session {
    /// Connects as the global options say.
    pub(crate) async fn open(global: &Global) -> Outcome<Self> {
        let key = key(global)?;
        let peer = Peer {
            server: &global.server,
            key: key.as_ref(),
            authority: global.authority.as_deref(),
        };
        let mut session = Self::connect(peer, Out::new(global.json), SystemClock::shared()).await?;
        if let Some(team) = &global.team {
            session.team = session.team_id(team).await?;
        }
        Ok(session)
    }

    /// Connects, for no team yet.
    pub(crate) async fn connect(peer: Peer<'_>, out: Out, clock: SharedClock) -> Outcome<Self> {
        let unreachable = |cause: &dyn std::error::Error| Failure::Unreachable {
            server: peer.server.to_owned(),
            cause: innermost(cause),
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

    /// The same connection, for another team.
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

    /// All channels.
    pub(crate) async fn all_channels(&self, kind: i32) -> Outcome<Vec<ChannelMessage>> {
        every(usize::MAX, |page_size, page_token| async move {
            let request = ListChannelsRequest {
                team_id: self.team(),
                page_size,
                page_token,
                kind,
            };
            let answer = self
                .channels()
                .list_channels(self.ask(request))
                .await?
                .into_inner();
            Ok((answer.channels, answer.next_page_token))
        })
        .await
    }

    /// All rules, in order.
    pub(crate) async fn all_rules(&self) -> Outcome<Vec<Rule>> {
        every(usize::MAX, |page_size, page_token| async move {
            let request = ListRulesRequest {
                team_id: self.team(),
                page_size,
                page_token,
            };
            let answer = self.routing().list_rules(self.ask(request)).await?.into_inner();
            Ok((answer.rules, answer.next_page_token))
        })
        .await
    }

    /// Channel names by id, for people; empty when the key may not read them.
    pub(crate) async fn channel_names(&self) -> HashMap<String, String> {
        let channels = self.all_channels(0).await.unwrap_or_default();
        channels
            .into_iter()
            .map(|channel| (channel.id, channel.display_name))
            .collect()
    }

    /// The id of a channel given by id, by display name, or by kind and display name (`slack:#incidents`).
    pub(crate) async fn channel_id(&self, given: &str) -> Outcome<String> {
        if given.parse::<ChannelId>().is_ok() {
            return Ok(given.to_owned());
        }
        let channels = self.all_channels(0).await?;
        pick_channel(given, &channels).map(|channel| channel.id.clone())
    }

    /// The ids of several channels.
    pub(crate) async fn channel_ids(&self, given: &[String]) -> Outcome<Vec<String>> {
        let mut ids = Vec::with_capacity(given.len());
        let mut listed = None;
        for name in given {
            if name.parse::<ChannelId>().is_ok() {
                ids.push(name.clone());
                continue;
            }
            if listed.is_none() {
                listed = Some(self.all_channels(0).await?);
            }
            ids.push(
                pick_channel(name, listed.as_deref().unwrap_or_default())?
                    .id
                    .clone(),
            );
        }
        Ok(ids)
    }

    /// The id of a rule given by id or display name.
    pub(crate) async fn rule_id(&self, given: &str) -> Outcome<String> {
        if given.parse::<RuleId>().is_ok() {
            return Ok(given.to_owned());
        }
        let rules = self.all_rules().await?;
        pick(
            "rule",
            given,
            rules
                .iter()
                .map(|rule| (rule.display_name.as_str(), rule.id.as_str())),
        )
    }

    /// The id of a member given by id or email.
    pub(crate) async fn member_id(&self, given: &str) -> Outcome<String> {
        if given.parse::<MemberId>().is_ok() {
            return Ok(given.to_owned());
        }
        let members = every(usize::MAX, |page_size, page_token| async move {
            let request = ListMembersRequest {
                team_id: self.team(),
                page_size,
                page_token,
            };
            let answer = self.teams().list_members(self.ask(request)).await?.into_inner();
            Ok((answer.members, answer.next_page_token))
        })
        .await?;
        pick(
            "member",
            given,
            members
                .iter()
                .map(|member| (member.email.as_str(), member.id.as_str())),
        )
    }

    /// The id of a team given by id or display name.
    pub(crate) async fn team_id(&self, given: &str) -> Outcome<String> {
        if given.is_empty() || given.parse::<TeamId>().is_ok() {
            return Ok(given.to_owned());
        }
        let teams = every(usize::MAX, |page_size, page_token| async move {
            let request = ListTeamsRequest {
                page_size,
                page_token,
            };
            let answer = self.teams().list_teams(self.ask(request)).await?.into_inner();
            Ok((answer.teams, answer.next_page_token))
        })
        .await?;
        pick(
            "team",
            given,
            teams
                .iter()
                .map(|team| (team.display_name.as_str(), team.id.as_str())),
        )
    }
}

/// Every item of a paged list, up to `limit`.
pub(crate) async fn every<T, F, Answer>(limit: usize, mut page: F) -> Outcome<Vec<T>>
where
    F: FnMut(i32, String) -> Answer,
    Answer: Future<Output = Result<(Vec<T>, String), Status>>,
{
    let mut items = Vec::new();
    let mut token = String::new();
    loop {
        let size = i32::try_from((limit - items.len()).min(1_000)).unwrap_or(1_000);
        let (more, next) = page(size, token).await?;
        items.extend(more);
        if next.is_empty() || items.len() >= limit {
            items.truncate(limit);
            return Ok(items);
        }
        token = next;
    }
}

fn pick_channel<'a>(given: &str, channels: &'a [ChannelMessage]) -> Outcome<&'a ChannelMessage> {
    let (kind, name) = match given.split_once(':') {
        Some((kind, name)) if input::word::<ChannelKind>(kind).is_ok() => (Some(kind.to_lowercase()), name),
        _ => (None, given),
    };
    let of_kind = |channel: &&ChannelMessage| {
        kind.as_deref()
            .is_none_or(|kind| text::kind(channel.kind) == kind)
    };
    let named: Vec<_> = channels
        .iter()
        .filter(of_kind)
        .filter(|channel| same_name(&channel.display_name, name))
        .collect();
    match named.as_slice() {
        [channel] => Ok(channel),
        [] => Err(Failure::usage(format!(
            "there is no channel `{given}`; `watchbell channels list` shows them"
        ))),
        several => {
            let kinds: Vec<_> = several
                .iter()
                .map(|channel| format!("{}:{name}", text::kind(channel.kind)))
                .collect();
            Err(Failure::usage(format!(
                "several channels are called `{name}`; write {}",
                kinds.join(" or ")
            )))
        }
    }
}

fn pick<'a>(what: &str, given: &str, known: impl Iterator<Item = (&'a str, &'a str)>) -> Outcome<String> {
    let ids: Vec<_> = known
        .filter(|(name, _)| same_name(name, given))
        .map(|(_, id)| id)
        .collect();
    match ids.as_slice() {
        [id] => Ok((*id).to_owned()),
        [] => Err(Failure::usage(format!("there is no {what} `{given}`"))),
        several => Err(Failure::usage(format!(
            "several are called `{given}`: {}",
            several.join(", ")
        ))),
    }
}

/// Names without regard to case, and with or without the `#` that shells like to eat.
fn same_name(name: &str, given: &str) -> bool {
    let bare = |text: &str| text.strip_prefix('#').unwrap_or(text).to_lowercase();
    bare(name) == bare(given)
}

/// The key asked for, else the one that a server on this machine left for its admin.
fn key(global: &Global) -> Outcome<Option<Secret>> {
    if let Some(given) = &global.key {
        return input::secret(given).map(Some);
    }
    let path = crate::serve::default_data_dir().join("admin.key");
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Ok(None);
    };
    let style = Style::new(std::io::stderr().is_terminal() && console::colors_enabled_stderr());
    eprintln!(
        "{}",
        style.faint(&format!("using the admin key of {}", path.display()))
    );
    Ok(Some(Secret::new(text.trim().to_owned())))
}

fn tls(authority: Option<&str>) -> Outcome<ClientTlsConfig> {
    let config = ClientTlsConfig::new();
    match authority {
        Some(path) => Ok(config.ca_certificate(Certificate::from_pem(input::read_file(path)?))),
        None => Ok(config.trust_anchors(webpki_roots::TLS_SERVER_ROOTS.iter().cloned())),
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchbell_contracts::convert::FromWire as _;

    fn channel(id: &str, kind: ChannelKind, name: &str) -> ChannelMessage {
        ChannelMessage {
            id: id.to_owned(),
            kind: kind.to_wire(),
            display_name: name.to_owned(),
            ..ChannelMessage::default()
        }
    }

    #[test]
    fn channels_are_found_by_name_and_told_apart_by_kind() {
        let channels = [
            channel("1", ChannelKind::Slack, "#incidents"),
            channel("2", ChannelKind::Teams, "Incidents"),
            channel("3", ChannelKind::Email, "audit trail"),
        ];
        let found = |given| pick_channel(given, &channels).map(|channel| channel.id.as_str());
        assert_eq!(found("Audit Trail").unwrap(), "3");
        assert_eq!(found("teams:incidents").unwrap(), "2");
        assert_eq!(found("slack:#incidents").unwrap(), "1");
        let Err(Failure::Usage(message)) = found("#incidents") else {
            panic!()
        };
        assert!(
            message.contains("slack:#incidents or teams:#incidents"),
            "{message}"
        );
        assert!(found("#nowhere").is_err());
    }

    #[tokio::test]
    async fn every_page_is_read_up_to_the_limit() {
        let page = |size: i32, token: String| async move {
            let start: i32 = token.parse().unwrap_or(0);
            let end = (start + size.min(3)).min(8);
            let next = if end < 8 { end.to_string() } else { String::new() };
            Ok(((start..end).collect::<Vec<_>>(), next))
        };
        assert_eq!(every(usize::MAX, page).await.unwrap(), (0..8).collect::<Vec<_>>());
        assert_eq!(every(4, page).await.unwrap(), [0, 1, 2, 3]);
    }
}
