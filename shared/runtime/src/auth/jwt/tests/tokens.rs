//! What a token must look like and claim.

use super::*;

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
            session: None,
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
        (json!({"kid": "ed"}), TokenError::Algorithm),
        (json!({"alg": 1, "kid": "ed"}), TokenError::Malformed),
        (json!({"alg": "none", "kid": "ed"}), TokenError::Algorithm),
        (json!({"alg": "eddsa", "kid": "ed"}), TokenError::Algorithm),
        (json!({"alg": "ES256", "kid": "ed"}), TokenError::Algorithm),
        (json!({"alg": "HS256", "kid": "ed"}), TokenError::Algorithm),
        (json!({"alg": "RS256", "kid": "ed"}), TokenError::NoKey),
        (json!({"alg": "EdDSA", "kid": "rsa"}), TokenError::NoKey),
        (json!({"alg": "EdDSA", "kid": "Ed"}), TokenError::NoKey),
        (json!({"alg": "EdDSA", "kid": ""}), TokenError::NoKey),
        (json!({"alg": "EdDSA", "kid": ["ed"]}), TokenError::Malformed),
        (
            json!({"alg": "EdDSA", "kid": "ed", "crit": ["exp"], "exp": 1}),
            TokenError::Critical,
        ),
        (
            json!({"alg": "EdDSA", "kid": "ed", "crit": ["b64"], "b64": false}),
            TokenError::Critical,
        ),
        (
            json!({"alg": "EdDSA", "kid": "ed", "crit": null}),
            TokenError::Critical,
        ),
        (
            json!({"alg": "EdDSA", "kid": "ed", "typ": "logout+jwt"}),
            TokenError::Type,
        ),
        (
            json!({"alg": "EdDSA", "kid": "ed", "typ": 1}),
            TokenError::Malformed,
        ),
        (json!(["EdDSA", "ed"]), TokenError::Malformed),
    ] {
        let token = world.ed.token_with(&header, &claims());
        assert_eq!(world.judge(&token).await, Err(why), "{header}");
        assert!(!world.accepts(&token).await);
    }
    for (alg, kid) in [("RS384", "rsa"), ("RS512", "rsa"), ("PS256", "rsa")] {
        let token = world.rsa.token_with(&json!({"alg": alg, "kid": kid}), &claims());
        assert_eq!(world.judge(&token).await, Err(TokenError::Algorithm), "{alg}");
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
        assert_eq!(world.judge(&text).await, Err(TokenError::Malformed), "{text}");
    }
    for payload in ["[]", "null", "\"member\"", ""] {
        let signed = format!("{header}.{}", encoded(payload));
        let token = format!("{signed}.{}", encoded(world.ed.sign(signed.as_bytes())));
        assert_eq!(world.judge(&token).await, Err(TokenError::Malformed), "{payload}");
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
        assert_eq!(world.judge(&token).await, Err(TokenError::Signature), "{token}");
    }
    let rsa = world.rsa.token(&claims());
    let (signed, _) = rsa.rsplit_once('.').unwrap();
    let token = format!("{signed}.{}", encoded(vec![1; 256]));
    assert_eq!(world.judge(&token).await, Err(TokenError::Signature));
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
        for (alg, why) in [("HS256", TokenError::Algorithm), ("RS256", TokenError::Signature)] {
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
        assert_eq!(world.judge(&token).await, Err(TokenError::Signature), "{name}");
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
            Err(TokenError::Claim(name)),
            "{name}: {wrong}"
        );
    }
    for name in ["exp", "iss", "aud", "team_id", "member_id", "role"] {
        let token = world.ed.token(&without(name));
        assert_eq!(
            world.judge(&token).await,
            Err(TokenError::Claim(name)),
            "no {name}"
        );
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
        ("exp", json!(NOW - 60), Err(TokenError::Expired)),
        ("exp", json!(NOW as f64 - 60.001), Err(TokenError::Expired)),
        ("exp", json!(0), Err(TokenError::Expired)),
        ("exp", json!(-1e300), Err(TokenError::Expired)),
        ("exp", json!(1e300), Ok(())),
        ("nbf", json!(NOW + 60), Ok(())),
        ("nbf", json!(NOW as f64 + 60.001), Err(TokenError::TooEarly)),
        ("nbf", json!(NOW + 61), Err(TokenError::TooEarly)),
        ("iat", json!(NOW + 60), Ok(())),
        ("iat", json!(NOW + 61), Err(TokenError::TooEarly)),
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
        Err(TokenError::Claim("role"))
    );
    let mut claims = claims();
    claims["https://example.com/team"] = json!(TEAM);
    claims["sub"] = json!(MEMBER);
    claims["r"] = json!("ADMIN");
    assert!(world.accepts(&world.ed.token(&claims)).await);
}
