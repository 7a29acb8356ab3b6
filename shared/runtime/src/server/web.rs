//! gRPC-Web for browsers, on the same port as everything else. Only requests that say they are gRPC-Web go through its
//! translation, since it refuses any other HTTP/1.1 request.

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response, header};
use tonic::body::Body;
use tonic_web::GrpcWebLayer;
use tower::{Layer, Service, ServiceExt};

/// Translates gRPC-Web and lets everything else pass.
#[derive(Clone)]
pub(super) struct WebLayer;

/// See [`WebLayer`].
#[derive(Clone)]
pub(super) struct WebService<S>(S);

impl<S> Layer<S> for WebLayer {
    type Service = WebService<S>;

    fn layer(&self, inner: S) -> WebService<S> {
        WebService(inner)
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
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let kind = request.headers().get(header::CONTENT_TYPE);
        if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc-web")) {
            return Box::pin(self.0.call(request));
        }
        let translated = GrpcWebLayer::new().layer(self.0.clone());
        Box::pin(async move { translated.oneshot(request).await })
    }
}
