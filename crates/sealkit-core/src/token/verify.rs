//! The verifier: RS256, `kid` required, every failure with its own reason, `exp` judged last.
//!
//! Order of checks: structure and header, algorithm, key, signature, then `sub`, `sid`, `iss`, `aud`, `nbf`, the subject
//! against the stored user, and `exp` last. So "expired" means that everything else is right.

use super::{
    Claims, KeySet,
    claims::{Actor, RawClaims, from_object},
    jwks::MAX_MODULUS,
};
use crate::{
    Reason, UnixMillis,
    base64::{URL_SAFE_NO_PAD, decode_into},
    split,
};
use aws_lc_rs::digest;
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use std::{borrow::Cow, time::Duration};
use url::Url;

/// Longest decoded header that is read, in bytes.
const MAX_HEADER: usize = 512;

/// Which `iss` claims are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssuerPolicy {
    /// Any, or none at all.
    Any,
    /// Exactly one of these texts.
    OneOf(Vec<String>),
}

impl IssuerPolicy {
    /// The five forms in which AuthKit environments name themselves: the origin of the API base with the suffixes ``""``,
    /// `/`, `/user_management/<client id>`, `/sso/<client id>` and `/convex/<client id>`.
    #[must_use]
    pub fn derived(api_base: &Url, client_id: &str) -> Self {
        let origin = api_base.origin().ascii_serialization();
        Self::OneOf(vec![
            origin.clone(),
            format!("{origin}/"),
            format!("{origin}/user_management/{client_id}"),
            format!("{origin}/sso/{client_id}"),
            format!("{origin}/convex/{client_id}"),
        ])
    }

    fn accepts(&self, issuer: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(list) => issuer.is_some_and(|issuer| list.iter().any(|own| own == issuer)),
        }
    }
}

/// What a token must say, besides what every session token must.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenPolicy {
    /// Accepted issuers.
    pub issuers: IssuerPolicy,
    /// Accepted audiences; empty: `aud` is not looked at (AuthKit tokens carry none by default).
    pub audiences: Vec<String>,
    /// How far `nbf` may lie in the future. `exp` gets none.
    pub leeway: Duration,
}

impl TokenPolicy {
    /// How far `nbf` may lie in the future by default.
    pub const DEFAULT_LEEWAY: Duration = Duration::from_secs(60);

    /// A policy with these issuers, no audience and 60 s of leeway.
    #[must_use]
    pub const fn new(issuers: IssuerPolicy) -> Self {
        Self { issuers, audiences: Vec::new(), leeway: Self::DEFAULT_LEEWAY }
    }

    /// Demands one of these audiences.
    #[must_use]
    pub fn with_audiences(mut self, audiences: Vec<String>) -> Self {
        self.audiences = audiences;
        self
    }

    /// Sets the leeway for `nbf`.
    #[must_use]
    pub const fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    fn accepts_audience(&self, audience: Option<&str>) -> bool {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Audience {
            One(String),
            Many(Vec<String>),
        }
        if self.audiences.is_empty() {
            return true;
        }
        match audience.map(serde_json::from_str) {
            Some(Ok(Audience::One(one))) => self.audiences.contains(&one),
            Some(Ok(Audience::Many(many))) => many.iter().any(|one| self.audiences.contains(one)),
            _ => false,
        }
    }
}

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
    /// With [`Reason::UnknownSigningKey`]: the id that the key set does not know.
    pub(crate) kid: Option<Box<str>>,
}

impl From<Reason> for TokenRejection {
    fn from(reason: Reason) -> Self {
        Self { reason, kid: None }
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

    let Some(key) = keys.get(kid) else {
        return Err(TokenRejection { reason: Reason::UnknownSigningKey, kid: Some(kid.into()) });
    };
    // Hashing first costs a percent less than `verify_sig`, which sets up a context for both.
    let digest = digest::digest(&digest::SHA256, signed.as_bytes());
    key.verify_digest_sig(&digest, signature).map_err(|_| Reason::InvalidJwtSignature)?;

    let payload = String::from_utf8(payload).map_err(|_| Reason::InvalidJwt)?;
    let claims = Claims::read(payload, || Reason::InvalidJwt, |claims| check(claims, policy, anchor, now))?;
    Ok(if claims.expires_at() > now { Verified::Valid(claims) } else { Verified::Expired(claims) })
}

fn check(
    claims: &RawClaims<'_>,
    policy: &TokenPolicy,
    anchor: Anchor<'_>,
    now: UnixMillis,
) -> Result<(), Reason> {
    if claims.sub.0.is_empty() || claims.sid.0.is_empty() {
        return Err(Reason::InvalidJwt);
    }
    if !policy.issuers.accepts(claims.iss.as_ref().and_then(|iss| iss.0.as_deref())) {
        return Err(Reason::InvalidIssuer);
    }
    if !policy.accepts_audience(claims.aud.map(serde_json::value::RawValue::get)) {
        return Err(Reason::InvalidAudience);
    }
    if claims.nbf.is_some_and(|nbf| UnixMillis::from_secs(nbf) > now.saturating_add(policy.leeway)) {
        return Err(Reason::InvalidJwt);
    }
    if anchor.user_id.is_some_and(|id| id != claims.sub.0) {
        return Err(Reason::SubjectMismatch);
    }
    match (&claims.act, anchor.impersonator_email) {
        (Some(Actor { sub }), _) if sub.0.is_empty() => Err(Reason::InvalidJwt),
        (Some(Actor { sub }), Some(email)) if sub.0 != email => Err(Reason::SubjectMismatch),
        _ => Ok(()),
    }
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow, default)]
    kid: Option<Cow<'a, str>>,
    /// RFC 7515 §4.1.11: we understand no extension, so a token that demands one is refused.
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

/// A member that is there, whatever it says: null, too.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}
