//! `sealkit key` from outside: passwords that every SDK takes, and what a sample of cookies says.
use crate::common::{PASSWORD, Ran, Sealkit, sealkit};
use sealkit::{CookiePassword, Key, KeyRing, SystemRandom, UnixMillis, format::Format};
use serde_json::{Value, json};
use std::fs;
use tempfile::TempDir;

fn new_for(sdks: &str) -> Value {
    let ran = sealkit(["key", "new", "--for", sdks, "--json"]).run();
    assert_eq!(ran.code, 0, "{ran}");
    ran.json()
}

#[test]
fn one_password_is_made_for_all_that_one_fits() {
    let answer = new_for("next,node,react-router,python,ruby,go,php,php4,kotlin,dotnet,sealkit");
    let passwords = answer["passwords"].as_array().unwrap();
    assert_eq!(passwords.len(), 1, "{answer}");
    let password = passwords[0]["key"].as_str().unwrap();
    assert!(password.len() == 44 && !password.contains(['+', '/', '-', '_']), "{password}");
    for id in [
        "iron",
        "rr-cookie",
        "python-fernet",
        "ruby-v7",
        "go-gcm",
        "php-secretbox",
        "php-halite",
        "dotnet-gcm",
    ] {
        let format: Format = id.parse().unwrap();
        assert_eq!(format.check_password(&CookiePassword::from(password)), Ok(()), "{id}");
    }
    assert_eq!(passwords[0]["settings"][0], json!({"sdk": "next", "variable": "WORKOS_COOKIE_PASSWORD"}));
    assert_eq!(answer["sealkit"]["value"], format!("shared={password}"));
}

#[test]
fn where_no_password_fits_all_each_gets_its_own_and_sealkit_all_of_them() {
    let answer = new_for("next,rust,python,ruby6,sealkit");
    let passwords = answer["passwords"].as_array().unwrap();
    assert_eq!(passwords.len(), 3, "{answer}");
    let mut builder = KeyRing::builder();
    for line in answer["sealkit"]["value"].as_str().unwrap().lines() {
        let (name, password) = line.split_once('=').unwrap();
        builder = builder.password(name, password);
    }
    let ring = builder.build().unwrap();
    for (format, key) in [
        (Format::PythonFernet, "shared"),
        (Format::Iron, "shared"),
        (Format::RustGcm, "rust"),
        (Format::RubyV6, "ruby6"),
    ] {
        assert_eq!(format.sealing_key(&ring).map(Key::name), Some(key), "{format}");
    }
    let one = new_for("next,rust,go");
    assert_eq!(one["passwords"].as_array().unwrap().len(), 1, "64 hexadecimal digits are text, too: {one}");

    let text = sealkit(["key", "new", "--for", "next,rust,python"]).run();
    assert_eq!(text.code, 0, "{text}");
    for part in [
        "no password fits them all",
        "WORKOS_COOKIE_PASSWORD=",
        "cookie_password: \"",
        "SEALKIT_COOKIE_PASSWORDS=$'shared=",
    ] {
        assert!(text.stdout.contains(part), "{part}: {text}");
    }
    let unknown = sealkit(["key", "new", "--for", "next,perl"]).run();
    assert!(unknown.code == 2 && unknown.stderr.contains("no such SDK"), "{unknown}");
    let both = sealkit(["key", "new", "--for", "next", "--format", "iron"]).run();
    assert_eq!(both.code, 2, "{both}");
}

#[test]
fn help_lists_every_format_and_every_sdk() {
    for command in [&["seal"][..], &["unseal"], &["convert"], &["migrate"]] {
        let ran = sealkit(command.iter().copied().chain(["--help"])).run();
        for format in Format::ALL {
            assert!(ran.stdout.contains(format.id()), "{command:?}: {format}");
        }
    }
    let ran = sealkit(["key", "new", "--help"]).run();
    assert!(ran.stdout.contains("react-router") && ran.stdout.contains("workos-go"), "{ran}");
}

const NEW: &str = "the new password, of more than 32 characters";

fn cookie(format: Format, password: &str, number: usize, now: u64) -> String {
    let ring = KeyRing::from_password(password).unwrap();
    // A token that was issued at 1796500000.
    let token = format!("e30.eyJpYXQiOjE3OTY1MDAwMDB9.{number}");
    let payload =
        json!({"accessToken": token, "access_token": token, "user": {"id": "secret-user"}}).to_string();
    format.seal(payload.as_bytes(), &ring, UnixMillis::from_secs(now), &SystemRandom).unwrap()
}

fn status(directory: &TempDir, more: &[&str], sample: &str) -> Sealkit {
    let file = |name: &str, password: &str| {
        let path = directory.path().join(name);
        fs::write(&path, password).unwrap();
        path.display().to_string()
    };
    sealkit(["key", "status", "--now", "1796600000"].iter().chain(more).copied())
        .arg("--password-file", file("new", NEW))
        .arg("--password-file", file("old", PASSWORD))
        .input(sample)
}

fn verdicts(answer: &Value, list: &str, name: &str) -> Vec<(String, u64, String)> {
    let text = |one: &Value, member: &str| one[member].as_str().unwrap().to_owned();
    let all = answer[list].as_array().unwrap();
    all.iter().map(|one| (text(one, name), one["seen"].as_u64().unwrap(), text(one, "verdict"))).collect()
}

fn own(name: &str, seen: u64, verdict: &str) -> (String, u64, String) {
    (name.to_owned(), seen, verdict.to_owned())
}

#[test]
fn a_sample_says_what_is_out_there_and_how_old_it_is() {
    let directory = TempDir::new().unwrap();
    let (one, two) = (cookie(Format::Iron, PASSWORD, 1, 0), cookie(Format::GoGcm, NEW, 2, 0));
    let sample = [
        one.clone(),
        one.clone(),
        format!("Cookie: a=1; wos-session={one}; b=2"),
        json!({"cookie": two, "x": 1}).to_string(),
        format!("Set-Cookie: wos-session={}; Path=/", cookie(Format::RubyV7, NEW, 3, 0)),
        "Set-Cookie: wos-session=; Max-Age=0".to_owned(),
        "Cookie: other=1".to_owned(),
        one.replace("~2", "x~2"),
        "Cookie: wos-session=%zz".to_owned(),
    ]
    .join("\n");
    let ran: Ran = status(&directory, &["--json"], &sample).run();
    assert_eq!(ran.code, 1, "{ran}");
    let answer = ran.json();
    assert_eq!(answer["sample"]["cookies"], 7, "{answer}");
    assert_eq!(answer["sample"]["distinct"], 5, "{answer}");
    let kind = |format: &str, key: &str| json!({"format": format, "key": key, "count": 1, "share": "20.0 %", "youngest_seconds": 100_000, "oldest_seconds": 100_000});
    assert_eq!(answer["kinds"], json!([kind("go-gcm", "new"), kind("iron", "old"), kind("ruby-v7", "new")]));
    let reasons: Vec<&str> =
        answer["unreadable"].as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons.len(), 2, "{answer}");
    assert!(reasons.contains(&"damaged"), "{answer}");
    assert_eq!(verdicts(&answer, "passwords", "name"), [own("new", 2, "seals"), own("old", 1, "in_use")]);
    let formats = verdicts(&answer, "formats", "format");
    assert!(
        formats.contains(&own("iron", 1, "in_use"))
            && formats.contains(&own("php-halite", 0, "sample_too_small"))
    );
    assert!(!answer.to_string().contains("secret-user") && !answer.to_string().contains("e30."), "redacted");
}

#[test]
fn a_password_counts_as_gone_only_in_a_sample_that_is_large_enough() {
    let directory = TempDir::new().unwrap();
    let log = |count: usize| -> String {
        let line = |number| {
            let cookie = cookie(Format::GoGcm, NEW, number, 0).replace('+', "%2B").replace('=', "%3D");
            format!("10.0.0.1 - - \"GET / HTTP/1.1\" 200 \"wos-session={cookie}; theme=dark\"\n")
        };
        (0..count).map(line).collect()
    };
    let few = status(&directory, &["--log", "--json"], &log(20)).run();
    assert_eq!(few.code, 0, "{few}");
    assert_eq!(verdicts(&few.json(), "passwords", "name")[1], own("old", 0, "sample_too_small"));
    assert_eq!(few.json()["sample"]["unseen_at_most"], "15.00 %");
    let many = status(&directory, &["--log", "--json"], &log(300)).run();
    assert_eq!(verdicts(&many.json(), "passwords", "name")[1], own("old", 0, "could_be_dropped"));
    let text = status(&directory, &["--log"], &log(300)).run().stdout;
    assert!(text.starts_with("300 different cookies among 300 in 300 lines\n"), "{text}");
    assert!(
        text.contains("could be dropped: not seen; with 95 % confidence under 1.00 % of cookies have it"),
        "{text}"
    );
    assert!(text.contains("cookies of users who stay away"), "{text}");
}

#[test]
fn nothing_found_is_no() {
    let directory = TempDir::new().unwrap();
    let ran = status(&directory, &["--log"], "GET / HTTP/1.1\n").run();
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.stdout.starts_with("nothing found: no cookie `wos-session` in 1 lines"), "{ran}");
    let named = status(
        &directory,
        &["--log", "--name", "sid", "--json"],
        &format!("sid={}\n", cookie(Format::Iron, NEW, 1, 0)),
    )
    .run();
    assert_eq!((named.code, &named.json()["sample"]["distinct"]), (0, &json!(1)), "{named}");
}
