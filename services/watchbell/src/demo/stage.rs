//! The stage: two teams with everything set up, over gRPC as any client would.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use prost_types::Struct;
use watchbell_contracts::config::v1::{
    ApiKey, Channel, CreateApiKeyRequest, CreateChannelRequest, CreateMemberRequest,
    CreateMentionRuleRequest, CreateRuleRequest, CreateTeamRequest, DeliveryPolicy, EmailDestination,
    EventFilter, InAppDestination, ListEventTypesRequest, Member, MentionRule, Plan, Role, Rule, Scope,
    SendAction, SilenceAction, SlackDestination, Team, TeamsDestination, UpdateComplianceRecipientsRequest,
    WebhookDestination, channel::Destination, rule::Action,
};
use watchbell_contracts::event::v1::{Mention, Severity, mention::Who};
use watchbell_model::brand::Brand;
use watchbell_model::clock::SystemClock;
use watchbell_model::convert;
use watchbell_model::secret::Secret;
use watchbell_testkit::WebhookReceiver;

use super::outside::Outside;
use super::scenario::{Place, Team as Whose};
use super::story::{CFO_USER, ON_CALL, TEAM_LEAD};
use crate::failure::{Failure, Outcome};
use crate::session::{Out, Peer, Session, every};

/// A team that is set up.
pub(super) struct Cast {
    /// As its admin.
    pub(super) admin: Session,
    /// As the backend that emits, with a key for that alone.
    pub(super) backend: Session,
    pub(super) team_id: String,
    /// Whose inbox is looked at.
    pub(super) owner_id: String,
    /// Channel names by id.
    pub(super) names: HashMap<String, String>,
}

/// Both teams, and an example of the data of each event type.
pub(super) struct Stage {
    pub(super) acme: Cast,
    pub(super) solo: Cast,
    pub(super) examples: BTreeMap<String, Struct>,
}

// === impl Stage ===

impl Stage {
    /// Sets both teams up.
    pub(super) async fn set(
        server: &str,
        admin_key: &Secret,
        outside: &Outside,
        brand: &Brand,
        retry_delays: &[Duration],
        out: Out,
    ) -> Outcome<Self> {
        let platform = connect(server, admin_key, out).await?;
        let mut builder = Builder {
            outside,
            brand,
            retry_delays,
            server,
            out,
        };
        let acme = builder.acme(&platform).await?;
        let solo = builder.solo(&platform).await?;
        let examples = examples(&acme.admin).await?;
        Ok(Self { acme, solo, examples })
    }

    pub(super) const fn cast(&self, whose: Whose) -> &Cast {
        match whose {
            Whose::Acme => &self.acme,
            Whose::Solo => &self.solo,
        }
    }
}

async fn connect(server: &str, key: &Secret, out: Out) -> Outcome<Session> {
    Session::connect(
        Peer {
            server,
            key: Some(key),
            authority: None,
        },
        out,
        SystemClock::shared(),
    )
    .await
}

/// What the catalog shows as an example of each type.
async fn examples(admin: &Session) -> Outcome<BTreeMap<String, Struct>> {
    let types = every(usize::MAX, |page_size, page_token| async move {
        let request = ListEventTypesRequest {
            team_id: admin.team(),
            page_size,
            page_token,
        };
        let answer = admin
            .catalog()
            .list_event_types(admin.ask(request))
            .await?
            .into_inner();
        Ok((answer.event_types, answer.next_page_token))
    })
    .await?;
    Ok(types
        .into_iter()
        .filter_map(|entry| Some((entry.name, entry.example?)))
        .collect())
}

/// Makes teams.
struct Builder<'a> {
    outside: &'a Outside,
    brand: &'a Brand,
    retry_delays: &'a [Duration],
    server: &'a str,
    out: Out,
}

impl Builder<'_> {
    async fn acme(&mut self, platform: &Session) -> Outcome<Cast> {
        let team = self.team(platform, "Acme", Plan::Team).await?;
        let owner_id = self.member(&team, Place::Olga, "Olga", Role::Owner).await?;
        self.member(&team, Place::Adam, "Adam", Role::Admin).await?;

        let alerts = self.brand.default_slack_channel();
        self.slack(&team, Place::Alerts, &alerts).await?;
        let incidents = self.slack(&team, Place::Incidents, "#incidents").await?;
        let appsec = self.slack(&team, Place::Appsec, "#appsec").await?;
        let scans = self.slack(&team, Place::Scans, "#scan-firehose").await?;
        self.leadership(&team).await?;
        let finance = self.finance(&team).await?;
        self.webhook(&team, "SIEM", "*", &self.outside.siem).await?;
        self.webhook(&team, "SOAR", "finding.*", &self.outside.soar)
            .await?;
        self.channel(
            &team,
            "notification center",
            Destination::InApp(InAppDestination {}),
            None,
        )
        .await?;

        rule(
            &team,
            "Audits to AppSec",
            filter(&["audit.delivered"], None),
            send(appsec),
        )
        .await?;
        let critical = Some(Severity::Critical);
        rule(
            &team,
            "Incidents",
            filter(&["atlas.alert.fired"], critical),
            send(incidents),
        )
        .await?;
        rule(&team, "Scans", filter(&["scan.completed"], None), send(scans)).await?;
        let sandbox = EventFilter {
            sources: vec!["sandbox".to_owned()],
            ..EventFilter::default()
        };
        rule(
            &team,
            "Quiet sandbox",
            sandbox,
            Action::Silence(SilenceAction::default()),
        )
        .await?;
        rule(
            &team,
            "Plan to finance",
            filter(&["account.plan.changed"], None),
            send(finance),
        )
        .await?;

        mention(&team, "audit.failed", None, Who::SlackUser(TEAM_LEAD.to_owned())).await?;
        mention(
            &team,
            "atlas.alert.fired",
            critical,
            Who::SlackGroup(ON_CALL.to_owned()),
        )
        .await?;
        mention(
            &team,
            "account.plan.changed",
            None,
            Who::SlackUser(CFO_USER.to_owned()),
        )
        .await?;

        let recipients = Place::Officer.address().map(str::to_owned).into_iter().collect();
        let request = UpdateComplianceRecipientsRequest {
            team_id: team.team(),
            recipients,
        };
        team.preferences()
            .update_compliance_recipients(team.ask(request))
            .await?;
        self.cast(team, owner_id).await
    }

    /// The same habits on the FREE plan.
    async fn solo(&mut self, platform: &Session) -> Outcome<Cast> {
        let team = self.team(platform, "Solo", Plan::Free).await?;
        let owner_id = self.member(&team, Place::Sam, "Sam", Role::Owner).await?;
        self.slack(&team, Place::SoloAlerts, "#solo-alerts").await?;
        let incidents = self.slack(&team, Place::SoloIncidents, "#solo-incidents").await?;
        let critical = Some(Severity::Critical);
        rule(
            &team,
            "Incidents",
            filter(&["atlas.alert.fired"], critical),
            send(incidents),
        )
        .await?;
        self.cast(team, owner_id).await
    }

    async fn team(&self, platform: &Session, name: &str, plan: Plan) -> Outcome<Session> {
        let team = Team {
            display_name: name.to_owned(),
            plan: plan as i32,
            ..Team::default()
        };
        let request = CreateTeamRequest {
            team: Some(team),
            validate_only: false,
        };
        let made = present(
            platform
                .teams()
                .create_team(platform.ask(request))
                .await?
                .into_inner()
                .team,
        )?;
        Ok(platform.for_team(&made.id))
    }

    async fn member(&self, team: &Session, place: Place, name: &str, role: Role) -> Outcome<String> {
        let member = Member {
            email: place.address().unwrap_or_default().to_owned(),
            display_name: name.to_owned(),
            role: role as i32,
            ..Member::default()
        };
        let request = CreateMemberRequest {
            team_id: team.team(),
            member: Some(member),
            validate_only: false,
        };
        Ok(present(
            team.teams()
                .create_member(team.ask(request))
                .await?
                .into_inner()
                .member,
        )?
        .id)
    }

    async fn slack(&self, team: &Session, place: Place, name: &str) -> Outcome<String> {
        let webhook_url = self.outside.slack_url(place);
        let destination = Destination::Slack(SlackDestination {
            webhook_url,
            ..SlackDestination::default()
        });
        Ok(self.channel(team, name, destination, None).await?.0)
    }

    /// A default channel that its own triggers narrow: only what is critical.
    async fn leadership(&self, team: &Session) -> Outcome<String> {
        let webhook_url = self.outside.teams.workflow_url();
        let destination = Destination::Teams(TeamsDestination {
            webhook_url,
            ..TeamsDestination::default()
        });
        let critical = EventFilter {
            severities: vec![Severity::Critical as i32],
            ..EventFilter::default()
        };
        Ok(self
            .channel(team, "Leadership", destination, Some(critical))
            .await?
            .0)
    }

    /// An email channel with the team's own mail server.
    async fn finance(&self, team: &Session) -> Outcome<String> {
        let destination = Destination::Email(EmailDestination {
            recipients: Place::Cfo.address().map(str::to_owned).into_iter().collect(),
            smtp: Some(self.outside.mail_server()),
            ..EmailDestination::default()
        });
        Ok(self.channel(team, "finance", destination, None).await?.0)
    }

    async fn webhook(
        &self,
        team: &Session,
        name: &str,
        pattern: &str,
        receiver: &WebhookReceiver,
    ) -> Outcome {
        let destination = Destination::Webhook(WebhookDestination {
            url: receiver.url(),
            filter: Some(filter(&[pattern], None)),
            ..WebhookDestination::default()
        });
        let (_, signing_secret) = self.channel(team, name, destination, None).await?;
        receiver.expect_secret(signing_secret);
        Ok(())
    }

    /// The channel's id, and its signing secret when it has one.
    async fn channel(
        &self,
        team: &Session,
        name: &str,
        destination: Destination,
        triggers: Option<EventFilter>,
    ) -> Outcome<(String, String)> {
        let delivery = DeliveryPolicy {
            retry_delays: self
                .retry_delays
                .iter()
                .map(|delay| convert::duration(*delay))
                .collect(),
            // Slack's own pace of one message a second would only make the demo longer.
            max_per_second: 50.0,
            ..DeliveryPolicy::default()
        };
        let channel = Channel {
            display_name: name.to_owned(),
            destination: Some(destination),
            triggers,
            delivery: Some(delivery),
            ..Channel::default()
        };
        let request = CreateChannelRequest {
            team_id: team.team(),
            channel: Some(channel),
            validate_only: false,
        };
        let answer = team
            .channels()
            .create_channel(team.ask(request))
            .await?
            .into_inner();
        Ok((present(answer.channel)?.id, answer.signing_secret))
    }

    async fn cast(&self, admin: Session, owner_id: String) -> Outcome<Cast> {
        let api_key = ApiKey {
            display_name: "backend".to_owned(),
            scopes: vec![Scope::Emit as i32],
            ..ApiKey::default()
        };
        let request = CreateApiKeyRequest {
            team_id: admin.team(),
            api_key: Some(api_key),
        };
        let key = admin
            .teams()
            .create_api_key(admin.ask(request))
            .await?
            .into_inner()
            .key;
        let backend = connect(self.server, &Secret::new(key), self.out).await?;
        let names = admin.channel_names().await;
        Ok(Cast {
            team_id: admin.team(),
            admin,
            backend,
            owner_id,
            names,
        })
    }
}

fn filter(types: &[&str], severity: Option<Severity>) -> EventFilter {
    EventFilter {
        types: types.iter().map(|pattern| (*pattern).to_owned()).collect(),
        severities: severity.map(|severity| severity as i32).into_iter().collect(),
        ..EventFilter::default()
    }
}

fn send(channel_id: String) -> Action {
    Action::Send(SendAction {
        channel_ids: vec![channel_id],
    })
}

async fn rule(team: &Session, name: &str, matches: EventFilter, action: Action) -> Outcome {
    let rule = Rule {
        display_name: name.to_owned(),
        r#match: Some(matches),
        action: Some(action),
        ..Rule::default()
    };
    let request = CreateRuleRequest {
        team_id: team.team(),
        rule: Some(rule),
        validate_only: false,
    };
    team.routing().create_rule(team.ask(request)).await?;
    Ok(())
}

async fn mention(team: &Session, event_type: &str, severity: Option<Severity>, who: Who) -> Outcome {
    let mention_rule = MentionRule {
        types: vec![event_type.to_owned()],
        severities: severity.map(|severity| severity as i32).into_iter().collect(),
        mentions: vec![Mention { who: Some(who) }],
        ..MentionRule::default()
    };
    let request = CreateMentionRuleRequest {
        team_id: team.team(),
        mention_rule: Some(mention_rule),
        validate_only: false,
    };
    team.routing().create_mention_rule(team.ask(request)).await?;
    Ok(())
}

fn present<T>(part: Option<T>) -> Outcome<T> {
    part.ok_or_else(|| Failure::message("the server's answer is empty"))
}
