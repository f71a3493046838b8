//! Cookies on the wire: the `Cookie` header in, `Set-Cookie` lines out.
//!
//! ```text
//! Cookie: a=1; wos-session=Fe26.2*1*…~2; b=2      →  received: values("wos-session")
//! Set-Cookie: wos-session=Fe26.2*1*…~2; Path=/; … ←  set_cookie: CookieSettings::writes
//!                                                    scopes: and the deletions of its other scopes
//!
//! Too large for one cookie:
//! Cookie: wos-session.0=~sk1.2.…; wos-session.1=~sk1-1.…        →  the same, joined
//! Set-Cookie: wos-session.0=…, wos-session.1=…, wos-session=; Max-Age=0 ←  the same, split; what is stale deleted
//! ```
//!
//! Reading is lenient where the libraries differ and bounded everywhere; writing is strict: every byte of every attribute
//! is checked when the settings are made, so that no value can add a line or an attribute. Sources: RFC 6265 and its
//! successor draft, and what authkit-session 0.7.1 and authkit-nextjs 4.3.2 do.

mod chunk;
mod header;
mod percent;
mod prefix;
mod received;
mod scopes;
mod set_cookie;
#[cfg(test)]
mod split_tests;

pub(crate) use set_cookie::is_name;

pub use chunk::MAX_CHUNKS;
pub use header::{
    Candidates, CookieLine, MAX_CANDIDATES, MAX_HEADER_BYTES, Pairs, candidates, decode_value, encode_value,
    pairs,
};
pub use prefix::NamePrefix;
pub use received::{Presence, Values, values, values_to_try};
pub use scopes::{MAX_PARENT_DOMAINS, parent_domains};
pub use set_cookie::{
    CookieSettings, CookieSettingsBuilder, CookieSettingsError, CookieSettingsProblem, CookieTooLarge,
    DEFAULT_MAX_AGE, DEFAULT_NAME, LargeCookies, MAX_COOKIE_BYTES, SameSite, SetCookie, UnknownSameSite,
    WARN_COOKIE_BYTES,
};
