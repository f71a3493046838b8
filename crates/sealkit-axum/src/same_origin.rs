//! Whether a request comes from the application's own pages.
//!
//! ```text
//! Sec-Fetch-Site ─► there: it decides              same-origin | none | anything else
//!                └► absent: Origin                 absent: no browser
//!                     ├ the redirect URI's origin ─► own
//!                     └ scheme://host of the request, if that host is not the redirect URI's ─► own
//! ```
//!
//! A layer behind a proxy that terminates TLS sees plain HTTP. So the scheme is never read from the connection: the redirect URI
//! has it. On the redirect URI's host, only the redirect URI's origin is the application's own.

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use url::Url;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Where a request was made, as far as its headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Initiator {
    /// A page of the application.
    SameOrigin,
    /// Another site, a sister domain, or a page without an origin.
    Elsewhere,
    /// No page at all: typed, a bookmark.
    User,
    /// Nothing is said: no browser, or a very old one.
    Unknown,
}

/// What the configuration says about the application's origin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Public<'a> {
    /// The redirect URI.
    pub(crate) redirect_uri: Option<&'a Url>,
    /// The session cookie is `Secure`, so that the application is served over TLS.
    pub(crate) secure: bool,
}

impl Initiator {
    /// Browsers write `Sec-Fetch-Site`, and pages cannot change it; older ones write `Origin` on posts and WebSocket handshakes.
    ///
    /// `uri` is the target of the request. Its authority takes precedence over `Host` (RFC 9112 §3.2.2, RFC 9113 §8.3.1).
    pub(crate) fn of(headers: &HeaderMap, uri: &Uri, public: Public<'_>) -> Self {
        let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
        match (sites.next(), sites.next()) {
            (None, _) => {}
            (Some(site), None) => {
                return match site.as_bytes() {
                    b"same-origin" => Self::SameOrigin,
                    b"none" => Self::User,
                    _ => Self::Elsewhere,
                };
            }
            (Some(_), Some(_)) => return Self::Elsewhere,
        }
        if !headers.contains_key(header::ORIGIN) {
            return Self::Unknown;
        }
        match origin(headers) {
            Some(origin) if public.owns(&origin, sent_to(only(headers, &header::HOST), uri)) => {
                Self::SameOrigin
            }
            _ => Self::Elsewhere,
        }
    }
}

/// The `Origin` of a request: exactly one, and written as an origin is (RFC 6454 §6.2): no user, no path.
pub(crate) fn origin(headers: &HeaderMap) -> Option<Url> {
    let text = only(headers, &header::ORIGIN)?.to_str().ok()?;
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let written = url.origin().ascii_serialization();
    let with_port =
        || Some(format!("{}://{}:{}", url.scheme(), url.host_str()?, url.port_or_known_default()?));
    let is_origin = text.eq_ignore_ascii_case(&written)
        || with_port().is_some_and(|with_port| text.eq_ignore_ascii_case(&with_port));
    is_origin.then_some(url)
}

/// Host and port that the request was sent to; `host` is its `Host` line.
pub(crate) fn sent_to<'a>(host: Option<&'a HeaderValue>, uri: &'a Uri) -> Option<&'a str> {
    match uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => host?.to_str().ok(),
    }
}

/// The line of this name. Of two neither counts.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => Some(line),
        _ => None,
    }
}

impl Public<'_> {
    fn owns(self, origin: &Url, sent_to: Option<&str>) -> bool {
        let own = self.redirect_uri.map(Url::origin);
        if own.as_ref() == Some(&origin.origin()) {
            return true;
        }
        let Some(sent_to) = sent_to.filter(|host| !host.contains(['@', '/', '?', '#', '\\'])) else {
            return false;
        };
        // Each is read with a scheme, so that default ports compare equal.
        let under = |scheme: &str| Url::parse(&format!("{scheme}://{sent_to}/")).ok().map(|url| url.origin());
        let is_public_host = self.redirect_uri.is_some_and(|uri| under(uri.scheme()) == own);
        !is_public_host
            && under(origin.scheme()) == Some(origin.origin())
            && (origin.scheme() == "https" || self.is_plain_http() || is_loopback(origin))
    }

    /// Anybody on the way can answer as a page of an `http` origin. Only an application that is itself served so takes it for
    /// its own.
    fn is_plain_http(self) -> bool {
        self.redirect_uri.map_or(!self.secure, |uri| uri.scheme() == "http")
    }
}

/// A page that this machine itself has served.
fn is_loopback(origin: &Url) -> bool {
    origin.host().is_some_and(|host| sealkit::is_loopback(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn initiator_of(redirect_uri: &str, uri: &'static str, lines: &[(&'static str, &str)]) -> Initiator {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let redirect_uri = (!redirect_uri.is_empty()).then(|| Url::parse(redirect_uri).unwrap());
        let public = Public { redirect_uri: redirect_uri.as_ref(), secure: true };
        Initiator::of(&headers, &Uri::from_static(uri), public)
    }

    fn initiator(lines: &[(&'static str, &str)]) -> Initiator {
        initiator_of("https://app.test/callback", "/x", lines)
    }

    #[test]
    fn sec_fetch_site_decides_before_origin() {
        for (site, expected) in [
            ("same-origin", Initiator::SameOrigin),
            ("same-site", Initiator::Elsewhere),
            ("cross-site", Initiator::Elsewhere),
            ("none", Initiator::User),
            ("", Initiator::Elsewhere),
            ("Same-Origin", Initiator::Elsewhere),
        ] {
            let lines = [("sec-fetch-site", site), ("origin", "https://app.test")];
            assert_eq!(initiator(&lines), expected, "{site}");
        }
        let twice = [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")];
        assert_eq!(initiator(&twice), Initiator::Elsewhere);
        assert_eq!(initiator(&[("host", "app.test")]), Initiator::Unknown);
    }

    #[test]
    fn without_sec_fetch_site_the_origin_decides() {
        for (origin, host, expected) in [
            ("https://app.test", "internal:8080", Initiator::SameOrigin),
            ("https://app.test:443", "internal", Initiator::SameOrigin),
            ("HTTPS://APP.test", "app.test", Initiator::SameOrigin),
            ("http://localhost:3000", "localhost:3000", Initiator::SameOrigin),
            ("http://[::1]:3000", "[::1]:3000", Initiator::SameOrigin),
            ("https://tenant.app.test", "tenant.app.test", Initiator::SameOrigin),
            ("https://app.test:8443", "app.test:8443", Initiator::SameOrigin),
            // Another scheme.
            ("http://app.test", "app.test", Initiator::Elsewhere),
            ("http://app.test", "app.test:80", Initiator::Elsewhere),
            ("http://app.test:443", "app.test:443", Initiator::Elsewhere),
            ("http://app.test", "internal", Initiator::Elsewhere),
            ("http://tenant.app.test", "tenant.app.test", Initiator::Elsewhere),
            ("http://10.0.0.1", "10.0.0.1", Initiator::Elsewhere),
            ("wss://app.test", "app.test", Initiator::Elsewhere),
            ("ftp://app.test", "app.test", Initiator::Elsewhere),
            // Another port.
            ("https://app.test:8443", "app.test", Initiator::Elsewhere),
            ("https://app.test:80", "app.test", Initiator::Elsewhere),
            ("http://localhost:3001", "localhost:3000", Initiator::Elsewhere),
            // Another host.
            ("https://evil.test", "app.test", Initiator::Elsewhere),
            ("https://app.test.evil.test", "app.test", Initiator::Elsewhere),
            ("https://app.test.", "app.test", Initiator::Elsewhere),
            ("https://evil.test", "app.test@evil.test", Initiator::Elsewhere),
            // Not an origin.
            ("https://app.test@evil.test", "internal", Initiator::Elsewhere),
            ("https://user@app.test", "app.test", Initiator::Elsewhere),
            ("https://app.test/", "app.test", Initiator::Elsewhere),
            ("https://app.test/callback", "app.test", Initiator::Elsewhere),
            ("https://app.test?x", "app.test", Initiator::Elsewhere),
            ("https://app.test#x", "app.test", Initiator::Elsewhere),
            ("https:app.test", "app.test", Initiator::Elsewhere),
            ("https://%61pp.test", "app.test", Initiator::Elsewhere),
            ("https://app.test https://app.test", "app.test", Initiator::Elsewhere),
            ("app.test", "app.test", Initiator::Elsewhere),
            ("null", "app.test", Initiator::Elsewhere),
            ("", "app.test", Initiator::Elsewhere),
            ("file://", "app.test", Initiator::Elsewhere),
        ] {
            let found = initiator(&[("origin", origin), ("host", host)]);
            assert_eq!(found, expected, "{origin} {host}");
        }
    }

    #[test]
    fn two_origins_or_hosts_are_never_own() {
        let own = ("origin", "https://app.test");
        assert_eq!(initiator(&[own, own, ("host", "app.test")]), Initiator::Elsewhere);
        let hosts = [("origin", "https://b.test"), ("host", "b.test"), ("host", "app.test")];
        assert_eq!(initiator(&hosts), Initiator::Elsewhere);
        assert_eq!(initiator(&[own, ("host", "a.test"), ("host", "b.test")]), Initiator::SameOrigin);
    }

    #[test]
    fn the_authority_of_the_target_overrides_host() {
        let of = |origin| {
            let lines = [("origin", origin), ("host", "evil.test")];
            initiator_of("https://app.test/cb", "https://b.test/x", &lines)
        };
        assert_eq!(of("https://b.test"), Initiator::SameOrigin);
        assert_eq!(of("https://evil.test"), Initiator::Elsewhere);
    }

    #[test]
    fn the_redirect_uri_decides_the_scheme() {
        let of = |redirect_uri, origin, host| {
            initiator_of(redirect_uri, "/x", &[("origin", origin), ("host", host)])
        };
        for (redirect_uri, origin, host, expected) in [
            ("http://app.test/cb", "http://app.test", "app.test", Initiator::SameOrigin),
            ("http://app.test/cb", "https://app.test", "app.test", Initiator::Elsewhere),
            ("http://app.test/cb", "http://b.test", "b.test", Initiator::SameOrigin),
            ("http://localhost:3000/cb", "https://x.tunnel.test", "x.tunnel.test", Initiator::SameOrigin),
            ("https://localhost:3000/cb", "http://localhost:3000", "localhost:3000", Initiator::Elsewhere),
            ("https://bücher.test/cb", "https://xn--bcher-kva.test", "internal", Initiator::SameOrigin),
            (
                "https://bücher.test/cb",
                "http://xn--bcher-kva.test",
                "xn--bcher-kva.test",
                Initiator::Elsewhere,
            ),
            ("https://app.test./cb", "https://app.test", "internal", Initiator::Elsewhere),
            // No redirect URI, a `Secure` cookie.
            ("", "https://app.test", "app.test", Initiator::SameOrigin),
            ("", "http://app.test", "app.test", Initiator::Elsewhere),
            ("", "http://127.0.0.1:3000", "127.0.0.1:3000", Initiator::SameOrigin),
        ] {
            assert_eq!(of(redirect_uri, origin, host), expected, "{redirect_uri} {origin} {host}");
        }
    }
}
