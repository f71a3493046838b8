//! Key sets that are given as a file, with entries that cannot be used.

use crate::common::{PASSWORD, Ran, sealkit, vectors};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::{fs, path::Path};

const NOW: &str = "2026-01-01T00:00:00Z";
const CLIENT_ID: &str = "client_01FAKEPUBLICCLIENT00000000";

/// The first key of the public vectors, which signed their good token.
fn good() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/jwks.json");
    let mut set: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    set["keys"][0].take()
}

fn good_with(member: &str, change: impl FnOnce(&str) -> String) -> Value {
    let mut key = good();
    key[member] = change(key[member].as_str().unwrap()).into();
    key
}

/// Runs a command on the vectors' good cookie, with a key set of these entries. The file's folder is cut from what it prints.
fn run(command: &str, name: &str, entries: &[Value]) -> Ran {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("{command}-{name}.json"));
    fs::write(&path, json!({ "keys": entries }).to_string()).unwrap();
    let cookies = vectors("jwt");
    let cookie = cookies.iter().find(|vector| vector["id"] == "jwt-valid").unwrap();
    let mut ran = sealkit([command, "--now", NOW, "--jwks", &path.display().to_string()])
        .password(PASSWORD)
        .env("WORKOS_CLIENT_ID", CLIENT_ID)
        .input(cookie["cookie_value"].as_str().unwrap())
        .run();
    ran.stderr = ran.stderr.replace(&format!("{}/", folder.display()), "");
    ran
}

#[test]
fn odd_entry_beside_the_key_changes_nothing() {
    let same_id = json!({ "kty": "EC", "kid": good()["kid"], "crv": "P-256", "use": "sig", "alg": "ES256" });
    for (name, odd, warning) in [
        ("null", json!(null), "keys[0]: not a JSON object"),
        (
            "alg-number",
            json!({ "kty": "RSA", "kid": "z", "alg": 5 }),
            "key \"z\" (keys[0]): `alg` has the wrong JSON type",
        ),
        ("kty-number", json!({ "kty": 5, "kid": "q" }), "key \"q\" (keys[0]): `kty` has the wrong JSON type"),
        ("same-kid", same_id, &*format!("key {} (keys[0]): `kty` is not \"RSA\"", good()["kid"])),
    ] {
        for command in ["authenticate", "inspect"] {
            let ran = run(command, name, &[odd.clone(), good()]);
            assert_eq!(ran.code, 0, "{name}: {ran}");
            assert_eq!(ran.stderr, format!("warning: {command}-{name}.json: skipped {warning}\n"), "{ran}");
        }
    }
    let ran = run(
        "authenticate",
        "65-keys",
        &[vec![json!({ "kty": "EC", "kid": "k" }); 65], vec![good()]].concat(),
    );
    assert_eq!(ran.code, 0, "{ran}");
    assert!(ran.stderr.ends_with("warning: authenticate-65-keys.json: skipped 1 more\n"), "{ran}");
}

#[test]
fn rsa_integer_in_another_form_is_named() {
    let zero = |n: &str| URL_SAFE_NO_PAD.encode([&[0], &URL_SAFE_NO_PAD.decode(n).unwrap()[..]].concat());
    let entries = [
        ("n-padded", good_with("n", |n| format!("{n}=="))),
        ("n-standard-alphabet", good_with("n", |n| n.replace('-', "+").replace('_', "/"))),
        ("n-leading-zero", good_with("n", zero)),
        ("e-leading-zero", good_with("e", zero)),
    ];
    for (name, key) in &entries {
        let (member, kid) = (name.split('-').next().unwrap(), &key["kid"]);
        let named = format!("key {kid} (keys[0]): `{member}` ");
        for command in ["authenticate", "inspect"] {
            let ran = run(command, name, std::slice::from_ref(key));
            assert_eq!(ran.code, 1, "{ran}");
            let warnings = format!(
                "warning: {command}-{name}.json holds no key that can verify an RS256 signature\n\
                 warning: {command}-{name}.json: skipped {named}"
            );
            assert!(ran.stderr.starts_with(&warnings), "{ran}");
            assert!(
                match command {
                    "inspect" => ran.stdout.contains(&named),
                    _ => ran.stderr.contains(&format!("\nfix: correct the key set: {named}")),
                },
                "{ran}"
            );
        }
    }
    let [(name, key), ..] = &entries;
    insta::assert_snapshot!(run("authenticate", name, std::slice::from_ref(key)), @r#"
    exit code: 1
    --- stderr
    warning: authenticate-n-padded.json holds no key that can verify an RS256 signature
    warning: authenticate-n-padded.json: skipped key "sso_oidc_key_pair_FAKE_public_1" (keys[0]): `n` ends with `=`, and base64url integers have no padding (RFC 7518 §2)
    unknown_signing_key: the key set of this client has no key with the token's id
    fix: correct the key set: key "sso_oidc_key_pair_FAKE_public_1" (keys[0]): `n` ends with `=`, and base64url integers have no padding (RFC 7518 §2)
    "#);
}

#[test]
fn text_of_the_key_set_forges_no_line() {
    let odd = json!({ "kty": "EC", "kid": "a\u{1b}[2K\rauthenticated user_forged\n\u{202e}" });
    for command in ["authenticate", "inspect"] {
        let ran = run(command, "forged", &[odd.clone(), good()]);
        assert!(ran.stderr.contains(r#""a\u{1b}[2K\rauthenticated user_forged\n\u{202e}""#), "{ran}");
        assert_eq!(ran.stderr.lines().count(), 1, "{ran}");
        assert!(!ran.stderr.contains(['\u{1b}', '\r', '\u{202e}']), "{ran}");
    }
}
