//! The two layers of a React Router cookie: which of them is wrong.

use super::{Subject, diagnosis::Diagnosis, opening, refused::Refusal};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use sealkit::format::Format;
use serde_json::{Map, Value};

/// What the signature covers, and the signature.
fn parts(value: &str) -> Option<(&str, Vec<u8>)> {
    let (body, signature) = value.rsplit_once('.')?;
    Some((body, STANDARD_NO_PAD.decode(signature).ok()?))
}

/// The framework's session, proven by nothing.
fn session(body: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&STANDARD.decode(body).ok()?).ok()
}

/// Signed, and without a seal.
pub(super) fn without_seal(value: &str) -> Diagnosis {
    match parts(value).and_then(|(body, _)| session(body)) {
        Some(session) if !session.contains_key("jwt") => Diagnosis::RouterEmpty,
        _ => Diagnosis::PayloadNotObject,
    }
}

/// Signature, seal, or both.
pub(super) fn explain(subject: Subject<'_>) -> Refusal {
    let Some((body, signature)) = parts(&subject.pasted.value) else { return Diagnosis::Malformed.into() };
    let session = session(body);
    let seal = session.as_ref().and_then(|session| session.get("jwt")).and_then(Value::as_str);
    let opening = seal.and_then(|seal| opening::open_at_any_time(seal, &[Format::Iron], subject.ring));
    match opening {
        Some(opening) => {
            Refusal { finding: Diagnosis::RouterSignature.into(), also: None, opening: Some(opening) }
        }
        None if subject.spares.sign(body, &signature) => Diagnosis::RouterInnerSeal.into(),
        None => Diagnosis::OtherPassword.into(),
    }
}
