//! What a token says before anything about it is proven.

use crate::base64::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// The `sid` that a token names, proven by nothing.
///
/// For ending sessions only: a sign-out must be remembered even when the token cannot be verified any more. It never
/// authenticates anybody.
#[must_use]
pub fn peek_session_id(token: &str) -> Option<String> {
    id(&peek(token)?.sid)
}

/// The `sub` that a token names, proven by nothing.
///
/// For refusing only: a refresh that brings back another user is refused although the old token cannot be verified now. It
/// never authenticates anybody.
#[must_use]
pub fn peek_subject(token: &str) -> Option<String> {
    id(&peek(token)?.sub)
}

/// The `org_id` that a token names, proven by nothing.
///
/// For storing beside the token only: whoever opens it asks the verified token again.
#[must_use]
pub(crate) fn peek_organization_id(token: &str) -> Option<String> {
    id(&peek(token)?.org_id)
}

/// How long a token lives, from `iat` to `exp`, proven by nothing.
///
/// For keeping things about it only: it never says that a token is good.
#[must_use]
pub fn peek_lifetime(token: &str) -> Option<Duration> {
    let Peeked { exp, iat, .. } = peek(token)?;
    Duration::try_from_secs_f64(exp.as_f64()? - iat.as_f64()?).ok()
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Peeked {
    exp: Value,
    iat: Value,
    sid: Value,
    sub: Value,
    org_id: Value,
}

/// Longest id that is taken, in bytes: WorkOS's have 30. What nobody has proven must not fill the memory of what has ended.
const MAX_ID: usize = 256;

fn id(value: &Value) -> Option<String> {
    value.as_str().filter(|id| (1..=MAX_ID).contains(&id.len())).map(str::to_owned)
}

fn peek(token: &str) -> Option<Peeked> {
    let payload = token.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode_to_vec(payload).ok()?;
    serde_json::from_slice(&payload).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_or_not_and_nothing_panics() {
        let token = |claims: &str| format!("e30.{}.x", URL_SAFE_NO_PAD.encode_to_string(claims));
        let both = token(r#"{"sid":"session_1","sub":"user_1"}"#);
        assert_eq!(peek_session_id(&both).as_deref(), Some("session_1"));
        assert_eq!(peek_subject(&both).as_deref(), Some("user_1"));
        assert_eq!(peek_organization_id(&token(r#"{"org_id":"org_1"}"#)).as_deref(), Some("org_1"));
        assert_eq!(peek_organization_id(&both), None);
        let long = |bytes: usize| token(&format!(r#"{{"sid":"{}"}}"#, "s".repeat(bytes)));
        assert!(peek_session_id(&long(MAX_ID)).is_some() && peek_session_id(&long(MAX_ID + 1)).is_none());
        assert_eq!(peek_session_id(&token(r#"{"sid":"session_1"}"#)).as_deref(), Some("session_1"));
        // One claim that is no text hides no other.
        assert_eq!(
            peek_session_id(&token(r#"{"sid":"session_1","sub":7,"org_id":[]}"#)).as_deref(),
            Some("session_1")
        );
        let lives = |claims: &str| peek_lifetime(&token(claims));
        assert_eq!(lives(r#"{"iat":100,"exp":400.5}"#), Some(Duration::from_millis(300_500)));
        for claims in [r#"{"exp":400}"#, r#"{"iat":400,"exp":100}"#, r#"{"iat":-1e300,"exp":1e300}"#] {
            assert_eq!(lives(claims), None, "{claims}");
        }
        for token in ["", ".", "a.b.c", "a..c", "e30.e30.x", &token(r#"{"sid":"","sub":""}"#)] {
            assert_eq!((peek_session_id(token), peek_subject(token)), (None, None), "{token}");
        }
    }
}
