//! Access tokens that do not hold.
use super::{Case, case, cookie, good, sealed, session, token, with_keys, with_password};
use crate::common::{PASSWORD, Sealkit};
use serde_json::{Value, json};
use std::{fs, path::Path};

pub(super) fn cases() -> Vec<Case> {
    let judged = |id: &str| with_keys().input(cookie("jwt", id));
    vec![
        case("token_not_a_jwt", &["token_signature", "token_no_key_id"], judged("jwt-not-a-jwt")),
        case("token_not_a_jwt", &["token_signature"], judged("jwt-two-parts")),
        case("token_unsigned", &["token_algorithm", "token_signature"], judged("jwt-alg-none")),
        case("token_algorithm", &["token_unsigned", "token_signature"], judged("jwt-alg-hs256-public-key")),
        case("token_no_key_id", &["token_key_unknown", "token_signature"], judged("jwt-no-kid")),
        case("token_key_unknown", &["token_no_key_id", "token_signature"], judged("jwt-unknown-kid")),
        case("token_key_unusable", &["token_key_unknown", "token_signature"], with_unusable_key()),
        case("token_signature", &["token_key_unknown", "token_expired"], judged("jwt-rogue-key")),
        case("token_signature", &["token_algorithm"], judged("jwt-payload-swapped")),
        case("token_no_subject", &["token_subject", "token_no_session"], judged("jwt-sub-missing")),
        case("token_no_session", &["token_no_subject"], judged("jwt-sid-missing")),
        case("token_no_expiry", &["token_expired"], judged("jwt-no-exp")),
        case(
            "token_issuer",
            &["token_audience", "token_signature"],
            with_keys().env("WORKOS_ISSUER", "https://other.example").input(good()),
        ),
        case("token_not_yet_valid", &["token_expired", "token_no_expiry"], judged("jwt-nbf-future")),
        case("token_subject", &["token_impersonator", "token_no_subject"], judged("jwt-sub-mismatch")),
        case("token_impersonator", &["token_subject", "impersonated", "impersonator_unproven"], {
            let payload = session(&json!({
                "accessToken": token(&json!({"act": {"sub": "one@example.test"}})),
                "impersonator": {"email": "other@example.test", "reason": null},
            }));
            with_password().input(sealed("iron", PASSWORD, &payload))
        }),
        case(
            "token_expired",
            &["seal_expired", "token_signature", "token_not_yet_valid"],
            judged("jwt-expired"),
        ),
        case("token_signature", &["seal_expired"], judged("jwt-expired-and-rogue")),
    ]
}

/// A good cookie, and a key set in which the token's key has padding.
fn with_unusable_key() -> Sealkit {
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/jwks.json");
    let mut set: Value = serde_json::from_str(&fs::read_to_string(vectors).unwrap()).unwrap();
    for key in set["keys"].as_array_mut().unwrap() {
        key["n"] = format!("{}==", key["n"].as_str().unwrap()).into();
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("inspect-padded-jwks.json");
    fs::write(&path, set.to_string()).unwrap();
    with_password().arg("--jwks", path.display().to_string()).input(good())
}
