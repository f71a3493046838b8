//! Which kind of token it is. WorkOS signs tokens of several kinds with the same keys, and one kind is a user's session.
//!
//! The rules are numbered as in the tests: K1 to K6 are judged on the signed claims, after the signature and before `sub`,
//! `sid` and `iss`, so that a token of another kind never starts a refresh. K7 (a valid token without `auth_time`) is judged
//! last, in [`verify`](super::verify): a session that slept since before summer 2026 holds an expired token without it, and
//! its refresh brings one that has it.

use super::{
    TokenPolicy,
    actor::RawActor,
    claims::{RawClaims, numeric_date},
};
use crate::{Detail, session::text::Lenient};
use serde_json::value::RawValue;

/// The kind of a session in which somebody acts who is not allowed to.
pub(super) fn other_actor(actor: &RawActor<'_>, policy: &TokenPolicy) -> Option<Detail> {
    (!policy.actors.contains(&actor.kind())).then_some(Detail::Agent)
}

/// The kind of a token that is not a session's, by K1 to K6. `None`: nothing speaks against a session.
pub(super) fn other_kind(typ: Option<&str>, claims: &RawClaims<'_>, policy: &TokenPolicy) -> Option<Detail> {
    // K1
    if claims.sub_profile.is_some_and(|profile| !is_text(profile, "user")) {
        return Some(Detail::Agent);
    }
    // K2
    if claims.sub_type.is_some() {
        return Some(Detail::Widget);
    }
    // K4. A deny list: ids are opaque, so there cannot be a list of those that are sessions.
    let (sid, sub) = (text(&claims.sid), text(&claims.sub));
    if sid.starts_with("app_consent_") {
        return Some(Detail::Connect);
    }
    if sid.starts_with("agent_") || sub.starts_with("agent_") {
        return Some(Detail::Agent);
    }
    if sub.starts_with("client_") {
        return Some(Detail::Machine);
    }
    // K6
    if policy.judges_client_id()
        && let Some(client_id) = &claims.client_id
        && !client_id.0.as_ref().is_some_and(|id| policy.client_ids.iter().any(|own| own == id))
    {
        return Some(Detail::OtherApplication);
    }
    // K3
    if typ.is_some_and(names_another_kind) {
        return Some(Detail::WrongType);
    }
    // K5
    if claims.auth_time.is_some_and(|time| numeric_date(time).is_none()) {
        return Some(Detail::NoAuthTime);
    }
    None
}

/// True for a media type with the structured suffix `+jwt` (RFC 8725 §3.11), like `at+jwt` and `application/secevent+jwt`.
fn names_another_kind(typ: &str) -> bool {
    let suffix = typ.len().checked_sub("+jwt".len()).and_then(|at| typ.get(at..));
    suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("+jwt"))
}

fn text<'c>(claim: &'c Lenient<'_>) -> &'c str {
    claim.0.as_deref().unwrap_or_default()
}

fn is_text(json: &RawValue, text: &str) -> bool {
    serde_json::from_str::<String>(json.get()).is_ok_and(|value| value == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::{IssuerPolicy, claims::from_object};

    fn kind_with(typ: Option<&str>, claims: &str, policy: &TokenPolicy) -> Option<Detail> {
        other_kind(typ, &from_object::<RawClaims<'_>>(claims).unwrap(), policy)
    }

    fn kind(typ: Option<&str>, claims: &str) -> Option<Detail> {
        kind_with(typ, claims, &TokenPolicy::new(IssuerPolicy::Any).with_client_ids(["client_1", "client_2"]))
    }

    #[test]
    fn user_sessions_pass() {
        for (typ, claims) in [
            (None, "{}"),
            (Some("JWT"), r#"{"sid":"session_1","sub":"user_1","auth_time":1,"client_id":"client_1"}"#),
            (Some("jwt"), r#"{"sub_profile":"user","sub_type":null,"client_id":"client_2"}"#),
            (Some("application/jwt"), r#"{"sub_profile":null,"auth_time":0}"#),
            (Some("+jw"), r#"{"sub_profile":"\u0075ser","auth_time":1.5}"#),
            (Some("jwt+x"), r#"{"auth_time":1e300,"scp":["x"],"scopes":["y"],"azp":"z","aud":"z"}"#),
            (Some("\u{e9}jwt"), r#"{"sid":"sess_agent_","sub":"x_client_"}"#),
            // A claim of an odd type is judged where it is demanded.
            (None, r#"{"sid":7,"sub":[]}"#),
        ] {
            assert_eq!(kind(typ, claims), None, "{typ:?} {claims}");
        }
    }

    #[test]
    fn every_other_kind_has_its_detail() {
        for (typ, claims, detail) in [
            (None, r#"{"sub_profile":"ai_agent"}"#, Detail::Agent),
            (None, r#"{"sub_profile":"User"}"#, Detail::Agent),
            (None, r#"{"sub_profile":""}"#, Detail::Agent),
            (None, r#"{"sub_profile":true}"#, Detail::Agent),
            (None, r#"{"sub_profile":["user"]}"#, Detail::Agent),
            (None, r#"{"sub\u005fprofile":"ai_agent"}"#, Detail::Agent),
            (None, r#"{"sub_type":"widget"}"#, Detail::Widget),
            (None, r#"{"sub_type":"user"}"#, Detail::Widget),
            (None, r#"{"sub_type":false}"#, Detail::Widget),
            (None, r#"{"sub_type":""}"#, Detail::Widget),
            (None, r#"{"sid":"app_consent_1"}"#, Detail::Connect),
            (None, r#"{"sid":"agent_session_1"}"#, Detail::Agent),
            (None, r#"{"sub":"agent_instance_1"}"#, Detail::Agent),
            (None, r#"{"sub":"client_1"}"#, Detail::Machine),
            (None, r#"{"client_id":"client_3"}"#, Detail::OtherApplication),
            (None, r#"{"client_id":"CLIENT_1"}"#, Detail::OtherApplication),
            (None, r#"{"client_id":""}"#, Detail::OtherApplication),
            (None, r#"{"client_id":null}"#, Detail::OtherApplication),
            (None, r#"{"client_id":7}"#, Detail::OtherApplication),
            (None, r#"{"client_id":["client_1"]}"#, Detail::OtherApplication),
            (Some("at+jwt"), "{}", Detail::WrongType),
            (Some("AT+JWT"), "{}", Detail::WrongType),
            (Some("application/at+jwt"), "{}", Detail::WrongType),
            (Some("Application/SecEvent+Jwt"), "{}", Detail::WrongType),
            (Some("+jwt"), "{}", Detail::WrongType),
            (None, r#"{"auth_time":"now"}"#, Detail::NoAuthTime),
            (None, r#"{"auth_time":null}"#, Detail::NoAuthTime),
            (None, r#"{"auth_time":true}"#, Detail::NoAuthTime),
            (None, r#"{"auth_time":-1}"#, Detail::NoAuthTime),
            (None, r#"{"auth_time":1e400}"#, Detail::NoAuthTime),
            (None, r#"{"auth_time":[1]}"#, Detail::NoAuthTime),
        ] {
            assert_eq!(kind(typ, claims), Some(detail), "{typ:?} {claims}");
        }
    }

    #[test]
    fn first_rule_that_applies_names_the_kind() {
        let all = r#"{"sub_profile":"ai_agent","sub_type":"w","sid":"app_consent_1","sub":"client_1","client_id":"x","auth_time":"x"}"#;
        let without = |names: &[&str]| {
            let mut claims: serde_json::Map<String, serde_json::Value> = serde_json::from_str(all).unwrap();
            names.iter().for_each(|name| drop(claims.remove(*name)));
            kind(Some("at+jwt"), &serde_json::Value::Object(claims).to_string())
        };
        let mut gone = Vec::new();
        for (next, detail) in [
            ("sub_profile", Detail::Agent),
            ("sub_type", Detail::Widget),
            ("sid", Detail::Connect),
            ("sub", Detail::Machine),
            ("client_id", Detail::OtherApplication),
            ("auth_time", Detail::WrongType),
        ] {
            assert_eq!(without(&gone), Some(detail), "{gone:?}");
            gone.push(next);
        }
    }

    #[test]
    fn client_id_is_judged_only_if_bound() {
        let other = r#"{"client_id":"client_3"}"#;
        let any = TokenPolicy::new(IssuerPolicy::Any);
        assert_eq!(kind_with(None, other, &any), None, "no client id is configured");
        let unbound = any.with_client_ids(["client_1"]).binding_client_id(false);
        assert_eq!(kind_with(None, other, &unbound), None);
    }
}
