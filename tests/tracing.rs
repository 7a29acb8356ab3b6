//! One trace from `Emit` to the request that the receiver gets, and what its spans say.

use std::collections::HashMap;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use watchbell_contracts::config::v1::DeliveryPolicy;
use watchbell_testkit::{OtlpSink, WebhookReceiver};

use crate::harness::{Client, Serve, WAIT_TIMEOUT, finding};

/// The trace id and span id of a W3C `traceparent`: `00-<trace>-<span>-<flags>`.
fn ids(traceparent: &str) -> (String, String) {
    let parts: Vec<_> = traceparent.split('-').collect();
    (parts[1].to_owned(), parts[2].to_owned())
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Attributes as text.
fn said(attributes: &[KeyValue]) -> HashMap<&str, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let value = |attribute: &KeyValue| attribute.value.as_ref()?.value.as_ref().map(text);
    attributes
        .iter()
        .filter_map(|attribute| Some((attribute.key.as_str(), value(attribute)?)))
        .collect()
}

fn failed(span: &Span) -> bool {
    span.status
        .as_ref()
        .is_some_and(|status| status.code() == StatusCode::Error)
}

#[test]
fn one_trace_leads_from_emit_through_the_commit_and_the_attempt_into_the_webhook() {
    crate::harness::database::on_sqlite(|database| async move {
        let sink = OtlpSink::start().await.unwrap();
        let receiver = WebhookReceiver::start().await.unwrap();
        receiver.fail_first(1, 503);
        let process = Serve::all(&database)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url())
            .env("OTEL_SERVICE_NAME", "alerts")
            .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
            .start()
            .await;
        let client = Client::admin(&process);
        let team = client.team("Traces").await;
        let soon = prost_types::Duration { seconds: 1, nanos: 0 };
        let delivery = DeliveryPolicy {
            retry_delays: vec![soon; 3],
            ..Default::default()
        };
        let url = receiver.url_at("/a-secret-path");
        client.subscribe(&team, "siem", &url, delivery).await;
        client.emit(&team, finding("traced")).await.unwrap();

        let received = receiver.wait_for(2).await.unwrap();
        let traceparent = |index: usize| ids(received[index].headers["traceparent"].to_str().unwrap());
        let ((trace, first), (later, second)) = (traceparent(0), traceparent(1));
        assert_ne!(trace, later, "a retry is a trace of its own");
        let spans = sink
            .wait_for_span(WAIT_TIMEOUT, |span| hex(&span.span_id) == second)
            .await
            .unwrap();
        let span = |name: &str| {
            let mut named = spans.iter().filter(|span| span.name.ends_with(name));
            let found = named.find(|span| hex(&span.trace_id) == trace);
            found.unwrap_or_else(|| {
                panic!(
                    "no {name} in {:?}",
                    spans.iter().map(|span| &span.name).collect::<Vec<_>>()
                )
            })
        };
        let (emit, decide, commit) = (span("RouterService/Emit"), span("decide"), span("commit"));
        let attempt = span("attempt");
        assert!(emit.parent_span_id.is_empty());
        for child in [decide, commit, attempt] {
            assert_eq!(child.parent_span_id, emit.span_id, "{}", child.name);
        }
        assert!(!failed(emit) && !failed(commit));
        let call = said(&emit.attributes);
        assert_eq!(call["rpc.system"], "grpc");
        assert_eq!(call["rpc.service"], "watchbell.router.v1.RouterService");
        assert_eq!(
            (call["rpc.method"].as_str(), call["rpc.grpc.status_code"].as_str()),
            ("Emit", "0")
        );

        assert_eq!(
            hex(&attempt.span_id),
            first,
            "the request goes on from the attempt"
        );
        assert_eq!(attempt.kind(), SpanKind::Client);
        assert!(failed(attempt));
        let asked = said(&attempt.attributes);
        let port = url.split(':').nth(2).unwrap().split('/').next().unwrap();
        for (key, expected) in [
            ("http.request.method", "POST"),
            ("http.response.status_code", "503"),
            ("server.address", "127.0.0.1"),
            ("server.port", port),
            ("error.type", "webhook.http_503"),
            ("number", "1"),
        ] {
            assert_eq!(asked[key], expected, "{key}");
        }
        let retry = spans.iter().find(|span| hex(&span.span_id) == second).unwrap();
        assert!(retry.parent_span_id.is_empty() && !failed(retry));
        assert_eq!(
            hex(&retry.links[0].trace_id),
            trace,
            "which is linked to the first"
        );

        // Nothing that belongs to no request begins a trace.
        assert!(spans.iter().all(|span| span.name != "transaction"));
        let exported = format!("{:?}", sink.resource_spans());
        assert!(!exported.contains("a-secret-path"), "{exported}");
        let resources = sink.resource_spans();
        let resource = said(&resources[0].resource.as_ref().unwrap().attributes);
        assert_eq!(resource["service.name"], "alerts");
        assert_eq!(resource["deployment.environment.name"], "test");
        assert!(!resource["service.version"].is_empty() && resource["service.instance.id"].len() == 36);
    });
}
