//! The claims of a verified access token. Nothing else makes a [`Claims`].

use super::actor::{ActorKind, RawActor};
use crate::{
    Failure, Reason, UnixMillis,
    session::text::{Lenient, LenientList, Text},
};
use serde::{Deserialize, de::DeserializeOwned};
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
    actor: Option<ActorPlaces>,
}

#[derive(Clone)]
struct ActorPlaces {
    kind: ActorKind,
    subject: Text,
    profile: Option<Text>,
}

/// The claims as they stand in the payload, borrowed from it. A claim of another type than it must have makes no claim
/// unreadable: each is judged where it is demanded.
#[derive(Deserialize)]
pub(super) struct RawClaims<'a> {
    #[serde(borrow, default)]
    pub(super) sub: Lenient<'a>,
    #[serde(borrow, default)]
    pub(super) sid: Lenient<'a>,
    #[serde(borrow, default)]
    pub(super) org_id: Lenient<'a>,
    #[serde(borrow, default, deserialize_with = "given")]
    pub(super) exp: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "given")]
    pub(super) nbf: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "given")]
    pub(super) iat: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "given")]
    pub(super) auth_time: Option<&'a RawValue>,
    /// `None`: not there. There and not a text, null too, is a text that is nobody's.
    #[serde(borrow, default, deserialize_with = "given")]
    pub(super) client_id: Option<Lenient<'a>>,
    #[serde(borrow, default)]
    pub(super) sub_profile: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) sub_type: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) act: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) iss: Lenient<'a>,
    #[serde(borrow, default)]
    pub(super) aud: Option<&'a RawValue>,
    #[serde(borrow, default)]
    jti: Lenient<'a>,
    #[serde(borrow, default)]
    role: Lenient<'a>,
    #[serde(borrow, default)]
    roles: LenientList<'a>,
    #[serde(borrow, default)]
    permissions: LenientList<'a>,
    #[serde(borrow, default)]
    entitlements: LenientList<'a>,
    #[serde(borrow, default)]
    feature_flags: LenientList<'a>,
}

/// A claim that is there, whatever it says. Null is a value like any other: serde's own `Option` takes it for absent.
fn given<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Reads a JSON object. A derived `Deserialize` alone would take an array of the members' values as well, and a header and a
/// claims set are objects (RFC 7515 §4, RFC 7519 §4).
pub(super) fn from_object<'de, T: Deserialize<'de>>(json: &'de str) -> Option<T> {
    json.trim_ascii_start().starts_with('{').then(|| serde_json::from_str(json).ok())?
}

/// The time that a claim says, if it is a NumericDate (RFC 7519 §2).
pub(super) fn numeric_date(claim: &RawValue) -> Option<UnixMillis> {
    UnixMillis::from_numeric_date(claim.get())
}

/// What a session token must hold, as [`Claims::read`]'s check has found it.
pub(super) struct Checked<'a> {
    pub(super) expires_at: UnixMillis,
    pub(super) actor: Option<RawActor<'a>>,
}

impl<'a> RawClaims<'a> {
    fn places(self, json: &str, checked: Checked<'a>) -> Places {
        let text = |part: Cow<'_, str>| Text::within(json, part);
        let lenient = |part: Lenient<'_>| part.0.map(text);
        let demanded = |part: Lenient<'_>| text(part.0.unwrap_or_default());
        let list = |items: LenientList<'_>| items.0.into_iter().map(text).collect();
        Places {
            subject: demanded(self.sub),
            session_id: demanded(self.sid),
            expires_at: checked.expires_at,
            issued_at: self.iat.and_then(numeric_date),
            authenticated_at: self.auth_time.and_then(numeric_date),
            issuer: lenient(self.iss),
            token_id: lenient(self.jti),
            organization_id: lenient(self.org_id),
            role: lenient(self.role),
            roles: list(self.roles),
            permissions: list(self.permissions),
            entitlements: list(self.entitlements),
            feature_flags: list(self.feature_flags),
            actor: checked.actor.map(|actor| ActorPlaces {
                kind: actor.kind(),
                subject: text(actor.sub.0),
                profile: actor.profile.map(|profile| text(profile.0)),
            }),
        }
    }
}

impl Claims {
    /// Takes the payload of a token whose signature has been verified, after `check` has passed its claims.
    pub(super) fn read<E>(
        json: String,
        malformed: impl FnOnce() -> E,
        check: impl for<'c, 'a> FnOnce(&'c RawClaims<'a>) -> Result<Checked<'a>, E>,
    ) -> Result<Self, E> {
        let raw: RawClaims<'_> = from_object(&json).ok_or_else(malformed)?;
        let checked = check(&raw)?;
        let places = raw.places(&json, checked);
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

    /// `auth_time`: when the user last signed in actively; a refresh leaves it alone. `None` only in an expired token, or where
    /// [`TokenPolicy::requires_auth_time`](super::TokenPolicy::requires_auth_time) is off.
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

    /// `act.sub`: the current actor, if another party acts as the user or for the user (RFC 8693 §4.1). With
    /// [`ActorKind::Impersonator`] it is an e-mail address.
    #[must_use]
    pub fn actor(&self) -> Option<&str> {
        self.places.actor.as_ref().map(|actor| actor.subject.get(&self.json))
    }

    /// The kind of the current actor.
    #[must_use]
    pub fn actor_kind(&self) -> Option<ActorKind> {
        self.places.actor.as_ref().map(|actor| actor.kind)
    }

    /// `act.sub_profile`: what the actor is, if the token says it.
    #[must_use]
    pub fn actor_profile(&self) -> Option<&str> {
        self.optional(self.places.actor.as_ref()?.profile.as_ref())
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
