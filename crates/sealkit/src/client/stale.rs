//! Stale while error: an expired session that nobody can refresh now is served for a little longer, where that is allowed.

use super::{Sealkit, refresh::Held, resolve::Resolve};
use crate::outcome::Outcome;
use sealkit_core::{CookieAction, ExpiredSession, Untrusted};
use std::sync::Arc;

impl Sealkit {
    /// A session whose token has ended: refreshed, and served as it was if that fails in a way that says nothing about it.
    pub(super) async fn resolve_expired(&self, expired: Arc<ExpiredSession>, allowed: Resolve) -> Outcome {
        if self.was_served_stale(&expired) {
            return Outcome::authenticated(expired.served_stale(), CookieAction::Keep);
        }
        let wait = self.inner.config.refresh().caller_wait;
        let held = Held::Expired(Arc::clone(&expired));
        match self.refresh_held(&held, None, wait, allowed.may_clear).await {
            // A visitor who asks too often learns nothing about the API, and must not put off a revocation by it.
            Outcome::Unavailable { failure, cookie }
                if !failure.is_own_limit() && self.may_serve_stale(&expired) =>
            {
                tracing::warn!(
                    %failure, hint = failure.hint(), session_id = %Untrusted::new(expired.id()),
                    "a session cannot be refreshed now; it is served although its token has ended"
                );
                if cookie == CookieAction::Keep {
                    self.serve_stale_for_a_while(&expired);
                }
                Outcome::authenticated(expired.served_stale(), cookie)
            }
            other => other,
        }
    }

    /// Whether an expired session may be served, had a refresh failed: not for longer than is allowed, not against the deny
    /// list, and only if its token would be accepted had it not expired.
    fn may_serve_stale(&self, expired: &ExpiredSession) -> bool {
        let allowed = self.inner.config.refresh().stale_while_error;
        let claims = expired.claims();
        self.now() < claims.expires_at().saturating_add(allowed)
            && self.inner.config.token_policy().accepts_auth_time_of(claims)
            && !self.has_ended(expired.id())
            && !self.inner.deny_list.overrules(claims)
            && !self.inner.deny_list.is_too_stale()
    }

    /// Whether a refresh of it has failed a moment ago, so that its next requests need not wait for another failure. A refresh
    /// that succeeds after all ends that.
    fn was_served_stale(&self, expired: &ExpiredSession) -> bool {
        let token = expired.unsealed().refresh_token();
        self.may_serve_stale(expired)
            && token.is_some_and(|token| self.inner.pauses.holds(&self.coordination_key(&token), self.now()))
    }

    fn serve_stale_for_a_while(&self, expired: &ExpiredSession) {
        if let Some(token) = expired.unsealed().refresh_token() {
            self.inner.pauses.begin(self.coordination_key(&token), self.now());
        }
    }
}
