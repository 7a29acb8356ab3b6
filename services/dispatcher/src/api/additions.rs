//! `AddDeliveries`: the deliveries of accepted events that are missing, as replays, by the owner of the team's shard. Events are
//! locked while it is asked who has them, so that however often and by how many it is asked, nobody gets an event twice.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, SubsecRound as _, Utc};
use tonic::Request;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::convert::timestamp;
use watchbell_model::ids::{EventId, NotificationId, TeamId};
use watchbell_model::pace;
use watchbell_model::recipients::Recipients;
use watchbell_model::route::Route;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::problem::Problem;

use super::deliveries::begin;
use super::{internal, selection, team};
use crate::error::Error;
use crate::job::{Planned, State};
use crate::lanes::LaneId;
use crate::resend::Resend;
use crate::state::Core;
use crate::store::{Existing, NewDelivery, NewNotification, Transaction};

/// Events of one call, at most.
const MAX_EVENTS: usize = 1_000;

/// An accepted event and who is to get it.
struct Wanted {
    event_id: String,
    routes: Vec<Arc<Route>>,
}

/// A delivery that is made.
struct Addition {
    event: Arc<AcceptedEvent>,
    planned: Planned,
    /// The event's alert, as JSON.
    alert: Option<String>,
    due_at: DateTime<Utc>,
}

pub(super) async fn add(
    core: &Core,
    request: Request<wire::AddDeliveriesRequest>,
) -> Result<wire::AddDeliveriesResponse, Error> {
    internal(&request)?;
    let team = team(&request, &request.get_ref().team_id)?;
    let request = request.into_inner();
    let (wanted, per_second) = read(request.events, request.per_second)?;
    let now = core.clock.monotonic();
    core.resends.forget_idle(core.clock.now(), now);
    core.resends.go_on(team, Resend::Reroute, &request.run_id, now)?;
    let answer = if wanted.is_empty() {
        wire::AddDeliveriesResponse::default()
    } else if request.validate_only {
        let existing = core.db.existing(team, &ids(&wanted)).await?;
        response(&missing(&wanted, &existing), None)
    } else {
        make(core, team, &wanted, per_second).await?
    };
    if request.is_last {
        core.resends.end(team, &request.run_id);
    }
    Ok(answer)
}

/// The events, and how many of their deliveries are due each second.
fn read(events: Vec<wire::EventRoutes>, per_second: i32) -> Result<(Vec<Wanted>, u32), Violations> {
    let mut violations = Violations::new();
    let per_second = pace::per_second(per_second, &mut violations).unwrap_or(pace::PER_SECOND);
    if events.len() > MAX_EVENTS {
        let why = format!("must have at most {MAX_EVENTS} events");
        violations.add("events", reason::TOO_LONG, why);
    }
    let mut wanted = Vec::with_capacity(events.len());
    for (index, event) in events.into_iter().enumerate() {
        let field = format!("events[{index}].event_id");
        let _ = violations.parse::<EventId>(&field, reason::MALFORMED, &event.event_id);
        let routes = event.routes.into_iter().enumerate();
        let routes = routes.filter_map(|(place, route)| {
            let field = format!("events[{index}].routes[{place}]");
            violations.take_under(&field, route.try_into()).map(Arc::new)
        });
        wanted.push(Wanted {
            routes: routes.collect(),
            event_id: event.event_id,
        });
    }
    violations.into_result((wanted, per_second))
}

fn ids(wanted: &[Wanted]) -> Vec<&str> {
    wanted.iter().map(|event| event.event_id.as_str()).collect()
}

/// For each event the places of the routes that no delivery has.
fn missing(wanted: &[Wanted], existing: &[Existing]) -> Vec<Vec<usize>> {
    let mut recipients: HashMap<&str, Recipients> = HashMap::new();
    for delivery in existing {
        let of_event = recipients.entry(&delivery.event_id).or_default();
        of_event.add(&delivery.route.target);
    }
    let missing = wanted.iter().map(|event| {
        let of_event = recipients.entry(&event.event_id).or_default();
        let routes = event.routes.iter().enumerate();
        let missing = routes.filter(|(_, route)| {
            let is_missing = !of_event.have(&route.target);
            of_event.add(&route.target);
            is_missing
        });
        missing.map(|(place, _)| place).collect()
    });
    missing.collect()
}

/// Makes the deliveries that are missing, in one transaction.
async fn make(
    core: &Core,
    team: TeamId,
    wanted: &[Wanted],
    per_second: u32,
) -> Result<wire::AddDeliveriesResponse, Error> {
    let now = core.clock.now().trunc_subsecs(6);
    let transaction = begin(core, team).await?;
    let events = core.db.lock_events(&transaction, team, &ids(wanted)).await?;
    let mut known = HashMap::with_capacity(events.len());
    for row in events {
        let event = Arc::new(row.event()?);
        known.insert(event.id.to_string(), event);
    }
    let existing = core.db.existing_in(&transaction, team, &ids(wanted)).await?;
    let mut missing = missing(wanted, &existing);
    for (event, places) in wanted.iter().zip(&mut missing) {
        // Retention may have been faster.
        if !known.contains_key(&event.event_id) {
            places.clear();
        }
    }
    let mut additions = plan(wanted, &missing, &known, &existing, now)?;
    if additions.is_empty() {
        return Ok(response(&missing, None));
    }
    let due = selection::pace(core, team, per_second, additions.len(), now).await?;
    for (addition, due_at) in additions.iter_mut().zip(due) {
        addition.due_at = due_at;
    }
    let notified = additions.iter().filter(|addition| addition.lane(team).is_none());
    let notifications: Vec<_> = notified
        .map(|addition| NewNotification {
            id: NotificationId::generate(now),
            event: &addition.event,
        })
        .collect();
    insert(
        core,
        transaction,
        team,
        &rows(&additions, team, now),
        &notifications,
    )
    .await?;
    for addition in &additions {
        if let Some(lane) = addition.lane(team) {
            core.note_due(team, lane, addition.due_at);
        }
    }
    let last_due = additions.iter().map(|addition| addition.due_at).max();
    Ok(response(&missing, last_due))
}

/// Inserts deliveries with their rows of the inbox, and commits.
pub(super) async fn insert(
    core: &Core,
    transaction: Transaction,
    team: TeamId,
    deliveries: &[NewDelivery<'_>],
    notifications: &[NewNotification<'_>],
) -> Result<(), Error> {
    if deliveries.is_empty() {
        return Ok(());
    }
    core.db.insert_deliveries(&transaction, deliveries).await?;
    if notifications.is_empty() {
        return Ok(core.db.commit(transaction).await?);
    }
    let _inboxes = core.inboxes.lock().await;
    core.db.insert_notifications(&transaction, notifications).await?;
    core.db.commit(transaction).await?;
    core.feed.notified([team]);
    Ok(())
}

fn plan(
    wanted: &[Wanted],
    missing: &[Vec<usize>],
    events: &HashMap<String, Arc<AcceptedEvent>>,
    existing: &[Existing],
    now: DateTime<Utc>,
) -> Result<Vec<Addition>, Error> {
    let alerts: HashMap<&str, &String> = existing
        .iter()
        .filter_map(|delivery| Some((delivery.event_id.as_str(), delivery.alert.as_ref()?)))
        .collect();
    let mut additions = Vec::new();
    for (wanted, places) in wanted.iter().zip(missing) {
        let Some(event) = events.get(&wanted.event_id) else {
            continue;
        };
        for place in places {
            let planned = Planned::new(Arc::clone(&wanted.routes[*place]), now);
            additions.push(Addition {
                event: Arc::clone(event),
                planned: planned.ok_or_else(|| Problem::internal("a route does not serialise"))?,
                alert: alerts.get(wanted.event_id.as_str()).map(ToString::to_string),
                due_at: now,
            });
        }
    }
    Ok(additions)
}

fn rows(additions: &[Addition], team: TeamId, now: DateTime<Utc>) -> Vec<NewDelivery<'_>> {
    let rows = additions.iter().map(|addition| {
        let lane = addition.lane(team);
        NewDelivery {
            id: addition.planned.id,
            event: &addition.event,
            route: &addition.planned.route,
            route_json: &addition.planned.json,
            lane: lane.unwrap_or(LaneId(team.as_uuid())),
            state: match lane {
                Some(_) => State::Pending,
                None => State::Delivered,
            },
            state_message: "",
            gathered: None,
            title: &addition.event.title,
            alert: addition.alert.as_deref(),
            created_at: now,
            due_at: addition.due_at,
            // There is none that it repeats.
            replay_of: Some(addition.planned.id),
        }
    });
    rows.collect()
}

fn response(missing: &[Vec<usize>], last_due: Option<DateTime<Utc>>) -> wire::AddDeliveriesResponse {
    let places = |places: &Vec<usize>| {
        let places = places
            .iter()
            .map(|place| i32::try_from(*place).unwrap_or(i32::MAX));
        wire::MissingRoutes {
            places: places.collect(),
        }
    };
    wire::AddDeliveriesResponse {
        events: missing.iter().map(places).collect(),
        last_due_time: last_due.map(timestamp),
    }
}

// === impl Addition ===

impl Addition {
    /// The lane that it goes by; the inbox has none.
    fn lane(&self, team: TeamId) -> Option<LaneId> {
        LaneId::of(&self.planned.route, team)
    }
}
