//! What a cookie is worth, and what becomes of it.

use crate::client::RefreshBehind;
use sealkit_core::{CookieAction, Failure, Reason, Session};

/// The answer to "who is this?".
///
/// Every variant says what becomes of the cookie; a caller that does what [`cookie`](Self::cookie) says never loses a session.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "it says what becomes of the cookie"]
pub enum Outcome {
    /// Somebody, proven.
    #[non_exhaustive]
    Authenticated {
        /// Who.
        session: Session,
        /// `Set` after a refresh.
        cookie: CookieAction,
        /// A refresh that runs beside the request: its cookie goes before this one, when it is ready in time.
        behind: Option<RefreshBehind>,
    },
    /// There is no session cookie.
    Anonymous,
    /// There is a cookie, and it is not acceptable.
    #[non_exhaustive]
    Rejected {
        /// Why.
        failure: Failure,
        /// `Clear` only on proof that the session is over; `Set` when tokens rotated.
        cookie: CookieAction,
    },
    /// Nobody can decide now. Ask again; never treat it as a sign-out.
    #[non_exhaustive]
    Unavailable {
        /// Why.
        failure: Failure,
        /// `Keep`, or `Set` when tokens rotated.
        cookie: CookieAction,
    },
}

const KEEP: &CookieAction = &CookieAction::Keep;

impl Outcome {
    pub(crate) const fn authenticated(session: Session, cookie: CookieAction) -> Self {
        Self::Authenticated { session, cookie, behind: None }
    }

    /// Rejected, or unavailable when asking again may help.
    pub(crate) const fn failed(failure: Failure, cookie: CookieAction) -> Self {
        if failure.is_retryable() {
            Self::Unavailable { failure, cookie }
        } else {
            Self::Rejected { failure, cookie }
        }
    }

    /// The session, if it is authenticated.
    #[must_use]
    pub const fn session(&self) -> Option<&Session> {
        match self {
            Self::Authenticated { session, .. } => Some(session),
            _ => None,
        }
    }

    /// The refresh that runs beside the request, to be asked when the head of the response is written. There is one only where
    /// [`Resolve::may_refresh_behind`](crate::Resolve::may_refresh_behind) allowed it.
    #[must_use]
    pub const fn refresh_behind(&self) -> Option<&RefreshBehind> {
        match self {
            Self::Authenticated { behind, .. } => behind.as_ref(),
            _ => None,
        }
    }

    /// Why not, if there was a cookie.
    #[must_use]
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Rejected { failure, .. } | Self::Unavailable { failure, .. } => Some(failure),
            _ => None,
        }
    }

    /// Why it is not authenticated; without a cookie [`Reason::NoSessionCookieProvided`].
    #[must_use]
    pub const fn reason(&self) -> Option<Reason> {
        match self {
            Self::Authenticated { .. } => None,
            Self::Anonymous => Some(Reason::NoSessionCookieProvided),
            Self::Rejected { failure, .. } | Self::Unavailable { failure, .. } => Some(failure.reason()),
        }
    }

    /// What becomes of the cookie.
    pub const fn cookie(&self) -> &CookieAction {
        match self {
            Self::Authenticated { cookie, .. }
            | Self::Rejected { cookie, .. }
            | Self::Unavailable { cookie, .. } => cookie,
            Self::Anonymous => KEEP,
        }
    }
}
