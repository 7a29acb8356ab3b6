//! The one way a process listens: gRPC, gRPC-Web and plain HTTP/1.1 on one port, with health, reflection and metrics,
//! behind the same trace, limits and authentication everywhere. [`Server::bind`] takes the port, so that its address is
//! known before anything is served; [`Bound::serve`] serves until it is told to stop, lets calls end, and returns.

mod limits;
#[cfg(test)]
mod tests;
mod web;

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{Request, StatusCode};
use opentelemetry::metrics::Meter;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};
use tower::Service;
use watchbell_domain::clock::SharedClock;

use crate::auth::AuthLayer;
use crate::problem::Problem;
use crate::ready::{Failing, PROCESS, Readiness};
use crate::settings::{LimitSettings, ServerSettings, TlsSettings};
use crate::telemetry::TraceLayer;

pub(crate) use limits::{is_grpc, is_probe};

/// How often an idle HTTP/2 connection is asked whether it lives, and how long it may take to say so.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(20));

/// A server that cannot start, or has broken.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is taken or not ours.
    #[error("cannot listen at {address}: {source}")]
    Bind {
        /// Where it was meant to listen.
        address: SocketAddr,
        /// Why it does not.
        source: std::io::Error,
    },
    /// A certificate or key cannot be read.
    #[error("cannot read {path}: {source}")]
    Pem {
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The certificate or key is not what TLS needs.
    #[error("TLS: {}", crate::problem::Chain(.0))]
    Tls(#[source] tonic::transport::Error),
    /// The descriptors do not make a reflection service.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// Serving has failed.
    #[error("serving: {}", crate::problem::Chain(.0))]
    Serve(#[source] tonic::transport::Error),
}

/// What a process serves.
pub struct Server {
    settings: ServerSettings,
    limits: LimitSettings,
    readiness: Readiness,
    trace: TraceLayer,
    auth: AuthLayer,
    grpc: Routes,
    http: Router,
    services: Vec<&'static str>,
}

/// A server whose port is taken and who serves nothing yet.
pub struct Bound {
    server: Server,
    listener: TcpListener,
    address: SocketAddr,
}

// === impl Server ===

impl Server {
    /// A server of nothing but health and reflection. `meter` measures calls.
    pub fn new(
        settings: ServerSettings,
        limits: LimitSettings,
        auth: AuthLayer,
        readiness: Readiness,
        meter: &Meter,
        clock: SharedClock,
    ) -> Self {
        Self {
            settings,
            limits,
            readiness,
            trace: TraceLayer::new(meter, clock),
            auth,
            grpc: Routes::default(),
            http: Router::new(),
            services: Vec::new(),
        }
    }

    /// Serves this gRPC service behind authentication; health and reflection know it.
    #[must_use]
    pub fn service<S>(mut self, service: S) -> Self
    where
        S: Service<Request<tonic::body::Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        self.grpc = self.grpc.add_service(service);
        self.services.push(S::NAME);
        self.readiness.serves(S::NAME);
        self
    }

    /// Serves these plain HTTP routes. They are not behind authentication: what they need, they check themselves.
    #[must_use]
    pub fn http(mut self, routes: Router) -> Self {
        self.http = self.http.merge(routes);
        self
    }

    /// Takes the port.
    ///
    /// # Errors
    /// [`ServerError::Bind`].
    pub async fn bind(self) -> Result<Bound, ServerError> {
        let address = self.settings.address;
        let failed = |source| ServerError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Bound {
            server: self,
            listener,
            address,
        })
    }

    /// Everything that is served, each part behind what it needs.
    fn router(self, stop: CancellationToken) -> Result<Router, ServerError> {
        let reflected = || {
            let builder = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(watchbell_contracts::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .with_service_name(
                    <tonic_health::pb::health_server::HealthServer<Readiness> as NamedService>::NAME,
                );
            self.services
                .iter()
                .fold(builder, |builder, name| builder.with_service_name(*name))
        };
        let grpc = self
            .grpc
            .add_service(self.readiness.health())
            .add_service(reflected().build_v1()?)
            .add_service(reflected().build_v1alpha()?);
        // `route_layer` leaves paths that do not exist to the fallback; those that do are denied by default.
        let grpc = grpc.into_axum_router().reset_fallback().route_layer(self.auth);
        let (readiness, same) = (self.readiness.clone(), self.readiness);
        Ok(self
            .http
            .route("/healthz", get(async move || alive(&same)))
            .route("/readyz", get(async move || ready(&readiness)))
            .merge(grpc)
            .fallback(nowhere)
            .layer(limits::LimitLayer::new(&self.limits, stop))
            .layer(self.trace))
    }
}

// === impl Bound ===

impl Bound {
    /// Where it listens; with port 0 in the settings, which port that became.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is cancelled; then says NOT_SERVING, takes no more connections, lets calls end, and returns
    /// when they have or the grace is over.
    ///
    /// # Errors
    /// When serving cannot begin, or breaks.
    pub async fn serve(self, stop: CancellationToken) -> Result<(), ServerError> {
        let Self {
            server,
            listener,
            address,
        } = self;
        let mut transport = tonic::transport::Server::builder()
            .accept_http1(true)
            .http2_keepalive_interval(Some(KEEP_ALIVE.0))
            .http2_keepalive_timeout(Some(KEEP_ALIVE.1))
            .max_concurrent_streams(server.limits.max_streams_per_connection)
            .layer(web::WebLayer::new(&server.settings.web_origins));
        if let Some(tls) = &server.settings.tls {
            transport = transport.tls_config(server_tls(tls)?).map_err(ServerError::Tls)?;
        }
        let grace = server.settings.shutdown_grace;
        let stopping = server.readiness.condition(PROCESS, "shutdown");
        let routes = Routes::from(server.router(stop.clone())?);
        let signal = {
            let stop = stop.clone();
            async move {
                stop.cancelled().await;
                stopping.down("stopping");
            }
        };
        tracing::info!(%address, "serving");
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let serving = transport
            .add_routes(routes)
            .serve_with_incoming_shutdown(incoming, signal);
        let patience = async {
            stop.cancelled().await;
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            served = serving => served.map_err(ServerError::Serve),
            () = patience => {
                tracing::warn!(?grace, "some calls did not end in time");
                Ok(())
            }
        }
    }
}

/// `/readyz`: 200 when everything holds, else 503 and what does not.
fn ready(readiness: &Readiness) -> Response {
    report("ready\n", &readiness.failing())
}

/// `/healthz`: 200 unless something takes another start of the process.
fn alive(readiness: &Readiness) -> Response {
    let mut failing = readiness.failing();
    failing.retain(|failing| failing.for_good);
    report("ok\n", &failing)
}

fn report(fine: &'static str, failing: &[Failing]) -> Response {
    if failing.is_empty() {
        return fine.into_response();
    }
    let mut text = String::new();
    for failing in failing {
        let _ = writeln!(text, "{} {}: {}", failing.area, failing.what, failing.why);
    }
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

/// What is not served: in the caller's own language.
async fn nowhere(request: Request<axum::body::Body>) -> Response {
    if is_grpc(request.headers()) {
        let path = request.uri().path().to_owned();
        return tonic::Status::from(Problem::Unimplemented { path }).into_http();
    }
    (StatusCode::NOT_FOUND, "not found\n").into_response()
}

fn server_tls(tls: &TlsSettings) -> Result<ServerTlsConfig, ServerError> {
    let config = ServerTlsConfig::new().identity(identity(tls)?);
    match &tls.service_authority {
        // Optional: backends come with keys, only services with certificates.
        Some(authority) => Ok(config
            .client_ca_root(Certificate::from_pem(pem(authority)?))
            .client_auth_optional(true)),
        None => Ok(config),
    }
}

pub(crate) fn identity(tls: &TlsSettings) -> Result<Identity, ServerError> {
    Ok(Identity::from_pem(pem(&tls.certificate)?, pem(&tls.key)?))
}

pub(crate) fn pem(path: &std::path::Path) -> Result<Vec<u8>, ServerError> {
    std::fs::read(path).map_err(|source| ServerError::Pem {
        path: path.display().to_string(),
        source,
    })
}
