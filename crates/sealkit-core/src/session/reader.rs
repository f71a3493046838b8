//! From a cookie value to a judgement: open, parse, verify, decide. Pure: bytes, configuration and now go in.

use super::{ExpiredSession, SealInfo, Session, UnsealedSession, unsealed::Purpose};
use crate::{
    Detail, EncodingPolicy, Failure, Key, KeyRing, Reason, SealedSession, SecureRandom, UnixMillis,
    casing::Style,
    format::{Cost, Format, SealError, Wire, detect},
    token::{Anchor, Claims, KeySet, TokenPolicy, Verified, verify},
};
use std::{hash::Hasher as _, sync::Arc, time::Duration};

/// Longest cookie value that is read by default, in bytes.
pub const DEFAULT_LIMIT: usize = 24 * 1024;

/// Reads session cookies: which formats, which passwords open them, and what their tokens must say. Writes them, too.
#[derive(Clone, Debug)]
pub struct SessionReader {
    ring: KeyRing,
    encoding: EncodingPolicy,
    policy: TokenPolicy,
    limit: usize,
    refresh_ahead: RefreshAhead,
}

/// What opening a cookie value costs. Ordered: the least comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OpeningCost {
    /// It has the shape of a format that is read here.
    Cheap,
    /// It has the shape of one whose keys are derived for each value, as slowly as for a login.
    Costly,
    /// It has the shape of no format that is read here.
    NotRead,
}

/// What a cookie value is worth now.
#[derive(Debug)]
#[non_exhaustive]
pub enum Judgement {
    /// Authenticated.
    Valid {
        /// The session.
        session: Session,
        /// It is time to refresh ahead of the end.
        refresh_due: bool,
    },
    /// Right in everything but its time: refresh.
    Expired(Arc<ExpiredSession>),
    /// The key set does not know the token's key. Fetch it anew, and ask again with what was opened.
    UnknownKey {
        /// The id that is missing.
        kid: Box<str>,
        /// The payload.
        unsealed: Box<UnsealedSession>,
        /// How it was sealed.
        seal: SealInfo,
    },
    /// Not acceptable.
    Rejected(Failure),
}

impl SessionReader {
    /// A reader with the default limit and refresh-ahead window.
    #[must_use]
    pub fn new(ring: KeyRing, policy: TokenPolicy) -> Self {
        Self {
            ring,
            encoding: EncodingPolicy::default(),
            policy,
            limit: DEFAULT_LIMIT,
            refresh_ahead: RefreshAhead::default(),
        }
    }

    /// Sets which formats are read and written.
    #[must_use]
    pub const fn with_encoding(mut self, encoding: EncodingPolicy) -> Self {
        self.encoding = encoding;
        self
    }

    /// The same reader with other passwords.
    #[must_use]
    pub fn with_ring(mut self, ring: KeyRing) -> Self {
        self.ring = ring;
        self
    }

    /// Sets the longest value that is read, in bytes.
    #[must_use]
    pub const fn with_limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Sets when to refresh ahead of the end.
    #[must_use]
    pub const fn with_refresh_ahead(mut self, refresh_ahead: RefreshAhead) -> Self {
        self.refresh_ahead = refresh_ahead;
        self
    }

    /// The passwords.
    #[must_use]
    pub const fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Which formats are read and written.
    #[must_use]
    pub const fn encoding(&self) -> &EncodingPolicy {
        &self.encoding
    }

    /// What tokens must say.
    #[must_use]
    pub const fn policy(&self) -> &TokenPolicy {
        &self.policy
    }

    /// Opens a cookie value (percent-decoded) and reads its payload, without looking at the token.
    ///
    /// The value's shape says which formats it may be; those that are read here are tried in order until a tag verifies.
    ///
    /// # Errors
    /// A [`Detail`]. When several formats were tried, it does not tell which of them came nearest.
    pub fn unseal(&self, value: &str, now: UnixMillis) -> Result<(UnsealedSession, SealInfo), Detail> {
        self.unseal_for(Purpose::Authenticate, value, now)
    }

    /// Opens a cookie value for an explicit refresh: as [`unseal`](Self::unseal), and a *sealed* payload that holds a refresh
    /// token and no access token opens, too. Such a payload never authenticates: [`judge_unsealed`](Self::judge_unsealed)
    /// rejects it.
    ///
    /// Source: workos-python before 8.0.1, whose users sealed such payloads by hand.
    ///
    /// # Errors
    /// As [`unseal`](Self::unseal).
    pub fn unseal_to_refresh(
        &self,
        value: &str,
        now: UnixMillis,
    ) -> Result<(UnsealedSession, SealInfo), Detail> {
        self.unseal_for(Purpose::Refresh, value, now)
    }

    fn unseal_for(
        &self,
        purpose: Purpose,
        value: &str,
        now: UnixMillis,
    ) -> Result<(UnsealedSession, SealInfo), Detail> {
        if value.len() > self.limit {
            return Err(Detail::TooLarge);
        }
        let mut outcome = None;
        let mut plaintext = Vec::new();
        for format in detect(value).iter() {
            if !self.reads_container(format, now) {
                outcome.get_or_insert(Detail::FormatNotRead);
                continue;
            }
            match format.open(value, &self.ring, now, &mut plaintext) {
                Ok(opened) => {
                    let unsealed = UnsealedSession::read_for(plaintext, format, purpose)?;
                    if !self.reads_named(format, unsealed.names_of_user(), now) {
                        return Err(Detail::FormatNotRead);
                    }
                    let seal = SealInfo::new(format, opened.key.map(Key::shared_name), opened.sealed_at);
                    let seal = seal.with_names(unsealed.style());
                    return Ok((unsealed, seal));
                }
                Err(detail @ (Detail::Expired | Detail::NotASession)) => return Err(detail),
                Err(detail) if outcome != Some(Detail::Tampered) => outcome = Some(detail),
                Err(_) => {}
            }
        }
        Err(outcome.unwrap_or(Detail::Malformed))
    }

    /// True when looking at this value may cost as much as a login: it has the shape of a format that is read here and whose keys
    /// are derived for each value.
    #[must_use]
    pub fn is_costly(&self, value: &str, now: UnixMillis) -> bool {
        // Asked of every value: where nothing costly is read, its shape need not be looked at.
        let costly = |format: &Format| format.cost() == Cost::Costly && self.encoding.reads(*format, now);
        value.len() <= self.limit
            && Format::ALL.iter().any(costly)
            && detect(value).iter().any(|format| costly(&format))
    }

    /// The form in which this value is written into a cookie: that of its format.
    ///
    /// Its shape says which formats it may be. Where their forms differ, the one whose tag verifies decides; a value that does not
    /// open is written as the format that is written.
    #[must_use]
    pub fn wire(&self, value: &str, now: UnixMillis) -> Wire {
        let shapes = detect(value);
        let mut forms = shapes.iter().map(Format::wire);
        match forms.next() {
            None => Wire::Encoded,
            Some(form) if forms.all(|other| other == form) => form,
            Some(_) => match self.unseal_to_refresh(value, now) {
                Ok((_, seal)) => seal.format.wire(),
                Err(_) => self.encoding.write.wire(),
            },
        }
    }

    /// What opening this value costs, by its shape alone. Of many values those with the lower cost are tried
    /// ([`values_to_try`](crate::cookie::values_to_try)).
    #[must_use]
    pub fn opening_cost(&self, value: &str, now: UnixMillis) -> OpeningCost {
        if self.is_costly(value, now) {
            return OpeningCost::Costly;
        }
        let fits = value.len() <= self.limit;
        if fits && detect(value).iter().any(|format| self.reads_container(format, now)) {
            OpeningCost::Cheap
        } else {
            OpeningCost::NotRead
        }
    }

    /// True when a value in this container may be one that is read: a seal without a suffix is Kotlin's, but iron-webcrypto and
    /// node 8 to 11 read it, so that it is also opened where `iron` alone is read.
    fn reads_container(&self, format: Format, now: UnixMillis) -> bool {
        self.encoding.reads(format, now)
            || (format == Format::KotlinIron && self.encoding.reads(Format::Iron, now))
    }

    /// True when a container with a user named so is read. Where `kotlin-iron` is not read, neither is a user as Kotlin names it
    /// in that container.
    fn reads_named(&self, format: Format, user: Option<Style>, now: UnixMillis) -> bool {
        self.encoding.reads(format, now)
            || (user != Some(Style::KotlinMixed) && self.reads_container(format, now))
    }

    /// Seals a payload in the format that is written. Its members must be named as that format names them
    /// ([`payload_of`](super::payload_of), [`payload_in`](super::payload_in)).
    ///
    /// # Errors
    /// [`SealError`]: no password that can seal, or no random bytes.
    pub fn seal(
        &self,
        payload: &str,
        now: UnixMillis,
        random: &dyn SecureRandom,
    ) -> Result<SealedSession, SealError> {
        self.seal_in(self.encoding.write, payload, now, random)
    }

    /// Seals a payload in `format`, whose names its members must have.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub fn seal_in(
        &self,
        format: Format,
        payload: &str,
        now: UnixMillis,
        random: &dyn SecureRandom,
    ) -> Result<SealedSession, SealError> {
        let text = format.wrap(payload, now, Duration::ZERO);
        format.seal(text.as_bytes(), &self.ring, now, random).map(SealedSession::from)
    }

    /// Judges a cookie value (percent-decoded).
    #[must_use]
    pub fn judge(&self, value: &str, keys: &KeySet, now: UnixMillis) -> Judgement {
        match self.unseal(value, now) {
            Ok((unsealed, seal)) => self.judge_unsealed(unsealed, seal, keys, now),
            Err(detail) => {
                Judgement::Rejected(Failure::new(Reason::InvalidSessionCookie).with_detail(detail))
            }
        }
    }

    /// Judges a payload that has been opened.
    #[must_use]
    pub fn judge_unsealed(
        &self,
        unsealed: UnsealedSession,
        seal: SealInfo,
        keys: &KeySet,
        now: UnixMillis,
    ) -> Judgement {
        let anchor = Anchor {
            user_id: unsealed.user().and_then(|user| user.id()),
            impersonator_email: unsealed.impersonator_email(),
        };
        match verify(unsealed.access_token(), keys, &self.policy, anchor, now) {
            Ok(Verified::Valid(claims)) => {
                let refresh_due = self.refresh_ahead.is_due(&claims, now);
                Judgement::Valid { session: Session::new(unsealed, claims, seal), refresh_due }
            }
            Ok(Verified::Expired(claims)) => {
                let Session { inner, .. } = Session::new(unsealed, claims, seal);
                Judgement::Expired(Arc::new(ExpiredSession { inner }))
            }
            Err(rejection) => match rejection.kid {
                Some(kid) => Judgement::UnknownKey { kid, unsealed: Box::new(unsealed), seal },
                None => {
                    let failure = Failure::new(rejection.reason);
                    Judgement::Rejected(match rejection.detail {
                        Some(kind) => failure.with_detail(kind),
                        None => failure,
                    })
                }
            },
        }
    }
}

/// When a session is refreshed before its access token ends.
///
/// Due when the life left is below the smaller of `at_most` and `percent` of the token's lifetime, less a part of it that
/// depends on the session's id, so that sessions that began together do not refresh together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefreshAhead {
    /// Longest window; zero switches refreshing ahead off.
    pub at_most: Duration,
    /// Part of the token's lifetime, in percent.
    pub percent: u32,
    /// Largest part of the window that jitter takes off, in percent.
    pub jitter_percent: u32,
}

impl Default for RefreshAhead {
    fn default() -> Self {
        Self { at_most: Duration::from_secs(60), percent: 20, jitter_percent: 25 }
    }
}

impl RefreshAhead {
    /// Never ahead.
    pub const OFF: Self = Self { at_most: Duration::ZERO, percent: 0, jitter_percent: 0 };

    /// The default rule with another longest window.
    #[must_use]
    pub fn at_most(window: Duration) -> Self {
        Self { at_most: window, ..Self::default() }
    }

    /// True when the token should be refreshed now. A token that does not say when it was issued never is.
    #[must_use]
    pub fn is_due(&self, claims: &Claims, now: UnixMillis) -> bool {
        let Some(issued_at) = claims.issued_at() else { return false };
        let lifetime = claims.expires_at().saturating_since(issued_at);
        let window = self.at_most.min(lifetime * self.percent / 100);
        let left = claims.expires_at().saturating_since(now);
        let jitter = || window * self.jitter_percent / 100 * spread(claims.session_id()) / 256;
        left < window && left < window.saturating_sub(jitter())
    }
}

/// 0 to 255, the same for the same session everywhere.
fn spread(session_id: &str) -> u32 {
    let mut hasher = Fnv1a::default();
    hasher.write(session_id.as_bytes());
    u32::from(hasher.finish().to_be_bytes().iter().fold(0u8, |all, byte| all ^ byte))
}

/// FNV-1a, 64 bit: a hash without a seed, so that every replica spreads alike.
struct Fnv1a(u64);

impl Default for Fnv1a {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl std::hash::Hasher for Fnv1a {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
