//! A team's events as server-sent events: each once, in order, over reconnections too. A client that comes back says by
//! `Last-Event-ID` what it has. Where the events of that are not kept any more the answer is 410, after which browsers do not try
//! again.

use std::convert::Infallible;

use axum::extract::State;
use axum::response::Response;
use axum::response::sse::Event;
use futures::Stream;
use http::request::Parts;
use prost::Message as _;
use serde::Deserialize;
use tonic::Status;
use watchbell_contracts::dispatcher::v1::{StreamEventsRequest, StreamEventsResponse};
use watchbell_contracts::json::{descriptor, write};
use watchbell_model::Severity;
use watchbell_model::convert::FromWire as _;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::{Admitted, Session, internal_request, table};
use watchbell_runtime::problem::{Problem, from_status};

use crate::Edge;
use crate::stream::{self, RECONNECT, position, upstream};

/// The RPC whose rule of access this stream shares.
const STREAM_EVENTS: &str = "/watchbell.dispatcher.v1.DispatcherService/StreamEvents";
const ACCEPTED_EVENT: &str = "watchbell.dispatcher.v1.AcceptedEvent";

/// The events to stream, and the cursor to begin after.
#[derive(Deserialize)]
pub(crate) struct Which {
    /// A key of one team, or a signed-in member, may leave it empty.
    #[serde(default)]
    team_id: String,
    /// For clients that cannot send `Last-Event-ID`.
    after: Option<String>,
    /// Without a cursor: from the oldest event that is kept; `true` or `false`.
    #[serde(default)]
    from_beginning: String,
    /// Patterns with commas between; every type when empty.
    #[serde(default)]
    types: String,
    /// This severity and worse, `HIGH`.
    #[serde(default)]
    min_severity: String,
    /// `true` or `false`.
    #[serde(default)]
    include_tests: String,
}

/// `GET /events/stream`
pub(crate) async fn events(State(edge): State<Edge>, request: Parts) -> Response {
    let opened = open(&edge, &request).await;
    edge.answer(opened, &request.headers)
}

async fn open(
    edge: &Edge,
    request: &Parts,
) -> Result<(impl Stream<Item = Result<Event, Infallible>> + use<>, Session), Problem> {
    let access = table::access(STREAM_EVENTS).unwrap_or(table::Access::Internal);
    let Admitted { principal, session } = edge.auth.admit_stream(request, access).await?;
    let which: Which = stream::query(request)?;
    let team = principal.team(&which.team_id)?;
    let mut violations = Violations::new();
    let from_beginning = flag("from_beginning", &which.from_beginning, &mut violations);
    let include_tests = flag("include_tests", &which.include_tests, &mut violations);
    let min_severity = severity(&which.min_severity, &mut violations);
    if !violations.is_empty() {
        return Err(Problem::Invalid(violations));
    }
    let cursor = position(which.after.as_deref(), &request.headers);
    let request = StreamEventsRequest {
        team_id: team.to_string(),
        // A browser that comes back sends the same address again.
        from_beginning: from_beginning && cursor.is_empty(),
        cursor,
        types: which
            .types
            .split(',')
            .map(str::trim)
            .filter(|pattern| !pattern.is_empty())
            .map(str::to_owned)
            .collect(),
        min_severity,
        include_tests,
    };
    let responses = edge
        .log
        .stream_events(internal_request(request))
        .await
        .map_err(refused)?
        .into_inner();
    Ok((stream::events(responses, event), session))
}

/// A refusal, in which what gRPC calls the cursor is called as it is here.
fn refused(status: Status) -> Problem {
    let violations = from_status(&status).violations;
    if violations.is_empty() {
        return upstream(status);
    }
    let renamed = violations.into_iter().map(|mut violation| {
        if violation.field == "cursor" {
            "after".clone_into(&mut violation.field);
        }
        violation
    });
    Problem::Invalid(renamed.collect())
}

fn severity(word: &str, violations: &mut Violations) -> i32 {
    if word.is_empty() {
        return 0;
    }
    let severity = violations.parse::<Severity>("min_severity", reason::UNKNOWN_VALUE, word);
    severity.map_or(0, Severity::to_wire)
}

fn flag(field: &str, word: &str, violations: &mut Violations) -> bool {
    if !matches!(word, "" | "true" | "false") {
        violations.add(field, reason::MALFORMED, "must be `true` or `false`");
    }
    word == "true"
}

/// An id without data is noted by the client and not shown (HTML, server-sent events).
fn event(response: &StreamEventsResponse, first: bool) -> Option<Event> {
    let mut event = Event::default().id(&response.cursor);
    if first {
        event = event.retry(RECONNECT);
    }
    let Some(accepted) = &response.event else {
        return Some(event);
    };
    let data = write(&descriptor(ACCEPTED_EVENT).ok()?, &accepted.encode_to_vec()).ok()?;
    Some(event.event("event").data(String::from_utf8(data).ok()?))
}
