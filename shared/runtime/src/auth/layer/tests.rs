//! Who gets in, and how others are refused.

use super::*;
use crate::auth::Scope;
use crate::problem::{Reading, from_status};
use crate::testing::ManualClock;
use chrono::DateTime;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use tonic::Code;
use tower::ServiceExt;
use watchbell_model::clock::Clock as _;
use watchbell_model::ids::{KeyId, TeamId};
use watchbell_model::vocabulary::Role;

const EMIT: &str = "/watchbell.router.v1.RouterService/Emit";
const SNAPSHOT: &str = "/watchbell.config.v1.SnapshotService/GetTeamSnapshot";

/// Knows one key, `wbk_good`, which may emit.
struct OneKey(TeamId);

#[async_trait]
impl Authenticator for OneKey {
    async fn authenticate(&self, key: KeyHash) -> Result<Grant, Problem> {
        if key != hash_key("wbk_good") {
            return Err(Problem::Unauthenticated {
                reason: reason::INVALID_CREDENTIAL,
            });
        }
        let principal = Principal::ApiKey {
            key_id: KeyId::from_uuid(self.0.as_uuid()),
            team_id: Some(self.0),
            scopes: [Scope::Emit].into_iter().collect(),
        };
        Ok(Grant {
            principal,
            expires_at: None,
        })
    }
}

/// Knows the tokens `a.b.c` and `a.b.d`, of two members of one team, which end in a minute.
struct TwoMembers(TeamId);

#[async_trait]
impl MemberVerifier for TwoMembers {
    async fn verify(&self, token: &str) -> Result<Grant, Problem> {
        let member = match token {
            "a.b.c" => "mbr_01h455vb4pex5vsknk084sn02q",
            "a.b.d" => "mbr_01h455vb4pex5vsknk084sn02r",
            _ => {
                return Err(Problem::Unauthenticated {
                    reason: reason::INVALID_CREDENTIAL,
                });
            }
        };
        Ok(Grant {
            principal: Principal::Member {
                member_id: member.parse().unwrap(),
                team_id: self.0,
                role: Role::Member,
                manages_integrations: false,
                session: None,
            },
            expires_at: Some(ManualClock::shared().now() + chrono::TimeDelta::minutes(1)),
        })
    }
}

fn layer() -> AuthLayer {
    let keys = OneKey(TeamId::generate(DateTime::UNIX_EPOCH));
    let three = NonZeroU32::new(3).unwrap();
    let limits = LimitSettings {
        calls_per_second: three,
        burst: three,
        ..LimitSettings::default()
    };
    AuthLayer::new(Arc::new(keys), ManualClock::shared(), &limits).service_token(&Secret::from("between-us"))
}

/// Calls through the layer; who got in, or how they were refused.
async fn call(layer: &AuthLayer, path: &str, headers: &[(&str, &str)]) -> Result<Option<Principal>, Reading> {
    let mut request = Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let service = layer.layer(tower::service_fn(async |request: Request<Body>| {
        let mut response = Response::new(Body::empty());
        if let Some(principal) = request.extensions().get::<Principal>() {
            response.extensions_mut().insert(*principal);
        }
        Ok::<_, Infallible>(response)
    }));
    let response = service
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    match Status::from_header_map(response.headers()) {
        Some(status) => {
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/grpc");
            assert_eq!(response.status(), 200, "gRPC says it in grpc-status");
            Err(from_status(&status))
        }
        None => Ok(response.extensions().get().copied()),
    }
}

fn refusal(result: Result<Option<Principal>, Reading>) -> (Code, String) {
    let reading = result.unwrap_err();
    (reading.code, reading.reason.unwrap())
}

#[tokio::test]
async fn a_key_gets_in_by_either_header() {
    let layer = layer();
    for headers in [
        ("authorization", "Bearer wbk_good"),
        ("authorization", "bearer wbk_good"),
        ("x-api-key", "wbk_good"),
    ] {
        let principal = call(&layer, EMIT, &[headers]).await.unwrap().unwrap();
        assert!(principal.own_team().is_some());
    }
}

#[tokio::test]
async fn no_key_and_a_wrong_key_are_told_apart() {
    let layer = layer();
    let missing = (Code::Unauthenticated, "MISSING_CREDENTIAL".to_owned());
    let invalid = (Code::Unauthenticated, "INVALID_CREDENTIAL".to_owned());
    assert_eq!(refusal(call(&layer, EMIT, &[]).await), missing);
    assert_eq!(
        refusal(call(&layer, EMIT, &[("authorization", "Basic d2JrX2dvb2Q=")]).await),
        missing
    );
    for token in ["Bearer wbk_bad", "Bearer between-them", "Bearer eyJhbGciOi.e30.x"] {
        assert_eq!(
            refusal(call(&layer, EMIT, &[("authorization", token)]).await),
            invalid
        );
    }
}

#[tokio::test]
async fn a_key_without_the_scope_is_denied_and_a_path_without_a_row_is_not_served() {
    let layer = layer();
    let key = [("x-api-key", "wbk_good")];
    let explain = call(&layer, "/watchbell.router.v1.RouterService/Explain", &key).await;
    assert_eq!(
        refusal(explain),
        (Code::PermissionDenied, "MISSING_SCOPE".to_owned())
    );
    let unknown = call(&layer, "/watchbell.router.v1.RouterService/Erase", &key).await;
    assert_eq!(
        refusal(unknown),
        (Code::Unimplemented, "UNKNOWN_METHOD".to_owned())
    );
}

#[tokio::test]
async fn during_a_rotation_both_service_tokens_are_good() {
    let mut shared = Shared::default();
    shared.auth.service_token = Some(Secret::from("the-new-token-is-shown"));
    shared.auth.accepted_service_tokens = vec![Secret::from("the-old-token-is-accepted")];
    let keys = Arc::new(OneKey(TeamId::generate(DateTime::UNIX_EPOCH)));
    let layer = AuthLayer::configured(keys, &shared, ManualClock::shared());
    for token in ["the-new-token-is-shown", "the-old-token-is-accepted"] {
        let bearer = format!("Bearer {token}");
        let caller = call(&layer, SNAPSHOT, &[("authorization", &bearer)]).await;
        assert_eq!(caller.unwrap(), Some(Principal::Service));
    }
    let other = call(&layer, SNAPSHOT, &[("authorization", "Bearer yet-another-token")]).await;
    assert_eq!(refusal(other).0, Code::Unauthenticated);
}

#[tokio::test]
async fn internal_calls_are_for_the_service_token_alone() {
    let layer = layer();
    let token = [("authorization", "Bearer between-us")];
    assert_eq!(
        call(&layer, SNAPSHOT, &token).await.unwrap(),
        Some(Principal::Service)
    );
    let key = call(&layer, SNAPSHOT, &[("x-api-key", "wbk_good")]).await;
    assert_eq!(refusal(key), (Code::PermissionDenied, "INTERNAL_ONLY".to_owned()));
}

#[tokio::test]
async fn without_a_service_token_configured_nobody_is_a_service() {
    let layer = layer().service_token(&Secret::from(""));
    let empty = call(&layer, SNAPSHOT, &[("authorization", "Bearer ")]).await;
    assert_eq!(refusal(empty).0, Code::Unauthenticated);
}

#[tokio::test]
async fn health_is_open_and_carries_nobody() {
    assert_eq!(
        call(&layer(), "/grpc.health.v1.Health/Check", &[]).await.unwrap(),
        None
    );
}

const LIST: &str = "/watchbell.config.v1.ChannelService/ListChannels";
const CREATE: &str = "/watchbell.config.v1.ChannelService/CreateChannel";

#[tokio::test]
async fn a_member_gets_in_by_a_token_where_the_table_lets_members() {
    let layer = layer().members(Arc::new(TwoMembers(TeamId::generate(DateTime::UNIX_EPOCH))));
    let token = [("authorization", "Bearer a.b.c")];
    let member = call(&layer, LIST, &token).await.unwrap().unwrap();
    assert!(matches!(member, Principal::Member { .. }));
    let denied = (Code::PermissionDenied, "MISSING_SCOPE".to_owned());
    assert_eq!(refusal(call(&layer, CREATE, &token).await), denied);
    assert_eq!(refusal(call(&layer, EMIT, &token).await), denied);
    assert_eq!(
        refusal(call(&layer, SNAPSHOT, &token).await).0,
        Code::PermissionDenied
    );
    let unknown = call(&layer, LIST, &[("authorization", "Bearer a.b.x")]).await;
    assert_eq!(refusal(unknown).0, Code::Unauthenticated);
}

#[tokio::test]
async fn each_member_has_a_budget_of_their_own() {
    let layer = layer().members(Arc::new(TwoMembers(TeamId::generate(DateTime::UNIX_EPOCH))));
    let (loud, quiet) = (
        [("authorization", "Bearer a.b.c")],
        [("authorization", "Bearer a.b.d")],
    );
    for _ in 0..3 {
        call(&layer, LIST, &loud).await.unwrap();
    }
    assert_eq!(
        refusal(call(&layer, LIST, &loud).await).0,
        Code::ResourceExhausted
    );
    assert!(call(&layer, LIST, &quiet).await.is_ok());
}

#[tokio::test]
async fn questions_about_unknown_keys_of_one_network_leave_room_for_who_is_known() {
    /// Answers at once about `wbk_good`, and never about others.
    struct Slow(OneKey);
    #[async_trait]
    impl Authenticator for Slow {
        async fn authenticate(&self, key: KeyHash) -> Result<Grant, Problem> {
            match self.0.authenticate(key).await {
                Ok(grant) => Ok(grant),
                Err(_) => std::future::pending().await,
            }
        }
    }
    let keys = Slow(OneKey(TeamId::generate(DateTime::UNIX_EPOCH)));
    let layer = AuthLayer::new(Arc::new(keys), ManualClock::shared(), &LimitSettings::default());
    let mut asking = Vec::new();
    let refused = loop {
        let token = format!("wbk_{}", asking.len());
        let layer = layer.clone();
        let mut call = Box::pin(async move { call(&layer, EMIT, &[("x-api-key", &token)]).await });
        match futures::poll!(&mut call) {
            Poll::Ready(answer) => break answer,
            Poll::Pending => asking.push(call),
        }
    };
    assert_eq!(refusal(refused).0, Code::ResourceExhausted);
    assert!(call(&layer, EMIT, &[("x-api-key", "wbk_good")]).await.is_ok());
    asking.clear();
}

#[tokio::test]
async fn a_token_that_is_too_long_is_not_looked_at() {
    struct Anyone;
    #[async_trait]
    impl MemberVerifier for Anyone {
        async fn verify(&self, _: &str) -> Result<Grant, Problem> {
            Ok(Grant::SERVICE)
        }
    }
    let layer = layer().members(Arc::new(Anyone));
    for (length, expected) in [(MAX_CREDENTIAL, true), (MAX_CREDENTIAL + 1, false)] {
        let token = format!("Bearer {}", "x".repeat(length));
        let called = call(&layer, LIST, &[("authorization", &token)]).await;
        assert_eq!(called.is_ok(), expected);
    }
}

#[tokio::test]
async fn a_key_over_its_budget_is_told_when_to_come_back() {
    let layer = layer();
    let key = [("x-api-key", "wbk_good")];
    for _ in 0..3 {
        call(&layer, EMIT, &key).await.unwrap();
    }
    let reading = call(&layer, EMIT, &key).await.unwrap_err();
    assert_eq!(reading.code, Code::ResourceExhausted);
    assert!(reading.retry_after.is_some());
}

#[tokio::test]
async fn reads_of_one_team_wait_for_one_another_and_hold_up_no_other_call() {
    let layer = layer().members(Arc::new(TwoMembers(TeamId::generate(DateTime::UNIX_EPOCH))));
    let entered = Arc::new(AtomicUsize::new(0));
    let call_with = |method: &str, token: &str, body: Body| {
        let entered = Arc::clone(&entered);
        let never = layer.layer(tower::service_fn(move |_: Request<Body>| {
            entered.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<Result<Response<Body>, Infallible>>()
        }));
        let request = Request::builder()
            .uri(format!("/watchbell.dispatcher.v1.InboxService/{method}"))
            .header("authorization", format!("Bearer {token}"));
        Box::pin(never.oneshot(request.body(body).unwrap()))
    };
    let call = |method: &str, token: &str| call_with(method, token, Body::empty());
    // The runtime of this test has one thread. A read whose body is still to come takes no place.
    let mut open = Vec::new();
    let to_come = Body::from_stream(futures::stream::pending::<Result<bytes::Bytes, Infallible>>());
    let mut unread = call_with("GetUnreadCount", "a.b.d", to_come);
    assert!(futures::poll!(&mut unread).is_pending());
    open.push(unread);
    for (method, token, expected) in [
        ("GetUnreadCount", "a.b.c", 1),
        ("GetUnreadCount", "a.b.c", 1),
        ("ListNotifications", "a.b.d", 1),
        ("MarkRead", "a.b.c", 2),
        ("GetUnreadCount", "between-us", 3),
        ("GetUnreadCount", "between-us", 4),
    ] {
        let mut call = call(method, token);
        assert!(futures::poll!(&mut call).is_pending());
        assert_eq!(entered.load(Ordering::SeqCst), expected, "{method} by {token}");
        open.push(call);
    }
    // The next one in the queue gets the place of the one that ended.
    drop(open.remove(1));
    for call in &mut open {
        let _ = futures::poll!(call);
    }
    assert_eq!(entered.load(Ordering::SeqCst), 5);
}
