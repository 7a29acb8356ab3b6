//! One meter provider, two ways out: `/metrics` for Prometheus, always, and OTLP when a collector is configured.
//! Services take a [`Meter`] and make their instruments once.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http::{StatusCode, header};
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};

/// Bounds of histograms of latencies, in seconds: from a commit in memory to a slow endpoint's time-out.
pub const LATENCY_SECONDS: [f64; 15] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// Bounds of histograms of sizes of batches.
pub const BATCH_SIZES: [f64; 11] = [
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0,
];

/// All metrics of the process. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    provider: Arc<SdkMeterProvider>,
}

// === impl Metrics ===

impl Metrics {
    /// Metrics that are seen at `/metrics`, and sent to `exporter` if there is one.
    ///
    /// # Errors
    /// When the registry cannot be set up.
    pub fn new(
        resource: Resource,
        exporter: Option<MetricExporter>,
    ) -> Result<Self, opentelemetry_sdk::error::OTelSdkError> {
        let registry = Registry::new();
        let reader = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false)
            .build()?;
        let mut provider = SdkMeterProvider::builder()
            .with_resource(resource)
            .with_reader(reader);
        if let Some(exporter) = exporter {
            provider = provider.with_periodic_exporter(exporter);
        }
        Ok(Self {
            registry,
            provider: Arc::new(provider.build()),
        })
    }

    /// Metrics of a process that exports nothing.
    ///
    /// # Errors
    /// As [`Metrics::new`].
    pub fn local() -> Result<Self, opentelemetry_sdk::error::OTelSdkError> {
        Self::new(Resource::builder_empty().build(), None)
    }

    /// A meter, named by the crate that measures.
    #[must_use]
    pub fn meter(&self, name: &'static str) -> Meter {
        self.provider.meter(name)
    }

    pub(crate) fn provider(&self) -> &SdkMeterProvider {
        &self.provider
    }

    /// Everything in Prometheus's text format.
    ///
    /// # Errors
    /// When a metric is inconsistent, which is a fault of this process.
    pub fn encode(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    /// Serves `/metrics`.
    pub fn router(&self) -> Router {
        let metrics = self.clone();
        let answer = move || {
            let encoded = metrics.encode();
            async move {
                match encoded {
                    Ok(text) => (
                        StatusCode::OK,
                        [(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)],
                        text,
                    ),
                    Err(error) => {
                        tracing::error!(%error, "metrics cannot be encoded");
                        let plain = [(header::CONTENT_TYPE, "text/plain")];
                        (
                            StatusCode::INTERNAL_SERVER_ERROR,
                            plain,
                            "metrics cannot be encoded".to_owned(),
                        )
                    }
                }
            }
        };
        Router::new().route("/metrics", get(answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::KeyValue;

    #[test]
    fn instruments_are_seen_by_prometheus_with_their_labels() {
        let metrics = Metrics::local().unwrap();
        let meter = metrics.meter("watchbell_test");
        let accepted = meter.u64_counter("watchbell.events.accepted").build();
        accepted.add(3, &[KeyValue::new("kind", "WEBHOOK")]);
        let latency = meter
            .f64_histogram("watchbell.attempt.duration")
            .with_unit("s")
            .with_boundaries(LATENCY_SECONDS.to_vec())
            .build();
        latency.record(0.004, &[]);
        let text = metrics.encode().unwrap();
        assert!(
            text.contains("watchbell_events_accepted_total{kind=\"WEBHOOK\"} 3"),
            "{text}"
        );
        assert!(
            text.contains("watchbell_attempt_duration_seconds_bucket{le=\"0.005\"} 1"),
            "{text}"
        );
        assert!(
            text.contains("watchbell_attempt_duration_seconds_bucket{le=\"0.0025\"} 0"),
            "{text}"
        );
    }
}
