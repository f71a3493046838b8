//! The session: what a cookie held ([`UnsealedSession`]) and what a token proved ([`Session`]).

mod convert;
mod members;
mod reader;
mod response;
mod seal;
pub(crate) mod text;
mod unsealed;
mod user;

pub use crate::casing::Style;
pub use convert::{Converted, Effect, Loss, losses_in, payload_in};
pub use reader::{DEFAULT_LIMIT, Judgement, OpeningCost, RefreshAhead, SessionReader};
pub use response::{AuthResponse, AuthResponseError, NamedImpersonator, OauthTokens};
pub use seal::{payload_after, payload_following, payload_of};
pub use unsealed::UnsealedSession;
pub use user::User;

use crate::{
    UnixMillis,
    format::Format,
    token::{ActorKind, Claims},
};
use std::{fmt, sync::Arc};

/// How a cookie was sealed: authentic facts for metrics and tools.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SealInfo {
    /// The container.
    pub format: Format,
    /// The name of the password that opened it; none for a format that has none.
    pub key: Option<Arc<str>>,
    /// When it was sealed, where the format says so.
    pub sealed_at: Option<UnixMillis>,
    /// How its members are named: as the format's writer names them, but in an iron container as the user inside has it.
    pub names: Style,
}

impl SealInfo {
    /// For a seal that was just written or opened, whose members are named as the format's writer names them.
    #[must_use]
    pub fn new(format: Format, key: Option<Arc<str>>, sealed_at: Option<UnixMillis>) -> Self {
        Self { format, key, sealed_at, names: format.style() }
    }

    /// The same, with members named otherwise.
    #[must_use]
    pub fn with_names(self, names: Style) -> Self {
        Self { names, ..self }
    }
}

/// An authenticated session: the seal opened, the token verified and has not ended, the stored user is the token's.
///
/// The one exception to "has not ended" says so: [`Freshness::Stale`].
///
/// Cheap to clone. It holds the tokens, but shows them only through [`tokens`](Self::tokens); it has no `Serialize`.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
    freshness: Freshness,
    user_is_stale: bool,
}

/// A session that verified in everything but its time. It authenticates nobody, unless somebody takes that upon themselves:
/// [`served_stale`](Self::served_stale).
#[derive(Clone)]
pub struct ExpiredSession {
    inner: Arc<Inner>,
}

struct Inner {
    unsealed: UnsealedSession,
    claims: Claims,
    seal: SealInfo,
}

/// Where an authenticated session comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Freshness {
    /// From the cookie as it came.
    Current,
    /// From a refresh that this request has waited for or found done.
    Refreshed,
    /// From a cookie whose token has ended, while nobody can refresh it: see [`ExpiredSession::served_stale`].
    Stale,
}

macro_rules! warnings {
    ($($variant:ident $code:literal $meaning:literal;)*) => {
        /// A flaw of a session that does not make it unusable.
        ///
        /// The list is closed: each code is stable and documented.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Warning {
            $(#[doc = concat!("`", $code, "`: ", $meaning, ".")] $variant,)*
        }

        impl Warning {
            /// Every warning, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable code, `snake_case`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// One sentence without a full stop, for people.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

warnings! {
    UnprovenImpersonator "unproven_impersonator" "the cookie names an impersonator that the token does not prove; the name is not shown";
    StaleUser "stale_user" "the refresh brought no user; the stored user is older than the token";
    ServedStale "served_stale" "the token has expired, and the session is served while it cannot be refreshed";
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who impersonates the user: proven by the token's `act` claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Impersonator<'s> {
    /// E-mail address of the person at the keyboard.
    pub email: &'s str,
    /// The reason that was given, as sealed beside the token.
    pub reason: Option<&'s str>,
}

/// The party that acts in a session beside its user: proven by the token's `act` claim (RFC 8693 §4.1).
///
/// Which kinds may act is a setting ([`TokenPolicy::actors`](crate::token::TokenPolicy::actors)); a session in which another
/// kind acts is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Actor<'s> {
    /// A person of the staff acts as the user.
    Impersonator(Impersonator<'s>),
    /// An AI agent acts for the user.
    Agent {
        /// `act.sub`.
        id: &'s str,
    },
    /// Another party.
    Other {
        /// `act.sub`.
        sub: &'s str,
        /// `act.sub_profile`, if the token has it.
        profile: Option<&'s str>,
    },
}

impl Actor<'_> {
    /// The kind, as settings name it.
    #[must_use]
    pub const fn kind(&self) -> ActorKind {
        match self {
            Self::Impersonator(_) => ActorKind::Impersonator,
            Self::Agent { .. } => ActorKind::Agent,
            Self::Other { .. } => ActorKind::Other,
        }
    }
}

/// Something that only the visitor says: it stands in an unsealed cookie, and nothing proves it.
///
/// Good for a greeting, and for nothing that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unproven<T>(T);

impl<T> Unproven<T> {
    /// What the visitor claims.
    #[must_use]
    pub const fn claimed(&self) -> &T {
        &self.0
    }
}

/// Both tokens of a session. Whoever holds this can act as the user.
#[derive(Clone, Copy)]
pub struct Tokens<'s> {
    unsealed: &'s UnsealedSession,
}

impl<'s> Tokens<'s> {
    /// The access token, verified with the session: what to send to your own services as a bearer token.
    #[must_use]
    pub fn access_token(&self) -> &'s str {
        self.unsealed.access_token()
    }

    /// The refresh token, if the session has one. Using it elsewhere ends the session here.
    #[must_use]
    pub fn refresh_token(&self) -> Option<crate::RefreshToken> {
        self.unsealed.refresh_token()
    }
}

impl fmt::Debug for Tokens<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens([redacted])")
    }
}

impl Session {
    fn new(unsealed: UnsealedSession, claims: Claims, seal: SealInfo) -> Self {
        Self {
            inner: Arc::new(Inner { unsealed, claims, seal }),
            freshness: Freshness::Current,
            user_is_stale: false,
        }
    }

    /// The same session, marked as fresh from a refresh.
    #[must_use]
    pub fn refreshed(self) -> Self {
        Self { freshness: Freshness::Refreshed, ..self }
    }

    /// The same session, marked: its user is older than its tokens.
    #[must_use]
    pub fn with_stale_user(self) -> Self {
        Self { user_is_stale: true, ..self }
    }

    /// The user's id: the token's `sub`.
    #[must_use]
    pub fn user_id(&self) -> &str {
        self.claims().subject()
    }

    /// The user, if one is stored in the cookie; its id equals [`user_id`](Self::user_id). None when the cookie was not sealed:
    /// see [`user_hint`](Self::user_hint).
    #[must_use]
    pub fn user(&self) -> Option<User<'_>> {
        self.inner.user()
    }

    /// The user as an unsealed cookie tells it: the id is proven, the rest is what the visitor says.
    #[must_use]
    pub fn user_hint(&self) -> Option<Unproven<User<'_>>> {
        let unsealed = &self.inner.unsealed;
        if unsealed.is_authentic() { None } else { unsealed.user().map(Unproven) }
    }

    /// Who an unsealed cookie says impersonates the user. [`impersonator`](Self::impersonator) says it when the token proves it.
    #[must_use]
    pub fn impersonator_hint(&self) -> Option<Unproven<Impersonator<'_>>> {
        let unsealed = &self.inner.unsealed;
        if unsealed.is_authentic() {
            return None;
        }
        let email = unsealed.impersonator_email()?;
        Some(Unproven(Impersonator { email, reason: unsealed.impersonator_reason() }))
    }

    /// The session's id: the token's `sid`.
    #[must_use]
    pub fn id(&self) -> &str {
        self.claims().session_id()
    }

    /// The organization: the token's `org_id`.
    #[must_use]
    pub fn organization_id(&self) -> Option<&str> {
        self.claims().organization_id()
    }

    /// The verified claims.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.inner.claims
    }

    /// When the access token ends.
    #[must_use]
    pub fn expires_at(&self) -> UnixMillis {
        self.claims().expires_at()
    }

    /// The party that acts in this session beside the user, if the token names one.
    #[must_use]
    pub fn actor(&self) -> Option<Actor<'_>> {
        self.inner.actor()
    }

    /// The person who impersonates the user, if the token names one: [`actor`](Self::actor) of that kind. An agent never is.
    #[must_use]
    pub fn impersonator(&self) -> Option<Impersonator<'_>> {
        self.inner.impersonator()
    }

    /// How the user signed in, as sealed (`Password`, `GoogleOAuth`, …; the list grows). None when the cookie was not sealed.
    #[must_use]
    pub fn authentication_method(&self) -> Option<&str> {
        let unsealed = &self.inner.unsealed;
        unsealed.authentication_method().filter(|_| unsealed.is_authentic())
    }

    /// Whether a refresh was part of this.
    #[must_use]
    pub const fn freshness(&self) -> Freshness {
        self.freshness
    }

    /// What an operator should look at.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let unproven = self.claims().actor().is_none() && self.inner.unsealed.impersonator_email().is_some();
        let flaws = [
            (unproven, Warning::UnprovenImpersonator),
            (self.user_is_stale, Warning::StaleUser),
            (self.freshness == Freshness::Stale, Warning::ServedStale),
        ];
        flaws.into_iter().filter_map(|(found, warning)| found.then_some(warning)).collect()
    }

    /// How the cookie was sealed.
    #[must_use]
    pub fn seal(&self) -> &SealInfo {
        &self.inner.seal
    }

    /// Both tokens. Ask for them only where they are used.
    #[must_use]
    pub fn tokens(&self) -> Tokens<'_> {
        Tokens { unsealed: &self.inner.unsealed }
    }

    /// The payload as it was stored, the token's proof aside.
    ///
    /// From an unsealed cookie ([`UnsealedSession::is_authentic`] is false) all of it but the access token is the visitor's claim:
    /// [`user`](Self::user) and its like here are silent then, those of the payload are not.
    #[must_use]
    pub fn unsealed(&self) -> &UnsealedSession {
        &self.inner.unsealed
    }
}

impl ExpiredSession {
    /// The session as it was, marked [`Freshness::Stale`]: what "stale while error" serves, for a bounded time after the token's
    /// end, while the provider cannot be asked whether the session goes on.
    ///
    /// Whoever calls it decides that a token counts that has ended. The caller must know that a refresh failed in a way that says
    /// nothing about the session (never after a refusal), that the time since [`Claims::expires_at`] is one that the application
    /// has allowed, and that no revocation of the session or its user is known.
    #[must_use]
    pub fn served_stale(&self) -> Session {
        Session { inner: Arc::clone(&self.inner), freshness: Freshness::Stale, user_is_stale: false }
    }

    /// The claims: verified, and over.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.inner.claims
    }

    /// The session's id: enough to sign out.
    #[must_use]
    pub fn id(&self) -> &str {
        self.claims().session_id()
    }

    /// Whose session it was: the token's `sub`.
    #[must_use]
    pub fn user_id(&self) -> &str {
        self.claims().subject()
    }

    /// The user that is stored beside the token. None when the cookie was not sealed.
    #[must_use]
    pub fn user(&self) -> Option<User<'_>> {
        self.inner.user()
    }

    /// Who impersonated the user.
    #[must_use]
    pub fn impersonator(&self) -> Option<Impersonator<'_>> {
        self.inner.impersonator()
    }

    /// How the cookie was sealed.
    #[must_use]
    pub fn seal(&self) -> &SealInfo {
        &self.inner.seal
    }

    /// The payload as it was stored, the token's proof aside.
    ///
    /// From an unsealed cookie ([`UnsealedSession::is_authentic`] is false) all of it but the access token is the visitor's claim:
    /// [`user`](Self::user) and its like here are silent then, those of the payload are not.
    #[must_use]
    pub fn unsealed(&self) -> &UnsealedSession {
        &self.inner.unsealed
    }
}

impl Inner {
    fn user(&self) -> Option<User<'_>> {
        self.unsealed.user().filter(|_| self.unsealed.is_authentic())
    }

    fn actor(&self) -> Option<Actor<'_>> {
        let sub = self.claims.actor()?;
        Some(match self.claims.actor_kind()? {
            ActorKind::Impersonator => {
                let agrees = self.unsealed.is_authentic() && self.unsealed.impersonator_email() == Some(sub);
                let reason = if agrees { self.unsealed.impersonator_reason() } else { None };
                Actor::Impersonator(Impersonator { email: sub, reason })
            }
            ActorKind::Agent => Actor::Agent { id: sub },
            ActorKind::Other => Actor::Other { sub, profile: self.claims.actor_profile() },
        })
    }

    fn impersonator(&self) -> Option<Impersonator<'_>> {
        match self.actor()? {
            Actor::Impersonator(impersonator) => Some(impersonator),
            _ => None,
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("claims", self.claims())
            .field("freshness", &self.freshness)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ExpiredSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExpiredSession").field("claims", self.claims()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_warning_has_a_code_of_its_own() {
        let mut codes: Vec<_> = Warning::ALL.iter().map(|warning| warning.as_str()).collect();
        codes.dedup();
        assert_eq!(codes, ["unproven_impersonator", "stale_user", "served_stale"]);
    }
}
