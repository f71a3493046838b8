//! The API's answer to a successful grant.

use super::members::Members;
use crate::{AccessToken, RefreshToken};
use std::fmt;
use zeroize::Zeroizing;

/// A 200 of `POST /user_management/authenticate`, lossless: unknown members and enum values are kept, never fatal.
///
/// It is always ours to seal: the API returns no sealed session for any grant, and what it calls so is ignored.
#[derive(Clone)]
pub struct AuthResponse {
    members: Members,
    access_token: AccessToken,
    refresh_token: RefreshToken,
}

/// A 200 that is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthResponseError {
    /// The body is no JSON.
    #[error("the answer is no JSON")]
    NotJson,
    /// The body is no JSON object.
    #[error("the answer is no JSON object")]
    NotAnObject,
    /// One of the tokens is missing or empty.
    #[error("the answer does not carry both tokens")]
    MissingTokens,
}

impl AuthResponse {
    /// Reads the body.
    ///
    /// # Errors
    /// [`AuthResponseError`]; nothing may be sealed from such an answer.
    pub fn from_json(body: &[u8]) -> Result<Self, AuthResponseError> {
        let text = std::str::from_utf8(body).map_err(|_| AuthResponseError::NotJson)?;
        let members = Members::parse(text).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => AuthResponseError::NotAnObject,
            _ => AuthResponseError::NotJson,
        })?;
        let token =
            |name| members.text(name).filter(|text| !text.is_empty()).ok_or(AuthResponseError::MissingTokens);
        let access_token = AccessToken::from(token("access_token")?.as_str());
        let refresh_token = RefreshToken::from(token("refresh_token")?.as_str());
        Ok(Self { members, access_token, refresh_token })
    }

    /// The body again, with every member as it came: for stores that other processes read ([`from_json`](Self::from_json)).
    /// It holds both tokens.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<String> {
        self.members.to_json()
    }

    /// The new access token, not verified.
    #[must_use]
    pub const fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    /// The new refresh token.
    #[must_use]
    pub const fn refresh_token(&self) -> &RefreshToken {
        &self.refresh_token
    }

    /// True when the answer names a user.
    #[must_use]
    pub fn has_user(&self) -> bool {
        self.user_id().is_some()
    }

    /// `user.id`.
    #[must_use]
    pub fn user_id(&self) -> Option<String> {
        let user = Members::parse(self.members.present("user")?).ok()?;
        user.text("id").map(|id| id.to_string()).filter(|id| !id.is_empty())
    }

    /// `organization_id`, where the answer names one.
    #[must_use]
    pub fn organization_id(&self) -> Option<String> {
        self.members.text("organization_id").map(|id| id.to_string()).filter(|id| !id.is_empty())
    }

    pub(crate) const fn members(&self) -> &Members {
        &self.members
    }
}

impl fmt::Debug for AuthResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthResponse").field("user_id", &self.user_id()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_both_tokens_is_none() {
        for (body, error) in [
            ("", AuthResponseError::NotJson),
            ("<html>", AuthResponseError::NotJson),
            (r#"{"access_token":"a","refresh"#, AuthResponseError::NotJson),
            ("[]", AuthResponseError::NotAnObject),
            ("{}", AuthResponseError::MissingTokens),
            (r#"{"access_token":"a"}"#, AuthResponseError::MissingTokens),
            (r#"{"access_token":"a","refresh_token":""}"#, AuthResponseError::MissingTokens),
            (
                r#"{"access_token":"a","refresh_token":null,"user":{"id":"u"}}"#,
                AuthResponseError::MissingTokens,
            ),
        ] {
            assert_eq!(AuthResponse::from_json(body.as_bytes()).unwrap_err(), error, "{body}");
        }
    }

    #[test]
    fn what_is_stored_is_read_again_to_the_letter() {
        let body = r#"{"user":{"id":"u","n":1e400},"access_token":"a\u00e9","refresh_token":"r","x":null,"y":[1, 2]}"#;
        let stored = AuthResponse::from_json(body.as_bytes()).unwrap().to_json();
        assert_eq!(*stored, body);
        let again = AuthResponse::from_json(stored.as_bytes()).unwrap();
        assert_eq!(again.access_token().expose_secret(), "a\u{e9}");
        assert_eq!((again.refresh_token().expose_secret(), again.user_id().as_deref()), ("r", Some("u")));
    }

    #[test]
    fn a_200_without_sealed_session_or_user_is_an_ordinary_success() {
        let answer =
            AuthResponse::from_json(br#"{"access_token":"a","refresh_token":"r","new_field":[1]}"#).unwrap();
        assert!(!answer.has_user() && answer.organization_id().is_none());
    }
}
