//! The session itself.

use crate::{
    rejection::{Forbidden, SessionRejection},
    slot::{SessionSlot, Standing},
};
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use std::ops::Deref;

/// The session of the request, proven. A handler that takes it runs for nobody else.
///
/// `Option<Session>` is `None` when there is no session or one that is not acceptable; it is an error (503) only when nobody can
/// tell now. A session that was refreshed for this request is the refreshed one.
///
/// ```
/// use sealkit_axum::{Forbidden, Session};
///
/// async fn publish(session: Session) -> Result<String, Forbidden> {
///     session.require_permission("posts:publish")?;
///     Ok(format!("published by {}", session.user_id()))
/// }
///
/// async fn greet(session: Option<Session>) -> String {
///     session.map_or("hello".to_owned(), |session| format!("hello {}", session.user_id()))
/// }
/// # let _ = (publish, greet);
/// ```
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a newtype that handlers take apart in their arguments")]
pub struct Session(pub sealkit::Session);

impl Session {
    /// Goes on only if the token grants the permission.
    ///
    /// # Errors
    /// [`Forbidden`]: 403, for `?` in a handler.
    pub fn require_permission(&self, permission: &str) -> Result<(), Forbidden> {
        if self.claims().has_permission(permission) { Ok(()) } else { Err(Forbidden::new()) }
    }

    /// Goes on only if the user has the role in the organization of the session.
    ///
    /// # Errors
    /// [`Forbidden`]: 403, for `?` in a handler.
    pub fn require_role(&self, role: &str) -> Result<(), Forbidden> {
        let claims = self.claims();
        let has = claims.role() == Some(role) || claims.roles().any(|own| own == role);
        if has { Ok(()) } else { Err(Forbidden::new()) }
    }

    /// Goes on only in this organization.
    ///
    /// # Errors
    /// [`Forbidden`]: 403, for `?` in a handler.
    pub fn require_organization(&self, organization_id: &str) -> Result<(), Forbidden> {
        if self.organization_id() == Some(organization_id) { Ok(()) } else { Err(Forbidden::new()) }
    }
}

impl Deref for Session {
    type Target = sealkit::Session;

    fn deref(&self) -> &sealkit::Session {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Session {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, SessionRejection> {
        let slot = SessionSlot::of(parts)?;
        match slot.standing().await {
            Standing::Proven(session) => Ok(Self(session)),
            standing => Err(SessionRejection::denied(&slot, standing)),
        }
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Session {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, SessionRejection> {
        let slot = SessionSlot::of(parts)?;
        match slot.standing().await {
            Standing::Proven(session) => Ok(Some(Self(session))),
            standing if standing.failure().is_some_and(sealkit::Failure::is_retryable) => {
                Err(SessionRejection::denied(&slot, standing))
            }
            _ => Ok(None),
        }
    }
}
