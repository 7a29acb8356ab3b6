//! Who submits: a client that submits one event until it is accepted.

use std::sync::{Arc, OnceLock};

use tokio::sync::oneshot;
use uuid::Uuid;
use watchbell_contracts::event::v1 as wire;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::alert::EventAlert;
use watchbell_model::group::RouteGroup;
use watchbell_model::ids::{ChannelId, DeliveryId, TeamId};
use watchbell_model::route::{Reason, Route, Target};
use watchbell_model::{Category, ChannelKind, Severity};
use watchbell_runtime::problem::Problem;

use super::alerts::Said;
use super::rng::Rng;
use crate::job::{Committed, Planned, Submission};
use crate::state::Core;

/// A client.
pub(super) struct Client {
    pub(super) event: String,
    /// Where the event goes, by which kind of channel.
    pub(super) lanes: Vec<(ChannelId, ChannelKind)>,
    /// What it says of an alert, if it belongs to one.
    pub(super) said: Option<Said>,
    /// What gathers it on its way to chats.
    group: Option<RouteGroup>,
    pub(super) accepted: bool,
    /// Its last submission was refused.
    pub(super) refused: bool,
    waits: Option<oneshot::Receiver<Result<Committed, Problem>>>,
}

// === impl Client ===

impl Client {
    pub(super) fn new(
        number: usize,
        lanes: Vec<(ChannelId, ChannelKind)>,
        said: Option<Said>,
        group: Option<RouteGroup>,
    ) -> Self {
        Self {
            event: format!("e{number}"),
            lanes,
            said,
            group,
            accepted: false,
            refused: false,
            waits: None,
        }
    }

    /// Whether it has something to submit and waits for no answer.
    pub(super) fn is_idle(&self) -> bool {
        !self.accepted && self.waits.is_none()
    }

    /// Submits to a replica, which may have no room; deliveries are numbered on from `planned`.
    pub(super) fn submit(&mut self, team: TeamId, core: &Core, planned: &mut u128) {
        let (answer, waits) = oneshot::channel();
        let plan = |lane: &(ChannelId, ChannelKind)| plan(*lane, self.group.as_ref(), planned);
        let routes = self.lanes.iter().map(plan).collect();
        let submission = Submission::new(self.event(team, core), routes, false, answer);
        self.waits = core.submissions.try_send(submission).ok().map(|()| waits);
    }

    /// Whether it was told just now that its event is accepted.
    pub(super) fn hears(&mut self) -> bool {
        let Some(waits) = &mut self.waits else {
            return false;
        };
        match waits.try_recv() {
            Err(oneshot::error::TryRecvError::Empty) => return false,
            answer => self.accepted = matches!(answer, Ok(Ok(_))),
        }
        self.refused = !self.accepted;
        self.waits = None;
        self.accepted
    }

    fn event(&self, team_id: TeamId, core: &Core) -> AcceptedEvent {
        let now = core.clock.now();
        let said = self.said.as_ref();
        AcceptedEvent {
            team_id,
            id: self.event.parse().unwrap(),
            event_type: said.map_or("finding.created", |said| said.event_type).into(),
            severity: said.map_or(Severity::High, |said| said.severity),
            category: Category::SecurityAlert,
            source: String::new(),
            occurred_at: said.map_or(now, Said::occurred_at),
            accepted_at: now,
            title: String::new(),
            url: String::new(),
            subject: String::new(),
            data: "{}".to_owned(),
            test: false,
            alert: said.map(|said| EventAlert {
                key: said.key.parse().unwrap(),
                action: said.action,
            }),
            traceparent: None,
            email: None,
            body: OnceLock::new(),
            alert_status: OnceLock::new(),
        }
    }
}

/// One of two groups, whose events all wait for as long.
pub(super) fn draw_group(rng: &mut Rng) -> RouteGroup {
    let key = *rng.pick(&[0, 0, 1]);
    let message = wire::RouteGroup {
        key: vec![key; 32].into(),
        wait: Some(prost_types::Duration { seconds: 2, nanos: 0 }),
        at_most: 3,
        ..wire::RouteGroup::default()
    };
    message.try_into().unwrap()
}

fn plan((lane, kind): (ChannelId, ChannelKind), group: Option<&RouteGroup>, planned: &mut u128) -> Planned {
    let route = Route {
        group: group.filter(|_| kind != ChannelKind::Webhook).cloned(),
        ..Route::new(kind, Target::Channel(lane), Reason::default())
    };
    *planned += 1;
    Planned {
        id: DeliveryId::from_uuid(Uuid::from_u128(*planned)),
        json: serde_json::to_string(&route).unwrap(),
        route: Arc::new(route),
    }
}
