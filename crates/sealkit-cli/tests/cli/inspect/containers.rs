//! Formats, their layers and times, and payloads that are no session.
use super::{Case, LATER, case, cookie, good, of_vector, sealed, session, with_password};
use crate::common::{PASSWORD, sealkit};
use serde_json::{Value, json};

fn iron(payload: &Value) -> crate::common::Sealkit {
    with_password().input(sealed("iron", PASSWORD, payload))
}

/// A `Set-Cookie` line with a session of Go's, percent-encoded or as it is.
fn go_line(encoded: bool) -> crate::common::Sealkit {
    let value = sealed("go-gcm", PASSWORD, &super::snake());
    let value = if encoded { sealkit::cookie::encode_value(&value) } else { value };
    with_password().input(format!("Set-Cookie: wos-session={value}; Path=/"))
}

pub(super) fn cases() -> Vec<Case> {
    let expecting = |format: &str| with_password().arg("--format", format).input(good());
    let router = |id: &str| of_vector("react_router", id);
    vec![
        case("other_format", &["not_for_kotlin", "other_password"], expecting("python-fernet")),
        case("not_for_kotlin", &["other_format", "kotlin_for_javascript"], expecting("kotlin-iron")),
        case("not_verified", &["other_format", "not_for_kotlin"], expecting("iron")),
        case("encoded_for_raw_reader", &["other_format", "works"], go_line(true).arg("--format", "go-gcm")),
        case("not_verified", &["encoded_for_raw_reader"], go_line(false).arg("--format", "go-gcm")),
        case("not_verified", &["encoded_for_raw_reader"], go_line(true)),
        case(
            "kotlin_for_javascript",
            &["other_format", "not_for_kotlin", "kotlin_seal"],
            of_vector("kotlin", "kotlin-basic").arg("--format", "iron"),
        ),
        case(
            "odd_suffix",
            &["malformed", "other_password"],
            with_password().input(good().replace("~2", "~1")),
        ),
        case("router_signature", &["router_inner_seal", "other_password"], router("rr-neg-sig-flip")),
        case("router_inner_seal", &["router_signature", "other_password"], router("rr-neg-inner-tampered")),
        case("other_password", &["router_signature", "router_inner_seal"], router("rr-neg-wrong-password")),
        case("router_unsigned", &["cut_off", "bare_access_token", "unsealed"], router("rr-neg-sig-missing")),
        case("router_empty_session", &["router_signature", "empty_payload"], router("rr-neg-empty-session")),
        case("router_empty_session", &["payload_not_object"], router("rr-neg-no-jwt-key")),
        case(
            "seal_expired",
            &["envelope_expired", "sign_in_state_expired", "token_expired", "other_password"],
            sealkit(["inspect", "--json", "--now", LATER])
                .password(PASSWORD)
                .input(cookie("iron", "iron-session6-ttl-default")),
        ),
        case(
            "envelope_expired",
            &["seal_expired", "other_password"],
            of_vector("php", "php-halite-neg-expired"),
        ),
        case("envelope_expired", &["seal_expired"], of_vector("php", "php-signed-neg-expired")),
        case(
            "sign_in_state",
            &["no_access_token", "sign_in_state_expired"],
            of_vector("pkce", "pkce-authkit-session-0"),
        ),
        case(
            "sign_in_state_expired",
            &["seal_expired", "sign_in_state"],
            of_vector("pkce", "pkce-neg-seal-expired"),
        ),
        case("empty_payload", &["no_access_token", "payload_null"], iron(&json!({}))),
        case(
            "payload_null",
            &["payload_not_object", "empty_payload"],
            of_vector("python", "py-neg-json-null"),
        ),
        case(
            "payload_not_object",
            &["payload_null", "empty_payload"],
            of_vector("python", "py-neg-json-array"),
        ),
        case("other_member_names", &["no_access_token"], iron(&json!({"access_token": "a"}))),
        case("other_member_names", &["no_access_token"], of_vector("python", "py-neg-json-camel-keys")),
        case(
            "no_access_token",
            &["other_member_names", "empty_payload"],
            iron(&json!({"user": {"id": "u"}})),
        ),
        case("no_access_token", &["token_not_a_jwt"], iron(&session(&json!({"accessToken": ""})))),
        case("other_password", &["payload_not_object"], {
            let changed = cookie("ruby", "ruby-v6-neg-tag-flip");
            with_password().input(changed).password("0123456789abcdefghijklmnopqrstuv")
        }),
    ]
}
