//! What the Dispatcher asks before it sends an email that was decided earlier.

use tonic::Code;
use watchbell_config::Migrator;
use watchbell_contracts::api::{PreferenceApi, SnapshotApi};
use watchbell_contracts::config::v1::{
    ListOptOutsRequest, Preference, PreferenceSetting, Role, UpdatePreferencesRequest,
};
use watchbell_model::ids::TeamId;
use watchbell_runtime::auth::internal_request;
use watchbell_store::store_tests;

use crate::support::{Config, platform, refused};

async fn say(config: &Config, team: TeamId, member_id: &str, topic: &str, setting: PreferenceSetting) {
    let request = UpdatePreferencesRequest {
        team_id: team.to_string(),
        member_id: member_id.to_owned(),
        preferences: vec![Preference {
            topic: topic.to_owned(),
            setting: setting.into(),
            ..Preference::default()
        }],
    };
    config
        .service
        .update_preferences(platform(request))
        .await
        .unwrap();
}

fn of(team: TeamId) -> ListOptOutsRequest {
    ListOptOutsRequest {
        team_id: team.to_string(),
    }
}

/// The topics that a member wants no email on.
async fn off(config: &Config, team: TeamId, member_id: &str) -> Vec<String> {
    let request = internal_request(of(team));
    let all = config
        .service
        .list_opt_outs(request)
        .await
        .unwrap()
        .into_inner()
        .opt_outs;
    let own = all.into_iter().find(|opt_out| opt_out.member_id == member_id);
    own.map(|opt_out| opt_out.topics).unwrap_or_default()
}

store_tests! {
    migrator = Migrator;

    async fn what_is_off_is_listed_by_own_word_or_by_default(store: Store) {
        let config = Config::on(&store);
        let (team, other) = (config.team().await, config.team().await);
        let ann = config.member(team, "ann@acme.example", Role::Member).await.id;
        let bob = config.member(team, "bob@acme.example", Role::Owner).await.id;
        let cat = config.member(other, "cat@acme.example", Role::Member).await.id;
        let defaults = ["exceptions", "account", "marketing"];
        assert_eq!(off(&config, team, &ann).await, defaults, "the digest is sent to whoever the team names");

        say(&config, team, &ann, "findings", PreferenceSetting::Off).await;
        say(&config, team, &ann, "weekly_digest", PreferenceSetting::Off).await;
        say(&config, team, &ann, "exceptions", PreferenceSetting::On).await;
        let mut topics = off(&config, team, &ann).await;
        topics.sort_unstable();
        assert_eq!(topics, ["account", "findings", "marketing", "weekly_digest"]);
        assert_eq!(off(&config, team, &bob).await, defaults, "nobody else's word counts");
        assert!(off(&config, team, &cat).await.is_empty(), "another team is another list");

        say(&config, team, &ann, "findings", PreferenceSetting::Unspecified).await;
        assert!(!off(&config, team, &ann).await.contains(&"findings".to_owned()));
    }

    async fn opt_outs_are_for_other_services_only(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let asked = config.service.list_opt_outs(platform(of(team))).await;
        assert_eq!(refused(asked).0, Code::PermissionDenied);
    }
}
