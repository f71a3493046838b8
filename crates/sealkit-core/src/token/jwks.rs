//! The key set of a client (RFC 7517): RSA keys for RS256, parsed once, each entry by itself.

use super::jwk::{Fault, Integers, Jwk, SkipReason, SkippedKey};
use aws_lc_rs::signature::ParsedPublicKey;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::fmt;

/// Longest document that is parsed, in bytes.
const MAX_DOCUMENT: usize = 256 * 1024;

/// Most usable keys that a set holds; entries after them are skipped.
pub(super) const MAX_KEYS: usize = 64;

/// Most usable keys of one id: as many signatures are checked at most for one token.
pub(super) const MAX_KEYS_OF_ID: usize = 4;

/// Most skipped entries that are described; the others are counted.
const MAX_SKIPPED: usize = 64;

/// Shortest modulus that is accepted, in bits (RFC 7518 §3.3).
pub(super) const MIN_MODULUS_BITS: usize = 2048;

/// Longest modulus that is accepted, in bytes (4096 bits: what longer ones cost is the attacker's choice, not ours).
pub(super) const MAX_MODULUS: usize = 512;

/// The keys that may sign access tokens of one client.
///
/// Every entry is read by itself. One that cannot be used is [skipped](Self::skipped) with a reason and takes nothing from the
/// others, whatever its type and id (RFC 7517 §4.5 and §5). The same key twice is one key. If several different keys have one
/// id, a token of this id is verified with each of them, up to four: an id is a hint, every key of the set is trusted alike,
/// and dropping one of them would sign out the users whose tokens it signed.
#[derive(Default)]
pub struct KeySet {
    keys: Vec<(Box<str>, ParsedPublicKey)>,
    skipped: Vec<SkippedKey>,
    skipped_count: usize,
}

impl KeySet {
    /// A set that knows no key.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Reads a JWK Set (RFC 7517 §5), as `GET /sso/jwks/<client id>` answers it: the first 64 usable keys.
    ///
    /// # Errors
    /// [`KeySetError`] if the document is too large or not a key set. An unusable entry is not an error:
    /// [`skipped`](Self::skipped) names it.
    pub fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        if document.len() > MAX_DOCUMENT {
            return Err(KeySetError::TooLarge);
        }
        let Document { keys: entries } =
            serde_json::from_slice(document).map_err(|_| KeySetError::NotAKeySet)?;
        let mut set = Self::empty();
        let mut known = Vec::new();
        for (index, entry) in entries.into_iter().enumerate() {
            let jwk = match Jwk::read(entry) {
                Ok(jwk) => jwk,
                Err(fault) => {
                    set.skip(index, None, fault);
                    continue;
                }
            };
            if let Err(fault) = set.add(&jwk, &mut known) {
                set.skip(index, jwk.kid().as_deref(), fault);
            }
        }
        Ok(set)
    }

    /// Adds the key of an entry. `known` has the integers of the set's keys, in the same order.
    fn add(&mut self, jwk: &Jwk<'_>, known: &mut Vec<Integers>) -> Result<(), Fault> {
        if self.keys.len() == MAX_KEYS {
            return Err(SkipReason::TooManyKeys.into());
        }
        let (kid, integers) = jwk.rsa()?;
        let mut same_id =
            self.keys.iter().zip(&*known).filter(|((own, _), _)| *own == kid).map(|(_, known)| known);
        let (mut others, mut identical) = (0, false);
        for known in &mut same_id {
            others += 1;
            identical |= *known == integers;
        }
        if identical {
            return Ok(());
        }
        if others == MAX_KEYS_OF_ID {
            return Err(SkipReason::TooManyOfOneId.into());
        }
        self.keys.push((kid, integers.public_key()?));
        known.push(integers);
        Ok(())
    }

    fn skip(&mut self, index: usize, kid: Option<&str>, fault: Fault) {
        self.skipped_count += 1;
        if self.skipped.len() < MAX_SKIPPED {
            self.skipped.push(SkippedKey::new(index, kid, fault));
        }
    }

    /// True when the set has a usable key of this id.
    #[must_use]
    pub fn contains(&self, kid: &str) -> bool {
        self.of_id(kid).next().is_some()
    }

    /// How many usable keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// True when the set has no usable key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The entries that were skipped, in the order of the document, at most 64.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// How many entries were skipped in all.
    #[must_use]
    pub const fn skipped_count(&self) -> usize {
        self.skipped_count
    }

    /// The first skipped entry of this id: why a token's key is unknown although the document names it.
    #[must_use]
    pub fn skipped_of_id(&self, kid: &str) -> Option<&SkippedKey> {
        self.skipped.iter().find(|skipped| skipped.kid() == Some(kid))
    }

    /// The usable keys of an id, at most four.
    pub(super) fn of_id(&self, kid: &str) -> impl Iterator<Item = &ParsedPublicKey> {
        self.keys.iter().filter(move |(own, _)| **own == *kid).map(|(_, key)| key)
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(kid, _)| kid)).finish()
    }
}

/// A document that is not a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// More than 256 KiB.
    #[error("the key set is larger than 256 KiB")]
    TooLarge,
    /// Not JSON with a member `keys` that is a list.
    #[error("the document is not a key set: JSON with a list `keys`")]
    NotAKeySet,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
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
    fn other_document_is_not_a_key_set() {
        for document in [
            "",
            "[]",
            "{}",
            "null",
            r#"{"keys":{}}"#,
            r#"{"keys":null}"#,
            r#"{"keys":[]"#,
            r#"{"keys":[],"keys":[]}"#,
            r#"{"message":"not found"}"#,
        ] {
            assert_eq!(
                KeySet::parse(document.as_bytes()).unwrap_err(),
                KeySetError::NotAKeySet,
                "{document}"
            );
        }
        assert_eq!(KeySet::parse(&vec![b' '; MAX_DOCUMENT + 1]).unwrap_err(), KeySetError::TooLarge);
    }
}
