use super::*;
use proptest::{prelude::*, sample::select};
use sealkit::cookie::{CookieSettings, LargeCookies, encode_value};

const NAME: &str = "wos-session";

fn values(line: &str, log: bool) -> Vec<String> {
    in_line(line, NAME, log).values
}

#[test]
fn line_is_a_value_an_object_or_a_header() {
    for line in [
        "a+b==",
        "a%2Bb%3D%3D",
        r#"{"id":1,"cookie":"a+b=="}"#,
        "Cookie: x=1; wos-session=a+b==; y=2",
        "cookie: wos-session=\"a+b==\"",
        "Set-Cookie: wos-session=a%2Bb==; Path=/; HttpOnly",
        "x=1; wos-session=a%2Bb%3D%3D",
        "wos-session=a+b==",
        r#"10.0.0.1 "GET / HTTP/1.1" 200 "wos-session=\x22a+b==\x22""#,
    ] {
        assert_eq!(values(line, false), ["a+b=="], "{line}");
    }
    for nothing in [
        "",
        "Cookie: x=1",
        "Set-Cookie: wos-session=; Max-Age=0",
        "Set-Cookie: wos-session=\"\"; Max-Age=0",
        "Set-Cookie: x=1; wos-session=2",
        "10.0.0.1 \"GET / HTTP/1.1\" 200 \"wos-session=-\"",
    ] {
        assert_eq!(in_line(nothing, NAME, false), Found::default(), "{nothing}");
    }
    assert_eq!(values("Cookie: wos-session={\"accessToken\":\"e30\"}", false), ["{\"accessToken\":\"e30\"}"]);
}

#[test]
fn every_cookie_of_a_header_is_taken_or_counted() {
    let found = in_line("Cookie: wos-session=%zz", NAME, false);
    assert_eq!(found, Found::unreadable(1));
    let found = in_line("Set-Cookie: wos-session.0=~sk1.2.AAAAAAAA.x", NAME, false);
    assert_eq!(found, Found::unreadable(1));
    let five = "Cookie: wos-session=1; wos-session=2; wos-session=3; wos-session=4; wos-session=%zz";
    let found = in_line(five, NAME, false);
    assert_eq!((found.values.join(" ").as_str(), found.unreadable), ("1 2 3 4", 1));
    let long = format!("Cookie: pad={}; wos-session=far", "x".repeat(2 * MAX_HEADER_BYTES));
    assert_eq!(values(&long, false), ["far"]);
}

#[test]
fn masked_value_counts_as_unreadable() {
    for line in [
        "GET / wos-session=<redacted>",
        "GET / wos-session=(masked); a=1",
        "Cookie: a=1; wos-session=<redacted>",
        "GET / wos-session=[REDACTED]",
        "GET / wos-session=***",
    ] {
        let found = in_line(line, NAME, true);
        assert_ne!(found, Found::default(), "{line}");
    }
}

#[test]
fn cookies_in_a_log_stand_anywhere() {
    let line = r#"127.0.0.1 - - [01/Jan/2026] "GET /?wos-session-id=1 HTTP/1.1" 200 "a=1; wos-session=one; b=2" "wos-session=two\"" my-wos-session=no"#;
    assert_eq!(values(line, true), ["one", "two"]);
    for nothing in
        ["wos-session=-", "wos-session=", "\"wos-session\": null", "xwos-session=1", "wos-session2=1"]
    {
        assert_eq!(in_line(nothing, NAME, true), Found::default(), "{nothing}");
    }
    let found = in_line("wos-session=%z wos-session=ok", NAME, true);
    assert_eq!((found.values.as_slice(), found.unreadable), (["ok".to_owned()].as_slice(), 1));
}

/// One line of each log that was seen or is documented, with a value that holds `=`, `+` and `/`.
#[test]
fn quoted_value_is_found_in_every_log() {
    for line in [
        // nginx: combined with $http_cookie, JSON (escape=json), $cookie_NAME in key="value".
        r#"10.0.0.2 - - "GET /" 200 "a=1; wos-session=\x22gA+/b==\x22; b=2""#,
        r#"{"cookie":"a=1; wos-session=\"gA+/b==\"","status":200}"#,
        r#"time=12 wos-session="gA+/b==" status=200"#,
        r#"time=12 wos-session="\x22gA+/b==\x22" status=200"#,
        // Apache.
        r#"10.0.0.2 - - "GET /" 200 "a=1; wos-session=\"gA+/b==\"""#,
        // JSON by writers that escape more than they must.
        r#"{"cookie":"a=1; wos-session=\u0022gA+\/b==\u0022"}"#,
        r#"{"cookie":"a\u003d1; wos-session\u003d\u0022gA\u002b\u002Fb\u003d\u003d\u0022"}"#,
        // nginx and JSON within the JSON of a container's log.
        r#"{"log":"10.0.0.2 \"a=1; wos-session=\\x22gA+/b==\\x22\"\n"}"#,
        r#"{"log":"{\"cookie\":\"a=1; wos-session=\\\"gA+\\/b==\\\"\"}\n"}"#,
        // Caddy and Traefik, with cookies by name; a list of cookies as objects.
        r#"{"request":{"headers":{"Cookie":["a=1; wos-session=\"gA+/b==\""]}}}"#,
        r#"{"request_Cookie":"wos-session=\"gA+/b==\"; a=1","level":"info"}"#,
        r#"{"cookies":{"a":"1","wos-session":"gA+/b=="}}"#,
        r#"{"cookies":{"wos-session": ["\"gA+/b==\""]}}"#,
        r#"{"cookies":[{"name":"wos-session","value":"gA+/b=="},{"name": "wos-session", "value": ""}]}"#,
        // Envoy and HAProxy.
        r#"[2026-11-28T14:00:00Z] "GET / HTTP/2" 200 "a=1; wos-session="gA+/b=="" "UA""#,
        "haproxy[1]: 10.0.0.2:1 {a=1; wos-session=#22gA+/b==#22|UA} \"GET / HTTP/1.1\"",
        "haproxy[1]: 10.0.0.2:1 {a=1; wos-session=gA+/b==} {} \"GET / HTTP/1.1\"",
        // CloudFront, IIS, forms, a header that is encoded as a whole.
        "2026-11-28\tGET\ta=1;%20wos-session=%22gA+/b==%22\t200",
        "2026-11-28\tGET\twos-session=%2522gA%252B%252Fb==%2522;%20b=2\t200",
        "2026-11-28 GET / a=1;+wos-session=gA%2B/b==;+b=2 200",
        "cookie=a%3D1%3B+wos-session%3D%22gA%2B%2Fb%3D%3D%22%3B+b%3D2&x=1",
        "cookie=a%3D1%3B%20wos-session%3DgA%2B%2Fb%3D%3D%20",
        "cookie=a%253D1%253B%2520wos-session%253DgA%252B%252Fb%253D%253D%253B",
        // A table, Python's octal escapes, a dictionary, a map of Go's.
        r#"1,"a=1; wos-session=""gA+/b==""; b=2",200"#,
        r#"x "wos-session=\"gA\053/b\075=\"; b""#,
        "{'wos-session': 'gA+/b==', 'a': '1'}",
        "map[a:1 wos-session:gA+/b==]",
        "wos-session => gA+/b==",
        "'a=1; wos-session=gA+/b=='",
        "wos-session = gA+/b==",
        "(wos-session=gA+/b==)",
    ] {
        assert_eq!(
            in_line(line, NAME, true),
            Found { values: vec!["gA+/b==".into()], unreadable: 0 },
            "{line}"
        );
    }
}

#[test]
fn mention_without_a_value_counts_once_per_line() {
    for (line, unreadable) in [
        ("wos-session", 1),
        ("no wos-session: sign in, wos-session again", 1),
        ("GET /docs/wos-session HTTP/1.1", 1),
        (r#"{"missing":"wos-session","a":"b"}"#, 1),
        ("the wos-session.", 1),
        ("wos-session and wos-session", 1),
        ("wos-session is not there: wos-session=-", 0),
        ("wos-session-id", 0),
        ("wos-session.x=1", 0),
    ] {
        let found = in_line(line, NAME, true);
        assert!(found.unreadable == unreadable || found.values == ["sign"], "{line}: {found:?}");
    }
    assert_eq!(in_line("wos-session: wos-session=ok", NAME, true).unreadable, 0);
    let long = format!("wos-session={};", "x".repeat(MOST_OF_A_VALUE + 1));
    assert_eq!(
        in_line(&format!("{long} wos-session=ok"), NAME, true),
        Found { values: vec!["ok".into()], unreadable: 1 }
    );
}

#[test]
fn split_value_is_put_together_in_any_log() {
    let settings = CookieSettings::builder().large_cookies(LargeCookies::Split).build().unwrap();
    let value = format!("Fe26.2*1*{}~2", "A9_-".repeat(2_000));
    let pieces: Vec<String> = settings
        .writes(&value, sealkit::format::Wire::Token, sealkit::cookie::Presence::NONE)
        .unwrap()
        .iter()
        .map(|line| line.to_header_value().split(';').next().unwrap().to_owned())
        .collect();
    assert!(pieces.len() > 1, "{pieces:?}");
    let header = pieces.join("; ");
    let quoted =
        pieces.iter().map(|pair| pair.replacen('=', "=\\\"", 1) + "\\\"").collect::<Vec<_>>().join("; ");
    for line in [
        format!("Cookie: {header}"),
        format!("10.0.0.1 \"GET /\" \"{header}\""),
        format!("{{\"cookie\":\"{quoted}\"}}"),
        format!("cookie={}", encode_value(&header)),
        format!("x {}", header.replace('~', "%7E").replace("; ", ";%20")),
        format!("{header} {header}"),
    ] {
        for log in [true, false] {
            let found = in_line(&line, NAME, log);
            assert!(found == Found { values: vec![value.clone()], unreadable: 0 }, "{log} {}", &line[..60]);
        }
    }
    let first = format!("\"GET /\" {}", pieces[0]);
    assert_eq!(in_line(&first, NAME, true), Found::unreadable(1));
}

/// How the bytes of a line are read: a bounded number of times each, however the line is made.
#[test]
fn work_grows_with_the_length_of_a_line() {
    let reads = |line: &str| {
        let escaped = Escaped::new(line);
        in_text(&escaped, line, NAME);
        escaped.reads.get()
    };
    for part in [
        "wos-session ",
        "wos-session=",
        "wos-session=\"",
        "wos-session",
        "\"wos-session\",\"value\" ",
        "wos-session\\\\\\\\\\\\\\\\",
        "wos-session=\\x5c\\u005c",
        "wos-session%25252525",
        "wos-session.0=~sk1.2.0123456789abcdef.x;",
        "wos-session.0=x ",
        "wos-session='%7B ",
        "\\",
        "%25",
        "é",
    ] {
        let line = |bytes: usize| format!("wos-session{}", part.repeat(bytes / part.len()));
        let (short, long) = (line(20_000), line(40_000));
        assert!(reads(&long) <= 150 * long.len(), "{part}: {}", reads(&long));
        assert!(
            10 * reads(&long) <= 22 * reads(&short).max(100),
            "{part}: {} {}",
            reads(&short),
            reads(&long)
        );
    }
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "Fe26\\.2\\*1\\*[0-9a-f]{16}\\*[A-Za-z0-9_-]{22}\\*[A-Za-z0-9_-]{8,40}\\*\\*[0-9a-f]{8}\\*[A-Za-z0-9_-]{43}~2",
        "gAAAAA[A-Za-z0-9_-]{10,60}={0,2}",
        "[A-Za-z0-9+/]{10,60}={0,2}",
        "eyJ[A-Za-z0-9+/]{10,40}={0,2}\\.[A-Za-z0-9+/]{43}",
        "\\{\"accessToken\":\"[A-Za-z0-9._-]{5,20}\",\"user\":\\{\"name\":\"[A-Za-z' ();,%\"&<é]{0,12}\"\\}\\}",
    ]
}

/// The cookie's value on the wire: as it is, quoted, or percent-encoded. JSON in the open is always encoded.
fn on_the_wire(value: &str, style: usize) -> String {
    match style {
        _ if value.starts_with('{') => encode_value(value),
        0 => value.to_owned(),
        1 => format!("\"{value}\""),
        _ => encode_value(value),
    }
}

fn nginx(header: &str) -> String {
    header.replace('\\', "\\x5C").replace('"', "\\x22")
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn backslash_u(text: &str) -> String {
    let escape = |char: char| match char {
        '"' | '=' | '+' | '\'' | '&' | '<' | '\\' => format!("\\u{:04x}", u32::from(char)),
        '/' => "\\/".to_owned(),
        other => other.to_string(),
    };
    text.chars().map(escape).collect()
}

fn in_a_log(header: &str, log: usize) -> String {
    match log {
        0 => format!("10.0.0.1 - - \"GET / HTTP/1.1\" 200 \"{header}\""),
        1 => format!("10.0.0.1 - - \"GET / HTTP/1.1\" 200 \"{}\" \"UA\"", nginx(header)),
        2 => format!("{{\"cookie\":{},\"status\":200}}", json(header)),
        3 => format!("{{\"log\":{}}}", json(&format!("{{\"cookie\":{}}}\n", json(header)))),
        4 => format!("{{\"log\":{}}}", json(&format!("1 \"{}\" 2\n", nginx(header)))),
        5 => format!("{{\"cookie\":\"{}\"}}", backslash_u(header)),
        6 => format!("cookie={}&status=200", encode_value(header)),
        7 => format!("cookie={}", encode_value(&encode_value(header))),
        8 => format!("haproxy: {{{}|UA}}", header.replace('#', "#23").replace('"', "#22")),
        9 => format!(
            "1\t{}\t2",
            header.replace('%', "%25").replace('"', "%22").replace('~', "%7E").replace(' ', "%20")
        ),
        10 => format!("1,\"{}\",2", header.replace('"', "\"\"")),
        _ => format!("cookie=\"{}\" status=200", header.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn known_cookie_is_found_in_any_quoting(
        value in value(),
        wire in 0..3_usize,
        log in 0..12_usize,
        before in select(vec!["", "a=1; ", "_ga=\"GA1.1\"; x={}; "]),
        behind in select(vec!["", "; b=2", ";c=\"3\""]),
    ) {
        let header = format!("{before}{NAME}={}{behind}", on_the_wire(&value, wire));
        let line = in_a_log(&header, log);
        prop_assert_eq!(in_line(&line, NAME, true), Found { values: vec![value], unreadable: 0 }, "{}", line);
    }

    #[test]
    fn any_line_is_read_without_a_panic(line in "(wos-session|[.=\"'\\\\x%2u5:,;#é\u{0}]|.){0,60}") {
        for log in [true, false] {
            in_line(&line, NAME, log);
        }
    }
}
