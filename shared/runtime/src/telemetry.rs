//! Logs, traces and metrics of a process. [`Telemetry::start`] sets them up once, [`Telemetry::stop`] flushes them.
//! Log lines carry trace ids; traces are exported by OTLP when a collector is configured, and propagated to callees
//! in any case.

mod bounded;
mod layer;
mod log;
pub mod propagate;

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, SpanExporter, WithExportConfig, WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};
use uuid::Uuid;
use watchbell_model::clock::SharedClock;

pub use layer::{TraceLayer, TraceService};

use self::bounded::{Bounded, TextLines};
use crate::metrics::Metrics;
use crate::settings::{LogFormat, TelemetrySettings};
use crate::version;

/// The variable that names the collector everywhere in the OpenTelemetry world.
const ENDPOINT_VARIABLE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// The variable that names a service there.
const NAME_VARIABLE: &str = "OTEL_SERVICE_NAME";

/// How long stopping waits for the collector.
const FLUSH: Duration = Duration::from_secs(5);

/// Telemetry that could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log filter does not parse.
    #[error("telemetry.filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The collector's address cannot be used.
    #[error("telemetry.otlp_endpoint: {0}")]
    Exporter(#[from] ExporterBuildError),
    /// The collector cannot be called over TLS.
    #[error("telemetry.otlp_endpoint: {}", crate::problem::Chain(.0))]
    Tls(#[from] tonic::transport::Error),
    /// The registry of metrics cannot be set up.
    #[error("metrics: {0}")]
    Metrics(#[from] opentelemetry_sdk::error::OTelSdkError),
    /// Something else logs in this process already.
    #[error("logging: {0}")]
    Subscriber(#[from] tracing_subscriber::util::TryInitError),
}

/// The telemetry of this process.
pub struct Telemetry {
    tracer: SdkTracerProvider,
    metrics: Metrics,
    log_filter: LogFilter,
}

/// The filter of log lines, which can be replaced while the process runs. Clones are one.
#[derive(Clone)]
pub struct LogFilter(Arc<dyn Fn(EnvFilter) + Send + Sync>);

// === impl LogFilter ===

impl LogFilter {
    fn new<S: 'static>(handle: reload::Handle<EnvFilter, S>) -> Self {
        Self(Arc::new(move |filter| {
            // Fails only when nothing logs any more.
            let _ = handle.reload(filter);
        }))
    }

    /// Filters as these settings say from now on; `RUST_LOG` wins, as at the start.
    ///
    /// # Errors
    /// The filter does not parse.
    pub fn reload(&self, settings: &TelemetrySettings) -> Result<(), TelemetryError> {
        (self.0)(filter(settings)?);
        Ok(())
    }
}

// === impl Telemetry ===

impl Telemetry {
    /// Sets up logs on the standard error, traces and metrics for this process. `service` names it in traces and metrics
    /// unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` does; a collector by `https` is trusted by the public authorities and those of `authorities` (PEM). Call it once, inside
    /// the tokio runtime, which the exporters use.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub fn start(
        settings: &TelemetrySettings,
        service: &'static str,
        authorities: Option<&[u8]>,
        clock: SharedClock,
    ) -> Result<Self, TelemetryError> {
        let given = |variable: &str| std::env::var(variable).ok().filter(|value| !value.is_empty());
        let endpoint = given(ENDPOINT_VARIABLE).or_else(|| settings.otlp_endpoint.clone());
        let resource = resource(service, given(NAME_VARIABLE));
        let filter = filter(settings)?;
        let json = match settings.log {
            LogFormat::Json => true,
            LogFormat::Text => false,
            LogFormat::Auto => !std::io::stderr().is_terminal(),
        };
        let collector = endpoint
            .map(|endpoint| Collector::at(endpoint, authorities))
            .transpose()?;
        let (filter, handle) = reload::Layer::new(filter);
        let log_filter = LogFilter::new(handle);
        let telemetry = Self::build(collector, settings.sample_ratio, resource, log_filter)?;
        Registry::default()
            .with(telemetry.traces())
            .with(lines(json, std::io::stderr, clock).with_filter(filter))
            .try_init()?;
        global::set_text_map_propagator(TraceContextPropagator::new());
        global::set_tracer_provider(telemetry.tracer.clone());
        global::set_meter_provider(telemetry.metrics.provider().clone());
        Ok(telemetry)
    }

    fn build(
        collector: Option<Collector>,
        sample_ratio: f64,
        resource: Resource,
        log_filter: LogFilter,
    ) -> Result<Self, TelemetryError> {
        let mut tracer = SdkTracerProvider::builder().with_resource(resource.clone());
        let mut metric_exporter = None;
        // Without a collector spans still have ids, for logs and for callees, but are not recorded.
        let mut root = Sampler::AlwaysOff;
        if let Some(collector) = collector {
            root = Sampler::TraceIdRatioBased(sample_ratio);
            let spans = SpanExporter::builder()
                .with_tonic()
                .with_endpoint(&collector.endpoint);
            let metrics = MetricExporter::builder()
                .with_tonic()
                .with_endpoint(&collector.endpoint);
            let (spans, metrics) = match collector.channel {
                Some(channel) => (spans.with_channel(channel.clone()), metrics.with_channel(channel)),
                None => (spans, metrics),
            };
            tracer = tracer.with_batch_exporter(spans.build()?);
            metric_exporter = Some(metrics.build()?);
        }
        Ok(Self {
            tracer: tracer.with_sampler(Sampler::ParentBased(Box::new(root))).build(),
            metrics: Metrics::new(resource, metric_exporter)?,
            log_filter,
        })
    }

    /// The layer that makes OpenTelemetry spans of our own spans; those of libraries would only be noise.
    fn traces<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let ours = |metadata: &Metadata<'_>| {
            *metadata.level() <= Level::INFO && metadata.target().starts_with("watchbell")
        };
        tracing_opentelemetry::layer()
            .with_tracer(self.tracer.tracer("watchbell"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(ours).with_max_level_hint(LevelFilter::INFO))
    }

    /// The filter of this process's log lines.
    #[must_use]
    pub fn log_filter(&self) -> LogFilter {
        self.log_filter.clone()
    }

    /// The metrics of this process.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Flushes telemetry; waits for the collector a few seconds at most. Blocks, so call it last.
    pub fn stop(self) {
        // An unavailable collector must not fail a shutdown; the exporters have logged it.
        let _ = self.tracer.shutdown_with_timeout(FLUSH);
        let _ = self.metrics.provider().shutdown_with_timeout(FLUSH);
    }
}

/// The filter of log lines: `RUST_LOG`, else that of the settings.
///
/// # Errors
/// It does not parse.
pub fn filter(settings: &TelemetrySettings) -> Result<EnvFilter, TelemetryError> {
    let filter = std::env::var(EnvFilter::DEFAULT_ENV);
    Ok(EnvFilter::try_new(filter.as_ref().unwrap_or(&settings.filter))?)
}

/// What traces and metrics say about where they come from. What the operator says, by `OTEL_RESOURCE_ATTRIBUTES` and most
/// of all by the name given, wins over what is known here.
fn resource(service: &'static str, name: Option<String>) -> Resource {
    let known = [
        KeyValue::new("service.name", service),
        KeyValue::new("service.version", version::VERSION),
        KeyValue::new("service.instance.id", Uuid::new_v4().to_string()),
    ];
    let resource = Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes(known)
        .with_detector(Box::new(EnvResourceDetector::new()));
    match name {
        Some(name) => resource.with_service_name(name).build(),
        None => resource.build(),
    }
}

/// Where traces and metrics go.
struct Collector {
    endpoint: String,
    /// Over TLS; without it the exporters connect by themselves.
    channel: Option<Channel>,
}

// === impl Collector ===

impl Collector {
    fn at(endpoint: String, authorities: Option<&[u8]>) -> Result<Self, TelemetryError> {
        let secure = endpoint
            .get(..6)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"));
        let channel = secure.then(|| {
            let public = webpki_roots::TLS_SERVER_ROOTS.iter().cloned();
            let mut tls = ClientTlsConfig::new().trust_anchors(public);
            if let Some(pem) = authorities {
                tls = tls.ca_certificate(Certificate::from_pem(pem));
            }
            Endpoint::from_shared(endpoint.clone())?
                .tls_config(tls)
                .map(|endpoint| endpoint.connect_lazy())
        });
        let channel = channel.transpose()?;
        Ok(Self { endpoint, channel })
    }
}

/// The layer that writes log lines.
fn lines<S, W>(json: bool, writer: W, clock: SharedClock) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    if json {
        layer
            .fmt_fields(log::Members)
            .event_format(Bounded::new(log::JsonLines, clock))
            .boxed()
    } else {
        layer.event_format(Bounded::new(TextLines::new(), clock)).boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
        TraceService, TraceServiceServer,
    };
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
    };
    use opentelemetry_proto::tonic::trace::v1::Span;
    use parking_lot::Mutex;
    use serde_json::Value;
    use tokio::sync::mpsc;
    use tonic::{Request, Response, Status};

    use crate::testing::ManualClock;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        fn lines(&self) -> Vec<Value> {
            let text = String::from_utf8(self.0.lock().clone()).unwrap();
            text.lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect()
        }
    }

    fn telemetry(collector: Option<Collector>) -> Telemetry {
        let resource = resource("test", None);
        Telemetry::build(collector, 1.0, resource, LogFilter(Arc::new(|_| ()))).unwrap()
    }

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_log_line_carries_its_trace_and_what_the_spans_know() {
        let telemetry = telemetry(None);
        let written = Written::default();
        let sink = written.clone();
        let subscriber = Registry::default().with(telemetry.traces()).with(lines(
            true,
            move || sink.clone(),
            ManualClock::shared(),
        ));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("outside");
            let span = tracing::info_span!(
                "rpc",
                otel.kind = "server",
                team = tracing::field::Empty,
                method = "Emit \"x\"",
                code = tracing::field::Empty
            );
            propagate::continue_from(&span, PARENT);
            span.record("team", tracing::field::display("team_1"));
            span.record("code", 1);
            span.record("code", 3);
            span.in_scope(|| tracing::warn!(count = 3, error = "full", "inside"));
        });
        let lines = written.lines();
        assert_eq!(lines[0]["message"], "outside");
        assert_eq!(lines[0].get("trace_id"), None);
        let inside = &lines[1];
        assert_eq!(inside["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(inside["span_id"].as_str().unwrap().len(), 16);
        assert_eq!(
            (&inside["level"], &inside["fields"]["count"]),
            (&"WARN".into(), &3.into())
        );
        let span = serde_json::json!({"name": "rpc", "team": "team_1", "method": "Emit \"x\"", "code": 3});
        assert_eq!(inside["span"], span, "what was recorded last wins");
        assert!(inside["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn the_filter_of_log_lines_can_be_replaced() {
        let written = Written::default();
        let sink = written.clone();
        let (filter, handle) = reload::Layer::new(EnvFilter::new("info"));
        let log_filter = LogFilter::new(handle);
        let lines = lines(true, move || sink.clone(), ManualClock::shared());
        let subscriber = Registry::default().with(lines.with_filter(filter));
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!("before");
            (log_filter.0)(EnvFilter::new("debug"));
            tracing::debug!("after");
        });
        let messages: Vec<_> = written
            .lines()
            .iter()
            .map(|line| line["message"].clone())
            .collect();
        assert_eq!(messages, ["after"]);
    }

    #[test]
    fn warnings_that_repeat_are_bounded_and_counted_and_news_is_not() {
        for json in [true, false] {
            let written = Written::default();
            let sink = written.clone();
            let clock = ManualClock::shared();
            let subscriber = Registry::default().with(lines(json, move || sink.clone(), clock.clone()));
            tracing::subscriber::with_default(subscriber, || {
                for _minute in 0..2 {
                    for number in 0..100 {
                        tracing::warn!(number, "the database is away");
                        tracing::info!(number, "taken shards");
                    }
                    tracing::warn!("something else");
                    clock.advance(Duration::from_secs(60));
                }
            });
            let text = String::from_utf8(written.0.lock().clone()).unwrap();
            let count = |words: &str| text.lines().filter(|line| line.contains(words)).count();
            assert_eq!(count("the database is away"), 40, "{text}");
            assert_eq!(count("taken shards"), 200);
            assert_eq!(count("something else"), 2);
            assert_eq!(
                count("80 more lines like the next one were left out"),
                1,
                "{text}"
            );
            assert_eq!(count("further lines like the last one are left out"), 2);
            assert!(!json || written.lines().iter().all(|line| line["timestamp"].is_string()));
        }
    }

    #[test]
    fn what_the_operator_says_of_the_service_wins() {
        let of = |resource: &Resource, key: &'static str| {
            resource
                .get(&opentelemetry::Key::new(key))
                .map(|value| value.to_string())
        };
        let unnamed = resource("watchbell", None);
        assert_eq!(of(&unnamed, "service.name").as_deref(), Some("watchbell"));
        assert_eq!(of(&unnamed, "service.version").as_deref(), Some(version::VERSION));
        let instance = of(&unnamed, "service.instance.id").unwrap();
        assert!(instance.parse::<Uuid>().is_ok(), "{instance}");
        let named = resource("watchbell", Some("alerts".to_owned()));
        assert_eq!(of(&named, "service.name").as_deref(), Some("alerts"));
        assert_ne!(
            of(&named, "service.instance.id").unwrap(),
            instance,
            "each process has its own"
        );
    }

    #[test]
    fn without_a_collector_a_trace_still_goes_on_to_whoever_is_called() {
        let telemetry = telemetry(None);
        let subscriber = Registry::default().with(telemetry.traces());
        tracing::subscriber::with_default(subscriber, || {
            assert_eq!(propagate::traceparent(), None);
            let span = tracing::info_span!("attempt");
            propagate::continue_from(&span, PARENT);
            span.in_scope(|| {
                let stored = propagate::traceparent().unwrap();
                assert!(
                    stored.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && stored.ends_with("-01")
                );
                assert_ne!(stored, PARENT, "a span of its own");
                let mut metadata = tonic::metadata::MetadataMap::new();
                propagate::inject(&mut metadata);
                assert_eq!(metadata.get("traceparent").unwrap().to_str().unwrap(), stored);
            });
        });
    }

    struct Kept(mpsc::UnboundedSender<Span>);

    #[tonic::async_trait]
    impl TraceService for Kept {
        async fn export(
            &self,
            request: Request<ExportTraceServiceRequest>,
        ) -> Result<Response<ExportTraceServiceResponse>, Status> {
            let spans = request
                .into_inner()
                .resource_spans
                .into_iter()
                .flat_map(|of| of.scope_spans);
            for span in spans.flat_map(|of| of.spans) {
                self.0.send(span).unwrap();
            }
            Ok(Response::new(ExportTraceServiceResponse::default()))
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn spans_reach_the_collector_when_stopping_links_and_all() {
        let (sender, mut spans) = mpsc::unbounded_channel();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let collector = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(Kept(sender)))
            .serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener));
        tokio::spawn(collector);

        let collector = Collector::at(endpoint, None).unwrap();
        let telemetry = telemetry(Some(collector));
        let subscriber = Registry::default().with(telemetry.traces());
        tracing::subscriber::with_default(subscriber, || {
            let retry = tracing::info_span!("retry");
            propagate::link(&retry, PARENT);
            retry.in_scope(|| tracing::info_span!(target: "h2", "noise").in_scope(|| ()));
        });
        tokio::task::spawn_blocking(|| telemetry.stop()).await.unwrap();

        let span = spans.recv().await.unwrap();
        assert_eq!(span.name, "retry");
        assert!(span.parent_span_id.is_empty());
        assert_eq!(
            span.links[0].trace_id,
            0x4bf92f3577b34da6a3ce929d0e0e4736_u128.to_be_bytes()
        );
        assert!(spans.try_recv().is_err(), "spans of libraries stay out");
    }

    /// A collector on loopback with a certificate of a private authority; its address, and the authority in PEM.
    async fn secure_collector(sender: mpsc::UnboundedSender<Span>) -> (String, String) {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap().pem();
        let issuer = rcgen::Issuer::new(params, key);
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap().pem();
        let identity = tonic::transport::Identity::from_pem(certificate, key.serialize_pem());
        let tls = tonic::transport::ServerTlsConfig::new().identity(identity);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let collector = tonic::transport::Server::builder()
            .tls_config(tls)
            .unwrap()
            .add_service(TraceServiceServer::new(Kept(sender)))
            .serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener));
        tokio::spawn(collector);
        (format!("https://localhost:{port}"), authority)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_collector_of_a_private_authority_is_trusted_when_the_operator_says_so_and_not_otherwise() {
        let (sender, mut spans) = mpsc::unbounded_channel();
        let (endpoint, authority) = secure_collector(sender).await;
        for (authorities, name) in [(None, "untrusted"), (Some(authority.as_bytes()), "trusted")] {
            let collector = Collector::at(endpoint.clone(), authorities).unwrap();
            let telemetry = telemetry(Some(collector));
            let subscriber = Registry::default().with(telemetry.traces());
            tracing::subscriber::with_default(subscriber, || {
                tracing::info_span!("root", name).in_scope(|| ());
            });
            tokio::task::spawn_blocking(|| telemetry.stop()).await.unwrap();
            assert_eq!(spans.try_recv().is_ok(), authorities.is_some(), "{name}");
        }
    }
}
