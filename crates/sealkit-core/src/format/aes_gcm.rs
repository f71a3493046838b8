//! AES-256-GCM without additional data: what the Ruby, Go and Rust SDKs seal with.
//!
//! ```text
//! go-gcm, rust-gcm   base64:            nonce (12) || ciphertext || tag (16)
//! ruby-v6            base64, in lines:  nonce (12) || ciphertext || tag (16)
//! ruby-v7            base64:            0x01 || nonce (12) || tag (16) || ciphertext
//! ```
//!
//! Base64 is the standard alphabet, padded, canonical. Ruby 5 and 6 break it into lines of 60 characters that all end in a
//! line feed; those get lost and added on the way, so line ends count for nothing there, and nowhere else. How a password
//! becomes a key is the SDK's rule: [`AesGcmKey`] has one constructor for each. Source: workos (Ruby) 6.2.0 with encryptor
//! 3.0.0, workos (Ruby) 10.2.1, workos-go 10.1.1, the crate `workos` 3.5.0.

use super::{SealError, SealTimes};
use crate::{
    Detail, SecureRandom,
    base64::{STANDARD, fault},
};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha2::{Digest as _, Sha256};
use std::fmt;
use zeroize::Zeroizing;

pub(super) const NONCE: usize = 12;

pub(super) const TAG: usize = 16;

/// The first byte of what Ruby 7 writes.
const RUBY_V7: u8 = 0x01;

/// What stands before Ruby 7's ciphertext.
const RUBY_V7_HEAD: usize = 1 + NONCE + TAG;

/// Ruby's `Base64.encode64` writes 45 bytes, 60 characters, on a line.
const BYTES_OF_A_LINE: usize = 45;

/// Where nonce and tag stand, and how the bytes become text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// `go-gcm` and `rust-gcm`.
    NonceFirst,
    /// `ruby-v6`: [`NonceFirst`](Self::NonceFirst), its text in lines.
    NonceFirstInLines,
    /// `ruby-v7`.
    Versioned,
}

/// An AES-256-GCM key, expanded once. aws-lc wipes it when it goes.
pub(crate) struct AesGcmKey(LessSafeKey);

impl AesGcmKey {
    /// The password's bytes as they are (`ruby-v6`); `None` unless they are exactly 32.
    pub(crate) fn raw_bytes(password: &str) -> Option<Self> {
        Self::new(password.as_bytes().try_into().ok()?)
    }

    /// SHA-256 of the password (`ruby-v7`, and `go-gcm` where [`hex`](Self::hex) gives nothing); `None` for an empty one.
    pub(crate) fn sha256(password: &str) -> Option<Self> {
        if password.is_empty() {
            return None;
        }
        Self::new(&Zeroizing::new(Sha256::digest(password).into()))
    }

    /// The bytes that 64 hexadecimal digits of either case stand for (`rust-gcm`, `go-gcm`); `None` for any other password.
    pub(crate) fn hex(password: &str) -> Option<Self> {
        let digits: &[u8; 64] = password.as_bytes().try_into().ok()?;
        let mut key = Zeroizing::new([0; 32]);
        for (to, [high, low]) in key.iter_mut().zip(digits.as_chunks().0) {
            *to = nibble(*high)? << 4 | nibble(*low)?;
        }
        Self::new(&key)
    }

    /// Exactly this key. `None` only when the crypto library refuses, which it has no reason to.
    pub(super) fn new(key: &[u8; 32]) -> Option<Self> {
        UnboundKey::new(&AES_256_GCM, key).ok().map(|key| Self(LessSafeKey::new(key)))
    }

    /// Turns `text` into its plaintext if the tag is right.
    pub(super) fn decrypt(&self, nonce: [u8; NONCE], tag: &[u8], text: &mut [u8]) -> Result<(), Detail> {
        self.0
            .open_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), tag, text)
            .map(|_| ())
            .map_err(|_| Detail::Tampered)
    }

    /// Turns `text` into its ciphertext, and returns the tag.
    pub(super) fn encrypt(&self, nonce: [u8; NONCE], text: &mut [u8]) -> Result<[u8; TAG], SealError> {
        self.0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), text)
            .ok()
            .and_then(|tag| tag.as_ref().try_into().ok())
            .ok_or(SealError::Crypto)
    }
}

impl fmt::Debug for AesGcmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AesGcmKey([redacted])")
    }
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16)?.try_into().ok()
}

/// Opens `value`, in place in `plaintext`: nothing is allocated when that has room for the value.
///
/// # Errors
/// `malformed`, `truncated`, `tampered`.
pub(super) fn open(
    layout: Layout,
    value: &str,
    key: &AesGcmKey,
    plaintext: &mut Vec<u8>,
) -> Result<SealTimes, Detail> {
    plaintext.clear();
    let outcome = decode(layout, value, plaintext).and_then(|()| match layout {
        Layout::NonceFirst | Layout::NonceFirstInLines => open_nonce_first(key, plaintext),
        Layout::Versioned => open_versioned(key, plaintext),
    });
    outcome.inspect_err(|_| plaintext.clear())?;
    Ok(SealTimes::default())
}

fn decode(layout: Layout, value: &str, out: &mut Vec<u8>) -> Result<(), Detail> {
    if layout != Layout::NonceFirstInLines {
        return STANDARD.decode_append(value, out).map_err(|_| fault(&STANDARD, value));
    }
    out.reserve(value.len());
    for line in value.split(LINE_END) {
        out.extend_from_slice(line.as_bytes());
    }
    match STANDARD.decode_inplace(out).map(|decoded| decoded.len()) {
        Ok(length) => {
            out.truncate(length);
            Ok(())
        }
        // What failed to decode is half overwritten; the reason must be read from the value.
        Err(_) => Err(fault(&STANDARD, &value.split(LINE_END).collect::<String>())),
    }
}

const LINE_END: [char; 2] = ['\r', '\n'];

fn open_nonce_first(key: &AesGcmKey, sealed: &mut Vec<u8>) -> Result<(), Detail> {
    let (nonce, rest) = sealed.split_first_chunk_mut::<NONCE>().ok_or(Detail::Truncated)?;
    let (text, tag) = rest.split_last_chunk_mut::<TAG>().ok_or(Detail::Truncated)?;
    key.decrypt(*nonce, tag, text)?;
    let end = NONCE + text.len();
    sealed.truncate(end);
    sealed.drain(..NONCE);
    Ok(())
}

fn open_versioned(key: &AesGcmKey, sealed: &mut Vec<u8>) -> Result<(), Detail> {
    match sealed.split_first_mut() {
        None => return Err(Detail::Truncated),
        Some((&mut RUBY_V7, rest)) => {
            let (nonce, rest) = rest.split_first_chunk_mut::<NONCE>().ok_or(Detail::Truncated)?;
            let (tag, text) = rest.split_first_chunk_mut::<TAG>().ok_or(Detail::Truncated)?;
            key.decrypt(*nonce, tag, text)?;
        }
        Some(_) => return Err(Detail::Malformed),
    }
    sealed.drain(..RUBY_V7_HEAD);
    Ok(())
}

/// Seals `plaintext` as the SDK of `layout` does.
///
/// # Errors
/// [`SealError`]: no random bytes.
pub(super) fn seal(
    layout: Layout,
    plaintext: &[u8],
    key: &AesGcmKey,
    random: &dyn SecureRandom,
) -> Result<String, SealError> {
    let mut nonce = [0; NONCE];
    random.fill(&mut nonce)?;
    let mut sealed = Vec::with_capacity(RUBY_V7_HEAD + plaintext.len());
    match layout {
        Layout::NonceFirst | Layout::NonceFirstInLines => {
            sealed.extend(nonce);
            sealed.extend(plaintext);
            let tag = key.encrypt(nonce, sealed.get_mut(NONCE..).ok_or(SealError::Crypto)?)?;
            sealed.extend(tag);
        }
        Layout::Versioned => {
            sealed.push(RUBY_V7);
            sealed.extend(nonce);
            sealed.extend([0; TAG]);
            sealed.extend(plaintext);
            let (tag, text) = sealed
                .get_mut(1 + NONCE..)
                .and_then(<[u8]>::split_first_chunk_mut::<TAG>)
                .ok_or(SealError::Crypto)?;
            *tag = key.encrypt(nonce, text)?;
        }
    }
    if layout != Layout::NonceFirstInLines {
        return Ok(STANDARD.encode_to_string(sealed));
    }
    let mut lines = String::with_capacity((sealed.len() / BYTES_OF_A_LINE + 1) * 61);
    for line in sealed.chunks(BYTES_OF_A_LINE) {
        STANDARD.encode_append(line, &mut lines);
        lines.push('\n');
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{Container, LATER},
        *,
    };
    use proptest::prelude::*;

    const HEX: &str = "f35184a3a9dc74b56b37f35184a3a9dc74b56b37f35184a3a9dc74b56b37abcd";

    const RUBY_V6: Container<AesGcmKey> = Container {
        set: "ruby",
        format: "ruby-v6",
        key: AesGcmKey::raw_bytes,
        open: |value, key, _, plaintext| open(Layout::NonceFirstInLines, value, key, plaintext),
        seal: |plaintext, key, _, random| seal(Layout::NonceFirstInLines, plaintext, key, random),
        randomness: |value| {
            (STANDARD.decode_to_vec(value.replace('\n', "")).unwrap()[..NONCE].to_vec(), LATER)
        },
    };

    const RUBY_V7: Container<AesGcmKey> = Container {
        set: "ruby",
        format: "ruby-v7",
        // The floor of 32 bytes is the ring's.
        key: |password| AesGcmKey::sha256(password).filter(|_| password.len() >= 32),
        open: |value, key, _, plaintext| open(Layout::Versioned, value, key, plaintext),
        seal: |plaintext, key, _, random| seal(Layout::Versioned, plaintext, key, random),
        randomness: |value| (STANDARD.decode_to_vec(value).unwrap()[1..=NONCE].to_vec(), LATER),
    };

    const GO: Container<AesGcmKey> = Container {
        set: "go",
        format: "go-gcm",
        key: |password| AesGcmKey::hex(password).or_else(|| AesGcmKey::sha256(password)),
        open: |value, key, _, plaintext| open(Layout::NonceFirst, value, key, plaintext),
        seal: |plaintext, key, _, random| seal(Layout::NonceFirst, plaintext, key, random),
        randomness: |value| (STANDARD.decode_to_vec(value).unwrap()[..NONCE].to_vec(), LATER),
    };

    const RUST: Container<AesGcmKey> =
        Container { set: "rust", format: "rust-gcm", key: AesGcmKey::hex, ..GO };

    const ALL: [Container<AesGcmKey>; 4] = [RUBY_V6, RUBY_V7, GO, RUST];

    fn key() -> AesGcmKey {
        AesGcmKey::hex(HEX).unwrap()
    }

    #[test]
    fn every_good_vector_opens_to_its_plaintext_and_seals_again_to_the_same_bytes() {
        RUBY_V6.good_vectors_open_and_seal_again(14);
        RUBY_V7.good_vectors_open_and_seal_again(11);
        GO.good_vectors_open_and_seal_again(16);
        RUST.good_vectors_open_and_seal_again(9);
        // One of the Rust crate's, read as Go's.
        Container { set: "rust", ..GO }.good_vectors_open_and_seal_again(1);
    }

    #[test]
    fn every_bad_vector_is_refused_with_an_allowed_class() {
        RUBY_V6.bad_vectors_are_refused(22);
        RUBY_V7.bad_vectors_are_refused(23);
        GO.bad_vectors_are_refused(22);
        RUST.bad_vectors_are_refused(21);
    }

    #[test]
    fn no_changed_value_opens() {
        for container in [RUBY_V7, GO] {
            container.every_change_is_refused(b"{\"access_token\":\"a\"}", &key());
        }
    }

    #[test]
    fn of_a_value_in_lines_only_the_line_ends_may_change() {
        let text = [b'x'; 100];
        let value = RUBY_V6.sealed(&text, &key(), LATER);
        assert_eq!(value.lines().map(str::len).collect::<Vec<_>>(), [60, 60, 52]);
        let one_line = value.replace('\n', "");
        for same in [&one_line, &value.replace('\n', "\r\n"), &format!("\n{one_line}\n\n"), value.trim_end()]
        {
            assert_eq!(RUBY_V6.opened(same, &key(), LATER).unwrap().0, text, "{same:?}");
        }
        for at in 0..value.len() {
            for bit in 0..7 {
                let mut changed = value.clone().into_bytes();
                changed[at] ^= 1 << bit;
                let changed = String::from_utf8(changed).unwrap();
                assert!(RUBY_V6.opened(&changed, &key(), LATER).is_err(), "bit {bit} of character {at}");
            }
        }
        for at in 0..one_line.len() {
            assert!(RUBY_V6.opened(&one_line[..at], &key(), LATER).is_err(), "cut off at {at}");
        }
        for other in [value.replace('\n', " "), value.replace('\n', "\t"), format!("{value}=")] {
            assert_eq!(RUBY_V6.opened(&other, &key(), LATER), Err(Detail::Malformed), "{other:?}");
        }
        assert_eq!(RUBY_V6.opened(&value[..value.len() - 3], &key(), LATER), Err(Detail::Truncated));
        assert!(GO.opened(&value, &key(), LATER).is_err(), "Go reads one line");
        assert!(GO.opened(&one_line, &key(), LATER).is_ok(), "which is the same layout");
    }

    #[test]
    fn a_password_becomes_a_key_only_by_its_rule() {
        assert!(AesGcmKey::raw_bytes(&"é".repeat(16)).is_some(), "bytes count, not characters");
        for password in ["", &"x".repeat(31), &"x".repeat(33), &"é".repeat(32)] {
            assert!(AesGcmKey::raw_bytes(password).is_none(), "{password}");
        }
        assert!(AesGcmKey::hex(&HEX.to_uppercase()).is_some());
        for password in ["", &HEX[1..], &format!("{HEX}0"), &HEX.replace('f', "g"), &HEX.replace("f3", "+3")]
        {
            assert!(AesGcmKey::hex(password).is_none(), "{password}");
        }
        assert!(AesGcmKey::sha256("").is_none(), "anybody could forge what that seals");
        let value = GO.sealed(b"{}", &AesGcmKey::sha256(HEX).unwrap(), LATER);
        assert_eq!(GO.opened(&value, &key(), LATER), Err(Detail::Tampered), "Ruby hashes hex text as text");
    }

    #[test]
    fn a_version_that_is_not_1_is_no_value_of_ruby_7() {
        let mut bytes = STANDARD.decode_to_vec(RUBY_V7.sealed(b"{}", &key(), LATER)).unwrap();
        bytes[0] = 2;
        let outcome = RUBY_V7.opened(&STANDARD.encode_to_string(bytes), &key(), LATER);
        assert_eq!(outcome, Err(Detail::Malformed));
    }

    #[test]
    fn opening_allocates_nothing_when_there_is_room() {
        for container in ALL {
            let value = container.sealed(&[b'x'; 1000], &key(), LATER);
            let mut plaintext = Vec::with_capacity(value.len());
            let before = (plaintext.as_ptr(), plaintext.capacity());
            (container.open)(&value, &key(), LATER, &mut plaintext).unwrap();
            assert_eq!((plaintext.as_ptr(), plaintext.capacity()), before, "{}", container.format);
            assert_eq!(plaintext, [b'x'; 1000]);
        }
    }

    #[test]
    fn nothing_is_sealed_without_random_bytes_and_the_key_is_not_shown() {
        for container in ALL {
            container.it_seals_nothing_without_random_bytes(&key());
        }
        assert_eq!(format!("{:?}", key()), "AesGcmKey([redacted])");
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_opens_again(text: Vec<u8>) {
            for container in ALL {
                let (plaintext, times) =
                    container.opened(&container.sealed(&text, &key(), LATER), &key(), LATER).unwrap();
                prop_assert_eq!(&plaintext, &text);
                prop_assert_eq!(times, SealTimes::default());
            }
        }

        #[test]
        fn what_nobody_sealed_is_refused(text: String, mut bytes: Vec<u8>) {
            for container in ALL {
                prop_assert!(container.opened(&text, &key(), LATER).is_err());
                prop_assert!(container.opened(&STANDARD.encode_to_string(&bytes), &key(), LATER).is_err());
            }
            bytes.insert(0, super::RUBY_V7);
            prop_assert!(RUBY_V7.opened(&STANDARD.encode_to_string(&bytes), &key(), LATER).is_err());
        }
    }
}
