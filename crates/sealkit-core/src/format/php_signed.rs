//! The signing-only session of the PHP SDK from 4.30 to 4.32: readable by everybody, changeable by nobody.
//!
//! ```text
//! base64 of  {"p":"<base64 of the payload>","s":"<base64 of the mac>"},  every / of the inner base64 as \/
//! ```
//!
//! The MAC is HMAC-SHA-256 of the payload's text under the password's bytes. The payload is an
//! [envelope](super::envelope) with the time at which it ends. Only the text that PHP writes is taken, so that the
//! part which no MAC covers has one form. Source: workos-php 4.32.0 `lib/Session/SigningOnlySessionHandler.php`.

use super::{Format, SealError, SealTimes, envelope};
use crate::{
    Detail, SecureRandom, UnixMillis,
    base64::{STANDARD, decode_into, fault},
    constant_time_eq,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fmt;

const BEFORE_PAYLOAD: &str = r#"{"p":""#;
const BEFORE_MAC: &str = r#"","s":""#;
const AFTER_MAC: &str = r#""}"#;

/// The MAC's length in base64.
const MAC_TEXT: usize = 44;

/// A password, made ready: the MAC with its pads absorbed.
pub(crate) struct PhpSignedKey(Hmac<Sha256>);

impl PhpSignedKey {
    /// `None` when the password is empty, for anybody could sign with that.
    pub(crate) fn new(password: &str) -> Option<Self> {
        if password.is_empty() {
            return None;
        }
        Hmac::new_from_slice(password.as_bytes()).ok().map(Self)
    }

    fn mac(&self, payload: &[u8]) -> [u8; 32] {
        self.0.clone().chain_update(payload).finalize().into_bytes().into()
    }
}

impl fmt::Debug for PhpSignedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhpSignedKey([redacted])")
    }
}

/// Opens `value`, in place in `plaintext`, which gets the text with its envelope.
///
/// Nothing is allocated when there is room for the outer base64, decoded.
///
/// # Errors
/// `malformed`, `truncated`, `tampered`, `expired` (a second after the written time), `not_a_session` (no envelope).
pub(super) fn open(
    value: &str,
    key: &PhpSignedKey,
    now: UnixMillis,
    plaintext: &mut Vec<u8>,
) -> Result<SealTimes, Detail> {
    plaintext.clear();
    STANDARD.decode_append(value, plaintext).map_err(|_| fault(&STANDARD, value))?;
    unpack(key, plaintext)
        .and_then(|()| envelope::times(Format::PhpSigned, plaintext, now))
        .inspect_err(|_| plaintext.clear())
}

/// Turns the text of payload and MAC into the payload, if the MAC is right.
fn unpack(key: &PhpSignedKey, text: &mut Vec<u8>) -> Result<(), Detail> {
    remove_escapes(text)?;
    let (payload, mac) = split(text)?;
    let payload = payload.len();
    text.truncate(BEFORE_PAYLOAD.len() + payload);
    text.drain(..BEFORE_PAYLOAD.len());
    let length = STANDARD.decode_inplace(text).map_err(|_| Detail::Malformed)?.len();
    text.truncate(length);
    if constant_time_eq(&key.mac(text), &mac) { Ok(()) } else { Err(Detail::Tampered) }
}

/// Turns every `\/` into `/`. There may be no other escape, and no `/` without one.
fn remove_escapes(text: &mut Vec<u8>) -> Result<(), Detail> {
    if memchr::memchr2(b'\\', b'/', text).is_none() {
        return Ok(());
    }
    let (mut escaped, mut right) = (false, true);
    text.retain(|&byte| {
        right &= escaped == (byte == b'/');
        escaped = byte == b'\\';
        !escaped
    });
    if right && !escaped { Ok(()) } else { Err(Detail::Malformed) }
}

/// The payload's base64 and the MAC.
fn split(text: &[u8]) -> Result<(&[u8], [u8; 32]), Detail> {
    let rest = text.strip_prefix(BEFORE_PAYLOAD.as_bytes()).ok_or(Detail::Malformed)?;
    let rest = rest.strip_suffix(AFTER_MAC.as_bytes()).ok_or(Detail::Truncated)?;
    let (rest, mac_text) = rest.split_last_chunk::<MAC_TEXT>().ok_or(Detail::Malformed)?;
    let payload = rest.strip_suffix(BEFORE_MAC.as_bytes()).ok_or(Detail::Malformed)?;
    let mut mac = [0; 33];
    let mac_text = str::from_utf8(mac_text).map_err(|_| Detail::Malformed)?;
    let mac = decode_into(&STANDARD, mac_text, &mut mac).and_then(|mac| mac.try_into().ok());
    Ok((payload, mac.ok_or(Detail::Malformed)?))
}

/// Signs `plaintext`, a text with its envelope, as PHP does.
///
/// # Errors
/// None.
pub(super) fn seal(
    plaintext: &[u8],
    key: &PhpSignedKey,
    _now: UnixMillis,
    _random: &dyn SecureRandom,
) -> Result<String, SealError> {
    let payload = STANDARD.encode_to_string(plaintext).replace('/', "\\/");
    let mac = STANDARD.encode_to_string(key.mac(plaintext)).replace('/', "\\/");
    Ok(STANDARD.encode_to_string([BEFORE_PAYLOAD, &payload, BEFORE_MAC, &mac, AFTER_MAC].concat()))
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{Container, LATER},
        *,
    };
    use proptest::prelude::*;
    use std::time::Duration;

    const PASSWORD: &str = "cookie-password-for-tests-only-0123456789";

    const SIGNED: Container<PhpSignedKey> = Container {
        set: "php",
        format: "php-signed",
        key: PhpSignedKey::new,
        open,
        seal,
        randomness: |_| (Vec::new(), LATER),
    };

    fn key() -> PhpSignedKey {
        PhpSignedKey::new(PASSWORD).unwrap()
    }

    #[test]
    fn every_good_vector_opens_to_its_plaintext_and_seals_again_to_the_same_bytes() {
        SIGNED.good_vectors_open_and_seal_again(2);
    }

    #[test]
    fn every_bad_vector_is_refused_with_an_allowed_class() {
        SIGNED.bad_vectors_are_refused(4);
    }

    #[test]
    fn no_changed_value_opens() {
        // The question marks become slashes in base64, and these are escaped.
        let plaintext = envelope::wrap(Format::PhpSigned, "{\"access_token\":\"???\",\"b\":\"????\"}", LATER);
        let written = STANDARD.decode_to_vec(SIGNED.sealed(plaintext.as_bytes(), &key(), LATER)).unwrap();
        assert!(memchr::memmem::find(&written, b"\\/").is_some());
        SIGNED.every_change_is_refused(plaintext.as_bytes(), &key());
    }

    #[test]
    fn only_the_text_that_php_writes_is_taken() {
        let plaintext = envelope::wrap(Format::PhpSigned, "{\"a\":\"????\"}", LATER);
        let value = SIGNED.sealed(plaintext.as_bytes(), &key(), LATER);
        let written = String::from_utf8(STANDARD.decode_to_vec(&value).unwrap()).unwrap();
        for other in [
            written.replace("\\/", "/"),
            written.replace("\\/", "\\u002f"),
            written.replace("\\/", "\\\\/"),
            written.replace("{\"p", "{ \"p"),
            written.replace("\"}", "\",\"x\":1}"),
            written.replace("\"}", "\"}\n"),
            written.replace("\"}", "\\"),
            written.replace(",\"s\":", ",\"s\":null,\"s\":"),
        ] {
            assert_ne!(other, written);
            let outcome = SIGNED.opened(&STANDARD.encode_to_string(&other), &key(), LATER);
            assert!(matches!(outcome, Err(Detail::Malformed | Detail::Truncated)), "{other}: {outcome:?}");
        }
        assert!(SIGNED.opened(&STANDARD.encode_to_string(&written), &key(), LATER).is_ok());
    }

    #[test]
    fn a_session_ends_with_the_second_that_its_envelope_names() {
        let plaintext = envelope::wrap(Format::PhpSigned, "{}", LATER);
        let value = SIGNED.sealed(plaintext.as_bytes(), &key(), LATER);
        let times =
            SIGNED.opened(&value, &key(), LATER.saturating_add(Duration::from_millis(999))).unwrap().1;
        assert_eq!(times, SealTimes { sealed_at: None, expires_at: Some(LATER) });
        let after = LATER.saturating_add(Duration::from_secs(1));
        assert_eq!(SIGNED.opened(&value, &key(), after), Err(Detail::Expired));
        let other = PhpSignedKey::new("another-cookie-password-also-forty-chars!!").unwrap();
        assert_eq!(
            SIGNED.opened(&value, &other, after),
            Err(Detail::Tampered),
            "the tag comes before the time"
        );
    }

    #[test]
    fn every_password_but_none_is_a_key_and_it_is_not_shown() {
        assert!(PhpSignedKey::new("").is_none());
        assert_eq!(format!("{:?}", key()), "PhpSignedKey([redacted])");
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_opens_again(member: String) {
            let payload = serde_json::json!({ "access_token": member }).to_string();
            let plaintext = envelope::wrap(Format::PhpSigned, &payload, LATER);
            let value = SIGNED.sealed(plaintext.as_bytes(), &key(), LATER);
            let (mut opened, _) = SIGNED.opened(&value, &key(), LATER).unwrap();
            prop_assert_eq!(&opened, plaintext.as_bytes());
            envelope::unwrap(Format::PhpSigned, &mut opened).unwrap();
            prop_assert_eq!(opened, payload.into_bytes());
        }

        #[test]
        fn what_nobody_sealed_is_refused(value: String, bytes: Vec<u8>, inner in "[A-Za-z/\\\\]{0,80}") {
            prop_assert!(SIGNED.opened(&value, &key(), LATER).is_err());
            prop_assert!(SIGNED.opened(&STANDARD.encode_to_string(&bytes), &key(), LATER).is_err());
            let written = [BEFORE_PAYLOAD, &inner, BEFORE_MAC, &inner, AFTER_MAC].concat();
            prop_assert!(SIGNED.opened(&STANDARD.encode_to_string(&written), &key(), LATER).is_err());
        }
    }
}
