//! Stored events that are sent where they were never sent.

use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::rule::Action;
use watchbell_contracts::config::v1::{
    Channel, EventFilter, Group, Plan, Rule, SendAction, SlackDestination, WebhookDestination,
};
use watchbell_contracts::event::v1::route::Target;
use watchbell_contracts::event::v1::{ChannelKind, ChannelTarget, Reason, Route};
use watchbell_contracts::router::v1::reroute_response::Step;
use watchbell_contracts::router::v1::{RerouteResult, RerouteTarget, reroute_target};
use watchbell_model::route::FOLLOWS_ALERT;

use super::what_if::with_events;
use super::*;

const SIEM: &str = "chn_01h455vb4pex5vsknk084sn02q";
const NOWHERE: &str = "chn_01h455vb4pex5vsknk084sn02r";

fn siem() -> Channel {
    Channel {
        id: SIEM.to_owned(),
        team_id: team_id().to_string(),
        display_name: "siem".to_owned(),
        kind: ChannelKind::Webhook.into(),
        destination: Some(Destination::Webhook(WebhookDestination {
            filter: Some(EventFilter {
                types: vec!["finding.*".to_owned()],
                ..EventFilter::default()
            }),
            ..WebhookDestination::default()
        })),
        ..Channel::default()
    }
}

/// A world in which these events were accepted before the team had this webhook.
async fn before(channel: Channel, ids: &[&str]) -> World {
    let then = with_events(ids).await;
    let log = std::mem::take(&mut *then.dispatcher.log.lock());
    let world = World::open();
    for listed in &log {
        let id = listed.event.as_ref().unwrap().id.clone();
        let targets = listed.routes.iter().map(|route| format!("{:?}", route.target));
        let deliveries = targets.map(|target| (id.clone(), target));
        world.dispatcher.deliveries.lock().extend(deliveries);
    }
    *world.dispatcher.log.lock() = log;
    let mut today = wire_team(team_id(), 8);
    today.channels.push(channel);
    world.config.set(team_id(), Ok(today));
    world
}

async fn before_siem(ids: &[&str]) -> World {
    before(siem(), ids).await
}

fn acting<T>(message: T) -> Request<T> {
    let mut request = by_key(team_id(), message);
    request.extensions_mut().insert(Principal::ApiKey {
        key_id: KeyId::generate(DateTime::UNIX_EPOCH),
        team_id: Some(team_id()),
        scopes: [Scope::DeliveriesWrite].into_iter().collect(),
    });
    request
}

async fn reroute(world: &World, request: RerouteRequest) -> RerouteResult {
    let answers = world.router.reroute(acting(request)).await;
    let mut answers = answers.unwrap().into_inner();
    while let Some(answer) = answers.next().await {
        if let Some(Step::Result(result)) = answer.unwrap().step {
            assert!(answers.next().await.is_none(), "the result is the last");
            return result;
        }
    }
    panic!("no result");
}

/// Looked at, reaching nobody, there already, missing, made.
fn counts(result: &RerouteResult) -> [i64; 5] {
    [
        result.event_count,
        result.unreached_count,
        result.existing_count,
        result.missing_count,
        result.rerouted_count,
    ]
}

fn of_siem(result: &RerouteResult) -> RerouteTarget {
    let target = Some(reroute_target::Target::ChannelId(SIEM.to_owned()));
    let mut targets = result.targets.iter();
    targets.find(|of| of.target == target).cloned().unwrap()
}

#[tokio::test]
async fn what_was_never_sent_is_counted_then_sent_and_then_there_is_none() {
    let world = before_siem(&["a", "b", "c"]).await;
    let asked = RerouteRequest {
        validate_only: true,
        ..RerouteRequest::default()
    };
    let counted = reroute(&world, asked).await;
    assert_eq!(counts(&counted), [3, 0, 3, 3, 0], "the inbox has them");
    assert!(
        world
            .dispatcher
            .additions
            .lock()
            .iter()
            .all(|asked| asked.validate_only)
    );
    world.dispatcher.additions.lock().clear();

    let sent = reroute(&world, RerouteRequest::default()).await;
    assert_eq!(counts(&sent), [3, 0, 3, 3, 3]);
    let of = of_siem(&sent);
    assert_eq!(
        (
            of.display_name.as_str(),
            of.existing_count,
            of.missing_count,
            of.rerouted_count
        ),
        ("siem", 0, 3, 3)
    );
    assert!(sent.oldest_occur_time.is_some() && !sent.truncated);
    let additions = std::mem::take(&mut *world.dispatcher.additions.lock());
    let last: Vec<_> = additions.iter().map(|asked| asked.is_last).collect();
    assert_eq!(last, [false, false, true], "begin, events, end");
    assert!(additions.iter().all(|asked| asked.run_id == additions[0].run_id));
    assert_eq!(additions[0].per_second, 50);

    let again = reroute(&world, RerouteRequest::default()).await;
    assert_eq!(counts(&again), [3, 0, 6, 0, 0]);
    assert_ne!(world.dispatcher.additions.lock()[0].run_id, additions[0].run_id);
}

#[tokio::test]
async fn who_got_it_then_does_not_get_it_again_although_the_delivery_was_purged() {
    let world = before_siem(&["a", "b"]).await;
    world.dispatcher.deliveries.lock().clear();
    let sent = reroute(&world, RerouteRequest::default()).await;
    assert_eq!(counts(&sent), [2, 0, 2, 2, 2]);
    let additions = world.dispatcher.additions.lock().clone();
    let routes = additions.iter().flat_map(|asked| &asked.events);
    assert!(
        routes.into_iter().all(|event| event.routes.len() == 1),
        "the webhook alone"
    );
}

#[tokio::test]
async fn what_a_rule_gathers_is_rerouted_one_by_one() {
    let room = Channel {
        kind: ChannelKind::Slack.into(),
        destination: Some(Destination::Slack(SlackDestination::default())),
        ..siem()
    };
    let world = before(room.clone(), &["a"]).await;
    let mut today = wire_team(team_id(), 9);
    today.team.as_mut().unwrap().plan = Plan::Team.into();
    today.channels.push(room);
    today.rules.push(Rule {
        id: "rul_01h455vb4pex5vsknk084sn02q".to_owned(),
        display_name: "Findings".to_owned(),
        position: 1,
        action: Some(Action::Send(SendAction {
            channel_ids: vec![SIEM.to_owned()],
        })),
        group: Some(Group {
            wait: Some(prost_types::Duration {
                seconds: 60,
                nanos: 0,
            }),
            ..Group::default()
        }),
        ..Rule::default()
    });
    world.config.set(team_id(), Ok(today));
    let sent = reroute(&world, RerouteRequest::default()).await;
    assert_eq!(of_siem(&sent).rerouted_count, 1);
    let additions = world.dispatcher.additions.lock().clone();
    let events = additions.iter().flat_map(|asked| &asked.events);
    let routes: Vec<_> = events.flat_map(|event| &event.routes).collect();
    assert_eq!(routes[0].reason.as_ref().unwrap().code, "rule_matched");
    assert_eq!(routes[0].group, None);
}

#[tokio::test]
async fn only_the_channels_that_are_named_get_anything() {
    let world = before_siem(&["a", "b"]).await;
    let to = |ids: &[&str]| RerouteRequest {
        channel_ids: ids.iter().map(ToString::to_string).collect(),
        ..RerouteRequest::default()
    };
    let result = reroute(&world, to(&[SIEM])).await;
    assert_eq!(counts(&result), [2, 0, 0, 2, 2]);
    assert_eq!(result.targets.len(), 1);
    let paused = Channel {
        paused: true,
        ..siem()
    };
    let paused = reroute(&before(paused, &["a", "b"]).await, to(&[SIEM])).await;
    assert_eq!(counts(&paused), [2, 2, 0, 0, 0], "paused webhooks get nothing");
}

#[tokio::test]
async fn the_filter_is_that_of_the_log_without_tests() {
    let world = before_siem(&["a"]).await;
    let request = RerouteRequest {
        types: vec!["finding.*".to_owned()],
        severities: vec![Severity::High.into()],
        sources: vec!["cspm".to_owned()],
        subject: "web-1".to_owned(),
        text: "port".to_owned(),
        categories: vec![1],
        ..RerouteRequest::default()
    };
    reroute(&world, request.clone()).await;
    let listed = world.dispatcher.listed.lock().last().cloned().unwrap();
    assert_eq!(listed.types, request.types);
    assert_eq!(listed.severities, request.severities);
    assert_eq!(listed.sources, request.sources);
    assert_eq!((listed.subject, listed.text), (request.subject, request.text));
    assert_eq!(listed.categories, request.categories);
    assert!(!listed.include_tests && listed.start_time.is_some());
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once_and_another_run_is_named() {
    let world = before_siem(&["a"]).await;
    let now = world.router.what_if.clock.now();
    let wrong = RerouteRequest {
        start_time: Some(convert::timestamp(now - chrono::TimeDelta::days(32))),
        channel_ids: vec![SIEM.to_owned(), NOWHERE.to_owned(), "siem".to_owned()],
        per_second: 1_001,
        ..RerouteRequest::default()
    };
    let refused = refusal(world.router.reroute(acting(wrong))).await;
    assert_eq!(
        fields(&refused),
        ["channel_ids[1]", "channel_ids[2]", "per_second", "start_time"]
    );
    let under_way = Problem::Precondition {
        reason: "RESEND_UNDER_WAY",
        message: "a Recover of the team is under way".to_owned(),
    };
    *world.dispatcher.refusal.lock() = Some(under_way.into());
    let refused = refusal(world.router.reroute(acting(RerouteRequest::default()))).await;
    assert_eq!(refused.code, Code::FailedPrecondition);
    assert_eq!(refused.reason.as_deref(), Some("RESEND_UNDER_WAY"));
    let elsewhere = RerouteRequest {
        team_id: TeamId::generate(DateTime::UNIX_EPOCH).to_string(),
        ..RerouteRequest::default()
    };
    let refused = refusal(world.router.reroute(acting(elsewhere))).await;
    assert!(matches!(refused.code, Code::NotFound | Code::PermissionDenied));
}

#[tokio::test]
async fn who_got_an_event_because_of_its_alert_is_counted_as_having_it() {
    let world = before_siem(&["a", "b"]).await;
    let paused = Channel {
        paused: true,
        ..siem()
    };
    let mut today = wire_team(team_id(), 9);
    today.channels.push(paused);
    world.config.set(team_id(), Ok(today));
    let follows = Route {
        kind: ChannelKind::Webhook.into(),
        target: Some(Target::Channel(ChannelTarget {
            channel_id: SIEM.to_owned(),
        })),
        reason: Some(Reason {
            code: FOLLOWS_ALERT.to_owned(),
            ..Reason::default()
        }),
        ..Route::default()
    };
    world.dispatcher.log.lock()[0].routes = vec![follows];
    let only = RerouteRequest {
        channel_ids: vec![SIEM.to_owned()],
        ..RerouteRequest::default()
    };
    assert_eq!(counts(&reroute(&world, only).await), [2, 1, 1, 0, 0]);
}

#[tokio::test]
async fn what_people_did_about_alerts_is_rerouted_only_where_the_filter_names_it() {
    let mut named = siem();
    let Some(Destination::Webhook(webhook)) = &mut named.destination else {
        unreachable!()
    };
    webhook.filter.as_mut().unwrap().types = vec!["alert.*".to_owned()];
    let world = before(named, &["a"]).await;
    for listed in &mut *world.dispatcher.log.lock() {
        listed.event.as_mut().unwrap().r#type = "alert.resolved".to_owned();
        listed.routes.clear();
    }
    let of = |types: &[&str]| RerouteRequest {
        types: types.iter().map(ToString::to_string).collect(),
        validate_only: true,
        ..RerouteRequest::default()
    };
    for unnamed in [&[][..], &["*"]] {
        assert_eq!(counts(&reroute(&world, of(unnamed)).await), [0; 5]);
    }
    assert_eq!(counts(&reroute(&world, of(&["alert.*"])).await), [1, 0, 0, 1, 0]);
}
