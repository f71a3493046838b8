//! What is worth knowing of a session that may work.
use super::{
    ANOTHER, Case, case, cookie, good, of_vector, sealed, sealed_with, session, token, with_keys,
    with_password,
};
use crate::common::PASSWORD;
use serde_json::{Value, json};
use std::fs;

fn iron(payload: &Value) -> crate::common::Sealkit {
    with_password().input(sealed("iron", PASSWORD, payload))
}

fn sized(bytes: usize) -> crate::common::Sealkit {
    iron(&session(&json!({"user": {"id": "user_1", "metadata": {"a": "x".repeat(bytes)}}})))
}

pub(super) fn cases() -> Vec<Case> {
    let acted = json!({"act": {"sub": "ada@example.test"}});
    vec![
        case("percent_encoded", &["percent_encoded_twice"], with_keys().input(good().replace('*', "%2A"))),
        case(
            "several_cookies",
            &["cookie_missing", "split_incomplete"],
            with_password().input(format!("Cookie: wos-session={}; a=b; wos-session=x", good())),
        ),
        case("too_large", &["nearly_too_large", "too_long"], sized(3000)),
        case("too_large", &["too_long", "not_verified"], sized(3000).password(ANOTHER)),
        case("nearly_too_large", &["too_large"], sized(2600)),
        case("unsealed", &["signed_only", "malformed"], of_vector("unsealed", "plain-json-nextjs-basic")),
        case("unsealed", &["other_password"], of_vector("unsealed", "b64url-json-basic")),
        case("signed_only", &["unsealed", "costly"], of_vector("signed_json", "signed-json-ascii")),
        case("costly", &["signed_only"], of_vector("dotnet", "dotnet-basic")),
        case("go_passphrase", &["old_password"], of_vector("go", "go-passphrase-basic")),
        case(
            "kotlin_seal",
            &["iron_without_suffix", "kotlin_for_javascript"],
            of_vector("kotlin", "kotlin-basic"),
        ),
        case(
            "iron_without_suffix",
            &["kotlin_seal", "odd_suffix"],
            with_password().input(good().replace("~2", "")),
        ),
        case("seal_ends", &["seal_expired"], {
            let flags = ["--format", "iron", "--ttl", "600"];
            with_password().input(sealed_with(&flags, PASSWORD, &session(&json!({}))))
        }),
        case("old_password", &["other_password"], {
            let path = |name: &str| concat!(env!("CARGO_TARGET_TMPDIR"), "/inspect-").to_owned() + name;
            let (new, old) = (path("new"), path("old"));
            fs::write(&new, PASSWORD).unwrap();
            fs::write(&old, ANOTHER).unwrap();
            let call = with_password().arg("--password-file", new).arg("--password-file", old);
            call.input(sealed("go-gcm", ANOTHER, &super::snake()))
        }),
        case(
            "no_refresh_token",
            &["no_user"],
            iron(&json!({"accessToken": token(&json!({})), "user": {"id": "user_1"}})),
        ),
        case(
            "no_user",
            &["no_refresh_token", "token_subject"],
            iron(&json!({"accessToken": token(&json!({})), "refreshToken": "r"})),
        ),
        case(
            "impersonated",
            &["impersonator_unproven", "token_impersonator"],
            iron(&session(&json!({"accessToken": token(&acted)}))),
        ),
        case(
            "impersonator_unproven",
            &["impersonated", "token_impersonator"],
            with_keys().input(cookie("jwt", "jwt-impersonator-mismatch")),
        ),
    ]
}

#[test]
fn what_makes_a_cookie_large_is_told_by_member() {
    let permissions = json!({"permissions": ["p".repeat(1500)]});
    let metadata = json!({"a": "x".repeat(1500)});
    let payload =
        session(&json!({"accessToken": token(&permissions), "user": {"id": "user_1", "metadata": metadata}}));
    let answer = iron(&payload).run().json();
    let found = answer["diagnoses"].as_array().unwrap();
    let large = found.iter().find(|one| one["code"] == "too_large").unwrap();
    let says = large["says"].as_str().unwrap();
    assert!(
        says.contains("largest are accessToken.permissions 2005 bytes, user.metadata 1508 bytes"),
        "{says}"
    );
}

#[test]
fn a_split_cookie_is_put_together_and_not_too_large() {
    let value = sealed(
        "iron",
        PASSWORD,
        &session(&json!({"user": {"id": "user_1", "metadata": {"a": "x".repeat(4000)}}})),
    );
    let (one, two) = value.split_at(3500);
    let header = format!("Cookie: wos-session.0={one}; wos-session.1={two}");
    let ran = with_password().input(header).run();
    let answer = ran.json();
    assert_eq!(answer["diagnoses"][0]["code"], "not_verified", "{ran}");
    assert_eq!(answer["size"]["limit"], 8192, "{ran}");
    let codes = super::codes(&ran);
    // Browsers keep it; proxies at their defaults do not pass it on.
    assert!(
        !codes.contains(&"too_large".to_owned()) && codes.contains(&"nearly_too_large".to_owned()),
        "{ran}"
    );
}
