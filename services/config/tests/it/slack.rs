//! "Add to Slack", against a stand-in that speaks Slack's OAuth.

use std::collections::HashMap;
use std::time::Duration;

use tonic::Code;
use url::Url;
use watchbell_config::sealing::Keyring;
use watchbell_config::{Migrator, SlackSettings};
use watchbell_contracts::api::{ChannelApi, SnapshotApi, TeamApi};
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::resolve_channel_request::Selector;
use watchbell_contracts::config::v1::{
    BeginSlackInstallRequest, BeginSlackInstallResponse, Channel, ChannelHealth, CompleteSlackInstallRequest,
    CompleteSlackInstallResponse, DeleteApiKeyRequest, DeleteChannelRequest, DeleteMemberRequest,
    InspectSlackInstallRequest, InspectSlackInstallResponse, ListChannelsRequest, ReportChannelHealthRequest,
    ResolveChannelRequest, Role as WireRole, SlackDestination, UpdateMemberRequest,
};
use watchbell_egress::{EgressPolicy, Guard, HttpClient};
use watchbell_model::Role;
use watchbell_model::ids::TeamId;
use watchbell_runtime::auth::{PortalSession, Principal, Scope, internal_request};
use watchbell_store::{Store, store_tests};
use watchbell_testkit::SlackStandIn;

use crate::history::newest_change;
use crate::portal;
use crate::support::{Config, by, carried, key, member, of_team, platform, refused, violated};

type Answer<T> = Result<T, tonic::Status>;

/// Config whose Slack is the stand-in.
struct Stage {
    config: Config,
    slack: SlackStandIn,
    team: TeamId,
    /// The team's own.
    key: Principal,
}

/// What Slack's redirect brings back.
type Redirect = HashMap<String, String>;

// === impl Stage ===

impl Stage {
    async fn new(store: &Store) -> Self {
        Self::with_secret(store, "of-the-app").await
    }

    async fn with_secret(store: &Store, secret: &str) -> Self {
        let slack = SlackStandIn::start().await.unwrap();
        slack.register_client("1.2", "of-the-app");
        let settings = SlackSettings {
            client_id: "1.2".to_owned(),
            client_secret: secret.into(),
            base_url: slack.url().parse().unwrap(),
            authorize_url: None,
        };
        let policy = EgressPolicy::allowing_loopback();
        let config = Config::with(store, Keyring::generate_key(), Vec::new(), policy, |all| {
            all.slack = Some(settings);
        });
        let team = config.team().await;
        let (_, key) = portal::key(&config, Some(team), Scope::ConfigWrite, None).await;
        Self {
            config,
            slack,
            team,
            key,
        }
    }

    async fn begin(&self, member_id: &str) -> Answer<BeginSlackInstallResponse> {
        let request = BeginSlackInstallRequest {
            member_id: member_id.to_owned(),
            ..BeginSlackInstallRequest::default()
        };
        self.begin_by(request, self.key).await
    }

    async fn begin_by(
        &self,
        request: BeginSlackInstallRequest,
        caller: Principal,
    ) -> Answer<BeginSlackInstallResponse> {
        let answer = self.config.service.begin_slack_install(by(request, caller)).await;
        let mut begun = answer?.into_inner();
        assert_eq!(begun.authorize_url, "", "others go by the page");
        let (_, state) = begun.install_url.split_once("link=").unwrap();
        begun.authorize_url = self.inspect(state).await?.authorize_url;
        Ok(begun)
    }

    /// A browser goes to Slack, where its person approves.
    async fn approve(&self, begun: &BeginSlackInstallResponse) -> Redirect {
        let guard = Guard::new(EgressPolicy::allowing_loopback());
        let url = guard.check_url(&begun.authorize_url).unwrap();
        let answer = HttpClient::new(guard)
            .get(&url, http::HeaderMap::new(), Duration::from_secs(5), 4096)
            .await
            .unwrap();
        let location = answer
            .headers
            .get("location")
            .unwrap_or_else(|| panic!("{answer:?}"));
        let back = Url::parse(location.to_str().unwrap()).unwrap();
        assert_eq!(back.path(), "/integrations/slack/callback");
        back.query_pairs().into_owned().collect()
    }

    async fn inspect(&self, state: &str) -> Answer<InspectSlackInstallResponse> {
        let request = InspectSlackInstallRequest {
            state: state.to_owned(),
        };
        let answer = self
            .config
            .service
            .inspect_slack_install(internal_request(request))
            .await;
        Ok(answer?.into_inner())
    }

    async fn complete(&self, back: &Redirect) -> Answer<CompleteSlackInstallResponse> {
        let request = CompleteSlackInstallRequest {
            state: back["state"].clone(),
            code: back["code"].clone(),
        };
        let answer = self
            .config
            .service
            .complete_slack_install(internal_request(request))
            .await;
        Ok(answer?.into_inner())
    }

    async fn add(&self) -> CompleteSlackInstallResponse {
        let begun = self.begin("").await.unwrap();
        self.complete(&self.approve(&begun).await).await.unwrap()
    }

    /// The webhook that a channel leads to.
    async fn leads_to(&self, channel: &str) -> String {
        let request = ResolveChannelRequest {
            team_id: self.team.to_string(),
            selector: Some(Selector::ChannelId(channel.to_owned())),
        };
        let answer = self
            .config
            .service
            .resolve_channel(internal_request(request))
            .await
            .unwrap();
        answer.into_inner().secrets.unwrap().url
    }

    async fn channels(&self, team: TeamId) -> Vec<Channel> {
        let request = ListChannelsRequest::default();
        let answer = self
            .config
            .service
            .list_channels(of_team(request, team))
            .await
            .unwrap();
        answer.into_inner().channels
    }
}

fn slack_of(channel: &Channel) -> &SlackDestination {
    match &channel.destination {
        Some(Destination::Slack(slack)) => slack,
        other => panic!("{other:?}"),
    }
}

fn reason<T: std::fmt::Debug>(answer: Answer<T>) -> String {
    refused(answer).1
}

store_tests! {
    migrator = Migrator;

    async fn what_is_approved_at_slack_becomes_a_channel(store: Store) {
        let stage = Stage::new(&store).await;
        let begun = stage.begin("").await.unwrap();
        assert!(begun.authorize_url.contains("scope=incoming-webhook&"), "{}", begun.authorize_url);
        assert!(begun.install_url.contains("/integrations/slack/install?link="));
        assert_eq!(begun.suggested_channel, "#watchbell-alerts");
        let state = begun.install_url.split_once("link=").unwrap().1;
        let seen = stage.inspect(state).await.unwrap();
        assert_eq!((seen.team_display_name.as_str(), seen.team_id), ("Acme", stage.team.to_string()));
        assert_eq!((seen.authorize_url, seen.expire_time), (begun.authorize_url.clone(), begun.expire_time));

        let back = stage.approve(&begun).await;
        assert_eq!(back["state"], state);
        let done = stage.complete(&back).await.unwrap();
        assert_eq!((done.reconnected, done.team_display_name.as_str()), (false, "Acme"));
        let channel = done.channel.unwrap();
        let slack = slack_of(&channel);
        assert!(channel.display_name.starts_with('#') && channel.is_default, "{channel:?}");
        assert_eq!((slack.workspace.as_str(), slack.workspace_id.as_str()), ("Stand-in workspace", "T00000000"));
        assert!(slack.configuration_url.starts_with(&stage.slack.url()));
        let url = stage.leads_to(&channel.id).await;
        assert!(url.starts_with(&format!("{}/services/", stage.slack.url())));
        let path = url.rsplit('/').next().unwrap();
        assert!(!carried(&channel).contains(path), "the webhook is a secret");
    }

    async fn a_state_works_once_and_for_ten_minutes(store: Store) {
        let stage = Stage::new(&store).await;
        let back = stage.approve(&stage.begin("").await.unwrap()).await;
        stage.complete(&back).await.unwrap();
        assert_eq!(reason(stage.complete(&back).await), "SLACK_STATE_USED");
        assert_eq!(reason(stage.inspect(&back["state"]).await), "SLACK_STATE_USED");

        let late = stage.approve(&stage.begin("").await.unwrap()).await;
        stage.config.clock.advance(Duration::from_secs(600));
        assert_eq!(reason(stage.complete(&late).await), "SLACK_STATE_EXPIRED");
        assert_eq!(reason(stage.inspect(&late["state"]).await), "SLACK_STATE_EXPIRED");
        assert_eq!(stage.channels(stage.team).await.len(), 1);
        assert_eq!(reason(stage.complete(&back).await), "SLACK_STATE_EXPIRED", "and so it may be forgotten");
    }

    async fn a_state_that_nobody_here_made_means_nothing(store: Store) {
        let stage = Stage::new(&store).await;
        let elsewhere = Stage::new(&store).await;
        let back = elsewhere.approve(&elsewhere.begin("").await.unwrap()).await;
        assert_eq!(violated(stage.complete(&back).await), ["state"], "sealed with another key");
        for state in ["", "x", "AAAA"] {
            assert_eq!(violated(stage.inspect(state).await), ["state"]);
        }
        let no_code = Redirect::from([("state".to_owned(), back["state"].clone()), ("code".to_owned(), String::new())]);
        assert_eq!(violated(stage.complete(&no_code).await), ["code"]);
    }

    async fn whoever_cancels_at_slack_may_try_again(store: Store) {
        let stage = Stage::new(&store).await;
        let begun = stage.begin("").await.unwrap();
        stage.slack.deny_next_authorisation();
        let back = stage.approve(&begun).await;
        assert_eq!(back["error"], "access_denied");
        let again = stage.inspect(&back["state"]).await.unwrap();
        assert_eq!(again.authorize_url, begun.authorize_url);
        assert!(stage.channels(stage.team).await.is_empty());
        stage.complete(&stage.approve(&begun).await).await.unwrap();
    }

    async fn nothing_is_added_to_another_team(store: Store) {
        let stage = Stage::new(&store).await;
        let other = stage.config.team().await;
        let theirs = BeginSlackInstallRequest { team_id: other.to_string(), ..Default::default() };
        let answer = stage.config.service.begin_slack_install(of_team(theirs, stage.team)).await;
        assert_eq!(refused(answer).0, Code::NotFound);
        let stranger = stage.config.member(other, "eve@other.example", WireRole::Owner).await;
        assert_eq!(refused(stage.begin(&stranger.id).await).0, Code::NotFound);
        stage.add().await;
        assert_eq!(stage.channels(stage.team).await.len(), 1);
        assert!(stage.channels(other).await.is_empty());
    }

    async fn only_those_who_manage_integrations_add_to_slack(store: Store) {
        let stage = Stage::new(&store).await;
        let service = &stage.config.service;
        let ada = stage.config.member(stage.team, "ada@acme.example", WireRole::Admin).await;
        let bob = stage.config.member(stage.team, "bob@acme.example", WireRole::Member).await;
        assert_eq!(reason(stage.begin(&bob.id).await), "MISSING_SCOPE");
        // Bob's token may give him what Config does not know of.
        let by_token = |request| by(request, Principal::Member {
            member_id: bob.id.parse().unwrap(),
            team_id: stage.team,
            role: Role::Member,
            manages_integrations: true,
            session: None,
        });
        let begun = service.begin_slack_install(by_token(BeginSlackInstallRequest::default())).await.unwrap();
        let (_, state) = begun.get_ref().install_url.split_once("link=").unwrap();
        let mut begun = begun.get_ref().clone();
        begun.authorize_url = stage.inspect(state).await.unwrap().authorize_url;
        let done = stage.complete(&stage.approve(&begun).await).await.unwrap();
        let newest = newest_change(&stage.config, stage.team).await;
        let actor = newest.actor.unwrap();
        assert_eq!((newest.method.as_str(), actor.display_name.as_str()), ("CompleteSlackInstall", "bob@acme.example"));
        let request = DeleteChannelRequest { channel_id: done.channel.unwrap().id, ..Default::default() };
        service.delete_channel(of_team(request, stage.team)).await.unwrap();
        let claims_it = BeginSlackInstallRequest { member_id: bob.id.clone(), is_permitted: true, ..Default::default() };
        assert_eq!(reason(service.begin_slack_install(by(claims_it, stage.key)).await), "MISSING_SCOPE");
        let by_herself = member(BeginSlackInstallRequest::default(), stage.team, ada.id.parse().unwrap(), Role::Admin);
        service.begin_slack_install(by_herself).await.unwrap();
        let for_bob = BeginSlackInstallRequest { member_id: bob.id.clone(), ..Default::default() };
        let for_bob = member(for_bob, stage.team, ada.id.parse().unwrap(), Role::Admin);
        assert_eq!(refused(service.begin_slack_install(for_bob).await).0, Code::NotFound);

        let back = stage.approve(&stage.begin(&ada.id).await.unwrap()).await;
        let mut demoted = ada.clone();
        (demoted.role, demoted.etag) = (WireRole::Member.into(), String::new());
        let request = UpdateMemberRequest { member: Some(demoted), ..Default::default() };
        service.update_member(of_team(request, stage.team)).await.unwrap();
        assert_eq!(reason(stage.complete(&back).await), "MISSING_SCOPE", "not any more");
        let request = DeleteMemberRequest { member_id: ada.id, ..Default::default() };
        service.delete_member(of_team(request, stage.team)).await.unwrap();
        assert_eq!(refused(stage.complete(&back).await).0, Code::NotFound);
        assert!(stage.channels(stage.team).await.is_empty());
    }

    async fn what_ended_since_it_began_ends_no_installation(store: Store) {
        let stage = Stage::new(&store).await;
        let service = &stage.config.service;
        let (key_id, key) = portal::key(&stage.config, Some(stage.team), Scope::ConfigWrite, None).await;
        let ada = stage.config.member(stage.team, "ada@acme.example", WireRole::Admin).await;
        let session = |key_id: &str, expires_at| Principal::Member {
            member_id: ada.id.parse().unwrap(),
            team_id: stage.team,
            role: Role::Admin,
            manages_integrations: true,
            session: Some(PortalSession {
                scopes: [Scope::ConfigWrite].into_iter().collect(),
                read_only: false,
                key_id: key_id.parse().ok(),
                expires_at,
            }),
        };
        let begin = async |caller| stage.begin_by(BeginSlackInstallRequest::default(), caller).await.unwrap();
        let soon = stage.config.clock.shared().now() + Duration::from_secs(60);
        let by_key = stage.approve(&begin(key).await).await;
        let by_edge = BeginSlackInstallRequest {
            team_id: stage.team.to_string(),
            key_id: key_id.clone(),
            ..Default::default()
        };
        let by_edge = service.begin_slack_install(internal_request(by_edge)).await.unwrap().into_inner();
        let by_edge = stage.approve(&by_edge).await;
        let by_session = stage.approve(&begin(session(&key_id, soon)).await).await;
        let request = DeleteApiKeyRequest { team_id: stage.team.to_string(), api_key_id: key_id };
        service.delete_api_key(internal_request(request)).await.unwrap();
        for back in [&by_key, &by_edge, &by_session] {
            assert_eq!(refused(stage.complete(back).await).0, Code::Unauthenticated);
        }
        let by_session = stage.approve(&begin(session("", soon)).await).await;
        stage.config.clock.advance(Duration::from_secs(60));
        assert_eq!(reason(stage.complete(&by_session).await), "SLACK_STATE_EXPIRED");

        // A token says what Config does, too, and Config says it no longer.
        let admin = member(BeginSlackInstallRequest::default(), stage.team, ada.id.parse().unwrap(), Role::Admin);
        let begun = service.begin_slack_install(admin).await.unwrap().into_inner();
        let (_, state) = begun.install_url.split_once("link=").unwrap();
        let begun = BeginSlackInstallResponse { authorize_url: stage.inspect(state).await.unwrap().authorize_url, ..begun };
        let by_token = stage.approve(&begun).await;
        let mut demoted = ada.clone();
        (demoted.role, demoted.etag) = (WireRole::Member.into(), String::new());
        let request = UpdateMemberRequest { member: Some(demoted), ..Default::default() };
        service.update_member(of_team(request, stage.team)).await.unwrap();
        assert_eq!(reason(stage.complete(&by_token).await), "MISSING_SCOPE");
        assert!(stage.channels(stage.team).await.is_empty());

        stage.add().await;
        let newest = newest_change(&stage.config, stage.team).await;
        assert_eq!(newest.actor.unwrap().display_name, "platform's backend");
    }

    async fn ending_an_installation_is_for_services(store: Store) {
        let stage = Stage::new(&store).await;
        let service = &stage.config.service;
        let back = stage.approve(&stage.begin("").await.unwrap()).await;
        let complete = CompleteSlackInstallRequest { state: back["state"].clone(), code: back["code"].clone() };
        assert_eq!(reason(service.complete_slack_install(platform(complete)).await), "INTERNAL_ONLY");
        let inspect = InspectSlackInstallRequest { state: back["state"].clone() };
        let inspect = key(inspect, Some(stage.team), &[Scope::ConfigWrite]);
        assert_eq!(reason(service.inspect_slack_install(inspect).await), "INTERNAL_ONLY");
        stage.complete(&back).await.unwrap();
    }

    async fn slacks_refusals_are_passed_on_and_use_the_state_up(store: Store) {
        let stage = Stage::new(&store).await;
        let mut back = stage.approve(&stage.begin("").await.unwrap()).await;
        back.insert("code".to_owned(), "made-up".to_owned());
        assert_eq!(reason(stage.complete(&back).await), "SLACK_CODE_REFUSED");
        assert_eq!(reason(stage.complete(&back).await), "SLACK_STATE_USED");

        let wrong = Stage::with_secret(&store, "of-another-app").await;
        let back = wrong.approve(&wrong.begin("").await.unwrap()).await;
        assert_eq!(reason(wrong.complete(&back).await), "SLACK_APP_REFUSED");

        let back = stage.approve(&stage.begin("").await.unwrap()).await;
        let Stage { config, slack, .. } = stage;
        let team = stage.team;
        drop(slack);
        let request = CompleteSlackInstallRequest { state: back["state"].clone(), code: back["code"].clone() };
        let answer = config.service.complete_slack_install(internal_request(request)).await;
        assert_eq!(refused(answer).0, Code::Unavailable);
        let listed = config.service.list_channels(of_team(ListChannelsRequest::default(), team)).await.unwrap();
        assert!(listed.into_inner().channels.is_empty());
    }

    async fn an_answer_with_nulls_and_many_scopes_makes_a_channel(store: Store) {
        let stage = Stage::new(&store).await;
        let back = stage.approve(&stage.begin("").await.unwrap()).await;
        let scopes = "channels:read,".repeat(4_000);
        stage.slack.answer_next_redemption(format!(
            r#"{{"ok":true,"error":null,"scope":"{scopes}","team":null,"incoming_webhook":{{"channel":null,
                "channel_id":"C1","configuration_url":null,"url":"{}"}}}}"#,
            stage.slack.any_webhook_url(),
        ));
        let channel = stage.complete(&back).await.unwrap().channel.unwrap();
        assert_eq!(channel.display_name, "#watchbell-alerts");
        assert_eq!(stage.leads_to(&channel.id).await, stage.slack.any_webhook_url());
    }

    async fn a_state_whose_answer_was_never_read_serves_for_another_approval(store: Store) {
        let stage = Stage::new(&store).await;
        let begun = stage.begin("").await.unwrap();
        for (body, said) in [
            ("<html>a proxy's page</html>", "SLACK_ANSWER_UNREADABLE"),
            (r#"{"ok":false,"error":"internal_error"}"#, "UNAVAILABLE"),
        ] {
            stage.slack.answer_next_redemption(body);
            let back = stage.approve(&begun).await;
            assert_eq!(reason(stage.complete(&back).await), said);
        }
        let back = stage.approve(&begun).await;
        assert!(stage.complete(&back).await.unwrap().channel.is_some());
        assert_eq!(reason(stage.complete(&back).await), "SLACK_STATE_USED");
    }

    async fn the_same_channel_added_again_is_connected_again(store: Store) {
        let stage = Stage::new(&store).await;
        let first = stage.add().await.channel.unwrap();
        let old = stage.leads_to(&first.id).await;
        let unhealthy = ReportChannelHealthRequest {
            team_id: stage.team.to_string(),
            channel_id: first.id.clone(),
            health: ChannelHealth::Unhealthy.into(),
            message: "404 no_service".to_owned(),
            ..ReportChannelHealthRequest::default()
        };
        stage.config.service.report_channel_health(internal_request(unhealthy)).await.unwrap();
        let again = stage.add().await;
        assert!(again.reconnected);
        let again = again.channel.unwrap();
        assert_eq!((&again.id, &again.display_name), (&first.id, &first.display_name));
        assert_eq!((again.health(), again.health_epoch), (ChannelHealth::Healthy, 1));
        assert_ne!(stage.leads_to(&again.id).await, old);
        assert_eq!(stage.channels(stage.team).await, [again]);
    }

    async fn a_channel_of_that_name_that_is_another_one_stays(store: Store) {
        let stage = Stage::new(&store).await;
        let name = stage.add().await.channel.unwrap().display_name;
        let team = stage.config.team().await;
        let (_, key) = portal::key(&stage.config, Some(team), Scope::ConfigWrite, None).await;
        let other = Stage { team, key, ..stage };
        let by_hand = other.config.slack(other.team, &name).await;
        let added = other.add().await;
        assert!(!added.reconnected);
        let added = added.channel.unwrap();
        assert_eq!(added.display_name, format!("{name} (Stand-in workspace)"));
        assert_ne!(added.id, by_hand.id);
    }

    async fn without_an_app_there_is_no_add_to_slack(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let answer = config.service.begin_slack_install(of_team(BeginSlackInstallRequest::default(), team)).await;
        assert_eq!(refused(answer), (Code::FailedPrecondition, "SLACK_NOT_CONFIGURED".to_owned()));
    }
}
