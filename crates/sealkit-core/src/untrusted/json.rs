//! A JSON document that drives no terminal.

use super::is_hidden;
use std::{borrow::Cow, fmt::Write as _};

/// The JSON document with every character that [`Untrusted`](super::Untrusted) escapes written as `\uXXXX` (RFC 8259 §7).
/// Line feeds, carriage returns and tabs between its tokens stay.
///
/// In valid JSON such characters stand in texts and names only, so a parser reads the same document. Text that is not JSON
/// is escaped in the same way.
///
/// ```
/// # use sealkit_core::untrusted::escape_json;
/// assert_eq!(escape_json("{\"name\":\"a\u{202e}b\u{e0001}\"}"), r#"{"name":"a\u202eb\udb40\udc01"}"#);
/// ```
#[must_use]
pub fn escape_json(document: &str) -> Cow<'_, str> {
    let is_escaped = |c: char| is_hidden(c) && !matches!(c, '\n' | '\r' | '\t');
    if !document.contains(is_escaped) {
        return Cow::Borrowed(document);
    }
    let mut escaped = String::with_capacity(document.len() + 64);
    for c in document.chars() {
        if is_escaped(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a `String` does not fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}
