//! Which password of a ring a format seals with, and that what it seals opens again.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use sealkit_core::{
    CookiePassword, Detail, EncodingPolicy, Key, KeyRing, Rewrite, SystemRandom, UnixMillis, UnsealedSession,
    format::{Format, FormatSet, KeyShape, SealError},
    session::{AuthResponse, SessionReader, Style, payload_in, payload_of},
    token::{IssuerPolicy, TokenPolicy},
};
use std::time::Duration;

const NOW: UnixMillis = UnixMillis::from_secs(1_800_000_000);
const FIRST: &str = "the-first-password-of-the-tests-0123456789";
const SECOND: &str = "the-second-password-of-the-tests-0123456789";

fn sealed(format: Format, ring: &KeyRing) -> Result<String, SealError> {
    format.seal(format.wrap("{}", NOW, Duration::ZERO).as_bytes(), ring, NOW, &SystemRandom)
}

/// The name of the password that opens it.
fn opened(format: Format, value: &str, ring: &KeyRing) -> Result<String, Detail> {
    let mut plaintext = Vec::new();
    let opened = format.open(value, ring, NOW, &mut plaintext)?;
    assert_eq!(plaintext, format.wrap("{}", NOW, Duration::ZERO).as_bytes());
    Ok(opened.key.unwrap().name().to_owned())
}

#[test]
fn kotlin_s_seals_are_made_with_a_password_of_its_only_id() {
    let ring = KeyRing::builder()
        .password_with_id("new", "2027", FIRST)
        .password("kotlin's", SECOND)
        .password_with_id("one", "1", "a-third-password-of-the-tests-0123456789")
        .build()
        .unwrap();
    let names: Vec<_> = Format::KotlinIron.keys(&ring).map(Key::name).collect();
    assert_eq!(names, ["kotlin's", "one"]);
    assert_eq!(Format::KotlinIron.sealing_key(&ring).map(Key::name), Some("kotlin's"));
    let value = sealed(Format::KotlinIron, &ring).unwrap();
    assert!(value.starts_with("Fe26.2*1*") && !value.contains('~'), "{value}");
    assert_eq!(opened(Format::KotlinIron, &value, &ring).as_deref(), Ok("kotlin's"));
    assert_eq!(
        EncodingPolicy::writing(Format::KotlinIron).seal_info(&ring, NOW).key.as_deref(),
        Some("kotlin's")
    );
}

#[test]
fn a_ring_whose_ids_are_not_kotlin_s_writes_nothing_for_it() {
    let ring = KeyRing::builder().password_with_id("new", "2027", FIRST).build().unwrap();
    assert_eq!(sealed(Format::KotlinIron, &ring), Err(SealError::BadPassword));
    let error = EncodingPolicy::writing(Format::KotlinIron).check_ring(&ring).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`kotlin-iron` needs any text of at least 32 characters without an id or with the id 1; \
         make one with `sealkit key new --format kotlin-iron`"
    );
    let value = sealed(Format::Iron, &ring).unwrap();
    assert!(value.starts_with("Fe26.2*2027*"), "{value}");
}

#[test]
fn the_seal_inside_a_router_cookie_has_the_frameworks_id_whatever_the_password_s_is() {
    let ring =
        KeyRing::builder().password_with_id("new", "2027", FIRST).password("old", SECOND).build().unwrap();
    let value = sealed(Format::RrCookie, &ring).unwrap();
    assert_eq!(opened(Format::RrCookie, &value, &ring).as_deref(), Ok("new"));
    let without = KeyRing::from_password(FIRST).unwrap();
    assert_eq!(
        opened(Format::RrCookie, &value, &without).as_deref(),
        Ok("current"),
        "what the framework reads"
    );
}

#[test]
fn a_short_password_seals_in_no_format_whose_rule_is_32_characters() {
    let short = "a-password-of-the-tests-of-31-c";
    let alone = KeyRing::builder().password("short", short).with_insecure_short_passwords().build().unwrap();
    let both = KeyRing::builder().password("short", short).password("long", FIRST);
    let both = both.with_insecure_short_passwords().build().unwrap();
    for format in Format::ALL.iter().copied().filter(|format| format.key_shape() == KeyShape::Text32) {
        let policy = EncodingPolicy::writing(format);
        assert_eq!(sealed(format, &alone), Err(SealError::BadPassword), "{format}");
        assert!(policy.check_ring(&alone).is_err(), "{format}");
        assert!(format.check_password(&CookiePassword::from(short)).is_err(), "{format}");
        // The first that may seals, and its name is the one that is told.
        let value = sealed(format, &both).unwrap();
        assert_eq!(opened(format, &value, &both).as_deref(), Ok("long"), "{format}");
        assert_eq!(policy.seal_info(&both, NOW).key.as_deref(), Some("long"), "{format}");
    }
}

#[test]
fn the_rule_counts_characters_as_javascript_does_and_leaves_other_shapes_alone() {
    let check = |format: Format, text: String| format.check_password(&CookiePassword::from(text)).is_ok();
    for format in
        [Format::Iron, Format::RrCookie, Format::GoGcm, Format::RubyV7, Format::DotnetGcm, Format::SignedJson]
    {
        assert!(!check(format, "é".repeat(31)), "{format}");
        assert!(check(format, "é".repeat(32)), "{format}");
        assert!(check(format, "\u{1F511}".repeat(16)), "{format}");
        assert!(!check(format, "\u{1F511}".repeat(15)), "{format}");
    }
    assert!(check(Format::RubyV6, "é".repeat(16)), "32 bytes, used as they are");
}

/// Sessions whose users do not tell how they are named.
const UNDECIDED: [&str; 3] = [
    r#"{"accessToken":"a","refreshToken":"r"}"#,
    r#"{"accessToken":"a","user":null}"#,
    r#"{"accessToken":"a","user":{"id":"user_1"}}"#,
];

fn reader(policy: EncodingPolicy) -> SessionReader {
    SessionReader::new(KeyRing::from_password(FIRST).unwrap(), TokenPolicy::new(IssuerPolicy::Any))
        .with_encoding(policy)
}

#[test]
fn suffix_decides_the_container_whatever_is_read_and_written() {
    let only = |format: Format| FormatSet::EMPTY.with(format);
    let both = only(Format::Iron).with(Format::KotlinIron);
    for payload in UNDECIDED {
        let kotlin =
            reader(EncodingPolicy::writing(Format::KotlinIron)).seal(payload, NOW, &SystemRandom).unwrap();
        let iron = reader(EncodingPolicy::writing(Format::Iron)).seal(payload, NOW, &SystemRandom).unwrap();
        for (write, read) in [
            (Format::KotlinIron, both),
            (Format::KotlinIron, only(Format::KotlinIron)),
            (Format::Iron, both),
            (Format::GoGcm, both),
            // node 8 and later opens it, and so does this.
            (Format::Iron, only(Format::Iron)),
        ] {
            let reader = reader(EncodingPolicy::writing(write).with_read(read).with_rewrite(Rewrite::OnRead));
            let (_, seal) = reader.unseal(kotlin.expose_secret(), NOW).unwrap();
            assert_eq!(seal.format, Format::KotlinIron, "{payload}: {write}, {read}");
            let is_rewritten = reader.encoding().is_rewritten_on_read(&seal, reader.ring());
            assert_eq!(is_rewritten, write != Format::KotlinIron, "{payload}: {write}, {read}");
            if read.contains(Format::Iron) {
                assert_eq!(reader.unseal(iron.expose_secret(), NOW).unwrap().1.format, Format::Iron);
            }
        }
    }
}

#[test]
fn user_decides_the_names_and_where_iron_alone_is_read() {
    let snake = r#"{"accessToken":"a","user":{"id":"user_1","created_at":"2026-01-01T00:00:00Z"}}"#;
    let camel = r#"{"accessToken":"a","user":{"id":"user_1","lastName":"Lovelace"}}"#;
    let policy = EncodingPolicy::writing(Format::Iron).with_rewrite(Rewrite::OnRead);
    let both = reader(policy);
    let iron_only = reader(policy.with_read(FormatSet::EMPTY.with(Format::Iron)));
    for (container, payload, names, is_read_as_iron) in [
        (Format::KotlinIron, snake, Style::KotlinMixed, false),
        // As workos-android and bare iron libraries write it.
        (Format::KotlinIron, camel, Style::Camel, true),
        (Format::Iron, snake, Style::KotlinMixed, true),
        (Format::Iron, camel, Style::Camel, true),
    ] {
        let value = container.seal(payload.as_bytes(), both.ring(), NOW, &SystemRandom).unwrap();
        let (session, seal) = both.unseal(&value, NOW).unwrap();
        assert_eq!((seal.format, seal.names, session.style()), (container, names, names), "{payload}");
        assert_eq!(iron_only.unseal(&value, NOW).is_ok(), is_read_as_iron, "{container} {payload}");
        let is_current = container == Format::Iron && names == Style::Camel;
        assert_eq!(policy.is_current(&seal, both.ring()), is_current, "{container} {payload}");
    }
}

#[test]
fn what_kotlin_would_write_now_is_not_written_anew() {
    let policy = EncodingPolicy::writing(Format::KotlinIron).with_rewrite(Rewrite::OnRead);
    let reader = reader(policy);
    let known = r#"{"accessToken":"a","user":{"id":"user_1","email_verified":false}}"#;
    for payload in UNDECIDED.into_iter().chain([known]) {
        let value = reader.seal(payload, NOW, &SystemRandom).unwrap();
        let (_, seal) = reader.unseal(value.expose_secret(), NOW).unwrap();
        assert!(policy.is_current(&seal, reader.ring()), "{payload}");
        assert!(!policy.is_rewritten_on_read(&seal, reader.ring()), "{payload}");
        // What JavaScript wrote is: it ends in what Kotlin's reader refuses.
        let value = Format::Iron.seal(payload.as_bytes(), reader.ring(), NOW, &SystemRandom).unwrap();
        let (_, seal) = reader.unseal(&value, NOW).unwrap();
        assert!(policy.is_rewritten_on_read(&seal, reader.ring()), "{payload}");
    }
}

#[test]
fn short_passwords_open_only_where_the_sdks_have_no_floor() {
    let short = "short-password";
    let ring = KeyRing::builder().password("short", short).with_floors_by_format().build().unwrap();
    let any = KeyRing::builder().password("short", short).with_insecure_short_passwords().build().unwrap();
    for format in Format::ALL.iter().copied().filter(|format| format.key_shape() == KeyShape::Text32) {
        assert_eq!(sealed(format, &ring), Err(SealError::BadPassword), "{format}: it opens at most");
        let opens =
            !matches!(format, Format::Iron | Format::KotlinIron | Format::RrCookie | Format::SignedJson);
        assert_eq!(format.keys(&ring).count(), usize::from(opens), "{format}");
        if format != Format::RubyV7 {
            assert_eq!(format.keys(&any).count(), 1, "{format}");
        }
    }
    let iron = Format::Iron.seal(b"{}", &KeyRing::from_password(FIRST).unwrap(), NOW, &SystemRandom).unwrap();
    assert_eq!(opened(Format::Iron, &iron, &ring), Err(Detail::BadPassword));
    // As Go sealed it.
    let faults = "AgICAgICAgICAgICvCMJlseoxikt7Y+RhgYidJ4hriMzECnJijvM6xVI";
    assert_eq!(opened(Format::GoGcm, faults, &ring), Err(Detail::Tampered));
}

#[test]
fn lone_surrogates_open_in_every_format_and_stay_what_they_are() {
    let names = [("accessToken", "firstName"), ("accessToken", "first_name"), ("access_token", "first_name")];
    for (token, first_name) in names {
        let payload = format!(
            r#"{{"{token}":"a","user":{{"id":"u","{first_name}":"a\ud83d","metadata":{{"k":"\udc00","l":"x"}}}},"impersonator":{{"email":"s@x","reason":"\ud83d"}},"\ud83d":1}}"#
        );
        for format in Format::ALL.iter().copied() {
            let plaintext = format.wrap(&payload, NOW, Duration::ZERO).as_bytes().to_vec();
            let Ok(session) = UnsealedSession::read(plaintext, format) else { continue };
            let user = session.user().unwrap();
            assert_eq!(user.first_name(), Some("a\u{fffd}"), "{format}");
            assert_eq!(user.metadata().get("k").map(|text| &**text), Some("\u{fffd}"), "{format}");
            assert_eq!(session.impersonator_email(), Some("s@x"), "{format}");
            assert_eq!(session.impersonator_reason(), Some("\u{fffd}"), "{format}");
            assert_eq!(session.expose_text(), payload, "{format}");
            // What is written in another format opens, too, and what is written is what came.
            for to in Format::ALL.iter().copied() {
                let converted = payload_in(&session, to).payload;
                assert_eq!(converted.matches("\\ud83d").count(), 3, "{format} → {to}: {}", *converted);
                assert!(
                    UnsealedSession::parse_as(converted.as_bytes().to_vec(), to).is_ok(),
                    "{format} → {to}"
                );
            }
        }
    }
    // An answer of the API is sealed as it came, and opens again.
    let answer = AuthResponse::from_json(
        br#"{"access_token":"a","refresh_token":"r","user":{"id":"u","first_name":"a\ud83d"}}"#,
    )
    .unwrap();
    for format in Format::ALL.iter().copied() {
        let payload = payload_of(&answer, format.style());
        let session = UnsealedSession::parse_as(payload.as_bytes().to_vec(), format).unwrap();
        assert_eq!(session.user().unwrap().first_name(), Some("a\u{fffd}"), "{format}");
    }
}

#[test]
fn what_is_read_from_an_unsealed_container_says_so() {
    for format in Format::ALL.iter().copied().filter(|format| format.style() == Format::Iron.style()) {
        let session = UnsealedSession::parse_as(b"{\"accessToken\":\"a\"}".to_vec(), format).unwrap();
        assert_eq!(session.is_authentic(), format.is_authenticated(), "{format}");
    }
}

#[test]
fn the_unsealed_formats_are_a_set_of_their_own() {
    assert_eq!(FormatSet::unsealed().to_string(), "plain-json,b64url-json");
}
