//! What happens to an event between a caller's words and the Dispatcher's commit: validate, decide, submit.

use prost::Message;
use watchbell_contracts::event::v1 as wire;
use watchbell_contracts::router::v1::EmitResponse;
use watchbell_model::AcceptedEvent;
use watchbell_model::budget::units;
use watchbell_model::catalog::notices;
use watchbell_model::cell::TeamCell;
use watchbell_model::clock::SharedClock;
use watchbell_model::event::{Event, EventDraft};
use watchbell_model::ids::TeamId;
use watchbell_model::route::Route;
use watchbell_model::snapshot::TeamSnapshot;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::event_span;
use watchbell_runtime::telemetry::propagate;
use watchbell_runtime::tenant_pool::TenantPool;

use crate::decide::decide;
use crate::error::Error;
use crate::failures::Failures;
use crate::metrics::Metrics;
use crate::snapshots::Snapshots;
use crate::submitter::Submitter;
use crate::team_budgets::{TeamBudgets, TeamPermit};

/// Cost of an event in units, for its memory and its caller's rate limit.
pub(crate) fn cost(event: Option<&wire::Event>) -> usize {
    units(event.map_or(0, Message::encoded_len))
}

/// Path of an event through the Router.
#[derive(Clone)]
pub(crate) struct EmitPipeline {
    pub(crate) clock: SharedClock,
    pub(crate) snapshots: Snapshots,
    pub(crate) submitter: Submitter,
    pub(crate) budgets: TeamBudgets,
    pub(crate) metrics: Metrics,
    pub(crate) failures: Failures,
    pub(crate) tenant_pool: TenantPool,
}

// === impl EmitPipeline ===

impl EmitPipeline {
    /// Accepts one event: answers once it is on disk. Violations are under `path`.
    pub(crate) async fn accept(
        &self,
        team: TeamId,
        event: Option<wire::Event>,
        path: &str,
    ) -> Result<EmitResponse, Error> {
        let turn = self.budgets.take(team, cost(event.as_ref())).await;
        let accepted = self.try_accept(team, event, path, &turn).await;
        if let Err(error) = &accepted {
            self.metrics.refused(error);
            if !matches!(error, Error::Invalid(_)) {
                tracing::warn!(%team, reason = error.word(), "an event was refused");
            }
        }
        accepted
    }

    async fn try_accept(
        &self,
        team: TeamId,
        event: Option<wire::Event>,
        path: &str,
        turn: &TeamPermit,
    ) -> Result<EmitResponse, Error> {
        let (event, routes, cell) = self.decide(team, event, path).await?;
        turn.decided(routes.len());
        let event_id = event.id.to_string();
        let response = self.submitter.submit(event, routes, cell.as_ref()).await?;
        Ok(EmitResponse {
            event_id,
            duplicate: response.duplicate,
            route_count: i32::try_from(response.routes.len()).unwrap_or(i32::MAX),
            routes: response.routes,
        })
    }

    /// The submission, and the cell that it belongs to. Nothing else is kept until the commit: a parsed event takes several times
    /// the memory of its text.
    async fn decide(
        &self,
        team: TeamId,
        event: Option<wire::Event>,
        path: &str,
    ) -> Result<(AcceptedEvent, Vec<Route>, Option<TeamCell>), Error> {
        let snapshot = self.snapshots.get(team).await?;
        let cell = snapshot.cell.clone();
        let draft = draft(event, path)?;
        let heavy = snapshot.is_heavy(&draft.event_type, &draft.data);
        let (pipeline, path) = (self.clone(), path.to_owned());
        let decide = move || pipeline.decide_draft(team, draft, &snapshot, &path);
        let (event, routes) = match heavy {
            true => self.tenant_pool.run(team, decide).await??,
            false => decide()?,
        };
        Ok((event, routes, cell))
    }

    fn decide_draft(
        &self,
        team: TeamId,
        draft: EventDraft,
        snapshot: &TeamSnapshot,
        path: &str,
    ) -> Result<(AcceptedEvent, Vec<Route>), Error> {
        let mut violations = Violations::new();
        if notices::is_operational(&draft.event_type) {
            let why = "is a type of events that Watchbell alone emits";
            violations.add(format!("{path}.type"), reason::NOT_ALLOWED, why);
        }
        let event = violations.take(self.parse(draft, snapshot, path));
        let Some(event) = event.filter(|_| violations.is_empty()) else {
            return Err(violations.into());
        };
        let traceparent = propagate::traceparent();
        let parent = traceparent.as_deref();
        let span = event_span!(parent, "decide", %team, event = %event.id, revision = snapshot.revision);
        let decision = span.in_scope(|| decide(snapshot, &event));
        self.metrics.failed_expressions(&decision);
        self.failures
            .note(team, &decision.failed_expressions, self.clock.now());
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

/// The draft of a message.
pub(crate) fn draft(event: Option<wire::Event>, path: &str) -> Result<EventDraft, Violations> {
    let Some(message) = event else {
        return Err(Violations::one(path, reason::REQUIRED, "must be given"));
    };
    EventDraft::try_from(message).map_err(|violations| violations.under(path))
}
