//! Passwords that are not the one, or not as they are given.
use super::{
    ANOTHER, Case, case, cookie, good, inspect, of_vector, sealed, session, snake, vector, with_password,
};
use crate::common::{PASSWORD, sealkit};
use serde_json::json;

/// The password of the Python vectors.
pub(super) const FERNET: &str = "xXMzDBjDQvBC4krSwvnZwP_4jv3_thVQSd-M3uRLYBc=";

pub(super) fn cases() -> Vec<Case> {
    let with = |password: &str| inspect().password(password).input(good());
    let other = |set: &str, id: &str| with_password().input(cookie(set, id));
    let derived = "wos-ck:sk_test_derived:client_derived";
    vec![
        case("other_password", &["cut_off", "password_white_space", "malformed"], with(ANOTHER)),
        case("no_password", &["other_password"], sealkit(["inspect", "--json"]).input(good())),
        case(
            "ruby_v6_password_not_32_bytes",
            &["other_password", "password_too_short"],
            other("ruby", "ruby-v5.10.0-basic"),
        ),
        case(
            "other_password",
            &["ruby_v6_password_not_32_bytes"],
            other("ruby", "ruby-v5.10.0-basic").password("abcdefghijklmnopqrstuv0123456789"),
        ),
        case(
            "fernet_password_shape",
            &["other_password", "php_password_not_base64"],
            other("python", "py-10.7.0-basic"),
        ),
        case(
            "rust_password_not_hex",
            &["other_password", "fernet_password_shape"],
            other("rust", "rust-basic").arg("--format", "rust-gcm"),
        ),
        case("other_password", &["rust_password_not_hex"], other("rust", "rust-basic")),
        case(
            "php_password_not_base64",
            &["other_password", "rust_password_not_hex"],
            other("php", "php-9.0.0-basic").arg("--format", "php-secretbox"),
        ),
        case(
            "password_too_short",
            &["other_password", "no_password"],
            of_vector("iron_negative", "iron-neg-password-31"),
        ),
        case("no_password", &["password_too_short"], with("short")),
        case("password_white_space", &["password_quotes", "other_password"], with(&format!(" {PASSWORD}\n"))),
        case(
            "password_quotes",
            &["password_white_space", "other_password"],
            with(&format!("\"{PASSWORD}\"")),
        ),
        case(
            "password_line_end",
            &["password_white_space", "other_password"],
            with_password().input(sealed("iron", &format!("{PASSWORD}\n"), &session(&json!({})))),
        ),
        case(
            "password_padding_lost",
            &["fernet_password_shape", "other_password"],
            inspect().password(FERNET.trim_end_matches('=')).input(sealed("python-fernet", FERNET, &snake())),
        ),
        case(
            "derived_password",
            &["other_password", "no_password"],
            with_password()
                .env("WORKOS_API_KEY", "sk_test_derived")
                .env("WORKOS_CLIENT_ID", "client_derived")
                .input(sealed("iron", derived, &session(&json!({})))),
        ),
        case(
            "derived_password",
            &["no_password"],
            inspect()
                .env("WORKOS_API_KEY", "sk_test_derived")
                .env("WORKOS_CLIENT_ID", "client_derived")
                .input(sealed("iron", derived, &session(&json!({})))),
        ),
        case(
            "other_password",
            &["derived_password"],
            with_password().input(sealed("iron", derived, &session(&json!({})))),
        ),
        case(
            "password_id_unknown",
            &["other_password", "malformed"],
            with_password().input(cookie("iron", "iron-session8-map-2-ids")),
        ),
    ]
}

#[test]
fn a_password_without_its_id_is_told_to_be_given_one() {
    let vector = vector("iron", "iron-session8-map-2-ids");
    let map = vector["password_map"].as_object().unwrap();
    let password = map["2"].as_str().unwrap();
    let ran = inspect().password(password).input(cookie("iron", "iron-session8-map-2-ids")).run();
    let answer = ran.json();
    assert_eq!(answer["diagnoses"][0]["code"], "password_id_unknown", "{ran}");
    let says = answer["diagnoses"][0]["says"].as_str().unwrap();
    assert!(says.contains("`2`; the password WORKOS_COOKIE_PASSWORD opens it"), "{ran}");
    assert!(!answer["members"].as_array().unwrap().is_empty(), "what is inside is shown: {ran}");
}

#[test]
fn rules_of_shapes_that_no_password_has_are_told() {
    let ran = with_password().input(cookie("rust", "rust-basic")).run();
    let says = ran.json()["diagnoses"][0]["says"].as_str().unwrap().to_owned();
    for rule in ["rust-gcm needs exactly 64 hexadecimal digits", "ruby-v6 needs exactly 32 bytes"] {
        assert!(says.contains(rule), "{says}");
    }
    assert!(!says.contains("go-gcm needs"), "the given one would do: {says}");
}
