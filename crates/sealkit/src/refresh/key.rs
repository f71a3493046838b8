//! Under which key callers meet: the refresh token's, not the organization's, and never the token itself.

use aws_lc_rs::{hkdf, hmac};
use sealkit_core::{ApiKey, RefreshToken};
use std::fmt;

/// HKDF label (RFC 5869 `info`) of the secret that is derived from the API key.
const LABEL: &[u8] = b"sealkit coordinator v1";

/// What makes a [`CoordinationKey`] out of a refresh token.
///
/// Replicas that share results must share it. It never comes from the cookie passwords, so that rotating those cannot split
/// the replicas.
#[derive(Clone)]
pub struct CoordinatorSecret(hmac::Key);

impl CoordinatorSecret {
    /// From bytes of your own; at least 32 are meant to be random.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// HKDF-SHA-256 of the API key under a label of our own.
    #[must_use]
    pub fn from_api_key(api_key: &ApiKey) -> Self {
        let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(api_key.expose_secret().as_bytes());
        let mut secret = [0; 32];
        let filled = derived.expand(&[LABEL], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut secret));
        debug_assert!(filled.is_ok(), "32 bytes are the length that was asked for");
        Self::new(&secret)
    }

    /// The key under which everybody with this refresh token meets.
    #[must_use]
    pub fn key(&self, client_id: &str, refresh_token: &RefreshToken) -> CoordinationKey {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(client_id.as_bytes());
        context.update(&[0]);
        context.update(refresh_token.expose_secret().as_bytes());
        let mut key = [0; 32];
        for (to, from) in key.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        CoordinationKey(key)
    }
}

impl fmt::Debug for CoordinatorSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CoordinatorSecret([redacted])")
    }
}

/// HMAC-SHA-256 of client id and refresh token: equal for equal tokens of one client, and it gives neither away.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CoordinationKey([u8; 32]);

impl CoordinationKey {
    /// The bytes, for stores.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for CoordinationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "CoordinationKey({a:02x}{b:02x}{c:02x}{d:02x}…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_holds_everything_that_tells_callers_apart() {
        let secret = CoordinatorSecret::from_api_key(&ApiKey::from("sk_test_1"));
        let token = RefreshToken::from("rt_1");
        let key = secret.key("client_1", &token);
        assert_eq!(key, secret.key("client_1", &token));
        assert_ne!(key, secret.key("client_2", &token));
        assert_ne!(key, secret.key("client_1", &RefreshToken::from("rt_2")));
        assert_ne!(key, CoordinatorSecret::from_api_key(&ApiKey::from("sk_test_2")).key("client_1", &token));
        assert_ne!(secret.key("a", &RefreshToken::from("b")), secret.key("", &RefreshToken::from("ab")));
    }
}
