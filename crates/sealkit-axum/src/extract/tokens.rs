//! The tokens, apart from the session, so that no handler gets them by the way.

use super::Session;
use crate::rejection::SessionRejection;
use axum::extract::FromRequestParts;
use http::request::Parts;
use std::fmt;

/// Both tokens of the session: for calling services of your own in the user's name. Required, as [`Session`] is.
///
/// It has no `Serialize` and its `Debug` shows nothing. Never put a token into a page.
#[derive(Clone)]
pub struct Tokens(Session);

impl Tokens {
    /// The access token: a bearer token for your own services, good until [`expires_at`](sealkit::Session::expires_at).
    #[must_use]
    pub fn access_token(&self) -> &str {
        self.0.tokens().access_token()
    }

    /// The refresh token, if there is one. Spending it elsewhere ends the session here.
    #[must_use]
    pub fn refresh_token(&self) -> Option<sealkit::RefreshToken> {
        self.0.tokens().refresh_token()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Tokens {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, SessionRejection> {
        <Session as FromRequestParts<S>>::from_request_parts(parts, state).await.map(Self)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens([redacted])")
    }
}
