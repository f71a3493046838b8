//! `workos` of PyPI: Fernet.

use super::{Sdk, whole};
use crate::{
    sessions::{now, ring, seal, snake_sessions},
    support::python::{self, VERSIONS, seals_whole},
};
use sealkit::format::Format;
use serde_json::{Value, json};

/// Version 6 and later seal these, whatever they are given.
fn four_members(payload: &Value) -> Value {
    let mut payload = payload.clone();
    let names = ["access_token", "refresh_token", "user", "impersonator"];
    payload.as_object_mut().unwrap().retain(|name, _| names.contains(&name.as_str()));
    payload
}

fn sdk(version: &str) -> Option<Sdk> {
    Some(Sdk {
        name: format!("workos {version}"),
        peer: python::start("seal.py", version)?,
        format: Format::PythonFernet,
        // Both alphabets of base64 are in use.
        passwords: vec![
            "q83vEjRWeJq83vEjRWeJq83vEjRWeJq83vEjRWeJq80=".to_owned(),
            "xXMzDBjDQvBC4krSwvnZwP_4jv3_thVQSd-M3uRLYBc=".to_owned(),
            "xXMzDBjDQvBC4krSwvnZwP/4jv3/thVQSd+M3uRLYBc=".to_owned(),
        ],
        other_password: "b".repeat(43) + "=",
        seals: if seals_whole(version) { whole } else { four_members },
        opens: whole,
    })
}

#[tokio::test]
async fn python_s_sessions_go_both_ways_in_every_version() {
    for version in VERSIONS {
        let Some(mut sdk) = sdk(version) else { return };
        sdk.goes_both_ways().await;
    }
}

#[tokio::test]
async fn the_time_in_a_token_of_python_s_is_when_it_was_sealed() {
    for version in VERSIONS {
        let Some(mut sdk) = sdk(version) else { return };
        let password = sdk.passwords[0].clone();
        let before = now().as_secs();
        let sealed = sdk.seal(&snake_sessions()[0], &password).await;
        let after = now().as_secs();
        let ring = ring(&password);
        let opened = Format::PythonFernet.open(&sealed, &ring, now(), &mut Vec::new()).unwrap();
        let sealed_at = opened.sealed_at.unwrap().as_secs();
        assert!((before..=after).contains(&sealed_at), "{before} {sealed_at} {after}");
        assert_eq!(opened.expires_at, None);
    }
}

/// Python's Fernet takes 32 bytes in base64 and nothing else, so a ring of passphrases must not pretend to seal for it.
#[tokio::test]
async fn a_password_that_python_refuses_seals_nothing_here_either() {
    for version in VERSIONS {
        let Some(mut sdk) = sdk(version) else { return };
        let good = sdk.passwords[0].clone();
        let payload = &snake_sessions()[0];
        let sealed = seal(sdk.format, &payload.to_string(), &good);
        for password in ["8f".repeat(32), "correct horse battery staple, and more".to_owned(), "a".repeat(43)]
        {
            sdk.peer.refusal("seal", json!({ "payload": payload, "password": password })).await;
            sdk.peer.refusal("open", json!({ "sealed": sealed, "password": password })).await;
            let bytes = payload.to_string();
            let refused = sdk.format.seal(bytes.as_bytes(), &ring(&password), now(), &sealkit::SystemRandom);
            assert!(refused.is_err(), "{password}");
            assert!(crate::sessions::open(sdk.format, &sealed, &password).is_err(), "{password}");
        }
    }
}
