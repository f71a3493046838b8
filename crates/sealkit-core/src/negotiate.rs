//! What a denied request is answered: a pure table over header facts, the same for every web layer and the gateway.
//!
//! ```text
//! method, headers ─► RequestProfile ─┐
//! Reason ─► PublicCode ─► Denial ────┴─► Answer (+ which cookies the answer may carry)
//! ```
//!
//! No header makes a request *less* protected: every kind is denied, only the form of the denial differs. A client that
//! lies about itself gets a redirect in place of a 401, or the other way round.

use crate::{Class, Reason, StepUp};
use serde::Serialize;
use std::{fmt, time::Duration};

/// How long a client is asked to wait when nobody knows better.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(5);

/// What kind of request it is. Decided in the order of the variants: the first that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestKind {
    /// A WebSocket handshake or another protocol upgrade, also one that a proxy tells of (`X-Forwarded-Upgrade`).
    Upgrade,
    /// A CORS preflight: `OPTIONS` with `Origin` and `Access-Control-Request-Method`. Never carries cookies.
    Preflight,
    /// Fetched ahead on speculation (`Sec-Purpose`, `Purpose`, Next.js, htmx); perhaps nobody will ever look at it.
    Prefetch,
    /// A request of htmx.
    Htmx,
    /// `EventSource`: server-sent events.
    EventStream,
    /// A script's `fetch`, `XMLHttpRequest`, or a client that wants data.
    Fetch,
    /// The user goes to a page in the top-level document.
    Navigation,
    /// Images, scripts, frames, and clients that do not say.
    Other,
}

/// What the headers of a request say about it; all that the answer to a denial depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestProfile {
    kind: RequestKind,
    get_or_head: bool,
    sub_resource: bool,
}

impl RequestProfile {
    /// Looks at a request. `header` gives the first value of the header of that name (asked for in lower case), as text.
    ///
    /// Behind a proxy that asks by a subrequest, `method` is the original method.
    #[must_use]
    pub fn of<'h>(method: &str, header: impl Fn(&'static str) -> Option<&'h str>) -> Self {
        let facts = Facts { method, header };
        let kind = facts.kind();
        let sub_resource = kind == RequestKind::Other && facts.is_sub_resource();
        Self { kind, get_or_head: facts.is_get_or_head(), sub_resource }
    }

    /// The kind.
    #[must_use]
    pub const fn kind(self) -> RequestKind {
        self.kind
    }

    /// A sign-in may be begun with this answer, so the PKCE verifier cookie may be set: top-level navigations only.
    /// Anywhere else polls and prefetches would pile such cookies up.
    #[must_use]
    pub const fn may_set_verifier_cookie(self) -> bool {
        matches!(self.kind, RequestKind::Navigation)
    }

    /// A refresh may be started for this request: anything but speculation.
    #[must_use]
    pub const fn may_start_refresh(self) -> bool {
        !matches!(self.kind, RequestKind::Prefetch | RequestKind::Preflight)
    }

    /// A session that is still valid may be refreshed for this request, ahead of its end: neither for speculation nor for what a
    /// page is made of (images, scripts, style sheets, fonts, media, workers), which come in swarms beside a request that can do it.
    #[must_use]
    pub const fn may_refresh_ahead(self) -> bool {
        self.may_start_refresh() && !self.sub_resource
    }

    /// `GET` or `HEAD`: nothing is changed by it, and its response may still carry a cookie that became ready while it was made.
    #[must_use]
    pub const fn is_get_or_head(self) -> bool {
        self.get_or_head
    }

    /// The session cookie may be deleted with this answer, if there is a reason to: on top-level navigations only, since
    /// the late answer to a subrequest could wipe a newer cookie.
    #[must_use]
    pub const fn may_clear_session_cookie(self) -> bool {
        matches!(self.kind, RequestKind::Navigation)
    }

    /// What to answer when the request is denied.
    #[must_use]
    pub fn answer(self, denial: Denial) -> Answer {
        use PublicCode as Code;
        if self.kind == RequestKind::Preflight {
            return Answer::Preflight;
        }
        match (denial.code, self.kind) {
            (Code::TemporarilyUnavailable, _) => Answer::TemporarilyUnavailable {
                retry_after: denial.retry_after.unwrap_or(DEFAULT_RETRY_AFTER),
            },
            (Code::Misconfigured, _) => Answer::Misconfigured,
            (Code::StepUpRequired, RequestKind::Navigation) if denial.redirects => {
                Answer::RedirectToStepUp { status: self.redirect_status() }
            }
            (Code::Forbidden | Code::StepUpRequired, _) => Answer::Forbidden { code: denial.code },
            (Code::Unauthenticated | Code::SessionRevoked, RequestKind::Navigation) => {
                Answer::RedirectToSignIn { status: self.redirect_status(), code: denial.code }
            }
            (Code::Unauthenticated | Code::SessionRevoked, RequestKind::Htmx) => {
                Answer::HxRedirect { code: denial.code }
            }
            (Code::Unauthenticated | Code::SessionRevoked, _) => Answer::Unauthorized { code: denial.code },
        }
    }

    /// A form that was posted must be followed by a `GET`, or the browser posts it to the sign-in page.
    const fn redirect_status(self) -> u16 {
        if self.get_or_head { 302 } else { 303 }
    }
}

struct Facts<'m, F> {
    method: &'m str,
    header: F,
}

impl<'h, F: Fn(&'static str) -> Option<&'h str>> Facts<'_, F> {
    fn kind(&self) -> RequestKind {
        if self.is_upgrade() {
            RequestKind::Upgrade
        } else if self.is_preflight() {
            RequestKind::Preflight
        } else if self.is_prefetch() {
            RequestKind::Prefetch
        } else if self.is("hx-request", "true") {
            RequestKind::Htmx
        } else if self.accepts("text/event-stream") {
            RequestKind::EventStream
        } else if self.is_fetch() {
            RequestKind::Fetch
        } else if self.is_navigation() {
            RequestKind::Navigation
        } else {
            RequestKind::Other
        }
    }

    /// Empty means absent: proxies write `X-Forwarded-Upgrade:` with nothing in it.
    fn get(&self, name: &'static str) -> Option<&'h str> {
        (self.header)(name).map(str::trim).filter(|value| !value.is_empty())
    }

    fn has(&self, name: &'static str) -> bool {
        self.get(name).is_some()
    }

    fn is(&self, name: &'static str, expected: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case(expected))
    }

    fn is_get_or_head(&self) -> bool {
        matches!(self.method, "GET" | "HEAD")
    }

    /// `CONNECT` is how HTTP/2 and HTTP/3 upgrade (RFC 8441).
    fn is_upgrade(&self) -> bool {
        self.method == "CONNECT"
            || self.has("upgrade")
            || self.has("x-forwarded-upgrade")
            || self.has("sec-websocket-key")
            || self.is("sec-fetch-mode", "websocket")
    }

    fn is_preflight(&self) -> bool {
        self.method == "OPTIONS" && self.has("origin") && self.has("access-control-request-method")
    }

    fn is_prefetch(&self) -> bool {
        ["sec-purpose", "purpose", "x-purpose", "x-moz"].into_iter().any(|name| {
            self.get(name).is_some_and(|value| {
                value.split([';', ',']).any(|token| {
                    ["prefetch", "prerender", "preview"].iter().any(|p| token.trim().eq_ignore_ascii_case(p))
                })
            })
        }) || self.has("next-router-prefetch")
            || self.has("next-router-segment-prefetch")
            || self.has("x-middleware-prefetch")
            || self.is("hx-preloaded", "true")
    }

    /// Says of itself that a script is waiting for the answer. `X-Requested-With` counts with that one value only: Android
    /// writes the package name of the embedding app into it on every navigation.
    fn is_fetch(&self) -> bool {
        if self.is("x-requested-with", "XMLHttpRequest")
            || self.has("rsc")
            || self.has("next-action")
            || self.has("turbo-frame")
            || self.has("x-inertia")
        {
            return true;
        }
        if let Some(mode) = self.get("sec-fetch-mode") {
            // What is fetched by a tag (`image`, `script`, `font`, …) names a destination; a script's own requests do not.
            return mode != "navigate" && self.get("sec-fetch-dest").is_none_or(|dest| dest == "empty");
        }
        let data = |types: &str| types.split(',').any(is_json);
        !self.accepts("text/html")
            && (self.get("accept").is_some_and(data) || self.get("content-type").is_some_and(data))
    }

    /// What is fetched by a tag or a worker names a destination, and does not navigate: a frame does.
    fn is_sub_resource(&self) -> bool {
        self.get("sec-fetch-dest").is_some_and(|dest| !matches!(dest, "empty" | "document"))
            && !self.is("sec-fetch-mode", "navigate")
    }

    /// `GET` or `HEAD` that says `navigate`, or where nothing says how it was begun accepts HTML; and a form that is posted,
    /// which only `Sec-Fetch-Mode` can tell.
    fn is_navigation(&self) -> bool {
        match self.get("sec-fetch-mode") {
            Some(mode) => {
                mode == "navigate"
                    && self.get("sec-fetch-dest").is_none_or(|dest| dest == "document")
                    && (self.is_get_or_head() || self.method == "POST")
            }
            None => self.is_get_or_head() && self.accepts("text/html"),
        }
    }

    fn accepts(&self, media_type: &str) -> bool {
        self.get("accept").is_some_and(|accept| {
            accept.split(',').any(|range| {
                let mut parts = range.split(';').map(str::trim);
                parts.next().is_some_and(|name| name.eq_ignore_ascii_case(media_type))
                    && !parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
            })
        })
    }
}

/// `application/json` and the types that end in `+json`.
fn is_json(media_type: &str) -> bool {
    let name = media_type.split(';').next().unwrap_or_default().trim();
    name.eq_ignore_ascii_case("application/json")
        || name
            .len()
            .checked_sub("+json".len())
            .and_then(|at| name.get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case("+json"))
}

/// What a browser may know of why it is denied. The fine [`Reason`] is for logs, metrics and development mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PublicCode {
    /// No session, or none that is good; which, nobody is told.
    Unauthenticated,
    /// The session was ended.
    SessionRevoked,
    /// Signed in, and not allowed.
    Forbidden,
    /// One more step is needed from the user.
    StepUpRequired,
    /// Ask again.
    TemporarilyUnavailable,
    /// Signing in again would not help; somebody must change a setting.
    Misconfigured,
}

impl PublicCode {
    /// Every code, in the order of the documentation.
    pub const ALL: &'static [Self] = &[
        Self::Unauthenticated,
        Self::SessionRevoked,
        Self::Forbidden,
        Self::StepUpRequired,
        Self::TemporarilyUnavailable,
        Self::Misconfigured,
    ];

    /// The code of a reason on a session that the browser brought.
    #[must_use]
    pub const fn of(reason: Reason) -> Self {
        match (reason.class(), reason) {
            (_, Reason::SessionRevoked) => Self::SessionRevoked,
            (Class::StepUp, _) => Self::StepUpRequired,
            (Class::Retryable, _) => Self::TemporarilyUnavailable,
            (Class::Configuration, _) => Self::Misconfigured,
            (
                Class::Absent
                | Class::Expired
                | Class::Verification
                | Class::Terminal
                | Class::SignInRefused
                | Class::Callback,
                _,
            ) => Self::Unauthenticated,
        }
    }

    /// The code of a reason on a token that the API has just given us: what our own settings refuse there, signing in
    /// again cannot cure, and a redirect would loop.
    #[must_use]
    pub const fn of_fresh_token(reason: Reason) -> Self {
        match reason {
            Reason::InvalidIssuer | Reason::InvalidAudience | Reason::UnknownSigningKey => {
                Self::Misconfigured
            }
            other => Self::of(other),
        }
    }

    /// The code of the reason why a sign-in failed. A token that the API has given for a sign-in and that does not verify, or is of
    /// another kind than a session's, is our own settings' or the environment's fault: signing in again brings the same.
    #[must_use]
    pub const fn of_sign_in(reason: Reason) -> Self {
        match reason.class() {
            Class::Verification | Class::Expired => Self::Misconfigured,
            _ => Self::of_fresh_token(reason),
        }
    }

    /// As it stands in the body, `snake_case`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::SessionRevoked => "session_revoked",
            Self::Forbidden => "forbidden",
            Self::StepUpRequired => "step_up_required",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::Misconfigured => "misconfigured",
        }
    }

    /// The HTTP status of an answer that does not redirect.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Unauthenticated | Self::SessionRevoked => 401,
            Self::Forbidden | Self::StepUpRequired => 403,
            Self::TemporarilyUnavailable => 503,
            Self::Misconfigured => 500,
        }
    }
}

impl fmt::Display for PublicCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for PublicCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Why a request is denied, as far as the answer depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    code: PublicCode,
    retry_after: Option<Duration>,
    redirects: bool,
}

impl Denial {
    /// A denial because of a session that the browser brought, or did not bring.
    #[must_use]
    pub const fn of(reason: Reason) -> Self {
        // Going to the authorize page with an organization that does not let the user in would only come back.
        let redirects = !matches!(
            reason,
            Reason::OrganizationNotFound
                | Reason::OrganizationMembershipNotFound
                | Reason::InvalidOrganizationId
        );
        Self { code: PublicCode::of(reason), retry_after: None, redirects }
    }

    /// A denial because of a token that the API has just given us ([`PublicCode::of_fresh_token`]).
    #[must_use]
    pub const fn of_fresh_token(reason: Reason) -> Self {
        Self { code: PublicCode::of_fresh_token(reason), ..Self::of(reason) }
    }

    /// A denial because a sign-in failed ([`PublicCode::of_sign_in`]).
    #[must_use]
    pub const fn of_sign_in(reason: Reason) -> Self {
        Self { code: PublicCode::of_sign_in(reason), ..Self::of(reason) }
    }

    /// The session is good, and not allowed to do this.
    #[must_use]
    pub const fn forbidden() -> Self {
        Self { code: PublicCode::Forbidden, retry_after: None, redirects: false }
    }

    /// Adds how long to wait before asking again.
    #[must_use]
    pub const fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// What the client is told.
    #[must_use]
    pub const fn code(self) -> PublicCode {
        self.code
    }
}

/// The answer to a denied request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Redirect to sign-in, with the return path.
    RedirectToSignIn {
        /// 302, or 303 after a form post.
        status: u16,
        /// For logs; the redirect itself does not carry it.
        code: PublicCode,
    },
    /// Redirect to the authorize page with the organization or connection of the failure. A caller that knows neither
    /// redirects to sign-in.
    RedirectToStepUp {
        /// 302, or 303 after a form post.
        status: u16,
    },
    /// 401 with `HX-Redirect`, which htmx follows whatever the status is, and the body of [`Answer::Unauthorized`].
    HxRedirect {
        /// In the body.
        code: PublicCode,
    },
    /// 401 with a JSON body.
    Unauthorized {
        /// In the body.
        code: PublicCode,
    },
    /// 403 with a JSON body.
    Forbidden {
        /// In the body: [`PublicCode::Forbidden`] or [`PublicCode::StepUpRequired`].
        code: PublicCode,
    },
    /// 503 with `Retry-After` and a JSON body; the cookie stays.
    TemporarilyUnavailable {
        /// At least one second when written ([`Answer::retry_after_seconds`]).
        retry_after: Duration,
    },
    /// 500 with a JSON body.
    Misconfigured,
    /// 204 with no header of CORS, so that the browser does not send the request that it asks for. A preflight carries no cookies,
    /// so nobody can say whose it is; a web layer lets it through only if the application says that it answers preflights itself.
    Preflight,
}

impl Answer {
    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::RedirectToSignIn { status, .. } | Self::RedirectToStepUp { status } => status,
            Self::HxRedirect { code } | Self::Unauthorized { code } | Self::Forbidden { code } => {
                code.status()
            }
            Self::TemporarilyUnavailable { .. } => 503,
            Self::Misconfigured => 500,
            Self::Preflight => 204,
        }
    }

    /// The code of the body; `None` where there is none: redirects and preflights.
    #[must_use]
    pub const fn code(self) -> Option<PublicCode> {
        match self {
            Self::HxRedirect { code } | Self::Unauthorized { code } | Self::Forbidden { code } => Some(code),
            Self::TemporarilyUnavailable { .. } => Some(PublicCode::TemporarilyUnavailable),
            Self::Misconfigured => Some(PublicCode::Misconfigured),
            Self::RedirectToSignIn { .. } | Self::RedirectToStepUp { .. } | Self::Preflight => None,
        }
    }

    /// The value of `Retry-After`: whole seconds, rounded up, at least 1.
    #[must_use]
    pub const fn retry_after_seconds(self) -> Option<u64> {
        match self {
            Self::TemporarilyUnavailable { retry_after } => {
                let seconds =
                    retry_after.as_secs().saturating_add(if retry_after.subsec_nanos() > 0 { 1 } else { 0 });
                Some(if seconds == 0 { 1 } else { seconds })
            }
            _ => None,
        }
    }
}

/// The JSON body of a denial: `{"error": CODE, "login_url": …}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DenialBody {
    /// The code.
    pub error: PublicCode,
    /// Where to sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_url: Option<String>,
    /// `step_up_required`: the organizations that can be chosen, ids only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub organization_ids: Vec<String>,
    /// `step_up_required`: the connections to sign in with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connection_ids: Vec<String>,
    /// The detailed reason; in development mode only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}

impl DenialBody {
    /// A body with nothing but the code.
    #[must_use]
    pub const fn new(error: PublicCode) -> Self {
        Self {
            error,
            login_url: None,
            organization_ids: Vec::new(),
            connection_ids: Vec::new(),
            reason: None,
        }
    }

    /// Adds where to sign in.
    #[must_use]
    pub fn with_login_url(mut self, url: impl Into<String>) -> Self {
        self.login_url = Some(url.into());
        self
    }

    /// Adds what of a step-up a browser may know: organization and connection ids. Nothing else, least of all the pending
    /// authentication token.
    #[must_use]
    pub fn with_step_up(mut self, step_up: &StepUp) -> Self {
        self.organization_ids =
            step_up.organizations.iter().map(|organization| organization.id.clone()).collect();
        self.connection_ids.clone_from(&step_up.connection_ids);
        self
    }

    /// Adds the detailed reason. In development mode only: it tells an attacker which forgery came how far.
    #[must_use]
    pub const fn with_reason(mut self, reason: Reason) -> Self {
        self.reason = Some(reason.as_str());
        self
    }
}

#[cfg(test)]
mod tests;
