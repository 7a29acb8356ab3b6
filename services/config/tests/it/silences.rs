//! Silences: who made them, how long they last, and what other services hear of them.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tonic::{Code, Status};
use watchbell_config::Migrator;
use watchbell_contracts::api::{SilenceApi, SnapshotApi, TeamApi};
use watchbell_contracts::config::v1::resolve_channel_request::Selector;
use watchbell_contracts::config::v1::*;
use watchbell_contracts::dispatcher::v1::AcceptedEvent;
use watchbell_contracts::event::v1 as event;
use watchbell_model::convert::timestamp;
use watchbell_model::ids::TeamId;
use watchbell_model::{Category, ChannelKind, Role as ModelRole, Severity};
use watchbell_runtime::auth::{Scope, internal_request};
use watchbell_store::store_tests;

use crate::dispatcher::DispatcherStandIn;
use crate::support::{Config, key, member, of_team, refused, slack, violated};
use crate::team_config::{apply, export, snapshot};

const HOUR: Duration = Duration::from_secs(3600);

fn in_hours(config: &Config, hours: i64) -> DateTime<Utc> {
    config.clock.shared().now() + TimeDelta::hours(hours)
}

fn silence(config: &Config, hours: i64) -> Silence {
    Silence {
        end_time: Some(timestamp(in_hours(config, hours))),
        comment: "patch window".to_owned(),
        ..Silence::default()
    }
}

async fn create(config: &Config, team: TeamId, silence: Silence) -> Result<CreateSilenceResponse, Status> {
    let request = CreateSilenceRequest {
        silence: Some(silence),
        ..CreateSilenceRequest::default()
    };
    let caller = key(request, Some(team), &[Scope::ConfigWrite, Scope::DeliveriesRead]);
    Ok(config.service.create_silence(caller).await?.into_inner())
}

async fn made(config: &Config, team: TeamId, hours: i64) -> Silence {
    let made = create(config, team, silence(config, hours)).await.unwrap();
    made.silence.unwrap()
}

async fn expire(config: &Config, team: TeamId, id: &str) -> Result<Silence, Status> {
    let request = ExpireSilenceRequest {
        silence_id: id.to_owned(),
        ..ExpireSilenceRequest::default()
    };
    let expired = config.service.expire_silence(of_team(request, team)).await?;
    Ok(expired.into_inner().silence.unwrap())
}

async fn list(config: &Config, team: TeamId, show_expired: bool) -> Vec<String> {
    let request = ListSilencesRequest {
        show_expired,
        page_size: 1000,
        ..ListSilencesRequest::default()
    };
    let listed = config
        .service
        .list_silences(of_team(request, team))
        .await
        .unwrap();
    listed
        .into_inner()
        .silences
        .into_iter()
        .map(|silence| silence.id)
        .collect()
}

/// What the Dispatcher gets with the policy of a channel and of mail to people.
async fn resolved(config: &Config, team: TeamId, channel: &str) -> Vec<Silence> {
    let request = ResolveChannelRequest {
        team_id: team.to_string(),
        selector: Some(Selector::ChannelId(channel.to_owned())),
    };
    let of_channel = config
        .service
        .resolve_channel(internal_request(request))
        .await
        .unwrap();
    let request = ListOptOutsRequest {
        team_id: team.to_string(),
    };
    let of_people = config
        .service
        .list_opt_outs(internal_request(request))
        .await
        .unwrap();
    let of_channel = of_channel.into_inner().silences;
    assert_eq!(of_channel, of_people.into_inner().silences);
    of_channel
}

fn listed(number: usize, event_type: &str, kinds: &[ChannelKind]) -> AcceptedEvent {
    use watchbell_model::convert::FromWire as _;
    let now = timestamp(DateTime::UNIX_EPOCH);
    let route = |kind: &ChannelKind| event::Route {
        kind: kind.to_wire(),
        target: Some(event::route::Target::Inbox(event::InboxTarget {})),
        ..event::Route::default()
    };
    AcceptedEvent {
        event: Some(event::Event {
            id: format!("evt-{number}"),
            r#type: event_type.to_owned(),
            severity: Severity::High.to_wire(),
            category: Category::SecurityAlert.to_wire(),
            occurred_at: Some(now),
            title: "t".to_owned(),
            ..event::Event::default()
        }),
        accept_time: Some(now),
        routes: kinds.iter().map(route).collect(),
        data_json: format!("{{\"n\":{number}}}"),
        ..AcceptedEvent::default()
    }
}

store_tests! {
    migrator = Migrator;

    async fn a_silence_has_an_author_a_reason_and_an_end(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let ann = config.member(team, "ann@acme.example", Role::Admin).await;
        let request = CreateSilenceRequest {
            silence: Some(Silence { author: "somebody else".to_owned(), ..silence(&config, 2) }),
            ..CreateSilenceRequest::default()
        };
        let by_ann = member(request, team, ann.id.parse().unwrap(), ModelRole::Admin);
        let made = config.service.create_silence(by_ann).await.unwrap().into_inner().silence.unwrap();
        assert_eq!((made.author.as_str(), made.comment.as_str()), ("ann@acme.example", "patch window"));
        assert_eq!(made.start_time, Some(timestamp(config.clock.shared().now())));
        assert_eq!((made.mode(), made.state()), (SilenceMode::Hold, SilenceState::Active));
        let request = GetSilenceRequest { silence_id: made.id.clone(), ..GetSilenceRequest::default() };
        let got = config.service.get_silence(of_team(request, team)).await.unwrap().into_inner();
        assert_eq!(got.silence, Some(made));
    }

    async fn every_field_that_is_wrong_is_named(store: Store) {
        let config = Config::on(&store);
        let (team, other) = (config.team().await, config.team().await);
        let theirs = config.slack(other, "#theirs").await.id;
        let inbox = Channel {
            display_name: "Inbox".to_owned(),
            destination: Some(channel::Destination::InApp(InAppDestination {})),
            ..Channel::default()
        };
        let inbox = config.create(team, inbox).await.unwrap().channel.unwrap().id;
        let empty = create(&config, team, Silence::default()).await;
        assert_eq!(violated(empty), ["silence.end_time", "silence.comment"]);
        assert_eq!(violated(create(&config, team, silence(&config, -1)).await), ["silence.end_time"]);
        assert_eq!(violated(create(&config, team, silence(&config, 721)).await), ["silence.end_time"]);
        let wrong = Silence { channel_ids: vec![theirs, inbox, "x".to_owned()], ..silence(&config, 1) };
        assert_eq!(
            violated(create(&config, team, wrong).await),
            ["silence.channel_ids[2]", "silence.channel_ids[0]", "silence.channel_ids[1]"]
        );
        assert_eq!(list(&config, team, true).await, [""; 0]);
    }

    async fn an_expired_silence_is_listed_only_when_asked_for(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let (first, second) = (made(&config, team, 1).await, made(&config, team, 3).await);
        assert_eq!(list(&config, team, false).await, [first.id.clone(), second.id.clone()]);
        config.clock.advance(HOUR);
        assert_eq!(list(&config, team, false).await, [second.id.as_str()]);
        let expired = expire(&config, team, &second.id).await.unwrap();
        assert_eq!(expired.state(), SilenceState::Expired);
        assert_eq!(expired.end_time, Some(timestamp(config.clock.shared().now())));
        config.clock.advance(HOUR);
        assert_eq!(expire(&config, team, &second.id).await.unwrap().end_time, expired.end_time);
        assert_eq!(list(&config, team, false).await, [""; 0]);
        assert_eq!(list(&config, team, true).await, [first.id, second.id]);
    }

    async fn a_silence_of_another_team_is_not_there(store: Store) {
        let config = Config::on(&store);
        let (team, other) = (config.team().await, config.team().await);
        let theirs = made(&config, other, 1).await.id;
        assert_eq!(refused(expire(&config, team, &theirs).await).0, Code::NotFound);
        let request = GetSilenceRequest { silence_id: theirs, ..GetSilenceRequest::default() };
        let got = config.service.get_silence(of_team(request, team)).await;
        assert_eq!(refused(got).0, Code::NotFound);
    }

    async fn a_team_has_a_hundred_silences_that_have_not_ended(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let first = made(&config, team, 2).await;
        for _ in 1..100 {
            made(&config, team, 2).await;
        }
        let refusal = refused(create(&config, team, silence(&config, 2)).await);
        assert_eq!(refusal, (Code::FailedPrecondition, "LIMIT_REACHED".to_owned()));
        expire(&config, team, &first.id).await.unwrap();
        made(&config, team, 2).await;
    }

    async fn the_others_hear_of_silences_and_the_dispatcher_of_those_that_ended_lately(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let room = config.create(team, slack("#alerts")).await.unwrap().channel.unwrap().id;
        let before = snapshot(&config, team).await.revision;
        let made = made(&config, team, 1).await;
        let after = snapshot(&config, team).await;
        assert!(after.revision > before);
        assert_eq!(after.silences, std::slice::from_ref(&made));
        assert_eq!(resolved(&config, team, &room).await, std::slice::from_ref(&made));
        config.clock.advance(2 * HOUR);
        assert_eq!(snapshot(&config, team).await.silences, []);
        assert_eq!(resolved(&config, team, &room).await[0].state(), SilenceState::Expired);
        config.clock.advance(24 * HOUR);
        assert_eq!(resolved(&config, team, &room).await, []);
    }

    async fn a_silence_that_matches_more_than_half_of_last_weeks_messages_says_so(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let dispatcher = DispatcherStandIn::attached(&config);
        let scans = |config: &Config| Silence {
            r#match: Some(EventFilter { types: vec!["scan.*".to_owned()], ..EventFilter::default() }),
            ..silence(config, 1)
        };
        let warnings = async |silence| create(&config, team, silence).await.unwrap().warnings;
        assert_eq!(warnings(scans(&config)).await, [""; 0], "there was no message");
        let (chat, program, inbox) = (ChannelKind::Slack, ChannelKind::Webhook, ChannelKind::InApp);
        dispatcher.accepted(vec![
            listed(1, "scan.failed", &[chat, program, inbox]),
            listed(2, "scan.failed", &[chat, program, inbox]),
            listed(3, "finding.created", &[chat]),
        ]);
        let wide = "It matches 2 of the last 3 messages of the past week, more than half of them.";
        assert_eq!(warnings(scans(&config)).await, [wide]);
        let reach = async |silence| create(&config, team, silence).await.unwrap().reach;
        assert_eq!(reach(scans(&config)).await, Some(SilenceReach { matched_count: 2, message_count: 3 }));
        // What an expression matches would tell a key what is in the log that it may not read.
        let request = CreateSilenceRequest { silence: Some(scans(&config)), ..CreateSilenceRequest::default() };
        let blind = config.service.create_silence(of_team(request, team)).await.unwrap().into_inner();
        assert_eq!((blind.reach, blind.warnings), (None, vec![]));
        let by_data = Silence {
            r#match: Some(EventFilter { expression: "event.data.n == 3".to_owned(), ..EventFilter::default() }),
            ..silence(&config, 1)
        };
        assert_eq!(warnings(by_data.clone()).await, [""; 0]);
        assert_eq!(reach(by_data).await, Some(SilenceReach { matched_count: 1, message_count: 3 }));
        dispatcher.away(true);
        assert_eq!(reach(scans(&config)).await, None);
        assert_eq!(warnings(scans(&config)).await, [""; 0], "it is made all the same");
    }

    async fn a_pattern_that_no_event_type_matches_is_warned_of(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let filter = EventFilter { types: vec!["scam.*".to_owned()], ..EventFilter::default() };
        let made = create(&config, team, Silence { r#match: Some(filter), ..silence(&config, 1) }).await.unwrap();
        assert_eq!(
            made.warnings,
            ["The silence asks for `scam.*`, which no event type of the catalog matches."]
        );
    }

    async fn silences_end_with_their_team(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        made(&config, team, 1).await;
        let request = DeleteTeamRequest { team_id: team.to_string(), ..DeleteTeamRequest::default() };
        config.service.delete_team(crate::support::platform(request)).await.unwrap();
    }

    async fn a_document_makes_and_expires_silences(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        config.slack(team, "#alerts").await;
        config.webhook(team, "siem").await;
        let document = r##"
silences:
  - {comment: patch window, match: {types: "scan.*"}, channels: ["#alerts", siem], kinds: [email], end: "2026-11-23T11:00:00Z"}
  - {comment: over, start: "2026-11-20T11:00:00Z", end: "2026-11-21T11:00:00Z", mode: drop}
"##;
        assert_eq!(apply(&config, team, document).await.unwrap(), ["+ silence patch window"]);
        assert_eq!(apply(&config, team, document).await.unwrap(), [""; 0]);
        let kept = snapshot(&config, team).await.silences;
        assert_eq!((kept.len(), kept[0].channel_ids.len(), kept[0].kinds.len()), (1, 2, 1));
        let exported = export(&config, team).await;
        assert!(exported.contains("patch window") && exported.contains("siem"), "{exported}");
        assert_eq!(apply(&config, team, &exported).await.unwrap(), [""; 0]);
        config.clock.advance(HOUR);
        let longer = document.replace("11:00:00Z\"}\n  - {comment: over", "12:00:00Z\"}\n  - {comment: over");
        let changes = apply(&config, team, &longer).await.unwrap();
        assert_eq!(changes, ["+ silence patch window", "- silence patch window"]);
        assert_eq!(apply(&config, team, "silences: []").await.unwrap(), ["- silence patch window"]);
        assert_eq!(snapshot(&config, team).await.silences, []);
        assert!(!export(&config, team).await.contains("silences"));
    }

    async fn what_is_wrong_with_a_silence_of_a_document_is_told_by_its_path(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let document = r##"
silences:
  - {comment: "", end: soon}
  - {comment: nowhere, channels: ["#nothing"], end: "2026-11-23T11:00:00Z"}
  - {comment: long, end: "2027-11-23T11:00:00Z"}
"##;
        let mut wrong = violated(apply(&config, team, document).await);
        wrong.sort();
        wrong.dedup();
        assert_eq!(
            wrong,
            ["silences[0].comment", "silences[0].end", "silences[1].channels[0]", "silences[2].end"]
        );
    }
}
