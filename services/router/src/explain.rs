//! Explanation of a decision, rule by rule, with deliveries that would be held or parked.

mod alert;
mod draft;

use chrono::{DateTime, Utc};
use watchbell_contracts::router::v1::{ExplainResponse, ExplainedAlert};
use watchbell_model::convert::FromWire as _;
use watchbell_model::decision::{Outcome, Route, Stage, Step, StepSubject};
use watchbell_model::event::{Event, EventDraft};
use watchbell_model::route;
use watchbell_model::silence::{self, Silence, SilenceMode};
use watchbell_model::snapshot::TeamSnapshot;
use watchbell_model::vocabulary::{ChannelHealth, ChannelKind};

use crate::decide::decide_and_explain;
pub(crate) use crate::explain::alert::{add_alert, add_followers};
pub(crate) use crate::explain::draft::with_draft_rules;

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
    let holds = decision.routes.iter().flat_map(|route| {
        hold(snapshot, event, route, at)
            .into_iter()
            .chain(gathered(snapshot, event, route))
    });
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
        alert: Some(alert(snapshot, event)),
        ..ExplainResponse::default()
    }
}

/// Which alert the event belongs to, or why to none.
fn alert(snapshot: &TeamSnapshot, event: &Event) -> ExplainedAlert {
    match &event.alert {
        Ok(alert) => ExplainedAlert {
            key: alert.key.to_string(),
            action: alert.action.to_wire(),
            sentence: alert.sentence(),
            explanation: None,
        },
        Err(why) => {
            let spec = snapshot.catalog.lookup(&event.event_type);
            ExplainedAlert {
                sentence: why.sentence(spec.and_then(|spec| spec.alert.as_ref())),
                ..ExplainedAlert::default()
            }
        }
    }
}

/// What keeps a delivery that is made at `at` from being tried at once: its channel's health, a silence, quiet hours.
pub(crate) fn hold(snapshot: &TeamSnapshot, event: &Event, route: &Route, at: DateTime<Utc>) -> Option<Step> {
    let channel = route.target.channel_id().and_then(|id| snapshot.channel(id));
    let kind = route.target.kind();
    let is_unhealthy = channel.is_some_and(|channel| channel.health == ChannelHealth::Unhealthy);
    let to = (kind, channel.map(|channel| channel.id));
    if let Some(silence) = silence::deciding(&snapshot.silences, event, to, at)
        && !is_unhealthy
    {
        return Some(silenced(snapshot, silence, kind));
    }
    let channel = channel?;
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

/// What gathers a delivery with others.
fn gathered(snapshot: &TeamSnapshot, event: &Event, route: &Route) -> Option<Step> {
    let group = route.group.as_ref()?;
    let channel = route.target.channel_id().and_then(|id| snapshot.channel(id));
    Some(Step {
        stage: Stage::Hold,
        kind: Some(route.target.kind()),
        subject: channel.map(|channel| StepSubject {
            id: channel.id.to_string(),
            name: channel.name.clone(),
        }),
        outcome: Outcome::Held,
        sentence: group.sentence(event),
        held_until: None,
    })
}

fn silenced(snapshot: &TeamSnapshot, silence: &Silence, kind: ChannelKind) -> Step {
    let Silence {
        comment, author, end, ..
    } = silence;
    let local = end
        .with_timezone(&snapshot.time_zone)
        .format("%a %-d %b %H:%M %Z");
    let (outcome, does, held_until) = match silence.mode {
        SilenceMode::Hold => (Outcome::Held, "holds", Some(*end)),
        SilenceMode::Drop => (Outcome::Silenced, "drops", None),
    };
    Step {
        stage: Stage::Hold,
        kind: Some(kind),
        subject: Some(StepSubject {
            id: silence.id.to_string(),
            name: comment.clone(),
        }),
        outcome,
        sentence: format!("The silence “{comment}” of {author} {does} it until {local}."),
        held_until,
    }
}

#[cfg(test)]
mod tests;
