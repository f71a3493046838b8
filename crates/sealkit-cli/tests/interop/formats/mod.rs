//! Each SDK's own container: what the SDK seals sealkit opens to the same members, what sealkit seals the SDK opens to the
//! same members, and neither takes the other's with another password or another byte.

mod php;
mod python;
mod router;
mod ruby;
mod rust;

use crate::{
    sessions::{open, parsed, seal, snake_sessions},
    support::peer::Peer,
};
use sealkit::{Detail, UnsealedSession, format::Format};
use serde_json::{Value, json};

/// An SDK, and what is true of its container and its own types.
struct Sdk {
    name: String,
    peer: Peer,
    format: Format,
    /// What the format takes.
    passwords: Vec<String>,
    /// One that it takes as well.
    other_password: String,
    /// What the SDK puts into a seal of this session.
    seals: fn(&Value) -> Value,
    /// What it makes of this payload when it opens it.
    opens: fn(&Value) -> Value,
}

impl Sdk {
    async fn goes_both_ways(&mut self) {
        for password in self.passwords.clone() {
            for payload in snake_sessions() {
                let by_sdk = self.seal(&payload, &password).await;
                self.opens_here(&by_sdk, &(self.seals)(&payload), &password);
                let by_sealkit = seal(self.format, &payload.to_string(), &password);
                self.opens_there(&by_sealkit, &(self.opens)(&payload), &password).await;
                for sealed in [by_sdk, by_sealkit] {
                    let other_password = self.other_password.clone();
                    assert_eq!(
                        self.refused(&sealed, &other_password).await,
                        Detail::Tampered,
                        "{}",
                        self.name
                    );
                    // Halite's base64 is wrapped in base64, so another letter may also make it none.
                    let detail = self.refused(&with_another_byte(&sealed), &password).await;
                    assert!(
                        matches!(detail, Detail::Tampered | Detail::Malformed),
                        "{}: {detail:?}",
                        self.name
                    );
                }
            }
        }
    }

    async fn seal(&mut self, payload: &Value, password: &str) -> String {
        let sealed = self.peer.ask("seal", json!({ "payload": payload, "password": password })).await;
        sealed.as_str().unwrap().to_owned()
    }

    fn opens_here(&self, sealed: &str, payload: &Value, password: &str) {
        let session = open(self.format, sealed, password);
        let session = session.unwrap_or_else(|detail| panic!("{}: {detail:?}: {sealed}", self.name));
        assert_eq!(parsed(session.expose_text()), *payload, "{}", self.name);
        assert_members(&session, payload, &self.name);
    }

    async fn opens_there(&mut self, sealed: &str, payload: &Value, password: &str) {
        let text = self.peer.ask("open", json!({ "sealed": sealed, "password": password })).await;
        assert_eq!(parsed(text.as_str().unwrap()), *payload, "{}", self.name);
    }

    /// Why sealkit does not open it; the SDK must not either.
    async fn refused(&mut self, sealed: &str, password: &str) -> Detail {
        self.peer.refusal("open", json!({ "sealed": sealed, "password": password })).await;
        open(self.format, sealed, password).unwrap_err()
    }
}

/// A payload as it is.
fn whole(payload: &Value) -> Value {
    payload.clone()
}

/// Another letter in the middle: in the ciphertext, whatever the container.
fn with_another_byte(sealed: &str) -> String {
    let mut bytes = sealed.as_bytes().to_vec();
    let middle = bytes.len() / 2 + usize::from(bytes[bytes.len() / 2] == b'\n');
    bytes[middle] = if bytes[middle] == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).unwrap()
}

/// What an application of sealkit gets to see is what is in the payload.
fn assert_members(session: &UnsealedSession, payload: &Value, case: &str) {
    assert_eq!(session.access_token(), payload["access_token"], "{case}");
    assert_eq!(session.organization_id(), payload["organization_id"].as_str(), "{case}");
    assert_eq!(session.impersonator_email(), payload["impersonator"]["email"].as_str(), "{case}");
    let (user, expected) = (session.user().unwrap(), &payload["user"]);
    assert_eq!(user.id(), expected["id"].as_str(), "{case}");
    assert_eq!(user.email(), expected["email"].as_str(), "{case}");
    assert_eq!(user.first_name(), expected["first_name"].as_str(), "{case}");
    assert_eq!(user.last_name(), expected["last_name"].as_str(), "{case}");
    assert_eq!(user.external_id(), expected["external_id"].as_str(), "{case}");
    let metadata = user.metadata();
    for (key, value) in expected["metadata"].as_object().into_iter().flatten() {
        assert_eq!(metadata.get(key.as_str()).map(AsRef::as_ref), value.as_str(), "{case}: {key}");
    }
}
