//! Microsoft Teams: a Workflows trigger and an old Microsoft 365 connector.
//!
//! Both take what they are given and say little: Workflows answers 202 to anything that looks like its envelope and
//! fails later, unseen; a connector answers 200 and hides failures in its body. The stand-in does the same, and keeps
//! for each message whether Teams would have shown it, and if not, why.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::journal::{Journal, NotArrived, WAIT_TIMEOUT};
use crate::loopback::{Loopback, json as json_response, text};

/// Teams' limit for a message after it has expanded the card.
const LIMIT: usize = 28 * 1024;
/// By how much a card grows when it is expanded, in percent. A request of 24,453 bytes has been seen to fail.
const EXPANSION: usize = 120;

const CARD: &str = "application/vnd.microsoft.card.adaptive";

/// Which of Teams' two doors a message came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TeamsFlavour {
    /// A Workflows trigger: 202 and no body.
    Workflow,
    /// An old connector: 200 and `1`, or 200 and an error text.
    Connector,
}

/// A message that reached the stand-in.
#[derive(Debug, Clone)]
pub struct TeamsMessage {
    /// The door.
    pub flavour: TeamsFlavour,
    /// The path it was posted to.
    pub path: String,
    /// The request's headers.
    pub headers: HeaderMap,
    /// The envelope; null when it was no JSON.
    pub body: Value,
    /// The request's length in bytes.
    pub bytes: usize,
    /// The status that was answered.
    pub status: u16,
    /// Why Teams would not have shown it; `None` when it did.
    pub problem: Option<String>,
}

impl TeamsMessage {
    /// The Adaptive Card, when there is one.
    #[must_use]
    pub fn card(&self) -> Option<&Value> {
        self.body.pointer("/attachments/0/content")
    }
}

/// A scripted answer for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TeamsReply {
    /// Any status and body.
    Status(u16, String),
    /// 429 with `Retry-After`, in seconds.
    RateLimited(u32),
    /// 200 with the failure in the text, as an old connector reports a throttle.
    HiddenError(u16),
    /// No answer at all.
    Hang,
}

/// Teams on loopback.
#[derive(Debug)]
pub struct TeamsStandIn {
    server: Loopback,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    received: Journal<TeamsMessage>,
    shown: Journal<TeamsMessage>,
    replies: Mutex<VecDeque<TeamsReply>>,
}

impl TeamsStandIn {
    /// Starts it.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        let (listener, address) = Loopback::bind().await?;
        let state = Arc::new(State {
            received: Journal::new("requests at Teams"),
            shown: Journal::new("cards in Teams"),
            replies: Mutex::default(),
        });
        let serving = Arc::clone(&state);
        let server = Loopback::serve_http(listener, address, move |request| {
            let state = Arc::clone(&serving);
            async move { state.handle(request).await }
        });
        Ok(Self { server, state })
    }

    /// The base URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.http_url()
    }

    /// A Workflows trigger's URL.
    #[must_use]
    pub fn workflow_url(&self) -> String {
        let base = self.url();
        format!(
            "{base}/workflows/0f3e/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers&sv=1.0&sig=s3cr3t"
        )
    }

    /// An old connector's URL.
    #[must_use]
    pub fn connector_url(&self) -> String {
        format!("{}/webhookb2/0f3e@1a2b/IncomingWebhook/3c4d/5e6f", self.url())
    }

    /// Answers the next request like this. Several are used up in order.
    pub fn reply_next(&self, reply: TeamsReply) {
        self.state.replies.lock().push_back(reply);
    }

    /// Every request.
    #[must_use]
    pub fn received(&self) -> Vec<TeamsMessage> {
        self.state.received.all()
    }

    /// The messages that Teams showed.
    #[must_use]
    pub fn messages(&self) -> Vec<TeamsMessage> {
        self.state.shown.all()
    }

    /// Waits until `n` cards have been shown.
    ///
    /// # Errors
    /// When they have not after [`WAIT_TIMEOUT`].
    pub async fn wait_for(&self, n: usize) -> Result<Vec<TeamsMessage>, NotArrived> {
        self.wait_for_within(n, WAIT_TIMEOUT).await
    }

    /// Waits until `n` cards have been shown.
    ///
    /// # Errors
    /// When they have not in time.
    pub async fn wait_for_within(&self, n: usize, within: Duration) -> Result<Vec<TeamsMessage>, NotArrived> {
        self.state.shown.wait_for(n, within).await
    }

    /// Waits until `n` requests have come in, whatever became of them.
    ///
    /// # Errors
    /// When they have not after [`WAIT_TIMEOUT`].
    pub async fn wait_for_requests(&self, n: usize) -> Result<Vec<TeamsMessage>, NotArrived> {
        self.state.received.wait_for(n, WAIT_TIMEOUT).await
    }
}

impl State {
    async fn handle(&self, request: Request<Bytes>) -> Response<Full<Bytes>> {
        let flavour = match request.uri().path() {
            path if path.starts_with("/workflows/") => TeamsFlavour::Workflow,
            path if path.starts_with("/webhookb2/") => TeamsFlavour::Connector,
            _ => return text(StatusCode::NOT_FOUND, "not found"),
        };
        if request.method() != Method::POST {
            return text(StatusCode::METHOD_NOT_ALLOWED, "");
        }
        let body: Option<Value> = serde_json::from_slice(request.body()).ok();
        let scripted = self.replies.lock().pop_front();
        if scripted == Some(TeamsReply::Hang) {
            self.record(flavour, &request, body, 0, Some("never answered".to_owned()));
            return std::future::pending().await;
        }
        if let Some(reply) = scripted {
            let response = scripted_response(&reply);
            let problem = Some(format!("scripted: {reply:?}"));
            self.record(flavour, &request, body, response.status().as_u16(), problem);
            return response;
        }
        let problem = problem_with(&request, body.as_ref());
        let response = match flavour {
            TeamsFlavour::Workflow => workflow_answer(&request, body.as_ref()),
            TeamsFlavour::Connector => connector_answer(problem.as_ref()),
        };
        self.record(
            flavour,
            &request,
            body,
            response.status().as_u16(),
            problem.map(|(_, why)| why),
        );
        response
    }

    fn record(
        &self,
        flavour: TeamsFlavour,
        request: &Request<Bytes>,
        body: Option<Value>,
        status: u16,
        problem: Option<String>,
    ) {
        let message = TeamsMessage {
            flavour,
            path: request.uri().path().to_owned(),
            headers: request.headers().clone(),
            body: body.unwrap_or_default(),
            bytes: request.body().len(),
            status,
            problem,
        };
        self.received.push(message.clone());
        if message.problem.is_none() {
            self.shown.push(message);
        }
    }
}

fn scripted_response(reply: &TeamsReply) -> Response<Full<Bytes>> {
    match reply {
        TeamsReply::Status(status, body) => text(
            StatusCode::from_u16(*status).unwrap_or(StatusCode::OK),
            body.clone(),
        ),
        TeamsReply::RateLimited(seconds) => {
            let mut response = text(StatusCode::TOO_MANY_REQUESTS, "");
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(*seconds));
            response
        }
        TeamsReply::HiddenError(status) => text(StatusCode::OK, hidden_error(*status)),
        TeamsReply::Hang => text(StatusCode::OK, ""),
    }
}

fn hidden_error(status: u16) -> String {
    format!(
        "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error {status} with \
         ContextId tcid=0,server=STANDIN,cv=0.0.."
    )
}

/// Workflows looks only at whether the trigger can read the request.
fn workflow_answer(request: &Request<Bytes>, body: Option<&Value>) -> Response<Full<Bytes>> {
    if body.is_none_or(|body| !body.is_object()) || !is_json(request) {
        let error = json!({"error": {"code": "TriggerInputSchemaMismatch",
            "message": "The input body for trigger 'manual' of type 'Request' did not match its schema definition."}});
        return json_response(StatusCode::BAD_REQUEST, &error);
    }
    text(StatusCode::ACCEPTED, "")
}

fn connector_answer(problem: Option<&(u16, String)>) -> Response<Full<Bytes>> {
    match problem {
        None => text(StatusCode::OK, "1"),
        Some((400, why)) => text(StatusCode::BAD_REQUEST, why.clone()),
        Some((status, _)) => text(StatusCode::OK, hidden_error(*status)),
    }
}

fn is_json(request: &Request<Bytes>) -> bool {
    request
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"))
}

/// Why Teams would not show this message: the status that a connector hides or tells, and the reason.
fn problem_with(request: &Request<Bytes>, body: Option<&Value>) -> Option<(u16, String)> {
    let bad = |why: String| Some((400, why));
    if !is_json(request) {
        return bad("the content type is not application/json".to_owned());
    }
    let Some(body) = body else {
        return bad("the body is not JSON".to_owned());
    };
    if request.body().len() * EXPANSION / 100 > LIMIT {
        return Some((
            413,
            format!("{} bytes exceed 28 KB once expanded", request.body().len()),
        ));
    }
    if body.get("type").and_then(Value::as_str) != Some("message") {
        return bad("`type` is not `message`".to_owned());
    }
    let attachments = body
        .get("attachments")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    if attachments.is_empty() {
        return bad("Summary or Text is required.".to_owned());
    }
    for attachment in attachments {
        if attachment.get("contentType").and_then(Value::as_str) != Some(CARD) {
            return bad(format!("`contentType` is not `{CARD}`"));
        }
        let Some(card) = attachment.get("content") else {
            return bad("there is no card".to_owned());
        };
        if let Err(why) = check_card(card) {
            return bad(why);
        }
    }
    None
}

/// The shape of an Adaptive Card as far as Teams insists on it. <https://adaptivecards.io/explorer>
fn check_card(card: &Value) -> Result<(), String> {
    if card.get("type").and_then(Value::as_str) != Some("AdaptiveCard") {
        return Err("the content is no AdaptiveCard".to_owned());
    }
    let version = card.get("version").and_then(Value::as_str).unwrap_or_default();
    if !matches!(version, "1.0" | "1.1" | "1.2" | "1.3" | "1.4" | "1.5") {
        return Err(format!("Teams does not know version `{version}`"));
    }
    let body = card
        .get("body")
        .and_then(Value::as_array)
        .ok_or("the card has no body")?;
    body.iter().try_for_each(check_element)?;
    let actions = card
        .get("actions")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    actions.iter().try_for_each(check_action)
}

fn check_element(element: &Value) -> Result<(), String> {
    let kind = element.get("type").and_then(Value::as_str).unwrap_or_default();
    let has_text = |field: &str| element.get(field).and_then(Value::as_str).is_some();
    let children = |field: &str| {
        element
            .get(field)
            .and_then(Value::as_array)
            .ok_or_else(|| format!("{kind} has no `{field}`"))
    };
    match kind {
        "TextBlock" if has_text("text") => Ok(()),
        "Image" if has_text("url") => Ok(()),
        "RichTextBlock" => children("inlines").map(drop),
        "Container" => children("items")?.iter().try_for_each(check_element),
        "ColumnSet" => children("columns")?.iter().try_for_each(check_element),
        "Column" => children("items")?.iter().try_for_each(check_element),
        "FactSet" => children("facts")?.iter().try_for_each(|fact| {
            let whole = ["title", "value"]
                .iter()
                .all(|name| fact.get(name).is_some_and(Value::is_string));
            if whole {
                Ok(())
            } else {
                Err("a fact needs a title and a value".to_owned())
            }
        }),
        "ActionSet" => children("actions")?.iter().try_for_each(check_action),
        _ => Err(format!("`{kind}` is unknown or lacks what it shows")),
    }
}

fn check_action(action: &Value) -> Result<(), String> {
    match action.get("type").and_then(Value::as_str) {
        Some("Action.OpenUrl") if action.get("url").is_some_and(Value::is_string) => Ok(()),
        Some("Action.Submit" | "Action.Execute") => {
            Err("only Action.OpenUrl works in a webhook's card".to_owned())
        }
        other => Err(format!("the action {other:?} is unknown or lacks its URL")),
    }
}
