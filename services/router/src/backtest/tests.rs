use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use watchbell_contracts::dispatcher::v1::AcceptedEvent as Listed;
use watchbell_contracts::event::v1::Route as WireRoute;
use watchbell_contracts::router::v1::{BacktestCounts, BacktestTarget};
use watchbell_model::AcceptedEvent;
use watchbell_model::alert::{AlertAction, EventAlert};
use watchbell_model::channel::StormLimit;
use watchbell_model::convert::timestamp;
use watchbell_model::event::Event;
use watchbell_model::group::GroupSpec;
use watchbell_model::quiet_hours::QuietHours;
use watchbell_model::route::Route;
use watchbell_model::vocabulary::Severity;

use super::*;
use crate::decide::arbitrary::{any_event, team};
use crate::decide::decide;
use crate::testing::{Team, at, everything, noon, types};

/// The result for events in the order in which they were accepted, up to an instant.
fn backtest(
    [today, draft]: [&TeamSnapshot; 2],
    events: &[StoredEvent],
    end: DateTime<Utc>,
) -> BacktestResult {
    let Decided {
        mut tally,
        mut sequence,
    } = Decided::default();
    // As they are listed.
    let mut listed: Vec<_> = events.iter().rev().collect();
    listed.sort_by_key(|stored| std::cmp::Reverse(stored.event.occurred_at));
    for stored in listed {
        tally.add([today, draft], stored, &mut sequence);
    }
    let mut walk = Walk::new(sequence, tally, [today, draft], end);
    while walk.step() {}
    let (tally, counts) = walk.into_counts();
    tally.into_result([today, draft], counts, Duration::ZERO)
}

/// An event as `Emit` submits it and the Dispatcher lists it.
fn stored(snapshot: &TeamSnapshot, event: &Event) -> Listed {
    stored_at(snapshot, event, noon())
}

fn stored_at(snapshot: &TeamSnapshot, event: &Event, now: DateTime<Utc>) -> Listed {
    let routes: Vec<Route> = decide(snapshot, event).routes.iter().map(Into::into).collect();
    let accepted = AcceptedEvent::new(event.clone(), None, now);
    let data_json = accepted.data.clone();
    let message = accepted.into_message(&routes);
    Listed {
        event: message.event,
        accept_time: Some(timestamp(now)),
        routes: message.routes,
        data_json,
        alert: message.alert,
    }
}

proptest! {
    #[test]
    fn the_configuration_as_it_is_sends_what_was_sent(
        parts in team(),
        events in prop::collection::vec(any_event(), 1..8),
    ) {
        let snapshot = TeamSnapshot::new(parts).unwrap();
        let mut sent = 0;
        let mut all = Vec::new();
        for event in &events {
            let listed = stored(&snapshot, event);
            sent += listed.routes.len();
            let stored = StoredEvent::read(snapshot.team_id, listed).unwrap();
            let again: Vec<WireRoute> = decide(&snapshot, &stored.event).routes.iter().map(|route| (&Route::from(route)).into()).collect();
            prop_assert_eq!(&again, &stored.routes, "of {:?}", event);
            all.push(stored);
        }
        let result = backtest([&snapshot, &snapshot], &all, noon());
        prop_assert_eq!(result.event_count, events.len() as i64);
        prop_assert_eq!(result.changed_count, 0);
        prop_assert_eq!(result.unreached_before, result.unreached_after);
        prop_assert!(result.examples.is_empty());
        let mut counted = BTreeMap::new();
        for target in &result.targets {
            prop_assert_eq!(&target.before, &target.after);
            let counts = target.after.unwrap();
            *counted.entry("all").or_insert(0) += counts.message_count - counts.follow_count;
        }
        prop_assert_eq!(counted.get("all").copied().unwrap_or_default(), sent as i64);
    }
}

/// What happens, how many seconds after noon, of which alert, how bad.
type Step = (i64, &'static str, &'static str, Severity);

/// What the channel `#security` of a team gets of events that come as they occur, up to an hour after noon.
fn counts(team: &TeamSnapshot, steps: &[Step]) -> BacktestCounts {
    let steps: Vec<_> = steps.iter().map(|step| (step.0, *step)).collect();
    counts_of(team, &steps)
}

/// The same of events that come when it is said first.
fn counts_of(team: &TeamSnapshot, steps: &[(i64, Step)]) -> BacktestCounts {
    let result = result_of([team, team], steps);
    let room = room(&result);
    assert_eq!(room.before, room.after);
    room.after.unwrap()
}

/// The result for events that come when it is said first.
fn result_of([today, draft]: [&TeamSnapshot; 2], steps: &[(i64, Step)]) -> BacktestResult {
    let after = |seconds| noon() + TimeDelta::seconds(seconds);
    let events = steps
        .iter()
        .map(|(comes, (occurs, event_type, alert, severity))| {
            let action = match *event_type {
                "finding.resolved" => AlertAction::Resolve,
                _ => AlertAction::Trigger,
            };
            let event = Event {
                id: format!("evt-{comes}").parse().unwrap(),
                alert: Ok(EventAlert {
                    key: alert.parse().unwrap(),
                    action,
                }),
                occurred_at: after(*occurs),
                ..at(event_type, *severity)
            };
            let listed = stored_at(today, &event, after(*comes));
            StoredEvent::read(today.team_id, listed).unwrap()
        });
    let events: Vec<_> = events.collect();
    backtest([today, draft], &events, noon() + TimeDelta::hours(1))
}

fn room(result: &BacktestResult) -> &BacktestTarget {
    let mut targets = result.targets.iter();
    targets.find(|target| target.display_name == "#security").unwrap()
}

/// An alert that begins, is acknowledged and ends, and another one of which only the end is known.
fn lives() -> [(i64, Step); 4] {
    let act = |seconds, event_type, alert| (seconds, (seconds, event_type, alert, Severity::High));
    [
        act(0, "finding.created", "a"),
        act(1, "alert.acknowledged", "a"),
        act(2, "finding.resolved", "a"),
        act(3, "finding.resolved", "b"),
    ]
}

#[test]
fn who_was_told_of_an_alert_is_reached_by_its_end_and_by_what_somebody_does() {
    let team = security().build();
    let result = result_of([&team, &team], &lives());
    assert_eq!((result.event_count, result.unreached_after), (4, 1));
    assert_eq!((result.changed_count, result.examples.len()), (0, 0));
    let acknowledged = result_of([&team, &team], &lives()[1..2]);
    assert_eq!(acknowledged.event_count, 0, "it is to reach nobody");
}

#[test]
fn the_end_of_an_alert_from_before_the_period_reaches_whoever_got_it() {
    let team = security().build();
    let (_, (_, event_type, _, severity)) = lives()[3];
    let mut listed = stored(
        &team,
        &Event {
            alert: Ok(EventAlert {
                key: "b".parse().unwrap(),
                action: AlertAction::Resolve,
            }),
            ..at(event_type, severity)
        },
    );
    let unreached = |listed: &Listed| {
        let event = StoredEvent::read(team.team_id, listed.clone()).unwrap();
        backtest([&team, &team], &[event], noon()).unreached_after
    };
    assert_eq!(unreached(&listed), 1);
    let channel_id = team.channels.keys().next().unwrap().to_string();
    let target = watchbell_contracts::event::v1::ChannelTarget { channel_id };
    listed.routes.push(WireRoute {
        target: Some(watchbell_contracts::event::v1::route::Target::Channel(target)),
        kind: watchbell_contracts::event::v1::ChannelKind::Slack.into(),
        reason: Some(watchbell_contracts::event::v1::Reason {
            code: watchbell_model::route::FOLLOWS_ALERT.to_owned(),
            ..Default::default()
        }),
        ..WireRoute::default()
    });
    assert_eq!(unreached(&listed), 0);
}

#[test]
fn a_draft_that_tells_nobody_of_an_alert_loses_all_that_follows() {
    let (today, draft) = (security().build(), Team::new().slack("#security").build());
    let result = result_of([&today, &draft], &lives());
    assert_eq!((result.event_count, result.changed_count), (4, 3));
    assert_eq!((result.unreached_before, result.unreached_after), (1, 4));
    let examples: Vec<_> = result.examples.iter().map(|it| it.event_id.as_str()).collect();
    assert_eq!(examples, ["evt-2", "evt-1", "evt-0"], "the newest first");
    assert!(
        result
            .examples
            .iter()
            .all(|it| it.losses == ["#security"] && it.gains.is_empty())
    );

    // What a rule of the draft sends, and what follows today, is no difference.
    let both = security()
        .rule("Ends", types("finding.resolved"), &["#security"])
        .build();
    let result = result_of([&today, &both], &lives());
    assert_eq!((result.event_count, result.changed_count), (4, 1));
    assert_eq!(result.examples[0].event_id, "evt-3");
    assert_eq!(result.examples[0].gains, ["#security"]);
}

#[test]
fn a_snooze_keeps_repeats_back_until_it_ends_and_what_is_resolved_by_hand_begins_anew() {
    let snoozed = Event {
        data: r#"{"key": "a", "snoozed_by": "ann", "until": "2026-03-03T12:00:05Z"}"#
            .parse()
            .unwrap(),
        ..at("alert.snoozed", Severity::Info)
    };
    let team = security()
        .with_last_rule(|rule| rule.repeat = watchbell_model::alert::Repeat::Notify)
        .build();
    let created = || at("finding.created", Severity::High);
    let acts = [
        (0, created()),
        (1, snoozed),
        (2, created()),
        (6, created()),
        (7, at("alert.resolved", Severity::Info)),
        (8, created()),
    ];
    let events = acts.map(|(seconds, event)| {
        let now = noon() + TimeDelta::seconds(seconds);
        let alert = EventAlert {
            key: "a".parse().unwrap(),
            action: AlertAction::Trigger,
        };
        let event = Event {
            alert: Ok(alert),
            occurred_at: now,
            ..event
        };
        StoredEvent::read(team.team_id, stored_at(&team, &event, now)).unwrap()
    });
    let result = backtest([&team, &team], &events, noon() + TimeDelta::hours(1));
    let expected = BacktestCounts {
        message_count: 6,
        repeat_count: 1,
        follow_count: 2,
        sent_count: 5,
        ..BacktestCounts::default()
    };
    assert_eq!(room(&result).after, Some(expected));
}

#[test]
fn a_notice_is_decided_by_nobody() {
    let team = Team::new()
        .slack("#all")
        .rule("All", everything(), &["#all"])
        .build();
    for (event_type, is_decided) in [
        ("digest.weekly", false),
        ("channel.removed", false),
        ("alert.snoozed", true),
        ("deploy.finished", true),
    ] {
        let mut listed = stored(&team, &at("finding.created", Severity::High));
        listed.event.as_mut().unwrap().r#type = event_type.to_owned();
        let read = StoredEvent::read(team.team_id, listed);
        assert_eq!(read.is_some(), is_decided, "{event_type}");
    }
}

fn security() -> Team {
    Team::new()
        .slack("#security")
        .rule("Findings", types("finding.created"), &["#security"])
}

/// The same, quiet until half an hour after noon.
fn quiet(coalesce: bool) -> TeamSnapshot {
    let quiet: QuietHours = serde_json::from_value(serde_json::json!({
        "time_zone": "UTC",
        "windows": [{ "weekdays": [], "start": "11:00", "end": "12:30" }],
        "coalesce": coalesce,
    }))
    .unwrap();
    security()
        .with_last(|channel| channel.quiet_hours = Some(quiet))
        .build()
}

/// What a rule gathers, two at most.
fn in_pairs() -> GroupSpec {
    GroupSpec {
        by: vec![],
        wait: Duration::from_secs(60),
        at_most: 2,
    }
}

#[test]
fn what_exceeds_the_limit_is_folded_into_one_summary() {
    let storm = StormLimit {
        max_messages: 2,
        window: Duration::from_secs(60),
    };
    let team = security()
        .with_last(|channel| channel.storm = Some(storm))
        .build();
    let high = |seconds, alert| (seconds, "finding.created", alert, Severity::High);
    let steps = [
        high(0, "a"),
        high(10, "b"),
        high(20, "c"),
        (25, "finding.created", "d", Severity::Critical),
        high(30, "e"),
        high(200, "f"),
    ];
    let expected = BacktestCounts {
        message_count: 6,
        storm_count: 2,
        sent_count: 4,
        summary_count: 1,
        ..BacktestCounts::default()
    };
    assert_eq!(counts(&team, &steps), expected);
    let alone = [high(0, "a"), high(10, "b"), high(20, "c")];
    let expected = BacktestCounts {
        message_count: 3,
        storm_count: 1,
        sent_count: 3,
        ..BacktestCounts::default()
    };
    assert_eq!(counts(&team, &alone), expected, "a single one comes as itself");
}

#[test]
fn a_repeat_is_counted_a_risen_severity_told_and_the_end_follows_the_beginning() {
    let steps = [
        (0, "finding.created", "a", Severity::High),
        (1, "finding.created", "a", Severity::High),
        (2, "finding.created", "a", Severity::Critical),
        (3, "finding.resolved", "a", Severity::Info),
        (4, "finding.created", "a", Severity::High),
    ];
    let expected = BacktestCounts {
        message_count: 5,
        repeat_count: 1,
        follow_count: 1,
        sent_count: 4,
        ..BacktestCounts::default()
    };
    assert_eq!(counts(&security().build(), &steps), expected);
}

#[test]
fn events_count_in_the_order_in_which_they_came() {
    let steps = [
        (0, (0, "finding.created", "a", Severity::High)),
        (20, (20, "finding.resolved", "a", Severity::Info)),
        // While the alert was open this would have been a repeat.
        (30, (10, "finding.created", "a", Severity::High)),
    ];
    let expected = BacktestCounts {
        message_count: 3,
        follow_count: 1,
        sent_count: 3,
        ..BacktestCounts::default()
    };
    assert_eq!(counts_of(&security().build(), &steps), expected);
}

#[test]
fn an_end_stands_for_a_beginning_that_quiet_hours_hold() {
    let team = quiet(true);
    let steps = [
        (0, "finding.created", "a", Severity::High),
        (1, "finding.created", "b", Severity::High),
        (2, "finding.created", "c", Severity::High),
        (3, "finding.resolved", "a", Severity::Info),
        (2_000, "finding.created", "d", Severity::High),
    ];
    let expected = BacktestCounts {
        message_count: 5,
        held_count: 4,
        superseded_count: 1,
        follow_count: 1,
        sent_count: 1,
        summary_count: 1,
        ..BacktestCounts::default()
    };
    assert_eq!(counts(&team, &steps), expected);
}

#[test]
fn what_somebody_does_about_an_alert_is_told_after_its_beginning() {
    let team = quiet(false);
    let steps = [
        (0, "finding.created", "a", Severity::High),
        (1, "alert.acknowledged", "a", Severity::Info),
    ];
    let expected = BacktestCounts {
        message_count: 2,
        held_count: 1,
        follow_count: 1,
        sent_count: 2,
        ..BacktestCounts::default()
    };
    assert_eq!(counts(&team, &steps), expected);
}

#[test]
fn a_group_goes_when_it_is_full_or_due() {
    let team = security()
        .with_last_rule(|rule| rule.group = Some(in_pairs()))
        .build();
    let created = |alert| (0, "finding.created", alert, Severity::High);
    let expected = BacktestCounts {
        message_count: 5,
        gathered_count: 5,
        sent_count: 1,
        summary_count: 2,
        ..BacktestCounts::default()
    };
    assert_eq!(counts(&team, &["a", "b", "c", "d", "e"].map(created)), expected);
    // The end of what is gathered takes it out of its group.
    let steps = [
        created("a"),
        (1, "finding.resolved", "a", Severity::Info),
        (2, "finding.created", "b", Severity::High),
        (3, "finding.created", "c", Severity::High),
    ];
    let expected = BacktestCounts {
        message_count: 4,
        gathered_count: 3,
        superseded_count: 1,
        follow_count: 1,
        sent_count: 1,
        summary_count: 1,
        ..BacktestCounts::default()
    };
    assert_eq!(counts(&team, &steps), expected);
}

#[test]
fn what_the_draft_gathers_is_counted() {
    let team = |group: Option<GroupSpec>| {
        Team::new()
            .slack("#security")
            .rule("Scans", everything(), &["#security"])
            .with_last_rule(|rule| rule.group = group)
            .build()
    };
    let (today, draft) = (team(None), team(Some(in_pairs())));
    let events = [Severity::Low, Severity::High, Severity::Critical].map(|severity| {
        let event = at("finding.created", severity);
        StoredEvent::read(today.team_id, stored(&today, &event)).unwrap()
    });
    let result = backtest([&today, &draft], &events, noon());
    let room = room(&result);
    let gathered = |counts: Option<BacktestCounts>| counts.unwrap().gathered_count;
    assert_eq!((gathered(room.before), gathered(room.after)), (0, 2));
    assert_eq!(room.after.unwrap().message_count, 3);
}
