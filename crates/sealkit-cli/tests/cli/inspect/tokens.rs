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
    .into_iter()
    .chain(kinds())
    .collect()
}

/// Tokens that are not a user's session, verified and not.
fn kinds() -> Vec<Case> {
    let judged = |id: &str| with_keys().input(cookie("jwt_kinds", id));
    let unverified = |id: &str| with_password().input(cookie("jwt_kinds", id));
    vec![
        case("works", &["not_verified", "token_no_auth_time"], judged("kind-user")),
        case("works", &["token_issuer"], judged("kind-default-application-issuer")),
        case("works", &["token_no_expiry"], judged("kind-exp-fraction")),
        case(
            "token_issuer",
            &["token_other_application"],
            judged("kind-default-application-issuer-no-client"),
        ),
        case("token_agent", &["token_actor", "token_wrong_type"], judged("kind-agent-delegated")),
        case("token_agent", &["works", "not_verified"], unverified("kind-agent-autonomous")),
        case("token_agent", &["works", "token_expired", "token_no_auth_time"], judged("kind-agent-expired")),
        case("token_widget", &["token_agent", "token_machine"], judged("kind-widget-sub-type")),
        case("token_widget", &["token_agent"], judged("kind-widget-sub-type-no-sid")),
        case("token_connect", &["token_agent", "token_machine"], judged("kind-connect-consent")),
        case("token_machine", &["token_connect", "token_agent"], judged("kind-machine-subject")),
        case("token_other_application", &["token_issuer", "token_agent"], judged("kind-other-client")),
        case("token_wrong_type", &["token_agent", "token_not_a_jwt"], judged("kind-typ-at-jwt")),
        case("token_no_auth_time", &["token_agent", "token_expired"], judged("kind-auth-time-absent")),
        case(
            "token_auth_time_unreadable",
            &["token_no_auth_time", "token_wrong_type"],
            judged("kind-auth-time-text").env("SEALKIT_REQUIRE_AUTH_TIME", "false"),
        ),
        case("token_auth_time_unreadable", &["token_no_auth_time"], judged("kind-auth-time-negative")),
        case("token_expired", &["token_no_auth_time"], judged("kind-auth-time-absent-expired")),
        case("token_actor", &["token_agent", "impersonated"], judged("kind-act-agent")),
        case("token_actor", &["token_actor_unreadable", "impersonated"], judged("kind-act-user-id")),
        case("token_actor_unreadable", &["token_actor", "impersonated"], judged("kind-act-empty")),
        case("impersonated", &["token_actor"], judged("kind-user-impersonated")),
        // The switches.
        case(
            "works",
            &["token_other_application"],
            judged("kind-other-client").env("SEALKIT_BIND_CLIENT_ID", "false"),
        ),
        case(
            "works",
            &["token_no_auth_time"],
            judged("kind-auth-time-absent").env("SEALKIT_REQUIRE_AUTH_TIME", "false"),
        ),
        case("works", &["token_actor"], judged("kind-act-agent").env("SEALKIT_ACTORS", "impersonator,agent")),
        case("acting_party", &["impersonated"], judged("kind-act-agent").env("SEALKIT_ACTORS", "agent")),
    ]
}

#[test]
fn client_id_is_listed_as_not_checked_without_one() {
    let ran = with_password().input(cookie("jwt_kinds", "kind-other-client")).run();
    let answer = ran.json();
    let checks = answer["checks"].as_array().unwrap();
    let application = checks.iter().find(|check| check["check"] == "application").unwrap();
    assert_eq!(application["result"], "not_checked", "{ran}");
    assert!(application["note"].as_str().unwrap().contains("WORKOS_CLIENT_ID"), "{ran}");
}

#[test]
fn fix_for_another_kind_names_its_setting() {
    for (id, setting) in [
        ("kind-other-client", "SEALKIT_CLIENT_IDS"),
        ("kind-auth-time-absent", "SEALKIT_REQUIRE_AUTH_TIME"),
        ("kind-act-agent", "SEALKIT_ACTORS"),
        ("kind-default-application-issuer-no-client", "WORKOS_ISSUER"),
    ] {
        let inspected = with_keys().input(cookie("jwt_kinds", id)).run();
        let fix = inspected.json()["verdict"]["fix"].as_str().unwrap().to_owned();
        assert!(fix.contains(setting), "{id}: {fix}");
    }
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
