//! Under which key callers meet: the refresh token's, not the organization's, and never the token itself.

use super::cipher::ResultCipher;
use aws_lc_rs::hmac;
use sealkit_core::{ApiKey, RandomUnavailable, RefreshToken, SecureRandom};
use std::fmt;

/// HKDF label (RFC 5869 `info`) of the secret that is derived from the API key.
const LABEL: &[u8] = b"sealkit coordinator v1";

/// What makes a [`CoordinationKey`] out of a refresh token.
///
/// Replicas that share results must share it. It never comes from the cookie passwords, so that rotating those cannot split
/// the replicas.
#[derive(Clone)]
pub struct CoordinatorSecret(hmac::Key);

/// A secret that anybody could guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a coordinator secret needs at least {} bytes", CoordinatorSecret::SHORTEST)]
#[non_exhaustive]
pub struct ShortSecret;

impl CoordinatorSecret {
    /// Fewest bytes of a secret.
    pub const SHORTEST: usize = 16;

    /// From random bytes of your own; 32 are enough.
    ///
    /// # Errors
    /// [`ShortSecret`] for fewer than [`SHORTEST`](Self::SHORTEST) bytes.
    pub fn new(secret: &[u8]) -> Result<Self, ShortSecret> {
        if secret.len() < Self::SHORTEST {
            return Err(ShortSecret);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }

    /// Random in this process, for results that stay in it.
    pub(crate) fn random(random: &dyn SecureRandom) -> Result<Self, RandomUnavailable> {
        let mut secret = [0; 32];
        random.fill(&mut secret)?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &secret)))
    }

    /// HKDF-SHA-256 of the API key under a label of our own.
    ///
    /// Written as the two HMACs that it is for 32 bytes (RFC 5869 §2): those cannot fail, so there is no secret to fall back to.
    #[must_use]
    pub fn from_api_key(api_key: &ApiKey) -> Self {
        let sign = |key: &[u8], data: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data);
        let extracted = sign(&[], api_key.expose_secret().as_bytes());
        let secret = sign(extracted.as_ref(), &[LABEL, &[1]].concat());
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref()))
    }

    /// Where everybody with this refresh token meets, and what opens the results there.
    #[must_use]
    pub fn place(&self, client_id: &str, refresh_token: &RefreshToken) -> Place {
        let key = self.key(client_id, refresh_token);
        Place { key, cipher: ResultCipher::new(&self.0, client_id, refresh_token) }
    }

    /// The key under which everybody with this refresh token meets.
    #[must_use]
    pub fn key(&self, client_id: &str, refresh_token: &RefreshToken) -> CoordinationKey {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(client_id.as_bytes());
        context.update(&[0]);
        context.update(refresh_token.expose_secret().as_bytes());
        CoordinationKey(bytes_of(context.sign()))
    }
}

fn bytes_of(tag: hmac::Tag) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    bytes
}

/// The coordinator secrets in use: the first writes, all read. So they can be changed without a moment in which replicas do not
/// find each other: the new one second, everywhere; then first; then the old one goes.
#[derive(Clone, Debug)]
pub struct CoordinatorSecrets {
    first: CoordinatorSecret,
    older: Vec<CoordinatorSecret>,
}

impl CoordinatorSecrets {
    /// The first writes, the others are read, too.
    #[must_use]
    pub fn new(first: CoordinatorSecret, older: impl IntoIterator<Item = CoordinatorSecret>) -> Self {
        Self { first, older: older.into_iter().collect() }
    }

    /// A key of its own for another purpose: HMAC-SHA-256 of the label under the secret that writes.
    pub(crate) fn derived(&self, label: &[u8]) -> [u8; 32] {
        bytes_of(hmac::sign(&self.first.0, label))
    }

    pub(crate) fn key(&self, client_id: &str, refresh_token: &RefreshToken) -> CoordinationKey {
        self.first.key(client_id, refresh_token)
    }

    /// Where to write, and where to look besides.
    pub(crate) fn places(&self, client_id: &str, refresh_token: &RefreshToken) -> (Place, Vec<Place>) {
        let older = self.older.iter().map(|secret| secret.place(client_id, refresh_token)).collect();
        (self.first.place(client_id, refresh_token), older)
    }
}

impl From<CoordinatorSecret> for CoordinatorSecrets {
    fn from(first: CoordinatorSecret) -> Self {
        Self { first, older: Vec::new() }
    }
}

/// Where the callers with one refresh token meet, and what only they can open.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Place {
    /// The name of the place: safe to show to a store.
    pub key: CoordinationKey,
    /// Seals results for it.
    pub cipher: ResultCipher,
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
    fn a_secret_that_anybody_could_guess_is_none() {
        for secret in [&b""[..], b"0123456789abcde"] {
            assert_eq!(CoordinatorSecret::new(secret).unwrap_err(), ShortSecret);
        }
        assert!(CoordinatorSecret::new(b"0123456789abcdef").is_ok());
        assert_eq!(ShortSecret.to_string(), "a coordinator secret needs at least 16 bytes");
    }

    #[test]
    fn the_secret_of_an_api_key_is_the_hkdf_of_rfc_5869() {
        use aws_lc_rs::hkdf;
        let mut secret = [0; 32];
        let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(b"sk_test_1");
        derived.expand(&[LABEL], hkdf::HKDF_SHA256).unwrap().fill(&mut secret).unwrap();
        let token = RefreshToken::from("rt_1");
        assert_eq!(
            CoordinatorSecret::from_api_key(&ApiKey::from("sk_test_1")).key("client_1", &token),
            CoordinatorSecret::new(&secret).unwrap().key("client_1", &token)
        );
    }

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
