//! `ExplainAlert`: what an event would do to its alert now, by the code that applies events, or what an accepted one did, by
//! the log; and who hears of it and of the alert's end. Nothing is written.

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;
use tonic::Request;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_contracts::dispatcher::v1::AlertHearing;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::alert::{AlertAction, AlertState, AlertStatus, News};
use watchbell_model::alert_life::{Alert, Told};
use watchbell_model::convert::FromWire as _;
use watchbell_model::ids::{EventId, TeamId};
use watchbell_model::route::{Route, TargetKey};
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::problem::Problem;

use super::alert_pending::with_pending;
use super::{id, internal};
use crate::delivery::precheck::refusal;
use crate::error::Error;
use crate::intake::alerts::{Applied, apply, knows};
use crate::job::{Planned, State, Submission};
use crate::senders::alert::seen;
use crate::senders::text::time_text;
use crate::state::Core;
use crate::store::entities::deliveries;
use crate::store::{DeliveryFilter, Telling};

/// Who is listed at most.
const MAX_LISTENERS: usize = 1_000;

pub(super) async fn explain(
    core: &Core,
    request: Request<wire::ExplainAlertRequest>,
) -> Result<wire::ExplainAlertResponse, Error> {
    internal(&request)?;
    let request = request.into_inner();
    let explanation = match request.submission {
        Some(submission) => Some(would(core, submission).await?),
        None => {
            let event = id::<EventId>("event_id", &request.event_id)?;
            did(core, id("team_id", &request.team_id)?, event).await?
        }
    };
    Ok(wire::ExplainAlertResponse { explanation })
}

/// What an event that is not stored would do now.
async fn would(core: &Core, submission: wire::SubmitRequest) -> Result<wire::AlertExplanation, Error> {
    let now = core.clock.now();
    let (event, routes) = AcceptedEvent::read(submission, now)?;
    let Some(of) = event.alert.clone() else {
        return Err(Violations::one("submission.alert", reason::REQUIRED, "must be given").into());
    };
    let before = core.db.alert(event.team_id, &of.key).await?;
    let telling = match &before {
        Some(alert) => core.db.telling_of(alert).await?,
        None => Telling::default(),
    };
    let planned = routes.into_iter().filter_map(|route| Planned::new(route, now));
    let submission = Submission::new(event, planned.collect(), false, oneshot::channel().0);
    let event = &submission.event;
    let mut is_free = |told: &Told| !core.live_jobs.has(told.delivery);
    let Some(applied) = apply(before.clone(), &submission, &of, &telling, &mut is_free)? else {
        return Ok(wire::AlertExplanation {
            news: News::Unrelated.to_wire(),
            sentence: unrelated(of.action, AlertState::Resolved).to_owned(),
            listeners: submission
                .routes
                .iter()
                .map(|planned| sent(&planned.route))
                .collect(),
            alert: None,
        });
    };
    let mut sentence = said(&applied.alert.status(applied.news), of.action);
    if applied.news == News::Changes
        && let Some(before) = &before
    {
        sentence += why_news(before, event, now);
    }
    if !applied.superseded.is_empty() {
        sentence += " What is still kept back of its beginning is not sent any more: the end tells both.";
    }
    let begun = before.filter(|alert| alert.opened.is_some());
    if let Some(alert) = begun.as_ref().filter(|alert| alert.is_open()) {
        sentence += &handled(alert, now);
    }
    let alert = told(core, begun.as_ref(), &mut sentence).await?;
    Ok(wire::AlertExplanation {
        news: applied.news.to_wire(),
        sentence,
        alert,
        listeners: listeners(core, &submission, &applied, &telling).await,
    })
}

/// Who would hear of the event, and of the alert's end.
async fn listeners(
    core: &Core,
    submission: &Submission,
    applied: &Applied,
    telling: &Telling,
) -> Vec<wire::AlertListener> {
    let (event, change) = (&submission.event, &applied.change);
    let mut listeners = Listeners::default();
    for (place, planned) in submission.routes.iter().enumerate() {
        let listener = match change.repeat_message(place) {
            Some(counted) => wire::AlertListener {
                hearing: AlertHearing::Counted.into(),
                sentence: format!("A repeat is counted here: {counted}."),
                ..sent(&planned.route)
            },
            None => sent(&planned.route),
        };
        listeners.add(&planned.route, listener);
    }
    for planned in change.followers.iter().take(MAX_LISTENERS) {
        let listener = match refusal(core, event, &planned.route).await {
            Some(refusal) => wire::AlertListener {
                hearing: AlertHearing::NotSent.into(),
                sentence: refusal,
                ..sent(&planned.route)
            },
            None => sent(&planned.route),
        };
        listeners.add(&planned.route, listener);
    }
    listeners.note_end(core, event, &applied.alert, telling).await;
    listeners.all
}

/// What an accepted event did, as the log has it; `None` when it belongs to no alert.
async fn did(core: &Core, team: TeamId, event: EventId) -> Result<Option<wire::AlertExplanation>, Error> {
    let row = core.db.event(team, event.as_str()).await?;
    let row = row.ok_or_else(|| Problem::not_found("event", &event))?;
    let event = row.event()?;
    let Some(of) = event.alert.clone() else {
        return Ok(None);
    };
    let now = core.clock.now();
    let filter = DeliveryFilter {
        event_id: Some(event.id.to_string()),
        ..DeliveryFilter::default()
    };
    let limit = MAX_LISTENERS as u64;
    let rows = core
        .db
        .deliveries(team, &filter, limit, filter.bound())
        .await?
        .rows;
    let mut first = Vec::new();
    for row in rows {
        let route = row.parsed_route()?;
        // Reminders came later, and say nothing of what the event did.
        if !route.is_of_open_alert() {
            first.push((row, route));
        }
    }
    // It is the same in all of them.
    let status = match first.first() {
        Some((row, _)) => row.alert_status()?,
        None => None,
    };
    let news = status.as_ref().and_then(|status| status.news);
    let mut listeners = Listeners::default();
    // Newest first; the log reads the other way.
    for (row, route) in first.iter().rev().filter(|(row, _)| row.replay_of.is_none()) {
        listeners.add(route, heard(row, route, news));
    }
    let alert = core.db.alert(team, &of.key).await?;
    let alert = alert.filter(|alert| alert.opened.is_some());
    let mut sentence = status.map_or_else(
        || "It had no delivery, so what it was to its alert is not kept.".to_owned(),
        |status| said(&status, of.action),
    );
    if let Some(alert) = alert.as_ref().filter(|alert| alert.is_open()) {
        let telling = core.db.telling_of(alert).await?;
        sentence += &handled(alert, now);
        listeners.note_end(core, &event, alert, &telling).await;
    }
    let alert = told(core, alert.as_ref(), &mut sentence).await?;
    Ok(Some(wire::AlertExplanation {
        news: news.map(News::to_wire).unwrap_or_default(),
        sentence,
        alert,
        listeners: listeners.all,
    }))
}

/// An alert as it is now; adds to the sentence what still happens to it.
async fn told(
    core: &Core,
    alert: Option<&Alert>,
    sentence: &mut String,
) -> Result<Option<wire::Alert>, Error> {
    let Some(alert) = alert else { return Ok(None) };
    let alert = with_pending(core, alert).await?;
    if !alert.pending.is_empty() {
        *sentence += &format!(" It {}.", alert.pending);
    }
    Ok(Some(alert))
}

/// What became of a delivery of the event.
fn heard(row: &deliveries::Model, route: &Route, news: Option<News>) -> wire::AlertListener {
    let hearing = match State::from_number(i32::from(row.state)) {
        Some(State::Folded) if row.ended_at.is_some() && row.folded_into.is_none() => match news {
            Some(News::Repeats) | None => AlertHearing::Counted,
            Some(_) => AlertHearing::NotSent,
        },
        Some(State::Failed | State::Cancelled) => AlertHearing::NotSent,
        _ => AlertHearing::Sent,
    };
    wire::AlertListener {
        hearing: hearing.into(),
        sentence: row.state_message.clone(),
        ..sent(route)
    }
}

fn sent(route: &Route) -> wire::AlertListener {
    wire::AlertListener {
        route: Some(route.into()),
        hearing: AlertHearing::Sent.into(),
        ..wire::AlertListener::default()
    }
}

/// Who hears, each place once.
#[derive(Default)]
struct Listeners {
    all: Vec<wire::AlertListener>,
    keys: Vec<Option<TargetKey>>,
}

// === impl Listeners ===

impl Listeners {
    fn add(&mut self, route: &Route, listener: wire::AlertListener) {
        if self.all.len() < MAX_LISTENERS {
            self.keys.push(TargetKey::of(&route.target));
            self.all.push(listener);
        }
    }

    /// Notes who is told of the alert's end.
    async fn note_end(&mut self, core: &Core, event: &AcceptedEvent, alert: &Alert, telling: &Telling) {
        let room = MAX_LISTENERS.saturating_sub(self.all.len());
        for told in alert.told.iter().take(room) {
            let route = Route::new(told.kind, told.target.clone(), Default::default());
            let key = TargetKey::of(&told.target);
            let known = self.keys.iter().position(|known| *known == key);
            if known.is_none() {
                let elsewhere = wire::AlertListener {
                    hearing: AlertHearing::Unspecified.into(),
                    ..sent(&route)
                };
                self.add(&route, elsewhere);
            }
            let place = known.unwrap_or(self.all.len() - 1);
            let listener = &mut self.all[place];
            listener.end_sentence = match knows(told, telling) {
                false => "It was not told of the beginning.".to_owned(),
                true => refusal(core, event, &route).await.unwrap_or_default(),
            };
            listener.told_of_end = listener.end_sentence.is_empty();
        }
    }
}

/// What an event is to its alert, of which this is the status with it.
fn said(status: &AlertStatus, action: AlertAction) -> String {
    match status.news {
        Some(News::Begins) => "It begins the alert.".to_owned(),
        Some(News::Changes) => format!("It is news of the alert, {}.", seen(status)),
        Some(News::Repeats) => format!("It is a repeat: the alert is open, {}.", seen(status)),
        Some(News::Ends) => format!("It ends the alert, {}.", seen(status)),
        Some(News::Handled) => "It tells what somebody does about the alert.".to_owned(),
        Some(News::Unrelated) => unrelated(action, status.state).to_owned(),
        // As an older release has stored it.
        None => format!(
            "The alert was {} with it, {}.",
            status.state.as_str(),
            seen(status)
        ),
    }
}

/// Why an event does not concern the present life of its alert, which is in that state.
fn unrelated(action: AlertAction, state: AlertState) -> &'static str {
    match (action, state) {
        (AlertAction::Resolve, AlertState::Resolved) => "The alert is not open, so it ends nothing.",
        (AlertAction::Resolve, _) => "The alert was triggered again after it occurred, so it stays open.",
        (AlertAction::Trigger, _) => {
            "It occurred before the alert ended, so it reopens nothing. It is sent like any event."
        }
        (AlertAction::Update, _) => {
            "The alert is not open, so it changes nothing. It is sent like any event."
        }
    }
}

/// Why an event of an open alert is news.
fn why_news(before: &Alert, event: &AcceptedEvent, now: DateTime<Utc>) -> &'static str {
    if event.severity > before.severity {
        " Its severity is worse than any before."
    } else if before.state != before.state_at(now) {
        " It is the first since the alert was snoozed."
    } else {
        " It is the first of its type."
    }
}

/// Who takes care of an alert.
fn handled(alert: &Alert, now: DateTime<Utc>) -> String {
    match (alert.state_at(now), &alert.acknowledged, &alert.snoozed) {
        (AlertState::Acknowledged, Some(by), _) => {
            format!(" Acknowledged by {} at {}.", by.by, time_text(by.at))
        }
        (AlertState::Snoozed, _, Some(by)) => format!(" Snoozed by {} until {}.", by.by, time_text(by.at)),
        _ => String::new(),
    }
}
