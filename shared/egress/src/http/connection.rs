//! An open connection of either version of HTTP.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::client::conn::{TrySendError, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::http1::Http1;
use super::origin::Origin;
use super::payload::Payload;
use super::wire::Wire;
use super::{DRAINED_BODY, MAX_ANSWER_HEAD, PING_INTERVAL, PING_TIMEOUT};

/// One of many exchanges over HTTP/2, whose connection has a task of its own.
pub(super) type Http2 = http2::SendRequest<Payload>;

/// A connection to send one request over.
pub(super) enum Connection {
    Http1(Box<Http1>),
    Http2(Http2),
}

/// How far an answer's body was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyRead {
    /// To its end, and all of it was kept.
    Whole,
    /// To its end, and its beginning was kept.
    Beginning,
    /// It was too long, too slow or broken off.
    Unfinished,
}

impl Connection {
    /// Begins HTTP on an open stream.
    pub(super) async fn open(wire: Wire, origin: Origin, host: HeaderValue) -> hyper::Result<Self> {
        if !wire.is_http2() {
            return Ok(Self::Http1(Box::new(Http1::open(wire, origin, host).await?)));
        }
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_header_list_size(MAX_ANSWER_HEAD as u32)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .handshake(TokioIo::new(wire))
            .await?;
        tokio::spawn(connection);
        Ok(Self::Http2(sender))
    }

    /// Sends a request and waits for the head of its answer. The error gives the request back when nothing of it
    /// was sent.
    pub(super) async fn send(
        &mut self,
        request: Request<Payload>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Payload>>> {
        match self {
            Self::Http1(connection) => connection.send(request).await,
            Self::Http2(sender) => sender.try_send_request(request).await,
        }
    }

    /// Reads the first `keep` bytes of an answer's body into `kept` and a bounded rest into nothing.
    pub(super) async fn read(&mut self, body: Incoming, keep: usize, kept: &mut BytesMut) -> BodyRead {
        match self {
            Self::Http1(connection) => keep_prefix(connection.reading(body), keep, kept).await,
            Self::Http2(_) => keep_prefix(body, keep, kept).await,
        }
    }

    /// Whether the server had closed the connection before the last request reached it. Waits for that word for `patience`
    /// at most. Over HTTP/2 nobody knows.
    pub(super) async fn was_closed_before(&mut self, patience: Duration) -> bool {
        match self {
            Self::Http1(connection) => connection.was_closed_before(patience).await,
            Self::Http2(_) => false,
        }
    }

    /// Whether the pool will not hand it out again.
    pub(super) fn is_spent(&self) -> bool {
        match self {
            Self::Http1(_) => true,
            Self::Http2(sender) => sender.is_closed(),
        }
    }
}

async fn keep_prefix(
    mut body: impl Body<Data = Bytes> + Unpin,
    keep: usize,
    kept: &mut BytesMut,
) -> BodyRead {
    let mut seen = 0usize;
    while seen <= keep + DRAINED_BODY {
        let frame = match body.frame().await {
            None if seen <= keep => return BodyRead::Whole,
            None => return BodyRead::Beginning,
            Some(Err(_)) => return BodyRead::Unfinished,
            Some(Ok(frame)) => frame,
        };
        if let Ok(data) = frame.into_data() {
            let room = keep - kept.len();
            kept.extend_from_slice(&data[..data.len().min(room)]);
            seen = seen.saturating_add(data.len());
        }
    }
    BodyRead::Unfinished
}
