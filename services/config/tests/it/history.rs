//! Who changed what: the history of a team's configuration, and how a change is taken back.

use std::collections::BTreeSet;
use std::io::Read;

use flate2::read::DeflateDecoder;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use prost::Message as _;
use sea_orm::{ConnectionTrait as _, Statement};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use watchbell_config::Migrator;
use watchbell_contracts::FILE_DESCRIPTOR_SET;
use watchbell_contracts::api::{
    CatalogApi, ChannelApi, PreferenceApi, RoutingApi, SilenceApi, SnapshotApi, TeamApi,
};
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::rule::Action;
use watchbell_contracts::config::v1::{
    ApiKey, ApplyTeamConfigRequest, AuthenticateRequest, Channel, ConfigActorKind, ConfigRevision,
    CreateApiKeyRequest, CreateEventTypeRequest, CreateMemberRequest, CreateMentionRuleRequest,
    CreateRuleRequest, CreateSilenceRequest, DeleteApiKeyRequest, DeleteChannelRequest,
    DeleteEventTypeRequest, DeleteMemberRequest, DeleteMentionRuleRequest, DeleteRuleRequest, DigestSettings,
    EmailDestination, EventFilter, EventType, ExpireSilenceRequest, ExportTeamConfigRequest, HttpHeader,
    ListApiKeysRequest, ListConfigChangesRequest, Member, MentionRule, MoveRuleRequest, Preference,
    PreferenceSetting, ReenableChannelRequest, RevertConfigChangeRequest, RevertConfigChangeResponse,
    Role as WireRole, RotateWebhookSecretRequest, Rule, Scope as WireScope, SendAction,
    SetDefaultChannelRequest, Silence, SilenceAction, SmtpServer, Team, UnsubscribeRequest,
    UpdateChannelRequest, UpdateComplianceRecipientsRequest, UpdateDigestSettingsRequest,
    UpdateEventTypeRequest, UpdateMemberRequest, UpdateMentionRuleRequest, UpdatePreferencesRequest,
    UpdateRuleRequest, UpdateTeamRequest,
};
use watchbell_contracts::event::v1::mention::Who;
use watchbell_contracts::event::v1::{Category, ChannelKind, Mention};
use watchbell_model::convert::timestamp;
use watchbell_model::ids::{KeyId, MemberId, TeamId};
use watchbell_model::unsubscribe::{Subscription, Unsubscribe, UnsubscribeKeys};
use watchbell_model::{Role, Topic};
use watchbell_runtime::auth::{Principal, Scope, hash_key, internal_request};
use watchbell_store::{Store, store_tests};

use crate::support::{Config, UNSUBSCRIBE_KEY, by, member, of_team, refused, slack, violated, webhook};
use crate::team_config::{apply, export};
use crate::team_config_properties::{documents_without_secrets, team_with_people};

/// For each database.
const CASES: usize = 20;

/// A team, and a key of its own that changes it.
struct Written {
    config: Config,
    team: TeamId,
    key: KeyId,
}

// === impl Written ===

impl Written {
    async fn new(store: &Store) -> Self {
        let config = Config::on(store);
        let team = config.team().await;
        let request = CreateApiKeyRequest {
            team_id: team.to_string(),
            api_key: Some(ApiKey {
                display_name: "ci".to_owned(),
                scopes: vec![WireScope::ConfigWrite.into()],
                ..ApiKey::default()
            }),
        };
        let made = config
            .service
            .create_api_key(internal_request(request))
            .await
            .unwrap();
        let key = made.into_inner().api_key.unwrap().id.parse().unwrap();
        Self { config, team, key }
    }

    /// A request with the team's key.
    fn by<T>(&self, message: T) -> Request<T> {
        by(
            message,
            Principal::ApiKey {
                key_id: self.key,
                team_id: Some(self.team),
                scopes: [Scope::ConfigWrite].into_iter().collect(),
            },
        )
    }

    async fn history(&self) -> Vec<ConfigRevision> {
        history(&self.config, self.team, ListConfigChangesRequest::default()).await
    }

    async fn newest(&self) -> ConfigRevision {
        newest_change(&self.config, self.team).await
    }

    async fn revert(&self, revision: i64) -> Result<RevertConfigChangeResponse, Status> {
        revert(&self.config, self.team, revision).await
    }

    async fn rule(&self, name: &str, sources: &[&str]) -> Rule {
        let request = CreateRuleRequest {
            rule: Some(silencing(name, sources)),
            ..CreateRuleRequest::default()
        };
        let made = self.config.service.create_rule(self.by(request)).await.unwrap();
        made.into_inner().rule.unwrap()
    }

    async fn update_rule(&self, rule: Rule) {
        let request = UpdateRuleRequest {
            rule: Some(Rule {
                etag: String::new(),
                ..rule
            }),
            ..UpdateRuleRequest::default()
        };
        self.config.service.update_rule(self.by(request)).await.unwrap();
    }
}

fn silencing(name: &str, sources: &[&str]) -> Rule {
    Rule {
        display_name: name.to_owned(),
        r#match: Some(EventFilter {
            sources: sources.iter().map(|&source| source.to_owned()).collect(),
            ..EventFilter::default()
        }),
        action: Some(Action::Silence(SilenceAction {
            kinds: vec![ChannelKind::Slack.into()],
        })),
        ..Rule::default()
    }
}

async fn history(config: &Config, team: TeamId, request: ListConfigChangesRequest) -> Vec<ConfigRevision> {
    let answer = config.service.list_config_changes(of_team(request, team)).await;
    answer.unwrap().into_inner().revisions
}

async fn revert(config: &Config, team: TeamId, revision: i64) -> Result<RevertConfigChangeResponse, Status> {
    let request = RevertConfigChangeRequest {
        revision,
        ..RevertConfigChangeRequest::default()
    };
    let answer = config.service.revert_config_change(of_team(request, team)).await;
    answer.map(tonic::Response::into_inner)
}

async fn export_at(config: &Config, team: TeamId, revision: i64) -> String {
    let request = ExportTeamConfigRequest {
        revision,
        ..ExportTeamConfigRequest::default()
    };
    let answer = config.service.export_team_config(of_team(request, team)).await;
    answer.unwrap().into_inner().document
}

/// The newest change of a team.
pub(crate) async fn newest_change(config: &Config, team: TeamId) -> ConfigRevision {
    history(config, team, ListConfigChangesRequest::default())
        .await
        .remove(0)
}

/// What a later change stands in the way of.
fn conflicts(result: Result<RevertConfigChangeResponse, Status>) -> Vec<String> {
    let status = result.unwrap_err();
    assert_eq!(status.code(), Code::Aborted, "{status:?}");
    let details = status.get_details_precondition_failure().unwrap();
    details
        .violations
        .into_iter()
        .map(|violation| violation.subject)
        .collect()
}

/// The RPCs of Config that change nothing of a team's configuration, or that other tests look at. Whatever reads is known by its
/// verb.
const CHANGE_NOTHING: [&str; 11] = [
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
    // The tests of confirmations look at it.
    "ConfirmRecipient",
];

/// Every RPC of Config that may change a configuration.
fn writers() -> BTreeSet<String> {
    let set = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let files = set
        .file
        .into_iter()
        .filter(|file| file.package() == "watchbell.config.v1");
    let methods = files
        .flat_map(|file| file.service)
        .flat_map(|service| service.method);
    let reads = [
        "Get", "List", "Export", "Inspect", "Watch", "Follow", "Resolve", "Check", "Draft",
    ];
    methods
        .map(|method| method.name().to_owned())
        .filter(|name| !reads.iter().any(|verb| name.starts_with(verb)))
        .filter(|name| !CHANGE_NOTHING.contains(&name.as_str()))
        .collect()
}

/// What the calls of [`call`] are about.
struct Stage {
    written: Written,
    ann: Member,
    bob: Member,
    first: Channel,
    second: Channel,
    hook: Channel,
    rule: Rule,
    mention: MentionRule,
    silence: Silence,
    spare_key: String,
}

impl Stage {
    async fn new(store: &Store) -> Self {
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

fn mentioning(types: &[&str], member: &Member) -> MentionRule {
    MentionRule {
        types: types.iter().map(|&text| text.to_owned()).collect(),
        mentions: vec![Mention {
            who: Some(Who::MemberId(member.id.clone())),
        }],
        ..MentionRule::default()
    }
}

fn silence_until(config: &Config, comment: &str, hours: i64) -> Silence {
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

fn event_type(name: &str) -> EventType {
    EventType {
        name: name.to_owned(),
        category: Category::SecurityAlert.into(),
        title: "Something".to_owned(),
        description: "Something of ours.".to_owned(),
        ..EventType::default()
    }
}

/// Makes a call that changes something, by the team's key where it may.
async fn call(stage: &Stage, rpc: &str) {
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

fn off(topic: &str) -> Preference {
    Preference {
        topic: topic.to_owned(),
        setting: PreferenceSetting::Off.into(),
        ..Preference::default()
    }
}

fn token(team: TeamId, member: &Member) -> String {
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

/// Everything that the table of the history holds, opened.
async fn stored(store: &Store) -> String {
    let connection = store.reader();
    let sql = "SELECT actor_id, actor_name, address, method, changes, difference FROM config_history";
    let rows = connection
        .query_all_raw(Statement::from_string(connection.get_database_backend(), sql))
        .await
        .unwrap();
    let mut all = String::new();
    for row in rows {
        for column in ["actor_id", "actor_name", "address", "method"] {
            all += &row.try_get::<String>("", column).unwrap();
        }
        for column in ["changes", "difference"] {
            let packed: Vec<u8> = row
                .try_get::<Option<Vec<u8>>>("", column)
                .unwrap()
                .unwrap_or_default();
            let mut bytes = Vec::new();
            DeflateDecoder::new(packed.as_slice())
                .read_to_end(&mut bytes)
                .unwrap();
            all += &String::from_utf8_lossy(&bytes);
        }
    }
    all
}

store_tests! {
    migrator = Migrator;

    async fn every_call_that_changes_a_configuration_leaves_one_entry_with_its_author(store: Store) {
        let stage = Stage::new(&store).await;
        let mut order: Vec<_> = writers().into_iter().collect();
        // What is deleted was made by then.
        order.sort_by_key(|rpc| (rpc.starts_with("Delete"), rpc.clone()));
        for rpc in order {
            let before = stage.written.history().await.len();
            call(&stage, &rpc).await;
            let after = stage.written.history().await;
            let newest = &after[0];
            assert_eq!(newest.method, rpc);
            let (kind, id, name) = match rpc.as_str() {
                "Unsubscribe" => (ConfigActorKind::EmailLink, stage.bob.id.clone(), "bob@acme.example"),
                _ => (ConfigActorKind::ApiKey, stage.written.key.to_string(), "ci"),
            };
            let actor = newest.actor.clone().unwrap();
            assert_eq!((actor.kind(), actor.id.as_str(), actor.display_name.as_str()), (kind, id.as_str(), name), "{rpc}");
            assert_eq!(newest.change_time, Some(timestamp(stage.written.config.clock.shared().now())));
            assert!(!newest.changes.is_empty(), "{rpc}");
            // Some calls above make first what they change then.
            let own = after[..after.len() - before].iter().filter(|entry| entry.method == rpc).count();
            assert_eq!(own, 1, "{rpc}");
        }
    }

    async fn what_changes_nothing_leaves_nothing(store: Store) {
        let written = Written::new(&store).await;
        let channel = written.config.slack(written.team, "#alerts").await;
        let before = written.history().await;
        let request = ReenableChannelRequest { channel_id: channel.id.clone(), ..ReenableChannelRequest::default() };
        written.config.service.reenable_channel(written.by(request)).await.unwrap();
        let request = ApplyTeamConfigRequest { document: "digest: {paused: true}".to_owned(), validate_only: true, ..ApplyTeamConfigRequest::default() };
        written.config.service.apply_team_config(written.by(request)).await.unwrap();
        let request = UpdateChannelRequest {
            channel: Some(Channel { id: channel.id, ..Channel::default() }),
            ..UpdateChannelRequest::default()
        };
        written.config.service.update_channel(written.by(request)).await.unwrap();
        assert_eq!(written.history().await, before);
    }

    async fn a_change_is_said_field_by_field_with_names(store: Store) {
        let written = Written::new(&store).await;
        let (config, team) = (&written.config, written.team);
        let first = config.slack(team, "#first").await;
        let second = config.slack(team, "#second").await;
        let rule = Rule {
            action: Some(Action::Send(SendAction { channel_ids: vec![first.id] })),
            ..silencing("r", &["cspm"])
        };
        let request = CreateRuleRequest { rule: Some(rule), ..CreateRuleRequest::default() };
        let rule = config.service.create_rule(written.by(request)).await.unwrap().into_inner().rule.unwrap();
        written.rule("s", &["k8s"]).await;
        written.update_rule(Rule {
            action: Some(Action::Send(SendAction { channel_ids: vec![second.id.clone()] })),
            ..rule.clone()
        }).await;
        let said = |entry: &ConfigRevision| -> Vec<String> {
            let changes = entry.changes.iter();
            changes.map(|change| {
                let fields: Vec<_> = change.fields.iter().map(|field| format!("{}: {} > {}", field.field, field.before, field.after)).collect();
                format!("{} {} {}", change.action().as_str_name().trim_start_matches("CONFIG_CHANGE_ACTION_"), change.subject, fields.join("; "))
            }).collect()
        };
        assert_eq!(said(&written.newest().await), ["UPDATE rule r send: [{\"slack\":\"#first\"}] > [{\"slack\":\"#second\"}]"]);
        let request = MoveRuleRequest { rule_id: rule.id, position: 2, ..MoveRuleRequest::default() };
        config.service.move_rule(written.by(request)).await.unwrap();
        let moved = said(&written.newest().await);
        assert!(moved == ["UPDATE rule r position: 1 > 2"] || moved == ["UPDATE rule s position: 2 > 1"], "{moved:?}");
        let request = SetDefaultChannelRequest { channel_id: second.id, ..SetDefaultChannelRequest::default() };
        config.service.set_default_channel(written.by(request)).await.unwrap();
        assert_eq!(said(&written.newest().await), [
            "UPDATE channel #first (slack) default: true > ",
            "UPDATE channel #second (slack) default:  > true",
        ]);
    }

    async fn no_secret_is_kept_of_any_kind(store: Store) {
        let written = Written::new(&store).await;
        let (config, team) = (&written.config, written.team);
        let mut secret = 0;
        let mut next = || { secret += 1; format!("s3cret{secret:03}") };
        let mut given = Vec::new();
        let mut url = || { let path = next(); given.push(path.clone()); format!("https://hooks.example/{path}") };
        let mut channels = vec![slack("#slack")];
        for channel in &mut channels {
            let Some(Destination::Slack(slack)) = &mut channel.destination else { continue };
            slack.webhook_url = url();
        }
        channels.push(Channel {
            display_name: "teams".to_owned(),
            destination: Some(Destination::Teams(watchbell_contracts::config::v1::TeamsDestination { webhook_url: url(), ..Default::default() })),
            ..Channel::default()
        });
        let mut hook = webhook("hook", &url());
        if let Some(Destination::Webhook(webhook)) = &mut hook.destination {
            webhook.headers = vec![HttpHeader { name: "x-token".to_owned(), value: "s3cret-header".to_owned() }];
            webhook.signing_secret = "whsec_czNjcmV0LXNpZ25pbmctc2VjcmV0LW9mLWEtdGVzdA==".to_owned();
            webhook.sign_ed25519 = true;
        }
        channels.push(hook);
        channels.push(Channel {
            display_name: "mail".to_owned(),
            destination: Some(Destination::Email(EmailDestination {
                recipients: vec!["ops@acme.example".to_owned()],
                smtp: Some(SmtpServer {
                    host: "mail.example".to_owned(),
                    port: 587,
                    username: "u".to_owned(),
                    password: "s3cret-password".to_owned(),
                    from_address: "alerts@acme.example".to_owned(),
                    ..SmtpServer::default()
                }),
                ..EmailDestination::default()
            })),
            ..Channel::default()
        });
        given.extend(["s3cret-header", "czNjcmV0LXNpZ25pbmct", "s3cret-signing", "s3cret-password", "whsk_", "wbk_"].map(str::to_owned));
        let mut ids = Vec::new();
        for channel in channels {
            ids.push(config.create(team, channel).await.unwrap().channel.unwrap().id);
        }
        let request = RotateWebhookSecretRequest { channel_id: ids[2].clone(), ..RotateWebhookSecretRequest::default() };
        let rotated = config.service.rotate_webhook_secret(written.by(request)).await.unwrap().into_inner();
        given.push(rotated.signing_secret);
        let newest = written.newest().await;
        assert_eq!(newest.changes[0].fields[0].field, "signing_secret");
        assert_eq!(newest.changes[0].fields[0].after, "\"(secret)\"");
        let mut changed = slack("#slack");
        changed.id.clone_from(&ids[0]);
        if let Some(Destination::Slack(slack)) = &mut changed.destination {
            slack.webhook_url = "https://hooks.example/s3cret-new".to_owned();
        }
        given.push("s3cret-new".to_owned());
        let request = UpdateChannelRequest { channel: Some(changed), ..UpdateChannelRequest::default() };
        config.service.update_channel(written.by(request)).await.unwrap();
        let newest = written.newest().await;
        assert!(newest.changes[0].fields.iter().any(|field| field.field == "url" && field.after == "\"(secret)\""), "{newest:?}");
        for id in ids {
            let request = DeleteChannelRequest { channel_id: id, ..DeleteChannelRequest::default() };
            config.service.delete_channel(written.by(request)).await.unwrap();
        }
        let stored = stored(&store).await;
        assert!(stored.contains("mail.example"), "the rest is there");
        for secret in given {
            assert!(!stored.contains(&secret), "{secret}");
        }
    }

    async fn taking_any_change_back_gives_the_document_before(store: Store) {
        let config = Config::on(&store);
        let team = team_with_people(&config).await;
        let mut runner = TestRunner::deterministic();
        let documents = documents_without_secrets();
        let mut seen = vec![(revision(&config, team).await, export(&config, team).await)];
        for _ in 0..CASES {
            let document = documents.new_tree(&mut runner).unwrap().current().to_string();
            let before = export(&config, team).await;
            apply(&config, team, &document).await.unwrap_or_else(|status| panic!("{status:?}\n{document}"));
            let after = export(&config, team).await;
            if before == after {
                continue;
            }
            let made = revision(&config, team).await;
            let answer = revert(&config, team, made).await.unwrap_or_else(|status| panic!("{status:?}\n{before}\n{after}"));
            assert!(!answer.changes.is_empty());
            assert_eq!(export(&config, team).await, before, "from\n{after}");
            // And that back again.
            revert(&config, team, answer.revision).await.unwrap_or_else(|status| panic!("{status:?}\n{before}\n{after}"));
            assert_eq!(export(&config, team).await, after, "from\n{before}");
            seen.push((made, after));
        }
        for (revision, document) in seen {
            assert_eq!(export_at(&config, team, revision).await, document, "revision {revision}");
        }
    }

    async fn later_changes_stay_and_what_changed_again_is_named(store: Store) {
        let written = Written::new(&store).await;
        let rule = written.rule("noisy", &["cspm"]).await;
        written.update_rule(Rule { paused: true, r#match: silencing("", &["k8s"]).r#match, ..rule.clone() }).await;
        let paused = written.newest().await.revision;
        // Another field, another rule.
        written.update_rule(Rule { display_name: "quiet".to_owned(), paused: true, r#match: silencing("", &["k8s"]).r#match, ..rule.clone() }).await;
        written.rule("later", &["registry"]).await;
        let dry = RevertConfigChangeRequest { revision: paused, validate_only: true, ..RevertConfigChangeRequest::default() };
        let dry = written.config.service.revert_config_change(written.by(dry)).await.unwrap().into_inner();
        let entries = written.history().await.len();
        let answer = written.revert(paused).await.unwrap();
        assert_eq!(answer.changes, dry.changes);
        assert_eq!((written.history().await.len(), answer.revision), (entries + 1, dry.revision + 1));
        let document = export(&written.config, written.team).await;
        assert!(document.contains("quiet") && document.contains("cspm") && document.contains("later"), "{document}");
        assert!(!document.contains("paused: true"), "{document}");
        // Done already.
        assert_eq!(written.revert(paused).await.unwrap().changes.len(), 0);

        written.update_rule(Rule { display_name: "quiet".to_owned(), r#match: silencing("", &["registry"]).r#match, ..rule.clone() }).await;
        assert_eq!(conflicts(written.revert(paused).await), ["rule quiet: match.sources"]);
        let request = DeleteRuleRequest { rule_id: rule.id, ..DeleteRuleRequest::default() };
        written.config.service.delete_rule(written.by(request)).await.unwrap();
        assert_eq!(conflicts(written.revert(paused).await), ["rule noisy"]);
    }

    async fn what_is_not_kept_or_not_theirs_is_not_taken_back(store: Store) {
        let written = Written::new(&store).await;
        let (config, team) = (&written.config, written.team);
        let reason = |result| refused::<RevertConfigChangeResponse>(result).1;
        let history = written.history().await;
        assert_eq!(history.iter().map(|entry| entry.method.as_str()).collect::<Vec<_>>(), ["CreateApiKey", "CreateTeam"]);
        for entry in history {
            assert_eq!(reason(written.revert(entry.revision).await), "NOT_REVERTIBLE", "{}", entry.method);
        }
        let ann = config.member(team, "ann@acme.example", WireRole::Owner).await;
        let request = UnsubscribeRequest { token: token(team, &ann), ..UnsubscribeRequest::default() };
        config.service.unsubscribe(Request::new(request)).await.unwrap();
        assert_eq!(reason(written.revert(written.newest().await.revision).await), "NOT_REVERTIBLE");

        let channel = config.slack(team, "#alerts").await;
        let request = DeleteChannelRequest { channel_id: channel.id, ..DeleteChannelRequest::default() };
        config.service.delete_channel(written.by(request)).await.unwrap();
        assert_eq!(violated(written.revert(written.newest().await.revision).await), ["channel #alerts (slack).slack.webhook_url"]);
        let hook = config.webhook(team, "hook").await;
        let request = RotateWebhookSecretRequest { channel_id: hook.id.clone(), ..RotateWebhookSecretRequest::default() };
        config.service.rotate_webhook_secret(written.by(request)).await.unwrap();
        assert_eq!(violated(written.revert(written.newest().await.revision).await), [format!("{}.signing_secret", hook.id)]);

        assert_eq!(refused(written.revert(9_999).await).0, Code::NotFound);
        assert_eq!(violated(written.revert(0).await), ["revision"]);
        let other = config.team().await;
        assert_eq!(refused(revert(config, other, written.newest().await.revision).await).0, Code::NotFound);
    }

    async fn members_come_back_with_what_they_wanted(store: Store) {
        let written = Written::new(&store).await;
        let (config, team) = (&written.config, written.team);
        let ann = config.member(team, "ann@acme.example", WireRole::Owner).await;
        let bob = config.member(team, "bob@acme.example", WireRole::Member).await;
        let request = UpdatePreferencesRequest { member_id: bob.id.clone(), preferences: vec![off("sla")], ..UpdatePreferencesRequest::default() };
        config.service.update_preferences(written.by(request)).await.unwrap();
        let before = export(config, team).await;
        let request = DeleteMemberRequest { member_id: bob.id.clone(), ..DeleteMemberRequest::default() };
        config.service.delete_member(written.by(request)).await.unwrap();
        let removed = written.newest().await.revision;
        written.revert(removed).await.unwrap();
        assert_eq!(export(config, team).await, before);
        // By the id that they had.
        let request = UpdateMemberRequest {
            member: Some(Member { id: bob.id, role: WireRole::Owner.into(), ..Member::default() }),
            ..UpdateMemberRequest::default()
        };
        config.service.update_member(written.by(request)).await.unwrap();
        let promoted = written.newest().await.revision;

        // An Admin neither makes nor unmakes Owners, this way as any other.
        let admin = config.member(team, "admin@acme.example", WireRole::Admin).await;
        let request = RevertConfigChangeRequest { revision: promoted, ..RevertConfigChangeRequest::default() };
        let as_admin = member(request.clone(), team, admin.id.parse().unwrap(), Role::Admin);
        assert_eq!(refused(config.service.revert_config_change(as_admin).await).1, "OWNER_ONLY");
        let as_owner = member(request, team, ann.id.parse().unwrap(), Role::Owner);
        config.service.revert_config_change(as_owner).await.unwrap();
        let newest = written.newest().await;
        assert_eq!(newest.actor.unwrap().display_name, "ann@acme.example");
    }

    async fn the_history_is_paged_and_asked_by_time_and_author(store: Store) {
        let written = Written::new(&store).await;
        let (config, team) = (&written.config, written.team);
        let owner = config.member(team, "ann@acme.example", WireRole::Owner).await;
        let start = config.clock.shared().now();
        config.clock.advance(chrono::TimeDelta::hours(1).to_std().unwrap());
        for name in ["a", "b", "c"] {
            written.rule(name, &["cspm"]).await;
        }
        let request = CreateRuleRequest { rule: Some(silencing("d", &[])), ..CreateRuleRequest::default() };
        let owner_id: MemberId = owner.id.parse().unwrap();
        config.service.create_rule(member(request, team, owner_id, Role::Owner)).await.unwrap();
        let all = written.history().await;
        let mut paged = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListConfigChangesRequest { page_size: 2, page_token, ..ListConfigChangesRequest::default() };
            let answer = config.service.list_config_changes(of_team(request, team)).await.unwrap().into_inner();
            paged.extend(answer.revisions);
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(paged, all);
        let since = ListConfigChangesRequest { start_time: Some(timestamp(start + chrono::TimeDelta::minutes(1))), ..ListConfigChangesRequest::default() };
        assert_eq!(history(config, team, since).await, all[..4]);
        let until = ListConfigChangesRequest { end_time: Some(timestamp(start + chrono::TimeDelta::minutes(1))), ..ListConfigChangesRequest::default() };
        assert_eq!(history(config, team, until).await, all[4..]);
        for actor in [owner.id.clone(), owner.email.clone()] {
            let by = ListConfigChangesRequest { actor, ..ListConfigChangesRequest::default() };
            assert_eq!(history(config, team, by).await, all[..1]);
        }
        let wrong = ListConfigChangesRequest { page_size: -1, actor: "x".repeat(401), ..ListConfigChangesRequest::default() };
        let answer = config.service.list_config_changes(of_team(wrong, team)).await;
        assert_eq!(violated(answer), ["actor", "page_size"]);

        // What others want by email is not a member's to read, not even an Owner's.
        let request = UpdatePreferencesRequest { member_id: owner.id.clone(), preferences: vec![off("sla")], ..UpdatePreferencesRequest::default() };
        config.service.update_preferences(written.by(request)).await.unwrap();
        let seen = |request| async move { config.service.list_config_changes(request).await.unwrap().into_inner().revisions };
        let by_key = seen(of_team(ListConfigChangesRequest::default(), team)).await;
        assert_eq!(by_key[0].changes[0].fields[0].field, "sla");
        let by_member = seen(member(ListConfigChangesRequest::default(), team, owner_id, Role::Owner)).await;
        assert_eq!(by_member[0].changes[0].subject, "preferences of ann@acme.example");
        assert!(by_member[0].changes[0].fields.is_empty());
    }

    async fn a_configuration_of_the_past_is_known_since_its_history_began(store: Store) {
        let written = Written::new(&store).await;
        let (config, team) = (&written.config, written.team);
        for revision in [-1, 99] {
            let request = ExportTeamConfigRequest { revision, ..ExportTeamConfigRequest::default() };
            assert_eq!(violated(config.service.export_team_config(of_team(request, team)).await), ["revision"]);
        }
        let connection = store.writer();
        let sql = "DELETE FROM config_history WHERE revision = 1";
        connection.execute_raw(Statement::from_string(connection.get_database_backend(), sql)).await.unwrap();
        let request = ExportTeamConfigRequest { revision: 1, ..ExportTeamConfigRequest::default() };
        let answer = config.service.export_team_config(of_team(request, team)).await;
        assert_eq!(refused(answer), (Code::FailedPrecondition, "BEFORE_HISTORY".to_owned()));
    }

    async fn a_key_says_who_made_it_and_when_it_was_last_used(store: Store) {
        let written = Written::new(&store).await;
        let (config, team) = (&written.config, written.team);
        let request = CreateApiKeyRequest {
            team_id: String::new(),
            api_key: Some(ApiKey { display_name: "next".to_owned(), scopes: vec![WireScope::ConfigRead.into()], ..ApiKey::default() }),
        };
        let made = config.service.create_api_key(written.by(request)).await.unwrap().into_inner();
        let read = || async {
            let keys = config.service.list_api_keys(of_team(ListApiKeysRequest::default(), team)).await.unwrap().into_inner().api_keys;
            keys.into_iter().find(|key| key.display_name == "next").unwrap()
        };
        let creator = read().await.creator.unwrap();
        assert_eq!((creator.kind(), creator.id, creator.display_name.as_str()), (ConfigActorKind::ApiKey, written.key.to_string(), "ci"));
        assert_eq!(read().await.last_use_time, None);
        let entries = written.history().await.len();
        let used = || async {
            let request = AuthenticateRequest { key_sha256: hash_key(&made.key).to_vec().into() };
            config.service.authenticate(internal_request(request)).await.unwrap();
            read().await.last_use_time.unwrap()
        };
        let first = used().await;
        assert_eq!(first, timestamp(config.clock.shared().now()));
        config.clock.advance(std::time::Duration::from_secs(300));
        assert_eq!(used().await, first);
        config.clock.advance(std::time::Duration::from_secs(600));
        assert_eq!(used().await, timestamp(config.clock.shared().now()));
        assert_eq!(written.history().await.len(), entries);
    }
}

async fn revision(config: &Config, team: TeamId) -> i64 {
    let request = ExportTeamConfigRequest::default();
    let answer = config.service.export_team_config(of_team(request, team)).await;
    answer.unwrap().into_inner().revision
}

#[test]
fn the_calls_that_change_something_are_known() {
    let writers = writers();
    assert!(
        writers.contains("ApplyTeamConfig") && writers.contains("Unsubscribe"),
        "{writers:?}"
    );
    assert!(!writers.contains("GetTeam"));
}
