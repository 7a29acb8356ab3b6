//! One trace from `Emit` to the request that the receiver gets.

use std::collections::HashSet;

use watchbell_testkit::{OtlpSink, WebhookReceiver};

use crate::harness::{Client, Serve, WAIT_TIMEOUT, finding};

/// The trace id of a W3C `traceparent`: `00-<trace>-<span>-<flags>`.
fn trace_id(traceparent: &str) -> String {
    traceparent
        .split('-')
        .nth(1)
        .expect("a traceparent has four parts")
        .to_owned()
}

#[test]
fn one_trace_leads_from_emit_through_the_commit_and_the_attempt_into_the_webhook() {
    crate::harness::database::on_sqlite(|database| async move {
        let sink = OtlpSink::start().await.unwrap();
        let receiver = WebhookReceiver::start().await.unwrap();
        let process = Serve::all(&database)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url())
            .start()
            .await;
        let client = Client::admin(&process);
        let team = client.team("Traces").await;
        client.webhook(&team, "siem", &receiver.url(), &["*"]).await;
        client.emit(&team, finding("traced")).await.unwrap();

        let received = receiver.wait_for(1).await.unwrap().remove(0);
        let traceparent = received.headers["traceparent"].to_str().unwrap().to_owned();
        let trace = trace_id(&traceparent);
        let of_trace = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>() == trace;
        sink.wait_for_span(WAIT_TIMEOUT, |span| {
            span.name == "attempt" && of_trace(&span.trace_id)
        })
        .await
        .unwrap();
        sink.wait_for_span(WAIT_TIMEOUT, |span| {
            span.name.ends_with("RouterService/Emit") && of_trace(&span.trace_id)
        })
        .await
        .unwrap();
        let names: HashSet<_> = sink
            .spans()
            .into_iter()
            .filter(|span| of_trace(&span.trace_id))
            .map(|span| span.name)
            .collect();
        assert!(names.contains("decide"), "{names:?}");
    });
}
