//! How a request came that is about to begin a sign-in, and whether it begins one.
//!
//! ```text
//! loopback host that is not the redirect URI's ─► the same page there     cookies belong to a host
//! Strict, no session, from another site        ─► an own page that goes on   the cookie was not sent, and may be there
//! third lap                                    ─► the loop, and its cause
//! otherwise                                    ─► begin
//! ```

use crate::{Sealkit, laps::Loop};
use sealkit_core::{
    Failure,
    cookie::{CookieLine, Presence, SameSite},
    is_loopback,
};
use url::{Host, Url};

/// How the request came that is about to begin a sign-in.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Arrival<'a> {
    /// `Host`, or the authority of the target: name and port.
    pub host: Option<&'a str>,
    /// The scheme that the browser used, as far as the request says: `https` or `http`.
    pub scheme: Option<&'a str>,
    /// Path and query, as the browser asked for them; a `GET` that navigates.
    pub page: Option<&'a str>,
    /// The page was denied for want of a session. A route that begins a sign-in, whoever comes, denies nothing.
    pub is_denied: bool,
    /// A page of another site, or of another origin of this one, led here.
    pub is_cross_site: bool,
    /// The browser says that the user asked for it (typed, a bookmark, a tab that was restored), or a page of the application led here.
    pub is_own: bool,
    /// What is wrong with the session that came; none came without.
    pub failure: Option<&'a Failure>,
}

impl<'a> Arrival<'a> {
    /// A request of which nothing is known.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            host: None,
            scheme: None,
            page: None,
            is_denied: false,
            is_cross_site: false,
            is_own: false,
            failure: None,
        }
    }

    /// Sets [`host`](Self#structfield.host).
    #[must_use]
    pub const fn host(self, host: Option<&'a str>) -> Self {
        Self { host, ..self }
    }

    /// Sets [`scheme`](Self#structfield.scheme).
    #[must_use]
    pub const fn scheme(self, scheme: Option<&'a str>) -> Self {
        Self { scheme, ..self }
    }

    /// Sets [`page`](Self#structfield.page).
    #[must_use]
    pub const fn page(self, page: Option<&'a str>) -> Self {
        Self { page, ..self }
    }

    /// Sets [`is_denied`](Self#structfield.is_denied).
    #[must_use]
    pub const fn denied(self) -> Self {
        Self { is_denied: true, ..self }
    }

    /// Sets [`failure`](Self#structfield.failure).
    #[must_use]
    pub const fn failure(self, failure: Option<&'a Failure>) -> Self {
        Self { failure, ..self }
    }

    /// Sets [`is_cross_site`](Self#structfield.is_cross_site).
    #[must_use]
    pub const fn cross_site(self, is_cross_site: bool) -> Self {
        Self { is_cross_site, ..self }
    }

    /// Sets [`is_own`](Self#structfield.is_own).
    #[must_use]
    pub const fn own(self, is_own: bool) -> Self {
        Self { is_own, ..self }
    }
}

/// What to do with a request that is about to begin a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BeforeSignIn {
    /// Begin it.
    Begin,
    /// Redirect to the same page under the redirect URI's host: the cookies of this sign-in are needed there.
    Move(Url),
    /// Answer 200 with a page of the application's own that leads to the same page again: the session cookie is
    /// `SameSite=Strict`, and browsers keep it back while a page of another site leads the way.
    AskFromOwnPage,
    /// Begin nothing, and answer 500: the browser goes round in a circle.
    Stop(Loop),
}

impl Sealkit {
    /// Whether a request begins a sign-in: ask before [`begin_sign_in`](Self::begin_sign_in). `cookies` are the request's `Cookie` lines.
    pub fn before_sign_in<'h, I>(&self, cookies: I, arrival: &Arrival<'_>) -> BeforeSignIn
    where
        I: IntoIterator + Clone,
        I::Item: CookieLine<'h>,
    {
        if let Some(url) = self.under_own_host(arrival) {
            return BeforeSignIn::Move(url);
        }
        if arrival.page.is_some()
            && arrival.is_denied
            && arrival.is_cross_site
            && self.goes_on_from_own_page()
        {
            let present = Presence::of(cookies.clone(), self.config().cookie().name());
            if present.is_empty() {
                return BeforeSignIn::AskFromOwnPage;
            }
        }
        self.find_loop(cookies, arrival).map_or(BeforeSignIn::Begin, BeforeSignIn::Stop)
    }

    /// Whether a sign-in ends with a page of the application's own that leads on, and not with a redirect: the session cookie is
    /// `SameSite=Strict`, and a redirect belongs to the journey that began at WorkOS, on which browsers keep such cookies back.
    #[must_use]
    pub fn goes_on_from_own_page(&self) -> bool {
        self.config().cookie().same_site() == SameSite::Strict
    }

    /// `127.0.0.1` and `localhost` are the same machine and two hosts: no cookie of one is sent to the other.
    fn under_own_host(&self, arrival: &Arrival<'_>) -> Option<Url> {
        let own = self.config().redirect_uri()?;
        let (host, page) = (arrival.host?, arrival.page?);
        let here = Url::parse(&format!("{}://{host}/", own.scheme())).ok()?;
        let differs =
            here.host() != own.host() && here.port_or_known_default() == own.port_or_known_default();
        let both_loopback = [&here, own].into_iter().all(|url| url.host().as_ref().is_some_and(is_loopback));
        if !differs || !both_loopback || !page.starts_with('/') {
            return None;
        }
        // Put behind an origin that ends without a slash, a path stays a path: `//x` names no host here.
        Url::parse(&format!("{}{page}", own.origin().ascii_serialization())).ok()
    }
}

/// A host, of this machine alone.
pub(crate) fn is_loopback_name(host: &str) -> bool {
    Host::parse(host).as_ref().is_ok_and(is_loopback)
}

/// A host without its port.
pub(crate) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}
