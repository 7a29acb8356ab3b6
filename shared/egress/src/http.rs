//! Guarded HTTP client over hyper's: one request out, one answer back, and whether the request may have arrived.
//!
//! It speaks HTTP/1.1 and, by ALPN, HTTP/2 over connections that each team has for itself. It follows no redirect, uses no proxy
//! and keeps no cookie. The [`Guard`] judges each address when a connection is opened. A request is sent again only when nothing
//! of it had been handed to a connection; other retries are the caller's.

mod body;
mod connection;
mod connector;
mod error;
mod http1;
mod keep_alive;

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use watchbell_model::header::is_of_connection;
use watchbell_model::ids::TeamId;

use crate::guard::GuardedUrl;
use crate::pool::{Bounds, Key, Pool, Reusable as _};
use crate::resolve::Guard;
use body::{HandedOver, RequestBody};
use connection::{BodyRead, Connection};
use connector::Connector;

pub use error::SendError;

/// Bytes of an answer's body that [`HttpClient::post`] keeps.
const KEPT_BODY: usize = 4096;
/// Idle connections.
const IDLE_CONNECTIONS: Bounds = Bounds {
    all: 1024,
    per_destination: 512,
};

/// Guarded HTTP client. Cheap to clone; all clones share the connections of a team.
#[derive(Clone)]
pub struct HttpClient {
    connector: Arc<Connector>,
    pool: Arc<Pool<Arc<str>, Connection>>,
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
            connector: Arc::new(Connector::new(guard)),
            pool: Arc::new(Pool::new(IDLE_CONNECTIONS)),
            team: None,
        }
    }

    /// The same client, whose look-ups and connections are this team's.
    #[must_use]
    pub fn on_behalf_of(&self, team: TeamId) -> Self {
        Self {
            team: Some(team),
            ..self.clone()
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
        let mut request = Request::new(RequestBody::new(body, &handed_over));
        *request.method_mut() = method;
        *request.uri_mut() = url.uri().clone();
        *request.headers_mut() = without_those_of_connection(headers);
        let key = Key {
            team: self.team,
            destination: url.origin(),
        };

        let deadline = tokio::time::sleep(timeout);
        tokio::pin!(deadline);
        let (mut connection, mut response) = tokio::select! {
            biased;
            sent = self.send(&key, url, request, &handed_over) => sent?,
            () = &mut deadline => return Err(SendError::timed_out(handed_over.get())),
        };
        let mut kept = BytesMut::new();
        let read = tokio::select! {
            biased;
            read = connection.read(response.body_mut(), keep, &mut kept) => read,
            () = &mut deadline => BodyRead::Broken,
        };
        if matches!(read, BodyRead::Whole | BodyRead::Beginning) {
            self.pool.put(&key, connection);
        }
        Ok(Answer {
            status: response.status(),
            headers: mem::take(response.headers_mut()),
            body_prefix: kept.freeze(),
            body_complete: read == BodyRead::Whole,
            http_version: response.version(),
        })
    }

    /// Sends a request over a connection of the pool or a new one, and waits for the head of its answer. It takes the next
    /// connection while nothing of the request was sent: the server has closed the one before while it was idle.
    async fn send(
        &self,
        key: &Key<Arc<str>>,
        url: &GuardedUrl,
        mut request: Request<RequestBody>,
        handed_over: &HandedOver,
    ) -> Result<(Connection, Response<Incoming>), SendError> {
        // Runs the I/O driver, so that connections learn that their server has closed them meanwhile.
        tokio::task::yield_now().await;
        while let Some(mut connection) = self.pool.take(key) {
            match connection.send(request, url.authority()).await {
                Ok(response) => return Ok((connection, response)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(SendError::new(error.error(), handed_over.get())),
                },
            }
        }
        let mut connection = self.connector.connect(url, self.team).await?;
        if let Some(shared) = connection.share() {
            self.pool.put(key, shared);
        }
        match connection.send(request, url.authority()).await {
            Ok(response) => Ok((connection, response)),
            Err(error) => Err(SendError::new(error.error(), handed_over.get())),
        }
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("team", &self.team)
            .finish_non_exhaustive()
    }
}

/// A caller's headers neither frame the request nor speak for the connection.
fn without_those_of_connection(mut headers: HeaderMap) -> HeaderMap {
    let of_connection = |name: &&HeaderName| is_of_connection(name.as_str());
    let dropped: Vec<_> = headers.keys().filter(of_connection).cloned().collect();
    for name in dropped {
        headers.remove(name);
    }
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    headers
}
