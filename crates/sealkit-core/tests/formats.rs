//! Every cookie that the real SDKs made, in every format: opened, sealed again to the same bytes, refused as it must be.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use sealkit_core::{
    CookiePassword, Detail, EncodingPolicy, KeyRing, RandomUnavailable, SecureRandom, SystemRandom,
    UnixMillis, UnsealedSession,
    format::{Format, FormatSet, KeyShape, SealError, detect},
    session::SessionReader,
    token::{IssuerPolicy, TokenPolicy},
};
use serde_json::Value;
use std::{fs, sync::Mutex};

/// Any time from 2026-12 on will do where a vector names none.
const LATER: u64 = 1_796_600_000_000;

/// Before any seal of the detection cases has ended.
const EARLY: UnixMillis = UnixMillis::from_secs(1_700_000_000);

/// The files with the formats beside iron, and how many vectors each holds.
const SETS: [(&str, usize); 10] = [
    ("python", 54),
    ("ruby", 70),
    ("go", 38),
    ("rust", 31),
    ("php", 54),
    ("kotlin", 11),
    ("dotnet", 30),
    ("react_router", 17),
    ("unsealed", 36),
    ("signed_json", 26),
];

fn file(name: &str) -> Value {
    let path = format!("{}/../../vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn text<'v>(vector: &'v Value, member: &str) -> &'v str {
    vector[member].as_str().unwrap()
}

/// The password as the SDK takes it. The formats have floors of their own; ours, 32 characters for all, stands above them.
fn ring(vector: &Value) -> Result<KeyRing, Detail> {
    let password = vector["password"].as_str().unwrap_or("no password, because the format has none");
    let builder = KeyRing::builder().password("current", password).with_insecure_short_passwords();
    builder.build().map_err(|_| Detail::BadPassword)
}

/// How long the password is, as JavaScript counts.
fn text_length(vector: &Value) -> usize {
    vector["password"].as_str().map_or(usize::MAX, |password| password.encode_utf16().count())
}

fn now(vector: &Value) -> UnixMillis {
    UnixMillis::from_millis(vector["now_ms"].as_u64().unwrap_or(LATER))
}

fn format(vector: &Value) -> Format {
    text(vector, "format").parse().unwrap()
}

/// What the reader of this format says: the limit, the container, and whether it is a session.
fn read(vector: &Value) -> Result<UnsealedSession, Detail> {
    let (format, value) = (format(vector), text(vector, "cookie_value"));
    if value.len() > sealkit_core::session::DEFAULT_LIMIT {
        return Err(Detail::TooLarge);
    }
    let mut plaintext = Vec::new();
    format.open(value, &ring(vector)?, now(vector), &mut plaintext)?;
    UnsealedSession::read(plaintext, format)
}

/// Gives back the randomness that a seal carries, so that sealing again must give the same bytes.
#[derive(Debug)]
struct Replay(Mutex<Vec<u8>>);

impl SecureRandom for Replay {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        let mut left = self.0.lock().unwrap();
        bytes.copy_from_slice(&left[..bytes.len()]);
        left.drain(..bytes.len());
        Ok(())
    }
}

fn randomness(format: Format, value: &str) -> Vec<u8> {
    let standard = || STANDARD.decode(value.replace(['\n', '\r'], "")).unwrap();
    match format {
        Format::Iron | Format::KotlinIron => iron_randomness(value),
        Format::RrCookie => {
            let body = STANDARD.decode(value.rsplit_once('.').unwrap().0).unwrap();
            iron_randomness(serde_json::from_slice::<Value>(&body).unwrap()["jwt"].as_str().unwrap())
        }
        Format::PythonFernet => URL_SAFE.decode(value).unwrap()[9..25].to_vec(),
        Format::RubyV6 | Format::GoGcm | Format::RustGcm => standard()[..12].to_vec(),
        Format::RubyV7 => standard()[1..13].to_vec(),
        Format::PhpSecretbox => standard()[..24].to_vec(),
        Format::PhpHalite => URL_SAFE.decode(standard()).unwrap()[4..60].to_vec(),
        Format::DotnetGcm => STANDARD.decode(value.strip_suffix("~2").unwrap()).unwrap()[..28].to_vec(),
        _ => Vec::new(),
    }
}

fn iron_randomness(seal: &str) -> Vec<u8> {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let parts: Vec<&str> = seal.split('*').collect();
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
    };
    [hex(parts[2]), URL_SAFE_NO_PAD.decode(parts[3]).unwrap(), hex(parts[6])].concat()
}

/// When the value says that it was sealed.
fn sealed_at(format: Format, value: &str) -> UnixMillis {
    match format {
        Format::PythonFernet => {
            let bytes = URL_SAFE.decode(value).unwrap();
            UnixMillis::from_secs(u64::from_be_bytes(bytes[1..9].try_into().unwrap()))
        }
        _ => UnixMillis::from_millis(LATER),
    }
}

#[test]
fn every_good_cookie_opens_to_its_plaintext_and_seals_again_to_the_same_bytes() {
    for (set, count) in SETS {
        let vectors = file(set)["vectors"].as_array().unwrap().clone();
        assert_eq!(vectors.len(), count, "{set}");
        for vector in vectors.iter().filter(|vector| vector["expect"] == "ok") {
            let (id, format, value) = (text(vector, "id"), format(vector), text(vector, "cookie_value"));
            let ring = ring(vector).unwrap();
            let mut plaintext = Vec::new();
            let opened = format.open(value, &ring, now(vector), &mut plaintext);
            assert!(opened.is_ok(), "{id}: {opened:?}");
            assert_eq!(String::from_utf8(plaintext.clone()).unwrap(), text(vector, "plaintext"), "{id}");
            read(vector).unwrap_or_else(|detail| panic!("{id}: {detail}"));
            // Kotlin can write an expiration, sealkit never does for it; the container's own tests seal these again.
            if format == Format::KotlinIron && opened.is_ok_and(|opened| opened.expires_at.is_some()) {
                continue;
            }
            if vector["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == "noncanonical")) {
                continue;
            }
            let short = text_length(vector) < sealkit_core::MIN_PASSWORD_CHARACTERS;
            if short && format.key_shape() == KeyShape::Text32 {
                let refused = format.seal(&plaintext, &ring, sealed_at(format, value), &SystemRandom);
                assert_eq!(refused, Err(SealError::BadPassword), "{id}: short passwords open only");
                continue;
            }
            let random = Replay(Mutex::new(randomness(format, value)));
            let again = format.seal(&plaintext, &ring, sealed_at(format, value), &random).unwrap();
            assert_eq!(again, value, "{id}");
        }
    }
}

#[test]
fn every_bad_cookie_is_refused_with_an_allowed_class() {
    for (set, _) in SETS {
        for vector in
            file(set)["vectors"].as_array().unwrap().iter().filter(|vector| vector["expect"] != "ok")
        {
            let class = read(vector).map_or_else(|detail| detail.as_str(), |_| "ok");
            let allowed: Vec<&str> = vector["expect_any"]
                .as_array()
                .unwrap()
                .iter()
                .map(|class| class.as_str().unwrap())
                .collect();
            assert!(allowed.contains(&class), "{}: {class}, allowed {allowed:?}", text(vector, "id"));
        }
    }
}

/// A reader of everything, with the password of the case.
fn reads_all(password: &str) -> SessionReader {
    let ring = KeyRing::builder().password("current", CookiePassword::from(password));
    SessionReader::new(ring.build().unwrap(), TokenPolicy::new(IssuerPolicy::Any))
        .with_encoding(EncodingPolicy::default().with_read(FormatSet::all()))
}

#[test]
fn every_value_is_recognised_for_what_it_is() {
    let cases = file("detect")["cases"].as_array().unwrap().clone();
    for case in &cases {
        let (id, truth, value) = (text(case, "id"), text(case, "truth"), text(case, "cookie_value"));
        let shapes: Vec<&str> = detect(value).iter().map(Format::id).collect();
        if truth == "none" {
            assert!(shapes.is_empty(), "{id}: {shapes:?}");
            continue;
        }
        assert!(
            shapes.iter().any(|shape| truth.split('|').any(|format| format == *shape)),
            "{id}: {shapes:?}"
        );
        let reader =
            reads_all(case["password"].as_str().unwrap_or("no password, because the format has none"));
        let (_, seal) = reader.unseal(value, EARLY).unwrap_or_else(|detail| panic!("{id}: {detail}"));
        assert!(truth.split('|').any(|format| format == seal.format.id()), "{id}: {}", seal.format);
    }
    assert_eq!(cases.len(), 27);
}

#[test]
fn a_value_that_looks_sealed_and_fails_is_never_read_as_unsealed() {
    for (set, _) in SETS {
        for vector in file(set)["vectors"].as_array().unwrap() {
            let value = text(vector, "cookie_value");
            if !format(vector).is_authenticated() {
                continue;
            }
            let stranger = reads_all("another-password-for-tests-only-0123456789");
            if let Ok((_, seal)) = stranger.unseal(value, now(vector)) {
                panic!("{}: opened as {}", text(vector, "id"), seal.format);
            }
        }
    }
}
