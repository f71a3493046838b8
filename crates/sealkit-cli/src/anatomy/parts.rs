//! The members of a payload by size, and the three parts of a token.

use super::redact;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sealkit::UnixMillis;
use serde::{
    Deserialize, Serialize,
    de::{Deserializer, MapAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};
use std::fmt;

/// A member of the payload: how much room it takes, and as much of it as may be seen.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Bytes of its value in the JSON text.
    pub(crate) bytes: usize,
    pub(crate) value: Value,
}

/// The members of a payload in order; none if it is no JSON object.
pub(super) fn members(plaintext: &[u8], reveal: bool) -> Vec<Member> {
    let Ok(Members(members)) = serde_json::from_slice(plaintext) else { return Vec::new() };
    members
        .into_iter()
        .map(|(name, raw)| {
            let value = serde_json::from_str(raw.get()).unwrap_or(Value::Null);
            Member { bytes: raw.get().len(), value: redact::member(&name, &value, reveal), name }
        })
        .collect()
}

struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// An access token as it is written, proven by nothing.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Token {
    pub(crate) bytes: TokenBytes,
    pub(crate) header: Option<Value>,
    pub(crate) claims: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) issued_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<u64>,
}

/// Sizes of a token's parts in the text.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct TokenBytes {
    pub(crate) header: usize,
    pub(crate) claims: usize,
    pub(crate) signature: usize,
}

impl Token {
    pub(super) fn of(token: &str, reveal: bool) -> Self {
        let mut parts = token.split('.');
        let mut next = || parts.next().unwrap_or_default();
        let (header, payload, signature) = (next(), next(), next());
        let claims = decode(payload);
        let seconds = |name| claims.as_ref()?.get(name)?.as_u64();
        Self {
            bytes: TokenBytes { header: header.len(), claims: payload.len(), signature: signature.len() },
            header: decode(header).map(Value::Object),
            issued_at: seconds("iat"),
            expires_at: seconds("exp"),
            claims: claims.as_ref().map(|claims| redact::claims(claims, reveal)),
        }
    }

    /// When it ends.
    pub(crate) fn end(&self) -> Option<UnixMillis> {
        self.expires_at.map(UnixMillis::from_secs)
    }
}

/// A part of a token as a JSON object.
pub(super) fn decode(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
