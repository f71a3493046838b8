//! Results at rest in a store that others can read: sealed so that only the holder of the old cookie, with the server's secret,
//! opens them.

use super::CoordinationKey;
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};
use sealkit_core::{RefreshToken, SecureRandom};
use std::fmt;
use zeroize::Zeroizing;

/// HKDF label (RFC 5869 `info`) of the key of one refresh token's results.
const LABEL: &[u8] = b"sealkit coordinator result v1";

/// Longest result that is sealed and opened, in bytes.
const LONGEST: usize = 64 * 1024;

/// Seals the results of one refresh token with AES-256-GCM. Its key follows from the coordinator secret, the client id and the
/// refresh token, so whoever holds the store, or the store and another session, opens nothing.
#[derive(Clone)]
pub struct ResultCipher {
    key: Zeroizing<[u8; 32]>,
}

impl ResultCipher {
    /// HKDF-SHA-256 (RFC 5869). The salt follows from the coordinator secret and is not the secret itself, under which the public
    /// [`CoordinationKey`]s are made: no refresh token makes of one of those a key.
    pub(super) fn new(secret: &hmac::Key, client_id: &str, refresh_token: &RefreshToken) -> Self {
        let salt = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(secret, LABEL).as_ref());
        let extracted = hmac::sign(&salt, refresh_token.expose_secret().as_bytes());
        let expand = hmac::Key::new(hmac::HMAC_SHA256, extracted.as_ref());
        let expanded = hmac::sign(&expand, &[LABEL, client_id.as_bytes(), &[1]].concat());
        let mut key = Zeroizing::new([0; 32]);
        for (to, from) in key.iter_mut().zip(expanded.as_ref()) {
            *to = *from;
        }
        Self { key }
    }

    /// Nonce, ciphertext and tag, bound to `place`. None when this machine gives no random bytes, and for more than 64 KiB: what
    /// is so large fits into no cookie, and [`open`](Self::open) would not take it.
    #[must_use]
    pub fn seal(&self, place: &CoordinationKey, plain: &[u8], random: &dyn SecureRandom) -> Option<Vec<u8>> {
        if plain.len() > LONGEST {
            return None;
        }
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce).ok()?;
        let mut sealed = Vec::with_capacity(plain.len() + NONCE_LEN + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&nonce);
        let mut text = Zeroizing::new(plain.to_vec());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag =
            self.key()?.seal_in_place_separate_tag(nonce, Aad::from(place.as_bytes()), &mut text).ok()?;
        sealed.extend_from_slice(&text);
        sealed.extend_from_slice(tag.as_ref());
        Some(sealed)
    }

    /// What was sealed for this place; None for anything else.
    #[must_use]
    pub fn open(&self, place: &CoordinationKey, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
        if text.len() > LONGEST + AES_256_GCM.tag_len() {
            return None;
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self.key()?.open_in_place(nonce, Aad::from(place.as_bytes()), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }

    fn key(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM, &*self.key).ok().map(LessSafeKey::new)
    }
}

impl fmt::Debug for ResultCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResultCipher([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refresh::CoordinatorSecret;
    use sealkit_core::{ApiKey, SystemRandom};

    #[test]
    fn a_result_opens_with_the_same_secret_client_token_and_place_only() {
        let secret = CoordinatorSecret::from_api_key(&ApiKey::from("sk_test_1"));
        let place = |client: &str, token: &str| secret.place(client, &RefreshToken::from(token));
        let (ours, other) = (place("client_1", "rt_1"), place("client_1", "rt_2"));
        let sealed = ours.cipher.seal(&ours.key, b"the new tokens", &SystemRandom).unwrap();
        let open = |with: &ResultCipher, at: &CoordinationKey, sealed: &[u8]| {
            with.open(at, sealed).map(|text| text.to_vec())
        };
        assert_eq!(
            open(&place("client_1", "rt_1").cipher, &ours.key, &sealed).as_deref(),
            Some(&b"the new tokens"[..])
        );
        assert_eq!(open(&other.cipher, &ours.key, &sealed), None);
        assert_eq!(open(&ours.cipher, &other.key, &sealed), None);
        assert_eq!(open(&place("client_2", "rt_1").cipher, &ours.key, &sealed), None);
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert_eq!(open(&ours.cipher, &ours.key, &bent), None, "byte {at}");
            assert_eq!(open(&ours.cipher, &ours.key, &sealed[..at]), None, "cut at {at}");
        }
        assert_ne!(sealed, ours.cipher.seal(&ours.key, b"the new tokens", &SystemRandom).unwrap());
    }

    #[test]
    fn whatever_is_sealed_opens_up_to_the_longest() {
        let secret = CoordinatorSecret::from_api_key(&ApiKey::from("sk_test_1"));
        let place = secret.place("client_1", &RefreshToken::from("rt_1"));
        for length in [0, 1, LONGEST] {
            let plain = vec![7; length];
            let sealed = place.cipher.seal(&place.key, &plain, &SystemRandom).unwrap();
            assert_eq!(place.cipher.open(&place.key, &sealed).unwrap().to_vec(), plain);
        }
        assert!(place.cipher.seal(&place.key, &vec![7; LONGEST + 1], &SystemRandom).is_none());
    }
}
