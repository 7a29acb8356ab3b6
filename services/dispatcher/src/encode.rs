//! Rows and jobs as the contract shows them.

mod standing;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_contracts::event::v1 as event_wire;
use watchbell_model::Data;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::alert::{AlertState, AlertStatus};
use watchbell_model::alert_life::{Alert, Handled};
use watchbell_model::convert::{FromWire, duration, structure, timestamp};
use watchbell_model::ids::{AttemptId, ChannelId, DeliveryId, NotificationId, TeamId};

use crate::group::Gathered;
use crate::job::{Attempt, Job, JobOutcome, Planned, State};
use crate::lanes::LaneId;
use crate::senders::logged::LoggedHeaders;
use crate::store::entities::{attempts, deliveries, events};
use crate::store::{Corrupt, NotificationRow, instant};

pub(crate) use standing::failed_by;

/// A delivery that was made or has changed.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) channel_id: Option<ChannelId>,
    pub(crate) delivery: Arc<wire::Delivery>,
}

/// A delivery from its row, without attempts.
pub(crate) fn delivery(row: &deliveries::Model) -> Result<wire::Delivery, Corrupt> {
    let waits = matches!(
        State::from_number(i32::from(row.state)),
        Some(State::Pending | State::Held | State::Folded)
    );
    let alert = row.alert_status()?.map(alert_status);
    Ok(wire::Delivery {
        id: DeliveryId::from_uuid(row.id).to_string(),
        team_id: TeamId::from_uuid(row.team_id).to_string(),
        event_id: row.event_id.clone(),
        event_type: row.event_type.clone(),
        severity: i32::from(row.severity),
        route: Some((&*row.parsed_route()?).into()),
        state: i32::from(row.state),
        state_message: row.state_message.clone(),
        attempt_count: row.attempt_count,
        next_attempt_time: row.due_at.filter(|_| waits).map(time),
        create_time: Some(time(row.created_at)),
        end_time: row.ended_at.map(time),
        test: row.test,
        replay_of: row
            .replay_of
            .map(|id| DeliveryId::from_uuid(id).to_string())
            .unwrap_or_default(),
        event_title: row.title.clone(),
        attempts: Vec::new(),
        state_detail: standing::of_row(row, alert.as_ref()),
        alert,
        folded_count: 0,
    })
}

/// Why a new delivery is not sent now.
pub(crate) enum KeptBack<'a> {
    /// It is a repeat, for this reason.
    Repeat(&'a str),
    Gathered(&'a Gathered),
}

/// An alert as it is at an instant, without who was told.
pub(crate) fn alert(alert: &Alert, now: DateTime<Utc>) -> wire::Alert {
    let state = alert.state_at(now);
    let opened = alert.opened.as_ref();
    let by = |handled: &Option<Handled>| {
        handled
            .as_ref()
            .map(|handled| handled.by.clone())
            .unwrap_or_default()
    };
    let at = |handled: &Option<Handled>| handled.as_ref().map(|handled| timestamp(handled.at));
    let has_ended = state == AlertState::Resolved;
    wire::Alert {
        team_id: alert.team_id.to_string(),
        key: alert.key.to_string(),
        state: state.to_wire(),
        severity: alert.severity.to_wire(),
        event_type: alert.event_type.to_string(),
        title: alert.title.clone(),
        url: alert.url.clone(),
        source: alert.source.clone(),
        subject: alert.subject.clone(),
        opened_event_id: opened
            .map(|opened| opened.event_id.to_string())
            .unwrap_or_default(),
        open_time: opened.map(|opened| timestamp(opened.at)),
        last_event_time: Some(timestamp(alert.last_occurred_at)),
        resolve_time: alert.resolved_at.filter(|_| has_ended).map(timestamp),
        count: alert.count,
        acknowledged_by: by(&alert.acknowledged),
        acknowledge_time: at(&alert.acknowledged),
        snoozed_by: by(&alert.snoozed),
        snooze_end_time: at(&alert.snoozed),
        resolved_by: alert.resolved_by.clone().unwrap_or_default(),
        told: Vec::new(),
        pending: String::new(),
    }
}

fn alert_status(status: AlertStatus) -> wire::AlertStatus {
    let (opened_event_id, open_time) = match status.opened {
        Some(opened) => (opened.event_id.to_string(), Some(timestamp(opened.at))),
        None => (String::new(), None),
    };
    wire::AlertStatus {
        key: status.key.to_string(),
        state: status.state.to_wire(),
        opened_event_id,
        open_time,
        count: status.count,
        news: status.news.map(FromWire::to_wire).unwrap_or_default(),
    }
}

/// An attempt from its row.
pub(crate) fn attempt(row: attempts::Model) -> wire::Attempt {
    let headers = LoggedHeaders::pairs(&row.request_headers);
    wire::Attempt {
        id: AttemptId::from_uuid(row.id).to_string(),
        number: row.number,
        start_time: Some(time(row.started_at)),
        latency: Some(duration(std::time::Duration::from_micros(
            row.latency_us.unsigned_abs(),
        ))),
        outcome: i32::from(row.outcome),
        status_code: row.status_code,
        error: row.error,
        error_code: row.error_code,
        request_headers: headers.into_iter().map(header).collect(),
        response_body: row.response_body,
        ambiguous: row.ambiguous,
    }
}

/// The largest data, in bytes of JSON, that events of lists and streams also have as a `Struct`, which takes a hundred times the memory
/// and time.
pub(crate) const MAX_STRUCT: usize = 8 * 1024;

/// One of many events, from its row.
pub(crate) fn listed_event(row: events::Model) -> Result<wire::AcceptedEvent, Corrupt> {
    let with_struct = row.data.len() <= MAX_STRUCT;
    read_event(row, with_struct)
}

/// One of many events for another service, which reads data as text.
pub(crate) fn internal_event(row: events::Model) -> Result<wire::AcceptedEvent, Corrupt> {
    read_event(row, false)
}

/// An event from its row.
pub(crate) fn accepted_event(row: events::Model) -> Result<wire::AcceptedEvent, Corrupt> {
    read_event(row, true)
}

fn read_event(row: events::Model, with_struct: bool) -> Result<wire::AcceptedEvent, Corrupt> {
    let routes = row.parsed_routes()?;
    let accepted_at = row.accepted_at;
    let stored = row.event()?;
    Ok(wire::AcceptedEvent {
        event: Some(event(&stored, with_struct)),
        accept_time: Some(time(accepted_at)),
        routes: routes.iter().map(Into::into).collect(),
        alert: stored.alert.as_ref().map(Into::into),
        data_json: stored.data,
    })
}

fn event(event: &AcceptedEvent, with_struct: bool) -> event_wire::Event {
    // Data stored before the current bounds may exceed what a `Struct` can hold; one such event must not fail a whole
    // page.
    let data = with_struct.then(|| event.data.parse::<Data>().ok()).flatten();
    event_wire::Event {
        id: event.id.to_string(),
        r#type: event.event_type.to_string(),
        severity: event.severity.to_wire(),
        category: event.category.to_wire(),
        source: event.source.clone(),
        occurred_at: Some(timestamp(event.occurred_at)),
        title: event.title.clone(),
        url: event.url.clone(),
        subject: event.subject.clone(),
        test: event.test,
        dedup_key: event
            .alert
            .as_ref()
            .map(|alert| alert.key.to_string())
            .unwrap_or_default(),
        payload: data.map(|data| event_wire::event::Payload::Data(structure(data.object()))),
    }
}

/// A row of the inbox.
pub(crate) fn notification(row: NotificationRow) -> wire::Notification {
    wire::Notification {
        id: NotificationId::from_uuid(row.id).to_string(),
        team_id: TeamId::from_uuid(row.team_id).to_string(),
        event_id: row.event_id,
        event_type: row.event_type,
        severity: i32::from(row.severity),
        title: row.title,
        url: row.url,
        source: row.source,
        subject: row.subject,
        create_time: Some(time(row.created_at)),
        read: row.read,
        archived: row.archived,
        cursor: row.cursor,
        test: row.test,
        alert: row.alert.map(alert_status),
    }
}

/// The news that the deliveries of a submission were made.
pub(crate) fn new_deliveries<'p>(
    event: &AcceptedEvent,
    planned: impl IntoIterator<Item = &'p Planned>,
    kept_back: impl Fn(usize) -> Option<KeptBack<'p>>,
) -> Vec<Change> {
    planned
        .into_iter()
        .enumerate()
        .map(|(place, planned)| {
            let inbox = LaneId::of(&planned.route, event.team_id).is_none();
            let kept_back = kept_back(place);
            let state = match kept_back {
                Some(_) => State::Folded,
                None if inbox => State::Delivered,
                None => State::Pending,
            };
            let mut delivery = skeleton(event, planned.id, event.accepted_at);
            delivery.route = Some((&*planned.route).into());
            delivery.state = i32::from(state as i16);
            delivery.end_time = (state != State::Pending).then(|| timestamp(event.accepted_at));
            match kept_back {
                Some(KeptBack::Repeat(why)) => {
                    why.clone_into(&mut delivery.state_message);
                    let alert = delivery.alert.as_ref();
                    let key = alert.map(|alert| alert.key.clone()).unwrap_or_default();
                    delivery.state_detail = Some(standing::of_repeat(key));
                }
                Some(KeptBack::Gathered(gathered)) => {
                    delivery.state_message.clone_from(&gathered.message);
                    delivery.state_detail = Some(standing::of_gathered(gathered.due));
                    delivery.next_attempt_time = Some(timestamp(gathered.due));
                    delivery.end_time = None;
                }
                None => {}
            }
            change(planned.route.channel_id(), delivery)
        })
        .collect()
}

/// The news that a delivery has changed.
pub(crate) fn changed(outcome: &JobOutcome) -> Change {
    let job = &outcome.job;
    change(job.route.channel_id(), outcome_delivery(outcome))
}

/// The news that a delivery has changed, from its row.
pub(crate) fn row_changed(row: &deliveries::Model) -> Result<Change, Corrupt> {
    let channel = row.channel_id.map(ChannelId::from_uuid);
    Ok(change(channel, delivery(row)?))
}

/// A delivery after an outcome, with the attempt that led there.
pub(crate) fn outcome_delivery(outcome: &JobOutcome) -> wire::Delivery {
    let job = &outcome.job;
    let mut delivery = skeleton(&job.event, job.id, job.created_at);
    delivery.route = Some((&*job.route).into());
    delivery.state = i32::from(outcome.state as i16);
    delivery.state_message.clone_from(&outcome.message);
    delivery.state_detail = standing::of_outcome(outcome);
    delivery.attempt_count = i32::try_from(outcome.attempts()).unwrap_or(i32::MAX);
    delivery.next_attempt_time = outcome.due_at.map(timestamp);
    delivery.end_time = outcome.ended_at.map(timestamp);
    delivery.replay_of = replay_of(job);
    delivery.attempts = outcome.attempt.iter().map(attempt_of_outcome).collect();
    delivery
}

fn replay_of(job: &Job) -> String {
    job.replay_of.map(|id| id.to_string()).unwrap_or_default()
}

fn attempt_of_outcome(attempt: &Attempt) -> wire::Attempt {
    let result = &attempt.result;
    let headers = LoggedHeaders::pairs(result.request_headers.as_json());
    wire::Attempt {
        id: attempt.id.to_string(),
        number: i32::try_from(attempt.number).unwrap_or(i32::MAX),
        start_time: Some(timestamp(attempt.started_at)),
        latency: Some(duration(result.latency)),
        outcome: i32::from(attempt.outcome()),
        status_code: i32::from(result.status_code),
        error: result.error.clone(),
        error_code: result.error_code.clone(),
        request_headers: headers.into_iter().map(header).collect(),
        response_body: result.response_body.clone(),
        ambiguous: result.ambiguous,
    }
}

fn skeleton(event: &AcceptedEvent, id: DeliveryId, created_at: DateTime<Utc>) -> wire::Delivery {
    wire::Delivery {
        id: id.to_string(),
        team_id: event.team_id.to_string(),
        event_id: event.id.to_string(),
        event_type: event.event_type.to_string(),
        severity: event.severity.to_wire(),
        create_time: Some(timestamp(created_at)),
        test: event.test,
        event_title: event.title.clone(),
        alert: event.alert_status.get().cloned().map(alert_status),
        ..wire::Delivery::default()
    }
}

fn change(channel_id: Option<ChannelId>, delivery: wire::Delivery) -> Change {
    Change {
        channel_id,
        delivery: Arc::new(delivery),
    }
}

fn header((name, value): (String, String)) -> wire::RequestHeader {
    wire::RequestHeader { name, value }
}

/// An instant of the tables.
pub(crate) fn time(micros: i64) -> Timestamp {
    timestamp(instant(micros))
}
