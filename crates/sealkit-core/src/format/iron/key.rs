//! The keys of a seal, derived from a password and the salts that the seal carries.

use hmac::{Hmac, KeyInit, Mac as _};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroize as _;

/// A password made ready: the HMAC pads of PBKDF2 are computed once.
pub(crate) struct IronKey(Hmac<Sha1>);

impl IronKey {
    pub(crate) fn new(password: &str) -> Self {
        let mut key = match password.len() {
            ..=64 => block(password.as_bytes()),
            _ => block(&Sha1::digest(password)),
        };
        let hmac = Hmac::new(&key.into());
        key.zeroize();
        Self(hmac)
    }

    /// PBKDF2-HMAC-SHA-1 (RFC 8018 §5.2), one round, 32 bytes: two blocks of 20, cut.
    pub(super) fn derive(&self, salt: &str) -> DerivedKey {
        let mut salted = self.0.clone();
        salted.update(salt.as_bytes());
        let first = salted.clone().chain_update([0, 0, 0, 1]).finalize().into_bytes();
        let second = salted.chain_update([0, 0, 0, 2]).finalize().into_bytes();
        let mut key = DerivedKey([0; 32]);
        for (to, from) in key.0.iter_mut().zip(first.iter().chain(&second)) {
            *to = *from;
        }
        key
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
        let salt = "275fc63a08e4cc6e69b7d86c53b15e9345d84c7f49e235823607b68715a5b532";
        for length in 0..200 {
            let password = "p\u{e4}ssword ".repeat(20).chars().take(length).collect::<String>();
            let mut theirs = [0; 32];
            pbkdf2::derive(
                pbkdf2::PBKDF2_HMAC_SHA1,
                NonZeroU32::MIN,
                salt.as_bytes(),
                password.as_bytes(),
                &mut theirs,
            );
            assert_eq!(IronKey::new(&password).derive(salt).0, theirs, "{length}");
        }
    }
}
