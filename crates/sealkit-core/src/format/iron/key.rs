//! The keys of a seal, derived from a password and the salts that the seal carries.

use hmac::{Hmac, KeyInit, Mac as _};
use sha1::{Digest as _, Sha1, block_api::compress};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroize as _;

/// A SHA-1 state.
type State = [u32; 5];

/// What SHA-1 begins with (FIPS 180-4 §5.3.1).
const INITIAL: State = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

/// A password made ready: SHA-1 after each of the two HMAC pads (RFC 2104 §4), computed once.
pub(crate) struct IronKey {
    inner: State,
    outer: State,
}

impl IronKey {
    pub(crate) fn new(password: &str) -> Self {
        let mut key = match password.len() {
            ..=64 => block(password.as_bytes()),
            _ => block(&Sha1::digest(password)),
        };
        let pads = Self {
            inner: absorbed(INITIAL, key.map(|byte| byte ^ 0x36)),
            outer: absorbed(INITIAL, key.map(|byte| byte ^ 0x5c)),
        };
        key.zeroize();
        pads
    }

    /// PBKDF2-HMAC-SHA-1 (RFC 8018 §5.2), one round, 32 bytes: two blocks of 20, cut.
    ///
    /// The salt fills a block of the hash, so each HMAC is two blocks inside and one outside.
    pub(super) fn derive(&self, salt: &[u8; 64]) -> DerivedKey {
        let salted = absorbed(self.inner, *salt);
        let first = self.finish(salted, 1);
        let second = self.finish(salted, 2);
        let mut key = DerivedKey([0; 32]);
        for (to, word) in key.0.chunks_exact_mut(4).zip(first.iter().chain(&second)) {
            to.copy_from_slice(&word.to_be_bytes());
        }
        key
    }

    /// The HMAC of the salt and the number of the block of output.
    fn finish(&self, salted: State, number: u8) -> State {
        let inner = absorbed(salted, last_block(&[0, 0, 0, number], 64 + 64 + 4));
        let mut message = [0; 20];
        for (to, word) in message.chunks_exact_mut(4).zip(inner) {
            to.copy_from_slice(&word.to_be_bytes());
        }
        absorbed(self.outer, last_block(&message, 64 + 20))
    }
}

/// SHA-1 one block further.
fn absorbed(mut state: State, block: [u8; 64]) -> State {
    compress(&mut state, &[block]);
    state
}

/// The end of a message of `length` bytes in all, padded (FIPS 180-4 §5.1.1).
fn last_block(end: &[u8], length: u16) -> [u8; 64] {
    let mut block = block(end);
    let [high, low] = (length * 8).to_be_bytes();
    for (at, byte) in [(end.len(), 0x80), (62, high), (63, low)] {
        if let Some(to) = block.get_mut(at) {
            *to = byte;
        }
    }
    block
}

impl Drop for IronKey {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

impl fmt::Debug for IronKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IronKey([redacted])")
    }
}

/// A key of one seal, wiped when it goes.
pub(super) struct DerivedKey([u8; 32]);

impl DerivedKey {
    pub(super) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// HMAC-SHA-256 over `text`.
    pub(super) fn mac(&self, text: &str) -> [u8; 32] {
        Hmac::<Sha256>::new(&block(&self.0).into())
            .chain_update(text.as_bytes())
            .finalize()
            .into_bytes()
            .into()
    }
}

impl Drop for DerivedKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// An HMAC key of at most 64 bytes, filled up with zeros (RFC 2104 §2).
fn block(key: &[u8]) -> [u8; 64] {
    let mut block = [0; 64];
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::pbkdf2;
    use std::num::NonZeroU32;

    #[test]
    fn the_derivation_is_that_of_another_library_at_every_password_length() {
        let salt = b"275fc63a08e4cc6e69b7d86c53b15e9345d84c7f49e235823607b68715a5b532";
        for length in 0..200 {
            let password = "p\u{e4}ssword ".repeat(20).chars().take(length).collect::<String>();
            let mut theirs = [0; 32];
            pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA1, NonZeroU32::MIN, salt, password.as_bytes(), &mut theirs);
            assert_eq!(IronKey::new(&password).derive(salt).0, theirs, "{length}");
        }
    }
}
