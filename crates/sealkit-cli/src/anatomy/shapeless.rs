//! What a text is that has not the shape of any format.

use super::{
    Subject,
    diagnosis::Diagnosis,
    opening::{self, is_base64},
    refused,
};
use sealkit::format::Format;

/// Shortest text that may be the beginning of a sealed session: the tokens alone are longer.
const SHORTEST: usize = 128;

/// Prefixes of ids at WorkOS.
const IDS: [&str; 8] = ["user_", "session_", "org_", "client_", "conn_", "directory_", "om_", "invitation_"];

/// What it is.
pub(super) fn explain(subject: Subject<'_>) -> Diagnosis {
    let value = &*subject.pasted.value;
    let dots = value.bytes().filter(|b| *b == b'.').count();
    match value {
        v if v.starts_with("eyJ") && dots == 2 => Diagnosis::BareToken,
        v if is_other_iron(v) => Diagnosis::OldIron,
        v if v.starts_with("e30") && dots == 1 => Diagnosis::RouterEmpty,
        v => match opening::family(v) {
            Some(Format::RrCookie) if dots == 0 && v.len() % 4 == 0 => Diagnosis::RouterUnsigned,
            Some(_) => refused::cut_off(subject),
            None if v.len() >= SHORTEST && is_base64(v) => refused::cut_off(subject),
            None => Diagnosis::Unknown,
        },
    }
}

/// What is told by itself, whatever shape base64 may see in it.
pub(super) fn in_spite_of_its_shape(value: &str) -> Option<Diagnosis> {
    match opening::family(value) {
        Some(Format::RrCookie) if !value.contains('.') => Some(Diagnosis::RouterUnsigned),
        _ if value.starts_with("sk_") => Some(Diagnosis::ApiKey),
        _ if value.len() < SHORTEST && IDS.iter().any(|prefix| value.starts_with(prefix)) => {
            Some(Diagnosis::WorkosId)
        }
        _ => is_opaque(value).then_some(Diagnosis::Opaque),
    }
}

/// `Fe26.1*…` and the like.
fn is_other_iron(value: &str) -> bool {
    let start = value.get(..5).unwrap_or_default();
    start.eq_ignore_ascii_case("Fe26.") && !value.starts_with("Fe26.2")
}

/// One short word, as refresh tokens and ids are.
fn is_opaque(value: &str) -> bool {
    let is_word = value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    (16..SHORTEST).contains(&value.len()) && is_word && opening::family(value).is_none()
}
