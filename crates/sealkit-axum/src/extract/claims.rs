//! An application's own claims, typed.

use super::Session;
use crate::{rejection::SessionRejection, slot::SessionSlot};
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use serde::de::DeserializeOwned;
use std::ops::Deref;

/// The verified claims of the access token as a type of yours: what a JWT template adds.
///
/// A token without the expected shape is answered with 500, since signing in again gives the same shape; the log names the type.
///
/// ```
/// use sealkit_axum::Claims;
///
/// #[derive(serde::Deserialize)]
/// struct Plan {
///     plan: String,
/// }
///
/// async fn billing(Claims(Plan { plan }): Claims<Plan>) -> String {
///     plan
/// }
/// # let _ = billing;
/// ```
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a newtype that handlers take apart in their arguments")]
pub struct Claims<C>(pub C);

impl<C> Deref for Claims<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.0
    }
}

impl<C: DeserializeOwned> Claims<C> {
    fn of(parts: &Parts, session: &Session) -> Result<Self, SessionRejection> {
        match session.claims().custom() {
            Ok(claims) => Ok(Self(claims)),
            Err(failure) => Err(SessionRejection::misconfigured(&SessionSlot::of(parts)?, failure)),
        }
    }
}

impl<C: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Claims<C> {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, SessionRejection> {
        let session = <Session as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        Self::of(parts, &session)
    }
}

impl<C: DeserializeOwned, S: Send + Sync> OptionalFromRequestParts<S> for Claims<C> {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, SessionRejection> {
        match <Session as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await? {
            Some(session) => Self::of(parts, &session).map(Some),
            None => Ok(None),
        }
    }
}
