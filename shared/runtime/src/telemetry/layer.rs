//! A span and a measurement for each call a server answers. The span continues the caller's trace, is named after the
//! RPC, and ends with the last byte of the answer, so that a stream's span covers the stream. Streams may stay open for
//! hours, so they are counted while they are open and not measured.
//!
//! Names are those of OpenTelemetry's semantic conventions for RPC and HTTP.

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
use opentelemetry::metrics::{Histogram, Meter, UpDownCounter};
use opentelemetry::trace::TraceContextExt;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::{Instrument, Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use watchbell_model::clock::SharedClock;

use super::propagate;
use crate::auth::table;
use crate::http_call::{is_grpc, is_probe};

/// Traces and measures each call; see the module.
#[derive(Clone)]
pub struct TraceLayer {
    instruments: Instruments,
    clock: SharedClock,
}

/// What is measured of calls.
#[derive(Clone)]
struct Instruments {
    rpc: Histogram<f64>,
    http: Histogram<f64>,
    streams: UpDownCounter<i64>,
}

/// What a call asks for.
enum Asked {
    /// An RPC that ends by itself.
    Rpc {
        service: &'static str,
        method: &'static str,
    },
    /// An RPC with a stream, which may stay open.
    Stream {
        service: &'static str,
        method: &'static str,
    },
    /// A page or a file.
    Http { method: &'static str, route: String },
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
    instruments: Instruments,
    clock: SharedClock,
    began: Duration,
    asked: Asked,
}

// === impl TraceLayer ===

impl TraceLayer {
    /// Measures with instruments of this meter.
    pub fn new(meter: &Meter, clock: SharedClock) -> Self {
        let duration = |name: &'static str, description: &'static str| {
            let histogram = meter.f64_histogram(name).with_unit("s");
            histogram.with_description(description).build()
        };
        let instruments = Instruments {
            rpc: duration(
                "rpc.server.duration",
                "How long calls without streams took, to the end of the answer",
            ),
            http: duration(
                "http.server.request.duration",
                "How long requests of pages and files took",
            ),
            streams: meter
                .i64_up_down_counter("rpc.server.streams")
                .with_description("Streams that are open")
                .build(),
        };
        for stream in table::all().filter(|rpc| !rpc.is_unary()) {
            let labels = rpc_labels(stream.service, stream.method);
            instruments.streams.add(0, &labels);
        }
        Self { instruments, clock }
    }

    /// The call of a request; `None` for requests without a span: health, reflection, metrics.
    fn call<B>(&self, request: &Request<B>) -> Option<Call> {
        let asked = Asked::of(request)?;
        let span = asked.span(request.uri().path());
        let parent = propagate::extract(request.headers());
        if parent.span().span_context().is_valid() {
            // Fails only without a tracer, when there is nothing to continue.
            let _ = span.set_parent(parent);
        }
        if let Asked::Stream { service, method } = asked {
            self.instruments.streams.add(1, &rpc_labels(service, method));
        }
        Some(Call {
            span,
            instruments: self.instruments.clone(),
            clock: self.clock.clone(),
            began: self.clock.monotonic(),
            asked,
        })
    }
}

// === impl Asked ===

impl Asked {
    fn of<B>(request: &Request<B>) -> Option<Self> {
        let path = request.uri().path();
        if !is_grpc(request.headers()) {
            let route = request.extensions().get::<MatchedPath>()?.as_str();
            return (!is_probe(route)).then(|| Self::Http {
                method: known(request.method()),
                route: route.to_owned(),
            });
        }
        match table::rpc(path) {
            Some(rpc) if rpc.is_unary() => Some(Self::Rpc {
                service: rpc.service,
                method: rpc.method,
            }),
            Some(rpc) => Some(Self::Stream {
                service: rpc.service,
                method: rpc.method,
            }),
            None if table::is_public(path) => None,
            // Whatever callers make up must not become names of spans and metrics.
            None => Some(Self::Rpc {
                service: "unknown",
                method: "unknown",
            }),
        }
    }

    fn is_rpc(&self) -> bool {
        !matches!(self, Self::Http { .. })
    }

    fn span(&self, path: &str) -> Span {
        match self {
            Self::Rpc { service, method } | Self::Stream { service, method } => tracing::info_span!(
                "rpc",
                otel.name = if *method == "unknown" {
                    "unknown"
                } else {
                    path.trim_start_matches('/')
                },
                otel.kind = "server",
                otel.status_code = field::Empty,
                rpc.system = "grpc",
                rpc.service = service,
                rpc.method = method,
                rpc.grpc.status_code = field::Empty,
                "error.type" = field::Empty,
                team = field::Empty,
            ),
            Self::Http { method, route } => tracing::info_span!(
                "http",
                otel.name = format!("{method} {route}"),
                otel.kind = "server",
                otel.status_code = field::Empty,
                http.request.method = method,
                http.route = route,
                http.response.status_code = field::Empty,
                "error.type" = field::Empty,
                team = field::Empty,
            ),
        }
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
        if !self.asked.is_rpc() {
            let status = response.status();
            self.span.record("http.response.status_code", status.as_u16());
            self.end(status.as_str(), status.is_server_error());
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
        self.end(name(code), fault);
    }

    fn end(&self, status: &str, fault: bool) {
        if fault {
            self.span.record("otel.status_code", "ERROR");
            self.span.record("error.type", status);
        }
        let took = self.clock.monotonic().saturating_sub(self.began).as_secs_f64();
        match &self.asked {
            Asked::Rpc { service, method } => {
                let [service, method] = rpc_labels(service, method);
                let status = KeyValue::new("rpc.response.status_code", status.to_owned());
                self.instruments.rpc.record(took, &[service, method, status]);
            }
            Asked::Stream { service, method } => {
                self.instruments.streams.add(-1, &rpc_labels(service, method));
            }
            Asked::Http { method, route } => {
                let labels = [
                    KeyValue::new("http.request.method", *method),
                    KeyValue::new("http.route", route.clone()),
                    KeyValue::new("http.response.status_code", status.to_owned()),
                ];
                self.instruments.http.record(took, &labels);
            }
        }
    }
}

fn rpc_labels(service: &'static str, method: &'static str) -> [KeyValue; 2] {
    [
        KeyValue::new("rpc.service", service),
        KeyValue::new("rpc.method", method),
    ]
}

/// A method's name; callers may make others up (OpenTelemetry's conventions for HTTP say `_OTHER`).
fn known(method: &Method) -> &'static str {
    let all = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let known = all.into_iter().find(|name| *name == method.as_str());
    known.unwrap_or("_OTHER")
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
