//! Server of a process: gRPC, gRPC-Web, JSON over HTTP (Connect) and plain HTTP/1.1 on one port, with health and reflection, behind the same
//! trace, limits and authentication; metrics and the causes of failing health are on a second port for operators.
//! [`Server::bind`] takes the ports, so that their addresses are known before anything is served; [`Bound::serve`]
//! serves until shutdown, lets calls end, and returns.

mod answers;
mod compressed;
mod connect;
mod connection;
mod connections;
mod drain;
mod limits;
mod listen;
#[cfg(test)]
mod tests;
mod tls;
mod web;

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::SocketAddr;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{Request, StatusCode};
use opentelemetry::metrics::Meter;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::Identity;
use tower::{Layer as _, Service};
use watchbell_model::clock::SharedClock;

use crate::auth::AuthLayer;
use crate::http_call::is_grpc;
use crate::problem::Problem;
use crate::ready::{Failing, PROCESS, Readiness};
use crate::settings::{LimitSettings, ServerSettings, TlsSettings};
use crate::telemetry::TraceLayer;

use connection::Protocol;
use connections::Connections;
use listen::Door;

pub use self::tls::check as check_tls;
pub use crate::peer::Peer;

/// Most connections of operators.
const ADMIN_CONNECTIONS: usize = 64;

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
    #[error("TLS: {0}")]
    Tls(#[source] crate::problem::Cause),
    /// The descriptors do not make a reflection service.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
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
    admin: Router,
    services: Vec<&'static str>,
}

/// A server whose ports are taken and who serves nothing yet.
pub struct Bound {
    server: Server,
    public: TcpListener,
    admin: TcpListener,
    address: SocketAddr,
    admin_address: SocketAddr,
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
            admin: Router::new(),
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

    /// Serves these plain HTTP routes to operators alone, at the second address.
    #[must_use]
    pub fn admin(mut self, routes: Router) -> Self {
        self.admin = self.admin.merge(routes);
        self
    }

    /// Takes the ports.
    ///
    /// # Errors
    /// [`ServerError::Bind`].
    pub async fn bind(self) -> Result<Bound, ServerError> {
        let (public, address) = listen(self.settings.address).await?;
        let (admin, admin_address) = listen(self.settings.admin_address()).await?;
        Ok(Bound {
            server: self,
            public,
            admin,
            address,
            admin_address,
        })
    }

    /// What operators see: metrics, and why the process is not ready.
    fn operators(&mut self) -> Router {
        let (readiness, same) = (self.readiness.clone(), self.readiness.clone());
        std::mem::take(&mut self.admin)
            .route("/healthz", get(async move || alive(&same)))
            .route("/readyz", get(async move || ready(&readiness)))
            .fallback(nowhere)
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
        let pages = self.auth.pages();
        // `route_layer` leaves paths that do not exist to the fallback; those that do are denied by default.
        let grpc = grpc.into_axum_router().reset_fallback().route_layer(self.auth);
        let (readiness, same) = (self.readiness.clone(), self.readiness);
        Ok(self
            .http
            .layer(pages)
            // Whoever reaches this port learns whether, and not why.
            .route("/healthz", get(async move || briefly(alive(&same))))
            .route("/readyz", get(async move || briefly(ready(&readiness))))
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

    /// Where it listens for operators.
    #[must_use]
    pub const fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Serves until `stop` is cancelled; then says NOT_SERVING, takes no more connections, lets calls end, and returns
    /// when they have or the grace is over.
    ///
    /// # Errors
    /// When serving cannot begin, or breaks.
    pub async fn serve(self, stop: CancellationToken) -> Result<(), ServerError> {
        let Self {
            mut server,
            public,
            admin,
            address,
            admin_address,
        } = self;
        let tls = server.settings.tls.as_ref().map(tls::Acceptor::new).transpose()?;
        let reloading = tls.clone().map(tls::Acceptor::reload_on_hangup);
        let reloading = async {
            if let Some(reloading) = reloading {
                reloading.await;
            }
            std::future::pending::<()>().await;
        };
        let streams = server.limits.max_streams_per_connection;
        let grace = server.settings.shutdown_grace;
        let stopping = server.readiness.condition(PROCESS, "shutdown");
        let web = web::WebLayer::new(&server.settings.web_origins);
        let operators = Door {
            listener: admin,
            protocol: Protocol::new(streams, None, web.layer(Routes::from(server.operators()))),
            connections: Connections::new(ADMIN_CONNECTIONS),
        };
        let everybody = Door {
            listener: public,
            protocol: Protocol::new(
                streams,
                tls,
                web.layer(Routes::from(server.router(stop.clone())?)),
            ),
            connections: Connections::new(listen::capacity()),
        };
        tracing::info!(%address, %admin_address, "serving");
        let told = async {
            stop.cancelled().await;
            stopping.down("stopping");
        };
        // Metrics and readiness are seen for as long as calls end.
        let ended = CancellationToken::new();
        let serving = async {
            everybody.serve(stop.clone()).await;
            ended.cancel();
        };
        let patience = async {
            stop.cancelled().await;
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            _ = async { tokio::join!(told, serving, operators.serve(ended.clone())) } => {}
            () = patience => tracing::warn!(?grace, "some calls did not end in time"),
            () = reloading => {}
        }
        Ok(())
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServerError> {
    let failed = |source| ServerError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// `/readyz`: 200 when everything holds, else 503 and what does not.
fn ready(readiness: &Readiness) -> Response {
    report("ready\n", &readiness.failing())
}

/// The same answer without its causes.
fn briefly(answer: Response) -> Response {
    if answer.status() == StatusCode::OK {
        return answer;
    }
    (answer.status(), "not ready\n").into_response()
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

pub(crate) fn identity(tls: &TlsSettings) -> Result<Identity, ServerError> {
    Ok(Identity::from_pem(pem(&tls.certificate)?, pem(&tls.key)?))
}

pub(crate) fn pem(path: &std::path::Path) -> Result<Vec<u8>, ServerError> {
    std::fs::read(path).map_err(|source| ServerError::Pem {
        path: path.display().to_string(),
        source,
    })
}
