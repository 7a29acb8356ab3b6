//! Carrying a trace over the borders of a process: in gRPC metadata, in HTTP headers, and as a `traceparent` text that
//! is stored with an event and continued when it is delivered.
//!
//! Source: W3C Trace Context, level 1.

use std::str::FromStr;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tonic::metadata::{MetadataKey, MetadataMap, MetadataValue};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The trace that a request belongs to by its headers; an empty context when by none.
#[must_use]
pub fn extract(headers: &HeaderMap) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers))
}

/// Continues the current span's trace in outgoing gRPC metadata.
pub fn inject(metadata: &mut MetadataMap) {
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut MetadataOf(metadata));
}

/// Continues the current span's trace in outgoing HTTP headers.
pub fn inject_headers(headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut HeadersOf(headers));
}

/// The current span as a `traceparent`, to be stored; `None` outside of any trace.
#[must_use]
pub fn traceparent() -> Option<String> {
    let context = Span::current().context();
    let span = context.span();
    let span = span.span_context();
    span.is_valid().then(|| {
        let flags = span.trace_flags().to_u8();
        format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id())
    })
}

/// Makes `span` a child of the span that a stored `traceparent` names. Call it before the span is first entered;
/// a text that is none leaves it the root of its own trace.
pub fn continue_from(span: &Span, traceparent: &str) {
    if let Some(parent) = parse(traceparent) {
        // Fails only without a tracer, when there is nothing to continue.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
}

/// Links `span`, the root of a new trace, to the span that a stored `traceparent` names: a retry hours later belongs to
/// the first try without making one trace of hours.
pub fn link(span: &Span, traceparent: &str) {
    if let Some(cause) = parse(traceparent) {
        span.add_link(cause);
    }
}

/// A span of work for an event whose `traceparent` (`Option<&str>`) is known. Spans are expensive: in a trace that is not
/// sampled, it exists at debug level only.
#[macro_export]
macro_rules! event_span {
    ($traceparent:expr, $($span:tt)+) => {
        if $traceparent.is_none_or($crate::telemetry::propagate::is_sampled) {
            tracing::info_span!($($span)+)
        } else {
            tracing::debug_span!($($span)+)
        }
    };
}

/// Whether the trace of a `traceparent` is sampled.
#[must_use]
pub fn is_sampled(traceparent: &str) -> bool {
    parse(traceparent).is_some_and(|span| span.is_sampled())
}

/// A `traceparent` of version 00 (or later, read as such).
fn parse(text: &str) -> Option<SpanContext> {
    let mut parts = text.trim().split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let wanted = (version.len(), trace.len(), span.len(), flags.len()) == (2, 32, 16, 2) && version != "ff";
    if !wanted || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    context.is_valid().then_some(context)
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct HeadersOf<'a>(&'a mut HeaderMap);

impl Injector for HeadersOf<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(key), Ok(value)) = (HeaderName::from_str(key), HeaderValue::try_from(value)) {
            self.0.insert(key, value);
        }
    }
}

struct MetadataOf<'a>(&'a mut MetadataMap);

impl Injector for MetadataOf<'_> {
    fn set(&mut self, key: &str, value: String) {
        // An empty `tracestate` is ignored.
        if value.is_empty() {
            return;
        }
        if let (Ok(key), Ok(value)) = (
            MetadataKey::from_bytes(key.as_bytes()),
            MetadataValue::try_from(value),
        ) {
            self.0.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn only_a_traceparent_is_read_as_one() {
        let context = parse(PARENT).unwrap();
        assert_eq!(context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(context.is_remote() && context.is_sampled());
        for text in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473z-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_request_without_headers_belongs_to_no_trace() {
        assert!(!extract(&HeaderMap::new()).span().span_context().is_valid());
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_static(PARENT));
        assert!(extract(&headers).span().span_context().is_valid());
    }
}
