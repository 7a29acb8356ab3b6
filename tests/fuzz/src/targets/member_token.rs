//! Tokens of members: a header, `---`, claims; or a token as it comes. And the key sets of their provider.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::{DateTime, Utc};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use watchbell_model::clock::Clock;
use watchbell_runtime::auth::jwt::{KeySource, MemberTokens};
use watchbell_runtime::auth::{MemberVerifier, Principal};
use watchbell_runtime::problem::Cause;
use watchbell_runtime::settings::JwtSettings;
use watchbell_runtime::tasks::Loop;

use crate::input::two_parts;

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "watchbell";
/// How far the provider's clock may be ahead or behind, in seconds.
const LEEWAY: f64 = 60.0;

/// A token is taken only when its claims say what they must.
pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let tokens = &*TOKENS;
    assert_eq!(verify(tokens, text), None, "nobody has signed it");
    let (header, claims) = two_parts(text);
    let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
    let signature = BASE64.encode(KEY.sign(signed.as_bytes()));
    let Some(principal) = verify(tokens, &format!("{signed}.{signature}")) else {
        return;
    };
    let (header, claims): (Value, Value) = (read(header), read(claims));
    assert_eq!(header["alg"], "EdDSA");
    assert!(header.get("crit").is_none());
    assert_eq!(claims["iss"], ISSUER);
    let audience = &claims["aud"];
    let named = audience == AUDIENCE
        || audience
            .as_array()
            .is_some_and(|all| all.contains(&AUDIENCE.into()));
    assert!(named, "{audience}");
    assert!(claims["exp"].as_f64().unwrap() > NOW as f64 - LEEWAY, "{claims}");
    assert!(
        claims["nbf"]
            .as_f64()
            .is_none_or(|from| from <= NOW as f64 + LEEWAY),
        "{claims}"
    );
    let Principal::Member {
        member_id,
        team_id,
        role,
        ..
    } = principal
    else {
        panic!("{principal:?} by a member's token")
    };
    assert_eq!(claims["sub"], member_id.to_string());
    assert_eq!(claims["team_id"], team_id.to_string());
    let said = claims["role"].as_str().unwrap();
    assert!(said.eq_ignore_ascii_case(role.as_str()), "{said}");
    let altered = BASE64.encode([&KEY.sign(signed.as_bytes()).as_ref()[..63], &[0xff]].concat());
    assert_eq!(
        verify(tokens, &format!("{signed}.{altered}")),
        None,
        "another signature"
    );
}

/// Whatever a provider publishes: a token is taken only when its own key is among the keys.
pub(super) fn key_set(input: &[u8]) {
    let header = json!({"alg": "EdDSA"}).to_string();
    let claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 60, "role": "OWNER",
        "sub": "mbr_01h455vb4pex5vsknk084sn02q", "team_id": "team_01h455vb4pex5vsknk084sn02q",
    });
    let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims.to_string()));
    let token = format!("{signed}.{}", BASE64.encode(KEY.sign(signed.as_bytes())));
    let (tokens, reading) = tokens_by(input.to_vec());
    let verified = verify(&tokens, &token);
    reading.abort();
    if verified.is_some() {
        let set: Value = serde_json::from_slice(input).expect("a key set");
        let ours = BASE64.encode(KEY.public_key());
        let keys = set["keys"].as_array().expect("keys");
        assert!(keys.iter().any(|key| key["x"] == ours.as_str()), "{set}");
    }
}

static KEY: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap());
static RUNTIME: LazyLock<Mutex<Runtime>> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    Mutex::new(runtime.unwrap())
});
static TOKENS: LazyLock<MemberTokens> = LazyLock::new(|| {
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": BASE64.encode(KEY.public_key())});
    tokens_by(json!({"keys": [key]}).to_string().into_bytes()).0
});

struct Published(Vec<u8>);

#[async_trait]
impl KeySource for Published {
    async fn fetch(&self) -> Result<Vec<u8>, Cause> {
        Ok(self.0.clone())
    }
}

#[derive(Debug)]
struct Standing;

impl Clock for Standing {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(NOW, 0).unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// Tokens that are judged by this key set, and what reads it.
fn tokens_by(keys: Vec<u8>) -> (MemberTokens, JoinHandle<()>) {
    let settings: JwtSettings = serde_json::from_value(
        json!({"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": "https://id.example/keys"}),
    )
    .unwrap();
    let tokens = MemberTokens::new(&settings, Arc::new(Published(keys)), Arc::new(Standing));
    let reading = tokens.jwks_refresher().run(CancellationToken::new());
    let reading = RUNTIME.lock().unwrap().spawn(reading);
    (tokens, reading)
}

fn verify(tokens: &MemberTokens, token: &str) -> Option<Principal> {
    let grant = RUNTIME.lock().unwrap().block_on(tokens.verify(token));
    grant.ok().map(|grant| grant.principal)
}

fn read(json: &str) -> Value {
    serde_json::from_str(json).expect("what was taken is JSON")
}
