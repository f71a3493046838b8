//! The cookies of sign-ins that are under way: their names, the comparison at the callback, and how many may pile up.

use super::{BeginError, NewSignIn, PkceState, STATE_TTL, SignInStart, check_pkce, state};
use crate::{
    Detail, Failure, KeyRing, Reason, SecureRandom, State, UnixMillis, constant_time_eq,
    cookie::{CookieLine, CookieSettings, NamePrefix, SetCookie, candidates, decode_value, pairs},
};

/// What the name of every verifier cookie begins with, after the prefix of the session's name if that has one. authkit-nextjs 3.0.0
/// used it as it is.
pub const VERIFIER_COOKIE: &str = "wos-auth-verifier";

/// Most sign-ins that one browser may have under way.
pub const MAX_PENDING: usize = 5;

/// Most bytes of names and values of all verifier cookies together.
pub const MAX_PENDING_BYTES: usize = 8 * 1024;

/// Most verifier cookies of a request that are looked at; a header full of them costs no more.
const MAX_LOOKED_AT: usize = 32;

/// The name of the verifier cookie of this state: `wos-auth-verifier-` and the 32-bit FNV-1a hash of its bytes, eight hex
/// digits, as authkit-session and authkit-nextjs name it. That of a session whose name has a prefix begins with the prefix
/// ([`VerifierCookies::name_of`]).
#[must_use]
pub fn verifier_cookie_name(state: &str) -> String {
    format!("{VERIFIER_COOKIE}-{}", state_id(state))
}

/// The 32-bit FNV-1a hash of a state's bytes, eight hex digits.
pub(super) fn state_id(state: &str) -> String {
    let hash = state.bytes().fold(0x811c_9dc5_u32, |hash, b| (hash ^ u32::from(b)).wrapping_mul(0x0100_0193));
    format!("{hash:08x}")
}

/// True for the name of a verifier cookie, of any sign-in and any library.
#[must_use]
pub fn is_verifier_cookie(name: &str) -> bool {
    let prefix = NamePrefix::of(name).map_or("", NamePrefix::as_str);
    name.get(prefix.len()..).is_some_and(is_unprefixed)
}

fn is_unprefixed(name: &str) -> bool {
    name.strip_prefix(VERIFIER_COOKIE).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Writes, reads, evicts and deletes verifier cookies.
///
/// Their names take the [prefix](NamePrefix) of the session's name, and under no other name is anything read: a sister domain
/// could set that, with the verifier of a sign-in of its own, and sign its visitor in as somebody else.
#[derive(Clone, Debug)]
pub struct VerifierCookies {
    settings: CookieSettings,
}

impl VerifierCookies {
    /// With the attributes that follow from those of the session cookie: `Path=/`, `HttpOnly`, 600 s; `SameSite=Strict`
    /// becomes `Lax`, or the browser would not send it when the provider redirects back; `Secure` and `Domain` the same.
    #[must_use]
    pub fn new(session_cookie: &CookieSettings) -> Self {
        Self { settings: session_cookie.for_verifier(STATE_TTL) }
    }

    /// The name of the verifier cookie of this state.
    #[must_use]
    pub fn name_of(&self, state: &str) -> String {
        self.settings.companion_name(&verifier_cookie_name(state))
    }

    /// The name without the state's hash, which sign-ins that authkit-nextjs 3.0.0 began have.
    fn unhashed_name(&self) -> String {
        self.settings.companion_name(VERIFIER_COOKIE)
    }

    fn is_ours(&self, name: &str) -> bool {
        name.strip_prefix(self.settings.name_prefix()).is_some_and(is_unprefixed)
    }

    /// The attributes for a sign-in with its own redirect URI, which decides on `Secure`.
    pub(super) fn settings_for(&self, redirect_uri: Option<&str>) -> CookieSettings {
        match redirect_uri {
            None => self.settings.clone(),
            Some(uri) => self.settings.secured_for(uri),
        }
    }

    /// Begins a sign-in: makes the code verifier, seals the state, writes the cookie.
    ///
    /// Set the cookie on top-level navigations only (`RequestProfile::may_set_verifier_cookie`), together with the
    /// deletions of [`VerifierCookies::evict`].
    ///
    /// # Errors
    /// [`BeginError`]: too large, or nothing to seal with.
    pub fn begin(
        &self,
        new: NewSignIn<'_>,
        ring: &KeyRing,
        random: &dyn SecureRandom,
        now: UnixMillis,
    ) -> Result<SignInStart, BeginError> {
        state::begin(self, new, ring, random, now)
    }

    /// At the callback: finds the cookie of `state` in this browser, compares both in constant time, and only then opens it.
    ///
    /// The hashed name is read first, then the unsuffixed one, for sign-ins that authkit-nextjs 3.0.0 began.
    ///
    /// # Errors
    /// [`Reason::MissingPkceCookie`]: this browser holds no verifier cookie for it. [`Reason::OauthStateMismatch`]: it holds
    /// another one; or, with a [`Detail`], the seal does not open or is no sign-in. [`Reason::PkceStateExpired`]: it was
    /// begun too long ago (or, by this clock, in the future).
    pub fn open<'h, I>(
        &self,
        state: &State,
        cookie_lines: I,
        ring: &KeyRing,
        now: UnixMillis,
    ) -> Result<PkceState, Failure>
    where
        I: IntoIterator + Clone,
        I::Item: CookieLine<'h>,
    {
        let state = state.expose_secret();
        let mut reason = Reason::MissingPkceCookie;
        for name in [self.name_of(state), self.unhashed_name()] {
            for value in candidates(cookie_lines.clone(), &name) {
                if constant_time_eq(value.as_bytes(), state.as_bytes()) {
                    return open(state, ring, now);
                }
                reason = Reason::OauthStateMismatch;
            }
        }
        Err(Failure::new(reason))
    }

    /// After a callback, whether it succeeded or not: deletes the cookie of this state, if the browser sent it, and no other.
    #[must_use = "a verifier cookie that stays counts against the next sign-ins"]
    pub fn delete<'h, I>(&self, state: &State, cookie_lines: I) -> Vec<SetCookie>
    where
        I: IntoIterator + Clone,
        I::Item: CookieLine<'h>,
    {
        let state = state.expose_secret();
        let (hashed, unhashed) = (self.name_of(state), self.unhashed_name());
        let mut deletions = Vec::new();
        if pairs(cookie_lines.clone()).any(|(name, _)| name == hashed) {
            deletions.push(self.settings.erase(&hashed));
        }
        // The name says nothing here, so the value must.
        if candidates(cookie_lines, &unhashed)
            .any(|value| constant_time_eq(value.as_bytes(), state.as_bytes()))
        {
            deletions.push(self.settings.erase(&unhashed));
        }
        deletions
    }

    /// Which verifier cookies must go so that with `new` at most [`MAX_PENDING`] and [`MAX_PENDING_BYTES`] remain: first
    /// those that do not open, then the oldest. Gives the deletions.
    #[must_use = "cookies that are not deleted pile up until the request no longer fits"]
    pub fn evict<'h, I>(
        &self,
        cookie_lines: I,
        new: &SetCookie,
        ring: &KeyRing,
        now: UnixMillis,
    ) -> Vec<SetCookie>
    where
        I: IntoIterator,
        I::Item: CookieLine<'h>,
    {
        let mut pending: Vec<Pending<'h>> = Vec::new();
        for (name, raw) in pairs(cookie_lines)
            .filter(|(name, _)| self.is_ours(name) && crate::cookie::is_name(name) && *name != new.name())
            .take(MAX_LOOKED_AT)
        {
            let bytes = name.len() + raw.len();
            if let Some(same) = pending.iter_mut().find(|known| known.name == name) {
                same.bytes += bytes;
                continue;
            }
            let begun_at = decode_value(raw)
                .and_then(|value| check_pkce(&value, ring, now).ok())
                .map(|state| state.begun_at());
            pending.push(Pending { name, bytes, begun_at });
        }
        // `None` sorts before every time.
        pending.sort_by_key(|cookie| cookie.begun_at);
        let mut bytes = new.name_and_value_bytes() + pending.iter().map(|cookie| cookie.bytes).sum::<usize>();
        let mut count = pending.len() + 1;
        let mut deletions = Vec::new();
        for cookie in pending {
            if count <= MAX_PENDING && bytes <= MAX_PENDING_BYTES {
                break;
            }
            deletions.push(self.settings.erase(cookie.name));
            count -= 1;
            bytes -= cookie.bytes;
        }
        deletions
    }
}

impl VerifierCookies {
    /// How many sign-ins this browser has begun since then, by the verifier cookies that it sends and that open here.
    pub fn begun_since<'h, I>(
        &self,
        cookie_lines: I,
        ring: &KeyRing,
        since: UnixMillis,
        now: UnixMillis,
    ) -> usize
    where
        I: IntoIterator,
        I::Item: CookieLine<'h>,
    {
        pairs(cookie_lines)
            .filter(|(name, _)| self.is_ours(name))
            .take(MAX_LOOKED_AT)
            .filter_map(|(_, raw)| check_pkce(&decode_value(raw)?, ring, now).ok())
            .filter(|begun| begun.begun_at() >= since)
            .count()
    }
}

/// A verifier cookie of the request.
struct Pending<'h> {
    name: &'h str,
    bytes: usize,
    begun_at: Option<UnixMillis>,
}

fn open(state: &str, ring: &KeyRing, now: UnixMillis) -> Result<PkceState, Failure> {
    let opened = check_pkce(state, ring, now).and_then(|opened| {
        // Only the verifier cookie of authkit-nextjs 2.17 is without one, and that was never a state.
        if opened.nonce().is_some() { Ok(opened) } else { Err(Detail::NotASession) }
    });
    opened.map_err(|detail| match detail {
        Detail::Expired => Failure::new(Reason::PkceStateExpired),
        other => Failure::new(Reason::OauthStateMismatch).with_detail(other),
    })
}

#[cfg(test)]
mod tests;
