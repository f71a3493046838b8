//! What a token says before anything about it is proven.

use crate::base64::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// The `sid` that a token names, proven by nothing.
///
/// For ending sessions only: a sign-out must be remembered even when the token cannot be verified any more. It never
/// authenticates anybody.
#[must_use]
pub fn peek_session_id(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Peeked {
        sid: String,
    }
    let payload = token.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode_to_vec(payload).ok()?;
    let Peeked { sid } = serde_json::from_slice(&payload).ok()?;
    (!sid.is_empty()).then_some(sid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_is_found_or_not_and_nothing_panics() {
        let token = format!("e30.{}.x", URL_SAFE_NO_PAD.encode_to_string(r#"{"sid":"session_1"}"#));
        assert_eq!(peek_session_id(&token).as_deref(), Some("session_1"));
        for token in ["", ".", "a.b.c", "a..c", "e30.e30.x"] {
            assert_eq!(peek_session_id(token), None, "{token}");
        }
    }
}
