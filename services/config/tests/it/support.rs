//! A service on a test's database, callers of all sorts, and what most tests begin with.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use futures::future::BoxFuture;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use watchbell_config::sealing::{Keyring, SealingSettings};
use watchbell_config::{Service, Settings};
use watchbell_contracts::api::{ChannelApi, RoutingApi, TeamApi};
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::rule::Action;
use watchbell_contracts::config::v1::{
    Channel, CreateChannelRequest, CreateChannelResponse, CreateMemberRequest, CreateRuleRequest,
    CreateTeamRequest, EventFilter, Member, Role as WireRole, Rule, SendAction, SlackDestination, Team,
    WebhookDestination,
};
use watchbell_egress::{EgressPolicy, Guard, Resolver};
use watchbell_model::Role;
use watchbell_model::brand::Brand;
use watchbell_model::ids::{KeyId, MemberId, TeamId};
use watchbell_model::secret::Secret;
use watchbell_runtime::auth::{Principal, Scope};
use watchbell_store::Store;
use watchbell_testkit::TestClock;

/// What links in emails are signed with.
pub(crate) const UNSUBSCRIBE_KEY: &str = "an-unsubscribe-key-of-tests";

/// One replica of Config.
pub(crate) struct Config {
    pub(crate) service: Service,
    pub(crate) clock: TestClock,
    pub(crate) key: Secret,
}

/// `*.example` is public, `inside.example` is not.
#[derive(Debug)]
struct Names;

impl Resolver for Names {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let address = match host {
            "inside.example" => "10.0.0.7",
            _ => "93.184.216.34",
        };
        Box::pin(async move { Ok(vec![address.parse().unwrap()]) })
    }
}

// === impl Config ===

impl Config {
    pub(crate) fn on(store: &Store) -> Self {
        Self::with_keys(store, Keyring::generate_key(), Vec::new())
    }

    pub(crate) fn with_keys(store: &Store, key: Secret, older_keys: Vec<Secret>) -> Self {
        Self::with(store, key, older_keys, EgressPolicy::default(), |_| {})
    }

    /// With another policy and other settings.
    pub(crate) fn with(
        store: &Store,
        key: Secret,
        older_keys: Vec<Secret>,
        policy: EgressPolicy,
        adjust: impl FnOnce(&mut Settings),
    ) -> Self {
        let clock = TestClock::parse("2026-11-23T09:00:00Z").unwrap();
        let mut settings = Settings {
            database: store.settings().clone(),
            sealing: SealingSettings {
                key: key.clone(),
                older_keys,
            },
            unsubscribe_keys: vec![UNSUBSCRIBE_KEY.into()],
            slack: None,
            brand: Brand::default(),
            platform_mail: false,
            confirm_recipients: true,
        };
        adjust(&mut settings);
        let guard = Guard::with_resolver(policy, Arc::new(Names));
        let service = Service::new(store.clone(), &settings, guard, clock.shared()).unwrap();
        Self { service, clock, key }
    }

    pub(crate) async fn team(&self) -> TeamId {
        let team = Team {
            display_name: "Acme".to_owned(),
            ..Team::default()
        };
        let request = CreateTeamRequest {
            team: Some(team),
            validate_only: false,
        };
        let made = self
            .service
            .create_team(platform(request))
            .await
            .unwrap()
            .into_inner();
        made.team.unwrap().id.parse().unwrap()
    }

    pub(crate) async fn member(&self, team: TeamId, email: &str, role: WireRole) -> Member {
        let member = Member {
            email: email.to_owned(),
            role: role.into(),
            ..Member::default()
        };
        let request = CreateMemberRequest {
            team_id: team.to_string(),
            member: Some(member),
            validate_only: false,
        };
        let made = self
            .service
            .create_member(platform(request))
            .await
            .unwrap()
            .into_inner();
        made.member.unwrap()
    }

    pub(crate) async fn create(
        &self,
        team: TeamId,
        channel: Channel,
    ) -> Result<CreateChannelResponse, Status> {
        let request = CreateChannelRequest {
            team_id: team.to_string(),
            channel: Some(channel),
            validate_only: false,
        };
        Ok(self.service.create_channel(platform(request)).await?.into_inner())
    }

    pub(crate) async fn slack(&self, team: TeamId, name: &str) -> Channel {
        self.create(team, slack(name)).await.unwrap().channel.unwrap()
    }

    pub(crate) async fn webhook(&self, team: TeamId, name: &str) -> Channel {
        self.create(team, webhook(name, "https://hooks.example/in?token=s3cret"))
            .await
            .unwrap()
            .channel
            .unwrap()
    }
}

/// A rule that sends to a new Slack channel what the expression is true of.
pub(crate) async fn guarded_rule(config: &Config, team: TeamId, expression: &str) -> Rule {
    let channel = config.slack(team, "#guarded").await;
    let filter = EventFilter {
        expression: expression.to_owned(),
        ..EventFilter::default()
    };
    let rule = Rule {
        display_name: "Guarded".to_owned(),
        r#match: Some(filter),
        action: Some(Action::Send(SendAction {
            channel_ids: vec![channel.id],
        })),
        ..Rule::default()
    };
    let request = CreateRuleRequest {
        team_id: team.to_string(),
        rule: Some(rule),
        ..CreateRuleRequest::default()
    };
    let made = config.service.create_rule(platform(request)).await.unwrap();
    made.into_inner().rule.unwrap()
}

pub(crate) fn slack(name: &str) -> Channel {
    let slack = SlackDestination {
        webhook_url: "https://hooks.slack.example/services/T0/B0/s3cret".to_owned(),
        ..SlackDestination::default()
    };
    Channel {
        display_name: name.to_owned(),
        destination: Some(Destination::Slack(slack)),
        ..Channel::default()
    }
}

pub(crate) fn webhook(name: &str, url: &str) -> Channel {
    let filter = EventFilter {
        types: vec!["*".to_owned()],
        ..EventFilter::default()
    };
    let webhook = WebhookDestination {
        url: url.to_owned(),
        filter: Some(filter),
        ..WebhookDestination::default()
    };
    Channel {
        display_name: name.to_owned(),
        destination: Some(Destination::Webhook(webhook)),
        ..Channel::default()
    }
}

/// A request of the platform's own key.
pub(crate) fn platform<T>(message: T) -> Request<T> {
    key(message, None, &[Scope::Platform])
}

/// A request with a key of one team, or of the platform.
pub(crate) fn key<T>(message: T, team_id: Option<TeamId>, scopes: &[Scope]) -> Request<T> {
    let key_id = KeyId::from_uuid(uuid::Uuid::nil());
    by(
        message,
        Principal::ApiKey {
            key_id,
            team_id,
            scopes: scopes.iter().copied().collect(),
        },
    )
}

/// A request of a team's key that may do everything a team's key can.
pub(crate) fn of_team<T>(message: T, team: TeamId) -> Request<T> {
    key(message, Some(team), &[Scope::ConfigWrite, Scope::Emit])
}

/// A request of a signed-in member.
pub(crate) fn member<T>(message: T, team_id: TeamId, member_id: MemberId, role: Role) -> Request<T> {
    by(
        message,
        Principal::Member {
            member_id,
            team_id,
            role,
            manages_integrations: role != Role::Member,
            session: None,
        },
    )
}

pub(crate) fn by<T>(message: T, principal: Principal) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(principal);
    request
}

/// All that a message carries, as text: its `Debug` leaves secrets out.
pub(crate) fn carried(message: &impl prost::Message) -> String {
    String::from_utf8_lossy(&message.encode_to_vec()).into_owned()
}

/// The code and reason of a refusal.
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, Status>) -> (Code, String) {
    let status = result.unwrap_err();
    let reason = status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default();
    (status.code(), reason)
}

/// The fields that a refusal names.
pub(crate) fn violated<T: std::fmt::Debug>(result: Result<T, Status>) -> Vec<String> {
    let status = result.unwrap_err();
    let details = status
        .get_details_bad_request()
        .unwrap_or_else(|| panic!("{status:?}"));
    details
        .field_violations
        .into_iter()
        .map(|violation| violation.field)
        .collect()
}
