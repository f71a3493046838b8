//! Why a session does not come back: a table over what was measured.

use super::{STARTS_WITHOUT_CALLBACK, WITHIN, marker::Written};
use crate::{
    Arrival, ClockSkew,
    arrival::{is_loopback_name, without_port},
};
use sealkit_core::{
    Detail, Failure, Reason, Untrusted,
    cookie::{MAX_COOKIE_BYTES, PROXY_LIMITS, Presence},
};
use std::fmt;

/// The kind of cause: safe to show to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The cookie did not come back, and it is larger than browsers or proxies take.
    NotReturnedSize,
    /// It did not come back: `Secure` and the scheme that the browser uses do not agree.
    NotReturnedSecure,
    /// It did not come back: its `Domain` or `Path` does not cover this address.
    NotReturnedDomain,
    /// It did not come back: it is `SameSite=Strict`, and a page of another site led here.
    NotReturnedSameSite,
    /// It did not come back, or not whole, and nothing in it says why: something on the way removes it.
    NotReturned,
    /// It came back and does not open.
    NotReadable,
    /// It opens, and its token is rejected.
    Refused,
    /// Its token has ended at once: clocks differ.
    Clock,
    /// The session was ended.
    Ended,
    /// Sign-ins begin and never come to the callback.
    CallbackNotReached,
}

impl Cause {
    /// Every cause, in the order of the documentation.
    pub const ALL: &'static [Self] = &[
        Self::NotReturnedSize,
        Self::NotReturnedSecure,
        Self::NotReturnedDomain,
        Self::NotReturnedSameSite,
        Self::NotReturned,
        Self::NotReadable,
        Self::Refused,
        Self::Clock,
        Self::Ended,
        Self::CallbackNotReached,
    ];

    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotReturnedSize => "not_returned_size",
            Self::NotReturnedSecure => "not_returned_secure",
            Self::NotReturnedDomain => "not_returned_domain",
            Self::NotReturnedSameSite => "not_returned_same_site",
            Self::NotReturned => "not_returned",
            Self::NotReadable => "not_readable",
            Self::Refused => "refused",
            Self::Clock => "clock",
            Self::Ended => "ended",
            Self::CallbackNotReached => "callback_not_reached",
        }
    }

    /// What it means, for a page: one sentence without a full stop.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::NotReturnedSize => "The browser did not return the session cookie, which is too large",
            Self::NotReturnedSecure => {
                "The browser did not return the session cookie: its Secure attribute and the scheme of this address do not agree"
            }
            Self::NotReturnedDomain => {
                "The browser did not return the session cookie: its Domain or Path attribute does not cover this address"
            }
            Self::NotReturnedSameSite => {
                "The browser did not return the session cookie: its SameSite attribute is Strict, and a page of another site led here"
            }
            Self::NotReturned => {
                "The browser did not return the session cookie whole: the browser, a proxy or the application blocks it"
            }
            Self::NotReadable => "The session cookie came back, and this server cannot read it",
            Self::Refused => "The session cookie came back, and this server rejects its token",
            Self::Clock => "The session had ended before it was used: the clocks of two machines differ",
            Self::Ended => "The session had been ended before it was used",
            Self::CallbackNotReached => {
                "The sign-in was begun again and again, and its callback was never reached"
            }
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A loop of sign-ins, and why it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loop {
    /// The kind of cause, for the browser.
    pub cause: Cause,
    /// What was measured, with the names of passwords, claims and settings: for the log and the developer. Names from outside are
    /// escaped.
    pub detail: String,
}

impl Loop {
    pub(super) fn without_callback(redirect_uri: Option<&str>) -> Self {
        let address = redirect_uri.unwrap_or("the redirect URI");
        Self {
            cause: Cause::CallbackNotReached,
            detail: format!(
                "{STARTS_WITHOUT_CALLBACK} sign-ins were begun within {} s and none came to {address}: see that the application's routes \
                 are there, that no rule protects that path, and that no proxy answers it",
                WITHIN.as_secs()
            ),
        }
    }
}

/// What is known when the last lap ends.
pub(super) struct Measured<'m> {
    pub(super) laps: u8,
    pub(super) written: &'m Written,
    pub(super) present: Presence<'m>,
    pub(super) arrival: &'m Arrival<'m>,
    /// Names of the passwords here.
    pub(super) passwords: &'m [&'m str],
    pub(super) skew: Option<ClockSkew>,
}

pub(super) fn measure(measured: &Measured<'_>) -> Loop {
    let (cause, why) = match measured.arrival.failure {
        Some(failure) => measured.came_back(failure),
        None => measured.did_not_come_back(),
    };
    let laps = measured.laps;
    Loop { cause, detail: format!("signed in {laps} times within {} s; {why}", WITHIN.as_secs()) }
}

/// From this size on, name and value, the size of a session explains that it did not come back. It is more than what a sign-in
/// passes at an nginx with its defaults: there the answer is 502, nothing is set, and nothing goes round.
const LARGE: usize = 3_800;

impl Measured<'_> {
    /// The attributes of what was written, against how the request came. The first that explains it counts.
    fn did_not_come_back(&self) -> (Cause, String) {
        let written = self.written;
        let host = self.arrival.host.map(without_port);
        let came = self.present.pieces().count() + usize::from(self.present.unsplit());
        if came > 0 && came < written.pieces {
            return (
                Cause::NotReturned,
                format!(
                    "{came} of the {} cookies that hold the session came back: a proxy carries too few cookies, or something deletes one; \
                     let every Set-Cookie line through (six at most), or store less in the session",
                    written.pieces
                ),
            );
        }
        if written.bytes > LARGE {
            return (Cause::NotReturnedSize, self.too_large());
        }
        if let Some(scheme) = self.arrival.scheme.filter(|scheme| written.secure != (*scheme == "https"))
            && !(written.secure && host.is_some_and(is_loopback_name))
        {
            let secure = if written.secure { "is Secure" } else { "is not Secure" };
            let scheme = Untrusted::new(scheme);
            return (
                Cause::NotReturnedSecure,
                format!(
                    "the cookie {secure}, and the browser asks by {scheme}: WORKOS_REDIRECT_URI and the address that users open must have \
                     the same scheme",
                ),
            );
        }
        if let (Some(domain), Some(host)) = (&written.domain, host)
            && !covers(domain, host)
        {
            let (domain, host) = (Untrusted::new(domain.as_str()), Untrusted::new(host));
            return (
                Cause::NotReturnedDomain,
                format!(
                    "WORKOS_COOKIE_DOMAIN is {domain}, which does not cover the host {host}: unset it, or open the application there"
                ),
            );
        }
        if written.path != "/" {
            let path = Untrusted::new(written.path.as_str());
            return (
                Cause::NotReturnedDomain,
                format!("the cookie's path is {path}: it must cover every page that needs the session"),
            );
        }
        if written.same_site == "Strict" && self.arrival.is_cross_site {
            return (
                Cause::NotReturnedSameSite,
                "WORKOS_COOKIE_SAMESITE is strict, and a page of another site led here: set it to lax"
                    .to_owned(),
            );
        }
        (
            Cause::NotReturned,
            format!(
                "the session cookie of {} bytes did not come back: the browser blocks cookies here, a proxy removes it, or the application \
                 deletes it",
                written.bytes
            ),
        )
    }

    fn too_large(&self) -> String {
        let Written { bytes, pieces, .. } = self.written;
        format!(
            "the session took {bytes} bytes in {pieces} cookie(s); browsers keep {MAX_COOKIE_BYTES} bytes a cookie, and proxies limit the \
             head of a request and of a response: store less in the user's metadata or in the token's claims, set \
             SEALKIT_LARGE_COOKIES, or raise the proxy's limits ({PROXY_LIMITS})"
        )
    }

    fn came_back(&self, failure: &Failure) -> (Cause, String) {
        let reason = failure.reason();
        let here = || {
            self.passwords.iter().map(|name| Untrusted::new(*name).to_string()).collect::<Vec<_>>().join(", ")
        };
        match reason {
            Reason::InvalidSessionCookie => {
                let detail = failure.detail().map_or("unknown", Detail::as_str);
                let sealed_with = self.written.password.as_deref().map_or_else(
                    || "no password".to_owned(),
                    |name| format!("the password {}", Untrusted::new(name)),
                );
                (
                    Cause::NotReadable,
                    format!(
                        "the cookie does not open here ({detail}); the callback sealed with {sealed_with}, and this process has {}: give every \
                         replica the same WORKOS_COOKIE_PASSWORD or SEALKIT_COOKIE_PASSWORDS, and the same formats to read",
                        here()
                    ),
                )
            }
            Reason::SessionRevoked => (
                Cause::Ended,
                "the session was ended (session_revoked): look at sign-outs, webhooks and the deny list"
                    .to_owned(),
            ),
            _ if failure.expired().is_some() || reason == Reason::ExpiredJwt => {
                (Cause::Clock, self.clock(failure))
            }
            _ => {
                let hint = failure.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
                let detail =
                    failure.detail().map(|detail| format!(" ({})", detail.as_str())).unwrap_or_default();
                (
                    Cause::Refused,
                    format!(
                        "the session's token is rejected here: {reason}{detail}{hint}; the callback accepted it, so the settings of two \
                         replicas differ"
                    ),
                )
            }
        }
    }

    fn clock(&self, failure: &Failure) -> String {
        let other = failure.expired().is_some_and(|expired| !self.written.is_of(expired.id()));
        if other {
            return "the browser returns an older session than the one that the callback stored: another cookie of the name, with another \
                    Domain or Path, stands before it; delete it"
                .to_owned();
        }
        let skew = self.skew.map_or_else(
            || "this machine has not measured its clock against the API's".to_owned(),
            |skew| format!("this machine's clock is {skew}"),
        );
        format!("the token had ended as soon as it was stored; {skew}: set the clock (NTP)")
    }
}

fn covers(domain: &str, host: &str) -> bool {
    let domain = domain.trim_start_matches('.');
    let (domain, host) = (domain.to_ascii_lowercase(), host.to_ascii_lowercase());
    host == domain || host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'))
}
