//! The claims of a verified access token. Nothing else makes a [`Claims`].

use crate::{
    Failure, Reason, UnixMillis,
    session::text::{Borrowed, Lenient, LenientList, LenientNumber, Text},
};
use serde::{
    Deserialize,
    de::{self, DeserializeOwned},
};
use serde_json::value::RawValue;
use std::{any, borrow::Cow, fmt};

/// What a verified access token says. Roles, organization and impersonator come from here and from nowhere else.
///
/// A role, permission or list of another shape than AuthKit writes (a JWT template may do that) counts as absent;
/// [`custom`](Self::custom) reads whatever stands there.
#[derive(Clone)]
pub struct Claims {
    json: String,
    places: Places,
}

/// Where the claims stand in the JSON text.
#[derive(Clone)]
struct Places {
    subject: Text,
    session_id: Text,
    expires_at: UnixMillis,
    issued_at: Option<UnixMillis>,
    authenticated_at: Option<UnixMillis>,
    issuer: Option<Text>,
    token_id: Option<Text>,
    organization_id: Option<Text>,
    role: Option<Text>,
    roles: Vec<Text>,
    permissions: Vec<Text>,
    entitlements: Vec<Text>,
    feature_flags: Vec<Text>,
    actor: Option<Text>,
}

/// The claims as they stand in the payload, borrowed from it.
#[derive(Deserialize)]
pub(super) struct RawClaims<'a> {
    #[serde(borrow)]
    pub(super) sub: Borrowed<'a>,
    #[serde(borrow)]
    pub(super) sid: Borrowed<'a>,
    pub(super) exp: u64,
    #[serde(default, deserialize_with = "number")]
    pub(super) nbf: Option<u64>,
    #[serde(default)]
    iat: LenientNumber,
    #[serde(default)]
    auth_time: LenientNumber,
    #[serde(borrow, default)]
    pub(super) iss: Option<Lenient<'a>>,
    #[serde(borrow, default)]
    pub(super) aud: Option<&'a RawValue>,
    #[serde(borrow, default)]
    jti: Option<Lenient<'a>>,
    #[serde(borrow, default)]
    org_id: Option<Lenient<'a>>,
    #[serde(borrow, default)]
    role: Option<Lenient<'a>>,
    #[serde(borrow, default)]
    roles: LenientList<'a>,
    #[serde(borrow, default)]
    permissions: LenientList<'a>,
    #[serde(borrow, default)]
    entitlements: LenientList<'a>,
    #[serde(borrow, default)]
    feature_flags: LenientList<'a>,
    #[serde(borrow, default, deserialize_with = "actor")]
    pub(super) act: Option<Actor<'a>>,
}

/// RFC 8693 §4.1. There and unreadable is an error: an impersonation must not pass unseen.
#[derive(Deserialize)]
pub(super) struct Actor<'a> {
    #[serde(borrow)]
    pub(super) sub: Borrowed<'a>,
}

/// An actor that is no object is unreadable, not absent.
fn actor<'de: 'a, 'a, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Actor<'a>>, D::Error> {
    match <&RawValue>::deserialize(deserializer)?.get() {
        "null" => Ok(None),
        json => from_object(json).map(Some).ok_or_else(|| de::Error::custom("not an actor")),
    }
}

/// Reads a JSON object. A derived `Deserialize` alone would take an array of the members' values as well, and a header and a
/// claims set are objects (RFC 7515 §4, RFC 7519 §4).
pub(super) fn from_object<'de, T: Deserialize<'de>>(json: &'de str) -> Option<T> {
    json.trim_ascii_start().starts_with('{').then(|| serde_json::from_str(json).ok())?
}

/// A number that may be absent, but not null or of another type (a claim of the wrong type must not count as absent).
fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    u64::deserialize(deserializer).map(Some)
}

impl RawClaims<'_> {
    fn places(self, json: &str) -> Places {
        let text = |part: Cow<'_, str>| Text::within(json, part);
        let lenient = |part: Option<Lenient<'_>>| part.and_then(|part| part.0).map(text);
        let list = |items: LenientList<'_>| items.0.into_iter().map(text).collect();
        Places {
            subject: text(self.sub.0),
            session_id: text(self.sid.0),
            expires_at: UnixMillis::from_secs(self.exp),
            issued_at: self.iat.0.map(UnixMillis::from_secs),
            authenticated_at: self.auth_time.0.map(UnixMillis::from_secs),
            issuer: lenient(self.iss),
            token_id: lenient(self.jti),
            organization_id: lenient(self.org_id),
            role: lenient(self.role),
            roles: list(self.roles),
            permissions: list(self.permissions),
            entitlements: list(self.entitlements),
            feature_flags: list(self.feature_flags),
            actor: self.act.map(|act| text(act.sub.0)),
        }
    }
}

impl Claims {
    /// Takes the payload of a token whose signature has been verified, after `check` has passed its claims.
    pub(super) fn read<E>(
        json: String,
        malformed: impl FnOnce() -> E,
        check: impl FnOnce(&RawClaims<'_>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let raw: RawClaims<'_> = from_object(&json).ok_or_else(malformed)?;
        check(&raw)?;
        let places = raw.places(&json);
        Ok(Self { json, places })
    }

    /// `sub`: the user's id. Never empty.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.places.subject.get(&self.json)
    }

    /// `sid`: the session's id, for logout and revocation. Never empty.
    #[must_use]
    pub fn session_id(&self) -> &str {
        self.places.session_id.get(&self.json)
    }

    /// `exp`: when the access token ends.
    #[must_use]
    pub const fn expires_at(&self) -> UnixMillis {
        self.places.expires_at
    }

    /// `iat`: when it was issued, if it says so. Nothing is ever rejected for it.
    #[must_use]
    pub const fn issued_at(&self) -> Option<UnixMillis> {
        self.places.issued_at
    }

    /// `auth_time`: when the user last signed in actively; a refresh leaves it alone.
    #[must_use]
    pub const fn authenticated_at(&self) -> Option<UnixMillis> {
        self.places.authenticated_at
    }

    /// `iss`.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.optional(self.places.issuer.as_ref())
    }

    /// `jti`.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.optional(self.places.token_id.as_ref())
    }

    /// `org_id`: the organization that the session is scoped to.
    #[must_use]
    pub fn organization_id(&self) -> Option<&str> {
        self.optional(self.places.organization_id.as_ref())
    }

    /// `role`: the one of highest priority.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        self.optional(self.places.role.as_ref())
    }

    /// `roles`.
    pub fn roles(&self) -> impl ExactSizeIterator<Item = &str> {
        self.list(&self.places.roles)
    }

    /// `permissions`.
    pub fn permissions(&self) -> impl ExactSizeIterator<Item = &str> {
        self.list(&self.places.permissions)
    }

    /// True when the token grants this permission.
    #[must_use]
    pub fn has_permission(&self, permission: &str) -> bool {
        self.permissions().any(|own| own == permission)
    }

    /// `entitlements`.
    pub fn entitlements(&self) -> impl ExactSizeIterator<Item = &str> {
        self.list(&self.places.entitlements)
    }

    /// `feature_flags`.
    pub fn feature_flags(&self) -> impl ExactSizeIterator<Item = &str> {
        self.list(&self.places.feature_flags)
    }

    /// `act.sub`: the e-mail address of whoever impersonates the user (RFC 8693 §4.1).
    #[must_use]
    pub fn actor(&self) -> Option<&str> {
        self.optional(self.places.actor.as_ref())
    }

    /// The payload's JSON text, as it was signed.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.json
    }

    /// Your own claims, typed: what a JWT template adds.
    ///
    /// # Errors
    /// [`Reason::CustomClaimsInvalid`] when the payload does not have the shape of `C`.
    pub fn custom<C: DeserializeOwned>(&self) -> Result<C, Failure> {
        serde_json::from_str(&self.json).map_err(|_| {
            Failure::new(Reason::CustomClaimsInvalid).with_hint(format!(
                "the access token's claims do not have the shape of `{}`; compare it with the JWT template",
                any::type_name::<C>()
            ))
        })
    }

    fn optional<'a>(&'a self, place: Option<&'a Text>) -> Option<&'a str> {
        place.map(|text| text.get(&self.json))
    }

    fn list<'a>(&'a self, places: &'a [Text]) -> impl ExactSizeIterator<Item = &'a str> {
        places.iter().map(|text| text.get(&self.json))
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("subject", &self.subject())
            .field("session_id", &self.session_id())
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}
