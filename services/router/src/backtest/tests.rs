use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use watchbell_contracts::dispatcher::v1::AcceptedEvent as Listed;
use watchbell_contracts::event::v1::Route as WireRoute;
use watchbell_model::AcceptedEvent;
use watchbell_model::convert::timestamp;
use watchbell_model::event::Event;
use watchbell_model::route::Route;
use watchbell_model::vocabulary::Severity;

use super::*;
use crate::decide::arbitrary::{any_event, team};
use crate::decide::decide;
use crate::testing::{Team, at, everything, noon};

/// An event as `Emit` submits it and the Dispatcher lists it.
fn stored(snapshot: &TeamSnapshot, event: &Event) -> Listed {
    let routes: Vec<Route> = decide(snapshot, event).routes.iter().map(Into::into).collect();
    let accepted = AcceptedEvent::new(event.clone(), None, noon());
    let data_json = accepted.data.clone();
    let message = accepted.into_message(&routes);
    Listed {
        event: message.event,
        accept_time: Some(timestamp(noon())),
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
        let mut tally = Tally::default();
        let mut sent = 0;
        for event in &events {
            let listed = stored(&snapshot, event);
            sent += listed.routes.len();
            let stored = StoredEvent::read(snapshot.team_id, listed).unwrap();
            let again: Vec<WireRoute> = decide(&snapshot, &stored.event).routes.iter().map(|route| (&Route::from(route)).into()).collect();
            prop_assert_eq!(&again, &stored.routes, "of {:?}", event);
            tally.add([&snapshot, &snapshot], &stored);
        }
        let result = tally.into_result([&snapshot, &snapshot], Duration::ZERO);
        prop_assert_eq!(result.event_count, events.len() as i64);
        prop_assert_eq!(result.changed_count, 0);
        prop_assert_eq!(result.unreached_before, result.unreached_after);
        prop_assert!(result.examples.is_empty());
        let mut counted = BTreeMap::new();
        for target in &result.targets {
            prop_assert_eq!(&target.before, &target.after);
            *counted.entry("all").or_insert(0) += target.after.unwrap().message_count;
        }
        prop_assert_eq!(counted.get("all").copied().unwrap_or_default(), sent as i64);
    }
}

#[test]
fn what_the_draft_gathers_is_counted() {
    let team = |wait: Option<Duration>| {
        Team::new()
            .slack("#security")
            .rule("Scans", everything(), &["#security"])
            .with_last_rule(|rule| {
                rule.group = wait.map(|wait| watchbell_model::group::GroupSpec {
                    by: vec![],
                    wait,
                    at_most: 2,
                });
            })
            .build()
    };
    let (today, draft) = (team(None), team(Some(Duration::from_secs(60))));
    let mut tally = Tally::default();
    for severity in [Severity::Low, Severity::High, Severity::Critical] {
        let event = at("finding.created", severity);
        let stored = StoredEvent::read(today.team_id, stored(&today, &event)).unwrap();
        tally.add([&today, &draft], &stored);
    }
    let result = tally.into_result([&today, &draft], Duration::ZERO);
    let room = result
        .targets
        .iter()
        .find(|target| target.display_name == "#security")
        .unwrap();
    let gathered =
        |counts: Option<watchbell_contracts::router::v1::BacktestCounts>| counts.unwrap().gathered_count;
    assert_eq!((gathered(room.before), gathered(room.after)), (0, 2));
    assert_eq!(room.after.unwrap().message_count, 3);
}
