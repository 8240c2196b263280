//! Tokens as an attacker makes them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openidconnect::{
    JsonWebKeyId, PrivateSigningKey as _,
    core::{CoreHmacKey, CoreJsonCurveType, CoreJsonWebKey, CoreJwsSigningAlgorithm},
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::json;

use super::*;

const ISSUER: &str = "https://login.example.com";
const NOW: i64 = 1_800_000_000;
const TAKEN: [Algorithm; 2] = [Algorithm::Es256, Algorithm::Rs256];

struct Key {
    pair: EcdsaKeyPair,
    public: CoreJsonWebKey,
}

fn key(id: &str) -> Key {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
        .unwrap();
    let point = pair.public_key().as_ref();
    let public = CoreJsonWebKey::new_ec(
        point[1..33].to_vec(),
        point[33..].to_vec(),
        CoreJsonCurveType::P256,
        Some(JsonWebKeyId::new(id.to_owned())),
    );
    Key { pair, public }
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn signed(key: &Key, header: &Value, claims: &Value) -> String {
    let text = format!("{}.{}", part(header), part(claims));
    let signature = key
        .pair
        .sign(&SystemRandom::new(), text.as_bytes())
        .unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn header() -> Value {
    json!({"alg": "ES256", "kid": "k1", "typ": "JWT"})
}

fn claims() -> Value {
    json!({"iss": ISSUER, "sub": "42", "aud": "weir", "iat": NOW - 1, "exp": NOW + 300})
}

fn with(mut value: Value, name: &str, what: Value) -> Value {
    value[name] = what;
    value
}

fn without(mut value: Value, name: &str) -> Value {
    value.as_object_mut().unwrap().remove(name);
    value
}

fn judged(token: &str, keys: &[CoreJsonWebKey]) -> Result<Claims, TokenError> {
    let expected = Expected {
        issuer: Some(ISSUER),
        audience: "weir",
        types: &["jwt"],
        algorithms: &TAKEN,
        skew: Duration::from_secs(60),
    };
    let now = Timestamp::from_second(NOW).unwrap();
    Unverified::read(token, &expected)?.verify(keys, &expected, now)
}

/// What becomes of an honest signature over these.
fn refused(header: &Value, claims: &Value) -> TokenError {
    let key = key("k1");
    judged(
        &signed(&key, header, claims),
        std::slice::from_ref(&key.public),
    )
    .unwrap_err()
}

#[test]
fn an_honest_token_holds() {
    let key = key("k1");
    let keys = [key.public.clone()];
    let found = judged(&signed(&key, &header(), &claims()), &keys).unwrap();
    assert_eq!(found.subject().unwrap(), "42");
    assert_eq!(found.expires.as_second(), NOW + 300 + 60);
    for also in [
        with(claims(), "aud", json!(["other", "weir"])),
        with(claims(), "exp", json!(NOW as f64 + 0.5)),
        with(claims(), "exp", json!(NOW - 59)),
        with(claims(), "nbf", json!(NOW + 60)),
        without(claims(), "iat"),
    ] {
        assert!(
            judged(&signed(&key, &header(), &also), &keys).is_ok(),
            "{also}"
        );
    }
    assert!(judged(&signed(&key, &without(header(), "typ"), &claims()), &keys).is_ok());
}

#[test]
fn a_token_of_another_s_key_or_changed_by_a_letter_is_forged() {
    let (ours, theirs) = (key("k1"), key("k1"));
    let keys = [ours.public.clone()];
    let forged = signed(&theirs, &header(), &claims());
    assert!(matches!(judged(&forged, &keys), Err(TokenError::Forged)));
    let honest = signed(&ours, &header(), &claims());
    let mut parts: Vec<&str> = honest.split('.').collect();
    let changed = part(&with(claims(), "sub", json!("root")));
    parts[1] = &changed;
    assert!(matches!(
        judged(&parts.join("."), &keys),
        Err(TokenError::Forged)
    ));
    parts[2] = "";
    assert!(matches!(
        judged(&parts.join("."), &keys),
        Err(TokenError::Forged)
    ));
    assert!(matches!(
        judged(&honest, &[]),
        Err(TokenError::UnknownKey(_))
    ));
}

#[test]
fn an_algorithm_that_is_not_taken_is_refused_whatever_signs() {
    for bad in [
        "none", "None", "nOnE", "HS256", "HS512", "ES384", "es256", "",
    ] {
        let error = refused(&with(header(), "alg", json!(bad)), &claims());
        assert!(matches!(error, TokenError::Algorithm(_)), "{bad}: {error}");
    }
    let unsigned = format!("{}.{}.", part(&json!({"alg": "none"})), part(&claims()));
    assert!(matches!(
        judged(&unsigned, &[]),
        Err(TokenError::Algorithm(_))
    ));
}

/// The public key, which everybody knows, as the secret of an HMAC.
#[test]
fn a_public_key_is_no_secret() {
    let key = key("k1");
    let public = serde_json::to_vec(&key.public).unwrap();
    let point = key.pair.public_key().as_ref().to_vec();
    for secret in [public, point] {
        for (alg, taken) in [("HS256", false), ("ES256", true), ("RS256", true)] {
            let head = with(header(), "alg", json!(alg));
            let text = format!("{}.{}", part(&head), part(&claims()));
            let mac = CoreHmacKey::new(secret.clone())
                .sign(&CoreJwsSigningAlgorithm::HmacSha256, text.as_bytes())
                .unwrap();
            let token = format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac));
            let error = judged(&token, std::slice::from_ref(&key.public)).unwrap_err();
            match error {
                TokenError::Algorithm(_) if !taken => {}
                TokenError::Forged if taken => {}
                other => panic!("{alg}: {other}"),
            }
        }
    }
}

#[test]
fn a_key_for_another_algorithm_or_use_verifies_nothing() {
    let key = key("k1");
    let token = signed(&key, &header(), &claims());
    for (name, value) in [
        ("use", "enc"),
        ("alg", "ES384"),
        ("alg", "RS256"),
        ("kty", "oct"),
    ] {
        let jwk = with(
            serde_json::to_value(&key.public).unwrap(),
            name,
            json!(value),
        );
        let jwk: CoreJsonWebKey = serde_json::from_value(jwk).unwrap();
        assert!(
            matches!(judged(&token, &[jwk]), Err(TokenError::Forged)),
            "{name}"
        );
    }
}

#[test]
fn each_claim_is_what_it_must_be() {
    type Is = fn(&TokenError) -> bool;
    let cases: [(Value, Is); 20] = [
        (with(claims(), "exp", json!(NOW - 60)), |e| {
            matches!(e, TokenError::Expired(_))
        }),
        (without(claims(), "exp"), |e| {
            matches!(e, TokenError::Claim("exp"))
        }),
        (with(claims(), "exp", json!("9999999999")), |e| {
            matches!(e, TokenError::Claim("exp"))
        }),
        (with(claims(), "exp", json!(1e300)), |e| {
            matches!(e, TokenError::Claim("exp"))
        }),
        (with(claims(), "exp", json!(i64::MAX)), |e| {
            matches!(e, TokenError::Claim("exp"))
        }),
        (with(claims(), "exp", Value::Null), |e| {
            matches!(e, TokenError::Claim("exp"))
        }),
        (with(claims(), "nbf", json!(NOW + 61)), |e| {
            matches!(e, TokenError::Early(_))
        }),
        (with(claims(), "nbf", json!("soon")), |e| {
            matches!(e, TokenError::Claim("nbf"))
        }),
        (with(claims(), "iat", json!(NOW + 61)), |e| {
            matches!(e, TokenError::Early(_))
        }),
        (with(claims(), "iss", json!("https://evil.example")), |e| {
            matches!(e, TokenError::Issuer { .. })
        }),
        (with(claims(), "iss", json!(format!("{ISSUER}/"))), |e| {
            matches!(e, TokenError::Issuer { .. })
        }),
        (without(claims(), "iss"), |e| {
            matches!(e, TokenError::Claim("iss"))
        }),
        (with(claims(), "aud", json!("other")), |e| {
            matches!(e, TokenError::Audience { .. })
        }),
        (with(claims(), "aud", json!("weir2")), |e| {
            matches!(e, TokenError::Audience { .. })
        }),
        (with(claims(), "aud", json!([])), |e| {
            matches!(e, TokenError::Audience { .. })
        }),
        (with(claims(), "aud", json!([7])), |e| {
            matches!(e, TokenError::Claim("aud"))
        }),
        (with(claims(), "aud", json!({"weir": 1})), |e| {
            matches!(e, TokenError::Claim("aud"))
        }),
        (without(claims(), "aud"), |e| {
            matches!(e, TokenError::Claim("aud"))
        }),
        (without(claims(), "sub"), |e| {
            matches!(e, TokenError::Claim("sub"))
        }),
        (json!(["iss"]), |e| matches!(e, TokenError::Shape(_))),
    ];
    for (claims, is) in cases {
        let error = refused(&header(), &claims);
        assert!(is(&error), "{claims}: {error}");
    }
}

#[test]
fn a_header_that_asks_for_more_is_refused() {
    let critical = with(header(), "crit", json!(["b64"]));
    assert!(matches!(
        refused(&critical, &claims()),
        TokenError::Critical
    ));
    for other in ["at+jwt", "logout+jwt", "secevent+jwt"] {
        let kind = with(header(), "typ", json!(other));
        assert!(
            matches!(refused(&kind, &claims()), TokenError::Type(_)),
            "{other}"
        );
    }
    // A key that comes along is a key of whoever sent it.
    let theirs = key("k9");
    let brought = with(
        header(),
        "jwk",
        serde_json::to_value(&theirs.public).unwrap(),
    );
    let token = signed(&theirs, &brought, &claims());
    assert!(matches!(
        judged(&token, &[key("k1").public]),
        Err(TokenError::Forged)
    ));
}

#[test]
fn what_is_no_token_is_refused_without_a_look_at_keys() {
    let honest = signed(&key("k1"), &header(), &claims());
    for bad in [
        String::new(),
        ".".into(),
        "..".into(),
        "a.b".into(),
        format!("{honest}.more"),
        format!("{honest}="),
        honest.replace('.', "!"),
        format!("{}.{}.AA", part(&json!([])), part(&claims())),
        "A".repeat(LONGEST + 1),
        "é.é.é".into(),
    ] {
        let shape = matches!(judged(&bad, &[]), Err(TokenError::Shape(_)));
        assert!(shape, "{}", bad.chars().take(80).collect::<String>());
    }
}

#[test]
fn whom_a_token_is_about_can_stand_in_an_id() {
    for bad in ["", "a\nb", &"x".repeat(LONGEST_SUB + 1)] {
        assert!(subject_of(&json!({ "sub": bad })).is_err());
    }
    assert!(subject_of(&json!({ "sub": 7 })).is_err());
}

proptest::proptest! {
    /// Nothing that a peer sends may panic.
    #[test]
    fn any_text_is_judged(text in "\\PC{0,200}", header in "\\PC{0,80}", claims in "\\PC{0,80}") {
        let key = key("k1");
        let keys = std::slice::from_ref(&key.public);
        judged(&text, keys).unwrap_err();
        let parts = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
        judged(&format!("{}.{}.AAAA", parts[0], parts[1]), keys).unwrap_err();
    }
}
