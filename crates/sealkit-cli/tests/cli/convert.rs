//! `sealkit convert` from outside: every format into every other one, every line accounted for, interrupted and gone on with.
use crate::common::{PASSWORD, Ran, Sealkit, in_parallel, sealkit, vectors};
use sealkit::{
    CookiePassword, KeyRing, SystemRandom, UnixMillis, UnsealedSession,
    format::{Format, KeyShape},
};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};
use tempfile::TempDir;

/// A time after all vectors were made.
const LATER_MS: u64 = 1_796_600_000_000;

const SETS: [&str; 10] =
    ["iron", "react_router", "python", "ruby", "go", "rust", "php", "kotlin", "dotnet", "unsealed"];

fn now() -> UnixMillis {
    UnixMillis::from_millis(LATER_MS)
}

fn ring(password: &str) -> KeyRing {
    KeyRing::from_password(CookiePassword::from(password)).unwrap()
}

/// One good vector of every format: the one that holds most.
fn sources() -> Vec<(Format, Value)> {
    let mut best: BTreeMap<String, Value> = BTreeMap::new();
    for vector in SETS.iter().chain(&["signed_json"]).flat_map(|set| vectors(set)) {
        let length = vector["plaintext"].as_str().map_or(0, str::len);
        let good = vector["expect"] == "ok" && vector["password_map"].is_null() && vector["now_ms"].is_null();
        let plain =
            !vector["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == "noncanonical"));
        let id = vector["format"].as_str().unwrap().to_owned();
        let before = best.get(&id).map_or(0, |best| best["plaintext"].as_str().unwrap().len());
        let session = vector["plaintext"].as_str().is_some_and(|text| text.contains("user"));
        let long_enough = vector["password"].as_str().is_none_or(|password| password.len() >= 32);
        if good && plain && session && long_enough && length < 4000 && length > before {
            best.insert(id, vector);
        }
    }
    best.into_iter().filter_map(|(id, vector)| Some((id.parse().ok()?, vector))).collect()
}

/// A payload by the API's names, without what stands for nothing.
fn canonical(payload: &Value) -> Value {
    let renamed = |object: &Map<String, Value>, names: &[(&str, &str)]| -> Map<String, Value> {
        let name =
            |own: &str| names.iter().find(|(camel, _)| *camel == own).map_or(own, |(_, api)| api).to_owned();
        object.iter().map(|(own, value)| (name(own), value.clone())).collect()
    };
    let mut top = renamed(
        payload.as_object().unwrap(),
        &[
            ("accessToken", "access_token"),
            ("refreshToken", "refresh_token"),
            ("organizationId", "organization_id"),
            ("authenticationMethod", "authentication_method"),
            ("oauthTokens", "oauth_tokens"),
        ],
    );
    if top.get("impersonator").is_some_and(|by| by.is_null() || by == "null") {
        top.remove("impersonator");
    }
    if let Some(Value::Object(user)) = top.get_mut("user") {
        *user = renamed(
            user,
            &[
                ("emailVerified", "email_verified"),
                ("firstName", "first_name"),
                ("lastName", "last_name"),
                ("profilePictureUrl", "profile_picture_url"),
                ("lastSignInAt", "last_sign_in_at"),
                ("externalId", "external_id"),
                ("createdAt", "created_at"),
                ("updatedAt", "updated_at"),
            ],
        );
        user.retain(|name, value| name != "object" || value != "user");
    }
    if let Some(Value::Object(tokens)) = top.get_mut("oauth_tokens") {
        *tokens = renamed(
            tokens,
            &[
                ("accessToken", "access_token"),
                ("refreshToken", "refresh_token"),
                ("expiresAt", "expires_at"),
            ],
        );
    }
    top.into()
}

/// What is inside of a value of this format.
fn payload(value: &str, format: Format, password: &str, at: UnixMillis) -> Value {
    let (ring, mut plaintext) = (ring(password), Vec::new());
    format
        .open(value, &ring, at, &mut plaintext)
        .unwrap_or_else(|detail| panic!("{format}: {detail}: {value}"));
    let session = UnsealedSession::read(plaintext, format).unwrap();
    serde_json::from_str(session.expose_text()).unwrap()
}

fn decoded(line: &str) -> String {
    let line = line.strip_suffix('\n').unwrap();
    if line.contains('{') {
        line.to_owned()
    } else {
        sealkit::cookie::decode_value(line).unwrap().into_owned()
    }
}

#[test]
fn every_format_becomes_every_other_and_the_payload_stays() {
    let (directory, sources) = (TempDir::new().unwrap(), sources());
    assert_eq!(sources.len(), Format::ALL.len(), "a vector of each");
    let passwords: Vec<(Format, String)> = Format::ALL
        .iter()
        .map(|format| {
            let shape = match format.key_shape() {
                KeyShape::Unneeded => KeyShape::Text32,
                shape => shape,
            };
            let password = shape.generate(&SystemRandom).unwrap().expose_secret().to_owned();
            fs::write(directory.path().join(format.id()), &password).unwrap();
            (*format, password)
        })
        .collect();
    let pairs: Vec<_> =
        sources.iter().flat_map(|source| passwords.iter().map(move |to| (source, to))).collect();
    in_parallel(&pairs, |((from, vector), (to, password))| {
        let mut call = sealkit(["convert", "--now", "1796600000", "--to", to.id()])
            .arg("--to-password-file", directory.path().join(to.id()).display().to_string())
            .input(serde_json::to_string(&json!({"cookie": vector["cookie_value"]})).unwrap() + "\n");
        if let Some(password) = vector["password"].as_str() {
            call = call.password(password);
        } else {
            call = call.arg("--from", from.id());
            if to.is_authenticated() {
                call = call.flag("--trust-unsealed");
            }
        }
        let ran = call.run();
        assert_eq!(ran.code, 0, "{} to {to}: {ran}", vector["id"]);
        let line: Value = serde_json::from_str(&ran.stdout).unwrap();
        let got = payload(line["cookie"].as_str().unwrap(), *to, password, now());
        let old = match from {
            Format::PhpHalite => &vector["payload"]["data"],
            Format::PhpSigned => &vector["payload"]["d"],
            _ => &vector["payload"],
        };
        assert_eq!(canonical(&got), canonical(old), "{} to {to}", vector["id"]);
    });
}

/// A session with a number in it, sealed by node's rule.
fn iron(number: usize) -> String {
    let payload = json!({"accessToken": format!("token-{number}"), "refreshToken": "r", "user": {"id": "u", "object": "user"}});
    Format::Iron.seal(payload.to_string().as_bytes(), &ring(PASSWORD), now(), &SystemRandom).unwrap()
}

/// With another salt than the one that is in it.
fn tampered(cookie: &str) -> String {
    let salt = "Fe26.2*1*".len();
    let other = if &cookie[salt..=salt] == "a" { "b" } else { "a" };
    format!("{}{other}{}", &cookie[..salt], &cookie[salt + 1..])
}

/// Cookies with a broken one, an empty line and other things between them, and how many are whole.
fn mixed(count: usize) -> (String, usize) {
    let mut whole = 0;
    let lines: Vec<String> = (0..count)
        .map(|number| match number % 10 {
            3 => "broken".to_owned(),
            7 if number % 20 == 7 => String::new(),
            7 => tampered(&iron(number)),
            5 => {
                whole += 1;
                json!({"id": number, "cookie": iron(number), "last": null}).to_string()
            }
            _ => {
                whole += 1;
                iron(number)
            }
        })
        .collect();
    (lines.join("\n") + "\n", whole)
}

fn convert(directory: &TempDir, more: &[&str]) -> Sealkit {
    let path = |name: &str| directory.path().join(name).display().to_string();
    sealkit(["convert", "--now", "1796600000", "--to", "b64url-json", "--json"].iter().chain(more).copied())
        .arg("--in", path("in"))
        .arg("--out", path("out"))
        .password(PASSWORD)
}

fn read(directory: &TempDir, name: &str) -> Vec<u8> {
    fs::read(directory.path().join(name)).unwrap_or_default()
}

#[test]
fn every_line_ends_up_in_one_place_in_the_order_of_the_input() {
    let directory = TempDir::new().unwrap();
    let (input, whole) = mixed(1000);
    fs::write(directory.path().join("in"), &input).unwrap();
    for threads in ["1", "3"] {
        let ran = convert(&directory, &["--threads", threads]).run();
        let (out, failed) = (read(&directory, "out"), read(&directory, "out.failed"));
        let report = ran.json();
        assert_eq!(ran.code, 1, "{ran}");
        assert_eq!(
            (&report["lines"], &report["converted"], &report["failed"]),
            (&json!(1000), &json!(whole), &json!(1000 - whole)),
            "{ran}"
        );
        assert_eq!(
            report["opened"],
            json!([{"format": "iron", "key": "WORKOS_COOKIE_PASSWORD", "lines": whole}])
        );
        assert_eq!(
            report["reasons"],
            json!([{"reason": "malformed", "lines": 150}, {"reason": "tampered", "lines": 50}])
        );

        let inputs: Vec<&str> = input.lines().collect();
        let mut numbers: Vec<usize> = Vec::new();
        for line in String::from_utf8(failed).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let number = usize::try_from(line["line"].as_u64().unwrap()).unwrap();
            assert_eq!(line["input"], inputs[number - 1]);
            assert!(!line["detail"].as_str().unwrap().is_empty());
            numbers.push(number - 1);
        }
        assert!(numbers.is_sorted());
        let mut converted = (0..1000).filter(|number| !numbers.contains(number));
        for line in String::from_utf8(out).unwrap().split_inclusive('\n') {
            let number = converted.next().unwrap();
            let value = match serde_json::from_str::<Value>(line) {
                Ok(object) => {
                    let names: Vec<&String> = object.as_object().unwrap().keys().collect();
                    assert_eq!(names, ["id", "cookie", "last"]);
                    assert_eq!(object["id"], number);
                    object["cookie"].as_str().unwrap().to_owned()
                }
                Err(_) => decoded(line),
            };
            let payload = payload(&value, Format::B64urlJson, PASSWORD, now());
            assert_eq!(payload["accessToken"], format!("token-{number}"));
        }
        assert_eq!(converted.next(), None);
        for name in ["out", "out.failed"] {
            fs::remove_file(directory.path().join(name)).unwrap();
        }
    }
}

#[test]
fn a_run_that_was_killed_goes_on_where_it_ended() {
    let directory = TempDir::new().unwrap();
    let (input, _) = mixed(2000);
    fs::write(directory.path().join("in"), &input).unwrap();
    assert_eq!(convert(&directory, &[]).run().code, 1);
    let whole = (read(&directory, "out"), read(&directory, "out.failed"));
    let path = |name: &str| directory.path().join(name);
    for at_least in [1, 20_000, 60_000] {
        for name in ["out", "out.failed"] {
            fs::remove_file(path(name)).unwrap();
        }
        let mut child = Command::new(env!("CARGO_BIN_EXE_sealkit"))
            .args(["convert", "--now", "1796600000", "--to", "b64url-json", "--threads", "2", "--out"])
            .arg(path("out"))
            .env_clear()
            .env("WORKOS_COOKIE_PASSWORD", PASSWORD)
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // It does not get the last lines, so it cannot be done before it is killed.
        let mut stdin = child.stdin.take().unwrap();
        let part = input.as_bytes()[..input.len() - 5000].to_vec();
        let feeder = thread::spawn(move || {
            let _ = stdin.write_all(&part);
            stdin
        });
        while fs::metadata(path("out")).map_or(0, |file| file.len()) < at_least {
            assert!(child.try_wait().unwrap().is_none(), "it waits for the end of its input");
            thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        drop(feeder.join().unwrap());
        assert_ne!(read(&directory, "out"), whole.0, "something is left to do");

        let ran = convert(&directory, &["--resume"]).run();
        assert_eq!(ran.code, 1, "{ran}");
        assert!(ran.json()["resumed_after"].as_u64().unwrap() > 0, "{ran}");
        assert_eq!(
            (read(&directory, "out"), read(&directory, "out.failed")),
            whole,
            "after {at_least} bytes"
        );
        assert_eq!((&ran.json()["lines"], &ran.json()["failed"]), (&json!(2000), &json!(400)));
    }
    let nothing_left = convert(&directory, &["--resume"]).run();
    assert_eq!(nothing_left.json()["resumed_after"], 2000, "{nothing_left}");
    assert_eq!((read(&directory, "out"), read(&directory, "out.failed")), whole);
}

#[test]
fn torn_files_give_the_same_result_wherever_they_are_torn() {
    let directory = TempDir::new().unwrap();
    let (input, _) = mixed(40);
    fs::write(directory.path().join("in"), &input).unwrap();
    assert_eq!(convert(&directory, &[]).run().code, 1);
    let (out, failed) = (read(&directory, "out"), read(&directory, "out.failed"));
    let cuts: Vec<usize> =
        (0..=out.len()).step_by(out.len() / 24).chain([out.len() - 1, out.len()]).collect();
    for cut in cuts {
        fs::write(directory.path().join("out"), &out[..cut]).unwrap();
        // What fails is written first, so it is all there while lines are missing that precede it, and torn before any is.
        let torn = if cut == 0 { &failed[..failed.len() - 1] } else { &failed };
        fs::write(directory.path().join("out.failed"), torn).unwrap();
        let ran = convert(&directory, &["--resume"]).run();
        assert_eq!(ran.code, 1, "{cut}: {ran}");
        assert_eq!(
            (read(&directory, "out"), read(&directory, "out.failed")),
            (out.clone(), failed.clone()),
            "{cut}"
        );
    }
    // What no interruption leaves behind is not guessed at: a failing line is gone that precedes the last converted one.
    fs::write(directory.path().join("out.failed"), &failed[..failed.len() - 1]).unwrap();
    let impossible = convert(&directory, &["--resume"]).run();
    assert_eq!((impossible.code, read(&directory, "out")), (2, out.clone()), "{impossible}");
    for name in ["out", "out.failed"] {
        fs::remove_file(directory.path().join(name)).unwrap();
    }
    let fresh = convert(&directory, &["--resume"]).run();
    assert_eq!(fresh.json()["resumed_after"], 0, "nothing there is a start");
    assert_eq!((read(&directory, "out"), read(&directory, "out.failed")), (out, failed));
}

#[test]
fn files_of_another_run_are_left_alone() {
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("in"), mixed(40).0).unwrap();
    assert_eq!(convert(&directory, &[]).run().code, 1);
    let (out, failed) = (read(&directory, "out"), read(&directory, "out.failed"));
    let refused = |call: Sealkit, message: &str| {
        let ran = call.run();
        assert_eq!(ran.code, 2, "{ran}");
        assert!(ran.stderr.contains(message), "{ran}");
        assert_eq!((read(&directory, "out"), read(&directory, "out.failed")), (out.clone(), failed.clone()));
    };
    refused(convert(&directory, &[]), "--resume");
    let input = read(&directory, "in");
    let mut other: Vec<String> =
        String::from_utf8(input.clone()).unwrap().lines().map(str::to_owned).collect();
    other[39] = iron(4000);
    fs::write(path("in"), other.join("\n")).unwrap();
    refused(convert(&directory, &["--resume"]), "the last line of --out was not made of line 40");
    other[3] = "another".to_owned();
    fs::write(path("in"), other.join("\n")).unwrap();
    refused(convert(&directory, &["--resume"]), "line 4 is another one");
    fs::write(path("in"), other[..10].join("\n")).unwrap();
    refused(convert(&directory, &["--resume"]), "another");
    fs::write(path("in"), input).unwrap();
    refused(convert(&directory, &["--resume", "--to-password-file", "/nowhere"]), "cannot be read");
    let same = path("in").display().to_string();
    refused(convert(&directory, &["--resume", "--failed", &same]), "is named twice");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(path("out")), mode(path("out.failed"))),
            (0o600, 0o600),
            "what is in them signs people in"
        );
    }
}

fn plain(text: &str) -> String {
    format!("{{\"accessToken\":\"{text}\",\"user\":{{\"id\":\"u\"}}}}")
}

#[test]
fn what_is_unsealed_is_not_sealed_unless_somebody_vouches_for_it() {
    let call =
        |more: &[&str]| {
            sealkit(["convert", "--to", "iron"].iter().chain(more).copied())
                .password(PASSWORD)
                .input(format!("{}\n{}\n", plain("100%"), iron(1)))
        };
    let named = call(&["--from", "plain-json"]).run();
    assert_eq!((named.code, named.stdout.as_str()), (2, ""), "{named}");
    assert!(named.stderr.contains("anybody can write one"), "{named}");

    let auto = call(&[]).run();
    assert_eq!((auto.code, auto.stdout.lines().count()), (1, 1), "{auto}");
    let failed: Value = serde_json::from_str(auto.stderr.lines().next().unwrap()).unwrap();
    assert_eq!((&failed["line"], &failed["reason"]), (&json!(1), &json!("unsealed")), "{auto}");
    assert_eq!(failed["input"], plain("100%"), "nothing is lost without --failed, either");

    let trusted = call(&["--trust-unsealed"]).run();
    assert_eq!((trusted.code, trusted.stdout.lines().count()), (0, 2), "{trusted}");
    let line = trusted.stdout.split_inclusive('\n').next().unwrap();
    assert_eq!(payload(&decoded(line), Format::Iron, PASSWORD, now())["accessToken"], "100%");

    let open =
        sealkit(["convert", "--from", "plain-json", "--to", "b64url-json"]).input(plain("a") + "\n").run();
    assert_eq!(open.code, 0, "needs no password: {open}");
}

fn file(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn a_new_password_changes_nothing_of_the_payload_and_an_end_stays() {
    let directory = TempDir::new().unwrap();
    let payload = "{ \"accessToken\" : \"a\\u0062\", \"n\": 1e400 }";
    let sealed = sealkit(["seal", "--format", "iron", "--ttl", "600", "--now", "1796600000"]);
    let cookie = sealed.password(PASSWORD).input(payload).run().stdout;
    let new = file(directory.path(), "new", "another password of more than 32 characters");
    let old = file(directory.path(), "old", PASSWORD);
    let ran = sealkit(["convert", "--to", "iron", "--now", "1796600000"])
        .arg("--password-file", &new)
        .arg("--password-file", &old)
        .input(cookie)
        .run();
    assert_eq!(ran.code, 0, "{ran}");
    let open = |at: &str| {
        let call = sealkit(["unseal", "--any", "--now", at]).arg("--password-file", &new);
        call.input(ran.stdout.as_str()).run()
    };
    assert_eq!(open("1796600659").stdout, format!("{payload}\n"));
    assert_eq!(open("1796600660").code, 1, "ten minutes and the minute of grace");

    let halite = sealkit(["convert", "--to", "php-halite", "--now", "1796600000"])
        .arg("--password-file", &new)
        .input(ran.stdout.as_str())
        .run();
    let at = |now: &str| {
        let call = sealkit(["unseal", "--now", now]).arg("--password-file", &new);
        call.input(halite.stdout.as_str()).run().code
    };
    assert_eq!((at("1796600600"), at("1796600601")), (0, 1), "{halite}");
}

#[test]
fn values_with_line_ends_are_encoded_on_a_line_and_understood_again() {
    let password = "a password of exactly 32 bytes!!";
    let call = |to: &str, input: &str| sealkit(["convert", "--to", to]).password(password).input(input).run();
    let payload = json!({"accessToken": "t".repeat(100), "user": {"id": "u"}}).to_string();
    let cookie = Format::Iron.seal(payload.as_bytes(), &ring(password), now(), &SystemRandom).unwrap();
    let ruby = call("ruby-v6", &format!("{cookie}\r\n"));
    assert!(ruby.stdout.contains("%0A") && ruby.stdout.lines().count() == 1, "{ruby}");
    let object = call("ruby-v6", &format!("{{\"cookie\":\"{cookie}\"}}"));
    assert!(object.stdout.contains("\\n\"}"), "{object}");
    for line in [ruby.stdout, object.stdout] {
        let back = call("go-gcm", &line);
        assert_eq!(back.code, 0, "{back}");
        assert!(back.stderr.contains("ruby-v6"), "{back}");
    }
}

#[test]
fn the_report_says_what_the_target_s_sdk_does_not_keep() {
    let directory = TempDir::new().unwrap();
    let input = format!("{}\n{}\n", iron(1), iron(2));
    let out = directory.path().join("out").display().to_string();
    let call = |more: &[&str]| -> Ran {
        let call = sealkit(["convert", "--to", "dotnet-gcm", "--out", &out].iter().chain(more).copied());
        let ran = call.password(PASSWORD).input(input.as_str()).run();
        fs::remove_file(&out).unwrap();
        ran
    };
    let report = call(&["--json"]).json();
    assert_eq!(report["losses"], json!([{"member": "user", "loss": "not_kept", "lines": 2}]));
    assert!(report["notes"][0].as_str().unwrap().contains("every member is sealed"), "{report}");
    let text = call(&[]);
    assert_eq!(text.code, 0, "{text}");
    assert!(text.stdout.starts_with("converted 2 of 2 lines to dotnet-gcm\n"), "{text}");
    for part in ["iron", "sealed with WORKOS_COOKIE_PASSWORD", "user", "until the SDK re-seals it"] {
        assert!(text.stdout.contains(part), "{part}: {text}");
    }
    assert!(!directory.path().join("out.failed").exists(), "no line failed");
}

#[test]
fn what_cannot_be_done_is_said_before_anything_is_written() {
    let call = |arguments: &[&str]| sealkit(["convert"].iter().chain(arguments).copied()).password(PASSWORD);
    for (call, message) in [
        (call(&["--to", "rust-gcm"]), "exactly 64 hexadecimal digits"),
        (call(&["--to", "none"]), "no such format"),
        (call(&["--to", "iron", "--from", "none"]), "no such format"),
        (call(&["--to", "iron", "--resume"]), "--out"),
        (call(&["--to", "iron", "--json"]), "--out"),
        (call(&["--to", "iron", "--in", "/nowhere"]), "cannot be read"),
        (sealkit(["convert", "--to", "iron"]), "no cookie password"),
    ] {
        let ran = call.clone().run();
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{call:?}: {ran}");
        assert!(ran.stderr.contains(message), "{call:?}: {ran}");
    }
}

#[test]
fn lines_that_are_no_text_are_kept_too() {
    let ran = sealkit(["convert", "--to", "iron"]).password(PASSWORD).input(b"\xff\xfe\n".to_vec()).run();
    let failed: Value = serde_json::from_str(ran.stderr.lines().next().unwrap()).unwrap();
    assert_eq!((ran.code, &failed["input_base64"]), (1, &json!("//4=")), "{ran}");
    assert_eq!(failed.get("input"), None);
}
