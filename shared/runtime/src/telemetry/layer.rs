//! A span and a measurement for each call a server answers. The span continues the caller's trace, is named after the
//! RPC, and ends with the last byte of the answer, so that a stream's span covers the stream.

use std::borrow::Cow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::MatchedPath;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Method, Request, Response};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter};
use opentelemetry::trace::TraceContextExt;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::{Instrument, Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use watchbell_model::clock::SharedClock;

use super::propagate;
use crate::auth::table;
use crate::http_call::{is_grpc, is_probe};
use crate::metrics::LATENCY_SECONDS;

/// Traces and measures each call; see the module.
#[derive(Clone)]
pub struct TraceLayer {
    duration: Histogram<f64>,
    clock: SharedClock,
}

/// Service of [`TraceLayer`].
#[derive(Clone)]
pub struct TraceService<S> {
    inner: S,
    layer: TraceLayer,
}

/// A call in progress.
struct Call {
    span: Span,
    duration: Histogram<f64>,
    clock: SharedClock,
    began: Duration,
    service: &'static str,
    method: Cow<'static, str>,
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

    /// The call of a request; `None` for requests without a span: health, reflection, metrics.
    fn call<B>(&self, request: &Request<B>) -> Option<Call> {
        let path = request.uri().path();
        let grpc = is_grpc(request.headers());
        let (name, service, method) = if grpc {
            match table::rpc(path) {
                Some(rpc) => (
                    path.trim_start_matches('/'),
                    rpc.service,
                    Cow::Borrowed(rpc.method),
                ),
                None if table::is_public(path) => return None,
                // Whatever callers make up must not become names of spans and metrics.
                None => ("unknown", "unknown", Cow::Borrowed("unknown")),
            }
        } else {
            let route = request.extensions().get::<MatchedPath>()?.as_str();
            let method = (!is_probe(route)).then(|| format!("{} {route}", known(request.method())))?;
            ("", "http", Cow::Owned(method))
        };
        let span = tracing::info_span!(
            "rpc",
            otel.name = if grpc { name } else { &*method },
            otel.kind = "server",
            otel.status_code = field::Empty,
            rpc.system = if grpc { "grpc" } else { "http" },
            rpc.service = service,
            rpc.method = &*method,
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
            self.end(Cow::Owned(status.as_str().to_owned()), status.is_server_error());
            return response;
        }
        // An answer without a body has its status in the headers.
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
        self.end(Cow::Borrowed(name(code)), fault);
    }

    fn end(self, status: Cow<'static, str>, fault: bool) {
        if fault {
            self.span.record("otel.status_code", "ERROR");
        }
        let took = self.clock.monotonic().saturating_sub(self.began);
        let labels = [
            KeyValue::new("service", self.service),
            KeyValue::new("method", self.method),
            KeyValue::new("status", status),
        ];
        self.duration.record(took.as_secs_f64(), &labels);
    }
}

/// A method's name; callers may make others up (OpenTelemetry's conventions for HTTP say `_OTHER`).
fn known(method: &Method) -> &str {
    let all = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    match all.contains(method) {
        true => method.as_str(),
        false => "_OTHER",
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

/// An answer being sent; its call ends with its trailers, or when the caller disconnects.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::sync::Arc;

    use opentelemetry::trace::{SpanKind, TracerProvider as _};
    use opentelemetry_sdk::error::OTelSdkResult;
    use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
    use parking_lot::Mutex;
    use tower::ServiceExt;
    use tracing_subscriber::Registry;
    use tracing_subscriber::layer::SubscriberExt;

    use crate::metrics::Metrics;
    use crate::problem::Problem;
    use crate::testing::ManualClock;

    #[derive(Debug, Clone, Default)]
    struct Spans(Arc<Mutex<Vec<SpanData>>>);

    impl SpanExporter for Spans {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().extend(batch);
            Ok(())
        }
    }

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const EMIT: &str = "/watchbell.router.v1.RouterService/Emit";

    /// Calls `path` within the caller's trace; the handler sees the trace and notes the team. The spans that were ended.
    async fn call(path: &str, answer: fn() -> Response<Body>) -> Vec<SpanData> {
        let spans = Spans::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(spans.clone())
            .build();
        let subscriber = Registry::default()
            .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("watchbell")));
        let _guard = tracing::subscriber::set_default(subscriber);
        let layer = TraceLayer::new(&Metrics::local().unwrap().meter("test"), ManualClock::shared());
        let service = layer.layer(tower::service_fn(move |_: Request<Body>| async move {
            tokio::task::yield_now().await;
            assert!(
                propagate::traceparent()
                    .unwrap()
                    .contains("4bf92f3577b34da6a3ce929d0e0e4736")
            );
            Span::current().record("team", "team_1");
            Ok::<_, Infallible>(answer())
        }));
        let request = Request::post(path)
            .header("content-type", "application/grpc")
            .header("traceparent", PARENT)
            .body(Body::empty())
            .unwrap();
        let response = service.oneshot(request).await.unwrap();
        drop(
            http_body_util::BodyExt::collect(response.into_body())
                .await
                .unwrap(),
        );
        spans.0.lock().clone()
    }

    fn attribute(span: &SpanData, key: &str) -> Option<String> {
        let found = span
            .attributes
            .iter()
            .find(|attribute| attribute.key.as_str() == key);
        found.map(|attribute| attribute.value.to_string())
    }

    #[tokio::test]
    async fn a_calls_span_continues_the_callers_trace_and_says_what_came_of_it() {
        let spans = call(EMIT, || {
            Status::from(Problem::invalid("event", "REQUIRED", "")).into_http()
        })
        .await;
        let span = &spans[0];
        assert_eq!(span.name, "watchbell.router.v1.RouterService/Emit");
        assert_eq!(span.span_kind, SpanKind::Server);
        assert_eq!(span.parent_span_id.to_string(), "00f067aa0ba902b7");
        assert_eq!(attribute(span, "rpc.grpc.status_code").unwrap(), "3");
        assert_eq!(attribute(span, "team").unwrap(), "team_1");
        assert_eq!(
            span.status,
            opentelemetry::trace::Status::Unset,
            "the caller's fault is none of ours"
        );
    }

    #[tokio::test]
    async fn the_status_of_a_streamed_answer_is_that_of_its_trailers() {
        let spans = call(EMIT, || {
            let trailers = [("grpc-status", "14")].map(|(name, value)| (name, value.parse().unwrap()));
            let trailers: HeaderMap = trailers
                .map(|(name, value)| (http::HeaderName::from_static(name), value))
                .into_iter()
                .collect();
            let frames = [
                Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x"))),
                Ok(Frame::trailers(trailers)),
            ];
            Response::new(Body::new(http_body_util::StreamBody::new(futures::stream::iter(
                frames,
            ))))
        })
        .await;
        assert_eq!(attribute(&spans[0], "rpc.grpc.status_code").unwrap(), "14");
        assert!(matches!(
            spans[0].status,
            opentelemetry::trace::Status::Error { .. }
        ));
    }
}
