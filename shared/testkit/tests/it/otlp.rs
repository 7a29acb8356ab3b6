//! The collector.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use watchbell_testkit::OtlpSink;

#[tokio::test]
async fn exported_spans_are_kept_and_can_be_awaited() {
    let sink = OtlpSink::start().await.unwrap();
    let mut client = TraceServiceClient::connect(sink.url()).await.unwrap();
    let spans = ["emit", "attempt"].map(|name| Span {
        name: name.to_owned(),
        ..Span::default()
    });
    let scope_spans = vec![ScopeSpans {
        spans: spans.to_vec(),
        ..ScopeSpans::default()
    }];
    let resource_spans = vec![ResourceSpans {
        scope_spans,
        ..ResourceSpans::default()
    }];
    client
        .export(ExportTraceServiceRequest { resource_spans })
        .await
        .unwrap();

    let all = sink
        .wait_for_span(Duration::from_secs(5), |span| span.name == "attempt")
        .await
        .unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(sink.resource_spans().len(), 1);
    assert!(
        sink.wait_for_span(Duration::ZERO, |span| span.name == "nothing")
            .await
            .is_err()
    );
}
