//! What is fuzzed: every reader of hostile bytes, each with what must hold whatever comes in.
//!
//! `cargo fuzz run seal` (in this folder's parent) fuzzes one of them; the core crate's tests run all of them over the
//! vectors and their mutations.
#![allow(dead_code, reason = "each fuzz target takes one of them")]

use sealkit_core::{
    Detail, EncodingPolicy, KeyRing, PathRules, SystemRandom, UnixMillis, WebhookError,
    cookie::{self, CookieSettings, LargeCookies, MAX_CANDIDATES, Presence},
    format::{Format, FormatSet, Wire, detect, iron},
    session::{DEFAULT_LIMIT, SessionReader, UnsealedSession, payload_in},
    sign_in::{Callback, OwnRoutes, ReturnTo, check_pkce},
    token::{IssuerPolicy, KeySet, TokenPolicy, peek_session_id},
    webhook,
};
use std::sync::LazyLock;

const NOW: UnixMillis = UnixMillis::from_secs(1_800_000_000);

/// Before any seal of the vectors has ended.
const EARLY: UnixMillis = UnixMillis::from_secs(1_700_000_000);

/// The password of the vectors, so that a corpus of theirs reaches what lies behind the MAC.
static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    KeyRing::from_password("cookie-password-for-tests-only-0123456789").expect("a good password")
});

/// The passwords of the vectors of every format, in one ring.
static MIXED: LazyLock<KeyRing> = LazyLock::new(|| {
    KeyRing::builder()
        .password("text", "cookie-password-for-tests-only-0123456789")
        .password("hexadecimal", "f35184a3a9dc74b56b3716c7d2baecfc2a13a5ddc5b4d179097fcd7938747702")
        .password("32 bytes", "0123456789abcdefghijklmnopqrstuv")
        .password("base64", "XSzk4amLqIQGAV7cANMNTHuMzSvMiTZ9+EGfKYvkCVA=")
        .password("base64url", "xXMzDBjDQvBC4krSwvnZwP_4jv3_thVQSd-M3uRLYBc=")
        .build()
        .expect("good passwords")
});

/// Reads every format there is, with every password.
static READS_ALL: LazyLock<SessionReader> = LazyLock::new(|| {
    SessionReader::new(MIXED.clone(), TokenPolicy::new(IssuerPolicy::Any))
        .with_encoding(EncodingPolicy::default().with_read(FormatSet::all()))
});

/// Reads what is read when nothing is named, with the same passwords.
static READS_SEALED: LazyLock<SessionReader> = LazyLock::new(|| {
    SessionReader::new(MIXED.clone(), TokenPolicy::new(IssuerPolicy::Any))
        .with_encoding(EncodingPolicy::default().with_read(FormatSet::sealed()))
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
    for format in [Format::Iron, Format::KotlinIron, Format::PythonFernet] {
        if let Ok(session) = UnsealedSession::parse_as(data.to_vec(), format) {
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
            UnsealedSession::parse_as(next.as_bytes().to_vec(), format).expect("a successor is a session");
        }
    }
}

/// A token or a key set.
pub(crate) fn token_and_keys(data: &[u8]) {
    let _ = peek_session_id(&text(data));
    if let Ok(keys) = KeySet::parse(data) {
        let _ = READER.judge("", &keys, NOW);
        for skipped in keys.skipped() {
            assert!(!skipped.to_string().contains(char::is_control), "{:?}", skipped.to_string());
        }
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
    for wire in [Wire::Raw, Wire::Encoded] {
        let Ok(cookie) = CookieSettings::default().set(&value, wire) else { continue };
        let line = cookie.to_header_value();
        assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{line:?}");
        let pair = line.split(';').next().unwrap_or_default();
        let back: Vec<_> = cookie::candidates([pair], "wos-session").collect();
        assert!(value.is_empty() || back == [&*value]);
    }
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
        let path = target.split('?').next().unwrap_or_default();
        assert!(path.split('/').all(|segment| !matches!(segment, "." | "..")), "{target:?}");
    }
}

/// A verifier cookie's value.
pub(crate) fn pkce_state(data: &[u8]) {
    let _ = check_pkce(&text(data), &RING, NOW);
}

/// A value, opened as this format: judged without a panic; what opens seals and opens again to the same.
fn container(format: Format, data: &[u8]) {
    let value = text(data);
    let mut plaintext = b"what the value before this one left here".to_vec();
    if format.open(&value, &MIXED, EARLY, &mut plaintext).is_err() {
        assert!(plaintext.is_empty(), "{format}: nothing is left of what did not open");
        return;
    }
    if format.is_authenticated() {
        assert!(
            detect(&value).iter().any(|shape| shape == format || is_twin(shape, format)),
            "{format}: {value}"
        );
    }
    let again = format.seal(&plaintext, &MIXED, EARLY, &SystemRandom).expect("sealing works");
    let mut opened = Vec::new();
    format.open(&again, &MIXED, EARLY, &mut opened).expect("what we seal opens");
    assert_eq!(opened, plaintext, "{format}");
}

/// Both writers of iron seals share one container.
fn is_twin(one: Format, other: Format) -> bool {
    let iron = [Format::Iron, Format::KotlinIron];
    iron.contains(&one) && iron.contains(&other)
}

/// A value of authkit-react-router.
pub(crate) fn rr_cookie(data: &[u8]) {
    container(Format::RrCookie, data);
}

/// A value of the Python SDK.
pub(crate) fn fernet(data: &[u8]) {
    container(Format::PythonFernet, data);
}

/// A value of the Ruby, Go and Rust SDKs.
pub(crate) fn aes_gcm(data: &[u8]) {
    for format in [Format::RubyV6, Format::RubyV7, Format::GoGcm, Format::RustGcm] {
        container(format, data);
    }
}

/// A value of the older PHP SDK.
pub(crate) fn halite(data: &[u8]) {
    container(Format::PhpHalite, data);
}

/// A value of the older PHP SDK's class that only signs.
pub(crate) fn php_signed(data: &[u8]) {
    container(Format::PhpSigned, data);
}

/// A value of the newer PHP SDK.
pub(crate) fn secretbox(data: &[u8]) {
    container(Format::PhpSecretbox, data);
}

/// A value of the .NET SDK: the costly one.
pub(crate) fn dotnet(data: &[u8]) {
    container(Format::DotnetGcm, data);
}

/// A value of our own.
pub(crate) fn signed_json(data: &[u8]) {
    container(Format::SignedJson, data);
}

/// A value that nothing protects.
pub(crate) fn plain(data: &[u8]) {
    container(Format::PlainJson, data);
    container(Format::B64urlJson, data);
}

/// A value that may be anything, to a reader of everything: few candidates, no unsealed one after a sealed one, the costly one
/// alone; what is read is one of the candidates, and whoever reads less reads the same or nothing.
pub(crate) fn reader(data: &[u8]) {
    let value = text(data);
    let candidates: Vec<Format> = detect(&value).iter().collect();
    let is_sealed = |format: &&Format| format.is_authenticated();
    assert!(candidates.iter().filter(is_sealed).count() <= 5, "{candidates:?}");
    let open = candidates.iter().rposition(|format| !format.is_authenticated());
    let before = &candidates[..open.unwrap_or_default()];
    assert!(!before.iter().any(|format| format.is_authenticated()), "{candidates:?}");
    assert!(candidates.len() == 1 || !candidates.contains(&Format::DotnetGcm), "{candidates:?}");
    let all = READS_ALL.unseal(&value, EARLY);
    if let Ok((less, its)) = READS_SEALED.unseal(&value, EARLY) {
        let (session, seal) = all.as_ref().expect("whoever reads more reads it, too");
        assert_eq!((less.expose_text(), less.style()), (session.expose_text(), session.style()));
        assert_eq!((its.format, &its.key, its.sealed_at), (seal.format, &seal.key, seal.sealed_at));
    }
    match all {
        Ok((session, seal)) => {
            assert!(candidates.iter().any(|shape| *shape == seal.format || is_twin(*shape, seal.format)));
            assert!(!session.access_token().is_empty());
            assert_eq!(session.is_authentic(), seal.format.is_authenticated());
            assert_eq!(seal.key.is_some(), seal.format.is_authenticated());
        }
        Err(detail) => assert!(detail == Detail::TooLarge || value.len() <= DEFAULT_LIMIT),
    }
    let _ = READS_ALL.judge(&value, &KeySet::empty(), EARLY);
}

/// A payload, in every format's names and back: it stays a session with the same tokens, and is not touched again once it has
/// come to a format.
pub(crate) fn conversion(data: &[u8]) {
    for from in [Format::Iron, Format::KotlinIron, Format::PythonFernet, Format::RubyV6] {
        let Ok(session) = UnsealedSession::parse_as(data.to_vec(), from) else { continue };
        for to in Format::ALL.iter().copied() {
            let there = payload_in(&session, to);
            let new =
                UnsealedSession::parse_as(there.payload.as_bytes().to_vec(), to).expect("still a session");
            assert_eq!(new.access_token(), session.access_token());
            let refresh_token = |session: &UnsealedSession| {
                session.refresh_token().map(|token| token.expose_secret().to_owned())
            };
            assert_eq!(refresh_token(&new), refresh_token(&session));
            assert_eq!(*payload_in(&new, to).payload, *there.payload, "{from} to {to}, twice");
        }
    }
}

/// A Cookie header with pieces in it, however wild: bounded. A value, split: its pieces read back to it, and no piece is a
/// value of its own.
pub(crate) fn chunks(data: &[u8]) {
    let limit = DEFAULT_LIMIT;
    let found: Vec<_> = cookie::values([data], "wos-session", limit).collect();
    assert!(found.len() <= MAX_CANDIDATES);
    assert!(found.iter().all(|value| value.len() <= limit.max(data.len())));

    // Long enough to be split: as often as it takes.
    let value = text(data).repeat(6000 / data.len().max(1) + 1);
    let settings =
        CookieSettings::builder().large_cookies(LargeCookies::Split).build().expect("good settings");
    let wire = if data.len().is_multiple_of(2) { Wire::Raw } else { Wire::Encoded };
    let Ok(cookies) = settings.writes(&value, wire, Presence::NONE) else { return };
    let pairs: Vec<_> = cookies
        .iter()
        .filter(|cookie| !cookie.is_deletion())
        .map(|cookie| format!("{}={}", cookie.name(), cookie.encoded_value()))
        .collect();
    assert!(cookies.iter().all(|cookie| cookie.name_and_value_bytes() <= cookie::MAX_COOKIE_BYTES));
    let header = pairs.join("; ");
    let back: Vec<_> = cookie::values([header.as_str()], "wos-session", value.len()).collect();
    assert!(value.is_empty() || back == [&*value]);
    if pairs.len() > 1 {
        let without_one = pairs[1..].join("; ");
        assert_eq!(cookie::values([without_one.as_str()], "wos-session", value.len()).count(), 0);
        assert_eq!(cookie::values([header.as_str()], "wos-session", value.len() - 1).count(), 0);
    }
}

/// A webhook: the first line is its signature, the rest its body. Nobody here knows the secret, so nothing passes, and what is
/// said about it is said of a body in bounds.
pub(crate) fn webhook(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (header, body) = data.split_at(end);
    let header = text(header);
    let secrets = ["a webhook secret of enough characters".into(), "another one of the same length".into()];
    for header in [header.to_string(), format!("t=1800000000000, v1={header}")] {
        let found = webhook::verify(Some(&header), body, &secrets, webhook::DEFAULT_TOLERANCE, NOW);
        let error = found.expect_err("nobody has signed that");
        assert_eq!(error == WebhookError::TooLarge, body.len() > webhook::MAX_BODY_BYTES);
        assert!(!matches!(error, WebhookError::TooOld | WebhookError::TooFarInFuture), "it is forged");
    }
}
