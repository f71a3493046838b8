//! What a web layer asks for: who is this, refreshing where that is due.

use super::{
    Sealkit,
    candidates::{Candidate, Rank, cleared_if, is_over},
    judge::Judged,
    refresh::Held,
};
use crate::{outcome::Outcome, refresh::CoordinationKey, telemetry};
use sealkit_core::{
    CookieAction, ExpiredSession, Failure, Reason, SealedSession, Session, Untrusted, session::Freshness,
};
use std::{borrow::Cow, sync::Arc, time::Duration};
use tokio::time::Instant;
use tracing::Instrument as _;

/// What a client should wait before asking again while the deny list is too old.
const STALE_RETRY_AFTER: Duration = Duration::from_secs(1);

/// What an operator hears when the copy of the shared deny list is too old and sessions are not to be served then.
const DENY_LIST_STALE: &str = "what was revoked is not known here: the shared deny list has not been read for too long; \
    see that its store answers, or choose to serve sessions meanwhile";

/// What a request allows, see [`sealkit_core::RequestProfile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolve {
    /// A refresh may be started: not for prefetches and speculation.
    pub may_refresh: bool,
    /// A session that is still valid may be refreshed, ahead of its end: not for what a page is made of.
    pub may_refresh_ahead: bool,
    /// Such a refresh may run beside the request, whose response can still carry the cookie: `GET` and `HEAD`. It does where
    /// [`RefreshSettings::behind`](crate::config::RefreshSettings::behind) is on; then see [`Outcome::refresh_behind`].
    pub may_refresh_behind: bool,
    /// The cookie may be cleared when the session is proven to be over: on top-level navigations.
    pub may_clear: bool,
    /// The browser holds the session twice, in one cookie and in pieces: the better one is stored again, so that the other goes.
    pub settle: bool,
}

impl Default for Resolve {
    fn default() -> Self {
        Self::new(true, false)
    }
}

impl Resolve {
    /// What this request allows. A refresh that may be started may be one ahead of the end; nothing runs beside the request.
    #[must_use]
    pub const fn new(may_refresh: bool, may_clear: bool) -> Self {
        Self {
            may_refresh,
            may_refresh_ahead: may_refresh,
            may_refresh_behind: false,
            may_clear,
            settle: false,
        }
    }

    /// The same, and whether a session that is still valid may be refreshed ([`sealkit_core::RequestProfile::may_refresh_ahead`]).
    #[must_use]
    pub const fn refreshing_ahead(self, may_refresh_ahead: bool) -> Self {
        Self { may_refresh_ahead, ..self }
    }

    /// The same, and whether a refresh ahead may run beside the request: the caller asks [`Outcome::refresh_behind`] when the
    /// head of the response is written.
    #[must_use]
    pub const fn refreshing_behind(self, may_refresh_behind: bool) -> Self {
        Self { may_refresh_behind, ..self }
    }

    /// The same, and the better one of several cookies is to be stored again.
    #[must_use]
    pub const fn settling(self, settle: bool) -> Self {
        Self { settle, ..self }
    }
}

impl Sealkit {
    /// Authenticates a cookie value and never refreshes. An expired session is rejected with [`Reason::ExpiredJwt`], and
    /// [`Failure::expired`] holds its verified claims.
    ///
    /// Dropping the future does no harm.
    pub async fn authenticate(&self, sealed: &str) -> Outcome {
        let begun = Instant::now();
        let span = tracing::debug_span!("sealkit.resolve");
        let outcome = self.judge_one(sealed).instrument(span).await;
        telemetry::decided(&outcome, begun.elapsed());
        outcome
    }

    async fn judge_one(&self, sealed: &str) -> Outcome {
        if sealed.is_empty() {
            return Outcome::Anonymous;
        }
        let judged = self.judge(sealed).await;
        if let Some(denied) = self.denied(judged.session_id()) {
            return denied;
        }
        match judged {
            Judged::Valid { session, .. } if self.inner.deny_list.overrules(session.claims()) => {
                self.note(overruled())
            }
            Judged::Valid { session, .. } => self.note(Outcome::authenticated(session, CookieAction::Keep)),
            Judged::Expired(expired) => {
                self.note(Outcome::failed(expired_failure(expired), CookieAction::Keep))
            }
            Judged::Failed(failure) => self.note(Outcome::failed(failure, CookieAction::Keep)),
        }
    }

    /// Authenticates the session cookie of a request and refreshes it where that is due: when the access token has ended, and
    /// a little ahead of its end.
    ///
    /// `cookies` are the values of the session cookie, percent-decoded ([`session_values`](Self::session_values)); at most three
    /// are looked at. The one that verifies and ends last is served; if it turns out to be over, the next one.
    ///
    /// A session that is still valid is served whatever a refresh ahead came to. One whose refresh failed in a way that may pass is served for a little
    /// longer where [`RefreshSettings::stale_while_error`](crate::config::RefreshSettings::stale_while_error) allows it, and says
    /// so: [`Freshness::Stale`]. Dropping the future cancels no refresh.
    pub async fn resolve<'a>(
        &self,
        cookies: impl IntoIterator<Item = Cow<'a, str>>,
        allowed: Resolve,
    ) -> Outcome {
        let begun = Instant::now();
        let span = tracing::debug_span!("sealkit.resolve");
        let outcome = self.resolve_best(cookies, allowed).instrument(span).await;
        telemetry::decided(&outcome, begun.elapsed());
        outcome
    }

    async fn resolve_best<'a>(
        &self,
        cookies: impl IntoIterator<Item = Cow<'a, str>>,
        allowed: Resolve,
    ) -> Outcome {
        let mut candidates = self.judge_candidates(cookies).await.into_iter();
        let Some(best) = candidates.next() else { return self.note(Outcome::Anonymous) };
        if let Some(denied) = self.denied(best.judged.session_id()) {
            return denied;
        }
        let best = self.resolve_candidate(best, allowed).await;
        let outcome = if is_over(&best) { self.resolve_next(best, candidates, allowed).await } else { best };
        self.note(outcome)
    }

    /// The best candidate is over: the next one that may be served is tried before anybody is signed out. The cookies go only if
    /// all are over.
    async fn resolve_next<'a>(
        &self,
        best: Outcome,
        others: impl Iterator<Item = Candidate<'a>>,
        allowed: Resolve,
    ) -> Outcome {
        let mut all_over = *best.cookie() == CookieAction::Clear;
        for candidate in others {
            match candidate.rank {
                Rank::Ended => {}
                // Another process may have the password.
                Rank::Unacceptable => all_over = false,
                Rank::Undecided | Rank::Refreshable(_) | Rank::Valid(_) => {
                    let next = self.resolve_candidate(candidate, allowed).await;
                    if !is_over(&next) {
                        return next;
                    }
                    all_over &= *next.cookie() == CookieAction::Clear;
                }
            }
        }
        cleared_if(all_over, best)
    }

    async fn resolve_candidate(&self, candidate: Candidate<'_>, allowed: Resolve) -> Outcome {
        let Candidate { value, judged, .. } = candidate;
        let outcome = match judged {
            Judged::Valid { session, .. } if self.inner.deny_list.overrules(session.claims()) => {
                self.resolve_overruled(session, allowed).await
            }
            Judged::Valid { session, refresh_due: true }
                if allowed.may_refresh && allowed.may_refresh_ahead =>
            {
                self.refresh_due(session, allowed).await
            }
            Judged::Valid { session, .. } => Outcome::authenticated(session, CookieAction::Keep),
            Judged::Expired(expired) if allowed.may_refresh => self.resolve_expired(expired, allowed).await,
            Judged::Expired(expired) => Outcome::failed(expired_failure(expired), CookieAction::Keep),
            Judged::Failed(failure) => Outcome::failed(failure, CookieAction::Keep),
        };
        match outcome {
            // Served as it came: unless it is to be stored in another way.
            Outcome::Authenticated { session, cookie: CookieAction::Keep, behind }
                if session.freshness() != Freshness::Stale =>
            {
                let cookie = match self.written_anew(&session, allowed) {
                    CookieAction::Keep if allowed.settle => {
                        CookieAction::Set(SealedSession::from(value.into_owned()))
                    }
                    cookie => cookie,
                };
                Outcome::Authenticated { session, cookie, behind }
            }
            outcome => outcome,
        }
    }

    /// The same session as it would be written now, where that is asked for and it is not so already.
    fn written_anew(&self, session: &Session, allowed: Resolve) -> CookieAction {
        let reader = self.reader();
        if !allowed.may_refresh || !reader.encoding().is_rewritten_on_read(session.seal(), reader.ring()) {
            return CookieAction::Keep;
        }
        self.seal_anew(&reader, session.unsealed()).map_or(CookieAction::Keep, CookieAction::Set)
    }

    /// A valid session near its end: refreshed if that works soon, or beside the request, and served as it is if it does not.
    async fn refresh_due(&self, session: Session, allowed: Resolve) -> Outcome {
        let settings = self.inner.config.refresh();
        if settings.behind && allowed.may_refresh_behind {
            return self.refresh_due_behind(session).await;
        }
        match self.key_to_refresh_ahead(&session) {
            Some(key) => {
                self.refresh_ahead(session, key, settings.ahead_wait.min(settings.caller_wait)).await
            }
            None => Outcome::authenticated(session, CookieAction::Keep),
        }
    }

    /// The key of its refresh token, unless that is left alone for now.
    pub(super) fn key_to_refresh_ahead(&self, session: &Session) -> Option<CoordinationKey> {
        let key = session.unsealed().refresh_token().map(|token| self.coordination_key(&token));
        key.filter(|key| !self.inner.pauses.holds(key, self.now()))
    }

    /// Refreshes a valid session, in `wait` at most.
    ///
    /// After a failure that may pass the token is left alone for a while, so that an outage is not felt by those who can do
    /// without a refresh. The grant that took too long ends that when it succeeds.
    pub(super) async fn refresh_ahead(
        &self,
        session: Session,
        key: CoordinationKey,
        wait: Duration,
    ) -> Outcome {
        let outcome = self.refresh_held(&Held::Valid(session.clone()), None, wait, false).await;
        match outcome {
            Outcome::Authenticated { .. } => outcome,
            Outcome::Rejected { ref failure, .. }
                if matches!(failure.reason(), Reason::SubjectMismatch | Reason::SessionRevoked) =>
            {
                outcome
            }
            // If the pair has rotated, the cookie must follow, although the new token cannot be accepted yet.
            Outcome::Rejected { failure, cookie } | Outcome::Unavailable { failure, cookie } => {
                tracing::warn!(%failure, hint = failure.hint(), "refreshing ahead did not work; the session is still valid");
                if failure.is_retryable() {
                    self.inner.pauses.begin(key, self.now());
                }
                Outcome::authenticated(session, cookie)
            }
            Outcome::Anonymous => outcome,
        }
    }

    /// A token that verifies, from before its user's rights changed: a refresh says what is left of them, and nothing is served
    /// without. The cookie stays: the token has not expired, and another process may hold its successor.
    async fn resolve_overruled(&self, session: Session, allowed: Resolve) -> Outcome {
        if !allowed.may_refresh || session.unsealed().refresh_token().is_none() {
            return overruled();
        }
        let wait = self.inner.config.refresh().caller_wait;
        let outcome = self.refresh_held(&Held::Valid(session), None, wait, false).await;
        match outcome {
            Outcome::Rejected { failure, cookie } if failure.reason() == Reason::InvalidGrant => {
                Outcome::failed(Failure::new(Reason::SessionRevoked), cookie)
            }
            other => other,
        }
    }

    /// True when this session's refresh token is being spent now or has been: its successor is on its way to the browser, or there.
    /// Nothing must store this session over it.
    #[must_use]
    pub fn is_superseded(&self, session: &Session) -> bool {
        let token = session.unsealed().refresh_token();
        token.is_some_and(|token| self.inner.coordinator.knows(&self.coordination_key(&token)))
    }

    /// What is answered to a proven session without looking further: it is over, or nobody knows whether it is.
    fn denied(&self, session_id: Option<&str>) -> Option<Outcome> {
        if self.has_ended(session_id?) {
            return Some(self.ended());
        }
        let unknown = self.inner.deny_list.is_too_stale().then(|| {
            Failure::new(Reason::NetworkError)
                .with_retry_after(Some(STALE_RETRY_AFTER))
                .with_hint(DENY_LIST_STALE)
        });
        unknown.map(|failure| self.note(Outcome::failed(failure, CookieAction::Keep)))
    }

    pub(crate) fn has_ended(&self, session_id: &str) -> bool {
        self.inner.deny_list.denies_session(session_id)
    }

    pub(crate) fn ended(&self) -> Outcome {
        self.note(Outcome::failed(Failure::new(Reason::SessionRevoked), CookieAction::Clear))
    }

    /// Logs what was decided, once, with nothing secret in it.
    pub(crate) fn note(&self, outcome: Outcome) -> Outcome {
        match &outcome {
            Outcome::Authenticated { session, .. } => {
                self.inner.acting.note(session);
                // On every request of the session: what is worth a line is the application's to say.
                for warning in session.warnings() {
                    tracing::debug!(%warning, session_id = %Untrusted::new(session.id()), "session has a flaw");
                }
            }
            Outcome::Anonymous => {}
            Outcome::Rejected { failure, .. } => {
                tracing::debug!(%failure, hint = failure.hint(), "session rejected")
            }
            Outcome::Unavailable { failure, .. } => {
                tracing::warn!(%failure, hint = failure.hint(), "session cannot be decided");
            }
        }
        outcome
    }
}

/// The session may go on, its token may not.
fn overruled() -> Outcome {
    Outcome::failed(Failure::new(Reason::SessionRevoked), CookieAction::Keep)
}

pub(crate) fn expired_failure(expired: Arc<ExpiredSession>) -> Failure {
    Failure::new(Reason::ExpiredJwt).with_expired(expired)
}
