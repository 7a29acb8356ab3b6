//! Sends the story's events and follows every delivery to its end, as it happens: over the watch stream, with a
//! deadline and without any sleep.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use tonic::{Request, Streaming};
use watchbell_contracts::dispatcher::v1::{
    Delivery, DeliveryState, GetDeliveryRequest, ListDeliveriesRequest, ListNotificationsRequest,
    WatchDeliveriesRequest, WatchDeliveriesResponse,
};
use watchbell_contracts::event::v1::{Event, event::Payload};
use watchbell_contracts::router::v1::{
    EmitRequest, EmitResponse, EmitStreamRequest, ExplainRequest, ExplanationStep, StepOutcome, emit_result,
};
use watchbell_model::convert::FromWire as _;

use watchbell_model::Severity;

use super::scenario::{Step, Team};
use super::stage::{Cast, Stage};
use crate::failure::{Failure, Outcome};
use crate::session::{Session, every};

/// One team's events on their way.
pub(super) struct Live<'a> {
    stage: &'a Stage,
    cast: &'a Cast,
    changes: Streaming<WatchDeliveriesResponse>,
    patience: Duration,
}

/// How following one event ended.
pub(super) enum Followed {
    /// Every delivery has ended.
    Settled,
    /// So many had not when patience ran out.
    Waiting(usize),
}

impl<'a> Live<'a> {
    /// Watches a team's deliveries from now on.
    pub(super) async fn watch(stage: &'a Stage, team: Team, patience: Duration) -> Outcome<Self> {
        let cast = stage.cast(team);
        let request = WatchDeliveriesRequest {
            team_id: cast.team_id.clone(),
            channel_id: String::new(),
        };
        let changes = cast
            .admin
            .dispatcher()
            .watch_deliveries(Request::new(request))
            .await?
            .into_inner();
        Ok(Self {
            stage,
            cast,
            changes,
            patience,
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
                .stage
                .examples
                .get(step.event_type)
                .cloned()
                .map(Payload::Data),
            ..Event::default()
        }
    }

    /// Emits one event with the backend's key.
    pub(super) async fn emit(&self, step: &Step) -> Outcome<EmitResponse> {
        let backend = &self.cast.backend;
        let request = EmitRequest {
            team_id: String::new(),
            event: Some(self.event(step)),
        };
        Ok(backend.router().emit(backend.ask(request)).await?.into_inner())
    }

    /// Emits several events over one stream; the answers are in their order.
    pub(super) async fn emit_all(&self, steps: &[Step]) -> Outcome<Vec<EmitResponse>> {
        let backend = &self.cast.backend;
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

    /// Follows an event until each of its `routes` has ended; `tell` hears of every end and of every attempt that is
    /// tried again.
    pub(super) async fn follow(
        &mut self,
        event_id: &str,
        routes: usize,
        mut tell: impl FnMut(&Delivery) -> Outcome,
    ) -> Outcome<Followed> {
        let mut ended = HashSet::new();
        // What ended before the watch could say so is listed once, and again when the watch has left something out.
        let mut list = true;
        while ended.len() < routes {
            if std::mem::take(&mut list) {
                for delivery in self.ended(event_id).await? {
                    if ended.insert(delivery.id.clone()) {
                        tell(&delivery)?;
                    }
                }
                continue;
            }
            let Ok(change) = timeout(self.patience, self.changes.next()).await else {
                return Ok(Followed::Waiting(routes - ended.len()));
            };
            let change = change.ok_or_else(|| Failure::message("the watch stream ended"))??;
            list = change.lagged;
            let Some(delivery) = change.delivery.filter(|delivery| delivery.event_id == event_id) else {
                continue;
            };
            if has_ended(&delivery) {
                if ended.insert(delivery.id.clone()) {
                    tell(&delivery)?;
                }
            } else if !delivery.attempts.is_empty() && !ended.contains(&delivery.id) {
                tell(&delivery)?;
            }
        }
        Ok(Followed::Settled)
    }

    /// The event's deliveries that have ended, with their attempts.
    async fn ended(&self, event_id: &str) -> Outcome<Vec<Delivery>> {
        let admin = &self.cast.admin;
        let listed = every(usize::MAX, |page_size, page_token| async move {
            let request = ListDeliveriesRequest {
                team_id: admin.team(),
                event_id: event_id.to_owned(),
                page_size,
                page_token,
                ..ListDeliveriesRequest::default()
            };
            let answer = admin
                .dispatcher()
                .list_deliveries(admin.ask(request))
                .await?
                .into_inner();
            Ok((answer.deliveries, answer.next_page_token))
        })
        .await?;
        let mut ended = Vec::new();
        for delivery in listed.into_iter().filter(has_ended) {
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

    /// What a rule silenced, and what rests: why an event did not go where one might look for it.
    pub(super) async fn withheld(&self, step: &Step) -> Outcome<Vec<ExplanationStep>> {
        let admin = &self.cast.admin;
        let event = Event {
            id: String::new(),
            ..self.event(step)
        };
        let request = ExplainRequest {
            team_id: admin.team(),
            event: Some(event),
            at: None,
        };
        let answer = admin.router().explain(admin.ask(request)).await?.into_inner();
        let withheld = [StepOutcome::Silenced as i32, StepOutcome::Rests as i32];
        Ok(answer
            .steps
            .into_iter()
            .filter(|step| withheld.contains(&step.outcome))
            .collect())
    }

    /// The events that the owner's inbox shows, by id.
    pub(super) async fn noticed(&self) -> Outcome<Vec<String>> {
        let admin: &Session = &self.cast.admin;
        let member_id = &self.cast.owner_id;
        let notifications = every(usize::MAX, |page_size, page_token| async move {
            let request = ListNotificationsRequest {
                team_id: admin.team(),
                member_id: member_id.clone(),
                page_size,
                page_token,
                ..ListNotificationsRequest::default()
            };
            let answer = admin
                .inbox()
                .list_notifications(admin.ask(request))
                .await?
                .into_inner();
            Ok((answer.notifications, answer.next_page_token))
        })
        .await?;
        Ok(notifications
            .into_iter()
            .map(|notification| notification.event_id)
            .collect())
    }
}

fn has_ended(delivery: &Delivery) -> bool {
    matches!(
        DeliveryState::try_from(delivery.state),
        Ok(DeliveryState::Delivered | DeliveryState::Failed | DeliveryState::Cancelled)
    )
}
