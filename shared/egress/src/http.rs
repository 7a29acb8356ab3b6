//! Guarded HTTP client over `reqwest`: one request out, one answer back, and whether the request may have arrived.
//!
//! It speaks HTTP/1.1 and, by ALPN, HTTP/2 over pooled connections. It follows no redirect, uses no proxy and keeps no
//! cookie. The [`Guard`] judges an address in a URL, and each address that a name has when a connection is opened. A
//! request is sent again only when nothing of it had been handed to a connection; other retries are the caller's.

mod body;
mod error;
mod keep_alive;
mod origins;
mod resolver;

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{HeaderMap, HeaderName};
use http::{Method, StatusCode, Version};
use reqwest::{Body, Request, Response};
use watchbell_model::header::is_of_connection;
use watchbell_model::ids::TeamId;

use crate::guard::GuardedUrl;
use crate::resolve::Guard;
use body::{HandedOver, RequestBody};
use origins::Origins;
use resolver::TEAM;

pub use error::SendError;

/// Bytes of an answer's body that [`HttpClient::post`] keeps.
const KEPT_BODY: usize = 4096;
/// Bytes of a body that are read beyond those and thrown away, so that the connection can be used again. A longer body
/// costs its connection.
const DRAINED_BODY: usize = 64 * 1024;
/// Bytes of names and values in the head of an answer. reqwest reads a head of up to 417 kB and 100 headers.
const MAX_ANSWER_HEAD: usize = 64 * 1024;

/// Guarded HTTP client. Cheap to clone; all clones share the connections.
#[derive(Debug, Clone)]
pub struct HttpClient {
    origins: Arc<Origins>,
    team: Option<TeamId>,
}

/// Answer of a server.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status; redirects are answers like any other.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The beginning of the body.
    pub body_prefix: Bytes,
    /// Whether `body_prefix` is the whole body. It is not when the body was longer, too slow or broken off.
    pub body_complete: bool,
    /// The version of HTTP that was spoken.
    pub http_version: Version,
}

impl HttpClient {
    /// A client that connects to what `guard` allows.
    #[must_use]
    pub fn new(guard: Guard) -> Self {
        Self {
            origins: Arc::new(Origins::new(guard)),
            team: None,
        }
    }

    /// The same client, whose look-ups count as this team's.
    #[must_use]
    pub fn on_behalf_of(&self, team: TeamId) -> Self {
        Self {
            origins: Arc::clone(&self.origins),
            team: Some(team),
        }
    }

    /// Posts `body`. `timeout` bounds everything, from the look-up to the last byte of the answer that is read; a
    /// status that came in time counts even when its body did not.
    ///
    /// # Errors
    /// Why there is no answer, and whether the request may have arrived.
    pub async fn post(
        &self,
        url: &GuardedUrl,
        headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
    ) -> Result<Answer, SendError> {
        self.post_keeping(url, headers, body, timeout, KEPT_BODY).await
    }

    /// Posts `body` like [`HttpClient::post`] and keeps up to `keep` bytes of the answer's.
    ///
    /// # Errors
    /// Why there is no answer, and whether the request may have arrived.
    pub async fn post_keeping(
        &self,
        url: &GuardedUrl,
        headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
        keep: usize,
    ) -> Result<Answer, SendError> {
        self.call(Method::POST, url, headers, body, timeout, keep).await
    }

    /// Gets a document (a key set, for example) of at most `keep` bytes.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn get(
        &self,
        url: &GuardedUrl,
        headers: HeaderMap,
        timeout: Duration,
        keep: usize,
    ) -> Result<Answer, SendError> {
        self.call(Method::GET, url, headers, Bytes::new(), timeout, keep)
            .await
    }

    async fn call(
        &self,
        method: Method,
        url: &GuardedUrl,
        headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
        keep: usize,
    ) -> Result<Answer, SendError> {
        let handed_over = HandedOver::default();
        let mut request = Request::new(method, url.expose().clone());
        *request.headers_mut() = without_those_of_connection(headers);
        *request.body_mut() = Some(Body::wrap(RequestBody::new(body, &handed_over)));

        let deadline = tokio::time::sleep(timeout);
        tokio::pin!(deadline);
        let mut response = tokio::select! {
            biased;
            sent = self.send(url, request, &handed_over) => sent?,
            () = &mut deadline => return Err(SendError::timed_out(handed_over.get())),
        };
        let mut kept = BytesMut::new();
        let body_complete = tokio::select! {
            biased;
            complete = keep_prefix(&mut response, keep, &mut kept) => complete,
            () = &mut deadline => false,
        };
        Ok(Answer {
            status: response.status(),
            headers: mem::take(response.headers_mut()),
            body_prefix: kept.freeze(),
            body_complete,
            http_version: response.version(),
        })
    }

    /// Sends a request and waits for the head of its answer.
    async fn send(
        &self,
        url: &GuardedUrl,
        request: Request,
        handed_over: &HandedOver,
    ) -> Result<Response, SendError> {
        let client = self.origins.client(url)?;
        // Runs the I/O driver, so that the pool learns of connections that the server has closed meanwhile.
        tokio::task::yield_now().await;
        let sent = TEAM.scope(self.team, client.execute(request)).await;
        let response = sent.map_err(|error| SendError::new(error, url.is_tls(), handed_over.get()))?;
        if size(response.headers()) > MAX_ANSWER_HEAD {
            return Err(SendError::Reset("the head of the answer is too long".to_owned()));
        }
        self.origins.answered(url, response.headers());
        Ok(response)
    }
}

/// A caller's headers neither frame the request nor speak for the connection.
fn without_those_of_connection(mut headers: HeaderMap) -> HeaderMap {
    let of_connection = |name: &&HeaderName| is_of_connection(name.as_str());
    let dropped: Vec<_> = headers.keys().filter(of_connection).cloned().collect();
    for name in dropped {
        headers.remove(name);
    }
    headers
}

fn size(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum()
}

/// Reads the first `keep` bytes of a body into `kept` and a bounded rest into nothing. Says whether that is all of it.
async fn keep_prefix(response: &mut Response, keep: usize, kept: &mut BytesMut) -> bool {
    let mut seen = 0usize;
    while seen <= keep + DRAINED_BODY {
        match response.chunk().await {
            Ok(Some(data)) => {
                let room = keep - kept.len();
                kept.extend_from_slice(&data[..data.len().min(room)]);
                seen = seen.saturating_add(data.len());
            }
            Ok(None) => return seen <= keep,
            Err(_) => return false,
        }
    }
    false
}
