//! An OTLP collector over gRPC that keeps what it is sent.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs};
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codec::CompressionEncoding;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::journal::{Journal, NotArrived, WAIT_TIMEOUT};
use crate::loopback::Loopback;

/// A collector on loopback.
#[derive(Debug)]
pub struct OtlpSink {
    server: Loopback,
    collected: Arc<Collected>,
}

#[derive(Debug)]
struct Collected {
    spans: Journal<Span>,
    metrics: Journal<Metric>,
    logs: Journal<LogRecord>,
    resource_spans: Journal<ResourceSpans>,
    resource_metrics: Journal<ResourceMetrics>,
    resource_logs: Journal<ResourceLogs>,
}

#[derive(Debug, Clone)]
struct Collector(Arc<Collected>);

impl OtlpSink {
    /// Starts it.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        let (listener, address) = Loopback::bind().await?;
        let collected = Arc::new(Collected {
            spans: Journal::new("spans"),
            metrics: Journal::new("metrics"),
            logs: Journal::new("log records"),
            resource_spans: Journal::new("batches of spans"),
            resource_metrics: Journal::new("batches of metrics"),
            resource_logs: Journal::new("batches of log records"),
        });
        let collector = Collector(Arc::clone(&collected));
        let gzip = CompressionEncoding::Gzip;
        let router = Server::builder()
            .add_service(TraceServiceServer::new(collector.clone()).accept_compressed(gzip))
            .add_service(MetricsServiceServer::new(collector.clone()).accept_compressed(gzip))
            .add_service(LogsServiceServer::new(collector).accept_compressed(gzip));
        let task = tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
        Ok(Self {
            server: Loopback::owning(address, task.abort_handle()),
            collected,
        })
    }

    /// The endpoint for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.http_url()
    }

    /// The spans, in order of arrival.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.collected.spans.all()
    }

    /// The metrics, in order of arrival; one that is exported repeatedly is here repeatedly.
    #[must_use]
    pub fn metrics(&self) -> Vec<Metric> {
        self.collected.metrics.all()
    }

    /// The log records, in order of arrival.
    #[must_use]
    pub fn logs(&self) -> Vec<LogRecord> {
        self.collected.logs.all()
    }

    /// The spans with the resources and scopes they came with.
    #[must_use]
    pub fn resource_spans(&self) -> Vec<ResourceSpans> {
        self.collected.resource_spans.all()
    }

    /// The metrics with the resources and scopes they came with.
    #[must_use]
    pub fn resource_metrics(&self) -> Vec<ResourceMetrics> {
        self.collected.resource_metrics.all()
    }

    /// The log records with the resources and scopes they came with.
    #[must_use]
    pub fn resource_logs(&self) -> Vec<ResourceLogs> {
        self.collected.resource_logs.all()
    }

    /// Waits until `n` spans have arrived.
    ///
    /// # Errors
    /// When they have not after [`WAIT_TIMEOUT`].
    pub async fn wait_for_spans(&self, n: usize) -> Result<Vec<Span>, NotArrived> {
        self.collected.spans.wait_for(n, WAIT_TIMEOUT).await
    }

    /// Waits until a span has arrived that `wanted` accepts, and returns all spans so far.
    ///
    /// # Errors
    /// When none has in time.
    pub async fn wait_for_span(
        &self,
        within: Duration,
        wanted: impl Fn(&Span) -> bool,
    ) -> Result<Vec<Span>, NotArrived> {
        let search = async {
            let mut spans = self.spans();
            while !spans.iter().any(&wanted) {
                let next = spans.len() + 1;
                spans = self.collected.spans.wait_for(next, within).await?;
            }
            Ok(spans)
        };
        let nothing = || NotArrived {
            what: "spans of this kind",
            wanted: 1,
            got: 0,
            within,
        };
        tokio::time::timeout(within, search)
            .await
            .unwrap_or_else(|_| Err(nothing()))
    }

    /// Waits until `n` metrics have arrived.
    ///
    /// # Errors
    /// When they have not after [`WAIT_TIMEOUT`].
    pub async fn wait_for_metrics(&self, n: usize) -> Result<Vec<Metric>, NotArrived> {
        self.collected.metrics.wait_for(n, WAIT_TIMEOUT).await
    }

    /// Waits until `n` log records have arrived.
    ///
    /// # Errors
    /// When they have not after [`WAIT_TIMEOUT`].
    pub async fn wait_for_logs(&self, n: usize) -> Result<Vec<LogRecord>, NotArrived> {
        self.collected.logs.wait_for(n, WAIT_TIMEOUT).await
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let batch = request.into_inner().resource_spans;
        let spans = batch
            .iter()
            .flat_map(|resource| &resource.scope_spans)
            .flat_map(|scope| &scope.spans)
            .cloned();
        let spans = spans.collect();
        // Whoever waits for a span finds what it came with.
        self.0.resource_spans.extend(batch);
        self.0.spans.extend(spans);
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let batch = request.into_inner().resource_metrics;
        let metrics = batch
            .iter()
            .flat_map(|resource| &resource.scope_metrics)
            .flat_map(|scope| &scope.metrics)
            .cloned();
        self.0.metrics.extend(metrics.collect());
        self.0.resource_metrics.extend(batch);
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let batch = request.into_inner().resource_logs;
        let logs = batch
            .iter()
            .flat_map(|resource| &resource.scope_logs)
            .flat_map(|scope| &scope.log_records);
        self.0.logs.extend(logs.cloned().collect());
        self.0.resource_logs.extend(batch);
        Ok(Response::new(Default::default()))
    }
}
