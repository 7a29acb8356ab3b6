//! `Submit`: events with their routes, into the group commit. Answers come as commits finish.

use std::sync::{Arc, OnceLock};

use chrono::{DateTime, SubsecRound, Utc};
use futures::StreamExt;
use prost::Message;
use tokio::sync::oneshot;
use tonic::{Request, Status};
use watchbell_contracts::api::{BoxStream, boxed};
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_contracts::event::v1::{self as event_wire, event::Payload};
use watchbell_model::Data;
use watchbell_model::convert::{data, instant, required};
use watchbell_model::ids::TeamId;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::problem::{DEFAULT_RETRY, Problem};

use super::internal;
use crate::error::Error;
use crate::event::{RenderedEmail, StoredEvent};
use crate::job::{Committed, Planned, Submission};
use crate::route::Route;
use crate::state::Core;
use crate::state::submission_queue::Refused;

/// Submissions of one stream that may wait for their commits concurrently: more than a Router allows, so that one
/// team's submissions never wait behind another's here.
const IN_FLIGHT: usize = 16_384;

pub(super) fn submit(
    core: &Arc<Core>,
    request: Request<BoxStream<wire::SubmitRequest>>,
) -> Result<BoxStream<wire::SubmitResponse>, Error> {
    internal(&request)?;
    let core = Arc::clone(core);
    let answers = request
        .into_inner()
        .map(move |message| submit_one(Arc::clone(&core), message));
    Ok(boxed(answers.buffer_unordered(IN_FLIGHT)))
}

async fn submit_one(
    core: Arc<Core>,
    message: Result<wire::SubmitRequest, Status>,
) -> Result<wire::SubmitResponse, Status> {
    let message = message?;
    let sequence = message.sequence;
    let mut response = wire::SubmitResponse {
        sequence,
        ..Default::default()
    };
    match commit(&core, message).await {
        Ok(committed) => {
            response.duplicate = committed.duplicate;
            response.routes = committed.routes.iter().map(|route| (&**route).into()).collect();
        }
        Err(problem) => response.error = Some(rpc_status(&problem.into())),
    }
    Ok(response)
}

async fn commit(core: &Core, message: wire::SubmitRequest) -> Result<Committed, Problem> {
    let (event, routes) = parse(message, core.clock.now())?;
    enter(core, event, routes, false).await
}

/// Into the group commit and back.
pub(super) async fn enter(
    core: &Core,
    event: StoredEvent,
    routes: Vec<Route>,
    at_once: bool,
) -> Result<Committed, Problem> {
    let now = event.accepted_at;
    let routes = routes
        .into_iter()
        .filter_map(|route| Planned::new(route, now))
        .collect();
    let (answer, committed) = oneshot::channel();
    let submission = Submission::new(event, routes, at_once, answer);
    core.submissions
        .try_send(submission)
        .map_err(|refused| match refused {
            Refused::Full => Problem::Overloaded {
                retry_after: DEFAULT_RETRY,
            },
            Refused::Closed => Problem::unavailable("the Dispatcher is stopping"),
        })?;
    committed
        .await
        .unwrap_or_else(|_| Err(Problem::unavailable("the Dispatcher is stopping")))
}

fn parse(message: wire::SubmitRequest, now: DateTime<Utc>) -> Result<(StoredEvent, Vec<Route>), Violations> {
    let mut violations = Violations::new();
    let team: Option<TeamId> = violations.parse("team_id", reason::MALFORMED, &message.team_id);
    let mut routes = Vec::with_capacity(message.routes.len());
    for (index, route) in message.routes.into_iter().enumerate() {
        match Route::parse(route) {
            Ok(route) => routes.push(route),
            Err(part) => violations.nest(&format!("routes[{index}]"), part),
        }
    }
    let Some(event) = message.event else {
        violations.required("event");
        return Err(violations);
    };
    let Some(team) = team else { return Err(violations) };
    let event = violations.take_under("event", parse_event(event, team, now));
    let Some(mut event) = event.filter(|_| violations.is_empty()) else {
        return Err(violations);
    };
    event.traceparent = Some(message.traceparent)
        .filter(|traceparent| !traceparent.is_empty())
        .map(clean);
    event.email = message.email.map(|email| RenderedEmail {
        subject: clean(email.subject),
        text: clean(email.text),
        html: clean(email.html),
    });
    Ok((event, routes))
}

fn parse_event(
    event: event_wire::Event,
    team_id: TeamId,
    now: DateTime<Utc>,
) -> Result<StoredEvent, Violations> {
    let mut violations = Violations::new();
    let id = violations.parse("id", reason::MALFORMED, &event.id);
    if event.r#type.is_empty() {
        violations.required("type");
    }
    let severity = required(event.severity, "severity", &mut violations);
    let category = required(event.category, "category", &mut violations);
    let occurred_at = instant(event.occurred_at.as_ref(), "occurred_at", &mut violations).unwrap_or(now);
    let data = match event.payload {
        None => Ok("{}".to_owned()),
        Some(Payload::DataJson(json)) => {
            String::from_utf8(json.to_vec()).map_err(|_| "must be UTF-8".to_owned())
        }
        Some(Payload::Data(fields)) => data(fields)
            .map(Data::into_text)
            .map_err(|error| error.to_string()),
    };
    let data = data
        .map_err(|error| violations.add("data_json", reason::MALFORMED, error))
        .ok();
    let (Some(id), Some(severity), Some(category), Some(data), true) =
        (id, severity, category, data, violations.is_empty())
    else {
        return Err(violations);
    };
    Ok(StoredEvent {
        team_id,
        id,
        event_type: clean(event.r#type).into(),
        severity,
        category,
        source: clean(event.source),
        // Truncated to the precision of the database, so that a first attempt and a retry after a restart are equal.
        occurred_at: occurred_at.trunc_subsecs(6),
        accepted_at: now.trunc_subsecs(6),
        title: clean(event.title),
        url: clean(event.url),
        subject: clean(event.subject),
        data: clean(data),
        test: event.test,
        traceparent: None,
        email: None,
        body: OnceLock::new(),
    })
}

/// Databases do not take U+0000 in text.
fn clean(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}")
    } else {
        text
    }
}

/// A status as a message: with the details that it would have carried.
fn rpc_status(status: &Status) -> tonic_types::Status {
    tonic_types::Status::decode(status.details())
        .ok()
        .filter(|decoded| decoded.code != 0)
        .unwrap_or_else(|| tonic_types::Status {
            code: status.code() as i32,
            message: status.message().to_owned(),
            details: Vec::new(),
        })
}
