//! The reported cookie, in a pipe and on a terminal of its own.

use super::hostile::{assert_harmless, assert_printed_harmless, token};
use crate::{
    common::{PASSWORD, sealkit},
    find,
};
use serde_json::json;
use std::process::Command;

/// A token that no key has signed: its key id writes a line, its issuer clears the screen, sets the clipboard and the title.
fn reported() -> String {
    let header = json!({"alg": "RS256", "kid": "k\n  ok          signature      verified with key sso_oidc_key_pair_01\n"});
    let claims = json!({
        "sub": "user_1", "sid": "s", "exp": 4_102_444_800_u64, "iat": 1, "auth_time": 1,
        "iss": "x\u{1b}[2J\u{1b}[H\u{1b}[32mworks\u{1b}[0m: the session is valid and its signature verified\u{1b}]52;c;cm0gLXJmIH4K\u{7}\u{1b}]0;PWNED\u{7}",
    });
    json!({"accessToken": token(&header, &claims), "refreshToken": "r", "user": {"id": "user_1"}}).to_string()
}

#[test]
fn reported_cookie_forges_no_line_in_a_pipe() {
    let ran = sealkit(["inspect"]).password(PASSWORD).input(reported()).run();
    assert_printed_harmless(&ran, "in a pipe");
    assert!(!ran.stdout.lines().any(|line| line.trim_start().starts_with("ok          signature")), "{ran}");
    assert!(!ran.stdout.contains("xworks"), "{ran}");
    assert!(ran.stdout.contains(r"x\u{1b}[2J\u{1b}[H\u{1b}[32mworks"), "{ran}");
}

/// On a terminal the colours are the only escape sequences.
#[test]
fn reported_cookie_drives_no_terminal() {
    let Some(script) = find::or_skip(find::program(&["script"]), "script (util-linux)") else { return };
    let directory = tempfile::tempdir().unwrap();
    let cookie = directory.path().join("cookie");
    std::fs::write(&cookie, reported()).unwrap();
    let command = format!("'{}' inspect < '{}'", env!("CARGO_BIN_EXE_sealkit"), cookie.display());
    let output = Command::new(script)
        .args(["-qc", &command, "/dev/null"])
        .env_clear()
        .env("WORKOS_COOKIE_PASSWORD", PASSWORD)
        .env("TERM", "xterm-256color")
        .env("PATH", "/usr/bin:/bin")
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n");
    assert!(printed.contains("\u{1b}[33mnot verified"), "it has colours: {printed:?}");
    assert_harmless(&without_colours(&printed), "on a terminal");
    let forged = |line: &str| without_colours(line).trim_start().starts_with("ok          signature");
    assert!(!printed.lines().any(forged), "{printed}");
}

/// Without `ESC [ … m`; an escape of another kind stays.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('m') {
            Some((codes, rest)) if codes.bytes().all(|b| b.is_ascii_digit() || b == b';') => {
                plain.push_str(rest)
            }
            _ => plain.push_str(&format!("\u{1b}[{part}")),
        }
    }
    plain
}
