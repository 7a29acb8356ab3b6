//! Sends the story's events and follows every delivery to its end, as it happens: over the watch stream, with a
//! deadline and without any sleep.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use tokio_stream::StreamExt as _;
use tonic::{Request, Streaming};
use watchbell_contracts::dispatcher::v1::{
    Delivery, GetDeliveryRequest, ListDeliveriesRequest, ListDeliveriesResponse, ListEventsRequest,
    ListNotificationsRequest, ListNotificationsResponse, WatchDeliveriesRequest, WatchDeliveriesResponse,
};
use watchbell_contracts::event::v1::Event;
use watchbell_contracts::event::v1::event::Payload;
use watchbell_contracts::router::v1::{
    EmitRequest, EmitResponse, EmitStreamRequest, ExplainRequest, ExplanationStep, StepOutcome, emit_result,
};
use watchbell_model::convert::FromWire as _;

use watchbell_model::Severity;
use watchbell_model::catalog::RECEIPT;

use super::scenario::{Step, Team};
use super::setup::{DemoTeam, Setup};
use crate::failure::{Failure, Outcome};
use crate::session::Session;

/// One team's events on their way.
pub(super) struct Live<'a> {
    setup: &'a Setup,
    team: &'a DemoTeam,
    changes: Streaming<WatchDeliveriesResponse>,
    timeout: Duration,
}

/// How following one event ended.
pub(super) enum Followed {
    /// Every delivery has ended.
    Settled,
    /// So many had not in time.
    Waiting(usize),
}

impl<'a> Live<'a> {
    /// Watches a team's deliveries from now on.
    pub(super) async fn watch(setup: &'a Setup, team: Team, timeout: Duration) -> Outcome<Self> {
        let team = setup.team(team);
        let request = WatchDeliveriesRequest {
            team_id: team.admin.team(),
            channel_id: String::new(),
        };
        let changes = team
            .admin
            .dispatcher()
            .watch_deliveries(Request::new(request))
            .await?
            .into_inner();
        Ok(Self {
            setup,
            team,
            changes,
            timeout,
        })
    }

    fn event(&self, step: &Step) -> Event {
        Event {
            id: step.event_id(),
            r#type: step.event_type.to_owned(),
            severity: step.severity.map_or(0, Severity::to_wire),
            source: step.source.to_owned(),
            title: step.title.to_owned(),
            payload: self
                .setup
                .examples
                .get(step.event_type)
                .cloned()
                .map(Payload::Data),
            // The examples of one type are of one thing.
            dedup_key: match step.alert {
                Some(key) => key.to_owned(),
                None if step.event_type == RECEIPT => String::new(),
                None => step.event_id(),
            },
            ..Event::default()
        }
    }

    /// Emits one event with the backend's key.
    pub(super) async fn emit(&self, step: &Step) -> Outcome<EmitResponse> {
        let backend = &self.team.backend;
        let request = EmitRequest {
            team_id: String::new(),
            event: Some(self.event(step)),
        };
        Ok(backend.router().emit(backend.ask(request)).await?.into_inner())
    }

    /// Emits several events over one stream; the answers are in their order.
    pub(super) async fn emit_all(&self, steps: &[Step]) -> Outcome<Vec<EmitResponse>> {
        let backend = &self.team.backend;
        let requests: Vec<_> = steps
            .iter()
            .map(|step| EmitStreamRequest {
                team_id: String::new(),
                event: Some(self.event(step)),
            })
            .collect();
        let answers = backend
            .router()
            .emit_stream(backend.ask(tokio_stream::iter(requests)))
            .await?
            .into_inner();
        let answers: Vec<_> = answers.collect::<Result<_, _>>().await?;
        answers
            .into_iter()
            .map(|answer| match answer.result.and_then(|result| result.outcome) {
                Some(emit_result::Outcome::Accepted(accepted)) => Ok(accepted),
                Some(emit_result::Outcome::Refused(status)) => Err(Failure::message(status.message)),
                None => Err(Failure::message("the server's answer is empty")),
            })
            .collect()
    }

    /// Follows an event until each of its `routes` has ended; `report` is called for every end and for every attempt that is
    /// tried again.
    pub(super) async fn follow(
        &mut self,
        event_id: &str,
        routes: usize,
        mut report: impl FnMut(&Delivery) -> Outcome,
    ) -> Outcome<Followed> {
        let mut ended = HashSet::new();
        // What ended before the watch could say so is listed once, and again when the watch has left something out.
        let mut list = true;
        while ended.len() < routes {
            if std::mem::take(&mut list) {
                for delivery in self.ended(event_id).await? {
                    if ended.insert(delivery.id.clone()) {
                        report(&delivery)?;
                    }
                }
                continue;
            }
            let Ok(change) = tokio::time::timeout(self.timeout, self.changes.next()).await else {
                return Ok(Followed::Waiting(routes - ended.len()));
            };
            let change = change.ok_or_else(|| Failure::message("the watch stream ended"))??;
            list = change.lagged;
            let Some(delivery) = change.delivery.filter(|delivery| delivery.event_id == event_id) else {
                continue;
            };
            if has_ended(&delivery) {
                if ended.insert(delivery.id.clone()) {
                    report(&delivery)?;
                }
            } else if !delivery.attempts.is_empty() && !ended.contains(&delivery.id) {
                report(&delivery)?;
            }
        }
        Ok(Followed::Settled)
    }

    /// The event's deliveries that have ended, with their attempts.
    async fn ended(&self, event_id: &str) -> Outcome<Vec<Delivery>> {
        let admin = &self.team.admin;
        let request = ListDeliveriesRequest {
            team_id: admin.team(),
            event_id: event_id.to_owned(),
            ..ListDeliveriesRequest::default()
        };
        let listed: ListDeliveriesResponse = admin
            .list(
                "watchbell.dispatcher.v1.DispatcherService",
                "ListDeliveries",
                &request,
                usize::MAX,
            )
            .await?;
        let mut ended = Vec::new();
        for delivery in listed.deliveries.into_iter().filter(has_ended) {
            let request = GetDeliveryRequest {
                team_id: admin.team(),
                delivery_id: delivery.id,
            };
            let answer = admin
                .dispatcher()
                .get_delivery(admin.ask(request))
                .await?
                .into_inner();
            ended.extend(answer.delivery);
        }
        Ok(ended)
    }

    /// The newest event of a type: its id and title.
    pub(super) async fn newest(&self, event_type: &str) -> Outcome<(String, String)> {
        let admin = &self.team.admin;
        let request = ListEventsRequest {
            team_id: admin.team(),
            types: vec![event_type.to_owned()],
            ..ListEventsRequest::default()
        };
        let answer = admin
            .dispatcher()
            .list_events(admin.ask(request))
            .await?
            .into_inner();
        let newest = answer
            .events
            .into_iter()
            .next()
            .and_then(|accepted| accepted.event);
        newest
            .map(|event| (event.id, event.title))
            .ok_or_else(|| Failure::message(format!("no event of the type {event_type} came of it")))
    }

    /// What a rule silenced, and what rests: why an event did not go where one might look for it.
    pub(super) async fn withheld(&self, step: &Step) -> Outcome<Vec<ExplanationStep>> {
        let admin = &self.team.admin;
        let event = Event {
            id: String::new(),
            ..self.event(step)
        };
        let request = ExplainRequest {
            team_id: admin.team(),
            event: Some(event),
            ..ExplainRequest::default()
        };
        let answer = admin.router().explain(admin.ask(request)).await?.into_inner();
        let withheld = [StepOutcome::Silenced as i32, StepOutcome::Rests as i32];
        Ok(answer
            .steps
            .into_iter()
            .filter(|step| withheld.contains(&step.outcome))
            .collect())
    }

    /// The events that the owner's inbox shows, by id. The row of an alert stands also for the event with which it began.
    pub(super) async fn notified(&self) -> Outcome<Vec<String>> {
        let admin: &Session = &self.team.admin;
        let request = ListNotificationsRequest {
            team_id: admin.team(),
            member_id: self.team.owner_id.clone(),
            ..ListNotificationsRequest::default()
        };
        let listed: ListNotificationsResponse = admin
            .list(
                "watchbell.dispatcher.v1.InboxService",
                "ListNotifications",
                &request,
                usize::MAX,
            )
            .await?;
        let shown = listed.notifications.into_iter().flat_map(|notification| {
            let opened = notification.alert.map(|alert| alert.opened_event_id);
            [Some(notification.event_id), opened]
        });
        let shown: BTreeSet<_> = shown.flatten().filter(|id| !id.is_empty()).collect();
        Ok(shown.into_iter().collect())
    }
}

/// Also what is only counted.
fn has_ended(delivery: &Delivery) -> bool {
    delivery.end_time.is_some()
}
