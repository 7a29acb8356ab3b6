//! The guarded HTTP client: one POST out, one answer back, and an exact word on how far it got.
//!
//! It speaks HTTP/1.1 and, by ALPN, HTTP/2 over pooled connections; it follows no redirect, uses no proxy, keeps no
//! cookie. Every new connection asks the [`Guard`] for the addresses to dial. It decides nothing about retries.

mod connect;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName};
use http::{Method, Request, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;

use crate::guard::{GuardedUrl, Refusal};
use crate::resolve::Guard;
use connect::{ConnectError, Connector};

/// How much of an answer's body [`HttpClient::post`] keeps.
pub const KEPT_BODY: usize = 4096;
/// How much more is read and thrown away to save the connection; beyond it the connection is closed.
const DRAINED_BODY: usize = 64 * 1024;
/// An idle connection is kept this long.
const IDLE: Duration = Duration::from_secs(90);
/// The longest head of an answer, and how many headers it may have.
const MAX_ANSWER_HEAD: usize = 64 * 1024;
const MAX_ANSWER_HEADERS: usize = 128;

/// Headers that belong to the connection or frame the message; a caller's are dropped, so that a custom header can
/// never smuggle a second request.
const FRAMING: [HeaderName; 9] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
    header::PROXY_AUTHORIZATION,
];

/// A guarded HTTP client. Cheap to clone; all clones share the pool.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client<Connector, Payload>,
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
    /// A client that trusts Mozilla's roots.
    #[must_use]
    pub fn new(guard: Guard) -> Self {
        Self::with_roots(guard, [])
    }

    /// A client that trusts `extra` certificate authorities as well (on-premises). Those that cannot be read are
    /// left out; hosts that need them will fail with [`SendError::Tls`].
    #[must_use]
    pub fn with_roots(guard: Guard, extra: impl IntoIterator<Item = CertificateDer<'static>>) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(512)
            .http1_max_buf_size(MAX_ANSWER_HEAD)
            .http1_max_headers(MAX_ANSWER_HEADERS)
            .http2_max_header_list_size(MAX_ANSWER_HEAD as u32)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .http2_keep_alive_timeout(Duration::from_secs(10))
            .build(Connector::new(guard, extra));
        Self { client }
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
        self.call(Method::POST, url, headers, body, timeout, KEPT_BODY)
            .await
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
        for name in &FRAMING {
            headers.remove(name);
        }
        let (payload, handed_over) = Payload::new(body);
        let mut request = Request::new(payload);
        *request.method_mut() = method;
        *request.uri_mut() = url.expose().clone();
        *request.headers_mut() = headers;

        let deadline = tokio::time::sleep(timeout);
        tokio::pin!(deadline);
        let response = tokio::select! {
            biased;
            response = self.client.request(request) => {
                response.map_err(|error| explain(&error, handed_over.load(Ordering::Acquire)))?
            }
            () = &mut deadline => {
                return Err(if handed_over.load(Ordering::Acquire) {
                    SendError::TimeoutAfterSent
                } else {
                    SendError::TimeoutBeforeSent
                });
            }
        };
        let (head, body) = response.into_parts();
        let mut kept = BytesMut::new();
        let body_complete = tokio::select! {
            biased;
            complete = keep_prefix(body, keep, &mut kept) => complete,
            () = &mut deadline => false,
        };
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body_prefix: kept.freeze(),
            body_complete,
            http_version: head.version,
        })
    }
}

/// Reads the first `keep` bytes into `kept` and a bounded rest into nothing. Says whether `kept` is all there was.
async fn keep_prefix(mut body: Incoming, keep: usize, kept: &mut BytesMut) -> bool {
    let mut seen = 0usize;
    while seen <= keep + DRAINED_BODY {
        let frame = match body.frame().await {
            None => return seen <= keep,
            Some(Err(_)) => return false,
            Some(Ok(frame)) => frame,
        };
        if let Ok(data) = frame.into_data() {
            let room = keep - kept.len();
            kept.extend_from_slice(&data[..data.len().min(room)]);
            seen = seen.saturating_add(data.len());
        }
    }
    false
}

fn explain(error: &ClientError, handed_over: bool) -> SendError {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if let Some(connect) = cause.downcast_ref::<ConnectError>() {
            return match connect {
                ConnectError::Refused(Refusal::Unresolved) => SendError::Dns,
                ConnectError::Refused(refusal) => SendError::Refused(refusal.clone()),
                ConnectError::Tcp(cause) => SendError::Connect(cause.kind().to_string()),
                ConnectError::Tls(cause) => SendError::Tls(cause.to_string()),
            };
        }
        source = cause.source();
    }
    let detail = innermost(error);
    if handed_over {
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

/// A request body that remembers whether the connection has taken it: from then on it may have arrived.
#[derive(Debug)]
struct Payload {
    data: Option<Bytes>,
    taken: Arc<AtomicBool>,
}

impl Payload {
    fn new(data: Bytes) -> (Self, Arc<AtomicBool>) {
        let taken = Arc::new(AtomicBool::new(false));
        (
            Self {
                data: Some(data),
                taken: Arc::clone(&taken),
            },
            taken,
        )
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.taken.store(true, Ordering::Release);
        Poll::Ready(
            self.data
                .take()
                .filter(|data| !data.is_empty())
                .map(|data| Ok(Frame::data(data))),
        )
    }

    fn is_end_stream(&self) -> bool {
        let nothing_left = self.data.as_ref().is_none_or(Bytes::is_empty);
        if nothing_left {
            // An empty body is never polled: being asked is all the sign there is.
            self.taken.store(true, Ordering::Release);
        }
        nothing_left
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.as_ref().map_or(0, |data| data.len() as u64))
    }
}
