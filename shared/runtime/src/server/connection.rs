//! One connection: TLS if configured, then HTTP/1.1 or HTTP/2, detected from its first bytes. A connection must send
//! a request soon, is closed after a long idle time, and is closed gracefully at shutdown.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Version};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tower::{Service as _, ServiceExt as _};
use watchbell_paced::Paced;

use super::connections::Connection;
use super::drain::Drained;
use super::tls::Acceptor;
use super::web::WebService;
use crate::peer::Peer;

/// Time for the TLS handshake, and again for the preface of HTTP/2 or the headers of the first request.
const OPENING: Duration = Duration::from_secs(10);

/// Time for the headers of an HTTP/1.1 request, from the end of the one before.
const HEADERS: Duration = Duration::from_secs(30);

/// Time without any request after which a connection is closed.
const IDLE: Duration = Duration::from_secs(5 * 60);

/// Time that a connection has for its farewell.
const CLOSING: Duration = Duration::from_secs(5);

/// Interval of HTTP/2 keep-alive pings on an idle connection, and the time-out of their answer.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(20));

/// Bound of a request's headers, in bytes.
const MAX_HEADERS: u32 = 16 * 1024;

/// Bytes read ahead of an HTTP/1.1 request, including its headers.
const HTTP1_BUFFER: usize = 64 * 1024;

/// What a stream may send before it is read, in bytes.
const STREAM_WINDOW: u32 = 256 * 1024;
/// What all streams of a connection may send before it is read, in bytes. h2 closes a connection with too many small frames
/// that nobody has read: what they lack to 256 bytes each may be half of this window in all. Two streams full of frames of
/// 100 bytes stay below that.
const CONNECTION_WINDOW: u32 = 2 * 1024 * 1024;

/// Length of what every HTTP/2 connection begins with (RFC 9113 §3.4), in bytes.
const PREFACE: usize = 24;

/// How every connection is served. Cheap to clone.
#[derive(Clone)]
pub(super) struct Protocol {
    http: auto::Builder<TokioExecutor>,
    tls: Option<Acceptor>,
    app: WebService<Routes>,
}

// === impl Protocol ===

impl Protocol {
    pub(super) fn new(max_streams: u32, tls: Option<Acceptor>, app: WebService<Routes>) -> Self {
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS)
            .max_buf_size(HTTP1_BUFFER);
        http.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE.0)
            .keep_alive_timeout(KEEP_ALIVE.1)
            .max_concurrent_streams(max_streams)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(MAX_HEADERS);
        Self { http, tls, app }
    }

    /// Serves a connection to its end.
    pub(super) async fn serve(self, stream: TcpStream, connection: Connection, stop: CancellationToken) {
        let Some(tls) = &self.tls else {
            return self.speak(stream, &connection, false, &stop).await;
        };
        let address = connection.address;
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(OPENING, tls.current().accept(stream)) => shaken,
            () = connection.replaced.cancelled() => return,
            () = stop.cancelled() => return,
        };
        match shaken {
            Ok(Ok(stream)) => {
                let certified = stream
                    .get_ref()
                    .1
                    .peer_certificates()
                    .is_some_and(|chain| !chain.is_empty());
                self.speak(stream, &connection, certified, &stop).await;
            }
            Ok(Err(error)) => tracing::debug!(%address, %error, "no TLS"),
            Err(_) => tracing::debug!(%address, "no TLS in time"),
        }
    }

    async fn speak<S>(&self, stream: S, who: &Connection, certified: bool, stop: &CancellationToken)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (address, activity) = (who.address, &who.activity);
        let paced = Paced::of_client(stream);
        let received = paced.received();
        let peer = Peer::new(address, certified, Arc::clone(activity));
        let app = self.app.clone();
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            let mut app = app.clone();
            // HTTP/1.1 reads the rest of a body before the next request by itself.
            let request = match request.version() {
                Version::HTTP_2 => request.map(|body| Body::new(Drained::new(body))),
                _ => request.map(Body::new),
            };
            async move { app.ready().await?.call(request).await }
        });
        let mut connection = std::pin::pin!(self.http.serve_connection(TokioIo::new(paced), service));
        let silent = async {
            tokio::time::sleep(OPENING).await;
            if activity.has_begun() || received.get() >= PREFACE {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            ended = connection.as_mut() => return note(address, ended),
            () = silent => return tracing::debug!(%address, "nothing came in time"),
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                return note(address, connection.await);
            }
            () = activity.idle(IDLE) => {}
            () = who.replaced.cancelled() => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(CLOSING, connection).await;
    }
}

fn note(address: SocketAddr, ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(%address, %error, "a connection broke");
    }
}

#[cfg(test)]
mod tests;
