//! Writing `Set-Cookie`: attributes checked once, at construction; any value becomes exactly one well-formed line.

use super::{NamePrefix, Presence, chunk, percent};
use std::{fmt, str::FromStr, sync::Arc, time::Duration};

/// The name that every WorkOS framework library uses.
pub const DEFAULT_NAME: &str = "wos-session";

/// 400 days: the libraries' default, and the most that browsers keep.
pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(34_560_000);

/// Name and encoded value together: browsers ignore a cookie that is larger (RFC 6265bis §5.6, step 5).
pub const MAX_COOKIE_BYTES: usize = 4096;

/// From here on a cookie is [nearly too large](SetCookie::nearly_too_large).
pub const WARN_COOKIE_BYTES: usize = 3800;

/// Longest name that is accepted; far above any in use, far below the limit of the cookie.
const MAX_NAME_BYTES: usize = 256;

/// Longest attribute value that browsers do not ignore (RFC 6265bis §5.6, step 6).
const MAX_ATTRIBUTE_BYTES: usize = 1024;

/// What becomes of the cookie on requests that another site starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SameSite {
    /// Sent on top-level navigations only. The default.
    #[default]
    Lax,
    /// Never sent.
    Strict,
    /// Always sent; needs `Secure`.
    None,
}

impl SameSite {
    /// As it stands in `Set-Cookie`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lax => "Lax",
            Self::Strict => "Strict",
            Self::None => "None",
        }
    }
}

impl fmt::Display for SameSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SameSite {
    type Err = UnknownSameSite;

    /// Takes either case, as authkit-nextjs does.
    fn from_str(text: &str) -> Result<Self, UnknownSameSite> {
        [Self::Lax, Self::Strict, Self::None]
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(text))
            .ok_or(UnknownSameSite)
    }
}

/// The text names no `SameSite` value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown SameSite value; write lax, strict or none")]
#[non_exhaustive]
pub struct UnknownSameSite;

/// What becomes of a value that is too large for one cookie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LargeCookies {
    /// It is split over `name.0`, `name.1`, … ([`MAX_CHUNKS`](super::MAX_CHUNKS) at most). The default. WorkOS's own
    /// libraries do not read it, but they could not have read a cookie that no browser keeps either.
    #[default]
    Split,
    /// It is refused with [`CookieTooLarge`].
    Refuse,
}

/// How a cookie is written: name and attributes, all checked. `HttpOnly` always. Cheap to clone.
///
/// The default is what the WorkOS libraries write: `wos-session`, `Path=/`, 400 days, `Secure`, `SameSite=Lax`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieSettings {
    name: Arc<str>,
    path: Arc<str>,
    domain: Option<Arc<str>>,
    same_site: SameSite,
    secure: bool,
    max_age: Duration,
    large_cookies: LargeCookies,
}

impl Default for CookieSettings {
    fn default() -> Self {
        Self {
            name: DEFAULT_NAME.into(),
            path: "/".into(),
            domain: None,
            same_site: SameSite::default(),
            secure: true,
            max_age: DEFAULT_MAX_AGE,
            large_cookies: LargeCookies::default(),
        }
    }
}

impl CookieSettings {
    /// Settings to fill, starting from the default.
    pub fn builder() -> CookieSettingsBuilder {
        CookieSettingsBuilder::default()
    }

    /// The cookie's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `Path`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// `Domain`; `None` is a cookie of the host alone.
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }

    /// `SameSite`.
    #[must_use]
    pub const fn same_site(&self) -> SameSite {
        self.same_site
    }

    /// `Secure`.
    #[must_use]
    pub const fn secure(&self) -> bool {
        self.secure
    }

    /// `Max-Age`, whole seconds.
    #[must_use]
    pub const fn max_age(&self) -> Duration {
        self.max_age
    }

    /// What [`CookieSettings::writes`] does with a value that is too large for one cookie.
    #[must_use]
    pub const fn large_cookies(&self) -> LargeCookies {
        self.large_cookies
    }

    /// The lines that store `value` and delete what is stale, for a browser that holds the cookies `present`.
    ///
    /// A value that fits is one cookie. One that does not, and only that, is split where the settings say so. First comes
    /// what is set (pieces in order), then what is deleted (the unsplit cookie, then pieces in order). Send all of them, in this
    /// order: what is left behind is an older session that still opens.
    ///
    /// Where a `Domain` is configured, the deletion of the host-only cookie stands before each line. A name that came twice is
    /// deleted in the other scopes that [`Presence::sent_to`] tells of, before its line.
    ///
    /// # Errors
    /// [`CookieTooLarge`], if the value is too large to be split too, or [`LargeCookies::Refuse`] is set. Nothing is to be
    /// deleted then: what the browser has is still the session.
    pub fn writes(&self, value: &str, present: Presence<'_>) -> Result<Vec<SetCookie>, CookieTooLarge> {
        let (mut lines, stale) = match (self.set(value), self.large_cookies) {
            (Ok(cookie), _) => (vec![cookie], present.without_unsplit()),
            (Err(error), LargeCookies::Refuse) => return Err(error),
            (Err(_), LargeCookies::Split) => {
                let pieces = chunk::split(&self.name, value)?;
                let stale = present.without_pieces_below(pieces.len());
                let pieces = pieces.into_iter().map(|piece| {
                    let cookie = self.write(&piece.name, &piece.value);
                    SetCookie { room_to_split: !piece.is_last_possible, ..cookie }
                });
                (pieces.collect(), stale)
            }
        };
        lines.extend(self.deletions(stale));
        Ok(self.covering(lines, present))
    }

    /// The lines that delete every cookie of the session: the unsplit one always, pieces where they are `present`. Whoever
    /// signs out and leaves the pieces is still signed in. Each name that came is deleted in its other scopes, too, as
    /// [`writes`](Self::writes) does it for one that came twice.
    pub fn clears(&self, present: Presence<'_>) -> Vec<SetCookie> {
        self.covering(self.deletions(present.with_unsplit()).collect(), present)
    }

    fn deletions(&self, of: Presence<'_>) -> impl Iterator<Item = SetCookie> {
        let unsplit = of.unsplit().then(|| self.delete());
        unsplit.into_iter().chain(of.pieces().map(|index| self.erase(&chunk::name_of(&self.name, index))))
    }

    /// The line that stores `value` in one cookie, percent-encoded here as `encodeURIComponent` does.
    ///
    /// # Errors
    /// [`CookieTooLarge`] when name and encoded value together exceed [`MAX_COOKIE_BYTES`]: the browser would drop it
    /// without a word.
    pub fn set(&self, value: &str) -> Result<SetCookie, CookieTooLarge> {
        let cookie = self.write(&self.name, value);
        let bytes = cookie.name_and_value_bytes();
        if bytes > MAX_COOKIE_BYTES {
            return Err(CookieTooLarge { bytes, limit: MAX_COOKIE_BYTES });
        }
        Ok(cookie)
    }

    /// The line that deletes the one cookie: same name, path, domain and `SameSite`, or the browser keeps it.
    pub fn delete(&self) -> SetCookie {
        self.erase(&self.name)
    }

    /// The prefix of the name, as it is written; empty without one.
    pub(crate) fn name_prefix(&self) -> &'static str {
        NamePrefix::of(&self.name).map_or("", NamePrefix::as_str)
    }

    /// The name of a cookie of a sign-in that leads to this one: what another host cannot set where it cannot set this one.
    pub(crate) fn companion_name(&self, name: &str) -> String {
        [self.name_prefix(), name].concat()
    }

    /// These attributes for another cookie, with `Max-Age` of its own.
    pub(crate) fn for_verifier(&self, max_age: Duration) -> Self {
        let same_site = match self.same_site {
            SameSite::Strict => SameSite::Lax,
            other => other,
        };
        Self { path: "/".into(), same_site, max_age, ..self.clone() }
    }

    /// These attributes for a sign-in with this redirect URI, which decides on `Secure` ([`is_http`]) unless something forces it.
    pub(crate) fn secured_for(&self, redirect_uri: &str) -> Self {
        let forced = self.same_site == SameSite::None || NamePrefix::of(&self.name).is_some();
        Self { secure: forced || !is_http(redirect_uri), ..self.clone() }
    }

    /// Writes without the limit on size; `name` must be a token.
    pub(crate) fn write(&self, name: &str, value: &str) -> SetCookie {
        let mut line = String::with_capacity(name.len() + value.len() + 128);
        line.push_str(name);
        line.push('=');
        percent::encode_into(&mut line, value);
        let value_end = line.len();
        self.attributes(&mut line, self.max_age, "");
        SetCookie { line, name_end: name.len(), value_end, room_to_split: false }
    }

    /// The deletion of a cookie with these attributes; `name` must be a token.
    pub(crate) fn erase(&self, name: &str) -> SetCookie {
        let mut line = String::with_capacity(name.len() + 128);
        line.push_str(name);
        line.push('=');
        let value_end = line.len();
        self.attributes(&mut line, Duration::ZERO, "; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
        SetCookie { line, name_end: name.len(), value_end, room_to_split: false }
    }

    /// The deletion of a cookie with these attributes, of another scope.
    pub(super) fn erase_in(&self, name: &str, domain: Option<&str>, path: &str) -> SetCookie {
        Self { domain: domain.map(Arc::from), path: path.into(), ..self.clone() }.erase(name)
    }

    /// In the order of authkit-session's `serializeCookie`.
    fn attributes(&self, line: &mut String, max_age: Duration, expires: &str) {
        line.push_str("; Path=");
        line.push_str(&self.path);
        if let Some(domain) = &self.domain {
            line.push_str("; Domain=");
            line.push_str(domain);
        }
        line.push_str("; Max-Age=");
        line.push_str(&max_age.as_secs().to_string());
        line.push_str(expires);
        line.push_str("; HttpOnly");
        if self.secure {
            line.push_str("; Secure");
        }
        line.push_str("; SameSite=");
        line.push_str(self.same_site.as_str());
    }
}

/// Collects [`CookieSettings`] and checks them all at once.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct CookieSettingsBuilder {
    name: Option<String>,
    path: Option<String>,
    domain: Option<String>,
    same_site: SameSite,
    secure: Option<bool>,
    max_age: Option<Duration>,
    large_cookies: LargeCookies,
}

impl CookieSettingsBuilder {
    /// The name: an RFC 6265 token. A [`NamePrefix`] forces `Secure`; `__Host-` and `__Host-Http-` forbid a domain and another
    /// path.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// `Path`, beginning with `/`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// `Domain`: a host name, without scheme and port.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// `SameSite`. `None` forces `Secure`.
    pub const fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// `Secure` as the libraries choose it: unless this URI is `http:`. One that cannot be read means `Secure`.
    pub fn secure_for_redirect_uri(self, uri: &str) -> Self {
        self.secure(!is_http(uri))
    }

    /// `Secure`, said outright.
    pub const fn secure(mut self, secure: bool) -> Self {
        self.secure = Some(secure);
        self
    }

    /// `Max-Age`; cut to whole seconds.
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// What becomes of a value that is too large for one cookie. Default [`LargeCookies::Split`].
    pub const fn large_cookies(mut self, large_cookies: LargeCookies) -> Self {
        self.large_cookies = large_cookies;
        self
    }

    /// Checks every attribute.
    ///
    /// # Errors
    /// [`CookieSettingsError`] with every problem at once; each names its fix.
    pub fn build(self) -> Result<CookieSettings, CookieSettingsError> {
        let defaults = CookieSettings::default();
        let name = self.name.map_or(defaults.name, Arc::from);
        let path = self.path.map_or(defaults.path, Arc::from);
        let mut problems = Vec::new();
        if !is_name(&name) {
            problems.push(CookieSettingsProblem::Name);
        }
        if !is_path(&path) {
            problems.push(CookieSettingsProblem::Path);
        }
        if self.domain.as_deref().is_some_and(|domain| !is_domain(domain)) {
            problems.push(CookieSettingsProblem::Domain);
        }
        let prefix = NamePrefix::of(&name);
        let host_prefix = prefix.is_some_and(NamePrefix::is_of_one_host);
        if host_prefix && self.domain.is_some() {
            problems.push(CookieSettingsProblem::HostPrefixWithDomain);
        }
        if host_prefix && *path != *"/" {
            problems.push(CookieSettingsProblem::HostPrefixWithPath);
        }
        if !problems.is_empty() {
            return Err(CookieSettingsError { problems });
        }
        let forced = self.same_site == SameSite::None || prefix.is_some();
        Ok(CookieSettings {
            name,
            path,
            domain: self.domain.map(Arc::from),
            same_site: self.same_site,
            secure: forced || self.secure.unwrap_or(true),
            max_age: self.max_age.unwrap_or(DEFAULT_MAX_AGE),
            large_cookies: self.large_cookies,
        })
    }
}

/// What cannot be read is not `http:`.
fn is_http(uri: &str) -> bool {
    url::Url::parse(uri).is_ok_and(|uri| uri.scheme() == "http")
}

/// A token of RFC 9110 §5.6.2.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

pub(super) fn is_path(path: &str) -> bool {
    path.starts_with('/')
        && path.len() <= MAX_ATTRIBUTE_BYTES
        && path.bytes().all(|b| matches!(b, b'!'..=b'~') && b != b';')
}

pub(super) fn is_domain(domain: &str) -> bool {
    let domain = domain.strip_prefix('.').unwrap_or(domain);
    domain.len() <= 253
        && domain
            .split('.')
            .all(|label| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}

/// One thing that is wrong with cookie settings. `Display` names the fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CookieSettingsProblem {
    /// The name is empty, too long or no token.
    #[error(
        "the cookie name may hold letters, digits and !#$%&'*+-.^_`|~ only; use `wos-session` or a name like it"
    )]
    Name,
    /// The path does not begin with `/`, is too long or has a forbidden character.
    #[error("the cookie path must begin with `/` and hold printable ASCII without `;` and spaces; use `/`")]
    Path,
    /// The domain is no host name.
    #[error(
        "the cookie domain must be a host name like `example.com`, without scheme, port or path; write other alphabets in their `xn--` form"
    )]
    Domain,
    /// `__Host-` or `__Host-Http-` with `Domain`.
    #[error("a `__Host-` cookie belongs to one host; remove the cookie domain, or the prefix from the name")]
    HostPrefixWithDomain,
    /// `__Host-` or `__Host-Http-` with another path than `/`.
    #[error("a `__Host-` cookie needs the path `/`; set it, or remove the prefix from the name")]
    HostPrefixWithPath,
}

crate::problems::problems_error! {
    /// The settings do not make a cookie.
    CookieSettingsError of CookieSettingsProblem
}

/// Browsers would ignore the cookie, or it is too large for all the pieces that it may be split into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cookie is {bytes} bytes (name and encoded value{}), limit is {limit}", self.in_pieces())]
#[non_exhaustive]
pub struct CookieTooLarge {
    /// Name and encoded value, bytes. Of a value that cannot be split either: the pieces that there may be, and what they
    /// leave over.
    pub bytes: usize,
    /// [`MAX_COOKIE_BYTES`], or [`MAX_CHUNKS`](super::MAX_CHUNKS) times as much.
    pub limit: usize,
}

impl CookieTooLarge {
    const fn in_pieces(self) -> &'static str {
        if self.limit > MAX_COOKIE_BYTES { ", in as many pieces as there may be" } else { "" }
    }
}

/// One `Set-Cookie` line. `Debug` shows the name and the size; there is no `Display`, because the value is a secret.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "a cookie that is not sent changes nothing"]
pub struct SetCookie {
    line: String,
    name_end: usize,
    value_end: usize,
    /// It is a piece after which another may follow.
    room_to_split: bool,
}

impl SetCookie {
    /// The header's value: printable ASCII, one line. Append it to the response, never replace with it.
    #[must_use]
    pub fn to_header_value(&self) -> &str {
        &self.line
    }

    /// The header's value, taken out.
    #[must_use]
    pub fn into_header_value(self) -> String {
        self.line
    }

    /// The cookie's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.line.get(..self.name_end).unwrap_or_default()
    }

    /// The value as it stands in the line, percent-encoded; empty in a deletion.
    #[must_use]
    pub fn encoded_value(&self) -> &str {
        self.line.get(self.name_end + 1..self.value_end).unwrap_or_default()
    }

    /// True if this deletes the cookie.
    #[must_use]
    pub fn is_deletion(&self) -> bool {
        self.encoded_value().is_empty()
    }

    /// Name and encoded value, in bytes: what browsers measure.
    #[must_use]
    pub const fn name_and_value_bytes(&self) -> usize {
        self.value_end.saturating_sub(1)
    }

    /// It is stored today, and a few more claims would end that: worth a warning ([`WARN_COOKIE_BYTES`] and more).
    ///
    /// Of the pieces of a split value only the last that there may be: the others are as full as they can be.
    #[must_use]
    pub const fn nearly_too_large(&self) -> bool {
        !self.room_to_split && self.name_and_value_bytes() >= WARN_COOKIE_BYTES
    }
}

impl fmt::Debug for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetCookie")
            .field("name", &self.name())
            .field("value", if self.is_deletion() { &"" } else { &"[redacted]" })
            .field("attributes", &self.line.get(self.value_end..).unwrap_or_default())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::candidates;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_default_line_is_the_one_that_authkit_session_writes() {
        let cookie = CookieSettings::default().set("Fe26.2*1*a=b~2").unwrap();
        insta::assert_snapshot!(cookie.to_header_value(), @"wos-session=Fe26.2*1*a%3Db~2; Path=/; Max-Age=34560000; HttpOnly; Secure; SameSite=Lax");
    }

    #[test]
    fn every_attribute_is_written_in_order() {
        let settings = CookieSettings::builder()
            .name("sid")
            .path("/app")
            .domain("example.com")
            .same_site(SameSite::Strict)
            .secure_for_redirect_uri("http://localhost:3000/callback")
            .max_age(Duration::from_secs(60))
            .build()
            .unwrap();
        insta::assert_snapshot!(settings.set("v").unwrap().to_header_value(), @"sid=v; Path=/app; Domain=example.com; Max-Age=60; HttpOnly; SameSite=Strict");
        insta::assert_snapshot!(settings.delete().to_header_value(), @"sid=; Path=/app; Domain=example.com; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Strict");
        assert!(settings.delete().is_deletion());
    }

    #[test]
    fn secure_follows_the_redirect_uri_unless_something_forces_it() {
        let secure = |uri: &str, same_site, name: &str| {
            CookieSettings::builder()
                .name(name)
                .same_site(same_site)
                .secure_for_redirect_uri(uri)
                .build()
                .unwrap()
                .secure()
        };
        assert!(!secure("http://localhost/cb", SameSite::Lax, "s"));
        assert!(!secure("HTTP://localhost/cb", SameSite::Lax, "s"));
        assert!(secure("https://app.example/cb", SameSite::Lax, "s"));
        assert!(secure("not a url", SameSite::Lax, "s"));
        assert!(secure("http://localhost/cb", SameSite::None, "s"));
        assert!(secure("http://localhost/cb", SameSite::Lax, "__Host-s"));
        assert!(secure("http://localhost/cb", SameSite::Lax, "__secure-s"));
        assert!(secure("http://localhost/cb", SameSite::Lax, "__Http-s"));
        assert!(secure("http://localhost/cb", SameSite::Lax, "__Host-Http-s"));
    }

    #[test]
    fn a_host_prefix_allows_neither_domain_nor_path() {
        for name in ["__Host-s", "__Host-Http-s"] {
            let error =
                CookieSettings::builder().name(name).domain("example.com").path("/a").build().unwrap_err();
            assert_eq!(
                error.problems(),
                [CookieSettingsProblem::HostPrefixWithDomain, CookieSettingsProblem::HostPrefixWithPath]
            );
        }
        assert!(CookieSettings::builder().name("__Http-s").domain("example.com").path("/a").build().is_ok());
        let settings = CookieSettings::builder().name("__Host-s").secure(false).build().unwrap();
        insta::assert_snapshot!(settings.set("v").unwrap().to_header_value(), @"__Host-s=v; Path=/; Max-Age=34560000; HttpOnly; Secure; SameSite=Lax");
    }

    #[test]
    fn no_attribute_can_carry_another_one() {
        let hostile =
            ["", "a;b", "a b", "a\r\nSet-Cookie: x=1", "a,b", "a=b", "é", "a\0", "a\t", "\"a\"", "a\u{7f}"];
        for text in hostile {
            assert!(CookieSettings::builder().name(text).build().is_err(), "name {text:?}");
            assert!(CookieSettings::builder().domain(text).build().is_err(), "domain {text:?}");
            let path = format!("/{text}");
            let harmless = matches!(text, "" | "a,b" | "a=b" | "\"a\"");
            assert_eq!(CookieSettings::builder().path(path).build().is_ok(), harmless, "path {text:?}");
        }
        for domain in ["https://a.example", "a.example:80", "a..b", ".", "a.example/", "*.a.example"] {
            assert!(CookieSettings::builder().domain(domain).build().is_err(), "{domain}");
        }
        assert!(CookieSettings::builder().path("app").build().is_err());
        assert!(CookieSettings::builder().name("a".repeat(257)).build().is_err());
        assert!(CookieSettings::builder().domain(".xn--bcher-kva.example").build().is_ok());
    }

    #[test]
    fn every_problem_is_told_at_once_and_names_its_fix() {
        let error = CookieSettings::builder().name("a b").path("x").domain("http://x").build().unwrap_err();
        insta::assert_snapshot!(error, @"the cookie name may hold letters, digits and !#$%&'*+-.^_`|~ only; use `wos-session` or a name like it; the cookie path must begin with `/` and hold printable ASCII without `;` and spaces; use `/`; the cookie domain must be a host name like `example.com`, without scheme, port or path; write other alphabets in their `xn--` form");
    }

    #[test]
    fn the_limit_is_4096_bytes_of_name_and_encoded_value() {
        let settings = CookieSettings::default();
        let room = MAX_COOKIE_BYTES - DEFAULT_NAME.len();
        let cookie = settings.set(&"x".repeat(room)).unwrap();
        assert_eq!(cookie.name_and_value_bytes(), 4096);
        assert!(cookie.nearly_too_large());
        assert_eq!(settings.set(&"x".repeat(room + 1)), Err(CookieTooLarge { bytes: 4097, limit: 4096 }));
        assert_eq!(settings.set(&"+".repeat(room / 3 + 1)).unwrap_err().bytes, 11 + (room / 3 + 1) * 3);
        assert!(settings.set(&"x".repeat(3789)).unwrap().nearly_too_large());
        assert!(!settings.set(&"x".repeat(3788)).unwrap().nearly_too_large());
    }

    #[test]
    fn same_site_is_parsed_in_either_case() {
        for (text, value) in [("lax", SameSite::Lax), ("Strict", SameSite::Strict), ("NONE", SameSite::None)]
        {
            assert_eq!(text.parse(), Ok(value));
        }
        assert_eq!("loose".parse::<SameSite>(), Err(UnknownSameSite));
    }

    #[test]
    fn debug_shows_no_value() {
        let shown = format!("{:?}", CookieSettings::default().set("very-secret").unwrap());
        assert!(shown.contains("wos-session") && !shown.contains("very-secret"), "{shown}");
    }

    proptest! {
        #[test]
        fn any_value_is_one_well_formed_line_that_reads_back(value in "\\PC{0,300}|(?s:.{1,100})") {
            let outcome = CookieSettings::default().set(&value);
            if let Err(error) = &outcome {
                prop_assert!(error.bytes > MAX_COOKIE_BYTES);
            }
            prop_assume!(outcome.is_ok());
            let cookie = outcome.unwrap();
            let line = cookie.to_header_value();
            prop_assert!(line.bytes().all(|b| (b' '..=b'~').contains(&b)));
            let (pair, attributes) = line.split_once("; ").unwrap();
            prop_assert_eq!(attributes, "Path=/; Max-Age=34560000; HttpOnly; Secure; SameSite=Lax");
            let read: Vec<_> = candidates([pair], DEFAULT_NAME).collect();
            if value.is_empty() {
                prop_assert!(read.is_empty());
            } else {
                prop_assert_eq!(read, [value]);
            }
        }
    }
}
