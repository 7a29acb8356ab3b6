//! What Owners are told, and how often.

use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::{ConnectionTrait as _, DbBackend};
use tonic::Code;
use watchbell_config::sealing::Keyring;
use watchbell_config::{Migrator, OwnerTeller};
use watchbell_contracts::api::{ChannelApi, RoutingApi, SnapshotApi, TeamApi};
use watchbell_contracts::config::v1::{
    ApiKey, ApplyTeamConfigRequest, CreateApiKeyRequest, DeleteChannelRequest, DeleteRuleRequest,
    ExpressionFailure, ReportExpressionFailuresRequest, Role as WireRole, RotateWebhookSecretRequest, Scope,
    expression_failure,
};
use watchbell_contracts::dispatcher::v1::SubmitRequest;
use watchbell_contracts::event::v1::event::Payload;
use watchbell_contracts::event::v1::route::Target;
use watchbell_model::Role;
use watchbell_model::clock::Clock;
use watchbell_model::convert::timestamp;
use watchbell_model::ids::TeamId;
use watchbell_model::shard::ShardId;
use watchbell_runtime::auth::internal_request;
use watchbell_store::{Store, store_tests};

use crate::dispatcher::DispatcherStandIn;
use crate::support::{Config, guarded_rule, member, of_team};

const HOUR: Duration = Duration::from_secs(3_600);

/// Config, its Dispatcher, and a team.
struct Stage {
    config: Config,
    dispatcher: DispatcherStandIn,
    team: TeamId,
}

// === impl Stage ===

impl Stage {
    async fn new(store: &Store) -> Self {
        let config = Config::on(store);
        let dispatcher = DispatcherStandIn::attached(&config);
        let team = config.team().await;
        Self {
            config,
            dispatcher,
            team,
        }
    }

    async fn tick(&self) -> u64 {
        OwnerTeller::new(self.config.service.clone())
            .tick()
            .await
            .unwrap()
    }

    /// The titles of what was told.
    fn told(&self) -> Vec<String> {
        self.dispatcher
            .taken()
            .into_iter()
            .map(|taken| taken.event.unwrap().title)
            .collect()
    }

    async fn delete(&self, channel_id: &str) {
        let request = DeleteChannelRequest {
            channel_id: channel_id.to_owned(),
            ..Default::default()
        };
        self.config
            .service
            .delete_channel(of_team(request, self.team))
            .await
            .unwrap();
    }

    async fn rotate(&self, channel_id: &str, hours: i64) {
        let request = RotateWebhookSecretRequest {
            channel_id: channel_id.to_owned(),
            overlap: Some(prost_types::Duration {
                seconds: hours * 3_600,
                nanos: 0,
            }),
            ..Default::default()
        };
        self.config
            .service
            .rotate_webhook_secret(of_team(request, self.team))
            .await
            .unwrap();
    }

    /// An evaluation of a rule's expression has failed.
    async fn fails(&self, rule_id: &str) {
        let failure = ExpressionFailure {
            owner: Some(expression_failure::Owner::RuleId(rule_id.to_owned())),
            count: 1,
            error: "No such key: score".to_owned(),
            ..ExpressionFailure::default()
        };
        let request = ReportExpressionFailuresRequest {
            team_id: self.team.to_string(),
            failures: vec![failure],
        };
        self.config
            .service
            .report_expression_failures(internal_request(request))
            .await
            .unwrap();
    }

    async fn key(&self, name: &str, hours: i64, team_id: String) {
        let api_key = ApiKey {
            display_name: name.to_owned(),
            scopes: vec![Scope::Emit.into()],
            expire_time: Some(timestamp(self.config.clock.now() + TimeDelta::hours(hours))),
            ..ApiKey::default()
        };
        let request = CreateApiKeyRequest {
            team_id,
            api_key: Some(api_key),
        };
        self.config
            .service
            .create_api_key(internal_request(request))
            .await
            .unwrap();
    }
}

/// Whom a submission goes to.
fn receivers(request: &SubmitRequest) -> Vec<String> {
    let receivers = request
        .routes
        .iter()
        .map(|route| match route.target.as_ref().unwrap() {
            Target::Person(person) => person.address.clone(),
            Target::Inbox(_) => "inbox".to_owned(),
            other => panic!("{other:?}"),
        });
    receivers.collect()
}

fn data(request: &SubmitRequest) -> serde_json::Value {
    match request.event.as_ref().unwrap().payload.as_ref().unwrap() {
        Payload::DataJson(json) => serde_json::from_slice(json).unwrap(),
        Payload::Data(_) => panic!("JSON"),
    }
}

store_tests! {
    migrator = Migrator;

    async fn owners_hear_once_that_a_channel_was_removed_and_by_whom(store: Store) {
        let stage = Stage::new(&store).await;
        let ada = stage.config.member(stage.team, "ada@acme.example", WireRole::Owner).await;
        stage.config.member(stage.team, "bob@acme.example", WireRole::Admin).await;
        stage.config.member(stage.team, "cyd@acme.example", WireRole::Owner).await;
        let channel = stage.config.slack(stage.team, "#alerts").await;
        let request = DeleteChannelRequest { channel_id: channel.id.clone(), ..Default::default() };
        let by_ada = member(request, stage.team, ada.id.parse().unwrap(), Role::Owner);
        stage.config.service.delete_channel(by_ada).await.unwrap();
        assert_eq!((stage.tick().await, stage.tick().await), (1, 0));
        let taken = stage.dispatcher.taken();
        assert_eq!(stage.told(), ["The Slack channel #alerts was removed"]);
        assert_eq!(receivers(&taken[0]), ["ada@acme.example", "cyd@acme.example", "inbox"]);
        assert_eq!(data(&taken[0])["removed_by"], "ada@acme.example");
        assert_eq!(taken[0].event.as_ref().unwrap().id, format!("channel.removed:{}", channel.id));
    }

    async fn a_failed_removal_is_not_told(store: Store) {
        let stage = Stage::new(&store).await;
        let channel = stage.config.slack(stage.team, "#alerts").await;
        let stale = DeleteChannelRequest { channel_id: channel.id, etag: "old".to_owned(), ..Default::default() };
        stage.config.service.delete_channel(of_team(stale, stage.team)).await.unwrap_err();
        assert_eq!(stage.tick().await, 0);
    }

    async fn channels_that_go_together_are_told_together(store: Store) {
        let stage = Stage::new(&store).await;
        for name in ["#one", "#two"] {
            stage.config.slack(stage.team, name).await;
        }
        for validate_only in [true, false] {
            let request = ApplyTeamConfigRequest {
                document: "version: 1\nchannels: []\n".to_owned(),
                validate_only,
                ..ApplyTeamConfigRequest::default()
            };
            stage.config.service.apply_team_config(of_team(request, stage.team)).await.unwrap();
            assert_eq!(stage.tick().await, u64::from(!validate_only));
        }
        assert_eq!(stage.told(), ["2 channels were removed"]);
        let told = data(&stage.dispatcher.taken()[0]);
        assert_eq!(told["channels"], "#one (Slack channel), #two (Slack channel)");
    }

    async fn what_cannot_be_told_now_is_told_later_and_by_one_replica(store: Store) {
        let stage = Stage::new(&store).await;
        let channel = stage.config.slack(stage.team, "#alerts").await;
        stage.dispatcher.away(true);
        stage.delete(&channel.id).await;
        assert_eq!(stage.tick().await, 0);
        stage.dispatcher.away(false);
        let other = Config::with_keys(&store, Keyring::generate_key(), Vec::new());
        let alone = OwnerTeller::new(other.service.clone());
        assert_eq!(alone.tick().await.unwrap(), 0, "it knows no Dispatcher");
        assert_eq!(stage.tick().await, 1);
        other.service.attach_dispatcher(std::sync::Arc::new(stage.dispatcher.clone()), crate::dispatcher::decide);
        assert_eq!(alone.tick().await.unwrap(), 0);
        assert_eq!(stage.told().len(), 1);
    }

    async fn a_team_whose_notices_cannot_be_told_stops_no_other(store: Store) {
        let stage = Stage::new(&store).await;
        let mut teams = [stage.config.team().await, stage.config.team().await];
        while ShardId::of(teams[0]) == ShardId::of(stage.team) {
            teams[0] = stage.config.team().await;
        }
        let [away, broken] = teams;
        stage.dispatcher.refuse(away, Code::Unavailable);
        for team in [away, broken, stage.team] {
            let channel = stage.config.slack(team, "#alerts").await;
            let request = DeleteChannelRequest { channel_id: channel.id, ..Default::default() };
            stage.config.service.delete_channel(of_team(request, team)).await.unwrap();
        }
        let unreadable = match store.writer().get_database_backend() {
            DbBackend::Sqlite => format!("x'ff' WHERE team_id = x'{}'", broken.as_uuid().simple()),
            _ => format!("'\\xff'::bytea WHERE team_id = '{}'", broken.as_uuid()),
        };
        let update = format!("UPDATE owner_notices SET event = {unreadable}");
        store.writer().execute_unprepared(&update).await.unwrap();
        assert_eq!((stage.tick().await, stage.tick().await), (1, 0));
        assert_eq!(stage.dispatcher.taken()[0].team_id, stage.team.to_string());
    }

    async fn owners_hear_a_day_before_an_old_secret_stops_signing(store: Store) {
        let stage = Stage::new(&store).await;
        let channel = stage.config.webhook(stage.team, "siem").await;
        stage.rotate(&channel.id, 72).await;
        assert_eq!(stage.tick().await, 0, "three days to go");
        stage.config.clock.advance(48 * HOUR);
        assert_eq!((stage.tick().await, stage.tick().await), (1, 0));
        assert_eq!(stage.told(), ["The old signing secret of siem stops signing on 26 Nov 2026, 09:00 UTC"]);
        stage.config.clock.advance(48 * HOUR);
        assert_eq!(stage.tick().await, 0);
        stage.rotate(&channel.id, 24).await;
        assert_eq!((stage.tick().await, stage.tick().await), (1, 0), "another rotation");
    }

    async fn owners_hear_a_week_before_a_key_expires(store: Store) {
        let stage = Stage::new(&store).await;
        let team = stage.team.to_string();
        stage.key("terraform", 8 * 24, team.clone()).await;
        stage.key("one build", 12, team).await;
        stage.key("platform", 24, String::new()).await;
        assert_eq!(stage.tick().await, 0, "not yet, not for a key of half a day, and not for the platform's own");
        stage.config.clock.advance(24 * HOUR);
        assert_eq!((stage.tick().await, stage.tick().await), (1, 0));
        assert_eq!(stage.told(), ["The API key terraform expires on 1 Dec 2026, 09:00 UTC"]);
        let teller = OwnerTeller::new(stage.config.service.clone());
        stage.config.clock.advance(8 * 24 * HOUR);
        assert_eq!((teller.prune().await.unwrap(), teller.tick().await.unwrap()), (0, 0));
        stage.config.clock.advance(30 * 24 * HOUR);
        assert_eq!((teller.prune().await.unwrap(), teller.tick().await.unwrap()), (1, 0));
    }

    async fn owners_hear_once_a_day_of_an_expression_that_fails(store: Store) {
        let stage = Stage::new(&store).await;
        stage.config.member(stage.team, "ada@acme.example", WireRole::Owner).await;
        let rule = guarded_rule(&stage.config, stage.team, "event.data.score > 7").await;
        stage.fails(&rule.id).await;
        assert_eq!((stage.tick().await, stage.tick().await), (1, 0));
        assert_eq!(stage.told(), ["The expression of the rule “Guarded” failed"]);
        let taken = stage.dispatcher.taken();
        assert_eq!(receivers(&taken[0]), ["ada@acme.example", "inbox"]);
        let told = data(&taken[0]);
        assert_eq!(
            (&told["error"], &told["expression"]),
            (&"No such key: score".into(), &"event.data.score > 7".into())
        );
        stage.fails(&rule.id).await;
        assert_eq!(stage.tick().await, 0, "told today");
        stage.config.clock.advance(24 * HOUR);
        stage.fails(&rule.id).await;
        assert_eq!(stage.tick().await, 1, "another day");
    }

    async fn an_expression_that_was_mended_meanwhile_is_not_told(store: Store) {
        let stage = Stage::new(&store).await;
        let rule = guarded_rule(&stage.config, stage.team, "event.data.score > 7").await;
        stage.fails(&rule.id).await;
        let request = DeleteRuleRequest { rule_id: rule.id, ..DeleteRuleRequest::default() };
        stage.config.service.delete_rule(of_team(request, stage.team)).await.unwrap();
        assert_eq!((stage.tick().await, stage.tick().await), (0, 0));
    }
}
