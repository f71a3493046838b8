//! Key sets with odd entries, as the API's endpoint answers them.

use crate::{
    ears::heard,
    recorder::Seen,
    support::{World, refused, session},
};
use sealkit::{Reason, token::KeySet};
use sealkit_devidp::{Endpoint, Fault};
use serde_json::{Value, json};
use std::time::Duration;

const SKIPPED: &str = "entries of the key set cannot be used and were skipped";

fn warnings() -> Vec<String> {
    heard().lines().filter(|line| line.contains(SKIPPED)).map(str::to_owned).collect()
}

/// From now on the endpoint answers the set with these entries before the good ones.
fn answer_with(world: &World, odd: &[Value]) {
    let mut set = world.idp.jwks_json();
    let keys = set["keys"].as_array_mut().unwrap();
    keys.splice(..0, odd.iter().cloned());
    world.idp.clear_faults(Endpoint::Jwks);
    world.idp.fault(Endpoint::Jwks, Fault::json(200, &set).always());
}

#[tokio::test(start_paused = true)]
async fn odd_entries_are_logged_once_per_set() {
    let seen = Seen::default();
    let _recording = metrics::set_default_local_recorder(&seen);
    let world = World::new();
    let odd = [
        json!(null),
        json!({ "kty": "RSA", "kid": 7 }),
        json!({ "kty": "EC", "kid": "ec\r\nWARN forged \u{1b}[2K\u{202e}", "crv": "P-256" }),
    ];
    answer_with(&world, &odd);
    session(&world.authenticate(&world.ada()).await);
    let [warning] = &warnings()[..] else { panic!("{:?}", warnings()) };
    assert!(
        warning.ends_with(
            r#" usable=1 skipped=3 entries=keys[0]: not a JSON object; keys[1]: `kid` has the wrong JSON type; key "ec\r\nWARN forged \u{1b}[2K\u{202e}" (keys[2]): `kty` is not "RSA""#
        ),
        "{warning}"
    );
    world.sealkit.record_gauges();
    assert_eq!(seen.last("sealkit_jwks_skipped_keys"), Some(3.0));

    // The same set again: fetched twice more, logged no more.
    for _ in 0..2 {
        world.pass(Duration::from_secs(600)).await;
        session(&world.authenticate(&world.ada()).await);
    }
    assert_eq!(world.key_set_count(), 3);
    assert_eq!(warnings().len(), 1);

    answer_with(&world, &odd[..1]);
    world.pass(Duration::from_secs(600)).await;
    session(&world.authenticate(&world.ada()).await);
    assert_eq!(warnings().len(), 2, "another set is news");
    world.sealkit.record_gauges();
    assert_eq!(seen.last("sealkit_jwks_skipped_keys"), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn failure_names_the_tokens_skipped_key() {
    let world = World::new();
    let mut padded = world.idp.jwks_json()["keys"][0].clone();
    padded["n"] = format!("{}==", padded["n"].as_str().unwrap()).into();
    let kid = padded["kid"].as_str().unwrap().to_owned();

    // With no usable key beside it, every session has to wait for a better set.
    world.idp.fault(Endpoint::Jwks, Fault::json(200, &json!({ "keys": [padded, 7] })).times(1));
    let outcome = world.authenticate(&world.ada()).await;
    let failure = outcome.failure().unwrap();
    assert_eq!(failure.reason(), Reason::JwksUnavailable);
    let reason = format!(
        "key {kid:?} (keys[0]): `n` ends with `=`, and base64url integers have no padding (RFC 7518 §2)"
    );
    assert_eq!(
        failure.hint().unwrap(),
        format!("the key set has no key that can verify RS256: {reason}; keys[1]: not a JSON object")
    );

    // With another key beside it, only the sessions of the padded key are rejected.
    let mut other = World::new().idp.jwks_json()["keys"][0].clone();
    other["kid"] = "other".into();
    let pinned = KeySet::parse(json!({ "keys": [padded, other] }).to_string().as_bytes()).unwrap();
    let pinned = world.builder().key_set(pinned).build().unwrap();
    let outcome = pinned.authenticate(&world.ada()).await;
    refused(&outcome, Reason::UnknownSigningKey);
    let hint = outcome.failure().unwrap().hint().unwrap();
    assert_eq!(hint, format!("the key set has the token's key, but it cannot be used: {reason}"));
    assert_eq!(warnings().len(), 1, "a pinned set is logged, too");
}
