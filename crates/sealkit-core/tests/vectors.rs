//! The cookies that the real SDKs made, good and bad, judged by the readers.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

use sealkit_core::{
    CookiePassword, Detail, KeyRing, RandomUnavailable, Reason, SecureRandom, UnixMillis,
    format::{Format, iron},
    session::{Judgement, SessionReader},
    token::{IssuerPolicy, KeySet, TokenPolicy},
};
use serde_json::Value;
use std::{collections::BTreeMap, fs, sync::Mutex};
use url::Url;

/// Any time from 2026-12 on will do where a vector names none.
const LATER: u64 = 1_796_600_000_000;

fn vectors(set: &str) -> Vec<Value> {
    let path = format!("{}/../../vectors/{set}.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn text<'v>(vector: &'v Value, member: &str) -> &'v str {
    vector[member].as_str().unwrap()
}

fn ring(vector: &Value) -> Result<KeyRing, Detail> {
    let builder = match &vector["password_map"] {
        Value::Object(map) => map.iter().fold(KeyRing::builder(), |builder, (id, password)| {
            builder.password_with_id(format!("id {id}"), id.as_str(), password.as_str().unwrap())
        }),
        _ => KeyRing::builder().password("current", text(vector, "password")),
    };
    builder.build().map_err(|_| Detail::BadPassword)
}

fn now(vector: &Value) -> UnixMillis {
    UnixMillis::from_millis(vector["now_ms"].as_u64().unwrap_or(LATER))
}

fn reader(ring: KeyRing, issuers: IssuerPolicy) -> SessionReader {
    SessionReader::new(ring, TokenPolicy::new(issuers))
}

/// Gives back the randomness that a seal carries, so that sealing again must give the same bytes.
#[derive(Debug)]
struct Replay(Mutex<Vec<u8>>);

impl SecureRandom for Replay {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        let mut left = self.0.lock().unwrap();
        bytes.copy_from_slice(&left[..bytes.len()]);
        left.drain(..bytes.len());
        Ok(())
    }
}

fn replay(seal: &str) -> Replay {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let parts: Vec<&str> = seal.split('*').collect();
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
    };
    Replay(Mutex::new([hex(parts[2]), URL_SAFE_NO_PAD.decode(parts[3]).unwrap(), hex(parts[6])].concat()))
}

#[test]
fn every_good_iron_seal_opens_to_its_plaintext_and_seals_again_to_the_same_bytes() {
    let mut count = 0;
    for vector in vectors("iron").iter().chain(&vectors("jwt")).chain(&vectors("jwt_kinds")) {
        let (id, cookie) = (text(vector, "id"), text(vector, "cookie_value"));
        let ring = ring(vector).unwrap();
        let mut plaintext = Vec::new();
        let opened = iron::open(cookie, &ring, now(vector), &mut plaintext)
            .unwrap_or_else(|detail| panic!("{id}: {detail}"));
        assert_eq!(String::from_utf8(plaintext.clone()).unwrap(), text(vector, "plaintext"), "{id}");

        let (unsealed, seal) = reader(ring.clone(), IssuerPolicy::Any)
            .unseal(cookie, now(vector))
            .unwrap_or_else(|detail| panic!("{id}: {detail}"));
        assert_eq!(unsealed.expose_text(), text(vector, "plaintext"), "{id}");
        let key = opened.key.unwrap();
        // The suffix decides whose container it is; who writes it is another matter.
        let container = if cookie.ends_with("~2") { Format::Iron } else { Format::KotlinIron };
        assert_eq!((seal.format, seal.key.as_deref()), (container, Some(key.name())), "{id}");

        // Sealing takes the first password; put the one that opened it there.
        let password = |name: &str| CookiePassword::from(vector["password_map"][name].as_str().unwrap());
        let sealing = match key.id() {
            Some(own) => KeyRing::builder().password_with_id("first", own, password(own)).build().unwrap(),
            None => ring.clone(),
        };
        let again = iron::seal(&plaintext, &sealing, opened.expires_at, &replay(cookie)).unwrap();
        let canonical = if cookie.ends_with("~2") { cookie.to_owned() } else { format!("{cookie}~2") };
        assert_eq!(again, canonical, "{id}");
        count += 1;
    }
    assert_eq!(count, 62 + 26 + 32);
}

#[test]
fn every_bad_iron_seal_is_refused_with_an_allowed_class() {
    let vectors = vectors("iron_negative");
    for vector in &vectors {
        let id = text(vector, "id");
        let outcome = ring(vector).and_then(|ring| {
            reader(ring, IssuerPolicy::Any).unseal(text(vector, "cookie_value"), now(vector)).map(|_| ())
        });
        let class = outcome.map_or_else(|detail| detail.as_str(), |()| "ok");
        let allowed: Vec<&str> =
            vector["expect_any"].as_array().unwrap().iter().map(|class| class.as_str().unwrap()).collect();
        assert!(allowed.contains(&class), "{id}: {class}, allowed {allowed:?}");
    }
    assert_eq!(vectors.len(), 77);
}

/// `jwt.json` names what is wrong in its own words; `decisions.md` §1 says which reason that is.
fn expected_reason(id: &str, verify: &str) -> Option<Reason> {
    Some(match verify {
        "valid" => return None,
        "expired" => Reason::ExpiredJwt,
        "bad_signature" => Reason::InvalidJwtSignature,
        "unknown_key" if id == "jwt-no-kid" => Reason::InvalidJwt,
        "unknown_key" => Reason::UnknownSigningKey,
        "bad_algorithm" => Reason::InvalidJwtAlgorithm,
        "invalid_claims" if id == "kind-default-application-issuer-no-client" => Reason::InvalidIssuer,
        "invalid_claims" | "malformed" => Reason::InvalidJwt,
        "not_a_session_token" => Reason::NotASessionToken,
        "subject_mismatch" => Reason::SubjectMismatch,
        other => panic!("{id}: no reason for {other}"),
    })
}

#[test]
fn every_token_is_judged_as_its_vector_says() {
    let keys = KeySet::parse(include_bytes!("../../../vectors/jwks.json")).unwrap();
    let mut seen = BTreeMap::new();
    for vector in vectors("jwt").into_iter().chain(vectors("jwt_kinds")) {
        let (id, jwt) = (text(&vector, "id"), &vector["jwt"]);
        let client_id = text(jwt, "client_id");
        let issuers = IssuerPolicy::derived(&Url::parse("https://api.workos.com").unwrap(), client_id);
        let policy = TokenPolicy::new(issuers).with_client_ids([client_id]);
        let now = UnixMillis::from_secs(jwt["now_s"].as_u64().unwrap());
        let judgement = SessionReader::new(ring(&vector).unwrap(), policy).judge(
            text(&vector, "cookie_value"),
            &keys,
            now,
        );
        let reason = match &judgement {
            Judgement::Valid { .. } => None,
            Judgement::Expired(_) => Some(Reason::ExpiredJwt),
            Judgement::UnknownKey { .. } => Some(Reason::UnknownSigningKey),
            Judgement::Rejected(failure) => {
                let kind = failure.detail().map(Detail::as_str);
                assert_eq!(kind, jwt["detail"].as_str(), "{id}");
                Some(failure.reason())
            }
            other => panic!("{id}: {other:?}"),
        };
        assert_eq!(reason, expected_reason(id, text(jwt, "verify")), "{id}");
        *seen.entry(text(jwt, "verify").to_owned()).or_insert(0) += 1;
        if let Judgement::Valid { session, .. } = judgement {
            assert_eq!(session.user_id(), vector["payload"]["user"]["id"], "{id}");
            let acting = session.impersonator().map(|impersonator| impersonator.email.to_owned());
            let expected = (id == "kind-user-impersonated").then(|| "support@example.com".to_owned());
            assert_eq!(acting, expected, "{id}");
        }
    }
    assert_eq!(seen.values().sum::<i32>(), 26 + 32, "{seen:?}");
}
