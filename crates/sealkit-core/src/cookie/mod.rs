//! Cookies on the wire: the `Cookie` header in, `Set-Cookie` lines out.
//!
//! ```text
//! Cookie: a=1; wos-session=Fe26.2*1*…~2; b=2      →  header: candidates("wos-session")
//! Set-Cookie: wos-session=Fe26.2*1*…~2; Path=/; … ←  set_cookie: CookieSettings::set
//! ```
//!
//! Reading is lenient where the libraries differ and bounded everywhere; writing is strict: every byte of every attribute
//! is checked when the settings are made, so that no value can add a line or an attribute. Sources: RFC 6265 and its
//! successor draft, and what authkit-session 0.7.1 and authkit-nextjs 4.3.2 do.

mod header;
mod percent;
mod set_cookie;

pub(crate) use set_cookie::is_name;

pub use header::{
    Candidates, CookieLine, MAX_CANDIDATES, MAX_HEADER_BYTES, Pairs, candidates, decode_value, pairs,
};
pub use set_cookie::{
    CookieSettings, CookieSettingsBuilder, CookieSettingsError, CookieSettingsProblem, CookieTooLarge,
    DEFAULT_MAX_AGE, DEFAULT_NAME, MAX_COOKIE_BYTES, SameSite, SetCookie, UnknownSameSite, WARN_COOKIE_BYTES,
};
