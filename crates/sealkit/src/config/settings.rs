//! Groups of settings with their defaults.

use crate::{breaker::BreakerSettings, refresh::RetrySettings};
use sealkit_core::session::RefreshAhead;
use std::time::Duration;

/// Limits of calls to the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpSettings {
    /// Longest time to connect. Default 2 s.
    pub connect_timeout: Duration,
    /// Longest time of a whole attempt. Default 5 s; `WORKOS_REQUEST_TIMEOUT`.
    pub attempt_timeout: Duration,
    /// Whether `HTTPS_PROXY` and so on decide about a proxy. Default no.
    pub proxy_from_environment: bool,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            attempt_timeout: Duration::from_secs(5),
            proxy_from_environment: false,
        }
    }
}

/// How a session that is signed out here is ended at WorkOS.
///
/// The page to which a sign-out sends the browser ends it. The browser need not go there: a script may have signed out, or the tab
/// may be closed. So the server ends it as well, a moment later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignOutSettings {
    /// Whether the server ends the session at WorkOS. Needs the API key. Default true; `SEALKIT_REVOKE_ON_SIGN_OUT`.
    pub revoke: bool,
    /// The head start of the browser. A process that drains waits no longer. Default 10 s, at most 5 min.
    pub revoke_after: Duration,
    /// Longest wait between two attempts that fail; it begins with 1 s and doubles. Default 5 min, at most 1 h.
    pub retry_longest: Duration,
    /// When it is given up and logged. Default 1 h, at most 24 h.
    pub give_up_after: Duration,
    /// Most sessions that wait to be ended; each waits once, however often it is signed out. Further ones are not ended at WorkOS,
    /// which is logged. Default 10,000.
    pub max_pending: usize,
}

impl Default for SignOutSettings {
    fn default() -> Self {
        Self {
            revoke: true,
            revoke_after: Duration::from_secs(10),
            retry_longest: Duration::from_secs(5 * 60),
            give_up_after: Duration::from_secs(3600),
            max_pending: 10_000,
        }
    }
}

/// When and how a session is refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefreshSettings {
    /// When the same refresh token is sent again. The last attempt is sent 20 s after the first at the latest: the API answers
    /// replays for 30 s.
    pub retry: RetrySettings,
    /// How long a request waits for a refresh before it is answered "temporarily unavailable". Default 5 s. The refresh itself
    /// goes on.
    pub caller_wait: Duration,
    /// How long a result is kept at least for late requests with the old cookie, in this process and in what processes share.
    /// Default 10 min, at least 30 s; twice the life of its access token where that is longer, up to a day.
    pub result_kept: Duration,
    /// How long a request with a valid session waits for a refresh ahead before it is served as it is. Default 1 s. The refresh
    /// itself goes on, and the next request gets its result.
    pub ahead_wait: Duration,
    /// How long a valid session is not refreshed ahead again after that failed in a way that may pass, or took too long.
    /// Default 10 s. A session that has expired is tried at once.
    pub ahead_pause: Duration,
    /// Refreshing before the token expires. Default: at most 60 s and 20 % of the token's life ahead, less up to 25 %.
    pub ahead: RefreshAhead,
    /// Refreshing ahead happens beside the handler of a safe request (`GET`, `HEAD`), whose response carries the new cookie if it
    /// is there in time; if it is not, the next request gets it. Default no: the request waits. `SEALKIT_REFRESH_BEHIND`.
    pub behind: bool,
    /// How long past its token's end a session is served when a refresh fails in a way that may pass. Such a session says so
    /// ([`Freshness::Stale`](sealkit_core::session::Freshness::Stale)), and the deny list applies to it. For so long as
    /// `ahead_pause` after such a failure the refresh is not tried again. Default 0: not at all; at most 1 h.
    /// `SEALKIT_STALE_WHILE_ERROR`.
    pub stale_while_error: Duration,
    /// When the API is left alone: after 5 failures of refreshes in a row, for 5 s by default. New refreshes fail at once then, in
    /// a way that may pass; what has been sent is still sent again. Sign-ins are never held back. 0 failures: never.
    pub breaker: BreakerSettings,
}

impl Default for RefreshSettings {
    fn default() -> Self {
        Self {
            retry: RetrySettings::default(),
            caller_wait: Duration::from_secs(5),
            result_kept: Duration::from_secs(600),
            ahead_wait: Duration::from_secs(1),
            ahead_pause: Duration::from_secs(10),
            ahead: RefreshAhead::default(),
            behind: false,
            stale_while_error: Duration::ZERO,
            breaker: BreakerSettings::default(),
        }
    }
}
