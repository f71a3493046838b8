//! Why a value does not open: what was done to it, which password it wants, or what else it is.

use super::{
    Subject, damage,
    diagnosis::Diagnosis,
    finding::Finding,
    opening::{self, Opening},
    payload, router, shapeless,
};
use crate::output;
use sealkit::{
    Detail, Untrusted,
    cookie::MAX_COOKIE_BYTES,
    format::{Format, KeyShape},
};

/// Why, and what is inside if some way was found to look.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) finding: Finding,
    /// What is wrong beside it.
    pub(super) also: Option<Finding>,
    pub(super) opening: Option<Opening>,
}

impl From<Finding> for Refusal {
    fn from(finding: Finding) -> Self {
        Self { finding, also: None, opening: None }
    }
}

impl From<Diagnosis> for Refusal {
    fn from(diagnosis: Diagnosis) -> Self {
        Finding::from(diagnosis).into()
    }
}

/// Explains why `subject`'s value, which may be of `formats`, did not open; `detail` is what the reader says.
pub(super) fn explain(subject: Subject<'_>, formats: &[Format], detail: Detail) -> Refusal {
    match detail {
        Detail::TooLarge => return Diagnosis::TooLong.into(),
        Detail::Expired => return expired(subject, formats),
        Detail::NotASession => return container_without_session(subject, formats),
        _ => {}
    }
    if let Some(diagnosis) = shapeless::in_spite_of_its_shape(&subject.pasted.value) {
        return diagnosis.into();
    }
    damaged_but_whole(subject)
        .or_else(|| other_password(subject))
        .or_else(|| damaged(subject))
        .unwrap_or_else(|| as_it_is(subject, formats, detail))
}

/// It ended; looked at as of the day it was sealed.
fn expired(subject: Subject<'_>, formats: &[Format]) -> Refusal {
    let Some(opening) = opening::open_at_any_time(&subject.pasted.value, formats, subject.ring) else {
        return Diagnosis::SealExpired.into();
    };
    let diagnosis = match opening.format {
        Format::PhpHalite | Format::PhpSigned => Diagnosis::EnvelopeExpired,
        _ if payload::is_sign_in_state(&opening.plaintext) => Diagnosis::SignInStateExpired,
        _ => Diagnosis::SealExpired,
    };
    let finding = match opening.expires_at {
        Some(end) => {
            let (at, ago) = (output::rfc3339(end), output::relative(end, subject.now));
            diagnosis.about(format!("it ended {at} ({ago})"))
        }
        None => diagnosis.into(),
    };
    Refusal { finding, also: None, opening: Some(opening) }
}

/// The tag is right, and the container holds nothing that could be a session.
fn container_without_session(subject: Subject<'_>, formats: &[Format]) -> Refusal {
    match formats {
        [Format::RrCookie] => router::without_seal(&subject.pasted.value).into(),
        _ => Diagnosis::PayloadNotObject.into(),
    }
}

/// A repaired value opens: then that is what was wrong.
fn damaged_but_whole(subject: Subject<'_>) -> Option<Refusal> {
    damage::repairs(&subject.pasted.value).into_iter().find_map(|repair| {
        let formats = opening::candidates(&repair.value, subject.expected);
        let opening = opening::open_at_any_time(&repair.value, &formats, subject.ring)?;
        // What no tag proves may open by chance.
        if opening.key.is_none() && !repair.is_certain {
            return None;
        }
        Some(Refusal { finding: repair.diagnosis.into(), also: None, opening: Some(opening) })
    })
}

fn other_password(subject: Subject<'_>) -> Option<Refusal> {
    let (finding, opening) = opening::open_with_spare(&subject.pasted.value, subject)?;
    Some(Refusal { finding, also: None, opening: Some(opening) })
}

/// Damage that can be seen, of a value that does not open repaired either.
fn damaged(subject: Subject<'_>) -> Option<Refusal> {
    let repair = damage::repairs(&subject.pasted.value).into_iter().find(|repair| repair.is_certain)?;
    let formats = opening::candidates(&repair.value, subject.expected);
    let also = match opening::open(&repair.value, &formats, subject.ring, subject.now) {
        _ if subject.spares.ring_is_empty() => Diagnosis::NoPassword,
        Err(Detail::BadPassword) => bad_password(&formats),
        _ => Diagnosis::OtherPassword,
    };
    Some(Refusal { finding: repair.diagnosis.into(), also: Some(also.into()), opening: None })
}

fn as_it_is(subject: Subject<'_>, formats: &[Format], detail: Detail) -> Refusal {
    let value = &*subject.pasted.value;
    let Some(first) = formats.first() else { return shapeless::explain(subject).into() };
    match (first, detail) {
        (Format::Iron | Format::KotlinIron, Detail::WrongPassword) => iron_id(subject, value),
        (Format::PlainJson | Format::B64urlJson, _) => unsealed(value).into(),
        (_, Detail::Truncated) => cut_off(subject).into(),
        (_, Detail::Malformed) => Diagnosis::Malformed.into(),
        _ if subject.spares.ring_is_empty() => Diagnosis::NoPassword.into(),
        (Format::RrCookie, _) => router::explain(subject),
        (_, Detail::BadPassword) => bad_password(formats).into(),
        _ if is_at_limit(subject) => Diagnosis::CutAtLimit.into(),
        _ => no_password_fits(subject, formats).into(),
    }
}

/// The end is missing: at the size where browsers and proxies cut, or elsewhere.
pub(super) fn cut_off(subject: Subject<'_>) -> Diagnosis {
    if is_at_limit(subject) { Diagnosis::CutAtLimit } else { Diagnosis::CutOff }
}

/// Value, cookie or `Set-Cookie` line of this size: 4096 bytes, one less where an end is counted.
fn is_at_limit(subject: Subject<'_>) -> bool {
    let value = subject.pasted.encoded_bytes;
    let name = subject.pasted.name.as_deref().unwrap_or("wos-session").len();
    [value, value + name, value + name + 1]
        .iter()
        .any(|bytes| (MAX_COOKIE_BYTES - 1..=MAX_COOKIE_BYTES).contains(bytes))
}

/// The seal names an id: one that no password has.
fn iron_id(subject: Subject<'_>, value: &str) -> Refusal {
    let id = value.split('*').nth(1).unwrap_or_default();
    let (id, shown) = if id.is_empty() {
        ("default", "no id at all".to_owned())
    } else {
        (id, format!("`{}`", Untrusted::new(id)))
    };
    let formats = [Format::Iron];
    for spare in subject.spares.under_id(id) {
        if let Some(opening) = opening::open_at_any_time(value, &formats, &spare.ring) {
            let about =
                format!("{shown}; the password {} opens it, so give it this id", Untrusted::new(&spare.name));
            return Refusal {
                finding: Diagnosis::PasswordId.about(about),
                also: None,
                opening: Some(opening),
            };
        }
    }
    Diagnosis::PasswordId.about(shown).into()
}

/// JSON that is none.
fn unsealed(value: &str) -> Diagnosis {
    match serde_json::from_str::<serde::de::IgnoredAny>(value) {
        Err(error) if value.starts_with('{') && error.is_eof() => Diagnosis::JsonCutOff,
        _ => Diagnosis::Malformed,
    }
}

/// No given password has the shape that the format wants.
fn bad_password(formats: &[Format]) -> Diagnosis {
    match formats.first().map(|format| format.key_shape()) {
        Some(KeyShape::Bytes32) => Diagnosis::RubyPasswordBytes,
        Some(KeyShape::FernetKey) => Diagnosis::FernetPassword,
        Some(KeyShape::Hex64) => Diagnosis::RustPassword,
        Some(KeyShape::Base64Key) => Diagnosis::PhpPassword,
        _ => Diagnosis::PasswordShort,
    }
}

/// The tag verifies with no password; of formats for which there is none of the right shape, the rule is told.
fn no_password_fits(subject: Subject<'_>, formats: &[Format]) -> Finding {
    let without: Vec<String> = formats
        .iter()
        .filter(|format| format.keys(subject.ring).next().is_none())
        .map(|format| format!("{format} needs {}", format.key_shape().rule()))
        .collect();
    if without.is_empty() {
        return Diagnosis::OtherPassword.into();
    }
    let rules = without.join("; ");
    Diagnosis::OtherPassword
        .about(format!("no given password has the shape for some of what it may be ({rules})"))
}
