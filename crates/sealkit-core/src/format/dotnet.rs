//! The seal of the .NET SDK: AES-256-GCM under a key that is dear to derive.
//!
//! ```text
//! base64, padded:  salt (16) || nonce (12) || tag (16) || ciphertext,  then the text ~2
//! ```
//!
//! The key is PBKDF2-HMAC-SHA-256 of the password and the salt with 100,000 rounds: tens of milliseconds for each seal, and
//! for each value of the right shape that anybody sends. So the shape is looked at first, and the format is never tried on
//! a value that another one explains. The suffix is demanded and means nothing. Source: workos.net 6.2.0,
//! `Services/Session/SessionService.cs`.

use super::{
    SealError, SealTimes,
    aes_gcm::{AesGcmKey, NONCE, TAG},
};
use crate::{
    CookiePassword, Detail, SecureRandom, UnixMillis,
    base64::{STANDARD, fault},
};
use aws_lc_rs::pbkdf2;
use std::{fmt, num::NonZeroU32};
use zeroize::Zeroizing;

const SUFFIX: &str = "~2";

const SALT: usize = 16;

/// What stands before the ciphertext.
const HEAD: usize = SALT + NONCE + TAG;

const ROUNDS: NonZeroU32 = NonZeroU32::new(100_000).unwrap();

/// The password: every seal has a salt, and so a key, of its own.
pub(crate) struct DotnetKey(CookiePassword);

impl DotnetKey {
    /// `None` for an empty password; every other one is a key.
    pub(crate) fn new(password: &str) -> Option<Self> {
        (!password.is_empty()).then(|| Self(CookiePassword::from(password)))
    }

    /// The expensive step.
    fn derive(&self, salt: &[u8; SALT]) -> Option<AesGcmKey> {
        let mut key = Zeroizing::new([0; 32]);
        let password = self.0.expose_secret().as_bytes();
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, salt, password, key.as_mut_slice());
        AesGcmKey::new(&key)
    }
}

impl fmt::Debug for DotnetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DotnetKey([redacted])")
    }
}

/// Opens `value`, in place in `plaintext`. Takes 100,000 rounds of HMAC for every value that has the shape.
///
/// # Errors
/// `malformed`, `truncated`, `tampered`.
pub(super) fn open(
    value: &str,
    key: &DotnetKey,
    _now: UnixMillis,
    plaintext: &mut Vec<u8>,
) -> Result<SealTimes, Detail> {
    plaintext.clear();
    let body = value.strip_suffix(SUFFIX).ok_or(Detail::Malformed)?;
    STANDARD.decode_append(body, plaintext).map_err(|_| fault(&STANDARD, body))?;
    open_in_place(key, plaintext).inspect_err(|_| plaintext.clear())?;
    plaintext.drain(..HEAD);
    Ok(SealTimes::default())
}

/// Turns the ciphertext behind salt, nonce and tag into the plaintext.
fn open_in_place(key: &DotnetKey, sealed: &mut [u8]) -> Result<(), Detail> {
    let (salt, rest) = sealed.split_first_chunk_mut::<SALT>().ok_or(Detail::Truncated)?;
    let (nonce, rest) = rest.split_first_chunk_mut::<NONCE>().ok_or(Detail::Truncated)?;
    let (tag, text) = rest.split_first_chunk_mut::<TAG>().ok_or(Detail::Truncated)?;
    key.derive(salt).ok_or(Detail::Tampered)?.decrypt(*nonce, tag, text)
}

/// Seals `plaintext` as .NET does.
///
/// # Errors
/// [`SealError`]: no random bytes.
pub(super) fn seal(
    plaintext: &[u8],
    key: &DotnetKey,
    _now: UnixMillis,
    random: &dyn SecureRandom,
) -> Result<String, SealError> {
    let (mut salt, mut nonce) = ([0; SALT], [0; NONCE]);
    random.fill(&mut salt)?;
    random.fill(&mut nonce)?;
    let mut sealed = Vec::with_capacity(HEAD + plaintext.len());
    sealed.extend(salt);
    sealed.extend(nonce);
    sealed.extend([0; TAG]);
    sealed.extend(plaintext);
    let (tag, text) = sealed
        .get_mut(SALT + NONCE..)
        .and_then(<[u8]>::split_first_chunk_mut::<TAG>)
        .ok_or(SealError::Crypto)?;
    *tag = key.derive(&salt).ok_or(SealError::Crypto)?.encrypt(nonce, text)?;
    let mut value = String::with_capacity(sealed.len().div_ceil(3) * 4 + SUFFIX.len());
    STANDARD.encode_append(&sealed, &mut value);
    value.push_str(SUFFIX);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{Container, LATER},
        *,
    };
    use proptest::prelude::*;

    const DOTNET: Container<DotnetKey> = Container {
        set: "dotnet",
        format: "dotnet-gcm",
        key: DotnetKey::new,
        open,
        seal,
        randomness: |value| {
            let sealed = STANDARD.decode_to_vec(value.trim_end_matches("~2")).unwrap();
            (sealed[..SALT + NONCE].to_vec(), LATER)
        },
    };

    fn key() -> DotnetKey {
        DotnetKey::new("cookie-password-for-tests-only-0123456789").unwrap()
    }

    #[test]
    fn every_good_vector_opens_to_its_plaintext_and_seals_again_to_the_same_bytes() {
        DOTNET.good_vectors_open_and_seal_again(6);
    }

    #[test]
    fn every_bad_vector_is_refused_with_an_allowed_class() {
        DOTNET.bad_vectors_are_refused(24);
    }

    #[test]
    fn a_changed_salt_nonce_tag_or_text_does_not_open() {
        let value = DOTNET.sealed(b"{\"access_token\":\"a\"}", &key(), LATER);
        let sealed = STANDARD.decode_to_vec(value.trim_end_matches("~2")).unwrap();
        for at in [0, SALT - 1, SALT, SALT + NONCE - 1, SALT + NONCE, HEAD - 1, HEAD, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            let changed = format!("{}~2", STANDARD.encode_to_string(changed));
            assert_eq!(DOTNET.opened(&changed, &key(), LATER), Err(Detail::Tampered), "byte {at}");
        }
    }

    #[test]
    fn a_value_of_another_shape_is_refused_by_its_shape() {
        let sealed = |length: usize| format!("{}~2", STANDARD.encode_to_string(vec![7; length]));
        for length in [0, SALT, SALT + NONCE, HEAD - 1] {
            assert_eq!(DOTNET.opened(&sealed(length), &key(), LATER), Err(Detail::Truncated), "{length}");
        }
        let text = sealed(HEAD + 10);
        let body = text.trim_end_matches("~2");
        for other in [
            body.to_owned(),
            format!("{body}~"),
            format!("{body}~1"),
            format!("{body}~2 "),
            format!("{body}~2~2"),
        ] {
            assert_eq!(DOTNET.opened(&other, &key(), LATER), Err(Detail::Malformed), "{other}");
        }
    }

    #[test]
    fn nothing_is_sealed_without_random_bytes_and_the_key_is_not_shown() {
        DOTNET.it_seals_nothing_without_random_bytes(&key());
        assert_eq!(format!("{:?}", key()), "DotnetKey([redacted])");
        assert!(DotnetKey::new("").is_none());
    }

    proptest! {
        // Each case is 200,000 rounds of HMAC.
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn whatever_is_sealed_opens_again(text: Vec<u8>) {
            let (plaintext, times) = DOTNET.opened(&DOTNET.sealed(&text, &key(), LATER), &key(), LATER).unwrap();
            prop_assert_eq!(plaintext, text);
            prop_assert_eq!(times, SealTimes::default());
        }

        #[test]
        fn what_nobody_sealed_is_refused(text: String, bytes: Vec<u8>) {
            prop_assert!(DOTNET.opened(&text, &key(), LATER).is_err());
            let shaped = format!("{}~2", STANDARD.encode_to_string(bytes));
            prop_assert!(DOTNET.opened(&shaped, &key(), LATER).is_err());
        }
    }
}
