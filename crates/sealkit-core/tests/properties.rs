//! What holds for every input: seals, payloads, parsers.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod json;
mod members;

use json::{any_json, object, own_members, text};
use members::members;
use proptest::prelude::*;
use sealkit_core::{
    Detail, KeyRing, Reason, SystemRandom, UnixMillis, UnsealedSession,
    format::{Format, iron},
    session::{AuthResponse, Judgement, SessionReader, Style, payload_after, payload_of},
    sign_in::{Callback, OwnRoutes, PkceState, ReturnTo},
    token::{IssuerPolicy, KeySet, TokenPolicy},
};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

const PASSWORD: &str = "a-cookie-password-of-the-tests-0123456789";
const NOW: UnixMillis = UnixMillis::from_secs(1_800_000_000);

static RING: LazyLock<KeyRing> = LazyLock::new(|| KeyRing::from_password(PASSWORD).unwrap());

fn seal(plaintext: &[u8]) -> String {
    iron::seal(plaintext, &RING, None, &SystemRandom).unwrap()
}

fn open(value: &str) -> Result<Vec<u8>, Detail> {
    let mut plaintext = Vec::new();
    iron::open(value, &RING, NOW, &mut plaintext).map(|_| ())?;
    Ok(plaintext)
}

fn reader() -> SessionReader {
    SessionReader::new(RING.clone(), TokenPolicy::new(IssuerPolicy::Any))
}

fn answer(round: usize, metadata: &Value) -> AuthResponse {
    let answer = json!({
        "user": {
            "object": "user", "id": "user_1", "email": "ada@example.com", "email_verified": true, "first_name": "Ada",
            "last_name": null, "metadata": metadata, "name": "Ada", "locale": null,
        },
        "access_token": format!("at_{round}"), "refresh_token": format!("rt_{round}"), "organization_id": "org_1",
        "impersonator": { "email": "x@example.com", "reason": "first_name", "inner_case": { "snake_case": 1 } },
    });
    AuthResponse::from_json(answer.to_string().as_bytes()).unwrap()
}

/// A payload whose members are named so.
fn parsed(payload: Vec<u8>, style: Style) -> Result<UnsealedSession, Detail> {
    let format = Format::ALL.iter().find(|format| format.style() == style).unwrap();
    UnsealedSession::parse_as(payload, *format)
}

fn member(json: &str, name: &str) -> String {
    members(json).into_iter().find(|(own, _)| own == name).unwrap().1
}

fn unknown(members: Vec<(String, String)>) -> Vec<(String, String)> {
    members.into_iter().filter(|(name, _)| name.starts_with('x')).collect()
}

proptest! {
    #[test]
    fn what_is_sealed_opens_again(plaintext in prop::collection::vec(any::<u8>(), 0..2000)) {
        let sealed = seal(&plaintext);
        prop_assert!(sealed.bytes().all(|b| b.is_ascii_graphic() && b != b';' && b != b','));
        prop_assert_eq!(open(&sealed), Ok(plaintext));
    }

    #[test]
    fn another_password_opens_nothing(plaintext in prop::collection::vec(any::<u8>(), 0..200), other in "[a-z]{32,40}") {
        let other = KeyRing::from_password(other).unwrap();
        let mut out = b"left over".to_vec();
        prop_assert_eq!(iron::open(&seal(&plaintext), &other, NOW, &mut out).unwrap_err(), Detail::Tampered);
        prop_assert!(out.is_empty());
    }

    /// Where a byte is changed, and into what, is chosen at random here; every place is tried below.
    #[test]
    fn a_changed_seal_does_not_open(plaintext in prop::collection::vec(any::<u8>(), 0..80), at in any::<prop::sample::Index>(), to in "[ -~]") {
        let sealed = seal(&plaintext);
        let at = at.index(sealed.len());
        let mut changed = sealed.clone();
        changed.replace_range(at..=at, &to);
        prop_assume!(changed != sealed);
        prop_assert!(open(&changed).is_err(), "{} opened", changed);
    }

    #[test]
    fn a_cut_or_lengthened_seal_does_not_open(plaintext in prop::collection::vec(any::<u8>(), 0..80), at in any::<prop::sample::Index>(), more in "[ -~]{1,4}") {
        let sealed = seal(&plaintext);
        // The suffix is not covered by the MAC, and a seal without it is a seal (formats.md §2).
        let cut = &sealed[..at.index(sealed.len())];
        prop_assert_eq!(open(cut).is_ok(), cut.len() == sealed.len() - "~2".len());
        let (longer, shifted) = (format!("{sealed}{more}"), format!("{more}{sealed}"));
        prop_assert!(open(&longer).is_err());
        prop_assert!(open(&shifted).is_err());
    }

    /// Names inside `metadata` and `impersonator` are the application's, whatever they look like.
    #[test]
    fn names_inside_metadata_and_impersonator_keep_their_case(names in prop::collection::btree_set("[a-z]{1,8}(_[a-z]{1,8}|[A-Z][a-z]{1,8}){0,2}", 0..6)) {
        let metadata: Map<String, Value> =
            names.iter().map(String::as_str).chain(["first_name", "lastName", "email_verified"]).map(|name| (name.to_owned(), name.into())).collect();
        let metadata = Value::Object(metadata);
        for style in [Style::Camel, Style::Snake, Style::KotlinMixed] {
            let new = payload_of(&answer(0, &metadata), style).to_string();
            let old = parsed(new.clone().into_bytes(), style).unwrap();
            let later = payload_after(&old, &answer(1, &metadata), None).to_string();
            for payload in [new, later] {
                let payload: Value = serde_json::from_str(&payload).unwrap();
                prop_assert_eq!(&payload["user"]["metadata"], &metadata);
                prop_assert_eq!(&payload["impersonator"]["inner_case"], &json!({ "snake_case": 1 }));
                prop_assert_eq!(&payload["impersonator"]["reason"], "first_name");
            }
        }
    }

    /// The user's members are renamed by the table and by nothing else: a name beyond it stays, whatever its case.
    #[test]
    fn a_users_names_are_changed_by_the_table_only(name in "[a-z]{1,8}_[a-z]{1,8}", value in text()) {
        const TABLE: [(&str, &str); 7] = [
            ("email_verified", "emailVerified"), ("first_name", "firstName"), ("last_name", "lastName"),
            ("profile_picture_url", "profilePictureUrl"), ("last_sign_in_at", "lastSignInAt"), ("created_at", "createdAt"),
            ("updated_at", "updatedAt"),
        ];
        prop_assume!(name != "external_id" && TABLE.iter().all(|(snake, _)| *snake != name));
        let mut user = json!({ "id": "user_1" });
        user[&name] = value.as_str().into();
        for (snake, _) in TABLE {
            user[snake] = snake.into();
        }
        let answer = json!({ "user": user, "access_token": "a", "refresh_token": "r" });
        let answer = AuthResponse::from_json(answer.to_string().as_bytes()).unwrap();
        let camel: Value = serde_json::from_str(&payload_of(&answer, Style::Camel)).unwrap();
        let snake: Value = serde_json::from_str(&payload_of(&answer, Style::Snake)).unwrap();
        prop_assert_eq!(&camel["user"][&name], &value);
        prop_assert_eq!(&snake["user"], &user);
        for (api, own) in TABLE {
            prop_assert_eq!(&camel["user"][own], api);
            prop_assert!(camel["user"].get(api).is_none());
        }
    }

    /// A payload is a session or it is not; what is read from it is what a JSON parser reads.
    #[test]
    fn a_payload_reads_as_its_json(text in text(), own in own_members()) {
        let mut all = own;
        all.push(("accessToken".to_owned(), Value::from(text.as_str()).to_string()));
        all.push(("user".to_owned(), json!({ "id": text, "firstName": text, "metadata": { "k": text } }).to_string()));
        match parsed(object(&all).into_bytes(), Style::Camel) {
            Ok(session) => {
                prop_assert_eq!(session.access_token(), &text);
                let user = session.user().unwrap();
                prop_assert_eq!((user.id(), user.first_name()), (Some(text.as_str()), Some(text.as_str())));
                let metadata = user.metadata();
                prop_assert_eq!(metadata["k"].as_ref(), &text);
            }
            Err(detail) => {
                prop_assert_eq!(detail, Detail::NotASession);
                prop_assert!(text.is_empty());
            }
        }
    }

    /// Whatever stands where the user, the impersonator and the organization should: what is written is read again, with the new
    /// pair in it.
    #[test]
    fn what_is_written_is_always_read_again(user in any_json(), impersonator in any_json(), organization in any_json(), before in any_json()) {
        let body = format!(
            r#"{{"user":{user},"impersonator":{impersonator},"organization_id":{organization},"access_token":"at","refresh_token":"rt"}}"#
        );
        let answer = AuthResponse::from_json(body.as_bytes()).unwrap();
        for style in [Style::Camel, Style::Snake, Style::KotlinMixed] {
            let new = payload_of(&answer, style);
            let old = parsed(new.as_bytes().to_vec(), style).unwrap();
            let mut later = vec![payload_after(&old, &answer, None)];
            let names = if style == Style::Snake { "access_token" } else { "accessToken" };
            let before = format!(r#"{{"{names}":"old","user":{before}}}"#);
            if let Ok(old) = parsed(before.into_bytes(), style) {
                later.push(payload_after(&old, &answer, Some("user_1")));
            }
            for payload in later {
                let session = parsed(payload.as_bytes().to_vec(), style).unwrap();
                prop_assert_eq!(session.access_token(), "at");
                let refresh_token = session.refresh_token().unwrap();
                prop_assert_eq!(refresh_token.expose_secret(), "rt");
            }
        }
    }

    #[test]
    fn nothing_panics_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for style in [Style::Camel, Style::Snake, Style::KotlinMixed] {
            let _ = parsed(bytes.clone(), style);
        }
        let _ = (KeySet::parse(&bytes), AuthResponse::from_json(&bytes), PkceState::parse(&bytes, None, NOW));
        let text = String::from_utf8_lossy(&bytes);
        let _ = open(&text);
        let _ = (Callback::parse(&text), ReturnTo::sanitize(&text, &OwnRoutes::default()));
        prop_assert!(matches!(reader().judge(&text, &KeySet::empty(), NOW), Judgement::Rejected(_)));
    }

    /// Bytes that look like a seal, a token, a payload: further into the parsers than noise gets.
    #[test]
    fn nothing_panics_on_what_looks_right(parts in prop::collection::vec("[A-Za-z0-9_=*-]{0,70}", 0..9), token in "[A-Za-z0-9_-]{0,80}(\\.[A-Za-z0-9_-]{0,80}){0,3}", json in any_json()) {
        let _ = open(&format!("Fe26.2*{}", parts.join("*")));
        for payload in [json.clone(), format!(r#"{{"accessToken":"{token}","refreshToken":"r","user":{json}}}"#)] {
            match reader().judge(&seal(payload.as_bytes()), &KeySet::empty(), NOW) {
                Judgement::Rejected(failure) => prop_assert!(matches!(
                    failure.reason(),
                    Reason::InvalidSessionCookie | Reason::InvalidJwt | Reason::InvalidJwtAlgorithm
                )),
                other => prop_assert!(false, "{:?}", other),
            }
        }
        let _ = KeySet::parse(format!(r#"{{"keys":[{json},{{"kty":"RSA","kid":"k","n":"{token}","e":"AQAB"}}]}}"#).as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Everything that is not ours survives twenty refreshes, in order and to the letter, at the top and in the user.
    #[test]
    fn unknown_members_survive_twenty_refreshes(top in own_members(), inside in own_members(), first in any::<bool>(), style in prop_oneof![Just(Style::Camel), Just(Style::Snake), Just(Style::KotlinMixed)]) {
        let new = payload_of(&answer(0, &json!({})), style);
        let mut user = members(&member(&new, "user"));
        user.splice(if first { 0..0 } else { user.len()..user.len() }, inside.clone());
        let mut all: Vec<_> = members(&new).into_iter().filter(|(name, _)| name != "user").collect();
        all.insert(1, ("user".to_owned(), object(&user)));
        all.splice(if first { 0..0 } else { all.len()..all.len() }, top.clone());
        let begun = object(&all);
        let mut payload = begun.clone();
        for round in 1..=20 {
            let sealed = seal(payload.as_bytes());
            let old = parsed(open(&sealed).unwrap(), style).unwrap();
            prop_assert_eq!(old.expose_text(), &payload);
            payload = payload_after(&old, &answer(round, &json!({})), Some("user_1")).to_string();
        }
        prop_assert_eq!(unknown(members(&payload)), top);
        prop_assert_eq!(unknown(members(&member(&payload, "user"))), inside);
        let order = |json: &str| members(json).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        prop_assert_eq!(order(&payload), order(&begun));
        let last = parsed(payload.into_bytes(), style).unwrap();
        prop_assert_eq!(last.access_token(), "at_20");
        let refresh_token = last.refresh_token().unwrap();
        prop_assert_eq!(refresh_token.expose_secret(), "rt_20");
    }
}

#[test]
fn every_single_changed_character_is_refused() {
    let sealed = seal(br#"{"accessToken":"a","refreshToken":"r"}"#);
    assert!(open(&sealed).is_ok());
    for at in 0..sealed.len() {
        let original = sealed.as_bytes()[at];
        for bit in 0..7 {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = original ^ (1 << bit);
            let changed = String::from_utf8(changed).unwrap();
            assert!(open(&changed).is_err(), "bit {bit} of character {at}: {changed}");
        }
    }
}

/// One text twice through a codec must be the text: an encoding with spare bits would let one seal be written in several ways.
#[test]
fn a_seal_can_be_written_in_one_way_only() {
    let sealed = seal(b"x");
    let parts: Vec<&str> = sealed.trim_end_matches("~2").split('*').collect();
    let upper = sealed.replace(parts[2], &parts[2].to_uppercase());
    assert!(upper == sealed || open(&upper).is_err(), "the salt's case is part of the seal");
    for at in [3, 4, 7] {
        let padded = sealed.replace(parts[at], &format!("{}=", parts[at]));
        assert!(open(&padded).is_err(), "part {at} with padding");
    }
}
