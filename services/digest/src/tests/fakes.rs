//! Config and the Dispatcher as far as the Digest calls them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use parking_lot::Mutex;
use serde_json::Value;
use tonic::{Request, Response, Status};
use watchbell_contracts::api::{BoxStream, DispatcherApi, SnapshotApi, boxed};
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::dispatcher::v1::*;
use watchbell_contracts::event::v1 as event;
use watchbell_model::convert::{self, FromWire as _};
use watchbell_model::ids::{MemberId, TeamId};
use watchbell_model::vocabulary::Role;
use watchbell_runtime::auth::Principal;

type Answer<T> = Result<Response<T>, Status>;

/// Holds one team.
pub(super) struct ConfigStandIn {
    snapshot: Mutex<config::TeamSnapshot>,
}

impl ConfigStandIn {
    pub(super) fn with(team: TeamId) -> Arc<Self> {
        let owner = config::Member {
            id: MemberId::from_uuid(team.as_uuid()).to_string(),
            email: "owner@example.com".to_owned(),
            role: Role::Owner.to_wire(),
            ..Default::default()
        };
        let snapshot = config::TeamSnapshot {
            team: Some(config::Team {
                id: team.to_string(),
                display_name: "Acme".to_owned(),
                time_zone: "Europe/Berlin".to_owned(),
                ..Default::default()
            }),
            members: vec![config::MemberSnapshot {
                member: Some(owner),
                preferences: Vec::new(),
            }],
            digest: Some(config::DigestSettings::default()),
            ..Default::default()
        };
        Arc::new(Self {
            snapshot: Mutex::new(snapshot),
        })
    }

    pub(super) fn edit(&self, edit: impl FnOnce(&mut config::TeamSnapshot)) {
        edit(&mut self.snapshot.lock());
    }

    fn snapshot(&self) -> config::TeamSnapshot {
        self.snapshot.lock().clone()
    }
}

#[async_trait]
impl SnapshotApi for ConfigStandIn {
    async fn get_team_snapshot(
        &self,
        request: Request<config::GetTeamSnapshotRequest>,
    ) -> Answer<config::GetTeamSnapshotResponse> {
        assert_eq!(Principal::from_request(&request).ok(), Some(Principal::Service));
        let snapshot = self.snapshot();
        if snapshot.team.as_ref().unwrap().id != request.into_inner().team_id {
            return Err(Status::not_found("no such team"));
        }
        Ok(Response::new(config::GetTeamSnapshotResponse {
            snapshot: Some(snapshot),
        }))
    }

    async fn list_all_teams(
        &self,
        _: Request<config::ListAllTeamsRequest>,
    ) -> Answer<config::ListAllTeamsResponse> {
        let teams = self.snapshot().team.into_iter().collect();
        Ok(Response::new(config::ListAllTeamsResponse {
            teams,
            next_page_token: String::new(),
        }))
    }
}

/// Takes submissions, each id once, and holds events to be read.
#[derive(Default)]
pub(super) struct DispatcherStandIn {
    events: Mutex<Vec<(String, AcceptedEvent)>>,
    submitted: Mutex<Vec<SubmitRequest>>,
    accepted: Mutex<HashMap<String, Vec<event::Route>>>,
    order: Mutex<Vec<String>>,
    away: AtomicBool,
    die_after_commit: AtomicBool,
    most: AtomicUsize,
    flood: AtomicUsize,
}

impl DispatcherStandIn {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(super) fn emitted(
        &self,
        team: TeamId,
        id: &str,
        event_type: &str,
        when: DateTime<Utc>,
        data: &Value,
        test: bool,
    ) {
        self.came_late(team, id, event_type, when, when, data, test);
    }

    #[allow(clippy::too_many_arguments, reason = "an event and when it came")]
    pub(super) fn came_late(
        &self,
        team: TeamId,
        id: &str,
        event_type: &str,
        when: DateTime<Utc>,
        accepted: DateTime<Utc>,
        data: &Value,
        test: bool,
    ) {
        let event = event::Event {
            id: id.to_owned(),
            r#type: event_type.to_owned(),
            occurred_at: Some(convert::timestamp(when)),
            test,
            ..Default::default()
        };
        let event = AcceptedEvent {
            event: Some(event),
            accept_time: Some(convert::timestamp(accepted)),
            data_json: data.to_string(),
            ..Default::default()
        };
        self.events.lock().push((team.to_string(), event));
    }

    /// Every submission there was.
    pub(super) fn submitted(&self) -> Vec<SubmitRequest> {
        self.submitted.lock().clone()
    }

    /// The ids of what was committed, in order.
    pub(super) fn accepted(&self) -> Vec<String> {
        self.order.lock().clone()
    }

    pub(super) fn away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    pub(super) fn die_after_commit(&self, die: bool) {
        self.die_after_commit.store(die, Ordering::SeqCst);
    }

    /// Larger pages do not fit into a message.
    pub(super) fn no_more_than(&self, events: usize) {
        self.most.store(events, Ordering::SeqCst);
    }

    /// So many more audits were delivered, each at the start of the week, by one of a thousand people.
    pub(super) fn flood(&self, events: usize) {
        self.flood.store(events, Ordering::SeqCst);
    }

    fn flooded(&self, request: &ListEventsRequest, from: usize, size: usize) -> ListEventsResponse {
        let flood = self.flood.load(Ordering::SeqCst);
        let to = flood.min(from + size);
        let at = request.end_time.map(|end| prost_types::Timestamp {
            seconds: end.seconds - 6 * 86_400,
            ..end
        });
        let audit = |number: usize| {
            let data = serde_json::json!({
                "audit_id": number.to_string(), "submitter": format!("person {}", number % 1_000), "credits_consumed": 0.1,
            });
            let event = event::Event {
                id: number.to_string(),
                r#type: "audit.delivered".to_owned(),
                occurred_at: at,
                ..Default::default()
            };
            AcceptedEvent {
                event: Some(event),
                data_json: data.to_string(),
                ..Default::default()
            }
        };
        let next_page_token = if to < flood { to.to_string() } else { String::new() };
        ListEventsResponse {
            events: (from..to).map(audit).collect(),
            next_page_token,
        }
    }

    fn commit(&self, request: SubmitRequest) -> Result<SubmitResponse, Status> {
        let id = request.event.clone().unwrap().id;
        let mut accepted = self.accepted.lock();
        let duplicate = accepted.contains_key(&id);
        let routes = accepted
            .entry(id.clone())
            .or_insert_with(|| request.routes.clone())
            .clone();
        if !duplicate {
            self.order.lock().push(id);
        }
        let sequence = request.sequence;
        self.submitted.lock().push(request);
        if self.die_after_commit.load(Ordering::SeqCst) {
            return Err(Status::unknown("the connection broke"));
        }
        Ok(SubmitResponse {
            sequence,
            duplicate,
            routes,
            error: None,
        })
    }
}

#[async_trait]
impl DispatcherApi for DispatcherStandIn {
    async fn submit(&self, request: Request<BoxStream<SubmitRequest>>) -> Answer<BoxStream<SubmitResponse>> {
        let mut requests = request.into_inner();
        let mut answers = Vec::new();
        while let Some(Ok(request)) = requests.next().await {
            answers.push(self.commit(request));
        }
        Ok(Response::new(boxed(futures::stream::iter(answers))))
    }

    async fn list_events(&self, request: Request<ListEventsRequest>) -> Answer<ListEventsResponse> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("away"));
        }
        let request = request.into_inner();
        let most = self.most.load(Ordering::SeqCst);
        let size = usize::try_from(request.page_size).unwrap();
        if most > 0 && size > most {
            return Err(Status::out_of_range(
                "Error, decoded message length too large: found 5 bytes, the limit is: 4 bytes",
            ));
        }
        let from: usize = request.page_token.parse().unwrap_or(0);
        if self.flood.load(Ordering::SeqCst) > 0 {
            return Ok(Response::new(self.flooded(&request, from, size)));
        }
        let pair = |at: prost_types::Timestamp| (at.seconds, at.nanos);
        let nanos = |accepted: &AcceptedEvent| accepted.event.as_ref()?.occurred_at.map(pair);
        let (start, end) = (request.start_time.map(pair), request.end_time.map(pair));
        let accept_start = request.accept_start_time.map(pair);
        let mut events: Vec<_> = self
            .events
            .lock()
            .iter()
            .filter(|(team, event)| {
                *team == request.team_id
                    && (start.is_none() || nanos(event) >= start)
                    && (end.is_none() || nanos(event) < end)
            })
            .map(|(_, event)| event.clone())
            .filter(|accepted| accepted.accept_time.map(pair) >= accept_start)
            .filter(|accepted| {
                let event = accepted.event.as_ref().unwrap();
                let wanted = request.types.is_empty() || request.types.contains(&event.r#type);
                wanted && (request.include_tests || !event.test)
            })
            .collect();
        events.sort_by_key(|event| std::cmp::Reverse(nanos(event)));
        let next_page_token = if events.len() > from + size {
            (from + size).to_string()
        } else {
            String::new()
        };
        let events = events.into_iter().skip(from).take(size).collect();
        Ok(Response::new(ListEventsResponse {
            events,
            next_page_token,
        }))
    }

    async fn get_event(&self, request: Request<GetEventRequest>) -> Answer<GetEventResponse> {
        let id = request.into_inner().event_id;
        match self.accepted.lock().get(&id) {
            Some(routes) => {
                let event = AcceptedEvent {
                    routes: routes.clone(),
                    ..Default::default()
                };
                Ok(Response::new(GetEventResponse { event: Some(event) }))
            }
            None => Err(Status::not_found("no such event")),
        }
    }
}
