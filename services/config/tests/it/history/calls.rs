//! Each call that changes a configuration, made once.

use std::collections::BTreeSet;

use prost::Message as _;
use tonic::Request;
use watchbell_contracts::FILE_DESCRIPTOR_SET;
use watchbell_contracts::api::{CatalogApi, ChannelApi, PreferenceApi, RoutingApi, SilenceApi, TeamApi};
use watchbell_contracts::config::v1::{
    ApiKey, ApplyTeamConfigRequest, Channel, CreateApiKeyRequest, CreateEventTypeRequest,
    CreateMemberRequest, CreateMentionRuleRequest, CreateSilenceRequest, DeleteApiKeyRequest,
    DeleteChannelRequest, DeleteEventTypeRequest, DeleteMemberRequest, DeleteMentionRuleRequest,
    DeleteRuleRequest, DigestSettings, EventFilter, EventType, ExpireSilenceRequest, Member, MentionRule,
    MoveRuleRequest, Preference, PreferenceSetting, RevertConfigChangeRequest, Role as WireRole,
    RotateWebhookSecretRequest, Rule, Scope as WireScope, SetDefaultChannelRequest, Silence, Team,
    UnsubscribeRequest, UpdateChannelRequest, UpdateComplianceRecipientsRequest, UpdateDigestSettingsRequest,
    UpdateEventTypeRequest, UpdateMemberRequest, UpdateMentionRuleRequest, UpdatePreferencesRequest,
    UpdateTeamRequest,
};
use watchbell_contracts::event::v1::mention::Who;
use watchbell_contracts::event::v1::{Category, Mention};
use watchbell_model::Topic;
use watchbell_model::convert::timestamp;
use watchbell_model::ids::TeamId;
use watchbell_model::unsubscribe::{Subscription, Unsubscribe, UnsubscribeKeys};
use watchbell_store::Store;

use super::team::Written;
use crate::support::{Config, UNSUBSCRIBE_KEY, slack};

/// The RPCs of Config that change nothing of a team's configuration, or that other tests look at. Whatever reads is known by its
/// verb.
pub(super) const CHANGE_NOTHING: [&str; 13] = [
    // Makes the team's first entry, and its end takes the history with it: told apart.
    "CreateTeam",
    "DeleteTeam",
    // Say what others see, or ask once more.
    "ReportChannelHealth",
    "ReportExpressionFailures",
    "ReenableChannel",
    "ResendRecipientConfirmation",
    "Authenticate",
    // Begins; CompleteSlackInstall ends, which the tests of Slack look at.
    "BeginSlackInstall",
    "CompleteSlackInstall",
    // A session is no configuration.
    "CreatePortalSession",
    // Where a team is kept is the operator's, and no configuration of its.
    "AddCell",
    "MoveTeam",
    // The tests of confirmations look at it.
    "ConfirmRecipient",
];

/// Every RPC of Config that may change a configuration.
pub(super) fn writers() -> BTreeSet<String> {
    let set = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let files = set
        .file
        .into_iter()
        .filter(|file| file.package() == "watchbell.config.v1");
    let methods = files
        .flat_map(|file| file.service)
        .flat_map(|service| service.method);
    let reads = [
        "Get", "List", "Export", "Inspect", "Watch", "Follow", "Resolve", "Check", "Draft", "Locate",
    ];
    methods
        .map(|method| method.name().to_owned())
        .filter(|name| !reads.iter().any(|verb| name.starts_with(verb)))
        .filter(|name| !CHANGE_NOTHING.contains(&name.as_str()))
        .collect()
}

/// What the calls of [`call`] are about.
pub(super) struct Stage {
    pub(super) written: Written,
    pub(super) ann: Member,
    pub(super) bob: Member,
    pub(super) first: Channel,
    pub(super) second: Channel,
    pub(super) hook: Channel,
    pub(super) rule: Rule,
    pub(super) mention: MentionRule,
    pub(super) silence: Silence,
    pub(super) spare_key: String,
}

impl Stage {
    pub(super) async fn new(store: &Store) -> Self {
        let written = Written::new(store).await;
        let (config, team) = (&written.config, written.team);
        let service = &config.service;
        let ann = config.member(team, "ann@acme.example", WireRole::Owner).await;
        let bob = config.member(team, "bob@acme.example", WireRole::Member).await;
        let first = config.slack(team, "#first").await;
        let second = config.slack(team, "#second").await;
        let hook = config.webhook(team, "hook").await;
        let rule = written.rule("kept", &["cspm"]).await;
        written.rule("other", &["k8s"]).await;
        let mention = service.create_mention_rule(written.by(CreateMentionRuleRequest {
            mention_rule: Some(mentioning(&["scan.*"], &bob)),
            ..CreateMentionRuleRequest::default()
        }));
        let mention = mention.await.unwrap().into_inner().mention_rule.unwrap();
        let silence = service.create_silence(written.by(CreateSilenceRequest {
            silence: Some(silence_until(config, "patching", 2)),
            ..CreateSilenceRequest::default()
        }));
        let silence = silence.await.unwrap().into_inner().silence.unwrap();
        let made = service
            .create_event_type(written.by(CreateEventTypeRequest {
                event_type: Some(event_type("acme.kept")),
                ..CreateEventTypeRequest::default()
            }))
            .await;
        made.unwrap();
        let key = service.create_api_key(written.by(CreateApiKeyRequest {
            team_id: String::new(),
            api_key: Some(ApiKey {
                display_name: "spare".to_owned(),
                scopes: vec![WireScope::ConfigRead.into()],
                ..ApiKey::default()
            }),
        }));
        let spare_key = key.await.unwrap().into_inner().api_key.unwrap().id;
        Self {
            ann,
            bob,
            first,
            second,
            hook,
            rule,
            mention,
            silence,
            spare_key,
            written,
        }
    }
}

pub(super) fn mentioning(types: &[&str], member: &Member) -> MentionRule {
    MentionRule {
        types: types.iter().map(|&text| text.to_owned()).collect(),
        mentions: vec![Mention {
            who: Some(Who::MemberId(member.id.clone())),
        }],
        ..MentionRule::default()
    }
}

pub(super) fn silence_until(config: &Config, comment: &str, hours: i64) -> Silence {
    let end = config.clock.shared().now() + chrono::TimeDelta::hours(hours);
    Silence {
        r#match: Some(EventFilter {
            types: vec!["scan.*".to_owned()],
            ..EventFilter::default()
        }),
        comment: comment.to_owned(),
        end_time: Some(timestamp(end)),
        ..Silence::default()
    }
}

pub(super) fn event_type(name: &str) -> EventType {
    EventType {
        name: name.to_owned(),
        category: Category::SecurityAlert.into(),
        title: "Something".to_owned(),
        description: "Something of ours.".to_owned(),
        ..EventType::default()
    }
}

/// Makes a call that changes something, by the team's key where it may.
pub(super) async fn call(stage: &Stage, rpc: &str) {
    let Stage { written, .. } = stage;
    let service = &written.config.service;
    macro_rules! make {
        ($rpc:ident($request:expr)) => {
            drop(
                service
                    .$rpc(written.by($request))
                    .await
                    .unwrap_or_else(|status| panic!("{rpc}: {status:?}")),
            )
        };
    }
    match rpc {
        "UpdateTeam" => make!(update_team(UpdateTeamRequest {
            team: Some(Team {
                display_name: "Acme & Co".to_owned(),
                ..Team::default()
            }),
            ..UpdateTeamRequest::default()
        })),
        "CreateMember" => make!(create_member(CreateMemberRequest {
            member: Some(Member {
                email: "cy@acme.example".to_owned(),
                role: WireRole::Member.into(),
                ..Member::default()
            }),
            ..CreateMemberRequest::default()
        })),
        "UpdateMember" => make!(update_member(UpdateMemberRequest {
            member: Some(Member {
                id: stage.bob.id.clone(),
                display_name: "Bob".to_owned(),
                ..Member::default()
            }),
            ..UpdateMemberRequest::default()
        })),
        "DeleteMember" => {
            let gone = written
                .config
                .member(written.team, "gone@acme.example", WireRole::Member)
                .await;
            make!(delete_member(DeleteMemberRequest {
                member_id: gone.id,
                ..DeleteMemberRequest::default()
            }));
        }
        "CreateApiKey" => make!(create_api_key(CreateApiKeyRequest {
            team_id: String::new(),
            api_key: Some(ApiKey {
                display_name: "another".to_owned(),
                scopes: vec![WireScope::ConfigRead.into()],
                ..ApiKey::default()
            }),
        })),
        "DeleteApiKey" => make!(delete_api_key(DeleteApiKeyRequest {
            team_id: String::new(),
            api_key_id: stage.spare_key.clone(),
        })),
        "CreateChannel" => make!(create_channel(
            watchbell_contracts::config::v1::CreateChannelRequest {
                channel: Some(slack("#third")),
                ..Default::default()
            }
        )),
        "UpdateChannel" => make!(update_channel(UpdateChannelRequest {
            channel: Some(Channel {
                id: stage.first.id.clone(),
                description: "Ours".to_owned(),
                ..Channel::default()
            }),
            ..UpdateChannelRequest::default()
        })),
        "DeleteChannel" => make!(delete_channel(DeleteChannelRequest {
            channel_id: stage.second.id.clone(),
            ..DeleteChannelRequest::default()
        })),
        "SetDefaultChannel" => {
            let other = written.config.slack(written.team, "#default").await;
            make!(set_default_channel(SetDefaultChannelRequest {
                channel_id: other.id,
                ..SetDefaultChannelRequest::default()
            }));
        }
        "RotateWebhookSecret" => make!(rotate_webhook_secret(RotateWebhookSecretRequest {
            channel_id: stage.hook.id.clone(),
            ..RotateWebhookSecretRequest::default()
        })),
        "CreateRule" => drop(written.rule("made", &["registry"]).await),
        "UpdateRule" => {
            written
                .update_rule(Rule {
                    paused: true,
                    ..stage.rule.clone()
                })
                .await;
        }
        "DeleteRule" => {
            let gone = written.rule("gone", &["registry"]).await;
            make!(delete_rule(DeleteRuleRequest {
                rule_id: gone.id,
                ..DeleteRuleRequest::default()
            }));
        }
        "MoveRule" => make!(move_rule(MoveRuleRequest {
            rule_id: stage.rule.id.clone(),
            position: 2,
            ..MoveRuleRequest::default()
        })),
        "CreateMentionRule" => make!(create_mention_rule(CreateMentionRuleRequest {
            mention_rule: Some(mentioning(&["finding.*"], &stage.ann)),
            ..CreateMentionRuleRequest::default()
        })),
        "UpdateMentionRule" => make!(update_mention_rule(UpdateMentionRuleRequest {
            mention_rule: Some(MentionRule {
                id: stage.mention.id.clone(),
                types: vec!["sla.*".to_owned()],
                ..MentionRule::default()
            }),
            ..UpdateMentionRuleRequest::default()
        })),
        "DeleteMentionRule" => make!(delete_mention_rule(DeleteMentionRuleRequest {
            mention_rule_id: stage.mention.id.clone(),
            ..DeleteMentionRuleRequest::default()
        })),
        "ApplyTeamConfig" => make!(apply_team_config(ApplyTeamConfigRequest {
            document: "digest: {paused: true}".to_owned(),
            ..ApplyTeamConfigRequest::default()
        })),
        "CreateSilence" => make!(create_silence(CreateSilenceRequest {
            silence: Some(silence_until(&written.config, "once more", 3)),
            ..CreateSilenceRequest::default()
        })),
        "ExpireSilence" => make!(expire_silence(ExpireSilenceRequest {
            silence_id: stage.silence.id.clone(),
            ..ExpireSilenceRequest::default()
        })),
        "UpdatePreferences" => make!(update_preferences(UpdatePreferencesRequest {
            member_id: stage.bob.id.clone(),
            preferences: vec![off("sla")],
            ..UpdatePreferencesRequest::default()
        })),
        "UpdateComplianceRecipients" => {
            make!(update_compliance_recipients(UpdateComplianceRecipientsRequest {
                recipients: vec!["bob@acme.example".to_owned()],
                ..UpdateComplianceRecipientsRequest::default()
            }));
        }
        "UpdateDigestSettings" => make!(update_digest_settings(UpdateDigestSettingsRequest {
            settings: Some(DigestSettings {
                cron: "0 7 * * MON".to_owned(),
                ..DigestSettings::default()
            }),
            ..UpdateDigestSettingsRequest::default()
        })),
        "Unsubscribe" => {
            let token = token(written.team, &stage.bob);
            let request = UnsubscribeRequest {
                token,
                ..UnsubscribeRequest::default()
            };
            service.unsubscribe(Request::new(request)).await.unwrap();
        }
        "CreateEventType" => make!(create_event_type(CreateEventTypeRequest {
            event_type: Some(event_type("acme.made")),
            ..CreateEventTypeRequest::default()
        })),
        "UpdateEventType" => make!(update_event_type(UpdateEventTypeRequest {
            event_type: Some(EventType {
                description: "Something else of ours.".to_owned(),
                ..event_type("acme.kept")
            }),
            ..UpdateEventTypeRequest::default()
        })),
        "DeleteEventType" => make!(delete_event_type(DeleteEventTypeRequest {
            name: "acme.made".to_owned(),
            ..DeleteEventTypeRequest::default()
        })),
        "RevertConfigChange" => {
            let made = written.rule("reverted", &["registry"]).await;
            drop(made);
            let revision = written.newest().await.revision;
            make!(revert_config_change(RevertConfigChangeRequest {
                revision,
                ..RevertConfigChangeRequest::default()
            }));
        }
        _ => panic!("{rpc} changes something: call it here, so that its entry in the history is looked at"),
    }
}

pub(super) fn off(topic: &str) -> Preference {
    Preference {
        topic: topic.to_owned(),
        setting: PreferenceSetting::Off.into(),
        ..Preference::default()
    }
}

pub(super) fn token(team: TeamId, member: &Member) -> String {
    let keys = UnsubscribeKeys::new([UNSUBSCRIBE_KEY.into()]).unwrap();
    keys.sign(&Unsubscribe {
        team,
        subscription: Subscription::Topic {
            member: member.id.parse().unwrap(),
            address: member.email.parse().unwrap(),
            topic: Topic::Findings,
        },
    })
}
