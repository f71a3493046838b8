//! What is written for each format, read back by a reader that decodes and by one that does not.

use super::*;
use crate::{
    EncodingPolicy, KeyRing, SystemRandom, UnixMillis,
    format::{Format, Wire},
    session::{DEFAULT_LIMIT, SessionReader},
    token::{IssuerPolicy, TokenPolicy},
};
use proptest::prelude::*;
use std::sync::LazyLock;

const NOW: UnixMillis = UnixMillis::from_secs(1_800_000_000);

/// A password of every shape.
static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    KeyRing::builder()
        .password("base64", format!("{}=", "A".repeat(43)))
        .password("hex", "ab".repeat(32))
        .password("bytes", "x".repeat(32))
        .build()
        .unwrap()
});

/// The reader of an application that writes `format`.
fn reader(format: Format) -> SessionReader {
    SessionReader::new(RING.clone(), TokenPolicy::new(IssuerPolicy::Any))
        .with_encoding(EncodingPolicy::writing(format))
}

/// A session with a member of this text.
fn sealed(format: Format, text: &str) -> String {
    let text = serde_json::to_string(text).unwrap();
    let payload = format!(
        r#"{{"access_token":"a.b.c","accessToken":"a.b.c","refresh_token":"r","refreshToken":"r","x":{text}}}"#
    );
    reader(format).seal(&payload, NOW, &SystemRandom).unwrap().expose_secret().to_owned()
}

fn lines(format: Format, value: &str) -> Result<Vec<SetCookie>, CookieTooLarge> {
    CookieSettings::default().writes(value, reader(format).wire(value, NOW), Presence::NONE)
}

/// The `Cookie` line of a browser that got these lines.
fn header(lines: &[SetCookie]) -> String {
    let pairs: Vec<_> =
        lines.iter().map(|line| format!("{}={}", line.name(), line.encoded_value())).collect();
    pairs.join("; ")
}

/// A server that never decodes: the texts as they stand in the header, each piece without `~sk1.2.<generation>.`.
fn without_decoding(lines: &[SetCookie]) -> String {
    const MARKER: usize = 24;
    match lines {
        [only] => only.encoded_value().to_owned(),
        pieces => pieces.iter().map(|piece| &piece.encoded_value()[MARKER..]).collect(),
    }
}

#[test]
fn raw_formats_are_written_as_they_are_and_the_others_as_encode_uri_component() {
    for format in Format::ALL {
        // Twice: with one cookie, and with pieces.
        for size in [300, 9000] {
            let value = sealed(*format, &"x".repeat(size));
            let lines = lines(*format, &value).unwrap();
            let written: String = lines.iter().map(SetCookie::encoded_value).collect();
            let needs_escapes = encode_value(&value) != value;
            let escaped = written.contains('%');
            match format.wire() {
                Wire::Encoded => assert_eq!(escaped, needs_escapes, "{format}"),
                _ => assert!(!escaped, "{format}: {written}"),
            }
            assert!(format.wire() != Wire::Token || !needs_escapes, "{format}");
        }
    }
}

#[test]
fn wire_column_is_what_servers_of_the_language_read() {
    let of = |wire: fn(Wire) -> bool| -> Vec<_> {
        Format::ALL.iter().filter(|format| wire(format.wire())).map(|format| format.id()).collect()
    };
    assert_eq!(
        of(|wire| wire != Wire::Encoded),
        ["iron", "kotlin-iron", "python-fernet", "go-gcm", "rust-gcm", "b64url-json"]
    );
    assert_eq!(of(|wire| wire == Wire::Raw), ["python-fernet", "go-gcm", "rust-gcm"]);
}

/// A value that an application hands over goes by what it is, not by what is written otherwise.
#[test]
fn value_of_another_format_keeps_its_own_form() {
    for written in [Format::Iron, Format::PhpSecretbox, Format::GoGcm] {
        for handed in Format::ALL.iter().filter(|format| format.is_read_by_default()) {
            let value = sealed(*handed, "x");
            let wire = reader(written).wire(&value, NOW);
            assert_eq!(wire == Wire::Encoded, handed.wire() == Wire::Encoded, "{handed}, written {written}");
        }
    }
}

/// The escapes of 3,670 to 4,084 characters of base64 do not fit, and Go reads no pieces.
#[test]
fn raw_value_is_not_split_for_the_sake_of_escapes() {
    let value = "+".repeat(MAX_COOKIE_BYTES - DEFAULT_NAME.len());
    let settings = CookieSettings::default();
    let [whole] = &settings.writes(&value, Wire::Raw, Presence::NONE).unwrap()[..] else { panic!("split") };
    assert_eq!((whole.encoded_value(), whole.name_and_value_bytes()), (value.as_str(), MAX_COOKIE_BYTES));
    assert_eq!(settings.writes(&value, Wire::Encoded, Presence::NONE).unwrap().len(), 4);
    assert_eq!(settings.writes(&format!("{value}+"), Wire::Raw, Presence::NONE).unwrap().len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back_byte_for_byte(text in "(?s:.{0,40})", times in 1..260_usize) {
        let text = text.repeat(times);
        // The rounds of .NET's key take their time.
        for format in Format::ALL.iter().filter(|format| **format != Format::DotnetGcm || times < 10) {
            let value = sealed(*format, &text);
            let Ok(lines) = lines(*format, &value) else { continue };
            prop_assert!(lines.iter().all(|line| line.name_and_value_bytes() <= MAX_COOKIE_BYTES));
            let header = header(&lines);
            let read: Vec<_> = values([header.as_str()], DEFAULT_NAME, DEFAULT_LIMIT).collect();
            prop_assert_eq!(&read, std::slice::from_ref(&value), "{}", format);
            if format.wire() != Wire::Encoded {
                prop_assert_eq!(without_decoding(&lines), value, "{}", format);
            }
        }
    }
}
