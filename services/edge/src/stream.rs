//! The in-app inbox as server-sent events: each notification once, in order, over reconnections too. A client that
//! comes back says by `Last-Event-ID` what it has; one that comes first is told at once where the inbox stands, so
//! that nothing is lost even if the connection breaks before the first notification. An event `reset` says that what the
//! client has is not part of the inbox any more, and that it should list it anew.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt as _};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use prost::Message as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tonic::{Code, Status};
use watchbell_contracts::api::BoxStream;
use watchbell_contracts::dispatcher::v1::{WatchRequest, WatchResponse};
use watchbell_contracts::json::{descriptor, write};
use watchbell_model::ids::MemberId;
use watchbell_model::violation::reason;
use watchbell_runtime::auth::{Admitted, Principal, Session, internal_request, table};
use watchbell_runtime::http_call::retry_after_seconds;
use watchbell_runtime::problem::{Problem, from_status};

use crate::Edge;

/// The RPC whose rule of access this stream shares.
const WATCH: &str = "/watchbell.dispatcher.v1.InboxService/Watch";
const NOTIFICATION: &str = "watchbell.dispatcher.v1.Notification";
/// How long a client waits before it connects again.
pub(crate) const RECONNECT: Duration = Duration::from_secs(3);

/// The inbox to stream, and the position to begin after.
#[derive(Deserialize)]
pub(crate) struct Which {
    /// A key of one team, or a signed-in member, may leave it empty.
    #[serde(default)]
    team_id: String,
    /// A signed-in member may leave it empty.
    #[serde(default)]
    member_id: String,
    /// For clients that cannot send `Last-Event-ID`.
    after: Option<String>,
}

/// `GET /inbox/stream`
pub(crate) async fn inbox(State(edge): State<Edge>, request: Parts) -> Response {
    let opened = edge.open(&request).await;
    edge.answer(opened, &request.headers)
}

/// What the address of a stream says.
pub(crate) fn query<T: DeserializeOwned>(request: &Parts) -> Result<T, Problem> {
    let query = Query::try_from_uri(&request.uri);
    let Query(query) =
        query.map_err(|error| Problem::invalid("query", reason::MALFORMED, error.body_text()))?;
    Ok(query)
}

// === impl Edge ===

impl Edge {
    async fn open(
        &self,
        request: &Parts,
    ) -> Result<(impl Stream<Item = Result<Event, Infallible>> + use<>, Session), Problem> {
        let access = table::access(WATCH).unwrap_or(table::Access::Internal);
        let Admitted { principal, session } = self.auth.admit_stream(request, access).await?;
        let which: Which = query(request)?;
        let team = principal.team(&which.team_id)?;
        let member = member(&principal, &which.member_id)?;
        let after = position(which.after.as_deref(), &request.headers);
        let request = WatchRequest {
            team_id: team.to_string(),
            member_id: member.to_string(),
            after,
            ..WatchRequest::default()
        };
        let notifications = self
            .inbox
            .watch(internal_request(request))
            .await
            .map_err(upstream)?
            .into_inner();
        Ok((events(notifications, event), session))
    }

    /// An open stream, or why there is none.
    pub(crate) fn answer(
        &self,
        opened: Result<
            (
                impl Stream<Item = Result<Event, Infallible>> + Send + 'static,
                Session,
            ),
            Problem,
        >,
        headers: &HeaderMap,
    ) -> Response {
        let mut response = match opened {
            Ok((events, session)) => {
                let keep_alive = KeepAlive::new()
                    .interval(self.settings.heartbeat)
                    .text("heartbeat");
                session.attach(Sse::new(events).keep_alive(keep_alive).into_response())
            }
            Err(problem) => refusal(problem),
        };
        let text = HeaderValue::from_static;
        let answer = response.headers_mut();
        answer.insert(header::CACHE_CONTROL, text("no-store"));
        answer.insert(header::X_CONTENT_TYPE_OPTIONS, text("nosniff"));
        answer.insert(header::REFERRER_POLICY, text("no-referrer"));
        // Proxies that gather an answer before they pass it on would hold events back.
        answer.insert(HeaderName::from_static("x-accel-buffering"), text("no"));
        if let Some(origin) = self.known_origin(headers) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            answer.insert(header::VARY, text("origin"));
        }
        response
    }

    fn known_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        self.origins
            .iter()
            .any(|known| known.as_bytes() == origin.as_bytes())
            .then(|| origin.clone())
    }
}

pub(crate) fn upstream(status: Status) -> Problem {
    Problem::from_upstream("dispatcher", status)
}

fn member(principal: &Principal, named: &str) -> Result<MemberId, Problem> {
    let member = match (principal, named) {
        (Principal::Member { member_id, .. }, "") => *member_id,
        (_, "") => return Err(Problem::invalid("member_id", reason::REQUIRED, "must be given")),
        (_, named) => named
            .parse()
            .map_err(|error| Problem::invalid("member_id", reason::MALFORMED, format!("{error}")))?,
    };
    principal.acts_for(member)?;
    Ok(member)
}

/// What the client has, as it was told by us; empty when it comes first. A header wins, since a browser sends it by itself.
pub(crate) fn position(after: Option<&str>, headers: &HeaderMap) -> String {
    let header = headers
        .get("last-event-id")
        .map(|value| value.to_str().unwrap_or("?"));
    header.or(after).unwrap_or_default().to_owned()
}

/// What responses are as server-sent events; `event` knows whether it is given the first. Ends when the Dispatcher's stream does,
/// for whatever reason; the client connects again and goes on where it was.
pub(crate) fn events<R: 'static>(
    responses: BoxStream<R>,
    event: fn(&R, bool) -> Option<Event>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let mut first = true;
    responses
        .take_while(|next| std::future::ready(next.is_ok()))
        .filter_map(move |next| {
            let first = std::mem::replace(&mut first, false);
            std::future::ready(next.ok().and_then(|next| event(&next, first)))
        })
        .map(Ok)
}

fn event(response: &WatchResponse, first: bool) -> Option<Event> {
    let event = Event::default().id(&response.position);
    match &response.notification {
        Some(notification) => {
            let data = write(&descriptor(NOTIFICATION).ok()?, &notification.encode_to_vec()).ok()?;
            let data = String::from_utf8(data).ok()?;
            Some(event.event("notification").data(data))
        }
        None if response.reset => Some(event.retry(RECONNECT).event("reset").data("{}")),
        // An id without data is noted by the client and not shown (HTML, server-sent events).
        None => first.then(|| event.retry(RECONNECT)),
    }
}

/// As a JSON object, with the same words as a gRPC answer.
fn refusal(problem: Problem) -> Response {
    let wait = match &problem {
        Problem::Overloaded { retry_after } | Problem::Unavailable { retry_after, .. } => Some(*retry_after),
        _ => None,
    };
    let status = Status::from(problem);
    let reason = from_status(&status).reason.unwrap_or_default();
    let code = match status.code() {
        Code::InvalidArgument => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::OutOfRange => StatusCode::GONE,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let body = axum::Json(json!({"error": {"reason": reason, "message": status.message()}}));
    let mut response = (code, body).into_response();
    if code == StatusCode::UNAUTHORIZED {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(wait) = wait {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(retry_after_seconds(wait)));
    }
    response
}
