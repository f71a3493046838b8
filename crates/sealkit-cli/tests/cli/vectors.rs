//! The cookies that the real SDKs made, good and bad, through the binary.
use crate::common::{Sealkit, in_parallel, sealkit, vectors};
use serde_json::Value;
use std::{collections::BTreeMap, fs, sync::Mutex};
use tempfile::TempDir;

/// Any time from 2026-12 on will do where a vector names none.
const LATER_MS: u64 = 1_796_600_000_000;

fn text<'v>(vector: &'v Value, member: &str) -> &'v str {
    vector[member].as_str().unwrap()
}

fn classes(vector: &Value) -> Vec<&str> {
    vector["expect_any"].as_array().unwrap().iter().map(|class| class.as_str().unwrap()).collect()
}

fn now(vector: &Value) -> String {
    let millis = vector["now_ms"].as_u64().unwrap_or(LATER_MS);
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

/// One password in the environment, a map of them as files with ids.
fn with_passwords(call: Sealkit, vector: &Value, directory: &TempDir) -> Sealkit {
    let Value::Object(map) = &vector["password_map"] else { return call.password(text(vector, "password")) };
    map.iter().fold(call, |call, (id, password)| {
        let path = directory.path().join(format!("{}-{id}", text(vector, "id")));
        fs::write(&path, format!("{}\n", password.as_str().unwrap())).unwrap();
        call.arg("--password-file", format!("{id}={}", path.display()))
    })
}

fn unseal(vector: &Value, format: &str, directory: &TempDir) -> crate::common::Ran {
    let call = sealkit(["unseal", "--json"]).arg("--format", format).arg("--now", now(vector));
    with_passwords(call, vector, directory).input(text(vector, "cookie_value")).run()
}

/// The vector opens to its very text, under the name that its password has.
fn opens(vector: &Value, format: &str, directory: &TempDir) {
    let ran = unseal(vector, format, directory);
    let id = text(vector, "id");
    assert_eq!(ran.code, 0, "{id}: {ran}");
    let answer = ran.json();
    assert_eq!(answer["plaintext"], vector["plaintext"], "{id}");
    assert_eq!(answer["payload"].to_string(), vector["payload"].to_string(), "{id}: members and their order");
    let expected = match format {
        "pkce" => "pkce",
        // The suffix tells the container.
        "auto" if !text(vector, "cookie_value").ends_with("~2") => "kotlin-iron",
        _ => "iron",
    };
    assert_eq!(answer["format"], expected, "{id}");
    match &vector["password_map"] {
        Value::Object(map) => assert!(map.contains_key(text(&answer, "key")), "{id}: {}", answer["key"]),
        _ => assert_eq!(answer["key"], "WORKOS_COOKIE_PASSWORD", "{id}"),
    }
}

fn fails(vector: &Value, format: &str, directory: &TempDir) {
    let ran = unseal(vector, format, directory);
    let id = text(vector, "id");
    assert_eq!(ran.code, 1, "{id}: {ran}");
    let error = &ran.json()["error"];
    assert_eq!(error["reason"], "invalid_session_cookie", "{id}");
    let detail = text(error, "detail");
    assert!(classes(vector).contains(&detail), "{id}: {detail}, allowed {:?}", classes(vector));
}

#[test]
fn every_good_iron_seal_opens_to_its_plaintext() {
    let (directory, vectors) = (TempDir::new().unwrap(), vectors("iron"));
    assert_eq!(vectors.len(), 62);
    in_parallel(&vectors, |vector| {
        opens(vector, if vector["now_ms"].is_null() { "auto" } else { "iron" }, &directory)
    });
}

#[test]
fn every_bad_iron_seal_is_refused_with_an_allowed_class() {
    let (directory, vectors) = (TempDir::new().unwrap(), vectors("iron_negative"));
    assert_eq!(vectors.len(), 77);
    in_parallel(&vectors, |vector| fails(vector, "iron", &directory));
}

#[test]
fn every_sign_in_state_is_judged_by_shape_and_age() {
    let (directory, vectors) = (TempDir::new().unwrap(), vectors("pkce"));
    assert_eq!(vectors.len(), 24);
    in_parallel(&vectors, |vector| match text(vector, "expect") {
        "ok" => opens(vector, "pkce", &directory),
        _ => fails(vector, "pkce", &directory),
    });
}

/// `jwt.json` names what is wrong in its own words; this is what each is called here.
fn expected_reason(id: &str, verify: &str) -> &'static str {
    match verify {
        "valid" => "",
        "expired" => "expired_jwt",
        "bad_signature" => "invalid_jwt_signature",
        "unknown_key" if id == "jwt-no-kid" => "invalid_jwt",
        "unknown_key" => "unknown_signing_key",
        "bad_algorithm" => "invalid_jwt_algorithm",
        "invalid_claims" | "malformed" => "invalid_jwt",
        "subject_mismatch" => "subject_mismatch",
        other => panic!("{id}: no reason for {other}"),
    }
}

#[test]
fn every_token_is_judged_as_its_vector_says_and_inspect_agrees() {
    let vectors = vectors("jwt");
    assert_eq!(vectors.len(), 26);
    let keys = format!("{}/../../vectors/jwks.json", env!("CARGO_MANIFEST_DIR"));
    let seen = Mutex::new(BTreeMap::new());
    in_parallel(&vectors, |vector| {
        let (id, jwt) = (text(vector, "id"), &vector["jwt"]);
        let call = |command: &str| {
            sealkit([command, "--json"])
                .arg("--jwks", keys.as_str())
                .arg("--now", jwt["now_s"].to_string())
                .env("WORKOS_CLIENT_ID", text(jwt, "client_id"))
                .password(text(vector, "password"))
                .input(format!("{}\n", text(vector, "cookie_value")))
                .run()
        };
        let ran = call("authenticate");
        let (answer, reason) = (ran.json(), expected_reason(id, text(jwt, "verify")));
        assert_eq!(answer["authenticated"], reason.is_empty(), "{id}: {ran}");
        assert_eq!(ran.code, i32::from(!reason.is_empty()), "{id}: {ran}");
        if reason.is_empty() {
            assert_eq!(answer["user"]["id"], vector["payload"]["user"]["id"], "{id}");
            assert_eq!(answer["claims"]["sid"], answer["session_id"], "{id}");
        } else {
            assert_eq!(answer["reason"], reason, "{id}");
            assert_eq!(answer["retryable"], false, "{id}");
            assert_eq!(answer.get("claims").is_some(), reason == "expired_jwt", "{id}: proven claims only");
        }

        let inspected = call("inspect");
        let verdict = &inspected.json()["verdict"];
        assert_eq!(inspected.code, ran.code, "{id}: {inspected}");
        assert_eq!(verdict["works"], reason.is_empty(), "{id}: {inspected}");
        assert_eq!(verdict["reason"].as_str().unwrap_or_default(), reason, "{id}: {inspected}");
        *seen.lock().unwrap().entry(text(jwt, "verify").to_owned()).or_insert(0) += 1;
    });
    assert_eq!(seen.into_inner().unwrap().len(), 8, "every kind of token was there");
}
