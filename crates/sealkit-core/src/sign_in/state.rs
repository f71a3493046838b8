//! The sealed state of one sign-in: what authkit-session 0.7.1 writes, and what the other libraries' seals hold.
//!
//! ```text
//! {"nonce","codeVerifier","returnPathname"?,"customState"?,"redirectUri"?,"issuedAt","maxAge"?}  ─ iron, ttl 600 s ─►  state
//! ```
//!
//! `maxAge` is sealkit's own; the other libraries skip members that they do not know.

use super::{CodeChallenge, OwnRoutes, ReturnTo, VerifierCookies, generate_code_verifier, is_code_verifier};
use crate::{
    CodeVerifier, Detail, KeyRing, RandomUnavailable, SecureRandom, State, UnixMillis,
    cookie::SetCookie,
    format::{SealError, iron},
};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};
use zeroize::Zeroizing;

/// How long a sign-in may take, and the verifier cookie's `Max-Age`.
pub const STATE_TTL: Duration = Duration::from_secs(600);

/// Most bytes of a custom state (authkit-session's `PKCE_MAX_STATE_BYTES`).
pub const MAX_CUSTOM_STATE_BYTES: usize = 2048;

/// Most bytes of the verifier cookie's whole `Set-Cookie` line (authkit-session's `PKCE_MAX_COOKIE_BYTES`).
pub const MAX_VERIFIER_LINE_BYTES: usize = 3800;

/// Longest seal that is looked at; no browser would have kept one of this size.
pub const MAX_SEAL_BYTES: usize = 24 * 1024;

/// How far clocks may differ: `issuedAt` and `auth_time` may lie so far in the future, and `auth_time` so far before what
/// `maxAge` allows.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// What a new sign-in takes along through the provider. Everything is optional.
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct NewSignIn<'a> {
    return_to: Option<&'a ReturnTo>,
    custom_state: Option<&'a str>,
    redirect_uri: Option<&'a str>,
    max_age: Option<Duration>,
}

impl<'a> NewSignIn<'a> {
    /// Nothing to take along.
    pub const fn new() -> Self {
        Self { return_to: None, custom_state: None, redirect_uri: None, max_age: None }
    }

    /// Where the user goes after signing in.
    pub const fn return_to(mut self, path: &'a ReturnTo) -> Self {
        self.return_to = Some(path);
        self
    }

    /// The application's own state, at most [`MAX_CUSTOM_STATE_BYTES`].
    pub const fn custom_state(mut self, state: &'a str) -> Self {
        self.custom_state = Some(state);
        self
    }

    /// How long ago the user may have signed in, in whole seconds: what the callback checks ([`PkceState::is_recent`]).
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// The redirect URI, where it is not the configured one; it decides on the cookie's `Secure`.
    pub const fn redirect_uri(mut self, uri: &'a str) -> Self {
        self.redirect_uri = Some(uri);
        self
    }
}

/// A sign-in has begun: what goes into the authorize URL and what the browser keeps.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignInStart {
    /// The OAuth `state`, which is also the cookie's value.
    pub state: State,
    /// For the token request; it is inside the state too.
    pub code_verifier: CodeVerifier,
    /// For the authorize request.
    pub code_challenge: CodeChallenge,
    /// The verifier cookie.
    pub cookie: SetCookie,
}

/// A sign-in could not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BeginError {
    /// The custom state is longer than [`MAX_CUSTOM_STATE_BYTES`].
    #[error("custom state is {bytes} bytes, limit is {limit}; keep it on the server and send its id")]
    CustomStateTooLarge {
        /// Its length.
        bytes: usize,
        /// [`MAX_CUSTOM_STATE_BYTES`].
        limit: usize,
    },
    /// The verifier cookie is longer than [`MAX_VERIFIER_LINE_BYTES`]; browsers might drop it.
    #[error(
        "verifier cookie is {bytes} bytes, limit is {limit}; shorten custom state, return path or redirect uri"
    )]
    CookieTooLarge {
        /// Length of the whole `Set-Cookie` line.
        bytes: usize,
        /// [`MAX_VERIFIER_LINE_BYTES`].
        limit: usize,
    },
    /// The state cannot be sealed.
    #[error("state cannot be sealed: {0}")]
    Seal(#[from] SealError),
}

impl From<RandomUnavailable> for BeginError {
    fn from(error: RandomUnavailable) -> Self {
        Self::Seal(error.into())
    }
}

/// Members in authkit-session's order and spelling.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    nonce: &'a str,
    code_verifier: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_pathname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_state: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_uri: Option<&'a str>,
    issued_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<u64>,
}

/// What the libraries write, all of them: only `codeVerifier` is in every one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    nonce: Option<String>,
    code_verifier: String,
    return_pathname: Option<String>,
    custom_state: Option<String>,
    redirect_uri: Option<String>,
    issued_at: Option<u64>,
    max_age: Option<u64>,
}

pub(super) fn begin(
    cookies: &VerifierCookies,
    new: NewSignIn<'_>,
    ring: &KeyRing,
    random: &dyn SecureRandom,
    now: UnixMillis,
) -> Result<SignInStart, BeginError> {
    if let Some(bytes) = new.custom_state.map(str::len).filter(|bytes| *bytes > MAX_CUSTOM_STATE_BYTES) {
        return Err(BeginError::CustomStateTooLarge { bytes, limit: MAX_CUSTOM_STATE_BYTES });
    }
    let code_verifier = generate_code_verifier(random)?;
    let written = Written {
        nonce: &nonce(random)?,
        code_verifier: code_verifier.expose_secret(),
        return_pathname: new.return_to.map(ReturnTo::as_str),
        custom_state: new.custom_state,
        redirect_uri: new.redirect_uri,
        issued_at: now.as_millis(),
        max_age: new.max_age.map(|age| age.as_secs()),
    };
    // Texts and numbers always serialize.
    let plaintext = Zeroizing::new(serde_json::to_vec(&written).map_err(|_| SealError::Crypto)?);
    let seal = iron::seal(&plaintext, ring, Some(now.saturating_add(STATE_TTL)), random)?;
    let cookie = cookies.settings_for(new.redirect_uri).write(&cookies.name_of(&seal), &seal);
    let bytes = cookie.to_header_value().len();
    if bytes > MAX_VERIFIER_LINE_BYTES {
        return Err(BeginError::CookieTooLarge { bytes, limit: MAX_VERIFIER_LINE_BYTES });
    }
    let code_challenge = CodeChallenge::of(&code_verifier);
    Ok(SignInStart { state: State::from(seal), code_verifier, code_challenge, cookie })
}

/// A random UUID (RFC 9562 §5.4), which is what `crypto.randomUUID` gives the libraries.
fn nonce(random: &dyn SecureRandom) -> Result<String, RandomUnavailable> {
    let mut bytes = [0; 16];
    random.fill(&mut bytes)?;
    let bits = (u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    Ok(format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)))
}

/// Opens a verifier cookie's value and checks its shape and its age. For tools; a callback goes through
/// [`VerifierCookies::open`], which compares first.
///
/// # Errors
/// A [`Detail`] as of [`iron::open`]; `not_a_session` for another shape, `expired` also by the payload's own `issuedAt`,
/// `too_large` beyond [`MAX_SEAL_BYTES`].
pub fn check_pkce(value: &str, ring: &KeyRing, now: UnixMillis) -> Result<PkceState, Detail> {
    if value.len() > MAX_SEAL_BYTES {
        return Err(Detail::TooLarge);
    }
    let mut plaintext = Zeroizing::new(Vec::new());
    let expires_at = iron::open(value, ring, now, &mut plaintext)?.expires_at;
    PkceState::parse(&plaintext, expires_at, now)
}

/// What a sign-in took along, out of its seal. `Debug` shows times only.
#[derive(Clone, PartialEq, Eq)]
pub struct PkceState {
    nonce: Option<String>,
    code_verifier: CodeVerifier,
    return_pathname: Option<String>,
    custom_state: Option<String>,
    redirect_uri: Option<String>,
    begun_at: UnixMillis,
    max_age: Option<Duration>,
}

impl PkceState {
    /// Reads the plaintext of a seal that ends at `expires_at`.
    ///
    /// `issuedAt` rules where it is written: at most 600 s old, at most 60 s in the future, no grace. Without it
    /// (authkit-nextjs, react-router) the seal's own expiration has ruled already; a seal with neither is refused.
    ///
    /// # Errors
    /// [`Detail::NotASession`] for another shape, [`Detail::Expired`] by age.
    pub fn parse(plaintext: &[u8], expires_at: Option<UnixMillis>, now: UnixMillis) -> Result<Self, Detail> {
        // An array of the right texts would do for the deserializer.
        if plaintext.first() != Some(&b'{') {
            return Err(Detail::NotASession);
        }
        let read: Read = serde_json::from_slice(plaintext).map_err(|_| Detail::NotASession)?;
        let begun_at = match (read.issued_at, expires_at) {
            (Some(issued_at), _) => {
                let issued_at = UnixMillis::from_millis(issued_at);
                if now.saturating_since(issued_at) > STATE_TTL || issued_at.saturating_since(now) > CLOCK_SKEW
                {
                    return Err(Detail::Expired);
                }
                issued_at
            }
            (None, Some(expires_at)) => expires_at.saturating_sub(STATE_TTL),
            (None, None) => return Err(Detail::NotASession),
        };
        let code_verifier = CodeVerifier::from(read.code_verifier);
        if !is_code_verifier(code_verifier.expose_secret()) {
            return Err(Detail::NotASession);
        }
        Ok(Self {
            nonce: read.nonce,
            code_verifier,
            return_pathname: read.return_pathname,
            custom_state: read.custom_state,
            redirect_uri: read.redirect_uri,
            begun_at,
            max_age: read.max_age.map(Duration::from_secs),
        })
    }

    /// The nonce, a UUID; authkit-nextjs 2.16 and 2.17 wrote none.
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// The code verifier, for the token request.
    #[must_use]
    pub const fn code_verifier(&self) -> &CodeVerifier {
        &self.code_verifier
    }

    /// Where the user wanted to go, sanitized again: another library may have sealed it unchecked. `/` without one.
    #[must_use]
    pub fn return_to(&self, own_routes: &OwnRoutes) -> ReturnTo {
        ReturnTo::sanitize(self.return_pathname.as_deref().unwrap_or_default(), own_routes)
    }

    /// The application's own state.
    #[must_use]
    pub fn custom_state(&self) -> Option<&str> {
        self.custom_state.as_deref()
    }

    /// The redirect URI, where it was not the configured one.
    #[must_use]
    pub fn redirect_uri(&self) -> Option<&str> {
        self.redirect_uri.as_deref()
    }

    /// When the sign-in was begun: `issuedAt`, else 600 s before the seal's expiration.
    #[must_use]
    pub const fn begun_at(&self) -> UnixMillis {
        self.begun_at
    }

    /// How long ago the user may have signed in when the sign-in was begun. States that were sealed without it demand nothing.
    #[must_use]
    pub const fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// Whether a user who signed in at `authenticated_at` (`auth_time` of the verified token) satisfies
    /// [`max_age`](Self::max_age) (OpenID Connect Core §3.1.3.7): at [`begun_at`](Self::begun_at) − `max_age` − 60 s or later,
    /// and at `now` + 60 s or earlier. Without `auth_time` nobody does.
    ///
    /// The parameter of the authorize URL passes through the browser, which can remove it. So only the token proves it.
    #[must_use]
    pub fn is_recent(&self, authenticated_at: Option<UnixMillis>, now: UnixMillis) -> bool {
        is_recent(self.max_age, self.begun_at, authenticated_at, now)
    }

    pub(super) fn return_pathname(&self) -> Option<&str> {
        self.return_pathname.as_deref()
    }
}

pub(super) fn is_recent(
    max_age: Option<Duration>,
    begun_at: UnixMillis,
    authenticated_at: Option<UnixMillis>,
    now: UnixMillis,
) -> bool {
    let Some(max_age) = max_age else { return true };
    let earliest = begun_at.saturating_sub(max_age.saturating_add(CLOCK_SKEW));
    authenticated_at.is_some_and(|at| (earliest..=now.saturating_add(CLOCK_SKEW)).contains(&at))
}

impl fmt::Debug for PkceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PkceState").field("begun_at", &self.begun_at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
