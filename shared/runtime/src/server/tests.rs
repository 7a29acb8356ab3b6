//! The server as its callers meet it: over a socket, with real clients.

mod bounds;
mod connect;
mod health;
mod lifetime;
mod protocols;
mod tls;

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

    async fn mark_unread(
        &self,
        _: GrpcRequest<dispatcher::MarkUnreadRequest>,
    ) -> Answer<dispatcher::MarkUnreadResponse> {
        Ok(GrpcResponse::new(dispatcher::MarkUnreadResponse::default()))
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

    async fn unarchive(
        &self,
        _: GrpcRequest<dispatcher::UnarchiveRequest>,
    ) -> Answer<dispatcher::UnarchiveResponse> {
        Ok(GrpcResponse::new(dispatcher::UnarchiveResponse {}))
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
                && line.contains(&format!("rpc_method=\"{method}\""))
                && line.contains(&format!("rpc_response_status_code=\"{status}\""))
        };
        text.lines().find(labels).map(|line| line.ends_with(" 1"))
    };
    assert_eq!(counted("GetUnreadCount", "OK"), Some(true), "{text}");
    assert_eq!(counted("GetUnreadCount", "UNAUTHENTICATED"), Some(true), "{text}");
    assert_eq!(counted("unknown", "UNIMPLEMENTED"), Some(true), "{text}");
    assert!(!text.contains("made"), "{text}");
}
