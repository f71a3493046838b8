//! What a token says before anything about it is proven.

use super::{
    TokenPolicy,
    actor::RawActor,
    claims::{RawClaims, from_object, numeric_date},
    kind::{other_actor, other_kind},
    verify::Header,
};
use crate::{Detail, base64::URL_SAFE_NO_PAD, session::text::Lenient};
use std::time::Duration;

/// The `sid` that a token names, proven by nothing.
///
/// For rejecting only: the result of a refresh is not served if its session has ended. It never authenticates anybody.
#[must_use]
pub fn peek_session_id(token: &str) -> Option<String> {
    peek(token, |_, claims| id(&claims.sid))?
}

/// The `sid` of the session that a sign-out ends, proven by nothing. `None` for a token of another kind than a session's.
///
/// For ending sessions only: a sign-out must be remembered even when the token cannot be verified any more. It never
/// authenticates anybody.
#[must_use]
pub fn peek_session_to_end(token: &str, policy: &TokenPolicy) -> Option<String> {
    peek(token, |typ, claims| match other_kind(typ, claims, policy) {
        None => id(&claims.sid),
        Some(_) => None,
    })?
}

/// The `sub` that a token names, proven by nothing.
///
/// For rejecting only: a refresh that brings back another user is rejected although the old token cannot be verified now. It
/// never authenticates anybody.
#[must_use]
pub fn peek_subject(token: &str) -> Option<String> {
    peek(token, |_, claims| id(&claims.sub))?
}

/// The kind of token that this says to be, if it is not a session's; proven by nothing.
///
/// For rejecting only. It never authenticates anybody.
#[must_use]
pub fn peek_other_kind(token: &str, policy: &TokenPolicy) -> Option<Detail> {
    peek(token, |typ, claims| other_kind(typ, claims, policy))?
}

/// Why this is no session of a user's here: its kind ([`peek_other_kind`]), or an actor in it who is not allowed or cannot be read; proven
/// by nothing.
///
/// For rejecting only: an explicit refresh does not need a token that verifies, and does not begin with one of these.
#[must_use]
pub fn peek_not_a_session(token: &str, policy: &TokenPolicy) -> Option<Detail> {
    peek(token, |typ, claims| {
        other_kind(typ, claims, policy).or_else(|| match RawActor::read(claims.act?) {
            Some(actor) => other_actor(&actor, policy),
            None => Some(Detail::Agent),
        })
    })?
}

/// The `org_id` that a token names, proven by nothing.
///
/// For storing beside the token only: every reader takes it from the verified token again.
#[must_use]
pub(crate) fn peek_organization_id(token: &str) -> Option<String> {
    peek(token, |_, claims| id(&claims.org_id))?
}

/// How long a token lives, from `iat` to `exp`, proven by nothing.
///
/// For keeping things about it only: it never says that a token is good.
#[must_use]
pub fn peek_lifetime(token: &str) -> Option<Duration> {
    let (issued, expires) =
        peek(token, |_, claims| Some((numeric_date(claims.iat?)?, numeric_date(claims.exp?)?)))??;
    (expires >= issued).then(|| expires.saturating_since(issued))
}

/// Longest id that is taken, in bytes: WorkOS's have 30. What nothing has proven must not fill the memory of what has ended.
const MAX_ID: usize = 256;

fn id(claim: &Lenient<'_>) -> Option<String> {
    claim.0.as_deref().filter(|id| (1..=MAX_ID).contains(&id.len())).map(str::to_owned)
}

/// Reads header and claims. A header that cannot be read says nothing about the kind.
fn peek<T>(token: &str, read: impl FnOnce(Option<&str>, &RawClaims<'_>) -> T) -> Option<T> {
    let mut parts = token.split('.');
    let header = parts.next().and_then(decoded);
    let payload = parts.next().and_then(decoded)?;
    let header: Option<Header<'_>> = header.as_deref().and_then(from_object);
    Some(read(header.as_ref().and_then(|header| header.typ.0.as_deref()), &from_object(&payload)?))
}

fn decoded(part: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode_to_vec(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::IssuerPolicy;

    #[test]
    fn token_of_another_kind_names_no_session() {
        let token = |header: &str, claims: &str| {
            let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode_to_string(part));
            format!("{header}.{claims}.x")
        };
        let session = r#"{"sid":"session_1","sub":"user_1"}"#;
        for (header, claims, kind) in [
            ("{}", session, None),
            (r#"{"alg":"RS256","typ":"JWT"}"#, session, None),
            (r#"{"alg":"RS256","typ":7}"#, session, None),
            (r#"{"alg":"RS256","typ":"at+jwt"}"#, session, Some(Detail::WrongType)),
            ("{}", r#"{"sid":"session_1","sub":"user_1","sub_type":"widget"}"#, Some(Detail::Widget)),
            ("{}", r#"{"sid":"agent_session_1","sub":"user_1"}"#, Some(Detail::Agent)),
        ] {
            let token = token(header, claims);
            let policy = TokenPolicy::new(IssuerPolicy::Any);
            assert_eq!(peek_other_kind(&token, &policy), kind, "{header} {claims}");
            assert_eq!(peek_session_to_end(&token, &policy).is_some(), kind.is_none(), "{header} {claims}");
        }
    }

    #[test]
    fn actor_that_is_not_allowed_is_seen_before_anything_is_sent() {
        let policy = TokenPolicy::new(IssuerPolicy::Any);
        for (act, kind) in [
            (r#"{"sub":"admin@example.com"}"#, None),
            (r#"{"sub":"agent_1","sub_profile":"ai_agent"}"#, Some(Detail::Agent)),
            ("7", Some(Detail::Agent)),
            ("{}", Some(Detail::Agent)),
        ] {
            let claims = format!(r#"{{"sid":"session_1","sub":"user_1","act":{act}}}"#);
            let token = format!("e30.{}.x", URL_SAFE_NO_PAD.encode_to_string(claims));
            assert_eq!(peek_not_a_session(&token, &policy), kind, "{act}");
            assert_eq!(peek_other_kind(&token, &policy), None, "{act}");
        }
    }

    #[test]
    fn ids_are_found_or_not_and_nothing_panics() {
        let token = |claims: &str| format!("e30.{}.x", URL_SAFE_NO_PAD.encode_to_string(claims));
        let both = token(r#"{"sid":"session_1","sub":"user_1"}"#);
        assert_eq!(peek_session_id(&both).as_deref(), Some("session_1"));
        assert_eq!(peek_subject(&both).as_deref(), Some("user_1"));
        assert_eq!(peek_organization_id(&token(r#"{"org_id":"org_1"}"#)).as_deref(), Some("org_1"));
        assert_eq!(peek_organization_id(&both), None);
        let long = |bytes: usize| token(&format!(r#"{{"sid":"{}"}}"#, "s".repeat(bytes)));
        assert!(peek_session_id(&long(MAX_ID)).is_some() && peek_session_id(&long(MAX_ID + 1)).is_none());
        assert_eq!(peek_session_id(&token(r#"{"sid":"session_1"}"#)).as_deref(), Some("session_1"));
        // One claim that is no text hides no other.
        assert_eq!(
            peek_session_id(&token(r#"{"sid":"session_1","sub":7,"org_id":[]}"#)).as_deref(),
            Some("session_1")
        );
        let lives = |claims: &str| peek_lifetime(&token(claims));
        assert_eq!(lives(r#"{"iat":100,"exp":400.5}"#), Some(Duration::from_millis(300_500)));
        for claims in [
            r#"{"exp":400}"#,
            r#"{"iat":400,"exp":100}"#,
            r#"{"iat":-1e300,"exp":1e300}"#,
            r#"{"iat":1,"exp":"2"}"#,
        ] {
            assert_eq!(lives(claims), None, "{claims}");
        }
        for token in ["", ".", "a.b.c", "a..c", "e30.e30.x", &token(r#"{"sid":"","sub":""}"#)] {
            assert_eq!((peek_session_id(token), peek_subject(token)), (None, None), "{token}");
        }
    }
}
