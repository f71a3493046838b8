//! What is fuzzed: every reader of hostile bytes, each with what must hold whatever comes in.
//!
//! `cargo fuzz run seal` (in this folder's parent) fuzzes one of them; the core crate's tests run all of them over the
//! vectors and their mutations.
#![allow(dead_code, reason = "each fuzz target takes one of them")]

use sealkit_core::{
    KeyRing, PathRules, SystemRandom, UnixMillis,
    cookie::{self, CookieSettings, MAX_CANDIDATES},
    format::iron,
    session::{SessionReader, Style, UnsealedSession},
    sign_in::{Callback, OwnRoutes, ReturnTo, check_pkce},
    token::{IssuerPolicy, KeySet, TokenPolicy, peek_session_id},
};
use std::sync::LazyLock;

const NOW: UnixMillis = UnixMillis::from_secs(1_800_000_000);

/// The password of the vectors, so that a corpus of theirs reaches what lies behind the MAC.
static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    KeyRing::from_password("cookie-password-for-tests-only-0123456789").expect("a good password")
});

static READER: LazyLock<SessionReader> =
    LazyLock::new(|| SessionReader::new(RING.clone(), TokenPolicy::new(IssuerPolicy::Any)));

fn text(data: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(data)
}

/// A cookie value: judged without a panic; what opens seals and opens again to the same.
pub(crate) fn seal(data: &[u8]) {
    let value = text(data);
    let mut plaintext = Vec::new();
    if iron::open(&value, &RING, NOW, &mut plaintext).is_ok() {
        let again = iron::seal(&plaintext, &RING, None, &SystemRandom).expect("sealing works");
        let mut opened = Vec::new();
        iron::open(&again, &RING, NOW, &mut opened).expect("what we seal opens");
        assert_eq!(opened, plaintext);
    } else {
        assert!(plaintext.is_empty(), "nothing is left of what did not open");
    }
    let _ = READER.judge(&value, &KeySet::empty(), NOW);
}

/// A plaintext: read without a panic in every style; what is read is kept byte for byte.
pub(crate) fn payload(data: &[u8]) {
    for style in [Style::Camel, Style::KotlinMixed, Style::Snake] {
        if let Ok(session) = UnsealedSession::parse(data.to_vec(), style) {
            assert!(!session.access_token().is_empty());
            assert_eq!(session.expose_text().as_bytes(), data);
            let _ = (session.refresh_token(), session.organization_id(), session.impersonator_reason());
            if let Some(user) = session.user() {
                assert!(user.id().is_some_and(|id| !id.is_empty()));
                let _ = (user.display_name(), user.metadata());
            }
            let response = sealkit_core::session::AuthResponse::from_json(
                br#"{"access_token":"a","refresh_token":"r"}"#,
            );
            let next =
                sealkit_core::session::payload_after(&session, &response.expect("an answer"), Some("user_1"));
            UnsealedSession::parse(next.as_bytes().to_vec(), style).expect("a successor is a session");
        }
    }
}

/// A token or a key set.
pub(crate) fn token_and_keys(data: &[u8]) {
    let _ = peek_session_id(&text(data));
    if let Ok(keys) = KeySet::parse(data) {
        let _ = READER.judge("", &keys, NOW);
    }
}

/// A Cookie header: at most three candidates, whatever it holds.
pub(crate) fn cookie_header(data: &[u8]) {
    assert!(cookie::candidates([data], "wos-session").count() <= MAX_CANDIDATES);
    for (name, value) in cookie::pairs([data]) {
        assert!(!name.is_empty() || value.len() <= data.len());
    }
}

/// A value: one line, and it reads back.
pub(crate) fn set_cookie(data: &[u8]) {
    let value = text(data);
    let Ok(cookie) = CookieSettings::default().set(&value) else { return };
    let line = cookie.to_header_value();
    assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{line:?}");
    let pair = line.split(';').next().unwrap_or_default();
    let back: Vec<_> = cookie::candidates([pair], "wos-session").collect();
    assert!(value.is_empty() || back == [value]);
}

/// A callback's query.
pub(crate) fn callback(data: &[u8]) {
    let _ = Callback::parse(&text(data)).failure();
}

/// A return path: it stays on the origin, and sanitizing it again changes nothing.
pub(crate) fn return_to(data: &[u8]) {
    let own = OwnRoutes::new(["/login", "/callback"]);
    let path = ReturnTo::sanitize(&text(data), &own);
    let origin = url::Url::parse("https://app.example.test").expect("an origin");
    let resolved = origin.join(path.as_str()).expect("a path resolves");
    assert_eq!(resolved.origin(), origin.origin());
    assert_eq!(ReturnTo::sanitize(path.as_str(), &own), path);
}

/// A request target against a rule: nothing but the canonical spelling is public.
pub(crate) fn path_rules(data: &[u8]) {
    let rules = PathRules::parse(["GET /pub/*"]).expect("a good rule");
    let target = text(data);
    if rules.matches("GET", &target) {
        assert!(target.starts_with("/pub/") || target.split('?').next() == Some("/pub"), "{target:?}");
        assert!(!target.split('?').next().unwrap_or_default().contains(".."), "{target:?}");
    }
}

/// A verifier cookie's value.
pub(crate) fn pkce_state(data: &[u8]) {
    let _ = check_pkce(&text(data), &RING, NOW);
}
