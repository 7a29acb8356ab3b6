//! The door of every gRPC service: reads the credential, finds out whose it is, asks the table, counts the call, and
//! only then lets it in with its [`Principal`]. Refusals are proper gRPC answers with details.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response, header};
use subtle::ConstantTimeEq;
use tonic::Status;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use tower::{Layer, Service};
use watchbell_domain::clock::SharedClock;
use watchbell_domain::secret::Secret;

use super::rate::RateLimit;
use super::table::{self, Access};
use super::{Authenticator, Grant, KeyHash, Principal, hash_key};
use crate::problem::{Problem, reason};
use crate::settings::Shared;

/// What every API key starts with.
const KEY_PREFIX: &str = "wbk_";

/// No credential is longer than this, in bytes.
const MAX_CREDENTIAL: usize = 8 * 1024;

/// Whoever can check the tokens of signed-in users.
#[async_trait]
pub trait MemberVerifier: Send + Sync {
    /// Whose token this is, a [`Principal::Member`], and until when.
    ///
    /// # Errors
    /// [`Problem::Unauthenticated`] for a token that is not valid (any more); anything else when that cannot be said
    /// now.
    async fn verify(&self, token: &str) -> Result<Grant, Problem>;
}

/// Somebody who may come in.
#[derive(Debug, Clone, Copy)]
pub struct Admission {
    /// Who.
    pub principal: Principal,
    /// For how long, when the credential has an end.
    pub valid_for: Option<ValidFor>,
}

/// How long a credential is good for from now on. As an extension of an answer it ends the answer's stream then, since
/// a stream that was opened with a token must not outlive it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidFor(pub Duration);

/// Puts [`AuthService`] before a gRPC router.
#[derive(Clone)]
pub struct AuthLayer {
    auth: Arc<Auth>,
}

/// See [`AuthLayer`].
#[derive(Clone)]
pub struct AuthService<S> {
    inner: S,
    auth: Arc<Auth>,
}

struct Auth {
    clock: SharedClock,
    keys: Arc<dyn Authenticator>,
    members: Option<Arc<dyn MemberVerifier>>,
    service_tokens: Vec<KeyHash>,
    trust_certificates: bool,
    rate: RateLimit,
}

/// What a call brought along.
enum Credential {
    None,
    /// A bearer token or API key.
    Token(Secret),
    /// A client certificate that TLS has verified against the services' own authority.
    Certificate,
}

// === impl Grant ===

impl Grant {
    /// What the service token, or a service's certificate, stands for.
    const SERVICE: Self = Self {
        principal: Principal::Service,
        expires_at: None,
    };
}

// === impl AuthLayer ===

impl AuthLayer {
    /// API keys are checked by `keys` (usually a [`super::CachedKeys`]); each may call `per_second` times in the long
    /// run and `burst` times at once.
    pub fn new(
        keys: Arc<dyn Authenticator>,
        clock: SharedClock,
        per_second: NonZeroU32,
        burst: NonZeroU32,
    ) -> Self {
        Self {
            auth: Arc::new(Auth {
                clock: clock.clone(),
                keys,
                members: None,
                service_tokens: Vec::new(),
                trust_certificates: false,
                rate: RateLimit::new(per_second, burst, clock),
            }),
        }
    }

    /// As the settings say: budgets, service token, and client certificates when the server has the services'
    /// authority.
    pub fn configured(keys: Arc<dyn Authenticator>, shared: &Shared, clock: SharedClock) -> Self {
        let mut layer = Self::new(keys, clock, shared.limits.calls_per_second, shared.limits.burst);
        for token in shared
            .auth
            .service_token
            .iter()
            .chain(&shared.auth.accepted_service_tokens)
        {
            layer = layer.service_token(token);
        }
        if shared
            .server
            .tls
            .as_ref()
            .is_some_and(|tls| tls.service_authority.is_some())
        {
            layer = layer.trust_client_certificates();
        }
        layer
    }

    /// Whoever brings this token is a service of Watchbell. There may be several, while one replaces another.
    #[must_use]
    pub fn service_token(self, token: &Secret) -> Self {
        let hash = (!token.is_empty()).then(|| hash_key(token.expose()));
        self.with(|auth| auth.service_tokens.extend(hash))
    }

    /// Whoever brings a client certificate that the server's TLS has verified is a service of Watchbell.
    #[must_use]
    pub fn trust_client_certificates(self) -> Self {
        self.with(|auth| auth.trust_certificates = true)
    }

    /// Tokens of signed-in users are checked by `members`; without this they are refused.
    #[must_use]
    pub fn members(self, members: Arc<dyn MemberVerifier>) -> Self {
        self.with(|auth| auth.members = Some(members))
    }

    /// The same door for what is no gRPC call, such as a stream of server-sent events: who comes with these headers,
    /// when they may do what `access` asks.
    ///
    /// # Errors
    /// As a gRPC call would be refused. A client certificate is not looked at.
    pub async fn admit(&self, headers: &HeaderMap, access: Access) -> Result<Admission, Problem> {
        let credential = match bearer(headers) {
            Some(token) => Credential::Token(Secret::from(token)),
            None => Credential::None,
        };
        self.auth.admit(credential, Some(access)).await
    }

    fn with(mut self, change: impl FnOnce(&mut Auth)) -> Self {
        if let Some(auth) = Arc::get_mut(&mut self.auth) {
            change(auth);
        } else {
            debug_assert!(false, "a layer is complete before it is cloned");
        }
        self
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = AuthService<S>;

    fn layer(&self, inner: S) -> AuthService<S> {
        AuthService {
            inner,
            auth: Arc::clone(&self.auth),
        }
    }
}

// === impl AuthService ===

impl<S, B> Service<Request<B>> for AuthService<S>
where
    S: Service<Request<B>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The clone that was polled ready is the one to call.
        let unpolled = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, unpolled);
        let auth = Arc::clone(&self.auth);
        let access = table::access(request.uri().path());
        if access == Some(Access::Public) {
            return Box::pin(inner.call(request));
        }
        let credential = auth.credential(&request);
        Box::pin(async move {
            match auth.admit(credential, access).await {
                Ok(Admission { principal, valid_for }) => {
                    if let Some(team) = principal.own_team() {
                        tracing::Span::current().record("team", tracing::field::display(team));
                    }
                    request.extensions_mut().insert(principal);
                    let mut response = inner.call(request).await?;
                    if let Some(valid_for) = valid_for {
                        response.extensions_mut().insert(valid_for);
                    }
                    Ok(response)
                }
                Err(problem) => Ok(Status::from(problem).into_http()),
            }
        })
    }
}

// === impl Auth ===

impl Auth {
    fn credential<B>(&self, request: &Request<B>) -> Credential {
        if let Some(token) = bearer(request.headers()) {
            return Credential::Token(Secret::from(token));
        }
        let tls = request.extensions().get::<TlsConnectInfo<TcpConnectInfo>>();
        let certified = tls
            .and_then(TlsConnectInfo::peer_certs)
            .is_some_and(|chain| !chain.is_empty());
        if self.trust_certificates && certified {
            return Credential::Certificate;
        }
        Credential::None
    }

    async fn admit(&self, credential: Credential, access: Option<Access>) -> Result<Admission, Problem> {
        let Grant {
            principal,
            expires_at,
        } = match credential {
            Credential::None => {
                return Err(Problem::Unauthenticated {
                    reason: reason::MISSING_CREDENTIAL,
                });
            }
            Credential::Certificate => Grant::SERVICE,
            Credential::Token(token) => self.holder(token.expose()).await?,
        };
        let access = access.ok_or_else(|| Problem::Denied {
            reason: reason::UNKNOWN_METHOD,
            message: "no caller may call this".to_owned(),
        })?;
        access.check(&principal)?;
        self.rate.check(&principal)?;
        let left = expires_at.map(|end| (end - self.clock.now()).to_std().unwrap_or_default());
        Ok(Admission {
            principal,
            valid_for: left.map(ValidFor),
        })
    }

    /// Whose token this is.
    async fn holder(&self, token: &str) -> Result<Grant, Problem> {
        let refused = Problem::Unauthenticated {
            reason: reason::INVALID_CREDENTIAL,
        };
        if token.is_empty() || token.len() > MAX_CREDENTIAL {
            return Err(refused);
        }
        let hash = hash_key(token);
        // Comparing hashes of one length gives away neither the token's text nor its length.
        let is = |service: &KeyHash| bool::from(service.ct_eq(&hash));
        if self.service_tokens.iter().any(is) {
            return Ok(Grant::SERVICE);
        }
        if token.starts_with(KEY_PREFIX) {
            return self.keys.authenticate(hash).await;
        }
        match &self.members {
            Some(members) => members.verify(token).await,
            None => Err(refused),
        }
    }
}

/// The token of `authorization: Bearer …`, or of `x-api-key`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return headers.get("x-api-key")?.to_str().ok();
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Scope;
    use crate::problem::{Reading, from_status};
    use crate::testing::ManualClock;
    use chrono::DateTime;
    use std::convert::Infallible;
    use tonic::Code;
    use tower::ServiceExt;
    use watchbell_domain::clock::Clock as _;
    use watchbell_domain::ids::{KeyId, TeamId};
    use watchbell_domain::vocabulary::Role;

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
                },
                expires_at: Some(ManualClock::shared().now() + chrono::TimeDelta::minutes(1)),
            })
        }
    }

    fn layer() -> AuthLayer {
        let keys = OneKey(TeamId::generate(DateTime::UNIX_EPOCH));
        let three = NonZeroU32::new(3).unwrap();
        AuthLayer::new(Arc::new(keys), ManualClock::shared(), three, three)
            .service_token(&Secret::from("between-us"))
    }

    /// Calls through the layer; who got in, or how they were refused.
    async fn call(
        layer: &AuthLayer,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Option<Principal>, Reading> {
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
    async fn a_key_without_the_scope_is_denied_and_so_is_a_path_without_a_row() {
        let layer = layer();
        let key = [("x-api-key", "wbk_good")];
        let explain = call(&layer, "/watchbell.router.v1.RouterService/Explain", &key).await;
        assert_eq!(
            refusal(explain),
            (Code::PermissionDenied, "MISSING_SCOPE".to_owned())
        );
        let unknown = call(&layer, "/watchbell.router.v1.RouterService/Erase", &key).await;
        assert_eq!(refusal(unknown).0, Code::PermissionDenied);
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
    async fn an_answer_carries_how_long_its_callers_credential_is_good_for() {
        let layer = layer().members(Arc::new(TwoMembers(TeamId::generate(DateTime::UNIX_EPOCH))));
        for (token, expected) in [
            ("Bearer a.b.c", Some(ValidFor(Duration::from_secs(60)))),
            ("Bearer between-us", None),
        ] {
            let service = layer.layer(tower::service_fn(async |_: Request<Body>| {
                Ok::<_, Infallible>(Response::new(Body::empty()))
            }));
            let request = Request::builder().uri(LIST).header("authorization", token);
            let response = service
                .oneshot(request.body(Body::empty()).unwrap())
                .await
                .unwrap();
            assert_eq!(response.extensions().get().copied(), expected);
            let admission = layer
                .admit(
                    &HeaderMap::from_iter([(header::AUTHORIZATION, token.parse().unwrap())]),
                    table::access(LIST).unwrap(),
                )
                .await
                .unwrap();
            assert_eq!(admission.valid_for, expected);
        }
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
}
