//! Reroute: stored events of a period are decided again by today's configuration, and sent where they were never sent. What is
//! missing is asked, and made, by the owner of the team's shard, however often: so a reroute that breaks off may be repeated.

mod tally;
mod wanted;

use std::ops::ControlFlow;
use std::sync::Arc;

use futures::{Stream, stream};
use tonic::Status;
use uuid::Uuid;
use watchbell_contracts::dispatcher::v1::{AddDeliveriesRequest, EventRoutes};
use watchbell_contracts::event::v1::Route as WireRoute;
use watchbell_contracts::router::v1::reroute_response::Step;
use watchbell_contracts::router::v1::{RerouteProgress, RerouteRequest, RerouteResponse, RerouteResult};
use watchbell_model::ids::{ChannelId, TeamId};
use watchbell_model::recipients::Recipients;
use watchbell_model::route::{FOLLOWS_ALERT, Route, Target};
use watchbell_model::snapshot::TeamSnapshot;
use watchbell_runtime::auth::internal_request;
use watchbell_runtime::problem::Problem;

use self::tally::Tally;
use self::wanted::Wanted;
use crate::decide::decide;
use crate::place::Place;
use crate::stored::StoredEvent;
use crate::stored_events::StoredEvents;
use crate::what_if::WhatIf;

/// Routes that are asked about in one call, about.
const MAX_ROUTES: usize = 2_000;

/// A reroute under way.
pub(crate) struct Reroute {
    what_if: WhatIf,
    team: TeamId,
    today: Arc<TeamSnapshot>,
    wanted: Arc<Wanted>,
    /// The name by which the Dispatcher knows it.
    run_id: String,
    events: StoredEvents,
    tally: Tally,
}

/// Events that were decided, and who is to get them.
#[derive(Default)]
struct Decided {
    events: Vec<EventRoutes>,
    /// For each event where it leads.
    places: Vec<Places>,
    routes: usize,
}

/// Where an event leads.
struct Places {
    /// Where it went when it was accepted.
    existing: Vec<Place>,
    /// Where else, in the order of the routes that are asked about.
    asked: Vec<Place>,
}

// === impl Decided ===

impl Decided {
    /// Decides an event. Who got it when it was accepted is not asked about: that delivery may have been purged.
    fn add(
        &mut self,
        tally: &mut Tally,
        today: &TeamSnapshot,
        wanted: &Wanted,
        stored: &StoredEvent,
    ) -> ControlFlow<()> {
        if !wanted.takes_event(&stored.event) {
            return ControlFlow::Continue(());
        }
        tally.look_at(stored);
        let mut recipients = Recipients::default();
        let targets = stored.routes.iter().filter_map(|route| route.target.clone());
        for target in targets.filter_map(|target| Target::try_from(target).ok()) {
            recipients.add(&target);
        }
        let decision = decide(today, &stored.event);
        let decided = decision.routes.iter();
        let decided = decided.filter(|route| wanted.takes(&route.target));
        let mut of_event = Places {
            existing: Vec::new(),
            asked: Vec::new(),
        };
        // What was sent there because it was told of the alert, whatever the rules say.
        let settled = stored
            .routes
            .iter()
            .cloned()
            .filter_map(|route| Route::try_from(route).ok());
        let followed = settled.filter(|route| route.reason.code == FOLLOWS_ALERT);
        let followed = followed.filter(|route| wanted.leads_to(settled_channel(&route.target)));
        of_event
            .existing
            .extend(followed.map(|route| Place::of_settled(&route)));
        let mut asked = Vec::new();
        for route in decided {
            let place = Place::of(&route.target);
            // What is sent again comes one by one.
            let route = Route {
                group: None,
                ..Route::from(route)
            };
            if recipients.have(&route.target) {
                if !of_event.existing.contains(&place) {
                    of_event.existing.push(place);
                }
            } else {
                of_event.asked.push(place);
                asked.push(WireRoute::from(&route));
            }
        }
        if asked.is_empty() {
            tally.add(of_event.existing, Vec::new(), &[], false);
            return ControlFlow::Continue(());
        }
        self.routes += asked.len();
        self.places.push(of_event);
        self.events.push(EventRoutes {
            event_id: stored.event.id.to_string(),
            routes: asked,
        });
        if self.routes >= MAX_ROUTES {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// The channel that a route which was settled leads to, or goes by.
fn settled_channel(target: &Target) -> Option<ChannelId> {
    match target {
        Target::Channel(id) => Some(*id),
        Target::Person { channel, .. } | Target::Address { channel, .. } => *channel,
        Target::Inbox | Target::Receipts => None,
    }
}

// === impl Reroute ===

impl Reroute {
    /// Begins one: reads the first events, so that a filter that is wrong is refused, and keeps others out.
    ///
    /// # Errors
    /// Every field that is wrong; `FAILED_PRECONDITION` while another one is under way.
    pub(crate) async fn begin(
        what_if: WhatIf,
        today: Arc<TeamSnapshot>,
        request: RerouteRequest,
    ) -> Result<Self, Problem> {
        let (wanted, period, filter) =
            wanted::read(request, &today, what_if.clock.now()).map_err(Problem::Invalid)?;
        let team = today.team_id;
        let mut events = StoredEvents::new(what_if.clone(), team, &period, filter);
        events
            .read_page()
            .await
            .map_err(|status| Problem::from_upstream("the Dispatcher", status))?;
        let mut reroute = Self {
            what_if,
            team,
            today,
            wanted: Arc::new(wanted),
            run_id: Uuid::now_v7().to_string(),
            events,
            tally: Tally::default(),
        };
        reroute.ask(Decided::default(), false).await?;
        Ok(reroute)
    }

    /// Its progress, page by page, and then its result. It ends when the stream is dropped.
    pub(crate) fn run(self) -> impl Stream<Item = Result<RerouteResponse, Status>> + Send + 'static {
        stream::try_unfold(Some(self), |reroute: Option<Self>| async move {
            match reroute {
                Some(reroute) => reroute.step().await.map(Some),
                None => Ok(None),
            }
        })
    }

    async fn step(mut self) -> Result<(RerouteResponse, Option<Self>), Status> {
        if self.events.is_over() {
            self.ask(Decided::default(), true).await?;
            return Ok((self.into_result(), None));
        }
        if !self.events.has_page() {
            self.events.read_page().await?;
        }
        let mut has_asked = false;
        while self.events.has_page() {
            has_asked |= self.piece().await?;
        }
        if !has_asked {
            // Keeps others out while what is rare is looked for.
            self.ask(Decided::default(), false).await?;
        }
        let progress = RerouteProgress {
            event_count: self.tally.events(),
            rerouted_count: self.tally.rerouted(),
        };
        let response = RerouteResponse {
            step: Some(Step::Progress(progress)),
        };
        Ok((response, Some(self)))
    }

    /// Decides some events, and has the deliveries made that are missing; whether any may be.
    async fn piece(&mut self) -> Result<bool, Status> {
        let (today, wanted) = (Arc::clone(&self.today), Arc::clone(&self.wanted));
        let decide = move |(decided, tally): &mut (Decided, Tally), stored: StoredEvent| {
            decided.add(tally, &today, &wanted, &stored)
        };
        let state = (Decided::default(), std::mem::take(&mut self.tally));
        let (decided, tally) = self.events.decide(state, decide).await?;
        self.tally = tally;
        let may_be_missing = !decided.events.is_empty();
        if may_be_missing {
            self.ask(decided, false).await?;
        }
        Ok(may_be_missing)
    }

    /// Asks the Dispatcher which deliveries are missing, and has them made.
    async fn ask(&mut self, decided: Decided, is_last: bool) -> Result<(), Problem> {
        let Decided { events, places, .. } = decided;
        let request = AddDeliveriesRequest {
            team_id: self.team.to_string(),
            run_id: self.run_id.clone(),
            events,
            validate_only: self.wanted.validate_only,
            per_second: i32::try_from(self.wanted.per_second).unwrap_or_default(),
            is_last,
        };
        let answer = self.what_if.log.add_deliveries(internal_request(request)).await;
        let answer = answer
            .map_err(|status| Problem::from_upstream("the Dispatcher", status))?
            .into_inner();
        let is_made = !self.wanted.validate_only;
        for (Places { existing, asked }, missing) in places.into_iter().zip(&answer.events) {
            self.tally.add(existing, asked, &missing.places, is_made);
        }
        self.tally.note_due(answer.last_due_time);
        Ok(())
    }

    fn into_result(self) -> RerouteResponse {
        let (elapsed, truncated) = (self.events.elapsed(), self.events.is_truncated());
        let result = RerouteResult {
            truncated,
            ..self.tally.into_result(&self.today, elapsed)
        };
        RerouteResponse {
            step: Some(Step::Result(result)),
        }
    }
}
