//! Slack's incoming webhooks and its OAuth v2 dialogue, as its documentation and its answers have them.
//!
//! A message is checked against Block Kit's limits and answered with Slack's own words; what Slack would refuse is
//! kept too, marked as refused. <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>

mod blocks;
mod oauth;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;

use crate::journal::{Journal, NotArrived, WAIT_TIMEOUT};
use crate::loopback::{Loopback, text};

/// A message that reached the stand-in.
#[derive(Debug, Clone)]
pub struct SlackMessage {
    /// The path it was posted to, `/services/T…/B…/…`.
    pub path: String,
    /// The request's headers.
    pub headers: HeaderMap,
    /// The message; null when it was no JSON.
    pub body: Value,
    /// The status that was answered.
    pub status: u16,
    /// Slack's word: `ok`, or what is wrong.
    pub answer: String,
}

/// A scripted answer for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlackReply {
    /// 429 with `Retry-After`, in seconds.
    RateLimited(u32),
    /// Any status and word, for example 500 `rollup_error`.
    Error(u16, String),
    /// No answer at all.
    Hang,
}

/// Slack on loopback.
#[derive(Debug)]
pub struct SlackStandIn {
    server: Loopback,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    received: Journal<SlackMessage>,
    shown: Journal<SlackMessage>,
    script: Mutex<Rules>,
    oauth: oauth::Desk,
}

#[derive(Debug, Default)]
struct Rules {
    replies: VecDeque<SlackReply>,
    /// Webhooks that answer a fixed error from now on.
    broken: HashMap<String, (u16, String)>,
    revoked: HashSet<String>,
}

impl SlackStandIn {
    /// Starts it.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        let (listener, address) = Loopback::bind().await?;
        let state = Arc::new(State {
            received: Journal::new("requests at Slack"),
            shown: Journal::new("messages in Slack"),
            script: Mutex::default(),
            oauth: oauth::Desk::new(format!("http://{address}")),
        });
        let serving = Arc::clone(&state);
        let server = Loopback::serve_http(listener, address, move |request| {
            let state = Arc::clone(&serving);
            async move { state.handle(request).await }
        });
        Ok(Self { server, state })
    }

    /// The base URL; `/oauth/v2/authorize` and `/api/oauth.v2.access` are below it.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.http_url()
    }

    /// A webhook's URL. Every well-formed one exists until it is revoked.
    #[must_use]
    pub fn webhook_url(&self, team: &str, hook: &str, token: &str) -> String {
        format!("{}/services/{team}/{hook}/{token}", self.url())
    }

    /// A webhook's URL with made-up parts.
    #[must_use]
    pub fn any_webhook_url(&self) -> String {
        self.webhook_url("T00000000", "B00000000", "XXXXXXXXXXXXXXXXXXXXXXXX")
    }

    /// Accepts only this client at the OAuth endpoints. Without it every client is known.
    pub fn register_client(&self, client_id: &str, client_secret: &str) {
        self.state.oauth.register(client_id, client_secret);
    }

    /// Lets the user deny the next authorisation.
    pub fn deny_next_authorisation(&self) {
        self.state.oauth.deny_next();
    }

    /// Answers the next redemption of a code with this body. The code is used up all the same.
    pub fn answer_next_redemption(&self, body: impl Into<String>) {
        self.state.oauth.answer_next(body.into());
    }

    /// Answers the next request like this, whatever it is. Several are used up in order.
    pub fn reply_next(&self, reply: SlackReply) {
        self.state.rules().replies.push_back(reply);
    }

    /// Makes one webhook answer an error from now on, for example 410 `channel_is_archived`.
    pub fn break_webhook(&self, url: &str, status: u16, word: &str) {
        self.state
            .rules()
            .broken
            .insert(path_of(url), (status, word.to_owned()));
    }

    /// Removes one webhook: it answers 404 `no_service`.
    pub fn revoke_webhook(&self, url: &str) {
        self.state.rules().revoked.insert(path_of(url));
    }

    /// Mends what was broken or revoked.
    pub fn mend_webhook(&self, url: &str) {
        let mut rules = self.state.rules();
        rules.broken.remove(&path_of(url));
        rules.revoked.remove(&path_of(url));
    }

    /// Every request to a webhook, refused ones included.
    #[must_use]
    pub fn received(&self) -> Vec<SlackMessage> {
        self.state.received.all()
    }

    /// The messages that Slack showed.
    #[must_use]
    pub fn messages(&self) -> Vec<SlackMessage> {
        self.state.shown.all()
    }

    /// The messages shown through one webhook.
    #[must_use]
    pub fn messages_at(&self, url: &str) -> Vec<SlackMessage> {
        let path = path_of(url);
        self.messages()
            .into_iter()
            .filter(|message| message.path == path)
            .collect()
    }

    /// Waits until `n` messages have been shown.
    ///
    /// # Errors
    /// When they have not after [`WAIT_TIMEOUT`].
    pub async fn wait_for(&self, n: usize) -> Result<Vec<SlackMessage>, NotArrived> {
        self.wait_for_within(n, WAIT_TIMEOUT).await
    }

    /// Waits until `n` messages have been shown.
    ///
    /// # Errors
    /// When they have not in time.
    pub async fn wait_for_within(&self, n: usize, within: Duration) -> Result<Vec<SlackMessage>, NotArrived> {
        self.state.shown.wait_for(n, within).await
    }

    /// Waits until `n` requests have come in, refused ones included.
    ///
    /// # Errors
    /// When they have not after [`WAIT_TIMEOUT`].
    pub async fn wait_for_requests(&self, n: usize) -> Result<Vec<SlackMessage>, NotArrived> {
        self.state.received.wait_for(n, WAIT_TIMEOUT).await
    }
}

impl State {
    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.script.lock()
    }

    async fn handle(&self, request: Request<Bytes>) -> Response<Full<Bytes>> {
        match request.uri().path() {
            "/oauth/v2/authorize" => self.oauth.authorize(&request),
            "/api/oauth.v2.access" => self.oauth.access(&request),
            path if path.starts_with("/services/") => self.webhook(&request).await,
            _ => text(StatusCode::NOT_FOUND, "not found"),
        }
    }

    async fn webhook(&self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let message = parse(request);
        let scripted = self.rules().replies.pop_front();
        if scripted == Some(SlackReply::Hang) {
            self.record(request, path, message, 0, "");
            return std::future::pending().await;
        }
        let mut retry_after = None;
        let (status, word) = match scripted {
            Some(SlackReply::RateLimited(seconds)) => {
                retry_after = Some(seconds);
                (429, "rate_limited".to_owned())
            }
            Some(SlackReply::Error(status, word)) => (status, word),
            _ => match self.judge(request.method(), &path, message.as_ref()) {
                Ok(()) => (200, "ok".to_owned()),
                Err((status, word)) => (status, word),
            },
        };
        self.record(request, path, message, status, &word);
        let mut response = text(StatusCode::from_u16(status).unwrap_or(StatusCode::OK), word);
        if let Some(seconds) = retry_after {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn judge(&self, method: &Method, path: &str, message: Option<&Value>) -> Result<(), (u16, String)> {
        let refuse = |status, word: &str| Err((status, word.to_owned()));
        let mut parts = path.split('/').skip(2);
        let (team, hook, token) = (parts.next(), parts.next(), parts.next());
        match (team, hook, token, parts.next()) {
            (Some(team), Some(hook), Some(token), None) => {
                if !team.starts_with('T') {
                    return refuse(404, "no_team");
                }
                if !hook.starts_with('B') {
                    return refuse(404, "no_service");
                }
                if token.is_empty() {
                    return refuse(403, "invalid_token");
                }
            }
            _ => return refuse(404, "no_service"),
        }
        {
            let rules = self.rules();
            if rules.revoked.contains(path) {
                return refuse(404, "no_service");
            }
            if let Some((status, word)) = rules.broken.get(path) {
                return refuse(*status, word);
            }
        }
        if method != Method::POST {
            return refuse(400, "invalid_payload");
        }
        let Some(message) = message else {
            return refuse(400, "invalid_payload");
        };
        blocks::check_message(message).map_err(|word| (400, word.to_owned()))
    }

    fn record(
        &self,
        request: &Request<Bytes>,
        path: String,
        message: Option<Value>,
        status: u16,
        word: &str,
    ) {
        let entry = SlackMessage {
            path,
            headers: request.headers().clone(),
            body: message.unwrap_or_default(),
            status,
            answer: word.to_owned(),
        };
        self.received.push(entry.clone());
        if status == 200 {
            self.shown.push(entry);
        }
    }
}

/// JSON, or a form with a `payload` field, both of which Slack takes.
fn parse(request: &Request<Bytes>) -> Option<Value> {
    let form = request
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    if form {
        let payload = url::form_urlencoded::parse(request.body())
            .find(|(name, _)| name == "payload")?
            .1;
        return serde_json::from_str(&payload).ok();
    }
    serde_json::from_slice(request.body()).ok()
}

fn path_of(url: &str) -> String {
    url::Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.path().to_owned())
}
