//! The object that the two older PHP containers wrap around a payload, with the time at which it ends.
//!
//! ```text
//! php-halite   {"data":{…},"expires_at":seconds}
//! php-signed   {"v":1,"d":{…},"e":seconds}
//! ```
//!
//! Read only after the container's tag was found right. Source: workos-php 4.32.0, `lib/Session/`.

use super::{Format, SealTimes};
use crate::{Detail, UnixMillis};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{borrow::Cow, time::Duration};
use zeroize::Zeroize as _;

/// How long a session of these containers lives when nobody says otherwise: workos-php's 30 days.
pub(crate) const DEFAULT_TTL: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The only version of the `php-signed` envelope that was ever written.
const SIGNED_VERSION: i64 = 1;

/// Replaces the text in `plaintext` by the text of the object inside its envelope, as it is written there.
///
/// The text of a format without an envelope stays as it is. What goes is wiped; on failure everything is.
///
/// # Errors
/// `not_a_session` when there is no such object in it, `malformed` for an envelope of another version.
pub(crate) fn unwrap(format: Format, plaintext: &mut Vec<u8>) -> Result<(), Detail> {
    if !has_envelope(format) {
        return Ok(());
    }
    let kept = Envelope::read(format, plaintext).map(|envelope| {
        let start = envelope.payload.as_ptr().addr() - plaintext.as_ptr().addr();
        start..start + envelope.payload.len()
    });
    let length = kept.as_ref().map_or(0, ExactSizeIterator::len);
    if let Ok(kept) = &kept {
        plaintext.copy_within(kept.clone(), 0);
    }
    if let Some(rest) = plaintext.get_mut(length..) {
        rest.zeroize();
    }
    plaintext.truncate(length);
    kept.map(|_| ())
}

/// The text that a container of this format seals: `payload`, the text of an object, in its envelope if it has one.
pub(crate) fn wrap(format: Format, payload: &str, expires_at: UnixMillis) -> Cow<'_, str> {
    let end = expires_at.as_secs();
    match format {
        Format::PhpHalite => format!(r#"{{"data":{payload},"expires_at":{end}}}"#).into(),
        Format::PhpSigned => format!(r#"{{"v":{SIGNED_VERSION},"d":{payload},"e":{end}}}"#).into(),
        _ => payload.into(),
    }
}

/// The times of an envelope: it ends once the second that is written in it is over.
///
/// # Errors
/// `expired`, and what [`unwrap`] says.
pub(super) fn times(format: Format, plaintext: &[u8], now: UnixMillis) -> Result<SealTimes, Detail> {
    // A time before 1970 is as dead as 1970.
    let end = u64::try_from(Envelope::read(format, plaintext)?.expires_at).unwrap_or(0);
    if now.as_secs() > end {
        return Err(Detail::Expired);
    }
    Ok(SealTimes { sealed_at: None, expires_at: Some(UnixMillis::from_secs(end)) })
}

const fn has_envelope(format: Format) -> bool {
    matches!(format, Format::PhpHalite | Format::PhpSigned)
}

/// What is in an envelope; `payload` is the text of an object and a piece of the envelope's text.
struct Envelope<'a> {
    payload: &'a str,
    /// Seconds since 1970.
    expires_at: i64,
}

#[derive(Deserialize)]
struct Halite<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    expires_at: Option<i64>,
}

#[derive(Deserialize)]
struct Signed<'a> {
    v: Option<i64>,
    #[serde(borrow)]
    d: Option<&'a RawValue>,
    e: Option<i64>,
}

impl<'a> Envelope<'a> {
    fn read(format: Format, text: &'a [u8]) -> Result<Self, Detail> {
        let (payload, expires_at) = match format {
            Format::PhpSigned => {
                let envelope: Signed<'a> = object(text)?;
                if envelope.v != Some(SIGNED_VERSION) {
                    return Err(Detail::Malformed);
                }
                (envelope.d, envelope.e)
            }
            _ => {
                let envelope: Halite<'a> = object(text)?;
                (envelope.data, envelope.expires_at)
            }
        };
        let payload = payload.map(RawValue::get).filter(|text| text.starts_with('{'));
        let (Some(payload), Some(expires_at)) = (payload, expires_at) else {
            return Err(Detail::NotASession);
        };
        Ok(Self { payload, expires_at })
    }
}

/// Reads a JSON object; a derived reader would take a list of the members' values too.
fn object<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, Detail> {
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Err(Detail::NotASession);
    }
    serde_json::from_slice(text).map_err(|_| Detail::NotASession)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis::from_secs(1_795_220_549);
    const WITH_ENVELOPE: [Format; 2] = [Format::PhpHalite, Format::PhpSigned];

    fn unwrapped(format: Format, text: &str) -> Result<String, Detail> {
        let mut plaintext = text.as_bytes().to_vec();
        let outcome = unwrap(format, &mut plaintext);
        let left = String::from_utf8(plaintext).unwrap();
        assert!(outcome.is_ok() || left.is_empty(), "{left}");
        outcome.map(|()| left)
    }

    #[test]
    fn the_members_stand_in_php_s_order_and_the_payload_comes_back_as_it_was_written() {
        let payload = "{\"a\": \"\\u00e9\\/\",\n \"b\":[ {} ] }";
        let end = NOW.saturating_add(DEFAULT_TTL);
        let halite = wrap(Format::PhpHalite, payload, end);
        assert_eq!(halite, format!("{{\"data\":{payload},\"expires_at\":1797812549}}"));
        let signed = wrap(Format::PhpSigned, payload, end);
        assert_eq!(signed, format!("{{\"v\":1,\"d\":{payload},\"e\":1797812549}}"));
        assert_eq!(wrap(Format::PhpSecretbox, payload, end), payload);
        for (format, text) in
            [(Format::PhpHalite, &*halite), (Format::PhpSigned, &*signed), (Format::PhpSecretbox, payload)]
        {
            assert_eq!(unwrapped(format, text).as_deref(), Ok(payload), "{format}");
        }
    }

    #[test]
    fn members_may_stand_in_any_order_and_among_others() {
        let text = " {\"expires_at\" : 1, \"x\":null, \"data\" : {\"a\":1} }\n";
        assert_eq!(unwrapped(Format::PhpHalite, text).as_deref(), Ok("{\"a\":1}"));
        let text = "{\"e\":1,\"d\":{},\"v\":1}";
        assert_eq!(unwrapped(Format::PhpSigned, text).as_deref(), Ok("{}"));
    }

    #[test]
    fn it_lives_to_the_end_of_the_second_that_is_written_in_it() {
        for format in WITH_ENVELOPE {
            let text = wrap(format, "{}", NOW);
            let at = |now| times(format, text.as_bytes(), now);
            let alive = SealTimes { sealed_at: None, expires_at: Some(NOW) };
            assert_eq!(at(NOW), Ok(alive), "{format}");
            assert_eq!(at(NOW.saturating_add(Duration::from_millis(999))), Ok(alive), "{format}");
            assert_eq!(at(NOW.saturating_add(Duration::from_secs(1))), Err(Detail::Expired), "{format}");
        }
        let before_1970 = br#"{"data":{},"expires_at":-1}"#;
        assert_eq!(times(Format::PhpHalite, before_1970, NOW), Err(Detail::Expired));
    }

    #[test]
    fn what_is_no_such_object_is_no_session_and_leaves_nothing() {
        for text in [
            "",
            "null",
            "[{},1]",
            "\"data\"",
            "{}",
            "{\"data\":{}}",
            "{\"expires_at\":1}",
            "{\"data\":null,\"expires_at\":1}",
            "{\"data\":{},\"expires_at\":null}",
            "{\"data\":[],\"expires_at\":1}",
            "{\"data\":\"{}\",\"expires_at\":1}",
            "{\"data\":{},\"expires_at\":\"1\"}",
            "{\"data\":{},\"expires_at\":1.5}",
            "{\"data\":{},\"data\":{},\"expires_at\":1}",
            "{\"data\":{},\"expires_at\":1}x",
            "{\"data\":{,\"expires_at\":1}",
        ] {
            assert_eq!(unwrapped(Format::PhpHalite, text), Err(Detail::NotASession), "{text}");
        }
        for (text, detail) in [
            ("[1,{},1]", Detail::NotASession),
            ("{\"v\":1,\"e\":1}", Detail::NotASession),
            ("{\"v\":1,\"d\":{}}", Detail::NotASession),
            ("{\"d\":{},\"e\":1}", Detail::Malformed),
            ("{\"v\":2,\"d\":{},\"e\":1}", Detail::Malformed),
        ] {
            assert_eq!(unwrapped(Format::PhpSigned, text), Err(detail), "{text}");
        }
        let mut latin1 = b"{\"data\":{\"a\":\"\xe9\"},\"expires_at\":1}".to_vec();
        assert_eq!(unwrap(Format::PhpHalite, &mut latin1), Err(Detail::NotASession));
        assert!(latin1.is_empty());
    }
}
