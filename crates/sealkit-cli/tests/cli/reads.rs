//! What other SDKs read and write: Kotlin's container, passwords without a floor, values in lines, and the report of `convert`.

use crate::common::{PASSWORD, sealkit};
use sealkit::{KeyRing, SystemRandom, UnixMillis, format::Format};
use serde_json::{Value, json};
use std::fs;
use tempfile::TempDir;

const NOW: &str = "1796600000";

fn seal(format: Format, payload: &str, password: &str) -> String {
    let ring = KeyRing::from_password(password).unwrap();
    format.seal(payload.as_bytes(), &ring, UnixMillis::from_secs(1_796_600_000), &SystemRandom).unwrap()
}

/// Kotlin's own, with a user that tells nothing of its names, and with none.
const KOTLIN: [&str; 3] = [
    r#"{"accessToken":"a.b.c","refreshToken":"r","user":null,"authenticationMethod":null,"impersonator":null}"#,
    r#"{"accessToken":"a.b.c","refreshToken":"r","user":{"id":"u","email":"a@example.test"}}"#,
    r#"{"accessToken":"a.b.c","refreshToken":"r","user":{"id":"u","created_at":"2026-01-01T00:00:00Z"}}"#,
];

#[test]
fn kotlin_seals_are_kotlins_whatever_their_user_tells() {
    for payload in KOTLIN {
        let value = seal(Format::KotlinIron, payload, PASSWORD);
        let ran = sealkit(["inspect", "--json", "--now", NOW, "--format", "kotlin-iron"])
            .password(PASSWORD)
            .input(value.as_str())
            .run();
        let told = ran.json();
        assert_eq!(told["format"], "kotlin-iron", "{ran}");
        assert_ne!(told["verdict"]["detail"], "format_not_read", "{ran}");
        let codes: Vec<&str> =
            told["diagnoses"].as_array().unwrap().iter().filter_map(|found| found["code"].as_str()).collect();
        assert!(!codes.contains(&"not_for_kotlin"), "{ran}");

        let ran = sealkit(["key", "status", "--json", "--now", NOW]).password(PASSWORD).input(value).run();
        assert!(ran.stdout.contains("\"kotlin-iron\""), "{ran}");
        let kinds = ran.json();
        assert!(!kinds["seen"].to_string().contains("\"iron\""), "{ran}");
    }
}

/// A value that workos-go sealed under 14 characters: made with the codec, whose ring seals with 32 characters at least.
const SHORT: &str = "short-go-password";

fn short_sealed() -> String {
    include_str!("short-password.go-gcm").trim_end().to_owned()
}

#[test]
fn short_passwords_open_what_go_sealed_and_lead_out_of_it() {
    let directory = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (short, long) = (file("short", SHORT), file("long", PASSWORD));
    let value = short_sealed();
    let ran =
        sealkit(["unseal", "--json", "--now", NOW, "--password-file", &short]).input(value.as_str()).run();
    assert_eq!(ran.code, 0, "{ran}");
    assert!(ran.stderr.contains("warning: password \"short\" has 17 characters"), "{ran}");
    assert_eq!(ran.json()["format"], "go-gcm");

    let ran = sealkit(["convert", "--now", NOW, "--to", "iron", "--password-file", &short])
        .arg("--to-password-file", long.clone())
        .input(value.as_str())
        .run();
    assert_eq!(ran.code, 0, "{ran}");
    let opened = sealkit(["unseal", "--json", "--now", NOW, "--password-file", &long])
        .input(ran.stdout.as_str())
        .run();
    assert_eq!((opened.code, &opened.json()["format"]), (0, &json!("iron")), "{opened}");

    // Nothing is sealed with it, and no iron seal is tried with it.
    let ran = sealkit(["convert", "--now", NOW, "--to", "iron", "--password-file", &short])
        .input(value.as_str())
        .run();
    assert_eq!(ran.code, 2, "{ran}");
    let iron = seal(Format::Iron, KOTLIN[0], PASSWORD);
    let ran = sealkit(["unseal", "--json", "--now", NOW, "--password-file", &short]).input(iron).run();
    assert_eq!(ran.json()["error"]["detail"], "bad_password", "{ran}");
}

#[test]
fn values_broken_into_lines_are_put_together() {
    let payload = format!(r#"{{"access_token":"a.b.c","refresh_token":"{}"}}"#, "r".repeat(200));
    let value = seal(Format::GoGcm, &payload, PASSWORD);
    let lines: Vec<&str> =
        (0..value.len()).step_by(76).map(|at| &value[at..value.len().min(at + 76)]).collect();
    for end in ["\n", "\r\n"] {
        let ran = sealkit(["unseal", "--json", "--now", NOW]).password(PASSWORD).input(lines.join(end)).run();
        assert_eq!(ran.code, 0, "{ran}");
        assert!(ran.stderr.contains("the line feeds were taken out"), "{ran}");
        assert_eq!(ran.json()["format"], "go-gcm", "{ran}");
    }
}

#[test]
fn convert_tells_what_go_and_kotlin_refuse() {
    let losses = |payload: &str, to: &str| -> Value {
        let directory = TempDir::new().unwrap();
        let out = directory.path().join("out").display().to_string();
        let ran = sealkit(["convert", "--json", "--now", NOW, "--to", to, "--out", &out])
            .password(PASSWORD)
            .input(seal(Format::RubyV7, payload, PASSWORD))
            .run();
        assert_eq!(ran.code, 0, "{ran}");
        ran.json()["losses"].clone()
    };
    let twin = losses(r#"{"access_token":"a.b.c","refresh_token":"r","User":"pro"}"#, "go-gcm");
    assert_eq!(twin, json!([{"member": "User", "loss": "needed", "lines": 1, "taken_for": "user"}]));
    let kotlin = losses(
        r#"{"access_token":"a.b.c","refresh_token":"r","user":{"id":"u","email":"e","metadata":{"n":{}}}}"#,
        "kotlin-iron",
    );
    let needed: Vec<&str> =
        kotlin.as_array().unwrap().iter().filter_map(|loss| loss["member"].as_str()).collect();
    assert_eq!(needed, ["user.created_at", "user.metadata", "user.updated_at"]);
    let iron = losses(
        r#"{"access_token":"a.b.c","refresh_token":"r","organization_id":"org_1","user":{"id":"u"}}"#,
        "iron",
    );
    assert_eq!(
        iron,
        json!([{"member": "organization_id", "loss": "not_kept", "lines": 1, "sdk": "authkit-session"}])
    );
}
