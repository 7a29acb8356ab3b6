//! A team's configuration as one document.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use watchbell_config::{Migrator, references};
use watchbell_contracts::api::{CatalogApi, ChannelApi, PreferenceApi, RoutingApi, SnapshotApi};
use watchbell_contracts::config::v1::resolve_channel_request::Selector;
use watchbell_contracts::config::v1::{
    ApplyTeamConfigRequest, ConfigChange, ConfigChangeAction, ExportTeamConfigRequest,
    GetTeamSnapshotRequest, ListChannelsRequest, ListEventTypesRequest, ListRulesRequest,
    ResolveChannelRequest, Role as WireRole, RotateWebhookSecretRequest, TeamSnapshot, UnsubscribeRequest,
};
use watchbell_model::ids::{MemberId, TeamId};
use watchbell_model::unsubscribe::{Subscription, Unsubscribe, UnsubscribeKeys};
use watchbell_model::{Role, Topic};
use watchbell_runtime::auth::internal_request;
use watchbell_store::store_tests;

use crate::support::{Config, UNSUBSCRIBE_KEY, carried, member, of_team, refused, violated};

/// A line for each change: what is done to what, and with an update the fields.
pub(crate) async fn apply(config: &Config, team: TeamId, document: &str) -> Result<Vec<String>, Status> {
    run(config, team, document, false).await
}

async fn dry_run(config: &Config, team: TeamId, document: &str) -> Vec<String> {
    run(config, team, document, true).await.unwrap()
}

async fn run(
    config: &Config,
    team: TeamId,
    document: &str,
    validate_only: bool,
) -> Result<Vec<String>, Status> {
    let request = ApplyTeamConfigRequest {
        document: document.to_owned(),
        validate_only,
        ..ApplyTeamConfigRequest::default()
    };
    let answer = config.service.apply_team_config(of_team(request, team)).await?;
    Ok(answer.into_inner().changes.iter().map(line).collect())
}

fn line(change: &ConfigChange) -> String {
    let sign = match change.action() {
        ConfigChangeAction::Create => "+",
        ConfigChangeAction::Update => "~",
        ConfigChangeAction::Delete => "-",
        ConfigChangeAction::Unspecified => "?",
    };
    if change.action() == ConfigChangeAction::Create {
        return format!("{sign} {}", change.subject);
    }
    let fields: String = change
        .fields
        .iter()
        .map(|field| format!(" {}={}>{}", field.field, field.before, field.after))
        .collect();
    format!("{sign} {}{fields}", change.subject)
}

pub(crate) async fn export(config: &Config, team: TeamId) -> String {
    let request = of_team(ExportTeamConfigRequest::default(), team);
    config
        .service
        .export_team_config(request)
        .await
        .unwrap()
        .into_inner()
        .document
}

pub(crate) async fn snapshot(config: &Config, team: TeamId) -> TeamSnapshot {
    let request = GetTeamSnapshotRequest {
        team_id: team.to_string(),
    };
    let answer = config.service.get_team_snapshot(internal_request(request)).await;
    answer.unwrap().into_inner().snapshot.unwrap()
}

fn channel_named<'s>(snapshot: &'s TeamSnapshot, name: &str) -> &'s watchbell_contracts::config::v1::Channel {
    snapshot
        .channels
        .iter()
        .find(|channel| channel.display_name == name)
        .unwrap()
}

async fn secrets(
    config: &Config,
    team: TeamId,
    name: &str,
) -> watchbell_contracts::config::v1::ChannelSecrets {
    let id = channel_named(&snapshot(config, team).await, name).id.clone();
    let request = ResolveChannelRequest {
        team_id: team.to_string(),
        selector: Some(Selector::ChannelId(id)),
    };
    let answer = config.service.resolve_channel(internal_request(request)).await;
    answer.unwrap().into_inner().secrets.unwrap()
}

/// The example of the documentation, its references resolved.
fn example() -> String {
    let page = include_str!("../../../../docs/team-config.md");
    let (_, rest) = page.split_once("```yaml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    references::resolve(example, |scheme, name| {
        assert_eq!(scheme, "env");
        Ok(match name {
            "SLACK_CRITICAL_URL" | "TEAMS_URL" => format!("https://hooks.example/{name}"),
            name => format!("s3cret-{name}"),
        })
    })
    .unwrap()
}

const CHANNELS: &str = r##"
channels:
  - {name: "#a", kind: slack, url: "https://hooks.example/s3cret/a"}
  - {name: "#b", kind: slack, url: "https://hooks.example/s3cret/b"}
  - {name: hook, kind: webhook, url: "https://hooks.example/s3cret/hook", filter: {types: "*"}, headers: [{name: X-Token, value: s3cret}]}
"##;

store_tests! {
    migrator = Migrator;

    async fn the_example_of_the_documentation_applies(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        config.member(team, "ann@acme.example", WireRole::Owner).await;
        let before = snapshot(&config, team).await.revision;
        let seen = dry_run(&config, team, &example()).await;
        assert_eq!(snapshot(&config, team).await.revision, before, "a dry run changes nothing");
        assert_eq!(apply(&config, team, &example()).await.unwrap(), seen);
        assert_eq!(seen, [
            "+ event type acme.deploy.failed",
            "+ channel #security-critical (slack)",
            "+ channel #security (slack)",
            "+ channel Security (teams)",
            "+ channel Auditors (email)",
            "+ channel SIEM (webhook)",
            "+ channel Inbox (in_app)",
            "+ rule Production first",
            "+ rule No news of scans",
            "+ rule The rest",
            "+ mention rule atlas.*, sla.breached",
            "+ silence Migration of the registry",
            "~ preferences of ann@acme.example findings=>[\"critical\"] scans=>\"failures\" exceptions=>\"on\" \
             weekly_digest=>\"off\"",
            "~ compliance recipients compliance_recipients=>[\"compliance@acme.example\"]",
            "~ digest cron=>\"0 9 * * MON\" recipients=>[\"board@acme.example\"]",
        ]);
        let after = snapshot(&config, team).await;
        assert_eq!(after.revision, before + 1, "one change, one revision");
        assert_eq!(after.rules.iter().map(|rule| rule.position).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(secrets(&config, team, "SIEM").await.headers[0].value, "s3cret-SIEM_TENANT");
        assert_eq!(secrets(&config, team, "Auditors").await.smtp_password, "s3cret-SMTP_PASSWORD");

        assert_eq!(apply(&config, team, &example()).await.unwrap(), [""; 0]);
        let document = export(&config, team).await;
        assert!(!document.contains("s3cret") && !document.contains("hooks."), "{document}");
        assert_eq!(apply(&config, team, &document).await.unwrap(), [""; 0]);
        assert_eq!(snapshot(&config, team).await.revision, before + 1, "what changes nothing is no revision");
    }

    async fn sections_left_out_stay_and_those_given_are_made_equal(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        apply(&config, team, CHANNELS).await.unwrap();
        apply(&config, team, "rules: [{name: r1, send: '#a'}, {name: r2, send: '#a'}]").await.unwrap();
        let was = snapshot(&config, team).await;
        let changes = apply(&config, team, "rules: [{name: new, silence: slack}, {name: r2, send: ['#b'], continue: true}]");
        assert_eq!(changes.await.unwrap(), [
            "+ rule new",
            "~ rule r2 send=[{\"slack\":\"#a\"}]>[{\"slack\":\"#b\"}] continue=>true",
            "- rule r1",
        ]);
        let is = snapshot(&config, team).await;
        assert_eq!(is.channels, was.channels);
        assert_eq!((is.rules[1].id.as_str(), is.rules[1].position), (was.rules[1].id.as_str(), 2));
        assert_eq!(apply(&config, team, "rules: []").await.unwrap(), ["- rule new", "- rule r2"]);
        let gone = ["- channel #a (slack)", "- channel #b (slack)", "- channel hook (webhook)"];
        assert_eq!(apply(&config, team, "channels: []").await.unwrap(), gone);
        assert!(snapshot(&config, team).await.channels.is_empty());
    }

    async fn reminders_and_escalation_are_written_by_names_of_channels(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        apply(&config, team, CHANNELS).await.unwrap();
        let rule = |more: &str| format!("rules: [{{name: r, send: '#a', {more}}}]");
        let insists = rule("remind: {every: 4h, at_most: 5}, escalate: {after: 30m, send: '#b'}");
        apply(&config, team, &insists).await.unwrap();
        let is = snapshot(&config, team).await;
        let b = is.channels.iter().find(|channel| channel.display_name == "#b").unwrap();
        assert_eq!(is.rules[0].escalate.as_ref().unwrap().channel_ids, [b.id.as_str()]);
        assert_eq!(is.rules[0].remind.unwrap().at_most, 5);
        assert_eq!(apply(&config, team, &insists).await.unwrap(), [""; 0]);
        let document = export(&config, team).await;
        assert_eq!(apply(&config, team, &document).await.unwrap(), [""; 0], "{document}");
        let wrong = rule("remind: {every: 1m, at_most: 0}, escalate: {after: 10s, send: [hook, nowhere, '#a', '#a']}");
        assert_eq!(violated(apply(&config, team, &wrong).await), [
            "rules[0].remind.every",
            "rules[0].remind.at_most",
            "rules[0].escalate.after",
            "rules[0].escalate.send[0]",
            "rules[0].escalate.send[1]",
            "rules[0].escalate.send[3]",
        ]);
        let silent = "rules: [{name: r, silence: slack, remind: {every: 4h, at_most: 5}, escalate: {after: 30m, send: '#b'}}]";
        assert_eq!(violated(apply(&config, team, silent).await), ["rules[0].remind", "rules[0].escalate"]);
        let without = "channels: [{name: '#a', kind: slack}, {name: hook, kind: webhook, filter: {types: '*'}}]";
        assert_eq!(violated(apply(&config, team, without).await), ["channels"], "the rule escalates to #b");
    }

    async fn a_rule_moves_and_the_others_close_up(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let rules = |names: &[&str]| {
            let rules: Vec<_> = names.iter().map(|name| format!("{{name: {name}, silence: slack}}")).collect();
            format!("rules: [{}]", rules.join(", "))
        };
        apply(&config, team, &rules(&["a", "b", "b", "c"])).await.unwrap();
        let moved = apply(&config, team, &rules(&["c", "a", "b", "b"])).await.unwrap();
        assert_eq!(moved, ["~ rule c position=4>1"]);
        let listed = config.service.list_rules(of_team(ListRulesRequest::default(), team)).await.unwrap().into_inner();
        let order: Vec<_> = listed.rules.iter().map(|rule| (rule.display_name.as_str(), rule.position)).collect();
        assert_eq!(order, [("c", 1), ("a", 2), ("b", 3), ("b", 4)]);
        assert_eq!(apply(&config, team, &rules(&["c", "a", "b", "b"])).await.unwrap(), [""; 0]);
    }

    async fn a_document_that_fails_changes_nothing(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        apply(&config, team, CHANNELS).await.unwrap();
        let was = snapshot(&config, team).await;
        let document = r##"
channels:
  - {name: "#a", kind: slack, description: changed}
  - {name: "#new", kind: slack}
  - {name: hook, kind: webhook, filter: {types: "*"}, headers: [{name: X-Token}, {name: X-New}]}
  - {name: mail, kind: email, smtp: {host: mail.acme.example, username: ann@acme.example}}
rules:
  - {name: r, send: ["#a", "#b", hook, "#a"]}
preferences: {nobody@acme.example: {findings: on}}
"##;
        assert_eq!(violated(apply(&config, team, document).await), [
            "channels[1].url",
            "channels[2].headers[1].value",
            "channels[3].smtp.password",
            "rules[0].send[1]",
            "rules[0].send[2]",
            "rules[0].send[3]",
            "preferences[nobody@acme.example]",
        ]);
        for header in ["{name: X-Routing-Key}", "{name: X-Routing-Key, value: ''}"] {
            let document = format!(
                r#"channels: [{{name: pd, kind: webhook, preset: pagerduty, url: "https://hooks.example/x", filter: {{types: "*"}}, headers: [{header}]}}]"#
            );
            assert_eq!(violated(apply(&config, team, &document).await), ["channels[0].headers[0].value"], "{header}");
        }
        let document = r#"
channels:
  - {name: in, kind: webhook, url: "https://inside.example/x", filter: {types: "*"}}
  - {name: out, kind: webhook, url: "https://hooks.example/x", filter: {types: "*"}}
  - {name: mail, kind: email, smtp: {host: inside.example, from: a@acme.example}}
event_types: [{name: acme.thing, title: Thing}]
"#;
        assert_eq!(violated(apply(&config, team, document).await), ["channels[0].url", "channels[2].smtp.host"]);
        let document = r##"
channels:
  - {name: in, kind: webhook, url: "https://inside.example/x", filter: {types: "*"}, description: [x]}
  - {name: "", kind: teams, url: "https://inside.example/y"}
rules:
  - {name: "", send: [nowhere]}
"##;
        assert_eq!(violated(apply(&config, team, document).await), [
            "channels[0].description",
            "channels[1].name",
            "rules[0].name",
            "rules[0].send[0]",
            "channels[0].url",
            "channels[1].url",
        ], "all at once");
        let unread = "channels: [{name: c, kind: pager}]\nrules: [{name: r, send: c}]";
        assert_eq!(violated(apply(&config, team, unread).await), ["channels[0].kind"], "c may be that one");
        assert_eq!(violated(apply(&config, team, "channels: [").await), ["document"]);
        let many: String = (0..501).map(|n| format!("{{name: r{n}, silence: slack}},")).collect();
        assert_eq!(violated(apply(&config, team, &format!("rules: [{many}]")).await), ["rules"]);
        assert_eq!(snapshot(&config, team).await, was);
    }

    async fn a_channel_that_a_rule_sends_to_is_not_left_out(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        apply(&config, team, &format!("{CHANNELS}\nrules: [{{name: r, send: '#b'}}]")).await.unwrap();
        let without = "channels: [{name: '#a', kind: slack}]";
        assert_eq!(violated(apply(&config, team, without).await), ["channels"]);
        let changes = apply(&config, team, &format!("{without}\nrules: [{{name: r, send: '#a'}}]")).await.unwrap();
        assert_eq!(changes, [
            "~ rule r send=[{\"slack\":\"#b\"}]>[{\"slack\":\"#a\"}]",
            "- channel #b (slack)",
            "- channel hook (webhook)",
        ]);
    }

    async fn secrets_are_kept_compared_and_never_shown(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let request = ApplyTeamConfigRequest { document: CHANNELS.to_owned(), ..ApplyTeamConfigRequest::default() };
        let made = config.service.apply_team_config(of_team(request, team)).await.unwrap().into_inner();
        let text = carried(&made);
        assert!(!text.contains("s3cret") && !text.contains("whsec_"), "{text}");
        let fields = |index: usize| -> Vec<(&str, &str)> {
            made.changes[index].fields.iter().map(|field| (field.field.as_str(), field.after.as_str())).collect()
        };
        assert_eq!(fields(0), [("default", "true"), ("url", "\"(secret)\"")]);
        assert_eq!(fields(2)[3..], [
            ("url", "\"(secret)\""),
            ("signing_secret", "\"(secret)\""),
            ("headers[0].value", "\"(secret)\""),
        ]);
        let was = secrets(&config, team, "hook").await;
        assert!(was.signing_secrets[0].secret.starts_with("whsec_"));
        assert_eq!(apply(&config, team, CHANNELS).await.unwrap(), [""; 0]);
        let given = format!("{{name: hook, kind: webhook, filter: {{types: '*'}}, signing_secret: '{}', headers: [{{name: x-token}}]}}", was.signing_secrets[0].secret);
        let document = CHANNELS.replace("channels:", "channels:\n  - {name: hook2, kind: webhook, url: 'https://hooks.example/2', filter: {types: '*'}}");
        apply(&config, team, &document).await.unwrap();
        let changed = apply(&config, team, &format!("channels: [{given}, {{name: '#a', kind: slack, url: 'https://hooks.example/other'}}]")).await.unwrap();
        assert_eq!(changed, [
            "~ channel hook (webhook) default=>true headers=[{\"name\":\"X-Token\"}]>[{\"name\":\"x-token\"}]",
            "~ channel #a (slack) url=\"(secret)\">\"(secret)\"",
            "- channel #b (slack)",
            "- channel hook2 (webhook)",
        ].map(|line| line.replace(" default=>true", "")));
        let is = secrets(&config, team, "hook").await;
        assert_eq!((&is.url, &is.signing_secrets, is.headers[0].value.as_str()), (&was.url, &was.signing_secrets, "s3cret"));
        assert_eq!(secrets(&config, team, "#a").await.url, "https://hooks.example/other");
        let elsewhere = "channels: [{name: hook, kind: webhook, url: 'https://evil.example/x', filter: {types: '*'}, headers: [{name: x-token}]}]";
        assert_eq!(violated(apply(&config, team, elsewhere).await), ["channels[0].headers[0].value"]);
        let unresolved = "channels: [{name: '#a', kind: slack, url: '${env:URL}'}]";
        assert_eq!(violated(apply(&config, team, unresolved).await), ["channels[0].url"]);
    }

    async fn a_text_that_looks_like_a_reference_is_exported_as_what_it_is(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let document = r#"{"channels": [{"name": "$${env:HOME}", "kind": "in_app", "description": "$$${x} and $${env:HOME}"}],
            "event_types": [{"name": "acme.thing", "title": "T", "schema": {"properties": {"a": {"description": "$${env:A}"}}}}]}"#;
        apply(&config, team, document).await.unwrap();
        let channel = channel_named(&snapshot(&config, team).await, "${env:HOME}").clone();
        assert_eq!(channel.description, "$${x} and ${env:HOME}");
        let exported = export(&config, team).await;
        let sent = references::resolve(&exported, |_, _| Err("there is none".to_owned())).unwrap();
        for document in [&exported, &sent] {
            assert_eq!(apply(&config, team, document).await.unwrap(), [""; 0], "{document}");
        }
        let unresolved = "channels: [{name: mail, kind: in_app, description: 'x ${env:HOME}'}]";
        assert_eq!(violated(apply(&config, team, unresolved).await), ["channels[0].description"]);
    }

    async fn bodies_and_presets_of_webhooks_are_exported_as_they_were_applied(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let document = r#"
version: 1
channels:
  - {name: chat, kind: webhook, url: "https://8.8.8.8/chat", filter: {types: ["*"]}, preset: discord}
  - name: tickets
    kind: webhook
    url: https://8.8.8.8/tickets
    filter: {types: ["*"]}
    body: '{"text": "${event.severity}: ${event.title}", "link": "${event.url == '''' ? null : event.url}"}'
"#;
        apply(&config, team, document).await.unwrap();
        let exported = export(&config, team).await;
        assert!(exported.contains("preset: discord"), "{exported}");
        for document in [exported.as_str(), document] {
            assert_eq!(dry_run(&config, team, document).await, [""; 0], "{document}");
        }
        let wrong = document.replace("preset: discord", "preset: pigeon");
        let wrong = wrong.replace("event.title}", "event.titel}");
        let fields = violated(apply(&config, team, &wrong).await);
        assert_eq!(fields, ["channels[0].preset", "channels[1].body"]);
    }

    async fn an_apply_does_not_end_a_rotation(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let document = |secret: &str| format!(
            "channels: [{{name: hook, kind: webhook, url: 'https://hooks.example/1', filter: {{types: '*'}}, signing_secret: {secret}}}]"
        );
        apply(&config, team, &document("the-first-secret")).await.unwrap();
        let channel_id = channel_named(&snapshot(&config, team).await, "hook").id.clone();
        let rotate = RotateWebhookSecretRequest {
            channel_id,
            signing_secret: "the-second-secret".to_owned(),
            ..RotateWebhookSecretRequest::default()
        };
        config.service.rotate_webhook_secret(of_team(rotate, team)).await.unwrap();
        assert_eq!(apply(&config, team, &document("the-second-secret")).await.unwrap(), [""; 0]);
        assert_eq!(secrets(&config, team, "hook").await.signing_secrets.len(), 2);
        let changed = apply(&config, team, &document("the-third-secret")).await.unwrap();
        assert_eq!(changed, ["~ channel hook (webhook) signing_secret=\"(secret)\">\"(secret)\""]);
        assert_eq!(secrets(&config, team, "hook").await.signing_secrets.len(), 1);
    }

    async fn the_default_stays_until_another_is_named(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        apply(&config, team, CHANNELS).await.unwrap();
        let a = "{name: '#a', kind: slack}";
        let b = "{name: '#b', kind: slack}";
        let b_default = "{name: '#b', kind: slack, default: true}";
        let hook = "{name: hook, kind: webhook, filter: {types: '*'}, headers: [{name: X-Token}]}";
        let reordered = apply(&config, team, &format!("channels: [{b}, {a}, {hook}]")).await.unwrap();
        assert_eq!(reordered, [""; 0]);
        let changed = apply(&config, team, &format!("channels: [{a}, {b_default}, {hook}]")).await.unwrap();
        assert_eq!(changed, ["~ channel #a (slack) default=true>", "~ channel #b (slack) default=>true"]);
        assert!(channel_named(&snapshot(&config, team).await, "#b").is_default);
        let two = format!("channels: [{b_default}, {{name: '#c', kind: slack, default: true}}]");
        assert_eq!(violated(apply(&config, team, &two).await), ["channels[1].default", "channels[1].url"]);
        let new = "{name: '#0', kind: slack, url: 'https://hooks.example/0'}";
        apply(&config, team, &format!("channels: [{new}, {a}]")).await.unwrap();
        assert!(channel_named(&snapshot(&config, team).await, "#0").is_default);
    }

    async fn one_name_in_two_kinds_needs_its_kind(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let channels = "channels: [{name: Alerts, kind: slack, url: 'https://hooks.example/1'}, {name: Alerts, kind: teams, url: 'https://hooks.example/2'}]";
        let ambiguous = format!("{channels}\nrules: [{{name: r, send: Alerts}}]");
        assert_eq!(violated(apply(&config, team, &ambiguous).await), ["rules[0].send[0]"]);
        for (to, why) in [
            ("Alrets", "rules[0].send[0]: `Alrets` is not the name of a channel"),
            ("{email: Alerts}", "rules[0].send[0]: `Alerts` is not the name of a channel of the kind email"),
        ] {
            let nowhere = format!("{channels}\nrules: [{{name: r, send: [{to}]}}]");
            let refused = apply(&config, team, &nowhere).await.unwrap_err();
            assert!(refused.message().ends_with(why), "{}", refused.message());
        }
        apply(&config, team, &format!("{channels}\nrules: [{{name: r, send: [{{teams: Alerts}}]}}]")).await.unwrap();
        let document = export(&config, team).await;
        assert!(document.contains("- teams: Alerts"), "{document}");
        assert_eq!(apply(&config, team, &document).await.unwrap(), [""; 0]);
    }

    async fn who_unsubscribed_by_a_link_stays_unsubscribed(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let ann = config.member(team, "Ann@acme.example", WireRole::Owner).await;
        let document = "preferences: {ann@acme.example: {findings: on, sla: off}}";
        apply(&config, team, document).await.unwrap();
        let subscription = Subscription::Topic {
            member: ann.id.parse().unwrap(),
            address: ann.email.parse().unwrap(),
            topic: Topic::Findings,
        };
        let keys = UnsubscribeKeys::new([UNSUBSCRIBE_KEY.into()]).unwrap();
        let token = keys.sign(&Unsubscribe { team, subscription });
        let request = UnsubscribeRequest { token, ..UnsubscribeRequest::default() };
        config.service.unsubscribe(tonic::Request::new(request)).await.unwrap();
        assert_eq!(apply(&config, team, document).await.unwrap(), [""; 0]);
        let exported = export(&config, team).await;
        assert!(exported.contains("sla:") && !exported.contains("findings"), "{exported}");
        let gone = apply(&config, team, "preferences: {}").await.unwrap();
        assert_eq!(gone, ["~ preferences of Ann@acme.example sla=\"off\">"]);
        let said = &snapshot(&config, team).await.members[0].preferences;
        assert_eq!(said.iter().map(|word| word.topic.as_str()).collect::<Vec<_>>(), ["findings"]);
    }

    async fn members_speak_for_themselves_alone(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let ann: MemberId = config.member(team, "ann@acme.example", WireRole::Admin).await.id.parse().unwrap();
        config.member(team, "bob@acme.example", WireRole::Member).await;
        apply(&config, team, "preferences: {bob@acme.example: {findings: on}}").await.unwrap();
        let apply_as_ann = async |document: &str| {
            let request = ApplyTeamConfigRequest { document: document.to_owned(), ..ApplyTeamConfigRequest::default() };
            config.service.apply_team_config(member(request, team, ann, Role::Admin)).await
        };
        let own = "preferences: {ann@acme.example: {findings: off}, bob@acme.example: {findings: on}}";
        assert_eq!(apply_as_ann(own).await.unwrap().into_inner().changes.len(), 1);
        assert_eq!(refused(apply_as_ann("preferences: {}").await).0, Code::PermissionDenied);
        let exported = config.service.export_team_config(member(ExportTeamConfigRequest::default(), team, ann, Role::Admin));
        let exported = exported.await.unwrap().into_inner().document;
        assert!(!exported.contains("bob"), "{exported}");
        assert!(apply_as_ann(&exported).await.unwrap().into_inner().changes.is_empty());
    }

    async fn a_team_applies_to_itself_alone(store: Store) {
        let config = Config::on(&store);
        let (team, other) = (config.team().await, config.team().await);
        apply(&config, team, CHANNELS).await.unwrap();
        let request = ApplyTeamConfigRequest {
            team_id: team.to_string(),
            document: "channels: []".to_owned(),
            ..ApplyTeamConfigRequest::default()
        };
        assert_eq!(refused(config.service.apply_team_config(of_team(request, other)).await).0, Code::NotFound);
        let request = ExportTeamConfigRequest { team_id: team.to_string(), ..ExportTeamConfigRequest::default() };
        assert_eq!(refused(config.service.export_team_config(of_team(request, other)).await).0, Code::NotFound);
        assert_eq!(apply(&config, other, "rules: [{name: r, send: '#a'}]").await.map_err(|status| status.code()), Err(Code::InvalidArgument));
        let listed = config.service.list_channels(of_team(ListChannelsRequest::default(), other)).await.unwrap();
        assert!(listed.into_inner().channels.is_empty());
    }

    async fn applies_at_once_all_end_in_one_of_the_documents(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let documents: Vec<_> = (0..4).map(|n| format!("rules: [{{name: a{n}, silence: slack}}, {{name: b{n}, silence: teams}}]")).collect();
        let outcomes = futures::future::join_all(documents.iter().map(|document| apply(&config, team, document))).await;
        assert!(outcomes.iter().any(Result::is_ok));
        for refused in outcomes.into_iter().filter_map(Result::err) {
            assert_eq!(refused.code(), Code::Aborted, "it would delete what another has made meanwhile");
        }
        let rules = snapshot(&config, team).await.rules;
        let names: Vec<_> = rules.iter().map(|rule| rule.display_name[1..].to_owned()).collect();
        assert_eq!(rules.iter().map(|rule| rule.position).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(names[0], names[1]);
    }

    async fn a_document_is_applied_to_the_revision_that_was_read_or_not_at_all(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        config.slack(team, "#one").await;
        let export = of_team(ExportTeamConfigRequest::default(), team);
        let exported = config.service.export_team_config(export).await.unwrap().into_inner();
        config.slack(team, "#somebody-elses").await;
        let apply = async |expected_revision, validate_only| {
            let request = ApplyTeamConfigRequest {
                document: exported.document.clone(),
                expected_revision,
                validate_only,
                ..ApplyTeamConfigRequest::default()
            };
            let answer = config.service.apply_team_config(of_team(request, team)).await;
            answer.map(tonic::Response::into_inner)
        };
        for validate_only in [true, false] {
            let moved = apply(exported.revision, validate_only).await.unwrap_err();
            assert_eq!(moved.code(), Code::Aborted);
            let line = "- channel #somebody-elses (slack)";
            assert!(moved.message().contains(line), "{}", moved.message());
            let details = moved.get_error_details();
            assert_eq!(details.error_info().unwrap().reason, "CONFIG_MOVED");
            assert_eq!(details.precondition_failure().unwrap().violations[0].subject, line);
        }
        assert_eq!(snapshot(&config, team).await.channels.len(), 2);
        let difference = apply(0, true).await.unwrap();
        assert_eq!(difference.revision, exported.revision + 1);
        let made = apply(difference.revision, false).await.unwrap();
        assert_eq!((made.changes.len(), made.revision), (1, difference.revision + 1));
        assert_eq!(snapshot(&config, team).await.revision, made.revision);
        assert_eq!(violated(apply(-1, false).await), ["expected_revision"]);
    }

    async fn a_channel_that_is_created_while_a_document_is_applied_is_not_deleted_unsaid(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let document = |number: usize| {
            let url = "https://hooks.slack.example/services/T0/B0/s3cret";
            format!("channels: [{{kind: slack, name: '#kept', description: v{number}, url: '{url}'}}]")
        };
        let documents: Vec<_> = (0..10).map(document).collect();
        let names: Vec<_> = (0..10).map(|number| format!("#made-{number}")).collect();
        let applying = futures::future::join_all(documents.iter().map(|document| apply(&config, team, document)));
        let creating = futures::future::join_all(names.iter().map(|name| config.slack(team, name)));
        let (answers, _) = tokio::join!(applying, creating);
        let mut said = Vec::new();
        for answer in answers {
            match answer {
                Ok(lines) => said.extend(lines),
                Err(status) => assert!(matches!(status.code(), Code::Aborted | Code::Unavailable), "{status:?}"),
            }
        }
        let left = snapshot(&config, team).await.channels;
        for name in names {
            let is_left = left.iter().any(|channel| channel.display_name == name);
            let is_said = said.iter().any(|line| line.starts_with(&format!("- channel {name}")));
            assert_ne!(is_left, is_said, "{name}");
        }
    }

    async fn event_types_come_and_go(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let document = "event_types: [{name: acme.a, title: A, schema: {type: object, properties: {n: {type: integer, maximum: 9007199254740991}}}}, {name: acme.b, title: B, alert: always}]";
        apply(&config, team, document).await.unwrap();
        assert_eq!(apply(&config, team, document).await.unwrap(), [""; 0]);
        let changed = apply(&config, team, "event_types: [{name: acme.b, title: B, alert: [critical]}]").await.unwrap();
        assert_eq!(changed, ["~ event type acme.b alert=\"always\">[\"critical\"]", "- event type acme.a"]);
        let listed = config.service.list_event_types(of_team(ListEventTypesRequest { page_size: 1000, ..Default::default() }, team)).await.unwrap();
        let own: Vec<_> = listed.into_inner().event_types.into_iter().filter(|entry| !entry.built_in).collect();
        assert_eq!(own.len(), 1);
        assert_eq!(violated(apply(&config, team, "event_types: [{name: finding.created, title: T}]").await), ["event_types[0].name"]);
    }
}
