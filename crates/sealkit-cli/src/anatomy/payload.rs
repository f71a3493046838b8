//! What is inside a seal that opened, when it is no session.

use super::diagnosis::Diagnosis;
use sealkit::{format::Format, session::Style};
use serde_json::{Map, Value};

/// A verifier cookie's content.
pub(super) fn is_sign_in_state(plaintext: &[u8]) -> bool {
    object(plaintext).is_some_and(|members| members.contains_key("codeVerifier"))
}

/// Why this is no session of `format`.
pub(super) fn explain(plaintext: &[u8], format: Format) -> Diagnosis {
    let text = String::from_utf8_lossy(plaintext);
    if matches!(text.trim(), "" | "null" | "\"\"") {
        return Diagnosis::PayloadNull;
    }
    let Some(members) = object(plaintext) else { return Diagnosis::PayloadNotObject };
    let members = enveloped(members, format);
    let is_camel = matches!(format.style(), Style::Camel | Style::KotlinMixed);
    let (own, other) =
        if is_camel { ("accessToken", "access_token") } else { ("access_token", "accessToken") };
    let has = |name: &str| members.get(name).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    match () {
        () if members.is_empty() => Diagnosis::EmptyPayload,
        () if members.contains_key("jwt") => Diagnosis::RouterUnsigned,
        () if members.contains_key("codeVerifier") => Diagnosis::SignInState,
        () if !has(own) && has(other) => Diagnosis::OtherNames,
        () => Diagnosis::NoAccessToken,
    }
}

fn object(plaintext: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(plaintext).ok()
}

/// What is inside the envelope of PHP 4.
fn enveloped(mut members: Map<String, Value>, format: Format) -> Map<String, Value> {
    let name = match format {
        Format::PhpHalite => "data",
        Format::PhpSigned => "d",
        _ => return members,
    };
    match members.remove(name) {
        Some(Value::Object(inner)) => inner,
        _ => Map::new(),
    }
}
