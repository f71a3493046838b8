//! What holds of every container, through the reader that reads them all.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]

mod json;

use json::{object, own_members, text};
use proptest::prelude::*;
use sealkit_core::{
    Detail, EncodingPolicy, KeyRing, MAX_PASSWORDS, SystemRandom, UnixMillis,
    format::{Cost, Format, FormatSet, KeyShape, detect},
    session::{DEFAULT_LIMIT, SessionReader, Style},
    token::{IssuerPolicy, TokenPolicy},
};
use serde_json::Value;
use std::sync::LazyLock;

const NOW: UnixMillis = UnixMillis::from_secs(1_800_000_000);

/// As many passwords as a ring holds, of every shape.
const PASSWORDS: [(&str, &str); MAX_PASSWORDS] = [
    ("text", "a-cookie-password-of-the-tests-0123456789"),
    ("hexadecimal", "8d2f6f4b1c0e9a7d5b3f1e0c9a8b7d6e5f4c3b2a1908f7e6d5c4b3a291807f6e"),
    ("32 bytes", "thirty-two-bytes-of-a-password!!"),
    ("base64", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
    ("umlauts", "pässwörter-dürfen-auch-umläüte-enthalten"),
    ("other hexadecimal", "0123456789ABCDEF0123456789abcdef0123456789ABCDEF0123456789abcdef"),
    ("base64url", "_-7d3Mu6qZiHdmVUQzIhEP_-7d3Mu6qZiHdmVUQzIhA="),
    ("64 characters", "this is a password of sixty-four characters, but not hexadecimal"),
];

static RING: LazyLock<KeyRing> = LazyLock::new(|| ring(&PASSWORDS));

fn ring(passwords: &[(&'static str, &'static str)]) -> KeyRing {
    let builder =
        passwords.iter().fold(KeyRing::builder(), |ring, (name, password)| ring.password(*name, *password));
    builder.build().unwrap()
}

/// Writes this format and reads all.
fn reader(format: Format, ring: KeyRing) -> SessionReader {
    let encoding = EncodingPolicy::writing(format).with_read(FormatSet::all());
    SessionReader::new(ring, TokenPolicy::new(IssuerPolicy::Any)).with_encoding(encoding)
}

fn is_costly(format: Format) -> bool {
    format.cost() == Cost::Costly
}

/// The least that is a session, with `more` in it; Kotlin's is known by its user.
fn payload(format: Format, token: &str, more: &[(String, String)]) -> String {
    let camel = matches!(format.style(), Style::Camel | Style::KotlinMixed);
    let verified = if format.style() == Style::Camel { "emailVerified" } else { "email_verified" };
    let mut all = vec![
        (
            if camel { "accessToken" } else { "access_token" }.to_owned(),
            Value::from(format!("t{token}")).to_string(),
        ),
        ("user".to_owned(), format!(r#"{{"id":"user_1","{verified}":true}}"#)),
    ];
    all.extend_from_slice(more);
    object(&all)
}

/// What a value of this format is read as: under a key that both have, Go's and Rust's are the same thing.
fn read_as(format: Format, ring: &KeyRing) -> Format {
    let is_hexadecimal = |name: &str| name.contains("hexadecimal");
    match format {
        Format::GoGcm if format.sealing_key(ring).is_some_and(|key| is_hexadecimal(key.name())) => {
            Format::RustGcm
        }
        other => other,
    }
}

/// Sealed and opened by one reader: the same text, and the truth about its seal.
fn comes_back(format: Format, ring: &KeyRing, payload: &str) -> Result<(), TestCaseError> {
    let reader = reader(format, ring.clone());
    let value = reader.seal(payload, NOW, &SystemRandom).unwrap();
    let (session, seal) = reader.unseal(value.expose_secret(), NOW).unwrap();
    prop_assert_eq!(session.expose_text(), payload, "{}", format);
    prop_assert_eq!(seal.format, read_as(format, ring));
    let key = format.sealing_key(ring).map(|key| key.name().to_owned());
    prop_assert_eq!(seal.key.as_deref(), key.as_deref());
    prop_assert_eq!(session.is_authentic(), format.is_authenticated());
    prop_assert_eq!(key.is_some(), format.is_authenticated());
    Ok(())
}

fn cheap() -> impl Iterator<Item = Format> {
    Format::ALL.iter().copied().filter(|format| !is_costly(*format))
}

proptest! {
    /// Whatever characters a session holds.
    #[test]
    fn whatever_is_sealed_opens_to_the_letter(token in text(), more in own_members()) {
        for format in cheap() {
            comes_back(format, &RING, &payload(format, &token, &more))?;
        }
    }

    #[test]
    fn the_password_that_opened_a_value_is_named(at in 0..PASSWORDS.len(), token in text()) {
        for format in cheap().filter(|format| format.is_authenticated()) {
            let alone = ring(&PASSWORDS[at..=at]);
            let sealed = reader(format, alone.clone()).seal(&payload(format, &token, &[]), NOW, &SystemRandom);
            let Ok(value) = sealed else {
                prop_assert!(format.sealing_key(&alone).is_none(), "{} does not seal", format);
                continue;
            };
            let (_, seal) = reader(Format::Iron, RING.clone()).unseal(value.expose_secret(), NOW).unwrap();
            prop_assert_eq!(seal.key.as_deref(), Some(PASSWORDS[at].0), "{}", format);
            prop_assert_eq!(seal.format, read_as(format, &alone));
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic_or_work_for_long(value in hostile()) {
        assert_bounded(&value);
        if !detect(&value).iter().any(is_costly) {
            let outcome = reader(Format::Iron, RING.clone()).unseal(&value, NOW);
            prop_assert!(outcome.as_ref().is_ok_and(|(session, _)| !session.is_authentic()) || outcome.is_err(), "{}", value);
        }
    }

    #[test]
    fn a_changed_value_is_nobody_s(at in any::<prop::sample::Index>(), to in any::<char>(), token in text()) {
        for format in cheap().filter(|format| format.is_authenticated()) {
            let reader = reader(format, RING.clone());
            let value = reader.seal(&payload(format, &token, &[]), NOW, &SystemRandom).unwrap();
            let mut changed: Vec<char> = value.expose_secret().chars().collect();
            let at = at.index(changed.len());
            let line_end = |c: char| format == Format::RubyV6 && matches!(c, '\r' | '\n');
            prop_assume!(changed[at] != to && !(line_end(changed[at]) && line_end(to)));
            changed[at] = to;
            let changed: String = changed.into_iter().collect();
            assert_bounded(&changed);
            let outcome = reader.unseal(&changed, NOW).map(|(_, seal)| seal.format);
            prop_assert!(outcome.is_err(), "{} as {:?}: {}", format, outcome, changed);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    /// The costly one, a few times.
    #[test]
    fn whatever_is_sealed_at_a_cost_opens_to_the_letter(token in text(), more in own_members()) {
        for format in Format::ALL.iter().copied().filter(|format| is_costly(*format)) {
            let ring = ring(&PASSWORDS[..1]);
            comes_back(format, &ring, &payload(format, &token, &more))?;
        }
    }
}

/// Texts that look like values: in every alphabet, with the prefixes and the marks of every format.
fn hostile() -> impl Strategy<Value = String> {
    let start = prop::sample::select(vec![
        "",
        "Fe26.2*",
        "Fe26.2*1*",
        "{",
        "{\"accessToken\":\"a\"",
        "sj1.",
        "TVVJRUF",
        "eyJwIjoi",
        "eyJ",
        "gAAAAA",
        "gIA",
        "AQ",
        "~2",
        "~sk1.2.",
        "%7B",
    ]);
    let middle = prop_oneof![
        "[A-Za-z0-9+/]{0,200}={0,2}",
        "[A-Za-z0-9_-]{0,200}={0,2}",
        "([A-Za-z0-9+/]{60}\r?\n){0,3}",
        "[A-Za-z0-9_*-]{0,120}",
        text(),
    ];
    let end = prop::sample::select(vec!["", "~2", "~", "=", "==", "\n", "}", ".", "\0"]);
    let parts = (start, middle, end, prop::option::of("\\.[A-Za-z0-9+/_-]{42,44}"));
    let joined = parts
        .prop_map(|(start, middle, end, mac)| format!("{start}{middle}{}{end}", mac.unwrap_or_default()));
    // In both alphabets of base64 at once, and begun like JSON, or like Ruby's version 1.
    prop_oneof![3 => joined, 1 => "(eyJ[A-Za-z0-9]|AQ[A-Za-z0-9]{2})([A-Za-z0-9]{4}){9,40}"]
}

/// Few candidates, the costly one alone, no unsealed one after a sealed one, and at most five attempts for a password.
fn assert_bounded(value: &str) {
    let formats: Vec<Format> = detect(value).iter().collect();
    let first_sealed = formats.iter().position(|format| format.is_authenticated()).unwrap_or(formats.len());
    assert!(formats[first_sealed..].iter().all(|format| format.is_authenticated()), "{formats:?}: {value:?}");
    assert!(first_sealed <= 1, "{formats:?}: {value:?}");
    assert!(formats.len() == 1 || !formats.iter().copied().any(is_costly), "{formats:?}: {value:?}");
    for at in 0..PASSWORDS.len() {
        let alone = &RING.keys()[at];
        let attempts =
            formats.iter().filter(|format| format.keys(&RING).any(|key| key.name() == alone.name())).count();
        assert!(attempts <= 5, "{attempts} with {}: {value:?}", alone.name());
    }
}

/// Every bit of every character, in every format that anybody could want to forge.
#[test]
fn no_bit_of_a_value_can_be_changed() {
    for format in Format::ALL.iter().copied().filter(|format| format.is_authenticated()) {
        let ring = if is_costly(format) { ring(&PASSWORDS[..1]) } else { RING.clone() };
        let reader = reader(format, ring);
        let value = reader.seal(&payload(format, "", &[]), NOW, &SystemRandom).unwrap();
        let value = value.expose_secret();
        assert!(reader.unseal(value, NOW).is_ok());
        // Every attempt at the costly one is a hundred thousand rounds: one bit of each character, another from one to the next.
        let step = if is_costly(format) { 7 } else { 1 };
        for bit in (0..value.len() * 8).step_by(step) {
            let mut changed = value.as_bytes().to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            // What is no UTF-8 never reaches the reader.
            let Ok(changed) = String::from_utf8(changed) else { continue };
            let outcome = reader.unseal(&changed, NOW).map(|(_, seal)| seal.format);
            assert!(outcome.is_err(), "bit {bit} of {format}, as {outcome:?}: {changed}");
        }
        for end in (0..value.len()).step_by(step) {
            let cut = &value[..end];
            // Iron's suffix is covered by no MAC, and says nothing; the last line end of a value of Ruby's counts for nothing.
            let same = format!("{cut}~2") == value || format!("{cut}\n") == value;
            assert_eq!(reader.unseal(cut, NOW).is_ok(), same, "{format} cut off at {end}: {cut}");
        }
    }
}

/// The longest value that is read, and one byte more.
#[test]
fn a_session_of_any_size_comes_back_up_to_the_limit() {
    for format in Format::ALL.iter().copied() {
        let ring = if is_costly(format) { ring(&PASSWORDS[..1]) } else { RING.clone() };
        let reader = reader(format, ring);
        let of = |size: usize| {
            let filling = [("x".to_owned(), format!("\"{}\"", "y".repeat(size)))];
            reader.seal(&payload(format, "", &filling), NOW, &SystemRandom).unwrap()
        };
        let (mut fits, mut too_large) = (0, DEFAULT_LIMIT);
        while too_large - fits > 1 {
            let middle = fits.midpoint(too_large);
            if of(middle).expose_secret().len() <= DEFAULT_LIMIT { fits = middle } else { too_large = middle }
        }
        let (last, next) = (of(fits), of(too_large));
        let read = |value: &str| reader.unseal(value, NOW).map(|(session, _)| session.expose_text().len());
        assert_eq!(
            read(last.expose_secret()).unwrap(),
            payload(format, "", &[]).len() + r#","x":"""#.len() + fits,
            "{format}"
        );
        assert_eq!(read(next.expose_secret()).unwrap_err(), Detail::TooLarge, "{format}");
        assert!(last.expose_secret().len() > DEFAULT_LIMIT - 100, "{format}");
    }
}

/// The eight passwords cover every shape, so that the tests above try what they say.
#[test]
fn every_format_has_a_password_among_the_eight() {
    for format in Format::ALL.iter().copied() {
        let keys = format.keys(&RING).count();
        assert_eq!(keys == 0, format.key_shape() == KeyShape::Unneeded, "{format}: {keys}");
    }
}
