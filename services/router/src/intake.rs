//! What happens to an event between a caller's words and the Dispatcher's commit: validate, decide, submit.

use prost::Message;
use watchbell_contracts::{event::v1 as wire, router::v1::EmitResponse};
use watchbell_model::{
    AcceptedEvent,
    clock::SharedClock,
    event::{Event, EventDraft},
    ids::TeamId,
    route::Route,
    snapshot::TeamSnapshot,
    violation::{Violations, reason},
};
use watchbell_runtime::{shares::places, telemetry::propagate, workshop::Workshop};

use crate::{
    decide::decide, error::Error, metrics::Metrics, snapshots::Snapshots, submitter::Submitter, turns::Turns,
};

/// What an event costs, in places: of memory, and of its caller's rate.
pub(crate) fn cost(event: Option<&wire::Event>) -> usize {
    places(event.map_or(0, Message::encoded_len))
}

/// The way of an event through the Router.
#[derive(Clone)]
pub(crate) struct Intake {
    pub(crate) clock: SharedClock,
    pub(crate) snapshots: Snapshots,
    pub(crate) submitter: Submitter,
    pub(crate) turns: Turns,
    pub(crate) metrics: Metrics,
    pub(crate) workshop: Workshop,
}

// === impl Intake ===

impl Intake {
    /// Accepts one event: answers once it is on disk. Violations are under `path`.
    pub(crate) async fn accept(
        &self,
        team: TeamId,
        event: Option<wire::Event>,
        path: &str,
    ) -> Result<EmitResponse, Error> {
        let _turn = self.turns.take(team, cost(event.as_ref())).await;
        let accepted = self.try_accept(team, event, path).await;
        if let Err(error) = &accepted {
            self.metrics.refused(error);
        }
        accepted
    }

    async fn try_accept(
        &self,
        team: TeamId,
        event: Option<wire::Event>,
        path: &str,
    ) -> Result<EmitResponse, Error> {
        let (event, routes) = self.decide(team, event, path).await?;
        let event_id = event.id.to_string();
        let response = self.submitter.submit(event, routes).await?;
        Ok(EmitResponse {
            event_id,
            duplicate: response.duplicate,
            route_count: i32::try_from(response.routes.len()).unwrap_or(i32::MAX),
            routes: response.routes,
        })
    }

    /// What is to be committed. Nothing else is kept until then: parsed, an event takes several times the memory of its
    /// text.
    async fn decide(
        &self,
        team: TeamId,
        event: Option<wire::Event>,
        path: &str,
    ) -> Result<(AcceptedEvent, Vec<Route>), Error> {
        let snapshot = self.snapshots.of(team).await?;
        let draft = draft(event, path)?;
        let heavy = snapshot.is_heavy(&draft.event_type, &draft.data);
        let (intake, path) = (self.clone(), path.to_owned());
        let decide = move || intake.decide_draft(team, draft, &snapshot, &path);
        if heavy {
            self.workshop.run(team, decide).await?
        } else {
            decide()
        }
    }

    fn decide_draft(
        &self,
        team: TeamId,
        draft: EventDraft,
        snapshot: &TeamSnapshot,
        path: &str,
    ) -> Result<(AcceptedEvent, Vec<Route>), Error> {
        let event = self.parse(draft, snapshot, path)?;
        let traceparent = propagate::traceparent();
        // As with attempts: in a trace that nobody keeps, only who debugs has the span.
        let span = if traceparent.as_deref().is_none_or(propagate::is_sampled) {
            tracing::info_span!("decide", %team, event = %event.id, revision = snapshot.revision)
        } else {
            tracing::debug_span!("decide", %team, event = %event.id, revision = snapshot.revision)
        };
        let decision = span.in_scope(|| decide(snapshot, &event));
        self.metrics.failed_expressions(&decision);
        let routes = decision.routes.iter().map(Into::into).collect();
        Ok((AcceptedEvent::new(event, traceparent, self.clock.now()), routes))
    }

    /// The event that a draft words, checked against the team's catalog.
    pub(crate) fn parse(
        &self,
        draft: EventDraft,
        snapshot: &TeamSnapshot,
        path: &str,
    ) -> Result<Event, Violations> {
        Event::parse(draft, snapshot.team_id, &snapshot.catalog, self.clock.now())
            .map_err(|violations| violations.under(path))
    }
}

/// What a message words.
pub(crate) fn draft(event: Option<wire::Event>, path: &str) -> Result<EventDraft, Violations> {
    let Some(message) = event else {
        return Err(Violations::one(path, reason::REQUIRED, "must be given"));
    };
    EventDraft::try_from(message).map_err(|violations| violations.under(path))
}
