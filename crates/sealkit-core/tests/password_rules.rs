//! Which password of a ring a format seals with, and that what it seals opens again.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use sealkit_core::{
    CookiePassword, Detail, EncodingPolicy, Key, KeyRing, Rewrite, SystemRandom, UnixMillis, UnsealedSession,
    format::{Format, FormatSet, KeyShape, SealError},
    session::SessionReader,
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

/// Sessions of which nobody can say whether Kotlin wrote them.
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
fn a_session_that_may_be_either_iron_writer_s_is_the_one_s_that_is_written_and_else_the_one_s_that_is_read() {
    let only = |format: Format| FormatSet::EMPTY.with(format);
    let both = only(Format::Iron).with(Format::KotlinIron);
    for payload in UNDECIDED {
        let kotlin =
            reader(EncodingPolicy::writing(Format::KotlinIron)).seal(payload, NOW, &SystemRandom).unwrap();
        for (write, read, format) in [
            (Format::KotlinIron, both, Format::KotlinIron),
            (Format::KotlinIron, only(Format::KotlinIron), Format::KotlinIron),
            (Format::Iron, both, Format::Iron),
            (Format::GoGcm, both, Format::Iron),
            (Format::GoGcm, only(Format::KotlinIron), Format::KotlinIron),
            (Format::Iron, only(Format::KotlinIron), Format::KotlinIron),
            (Format::KotlinIron, only(Format::Iron), Format::Iron),
        ] {
            let reader = reader(EncodingPolicy::writing(write).with_read(read));
            let (session, seal) = reader.unseal(kotlin.expose_secret(), NOW).unwrap();
            assert_eq!(
                (seal.format, session.style()),
                (format, format.style()),
                "{payload}: {write}, {read}"
            );
        }
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
    let camel = r#"{"accessToken":"a","user":{"id":"user_1","emailVerified":false}}"#;
    let value = Format::KotlinIron.seal(camel.as_bytes(), reader.ring(), NOW, &SystemRandom).unwrap();
    assert_eq!(reader.unseal(&value, NOW).unwrap().1.format, Format::Iron, "the payload decides");
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
