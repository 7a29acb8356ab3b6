//! Explanation of a decision, rule by rule, with deliveries that would be held or parked.

use chrono::{DateTime, Utc};
use watchbell_contracts::router::v1::ExplainResponse;
use watchbell_model::decision::{Outcome, Route, Stage, Step, StepSubject};
use watchbell_model::event::{Event, EventDraft};
use watchbell_model::route;
use watchbell_model::snapshot::TeamSnapshot;
use watchbell_model::vocabulary::ChannelHealth;

use crate::decide::decide_and_explain;

/// Uses the catalog's example for missing data; returns whether there is one.
pub(crate) fn take_example(snapshot: &TeamSnapshot, draft: &mut EventDraft) -> bool {
    let Some(spec) = snapshot.catalog.get(&draft.event_type) else {
        return false;
    };
    draft.data = spec.example.clone();
    !spec.example.is_empty()
}

/// The decision with its steps, holds judged at `at`.
pub(crate) fn explain(snapshot: &TeamSnapshot, event: &Event, at: DateTime<Utc>) -> ExplainResponse {
    let decision = decide_and_explain(snapshot, event);
    let holds = decision
        .routes
        .iter()
        .filter_map(|route| hold(snapshot, event, route, at));
    ExplainResponse {
        routes: decision
            .routes
            .iter()
            .map(|route| (&route::Route::from(route)).into())
            .collect(),
        steps: decision
            .steps
            .iter()
            .cloned()
            .chain(holds)
            .map(|step| (&step).into())
            .collect(),
        revision: snapshot.revision,
        example_data: false,
    }
}

/// What keeps a delivery that is made at `at` from being tried at once.
fn hold(snapshot: &TeamSnapshot, event: &Event, route: &Route, at: DateTime<Utc>) -> Option<Step> {
    let channel = snapshot.channel(route.target.channel_id()?)?;
    let name = &channel.name;
    let (outcome, sentence, held_until) = if channel.health == ChannelHealth::Unhealthy {
        let sentence = format!("“{name}” is unhealthy, so it is parked until the channel is enabled again.");
        (Outcome::Parked, sentence, None)
    } else {
        let quiet = channel.quiet_hours.as_ref()?;
        let until = quiet.holds(event.severity, at)?;
        let local = until.with_timezone(&quiet.zone()).format("%a %H:%M %Z");
        let sentence = format!("The quiet hours of “{name}” hold it until {local}.");
        (Outcome::Held, sentence, Some(until))
    };
    Some(Step {
        stage: Stage::Hold,
        kind: Some(channel.kind),
        subject: Some(StepSubject {
            id: channel.id.to_string(),
            name: name.clone(),
        }),
        outcome,
        sentence,
        held_until,
    })
}

#[cfg(test)]
mod tests;
