//! Hostile names: of cookies, files, services, organizations, password ids; and hostile lines of files.

use super::hostile::{assert_printed_harmless, hostile};
use crate::common::{PASSWORD, sealkit};
use std::fs;

#[test]
fn hostile_cookie_names_and_lines_are_escaped() {
    // A semicolon would end the name.
    let name = hostile("other").replace(';', "");
    for text in [
        format!("Cookie: {name}=1; a=2"),
        format!("Set-Cookie: {name}=1; Path=/"),
        format!("Set-Cookie: {name}=; Max-Age=0"),
        format!("Set-Cookie: wos-session.1={name}; Path=/"),
        format!("{name}; {name}=2"),
        format!("Cookie: WOS-SESSION={name}"),
        format!("Cookie: wos-session={name}; wos-session=2"),
        format!("Cookie: wos-session.0={name}"),
        format!("Fe26.2*{name}*a*b*c**d*e~2"),
        format!("Fe26.2*{}*a*b*c**d*e~2", name.replace('\n', "")),
        format!("{{\"accessToken\": \"{name}"),
        name.clone(),
    ] {
        for call in
            [&["inspect"][..], &["inspect", "--json"], &["inspect", "--name", &name.replace('\0', "")]]
        {
            assert_printed_harmless(
                &sealkit(call.iter().copied()).password(PASSWORD).input(text.clone()).run(),
                &text,
            );
        }
        for call in [&["unseal"][..], &["authenticate", "--json"], &["unseal", "--any"]] {
            let call = sealkit(call.iter().copied()).password(PASSWORD).env("WORKOS_CLIENT_ID", "client_1");
            assert_printed_harmless(&call.input(text.clone()).run(), &text);
        }
        for call in [&["key", "status"][..], &["key", "status", "--log"], &["key", "status", "--json"]] {
            let call = sealkit(call.iter().copied()).arg("--name", name.clone());
            assert_printed_harmless(&call.password(PASSWORD).input(text.clone()).run(), &text);
        }
        // The failing lines are on standard error, with their input.
        let ran = sealkit(["convert", "--to", "iron"]).password(PASSWORD).input(text.clone()).run();
        assert_printed_harmless(&ran, &text);
    }
}

#[cfg(unix)]
#[test]
fn hostile_file_names_are_escaped() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = directory.path().join(hostile(name));
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (good, short) = (file("good", PASSWORD.as_bytes()), file("short", b"short"));
    let (binary, large) = (file("binary", &[0xff; 40]), file("large", &[b'a'; 1024 * 1024 + 1]));
    let sealed = sealkit(["seal", "--format", "iron"])
        .password(PASSWORD)
        .input("{\"accessToken\":\"a\"}")
        .run()
        .stdout;
    for path in [&good, &short, &binary, &large, &format!("{good}.none")] {
        for call in [
            &["inspect"][..],
            &["inspect", "--json"],
            &["unseal"],
            &["unseal", "--json"],
            &["key", "status"],
            &["key", "status", "--json"],
            &["seal", "--format", "iron"],
            &["seal", "--format", "iron", "--json"],
            &["convert", "--to", "go-gcm"],
        ] {
            for value in [path.clone(), format!("2={path}")] {
                let call = sealkit(call.iter().copied()).arg("--password-file", value).input(sealed.clone());
                assert_printed_harmless(&call.run(), &format!("{path:?}"));
            }
        }
        for call in [
            sealkit(["inspect", "--jwks", path]),
            sealkit(["authenticate", "--jwks", path]),
            sealkit(["key", "status", "--in", path]),
            sealkit(["convert", "--to", "iron", "--in", path]),
            sealkit(["convert", "--to", "iron", "--in", path, "--out", path]),
            sealkit(["convert", "--to", "iron", "--in", &good, "--out", path]),
            sealkit(["convert", "--to", "iron", "--in", &good, "--out", path, "--resume"]),
            sealkit(["inspect"]).env("SEALKIT_COOKIE_PASSWORDS_FILE", path),
        ] {
            assert_printed_harmless(
                &call.password(PASSWORD).input(sealed.clone()).run(),
                &format!("{path:?}"),
            );
        }
    }
}

#[test]
fn hostile_arguments_and_variables_are_escaped() {
    let text = hostile("x").replace('\0', "");
    for call in [
        &["migrate", "--plan", "--to", "iron", "--service", &format!("{text}=next")][..],
        &["migrate", "--plan", "--to", "iron", "--service", &format!("{text}=sealkit:plain-json"), "--json"],
        &["migrate", "--plan", "--to", "iron", "--service", &text],
        &["inspect", "--format", &text],
        &["refresh", "--organization", &text],
        &[&text],
        &["inspect", &text],
        &["inspect", &format!("--{text}")],
        &["key", "new", "--for", &text],
    ] {
        assert_printed_harmless(
            &sealkit(call.iter().copied()).password(PASSWORD).run(),
            &format!("{call:?}"),
        );
    }
    for name in sealkit::config::env::READ {
        let ran = sealkit(["refresh"]).password(PASSWORD).env(name, text.clone()).run();
        assert_printed_harmless(&ran, name);
    }
}
