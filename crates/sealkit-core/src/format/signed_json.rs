//! JSON that everybody can read and nobody can change: sealkit's own format.
//!
//! ```text
//! sj1.  base64url, not padded, of mac (32)  .  {"accessToken":…}
//! ```
//!
//! The MAC is HMAC-SHA-256 over `sj1.` followed by the JSON text, which stands there as it is: the version is covered by it,
//! and there is one spelling of every value. The key is HKDF-SHA-256 (RFC 5869) of the password's bytes, with no salt and
//! the info `sealkit signed-json v1`, 32 bytes, so that it is no key of any other format of the same password. The text is
//! no secret: whoever holds the cookie reads both tokens, as with `plain-json`, and so does everything that logs it.
//!
//! The text may hold any character; it is percent-encoded on the wire like every cookie value. The vectors of this format
//! were made, once, by `vectors/signed_json.py` with Python's `hmac` and `hashlib` from this description alone.

use super::{SealError, SealTimes};
use crate::{
    Detail, UnixMillis,
    base64::{URL_SAFE_NO_PAD, decode_into},
    constant_time_eq,
};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// What every value begins with, and what the MAC begins with: the version.
pub(super) const PREFIX: &str = "sj1.";

/// The label of the key.
const INFO: &str = "sealkit signed-json v1";

/// Characters of the MAC.
const MAC: usize = 43;

/// The key derived from a password, its HMAC pads absorbed, once.
pub(crate) struct SignedJsonKey(Hmac<Sha256>);

impl SignedJsonKey {
    /// `None` for an empty password; every other one is a key.
    pub(crate) fn new(password: &str) -> Option<Self> {
        if password.is_empty() {
            return None;
        }
        let mut key = Zeroizing::new([0; 32]);
        Salt::new(HKDF_SHA256, &[])
            .extract(password.as_bytes())
            .expand(&[INFO.as_bytes()], HKDF_SHA256)
            .and_then(|derived| derived.fill(key.as_mut_slice()))
            .ok()?;
        Hmac::new_from_slice(key.as_slice()).ok().map(Self)
    }

    fn mac(&self, json: &[u8]) -> [u8; 32] {
        self.0.clone().chain_update(PREFIX).chain_update(json).finalize().into_bytes().into()
    }
}

impl fmt::Debug for SignedJsonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedJsonKey([redacted])")
    }
}

/// Opens `value`: copies its JSON text to `plaintext` when the MAC is right.
///
/// # Errors
/// `malformed` (another version included), `truncated`, `tampered`.
pub(super) fn open(
    value: &str,
    key: &SignedJsonKey,
    _now: UnixMillis,
    plaintext: &mut Vec<u8>,
) -> Result<SealTimes, Detail> {
    plaintext.clear();
    let rest = value.strip_prefix(PREFIX).ok_or(Detail::Malformed)?;
    let (text, json) = rest.split_at_checked(MAC).ok_or(Detail::Truncated)?;
    if json.is_empty() {
        return Err(Detail::Truncated);
    }
    let json = json.strip_prefix('.').ok_or(Detail::Malformed)?;
    let mut mac = [0; 32];
    if decode_into(&URL_SAFE_NO_PAD, text, &mut mac).map(<[u8]>::len) != Some(32) {
        return Err(Detail::Malformed);
    }
    if !constant_time_eq(&key.mac(json.as_bytes()), &mac) {
        return Err(Detail::Tampered);
    }
    plaintext.extend_from_slice(json.as_bytes());
    Ok(SealTimes::default())
}

/// Signs the JSON text `plaintext`. No randomness is in it: the same text gives the same value.
///
/// # Errors
/// [`SealError::NotText`] when `plaintext` is not UTF-8, and so no JSON text.
pub(super) fn seal(plaintext: &[u8], key: &SignedJsonKey) -> Result<String, SealError> {
    let json = simdutf8::basic::from_utf8(plaintext).map_err(|_| SealError::NotText)?;
    let mut value = String::with_capacity(PREFIX.len() + MAC + 1 + json.len());
    value.push_str(PREFIX);
    URL_SAFE_NO_PAD.encode_append(key.mac(plaintext), &mut value);
    value.push('.');
    value.push_str(json);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{Container, LATER},
        *,
    };
    use proptest::prelude::*;

    const SIGNED: Container<SignedJsonKey> = Container {
        set: "signed_json",
        format: "signed-json",
        key: SignedJsonKey::new,
        open,
        seal: |plaintext, key, _, _| seal(plaintext, key),
        randomness: |_| (Vec::new(), LATER),
    };

    fn key() -> SignedJsonKey {
        SignedJsonKey::new("cookie-password-for-tests-only-0123456789").unwrap()
    }

    #[test]
    fn every_good_vector_opens_to_its_plaintext_and_seals_again_to_the_same_bytes() {
        SIGNED.good_vectors_open_and_seal_again(6);
    }

    #[test]
    fn every_bad_vector_is_refused_with_an_allowed_class() {
        SIGNED.bad_vectors_are_refused(20);
    }

    #[test]
    fn no_changed_value_opens() {
        SIGNED.every_change_is_refused("{\"accessToken\":\"a\"}".as_bytes(), &key());
    }

    #[test]
    fn what_is_no_text_is_not_signed_and_the_key_is_not_shown() {
        assert_eq!(seal(b"\xff", &key()), Err(SealError::NotText));
        assert_eq!(format!("{:?}", key()), "SignedJsonKey([redacted])");
        assert!(SignedJsonKey::new("").is_none());
    }

    proptest! {
        #[test]
        fn whatever_is_signed_opens_again(text: String) {
            let (plaintext, times) =
                SIGNED.opened(&SIGNED.sealed(text.as_bytes(), &key(), LATER), &key(), LATER).unwrap();
            prop_assert_eq!(plaintext, text.as_bytes());
            prop_assert_eq!(times, SealTimes::default());
        }

        #[test]
        fn what_nobody_signed_is_refused(text: String, mac: [u8; 32]) {
            let mac = URL_SAFE_NO_PAD.encode_to_string(mac);
            for value in [text.clone(), format!("sj1.{text}"), format!("sj1.{mac}.{text}"), format!("sj1.{mac}{text}")] {
                prop_assert!(SIGNED.opened(&value, &key(), LATER).is_err());
            }
        }
    }
}
