//! The guarded HTTP client: one POST out, one answer back, and an exact word on how far it got.
//!
//! It speaks HTTP/1.1 and, by ALPN, HTTP/2 over pooled connections; it follows no redirect, uses no proxy, keeps no
//! cookie. Every new connection asks the [`Guard`] for the addresses to dial. It sends a request again only when
//! the server had closed a connection of the pool before the request reached it; other retries are its callers'.

mod connect;
mod connection;
mod http1;
mod keep_alive;
mod origin;
mod payload;
mod pool;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{HeaderMap, HeaderName};
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use watchbell_model::header::is_of_connection;
use watchbell_model::ids::TeamId;

use crate::guard::{GuardedUrl, Refusal};
use crate::resolve::Guard;
use connect::{ConnectError, Connector};
use connection::{BodyRead, Connection};
use origin::Origin;
use payload::{HandedOver, Payload};
use pool::{Bounds, Pool};

/// How much of an answer's body [`HttpClient::post`] keeps.
pub const KEPT_BODY: usize = 4096;
/// How much more is read and thrown away to save the connection; beyond it the connection is closed.
const DRAINED_BODY: usize = 64 * 1024;
/// How many connections are kept for later.
const KEPT_CONNECTIONS: Bounds = Bounds {
    per_origin: 512,
    in_all: 4096,
};
/// The longest head of an answer. Of headers hyper takes 100 over HTTP/1.1; any other bound has it allocate room for
/// them with each answer.
const MAX_ANSWER_HEAD: usize = 64 * 1024;
/// A busy HTTP/2 connection is pinged this often, and ends when no answer comes.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the word that nobody took a request is waited for: a round trip, with much to spare.
const REFUSAL_WAIT: Duration = Duration::from_millis(500);

/// A guarded HTTP client. Cheap to clone; all clones share the pool.
#[derive(Debug, Clone)]
pub struct HttpClient {
    connector: Connector,
    pool: Arc<Pool>,
}

/// What a server answered.
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

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The guard refused the host or all of its addresses.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The host name could not be resolved.
    #[error("the host name could not be resolved")]
    Dns,
    /// No connection could be opened.
    #[error("could not connect: {0}")]
    Connect(String),
    /// The TLS handshake failed.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// Time ran out before anything of the request had been handed to a connection.
    #[error("timed out before the request was sent")]
    TimeoutBeforeSent,
    /// Time ran out after the request had been handed over: it may have arrived.
    #[error("timed out waiting for the answer; the request may have arrived")]
    TimeoutAfterSent,
    /// The connection broke after the request had been handed over: it may have arrived.
    #[error("the connection broke before the answer; the request may have arrived: {0}")]
    Reset(String),
    /// Anything else that went wrong before the request was handed over.
    #[error("the request could not be sent: {0}")]
    Other(String),
}

impl SendError {
    /// Whether the request may have arrived although no answer came.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::TimeoutAfterSent | Self::Reset(_))
    }

    /// Whether the guard refused to connect.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    /// A stable word for metrics and logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Dns => "dns",
            Self::Connect(_) => "connect",
            Self::Tls(_) => "tls",
            Self::TimeoutBeforeSent => "timeout_before_sent",
            Self::TimeoutAfterSent => "timeout_after_sent",
            Self::Reset(_) => "reset",
            Self::Other(_) => "other",
        }
    }
}

impl HttpClient {
    /// A client that connects to what `guard` lets through.
    #[must_use]
    pub fn new(guard: Guard) -> Self {
        Self {
            connector: Connector::new(guard),
            pool: Arc::new(Pool::new(KEPT_CONNECTIONS)),
        }
    }

    /// The same client, whose look-ups count as this team's.
    #[must_use]
    pub fn on_behalf_of(&self, team: TeamId) -> Self {
        Self {
            connector: self.connector.on_behalf_of(team),
            pool: Arc::clone(&self.pool),
        }
    }

    /// Posts `body`. `timeout` bounds everything, from the look-up to the answer's last byte that is waited for; a
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
        mut headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
        keep: usize,
    ) -> Result<Answer, SendError> {
        // A caller's headers neither frame the request nor speak for the connection.
        let of_connection = |name: &&HeaderName| is_of_connection(name.as_str());
        let dropped: Vec<_> = headers.keys().filter(of_connection).cloned().collect();
        for name in dropped {
            headers.remove(name);
        }
        let handed_over = HandedOver::default();
        let mut request = Request::new(Payload::new(body, &handed_over));
        *request.method_mut() = method;
        *request.uri_mut() = url.expose().clone();
        *request.headers_mut() = headers;

        let deadline = tokio::time::sleep(timeout);
        tokio::pin!(deadline);
        let (mut connection, response) = tokio::select! {
            biased;
            sent = self.send(url, request, &handed_over) => sent?,
            () = &mut deadline => return Err(timed_out(&handed_over)),
        };
        let (head, body) = response.into_parts();
        let mut kept = BytesMut::new();
        let read = tokio::select! {
            biased;
            read = connection.read(body, keep, &mut kept) => read,
            () = &mut deadline => BodyRead::Unfinished,
        };
        if let Connection::Http1(connection) = connection
            && read != BodyRead::Unfinished
        {
            self.pool.park(connection);
        }
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body_prefix: kept.freeze(),
            body_complete: read == BodyRead::Whole,
            http_version: head.version,
        })
    }

    /// Sends a request over a connection of the pool, or over a new one. It moves on to the next one while nothing of the
    /// request was sent. When the server had closed the connection before the request reached it (RFC 9112 §9.3.1), the
    /// request goes out once more, over a new one.
    async fn send(
        &self,
        url: &GuardedUrl,
        mut request: Request<Payload>,
        handed_over: &HandedOver,
    ) -> Result<(Connection, Response<Incoming>), SendError> {
        let mut untaken = None;
        while let Some(mut connection) = self.pool.take(url) {
            let again = request.clone();
            match connection.send(request).await {
                Ok(response) => return Ok((connection, response)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) if connection.is_spent() => request = unsent,
                    None if connection.was_closed_before(REFUSAL_WAIT).await => {
                        untaken = Some(unanswered(error.error(), handed_over));
                        request = again;
                        break;
                    }
                    _ => return Err(unanswered(error.error(), handed_over)),
                },
            }
        }
        let opened = self.connector.connect(url).await;
        let mut connection = match opened.map_err(|error| untaken.unwrap_or_else(|| error.into()))? {
            Connection::Http2(sender) => Connection::Http2(self.pool.share(Origin::of(url), sender)),
            http1 @ Connection::Http1(_) => http1,
        };
        match connection.send(request).await {
            Ok(response) => Ok((connection, response)),
            Err(error) => Err(unanswered(error.error(), handed_over)),
        }
    }
}

impl From<ConnectError> for SendError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Refused(Refusal::Unresolved) => Self::Dns,
            ConnectError::Refused(refusal) => Self::Refused(refusal),
            ConnectError::Tcp(cause) => Self::Connect(cause.kind().to_string()),
            ConnectError::Tls(cause) => Self::Tls(cause.to_string()),
            ConnectError::Http(cause) => Self::Other(innermost(&*cause)),
        }
    }
}

fn timed_out(handed_over: &HandedOver) -> SendError {
    if handed_over.get() {
        SendError::TimeoutAfterSent
    } else {
        SendError::TimeoutBeforeSent
    }
}

fn unanswered(error: &hyper::Error, handed_over: &HandedOver) -> SendError {
    let detail = innermost(error);
    if handed_over.get() {
        SendError::Reset(detail)
    } else {
        SendError::Other(detail)
    }
}

/// The last cause says what happened; those before it only repeat where.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
