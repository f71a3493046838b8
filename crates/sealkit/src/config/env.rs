//! The environment variables, and the one place of the library that may look at the environment of the process.
//!
//! An empty value counts as not set, as in the JavaScript libraries, except for client id, API key and cookie password: there
//! it is a problem. Nothing is trimmed. Every value is checked; none is silently replaced by a default.

use super::problem::Problem;
use sealkit_core::untrusted::looks_secret;
use std::{borrow::Cow, env::VarError};

/// The application's client id (`client_…`). Read by every WorkOS library. Required.
pub const CLIENT_ID: &str = "WORKOS_CLIENT_ID";
/// The API key (`sk_…`), which is the client secret too. Read by every WorkOS library. Public clients have none.
pub const API_KEY: &str = "WORKOS_API_KEY";
/// The password that seals the session cookie, at least 32 characters. Read by the JavaScript libraries. Without any password it
/// is derived from the API key, see [`PasswordSource`](super::PasswordSource).
pub const COOKIE_PASSWORD: &str = "WORKOS_COOKIE_PASSWORD";
/// Several cookie passwords with names, a line each: `NAME=PASSWORD` (`NAME:ID=PASSWORD` for an iron id). The first that fits the
/// format seals, every one opens. In place of [`COOKIE_PASSWORD`].
pub const COOKIE_PASSWORDS: &str = "SEALKIT_COOKIE_PASSWORDS";
/// A file with such lines. It is read again when it changes, without a restart.
pub const COOKIE_PASSWORDS_FILE: &str = "SEALKIT_COOKIE_PASSWORDS_FILE";
/// `sealed`, `unsealed` or `both`: which session cookies are read. Proposed for authkit-session. Default `sealed`.
pub const SESSION_ENCODING_READ: &str = "WORKOS_SESSION_ENCODING_READ";
/// `sealed` or `unsealed`: which session cookies are written. Proposed for authkit-session. Default `sealed`.
pub const SESSION_ENCODING_WRITE: &str = "WORKOS_SESSION_ENCODING_WRITE";
/// The formats that are read, by id, with commas; `sealed` stands for all that are read by default. Stands above
/// [`SESSION_ENCODING_READ`].
pub const FORMATS_READ: &str = "SEALKIT_FORMATS_READ";
/// The format that is written, by id. Default `iron`.
pub const FORMAT_WRITE: &str = "SEALKIT_FORMAT_WRITE";
/// From this day or time on unsealed cookies are refused: the end of a migration. Default: no end.
pub const UNSEALED_UNTIL: &str = "SEALKIT_UNSEALED_UNTIL";
/// `next-cookie` or `on-read`: when a cookie of another format or password is written anew. Default `next-cookie`.
pub const REWRITE: &str = "SEALKIT_REWRITE";
/// Where WorkOS sends the browser after a sign-in. Read by authkit-session and what stands on it.
pub const REDIRECT_URI: &str = "WORKOS_REDIRECT_URI";
/// The same, as authkit-nextjs spells it.
pub const NEXT_PUBLIC_REDIRECT_URI: &str = "NEXT_PUBLIC_WORKOS_REDIRECT_URI";
/// Name of the session cookie. Read by the JavaScript libraries. Default `wos-session`. A prefix
/// ([`NamePrefix`](sealkit_core::cookie::NamePrefix)) forces `Secure`, and the verifier cookies of sign-ins take it.
pub const COOKIE_NAME: &str = "WORKOS_COOKIE_NAME";
/// `Max-Age` of the session cookie, in whole seconds. Read by the JavaScript libraries. Default 34,560,000 (400 days).
pub const COOKIE_MAX_AGE: &str = "WORKOS_COOKIE_MAX_AGE";
/// `Domain` of the session cookie. Read by the JavaScript libraries. Default: the host alone.
pub const COOKIE_DOMAIN: &str = "WORKOS_COOKIE_DOMAIN";
/// `SameSite` of the session cookie: `lax`, `strict` or `none`. Read by authkit-nextjs. Default `lax`.
pub const COOKIE_SAMESITE: &str = "WORKOS_COOKIE_SAMESITE";
/// The same, as authkit-session spells it.
pub const COOKIE_SAME_SITE: &str = "WORKOS_COOKIE_SAME_SITE";
/// `split` or `refuse`: what becomes of a session that is too large for one cookie. Default `split`.
pub const LARGE_COOKIES: &str = "SEALKIT_LARGE_COOKIES";
/// Host of the API. Read by the JavaScript libraries. Default `api.workos.com`.
pub const API_HOSTNAME: &str = "WORKOS_API_HOSTNAME";
/// `true` or `false`: whether the API speaks TLS. Read by the JavaScript libraries. Default `true`; `false` on loopback only.
pub const API_HTTPS: &str = "WORKOS_API_HTTPS";
/// Port of the API. Read by the JavaScript libraries. Default: the scheme's own.
pub const API_PORT: &str = "WORKOS_API_PORT";
/// The API's whole address. Read by the Python library. Default `https://api.workos.com`.
pub const BASE_URL: &str = "WORKOS_BASE_URL";
/// Longest time of one call to the API, in seconds. Read by the Python library (60 there, 5 here).
pub const REQUEST_TIMEOUT: &str = "WORKOS_REQUEST_TIMEOUT";
/// Accepted issuers, separated by commas. Read by the Python library. Default: the forms derived from the
/// API's address and the client ids ([`EnvironmentIssuers`](sealkit_core::token::EnvironmentIssuers)).
pub const ISSUER: &str = "WORKOS_ISSUER";
/// Client ids of further applications whose users share this cookie, separated by commas. [`CLIENT_ID`] is always accepted.
/// Default: none.
pub const CLIENT_IDS: &str = "SEALKIT_CLIENT_IDS";
/// `true` or `false`: whether a token of another application (claim `client_id`) is rejected. Default `true`.
pub const BIND_CLIENT_ID: &str = "SEALKIT_BIND_CLIENT_ID";
/// `true` or `false`: whether a valid token without `auth_time` is rejected. Default `true`; `false` for emulators that write none.
pub const REQUIRE_AUTH_TIME: &str = "SEALKIT_REQUIRE_AUTH_TIME";
/// Who may act in a session beside its user (claim `act`), separated by commas: `impersonator`, `agent`, `other`; or `none`.
/// Default `impersonator`.
pub const ACTORS: &str = "SEALKIT_ACTORS";
/// `true` or `false`: refresh beside the handler while the token is still valid. Default `false`.
pub const REFRESH_BEHIND: &str = "SEALKIT_REFRESH_BEHIND";
/// How long a session is served past its token's end while the API cannot be asked, in whole seconds. Default 0: not at all.
pub const STALE_WHILE_ERROR: &str = "SEALKIT_STALE_WHILE_ERROR";
/// What replicas find each other's refreshes by, a line each: the first writes, all read. Default: derived from the API key.
pub const COORDINATOR_SECRETS: &str = "SEALKIT_COORDINATOR_SECRETS";
/// What webhooks are signed with. Read by the samples of the Ruby library.
pub const WEBHOOK_SECRET: &str = "WORKOS_WEBHOOK_SECRET";
/// Several, a line each; a webhook that one of them has signed is genuine. In place of [`WEBHOOK_SECRET`].
pub const WEBHOOK_SECRETS: &str = "SEALKIT_WEBHOOK_SECRETS";
/// How long a revoked session is remembered, in whole seconds: longer than any access token lives. Default 86400.
pub const REVOCATION_TTL: &str = "SEALKIT_REVOCATION_TTL";
/// `true` or `false`: whether the server ends a signed-out session at WorkOS, besides the browser. Default `true`.
pub const REVOKE_ON_SIGN_OUT: &str = "SEALKIT_REVOKE_ON_SIGN_OUT";
/// Refresh tokens of one session that are sent to the API in a minute; 0: no limit. Default 30.
pub const GRANTS_PER_SESSION: &str = "SEALKIT_GRANTS_PER_SESSION";
/// Authorization codes that are exchanged for one sign-in, in its ten minutes; 0: no limit. Default 5.
pub const CODES_PER_SIGN_IN: &str = "SEALKIT_CODES_PER_SIGN_IN";
/// Results of refreshes that a process keeps for late requests. Default 50000.
pub const MAX_RESULTS: &str = "SEALKIT_MAX_RESULTS";
/// Bytes of such results. Default 134217728 (128 MiB).
pub const MAX_RESULT_BYTES: &str = "SEALKIT_MAX_RESULT_BYTES";
/// Such results of one session. Default 4.
pub const MAX_RESULTS_PER_SESSION: &str = "SEALKIT_MAX_RESULTS_PER_SESSION";
/// Refreshes that are under way at once in a process. Default 10000.
pub const MAX_RUNNING: &str = "SEALKIT_MAX_RUNNING";
/// Cookies of a costly format (`dotnet-gcm`) that are opened at once. Default 2.
pub const COSTLY_AT_ONCE: &str = "SEALKIT_COSTLY_AT_ONCE";
/// Such cookies that wait, of values that have not opened before and of each session. Default 16.
pub const COSTLY_WAITING: &str = "SEALKIT_COSTLY_WAITING";
/// Sessions whose costly cookies are known because they have opened. Default 10000.
pub const COSTLY_KNOWN: &str = "SEALKIT_COSTLY_KNOWN";
/// Networks of the proxies whose `X-Forwarded-For` is believed, separated by commas: `10.0.0.0/8,2001:db8::/32`, or single
/// addresses. Default: none, so the client is the peer of the connection.
pub const TRUSTED_PROXIES: &str = "SEALKIT_TRUSTED_PROXIES";
/// How many sign-ins in a row, within 30 seconds and without a session that comes back, are begun: the one that would be the last is
/// answered 500, with the cause. 2 to 20, or 0: all of them. Default 3.
pub const LOOP_LAPS: &str = "SEALKIT_LOOP_LAPS";
/// Claims a one-shot environment. Read by authkit-nextjs; ignored here on purpose: it concerns no session.
pub const CLAIM_TOKEN: &str = "WORKOS_CLAIM_TOKEN";

/// Every variable that is read here.
pub const READ: &[&str] = &[
    CLIENT_ID,
    API_KEY,
    COOKIE_PASSWORD,
    COOKIE_PASSWORDS,
    COOKIE_PASSWORDS_FILE,
    SESSION_ENCODING_READ,
    SESSION_ENCODING_WRITE,
    FORMATS_READ,
    FORMAT_WRITE,
    UNSEALED_UNTIL,
    REWRITE,
    REDIRECT_URI,
    NEXT_PUBLIC_REDIRECT_URI,
    COOKIE_NAME,
    COOKIE_MAX_AGE,
    COOKIE_DOMAIN,
    COOKIE_SAMESITE,
    COOKIE_SAME_SITE,
    LARGE_COOKIES,
    API_HOSTNAME,
    API_HTTPS,
    API_PORT,
    BASE_URL,
    REQUEST_TIMEOUT,
    ISSUER,
    CLIENT_IDS,
    BIND_CLIENT_ID,
    REQUIRE_AUTH_TIME,
    ACTORS,
    REFRESH_BEHIND,
    STALE_WHILE_ERROR,
    COORDINATOR_SECRETS,
    WEBHOOK_SECRET,
    WEBHOOK_SECRETS,
    REVOCATION_TTL,
    REVOKE_ON_SIGN_OUT,
    TRUSTED_PROXIES,
    LOOP_LAPS,
    GRANTS_PER_SESSION,
    CODES_PER_SIGN_IN,
    MAX_RESULTS,
    MAX_RESULT_BYTES,
    MAX_RESULTS_PER_SESSION,
    MAX_RUNNING,
    COSTLY_AT_ONCE,
    COSTLY_WAITING,
    COSTLY_KNOWN,
];

/// The variables of [`READ`] that are meant to hold secrets. No error shows the value of any variable; the others also reject values that
/// look like a secret.
pub const SECRET: &[&str] =
    &[API_KEY, COOKIE_PASSWORD, COOKIE_PASSWORDS, COORDINATOR_SECRETS, WEBHOOK_SECRET, WEBHOOK_SECRETS];

/// Every variable of the WorkOS libraries that is known here and ignored.
pub const IGNORED: &[&str] = &[CLAIM_TOKEN];

/// The lookup for programs: a variable of this process. A value that is no UTF-8 comes back damaged on purpose (with U+FFFD in
/// it), so that it is refused and not taken for one that is missing.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place of the library that reads the environment")]
pub fn process_environment(name: &str) -> Option<String> {
    match std::env::var(name) {
        Ok(value) => Some(value),
        Err(VarError::NotPresent) => None,
        Err(VarError::NotUnicode(value)) => Some(value.to_string_lossy().into_owned()),
    }
}

/// A value with the name under which it was given.
#[derive(Clone, Debug)]
pub(super) struct Given<T> {
    pub(super) setting: &'static str,
    pub(super) value: T,
}

impl<T> Given<T> {
    pub(super) const fn new(setting: &'static str, value: T) -> Self {
        Self { setting, value }
    }

    /// The checked value; what is wrong goes to `problems`.
    pub(super) fn check<U, F: Into<Cow<'static, str>>>(
        self,
        problems: &mut Vec<Problem>,
        check: impl FnOnce(T) -> Result<U, (String, F)>,
    ) -> Option<U> {
        match check(self.value) {
            Ok(value) => Some(value),
            Err((problem, fix)) => {
                problems.push(Problem::new(self.setting, problem, fix));
                None
            }
        }
    }
}

/// Reads variables and remembers what is wrong with them as text.
pub(super) struct Environment<'p, L> {
    pub(super) lookup: L,
    pub(super) problems: &'p mut Vec<Problem>,
}

impl<L: Fn(&str) -> Option<String>> Environment<'_, L> {
    /// A variable whose empty value is a problem.
    pub(super) fn filled(&mut self, name: &'static str) -> Option<Given<String>> {
        let value = (self.lookup)(name)?;
        if value.is_empty() {
            self.problems.push(Problem::new(name, "is set but empty", "give it a value, or unset it"));
            return None;
        }
        self.readable(name, value)
    }

    /// A variable whose empty value counts as not set.
    pub(super) fn optional(&mut self, name: &'static str) -> Option<Given<String>> {
        let value = (self.lookup)(name).filter(|value| !value.is_empty())?;
        self.readable(name, value)
    }

    /// One setting with two spellings, which must agree.
    pub(super) fn either(
        &mut self,
        first: &'static str,
        second: &'static str,
        same: fn(&str, &str) -> bool,
    ) -> Option<Given<String>> {
        let (one, other) = (self.optional(first), self.optional(second));
        if let (Some(one), Some(other)) = (&one, &other)
            && !same(&one.value, &other.value)
        {
            let problem = format!("does not agree with {second}");
            self.problems.push(Problem::new(
                first,
                problem,
                "set one of the two only, or both to the same value",
            ));
        }
        one.or(other)
    }

    fn readable(&mut self, name: &'static str, value: String) -> Option<Given<String>> {
        if value.contains('\u{fffd}') {
            self.problems.push(Problem::new(name, "is not valid UTF-8", "write it in UTF-8"));
            return None;
        }
        if !SECRET.contains(&name) && value.split(',').any(looks_secret) {
            self.problems.push(Problem::new(
                name,
                "holds a key, a token or a sealed session, which is not shown",
                "move it to the variable that it belongs to; replace it if it was logged",
            ));
            return None;
        }
        Some(Given::new(name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_environment_is_read_and_what_is_missing_is_missing() {
        assert!(process_environment("PATH").is_some());
        assert_eq!(process_environment("SEALKIT_NO_SUCH_VARIABLE"), None);
    }
}
