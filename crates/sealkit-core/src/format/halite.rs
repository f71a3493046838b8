//! Halite version 4: the seal of the PHP SDK from 4.30 to 4.32.
//!
//! ```text
//! base64( base64url( 31 42 04 00 || salt (32) || nonce (24) || ciphertext || mac (64) ) ), both padded
//! ```
//!
//! XSalsa20, then keyed BLAKE2b over all that precedes the MAC, under two keys that are derived from the password's
//! HKDF-SHA-256 and `salt` by keyed BLAKE2b. The plaintext is an [envelope](super::envelope) with the time at which it
//! ends. Source: workos-php 4.32.0 `lib/Session/HaliteSessionEncryption.php`, paragonie/halite 4.8.0
//! `src/Symmetric/Crypto.php`.

use super::{Format, SealError, SealTimes, envelope};
use crate::{
    Detail, SecureRandom, UnixMillis,
    base64::{STANDARD, URL_SAFE, fault},
    constant_time_eq,
};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use blake2::{
    Blake2bMac, Blake2bMac512,
    digest::{KeyInit as _, Mac as _, consts::U32},
};
use salsa20::{
    XSalsa20,
    cipher::{KeyIvInit as _, StreamCipher as _},
};
use std::fmt;
use zeroize::Zeroizing;

/// Halite's mark and version, symmetric.
const HEADER: [u8; 4] = [0x31, 0x42, 0x04, 0x00];

const SALT: usize = 32;

const NONCE: usize = 24;

const MAC: usize = 64;

/// What stands before the ciphertext.
const HEAD: usize = HEADER.len() + SALT + NONCE;

/// What the two derived keys are for: the label, and the number of HKDF's only block.
const ENCRYPTION: &[u8] = b"Halite|EncryptionKey\x01";
const AUTHENTICATION: &[u8] = b"AuthenticationKeyFor_|Halite\x01";

/// The master key: HKDF-SHA-256 of the password with a salt of zeros and no info.
pub(crate) struct HaliteKey(Zeroizing<[u8; 32]>);

impl HaliteKey {
    /// `None` when the password is empty; Halite takes any other.
    pub(crate) fn new(password: &str) -> Option<Self> {
        if password.is_empty() {
            return None;
        }
        let mut master = Zeroizing::new([0; 32]);
        let extracted = Salt::new(HKDF_SHA256, &[0; 32]).extract(password.as_bytes());
        extracted.expand(&[], HKDF_SHA256).ok()?.fill(master.as_mut_slice()).ok()?;
        Some(Self(master))
    }

    /// The two keys of the seal that carries `salt`.
    fn derive(&self, salt: &[u8; SALT]) -> Option<Keys> {
        let extracted = keyed_hash(salt, self.0.as_slice())?;
        Some(Keys {
            encryption: keyed_hash(&extracted, ENCRYPTION)?,
            authentication: keyed_hash(&extracted, AUTHENTICATION)?,
        })
    }
}

impl fmt::Debug for HaliteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HaliteKey([redacted])")
    }
}

/// BLAKE2b with a key; never `None`, for BLAKE2b takes keys of this length.
fn keyed_hash(key: &[u8; 32], message: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let hash = Blake2bMac::<U32>::new_from_slice(key).ok()?.chain_update(message);
    Some(Zeroizing::new(hash.finalize().into_bytes().into()))
}

/// The keys of one seal.
struct Keys {
    encryption: Zeroizing<[u8; 32]>,
    authentication: Zeroizing<[u8; 32]>,
}

impl Keys {
    fn mac(&self, signed: &[u8]) -> Option<[u8; MAC]> {
        let mac = Blake2bMac512::new_from_slice(self.authentication.as_slice()).ok()?.chain_update(signed);
        Some(mac.finalize().into_bytes().into())
    }

    fn stream(&self, nonce: &[u8; NONCE]) -> XSalsa20 {
        XSalsa20::new((&*self.encryption).into(), nonce.into())
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
    key: &HaliteKey,
    now: UnixMillis,
    plaintext: &mut Vec<u8>,
) -> Result<SealTimes, Detail> {
    plaintext.clear();
    STANDARD.decode_append(value, plaintext).map_err(|_| fault(&STANDARD, value))?;
    unpack(key, plaintext)
        .and_then(|()| envelope::times(Format::PhpHalite, plaintext, now))
        .inspect_err(|_| plaintext.clear())
}

/// Turns the base64url text of a seal into what was sealed.
fn unpack(key: &HaliteKey, text: &mut Vec<u8>) -> Result<(), Detail> {
    let Ok(length) = URL_SAFE.decode_inplace(text).map(|decoded| decoded.len()) else {
        return Err(str::from_utf8(text).map_or(Detail::Malformed, |text| fault(&URL_SAFE, text)));
    };
    text.truncate(length);
    open_in_place(key, text)?;
    text.truncate(length - MAC);
    text.drain(..HEAD);
    Ok(())
}

/// Turns the ciphertext inside of `sealed` into the plaintext.
fn open_in_place(key: &HaliteKey, sealed: &mut [u8]) -> Result<(), Detail> {
    if !sealed.starts_with(&HEADER) {
        return Err(if HEADER.starts_with(sealed) { Detail::Truncated } else { Detail::Malformed });
    }
    let (signed, mac) = sealed.split_last_chunk_mut::<MAC>().ok_or(Detail::Truncated)?;
    let (head, _) = signed.split_first_chunk::<HEAD>().ok_or(Detail::Truncated)?;
    let (salt, nonce) = salt_and_nonce(head).ok_or(Detail::Truncated)?;
    let keys = key.derive(salt).ok_or(Detail::Malformed)?;
    if !keys.mac(signed).is_some_and(|expected| constant_time_eq(&expected, mac)) {
        return Err(Detail::Tampered);
    }
    let mut stream = keys.stream(nonce);
    stream.apply_keystream(signed.get_mut(HEAD..).unwrap_or_default());
    Ok(())
}

fn salt_and_nonce(head: &[u8; HEAD]) -> Option<(&[u8; SALT], &[u8; NONCE])> {
    let (front, nonce) = head.split_last_chunk()?;
    let (_, salt) = front.split_last_chunk()?;
    Some((salt, nonce))
}

/// Seals `plaintext`, a text with its envelope, as Halite 4 does.
///
/// # Errors
/// [`SealError`]: no random bytes.
pub(super) fn seal(
    plaintext: &[u8],
    key: &HaliteKey,
    _now: UnixMillis,
    random: &dyn SecureRandom,
) -> Result<String, SealError> {
    let (mut salt, mut nonce) = ([0; SALT], [0; NONCE]);
    random.fill(&mut salt)?;
    random.fill(&mut nonce)?;
    let keys = key.derive(&salt).ok_or(SealError::Crypto)?;
    let mut sealed = Vec::with_capacity(HEAD + plaintext.len() + MAC);
    sealed.extend(HEADER);
    sealed.extend(salt);
    sealed.extend(nonce);
    sealed.extend(plaintext);
    keys.stream(&nonce).apply_keystream(sealed.get_mut(HEAD..).ok_or(SealError::Crypto)?);
    let mac = keys.mac(&sealed).ok_or(SealError::Crypto)?;
    sealed.extend(mac);
    Ok(STANDARD.encode_to_string(URL_SAFE.encode_to_string(sealed)))
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

    const HALITE: Container<HaliteKey> = Container {
        set: "php",
        format: "php-halite",
        key: HaliteKey::new,
        open,
        seal,
        randomness: |value| (bytes(value)[HEADER.len()..HEAD].to_vec(), LATER),
    };

    fn bytes(value: &str) -> Vec<u8> {
        URL_SAFE.decode_to_vec(STANDARD.decode_to_vec(value).unwrap()).unwrap()
    }

    fn text(bytes: &[u8]) -> String {
        STANDARD.encode_to_string(URL_SAFE.encode_to_string(bytes))
    }

    fn key() -> HaliteKey {
        HaliteKey::new(PASSWORD).unwrap()
    }

    #[test]
    fn every_good_vector_opens_to_its_plaintext_and_seals_again_to_the_same_bytes() {
        HALITE.good_vectors_open_and_seal_again(6);
    }

    #[test]
    fn every_bad_vector_is_refused_with_an_allowed_class() {
        HALITE.bad_vectors_are_refused(11);
    }

    #[test]
    fn no_changed_value_opens() {
        let plaintext = envelope::wrap(Format::PhpHalite, "{\"access_token\":\"a\"}", LATER);
        HALITE.every_change_is_refused(plaintext.as_bytes(), &key());
    }

    #[test]
    fn a_session_ends_with_the_second_that_its_envelope_names() {
        let plaintext = envelope::wrap(Format::PhpHalite, "{}", LATER);
        let value = HALITE.sealed(plaintext.as_bytes(), &key(), LATER);
        assert!(value.starts_with("TVVJRUF"), "{value}");
        let times =
            HALITE.opened(&value, &key(), LATER.saturating_add(Duration::from_millis(999))).unwrap().1;
        assert_eq!(times, SealTimes { sealed_at: None, expires_at: Some(LATER) });
        let after = LATER.saturating_add(Duration::from_secs(1));
        assert_eq!(HALITE.opened(&value, &key(), after), Err(Detail::Expired));
        let other = HaliteKey::new("another-cookie-password-also-forty-chars!!").unwrap();
        assert_eq!(
            HALITE.opened(&value, &other, after),
            Err(Detail::Tampered),
            "the tag comes before the time"
        );
    }

    #[test]
    fn what_stands_before_the_end_is_truncated_and_another_mark_is_malformed() {
        let plaintext = envelope::wrap(Format::PhpHalite, "{}", LATER);
        let value = HALITE.sealed(plaintext.as_bytes(), &key(), LATER);
        let sealed = bytes(&value);
        for length in [0, 3, 4, HEAD + MAC - 1] {
            assert_eq!(
                HALITE.opened(&text(&sealed[..length]), &key(), LATER),
                Err(Detail::Truncated),
                "{length}"
            );
        }
        let inner = URL_SAFE.encode_to_string(&sealed);
        let cut = STANDARD.encode_to_string(&inner[..inner.len() - 3]);
        assert_eq!(HALITE.opened(&cut, &key(), LATER), Err(Detail::Truncated), "inside of the inner base64");
        let mut version_5 = sealed;
        version_5[2] = 5;
        assert_eq!(HALITE.opened(&text(&version_5), &key(), LATER), Err(Detail::Malformed));
    }

    #[test]
    fn every_password_but_none_is_a_key_and_it_is_not_shown() {
        assert!(HaliteKey::new("").is_none());
        HALITE.it_seals_nothing_without_random_bytes(&key());
        assert_eq!(format!("{:?}", key()), "HaliteKey([redacted])");
    }

    #[test]
    fn opening_allocates_no_second_buffer() {
        let plaintext =
            envelope::wrap(Format::PhpHalite, &format!("{{\"a\":{:?}}}", "x".repeat(1000)), LATER)
                .into_owned();
        let value = HALITE.sealed(plaintext.as_bytes(), &key(), LATER);
        let mut opened = Vec::with_capacity(value.len());
        let before = opened.as_ptr();
        open(&value, &key(), LATER, &mut opened).unwrap();
        assert_eq!((opened.as_ptr(), opened.len()), (before, plaintext.len()));
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_opens_again(member: String) {
            let payload = serde_json::json!({ "access_token": member }).to_string();
            let plaintext = envelope::wrap(Format::PhpHalite, &payload, LATER);
            let value = HALITE.sealed(plaintext.as_bytes(), &key(), LATER);
            let (mut opened, _) = HALITE.opened(&value, &key(), LATER).unwrap();
            prop_assert_eq!(&opened, plaintext.as_bytes());
            envelope::unwrap(Format::PhpHalite, &mut opened).unwrap();
            prop_assert_eq!(opened, payload.into_bytes());
        }

        #[test]
        fn what_nobody_sealed_is_refused(value: String, bytes: Vec<u8>) {
            prop_assert!(HALITE.opened(&value, &key(), LATER).is_err());
            prop_assert!(HALITE.opened(&STANDARD.encode_to_string(&bytes), &key(), LATER).is_err());
            prop_assert!(HALITE.opened(&text(&bytes), &key(), LATER).is_err());
            prop_assert!(HALITE.opened(&text(&[&HEADER, bytes.as_slice()].concat()), &key(), LATER).is_err());
        }
    }
}
