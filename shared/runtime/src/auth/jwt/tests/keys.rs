//! Which keys are of use, and which of them a token is checked by.

use super::*;

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
    assert_eq!(both.find(Algorithm::Rs256, Some("b")), Err(TokenError::NoKey));
    assert_eq!(both.find(Algorithm::EdDsa, None), Err(TokenError::WhichKey));
    assert!(both.find(Algorithm::Rs256, None).is_ok());
    let twice = set(&json!([named("a"), named("a")]));
    assert_eq!(twice.find(Algorithm::EdDsa, Some("a")), Err(TokenError::WhichKey));
    let nameless = set(&json!([SigningKey::ed25519("a").nameless().jwk()]));
    assert!(nameless.find(Algorithm::EdDsa, None).is_ok());
    assert_eq!(nameless.find(Algorithm::EdDsa, Some("a")), Err(TokenError::NoKey));
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
    assert_eq!(claims, Err(TokenError::Malformed), "signed, and no JSON");
}
