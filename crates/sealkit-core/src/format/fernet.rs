//! Fernet: the seal of the Python SDK.
//!
//! ```text
//! base64url, padded:  0x80 || time (8, seconds) || iv (16) || ciphertext || mac (32)
//! ```
//!
//! AES-128-CBC, then HMAC-SHA-256 over all that precedes it. The password is base64 of 32 bytes, used as they are: 16
//! sign, 16 encrypt. The time is covered by the MAC and limits nothing, as in the SDK. Python reads any base64 that
//! holds the bytes; here it must be the canonical text. Source: workos (PyPI) 10.7.0, the Fernet specification.

use super::{SealError, SealTimes, lenient};
use crate::{
    Detail, SecureRandom, UnixMillis,
    base64::{URL_SAFE, fault},
    constant_time_eq,
};
use aes::Aes128;
use cbc::cipher::{
    BlockModeDecrypt as _, BlockModeEncrypt as _, InnerIvInit as _, KeyInit as _, block_padding::Pkcs7,
};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use std::fmt;

/// The first byte of every token.
const VERSION: u8 = 0x80;

/// What stands before the ciphertext: version, time, initialisation vector.
const HEAD: usize = 1 + 8 + 16;

/// The MAC's length.
const MAC: usize = 32;

/// A block of AES: the shortest ciphertext, and what every one is a multiple of.
const BLOCK: usize = 16;

/// A Fernet key, made ready: the MAC with its pads absorbed, the cipher with its round keys.
pub(crate) struct FernetKey {
    mac: Hmac<Sha256>,
    cipher: Aes128,
}

impl FernetKey {
    /// `None` when the password is not base64 of 32 bytes, as Python's decoder sees it.
    pub(crate) fn new(password: &str) -> Option<Self> {
        let key = lenient::as_python(password)?;
        let (signing, encryption) = key.split_at(16);
        Some(Self {
            mac: Hmac::new_from_slice(signing).ok()?,
            cipher: Aes128::new_from_slice(encryption).ok()?,
        })
    }

    fn mac(&self, signed: &[u8]) -> [u8; MAC] {
        self.mac.clone().chain_update(signed).finalize().into_bytes().into()
    }
}

impl fmt::Debug for FernetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FernetKey([redacted])")
    }
}

/// Opens `value`, in place in `plaintext`: nothing is allocated when that has room for the decoded token.
///
/// # Errors
/// `malformed`, `truncated`, `tampered`.
pub(super) fn open(
    value: &str,
    key: &FernetKey,
    _now: UnixMillis,
    plaintext: &mut Vec<u8>,
) -> Result<SealTimes, Detail> {
    plaintext.clear();
    URL_SAFE.decode_append(value, plaintext).map_err(|_| fault(&URL_SAFE, value))?;
    let outcome = open_in_place(key, plaintext);
    match outcome {
        Ok((length, _)) => {
            plaintext.truncate(HEAD + length);
            plaintext.drain(..HEAD);
        }
        Err(_) => plaintext.clear(),
    }
    outcome.map(|(_, times)| times)
}

/// Turns the ciphertext inside of `token` into the plaintext, and says how long that is.
fn open_in_place(key: &FernetKey, token: &mut [u8]) -> Result<(usize, SealTimes), Detail> {
    match token.first() {
        None => return Err(Detail::Truncated),
        Some(&VERSION) => (),
        Some(_) => return Err(Detail::Malformed),
    }
    let (signed, mac) = token.split_last_chunk_mut::<MAC>().ok_or(Detail::Truncated)?;
    if signed.len() < HEAD + BLOCK || !(signed.len() - HEAD).is_multiple_of(BLOCK) {
        return Err(Detail::Truncated);
    }
    if !constant_time_eq(&key.mac(signed), mac) {
        return Err(Detail::Tampered);
    }
    let (head, ciphertext) = signed.split_first_chunk_mut::<HEAD>().ok_or(Detail::Truncated)?;
    let (time, iv) = head.split_last_chunk::<16>().ok_or(Detail::Truncated)?;
    let (_, time) = time.split_last_chunk().ok_or(Detail::Truncated)?;
    let length = cbc::Decryptor::inner_iv_init(&key.cipher, iv.into())
        .decrypt_padded::<Pkcs7>(ciphertext)
        .map_err(|_| Detail::Malformed)?
        .len();
    let sealed_at = UnixMillis::from_secs(u64::from_be_bytes(*time));
    Ok((length, SealTimes { sealed_at: Some(sealed_at), expires_at: None }))
}

/// Seals `plaintext` as Python does, with `now` in whole seconds.
///
/// # Errors
/// [`SealError`]: no random bytes.
pub(super) fn seal(
    plaintext: &[u8],
    key: &FernetKey,
    now: UnixMillis,
    random: &dyn SecureRandom,
) -> Result<String, SealError> {
    let mut iv = [0; 16];
    random.fill(&mut iv)?;
    let end = HEAD + (plaintext.len() / BLOCK + 1) * BLOCK;
    let mut token = Vec::with_capacity(end + MAC);
    token.push(VERSION);
    token.extend(now.as_secs().to_be_bytes());
    token.extend(iv);
    token.extend(plaintext);
    token.resize(end, 0);
    let ciphertext = token.get_mut(HEAD..).ok_or(SealError::Crypto)?;
    cbc::Encryptor::inner_iv_init(&key.cipher, &iv.into())
        .encrypt_padded::<Pkcs7>(ciphertext, plaintext.len())
        .map_err(|_| SealError::Crypto)?;
    let mac = key.mac(&token);
    token.extend(mac);
    Ok(URL_SAFE.encode_to_string(token))
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{Container, LATER},
        *,
    };
    use proptest::prelude::*;

    const PASSWORD: &str = "xXMzDBjDQvBC4krSwvnZwP_4jv3_thVQSd-M3uRLYBc=";

    const FERNET: Container<FernetKey> = Container {
        set: "python",
        format: "python-fernet",
        key: FernetKey::new,
        open,
        seal,
        randomness: |value| {
            let token = URL_SAFE.decode_to_vec(value).unwrap();
            let time = u64::from_be_bytes(token[1..9].try_into().unwrap());
            (token[9..HEAD].to_vec(), UnixMillis::from_secs(time))
        },
    };

    fn key() -> FernetKey {
        FernetKey::new(PASSWORD).unwrap()
    }

    #[test]
    fn every_good_vector_opens_to_its_plaintext_and_seals_again_to_the_same_bytes() {
        FERNET.good_vectors_open_and_seal_again(27);
    }

    #[test]
    fn every_bad_vector_is_refused_with_an_allowed_class() {
        FERNET.bad_vectors_are_refused(27);
    }

    #[test]
    fn no_changed_token_opens() {
        FERNET.every_change_is_refused(b"{\"access_token\":\"a\"}", &key());
    }

    #[test]
    fn the_time_inside_is_told_in_whole_seconds_and_limits_nothing() {
        let sealed_at = UnixMillis::from_millis(1_795_220_549_520);
        let token = FERNET.sealed(b"{}", &key(), sealed_at);
        assert!(token.starts_with("gAAAAA"), "{token}");
        for now in [UnixMillis::default(), sealed_at, UnixMillis::from_millis(u64::MAX)] {
            let (plaintext, times) = FERNET.opened(&token, &key(), now).unwrap();
            assert_eq!(plaintext, b"{}");
            assert_eq!(times.sealed_at, Some(UnixMillis::from_secs(1_795_220_549)));
            assert_eq!(times.expires_at, None);
        }
    }

    #[test]
    fn a_token_with_a_right_mac_and_a_wrong_padding_is_malformed() {
        let mut token = vec![VERSION];
        token.extend([0; HEAD - 1 + BLOCK]);
        let mut block = [0; BLOCK].into();
        aes::cipher::BlockCipherEncrypt::encrypt_block(&key().cipher, &mut block);
        token[HEAD..].copy_from_slice(&block);
        let mac = key().mac(&token);
        token.extend(mac);
        let outcome = FERNET.opened(&URL_SAFE.encode_to_string(token), &key(), LATER);
        assert_eq!(outcome, Err(Detail::Malformed), "the block ends in a zero, which no padding does");
    }

    #[test]
    fn opening_allocates_nothing_when_there_is_room() {
        let token = FERNET.sealed(&[b'x'; 1000], &key(), LATER);
        let mut plaintext = Vec::with_capacity(token.len());
        let before = plaintext.as_ptr();
        open(&token, &key(), LATER, &mut plaintext).unwrap();
        assert_eq!((plaintext.as_ptr(), plaintext.len()), (before, 1000));
    }

    #[test]
    fn nothing_is_sealed_without_random_bytes_and_the_key_is_not_shown() {
        FERNET.it_seals_nothing_without_random_bytes(&key());
        assert_eq!(format!("{:?}", key()), "FernetKey([redacted])");
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_opens_again(text: Vec<u8>, secs in 0..u64::MAX / 1000) {
            let now = UnixMillis::from_secs(secs);
            let (plaintext, times) = FERNET.opened(&FERNET.sealed(&text, &key(), now), &key(), LATER).unwrap();
            prop_assert_eq!(plaintext, text);
            prop_assert_eq!(times.sealed_at, Some(now));
        }

        #[test]
        fn what_nobody_sealed_is_refused(text: String, mut bytes: Vec<u8>) {
            prop_assert!(FERNET.opened(&text, &key(), LATER).is_err());
            prop_assert!(FERNET.opened(&URL_SAFE.encode_to_string(&bytes), &key(), LATER).is_err());
            bytes.insert(0, VERSION);
            prop_assert!(FERNET.opened(&URL_SAFE.encode_to_string(&bytes), &key(), LATER).is_err());
        }
    }
}
