//! The API's answer to a successful grant.

use super::members::Members;
use crate::{AccessToken, AuthorizationCode, ProviderToken, RefreshToken, UnixMillis};
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

/// `oauth_tokens`: the identity provider's own tokens, where the connection is set to return them. Never stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OauthTokens {
    /// `provider`, like `GoogleOAuth`.
    pub provider: String,
    /// `access_token`: for the provider's API.
    pub access_token: ProviderToken,
    /// `refresh_token`, where the provider gave one.
    pub refresh_token: Option<ProviderToken>,
    /// `expires_at`: when the access token ends, where that is known.
    pub expires_at: Option<UnixMillis>,
    /// `scopes`: what was granted.
    pub scopes: Vec<String>,
}

/// Who impersonates the user, as the answer names them; what [`Session::impersonator`](super::Session::impersonator) says is
/// proven.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedImpersonator {
    /// `email`.
    pub email: String,
    /// `reason`, if one was given.
    pub reason: Option<String>,
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
        filled(&self.object("user")?, "id")
    }

    /// `organization_id`, where the answer names one.
    #[must_use]
    pub fn organization_id(&self) -> Option<String> {
        filled(&self.members, "organization_id")
    }

    /// `user` as JSON text.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.members.present("user")
    }

    /// `authentication_method`, like `Password` or `GoogleOAuth`. The list is open.
    #[must_use]
    pub fn authentication_method(&self) -> Option<String> {
        filled(&self.members, "authentication_method")
    }

    /// `impersonator`, where the answer names one.
    #[must_use]
    pub fn impersonator(&self) -> Option<NamedImpersonator> {
        let named = self.object("impersonator")?;
        Some(NamedImpersonator { email: filled(&named, "email")?, reason: filled(&named, "reason") })
    }

    /// `oauth_tokens`, where the answer carries them.
    #[must_use]
    pub fn oauth_tokens(&self) -> Option<OauthTokens> {
        let tokens = self.object("oauth_tokens")?;
        let expires_at = tokens.get("expires_at").and_then(|seconds| seconds.parse().ok());
        Some(OauthTokens {
            provider: filled(&tokens, "provider")?,
            access_token: filled(&tokens, "access_token")?.into(),
            refresh_token: filled(&tokens, "refresh_token").map(Into::into),
            expires_at: expires_at.filter(|seconds| *seconds > 0).map(UnixMillis::from_secs),
            scopes: tokens.get("scopes").and_then(|list| serde_json::from_str(list).ok()).unwrap_or_default(),
        })
    }

    /// `authkit_authorization_code`: for another application that signs the same user in.
    #[must_use]
    pub fn authkit_authorization_code(&self) -> Option<AuthorizationCode> {
        filled(&self.members, "authkit_authorization_code").map(Into::into)
    }

    fn object(&self, name: &str) -> Option<Members> {
        Members::parse(self.members.present(name)?).ok()
    }

    pub(crate) const fn members(&self) -> &Members {
        &self.members
    }
}

/// A text that is there and not empty.
fn filled(members: &Members, name: &str) -> Option<String> {
    members.text(name).map(|text| text.to_string()).filter(|text| !text.is_empty())
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

    #[test]
    fn what_is_not_stored_is_read_from_the_answer() {
        let answer = AuthResponse::from_json(
            br#"{"access_token":"a","refresh_token":"r","user":{"id":"u", "x":1},"authentication_method":"GoogleOAuth",
                "impersonator":{"email":"s@example.com","reason":null},"authkit_authorization_code":"secret_code",
                "oauth_tokens":{"provider":"GoogleOAuth","access_token":"secret_at","refresh_token":"secret_rt",
                "expires_at":1735141800,"scopes":["profile","email"]}}"#,
        )
        .unwrap();
        assert_eq!(answer.user(), Some(r#"{"id":"u", "x":1}"#));
        assert_eq!(answer.authentication_method().as_deref(), Some("GoogleOAuth"));
        let impersonator = answer.impersonator().unwrap();
        assert_eq!((impersonator.email.as_str(), impersonator.reason), ("s@example.com", None));
        assert_eq!(answer.authkit_authorization_code().unwrap().expose_secret(), "secret_code");
        let tokens = answer.oauth_tokens().unwrap();
        assert_eq!(tokens.provider, "GoogleOAuth");
        assert_eq!(tokens.access_token.expose_secret(), "secret_at");
        assert_eq!(tokens.refresh_token.as_ref().unwrap().expose_secret(), "secret_rt");
        assert_eq!(tokens.expires_at, Some(UnixMillis::from_secs(1_735_141_800)));
        assert_eq!(tokens.scopes, ["profile", "email"]);
        assert!(!format!("{answer:?} {tokens:?}").contains("secret"));
    }

    #[test]
    fn members_that_are_missing_or_of_another_shape_are_none() {
        for more in [
            "",
            r#","oauth_tokens":null,"impersonator":null,"authkit_authorization_code":null,"authentication_method":null"#,
            r#","oauth_tokens":[],"impersonator":"x","authkit_authorization_code":7,"authentication_method":"""#,
            r#","oauth_tokens":{"provider":"GoogleOAuth"},"impersonator":{"reason":"x"}"#,
        ] {
            let body = format!(r#"{{"access_token":"a","refresh_token":"r"{more}}}"#);
            let answer = AuthResponse::from_json(body.as_bytes()).unwrap();
            assert!(answer.oauth_tokens().is_none() && answer.impersonator().is_none(), "{more}");
            assert!(
                answer.authkit_authorization_code().is_none() && answer.authentication_method().is_none()
            );
        }
        let few = br#"{"access_token":"a","refresh_token":"r","oauth_tokens":{"provider":"p","access_token":"t","refresh_token":"","expires_at":0}}"#;
        let tokens = AuthResponse::from_json(few).unwrap().oauth_tokens().unwrap();
        assert!(tokens.refresh_token.is_none() && tokens.expires_at.is_none() && tokens.scopes.is_empty());
    }
}
