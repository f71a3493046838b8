//! The crate `workos`: AES-GCM with a key in hex.

use super::Sdk;
use crate::{
    sessions::{now, ring, seal, snake_sessions},
    support,
};
use sealkit::{SystemRandom, format::Format};
use serde_json::{Value, json};

/// What the crate's own types hold: the members that they name, without nulls.
pub(crate) fn held_by_the_crate(payload: &Value) -> Value {
    const SESSION: [&str; 4] = ["access_token", "refresh_token", "user", "impersonator"];
    const USER: [&str; 14] = [
        "object",
        "id",
        "first_name",
        "last_name",
        "name",
        "profile_picture_url",
        "email",
        "email_verified",
        "external_id",
        "metadata",
        "last_sign_in_at",
        "locale",
        "created_at",
        "updated_at",
    ];
    const IMPERSONATOR: [&str; 2] = ["email", "reason"];
    let mut held = payload.clone();
    keep(&mut held, &SESSION);
    keep(&mut held["user"], &USER);
    if let Some(impersonator) = held.get_mut("impersonator") {
        keep(impersonator, &IMPERSONATOR);
    }
    held
}

fn keep(object: &mut Value, names: &[&str]) {
    object.as_object_mut().unwrap().retain(|name, value| names.contains(&name.as_str()) && !value.is_null());
}

fn sdk() -> Option<Sdk> {
    Some(Sdk {
        name: "the crate workos".to_owned(),
        peer: support::rust::start()?,
        format: Format::RustGcm,
        passwords: vec!["8f".repeat(32), "8F".repeat(32)],
        other_password: "8e".repeat(32),
        seals: held_by_the_crate,
        opens: held_by_the_crate,
    })
}

#[tokio::test]
async fn the_crate_s_sessions_go_both_ways() {
    let Some(mut sdk) = sdk() else { return };
    sdk.goes_both_ways().await;
}

#[tokio::test]
async fn a_password_that_the_crate_refuses_seals_nothing_here_either() {
    let Some(mut sdk) = sdk() else { return };
    let payload = &snake_sessions()[0];
    for password in ["correct horse battery staple, and more".to_owned(), "8f".repeat(31), "8g".repeat(32)] {
        sdk.peer.refusal("seal", json!({ "payload": payload, "password": password })).await;
        let text = payload.to_string();
        let refused = sdk.format.seal(text.as_bytes(), &ring(&password), now(), &SystemRandom);
        assert!(refused.is_err(), "{password}");
    }
}

/// Under a password of 64 hex digits Go and Rust write the same thing.
#[tokio::test]
async fn what_sealkit_seals_for_go_the_crate_opens() {
    let Some(mut sdk) = sdk() else { return };
    let password = sdk.passwords[0].clone();
    for payload in snake_sessions() {
        let sealed = seal(Format::GoGcm, &payload.to_string(), &password);
        sdk.opens_there(&sealed, &held_by_the_crate(&payload), &password).await;
    }
}
