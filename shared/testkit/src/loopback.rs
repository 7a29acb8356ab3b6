//! Listening on a free port of 127.0.0.1, and plain HTTP/1.1 on top of it.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// Larger requests are refused with 413.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// A listener and all of its connections; dropping it ends them.
#[derive(Debug)]
pub(crate) struct Loopback {
    address: SocketAddr,
    task: AbortHandle,
    /// Gone as soon as this is dropped, which is before the task ends.
    _alive: Option<Arc<()>>,
}

impl Loopback {
    /// Binds a free port.
    pub(crate) async fn bind() -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    /// Takes over a task that serves `address`.
    pub(crate) fn owning(address: SocketAddr, task: AbortHandle) -> Self {
        Self {
            address,
            task,
            _alive: None,
        }
    }

    /// Runs `serve` for every connection.
    pub(crate) fn accept<F, Fut>(listener: TcpListener, address: SocketAddr, serve: F) -> Self
    where
        F: Fn(TcpStream) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let task = tokio::spawn(async move {
            // Aborting this task drops the set, and with it every connection.
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        if let Ok((stream, _)) = accepted {
                            // Without it answers wait for the peer's delayed acknowledgement; failing costs only speed.
                            drop(stream.set_nodelay(true));
                            connections.spawn(serve(stream));
                        }
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Self::owning(address, task.abort_handle())
    }

    /// Serves HTTP/1.1, whole bodies in and out.
    pub(crate) fn serve_http<F, Fut>(listener: TcpListener, address: SocketAddr, handle: F) -> Self
    where
        F: Fn(Request<Bytes>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Response<Full<Bytes>>> + Send + 'static,
    {
        let handle = Arc::new(handle);
        let alive = Arc::new(());
        let is_alive = Arc::downgrade(&alive);
        let mut server = Self::accept(listener, address, move |stream| {
            let (handle, is_alive) = (Arc::clone(&handle), Weak::clone(&is_alive));
            async move {
                let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let (handle, is_alive) = (Arc::clone(&handle), Weak::clone(&is_alive));
                    async move {
                        // A connection that is kept alive may be served once more before its task is aborted.
                        is_alive.upgrade().ok_or(io::ErrorKind::ConnectionReset)?;
                        let (head, body) = request.into_parts();
                        let response = match Limited::new(body, MAX_BODY).collect().await {
                            Ok(body) => handle(Request::from_parts(head, body.to_bytes())).await,
                            Err(_) => text(StatusCode::PAYLOAD_TOO_LARGE, "body too large"),
                        };
                        Ok::<_, io::Error>(response)
                    }
                });
                drop(
                    http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await,
                );
            }
        });
        server._alive = Some(alive);
        server
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn http_url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A response with a plain text.
pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("text/plain"),
    );
    response
}

/// A response with a JSON document.
pub(crate) fn json(status: StatusCode, body: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    response
}
