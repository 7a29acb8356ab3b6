//! Cache of channel policies. A policy is loaded again after the change feed reported a change of the team, and used
//! as it is while Config is unavailable: the data plane does not depend on the control plane.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use watchbell_contracts::api::SnapshotApi;
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::resolve_channel_request::Selector;
use watchbell_model::ChannelKind;
use watchbell_model::clock::SharedClock;
use watchbell_model::convert::FromWire;
use watchbell_model::ids::{ChannelId, TeamId};
use watchbell_model::route::Route;
use watchbell_runtime::auth::internal_request;
use watchbell_runtime::config_feed::ConfigFeed;
use watchbell_runtime::problem::Problem;
use watchbell_runtime::stale_cache::{Answer, StaleCache};

use crate::channel::people::People;
use crate::channel::policy::ChannelPolicy;
use crate::lanes::LaneId;

/// How long an answer is used although no change was reported.
const FRESH: Duration = Duration::from_secs(300);
/// How many answers are held; the least used go first.
const CAPACITY: u64 = 100_000;

/// Config has never answered for this channel, and does not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConfigUnavailable;

/// Answer of Config about a channel.
#[derive(Debug, Clone)]
pub(crate) enum Lookup {
    /// The channel exists.
    Found(Arc<ChannelPolicy>),
    /// The channel was deleted.
    Deleted,
}

/// Cache of channel policies.
pub(crate) struct Channels {
    config: Arc<dyn SnapshotApi>,
    held: StaleCache<Key, Lookup, Status>,
    /// Whether the platform has a mail server.
    platform_mail: bool,
    /// Notified when a channel may have changed.
    pub(crate) changed: Notify,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Channel(TeamId, ChannelId),
    /// The mail server for a team's people, and which mail they accept.
    Mail(TeamId),
}

// === impl Channels ===

impl Channels {
    pub(crate) fn new(
        config: Arc<dyn SnapshotApi>,
        feed: ConfigFeed,
        clock: SharedClock,
        platform_mail: bool,
    ) -> Self {
        Self {
            config,
            held: StaleCache::new(feed, clock, CAPACITY),
            platform_mail,
            changed: Notify::new(),
        }
    }

    /// Config's client, for calls that are not cached here.
    pub(crate) fn config(&self) -> &dyn SnapshotApi {
        &*self.config
    }

    /// The policy for a route.
    pub(crate) async fn of_route(&self, team: TeamId, route: &Route) -> Result<Lookup, ConfigUnavailable> {
        match route.channel_id() {
            Some(id) => self.channel(team, id).await,
            None if route.is_the_platforms() && self.platform_mail => Ok(match self.people(team).await? {
                Lookup::Found(policy) => Lookup::Found(Arc::new(policy.for_notices())),
                Lookup::Deleted => Lookup::Deleted,
            }),
            None => self.people(team).await,
        }
    }

    /// A team's people, and by what they get their mail.
    pub(crate) async fn people(&self, team: TeamId) -> Result<Lookup, ConfigUnavailable> {
        self.known(Key::Mail(team)).await
    }

    /// The policy of a configured channel.
    pub(crate) async fn channel(&self, team: TeamId, id: ChannelId) -> Result<Lookup, ConfigUnavailable> {
        self.known(Key::Channel(team, id)).await
    }

    /// The policy of a lane, which is a channel's, or for mail to people the team's.
    pub(crate) async fn of_lane(&self, team: TeamId, lane: LaneId) -> Result<Lookup, ConfigUnavailable> {
        if lane.0 == team.as_uuid() {
            self.people(team).await
        } else {
            self.channel(team, ChannelId::from_uuid(lane.0)).await
        }
    }

    async fn known(&self, key: Key) -> Result<Lookup, ConfigUnavailable> {
        let (Key::Channel(team, _) | Key::Mail(team)) = key;
        let ask = async || {
            Ok(Answer {
                value: self.ask(key).await?,
                of: Some(team),
                fresh: FRESH,
                stale: Duration::MAX,
            })
        };
        self.held.get(key, ask).await.map_err(|error| {
            tracing::warn!(?key, %error, "Config could not resolve a channel");
            ConfigUnavailable
        })
    }

    async fn ask(&self, key: Key) -> Result<Lookup, Status> {
        let known = self.resolve(key).await?;
        let (Key::Mail(team), Lookup::Found(policy)) = (key, &known) else {
            return Ok(known);
        };
        let request = config::ListOptOutsRequest {
            team_id: team.to_string(),
        };
        let answer = self.config.list_opt_outs(internal_request(request)).await;
        match answer {
            Ok(answer) => {
                let answer = answer.into_inner();
                let policy = ChannelPolicy::clone(policy).with_silences(&answer.silences);
                Ok(Lookup::Found(Arc::new(ChannelPolicy {
                    people: Arc::new(People::from_response(answer)),
                    ..policy
                })))
            }
            // The team was deleted, and its preferences with it.
            Err(status) if status.code() == Code::NotFound => Ok(Lookup::Deleted),
            Err(status) => Err(status),
        }
    }

    async fn resolve(&self, key: Key) -> Result<Lookup, Status> {
        let (team, selector) = match key {
            Key::Channel(team, id) => (team, Selector::ChannelId(id.to_string())),
            Key::Mail(team) => (team, Selector::DefaultOfKind(ChannelKind::Email.to_wire())),
        };
        let request = config::ResolveChannelRequest {
            team_id: team.to_string(),
            selector: Some(selector),
        };
        let answer = self.config.resolve_channel(internal_request(request)).await;
        let answer = match (answer, key) {
            (Ok(answer), _) => answer.into_inner(),
            (Err(status), Key::Mail(_)) if status.code() == Code::NotFound => {
                return Ok(Lookup::Found(Arc::new(ChannelPolicy::for_platform_mail(team))));
            }
            (Err(status), Key::Channel(..)) if status.code() == Code::NotFound => return Ok(Lookup::Deleted),
            (Err(status), _) => return Err(status),
        };
        let channel = answer
            .channel
            .ok_or_else(|| Problem::internal("Config returned no channel"))?;
        let secrets = answer.secrets.unwrap_or_default();
        if matches!(key, Key::Mail(_)) {
            return Ok(Lookup::Found(Arc::new(mail_policy(team, channel, secrets))));
        }
        let zone = match &channel.quiet_hours {
            Some(quiet) if quiet.time_zone.is_empty() => self.zone(team).await?,
            _ => None,
        };
        let policy = ChannelPolicy::for_channel(team, channel, secrets, zone.as_deref());
        Ok(Lookup::Found(Arc::new(policy.with_silences(&answer.silences))))
    }

    async fn zone(&self, team: TeamId) -> Result<Option<String>, Status> {
        let request = config::GetTeamSnapshotRequest {
            team_id: team.to_string(),
        };
        let answer = self.config.get_team_snapshot(internal_request(request)).await?;
        let team = answer.into_inner().snapshot.and_then(|snapshot| snapshot.team);
        Ok(team.map(|team| team.time_zone).filter(|zone| !zone.is_empty()))
    }

    /// Whether Config was reached since the start of the process.
    pub(crate) fn know_config(&self) -> bool {
        self.held.feed().was_reached()
    }

    /// Something of this team has changed: ask again before the next use.
    pub(crate) fn forget(&self, team: TeamId) {
        self.held.feed().record_change(Some(team));
    }

    /// Forwards changes of the feed to `changed` until `stop`.
    pub(crate) async fn follow(&self, stop: CancellationToken) {
        let feed = self.held.feed();
        let mut mark = feed.mark();
        while let Some(newest) = stop.run_until_cancelled(feed.changed_since(mark)).await {
            mark = newest;
            self.changed.notify_one();
        }
    }
}

/// A team's own mail server serves its people too, with the channel's pace and patience but without its quiet hours
/// and storm control: those are the channel's, and people have preferences.
fn mail_policy(team: TeamId, channel: config::Channel, secrets: config::ChannelSecrets) -> ChannelPolicy {
    let own = matches!(&channel.destination, Some(Destination::Email(email)) if email.smtp.is_some());
    if !own || channel.paused {
        return ChannelPolicy::for_platform_mail(team);
    }
    ChannelPolicy {
        quiet: None,
        storm: None,
        ..ChannelPolicy::for_channel(team, channel, secrets, None)
    }
}
