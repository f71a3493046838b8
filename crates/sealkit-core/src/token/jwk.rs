//! One entry of a key set (RFC 7517 §4): read by itself, with a reason if it cannot be used.

use super::jwks::{MAX_KEYS, MAX_KEYS_OF_ID, MAX_MODULUS, MIN_MODULUS_BITS};
use crate::{base64::URL_SAFE_NO_PAD, untrusted::Untrusted};
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// Longest text of an id that is kept for a message, in characters.
const MAX_SHOWN_ID: usize = 64;

/// Why an entry of a key set was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SkipReason {
    /// The entry is not a JSON object.
    NotAnObject,
    /// A text in the entry is not Unicode, for example because of a lone surrogate.
    Malformed,
    /// A member appears twice (RFC 7517 §4).
    DuplicateMember,
    /// A member has another JSON type than RFC 7517 gives it.
    WrongType,
    /// A member that the key needs is missing, null, or empty.
    MissingMember,
    /// `kty` is not `RSA`.
    OtherKeyType,
    /// `use` or `key_ops` does not allow verifying.
    OtherUse,
    /// `alg` is not `RS256`.
    OtherAlgorithm,
    /// An integer has padding (RFC 7518 §2).
    Padded,
    /// An integer is in the alphabet of base64 instead of base64url (RFC 7518 §2).
    StandardAlphabet,
    /// An integer is not base64url (RFC 7518 §2).
    NotBase64Url,
    /// An integer begins with a zero octet (RFC 7518 §2).
    LeadingZero,
    /// The modulus has fewer than 2048 bits (RFC 7518 §3.3).
    ModulusTooShort,
    /// The modulus has more than 4096 bits.
    ModulusTooLong,
    /// The exponent is not an odd number of 2 to 33 bits: the verifier takes no other, and with 1 anybody could sign.
    UnusableExponent,
    /// The integers are well written and are not an RSA public key, for example because the modulus is even.
    NotARsaKey,
    /// Four other keys of the set have the same id.
    TooManyOfOneId,
    /// The set has 64 usable keys before this entry.
    TooManyKeys,
}

impl SkipReason {
    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAnObject => "not_an_object",
            Self::Malformed => "malformed",
            Self::DuplicateMember => "duplicate_member",
            Self::WrongType => "wrong_type",
            Self::MissingMember => "missing_member",
            Self::OtherKeyType => "other_key_type",
            Self::OtherUse => "other_use",
            Self::OtherAlgorithm => "other_algorithm",
            Self::Padded => "padded",
            Self::StandardAlphabet => "standard_alphabet",
            Self::NotBase64Url => "not_base64url",
            Self::LeadingZero => "leading_zero",
            Self::ModulusTooShort => "modulus_too_short",
            Self::ModulusTooLong => "modulus_too_long",
            Self::UnusableExponent => "unusable_exponent",
            Self::NotARsaKey => "not_a_rsa_key",
            Self::TooManyOfOneId => "too_many_of_one_id",
            Self::TooManyKeys => "too_many_keys",
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An entry of a key set that was skipped. `Display` names the entry and the reason in one line; what the document says is
/// escaped there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkippedKey {
    index: usize,
    kid: Option<Box<str>>,
    member: Option<&'static str>,
    reason: SkipReason,
}

impl SkippedKey {
    pub(super) fn new(index: usize, kid: Option<&str>, fault: Fault) -> Self {
        Self { index, kid: kid.map(shortened), member: fault.member, reason: fault.reason }
    }

    /// The position in `keys`, from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// `kid`, if the entry has one that is a text. It is the document's text, not escaped: at most 64 characters, and `…` at the
    /// end if the document has more.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The member at fault, if it is one.
    #[must_use]
    pub const fn member(&self) -> Option<&'static str> {
        self.member
    }

    /// The reason.
    #[must_use]
    pub const fn reason(&self) -> SkipReason {
        self.reason
    }
}

impl fmt::Display for SkippedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kid {
            Some(kid) => write!(f, "key {:?} (keys[{}]): ", Untrusted::new(kid), self.index)?,
            None => write!(f, "keys[{}]: ", self.index)?,
        }
        if let Some(member) = self.member {
            write!(f, "`{member}` ")?;
        }
        match self.reason {
            SkipReason::NotAnObject => f.write_str("not a JSON object"),
            SkipReason::Malformed => f.write_str("a text in it is not Unicode"),
            SkipReason::DuplicateMember => f.write_str("appears twice (RFC 7517 §4)"),
            SkipReason::WrongType => f.write_str("has the wrong JSON type"),
            SkipReason::MissingMember => f.write_str("is missing or empty"),
            SkipReason::OtherKeyType => f.write_str("is not \"RSA\""),
            SkipReason::OtherUse => f.write_str("does not allow verifying signatures"),
            SkipReason::OtherAlgorithm => f.write_str("is not \"RS256\""),
            SkipReason::Padded => {
                f.write_str("ends with `=`, and base64url integers have no padding (RFC 7518 §2)")
            }
            SkipReason::StandardAlphabet => {
                f.write_str("contains `+` or `/`, and base64url has `-` and `_` instead (RFC 7518 §2)")
            }
            SkipReason::NotBase64Url => f.write_str("is not base64url (RFC 7518 §2)"),
            SkipReason::LeadingZero => {
                f.write_str("begins with a zero octet, and integers have the fewest octets (RFC 7518 §2)")
            }
            SkipReason::ModulusTooShort => {
                write!(f, "has fewer than {MIN_MODULUS_BITS} bits (RFC 7518 §3.3)")
            }
            SkipReason::ModulusTooLong => write!(f, "has more than {} bits", MAX_MODULUS * 8),
            SkipReason::UnusableExponent => f.write_str("is not an odd number of 2 to 33 bits"),
            SkipReason::NotARsaKey => f.write_str("`n` and `e` are not an RSA public key"),
            SkipReason::TooManyOfOneId => write!(f, "{MAX_KEYS_OF_ID} other keys have the same id"),
            SkipReason::TooManyKeys => write!(f, "the set has {MAX_KEYS} usable keys before it"),
        }
    }
}

fn shortened(kid: &str) -> Box<str> {
    match kid.char_indices().nth(MAX_SHOWN_ID) {
        Some((end, _)) => format!("{}…", kid.get(..end).unwrap_or_default()).into(),
        None => kid.into(),
    }
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    member: Option<&'static str>,
    reason: SkipReason,
}

impl From<SkipReason> for Fault {
    fn from(reason: SkipReason) -> Self {
        Self { member: None, reason }
    }
}

impl SkipReason {
    const fn of(self, member: &'static str) -> Fault {
        Fault { member: Some(member), reason: self }
    }
}

/// The integers of an RSA key, big-endian.
#[derive(PartialEq, Eq)]
pub(super) struct Integers {
    n: Vec<u8>,
    e: Vec<u8>,
}

impl Integers {
    pub(super) fn public_key(&self) -> Result<ParsedPublicKey, Fault> {
        RsaPublicKeyComponents { n: self.n.as_slice(), e: self.e.as_slice() }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .map_err(|_| SkipReason::NotARsaKey.into())
    }
}

/// The members of an entry that decide whether it is used, as they are written.
#[derive(Default)]
pub(super) struct Jwk<'a> {
    kty: Option<&'a RawValue>,
    kid: Option<&'a RawValue>,
    usage: Option<&'a RawValue>,
    alg: Option<&'a RawValue>,
    key_ops: Option<&'a RawValue>,
    n: Option<&'a RawValue>,
    e: Option<&'a RawValue>,
    /// The first member of these that appears twice.
    duplicate: Option<&'static str>,
}

impl<'a> Jwk<'a> {
    pub(super) fn read(entry: &'a RawValue) -> Result<Self, Fault> {
        if !entry.get().starts_with('{') {
            return Err(SkipReason::NotAnObject.into());
        }
        serde_json::from_str(entry.get()).map_err(|_| SkipReason::Malformed.into())
    }

    /// `kid`, if it is a text.
    pub(super) fn kid(&self) -> Option<Cow<'a, str>> {
        text("kid", self.kid).ok().flatten()
    }

    /// The id and the integers of a key that may verify RS256.
    pub(super) fn rsa(&self) -> Result<(Box<str>, Integers), Fault> {
        if let Some(member) = self.duplicate {
            return Err(SkipReason::DuplicateMember.of(member));
        }
        if required("kty", self.kty)? != "RSA" {
            return Err(SkipReason::OtherKeyType.of("kty"));
        }
        if text("use", self.usage)?.is_some_and(|usage| usage != "sig") {
            return Err(SkipReason::OtherUse.of("use"));
        }
        if let Some(operations) = present(self.key_ops) {
            let operations: Vec<Cow<'_, str>> =
                serde_json::from_str(operations.get()).map_err(|_| SkipReason::WrongType.of("key_ops"))?;
            if !operations.iter().any(|operation| operation == "verify") {
                return Err(SkipReason::OtherUse.of("key_ops"));
            }
        }
        if text("alg", self.alg)?.is_some_and(|alg| alg != "RS256") {
            return Err(SkipReason::OtherAlgorithm.of("alg"));
        }
        let kid = required("kid", self.kid)?;
        let n = integer("n", self.n)?;
        let e = integer("e", self.e)?;
        if n.len() > MAX_MODULUS {
            return Err(SkipReason::ModulusTooLong.of("n"));
        }
        if bits(&n) < MIN_MODULUS_BITS {
            return Err(SkipReason::ModulusTooShort.of("n"));
        }
        if !(2..=33).contains(&bits(&e)) || !is_odd(&e) {
            return Err(SkipReason::UnusableExponent.of("e"));
        }
        if !is_odd(&n) {
            return Err(SkipReason::NotARsaKey.into());
        }
        Ok((kid.into(), Integers { n, e }))
    }
}

/// The length of a number without leading zero octets.
fn bits(number: &[u8]) -> usize {
    let spare = number.first().map_or(0, |first| first.leading_zeros());
    (number.len() * 8).saturating_sub(usize::try_from(spare).unwrap_or(0))
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|last| last % 2 == 1)
}

/// A member that is there and not null.
fn present(member: Option<&RawValue>) -> Option<&RawValue> {
    member.filter(|value| value.get() != "null")
}

fn text<'a>(name: &'static str, member: Option<&'a RawValue>) -> Result<Option<Cow<'a, str>>, Fault> {
    let Some(value) = present(member) else { return Ok(None) };
    if !value.get().starts_with('"') {
        return Err(SkipReason::WrongType.of(name));
    }
    serde_json::from_str(value.get()).map(Some).map_err(|_| SkipReason::Malformed.into())
}

fn required<'a>(name: &'static str, member: Option<&'a RawValue>) -> Result<Cow<'a, str>, Fault> {
    text(name, member)?.filter(|text| !text.is_empty()).ok_or_else(|| SkipReason::MissingMember.of(name))
}

/// A Base64urlUInt (RFC 7518 §2). Other libraries also read other forms; here a writer that breaks the rule gets a reason.
fn integer(name: &'static str, member: Option<&RawValue>) -> Result<Vec<u8>, Fault> {
    let text = required(name, member)?;
    if text.ends_with('=') {
        return Err(SkipReason::Padded.of(name));
    }
    if text.contains(['+', '/']) {
        return Err(SkipReason::StandardAlphabet.of(name));
    }
    let octets =
        URL_SAFE_NO_PAD.decode_to_vec(text.as_bytes()).map_err(|_| SkipReason::NotBase64Url.of(name))?;
    if octets.first() == Some(&0) {
        return Err(SkipReason::LeadingZero.of(name));
    }
    Ok(octets)
}

impl<'de: 'a, 'a> Deserialize<'de> for Jwk<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Jwk<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut jwk = Jwk::default();
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    let value: &'de RawValue = map.next_value()?;
                    let (name, slot) = match &*name {
                        "kty" => ("kty", &mut jwk.kty),
                        "kid" => ("kid", &mut jwk.kid),
                        "use" => ("use", &mut jwk.usage),
                        "alg" => ("alg", &mut jwk.alg),
                        "key_ops" => ("key_ops", &mut jwk.key_ops),
                        "n" => ("n", &mut jwk.n),
                        "e" => ("e", &mut jwk.e),
                        _ => continue,
                    };
                    if slot.replace(value).is_some() {
                        jwk.duplicate.get_or_insert(name);
                    }
                }
                Ok(jwk)
            }
        }

        deserializer.deserialize_map(Members)
    }
}
