//! A sealed session in hand: what the SDKs call a loaded session.

use super::{RefreshOptions, Sealkit};
use crate::outcome::Outcome;
use sealkit_core::{CookieAction, Failure, Reason, SealedSession, token};
use url::Url;

/// One sealed session, followed through its refreshes: after a refresh, later calls use the new tokens.
#[derive(Clone, Debug)]
pub struct LoadedSession {
    sealkit: Sealkit,
    sealed: SealedSession,
}

impl LoadedSession {
    pub(super) const fn new(sealkit: Sealkit, sealed: SealedSession) -> Self {
        Self { sealkit, sealed }
    }

    /// The sealed value as it is now: after a refresh, the new one.
    #[must_use]
    pub const fn sealed(&self) -> &SealedSession {
        &self.sealed
    }

    /// As [`Sealkit::authenticate`].
    pub async fn authenticate(&self) -> Outcome {
        self.sealkit.authenticate(self.sealed.expose_secret()).await
    }

    /// As [`Sealkit::refresh`]; the new seal replaces the old one whenever the tokens rotated.
    pub async fn refresh(&mut self, options: RefreshOptions) -> Outcome {
        let outcome = self.sealkit.refresh(self.sealed.expose_secret(), options).await;
        if let CookieAction::Set(sealed) = outcome.cookie() {
            self.sealed = sealed.clone();
        }
        outcome
    }

    /// The page that ends this session at WorkOS. Works for a session that has expired.
    ///
    /// # Errors
    /// [`Reason::InvalidSessionCookie`] when it does not open, [`Reason::InvalidJwt`] when its token names no
    /// session, or is not a session's.
    pub fn logout_url(&self, return_to: Option<&Url>) -> Result<Url, Failure> {
        let (unsealed, _) = self.sealkit.unseal(self.sealed.expose_secret())?;
        let session_id =
            token::peek_session_to_end(unsealed.access_token(), self.sealkit.config().token_policy())
                .ok_or_else(|| Failure::new(Reason::InvalidJwt))?;
        self.sealkit.logout_url(&session_id, return_to)
    }
}
