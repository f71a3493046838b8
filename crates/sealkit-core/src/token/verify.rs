//! The verifier: RS256, `kid` required, every failure with its own reason, `exp` judged last.
//!
//! Order of checks: structure and header, algorithm, key, signature, the kind of token (K1 to K6), then `sub`, `sid`, `act`,
//! `iss`, `aud`, `nbf`, the subject against the stored user, and `exp` last. So "expired" means that everything else is right.
//! Only a token that is valid in all of this is asked for `auth_time` (K7).

use super::{
    Claims, KeySet, TokenPolicy,
    actor::RawActor,
    claims::{Checked, RawClaims, from_object, numeric_date},
    jwks::MAX_MODULUS,
    kind::{other_actor, other_kind},
};
use crate::{
    Detail, Reason, UnixMillis,
    base64::{URL_SAFE_NO_PAD, decode_into},
    session::text::Lenient,
    split,
};
use aws_lc_rs::digest;
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use std::borrow::Cow;

/// Longest decoded header that is read, in bytes.
const MAX_HEADER: usize = 512;

/// Whose token it must be: the user and impersonator that were sealed beside it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Anchor<'a> {
    pub(crate) user_id: Option<&'a str>,
    pub(crate) impersonator_email: Option<&'a str>,
}

/// A token that verified, in everything but perhaps its time.
#[derive(Debug)]
pub(crate) enum Verified {
    /// Valid now.
    Valid(Claims),
    /// Right in everything but `exp`.
    Expired(Claims),
}

/// A token that did not verify.
#[derive(Debug)]
pub(crate) struct TokenRejection {
    pub(crate) reason: Reason,
    /// With [`Reason::NotASessionToken`]: the kind of token.
    pub(crate) detail: Option<Detail>,
    /// With [`Reason::UnknownSigningKey`]: the id that the key set does not know.
    pub(crate) kid: Option<Box<str>>,
}

impl From<Reason> for TokenRejection {
    fn from(reason: Reason) -> Self {
        Self { reason, detail: None, kid: None }
    }
}

/// Verifies an access token (RFC 7515, RFC 7519) against a client's key set.
pub(crate) fn verify(
    token: &str,
    keys: &KeySet,
    policy: &TokenPolicy,
    anchor: Anchor<'_>,
    now: UnixMillis,
) -> Result<Verified, TokenRejection> {
    let (signed, signature) = split::at_last(token, b'.').ok_or(Reason::InvalidJwt)?;
    let (header, payload) = split::at_first(signed, b'.').ok_or(Reason::InvalidJwt)?;

    let mut buffer = [0; MAX_HEADER];
    let header: Header<'_> = decode_into(&URL_SAFE_NO_PAD, header, &mut buffer)
        .and_then(|json| from_object(std::str::from_utf8(json).ok()?))
        .ok_or(Reason::InvalidJwt)?;
    if header.alg != "RS256" {
        return Err(Reason::InvalidJwtAlgorithm.into());
    }
    let Some(kid) = header.kid.as_deref().filter(|kid| !kid.is_empty() && !header.crit) else {
        return Err(Reason::InvalidJwt.into());
    };
    let mut buffer = [0; MAX_MODULUS];
    let signature = decode_into(&URL_SAFE_NO_PAD, signature, &mut buffer).ok_or(Reason::InvalidJwt)?;
    let payload = URL_SAFE_NO_PAD.decode_to_vec(payload).map_err(|_| Reason::InvalidJwt)?;

    if !keys.contains(kid) {
        return Err(TokenRejection {
            reason: Reason::UnknownSigningKey,
            detail: None,
            kid: Some(kid.into()),
        });
    }
    // Hashing first costs a percent less than `verify_sig`, which sets up a context for both.
    let digest = digest::digest(&digest::SHA256, signed.as_bytes());
    if !keys.of_id(kid).any(|key| key.verify_digest_sig(&digest, signature).is_ok()) {
        return Err(Reason::InvalidJwtSignature.into());
    }

    let payload = String::from_utf8(payload).map_err(|_| Reason::InvalidJwt)?;
    let typ = header.typ.0.as_deref();
    let claims = Claims::read(
        payload,
        || Reason::InvalidJwt.into(),
        |claims| check(typ, claims, policy, anchor, now),
    )?;
    if claims.expires_at() <= now {
        return Ok(Verified::Expired(claims));
    }
    // K7
    if !policy.accepts_auth_time_of(&claims) {
        return Err(not_a_session(Detail::NoAuthTime));
    }
    Ok(Verified::Valid(claims))
}

fn check<'a>(
    typ: Option<&str>,
    claims: &RawClaims<'a>,
    policy: &TokenPolicy,
    anchor: Anchor<'_>,
    now: UnixMillis,
) -> Result<Checked<'a>, TokenRejection> {
    if let Some(kind) = other_kind(typ, claims, policy) {
        return Err(not_a_session(kind));
    }
    let filled = |claim: &Lenient<'_>| claim.0.as_ref().is_some_and(|text| !text.is_empty());
    if !filled(&claims.sub) || !filled(&claims.sid) {
        return Err(Reason::InvalidJwt.into());
    }
    let actor = claims.act.map(|act| RawActor::read(act).ok_or(Reason::InvalidJwt)).transpose()?;
    if let Some(kind) = actor.as_ref().and_then(|actor| other_actor(actor, policy)) {
        return Err(not_a_session(kind));
    }
    let client_id = claims.client_id.as_ref().and_then(|id| id.0.as_deref());
    if !policy.issuers.accepts(claims.iss.0.as_deref(), client_id) {
        return Err(Reason::InvalidIssuer.into());
    }
    if !policy.accepts_audience(claims.aud) {
        return Err(Reason::InvalidAudience.into());
    }
    let demanded = |json| numeric_date(json).ok_or(Reason::InvalidJwt);
    let not_before = claims.nbf.map(demanded).transpose()?;
    if not_before.is_some_and(|from| from > now.saturating_add(policy.leeway)) {
        return Err(Reason::InvalidJwt.into());
    }
    if anchor.user_id.is_some_and(|id| claims.sub.0.as_deref() != Some(id)) {
        return Err(Reason::SubjectMismatch.into());
    }
    if let (Some(actor), Some(email)) = (&actor, anchor.impersonator_email)
        && actor.sub.0 != email
    {
        return Err(Reason::SubjectMismatch.into());
    }
    let expires_at = claims.exp.ok_or(Reason::InvalidJwt).and_then(demanded)?;
    Ok(Checked { expires_at, actor })
}

fn not_a_session(kind: Detail) -> TokenRejection {
    TokenRejection { reason: Reason::NotASessionToken, detail: Some(kind), kid: None }
}

/// The protected header of a token (RFC 7515 §4).
#[derive(Deserialize)]
pub(super) struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow, default)]
    kid: Option<Cow<'a, str>>,
    /// A value that is not a text says nothing.
    #[serde(borrow, default)]
    pub(super) typ: Lenient<'a>,
    /// RFC 7515 §4.1.11: no extension is understood here, so a token that demands one is rejected.
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

/// A member that is there, whatever it says: null, too.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}
