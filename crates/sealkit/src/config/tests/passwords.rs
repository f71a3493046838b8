//! Where the cookie passwords come from.

use super::*;
use sealkit_core::{Key, KeyRing, SystemRandom, format::iron};
use std::{fs, path::PathBuf};

const OLD: &str = "the-password-before-that-0123456789-0123";
const UNSEALED: [(&str, &str); 2] =
    [("WORKOS_SESSION_ENCODING_READ", "unsealed"), ("WORKOS_SESSION_ENCODING_WRITE", "unsealed")];

/// A file that goes when the test ends.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = std::env::temp_dir().join(format!("sealkit-passwords-{}-{name}", std::process::id()));
        fs::write(&path, content).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

/// Client id and API key, and these.
fn client(more: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let mut variables =
        vec![("WORKOS_CLIENT_ID", "client_0123456789"), ("WORKOS_API_KEY", "sk_test_0123456789")];
    variables.extend(more);
    read(&variables)
}

fn told(more: &[(&str, &str)]) -> String {
    client(more).unwrap_err().to_string()
}

fn list(list: &str) -> String {
    told(&[("SEALKIT_COOKIE_PASSWORDS", list)])
}

/// What is said of a file with this content, its path left out.
fn file(name: &str, content: impl AsRef<[u8]>) -> String {
    let file = TempFile::new(name, content);
    told(&[("SEALKIT_COOKIE_PASSWORDS_FILE", file.path())]).replace(file.path(), "[path]")
}

fn names(config: &Config) -> Vec<(&str, Option<&str>)> {
    config.key_ring().keys().iter().map(|key| (key.name(), key.id())).collect()
}

/// True when what is sealed with `password` opens with the configuration's ring.
fn opens(config: &Config, password: &str) -> bool {
    let sealed = iron::seal(b"{}", &KeyRing::from_password(password).unwrap(), None, &SystemRandom).unwrap();
    let mut plaintext = Vec::new();
    let format = sealkit_core::format::Format::Iron;
    format.open(&sealed, config.key_ring(), UnixMillis::from_secs(1), &mut plaintext).is_ok()
}

#[test]
fn without_a_password_it_is_derived_as_the_upstream_proposals_do_it() {
    let config = client(&[]).unwrap();
    assert_eq!(config.password_source(), PasswordSource::Derived);
    assert_eq!(names(&config), [("derived", None)]);
    assert!(opens(&config, "wos-ck:sk_test_0123456789:client_0123456789"));
    assert!(!opens(&config, "wos-ck:client_0123456789:sk_test_0123456789"));
}

#[test]
fn a_configured_password_wins_and_the_derived_one_opens_nothing_then() {
    for config in [
        client(&[("WORKOS_COOKIE_PASSWORD", PASSWORD)]).unwrap(),
        client(&[("SEALKIT_COOKIE_PASSWORDS", &format!("one={PASSWORD}"))]).unwrap(),
    ] {
        assert_eq!(config.password_source(), PasswordSource::Configured);
        assert!(opens(&config, PASSWORD) && !opens(&config, "wos-ck:sk_test_0123456789:client_0123456789"));
    }
}

#[test]
fn a_derived_password_must_fit_what_is_written_and_be_long_enough() {
    insta::assert_snapshot!(
        told(&[("SEALKIT_FORMAT_WRITE", "python-fernet")]),
        @"WORKOS_COOKIE_PASSWORD: `python-fernet` needs base64 of exactly 32 bytes (44 characters, `=` included); make one with `sealkit key new --format python-fernet`"
    );
    insta::assert_snapshot!(
        read(&[("WORKOS_CLIENT_ID", "client_1"), ("WORKOS_API_KEY", "sk_1")]).unwrap_err(),
        @"WORKOS_COOKIE_PASSWORD: is not set, and API key and client id are too short to derive one from; make a password with `sealkit key new` and set it"
    );
}

#[test]
fn without_an_api_key_a_password_is_needed_and_a_wrong_key_is_told_alone() {
    let missing = "WORKOS_COOKIE_PASSWORD: is not set, and without an API key none can be derived";
    assert!(read(&[("WORKOS_CLIENT_ID", "client_1")]).unwrap_err().to_string().starts_with(missing));
    for key in ["", "sk with spaces"] {
        let error = read(&[("WORKOS_CLIENT_ID", "client_1"), ("WORKOS_API_KEY", key)]).unwrap_err();
        assert_eq!(error.problems().len(), 1, "{error}");
        assert_eq!(error.problems()[0].setting(), "WORKOS_API_KEY");
    }
    let error = read(&[("WORKOS_API_KEY", "sk_test_0123456789")]).unwrap_err();
    assert_eq!((error.problems().len(), error.problems()[0].setting()), (1, "WORKOS_CLIENT_ID"));
}

#[test]
fn fully_unsealed_needs_no_password_until_somebody_signs_in() {
    let public = |more: &[(&str, &str)]| {
        read(&[&[("WORKOS_CLIENT_ID", "client_1")], UNSEALED.as_slice(), more].concat())
    };
    let config = public(&[]).unwrap();
    assert_eq!(config.password_source(), PasswordSource::Unneeded);
    assert!(config.key_ring().keys().is_empty());
    insta::assert_snapshot!(
        public(&[("WORKOS_REDIRECT_URI", "https://app.example/callback")]).unwrap_err(),
        @"WORKOS_COOKIE_PASSWORD: is not set, and without an API key none can be derived; sign-ins are sealed in every mode; make a password with `sealkit key new` and set it"
    );
    // With both modes on the way, something is sealed.
    let both = [("WORKOS_SESSION_ENCODING_READ", "both")];
    assert!(public(&both).unwrap_err().to_string().starts_with("WORKOS_COOKIE_PASSWORD"));
    // With an API key, sign-ins are sealed with the derived one.
    assert_eq!(client(&UNSEALED).unwrap().password_source(), PasswordSource::Derived);
}

#[test]
fn a_list_has_names_iron_ids_comments_and_an_order() {
    let text = format!(
        "# the newest first\nnew-2027.01={PASSWORD}\r\n\n   \nold_one:7={OLD}\npadded=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    );
    let from_list = client(&[("SEALKIT_COOKIE_PASSWORDS", &text)]).unwrap();
    let file = TempFile::new("good", &text);
    let from_file = client(&[("SEALKIT_COOKIE_PASSWORDS_FILE", file.path())]).unwrap();
    let from_code =
        Config::builder().client_id("client_1").cookie_passwords_file(file.path()).build().unwrap();
    for config in [&from_list, &from_file, &from_code] {
        assert_eq!(names(config), [("new-2027.01", None), ("old_one", Some("7")), ("padded", None)]);
        assert!(opens(config, PASSWORD) && !opens(config, OLD), "the old one is for seals that name 7");
        assert!(opens(config, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="));
        let iron = sealkit_core::format::Format::Iron;
        assert_eq!(iron.sealing_key(config.key_ring()).map(Key::name), Some("new-2027.01"));
    }
    assert_eq!((from_list.passwords_file(), from_file.passwords_file()), (None, Some(file.0.as_path())));
}

#[test]
fn a_bad_list_is_told_line_by_line_and_no_line_is_shown() {
    insta::assert_snapshot!(list("secret-without-a-name-0123456789"), @"SEALKIT_COOKIE_PASSWORDS: line 1 is no named password; write NAME=PASSWORD; a name has letters, digits, `.`, `_` and `-`");
    insta::assert_snapshot!(list("# nothing\n\n"), @"SEALKIT_COOKIE_PASSWORDS: no cookie password given; make one with `sealkit key new`");
    insta::assert_snapshot!(list("one=secret"), @r#"SEALKIT_COOKIE_PASSWORDS: password "one" has 6 characters, at least 32 are needed; make one with `sealkit key new`"#);
    insta::assert_snapshot!(list(&format!("one={PASSWORD}\none={OLD}")), @r#"SEALKIT_COOKIE_PASSWORDS: two passwords are named "one"; give each its own name"#);
    insta::assert_snapshot!(list(&format!("one:a-b={PASSWORD}\nsec ret={OLD}\ntwo=secret")), @r#"
    SEALKIT_COOKIE_PASSWORDS: line 2 is no named password; write NAME=PASSWORD; a name has letters, digits, `.`, `_` and `-`
    SEALKIT_COOKIE_PASSWORDS: the id of password "one" may hold letters, digits and underscores only; change it
    SEALKIT_COOKIE_PASSWORDS: password "two" has 6 characters, at least 32 are needed; make one with `sealkit key new`
    "#);
    let nine: String = (0..9).map(|n| format!("key{n}={PASSWORD}\n")).collect();
    insta::assert_snapshot!(list(&nine), @"SEALKIT_COOKIE_PASSWORDS: 9 passwords given, at most 8 are allowed; remove the ones that open nothing any more");
}

#[test]
fn a_bare_password_is_never_taken_for_a_name() {
    for bare in [
        "U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0U2U=",
        "U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0Uw==",
        "U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0",
        ":=U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0",
    ] {
        let told = list(&format!("one={PASSWORD}\n{bare}"));
        assert!(told.contains("line 2 is no named password") && !told.contains("U2Vj"), "{told}");
    }
}

#[test]
fn a_file_that_cannot_be_used_is_told_with_its_path() {
    let missing = std::env::temp_dir().join("sealkit-there-is-no-such-file");
    let missing = missing.to_str().unwrap();
    insta::assert_snapshot!(
        told(&[("SEALKIT_COOKIE_PASSWORDS_FILE", missing)]).replace(missing, "[path]"),
        @"SEALKIT_COOKIE_PASSWORDS_FILE: [path] cannot be read (entity not found); name a file with lines NAME=PASSWORD that this process may read"
    );
    insta::assert_snapshot!(file("latin1", b"one=\xe9\xe8\n"), @"SEALKIT_COOKIE_PASSWORDS_FILE: [path] is not UTF-8 text; name a file with lines NAME=PASSWORD that this process may read");
    insta::assert_snapshot!(file("large", vec![b'#'; 64 * 1024 + 1]), @"SEALKIT_COOKIE_PASSWORDS_FILE: [path] cannot be read (file too large); name a file with lines NAME=PASSWORD that this process may read");
    insta::assert_snapshot!(file("bad", "one=secret\nno password"), @r#"
    SEALKIT_COOKIE_PASSWORDS_FILE: line 2 is no named password; write NAME=PASSWORD; a name has letters, digits, `.`, `_` and `-`
    SEALKIT_COOKIE_PASSWORDS_FILE: password "one" has 6 characters, at least 32 are needed; make one with `sealkit key new`
    "#);
}

#[test]
fn passwords_come_in_one_way_only() {
    let listed = format!("one={PASSWORD}");
    let given = [
        ("WORKOS_COOKIE_PASSWORD", PASSWORD),
        ("SEALKIT_COOKIE_PASSWORDS", listed.as_str()),
        ("SEALKIT_COOKIE_PASSWORDS_FILE", "/nowhere"),
    ];
    for (two, expected) in [
        ([given[0], given[1]], "WORKOS_COOKIE_PASSWORD: is set beside SEALKIT_COOKIE_PASSWORDS; "),
        ([given[0], given[2]], "WORKOS_COOKIE_PASSWORD: is set beside SEALKIT_COOKIE_PASSWORDS_FILE; "),
        ([given[1], given[2]], "SEALKIT_COOKIE_PASSWORDS: is set beside SEALKIT_COOKIE_PASSWORDS_FILE; "),
    ] {
        assert!(told(&two).starts_with(expected), "{}", told(&two));
    }
    assert!(told(&given).starts_with(
        "WORKOS_COOKIE_PASSWORD: is set beside SEALKIT_COOKIE_PASSWORDS and SEALKIT_COOKIE_PASSWORDS_FILE; \
         set one of them only; a list takes every password, the one that seals first"
    ));
    assert!(!told(&given).contains(PASSWORD));
    // Code replaces them all, and what was wrong with them.
    let variables = given.map(|(name, value)| (name, value.to_owned()));
    let lookup = move |wanted: &str| {
        variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone())
    };
    let builder = ConfigBuilder::from_env(lookup).client_id("client_1").cookie_password(OLD);
    assert!(opens(&builder.build().unwrap(), OLD));
}

#[test]
fn debug_shows_no_password_wherever_it_came_from() {
    let listed = format!("one={PASSWORD}");
    let file = TempFile::new("debug", &listed);
    for (name, value) in [
        ("WORKOS_COOKIE_PASSWORD", PASSWORD),
        ("SEALKIT_COOKIE_PASSWORDS", &listed),
        ("SEALKIT_COOKIE_PASSWORDS_FILE", file.path()),
    ] {
        let value = value.to_owned();
        let builder = ConfigBuilder::from_env(|wanted| match wanted {
            "WORKOS_CLIENT_ID" => Some("client_1".to_owned()),
            wanted => (wanted == name).then(|| value.clone()),
        });
        let shown = format!("{builder:?} {:#?}", builder.clone().build().unwrap());
        assert!(!shown.contains(PASSWORD), "{name}: {shown}");
    }
}
