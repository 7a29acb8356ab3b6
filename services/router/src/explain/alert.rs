//! What an event does to its alert, as the Dispatcher tells it, in an explanation: repeats that are only counted, and those to
//! whom the end goes because they were told of the beginning.

use std::collections::HashSet;

use watchbell_contracts::dispatcher::v1::{AlertExplanation, AlertHearing, AlertListener};
use watchbell_contracts::event::v1::route::Target;
use watchbell_contracts::event::v1::{Reason, Route};
use watchbell_contracts::router::v1::{ExplainResponse, ExplanationStep, StepOutcome};
use watchbell_model::decision::Stage;
use watchbell_model::route::{FOLLOWS_ALERT, TargetKey};
use watchbell_model::snapshot::TeamSnapshot;

/// Adds what would become of the event. Of one that was accepted, its routes say who got it, and what became of it is not what
/// today's configuration would make of it.
pub(crate) fn add_alert(
    snapshot: &TeamSnapshot,
    answer: &mut ExplainResponse,
    explanation: AlertExplanation,
    was_accepted: bool,
) {
    if !was_accepted {
        for listener in &explanation.listeners {
            let Some(route) = &listener.route else { continue };
            let follows = reason(route).code == FOLLOWS_ALERT;
            match listener.hearing() {
                AlertHearing::Counted => answer.steps.push(step(snapshot, listener, StepOutcome::Counted)),
                AlertHearing::Sent if follows => {
                    answer.steps.push(step(snapshot, listener, StepOutcome::Routed));
                    answer.routes.push(route.clone());
                }
                AlertHearing::NotSent => answer
                    .steps
                    .push(step(snapshot, listener, StepOutcome::PassedOver)),
                AlertHearing::Sent | AlertHearing::Unspecified => {}
            }
        }
    }
    if let Some(alert) = &mut answer.alert {
        alert.explanation = Some(explanation);
    }
}

/// Adds those who got an accepted event because they were told of its alert: no configuration decides that.
pub(crate) fn add_followers(snapshot: &TeamSnapshot, answer: &mut ExplainResponse) {
    let key = |route: &Route| TargetKey::of(&route.target.clone()?.try_into().ok()?);
    let known: HashSet<TargetKey> = answer.routes.iter().filter_map(key).collect();
    let follows = |route: &&Route| reason(route).code == FOLLOWS_ALERT;
    let stored = answer.stored_routes.iter().filter(follows);
    let followers = stored.filter(|route| key(route).is_none_or(|key| !known.contains(&key)));
    for route in followers.cloned().collect::<Vec<_>>() {
        let listener = AlertListener {
            route: Some(route.clone()),
            ..AlertListener::default()
        };
        answer.steps.push(step(snapshot, &listener, StepOutcome::Routed));
        answer.routes.push(route);
    }
}

fn step(snapshot: &TeamSnapshot, listener: &AlertListener, outcome: StepOutcome) -> ExplanationStep {
    let route = listener.route.clone().unwrap_or_default();
    let (subject_id, subject_name) = match &route.target {
        Some(Target::Channel(target)) => {
            let channel = target.channel_id.parse().ok().and_then(|id| snapshot.channel(id));
            let name = channel.map(|channel| channel.name.clone());
            (target.channel_id.clone(), name.unwrap_or_default())
        }
        Some(Target::Person(person)) => (person.member_id.clone(), person.address.clone()),
        Some(Target::Address(target)) => (target.channel_id.clone(), target.address.clone()),
        Some(Target::Inbox(_) | Target::Receipts(_)) | None => Default::default(),
    };
    ExplanationStep {
        stage: Stage::Alert.to_string(),
        kind: route.kind,
        subject_id,
        subject_name,
        outcome: outcome.into(),
        sentence: match listener.sentence.as_str() {
            "" => reason(&route).sentence,
            sentence => sentence.to_owned(),
        },
        held_until: None,
    }
}

fn reason(route: &Route) -> Reason {
    route.reason.clone().unwrap_or_default()
}
