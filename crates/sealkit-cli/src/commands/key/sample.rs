//! Finding session cookies in what people have: lists of values, header lines, access logs.

use crate::lines::Line;
use sealkit::{
    cookie::{decode_value, pairs, values},
    session::DEFAULT_LIMIT,
};

/// What a line holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Percent-decoded, put together when they were split.
    pub(super) values: Vec<String>,
    /// There was something of this name that is damaged, or a piece without the others.
    pub(super) damaged: bool,
}

/// The cookies `name` of a line.
pub(super) fn in_line(line: &str, name: &str, log: bool) -> Found {
    if log {
        return in_text(line, name);
    }
    let text = line.trim();
    if text.is_empty() {
        return Found::default();
    }
    match text.split_once(':') {
        Some((header, rest)) if header.eq_ignore_ascii_case("cookie") => return in_header(rest.trim(), name),
        Some((header, rest)) if header.eq_ignore_ascii_case("set-cookie") => {
            return in_header(rest.split(';').next().unwrap_or_default().trim(), name);
        }
        _ => {}
    }
    if !text.contains('{') && pairs([text]).any(|(found, _)| is_ours(found, name)) {
        return in_header(text, name);
    }
    match Line::parse(text) {
        Some(line) => Found { values: vec![line.value.into_owned()], damaged: false },
        None => Found { values: Vec::new(), damaged: true },
    }
}

fn in_header(header: &str, name: &str) -> Found {
    let values: Vec<String> = values([header], name, DEFAULT_LIMIT).map(Into::into).collect();
    // A deletion has no value, and counts for nothing.
    let damaged =
        values.is_empty() && pairs([header]).any(|(found, raw)| is_ours(found, name) && !raw.is_empty());
    Found { values, damaged }
}

/// `name`, or one of the pieces that it was split into.
fn is_ours(found: &str, name: &str) -> bool {
    found.strip_prefix(name).is_some_and(|rest| rest.is_empty() || is_piece(rest))
}

fn is_piece(rest: &str) -> bool {
    matches!(rest.as_bytes(), [b'.', digit] if digit.is_ascii_digit())
}

/// Every `name=value` in a text of any shape: pieces are put together, whole values count each.
fn in_text(text: &str, name: &str) -> Found {
    let (mut found, mut pieces) = (Found::default(), Vec::new());
    for (at, _) in text.match_indices(name) {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        if before.is_some_and(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.' | '%')) {
            continue;
        }
        let rest = text.get(at + name.len()..).unwrap_or_default();
        let Some((suffix, rest)) = rest.split_once('=') else { continue };
        let end =
            rest.find(|char: char| char.is_whitespace() || matches!(char, ';' | ',' | '"' | '\'' | '\\'));
        let raw = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        match suffix {
            // What logs write for nothing, and a deletion.
            "" | ".0" if raw.is_empty() || raw == "-" => {}
            "" => match decode_value(raw) {
                Some(value) => found.values.push(value.into_owned()),
                None => found.damaged = true,
            },
            piece if is_piece(piece) => pieces.push(format!("{name}{piece}={raw}")),
            _ => {}
        }
    }
    if !pieces.is_empty() {
        let joined = in_header(&pieces.join("; "), name);
        found.damaged |= joined.damaged;
        found.values.extend(joined.values);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(line: &str, log: bool) -> Vec<String> {
        in_line(line, "wos-session", log).values
    }

    #[test]
    fn a_line_is_a_value_an_object_or_a_header() {
        for line in [
            "a+b==",
            "a%2Bb%3D%3D",
            r#"{"id":1,"cookie":"a+b=="}"#,
            "Cookie: x=1; wos-session=a+b==; y=2",
            "cookie: wos-session=\"a+b==\"",
            "Set-Cookie: wos-session=a%2Bb==; Path=/; HttpOnly",
            "x=1; wos-session=a%2Bb%3D%3D",
            "wos-session=a+b==",
        ] {
            assert_eq!(values(line, false), ["a+b=="], "{line}");
        }
        for nothing in
            ["", "Cookie: x=1", "Set-Cookie: wos-session=; Max-Age=0", "Set-Cookie: x=1; wos-session=2"]
        {
            assert_eq!(in_line(nothing, "wos-session", false), Found::default(), "{nothing}");
        }
        assert!(in_line("Cookie: wos-session=%zz", "wos-session", false).damaged);
        assert!(in_line("Set-Cookie: wos-session.0=~sk1.2.AAAAAAAA.x", "wos-session", false).damaged);
    }

    #[test]
    fn in_a_log_cookies_stand_anywhere() {
        let line = r#"127.0.0.1 - - [01/Jan/2026] "GET /?wos-session-id=1 HTTP/1.1" 200 "a=1; wos-session=one; b=2" "wos-session=two\"" my-wos-session=no"#;
        assert_eq!(values(line, true), ["one", "two"]);
        assert_eq!(values(r#"{"cookie":"wos-session=a%2Bb","x":1}"#, true), ["a+b"]);
        for nothing in ["wos-session=-", "wos-session=", "wos-session", "xwos-session=1", "wos-session2=1"] {
            assert_eq!(in_line(nothing, "wos-session", true), Found::default(), "{nothing}");
        }
        assert!(in_line("wos-session=%z wos-session=ok", "wos-session", true).damaged);
    }
}
