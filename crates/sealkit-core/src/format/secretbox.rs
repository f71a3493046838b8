//! libsodium's `crypto_secretbox`: the seal of the PHP SDK since 5.0.
//!
//! ```text
//! base64, padded:  nonce (24) || tag (16) || ciphertext
//! ```
//!
//! XSalsa20-Poly1305: the first 32 bytes of the key stream are the key of the tag over the ciphertext, the rest
//! encrypts. The password is base64 of 32 bytes, read as PHP's `base64_decode` reads it when it is not told to be
//! strict; the value itself is read strictly. Source: workos-php 9.0.0 `lib/SessionManager.php`, the NaCl documentation.

use super::{
    SealError, SealTimes,
    lenient::{self, Bytes32},
};
use crate::{
    Detail, SecureRandom, UnixMillis,
    base64::{STANDARD, fault},
    constant_time_eq,
};
use poly1305::{Poly1305, universal_hash::KeyInit as _};
use salsa20::{
    XSalsa20,
    cipher::{KeyIvInit as _, StreamCipher as _},
};
use std::fmt;
use zeroize::Zeroizing;

const NONCE: usize = 24;

const TAG: usize = 16;

/// What stands before the ciphertext.
const HEAD: usize = NONCE + TAG;

/// A secretbox key.
pub(crate) struct SecretboxKey(Bytes32);

impl SecretboxKey {
    /// `None` when the password is not base64 of 32 bytes, as PHP's decoder sees it.
    pub(crate) fn new(password: &str) -> Option<Self> {
        lenient::as_php(password).map(Self)
    }

    /// What authenticates the one message under `nonce`, and the key stream that encrypts it.
    fn start(&self, nonce: &[u8; NONCE]) -> (Poly1305, XSalsa20) {
        let mut stream = XSalsa20::new((&*self.0).into(), nonce.into());
        let mut tag_key = Zeroizing::new([0; 32]);
        stream.apply_keystream(tag_key.as_mut_slice());
        (Poly1305::new((&*tag_key).into()), stream)
    }
}

impl fmt::Debug for SecretboxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretboxKey([redacted])")
    }
}

/// Opens `value`, in place in `plaintext`: nothing is allocated when that has room for the decoded value.
///
/// # Errors
/// `malformed`, `truncated`, `tampered`.
pub(super) fn open(
    value: &str,
    key: &SecretboxKey,
    _now: UnixMillis,
    plaintext: &mut Vec<u8>,
) -> Result<SealTimes, Detail> {
    plaintext.clear();
    STANDARD.decode_append(value, plaintext).map_err(|_| fault(&STANDARD, value))?;
    open_in_place(key, plaintext).inspect_err(|_| plaintext.clear())?;
    plaintext.drain(..HEAD);
    Ok(SealTimes::default())
}

/// Turns the ciphertext behind nonce and tag into the plaintext.
fn open_in_place(key: &SecretboxKey, sealed: &mut [u8]) -> Result<(), Detail> {
    let (nonce, rest) = sealed.split_first_chunk_mut::<NONCE>().ok_or(Detail::Truncated)?;
    let (tag, text) = rest.split_first_chunk_mut::<TAG>().ok_or(Detail::Truncated)?;
    let (authenticator, mut stream) = key.start(nonce);
    if !constant_time_eq(&authenticator.compute_unpadded(text), tag) {
        return Err(Detail::Tampered);
    }
    stream.apply_keystream(text);
    Ok(())
}

/// Seals `plaintext` as PHP does.
///
/// # Errors
/// [`SealError`]: no random bytes.
pub(super) fn seal(
    plaintext: &[u8],
    key: &SecretboxKey,
    _now: UnixMillis,
    random: &dyn SecureRandom,
) -> Result<String, SealError> {
    let mut nonce = [0; NONCE];
    random.fill(&mut nonce)?;
    let (authenticator, mut stream) = key.start(&nonce);
    let mut sealed = Vec::with_capacity(HEAD + plaintext.len());
    sealed.extend(nonce);
    sealed.extend([0; TAG]);
    sealed.extend(plaintext);
    let (tag, text) =
        sealed.get_mut(NONCE..).and_then(<[u8]>::split_first_chunk_mut::<TAG>).ok_or(SealError::Crypto)?;
    stream.apply_keystream(text);
    *tag = authenticator.compute_unpadded(text).into();
    Ok(STANDARD.encode_to_string(sealed))
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{Container, LATER},
        *,
    };
    use proptest::prelude::*;

    const PASSWORD: &str = "XSzk4amLqIQGAV7cANMNTHuMzSvMiTZ9+EGfKYvkCVA=";

    const SECRETBOX: Container<SecretboxKey> = Container {
        set: "php",
        format: "php-secretbox",
        key: SecretboxKey::new,
        open,
        seal,
        randomness: |value| (STANDARD.decode_to_vec(value).unwrap()[..NONCE].to_vec(), LATER),
    };

    fn key() -> SecretboxKey {
        SecretboxKey::new(PASSWORD).unwrap()
    }

    #[test]
    fn every_good_vector_opens_to_its_plaintext_and_seals_again_to_the_same_bytes() {
        SECRETBOX.good_vectors_open_and_seal_again(9);
    }

    #[test]
    fn every_bad_vector_is_refused_with_an_allowed_class() {
        SECRETBOX.bad_vectors_are_refused(22);
    }

    #[test]
    fn no_changed_value_opens() {
        SECRETBOX.every_change_is_refused(b"{\"access_token\":\"a\"}", &key());
    }

    #[test]
    fn opening_allocates_nothing_when_there_is_room() {
        let value = SECRETBOX.sealed(&[b'x'; 1000], &key(), LATER);
        let mut plaintext = Vec::with_capacity(value.len());
        let before = plaintext.as_ptr();
        open(&value, &key(), LATER, &mut plaintext).unwrap();
        assert_eq!((plaintext.as_ptr(), plaintext.len()), (before, 1000));
    }

    #[test]
    fn nothing_is_sealed_without_random_bytes_and_the_key_is_not_shown() {
        SECRETBOX.it_seals_nothing_without_random_bytes(&key());
        assert_eq!(format!("{:?}", key()), "SecretboxKey([redacted])");
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_opens_again(text: Vec<u8>) {
            let (plaintext, times) = SECRETBOX.opened(&SECRETBOX.sealed(&text, &key(), LATER), &key(), LATER).unwrap();
            prop_assert_eq!(plaintext, text);
            prop_assert_eq!(times, SealTimes::default());
        }

        #[test]
        fn what_nobody_sealed_is_refused(text: String, bytes: Vec<u8>) {
            prop_assert!(SECRETBOX.opened(&text, &key(), LATER).is_err());
            prop_assert!(SECRETBOX.opened(&STANDARD.encode_to_string(&bytes), &key(), LATER).is_err());
        }
    }
}
