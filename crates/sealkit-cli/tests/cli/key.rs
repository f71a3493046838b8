//! `sealkit key` from outside: passwords that every SDK takes, and what a sample of cookies says.
use crate::common::{PASSWORD, Ran, Sealkit, sealkit};
use flate2::{Compression, write::GzEncoder};
use sealkit::{CookiePassword, Key, KeyRing, SystemRandom, UnixMillis, format::Format};
use serde_json::{Value, json};
use std::{fs, io::Write as _};
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
    assert!(ran.stdout.starts_with("nothing found: no cookie wos-session in 1 lines"), "{ran}");
    let named = status(
        &directory,
        &["--log", "--name", "sid", "--json"],
        &format!("sid={}\n", cookie(Format::Iron, NEW, 1, 0)),
    )
    .run();
    assert_eq!((named.code, &named.json()["sample"]["distinct"]), (0, &json!(1)), "{named}");
}

/// Half of a fleet behind a writer that quotes the value, as Starlette and Django do with one that holds `=`.
struct Fleet {
    directory: TempDir,
    fernet: String,
    /// `Cookie` headers.
    headers: Vec<String>,
}

fn fleet(of_each: usize) -> Fleet {
    let fernet = Format::PythonFernet.key_shape().generate(&SystemRandom).unwrap().expose_secret().to_owned();
    let iron = (0..of_each)
        .map(|number| format!("a=1; wos-session={}; b=2", cookie(Format::Iron, PASSWORD, number, 0)));
    let quoted = (0..of_each).map(|number| {
        format!("a=1; wos-session=\"{}\"; b=2", cookie(Format::PythonFernet, &fernet, number, 0))
    });
    let headers = iron.chain(quoted).collect();
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("iron"), PASSWORD).unwrap();
    fs::write(directory.path().join("fernet"), &fernet).unwrap();
    Fleet { directory, fernet, headers }
}

impl Fleet {
    fn log(&self, line: impl Fn(&str) -> String) -> Vec<u8> {
        self.headers.iter().map(|header| line(header) + "\n").collect::<String>().into_bytes()
    }

    fn status(&self, passwords: &[&str], log: impl Into<Vec<u8>>) -> Sealkit {
        let call = sealkit(["key", "status", "--log", "--now", "1796600000"]).input(log);
        passwords.iter().fold(call, |call, name| {
            call.arg("--password-file", self.directory.path().join(name).display().to_string())
        })
    }
}

fn nginx(header: &str) -> String {
    format!("10.0.0.1 - - \"GET / HTTP/2.0\" 200 \"{}\"", header.replace('\\', "\\x5C").replace('"', "\\x22"))
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn quoted_cookies_of_every_log_are_counted() {
    let fleet = fleet(150);
    let json = |text: &str| Value::from(text).to_string();
    type Writer<'w> = &'w dyn Fn(&str) -> String;
    let writers: [(&str, Writer<'_>); 7] = [
        ("nginx", &nginx),
        ("apache", &|header| format!("10.0.0.2 \"GET /\" 200 \"{}\"", header.replace('"', "\\\""))),
        ("json", &|header| json!({"cookie": header, "status": 200}).to_string()),
        ("json-u0022", &|header| format!("{{\"cookie\":{}}}", json(header).replace("\\\"", "\\u0022"))),
        ("json in json", &|header| json!({"log": format!("{}\n", json!({"cookie": header}))}).to_string()),
        ("haproxy", &|header| format!("haproxy: {{{}|UA}} \"GET /\"", header.replace('"', "#22"))),
        ("key=\"value\"", &|header| {
            let value = header.split("wos-session=").nth(1).unwrap().split(';').next().unwrap();
            format!("time=1 wos-session=\"{}\" status=200", value.trim_matches('"'))
        }),
    ];
    for (name, writer) in writers {
        let ran = fleet.status(&["iron", "fernet"], fleet.log(writer)).flag("--json").run();
        assert_eq!(ran.code, 0, "{name}: {ran}");
        let answer = ran.json();
        assert_eq!(answer["sample"]["distinct"], 300, "{name}");
        let passwords = verdicts(&answer, "passwords", "name");
        assert_eq!(passwords, [own("iron", 150, "seals"), own("fernet", 150, "in_use")], "{name}");
        let formats = verdicts(&answer, "formats", "format");
        assert!(formats.contains(&own("python-fernet", 150, "in_use")), "{name}: {formats:?}");
    }
}

#[test]
fn gzip_is_read_from_stdin_and_from_files() {
    let fleet = fleet(20);
    let log = fleet.log(nginx);
    let middle = log.len() / 2;
    let members = [gzip(&log[..middle]), gzip(&log[middle..])].concat();
    let plain = fleet.status(&["iron", "fernet"], log.clone()).run();
    assert_eq!(fleet.status(&["iron", "fernet"], members.clone()).run().stdout, plain.stdout);
    // The name says nothing.
    let path = fleet.directory.path().join("access.log");
    fs::write(&path, members).unwrap();
    let from_file = fleet.status(&["iron", "fernet"], "").arg("--in", path.display().to_string()).run();
    assert_eq!((from_file.code, &from_file.stdout), (0, &plain.stdout));
    let cut = gzip(&log);
    let cut = fleet.status(&["iron", "fernet"], cut[..cut.len() - 9].to_vec()).run();
    assert!(cut.code == 2 && cut.stdout.is_empty() && cut.stderr.contains("cannot be read"), "{cut}");
}

#[test]
fn unreadable_cookies_leave_format_and_password_unknown() {
    let fleet = fleet(360);
    let iron_only = fleet.headers[..360].iter().map(|header| nginx(header) + "\n").collect::<String>();
    let ran = fleet.status(&["fernet"], iron_only.clone()).flag("--json").run();
    let answer = ran.json();
    assert_eq!(answer["sample"]["unreadable"], 360, "{answer}");
    assert_eq!(answer["sample"]["unseen_at_most"], "100.00 %");
    let iron = answer["formats"].as_array().unwrap().iter().find(|one| one["format"] == "iron").unwrap();
    let expected = json!({"format": "iron", "seen": 0, "unreadable": 360, "unseen_at_most": "100.00 %", "verdict": "unknown"});
    assert_eq!(iron, &expected);
    // A value of another shape is not of this format.
    assert!(verdicts(&answer, "formats", "format").contains(&own("go-gcm", 0, "could_be_dropped")));

    fs::write(fleet.directory.path().join("unused"), NEW).unwrap();
    let with_two = fleet.status(&["fernet", "unused"], iron_only);
    assert_eq!(
        verdicts(&with_two.clone().flag("--json").run().json(), "passwords", "name")[1],
        own("unused", 0, "unknown")
    );
    let text = with_two.run().stdout;
    let of = |name: &str| text.lines().find(|line| line.trim_start().starts_with(name)).unwrap().to_owned();
    for line in [of("unused"), of("iron")] {
        assert!(
            line.contains("unknown: 360 cookies that cannot be read may have it, up to 100.00 %"),
            "{text}"
        );
    }
    assert!(text.contains("fix: give the password that sealed it"), "{text}");

    // What is cut or masked is equal, and still one cookie for each line.
    for (name, tail) in [("masked", "***"), ("cut", "Fe26.2*1*8dcc"), ("no value", "")] {
        let line = if tail.is_empty() {
            "wos-session, redacted\n".to_owned()
        } else {
            format!("wos-session={tail};\n")
        };
        let log = [fleet.log(nginx), line.repeat(720).into_bytes()].concat();
        let answer = fleet.status(&["iron", "fernet", "unused"], log).flag("--json").run().json();
        assert_eq!(answer["sample"]["distinct"], 1440, "{name}");
        assert_eq!(answer["sample"]["unseen_at_most"], "50.21 %", "{name}");
        assert_eq!(verdicts(&answer, "passwords", "name")[2], own("unused", 0, "unknown"), "{name}");
        assert!(verdicts(&answer, "formats", "format").contains(&own("go-gcm", 0, "unknown")), "{name}");
        assert!(!answer.to_string().contains("could_be_dropped"), "{name}: {answer}");
    }
}

#[test]
fn few_unreadable_cookies_raise_the_bound_only() {
    let fleet = fleet(360);
    fs::write(fleet.directory.path().join("unused"), NEW).unwrap();
    for (unreadable, bound, verdict) in
        [(0, "0.42 %", "could_be_dropped"), (4, "0.97 %", "could_be_dropped"), (5, "1.11 %", "unknown")]
    {
        let log = [fleet.log(nginx), "wos-session=%zz\n".repeat(unreadable).into_bytes()].concat();
        let answer = fleet.status(&["iron", "fernet", "unused"], log).flag("--json").run().json();
        let unused = &answer["passwords"][2];
        assert_eq!(
            (&unused["unseen_at_most"], &unused["verdict"]),
            (&json!(bound), &json!(verdict)),
            "{answer}"
        );
    }
}

#[test]
fn password_under_two_names_is_one() {
    let fleet = fleet(150);
    fs::write(fleet.directory.path().join("again"), &fleet.fernet).unwrap();
    let call = fleet.status(&["iron", "fernet", "again"], fleet.log(nginx));
    let answer = call.clone().flag("--json").run().json();
    let passwords = verdicts(&answer, "passwords", "name");
    assert_eq!(passwords[1..], [own("fernet", 150, "in_use"), own("again", 150, "in_use")]);
    assert_eq!(answer["passwords"][2]["same_as"], "fernet");
    assert_eq!(answer["passwords"][1]["same_as"], Value::Null);
    let text = call.run().stdout;
    assert!(text.contains("the same password as fernet: keep: still out there"), "{text}");
}

#[test]
fn line_beyond_the_bound_is_counted() {
    let fleet = fleet(2);
    let long = format!("{}\n{}wos-session=x{}\n", "short", "x".repeat(8 << 20), "y".repeat(1 << 20));
    let log = [fleet.log(nginx), long.into_bytes()].concat();
    let answer = fleet.status(&["iron", "fernet"], log).flag("--json").run().json();
    assert_eq!(
        (&answer["sample"]["lines"], &answer["sample"]["unreadable"]),
        (&json!(6), &json!(1)),
        "{answer}"
    );
}

/// Sealing goes by format: the first password that fits the written one seals, wherever it stands in the ring.
#[test]
fn password_that_fits_the_written_format_is_kept() {
    let directory = TempDir::new().unwrap();
    let passphrase = "a passphrase that is not a Fernet key, and long enough";
    let lines: String =
        (0..400).map(|user| format!("{}\n", cookie(Format::Iron, passphrase, user, 0))).collect();
    let files = ["phrase", "fernet"].map(|name| directory.path().join(name));
    fs::write(&files[0], passphrase).unwrap();
    fs::write(&files[1], "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    let call = |format: &str| {
        sealkit(["key", "status", "--json"])
            .arg("--password-file", files[0].display().to_string())
            .arg("--password-file", files[1].display().to_string())
            .env("SEALKIT_FORMAT_WRITE", format)
            .input(lines.as_str())
            .run()
            .json()
    };
    let verdicts = |answer: &Value| {
        let of = |list: &str, name: &str, wanted: &str| {
            let all = answer[list].as_array().unwrap();
            let one = all.iter().find(|one| one[name] == wanted).unwrap();
            one["verdict"].as_str().unwrap().to_owned()
        };
        [
            of("passwords", "name", "phrase"),
            of("passwords", "name", "fernet"),
            of("formats", "format", "python-fernet"),
        ]
    };
    assert_eq!(verdicts(&call("python-fernet")), ["in_use", "seals", "seals"]);
    assert_eq!(verdicts(&call("iron")), ["seals", "could_be_dropped", "could_be_dropped"]);
}
