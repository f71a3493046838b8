//! Signing keys: RSA-2048 made once per process, named anew by every provider, published as a JWK set.

use crate::certificate;
use aws_lc_rs::{
    digest, rand,
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::{
    fmt,
    sync::{Arc, OnceLock},
};

/// Keys that rotation goes round. A rotated key gets a new `kid`, so that coming back to old material is no reuse of a name.
const ROTATION: usize = 3;

/// A key that never appears in a key set: it forges signatures for tests.
const STRANGER: usize = ROTATION;

/// The key of the AuthKit domain, which no session is signed with.
const AUTHKIT: usize = ROTATION + 1;

static POOL: [OnceLock<Option<Arc<Material>>>; ROTATION + 2] = [const { OnceLock::new() }; ROTATION + 2];

/// No RSA key could be made, or signing failed: the crypto library or its random source refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no RSA signing key available")]
#[non_exhaustive]
pub struct SigningUnavailable;

/// One RSA key and what a key set says about it.
pub(crate) struct Material {
    pair: RsaKeyPair,
    modulus: String,
    exponent: String,
    certificate: Vec<u8>,
}

impl Material {
    fn generate() -> Option<Self> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).ok()?;
        let public = pair.public_key().as_ref().to_vec();
        let (modulus, exponent) = certificate::rsa_public_parts(&public)?;
        let (modulus, exponent) = (URL_SAFE_NO_PAD.encode(modulus), URL_SAFE_NO_PAD.encode(exponent));
        let certificate = certificate::self_signed(&public, |tbs| sign_with(&pair, tbs).ok())?;
        Some(Self { pair, modulus, exponent, certificate })
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningUnavailable> {
        sign_with(&self.pair, message)
    }

    /// The public key as a DER `RSAPublicKey`, for tests that verify.
    #[cfg(test)]
    pub(crate) fn public_der(&self) -> Vec<u8> {
        self.pair.public_key().as_ref().to_vec()
    }
}

fn sign_with(pair: &RsaKeyPair, message: &[u8]) -> Result<Vec<u8>, SigningUnavailable> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &rand::SystemRandom::new(), message, &mut signature)
        .map_err(|_| SigningUnavailable)?;
    Ok(signature)
}

/// A key of the shared pool, made at first use.
fn material(index: usize) -> Result<Arc<Material>, SigningUnavailable> {
    let slot = POOL.get(index).ok_or(SigningUnavailable)?;
    slot.get_or_init(|| Material::generate().map(Arc::new)).clone().ok_or(SigningUnavailable)
}

/// A key that no provider publishes.
pub(crate) fn stranger() -> Result<Arc<Material>, SigningUnavailable> {
    material(STRANGER)
}

/// The AuthKit domain's key, unless it shares the keys of sessions.
pub(crate) fn authkit() -> Result<Arc<Material>, SigningUnavailable> {
    material(AUTHKIT)
}

/// A named key of one provider.
#[derive(Clone)]
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    pub(crate) material: Arc<Material>,
}

/// The keys of one provider: the one that signs, and those that are published.
pub(crate) struct KeySet {
    current: SigningKey,
    published: Vec<SigningKey>,
    generation: usize,
}

impl KeySet {
    pub(crate) fn new(kid: String) -> Result<Self, SigningUnavailable> {
        let current = SigningKey { kid, material: material(0)? };
        Ok(Self { published: vec![current.clone()], current, generation: 0 })
    }

    pub(crate) fn current(&self) -> &SigningKey {
        &self.current
    }

    /// Signs with the next key from now on. At most eight old ones stay published.
    pub(crate) fn rotate(&mut self, kid: String, keep_old: bool) -> Result<(), SigningUnavailable> {
        let generation = self.generation.wrapping_add(1);
        self.current = SigningKey { kid, material: material(generation % ROTATION)? };
        self.generation = generation;
        if !keep_old {
            self.published.clear();
        }
        self.published.insert(0, self.current.clone());
        self.published.truncate(9);
        Ok(())
    }

    /// The key set as `GET /sso/jwks/{client_id}` answers it.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "keys": self.published.iter().map(jwk).collect::<Vec<_>>() })
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.published.iter().map(|key| &key.kid)).finish()
    }
}

/// The public half of a key, as an entry of a key set.
pub(crate) fn jwk(key: &SigningKey) -> Value {
    let certificate = &key.material.certificate;
    json!({
        "alg": "RS256",
        "kty": "RSA",
        "use": "sig",
        "x5c": [STANDARD.encode(certificate)],
        "n": key.material.modulus,
        "e": key.material.exponent,
        "kid": key.kid,
        "x5t#S256": URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, certificate)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kids(keys: &KeySet) -> Vec<String> {
        let json = keys.to_json();
        json["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn rotation_keeps_or_drops_the_old_keys() {
        let mut keys = KeySet::new("one".to_owned()).unwrap();
        keys.rotate("two".to_owned(), true).unwrap();
        assert_eq!(kids(&keys), ["two", "one"]);
        assert_eq!(keys.current().kid, "two");
        keys.rotate("three".to_owned(), false).unwrap();
        assert_eq!(kids(&keys), ["three"]);
    }

    #[test]
    fn the_pool_is_shared_and_the_stranger_is_apart() {
        let (a, b) = (KeySet::new("a".to_owned()).unwrap(), KeySet::new("b".to_owned()).unwrap());
        assert_eq!(a.to_json()["keys"][0]["n"], b.to_json()["keys"][0]["n"]);
        assert_ne!(a.current().material.public_der(), stranger().unwrap().public_der());
    }
}
