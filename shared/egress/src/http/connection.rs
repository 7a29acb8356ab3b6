//! HTTP connection of either version: its exchanges, and until when it may be used again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Response, header};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming};
use hyper::client::conn::{TrySendError, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::Instant;
use watchbell_paced::{ByteCount, Paced};

use super::body::RequestBody;
use super::http1::{Http1, MAX_ANSWER_HEAD};
use super::keep_alive::{IDLE, idle_timeout};
use crate::dial::{Stream, now};
use crate::pool::Reusable;

/// Age after whose end a connection takes no further request: its name may lead to another address by now.
const MAX_AGE: Duration = Duration::from_secs(60);
/// Bytes of a body that are read beyond those kept and thrown away, so that the connection can be used again. A longer body
/// costs an HTTP/1.1 connection.
const DRAINED_BODY: usize = 64 * 1024;
/// Bytes that may be read without any progress of a caller: a head and a buffer that was read ahead.
const MAX_UNCONSUMED: usize = 2 * MAX_ANSWER_HEAD;
/// The same over HTTP/2: the bodies of all its streams, within the window of the connection, and their heads.
const MAX_UNCONSUMED_HTTP2: usize = 512 * 1024;
/// A busy HTTP/2 connection is pinged this often, and ends when no answer comes.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Windows of HTTP/2: bytes of bodies that nobody has read yet, of one answer and of all of a connection.
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// A connection, or one of many handles to it.
pub(super) struct Connection {
    protocol: Protocol,
    opened: Instant,
    /// How long it may be idle, by its last answer.
    idle_timeout: Duration,
    /// Bytes read since a caller consumed some.
    unconsumed: ByteCount,
    /// Whether an exchange is under way over this handle.
    busy: bool,
    /// Whether an exchange over any handle has not come to its end, by a time-out, a reset or a cancelled request: the server may
    /// be gone without having closed the connection.
    poisoned: Arc<AtomicBool>,
}

enum Protocol {
    Http1(Box<Http1>),
    /// Driven by a task of its own.
    Http2(http2::SendRequest<RequestBody>),
}

/// How far an answer's body was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyRead {
    /// To its end, and all of it was kept.
    Whole,
    /// To its end, and its beginning was kept.
    Beginning,
    /// Until it was too long.
    TooLong,
    /// Until it broke off.
    Broken,
}

impl Connection {
    /// Begins HTTP on an open stream.
    pub(super) async fn open(stream: Stream, http2: bool) -> hyper::Result<Self> {
        let limit = if http2 {
            MAX_UNCONSUMED_HTTP2
        } else {
            MAX_UNCONSUMED
        };
        let stream = Paced::limited(stream, limit);
        let unconsumed = stream.received();
        let protocol = if http2 {
            Protocol::Http2(open_http2(stream).await?)
        } else {
            Protocol::Http1(Box::new(Http1::open(stream).await?))
        };
        Ok(Self {
            protocol,
            opened: now(),
            idle_timeout: IDLE,
            unconsumed,
            busy: false,
            poisoned: Arc::default(),
        })
    }

    /// Sends a request and waits for the head of its answer. The error gives the request back when nothing of it was sent.
    pub(super) async fn send(
        &mut self,
        mut request: Request<RequestBody>,
        host: &HeaderValue,
    ) -> Result<Response<Incoming>, TrySendError<Request<RequestBody>>> {
        self.busy = true;
        let response = match &mut self.protocol {
            Protocol::Http1(http1) => {
                request.headers_mut().insert(header::HOST, host.clone());
                let response = http1.send(request).await?;
                self.idle_timeout = idle_timeout(response.headers());
                response
            }
            Protocol::Http2(sender) => sender.try_send_request(request).await?,
        };
        self.unconsumed.reset();
        Ok(response)
    }

    /// Reads the first `keep` bytes of an answer's body into `kept` and a bounded rest into nothing.
    pub(super) async fn read(&mut self, body: &mut Incoming, keep: usize, kept: &mut BytesMut) -> BodyRead {
        let mut seen = 0usize;
        while seen <= keep + DRAINED_BODY {
            let frame = match self.frame(body).await {
                Some(Ok(frame)) => frame,
                Some(Err(_)) => return BodyRead::Broken,
                None => {
                    self.busy = false;
                    return if seen <= keep {
                        BodyRead::Whole
                    } else {
                        BodyRead::Beginning
                    };
                }
            };
            self.unconsumed.reset();
            if let Some(data) = frame.data_ref() {
                let room = keep - kept.len();
                kept.extend_from_slice(&data[..data.len().min(room)]);
                seen = seen.saturating_add(data.len());
            }
        }
        self.busy = false;
        BodyRead::TooLong
    }

    async fn frame(&mut self, body: &mut Incoming) -> Option<hyper::Result<Frame<Bytes>>> {
        match &mut self.protocol {
            Protocol::Http1(http1) => http1.frame(body).await,
            Protocol::Http2(_) => body.frame().await,
        }
    }
}

impl Reusable for Connection {
    fn is_open(&mut self) -> bool {
        match &mut self.protocol {
            Protocol::Http1(http1) => http1.is_open(),
            Protocol::Http2(sender) => !sender.is_closed() && !self.poisoned.load(Ordering::Relaxed),
        }
    }

    fn expires(&self, now: Instant) -> Instant {
        (now + self.idle_timeout).min(self.opened + MAX_AGE)
    }

    fn share(&self) -> Option<Self> {
        match &self.protocol {
            Protocol::Http2(sender) if !sender.is_closed() && !self.poisoned.load(Ordering::Relaxed) => {
                Some(Self {
                    protocol: Protocol::Http2(sender.clone()),
                    opened: self.opened,
                    idle_timeout: self.idle_timeout,
                    unconsumed: self.unconsumed.clone(),
                    busy: false,
                    poisoned: Arc::clone(&self.poisoned),
                })
            }
            _ => None,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.busy {
            self.poisoned.store(true, Ordering::Relaxed);
        }
    }
}

async fn open_http2(stream: Paced<Stream>) -> hyper::Result<http2::SendRequest<RequestBody>> {
    let (sender, driver) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_header_list_size(MAX_ANSWER_HEAD as u32)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .handshake(TokioIo::new(stream))
        .await?;
    tokio::spawn(driver);
    Ok(sender)
}
