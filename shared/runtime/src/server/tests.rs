//! The server as its callers meet it: over a socket, with real clients.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::DateTime;
use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Code, IntoRequest, Request as GrpcRequest, Response as GrpcResponse, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use watchbell_contracts::api::{self, BoxStream, InboxApi};
use watchbell_contracts::dispatcher::v1 as dispatcher;
use watchbell_contracts::dispatcher::v1::inbox_service_client::InboxServiceClient;
use watchbell_model::clock::SystemClock;
use watchbell_model::ids::MemberId;
use watchbell_model::secret::Secret;

use super::*;
use crate::auth::{Authenticator, Grant, KeyHash, Principal, Scope, hash_key};
use crate::client;
use crate::metrics::Metrics;
use crate::problem::{from_status, reason};
use crate::settings::{AuthSettings, Shared};
use crate::testing::paused_now;

const TOKEN: &str = "only-between-services";

/// One key for everything, `wbk_good`.
struct OneKey;

#[async_trait]
impl Authenticator for OneKey {
    async fn authenticate(&self, key: KeyHash) -> Result<Grant, Problem> {
        if key != hash_key("wbk_good") {
            return Err(Problem::Unauthenticated {
                reason: reason::INVALID_CREDENTIAL,
            });
        }
        let principal = Principal::ApiKey {
            key_id: "key_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            team_id: Some("team_01h455vb4pex5vsknk084sn02q".parse().unwrap()),
            scopes: [Scope::Inbox].into_iter().collect(),
        };
        Ok(Grant {
            principal,
            expires_at: None,
        })
    }
}

type Answer<T> = Result<GrpcResponse<T>, Status>;

/// An inbox whose count says who asks, that never ends a list, and watches in silence.
struct Inbox;

#[async_trait]
impl InboxApi for Inbox {
    async fn list_notifications(
        &self,
        _: GrpcRequest<dispatcher::ListNotificationsRequest>,
    ) -> Answer<dispatcher::ListNotificationsResponse> {
        std::future::pending().await
    }

    async fn get_unread_count(
        &self,
        request: GrpcRequest<dispatcher::GetUnreadCountRequest>,
    ) -> Answer<dispatcher::GetUnreadCountResponse> {
        let principal = Principal::from_request(&request)?;
        let unread_count = if principal == Principal::Service { 1 } else { 2 };
        Ok(GrpcResponse::new(dispatcher::GetUnreadCountResponse {
            unread_count,
        }))
    }

    async fn mark_read(
        &self,
        _: GrpcRequest<dispatcher::MarkReadRequest>,
    ) -> Answer<dispatcher::MarkReadResponse> {
        Err(Problem::internal("a secret of ours").into())
    }

    async fn mark_all_read(
        &self,
        _: GrpcRequest<dispatcher::MarkAllReadRequest>,
    ) -> Answer<dispatcher::MarkAllReadResponse> {
        Ok(GrpcResponse::new(dispatcher::MarkAllReadResponse {}))
    }

    async fn archive(
        &self,
        _: GrpcRequest<dispatcher::ArchiveRequest>,
    ) -> Answer<dispatcher::ArchiveResponse> {
        Ok(GrpcResponse::new(dispatcher::ArchiveResponse {}))
    }

    async fn watch(
        &self,
        _: GrpcRequest<dispatcher::WatchRequest>,
    ) -> Answer<BoxStream<dispatcher::WatchResponse>> {
        Ok(GrpcResponse::new(api::boxed(futures::stream::pending())))
    }
}

struct World {
    address: SocketAddr,
    operators: SocketAddr,
    readiness: Readiness,
    metrics: Metrics,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), ServerError>>,
}

impl World {
    async fn new(tls: Option<TlsSettings>) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), tls).await
    }

    async fn limited(limits: LimitSettings) -> Self {
        Self::start("127.0.0.1:0".parse().unwrap(), None, limits).await
    }

    async fn at(address: SocketAddr, tls: Option<TlsSettings>) -> Self {
        Self::start(address, tls, LimitSettings::default()).await
    }

    async fn start(address: SocketAddr, tls: Option<TlsSettings>, limits: LimitSettings) -> Self {
        let settings = ServerSettings {
            address,
            admin_address: Some("127.0.0.1:0".parse().unwrap()),
            web_origins: vec!["https://app.example.com".to_owned()],
            tls,
            ..ServerSettings::default()
        };
        let auth = AuthLayer::new(Arc::new(OneKey), SystemClock::shared(), &limits)
            .service_token(&Secret::from(TOKEN))
            .trust_client_certificates();
        let readiness = Readiness::new();
        let metrics = Metrics::local().unwrap();
        let server = Server::new(
            settings,
            limits,
            auth,
            readiness.clone(),
            &metrics.meter("watchbell"),
            SystemClock::shared(),
        );
        let bound = server
            .service(api::serve_inbox(Arc::new(Inbox)))
            .admin(metrics.router())
            .bind()
            .await
            .unwrap();
        let (address, operators) = (bound.address(), bound.admin_address());
        assert!(address.port() != 0 && operators.port() != 0);
        let stop = CancellationToken::new();
        let serving = tokio::spawn(bound.serve(stop.clone()));
        Self {
            address,
            operators,
            readiness,
            metrics,
            stop,
            serving,
        }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn channel(&self) -> Channel {
        client::channel(&self.url(), None).unwrap()
    }

    async fn health(&self, service: &str) -> Result<ServingStatus, Code> {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let answer = HealthClient::new(self.channel()).check(request).await;
        answer
            .map(|answer| answer.into_inner().status())
            .map_err(|status| status.code())
    }

    /// A plain HTTP/1.1 exchange: the whole answer as text.
    async fn http(&self, request: &str) -> String {
        Self::exchange(self.address, request).await
    }

    async fn exchange(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn get(&self, path: &str) -> String {
        self.http(&get(path)).await
    }

    /// What operators get.
    async fn operators_get(&self, path: &str) -> String {
        Self::exchange(self.operators, &get(path)).await
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
}

fn with_key<T>(message: impl IntoRequest<T>) -> GrpcRequest<T> {
    let mut request = message.into_request();
    request
        .metadata_mut()
        .insert("authorization", "Bearer wbk_good".parse().unwrap());
    request
}

fn count() -> GrpcRequest<dispatcher::GetUnreadCountRequest> {
    GrpcRequest::new(dispatcher::GetUnreadCountRequest {
        member_id: MemberId::generate(DateTime::UNIX_EPOCH).to_string(),
        ..Default::default()
    })
}

#[tokio::test]
async fn a_call_with_a_key_reaches_its_handler_and_one_without_does_not() {
    let world = World::new(None).await;
    let inbox = InboxServiceClient::new(world.channel());
    assert_eq!(
        inbox
            .get_unread_count(with_key(count()))
            .await
            .unwrap()
            .into_inner()
            .unread_count,
        2
    );
    let refused = inbox.get_unread_count(count()).await.unwrap_err();
    assert_eq!(from_status(&refused).reason.unwrap(), "MISSING_CREDENTIAL");
}

#[tokio::test]
async fn a_peers_channel_is_a_service_and_a_channel_with_another_token_nobody() {
    let world = World::new(None).await;
    let shared = |token: &str| Shared {
        auth: AuthSettings {
            service_token: Some(Secret::from(token)),
            ..AuthSettings::default()
        },
        ..Shared::default()
    };
    let peer = InboxServiceClient::new(client::connect(&world.url(), &shared(TOKEN)).unwrap());
    assert_eq!(
        peer.get_unread_count(count())
            .await
            .unwrap()
            .into_inner()
            .unread_count,
        1
    );
    let stranger =
        InboxServiceClient::new(client::connect(&world.url(), &shared("something else entirely")).unwrap());
    assert_eq!(
        stranger.get_unread_count(count()).await.unwrap_err().code(),
        Code::Unauthenticated
    );
}

#[tokio::test]
async fn an_internal_error_reaches_the_caller_without_its_cause() {
    let world = World::new(None).await;
    let inbox = InboxServiceClient::new(world.channel());
    let failed = inbox
        .mark_read(with_key(dispatcher::MarkReadRequest::default()))
        .await
        .unwrap_err();
    assert_eq!(failed.code(), Code::Internal);
    assert!(!format!("{failed:?}").contains("secret of ours"));
}

#[tokio::test]
async fn a_deadline_of_the_caller_is_kept_and_named() {
    let world = World::new(None).await;
    // A raw client, since tonic's own gives up by itself at the deadline.
    let mut sender = h2_sender(world.address).await;
    let request = Request::post("/watchbell.dispatcher.v1.InboxService/ListNotifications")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("x-api-key", "wbk_good")
        .header("grpc-timeout", "40m")
        .body(axum::body::Body::from(&b"\0\0\0\0\0"[..]))
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(
        Status::from_header_map(response.headers()).unwrap().code(),
        Code::DeadlineExceeded
    );
}

type H2Sender = hyper::client::conn::http2::SendRequest<axum::body::Body>;

async fn h2_sender(address: SocketAddr) -> H2Sender {
    h2_connection(address).await.0
}

/// A connection's sender, and what ends with the connection.
async fn h2_connection(address: SocketAddr) -> (H2Sender, JoinHandle<hyper::Result<()>>) {
    let stream = TcpStream::connect(address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    (sender, tokio::spawn(connection))
}

#[tokio::test]
async fn health_and_readyz_follow_the_conditions() {
    let world = World::new(None).await;
    let database = world.readiness.condition("dispatcher", "database");
    let inbox = "watchbell.dispatcher.v1.InboxService";
    assert_eq!(world.health(inbox).await, Ok(ServingStatus::Serving));
    assert!(world.get("/readyz").await.starts_with("HTTP/1.1 200"));
    database.down("connection refused");
    assert_eq!(world.health(inbox).await, Ok(ServingStatus::NotServing));
    let readyz = world.operators_get("/readyz").await;
    assert!(readyz.starts_with("HTTP/1.1 503") && readyz.contains("dispatcher database: connection refused"));
    let readyz = world.get("/readyz").await;
    assert!(
        readyz.starts_with("HTTP/1.1 503") && !readyz.contains("database"),
        "{readyz}"
    );
    assert!(
        world.get("/healthz").await.starts_with("HTTP/1.1 200"),
        "alive all the same"
    );
    assert_eq!(
        world.health("watchbell.config.v1.TeamService").await,
        Err(Code::NotFound)
    );
}

#[tokio::test]
async fn only_what_takes_another_start_fails_healthz() {
    let world = World::new(None).await;
    let sweeper = world.readiness.condition("dispatcher", "dispatcher.sweeper");
    world
        .readiness
        .condition("dispatcher", "database")
        .down("connection refused");
    sweeper.lost("has died");
    let healthz = world.get("/healthz").await;
    assert!(
        healthz.starts_with("HTTP/1.1 503") && !healthz.contains("sweeper"),
        "{healthz}"
    );
    let healthz = world.operators_get("/healthz").await;
    assert!(
        healthz.starts_with("HTTP/1.1 503") && healthz.contains("dispatcher dispatcher.sweeper: has died"),
        "{healthz}"
    );
    assert!(!healthz.contains("database"), "{healthz}");
    assert!(world.operators_get("/readyz").await.contains("has died"));
}

#[tokio::test]
async fn reflection_lists_what_is_served_here_and_nothing_else() {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

    let world = World::new(None).await;
    let ask = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(world.channel());
    let mut answers = client
        .server_reflection_info(futures::stream::iter([ask]))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else {
        panic!("no list: {answer:?}");
    };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    assert!(
        names.contains(&"watchbell.dispatcher.v1.InboxService") && names.contains(&"grpc.health.v1.Health")
    );
    assert!(!names.iter().any(|name| name.contains("config")), "{names:?}");
}

#[tokio::test]
async fn what_is_not_served_is_said_in_the_callers_language() {
    let world = World::new(None).await;
    assert!(world.get("/nowhere").await.starts_with("HTTP/1.1 404"));
    let mut teams =
        watchbell_contracts::config::v1::team_service_client::TeamServiceClient::new(world.channel());
    let status = teams
        .get_team(with_key(
            watchbell_contracts::config::v1::GetTeamRequest::default(),
        ))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), from_status(&status).reason.unwrap()),
        (Code::Unimplemented, "UNKNOWN_METHOD".to_owned())
    );
}

#[tokio::test]
async fn a_browser_calls_by_grpc_web_over_http_1_and_is_authenticated_too() {
    let world = World::new(None).await;
    let call = |key: &str| {
        let head = "POST /watchbell.dispatcher.v1.InboxService/GetUnreadCount HTTP/1.1\r\nhost: x\r\n\
                    connection: close\r\ncontent-type: application/grpc-web+proto\r\ncontent-length: 5\r\n";
        format!("{head}origin: https://app.example.com\r\nx-api-key: {key}\r\n\r\n\0\0\0\0\0")
    };
    let answer = world.http(&call("wbk_good")).await;
    assert!(
        answer.contains("application/grpc-web") && answer.contains("grpc-status:0"),
        "{answer}"
    );
    assert!(
        answer.contains("access-control-allow-origin: https://app.example.com"),
        "{answer}"
    );
    let refused = world.http(&call("wbk_bad")).await;
    assert!(
        refused.contains("grpc-status: 16") || refused.contains("grpc-status:16"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_body_that_is_no_message_is_the_callers_fault() {
    let world = World::new(None).await;
    let answer = world
        .http(
            "POST /watchbell.dispatcher.v1.InboxService/GetUnreadCount HTTP/1.1\r\nhost: x\r\n\
             connection: close\r\ncontent-type: application/grpc-web+proto\r\ncontent-length: 8\r\n\
             x-api-key: wbk_good\r\n\r\n\0\0\0\0\x03\x0f\x0f\x0f",
        )
        .await;
    assert!(
        answer.contains("grpc-status:3") || answer.contains("grpc-status: 3"),
        "{answer}"
    );
}

#[tokio::test]
async fn calls_are_measured_by_what_they_are_and_not_by_what_callers_make_up() {
    let world = World::new(None).await;
    let inbox = InboxServiceClient::new(world.channel());
    inbox.get_unread_count(with_key(count())).await.unwrap();
    inbox.get_unread_count(count()).await.unwrap_err();
    let mut sender = h2_sender(world.address).await;
    let made_up = Request::post("/made.up.Service/Call").header("content-type", "application/grpc");
    sender
        .send_request(made_up.body(axum::body::Body::empty()).unwrap())
        .await
        .unwrap();

    assert!(
        world.get("/metrics").await.starts_with("HTTP/1.1 404"),
        "for operators alone"
    );
    let page = world.operators_get("/metrics").await;
    assert!(
        page.contains("# TYPE rpc_server_duration_seconds histogram"),
        "{page}"
    );
    let text = world.metrics.encode().unwrap();
    let counted = |method: &str, status: &str| {
        let labels = |line: &&str| {
            line.starts_with("rpc_server_duration_seconds_count")
                && line.contains(&format!("method=\"{method}\""))
                && line.contains(&format!("status=\"{status}\""))
        };
        text.lines().find(labels).map(|line| line.ends_with(" 1"))
    };
    assert_eq!(counted("GetUnreadCount", "OK"), Some(true), "{text}");
    assert_eq!(counted("GetUnreadCount", "UNAUTHENTICATED"), Some(true), "{text}");
    assert_eq!(counted("unknown", "UNIMPLEMENTED"), Some(true), "{text}");
    assert!(!text.contains("made"), "{text}");
}

#[tokio::test]
async fn stopping_says_not_serving_ends_streams_and_lets_go_of_the_port() {
    let world = World::new(None).await;
    let inbox = InboxServiceClient::new(world.channel());
    let mut stream = inbox
        .watch(with_key(dispatcher::WatchRequest::default()))
        .await
        .unwrap()
        .into_inner();
    world.stop.cancel();
    let ended = stream.next().await.unwrap().unwrap_err();
    assert_eq!(ended.code(), Code::Unavailable);
    assert!(from_status(&ended).retry_after.is_some());
    drop((stream, inbox));
    world.serving.await.unwrap().unwrap();
    assert!(!world.readiness.is_serving());
    assert!(TcpStream::connect(world.address).await.is_err());
}

#[tokio::test]
async fn a_channel_comes_back_with_its_service() {
    let world = World::new(None).await;
    let address = world.address;
    let inbox = InboxServiceClient::new(world.channel());
    inbox.get_unread_count(with_key(count())).await.unwrap();
    world.stop.cancel();
    world.serving.await.unwrap().unwrap();
    let away = inbox.get_unread_count(with_key(count())).await.unwrap_err();
    assert_eq!(Problem::from_upstream("inbox", away).code(), Code::Unavailable);

    let _again = World::at(address, None).await;
    assert!(inbox.get_unread_count(with_key(count())).await.is_ok());
}

#[tokio::test]
async fn pages_of_known_origins_may_call_and_others_are_told_nothing() {
    let world = World::new(None).await;
    let ask = |origin: &str| {
        format!(
            "OPTIONS /watchbell.dispatcher.v1.InboxService/GetUnreadCount HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             origin: {origin}\r\naccess-control-request-method: POST\r\n\r\n"
        )
    };
    let known = world.http(&ask("https://app.example.com")).await;
    assert!(
        known.contains("access-control-allow-origin: https://app.example.com")
            // A page that reads the inbox with its user's token goes on where it was.
            && known.contains("authorization")
            && known.contains("last-event-id"),
        "{known}"
    );
    let unknown = world.http(&ask("https://evil.example.com")).await;
    assert!(!unknown.contains("access-control"), "{unknown}");
}

#[tokio::test]
async fn a_taken_port_is_said_so() {
    let world = World::new(None).await;
    let settings = ServerSettings {
        address: world.address,
        ..ServerSettings::default()
    };
    let auth = AuthLayer::new(Arc::new(OneKey), SystemClock::shared(), &LimitSettings::default());
    let meter = world.metrics.meter("watchbell");
    let second = Server::new(
        settings,
        LimitSettings::default(),
        auth,
        Readiness::new(),
        &meter,
        SystemClock::shared(),
    );
    let error = second.bind().await.err().unwrap().to_string();
    assert!(error.contains(&world.address.to_string()), "{error}");
}

/// An authority, and what it has certified.
struct Authority {
    files: tempfile::TempDir,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let files = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(files.path().join("ca.pem"), certificate.pem()).unwrap();
        Self {
            files,
            issuer: rcgen::Issuer::new(params, key),
        }
    }

    fn certify(&self, name: &str) -> TlsSettings {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let path = |what: &str| self.files.path().join(format!("{name}.{what}"));
        std::fs::write(path("pem"), certificate.pem()).unwrap();
        std::fs::write(path("key"), key.serialize_pem()).unwrap();
        TlsSettings {
            certificate: path("pem"),
            key: path("key"),
            service_authority: Some(self.files.path().join("ca.pem")),
        }
    }
}

#[tokio::test]
async fn over_tls_a_certificate_of_the_services_authority_is_a_service() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let authority = Authority::new();
    let world = World::new(Some(authority.certify("server"))).await;
    let mut shared = Shared::default();
    shared.peers.tls = Some(authority.certify("router"));
    let url = format!("https://localhost:{}", world.address.port());
    let peer = InboxServiceClient::new(client::connect(&url, &shared).unwrap());
    assert_eq!(
        peer.get_unread_count(count())
            .await
            .unwrap()
            .into_inner()
            .unread_count,
        1
    );

    let elsewhere = Authority::new();
    let mut stranger = Shared::default();
    stranger.peers.tls = Some(TlsSettings {
        service_authority: shared.peers.tls.and_then(|tls| tls.service_authority),
        ..elsewhere.certify("stranger")
    });
    let stranger = InboxServiceClient::new(client::connect(&url, &stranger).unwrap());
    assert!(
        stranger.get_unread_count(count()).await.is_err(),
        "certified by somebody else"
    );
}

#[tokio::test]
async fn over_tls_a_client_that_knows_only_http_1_is_served() {
    use rustls::pki_types::pem::PemObject as _;

    let authority = Authority::new();
    let world = World::new(Some(authority.certify("server"))).await;
    let mut roots = rustls::RootCertStore::empty();
    let file = authority.files.path().join("ca.pem");
    roots
        .add(rustls::pki_types::CertificateDer::from_pem_file(file).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TcpStream::connect(world.address).await.unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect("localhost".try_into().unwrap(), stream)
        .await
        .unwrap();
    stream.write_all(get("/healthz").as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

/// A gRPC call with these bytes as its body; its status.
async fn raw_call(world: &World, method: &str, body: axum::body::Body) -> Status {
    let mut sender = h2_sender(world.address).await;
    let request = Request::post(format!("/watchbell.dispatcher.v1.InboxService/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("x-api-key", "wbk_good")
        .body(body)
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    Status::from_header_map(response.headers()).expect("it is refused at once")
}

#[tokio::test]
async fn what_cannot_be_read_is_the_callers_fault_and_too_much_is_exhausting() {
    let world = World::new(None).await;
    let status = raw_call(
        &world,
        "GetUnreadCount",
        axum::body::Body::from(&b"\0\0\0\0\x02\xff\xff"[..]),
    )
    .await;
    assert_eq!(
        (status.code(), from_status(&status).reason.unwrap()),
        (Code::InvalidArgument, "INVALID_REQUEST".to_owned())
    );
    let mut large = vec![0];
    large.extend(6_000_000_u32.to_be_bytes());
    large.resize(100_000, 0);
    let status = raw_call(&world, "GetUnreadCount", axum::body::Body::from(large)).await;
    assert_eq!(
        (status.code(), from_status(&status).reason.unwrap()),
        (Code::ResourceExhausted, "TOO_LARGE".to_owned())
    );
    let status = raw_call(&world, "NoSuchCall", axum::body::Body::empty()).await;
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn bodies_that_never_end_take_a_keys_own_room_and_leave_services_theirs() {
    let world = World::limited(LimitSettings {
        max_calls: 9,
        ..LimitSettings::default()
    })
    .await;
    let calls: Vec<_> = futures::future::join_all((0..10).map(|_| h2_sender(world.address)))
        .await
        .into_iter()
        .map(|mut sender| {
            let never = futures::stream::pending::<Result<bytes::Bytes, Infallible>>();
            let request = Request::post("/watchbell.dispatcher.v1.InboxService/GetUnreadCount")
                .header("content-type", "application/grpc")
                .header("x-api-key", "wbk_good");
            sender.send_request(request.body(axum::body::Body::from_stream(never)).unwrap())
        })
        .collect();
    // All but those that have room are refused, at once.
    let mut answers = calls
        .into_iter()
        .collect::<futures::stream::FuturesUnordered<_>>();
    for _ in 0..7 {
        let refused = answers.next().await.unwrap().unwrap();
        let status = Status::from_header_map(refused.headers()).unwrap();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(from_status(&status).retry_after.is_some());
    }
    let service = || {
        let mut request = count();
        let token = format!("Bearer {TOKEN}").parse().unwrap();
        request.metadata_mut().insert("authorization", token);
        request
    };
    let inbox = InboxServiceClient::new(world.channel());
    inbox.get_unread_count(service()).await.unwrap();
    assert_eq!(answers.len(), 3, "a third of nine");
}

#[tokio::test]
async fn open_streams_of_one_key_leave_room_for_calls_and_services() {
    let world = World::limited(LimitSettings {
        max_streams: 9,
        ..LimitSettings::default()
    })
    .await;
    let inbox = InboxServiceClient::new(world.channel());
    let watch = || inbox.watch(with_key(dispatcher::WatchRequest::default()));
    let mut open = Vec::new();
    let refused = loop {
        match watch().await {
            Ok(stream) => open.push(stream),
            Err(status) => break status,
        }
    };
    assert_eq!(open.len(), 3, "a third of nine");
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(from_status(&refused).retry_after.is_some());
    inbox.get_unread_count(with_key(count())).await.unwrap();
    let closed = open.pop();
    drop(closed);
    // The server hears of it a moment later.
    while watch().await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_useful_is_closed() {
    let world = World::new(None).await;
    for said in [&b""[..], b"PRI * HTTP/2.0\r\n", b"GET /heal"] {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(said).await.unwrap();
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(std::time::Duration::from_secs(11), stream.read_to_end(&mut rest));
        assert!(closed.await.is_ok(), "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tls_handshake_has_ten_seconds() {
    let authority = Authority::new();
    let world = World::new(Some(authority.certify("server"))).await;
    // Nothing, and the first bytes of a handshake (RFC 8446 §5.1) that goes on no further.
    for said in [&b""[..], &[22, 3, 1, 2, 0, 1]] {
        let began = paused_now();
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(said).await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert_eq!(began.elapsed().as_secs(), 10, "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_requests_is_closed_after_five_minutes() {
    let world = World::new(None).await;
    let (mut sender, closed) = h2_connection(world.address).await;
    let ask = || {
        Request::get("http://x/healthz")
            .body(axum::body::Body::empty())
            .unwrap()
    };
    for _ in 0..2 {
        // Each request counts: it is idle anew afterwards.
        tokio::time::sleep(std::time::Duration::from_secs(4 * 60)).await;
        let answer = sender.send_request(ask()).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    let idle = paused_now();
    let _ = closed.await.unwrap();
    assert_eq!(idle.elapsed().as_secs(), 5 * 60);
}

#[tokio::test(start_paused = true)]
async fn a_kept_alive_connection_of_http_1_is_closed_after_half_a_minute() {
    let world = World::new(None).await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let began = paused_now();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    assert_eq!(began.elapsed().as_secs(), 30);
}
