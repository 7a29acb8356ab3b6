//! Config and Dispatcher as a test scripts them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::StreamExt as _;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status};
use watchbell_contracts::api::{BoxStream, CONFIG_UNKNOWN, DispatcherApi, SnapshotApi, boxed};
use watchbell_contracts::config::v1::{
    DraftTeamSnapshotRequest, DraftTeamSnapshotResponse, GetPastTeamSnapshotRequest,
    GetPastTeamSnapshotResponse, GetTeamSnapshotRequest, GetTeamSnapshotResponse,
    ReportExpressionFailuresRequest, ReportExpressionFailuresResponse, Team, TeamSnapshot,
};
use watchbell_contracts::dispatcher::v1::{
    AcceptedEvent, AddDeliveriesRequest, AddDeliveriesResponse, AlertExplanation, ExplainAlertRequest,
    ExplainAlertResponse, GetEventRequest, GetEventResponse, ListEventsRequest, ListEventsResponse,
    MissingRoutes, SubmitRequest, SubmitResponse,
};
use watchbell_model::ids::TeamId;

type Answer<T> = Result<Response<T>, Status>;

/// A team without anything, at that revision.
pub(crate) fn wire_team(team: TeamId, revision: i64) -> TeamSnapshot {
    TeamSnapshot {
        revision,
        team: Some(Team {
            id: team.to_string(),
            time_zone: "UTC".to_owned(),
            ..Team::default()
        }),
        ..TeamSnapshot::default()
    }
}

/// A Config whose snapshots and outages are the test's.
pub(crate) struct FakeConfig {
    answers: Mutex<HashMap<String, Result<TeamSnapshot, Status>>>,
    fetches: AtomicUsize,
    /// What it was told of expressions that fail.
    pub(crate) expression_failures: Mutex<Vec<ReportExpressionFailuresRequest>>,
    /// How it refuses that.
    pub(crate) refusal: Mutex<Option<Status>>,
    /// What it answers of the past, and of drafts.
    pub(crate) past: Mutex<Option<GetPastTeamSnapshotResponse>>,
    pub(crate) draft: Mutex<Option<DraftTeamSnapshotResponse>>,
    /// A fetch takes a permit when it begins to answer.
    gate: Semaphore,
}

// === impl FakeConfig ===

impl FakeConfig {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::default(),
            fetches: AtomicUsize::new(0),
            expression_failures: Mutex::default(),
            refusal: Mutex::default(),
            past: Mutex::default(),
            draft: Mutex::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS / 2),
        })
    }

    /// What it answers of the team from now on.
    pub(crate) fn set(&self, team: TeamId, answer: Result<TeamSnapshot, Status>) {
        self.answers.lock().insert(team.to_string(), answer);
    }

    /// How many fetches have begun.
    pub(crate) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    /// From now on fetches wait to be let through.
    pub(crate) fn hold(&self) {
        self.gate.forget_permits(usize::MAX);
    }

    pub(crate) fn let_through(&self, count: usize) {
        self.gate.add_permits(count);
    }
}

#[async_trait::async_trait]
impl SnapshotApi for FakeConfig {
    async fn get_team_snapshot(
        &self,
        request: Request<GetTeamSnapshotRequest>,
    ) -> Answer<GetTeamSnapshotResponse> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let team = request.into_inner().team_id;
        // Read first, answered when let through: what Config saw may be old by the time it arrives.
        let answer = self.answers.lock().get(&team).cloned();
        self.gate.acquire().await.unwrap().forget();
        let snapshot = answer.unwrap_or_else(|| Err(Status::not_found("no such team")))?;
        Ok(Response::new(GetTeamSnapshotResponse {
            snapshot: Some(snapshot),
        }))
    }

    async fn get_past_team_snapshot(
        &self,
        _request: Request<GetPastTeamSnapshotRequest>,
    ) -> Answer<GetPastTeamSnapshotResponse> {
        Ok(Response::new(self.past.lock().clone().unwrap()))
    }

    async fn draft_team_snapshot(
        &self,
        _request: Request<DraftTeamSnapshotRequest>,
    ) -> Answer<DraftTeamSnapshotResponse> {
        Ok(Response::new(self.draft.lock().clone().unwrap()))
    }

    async fn report_expression_failures(
        &self,
        request: Request<ReportExpressionFailuresRequest>,
    ) -> Answer<ReportExpressionFailuresResponse> {
        if let Some(refusal) = self.refusal.lock().clone() {
            return Err(refusal);
        }
        self.expression_failures.lock().push(request.into_inner());
        Ok(Response::new(ReportExpressionFailuresResponse {}))
    }
}

/// A Dispatcher whose streams the test answers.
pub(crate) struct FakeDispatcher {
    opened: mpsc::UnboundedSender<FakeSession>,
    sessions: tokio::sync::Mutex<mpsc::UnboundedReceiver<FakeSession>>,
    away: AtomicBool,
    config_unknown: AtomicBool,
    /// What it has stored, newest first.
    pub(crate) log: Mutex<Vec<AcceptedEvent>>,
    /// What it says of an event's alert; nothing while it is away.
    pub(crate) alert: Mutex<Option<AlertExplanation>>,
    /// How it was asked for what it has stored.
    pub(crate) listed: Mutex<Vec<ListEventsRequest>>,
    /// What it was asked to add.
    pub(crate) additions: Mutex<Vec<AddDeliveriesRequest>>,
    /// How it refuses that.
    pub(crate) refusal: Mutex<Option<Status>>,
    /// The deliveries that it has: events, and targets in words.
    pub(crate) deliveries: Mutex<HashSet<(String, String)>>,
}

/// One stream as the Dispatcher sees it.
pub(crate) struct FakeSession {
    requests: BoxStream<SubmitRequest>,
    answers: mpsc::UnboundedSender<Result<SubmitResponse, Status>>,
}

// === impl FakeDispatcher ===

impl FakeDispatcher {
    pub(crate) fn new() -> Arc<Self> {
        let (opened, sessions) = mpsc::unbounded_channel();
        Arc::new(Self {
            opened,
            sessions: tokio::sync::Mutex::new(sessions),
            away: AtomicBool::new(false),
            config_unknown: AtomicBool::new(false),
            log: Mutex::default(),
            alert: Mutex::default(),
            listed: Mutex::default(),
            additions: Mutex::default(),
            refusal: Mutex::default(),
            deliveries: Mutex::default(),
        })
    }

    pub(crate) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// Streams that are opened from now on say whether it knows Config.
    pub(crate) fn set_config_unknown(&self, unknown: bool) {
        self.config_unknown.store(unknown, Ordering::SeqCst);
    }

    /// The next stream that is opened.
    pub(crate) async fn session(&self) -> FakeSession {
        self.sessions.lock().await.recv().await.unwrap()
    }

    /// Commits whatever comes and keeps it.
    pub(crate) fn commit_everything(self: &Arc<Self>) -> Arc<Mutex<Vec<SubmitRequest>>> {
        let committed = Arc::<Mutex<Vec<SubmitRequest>>>::default();
        let (dispatcher, kept) = (self.clone(), committed.clone());
        tokio::spawn(async move {
            loop {
                let mut session = dispatcher.session().await;
                while let Some(request) = session.request().await {
                    session.commit(&request);
                    kept.lock().push(request);
                }
            }
        });
        committed
    }
}

// === impl FakeSession ===

impl FakeSession {
    /// The next request; none when the caller takes leave.
    pub(crate) async fn request(&mut self) -> Option<SubmitRequest> {
        self.requests.next().await.map(Result::unwrap)
    }

    pub(crate) fn answer(&self, response: SubmitResponse) {
        self.answers.send(Ok(response)).unwrap();
    }

    pub(crate) fn commit(&self, request: &SubmitRequest) {
        self.answer(SubmitResponse {
            sequence: request.sequence,
            routes: request.routes.clone(),
            ..SubmitResponse::default()
        });
    }

    /// Ends with an error; the requests are kept, as a transport may do.
    pub(crate) fn break_off(self) -> BoxStream<SubmitRequest> {
        self.answers.send(Err(Status::unavailable("gone"))).unwrap();
        self.requests
    }
}

#[async_trait::async_trait]
impl DispatcherApi for FakeDispatcher {
    async fn get_event(&self, request: Request<GetEventRequest>) -> Answer<GetEventResponse> {
        let id = request.into_inner().event_id;
        let log = self.log.lock();
        let found = log
            .iter()
            .find(|listed| listed.event.as_ref().is_some_and(|event| event.id == id));
        let event = found.cloned().ok_or_else(|| Status::not_found("no such event"))?;
        Ok(Response::new(GetEventResponse { event: Some(event) }))
    }

    async fn explain_alert(&self, _request: Request<ExplainAlertRequest>) -> Answer<ExplainAlertResponse> {
        let explanation = self.alert.lock().clone();
        let explanation = explanation.ok_or_else(|| Status::unavailable("away"))?;
        Ok(Response::new(ExplainAlertResponse {
            explanation: Some(explanation),
        }))
    }

    async fn add_deliveries(&self, request: Request<AddDeliveriesRequest>) -> Answer<AddDeliveriesResponse> {
        if let Some(refusal) = self.refusal.lock().clone() {
            return Err(refusal);
        }
        let request = request.into_inner();
        let mut deliveries = self.deliveries.lock();
        let events = request.events.iter().map(|event| {
            let mut places = Vec::new();
            for (place, route) in event.routes.iter().enumerate() {
                let delivery = (event.event_id.clone(), format!("{:?}", route.target));
                let is_new = match request.validate_only {
                    true => !deliveries.contains(&delivery),
                    false => deliveries.insert(delivery),
                };
                places.extend(is_new.then_some(i32::try_from(place).unwrap()));
            }
            MissingRoutes { places }
        });
        let events = events.collect();
        self.additions.lock().push(request);
        Ok(Response::new(AddDeliveriesResponse {
            events,
            last_due_time: None,
        }))
    }

    async fn list_events(&self, request: Request<ListEventsRequest>) -> Answer<ListEventsResponse> {
        self.listed.lock().push(request.into_inner());
        Ok(Response::new(ListEventsResponse {
            events: self.log.lock().clone(),
            next_page_token: String::new(),
        }))
    }

    async fn submit(&self, request: Request<BoxStream<SubmitRequest>>) -> Answer<BoxStream<SubmitResponse>> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("away"));
        }
        let (answers, stream) = mpsc::unbounded_channel();
        let requests = request.into_inner();
        self.opened.send(FakeSession { requests, answers }).unwrap();
        let mut response = Response::new(boxed(UnboundedReceiverStream::new(stream)));
        if self.config_unknown.load(Ordering::SeqCst) {
            response
                .metadata_mut()
                .insert(CONFIG_UNKNOWN, "1".parse().unwrap());
        }
        Ok(response)
    }
}
