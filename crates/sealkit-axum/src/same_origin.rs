//! Whether a request that changes something comes from the application's own pages.

use http::{HeaderMap, HeaderName, HeaderValue, header};
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

impl Initiator {
    /// Browsers write `Sec-Fetch-Site`, and pages cannot change it; older ones write `Origin` on posts.
    pub(crate) fn of(headers: &HeaderMap, public: Option<&Url>) -> Self {
        if let Some(site) = headers.get(SEC_FETCH_SITE) {
            return match site.as_bytes() {
                b"same-origin" => Self::SameOrigin,
                b"none" => Self::User,
                _ => Self::Elsewhere,
            };
        }
        match headers.get(header::ORIGIN) {
            None => Self::Unknown,
            Some(origin) if is_own(origin, headers.get(header::HOST), public) => Self::SameOrigin,
            Some(_) => Self::Elsewhere,
        }
    }
}

/// The origin is the public one, or that of the host that the request was sent to; a page elsewhere can fake neither.
fn is_own(origin: &HeaderValue, host: Option<&HeaderValue>, public: Option<&Url>) -> bool {
    let Some(origin) = origin.to_str().ok().and_then(|text| Url::parse(text).ok()) else { return false };
    if !origin.origin().is_tuple() {
        return false;
    }
    if public.is_some_and(|public| public.origin() == origin.origin()) {
        return true;
    }
    let host =
        host.and_then(|host| host.to_str().ok()).filter(|host| !host.contains(['@', '/', '?', '#', '\\']));
    let sent_to = host.and_then(|host| {
        // Read with the scheme of the origin, so that default ports compare equal.
        Url::parse(&format!("{}://{host}/", origin.scheme())).ok()
    });
    sent_to.is_some_and(|sent_to| sent_to.origin() == origin.origin())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn initiator(lines: &[(&'static str, &'static str)]) -> Initiator {
        let headers = lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        Initiator::of(&headers, Some(&Url::parse("https://app.test/callback").unwrap()))
    }

    #[test]
    fn sec_fetch_site_says_it_and_origin_is_not_asked_then() {
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
    }

    #[test]
    fn without_it_the_origin_must_be_the_public_one_or_the_one_of_the_host() {
        for (origin, host, expected) in [
            ("https://app.test", "internal:8080", Initiator::SameOrigin),
            ("https://app.test:443", "internal", Initiator::SameOrigin),
            ("http://localhost:3000", "localhost:3000", Initiator::SameOrigin),
            ("http://app.test", "internal", Initiator::Elsewhere),
            ("https://evil.test", "app.test", Initiator::Elsewhere),
            ("https://app.test.evil.test", "app.test", Initiator::Elsewhere),
            ("https://app.test@evil.test", "internal", Initiator::Elsewhere),
            ("null", "app.test", Initiator::Elsewhere),
            ("file://", "app.test", Initiator::Elsewhere),
            ("https://evil.test", "app.test@evil.test", Initiator::Elsewhere),
        ] {
            let found = initiator(&[("origin", origin), ("host", host)]);
            assert_eq!(found, expected, "{origin} {host}");
        }
        assert_eq!(initiator(&[("host", "app.test")]), Initiator::Unknown);
    }
}
