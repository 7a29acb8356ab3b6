//! What people do about alerts: acknowledge, snooze, resolve, list and watch.

use futures::StreamExt as _;
use watchbell_contracts::api::AlertApi as _;
use watchbell_contracts::dispatcher::v1::AlertState;
use watchbell_contracts::event::v1::AlertAction::{Resolve, Trigger};
use watchbell_model::channel::Channel;
use watchbell_model::decision::{Reason, Route, Target};
use watchbell_model::event::Event;
use watchbell_model::silence::{Silence, SilenceMode};
use watchbell_model::snapshot::TeamSnapshot;
use watchbell_store::store_tests;

use super::alerts::{HOUR, KEY, Said, notifications, said, say, submit, titles_to, to_room};
use super::people::{member, to_member};
use super::silences::{make, silence};
use super::storms::slack;
use super::*;
use crate::store::Migrator;

store_tests! {
    migrator = Migrator;

    async fn an_acknowledgement_is_told_once_to_the_channels_that_were_told_and_stops_repeats(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (room, siem) = (slack(&rig.env), rig.env.ordered("siem"));
        let olga = member(&rig, false);
        let eager = event_wire::Route { tells_repeats: true, ..to_room(room) };
        let routes = [eager, to_channel(siem), to_member(olga, "findings"), to_inbox()];
        say(&mut rig, Trigger, "begin", &routes).await;
        rig.pass(HOUR).await;
        for _ in 0..2 {
            let alert = act(&mut rig, "acknowledge").await.unwrap();
            assert_eq!(alert.state(), AlertState::Acknowledged);
            assert_eq!(alert.acknowledged_by, "the platform");
            assert_eq!(alert.acknowledge_time, Some(timestamp(rig.env.now())));
        }
        let acknowledged = "Acknowledged by the platform: Finding begin";
        assert_eq!(titles_to(&rig, ChannelKind::Slack).await, ["Finding begin", acknowledged]);
        assert_eq!(titles_to(&rig, ChannelKind::Webhook).await, ["Finding begin", acknowledged]);
        assert_eq!(titles_to(&rig, ChannelKind::Email).await, ["Finding begin"]);
        assert_eq!(notifications(&rig).await[0].alert.as_ref().unwrap().state(), AlertState::Acknowledged);

        say(&mut rig, Trigger, "repeat", &routes).await;
        assert_eq!(titles_to(&rig, ChannelKind::Slack).await.len(), 2, "even where repeats are wanted");
        let worse = Said { severity: Severity::Critical, ..said(&rig, Trigger, "worse", &routes) };
        submit(&mut rig, worse).await;
        rig.pass(Duration::from_secs(1)).await;
        say(&mut rig, Resolve, "end", &[]).await;
        assert_eq!(titles_to(&rig, ChannelKind::Slack).await[2..], ["Finding worse", "Finding end"]);
        assert_eq!(act(&mut rig, "acknowledge").await.unwrap_err().code(), tonic::Code::FailedPrecondition);
    }

    async fn an_acknowledgement_also_goes_where_the_configuration_names_it_and_nowhere_twice(store: Store) {
        let env = TestEnv { decide: to_webhooks, ..TestEnv::new() };
        let mut rig = Rig::on(&store, &env).await;
        let (room, told, siem) = (slack(&env), env.channel("told"), env.channel("siem"));
        for webhook in [told, siem] {
            env.config.change(env.team, webhook, |channel| {
                channel.destination = Some(config::channel::Destination::Webhook(config::WebhookDestination {
                    url: "https://hooks.example/x".to_owned(),
                    ..Default::default()
                }));
            });
        }
        env.config.change(env.team, room, |channel| {
            channel.destination = Some(config::channel::Destination::Slack(config::SlackDestination::default()));
        });
        say(&mut rig, Trigger, "begin", &[to_room(room), to_channel(told)]).await;
        act(&mut rig, "acknowledge").await.unwrap();
        let acknowledged = rig.deliveries().await.into_iter().filter(|delivery| delivery.event_type == "alert.acknowledged");
        let mut reached: Vec<_> = acknowledged.map(|delivery| delivery.route.unwrap().target).collect();
        reached.sort_by_key(|target| format!("{target:?}"));
        let mut wanted = [to_room(room), to_channel(told), to_channel(siem)].map(|route| route.target).to_vec();
        wanted.sort_by_key(|target| format!("{target:?}"));
        assert_eq!(reached, wanted);

        // While Config is away it goes to those who follow.
        say(&mut rig, Resolve, "end", &[]).await;
        rig.pass(HOUR).await;
        say(&mut rig, Trigger, "again", &[to_room(room)]).await;
        env.config.away.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(act(&mut rig, "acknowledge").await.unwrap().state(), AlertState::Acknowledged);
    }

    async fn a_snooze_and_an_end_by_hand_also_go_where_the_configuration_names_them_and_nowhere_twice(store: Store) {
        let env = TestEnv { decide: to_webhooks, ..TestEnv::new() };
        let mut rig = Rig::on(&store, &env).await;
        let (told, siem) = (env.ordered("told"), env.ordered("siem"));
        for webhook in [told, siem] {
            env.config.change(env.team, webhook, |channel| {
                channel.destination = Some(config::channel::Destination::Webhook(config::WebhookDestination {
                    url: "https://hooks.example/x".to_owned(),
                    ..Default::default()
                }));
            });
        }
        say(&mut rig, Trigger, "begin", &[to_channel(told)]).await;
        for (word, event_type) in [("snooze", "alert.snoozed"), ("resolve", "alert.resolved")] {
            act(&mut rig, word).await.unwrap();
            let mut all = rig.deliveries().await;
            all.retain(|delivery| delivery.event_type == event_type);
            let mut reached: Vec<_> = all.into_iter().map(|delivery| delivery.route.unwrap().target).collect();
            reached.sort_by_key(|target| format!("{target:?}"));
            let mut wanted = [to_channel(told), to_channel(siem)].map(|route| route.target);
            wanted.sort_by_key(|target| format!("{target:?}"));
            assert_eq!(reached, wanted, "{event_type}");
        }
        let listed = wire::ListEventsRequest { team_id: env.team.to_string(), ..Default::default() };
        let listed = rig.service.list_events(internal_request(listed)).await.unwrap().into_inner().events;
        assert_eq!(listed.len(), 3, "what people did is listed with what happened");
    }

    async fn whoever_was_kept_from_hearing_of_an_alert_is_not_said_to_know_it(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (dropped, held) = (slack(&rig.env), slack(&rig.env));
        let silence_of = |room, mode| Silence { channels: vec![room], mode, ..silence(&rig.env, 2) };
        let silences = [silence_of(dropped, SilenceMode::Drop), silence_of(held, SilenceMode::Hold)];
        for silence in silences {
            make(&mut rig, &silence).await;
        }
        say(&mut rig, Trigger, "begin", &[to_room(dropped), to_room(held), to_inbox()]).await;
        let told = async |rig: &Rig| -> Vec<_> {
            get(rig).await.unwrap().told.into_iter().map(|route| route.target).collect()
        };
        assert_eq!(told(&rig).await, [to_inbox().target]);
        rig.pass(2 * HOUR).await;
        assert_eq!(told(&rig).await, [to_room(held).target, to_inbox().target]);
    }

    async fn a_snoozed_alert_is_quiet_until_its_time_and_then_tells_again(store: Store) {
        let mut rig = Rig::new(&store).await;
        let routes = [to_room(slack(&rig.env))];
        say(&mut rig, Trigger, "begin", &routes).await;
        let alert = act(&mut rig, "snooze").await.unwrap();
        assert_eq!(alert.state(), AlertState::Snoozed);
        rig.pass(HOUR).await;
        say(&mut rig, Trigger, "quiet", &routes).await;
        rig.pass(HOUR).await;
        assert_eq!(get(&rig).await.unwrap().state(), AlertState::Open);
        say(&mut rig, Trigger, "awake", &routes).await;
        say(&mut rig, Trigger, "repeat", &routes).await;
        assert_eq!(
            titles_to(&rig, ChannelKind::Slack).await,
            [
                "Finding begin",
                "Snoozed by the platform until 21 Nov 2026, 11:00 UTC: Finding begin",
                "Finding awake"
            ]
        );
    }

    async fn an_alert_that_is_resolved_by_hand_ends_for_everyone_who_was_told(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        let olga = member(&rig, false);
        // By a clock that is ahead.
        let ahead = rig.env.now() + chrono::TimeDelta::hours(3);
        let begin = Said { at: ahead, ..said(&rig, Trigger, "begin", &[to_room(room), to_member(olga, "findings")]) };
        submit(&mut rig, begin).await;
        assert_eq!(get(&rig).await.unwrap().told.len(), 2);
        let alert = act(&mut rig, "resolve").await.unwrap();
        assert_eq!((alert.state(), alert.resolved_by.as_str()), (AlertState::Resolved, "the platform"));
        for kind in [ChannelKind::Slack, ChannelKind::Email] {
            let titles = titles_to(&rig, kind).await;
            assert_eq!(titles, ["Finding begin", "Resolved by the platform: Finding begin"]);
        }
        assert_eq!(act(&mut rig, "resolve").await.unwrap_err().code(), tonic::Code::FailedPrecondition);
        say(&mut rig, Resolve, "end", &[]).await;
        assert_eq!(rig.env.receivers.carried().len(), 4, "its end was told");
    }

    async fn alerts_are_listed_by_when_they_began_and_page_by_page(store: Store) {
        let mut rig = Rig::new(&store).await;
        for number in 0..5 {
            let at = rig.env.now() + chrono::TimeDelta::minutes(number / 2);
            let severity = if number == 3 { Severity::Critical } else { Severity::High };
            let said = Said { at, severity, ..said(&rig, Trigger, &format!("e{number}"), &[]) };
            let mut request = said.request(&rig.env);
            request.alert.as_mut().unwrap().key = format!("n={number}");
            rig.submit(vec![request]).await;
        }
        // Of this one only the end is known.
        say(&mut rig, Resolve, "end", &[]).await;
        assert_eq!(get(&rig).await.unwrap_err().code(), tonic::Code::NotFound);
        let list = async |request: wire::ListAlertsRequest| {
            let team_id = rig.env.team.to_string();
            let request = wire::ListAlertsRequest { team_id, ..request };
            let page = rig.service.list_alerts(internal_request(request)).await.unwrap().into_inner();
            let keys: Vec<_> = page.alerts.into_iter().map(|alert| alert.key).collect();
            (keys, page.next_page_token)
        };
        let (first, page_token) = list(wire::ListAlertsRequest { page_size: 3, ..Default::default() }).await;
        assert_eq!(first, ["n=4", "n=3", "n=2"]);
        let (rest, end) = list(wire::ListAlertsRequest { page_size: 3, page_token, ..Default::default() }).await;
        assert_eq!((rest, end), (vec!["n=1".to_owned(), "n=0".to_owned()], String::new()));
        let critical = wire::ListAlertsRequest { severities: vec![Severity::Critical.to_wire()], ..Default::default() };
        assert_eq!(list(critical).await.0, ["n=3"]);
        let resolved = wire::ListAlertsRequest { states: vec![AlertState::Resolved.into()], ..Default::default() };
        assert_eq!(list(resolved).await.0, Vec::<String>::new());
        let later = wire::ListAlertsRequest {
            start_time: Some(timestamp(rig.env.now() + chrono::TimeDelta::minutes(1))),
            end_time: Some(timestamp(rig.env.now() + chrono::TimeDelta::minutes(2))),
            ..Default::default()
        };
        assert_eq!(list(later).await.0, ["n=3", "n=2"]);
        let of = |event_type: &str| wire::ListAlertsRequest { event_type: event_type.to_owned(), ..Default::default() };
        for (event_type, count) in [("scan.failed", 0), ("scan.*", 0), ("finding.created", 5), ("finding.*", 5), ("*", 5)] {
            assert_eq!(list(of(event_type)).await.0.len(), count, "{event_type}");
        }
        for event_type in ["find*", "finding._", "Finding.created"] {
            let request = wire::ListAlertsRequest { team_id: rig.env.team.to_string(), ..of(event_type) };
            let refused = rig.service.list_alerts(internal_request(request)).await.unwrap_err();
            let wrong = watchbell_runtime::problem::from_status(&refused).violations;
            assert_eq!(wrong.iter().map(|one| one.field.as_str()).collect::<Vec<_>>(), ["event_type"], "{event_type}");
        }
    }

    async fn what_is_wrong_with_a_request_is_said_field_by_field(store: Store) {
        let mut rig = Rig::new(&store).await;
        say(&mut rig, Trigger, "begin", &[]).await;
        let fields = |status: tonic::Status| {
            let wrong = watchbell_runtime::problem::from_status(&status).violations;
            wrong.into_iter().map(|violation| violation.field).collect::<Vec<_>>()
        };
        let snooze = wire::SnoozeAlertRequest {
            team_id: rig.env.team.to_string(),
            member_id: "ann".to_owned(),
            comment: "x".repeat(501),
            ..Default::default()
        };
        let refused = rig.service.snooze_alert(internal_request(snooze)).await.unwrap_err();
        assert_eq!(fields(refused), ["end_time", "key", "member_id", "comment"]);
        for hours in [-1, 0, 24 * 30 + 1] {
            let snooze = wire::SnoozeAlertRequest {
                team_id: rig.env.team.to_string(),
                key: KEY.to_owned(),
                end_time: Some(timestamp(rig.env.now() + chrono::TimeDelta::hours(hours))),
                ..Default::default()
            };
            let refused = rig.service.snooze_alert(internal_request(snooze)).await.unwrap_err();
            assert_eq!(fields(refused), ["end_time"], "{hours} h");
        }
    }

    async fn watchers_see_alerts_begin_and_change(store: Store) {
        let mut rig = Rig::new(&store).await;
        let request = wire::WatchAlertsRequest { team_id: rig.env.team.to_string() };
        let mut watched = rig.service.watch_alerts(internal_request(request)).await.unwrap().into_inner();
        say(&mut rig, Trigger, "begin", &[]).await;
        say(&mut rig, Trigger, "repeat", &[]).await;
        say(&mut rig, Resolve, "end", &[]).await;
        for (state, count) in [(AlertState::Open, 1), (AlertState::Open, 2), (AlertState::Resolved, 2)] {
            let alert = watched.next().await.unwrap().unwrap().alert.unwrap();
            assert_eq!((alert.state(), alert.count), (state, count));
        }
    }
}

/// A configuration in which every webhook subscribes to acknowledgements.
fn to_webhooks(snapshot: &TeamSnapshot, event: &Event) -> Decision {
    assert!(event.alert.is_err(), "it begins nothing");
    let route = |channel: &Channel| Route {
        target: Target::Channel {
            id: channel.id,
            kind: channel.kind,
        },
        reason: Reason::Subscription {
            pattern: "alert.*".parse().unwrap(),
        },
        mentions: Vec::new(),
        tells_repeats: false,
        remind: None,
        escalate: None,
        group: None,
    };
    Decision {
        routes: snapshot
            .channels_of(ChannelKind::Webhook)
            .map(|channel| route(channel))
            .collect(),
        ..Decision::default()
    }
}

pub(super) async fn act(rig: &mut Rig, word: &str) -> Result<wire::Alert, tonic::Status> {
    let (service, team_id) = (rig.service.clone(), rig.env.team.to_string());
    let (key, comment, member_id) = (KEY.to_owned(), "on it".to_owned(), String::new());
    let end_time = Some(timestamp(rig.env.now() + chrono::TimeDelta::hours(2)));
    let word = word.to_owned();
    let done = rig
        .during(async move {
            match word.as_str() {
                "acknowledge" => {
                    let request = wire::AcknowledgeAlertRequest {
                        team_id,
                        key,
                        member_id,
                        comment,
                    };
                    let answer = service.acknowledge_alert(internal_request(request)).await?;
                    Ok(answer.into_inner().alert)
                }
                "snooze" => {
                    let request = wire::SnoozeAlertRequest {
                        team_id,
                        key,
                        member_id,
                        comment,
                        end_time,
                    };
                    Ok(service
                        .snooze_alert(internal_request(request))
                        .await?
                        .into_inner()
                        .alert)
                }
                _ => {
                    let request = wire::ResolveAlertRequest {
                        team_id,
                        key,
                        member_id,
                        comment,
                    };
                    Ok(service
                        .resolve_alert(internal_request(request))
                        .await?
                        .into_inner()
                        .alert)
                }
            }
        })
        .await;
    rig.settle().await;
    done.map(|alert: Option<wire::Alert>| alert.unwrap())
}

async fn get(rig: &Rig) -> Result<wire::Alert, tonic::Status> {
    let request = wire::GetAlertRequest {
        team_id: rig.env.team.to_string(),
        key: KEY.to_owned(),
    };
    let answer = rig.service.get_alert(internal_request(request)).await?;
    Ok(answer.into_inner().alert.unwrap())
}
