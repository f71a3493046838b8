//! A refresh that runs beside the handler of a request, which is served with the session as it came.

use super::Sealkit;
use crate::outcome::Outcome;
use sealkit_core::{CookieAction, Session};
use std::{
    fmt,
    future::{Future as _, poll_fn},
    sync::{Arc, OnceLock},
    task::Poll,
};

/// A refresh that runs beside a request. Ask it once, when the head of the response is written: it never waits.
///
/// What is not ready by then is not lost: the result of the refresh is kept, and the next request with the old cookie gets it.
/// Cheap to clone; dropping it cancels nothing.
///
/// ```no_run
/// # async fn example(sealkit: sealkit::Sealkit, cookie: &str) {
/// use sealkit::{CookieAction, Outcome, Resolve};
///
/// let allowed = Resolve::default().refreshing_behind(true); // a `GET`
/// let outcome = sealkit.resolve([cookie.into()], allowed).await;
/// // … the handler runs, and nobody signs in or out …
/// let cookie = outcome.refresh_behind().map_or(CookieAction::Keep, |behind| behind.cookie());
/// # let _ = cookie;
/// # }
/// ```
#[derive(Clone)]
pub struct RefreshBehind(Arc<Inner>);

struct Inner {
    session: Session,
    sealkit: Sealkit,
    outcome: OnceLock<Outcome>,
}

impl RefreshBehind {
    /// What becomes of the cookie, as far as it is known now: `Set` when the tokens have rotated, else `Keep`. A session that
    /// was ended meanwhile is never set, nor one from which another request has gone on already.
    ///
    /// A decision of the handler (a sign-in, a sign-out) goes before it, and it goes before a cookie that only stores the session
    /// that came in another way.
    pub fn cookie(&self) -> CookieAction {
        let Inner { session, sealkit, outcome } = &*self.0;
        let Some(outcome) = outcome.get() else { return CookieAction::Keep };
        let mut sessions = [Some(session), outcome.session()].into_iter().flatten();
        let over = sessions.any(|session| sealkit.has_ended(session.id()))
            || outcome.session().is_some_and(|new| sealkit.is_superseded(new));
        match outcome.cookie() {
            set @ CookieAction::Set(_) if !over => set.clone(),
            _ => CookieAction::Keep,
        }
    }
}

impl Sealkit {
    /// Serves a valid session near its end as it is, and refreshes it beside the caller. If it has been refreshed already, and
    /// that is known here, the successor is served.
    ///
    /// Nobody waits for it, so it may take as long as a caller would wait for a refresh that must be; in everything else it is
    /// [`refresh_ahead`](Self::refresh_ahead).
    pub(super) async fn refresh_due_behind(&self, session: Session) -> Outcome {
        let Some(key) = self.key_to_refresh_ahead(&session) else {
            return Outcome::authenticated(session, CookieAction::Keep);
        };
        let (sealkit, old) = (self.clone(), session.clone());
        let mut refresh = Box::pin(async move {
            let wait = sealkit.config().refresh().caller_wait;
            sealkit.refresh_ahead(old, key, wait).await
        });
        // One step begins the grant, or finds a result that is there.
        if let Poll::Ready(outcome) = poll_fn(|context| Poll::Ready(refresh.as_mut().poll(context))).await {
            return outcome;
        }
        let behind = RefreshBehind(Arc::new(Inner {
            session: session.clone(),
            sealkit: self.clone(),
            outcome: OnceLock::new(),
        }));
        let theirs = behind.clone();
        tokio::spawn(async move {
            // Nobody else sets it.
            let _ = theirs.0.outcome.set(refresh.await);
        });
        Outcome::Authenticated { session, cookie: CookieAction::Keep, behind: Some(behind) }
    }
}

impl fmt::Debug for RefreshBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshBehind").field("outcome", &self.0.outcome.get()).finish_non_exhaustive()
    }
}
