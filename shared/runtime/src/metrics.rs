//! One meter provider, two ways out: `/metrics` for Prometheus, always, and OTLP when a collector is configured.
//! Services take a [`Meter`] and make their instruments once. Counters whose labels are known beforehand are made with
//! [`counter`], so that they exist, with 0, before they first count: a rate needs a value from before.

mod process;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http::{StatusCode, header};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter, MeterProvider as _};
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{Aggregation, Instrument, InstrumentKind, SdkMeterProvider, Stream};
use prometheus::{Registry, TextEncoder};

use crate::version;

/// Bounds of histograms of seconds: from a commit in memory to a slow endpoint's time-out.
const SECONDS: [f64; 15] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// Bounds of histograms of everything else, which are sizes of batches.
const SIZES: [f64; 11] = [
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
            .with_view(bounds)
            .with_reader(reader);
        if let Some(exporter) = exporter {
            provider = provider.with_periodic_exporter(exporter);
        }
        let metrics = Self {
            registry,
            provider: Arc::new(provider.build()),
        };
        let meter = metrics.meter("process");
        process::observe(&meter);
        observe_build(&meter);
        Ok(metrics)
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

/// A counter that begins with 0 for each of these sets of labels.
pub fn counter<L: AsRef<[KeyValue]>>(
    meter: &Meter,
    name: &'static str,
    description: &'static str,
    labels: impl IntoIterator<Item = L>,
) -> Counter<u64> {
    let counter = meter.u64_counter(name).with_description(description).build();
    for labels in labels {
        counter.add(0, labels.as_ref());
    }
    counter
}

/// The bounds of every histogram. The library's own would be for milliseconds.
fn bounds(instrument: &Instrument) -> Option<Stream> {
    if instrument.kind() != InstrumentKind::Histogram {
        return None;
    }
    let boundaries = match instrument.unit() {
        "s" => SECONDS.to_vec(),
        _ => SIZES.to_vec(),
    };
    let aggregation = Aggregation::ExplicitBucketHistogram {
        boundaries,
        record_min_max: true,
    };
    Stream::builder().with_aggregation(aggregation).build().ok()
}

/// Which build this is: a gauge that is always 1.
fn observe_build(meter: &Meter) {
    let mut labels = vec![KeyValue::new("version", version::VERSION)];
    labels.extend(version::REVISION.map(|revision| KeyValue::new("revision", revision)));
    meter
        .u64_observable_gauge("watchbell.build_info")
        .with_description("1, with the version and revision of this process")
        .with_callback(move |observer| observer.observe(1, &labels))
        .build();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instruments_are_seen_by_prometheus_with_their_labels() {
        let metrics = Metrics::local().unwrap();
        let meter = metrics.meter("watchbell_test");
        let accepted = meter.u64_counter("watchbell.events.accepted").build();
        accepted.add(3, &[KeyValue::new("kind", "WEBHOOK")]);
        let latency = meter
            .f64_histogram("watchbell.attempt.duration")
            .with_unit("s")
            .build();
        latency.record(0.004, &[]);
        meter
            .u64_histogram("watchbell.commit.size")
            .build()
            .record(3, &[]);
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
        assert!(
            text.contains("watchbell_attempt_duration_seconds_bucket{le=\"60\"} 1"),
            "{text}"
        );
        assert!(
            text.contains("watchbell_commit_size_bucket{le=\"2000\"} 1"),
            "{text}"
        );
    }

    #[test]
    fn a_counter_is_there_before_it_counts() {
        let metrics = Metrics::local().unwrap();
        let labels = ["slack", "email"].map(|kind| [KeyValue::new("kind", kind)]);
        let _counter = counter(
            &metrics.meter("watchbell_test"),
            "watchbell.attempts",
            "Attempts",
            labels,
        );
        let text = metrics.encode().unwrap();
        for kind in ["slack", "email"] {
            let line = format!("watchbell_attempts_total{{kind=\"{kind}\"}} 0");
            assert!(text.contains(&line), "{text}");
        }
    }

    #[test]
    fn the_process_and_its_build_are_measured() {
        let text = Metrics::local().unwrap().encode().unwrap();
        let value = |name: &str| -> f64 {
            let line = text.lines().find(|line| line.starts_with(name)).expect(name);
            line.rsplit(' ').next().unwrap().parse().unwrap()
        };
        assert!(value("process_cpu_seconds_total") >= 0.0);
        assert!(value("process_resident_memory_bytes") > 1_000_000.0);
        assert!(value("process_virtual_memory_bytes") >= value("process_resident_memory_bytes"));
        assert!(value("process_open_fds") > 2.0 && value("process_open_fds") < value("process_max_fds"));
        // In this century, and not in the future's.
        assert!((1.6e9..4.2e9).contains(&value("process_start_time_seconds")));
        assert!((value("watchbell_build_info") - 1.0).abs() < f64::EPSILON);
        assert!(
            text.contains(&format!("version=\"{}\"", version::VERSION)),
            "{text}"
        );
    }
}
