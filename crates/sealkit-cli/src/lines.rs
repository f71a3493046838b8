//! A cookie a line: read with bounded memory, bare or inside of a JSON object, and written back in the same shape.

use sealkit::cookie::{decode_value, encode_value};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    io::{self, BufRead, Read as _},
    ops::Range,
};

/// Longest line that is read. A cookie has at most 24 KiB; what stands around it in JSON may be longer.
pub(crate) const MAX_LINE: usize = 8 * 1024 * 1024;

/// Appends the next line, without its end, to `buffer`; false at the end of the input.
///
/// # Errors
/// `FileTooLarge` for a line over [`MAX_LINE`], and what the reader says.
pub(crate) fn read_line(input: &mut impl BufRead, buffer: &mut Vec<u8>) -> io::Result<bool> {
    let start = buffer.len();
    let most = u64::try_from(MAX_LINE).map_or(u64::MAX, |bytes| bytes + 2);
    let read = input.take(most).read_until(b'\n', buffer)?;
    if buffer.ends_with(b"\n") && read > 0 {
        buffer.pop();
        if buffer.len() > start && buffer.ends_with(b"\r") {
            buffer.pop();
        }
    }
    if buffer.len() - start > MAX_LINE {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("a line is longer than {MAX_LINE} bytes: this is no file with a cookie a line"),
        ));
    }
    Ok(read > 0)
}

/// A line with the cookie value in it, percent-decoded.
#[derive(Debug)]
pub(crate) struct Line<'l> {
    text: &'l str,
    /// Where the value stands as JSON, when the line is an object.
    place: Option<Range<usize>>,
    pub(crate) value: Cow<'l, str>,
}

#[derive(Deserialize)]
struct Object<'l> {
    #[serde(borrow)]
    cookie: &'l RawValue,
}

impl<'l> Line<'l> {
    /// A JSON object with a text `cookie`, else a bare value; `None` when the value is empty or its escapes are damaged.
    pub(crate) fn parse(text: &'l str) -> Option<Self> {
        let object =
            text.trim_start().starts_with('{').then(|| serde_json::from_str::<Object<'_>>(text).ok());
        if let Some(Object { cookie }) = object.flatten()
            && let Ok(value) = serde_json::from_str::<String>(cookie.get())
        {
            let start = cookie.get().as_ptr().addr() - text.as_ptr().addr();
            let value = Cow::Owned(decoded(&value)?.into_owned());
            return Some(Self { text, place: Some(start..start + cookie.get().len()), value });
        }
        Some(Self { text, place: None, value: decoded(text)? })
    }

    /// The value is a member of an object.
    pub(crate) const fn is_object(&self) -> bool {
        self.place.is_some()
    }

    /// Appends the line with another value and a line feed. Everything else of an object stays as it is.
    pub(crate) fn write(&self, value: &str, out: &mut Vec<u8>) {
        let around = |range: Range<usize>| self.text.get(range).unwrap_or_default().as_bytes();
        match self.place.clone() {
            Some(place) => {
                out.extend(around(0..place.start));
                out.extend(serde_json::Value::from(value).to_string().as_bytes());
                out.extend(around(place.end..self.text.len()));
            }
            // What would not be read back as it is must be encoded.
            None if value.contains(['\n', '\r']) || decoded(value).as_deref() != Some(value) => {
                out.extend(encode_value(value).as_bytes());
            }
            None => out.extend(value.as_bytes()),
        }
        out.push(b'\n');
    }
}

/// The value, percent-decoded if it is encoded: no format has a `%` but those with JSON in the open, and their brace is always
/// encoded where anything is.
fn decoded(value: &str) -> Option<Cow<'_, str>> {
    if value.contains('{') { Some(Cow::Borrowed(value)) } else { decode_value(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<String> {
        Line::parse(text).map(|line| line.value.into_owned())
    }

    fn with(text: &str, value: &str) -> String {
        let mut out = Vec::new();
        Line::parse(text).unwrap().write(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_read_without_their_ends_and_only_so_long() {
        let lines = |input: &[u8]| {
            let (mut input, mut lines) = (input, Vec::new());
            loop {
                let mut line = Vec::new();
                if !read_line(&mut input, &mut line).unwrap() {
                    return lines;
                }
                lines.push(String::from_utf8(line).unwrap());
            }
        };
        assert_eq!(lines(b"a\r\n\nb\r\r\n\r\nc"), ["a", "", "b\r", "", "c"]);
        assert_eq!(lines(b""), Vec::<String>::new());
        assert_eq!(lines(b"\n"), [""]);
        let long = vec![b'a'; MAX_LINE + 1];
        assert!(read_line(&mut &long[..MAX_LINE], &mut Vec::new()).unwrap());
        let error = read_line(&mut &*long, &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_value_is_bare_encoded_or_in_an_object() {
        for (text, expected) in [
            ("Fe26.2*1~2", Some("Fe26.2*1~2")),
            ("a+b%2Bc%0A", Some("a+b+c\n")),
            ("", None),
            ("a%zz", None),
            (r#"{"accessToken":"100%25"}"#, Some(r#"{"accessToken":"100%25"}"#)),
            ("%7B%7D", Some("{}")),
            (r#" {"id":1,"cookie":"a%2Bb\n"}"#, Some("a+b\n")),
            (r#"{"cookie":7}"#, Some(r#"{"cookie":7}"#)),
            (r#"{"cookie":""}"#, None),
        ] {
            assert_eq!(value(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn everything_around_a_value_stays_and_what_is_written_is_read_back() {
        let text = "{ \"n\":1e400 , \"cookie\" : \"old\",\"é\":[ 1 ],\"n\":2 }";
        assert_eq!(with(text, "n\new\""), text.replace("\"old\"", "\"n\\new\\\"\"") + "\n");
        for new in
            ["a+b/c==", "line\nline\n", "100%25", "{\"a\":\"%\"}", "{\n}", "sj1.x.{}", "\"quoted\"", "é"]
        {
            let line = with("old", new);
            assert_eq!(line.matches('\n').count(), 1, "{new:?}");
            assert_eq!(value(line.trim_end_matches('\n')).as_deref(), Some(new), "{line:?}");
        }
        assert_eq!(with("old", "a+b/c=="), "a+b/c==\n");
        assert_eq!(with("old", "ab\n"), "ab%0A\n");
    }
}
