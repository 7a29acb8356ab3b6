//! Admission of calls: reads the credential, looks up the principal, checks the table, charges the rate limit, takes
//! a permit, and then passes the request on with its [`Principal`]. Public RPCs take a permit of the anonymous
//! budget. Refusals are proper gRPC answers with details.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use axum::body::Body;
use futures::future::BoxFuture;
use http::request::Parts;
use http::{Extensions, HeaderMap, Request, Response, header};
use subtle::ConstantTimeEq;
use tonic::Status;
use tower::{Layer, Service};
use watchbell_model::clock::SharedClock;
use watchbell_model::secret::Secret;

use super::concurrency::{ConcurrencyLimits, Owner, RpcKind, network};
use super::rate::{Budget, RateLimit};
use super::session::{Session, StillGood};
use super::table::{self, Access, Rpc};
use super::{Authenticator, Grant, KeyHash, Principal, hash_key};
use crate::http_call::{is_probe, refused};
use crate::peer::Peer;
use crate::problem::{Problem, reason};
use crate::run_queue::{RunQueue, RunQueues};
use crate::settings::{LimitSettings, Shared};
use crate::unary;

/// What every API key starts with.
const KEY_PREFIX: &str = "wbk_";
/// What the token of every session starts with. Config knows it, as it knows keys.
const SESSION_PREFIX: &str = "wbs_";

/// No credential is longer than this, in bytes.
const MAX_CREDENTIAL: usize = 8 * 1024;

/// Cost of opening a stream, in calls: it reads its starting position, and stays.
const OPENING: NonZeroU32 = NonZeroU32::new(4).unwrap();

/// Verifier of signed-in users' tokens.
#[async_trait]
pub trait MemberVerifier: Send + Sync {
    /// The grant of a token: a [`Principal::Member`], and its expiry.
    ///
    /// # Errors
    /// [`Problem::Unauthenticated`] for an invalid token; any other error when that cannot be determined now.
    async fn verify(&self, token: &str) -> Result<Grant, Problem>;
}

/// An admitted caller.
pub struct Admitted {
    /// The caller.
    pub principal: Principal,
    /// Session of the answer; see [`Session::attach`].
    pub session: Session,
}

/// Puts [`AuthService`] before a gRPC router.
#[derive(Clone)]
pub struct AuthLayer {
    auth: Arc<Auth>,
}

/// Service of [`AuthLayer`].
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
    rate: Arc<RateLimit>,
    limits: ConcurrencyLimits,
    queues: RunQueues<Owner>,
}

/// Credential of a call.
#[derive(Clone)]
enum Credential {
    None,
    /// A bearer token or API key.
    Token(Secret),
    /// A client certificate that TLS has verified against the services' own authority.
    Certificate,
}

// === impl Grant ===

impl Grant {
    /// Grant of the service token, or of a service's certificate.
    const SERVICE: Self = Self {
        principal: Principal::Service,
        expires_at: None,
    };
}

// === impl AuthLayer ===

impl AuthLayer {
    /// API keys are checked by `keys` (usually a [`super::CachedKeys`]).
    pub fn new(keys: Arc<dyn Authenticator>, clock: SharedClock, limits: &LimitSettings) -> Self {
        let rate = RateLimit::new(limits.calls_per_second, limits.burst, clock.clone());
        Self {
            auth: Arc::new(Auth {
                clock,
                keys,
                members: None,
                service_tokens: Vec::new(),
                trust_certificates: false,
                rate: Arc::new(rate),
                limits: ConcurrencyLimits::new(limits),
                queues: RunQueues::default(),
            }),
        }
    }

    /// As the settings say: budgets, service token, and client certificates when the server has the services'
    /// authority.
    pub fn configured(keys: Arc<dyn Authenticator>, shared: &Shared, clock: SharedClock) -> Self {
        let mut layer = Self::new(keys, clock, &shared.limits);
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

    /// Accepts a service token. There may be several during a rotation.
    #[must_use]
    pub fn service_token(self, token: &Secret) -> Self {
        let hash = (!token.is_empty()).then(|| hash_key(token.expose()));
        self.with(|auth| auth.service_tokens.extend(hash))
    }

    /// Accepts client certificates that the server's TLS has verified as services.
    #[must_use]
    pub fn trust_client_certificates(self) -> Self {
        self.with(|auth| auth.trust_certificates = true)
    }

    /// Tokens of signed-in users are checked by `members`; without this they are refused.
    #[must_use]
    pub fn members(self, members: Arc<dyn MemberVerifier>) -> Self {
        self.with(|auth| auth.members = Some(members))
    }

    /// Admits a plain HTTP request whose caller has `access`; returns the caller.
    ///
    /// # Errors
    /// As for a gRPC call. Client certificates are not used.
    pub async fn admit(&self, request: &Parts, access: Access) -> Result<Principal, Problem> {
        Ok(self.admit_parts(request, access, RpcKind::Call).await?.principal)
    }

    /// Admits a request whose answer stays open, such as server-sent events.
    ///
    /// # Errors
    /// As [`AuthLayer::admit`].
    pub async fn admit_stream(&self, request: &Parts, access: Access) -> Result<Admitted, Problem> {
        self.admit_parts(request, access, RpcKind::Listening).await
    }

    async fn admit_parts(&self, request: &Parts, access: Access, kind: RpcKind) -> Result<Admitted, Problem> {
        let credential = match bearer(&request.headers) {
            Some(token) => Credential::Token(Secret::from(token)),
            None => Credential::None,
        };
        let peer = peer(&request.extensions);
        self.auth.clone().admit(credential, access, peer, kind).await
    }

    /// The layer of plain HTTP routes: they use the anonymous budget until they are [admitted](Self::admit_stream).
    pub(crate) fn pages(&self) -> PageLayer {
        PageLayer {
            auth: Arc::clone(&self.auth),
        }
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

impl<S> Service<Request<Body>> for AuthService<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // The clone that was polled ready is the one to call.
        let unpolled = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, unpolled);
        let auth = Arc::clone(&self.auth);
        let path = request.uri().path();
        let Some(access) = table::access(path) else {
            let path = path.to_owned();
            return Box::pin(async { Ok(Status::from(Problem::Unimplemented { path }).into_http()) });
        };
        if is_probe(path) {
            return Box::pin(inner.call(request));
        }
        let rpc = table::rpc(path);
        let peer = peer(request.extensions());
        let credential = auth.credential(&request);
        Box::pin(async move {
            let admitted = if access == Access::Public {
                auth.limits
                    .anonymous(peer)
                    .map(|place| (None, Session::anonymous(place)))
            } else {
                let kind = rpc.map_or(RpcKind::Call, kind);
                let admitted = auth.clone().admit(credential, access, peer, kind).await;
                admitted.map(|admission| (Some(admission.principal), admission.session))
            };
            let (principal, session) = match admitted {
                Ok(admitted) => admitted,
                Err(problem) => return Ok(Status::from(problem).into_http()),
            };
            let mut budget = Budget::default();
            let owner = principal.as_ref().map_or(Some(Owner::Network(peer)), Owner::of);
            let queue = owner.map_or_else(RunQueue::default, |owner| auth.queues.of(owner));
            if let Some(principal) = principal {
                if let Some(team) = principal.own_team() {
                    tracing::Span::current().record("team", tracing::field::display(team));
                }
                budget = Budget::new(Arc::clone(&auth.rate), principal);
                request.extensions_mut().insert(principal);
                request.extensions_mut().insert(budget.clone());
            }
            // The messages of a stream are taken one by one, by a handler that bounds how many it holds.
            if rpc.is_some_and(|rpc| !rpc.client_streams) {
                request = unary::decompress(request).map(|body| session.measure(body, budget));
                request = unary::frame(request, &queue);
            }
            let is_read = rpc.is_some_and(|rpc| rpc.is_read());
            if is_read {
                // A call whose body is still to come keeps no other from reading.
                request = match queue.clone().queue(unary::collect(request)).await {
                    Ok(request) => request,
                    Err(status) => return Ok(status.into_http()),
                };
            }
            let _reading = if is_read { queue.read().await } else { None };
            request.extensions_mut().insert(queue.clone());
            let mut response = queue.clone().queue(inner.call(request)).await?;
            response.extensions_mut().insert(queue);
            Ok(session.attach(response))
        })
    }
}

// === impl Auth ===

impl Auth {
    fn credential<B>(&self, request: &Request<B>) -> Credential {
        if let Some(token) = bearer(request.headers()) {
            return Credential::Token(Secret::from(token));
        }
        let certified = request.extensions().get::<Peer>().is_some_and(Peer::is_certified);
        if self.trust_certificates && certified {
            return Credential::Certificate;
        }
        Credential::None
    }

    async fn admit(
        self: Arc<Self>,
        credential: Credential,
        access: Access,
        peer: IpAddr,
        kind: RpcKind,
    ) -> Result<Admitted, Problem> {
        let Grant {
            principal,
            expires_at,
        } = self.grant(&credential, peer).await?;
        access.check(&principal)?;
        let cost = if kind == RpcKind::Call {
            NonZeroU32::MIN
        } else {
            OPENING
        };
        self.rate.charge(&principal, cost)?;
        let place = self.limits.take(kind, &principal)?;
        let left = expires_at.map(|end| (end - self.clock.now()).to_std().unwrap_or_default());
        Ok(Admitted {
            principal,
            session: Session::new(self.still_good(credential, access), left, place),
        })
    }

    /// The question that an open stream repeats.
    fn still_good(self: Arc<Self>, credential: Credential, access: Access) -> StillGood {
        Arc::new(move || {
            let (auth, credential) = (Arc::clone(&self), credential.clone());
            Box::pin(async move { auth.still_admits(&credential, access).await })
        })
    }

    /// Whether a stream that was opened with this credential may go on. Not known for now means yes.
    async fn still_admits(&self, credential: &Credential, access: Access) -> bool {
        let checked = match self.holder(credential).await {
            Ok(grant) => access.check(&grant.principal),
            Err(problem) => Err(problem),
        };
        !matches!(
            checked,
            Err(Problem::Unauthenticated { .. } | Problem::Denied { .. })
        )
    }

    /// The grant of a credential. A lookup that does not complete at once takes a permit of its network.
    async fn grant(&self, credential: &Credential, peer: IpAddr) -> Result<Grant, Problem> {
        let mut holder = std::pin::pin!(self.holder(credential));
        if let Poll::Ready(known) = futures::poll!(holder.as_mut()) {
            return known;
        }
        let _asking = self.limits.credential(peer)?;
        holder.await
    }

    async fn holder(&self, credential: &Credential) -> Result<Grant, Problem> {
        let token = match credential {
            Credential::Certificate => return Ok(Grant::SERVICE),
            Credential::Token(token) => token.expose(),
            Credential::None => {
                return Err(Problem::Unauthenticated {
                    reason: reason::MISSING_CREDENTIAL,
                });
            }
        };
        let refused = Problem::Unauthenticated {
            reason: reason::INVALID_CREDENTIAL,
        };
        if token.is_empty() || token.len() > MAX_CREDENTIAL {
            return Err(refused);
        }
        let hash = hash_key(token);
        // Comparing hashes of equal length reveals neither the token nor its length.
        let is = |service: &KeyHash| bool::from(service.ct_eq(&hash));
        if self.service_tokens.iter().any(is) {
            return Ok(Grant::SERVICE);
        }
        if token.starts_with(KEY_PREFIX) || token.starts_with(SESSION_PREFIX) {
            return self.keys.authenticate(hash).await;
        }
        match &self.members {
            Some(members) => members.verify(token).await,
            None => Err(refused),
        }
    }
}

/// Layer of plain HTTP routes; see [`AuthLayer::pages`].
#[derive(Clone)]
pub(crate) struct PageLayer {
    auth: Arc<Auth>,
}

/// Service of [`PageLayer`].
#[derive(Clone)]
pub(crate) struct PageService<S> {
    inner: S,
    auth: Arc<Auth>,
}

impl<S> Layer<S> for PageLayer {
    type Service = PageService<S>;

    fn layer(&self, inner: S) -> PageService<S> {
        PageService {
            inner,
            auth: Arc::clone(&self.auth),
        }
    }
}

impl<S> Service<Request<Body>> for PageService<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let peer = peer(request.extensions());
        let session = match self.auth.limits.anonymous(peer) {
            Ok(place) => Session::anonymous(place),
            Err(problem) => return Box::pin(async { Ok(refused(false, problem)) }),
        };
        let queue = self.auth.queues.of(Owner::Network(peer));
        let answer = self
            .inner
            .call(request.map(|body| session.measure(body, Budget::default())));
        let answer = queue.queue(answer);
        Box::pin(async move {
            let response = answer.await?;
            // An admitted stream has a session of its own.
            if response.extensions().get::<Session>().is_some() {
                return Ok(response);
            }
            Ok(session.attach(response))
        })
    }
}

const fn kind(rpc: Rpc) -> RpcKind {
    match (rpc.client_streams, rpc.server_streams) {
        (true, _) => RpcKind::Sending,
        (false, true) => RpcKind::Listening,
        (false, false) => RpcKind::Call,
    }
}

/// The network of the sender; one network for requests without a connection.
fn peer(extensions: &Extensions) -> IpAddr {
    let address = extensions.get::<Peer>().map(|peer| peer.address().ip());
    network(address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
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
mod tests;
