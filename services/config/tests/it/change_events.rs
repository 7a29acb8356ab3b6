//! `config.changed`: what it says, how often, and of what it is silent.

use std::time::Duration;

use watchbell_config::{ChangeTeller, Migrator, OwnerTeller};
use watchbell_contracts::api::PreferenceApi as _;
use watchbell_contracts::config::v1::{
    Preference, PreferenceSetting, Role as WireRole, UpdatePreferencesRequest,
};
use watchbell_contracts::dispatcher::v1::SubmitRequest;
use watchbell_contracts::event::v1::event::Payload;
use watchbell_contracts::event::v1::route::Target;
use watchbell_model::ids::TeamId;
use watchbell_store::{Store, store_tests};

use crate::dispatcher::DispatcherStandIn;
use crate::support::{Config, platform};

const MINUTE: Duration = Duration::from_secs(60);

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

    /// Tells what is due; the events so far.
    async fn told(&self) -> Vec<SubmitRequest> {
        ChangeTeller::new(self.config.service.clone())
            .tick()
            .await
            .unwrap();
        OwnerTeller::new(self.config.service.clone())
            .tick()
            .await
            .unwrap();
        let mut taken = self.dispatcher.taken();
        taken.retain(|taken| taken.event.as_ref().unwrap().r#type == "config.changed");
        taken
    }
}

fn data(request: &SubmitRequest) -> serde_json::Value {
    match request.event.as_ref().unwrap().payload.as_ref().unwrap() {
        Payload::DataJson(json) => serde_json::from_slice(json).unwrap(),
        Payload::Data(_) => panic!("JSON"),
    }
}

store_tests! {
    migrator = Migrator;

    async fn a_change_is_told_at_once_and_those_that_follow_within_a_minute_together(store: Store) {
        let stage = Stage::new(&store).await;
        assert!(stage.told().await.is_empty(), "a new team is no change");
        stage.config.webhook(stage.team, "siem").await;
        let told = stage.told().await;
        assert_eq!(told.len(), 1);
        let event = told[0].event.as_ref().unwrap();
        assert_eq!(event.title, "The configuration was changed: created channel siem (webhook)");
        assert_eq!(event.source, "watchbell");
        assert_eq!(data(&told[0])["by"], serde_json::json!(["an API key"]));
        assert!(!data(&told[0]).to_string().contains("s3cret"));
        let routes = &told[0].routes;
        assert!(matches!(routes[0].target, Some(Target::Inbox(_))) && routes.len() == 1, "only by the configuration");

        stage.config.slack(stage.team, "#one").await;
        stage.config.slack(stage.team, "#two").await;
        assert_eq!(stage.told().await.len(), 1, "not before the minute is over");
        stage.config.clock.advance(MINUTE);
        let told = stage.told().await;
        assert_eq!(told.len(), 2);
        let said = data(&told[1]);
        assert_eq!(said["changes"], serde_json::json!(["created channel #two (slack)", "created channel #one (slack)"]));
        assert_eq!(said["count"], 2);
        assert_eq!(said["first_revision"].as_i64().unwrap() + 1, said["revision"].as_i64().unwrap());
        stage.config.clock.advance(MINUTE);
        assert_eq!(stage.told().await.len(), 2, "each change once");
    }

    async fn a_change_waits_for_the_dispatcher(store: Store) {
        let stage = Stage::new(&store).await;
        stage.dispatcher.away(true);
        stage.config.webhook(stage.team, "siem").await;
        assert!(stage.told().await.is_empty());
        stage.dispatcher.away(false);
        assert_eq!(stage.told().await.len(), 1);
    }

    async fn what_a_member_wants_by_email_is_not_told(store: Store) {
        let stage = Stage::new(&store).await;
        let ann = stage.config.member(stage.team, "ann@acme.example", WireRole::Member).await;
        assert_eq!(stage.told().await.len(), 1);
        stage.config.clock.advance(MINUTE);
        let request = UpdatePreferencesRequest {
            team_id: stage.team.to_string(),
            member_id: ann.id,
            preferences: vec![Preference {
                topic: "findings".to_owned(),
                setting: PreferenceSetting::Off.into(),
                ..Preference::default()
            }],
        };
        stage.config.service.update_preferences(platform(request)).await.unwrap();
        assert_eq!(stage.told().await.len(), 1);
    }
}
