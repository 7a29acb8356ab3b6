//! gRPC-Web and the Connect protocol, on the same port as gRPC: each is translated to gRPC and back before anything else sees
//! it. Pages of configured origins may call (CORS); browsers block all others.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use tonic::body::Body;
use tonic_web::GrpcWebLayer;
use tower::{Layer, Service, ServiceExt};

use super::compressed;
use super::connect::{self, Dispatch};

/// Headers that a page may send, and read of an answer.
const ALLOWED: &str = "authorization, connect-protocol-version, connect-timeout-ms, content-encoding, content-type, \
                       grpc-timeout, last-event-id, traceparent, tracestate, x-api-key, x-grpc-web, x-user-agent";
const EXPOSED: &str = "grpc-message, grpc-status, grpc-status-details-bin, retry-after";

/// How long a browser remembers that it may, in seconds.
const REMEMBERED: &str = "7200";

/// Translates gRPC-Web and passes everything else on.
#[derive(Clone)]
pub(super) struct WebLayer {
    origins: Arc<[String]>,
}

/// Service of [`WebLayer`].
#[derive(Clone)]
pub(super) struct WebService<S> {
    inner: S,
    origins: Arc<[String]>,
}

// === impl WebLayer ===

impl WebLayer {
    /// Pages of these origins may call.
    pub(super) fn new(origins: &[String]) -> Self {
        Self {
            origins: origins.into(),
        }
    }
}

impl<S> Layer<S> for WebLayer {
    type Service = WebService<S>;

    fn layer(&self, inner: S) -> WebService<S> {
        WebService {
            inner,
            origins: Arc::clone(&self.origins),
        }
    }
}

// === impl WebService ===

impl<S> WebService<S> {
    /// The caller's origin, if its pages may call.
    fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        self.origins
            .iter()
            .any(|known| known.as_bytes() == origin.as_bytes())
            .then(|| origin.clone())
    }
}

impl<S> Service<Request<Body>> for WebService<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let headers = request.headers();
        if request.method() == Method::OPTIONS
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
            && let Some(origin) = self.origin(headers)
        {
            return Box::pin(std::future::ready(Ok(may(origin))));
        }
        let web = headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc-web"));
        let origin = self.origin(headers);
        let gzip = compressed::may_be(&request);
        match connect::dispatch(&request) {
            Dispatch::Connect(codec) => {
                let called = connect::call(self.inner.clone(), request, codec);
                Box::pin(async move { Ok(readable(called.await?, origin)) })
            }
            Dispatch::Refused(refused) => Box::pin(std::future::ready(Ok(readable(refused, origin)))),
            Dispatch::Other if web => {
                let inner = self.inner.clone().map_response(move |answer| {
                    if gzip {
                        compressed::compress(answer)
                    } else {
                        answer
                    }
                });
                let translated = GrpcWebLayer::new().layer(inner);
                Box::pin(async move { Ok(readable(translated.oneshot(request).await?, origin)) })
            }
            Dispatch::Other => {
                let called = self.inner.call(request);
                Box::pin(async move {
                    let answer = called.await?;
                    Ok(if gzip {
                        compressed::compress(answer)
                    } else {
                        answer
                    })
                })
            }
        }
    }
}

/// The answer, which pages of that origin may read.
fn readable(mut response: Response<Body>, origin: Option<HeaderValue>) -> Response<Body> {
    if let Some(origin) = origin {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(EXPOSED),
        );
        headers.insert(header::VARY, HeaderValue::from_static("origin"));
    }
    response
}

/// The answer to a CORS preflight request.
fn may(origin: HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("POST"),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(ALLOWED),
    );
    headers.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static(REMEMBERED),
    );
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    response
}
