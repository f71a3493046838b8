//! Which formats a configuration reads and writes.

use super::*;
use sealkit_core::{
    EncodingPolicy, KeyRing, Rewrite,
    format::{Format, FormatSet},
};

const UNSEALED: &str = "plain-json,b64url-json";

/// What is written, and what is read.
fn policy(variables: &[(&str, &str)]) -> (String, String) {
    let config = with(variables).unwrap();
    (config.encoding().write.to_string(), config.encoding().read.to_string())
}

#[test]
fn without_any_setting_iron_is_written_and_every_sealed_format_is_read() {
    assert_eq!(*with(&[]).unwrap().encoding(), EncodingPolicy::default());
    assert_eq!(policy(&[]), ("iron".to_owned(), FormatSet::sealed().to_string()));
}

#[test]
fn the_upstream_words_mean_what_their_authors_meant() {
    let sealed = FormatSet::sealed().to_string();
    let both = format!("{sealed},{UNSEALED}");
    for (read, write, expected) in [
        ("sealed", "sealed", ("iron", sealed.as_str())),
        ("both", "sealed", ("iron", &both)),
        ("both", "unsealed", ("b64url-json", &both)),
        ("unsealed", "unsealed", ("b64url-json", UNSEALED)),
    ] {
        let (written, is_read) =
            policy(&[("WORKOS_SESSION_ENCODING_READ", read), ("WORKOS_SESSION_ENCODING_WRITE", write)]);
        assert_eq!((written.as_str(), is_read.as_str()), expected, "{read} {write}");
    }
    assert_eq!(policy(&[("WORKOS_SESSION_ENCODING_READ", "both")]).0, "iron");
}

#[test]
fn a_word_outside_the_list_is_refused_with_the_list() {
    for word in ["Sealed", "sealed ", "none", "true", "iron", "sealed,unsealed"] {
        let told =
            problems(&[("WORKOS_SESSION_ENCODING_READ", word), ("WORKOS_SESSION_ENCODING_WRITE", word)]);
        let expected = format!(
            "WORKOS_SESSION_ENCODING_WRITE: [not shown, {} characters] is neither sealed nor unsealed; write sealed or unsealed\n\
             WORKOS_SESSION_ENCODING_READ: [not shown, {} characters] is none of sealed, unsealed, both; write sealed, unsealed or both",
            word.len(),
            word.len(),
        );
        assert_eq!(told, expected);
    }
    assert!(problems(&[("WORKOS_SESSION_ENCODING_WRITE", "both")]).contains("neither sealed nor unsealed"));
}

#[test]
fn formats_are_named_by_id_and_by_group() {
    let sealed = FormatSet::sealed().to_string();
    for (read, write, expected) in [
        ("iron", "iron", "iron"),
        ("iron, ruby-v7,iron", "iron", "iron,ruby-v7"),
        ("sealed", "ruby-v7", sealed.as_str()),
        ("iron,unsealed", "plain-json", &format!("iron,{UNSEALED}")),
        ("dotnet-gcm , iron", "dotnet-gcm", "iron,dotnet-gcm"),
        ("signed-json,php-signed", "signed-json", "php-signed,signed-json"),
    ] {
        let (written, is_read) = policy(&[("SEALKIT_FORMATS_READ", read), ("SEALKIT_FORMAT_WRITE", write)]);
        assert_eq!((written.as_str(), is_read.as_str()), (write, expected), "{read}");
    }
    // Sealed, but costly or readable: naming it for writing is naming it.
    for write in ["dotnet-gcm", "signed-json"] {
        assert_eq!(
            with(&[("SEALKIT_FORMAT_WRITE", write)]).unwrap().encoding().read.iter().count(),
            11,
            "{write}"
        );
    }
}

#[test]
fn our_names_stand_above_the_upstream_words() {
    let mixed = [
        ("WORKOS_SESSION_ENCODING_READ", "sealed"),
        ("WORKOS_SESSION_ENCODING_WRITE", "unsealed"),
        ("SEALKIT_FORMATS_READ", "iron,unsealed"),
        ("SEALKIT_FORMAT_WRITE", "plain-json"),
    ];
    assert_eq!(policy(&mixed), ("plain-json".to_owned(), format!("iron,{UNSEALED}")));
    insta::assert_snapshot!(
        problems(&[("WORKOS_SESSION_ENCODING_WRITE", "unsealed"), ("SEALKIT_FORMAT_WRITE", "iron")]),
        @"WORKOS_SESSION_ENCODING_WRITE: does not agree with SEALKIT_FORMAT_WRITE, which names `iron`; set one of the two only"
    );
}

#[test]
fn an_unknown_format_is_refused_with_all_of_them() {
    for id in ["Iron", "iron ", "fe26", "both"] {
        let told = problems(&[("SEALKIT_FORMAT_WRITE", id)]);
        assert_eq!(
            told,
            format!(
                "SEALKIT_FORMAT_WRITE: [not shown, {} characters] is not a format; write one of {}",
                id.len(),
                FormatSet::all()
            ),
        );
    }
    insta::assert_snapshot!(
        problems(&[("SEALKIT_FORMATS_READ", "iron,,ruby-v7")]),
        @r#"SEALKIT_FORMATS_READ: entry 2, [not shown, 0 characters], is not a format; write sealed, unsealed or formats, with commas between them: iron,kotlin-iron,rr-cookie,python-fernet,ruby-v6,ruby-v7,go-gcm,rust-gcm,php-halite,php-signed,php-secretbox,dotnet-gcm,signed-json,plain-json,b64url-json"#
    );
}

#[test]
fn what_is_written_must_be_read() {
    let read = |value| ("SEALKIT_FORMATS_READ", value);
    let write = |value| ("SEALKIT_FORMAT_WRITE", value);
    let words = |read, write| {
        problems(&[("WORKOS_SESSION_ENCODING_READ", read), ("WORKOS_SESSION_ENCODING_WRITE", write)])
    };
    insta::assert_snapshot!(words("sealed", "unsealed"), @"WORKOS_SESSION_ENCODING_WRITE: `b64url-json` would be written and not read: every sign-in would be lost; set WORKOS_SESSION_ENCODING_READ to both");
    insta::assert_snapshot!(words("unsealed", "sealed"), @"WORKOS_SESSION_ENCODING_WRITE: `iron` would be written and not read: every sign-in would be lost; set WORKOS_SESSION_ENCODING_READ to both");
    insta::assert_snapshot!(problems(&[("WORKOS_SESSION_ENCODING_WRITE", "unsealed")]), @"WORKOS_SESSION_ENCODING_WRITE: `b64url-json` would be written and not read: every sign-in would be lost; set WORKOS_SESSION_ENCODING_READ to both");
    insta::assert_snapshot!(problems(&[("WORKOS_SESSION_ENCODING_READ", "unsealed")]), @"WORKOS_SESSION_ENCODING_READ: `iron` would be written and not read: every sign-in would be lost; set WORKOS_SESSION_ENCODING_READ to both");
    insta::assert_snapshot!(problems(&[read("ruby-v7")]), @"SEALKIT_FORMATS_READ: `iron` would be written and not read: every sign-in would be lost; add `iron` to SEALKIT_FORMATS_READ");
    insta::assert_snapshot!(problems(&[read("iron"), write("ruby-v7")]), @"SEALKIT_FORMAT_WRITE: `ruby-v7` would be written and not read: every sign-in would be lost; add `ruby-v7` to SEALKIT_FORMATS_READ");
    insta::assert_snapshot!(problems(&[("WORKOS_SESSION_ENCODING_READ", "both"), write("signed-json")]), @"SEALKIT_FORMAT_WRITE: `signed-json` would be written and not read: every sign-in would be lost; set SEALKIT_FORMATS_READ to the formats that are read, `signed-json` among them");
    let code = EncodingPolicy::writing(Format::Iron).with_read(FormatSet::EMPTY);
    let config = Config::builder().client_id("client_1").cookie_password(PASSWORD).encoding(code).build();
    insta::assert_snapshot!(config.unwrap_err(), @"encoding: `iron` would be written and not read: every sign-in would be lost; add `iron` to what is read");
}

#[test]
fn the_end_of_unsealed_cookies_is_a_day_or_a_moment() {
    for (text, seconds) in [
        ("2027-01-31", 1_801_353_600),
        ("2027-01-31T12:00:00Z", 1_801_396_800),
        ("2027-01-31T12:00:00+02:00", 1_801_389_600),
        ("1970-01-01", 0),
    ] {
        let config =
            with(&[("WORKOS_SESSION_ENCODING_READ", "both"), ("SEALKIT_UNSEALED_UNTIL", text)]).unwrap();
        assert_eq!(config.encoding().unsealed_until, Some(UnixMillis::from_secs(seconds)), "{text}");
    }
    for text in
        ["tomorrow", "2027-02-30", "2027-01", "31.01.2027", "1801353600", "1969-12-31", "2027-01-31T12:00:00"]
    {
        assert_eq!(
            problems(&[("SEALKIT_UNSEALED_UNTIL", text)]),
            format!(
                "SEALKIT_UNSEALED_UNTIL: [not shown, {} characters] is not a time; write it as 2027-01-31 or 2027-01-31T12:00:00Z",
                text.len(),
            ),
        );
    }
    let unsealed = [
        ("WORKOS_SESSION_ENCODING_READ", "both"),
        ("WORKOS_SESSION_ENCODING_WRITE", "unsealed"),
        ("SEALKIT_UNSEALED_UNTIL", "2027-01-31"),
    ];
    insta::assert_snapshot!(problems(&unsealed), @"SEALKIT_UNSEALED_UNTIL: unsealed cookies cannot come to an end, they are what is written; unset the end, or write a sealed format");
}

#[test]
fn cookies_are_written_anew_at_the_next_cookie_or_on_read() {
    for (text, rewrite) in [("next-cookie", Rewrite::WithNextCookie), ("on-read", Rewrite::OnRead)] {
        assert_eq!(with(&[("SEALKIT_REWRITE", text)]).unwrap().encoding().rewrite, rewrite);
    }
    assert_eq!(with(&[]).unwrap().encoding().rewrite, Rewrite::WithNextCookie);
    for text in ["on_read", "ON-READ", "always", "true"] {
        assert_eq!(
            problems(&[("SEALKIT_REWRITE", text)]),
            format!(
                "SEALKIT_REWRITE: [not shown, {} characters] is neither next-cookie nor on-read; write next-cookie or on-read",
                text.len(),
            ),
        );
    }
}

#[test]
fn every_bad_format_setting_is_told_at_once_beside_the_others() {
    let all = read(&[
        ("WORKOS_CLIENT_ID", "client_1"),
        ("WORKOS_SESSION_ENCODING_READ", "all"),
        ("WORKOS_SESSION_ENCODING_WRITE", "raw"),
        ("SEALKIT_FORMATS_READ", "irn"),
        ("SEALKIT_FORMAT_WRITE", "jwt"),
        ("SEALKIT_UNSEALED_UNTIL", "later"),
        ("SEALKIT_REWRITE", "never"),
        ("SEALKIT_COOKIE_PASSWORDS", "now=hidden-too-short"),
        ("WORKOS_COOKIE_MAX_AGE", "x"),
    ])
    .unwrap_err();
    let settings: Vec<_> = all.problems().iter().map(Problem::setting).collect();
    assert_eq!(
        settings,
        [
            "WORKOS_SESSION_ENCODING_WRITE",
            "WORKOS_SESSION_ENCODING_READ",
            "SEALKIT_FORMAT_WRITE",
            "SEALKIT_FORMATS_READ",
            "SEALKIT_UNSEALED_UNTIL",
            "SEALKIT_REWRITE",
            "SEALKIT_COOKIE_PASSWORDS",
            "WORKOS_COOKIE_MAX_AGE",
        ]
    );
    assert!(!all.to_string().contains("hidden"));
}

#[test]
fn a_policy_in_code_stands_above_the_environment_and_what_was_wrong_there() {
    let code = EncodingPolicy::writing(Format::RubyV7).with_rewrite(Rewrite::OnRead);
    let lookup = |name: &str| match name {
        "WORKOS_CLIENT_ID" => Some("client_1".to_owned()),
        "WORKOS_COOKIE_PASSWORD" => Some(PASSWORD.to_owned()),
        "WORKOS_SESSION_ENCODING_WRITE" => Some("nonsense".to_owned()),
        "SEALKIT_FORMAT_WRITE" => Some("\u{fffd}".to_owned()),
        _ => None,
    };
    assert_eq!(*ConfigBuilder::from_env(lookup).encoding(code).build().unwrap().encoding(), code);
}

#[test]
fn the_format_that_is_written_needs_a_password_of_its_shape() {
    let hex = "0123456789abcdef".repeat(4);
    let fernet = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    for (write, fits) in [
        ("python-fernet", fernet),
        ("ruby-v6", "cookie-password-of-32-characters"),
        ("rust-gcm", hex.as_str()),
        ("php-secretbox", fernet),
    ] {
        let told = problems(&[("SEALKIT_FORMAT_WRITE", write)]);
        let format: Format = write.parse().unwrap();
        assert_eq!(
            told,
            format!(
                "WORKOS_COOKIE_PASSWORD: `{write}` needs {}; make one with `sealkit key new --format {write}`",
                format.key_shape().rule()
            )
        );
        assert!(
            with(&[("SEALKIT_FORMAT_WRITE", write), ("WORKOS_COOKIE_PASSWORD", fits)]).is_ok(),
            "{write}"
        );
        // Whichever of several fits it.
        let ring = KeyRing::builder().password("text", PASSWORD).password("fits", fits).build().unwrap();
        let config =
            Config::builder().client_id("client_1").encoding(EncodingPolicy::writing(format)).key_ring(ring);
        assert!(config.build().is_ok(), "{write}");
    }
    insta::assert_snapshot!(
        problems(&[("SEALKIT_FORMAT_WRITE", "rust-gcm")]),
        @"WORKOS_COOKIE_PASSWORD: `rust-gcm` needs exactly 64 hexadecimal digits; make one with `sealkit key new --format rust-gcm`"
    );
}
