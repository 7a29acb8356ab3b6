//! gRPC-Web for browsers, on the same port. Only gRPC-Web requests pass through its translation, which refuses any
//! other HTTP/1.1 request. Pages of configured origins may call (CORS); browsers block all others.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use tonic::body::Body;
use tonic_web::GrpcWebLayer;
use tower::{Layer, Service, ServiceExt};

/// Headers that a page may send, and read of an answer.
const ALLOWED: &str = "authorization, content-type, grpc-timeout, last-event-id, traceparent, tracestate, x-api-key, \
                       x-grpc-web, x-user-agent";
const EXPOSED: &str = "grpc-message, grpc-status, grpc-status-details-bin";

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
        let kind = headers.get(header::CONTENT_TYPE);
        if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc-web")) {
            return Box::pin(self.inner.call(request));
        }
        let origin = self.origin(headers);
        let translated = GrpcWebLayer::new().layer(self.inner.clone());
        Box::pin(async move {
            let mut response = translated.oneshot(request).await?;
            if let Some(origin) = origin {
                let headers = response.headers_mut();
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
                headers.insert(
                    header::ACCESS_CONTROL_EXPOSE_HEADERS,
                    HeaderValue::from_static(EXPOSED),
                );
                headers.insert(header::VARY, HeaderValue::from_static("origin"));
            }
            Ok(response)
        })
    }
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
