//! Who changed what: the history of a team's configuration, and how a change is taken back.

mod calls;
mod team;

use std::io::Read;

use flate2::read::DeflateDecoder;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use sea_orm::{ConnectionTrait as _, Statement};
use tonic::{Code, Request};
use watchbell_config::Migrator;
use watchbell_contracts::api::{ChannelApi, PreferenceApi, RoutingApi, SnapshotApi, TeamApi};
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::rule::Action;
use watchbell_contracts::config::v1::{
    ApiKey, ApplyTeamConfigRequest, AuthenticateRequest, Channel, ConfigActorKind, ConfigRevision,
    CreateApiKeyRequest, CreateRuleRequest, DeleteChannelRequest, DeleteMemberRequest, DeleteRuleRequest,
    EmailDestination, ExportTeamConfigRequest, HttpHeader, ListApiKeysRequest, ListConfigChangesRequest,
    Member, MoveRuleRequest, ReenableChannelRequest, RevertConfigChangeRequest, RevertConfigChangeResponse,
    Role as WireRole, RotateWebhookSecretRequest, Rule, Scope as WireScope, SendAction,
    SetDefaultChannelRequest, SmtpServer, UnsubscribeRequest, UpdateChannelRequest, UpdateMemberRequest,
    UpdatePreferencesRequest,
};
use watchbell_model::Role;
use watchbell_model::convert::timestamp;
use watchbell_model::ids::{MemberId, TeamId};
use watchbell_runtime::auth::{Scope, hash_key, internal_request};
use watchbell_store::{Store, store_tests};

use self::calls::{Stage, call, off, token, writers};
pub(crate) use self::team::newest_change;
use self::team::{Written, conflicts, export_at, history, revert, silencing};
use crate::support::{Config, key, member, of_team, refused, slack, violated, webhook};
use crate::team_config::{apply, export};
use crate::team_config_properties::{documents_without_secrets, team_with_people};

/// For each database.
const CASES: usize = 20;

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
        let again = written.newest().await.revision;
        assert_eq!(conflicts(written.revert(paused).await), [format!("rule quiet: match.sources (revisions {again}, {})", answer.revision)]);
        let request = DeleteRuleRequest { rule_id: rule.id, ..DeleteRuleRequest::default() };
        written.config.service.delete_rule(written.by(request)).await.unwrap();
        let said = conflicts(written.revert(paused).await).concat();
        let deleted = written.newest().await.revision;
        assert!(said.starts_with(&format!("rule noisy (revisions {deleted}, {again}, ")), "{said}");
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
        let lost = written.revert(written.newest().await.revision).await;
        let said = lost.as_ref().unwrap_err().message().to_owned();
        assert!(said.contains("webhook_url: was deleted with the channel, since secrets are not kept: make the channel anew"), "{said}");
        assert_eq!(violated(lost), ["channel #alerts (slack).slack.webhook_url"]);
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
        // It shows what was deleted since, as the history does.
        let request = ExportTeamConfigRequest { revision: 1, ..ExportTeamConfigRequest::default() };
        let viewers = [
            key(request.clone(), Some(team), &[Scope::ConfigRead]),
            member(request.clone(), team, MemberId::generate(config.clock.shared().now()), Role::Member),
        ];
        for viewer in viewers {
            assert_eq!(refused(config.service.export_team_config(viewer).await).1, "MISSING_SCOPE");
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
