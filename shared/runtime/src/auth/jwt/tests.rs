//! Tokens that must be taken, and those that must not: each of these differs from a good one in one thing.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta};
use futures::FutureExt as _;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use watchbell_domain::vocabulary::Role;
use watchbell_testkit::SigningKey;

use super::keys::{Algorithm, KeySet};
use super::*;
use crate::auth::Principal;
use crate::problem::Cause;
use crate::settings::ClaimNames;
use crate::tasks::Loop as _;
use crate::testing::ManualClock;

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
        *self.document.lock().unwrap() = Some(document.into());
    }

    fn goes_away(&self) {
        *self.document.lock().unwrap() = None;
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
        let document = self.document.lock().unwrap().clone();
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
        tokio::spawn(world.tokens.key_loop().run(world.stop.clone()));
        world
    }

    async fn refresh(&self) -> Duration {
        self.tokens.keeper.tick().await
    }

    async fn judge(&self, token: &str) -> Result<Grant, Unfit> {
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

#[tokio::test]
async fn a_token_of_either_algorithm_makes_its_bearer_the_member_that_it_names() {
    let world = World::running();
    for key in [&world.ed, &world.rsa] {
        let grant = world.judge(&key.token(&claims())).await.unwrap();
        let expected = Principal::Member {
            member_id: MEMBER.parse().unwrap(),
            team_id: TEAM.parse().unwrap(),
            role: Role::Member,
            manages_integrations: false,
        };
        assert_eq!(grant.principal, expected);
        let end = DateTime::UNIX_EPOCH + TimeDelta::seconds(NOW + 300 + 60);
        assert_eq!(
            grant.expires_at,
            Some(end),
            "with the leeway that a new call has, too"
        );
    }
}

#[tokio::test]
async fn a_header_that_is_wrong_in_one_thing_is_refused() {
    let world = World::running();
    let good = json!({"alg": "EdDSA", "kid": "ed"});
    assert!(world.accepts(&world.ed.token_with(&good, &claims())).await);
    for (header, why) in [
        (json!({"kid": "ed"}), Unfit::Algorithm),
        (json!({"alg": 1, "kid": "ed"}), Unfit::Malformed),
        (json!({"alg": "none", "kid": "ed"}), Unfit::Algorithm),
        (json!({"alg": "eddsa", "kid": "ed"}), Unfit::Algorithm),
        (json!({"alg": "ES256", "kid": "ed"}), Unfit::Algorithm),
        (json!({"alg": "HS256", "kid": "ed"}), Unfit::Algorithm),
        (json!({"alg": "RS256", "kid": "ed"}), Unfit::NoKey),
        (json!({"alg": "EdDSA", "kid": "rsa"}), Unfit::NoKey),
        (json!({"alg": "EdDSA", "kid": "Ed"}), Unfit::NoKey),
        (json!({"alg": "EdDSA", "kid": ""}), Unfit::NoKey),
        (json!({"alg": "EdDSA", "kid": ["ed"]}), Unfit::Malformed),
        (
            json!({"alg": "EdDSA", "kid": "ed", "crit": ["exp"], "exp": 1}),
            Unfit::Critical,
        ),
        (
            json!({"alg": "EdDSA", "kid": "ed", "crit": ["b64"], "b64": false}),
            Unfit::Critical,
        ),
        (
            json!({"alg": "EdDSA", "kid": "ed", "crit": null}),
            Unfit::Critical,
        ),
        (
            json!({"alg": "EdDSA", "kid": "ed", "typ": "logout+jwt"}),
            Unfit::Type,
        ),
        (json!({"alg": "EdDSA", "kid": "ed", "typ": 1}), Unfit::Malformed),
        (json!(["EdDSA", "ed"]), Unfit::Malformed),
    ] {
        let token = world.ed.token_with(&header, &claims());
        assert_eq!(world.judge(&token).await, Err(why), "{header}");
        assert!(!world.accepts(&token).await);
    }
    for (alg, kid) in [("RS384", "rsa"), ("RS512", "rsa"), ("PS256", "rsa")] {
        let token = world.rsa.token_with(&json!({"alg": alg, "kid": kid}), &claims());
        assert_eq!(world.judge(&token).await, Err(Unfit::Algorithm), "{alg}");
    }
    for typ in ["JWT", "jwt", "at+jwt", "application/at+jwt", "APPLICATION/JWT"] {
        let token = world
            .ed
            .token_with(&json!({"alg": "EdDSA", "kid": "ed", "typ": typ}), &claims());
        assert!(world.accepts(&token).await, "{typ}");
    }
}

#[tokio::test]
async fn what_is_no_compact_form_is_refused() {
    let world = World::running();
    let good = world.ed.token(&claims());
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts")
    };
    for text in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        format!("{header}.{payload}"),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!("{header}=.{payload}.{signature}"),
        format!(" {good}"),
        format!("{header}.{payload}.{signature}="),
        format!("{header}.{payload}.{signature}\n"),
        format!("{}.{payload}.{signature}", encoded("EdDSA")),
        format!("{}.{payload}.{signature}", encoded([0xff, 0xfe])),
    ] {
        assert_eq!(world.judge(&text).await, Err(Unfit::Malformed), "{text}");
    }
    for payload in ["[]", "null", "\"member\"", ""] {
        let signed = format!("{header}.{}", encoded(payload));
        let token = format!("{signed}.{}", encoded(world.ed.sign(signed.as_bytes())));
        assert_eq!(world.judge(&token).await, Err(Unfit::Malformed), "{payload}");
    }
}

#[tokio::test]
async fn a_signature_is_of_the_key_and_of_all_that_is_signed() {
    let world = World::running();
    let good = world.ed.token(&claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let other_claims = encoded(but("role", json!("OWNER")).to_string());
    let other_header = encoded(json!({"typ": "JWT", "alg": "EdDSA", "kid": "ed", "x": 1}).to_string());
    let impostor = SigningKey::ed25519("ed");
    let of_another = impostor.token(&claims());
    let of_other_claims = world.ed.token(&but("exp", json!(NOW + 301)));
    for token in [
        format!("{header}.{other_claims}.{signature}"),
        format!("{other_header}.{payload}.{signature}"),
        format!("{signed}."),
        format!(
            "{signed}.{}",
            encoded(&URL_SAFE_NO_PAD.decode(signature).unwrap()[..63])
        ),
        format!("{signed}.{}", encoded([0; 64])),
        format!("{signed}.{}", of_other_claims.rsplit_once('.').unwrap().1),
        of_another,
    ] {
        assert_eq!(world.judge(&token).await, Err(Unfit::Signature), "{token}");
    }
    let rsa = world.rsa.token(&claims());
    let (signed, _) = rsa.rsplit_once('.').unwrap();
    let token = format!("{signed}.{}", encoded(vec![1; 256]));
    assert_eq!(world.judge(&token).await, Err(Unfit::Signature));
}

/// RFC 8725 §2.1: the public key taken for the secret of an HMAC.
#[tokio::test]
async fn a_public_key_is_nobodys_secret() {
    let world = World::running();
    let jwk = world.rsa.jwk();
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    for secret in [
        modulus,
        jwk.to_string().into_bytes(),
        jwk["n"].as_str().unwrap().into(),
    ] {
        let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret);
        for (alg, why) in [("HS256", Unfit::Algorithm), ("RS256", Unfit::Signature)] {
            let header = json!({"alg": alg, "kid": "rsa"});
            let signed = format!(
                "{}.{}",
                encoded(header.to_string()),
                encoded(claims().to_string())
            );
            let token = format!(
                "{signed}.{}",
                encoded(ring::hmac::sign(&secret, signed.as_bytes()))
            );
            assert_eq!(world.judge(&token).await, Err(why));
        }
    }
}

#[tokio::test]
async fn a_key_that_a_token_brings_along_is_not_looked_at() {
    let world = World::running();
    assert!(world.accepts(&world.ed.token(&claims())).await);
    let impostor = SigningKey::ed25519("ed");
    for (name, value) in [
        ("jwk", impostor.jwk()),
        ("jku", json!("https://evil.example.com/keys")),
        ("x5u", json!("https://evil.example.com/cert")),
        ("x5c", json!(["MIIB"])),
    ] {
        let mut header = json!({"alg": "EdDSA", "kid": "ed"});
        header[name] = value;
        let token = impostor.token_with(&header, &claims());
        assert_eq!(world.judge(&token).await, Err(Unfit::Signature), "{name}");
        assert!(
            world.accepts(&world.ed.token_with(&header, &claims())).await,
            "{name} is no harm by itself"
        );
    }
    assert_eq!(world.provider.asked(), 1, "nor is it fetched");
}

#[tokio::test]
async fn a_claim_that_is_wrong_is_refused() {
    let world = World::running();
    for (name, wrong) in [
        ("exp", json!("2000")),
        ("exp", json!(null)),
        ("nbf", json!("0")),
        ("iat", json!([0])),
        ("iss", json!("https://id.example.com/")),
        ("iss", json!("https://ID.example.com")),
        ("iss", json!(["https://id.example.com"])),
        ("aud", json!("watchbell2")),
        ("aud", json!(["others", "watchbell2"])),
        ("aud", json!([])),
        ("aud", json!(["watchbell", 1])),
        ("aud", json!({"watchbell": true})),
        ("team_id", json!("")),
        ("team_id", json!("team_1")),
        ("team_id", json!(MEMBER)),
        ("team_id", json!([TEAM])),
        ("member_id", json!("auth0|1")),
        ("member_id", json!(TEAM)),
        ("member_id", json!(7)),
        ("role", json!("SUPERUSER")),
        ("role", json!("")),
        ("role", json!(["OWNER"])),
        ("permissions", json!("MANAGE_INTEGRATIONS")),
        ("permissions", json!([1])),
        ("permissions", json!(null)),
    ] {
        let token = world.ed.token(&but(name, wrong.clone()));
        assert_eq!(
            world.judge(&token).await,
            Err(Unfit::Claim(name)),
            "{name}: {wrong}"
        );
    }
    for name in ["exp", "iss", "aud", "team_id", "member_id", "role"] {
        let token = world.ed.token(&without(name));
        assert_eq!(world.judge(&token).await, Err(Unfit::Claim(name)), "no {name}");
    }
    for name in ["nbf", "iat", "permissions"] {
        assert!(
            world.accepts(&world.ed.token(&without(name))).await,
            "{name} may be missing"
        );
    }
    for aud in [
        json!("watchbell"),
        json!(["watchbell"]),
        json!(["others", "watchbell"]),
    ] {
        assert!(world.accepts(&world.ed.token(&but("aud", aud))).await);
    }
}

#[tokio::test]
async fn clocks_may_be_a_minute_apart() {
    let world = World::running();
    for (name, moment, expected) in [
        ("exp", json!(NOW - 59), Ok(())),
        ("exp", json!(NOW as f64 - 59.5), Ok(())),
        ("exp", json!(NOW - 60), Err(Unfit::Expired)),
        ("exp", json!(NOW as f64 - 60.001), Err(Unfit::Expired)),
        ("exp", json!(0), Err(Unfit::Expired)),
        ("exp", json!(-1e300), Err(Unfit::Expired)),
        ("exp", json!(1e300), Ok(())),
        ("nbf", json!(NOW + 60), Ok(())),
        ("nbf", json!(NOW as f64 + 60.001), Err(Unfit::TooEarly)),
        ("nbf", json!(NOW + 61), Err(Unfit::TooEarly)),
        ("iat", json!(NOW + 60), Ok(())),
        ("iat", json!(NOW + 61), Err(Unfit::TooEarly)),
    ] {
        let token = world.ed.token(&but(name, moment.clone()));
        assert_eq!(world.judge(&token).await.map(drop), expected, "{name}: {moment}");
    }
    let token = world.ed.token(&claims());
    world.clock.advance(Duration::from_secs(359));
    assert!(world.accepts(&token).await);
    world.clock.advance(Duration::from_secs(1));
    assert!(!world.accepts(&token).await, "by the clock that was given");
}

#[tokio::test]
async fn integrations_are_managed_by_role_or_by_grant() {
    let world = World::running();
    for (role, permissions, expected) in [
        ("OWNER", json!([]), true),
        ("Admin", json!([]), true),
        ("member", json!([]), false),
        ("MEMBER", json!(["MANAGE_INTEGRATIONS"]), true),
        ("MEMBER", json!(["read:reports", "manage_integrations"]), true),
        (
            "MEMBER",
            json!(["read:reports", "MANAGE_INTEGRATIONS_OF_OTHERS"]),
            false,
        ),
    ] {
        let mut claims = but("role", json!(role));
        claims["permissions"] = permissions.clone();
        let grant = world.judge(&world.ed.token(&claims)).await.unwrap();
        assert_eq!(manages(grant), expected, "{role} {permissions}");
    }
}

#[tokio::test]
async fn claims_are_read_under_the_names_that_they_are_given() {
    let world = World::with(ClaimNames {
        team_id: "https://example.com/team".to_owned(),
        member_id: "sub".to_owned(),
        role: "r".to_owned(),
        permissions: "p".to_owned(),
    });
    world.refresh().await;
    assert_eq!(
        world.judge(&world.ed.token(&claims())).await,
        Err(Unfit::Claim("role"))
    );
    let mut claims = claims();
    claims["https://example.com/team"] = json!(TEAM);
    claims["sub"] = json!(MEMBER);
    claims["r"] = json!("ADMIN");
    assert!(world.accepts(&world.ed.token(&claims)).await);
}

// The keys.

fn set(keys: &Value) -> KeySet {
    KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap()
}

#[test]
fn keys_that_are_of_no_use_are_left_out() {
    let ed = SigningKey::ed25519("ed").jwk();
    let rsa = SigningKey::rsa("rsa").jwk();
    let changed = |key: &Value, name: &str, value: Value| {
        let mut key = key.clone();
        key[name] = value;
        key
    };
    // 1,024 bits.
    let weak = "qURT7aMsEfGcPwuxTzJy1ra5BGy9C-MVgReveAsKKQH5SQfZe04vn_L3Jqgr_HpUqiYnXy9jA8eSXEk9rENsfjf08fMyE-ucn2s9NBow\
                YUMw4c8xQdUpHA8Cid3xngnPTyPqoXnPP3eqpgXNu2RzOTD9cZ4yG_yn4tobrA1sweE";
    let long = encoded(vec![0xff; 1025]);
    for useless in [
        changed(&rsa, "n", json!(weak)),
        changed(&rsa, "n", json!(long)),
        changed(&rsa, "n", json!("not base64url!")),
        changed(&rsa, "n", json!("")),
        changed(&rsa, "e", json!(null)),
        changed(&rsa, "alg", json!("RS384")),
        changed(&rsa, "alg", json!("EdDSA")),
        changed(&rsa, "use", json!("enc")),
        changed(&rsa, "kty", json!("RSA2")),
        changed(&ed, "key_ops", json!(["encrypt"])),
        changed(&ed, "key_ops", json!([])),
        changed(&ed, "key_ops", json!("verify")),
        changed(&ed, "crv", json!("X25519")),
        changed(&ed, "crv", json!("Ed448")),
        changed(&ed, "x", json!(encoded([7; 31]))),
        changed(&ed, "kid", json!(7)),
        changed(&ed, "alg", json!("HS256")),
        json!({"kty": "oct", "k": encoded([7; 32]), "kid": "ed", "alg": "HS256"}),
        json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "ec"}),
        json!("no key"),
        json!(null),
    ] {
        let set = set(&json!([useless.clone(), ed.clone()]));
        assert_eq!((set.len(), set.left_out), (1, 1), "{useless}");
    }
    for useful in [
        changed(&ed, "use", json!(null)),
        changed(&ed, "alg", json!(null)),
        changed(&ed, "key_ops", json!(["sign", "verify"])),
        changed(&rsa, "x5c", json!(["MIIB"])),
        rsa,
    ] {
        assert_eq!(set(&json!([useful.clone()])).len(), 1, "{useful}");
    }
}

#[test]
fn what_is_no_key_set_is_refused() {
    for document in [
        "",
        "{}",
        "[]",
        "{\"keys\": {}}",
        "{\"keys\": null}",
        "<html>",
        "{\"keys\": []",
    ] {
        assert!(KeySet::parse(document.as_bytes()).is_err(), "{document}");
    }
    assert_eq!(KeySet::parse(b"{\"keys\": []}").unwrap().len(), 0);
}

#[test]
fn an_id_chooses_the_key_and_without_one_only_one_key_may_fit() {
    let named = |id: &str| SigningKey::ed25519(id).jwk();
    let both = set(&json!([named("a"), named("b"), SigningKey::rsa("a").jwk()]));
    assert!(both.find(Algorithm::EdDsa, Some("a")).is_ok());
    assert!(
        both.find(Algorithm::Rs256, Some("a")).is_ok(),
        "one id, of two kinds"
    );
    assert_eq!(both.find(Algorithm::Rs256, Some("b")), Err(Unfit::NoKey));
    assert_eq!(both.find(Algorithm::EdDsa, None), Err(Unfit::WhichKey));
    assert!(both.find(Algorithm::Rs256, None).is_ok());
    let twice = set(&json!([named("a"), named("a")]));
    assert_eq!(twice.find(Algorithm::EdDsa, Some("a")), Err(Unfit::WhichKey));
    let nameless = set(&json!([SigningKey::ed25519("a").nameless().jwk()]));
    assert!(nameless.find(Algorithm::EdDsa, None).is_ok());
    assert_eq!(nameless.find(Algorithm::EdDsa, Some("a")), Err(Unfit::NoKey));
}

/// The examples of RFC 7515 §A.2 and RFC 8037 §A.4.
#[test]
fn the_examples_of_the_standards_verify() {
    let n = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ\
             S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2\
             R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD\
             TW9gb54h4FRWyuXpoQ";
    let rs256 = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290\
                 Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5j\
                 ujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZ\
                 RmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqV\
                 t5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let eddsa = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhi\
                 jcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let padded = {
        let mut number = vec![0];
        number.extend(URL_SAFE_NO_PAD.decode(n).unwrap());
        encoded(number)
    };
    let set = set(&json!([
        {"kty": "RSA", "n": padded, "e": "AQAB"},
        {"kty": "OKP", "crv": "Ed25519", "x": x},
    ]));
    let token = Token::parse(rs256).unwrap();
    let claims = token.claims(set.find(token.algorithm, None).unwrap()).unwrap();
    assert_eq!(
        (&claims["iss"], &claims["exp"]),
        (&json!("joe"), &json!(1_300_819_380))
    );
    let token = Token::parse(eddsa).unwrap();
    let claims = token.claims(set.find(token.algorithm, None).unwrap());
    assert_eq!(claims, Err(Unfit::Malformed), "signed, and no JSON");
}

// Holding them.

#[tokio::test]
async fn a_new_key_is_taken_at_once_and_one_that_is_taken_back_is_refused_after_the_next_reading() {
    let world = World::running();
    let old = world.ed.token(&claims());
    assert!(world.accepts(&old).await);
    let new = SigningKey::ed25519("new");
    world.provider.publish(&[&world.ed, &new]);
    assert!(world.accepts(&new.token(&claims())).await);
    assert!(world.accepts(&old).await);
    assert_eq!(world.provider.asked(), 2);

    world.provider.publish(&[&new]);
    assert_eq!(
        world.refresh().await,
        Duration::from_secs(600),
        "when to read them again"
    );
    assert!(!world.accepts(&old).await);
    assert!(world.accepts(&new.token(&claims())).await);
    world.provider.publish(&[]);
    world.refresh().await;
    assert!(
        !world.accepts(&new.token(&claims())).await,
        "a provider may take all keys back"
    );
}

#[tokio::test]
async fn a_storm_of_keys_that_nobody_knows_has_the_keys_read_once_in_thirty_seconds() {
    let world = World::running();
    assert!(world.accepts(&world.ed.token(&claims())).await);
    let strangers: Vec<_> = (0..50)
        .map(|n| SigningKey::ed25519(&format!("stranger {n}")))
        .collect();
    for asked in 2..5 {
        let tokens: Vec<_> = strangers.iter().map(|key| key.token(&claims())).collect();
        let calls = tokens.iter().map(|token| world.accepts(token));
        assert!(join_all(calls).await.iter().all(|accepted| !accepted));
        for token in &tokens {
            assert!(!world.accepts(token).await);
        }
        assert_eq!(world.provider.asked(), asked);
        world.clock.advance(Duration::from_secs(29));
        assert!(!world.accepts(&tokens[0]).await);
        assert_eq!(world.provider.asked(), asked);
        world.clock.advance(Duration::from_secs(1));
    }
    assert!(
        world.accepts(&world.ed.token(&claims())).await,
        "and others are not touched"
    );
}

#[tokio::test]
async fn all_who_miss_the_same_key_wait_for_one_reading_even_if_the_first_of_them_leaves() {
    let world = World::running();
    assert!(world.accepts(&world.ed.token(&claims())).await);
    let new = SigningKey::ed25519("new");
    world.provider.publish(&[&new]);
    let token = new.token(&claims());
    world.provider.answers.forget_permits(usize::MAX);
    {
        let first = world.accepts(&token);
        futures::pin_mut!(first);
        assert!(first.as_mut().now_or_never().is_none());
    }
    let calls = join_all((0..10).map(|_| world.accepts(&token)));
    futures::pin_mut!(calls);
    assert!(futures::poll!(&mut calls).is_pending());
    world.provider.answers.add_permits(1);
    assert!(calls.await.into_iter().all(|accepted| accepted));
    assert_eq!(world.provider.asked(), 2);
}

#[tokio::test]
async fn whoever_comes_before_the_first_reading_has_ended_waits_for_it() {
    let world = World::running();
    let token = world.ed.token(&claims());
    let calls = join_all((0..10).map(|_| world.accepts(&token))).await;
    assert!(calls.into_iter().all(|accepted| accepted));
    assert_eq!(world.provider.asked(), 1);
}

#[tokio::test]
async fn without_a_provider_members_are_told_to_wait_until_there_is_one() {
    let world = World::new();
    world.provider.goes_away();
    assert_eq!(world.refresh().await, Duration::from_secs(5), "when to try again");
    tokio::spawn(world.tokens.key_loop().run(world.stop.clone()));
    let token = world.ed.token(&claims());
    assert!(world.is_told_to_wait(&token).await);
    assert!(world.is_told_to_wait(&token).await);
    assert_eq!(
        world.judge("nonsense").await,
        Err(Unfit::Malformed),
        "what no key could mend is refused"
    );
    world.provider.publish(&[&world.ed]);
    world.refresh().await;
    assert!(world.accepts(&token).await);
}

#[tokio::test]
async fn the_keys_that_are_known_are_used_for_a_day_while_the_provider_is_away() {
    let world = World::new();
    world.refresh().await;
    let token = world.ed.token(&but("exp", json!(NOW + 1_000_000)));
    let unknown = SigningKey::ed25519("new").token(&claims());
    // As many bytes as are asked for.
    let long = |keys: Value, length: usize| {
        let document = json!({"keys": keys}).to_string();
        " ".repeat(length - document.len()) + &document
    };
    let too_long = long(json!([]), MAX_KEY_SET + 1);
    for wrong in [None, Some("<html>"), Some(&too_long)] {
        match wrong {
            None => world.provider.goes_away(),
            Some(document) => world.provider.says(document),
        }
        world.clock.advance(Duration::from_secs(6 * 60 * 60));
        assert_eq!(world.refresh().await, Duration::from_secs(5));
        assert!(world.accepts(&token).await);
    }
    tokio::spawn(world.tokens.key_loop().run(world.stop.clone()));
    assert!(world.is_told_to_wait(&unknown).await, "it may be a good one");
    world.clock.advance(Duration::from_secs(6 * 60 * 60));
    world.refresh().await;
    assert!(world.is_told_to_wait(&token).await, "keys of yesterday are none");
    world.provider.says(long(json!([world.ed.jwk()]), MAX_KEY_SET));
    world.refresh().await;
    assert!(world.accepts(&token).await, "the longest document that is taken");
}

#[tokio::test]
async fn a_file_is_read_anew_each_time_and_must_be_there_at_first() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.json");
    assert!(KeyFile::open(&path).await.is_err());
    std::fs::write(&path, "no keys").unwrap();
    assert!(KeyFile::open(&path).await.is_err());
    std::fs::write(&path, vec![b' '; MAX_KEY_SET + 100]).unwrap();
    assert!(
        KeyFile::open(&path)
            .await
            .is_err_and(|why| why.to_string().contains("longer"))
    );
    std::fs::write(&path, "{\"keys\": []}").unwrap();
    let file = KeyFile::open(&path).await.unwrap();
    std::fs::write(&path, "{\"keys\": [1]}").unwrap();
    assert_eq!(file.fetch().await.unwrap(), b"{\"keys\": [1]}");
}

#[tokio::test]
async fn the_loop_ends_when_it_is_told_to() {
    let world = World::new();
    let running = tokio::spawn(world.tokens.key_loop().run(world.stop.clone()));
    assert!(world.accepts(&world.ed.token(&claims())).await);
    world.stop.cancel();
    running.await.unwrap();
}
