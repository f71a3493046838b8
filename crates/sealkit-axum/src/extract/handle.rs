//! The handle with which a handler changes the session.

use crate::{SessionGuard, answer, rejection::SessionRejection, slot::SessionSlot};
use axum::{body::Body, extract::FromRequestParts, response::Response};
use http::request::Parts;
use sealkit::{Failure, RefreshOptions, SealedSession, Session, SignedIn};
use url::Url;

/// Reads and changes the session of the request. The layer writes the cookie; whatever is called here, and in which order, the
/// response carries at most one.
///
/// A change shows at once: extractors that run later in the same request see it. A sign-out stands, also against a refresh that
/// ends after it. Changes must be made before the handler returns its response.
///
/// ```
/// use axum::response::Redirect;
/// use sealkit_axum::SessionHandle;
///
/// async fn delete_account(session: SessionHandle) -> Redirect {
///     let at_workos = session.sign_out().await;
///     Redirect::to(at_workos.as_ref().map_or("/", |url| url.as_str()))
/// }
/// # let _ = delete_account;
/// ```
#[derive(Clone, Debug)]
pub struct SessionHandle(SessionSlot);

impl SessionHandle {
    /// The session, refreshed if that was due.
    ///
    /// # Errors
    /// Why there is none: [`NoSessionCookieProvided`](sealkit::Reason::NoSessionCookieProvided) without a cookie, a
    /// [retryable](Failure::is_retryable) failure when nobody can tell now.
    pub async fn session(&self) -> Result<Session, Failure> {
        self.0.standing().await.into_session()
    }

    /// Ends the session: from now on it is refused in this process, the cookie is cleared, and no refresh under way brings it
    /// back. So do the sessions of all cookies of the name that the request carried (three at most). Gives the page at WorkOS to
    /// redirect to, which ends the session that stood there too; `None` when there was no session to end.
    pub async fn sign_out(&self) -> Option<Url> {
        let shared = self.0.shared().clone();
        self.0.sign_out(shared.after_sign_out.as_ref()).await
    }

    /// As [`sign_out`](Self::sign_out), with the page that WorkOS leads to afterwards. It must be allowed in the dashboard.
    pub async fn sign_out_to(&self, return_to: &Url) -> Option<Url> {
        self.0.sign_out(Some(return_to)).await
    }

    /// Signs in: the session of any grant ([`sealkit::Sealkit::sign_in_with`]) takes the place of whatever was there.
    pub fn sign_in(&self, signed_in: &SignedIn) {
        self.0.sign_in(signed_in);
    }

    /// Puts another sealed session into the cookie.
    ///
    /// # Errors
    /// Why it is no session now. One that has expired, or that nobody can judge now, is stored all the same; one that can never be
    /// worth anything is not.
    pub async fn replace(&self, sealed: SealedSession) -> Result<Session, Failure> {
        self.0.replace(sealed).await.into_session()
    }

    /// Refreshes now: to see new roles or permissions at once.
    ///
    /// # Errors
    /// Why not; session and cookie are then as they were, except that a rotated pair is always written.
    pub async fn refresh(&self) -> Result<Session, Failure> {
        self.0.refresh(RefreshOptions::default()).await.into_session()
    }

    /// Switches to another organization.
    ///
    /// # Errors
    /// Why not, for example [`SsoRequired`](sealkit::Reason::SsoRequired) with the connections to sign in with
    /// ([`Failure::step_up`]); [`answer`](Self::answer) makes a response of it.
    pub async fn switch_organization(&self, organization_id: impl Into<String>) -> Result<Session, Failure> {
        let options = RefreshOptions::default().with_organization(organization_id);
        self.0.refresh(options).await.into_session()
    }

    /// Watches the session until it ends, for what goes on after the response: event streams, WebSockets, jobs.
    ///
    /// # Errors
    /// As [`session`](Self::session).
    pub async fn guard(&self) -> Result<SessionGuard, Failure> {
        let session = self.session().await?;
        Ok(SessionGuard(self.0.shared().sealkit.guard(&session)))
    }

    /// The response that fits a failure and this request: a redirect to sign-in or to the step that is due for a navigation,
    /// 401, 403 or 503 as JSON for a script, a small page where a navigation cannot be redirected.
    #[must_use]
    pub fn answer(&self, failure: &Failure) -> Response {
        answer::refused(&self.0, failure).map(Body::from)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SessionHandle {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, SessionRejection> {
        SessionSlot::of(parts).map(Self)
    }
}
