//! What makes a cookie large, by member.

use super::parts;
use crate::output;
use serde_json::{Map, Value};

/// How many are named.
const NAMED: usize = 4;

/// A member of a payload or a token, escaped, and its bytes.
type Sized = (String, usize);

/// The largest members: of the payload, of its user, and the claims of its token, as they stand in the text.
pub(super) fn largest(payload: &str) -> Option<String> {
    let members: Map<String, Value> = serde_json::from_str(payload).ok()?;
    let mut sizes: Vec<Sized> = members.iter().flat_map(|(name, value)| within(name, value)).collect();
    sizes.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let named: Vec<String> =
        sizes.iter().take(NAMED).map(|(name, bytes)| format!("{name} {bytes} bytes")).collect();
    Some(format!("largest are {}", named.join(", ")))
}

fn within(name: &str, value: &Value) -> Vec<Sized> {
    match (name, value) {
        ("user" | "data" | "d", Value::Object(inner)) => inner
            .iter()
            .map(|(inner, value)| (format!("{name}.{}", output::word(inner)), bytes(value)))
            .collect(),
        ("accessToken" | "access_token", Value::String(token)) => claims(name, token),
        _ => vec![(output::word(name), bytes(value))],
    }
}

/// A token's claims, in base64 four bytes for three; the rest of it as the token.
fn claims(name: &str, token: &str) -> Vec<Sized> {
    let claims = token.split('.').nth(1).and_then(parts::decode).unwrap_or_default();
    let mut sizes: Vec<Sized> = claims
        .iter()
        .map(|(claim, value)| (format!("{name}.{}", output::word(claim)), bytes(value) * 4 / 3))
        .collect();
    let named: usize = sizes.iter().map(|(_, bytes)| bytes).sum();
    sizes.push((format!("{name} (the rest)"), token.len().saturating_sub(named)));
    sizes
}

fn bytes(value: &Value) -> usize {
    value.to_string().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::json;

    #[test]
    fn members_of_user_and_token_are_named_on_their_own() {
        let claims =
            URL_SAFE_NO_PAD.encode(json!({"permissions": ["p".repeat(294)], "sub": "u"}).to_string());
        let payload = json!({"accessToken": format!("h.{claims}.s"), "user": {"metadata": "m".repeat(498)}});
        assert_eq!(
            largest(&payload.to_string()).unwrap(),
            "largest are user.metadata 500 bytes, accessToken.permissions 397 bytes, \
             accessToken (the rest) 35 bytes, accessToken.sub 4 bytes"
        );
    }
}
