//! A Dispatcher as far as Config knows it: says how channels fare, and takes events each once.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures::StreamExt;
use parking_lot::Mutex;
use tonic::{Code, Request, Response, Status};
use watchbell_contracts::api::{BoxStream, DispatcherApi, boxed};
use watchbell_contracts::dispatcher::v1::*;
use watchbell_model::Event;
use watchbell_model::decision::{Decision, Reason, Route, Target};
use watchbell_model::ids::TeamId;
use watchbell_model::snapshot::TeamSnapshot;
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::to_message;

use crate::support::Config;

type Answer<T> = Result<Response<T>, Status>;

/// See the module. Clones are one.
#[derive(Clone, Default)]
pub(crate) struct DispatcherStandIn(Arc<State>);

#[derive(Default)]
struct State {
    stats: Mutex<Vec<ChannelStats>>,
    taken: Mutex<Vec<SubmitRequest>>,
    events: Mutex<Vec<AcceptedEvent>>,
    /// Codes with which a team's submissions are refused.
    refused: Mutex<HashMap<String, Code>>,
    /// The team of each submission that was refused.
    refusals: Mutex<Vec<String>>,
    away: AtomicBool,
}

/// Sends every event to the inbox.
pub(crate) fn decide(_: &TeamSnapshot, _: &Event) -> Decision {
    Decision {
        routes: vec![Route {
            target: Target::Inbox,
            reason: Reason::AlertsByDefault,
            mentions: Vec::new(),
            tells_repeats: false,
            group: None,
            remind: None,
            escalate: None,
        }],
        ..Decision::default()
    }
}

// === impl DispatcherStandIn ===

impl DispatcherStandIn {
    /// One that this replica of Config knows.
    pub(crate) fn attached(config: &Config) -> Self {
        let dispatcher = Self::default();
        config
            .service
            .attach_dispatcher(Arc::new(dispatcher.clone()), decide);
        dispatcher
    }

    pub(crate) fn fares(&self, stats: Vec<ChannelStats>) {
        *self.0.stats.lock() = stats;
    }

    pub(crate) fn accepted(&self, events: Vec<AcceptedEvent>) {
        *self.0.events.lock() = events;
    }

    pub(crate) fn away(&self, away: bool) {
        self.0.away.store(away, Ordering::SeqCst);
    }

    /// Refuses what is submitted for a team from now on.
    pub(crate) fn refuse(&self, team: TeamId, code: Code) {
        self.0.refused.lock().insert(team.to_string(), code);
    }

    /// How often a team was refused.
    pub(crate) fn refusals(&self, team: TeamId) -> usize {
        let refusals = self.0.refusals.lock();
        refusals
            .iter()
            .filter(|refused| **refused == team.to_string())
            .count()
    }

    /// What was submitted, duplicates left out.
    pub(crate) fn taken(&self) -> Vec<SubmitRequest> {
        self.0.taken.lock().clone()
    }

    fn check(&self, principal: Option<&Principal>) -> Result<(), Status> {
        assert_eq!(principal, Some(&Principal::Service));
        if self.0.away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("away"));
        }
        Ok(())
    }

    fn take(&self, request: SubmitRequest) -> SubmitResponse {
        if let Some(code) = self.0.refused.lock().get(&request.team_id) {
            self.0.refusals.lock().push(request.team_id);
            return SubmitResponse {
                error: Some(to_message(&Status::new(*code, "not now"))),
                ..SubmitResponse::default()
            };
        }
        let mut taken = self.0.taken.lock();
        let id = |request: &SubmitRequest| request.event.as_ref().map(|event| event.id.clone());
        let duplicate = taken.iter().any(|other| id(other) == id(&request));
        let sequence = request.sequence;
        if !duplicate {
            taken.push(request);
        }
        SubmitResponse {
            sequence,
            duplicate,
            ..SubmitResponse::default()
        }
    }
}

#[async_trait]
impl DispatcherApi for DispatcherStandIn {
    async fn submit(&self, request: Request<BoxStream<SubmitRequest>>) -> Answer<BoxStream<SubmitResponse>> {
        self.check(request.extensions().get())?;
        let this = self.clone();
        let answers = request.into_inner().map(move |request| Ok(this.take(request?)));
        Ok(Response::new(boxed(answers)))
    }

    async fn list_events(&self, request: Request<ListEventsRequest>) -> Answer<ListEventsResponse> {
        self.check(request.extensions().get())?;
        assert!(request.get_ref().page_size > 0 && request.get_ref().accept_start_time.is_some());
        let events = self.0.events.lock().clone();
        Ok(Response::new(ListEventsResponse {
            events,
            ..ListEventsResponse::default()
        }))
    }

    async fn get_channel_stats(
        &self,
        request: Request<GetChannelStatsRequest>,
    ) -> Answer<GetChannelStatsResponse> {
        self.check(request.extensions().get())?;
        let channels = self.0.stats.lock().clone();
        Ok(Response::new(GetChannelStatsResponse { channels }))
    }
}
