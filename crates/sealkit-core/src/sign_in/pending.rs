//! A sign-in that waits for the user to choose an organization: what finishes it, in a sealed cookie of the browser that began it.
//!
//! ```text
//! {"pendingAuthenticationToken","signIn","returnPathname"?,"customState"?,"maxAge"?,"issuedAt"}  ─ iron, ttl 600 s ─►  wos-auth-pending-<signIn>
//! ```
//!
//! `signIn` names the sign-in by its state, as the verifier cookie's name does. The pending token never leaves the seal, so any
//! process with the same passwords can finish, and nobody else. sealkit's own: no WorkOS library writes it.

use super::{
    OwnRoutes, PkceState, ReturnTo, STATE_TTL,
    state::{MAX_VERIFIER_LINE_BYTES, is_recent},
    verifier_cookies::state_id,
};
use crate::{
    Detail, Failure, KeyRing, PendingAuthenticationToken, Reason, SecureRandom, State, UnixMillis,
    constant_time_eq,
    cookie::{CookieLine, CookieSettings, SetCookie, candidates},
    format::{SealError, iron},
};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};
use zeroize::Zeroizing;

/// What the name of every such cookie begins with, after the prefix of the session's name.
pub const PENDING_COOKIE: &str = "wos-auth-pending";

/// Longest seal that is looked at.
const MAX_BYTES: usize = 8 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sealed<'a> {
    #[serde(borrow)]
    pending_authentication_token: std::borrow::Cow<'a, str>,
    sign_in: std::borrow::Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    return_pathname: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    custom_state: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_age: Option<u64>,
    issued_at: u64,
}

/// What finishes a sign-in once the user has chosen. `Debug` shows times only.
#[derive(Clone)]
pub struct PendingSignIn {
    token: PendingAuthenticationToken,
    return_pathname: Option<String>,
    custom_state: Option<String>,
    begun_at: UnixMillis,
    max_age: Option<Duration>,
}

/// Writes, reads and deletes the cookies of sign-ins that wait.
#[derive(Clone, Debug)]
pub struct PendingCookies {
    settings: CookieSettings,
}

impl PendingCookies {
    /// With the attributes of the verifier cookies: `Path=/`, `HttpOnly`, 600 s, never `SameSite=Strict`.
    #[must_use]
    pub fn new(session_cookie: &CookieSettings) -> Self {
        Self { settings: session_cookie.for_verifier(STATE_TTL) }
    }

    /// The sign-in of `state`, which `begun` holds, waits with this token: its id, for the form, and the cookie.
    ///
    /// # Errors
    /// [`SealError`]; and [`SealError::NotText`] for a token so long that browsers would drop the cookie.
    pub fn seal(
        &self,
        state: &State,
        begun: &PkceState,
        token: &PendingAuthenticationToken,
        ring: &KeyRing,
        random: &dyn SecureRandom,
        now: UnixMillis,
    ) -> Result<(String, SetCookie), SealError> {
        let id = state_id(state.expose_secret());
        let sealed = Sealed {
            pending_authentication_token: token.expose_secret().into(),
            sign_in: id.as_str().into(),
            return_pathname: begun.return_pathname().map(str::to_owned),
            custom_state: begun.custom_state().map(str::to_owned),
            max_age: begun.max_age().map(|age| age.as_secs()),
            issued_at: begun.begun_at().as_millis(),
        };
        // Texts and numbers always serialize.
        let plaintext = Zeroizing::new(serde_json::to_vec(&sealed).map_err(|_| SealError::Crypto)?);
        let seal = iron::seal(&plaintext, ring, Some(now.saturating_add(STATE_TTL)), random)?;
        let cookie = self.settings.write(&self.name_of(&id), &seal);
        if cookie.to_header_value().len() > MAX_VERIFIER_LINE_BYTES {
            return Err(SealError::NotText);
        }
        Ok((id, cookie))
    }

    /// The sign-in of this id, which the form brought, if this browser's cookie holds it.
    ///
    /// # Errors
    /// [`Reason::MissingPkceCookie`]: this browser holds no cookie of that sign-in. [`Reason::PkceStateExpired`]: it has waited too long.
    /// [`Reason::OauthStateMismatch`]: it does not open, or is another one's.
    pub fn open<'h, I>(
        &self,
        id: &str,
        cookie_lines: I,
        ring: &KeyRing,
        now: UnixMillis,
    ) -> Result<PendingSignIn, Failure>
    where
        I: IntoIterator,
        I::Item: CookieLine<'h>,
    {
        let mut failure = Failure::new(Reason::MissingPkceCookie);
        if !is_id(id) {
            return Err(failure);
        }
        for value in candidates(cookie_lines, &self.name_of(id)) {
            match read(&value, id, ring, now) {
                Ok(pending) => return Ok(pending),
                Err(Detail::Expired) => failure = Failure::new(Reason::PkceStateExpired),
                Err(detail) => failure = Failure::new(Reason::OauthStateMismatch).with_detail(detail),
            }
        }
        Err(failure)
    }

    fn name_of(&self, id: &str) -> String {
        self.settings.companion_name(&format!("{PENDING_COOKIE}-{id}"))
    }

    /// The deletion of this sign-in's cookie.
    #[must_use]
    pub fn delete(&self, id: &str) -> Option<SetCookie> {
        is_id(id).then(|| self.settings.erase(&self.name_of(id)))
    }
}

/// Eight hex digits.
fn is_id(id: &str) -> bool {
    id.len() == 8 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn read(value: &str, id: &str, ring: &KeyRing, now: UnixMillis) -> Result<PendingSignIn, Detail> {
    if value.len() > MAX_BYTES {
        return Err(Detail::TooLarge);
    }
    let mut plaintext = Zeroizing::new(Vec::new());
    iron::open(value, ring, now, &mut plaintext)?;
    // An array of the right texts would do for the deserializer.
    if plaintext.first() != Some(&b'{') {
        return Err(Detail::NotASession);
    }
    let sealed: Sealed<'_> = serde_json::from_slice(&plaintext).map_err(|_| Detail::NotASession)?;
    if !constant_time_eq(sealed.sign_in.as_bytes(), id.as_bytes())
        || sealed.pending_authentication_token.is_empty()
    {
        return Err(Detail::NotASession);
    }
    Ok(PendingSignIn {
        token: PendingAuthenticationToken::from(sealed.pending_authentication_token.into_owned()),
        return_pathname: sealed.return_pathname,
        custom_state: sealed.custom_state,
        begun_at: UnixMillis::from_millis(sealed.issued_at),
        max_age: sealed.max_age.map(Duration::from_secs),
    })
}

impl PendingSignIn {
    /// What the API continues the sign-in with.
    #[must_use]
    pub const fn token(&self) -> &PendingAuthenticationToken {
        &self.token
    }

    /// Where the user wanted to go; `/` without one.
    #[must_use]
    pub fn return_to(&self, own_routes: &OwnRoutes) -> ReturnTo {
        ReturnTo::sanitize(self.return_pathname.as_deref().unwrap_or_default(), own_routes)
    }

    /// The application's own state.
    #[must_use]
    pub fn custom_state(&self) -> Option<&str> {
        self.custom_state.as_deref()
    }

    /// As [`PkceState::max_age`].
    #[must_use]
    pub const fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// As [`PkceState::is_recent`].
    #[must_use]
    pub fn is_recent(&self, authenticated_at: Option<UnixMillis>, now: UnixMillis) -> bool {
        is_recent(self.max_age, self.begun_at, authenticated_at, now)
    }
}

impl fmt::Debug for PendingSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingSignIn").field("begun_at", &self.begun_at).finish_non_exhaustive()
    }
}
