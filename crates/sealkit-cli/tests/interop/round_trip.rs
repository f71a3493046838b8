//! One session, opened and written by one SDK after the other with sealkit in between: which member gets lost where, and why.

use crate::{
    sessions::{access_token, open, parsed, seal},
    support::{
        self,
        peer::Peer,
        python::{self, VERSIONS, seals_whole},
    },
};
use sealkit::{format::Format, session::payload_in};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const NODE: &str = "workos-node-11";
/// Base64 of 32 bytes: Node's passphrase and Python's key.
const PASSWORD: &str = "q83vEjRWeJq83vEjRWeJq83vEjRWeJq83vEjRWeJq80=";
/// Rust's.
const HEX_PASSWORD: &str = "f35184a3a9dc74b56b3716c7d2baecfc2a13a5ddc5b4d179097fcd7938747702";

/// Metadata is the application's: no SDK, and no conversion, may touch these names.
fn metadata() -> Value {
    json!({
        "favorite_color": "snake", "favoriteColor": "camel", "access_token": "none", "organizationId": "neither",
        "ключ": "значение; \"q\" \\",
    })
}

/// The session as Node writes it, with one member in `user` that only the application knows.
fn in_camel_case() -> Value {
    json!({
        "organizationId": "org_1",
        "user": {
            "object": "user", "id": "user_1", "email": "zoe@example.com", "emailVerified": true,
            "name": "Zoë \"Z\" 李", "firstName": "Zoë \"Z\"; Path=/", "profilePictureUrl": null, "lastName": "O'Brien 🧑‍🚀",
            "lastSignInAt": "2026-01-01T00:00:00.000Z", "locale": "fr-CA", "createdAt": "2025-01-01T00:00:00.000Z",
            "updatedAt": "2025-06-01T12:34:56.789Z", "externalId": "crm-7", "metadata": metadata(),
            "badgeNumber": 7,
        },
        "accessToken": access_token(Some("org_1")),
        "refreshToken": "refresh+/=;",
        "authenticationMethod": "Password",
        "impersonator": { "email": "support@example.com", "reason": null },
    })
}

/// The same, as every other SDK names it.
fn in_snake_case() -> Value {
    json!({
        "organization_id": "org_1",
        "user": {
            "object": "user", "id": "user_1", "email": "zoe@example.com", "email_verified": true,
            "name": "Zoë \"Z\" 李", "first_name": "Zoë \"Z\"; Path=/", "profile_picture_url": null, "last_name": "O'Brien 🧑‍🚀",
            "last_sign_in_at": "2026-01-01T00:00:00.000Z", "locale": "fr-CA", "created_at": "2025-01-01T00:00:00.000Z",
            "updated_at": "2025-06-01T12:34:56.789Z", "external_id": "crm-7", "metadata": metadata(),
            "badgeNumber": 7,
        },
        "access_token": access_token(Some("org_1")),
        "refresh_token": "refresh+/=;",
        "authentication_method": "Password",
        "impersonator": { "email": "support@example.com", "reason": null },
    })
}

/// Why an SDK does not write a member back that it was given.
const BY_PYTHON_6: [&str; 2] = [
    // `seal_session_from_auth_response` has no argument for either.
    "authentication_method",
    "organization_id",
];
const BY_RUST: [&str; 5] = [
    // `SessionData` has four members, and serde skips what a struct does not name.
    "authentication_method",
    // `skip_serializing_if = "Option::is_none"`.
    "impersonator.reason",
    "organization_id",
    "user.badgeNumber",
    "user.profile_picture_url",
];

/// Values by path, down to what is no object.
fn members(payload: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let mut todo = vec![(String::new(), payload)];
    while let Some((path, value)) = todo.pop() {
        match value.as_object() {
            Some(object) => todo.extend(object.iter().map(|(name, value)| {
                (if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, value)
            })),
            None => drop(found.insert(path, value.clone())),
        }
    }
    found
}

/// What is not in `after` of what was in `before`; nothing may be there that was not, or otherwise.
fn lost(before: &Value, after: &Value) -> Vec<String> {
    let (before, after) = (members(before), members(after));
    for (path, value) in &after {
        assert_eq!(before.get(path), Some(value), "{path}");
    }
    before.into_keys().filter(|path| !after.contains_key(path)).collect()
}

/// Opens a seal and seals what it found, as an SDK does that refreshes a session.
async fn rewritten(peer: &mut Peer, sealed: &str, password: &str) -> String {
    let opened = peer.ask("open", json!({ "sealed": sealed, "password": password })).await;
    let payload = parsed(opened.as_str().unwrap());
    let sealed = peer.ask("seal", json!({ "payload": payload, "password": password })).await;
    sealed.as_str().unwrap().to_owned()
}

/// Opens a seal of one SDK and seals it for another.
fn carried(sealed: &str, (from, password): (Format, &str), (to, new_password): (Format, &str)) -> String {
    let converted = payload_in(&open(from, sealed, password).unwrap(), to);
    seal(to, &converted.payload, new_password)
}

/// What sealkit says that the SDK of this format will not keep.
fn told((from, password): (Format, &str), sealed: &str, to: Format) -> Vec<String> {
    let losses = payload_in(&open(from, sealed, password).unwrap(), to).losses;
    let mut members: Vec<String> = losses.iter().map(|loss| loss.member().to_owned()).collect();
    members.sort_unstable();
    members
}

fn payload(format: Format, sealed: &str, password: &str) -> Value {
    parsed(open(format, sealed, password).unwrap().expose_text())
}

#[tokio::test]
async fn a_session_goes_from_node_over_python_and_rust_to_node_with_every_member_that_each_can_hold() {
    const IRON: (Format, &str) = (Format::Iron, PASSWORD);
    const FERNET: (Format, &str) = (Format::PythonFernet, PASSWORD);
    const GCM: (Format, &str) = (Format::RustGcm, HEX_PASSWORD);
    for version in VERSIONS {
        let Some(mut node) = Peer::node("seal.mjs", NODE) else { return };
        let Some(mut python) = python::start("seal.py", version) else { return };
        let Some(mut rust) = support::rust::start() else { return };

        let asked = json!({ "payload": in_camel_case(), "password": PASSWORD });
        let by_node = node.ask("seal", asked).await;
        let by_node = by_node.as_str().unwrap();
        assert_eq!(payload(Format::Iron, by_node, PASSWORD), in_camel_case());

        let for_python = carried(by_node, IRON, FERNET);
        let before = payload(Format::PythonFernet, &for_python, PASSWORD);
        assert_eq!(before, in_snake_case(), "on the way to Python nothing is lost");
        let by_python = rewritten(&mut python, &for_python, PASSWORD).await;
        let after = payload(Format::PythonFernet, &by_python, PASSWORD);
        let by_this_python: &[&str] = if seals_whole(version) { &[] } else { &BY_PYTHON_6 };
        assert_eq!(lost(&before, &after), by_this_python, "workos {version}");
        assert_eq!(told(IRON, by_node, Format::PythonFernet), BY_PYTHON_6, "told before anybody loses it");

        let for_rust = carried(&by_python, FERNET, GCM);
        let before = payload(Format::RustGcm, &for_rust, HEX_PASSWORD);
        assert_eq!(before, after, "on the way to Rust nothing is lost");
        let by_rust = rewritten(&mut rust, &for_rust, HEX_PASSWORD).await;
        let after = payload(Format::RustGcm, &by_rust, HEX_PASSWORD);
        let expected: Vec<&str> =
            BY_RUST.into_iter().filter(|path| seals_whole(version) || !BY_PYTHON_6.contains(path)).collect();
        assert_eq!(lost(&before, &after), expected, "after workos {version}");
        assert_eq!(told(FERNET, &by_python, Format::RustGcm), expected, "after workos {version}");

        let for_node = carried(&by_rust, GCM, IRON);
        let opened = node.ask("open", json!({ "sealed": for_node, "password": PASSWORD })).await;
        let opened = parsed(opened.as_str().unwrap());
        let gone = [
            "authenticationMethod",
            "impersonator.reason",
            "organizationId",
            "user.badgeNumber",
            "user.profilePictureUrl",
        ];
        assert_eq!(
            lost(&in_camel_case(), &opened),
            gone,
            "whatever Python, Rust is the one that holds least"
        );

        // Node takes the organization from the token, and so it is back.
        let again = rewritten(&mut node, &for_node, PASSWORD).await;
        assert_eq!(payload(Format::Iron, &again, PASSWORD)["organizationId"], "org_1");
    }
}
