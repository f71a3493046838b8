//! Opening a value in every format that it may be, and remembering what came of it.

use super::Subject;
use crate::output;
use sealkit::{
    Detail, Key, KeyRing, UnixMillis,
    format::{Cost, Format, detect},
    session::DEFAULT_LIMIT,
};

/// What opened.
#[derive(Debug)]
pub(super) struct Opening {
    /// The container; which of the iron writers it was, the payload says.
    pub(super) format: Format,
    /// The password's name; none for a format that has none.
    pub(super) key: Option<String>,
    /// When it was sealed, where the format says so.
    pub(super) sealed_at: Option<UnixMillis>,
    pub(super) expires_at: Option<UnixMillis>,
    pub(super) plaintext: Vec<u8>,
}

/// The formats that a value may be of: the expected one alone if it is among them.
pub(super) fn candidates(value: &str, expected: Option<Format>) -> Vec<Format> {
    let all: Vec<Format> = detect(value).iter().collect();
    match expected {
        Some(expected) if all.contains(&expected) => vec![expected],
        _ => all,
    }
}

/// Opens `value`, as the reader does it, in whichever of `formats` its tag verifies.
///
/// # Errors
/// What the reader says: a tag that does not verify before everything that says less.
pub(super) fn open(
    value: &str,
    formats: &[Format],
    ring: &KeyRing,
    now: UnixMillis,
) -> Result<Opening, Detail> {
    if value.len() > DEFAULT_LIMIT {
        return Err(Detail::TooLarge);
    }
    let mut outcome = None;
    let mut plaintext = Vec::new();
    for format in formats {
        match format.open(value, ring, now, &mut plaintext) {
            Ok(opened) => {
                return Ok(Opening {
                    format: *format,
                    key: opened.key.map(Key::name).map(str::to_owned),
                    sealed_at: opened.sealed_at,
                    expires_at: opened.expires_at,
                    plaintext,
                });
            }
            Err(detail @ (Detail::Expired | Detail::NotASession)) => return Err(detail),
            Err(detail) if outcome != Some(Detail::Tampered) => outcome = Some(detail),
            Err(_) => {}
        }
    }
    Err(outcome.unwrap_or(Detail::Malformed))
}

/// The same, whenever it ended.
pub(super) fn open_at_any_time(value: &str, formats: &[Format], ring: &KeyRing) -> Option<Opening> {
    open(value, formats, ring, UnixMillis::from_millis(0)).ok()
}

/// What opens it that was not given: a changed password, or the derived one. Of a costly format few are tried.
pub(super) fn open_with_spare(
    value: &str,
    subject: Subject<'_>,
) -> Option<(super::finding::Finding, Opening)> {
    let formats = candidates(value, subject.expected);
    let is_costly = formats.iter().any(|format| format.cost() == Cost::Costly);
    let most = if is_costly { 8 } else { usize::MAX };
    subject.spares.iter().take(most).find_map(|spare| {
        let opening = open_at_any_time(value, &formats, &spare.ring)?;
        opening
            .key
            .is_some()
            .then(|| (spare.diagnosis.about(format!("password {}", output::word(&spare.name))), opening))
    })
}

/// What a value that has lost its shape was, by how it begins.
pub(super) fn family(value: &str) -> Option<Format> {
    Some(match value {
        v if v.starts_with("Fe26.2") => Format::Iron,
        v if v.starts_with("gAAAAA") => Format::PythonFernet,
        v if v.starts_with("TVVJRUF") => Format::PhpHalite,
        v if v.starts_with("eyJwIjoi") => Format::PhpSigned,
        v if v.starts_with("eyJqd3QiO") => Format::RrCookie,
        v if v.starts_with("sj1.") => Format::SignedJson,
        v if v.starts_with('{') => Format::PlainJson,
        v if v.len() >= 40 && v.ends_with("~2") && is_base64(v.trim_end_matches("~2")) => Format::DotnetGcm,
        _ => return None,
    })
}

/// Standard base64, whatever its length and end.
pub(super) fn is_base64(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
}
