//! A span and a measurement for each call a server answers. The span continues the caller's trace, is named after the
//! RPC, and ends with the last byte of the answer, so that a stream's span covers the stream.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::MatchedPath;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter};
use opentelemetry::trace::TraceContextExt;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::{Instrument, Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use watchbell_domain::clock::SharedClock;

use super::propagate;
use crate::auth::table;
use crate::metrics::LATENCY_SECONDS;
use crate::server::is_grpc;

/// Traces and measures each call; see the module.
#[derive(Clone)]
pub struct TraceLayer {
    duration: Histogram<f64>,
    clock: SharedClock,
}

/// See [`TraceLayer`].
#[derive(Clone)]
pub struct TraceService<S> {
    inner: S,
    layer: TraceLayer,
}

/// A call under way.
struct Call {
    span: Span,
    duration: Histogram<f64>,
    clock: SharedClock,
    began: Duration,
    service: String,
    method: String,
    grpc: bool,
}

// === impl TraceLayer ===

impl TraceLayer {
    /// Measures into `rpc.server.duration` of this meter.
    pub fn new(meter: &Meter, clock: SharedClock) -> Self {
        let duration = meter
            .f64_histogram("rpc.server.duration")
            .with_description("How long calls took, to the end of the answer.")
            .with_unit("s")
            .with_boundaries(LATENCY_SECONDS.to_vec())
            .build();
        Self { duration, clock }
    }

    /// The call that a request is; `None` for what is not worth a span: health, reflection, metrics.
    fn call<B>(&self, request: &Request<B>) -> Option<Call> {
        let path = request.uri().path();
        let grpc = is_grpc(request.headers());
        let (service, method) = if grpc {
            match table::access(path) {
                // Whatever callers make up must not become names of metrics.
                None => ("unknown".to_owned(), "unknown".to_owned()),
                Some(_) => {
                    let (service, method) = path.trim_start_matches('/').split_once('/')?;
                    (!service.starts_with("grpc.")).then(|| (service.to_owned(), method.to_owned()))?
                }
            }
        } else {
            let route = request.extensions().get::<MatchedPath>()?.as_str();
            let noise = matches!(route, "/metrics" | "/healthz" | "/readyz");
            (!noise).then(|| ("http".to_owned(), format!("{} {route}", request.method())))?
        };
        let span = tracing::info_span!(
            "rpc",
            otel.name = if grpc {
                format!("{service}/{method}")
            } else {
                method.clone()
            },
            otel.kind = "server",
            otel.status_code = field::Empty,
            rpc.system = if grpc { "grpc" } else { "http" },
            rpc.service = service,
            rpc.method = method,
            rpc.grpc.status_code = field::Empty,
            http.response.status_code = field::Empty,
            team = field::Empty,
        );
        let parent = propagate::extract(request.headers());
        if parent.span().span_context().is_valid() {
            // Fails only without a tracer, when there is nothing to continue.
            let _ = span.set_parent(parent);
        }
        Some(Call {
            span,
            duration: self.duration.clone(),
            clock: self.clock.clone(),
            began: self.clock.monotonic(),
            service,
            method,
            grpc,
        })
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = TraceService<S>;

    fn layer(&self, inner: S) -> TraceService<S> {
        TraceService {
            inner,
            layer: self.clone(),
        }
    }
}

// === impl TraceService ===

impl<S, B> Service<Request<B>> for TraceService<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Some(call) = self.layer.call(&request) else {
            return Box::pin(self.inner.call(request));
        };
        let answer = call.span.in_scope(|| self.inner.call(request));
        let answer = answer.instrument(call.span.clone());
        Box::pin(async move {
            let response = answer.await?;
            Ok(call.answered(response))
        })
    }
}

// === impl Call ===

impl Call {
    fn answered(self, response: Response<Body>) -> Response<Body> {
        if !self.grpc {
            let status = response.status();
            self.span.record("http.response.status_code", status.as_u16());
            self.end(status.as_str(), status.is_server_error());
            return response;
        }
        // An answer without a body says its status in the headers.
        if let Some(code) = code(response.headers()) {
            self.end_with(code);
            return response;
        }
        response.map(|body| {
            Body::new(Answer {
                body,
                call: Some(self),
            })
        })
    }

    fn end_with(self, code: Code) {
        use Code::{DataLoss, DeadlineExceeded, Internal, Unavailable, Unimplemented, Unknown};
        self.span.record("rpc.grpc.status_code", code as i32);
        // These are faults of the server (OpenTelemetry's conventions for RPC); the others are the caller's.
        let fault = matches!(
            code,
            Unknown | DeadlineExceeded | Unimplemented | Internal | Unavailable | DataLoss
        );
        self.end(name(code), fault);
    }

    fn end(self, status: &str, fault: bool) {
        if fault {
            self.span.record("otel.status_code", "ERROR");
        }
        let took = self.clock.monotonic().saturating_sub(self.began);
        let status = KeyValue::new("status", status.to_owned());
        let labels = [
            KeyValue::new("service", self.service),
            KeyValue::new("method", self.method),
            status,
        ];
        self.duration.record(took.as_secs_f64(), &labels);
    }
}

fn code(headers: &HeaderMap) -> Option<Code> {
    Status::from_header_map(headers).map(|status| status.code())
}

/// A code's name as everybody writes it.
const fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// An answer being sent; its call ends with its trailers, or when the caller goes away.
struct Answer {
    body: Body,
    call: Option<Call>,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let span = self.call.as_ref().map(|call| call.span.clone());
        let _entered = span.as_ref().map(Span::enter);
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let end = match &frame {
            Some(Ok(frame)) => frame
                .trailers_ref()
                .map(|trailers| code(trailers).unwrap_or(Code::Unknown)),
            Some(Err(_)) | None => Some(Code::Unknown),
        };
        if let Some(code) = end
            && let Some(call) = self.call.take()
        {
            call.end_with(code);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            call.end_with(Code::Cancelled);
        }
    }
}
