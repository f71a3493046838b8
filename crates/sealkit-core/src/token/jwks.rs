//! The key set of a client (RFC 7517): RSA keys for RS256, parsed once.

use crate::base64::URL_SAFE_NO_PAD;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::Deserialize;
use std::{borrow::Cow, fmt};

/// Longest document that is parsed, in bytes.
const MAX_DOCUMENT: usize = 256 * 1024;

/// Most keys that a set may hold.
const MAX_KEYS: usize = 64;

/// Shortest modulus that is accepted, in bytes (2048 bits, RFC 7518 §3.3).
const MIN_MODULUS: usize = 256;

/// Longest modulus that is accepted, in bytes (4096 bits: what longer ones cost is the attacker's choice, not ours).
pub(super) const MAX_MODULUS: usize = 512;

/// The keys that may sign access tokens of one client.
///
/// Keys of another type, use or algorithm are left out, and so are keys whose id stands twice: nobody could tell which is
/// meant.
#[derive(Default)]
pub struct KeySet {
    keys: Vec<(Box<str>, ParsedPublicKey)>,
}

impl KeySet {
    /// A set that knows no key.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Reads a JWK Set (RFC 7517 §5), as `GET /sso/jwks/<client id>` answers it.
    ///
    /// # Errors
    /// [`KeySetError`] when the document is too large or no key set. A single unusable key is no error.
    pub fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        if document.len() > MAX_DOCUMENT {
            return Err(KeySetError::TooLarge);
        }
        let Document { keys: jwks } =
            serde_json::from_slice(document).map_err(|_| KeySetError::NotAKeySet)?;
        if jwks.len() > MAX_KEYS {
            return Err(KeySetError::TooLarge);
        }
        let ids: Vec<Option<Cow<'_, str>>> = jwks.iter().map(|jwk| jwk.kid.clone()).collect();
        let unique = |kid: &str| ids.iter().flatten().filter(|id| *id == kid).count() == 1;
        let keys = jwks
            .into_iter()
            .filter_map(|jwk| {
                let kid = jwk.kid.as_deref().filter(|kid| !kid.is_empty() && unique(kid))?;
                Some((kid.into(), jwk.rsa_key()?))
            })
            .collect();
        Ok(Self { keys })
    }

    /// True when the set has a usable key of this id.
    #[must_use]
    pub fn contains(&self, kid: &str) -> bool {
        self.get(kid).is_some()
    }

    /// How many usable keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// True when there is no usable key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn get(&self, kid: &str) -> Option<&ParsedPublicKey> {
        self.keys.iter().find(|(own, _)| **own == *kid).map(|(_, key)| key)
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(kid, _)| kid)).finish()
    }
}

/// A document that is no key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// More than 256 KiB or 64 keys.
    #[error("the key set is too large")]
    TooLarge,
    /// Not JSON with a member `keys` that is a list of keys.
    #[error("the document is no key set")]
    NotAKeySet,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Vec<Jwk<'a>>,
}

#[derive(Deserialize)]
struct Jwk<'a> {
    #[serde(borrow, default)]
    kty: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    kid: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "use")]
    usage: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    alg: Option<Cow<'a, str>>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(borrow, default)]
    n: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    e: Option<Cow<'a, str>>,
}

impl Jwk<'_> {
    fn rsa_key(&self) -> Option<ParsedPublicKey> {
        let fits = self.kty.as_deref() == Some("RSA")
            && self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.alg.as_deref().is_none_or(|alg| alg == "RS256")
            && self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !fits {
            return None;
        }
        let n = URL_SAFE_NO_PAD.decode_to_vec(self.n.as_deref()?).ok()?;
        let e = URL_SAFE_NO_PAD.decode_to_vec(self.e.as_deref()?).ok()?;
        if !(MIN_MODULUS..=MAX_MODULUS).contains(&n.len()) || n.first() == Some(&0) {
            return None;
        }
        RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: &str = include_str!("../../../../vectors/jwks.json");

    fn changed(change: impl Fn(&mut serde_json::Value)) -> KeySet {
        let mut set: serde_json::Value = serde_json::from_str(PUBLIC).unwrap();
        change(&mut set["keys"][0]);
        KeySet::parse(set.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_public_set_has_both_of_its_keys() {
        let set = KeySet::parse(PUBLIC.as_bytes()).unwrap();
        assert_eq!(
            format!("{set:?}"),
            r#"["sso_oidc_key_pair_FAKE_public_1", "sso_oidc_key_pair_FAKE_public_2"]"#
        );
    }

    #[test]
    fn keys_for_other_purposes_are_left_out() {
        for (member, value) in [
            ("use", "enc".into()),
            ("alg", "RS512".into()),
            ("alg", "HS256".into()),
            ("kty", "EC".into()),
            ("kty", "oct".into()),
            ("key_ops", serde_json::json!(["sign"])),
            ("kid", "".into()),
            ("n", "AQAB".into()),
            ("n", "not base64url!".into()),
            ("e", "".into()),
            ("kid", serde_json::Value::Null),
        ] {
            let set = changed(|key| key[member] = value.clone());
            assert_eq!(set.len(), 1, "{member} = {value}");
        }
        assert_eq!(changed(|key| key["key_ops"] = serde_json::json!(["verify"])).len(), 2);
        assert_eq!(changed(|key| key["x5c"] = serde_json::json!(["AA=="])).len(), 2);
    }

    #[test]
    fn an_id_that_stands_twice_is_no_id() {
        assert_eq!(changed(|key| key["kid"] = "sso_oidc_key_pair_FAKE_public_2".into()).len(), 0);
    }

    #[test]
    fn documents_that_are_no_key_set_are_refused() {
        for document in ["", "[]", "{}", "null", r#"{"keys":{}}"#, r#"{"message":"not found"}"#] {
            assert_eq!(
                KeySet::parse(document.as_bytes()).unwrap_err(),
                KeySetError::NotAKeySet,
                "{document}"
            );
        }
        assert_eq!(KeySet::parse(&vec![b' '; MAX_DOCUMENT + 1]).unwrap_err(), KeySetError::TooLarge);
        let many = format!(r#"{{"keys":[{}]}}"#, vec!["{}"; MAX_KEYS + 1].join(","));
        assert_eq!(KeySet::parse(many.as_bytes()).unwrap_err(), KeySetError::TooLarge);
    }
}
