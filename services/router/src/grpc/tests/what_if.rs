//! Questions about stored events, drafts and the past.

use std::time::Duration;

use watchbell_contracts::config::v1::{
    DraftTeamSnapshotResponse, GetPastTeamSnapshotResponse, Rule, SilenceAction, rule::Action,
};
use watchbell_contracts::dispatcher::v1::{
    AcceptedEvent as Listed, AlertExplanation, AlertHearing, AlertListener, AlertNews,
};
use watchbell_contracts::event::v1::route::Target;
use watchbell_contracts::event::v1::{ChannelKind, ChannelTarget, Reason, Route};
use watchbell_contracts::router::v1::backtest_response::Step;
use watchbell_contracts::router::v1::{BacktestResult, ConfigFindingKind, StepOutcome};
use watchbell_model::convert::timestamp;
use watchbell_model::route::FOLLOWS_ALERT;

use super::*;

/// Of a key that may read configuration and deliveries.
fn reading<T>(message: T) -> Request<T> {
    let mut request = by_key(team_id(), message);
    request.extensions_mut().insert(Principal::ApiKey {
        key_id: KeyId::generate(DateTime::UNIX_EPOCH),
        team_id: Some(team_id()),
        scopes: [Scope::ConfigRead, Scope::DeliveriesRead].into_iter().collect(),
    });
    request
}

/// A world in which these events were accepted.
pub(super) async fn with_events(ids: &[&str]) -> World {
    let (world, committed) = World::committing().await;
    for id in ids {
        world
            .router
            .emit(by_key(team_id(), emit(Some(finding(id)))))
            .await
            .unwrap();
    }
    let now = world.router.what_if.clock.now();
    let committed = committed.lock().clone();
    let listed = committed.iter().rev().map(|request| Listed {
        event: request.event.clone(),
        accept_time: Some(timestamp(now)),
        routes: request.routes.clone(),
        alert: request.alert.clone(),
        data_json: r#"{"finding_id": "fnd-1"}"#.to_owned(),
    });
    *world.dispatcher.log.lock() = listed.collect();
    world
}

fn backtest(document: &str) -> BacktestRequest {
    BacktestRequest {
        document: document.to_owned(),
        ..BacktestRequest::default()
    }
}

async fn result(world: &World, request: BacktestRequest) -> (Vec<i64>, BacktestResult) {
    let mut answers = world
        .router
        .backtest(reading(request))
        .await
        .unwrap()
        .into_inner();
    let mut progress = Vec::new();
    while let Some(answer) = answers.next().await {
        match answer.unwrap().step.unwrap() {
            Step::Progress(step) => progress.push(step.event_count),
            Step::Result(result) => {
                assert!(answers.next().await.is_none(), "the result is the last");
                return (progress, result);
            }
        }
    }
    panic!("no result");
}

#[tokio::test]
async fn a_stored_event_is_explained_as_it_was_decided() {
    let world = with_events(&["evt-1"]).await;
    let explain = |request| world.router.explain(reading(request));
    let request = ExplainRequest {
        event_id: "evt-1".to_owned(),
        ..ExplainRequest::default()
    };
    let now = explain(request.clone()).await.unwrap().into_inner();
    assert_eq!(now.routes, now.stored_routes);
    assert_eq!(now.event.unwrap().id, "evt-1");
    assert!(now.accept_time.is_some());

    // Today the team has a rule; then it had none.
    let mut today = wire_team(team_id(), 9);
    today.team.as_mut().unwrap().plan = watchbell_contracts::config::v1::Plan::Team.into();
    *world.config.past.lock() = Some(GetPastTeamSnapshotResponse {
        snapshot: Some(wire_team(team_id(), 7)),
    });
    world.config.set(team_id(), Ok(today));
    let then = ExplainRequest {
        as_of_then: true,
        ..request.clone()
    };
    let then = explain(then).await.unwrap().into_inner();
    assert_eq!(then.revision, 7);
    assert_eq!(then.routes, then.stored_routes);

    let missing = ExplainRequest {
        event_id: "evt-2".to_owned(),
        ..ExplainRequest::default()
    };
    assert_eq!(refusal(explain(missing)).await.code, Code::NotFound);
    let both = ExplainRequest {
        event: Some(finding("")),
        as_of_then: true,
        draft_document: "version: 1".to_owned(),
        ..request.clone()
    };
    assert_eq!(fields(&refusal(explain(both)).await), ["draft_document", "event"]);
    let alone = ExplainRequest {
        event: Some(finding("")),
        as_of_then: true,
        ..ExplainRequest::default()
    };
    assert_eq!(fields(&refusal(explain(alone)).await), ["as_of_then"]);
    // Who may not read deliveries does not read them this way.
    let refused = refusal(world.router.explain(by_key(team_id(), request))).await;
    assert_eq!(refused.code, Code::PermissionDenied);
}

#[tokio::test]
async fn a_backtest_that_takes_too_long_in_all_ends() {
    let world = with_events(&["a"]).await;
    let request = reading(backtest(""));
    let mut answers = world.router.backtest(request).await.unwrap().into_inner();
    answers.next().await.unwrap().unwrap();
    world.clock.advance(Duration::from_secs(240));
    let refused = answers.next().await.unwrap().unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(answers.next().await.is_none());
}

#[tokio::test]
async fn a_backtest_without_a_draft_counts_what_was_sent() {
    let world = with_events(&["a", "b", "c"]).await;
    let (progress, result) = result(&world, backtest("")).await;
    assert_eq!(progress, [3]);
    assert_eq!(
        (result.event_count, result.changed_count, result.truncated),
        (3, 0, false)
    );
    let stored: usize = world
        .dispatcher
        .log
        .lock()
        .iter()
        .map(|listed| listed.routes.len())
        .sum();
    let counted = |after: bool| -> i64 {
        let sides = result
            .targets
            .iter()
            .map(|target| if after { &target.after } else { &target.before });
        sides.map(|side| side.as_ref().unwrap().message_count).sum()
    };
    assert_eq!((counted(false), counted(true)), (stored as i64, stored as i64));
    assert_eq!(
        (result.unreached_before, result.unreached_after),
        (3, 3),
        "only the inbox"
    );
}

#[tokio::test]
async fn a_draft_is_laid_over_the_team_and_examples_say_what_differs() {
    let world = with_events(&["a", "b"]).await;
    let mut draft = wire_team(team_id(), 8);
    draft.channels.push(watchbell_contracts::config::v1::Channel {
        id: "chn_01h455vb4pex5vsknk084sn02q".to_owned(),
        team_id: team_id().to_string(),
        display_name: "siem".to_owned(),
        kind: watchbell_contracts::event::v1::ChannelKind::Webhook.into(),
        destination: Some(watchbell_contracts::config::v1::channel::Destination::Webhook(
            watchbell_contracts::config::v1::WebhookDestination {
                filter: Some(watchbell_contracts::config::v1::EventFilter {
                    types: vec!["finding.*".to_owned()],
                    ..Default::default()
                }),
                ..Default::default()
            },
        )),
        ..Default::default()
    });
    *world.config.draft.lock() = Some(DraftTeamSnapshotResponse {
        snapshot: Some(draft),
        warnings: vec!["odd".to_owned()],
        ..DraftTeamSnapshotResponse::default()
    });
    let (_, result) = result(&world, backtest("channels: []")).await;
    assert_eq!(
        (
            result.changed_count,
            result.unreached_before,
            result.unreached_after
        ),
        (2, 2, 0)
    );
    assert_eq!(result.examples[0].gains, ["siem"]);
    assert_eq!(result.warnings, ["odd"]);
    let siem = result
        .targets
        .iter()
        .find(|target| target.display_name == "siem")
        .unwrap();
    assert_eq!(
        (
            siem.before.unwrap().message_count,
            siem.after.unwrap().message_count
        ),
        (0, 2)
    );
}

#[tokio::test]
async fn rules_that_are_not_saved_are_laid_over_the_draft() {
    let world = with_events(&["a", "b"]).await;
    let mut draft = wire_team(team_id(), 8);
    draft.team.as_mut().unwrap().plan = watchbell_contracts::config::v1::Plan::Team.into();
    let channel_id = "chn_01h455vb4pex5vsknk084sn02q";
    draft.channels.push(watchbell_contracts::config::v1::Channel {
        id: channel_id.to_owned(),
        team_id: team_id().to_string(),
        display_name: "#security".to_owned(),
        kind: watchbell_contracts::event::v1::ChannelKind::Slack.into(),
        destination: Some(watchbell_contracts::config::v1::channel::Destination::Slack(
            watchbell_contracts::config::v1::SlackDestination::default(),
        )),
        ..Default::default()
    });
    *world.config.draft.lock() = Some(DraftTeamSnapshotResponse {
        snapshot: Some(draft),
        ..DraftTeamSnapshotResponse::default()
    });
    let with_rule = |channel_id: &str| BacktestRequest {
        draft_rules: vec![Rule {
            display_name: "Findings".to_owned(),
            action: Some(Action::Send(watchbell_contracts::config::v1::SendAction {
                channel_ids: vec![channel_id.to_owned()],
            })),
            ..Rule::default()
        }],
        ..backtest("channels: [#security]")
    };
    let (_, without) = result(&world, backtest("channels: [#security]")).await;
    assert_eq!(without.changed_count, 0);
    let (_, with) = result(&world, with_rule(channel_id)).await;
    assert_eq!((with.changed_count, with.unreached_after), (2, 0));
    assert_eq!(with.examples[0].gains, ["#security"]);
    let wrong = with_rule("chn_01h455vb4pex5vsknk084sn02r");
    let refused = refusal(world.router.backtest(reading(wrong))).await;
    assert_eq!(fields(&refused), ["draft_rules[0].send.channel_ids[0]"]);
}

#[tokio::test]
async fn a_team_has_one_backtest_at_a_time_and_leaving_ends_it() {
    let world = with_events(&["a"]).await;
    let running = world
        .router
        .backtest(reading(backtest("")))
        .await
        .unwrap()
        .into_inner();
    let refused = world.router.backtest(reading(backtest(""))).await;
    assert_eq!(refused.err().unwrap().code(), Code::ResourceExhausted);
    drop(running);
    result(&world, backtest("")).await;
    result(&world, backtest("")).await;

    let wrong = BacktestRequest {
        max_events: 100_001,
        start_time: Some(timestamp(
            world.router.what_if.clock.now() - chrono::TimeDelta::days(32),
        )),
        ..BacktestRequest::default()
    };
    let refused = refusal(world.router.backtest(reading(wrong))).await;
    assert_eq!(fields(&refused), ["max_events", "start_time"]);
    let refused = refusal(world.router.backtest(by_key(team_id(), backtest("")))).await;
    assert_eq!(refused.code, Code::PermissionDenied);
}

#[tokio::test]
async fn a_check_tells_what_a_draft_adds() {
    let world = World::open();
    let check = |document: &str| {
        let request = CheckTeamConfigRequest {
            document: document.to_owned(),
            ..CheckTeamConfigRequest::default()
        };
        world.router.check_team_config(reading(request))
    };
    let known = check("").await.unwrap().into_inner();
    assert_eq!(known.revision, 7);
    let mut draft = wire_team(team_id(), 8);
    draft.team.as_mut().unwrap().plan = watchbell_contracts::config::v1::Plan::Team.into();
    draft.rules.push(Rule {
        id: "rul_01h455vb4pex5vsknk084sn02q".to_owned(),
        display_name: "typo".to_owned(),
        position: 1,
        r#match: Some(watchbell_contracts::config::v1::EventFilter {
            types: vec!["fnding.*".to_owned()],
            ..Default::default()
        }),
        action: Some(Action::Silence(SilenceAction::default())),
        ..Rule::default()
    });
    *world.config.draft.lock() = Some(DraftTeamSnapshotResponse {
        snapshot: Some(draft),
        ..DraftTeamSnapshotResponse::default()
    });
    let found = check("rules: []").await.unwrap().into_inner().findings;
    let new: Vec<_> = found.iter().filter(|finding| finding.is_new).collect();
    assert_eq!(new.len(), 1);
    assert_eq!(new[0].kind(), ConfigFindingKind::RuleUnreachable);
    assert_eq!(found.len(), known.findings.len() + 1);
}

/// What the Dispatcher says of a repeat, or of an end that follows to a channel.
fn of_alert(hearing: AlertHearing, code: &str) -> AlertExplanation {
    AlertExplanation {
        news: AlertNews::Repeats.into(),
        sentence: "As the Dispatcher says.".to_owned(),
        listeners: vec![AlertListener {
            route: Some(Route {
                kind: ChannelKind::Slack.into(),
                reason: Some(Reason {
                    code: code.to_owned(),
                    sentence: "Why.".to_owned(),
                    ..Reason::default()
                }),
                ..Route::default()
            }),
            hearing: hearing.into(),
            ..AlertListener::default()
        }],
        ..AlertExplanation::default()
    }
}

#[tokio::test]
async fn an_explanation_says_what_becomes_of_the_alert_to_who_may_read_deliveries() {
    let world = with_events(&["evt-1"]).await;
    let imagined = ExplainRequest {
        event: Some(finding("")),
        ..ExplainRequest::default()
    };
    let explain = async |request| world.router.explain(request).await.unwrap().into_inner();
    let of = |answer: &ExplainResponse| answer.alert.clone().unwrap().explanation;
    let unknown = explain(reading(imagined.clone())).await;
    assert_eq!(of(&unknown), None, "the Dispatcher does not say");

    let counted = of_alert(AlertHearing::Counted, "rule_matched");
    *world.dispatcher.alert.lock() = Some(counted.clone());
    let repeat = explain(reading(imagined.clone())).await;
    assert_eq!(of(&repeat), Some(counted));
    assert_eq!(repeat.routes, unknown.routes);
    let step = repeat.steps.last().unwrap();
    assert_eq!(
        (step.stage.as_str(), step.outcome()),
        ("alert", StepOutcome::Counted)
    );
    assert_eq!(of(&explain(by_key(team_id(), imagined.clone())).await), None);

    *world.dispatcher.alert.lock() = Some(of_alert(AlertHearing::Sent, FOLLOWS_ALERT));
    let end = explain(reading(imagined)).await;
    assert_eq!(
        end.routes.len(),
        unknown.routes.len() + 1,
        "it goes to who was told of the beginning"
    );
    let stored = ExplainRequest {
        event_id: "evt-1".to_owned(),
        ..ExplainRequest::default()
    };
    let stored = explain(reading(stored)).await;
    assert!(of(&stored).is_some());
    assert_eq!(
        stored.routes, stored.stored_routes,
        "what became of it is in the log"
    );
}

#[tokio::test]
async fn who_got_a_stored_event_because_of_its_alert_is_among_those_who_get_it() {
    let world = with_events(&["evt-1"]).await;
    let follows = |channel_id: &str| Route {
        target: Some(Target::Channel(ChannelTarget {
            channel_id: channel_id.to_owned(),
        })),
        ..of_alert(AlertHearing::Sent, FOLLOWS_ALERT).listeners[0]
            .route
            .clone()
            .unwrap()
    };
    let room = follows("chn_01h455vb4pex5vsknk084sn02q");
    world.dispatcher.log.lock()[0].routes.push(room.clone());
    for as_of_then in [false, true] {
        *world.config.past.lock() = Some(GetPastTeamSnapshotResponse {
            snapshot: Some(wire_team(team_id(), 7)),
        });
        let request = ExplainRequest {
            event_id: "evt-1".to_owned(),
            as_of_then,
            ..ExplainRequest::default()
        };
        let answer = world.router.explain(reading(request)).await.unwrap().into_inner();
        assert_eq!(answer.routes, answer.stored_routes);
        assert_eq!(answer.routes.last(), Some(&room));
        let step = answer.steps.last().unwrap();
        assert_eq!(
            (step.stage.as_str(), step.outcome()),
            ("alert", StepOutcome::Routed)
        );
        assert_eq!(step.sentence, "Why.");
    }
}
