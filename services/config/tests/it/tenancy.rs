//! Nothing crosses a team: with another team's ids every call answers as if they did not exist, whether the caller
//! names its own team or the other one.

#![allow(
    clippy::needless_update,
    reason = "one macro writes requests with and without further fields"
)]

use tonic::{Code, Status};
use watchbell_config::Migrator;
use watchbell_contracts::api::{CatalogApi, ChannelApi, PreferenceApi, RoutingApi, SnapshotApi, TeamApi};
use watchbell_contracts::config::v1 as pb;
use watchbell_contracts::event::v1::Mention;
use watchbell_contracts::event::v1::mention::Who;
use watchbell_model::ids::TeamId;
use watchbell_runtime::auth::internal_request;
use watchbell_store::store_tests;

use crate::support::{Config, of_team, platform, refused, slack};

/// Everything that a team owns.
struct Owned {
    member: String,
    key: String,
    channel: String,
    rule: String,
    mention_rule: String,
    event_type: String,
}

async fn furnish(config: &Config, team: TeamId) -> Owned {
    let service = &config.service;
    let team_id = team.to_string();
    let channel = config.slack(team, "#alerts").await.id;
    let rule = pb::CreateRuleRequest {
        team_id: team_id.clone(),
        rule: Some(pb::Rule {
            display_name: "r".to_owned(),
            action: Some(pb::rule::Action::Silence(pb::SilenceAction::default())),
            ..pb::Rule::default()
        }),
        validate_only: false,
    };
    let mention_rule = pb::CreateMentionRuleRequest {
        team_id: team_id.clone(),
        mention_rule: Some(pb::MentionRule {
            types: vec!["*".to_owned()],
            mentions: vec![Mention {
                who: Some(Who::Here(true)),
            }],
            ..pb::MentionRule::default()
        }),
        validate_only: false,
    };
    let event_type = pb::CreateEventTypeRequest {
        team_id: team_id.clone(),
        event_type: Some(pb::EventType {
            name: "backup.failed".to_owned(),
            title: "A backup failed".to_owned(),
            ..pb::EventType::default()
        }),
        validate_only: false,
    };
    let key = pb::CreateApiKeyRequest {
        team_id,
        api_key: Some(pb::ApiKey {
            display_name: "k".to_owned(),
            scopes: vec![pb::Scope::Emit.into()],
            ..pb::ApiKey::default()
        }),
    };
    Owned {
        member: config.member(team, "a@acme.example", pb::Role::Owner).await.id,
        key: service
            .create_api_key(internal_request(key))
            .await
            .unwrap()
            .into_inner()
            .api_key
            .unwrap()
            .id,
        channel,
        rule: service
            .create_rule(platform(rule))
            .await
            .unwrap()
            .into_inner()
            .rule
            .unwrap()
            .id,
        mention_rule: service
            .create_mention_rule(platform(mention_rule))
            .await
            .unwrap()
            .into_inner()
            .mention_rule
            .unwrap()
            .id,
        event_type: service
            .create_event_type(platform(event_type))
            .await
            .unwrap()
            .into_inner()
            .event_type
            .unwrap()
            .name,
    }
}

/// The codes of every call that names something of another team.
async fn tried(config: &Config, caller: TeamId, team_id: String, owned: &Owned) -> Vec<(&'static str, Code)> {
    let service = &config.service;
    let mut answers = Vec::new();
    fn code<T: std::fmt::Debug>(answer: Result<T, Status>) -> Code {
        match answer {
            Ok(_) => Code::Ok,
            answer => refused(answer).0,
        }
    }
    macro_rules! call {
        ($rpc:ident, $request:ident { $($field:ident: $value:expr),* $(,)? }) => {
            let request = pb::$request { team_id: team_id.clone(), $($field: $value,)* ..Default::default() };
            answers.push((stringify!($rpc), code(service.$rpc(of_team(request, caller)).await)));
        };
    }
    call!(
        get_member,
        GetMemberRequest {
            member_id: owned.member.clone()
        }
    );
    call!(
        update_member,
        UpdateMemberRequest {
            member: Some(pb::Member {
                id: owned.member.clone(),
                display_name: "x".to_owned(),
                ..Default::default()
            }),
        }
    );
    call!(
        delete_member,
        DeleteMemberRequest {
            member_id: owned.member.clone()
        }
    );
    call!(
        get_preferences,
        GetPreferencesRequest {
            member_id: owned.member.clone()
        }
    );
    call!(
        update_preferences,
        UpdatePreferencesRequest {
            member_id: owned.member.clone()
        }
    );
    call!(
        delete_api_key,
        DeleteApiKeyRequest {
            api_key_id: owned.key.clone()
        }
    );
    call!(
        get_channel,
        GetChannelRequest {
            channel_id: owned.channel.clone()
        }
    );
    call!(
        update_channel,
        UpdateChannelRequest {
            channel: Some(pb::Channel {
                id: owned.channel.clone(),
                paused: true,
                ..Default::default()
            }),
        }
    );
    call!(
        delete_channel,
        DeleteChannelRequest {
            channel_id: owned.channel.clone()
        }
    );
    call!(
        set_default_channel,
        SetDefaultChannelRequest {
            channel_id: owned.channel.clone()
        }
    );
    call!(
        rotate_webhook_secret,
        RotateWebhookSecretRequest {
            channel_id: owned.channel.clone()
        }
    );
    call!(
        reenable_channel,
        ReenableChannelRequest {
            channel_id: owned.channel.clone()
        }
    );
    call!(
        get_rule,
        GetRuleRequest {
            rule_id: owned.rule.clone()
        }
    );
    call!(
        update_rule,
        UpdateRuleRequest {
            rule: Some(pb::Rule {
                id: owned.rule.clone(),
                paused: true,
                ..Default::default()
            }),
        }
    );
    call!(
        move_rule,
        MoveRuleRequest {
            rule_id: owned.rule.clone(),
            position: 1
        }
    );
    call!(
        delete_rule,
        DeleteRuleRequest {
            rule_id: owned.rule.clone()
        }
    );
    call!(
        get_mention_rule,
        GetMentionRuleRequest {
            mention_rule_id: owned.mention_rule.clone()
        }
    );
    call!(
        update_mention_rule,
        UpdateMentionRuleRequest {
            mention_rule: Some(pb::MentionRule {
                id: owned.mention_rule.clone(),
                ..Default::default()
            }),
        }
    );
    call!(
        delete_mention_rule,
        DeleteMentionRuleRequest {
            mention_rule_id: owned.mention_rule.clone()
        }
    );
    call!(
        get_event_type,
        GetEventTypeRequest {
            name: owned.event_type.clone()
        }
    );
    call!(
        update_event_type,
        UpdateEventTypeRequest {
            event_type: Some(pb::EventType {
                name: owned.event_type.clone(),
                ..Default::default()
            }),
        }
    );
    call!(
        delete_event_type,
        DeleteEventTypeRequest {
            name: owned.event_type.clone()
        }
    );
    answers
}

store_tests! {
    migrator = Migrator;

    async fn another_teams_things_do_not_exist(store: Store) {
        let config = Config::on(&store);
        let (mine, theirs) = (config.team().await, config.team().await);
        let owned = furnish(&config, theirs).await;
        let before = snapshot(&config, theirs).await;
        for team_id in [String::new(), mine.to_string(), theirs.to_string()] {
            for (rpc, code) in tried(&config, mine, team_id.clone(), &owned).await {
                assert_eq!(code, Code::NotFound, "{rpc} with team_id {team_id:?}");
            }
        }
        assert_eq!(snapshot(&config, theirs).await, before, "and nothing of theirs has changed");
    }

    async fn another_teams_name_opens_nothing(store: Store) {
        let config = Config::on(&store);
        let (mine, theirs) = (config.team().await, config.team().await);
        furnish(&config, theirs).await;
        let team_id = theirs.to_string();
        let service = &config.service;
        macro_rules! denied {
            ($($rpc:ident($request:ident { $($field:ident: $value:expr),* });)+) => {$(
                let request = pb::$request { team_id: team_id.clone(), $($field: $value,)* ..Default::default() };
                let answer = service.$rpc(of_team(request, mine)).await;
                assert_eq!(refused(answer).0, Code::NotFound, stringify!($rpc));
            )+};
        }
        denied! {
            get_team(GetTeamRequest {});
            delete_team(DeleteTeamRequest {});
            list_members(ListMembersRequest {});
            create_member(CreateMemberRequest { member: Some(pb::Member { email: "b@b.example".to_owned(), ..Default::default() }) });
            list_api_keys(ListApiKeysRequest {});
            create_api_key(CreateApiKeyRequest { api_key: Some(pb::ApiKey::default()) });
            get_integration_status(GetIntegrationStatusRequest {});
            list_channels(ListChannelsRequest {});
            create_channel(CreateChannelRequest { channel: Some(slack("#mine")) });
            list_rules(ListRulesRequest {});
            create_rule(CreateRuleRequest {});
            list_mention_rules(ListMentionRulesRequest {});
            create_mention_rule(CreateMentionRuleRequest {});
            list_event_types(ListEventTypesRequest {});
            create_event_type(CreateEventTypeRequest {});
            get_compliance_recipients(GetComplianceRecipientsRequest {});
            update_compliance_recipients(UpdateComplianceRecipientsRequest {});
            get_digest_settings(GetDigestSettingsRequest {});
            update_digest_settings(UpdateDigestSettingsRequest {});
        }
        let update = pb::UpdateTeamRequest {
            team: Some(pb::Team { id: team_id.clone(), display_name: "x".to_owned(), ..Default::default() }),
            ..Default::default()
        };
        assert_eq!(refused(service.update_team(of_team(update, mine)).await).0, Code::NotFound);
    }

    async fn lists_show_the_callers_team_only(store: Store) {
        let config = Config::on(&store);
        let (mine, theirs) = (config.team().await, config.team().await);
        furnish(&config, theirs).await;
        let service = &config.service;
        let members = service.list_members(of_team(Default::default(), mine)).await.unwrap().into_inner();
        let keys = service.list_api_keys(of_team(Default::default(), mine)).await.unwrap().into_inner();
        let channels = service.list_channels(of_team(Default::default(), mine)).await.unwrap().into_inner();
        let rules = service.list_rules(of_team(Default::default(), mine)).await.unwrap().into_inner();
        let mentions = service.list_mention_rules(of_team(Default::default(), mine)).await.unwrap().into_inner();
        assert!(members.members.is_empty() && keys.api_keys.is_empty() && channels.channels.is_empty());
        assert!(rules.rules.is_empty() && mentions.mention_rules.is_empty());
    }

    async fn snapshots_and_secrets_are_for_services_only(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let service = &config.service;
        let snapshot = pb::GetTeamSnapshotRequest { team_id: team.to_string() };
        assert_eq!(refused(service.get_team_snapshot(platform(snapshot)).await).0, Code::PermissionDenied);
        let resolve = pb::ResolveChannelRequest { team_id: team.to_string(), ..Default::default() };
        assert_eq!(refused(service.resolve_channel(platform(resolve)).await).0, Code::PermissionDenied);
        let watch = service.watch_changes(platform(Default::default())).await.map(|_| ());
        assert_eq!(refused(watch).0, Code::PermissionDenied);
        let unknown = service.get_team(tonic::Request::new(Default::default())).await;
        assert_eq!(refused(unknown).0, Code::Unauthenticated);
    }
}

async fn snapshot(config: &Config, team: TeamId) -> pb::TeamSnapshot {
    let request = pb::GetTeamSnapshotRequest {
        team_id: team.to_string(),
    };
    let answer = config
        .service
        .get_team_snapshot(internal_request(request))
        .await
        .unwrap();
    answer.into_inner().snapshot.unwrap()
}
