//! Channels: what is kept secret, where they may lead, and the default of each kind.

use std::time::Duration;

use prost_types::FieldMask;
use tonic::Code;
use watchbell_config::{Migrator, Resealer};
use watchbell_contracts::api::{ChannelApi, RoutingApi, SnapshotApi};
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::resolve_channel_request::Selector;
use watchbell_contracts::config::v1::rule::Action;
use watchbell_contracts::config::v1::{
    Channel, CreateChannelRequest, CreateRuleRequest, DeleteChannelRequest, EmailDestination, Escalate,
    GetChannelRequest, HttpHeader, ListChannelsRequest, QuietHours, QuietWindow, ResolveChannelRequest,
    ResolveChannelResponse, ResolveDraftChannelRequest, RotateWebhookSecretRequest, Rule, SendAction,
    SetDefaultChannelRequest, SmtpSecurity, SmtpServer, UpdateChannelRequest,
};
use watchbell_contracts::event::v1::{ChannelKind, Remind};
use watchbell_model::ids::{ChannelId, TeamId};
use watchbell_runtime::auth::internal_request;
use watchbell_store::store_tests;

use crate::support::{Config, carried, of_team, platform, refused, slack, violated, webhook};

async fn resolved(config: &Config, team: TeamId, selector: Selector) -> ResolveChannelResponse {
    let request = ResolveChannelRequest {
        team_id: team.to_string(),
        selector: Some(selector),
    };
    config
        .service
        .resolve_channel(internal_request(request))
        .await
        .unwrap()
        .into_inner()
}

async fn listed(config: &Config, team: TeamId) -> Vec<Channel> {
    let request = ListChannelsRequest {
        page_size: 1000,
        ..ListChannelsRequest::default()
    };
    config
        .service
        .list_channels(of_team(request, team))
        .await
        .unwrap()
        .into_inner()
        .channels
}

fn update(channel: Channel, paths: &[&str]) -> UpdateChannelRequest {
    let paths: Vec<_> = paths.iter().map(|&path| path.to_owned()).collect();
    UpdateChannelRequest {
        channel: Some(channel),
        update_mask: (!paths.is_empty()).then_some(FieldMask { paths }),
        ..UpdateChannelRequest::default()
    }
}

store_tests! {
    migrator = Migrator;

    async fn a_draft_is_checked_and_resolved_as_a_saved_channel_would_be_and_nothing_is_stored(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let draft = async |channel| {
            let request = ResolveDraftChannelRequest { team_id: team.to_string(), channel: Some(channel) };
            config.service.resolve_draft_channel(internal_request(request)).await
        };
        let found = draft(slack("#new")).await.unwrap().into_inner();
        assert!(found.secrets.unwrap().url.ends_with("/s3cret"));
        let shown = carried(&found.channel.unwrap());
        assert!(!shown.contains("s3cret"), "{shown}");
        let inside = webhook("in", "https://inside.example/");
        assert_eq!(violated(draft(inside).await), ["channel.webhook.url"]);
        assert!(listed(&config, team).await.is_empty());
        let request = ResolveDraftChannelRequest { channel: Some(slack("#new")), ..ResolveDraftChannelRequest::default() };
        let (code, _) = refused(config.service.resolve_draft_channel(of_team(request, team)).await);
        assert_eq!(code, Code::PermissionDenied, "it opens secrets");
    }

    async fn secrets_are_opened_for_services_and_shown_to_nobody(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let mut channel = webhook("siem", "https://hooks.example/in?token=s3cret");
        if let Some(Destination::Webhook(webhook)) = &mut channel.destination {
            webhook.headers = vec![HttpHeader { name: "X-Token".to_owned(), value: "s3cret".to_owned() }];
        }
        let made = config.create(team, channel).await.unwrap();
        assert!(made.signing_secret.starts_with("whsec_"));
        let shown = made.channel.unwrap();
        let id = shown.id.clone();
        let got = GetChannelRequest { channel_id: id.clone(), ..GetChannelRequest::default() };
        let got = config.service.get_channel(of_team(got, team)).await.unwrap().into_inner().channel.unwrap();
        assert_eq!(got, shown);
        let listed: String = listed(&config, team).await.iter().map(carried).collect();
        for shown in [carried(&got), listed] {
            assert!(!shown.contains("s3cret") && !shown.contains("whsec_"), "{shown}");
            assert!(shown.contains("https://hooks.example/…"), "{shown}");
        }
        let secrets = resolved(&config, team, Selector::ChannelId(id)).await.secrets.unwrap();
        assert_eq!(secrets.url, "https://hooks.example/in?token=s3cret");
        assert_eq!(secrets.signing_secrets[0].secret, made.signing_secret);
        assert_eq!(secrets.headers[0].value, "s3cret");
    }

    async fn a_secret_moved_to_another_row_does_not_open(store: Store) {
        use sea_orm::ConnectionTrait;
        let config = Config::on(&store);
        let team = config.team().await;
        let (mine, stolen) = (config.slack(team, "#mine").await, config.slack(team, "#stolen").await);
        let copy = "UPDATE channels SET secrets = \
             (SELECT secrets FROM channels WHERE display_name = '#stolen') WHERE display_name = '#mine'";
        store.writer().execute_unprepared(copy).await.unwrap();
        let request = |id: &str| ResolveChannelRequest {
            team_id: team.to_string(),
            selector: Some(Selector::ChannelId(id.to_owned())),
        };
        let moved = config.service.resolve_channel(internal_request(request(&mine.id))).await;
        assert_eq!(refused(moved).0, Code::Internal);
        config.service.resolve_channel(internal_request(request(&stolen.id))).await.unwrap();
    }

    async fn after_a_change_of_the_key_every_secret_is_sealed_anew(store: Store) {
        let old = Config::on(&store);
        let team = old.team().await;
        let channel = old.slack(team, "#alerts").await;
        let new_key = watchbell_config::sealing::Keyring::generate_key();
        let during = Config::with_keys(&store, new_key.clone(), vec![old.key.clone()]);
        let resealer = Resealer::new(during.service.clone());
        assert_eq!(resealer.tick().await.unwrap(), 1);
        assert_eq!(resealer.tick().await.unwrap(), 0, "nothing is left to do");
        let after = Config::with_keys(&store, new_key, Vec::new());
        let secrets = resolved(&after, team, Selector::ChannelId(channel.id)).await.secrets.unwrap();
        assert!(secrets.url.ends_with("/s3cret"));
    }

    async fn a_channel_cannot_lead_inside(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        for url in ["https://inside.example/x", "https://127.0.0.1/x", "http://hooks.example/x", "nonsense"] {
            assert_eq!(violated(config.create(team, webhook("w", url)).await), ["channel.webhook.url"], "{url}");
        }
        let smtp = |host: &str, security: SmtpSecurity| Channel {
            display_name: "mail".to_owned(),
            destination: Some(Destination::Email(EmailDestination {
                smtp: Some(SmtpServer {
                    host: host.to_owned(),
                    from_address: "a@acme.example".to_owned(),
                    security: security.into(),
                    ..SmtpServer::default()
                }),
                ..EmailDestination::default()
            })),
            ..Channel::default()
        };
        for (host, security) in
            [("inside.example", SmtpSecurity::Starttls), ("mail.example", SmtpSecurity::None)]
        {
            let fields = violated(config.create(team, smtp(host, security)).await);
            assert_eq!(fields, ["channel.email.smtp.host"], "{host}");
        }
        config.create(team, smtp("mail.example", SmtpSecurity::Starttls)).await.unwrap();
        let good = config.webhook(team, "good").await;
        let mut moved = webhook("good", "https://inside.example/x");
        moved.id = good.id;
        let moved = config.service.update_channel(of_team(update(moved, &["webhook.url"]), team)).await;
        assert_eq!(violated(moved), ["channel.webhook.url"]);
    }

    async fn every_violation_of_a_channel_is_told_at_once(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let mut channel = webhook("", "https://inside.example/x");
        if let Some(Destination::Webhook(webhook)) = &mut channel.destination {
            webhook.filter.as_mut().unwrap().types = vec!["Finding".to_owned()];
            webhook.filter.as_mut().unwrap().expression = "event.".to_owned();
            webhook.headers = ["webhook-id", "User-Agent", "proxy-authorization"]
                .map(|name| HttpHeader { name: name.to_owned(), value: "x\n".to_owned() })
                .to_vec();
            webhook.signing_secret = "whsec_AQ==".to_owned();
        }
        let window = QuietWindow { start: "25:00".to_owned(), end: "07:00".to_owned(), weekdays: vec![9] };
        channel.quiet_hours = Some(QuietHours { windows: vec![window], ..QuietHours::default() });
        assert_eq!(violated(config.create(team, channel).await), [
            "channel.display_name",
            "channel.webhook.headers[0].name",
            "channel.webhook.headers[0].value",
            "channel.webhook.headers[1].name",
            "channel.webhook.headers[1].value",
            "channel.webhook.headers[2].name",
            "channel.webhook.headers[2].value",
            "channel.quiet_hours.windows[0].weekdays[0]",
            "channel.quiet_hours.windows[0].start",
            "channel.webhook.filter.types[0]",
            "channel.webhook.filter.expression",
            "channel.webhook.url",
            "channel.webhook.signing_secret",
        ]);
    }

    async fn quiet_hours_are_kept_as_they_read_and_never_without_a_window(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let quiet = |windows: Vec<QuietWindow>| Channel {
            quiet_hours: Some(QuietHours { windows, ..QuietHours::default() }),
            ..slack("#a")
        };
        assert_eq!(violated(config.create(team, quiet(vec![])).await), ["channel.quiet_hours.windows"]);
        let night = QuietWindow { start: "9:00".to_owned(), end: "17:30".to_owned(), weekdays: vec![] };
        let made = config.create(team, quiet(vec![night])).await.unwrap().channel.unwrap();
        assert_eq!(made.quiet_hours.as_ref().unwrap().windows[0].start, "09:00");
        let empty = Channel { id: made.id.clone(), quiet_hours: Some(QuietHours::default()), ..Channel::default() };
        let refused = config.service.update_channel(of_team(update(empty, &["quiet_hours"]), team)).await;
        assert_eq!(violated(refused), ["channel.quiet_hours.windows"]);
        let none = Channel { id: made.id, ..Channel::default() };
        let now = config.service.update_channel(of_team(update(none, &["quiet_hours"]), team)).await;
        assert_eq!(now.unwrap().into_inner().channel.unwrap().quiet_hours, None);
    }

    async fn a_name_is_taken_once_in_its_kind(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        config.slack(team, "alerts").await;
        config.webhook(team, "alerts").await;
        assert_eq!(refused(config.create(team, slack("alerts")).await).0, Code::AlreadyExists);
    }

    async fn an_update_keeps_the_secrets_and_the_kind(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let channel = config.webhook(team, "siem").await;
        let renamed = Channel { id: channel.id.clone(), display_name: "SIEM".to_owned(), ..Channel::default() };
        let now = config.service.update_channel(of_team(update(renamed, &[]), team)).await.unwrap();
        let now = now.into_inner().channel.unwrap();
        assert_eq!((now.display_name.as_str(), &now.destination), ("SIEM", &channel.destination));
        assert_ne!(now.etag, channel.etag);
        let id = channel.id.clone();
        let secrets = resolved(&config, team, Selector::ChannelId(id)).await.secrets.unwrap();
        assert_eq!((secrets.url.as_str(), secrets.signing_secrets.len()), ("https://hooks.example/in?token=s3cret", 1));

        let other_kind = Channel { id: channel.id.clone(), ..slack("SIEM") };
        let other_kind = config.service.update_channel(of_team(update(other_kind, &[]), team)).await;
        assert_eq!(violated(other_kind), ["channel.destination"]);
        let stale = Channel { id: channel.id, etag: channel.etag, paused: true, ..Channel::default() };
        let stale = config.service.update_channel(of_team(update(stale, &["paused"]), team)).await;
        assert_eq!(refused(stale), (Code::Aborted, "STALE_ETAG".to_owned()));
    }

    async fn changes_made_at_once_are_all_kept(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let channel = config.slack(team, "#alerts").await;
        let change = |path: &'static str| {
            let change = Channel {
                id: channel.id.clone(),
                description: "about".to_owned(),
                paused: true,
                ..Channel::default()
            };
            config.service.update_channel(of_team(update(change, &[path]), team))
        };
        let (one, two) = tokio::join!(change("paused"), change("description"));
        one.unwrap();
        two.unwrap();
        let now = listed(&config, team).await.remove(0);
        assert_eq!((now.paused, now.description.as_str()), (true, "about"));
    }

    async fn the_first_of_a_kind_is_its_default_and_another_can_be_made_it(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let (first, second) = (config.slack(team, "#one").await, config.slack(team, "#two").await);
        let hook = config.webhook(team, "hook").await;
        assert_eq!((first.is_default, second.is_default, hook.is_default), (true, false, true));
        let request = SetDefaultChannelRequest { channel_id: second.id.clone(), ..Default::default() };
        let now = config.service.set_default_channel(of_team(request, team)).await.unwrap().into_inner();
        assert!(now.channel.unwrap().is_default);
        let kind = Selector::DefaultOfKind(ChannelKind::Slack.into());
        assert_eq!(resolved(&config, team, kind).await.channel.unwrap().id, second.id);
        let gone = DeleteChannelRequest { channel_id: second.id, ..DeleteChannelRequest::default() };
        config.service.delete_channel(of_team(gone, team)).await.unwrap();
        let kind = Selector::DefaultOfKind(ChannelKind::Slack.into());
        assert_eq!(resolved(&config, team, kind).await.channel.unwrap().id, first.id);
    }

    async fn there_is_exactly_one_default_whoever_hurries(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let names: Vec<_> = (0..6).map(|number| format!("#{number}")).collect();
        let made = futures::future::join_all(names.iter().map(|name| config.slack(team, name))).await;
        let set = |id: String| {
            let request = SetDefaultChannelRequest { channel_id: id, ..Default::default() };
            config.service.set_default_channel(of_team(request, team))
        };
        for outcome in futures::future::join_all(made.into_iter().map(|channel| set(channel.id))).await {
            assert!(outcome.unwrap().into_inner().channel.unwrap().is_default);
        }
        let defaults = listed(&config, team).await.into_iter().filter(|channel| channel.is_default).count();
        assert_eq!(defaults, 1);
    }

    async fn a_rotated_secret_signs_beside_the_new_one_for_the_overlap(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let channel = config.webhook(team, "siem").await;
        let id = channel.id.clone();
        let request = RotateWebhookSecretRequest {
            channel_id: id.clone(),
            overlap: Some(prost_types::Duration { seconds: 3600, nanos: 0 }),
            ..RotateWebhookSecretRequest::default()
        };
        let rotated = config.service.rotate_webhook_secret(of_team(request, team)).await.unwrap().into_inner();
        let live = async || {
            let answer = resolved(&config, team, Selector::ChannelId(id.clone())).await;
            let Some(Destination::Webhook(webhook)) = answer.channel.unwrap().destination else {
                panic!("a webhook")
            };
            let secrets = answer.secrets.unwrap().signing_secrets;
            assert_eq!(usize::try_from(webhook.live_secret_count).unwrap(), secrets.len());
            secrets
        };
        let both = live().await;
        assert_eq!((both.len(), &both[0].secret), (2, &rotated.signing_secret));
        assert_eq!(both[1].expire_time, rotated.old_secret_expire_time);
        let again = |secret: &str, overlap: Option<i64>| RotateWebhookSecretRequest {
            channel_id: id.clone(),
            signing_secret: secret.to_owned(),
            overlap: overlap.map(|seconds| prost_types::Duration { seconds, nanos: 0 }),
            ..RotateWebhookSecretRequest::default()
        };
        let same = config.service.rotate_webhook_secret(of_team(again(&rotated.signing_secret, None), team)).await;
        assert_eq!(same.unwrap().into_inner(), rotated, "the present secret again changes nothing");
        let wrong = RotateWebhookSecretRequest { channel_id: "chn_?".to_owned(), ..again("short", Some(31 * 86_400)) };
        let wrong = config.service.rotate_webhook_secret(of_team(wrong, team)).await;
        assert_eq!(violated(wrong), ["channel_id", "overlap", "signing_secret"]);
        for third in ["", "the-third-secret"] {
            let third = config.service.rotate_webhook_secret(of_team(again(third, None), team)).await;
            assert_eq!(refused(third), (Code::FailedPrecondition, "ROTATION_IN_PROGRESS".to_owned()));
        }
        assert_eq!(live().await, both);
        config.clock.advance(Duration::from_secs(3600));
        assert_eq!(live().await.len(), 1);
        config.service.rotate_webhook_secret(of_team(again("the-third-secret", None), team)).await.unwrap();
        config.service.rotate_webhook_secret(of_team(again("the-fourth-secret", Some(0)), team)).await.unwrap();
        assert_eq!(live().await.len(), 1, "no overlap ends the others at once");

        let slack = config.slack(team, "#alerts").await;
        let none = RotateWebhookSecretRequest { channel_id: slack.id, ..Default::default() };
        let none = config.service.rotate_webhook_secret(of_team(none, team)).await;
        assert_eq!(violated(none), ["channel_id"]);
    }

    async fn a_channel_that_a_rule_needs_is_not_deleted(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let channel = config.slack(team, "#alerts").await;
        let other = config.slack(team, "#security").await;
        let send = SendAction { channel_ids: vec![channel.id.clone()] };
        let rule = Rule {
            display_name: "all".to_owned(),
            action: Some(Action::Send(send)),
            escalate: Some(Escalate {
                after: Some(prost_types::Duration { seconds: 1800, nanos: 0 }),
                channel_ids: vec![other.id.clone()],
            }),
            ..Rule::default()
        };
        let rule = CreateRuleRequest { rule: Some(rule), ..CreateRuleRequest::default() };
        config.service.create_rule(of_team(rule, team)).await.unwrap();
        for channel_id in [channel.id, other.id] {
            let delete = DeleteChannelRequest { channel_id, ..DeleteChannelRequest::default() };
            let kept = config.service.delete_channel(of_team(delete, team)).await;
            assert_eq!(refused(kept), (Code::FailedPrecondition, "CHANNEL_IN_USE".to_owned()));
        }
    }

    async fn a_rule_escalates_to_channels_that_rules_may_name(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let channel = config.slack(team, "#alerts").await;
        let hook = config.webhook(team, "hook").await;
        let gone = ChannelId::generate(config.clock.shared().now()).to_string();
        let rule = Rule {
            display_name: "all".to_owned(),
            action: Some(Action::Send(SendAction { channel_ids: vec![channel.id.clone()] })),
            remind: Some(Remind { every: None, at_most: 101 }),
            escalate: Some(Escalate { after: None, channel_ids: vec![hook.id, gone, channel.id] }),
            ..Rule::default()
        };
        let rule = CreateRuleRequest { rule: Some(rule), ..CreateRuleRequest::default() };
        let refused = config.service.create_rule(of_team(rule, team)).await;
        assert_eq!(violated(refused), [
            "rule.remind.every",
            "rule.remind.at_most",
            "rule.escalate.after",
            "rule.escalate.channel_ids[0]",
            "rule.escalate.channel_ids[1]",
        ]);
    }

    async fn a_channel_only_validated_does_not_exist(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let request = CreateChannelRequest {
            team_id: team.to_string(),
            channel: Some(webhook("w", "https://hooks.example/x")),
            validate_only: true,
        };
        let answer = config.service.create_channel(platform(request)).await.unwrap().into_inner();
        assert!(answer.channel.is_some() && answer.signing_secret.is_empty());
        assert!(listed(&config, team).await.is_empty());
    }

    async fn channels_are_listed_by_kind_and_page(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        for number in 0..3 {
            config.slack(team, &format!("#{number}")).await;
            config.webhook(team, &format!("hook {number}")).await;
        }
        let request = |kind: ChannelKind, page_token: String| ListChannelsRequest {
            page_size: 2,
            page_token,
            kind: kind.into(),
            ..ListChannelsRequest::default()
        };
        let first = config.service.list_channels(of_team(request(ChannelKind::Slack, String::new()), team)).await;
        let first = first.unwrap().into_inner();
        let token = first.next_page_token;
        let second = config.service.list_channels(of_team(request(ChannelKind::Slack, token.clone()), team)).await;
        let names: Vec<_> = first.channels.into_iter().chain(second.unwrap().into_inner().channels).map(|c| c.display_name).collect();
        assert_eq!(names, ["#0", "#1", "#2"]);
        let other_query = config.service.list_channels(of_team(request(ChannelKind::Webhook, token), team)).await;
        assert_eq!(violated(other_query), ["page_token"]);
    }
}
