//! Tokens that must be taken, and those that must not: each of these differs from a good one in one thing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta};
use futures::FutureExt as _;
use futures::future::join_all;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use watchbell_model::vocabulary::Role;
use watchbell_testkit::SigningKey;

use super::keys::{Algorithm, KeySet};
use super::*;
use crate::auth::Principal;
use crate::problem::Cause;
use crate::settings::ClaimNames;
use crate::tasks::Loop as _;
use crate::testing::ManualClock;

mod holding;
mod keys;
mod tokens;

const TEAM: &str = "team_01h455vb4pex5vsknk084sn02q";
const MEMBER: &str = "mbr_01h455vb4pex5vsknk084sn02r";
/// What [`ManualClock`] shows at first.
const NOW: i64 = 1_000;

/// Publishes what it is told to.
struct Provider {
    document: Mutex<Option<Vec<u8>>>,
    asked: AtomicUsize,
    /// A question is answered when there is a permit.
    answers: Semaphore,
}

impl Provider {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            document: Mutex::default(),
            asked: AtomicUsize::new(0),
            answers: Semaphore::new(Semaphore::MAX_PERMITS),
        })
    }

    fn publish(&self, keys: &[&SigningKey]) {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        self.says(json!({"keys": keys}).to_string());
    }

    fn says(&self, document: impl Into<Vec<u8>>) {
        *self.document.lock() = Some(document.into());
    }

    fn goes_away(&self) {
        *self.document.lock() = None;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl KeySource for Provider {
    async fn fetch(&self) -> Result<Vec<u8>, Cause> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.answers.acquire().await?.forget();
        let document = self.document.lock().clone();
        document.ok_or_else(|| "away".into())
    }
}

struct World {
    provider: Arc<Provider>,
    clock: Arc<ManualClock>,
    tokens: MemberTokens,
    ed: SigningKey,
    rsa: SigningKey,
    stop: CancellationToken,
}

impl World {
    /// A provider with a key of each kind, whose keys nobody has read yet.
    fn new() -> Self {
        Self::with(ClaimNames::default())
    }

    fn with(claims: ClaimNames) -> Self {
        let (provider, clock) = (Provider::new(), ManualClock::shared());
        let settings = JwtSettings {
            jwks_url: None,
            jwks_file: None,
            issuer: "https://id.example.com".to_owned(),
            audience: "watchbell".to_owned(),
            claims,
        };
        let (ed, rsa) = (SigningKey::ed25519("ed"), SigningKey::rsa("rsa"));
        provider.publish(&[&ed, &rsa]);
        Self {
            tokens: MemberTokens::new(&settings, provider.clone(), clock.clone()),
            provider,
            clock,
            ed,
            rsa,
            stop: CancellationToken::new(),
        }
    }

    /// The same with the loop that reads the keys.
    fn running() -> Self {
        let world = Self::new();
        tokio::spawn(world.tokens.jwks_refresher().run(world.stop.clone()));
        world
    }

    async fn refresh(&self) -> Duration {
        self.tokens.jwks.tick().await
    }

    async fn judge(&self, token: &str) -> Result<Grant, TokenError> {
        self.tokens.judge(token).await.unwrap()
    }

    async fn accepts(&self, token: &str) -> bool {
        match self.tokens.verify(token).await {
            Ok(_) => true,
            Err(Problem::Unauthenticated { reason }) => {
                assert_eq!(reason, "INVALID_CREDENTIAL");
                false
            }
            Err(other) => panic!("{other}"),
        }
    }

    async fn is_told_to_wait(&self, token: &str) -> bool {
        matches!(
            self.tokens.verify(token).await,
            Err(Problem::Unavailable { retry_after, .. }) if retry_after == Duration::from_secs(5)
        )
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://id.example.com",
        "aud": "watchbell",
        "exp": NOW + 300,
        "nbf": NOW,
        "iat": NOW,
        "team_id": TEAM,
        "member_id": MEMBER,
        "role": "MEMBER",
        "permissions": [],
    })
}

/// With one claim otherwise; `null` leaves it out.
fn but(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn encoded(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

fn manages(grant: Grant) -> bool {
    match grant.principal {
        Principal::Member {
            manages_integrations, ..
        } => manages_integrations,
        other => panic!("{other:?} is no member"),
    }
}
