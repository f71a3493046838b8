//! Finding session cookies in what people have: lists of values, header lines, access logs.
//!
//! In a log, a *mention* is the cookie's name as a whole word. Every mention has a result, so that none is passed over in silence:
//!
//! ```text
//! … wos-session=Fe26.2*1*…~2; …             a value
//! … \"wos-session\":\"\\x22gAAA…\\x22\" …   a value, unescaped
//! … wos-session.1=~sk1-1.… …                a piece
//! … wos-session=; … wos-session=- …         empty: a deletion, or no cookie
//! … wos-session=%zz …                       unreadable
//! … no wos-session in this request …        unreadable, if nothing else of the line is read
//! ```

use super::escapes::{Char, Escaped, MOST_PERCENT, is_name_byte};
use crate::lines::Line;
use sealkit::{
    cookie::{MAX_HEADER_BYTES, decode_value, pairs, values},
    session::DEFAULT_LIMIT,
};

/// Most characters of a value that are kept: every one can be percent-encoded.
const MOST_OF_A_VALUE: usize = 3 * DEFAULT_LIMIT;

/// Most blanks around a separator, and quotes in front of a value.
const MOST_BLANKS: usize = 4;

/// What every marked piece of a split value begins with.
const PIECE_MARKER: &str = "~sk1";

/// What a line holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Percent-decoded, put together when they were split.
    pub(super) values: Vec<String>,
    /// How many cookies of the name are there that no value can be read of.
    pub(super) unreadable: u64,
}

impl Found {
    pub(super) const fn unreadable(count: u64) -> Self {
        Self { values: Vec::new(), unreadable: count }
    }

    fn add(&mut self, raw: &str) {
        match decoded(raw) {
            Some(value) => self.values.push(value),
            None => self.unreadable += 1,
        }
    }
}

/// The cookies `name` of a line.
pub(super) fn in_line(line: &str, name: &str, log: bool) -> Found {
    if log {
        return in_text(&Escaped::new(line), line, name).unwrap_or_default();
    }
    let text = line.trim();
    if text.is_empty() {
        return Found::default();
    }
    match text.split_once(':') {
        Some((header, rest)) if header.eq_ignore_ascii_case("cookie") => return in_header(rest, name),
        Some((header, rest)) if header.eq_ignore_ascii_case("set-cookie") => {
            return in_header(rest.split(';').next().unwrap_or_default(), name);
        }
        _ => {}
    }
    if is_cookie_string(text) && pairs([text]).any(|(found, _)| is_ours(found, name)) {
        return in_header(text, name);
    }
    let line = Line::parse(text);
    let value = line.as_ref().filter(|line| line.is_object()).map(|line| line.value.as_ref());
    let log_line = value.unwrap_or(text);
    if let Some(found) = in_text(&Escaped::new(log_line), log_line, name) {
        return found;
    }
    line.map_or(Found::unreadable(1), |line| Found { values: vec![line.value.into_owned()], unreadable: 0 })
}

/// Pairs and nothing else: a `Cookie` header without its name.
fn is_cookie_string(text: &str) -> bool {
    let is_word = |text: &str| !text.contains([' ', '\t', '\'', '[', '(']);
    !text.contains('{')
        && pairs([text]).all(|(name, value)| is_word(name) && is_word(value) && !name.contains('"'))
}

fn in_header(header: &str, name: &str) -> Found {
    if header.len() > MAX_HEADER_BYTES {
        return in_text(&Escaped::new(header), header, name).unwrap_or_default();
    }
    let (mut found, mut pieces) = (Found::default(), Pieces::default());
    for (named, raw) in pairs([header]).filter(|(named, _)| is_ours(named, name)) {
        match named.strip_prefix(name).and_then(piece) {
            _ if is_empty(raw.trim_matches('"')) => {}
            None => found.add(raw),
            Some(index) => pieces.add(name, index, raw),
        }
    }
    pieces.finish(name, &mut found);
    found
}

/// `name`, or one of the pieces that it was split into.
fn is_ours(found: &str, name: &str) -> bool {
    found.strip_prefix(name).is_some_and(|rest| rest.is_empty() || piece(rest).is_some())
}

fn piece(rest: &str) -> Option<u8> {
    match rest.as_bytes() {
        [b'.', digit @ b'0'..=b'9'] => Some(*digit),
        _ => None,
    }
}

/// What logs write for nothing, and a deletion.
fn is_empty(raw: &str) -> bool {
    matches!(raw, "" | "-")
}

/// Percent-decoded and without quotes, as often as a log has encoded it: only open JSON holds a `%` or a quote of its own.
fn decoded(raw: &str) -> Option<String> {
    let mut value = decode_value(raw)?.into_owned();
    for _ in 0..MOST_PERCENT {
        if value.contains('{') || !(value.contains('%') || value.starts_with('"')) {
            break;
        }
        value = decode_value(&value)?.into_owned();
    }
    Some(value)
}

/// The pieces of a line.
#[derive(Default)]
struct Pieces {
    /// Each written once more as it stands in a header.
    pairs: Vec<String>,
    bytes: usize,
    /// First pieces: as many values should come of them.
    heads: Vec<String>,
    too_many: bool,
}

impl Pieces {
    fn add(&mut self, name: &str, index: u8, raw: &str) {
        let mut raw = raw.trim_matches('"').to_owned();
        // A log may have encoded the marker, which no writer does.
        for _ in 0..MOST_PERCENT {
            match decode_value(&raw) {
                Some(decoded) if raw.starts_with('%') && !decoded.starts_with('{') => {
                    raw = decoded.into_owned()
                }
                _ => break,
            }
        }
        let pair = format!("{name}.{}={raw}", char::from(index));
        if self.pairs.contains(&pair) {
            return;
        }
        if index == b'0' {
            self.heads.push(raw);
        }
        self.bytes += pair.len() + "; ".len();
        if self.bytes > MAX_HEADER_BYTES {
            self.too_many = true;
        } else {
            self.pairs.push(pair);
        }
    }

    fn finish(self, name: &str, found: &mut Found) {
        if self.pairs.is_empty() {
            return;
        }
        let joined: Vec<String> =
            values([self.pairs.join("; ").as_str()], name, DEFAULT_LIMIT).map(Into::into).collect();
        // Pieces without a marker are one value, however many heads there are.
        let marked = self.heads.iter().filter(|head| head.starts_with(PIECE_MARKER)).count();
        let expected = marked.max(1).saturating_sub(joined.len());
        found.unreadable += u64::try_from(expected).unwrap_or(u64::MAX) + u64::from(self.too_many);
        found.values.extend(joined);
    }
}

/// What stands at a mention.
enum Mention {
    /// The name of another cookie begins so.
    Other,
    /// Nothing is said of a value.
    Bare,
    Empty,
    /// A value that cannot be taken: too long, or masked.
    Unreadable,
    Value {
        piece: Option<u8>,
        raw: String,
    },
}

/// Reads every mention in a text of any shape; `None` without a mention. Work is linear: what one mention has read, no other reads
/// again.
fn in_text(escaped: &Escaped<'_>, text: &str, name: &str) -> Option<Found> {
    let (mut found, mut pieces) = (Found::default(), Pieces::default());
    let (mut bare, mut empty, mut any) = (false, false, false);
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find(name)).map(|at| from + at) {
        let behind = at + name.len();
        let (mention, end) =
            if escaped.is_boundary(at) { mention(escaped, behind) } else { (Mention::Other, behind) };
        any |= !matches!(mention, Mention::Other);
        match mention {
            Mention::Other => {}
            Mention::Bare => bare = true,
            Mention::Empty => empty = true,
            Mention::Unreadable => found.unreadable += 1,
            Mention::Value { piece: None, raw } => found.add(&raw),
            Mention::Value { piece: Some(index), raw } => pieces.add(name, index, &raw),
        }
        // Ends are those of characters or of escapes, which are ASCII; of anything else the next character begins later.
        from = (end..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    }
    pieces.finish(name, &mut found);
    if bare && !empty && found == Found::default() {
        found.unreadable = 1;
    }
    any.then_some(found)
}

/// Reads the mention whose name ends at `at`; with it the position behind what was read.
fn mention(escaped: &Escaped<'_>, at: usize) -> (Mention, usize) {
    let name_end = at;
    let (piece, at) = match (escaped.byte(at), escaped.byte(at + 1)) {
        (Some(b'.'), Some(digit @ b'0'..=b'9')) => (Some(digit), at + 2),
        _ => (None, at),
    };
    match escaped.byte(at) {
        Some(b'.') if !escaped.byte(at + 1).is_some_and(is_name_byte) => {}
        Some(byte) if is_name_byte(byte) => return (Mention::Other, name_end),
        _ => {}
    }
    let separated = (0..=MOST_PERCENT).find_map(|percent| Some((separator(escaped, at, percent)?, percent)));
    let Some((separator, percent)) = separated else { return (Mention::Bare, name_end) };
    let (raw, end) = value(escaped, separator.end, percent);
    let mention = match raw {
        None => Mention::Unreadable,
        // `<redacted>`, `(masked)`: somebody's cookie stood there.
        Some(raw) if raw.is_empty() && matches!(escaped.byte(end), Some(b'<' | b'(')) => Mention::Unreadable,
        Some(raw) if is_empty(&raw) || (separator.is_member && raw == "null") => Mention::Empty,
        Some(raw) => Mention::Value { piece, raw },
    };
    (mention, end)
}

/// What stands between a name and its value.
struct Separator {
    /// `"name": value`, `name: value`, `name => value`.
    is_member: bool,
    end: usize,
}

/// `=`, `:` or `=>`, behind the closing quote of a name and blanks, if `percent` levels of encoding are taken off. In a list of
/// cookies as objects it is `","value":`.
fn separator(escaped: &Escaped<'_>, at: usize, percent: u8) -> Option<Separator> {
    let peek = |at| escaped.char(at, percent);
    let quote = peek(at).filter(|char| is_quote(char.char));
    let start = quote.map_or(at, |quote| quote.end);
    let mut sign_at = skip(escaped, start, percent, MOST_BLANKS, is_blank);
    if let Some(end) = quote.and_then(|_| value_member(escaped, sign_at, percent)) {
        sign_at = end;
    }
    let sign = peek(sign_at).filter(|char| matches!(char.char, '=' | ':'))?;
    let arrow = peek(sign.end).filter(|char| sign.char == '=' && char.char == '>');
    let is_member = quote.is_some() || sign.char == ':' || arrow.is_some();
    let mut end = arrow.unwrap_or(sign).end;
    if is_member || sign_at > start {
        end = skip(escaped, end, percent, MOST_BLANKS, is_blank);
    }
    if is_member {
        end = skip(escaped, end, percent, 1, |char| char == '[');
    }
    Some(Separator { is_member, end })
}

/// The end of `, "value"` at `at`, and of blanks behind it.
fn value_member(escaped: &Escaped<'_>, at: usize, percent: u8) -> Option<usize> {
    let one = |at: usize, is: &dyn Fn(char) -> bool| {
        escaped.char(at, percent).filter(|char| is(char.char)).map(|char| char.end)
    };
    let blanks = |at| skip(escaped, at, percent, MOST_BLANKS, is_blank);
    let mut at = one(blanks(one(at, &|char| char == ',')?), &is_quote)?;
    for expected in "value".chars() {
        at = one(at, &|char| char == expected)?;
    }
    Some(blanks(one(at, &is_quote)?))
}

/// The value at `at`, unescaped, without the quotes around it, and the position behind it; no value if it is too long.
fn value(escaped: &Escaped<'_>, at: usize, percent: u8) -> (Option<String>, usize) {
    let mut at = skip(escaped, at, percent, MOST_BLANKS, is_quote);
    let mut raw = String::new();
    while let Some(Char { char, end }) = escaped.char(at, percent).filter(|char| !ends(char.char, &raw)) {
        at = end;
        if raw.len() <= MOST_OF_A_VALUE {
            raw.push(char);
        }
    }
    ((raw.len() <= MOST_OF_A_VALUE).then_some(raw), at)
}

/// No character of a cookie value (RFC 6265 §4.1.1), or one that no format has and logs put behind a value. Percent-encoded JSON
/// holds apostrophes and parentheses.
fn ends(char: char, value: &str) -> bool {
    match char {
        '\'' | '(' | ')' => !(value.starts_with("%7") || value.starts_with("%25")),
        ';' | ',' | '"' | '`' | '<' | '>' | '|' | '}' | ']' | '&' => true,
        other => other.is_whitespace() || other.is_control(),
    }
}

fn skip(escaped: &Escaped<'_>, at: usize, percent: u8, most: usize, is: impl Fn(char) -> bool) -> usize {
    (0..most)
        .try_fold(at, |at, _| match escaped.char(at, percent) {
            Some(char) if is(char.char) => Ok(char.end),
            _ => Err(at),
        })
        .unwrap_or_else(|at| at)
}

const fn is_quote(char: char) -> bool {
    matches!(char, '"' | '\'' | '`')
}

const fn is_blank(char: char) -> bool {
    matches!(char, ' ' | '\t')
}

#[cfg(test)]
mod tests;
