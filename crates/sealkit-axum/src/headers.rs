//! Cache headers, merged with what the handler has set: an answer that depends on a session is nobody else's.
//!
//! Source: what authkit-nextjs 4.3.2 sends (`session.ts`), RFC 9111 §5.2, RFC 9213 §2.

use axum::response::{IntoResponseParts, ResponseParts};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::convert::Infallible;

/// What every answer that read or wrote a session says.
pub(crate) const NO_STORE: &str = "private, no-cache, no-store, must-revalidate, max-age=0";

/// Directives of a handler that contradict [`NO_STORE`], or that it contains already.
const OVERRULED: [&str; 13] = [
    "public",
    "private",
    "no-cache",
    "no-store",
    "must-revalidate",
    "max-age",
    "s-maxage",
    "immutable",
    "stale-while-revalidate",
    "stale-if-error",
    // A cache that understands the status may then ignore `no-store` (RFC 9111 §5.2.2.3).
    "must-understand",
    "proxy-revalidate",
    "max-stale",
];

/// Headers for shared caches alone, which obey them in place of `Cache-Control`.
const TARGETED: [HeaderName; 5] = [
    HeaderName::from_static("cdn-cache-control"),
    HeaderName::from_static("surrogate-control"),
    HeaderName::from_static("cloudflare-cdn-cache-control"),
    HeaderName::from_static("vercel-cdn-cache-control"),
    HeaderName::from_static("netlify-cdn-cache-control"),
];

/// Marks an answer that is the same for everybody although its handler looked at the session: the layer leaves its cache
/// headers alone, as long as it has no cookie to write on it.
///
/// ```
/// use sealkit_axum::PubliclyCacheable;
///
/// async fn logo() -> (PubliclyCacheable, &'static str) {
///     (PubliclyCacheable, "<svg/>")
/// }
/// # let _ = logo;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a unit value that handlers write as `PubliclyCacheable`")]
pub struct PubliclyCacheable;

impl IntoResponseParts for PubliclyCacheable {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        parts.extensions_mut().insert(self);
        Ok(parts)
    }
}

/// Makes the answer one that no cache keeps, and that no cache gives to somebody with another cookie.
pub(crate) fn protect_from_caches(headers: &mut HeaderMap, request_had_authorization: bool) {
    let cache_control = merged_cache_control(headers);
    headers.insert(header::CACHE_CONTROL, cache_control);
    headers.remove(header::EXPIRES);
    for name in &TARGETED {
        headers.remove(name);
    }
    vary(headers, if request_had_authorization { &["Cookie", "Authorization"] } else { &["Cookie"] });
}

/// [`NO_STORE`], and behind it what the handler said beyond that (`no-transform`, extensions).
fn merged_cache_control(headers: &HeaderMap) -> HeaderValue {
    let mut merged = NO_STORE.to_owned();
    for value in headers.get_all(header::CACHE_CONTROL) {
        // A quoted field list may hold commas; such a value is not worth splitting, the strict directives say more.
        let Some(text) = value.to_str().ok().filter(|text| !text.contains('"')) else { continue };
        for directive in text.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
            let name = directive.split('=').next().unwrap_or_default().trim();
            if !OVERRULED.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                merged.push_str(", ");
                merged.push_str(directive);
            }
        }
    }
    HeaderValue::try_from(merged).unwrap_or(HeaderValue::from_static(NO_STORE))
}

/// Adds to `Vary` what is missing there.
fn vary(headers: &mut HeaderMap, names: &[&'static str]) {
    for name in names {
        let listed = headers.get_all(header::VARY).iter().any(|value| {
            value
                .as_bytes()
                .split(|byte| *byte == b',')
                .map(<[u8]>::trim_ascii)
                .any(|listed| listed == b"*" || listed.eq_ignore_ascii_case(name.as_bytes()))
        });
        if !listed {
            append_to_list(headers, header::VARY, name);
        }
    }
}

/// Adds an item to a list header, in its last line if that is text.
fn append_to_list(headers: &mut HeaderMap, name: HeaderName, item: &'static str) {
    let joined = match headers.get_all(&name).iter().collect::<Vec<_>>().as_slice() {
        [only] => only.to_str().ok().and_then(|text| {
            let text = text.trim().trim_end_matches(',');
            if text.is_empty() { None } else { HeaderValue::try_from(format!("{text}, {item}")).ok() }
        }),
        _ => None,
    };
    match joined {
        Some(value) => drop(headers.insert(name, value)),
        None => drop(headers.append(name, HeaderValue::from_static(item))),
    }
}

/// The cookie that a `Set-Cookie` line sets.
pub(crate) fn cookie_name(line: &HeaderValue) -> &[u8] {
    let pair = line.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    fn protected(lines: &[(&'static str, &'static str)], authorization: bool) -> (String, Vec<String>) {
        let mut map = headers(lines);
        protect_from_caches(&mut map, authorization);
        assert_eq!(map.get_all("cache-control").iter().count(), 1);
        let vary = map.get_all("vary").iter().map(|value| value.to_str().unwrap().to_owned()).collect();
        (map["cache-control"].to_str().unwrap().to_owned(), vary)
    }

    #[test]
    fn an_answer_without_cache_headers_gets_them() {
        let (cache, vary) = protected(&[], false);
        assert_eq!((cache.as_str(), vary.as_slice()), (NO_STORE, ["Cookie".to_owned()].as_slice()));
        assert_eq!(protected(&[], true).1, ["Cookie, Authorization"]);
    }

    #[test]
    fn what_a_handler_allows_caches_is_taken_back_and_what_it_forbids_stays() {
        for (given, extra) in [
            ("public, max-age=31536000, immutable", ""),
            ("s-maxage=60, stale-while-revalidate=30, stale-if-error=30", ""),
            ("no-store, must-understand", ""),
            ("Public, no-transform", ", no-transform"),
            ("private, max-age=5, x-mine=1", ", x-mine=1"),
            ("private=\"set-cookie, x\", max-age=9", ""),
            (",, ,", ""),
        ] {
            assert_eq!(
                protected(&[("cache-control", given)], false).0,
                format!("{NO_STORE}{extra}"),
                "{given}"
            );
        }
        let two = [("cache-control", "public"), ("cache-control", "no-transform, max-age=7")];
        assert_eq!(protected(&two, false).0, format!("{NO_STORE}, no-transform"));
    }

    #[test]
    fn vary_is_merged_and_nothing_stands_there_twice() {
        for (given, expected) in [
            (vec!["Accept-Encoding"], vec!["Accept-Encoding, Cookie"]),
            (vec!["accept, cookie"], vec!["accept, cookie"]),
            (vec!["*"], vec!["*"]),
            (vec![""], vec!["", "Cookie"]),
            (vec!["Origin", "Accept"], vec!["Origin", "Accept", "Cookie"]),
            (vec!["Origin,"], vec!["Origin, Cookie"]),
        ] {
            let lines: Vec<_> = given.iter().map(|value| ("vary", *value)).collect();
            assert_eq!(protected(&lines, false).1, expected, "{given:?}");
        }
        assert_eq!(protected(&[("vary", "Cookie")], true).1, ["Cookie, Authorization"]);
        assert_eq!(protected(&[("vary", "*")], true).1, ["*"]);
    }

    #[test]
    fn headers_for_shared_caches_alone_are_removed() {
        let mut map = headers(&[
            ("cdn-cache-control", "max-age=600"),
            ("surrogate-control", "max-age=600"),
            ("expires", "Thu, 01 Jan 2099 00:00:00 GMT"),
            ("etag", "\"x\""),
        ]);
        protect_from_caches(&mut map, false);
        let mut names: Vec<_> = map.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["cache-control", "etag", "vary"]);
    }

    #[test]
    fn the_name_of_a_set_cookie_line_is_what_a_browser_takes_for_it() {
        for (line, name) in [
            ("a=1; Path=/", "a"),
            ("  a = 1", "a"),
            ("a", "a"),
            ("=x; a=1", ""),
            ("a=b=c", "a"),
            ("A=1", "A"),
        ] {
            assert_eq!(cookie_name(&HeaderValue::from_static(line)), name.as_bytes(), "{line}");
        }
    }
}
