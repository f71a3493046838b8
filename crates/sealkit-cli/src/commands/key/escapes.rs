//! The characters of a log line as they were before the log's writer escaped them.
//!
//! | writer | escapes |
//! |---|---|
//! | nginx, Apache | `\x22`, `\"`, `\\` |
//! | JSON | `\"`, `\/`, `\u0022`, `\n` |
//! | JSON in JSON, nginx in JSON | the same behind more backslashes |
//! | Python's `http.cookies` | `\054`, octal |
//! | HAProxy | `#22` |
//! | CloudFront, forms | `%22`, `%2522` |

/// Most levels of percent-encoding that are taken off.
pub(super) const MOST_PERCENT: u8 = 3;

/// A text with escapes, read by position. Every access to a byte goes through it, so that tests can count them.
#[derive(Debug)]
pub(super) struct Escaped<'t> {
    bytes: &'t [u8],
    #[cfg(test)]
    pub(super) reads: std::cell::Cell<usize>,
}

/// A character, unescaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Char {
    pub(super) char: char,
    /// The position behind it.
    pub(super) end: usize,
}

impl<'t> Escaped<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            bytes: text.as_bytes(),
            #[cfg(test)]
            reads: std::cell::Cell::new(0),
        }
    }

    /// The byte at `at`, as it stands there.
    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        #[cfg(test)]
        self.reads.set(self.reads.get() + 1);
        self.bytes.get(at).copied()
    }

    /// The character at `at`: behind any number of backslashes, and of `percent` levels of percent-encoding.
    ///
    /// What is written as a control character is one here, too. A byte over 127 is some character over 127.
    pub(super) fn char(&self, at: usize, percent: u8) -> Option<Char> {
        let (mut at, mut backslash) = (at, false);
        loop {
            let byte = self.byte(at)?;
            let escape = if backslash { self.behind_backslash(at, byte) } else { None };
            let found = escape
                .or_else(|| self.of_haproxy(at, byte))
                .or_else(|| self.percent(at, byte, percent))
                .unwrap_or(Char { char: char::from(byte), end: at + 1 });
            if found.char != '\\' {
                return Some(found);
            }
            (at, backslash) = (found.end, true);
        }
    }

    fn behind_backslash(&self, at: usize, byte: u8) -> Option<Char> {
        let (code, end) = match byte {
            b'x' | b'X' => (self.number(at + 1, 2, 16)?, at + 3),
            b'u' | b'U' => (self.number(at + 1, 4, 16)?, at + 5),
            b'0'..=b'3' => (self.number(at, 3, 8)?, at + 3),
            b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' => (u32::from(b'\n'), at + 1),
            _ => return None,
        };
        Some(Char { char: char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), end })
    }

    /// `#` and two digits, of the characters that HAProxy writes so (its manual, 8.6).
    fn of_haproxy(&self, at: usize, byte: u8) -> Option<Char> {
        let code = if byte == b'#' { self.number(at + 1, 2, 16)? } else { return None };
        let is_escaped = matches!(code, 0..0x20 | 0x22 | 0x23 | 0x7b..=0x7d | 0x7f..);
        is_escaped.then_some(Char { char: char::from_u32(code)?, end: at + 3 })
    }

    /// `%`, `25` for every level but the first, and two digits.
    fn percent(&self, at: usize, byte: u8, levels: u8) -> Option<Char> {
        if byte != b'%' || levels == 0 {
            return None;
        }
        let mut at = at + 1;
        for _ in 1..levels {
            if (self.byte(at)?, self.byte(at + 1)?) != (b'2', b'5') {
                return None;
            }
            at += 2;
        }
        Some(Char { char: char::from_u32(self.number(at, 2, 16)?)?, end: at + 2 })
    }

    fn number(&self, at: usize, digits: usize, radix: u32) -> Option<u32> {
        (at..at + digits)
            .try_fold(0, |number, at| Some(number * radix + char::from(self.byte(at)?).to_digit(radix)?))
    }

    /// Whether a cookie's name can begin at `at`: what stands before it, as a byte or as an escape, is not a part of a name.
    pub(super) fn is_boundary(&self, at: usize) -> bool {
        let byte = |back: usize| at.checked_sub(back).and_then(|at| self.byte(at));
        let Some(before) = byte(1).filter(|byte| is_name_byte(*byte)) else { return true };
        let escaped = |length: usize, percent: u8| {
            let start = at.checked_sub(length)?;
            self.char(start, percent).filter(|char| char.end == at).map(|char| !is_name_char(char.char))
        };
        // From the shortest escape to the longest; each begins with its own mark.
        let marked = match () {
            () if byte(2) == Some(b'\\') && !before.is_ascii_digit() => escaped(2, 0),
            () if byte(3) == Some(b'%') => escaped(3, 1),
            () if byte(3) == Some(b'#') => escaped(3, 0),
            () if byte(4) == Some(b'\\') => escaped(4, 0),
            () if byte(5) == Some(b'%') => escaped(5, 2),
            () if byte(6) == Some(b'\\') => escaped(6, 0),
            () if byte(7) == Some(b'%') => escaped(7, 3),
            () => None,
        };
        marked.unwrap_or(false)
    }
}

pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn is_name_char(char: char) -> bool {
    u8::try_from(char).is_ok_and(is_name_byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str, percent: u8) -> String {
        let escaped = Escaped::new(text);
        let (mut at, mut plain) = (0, String::new());
        while let Some(char) = escaped.char(at, percent) {
            plain.push(char.char);
            at = char.end;
        }
        plain
    }

    #[test]
    fn every_writers_escapes_are_read() {
        for (text, percent, expected) in [
            ("plain+/=%41", 0, "plain+/=%41"),
            (r#"\x22a\X41\"\\\"\/"#, 0, "\"aA\"\"/"),
            (r"\u0022a\u002B\u003d\U0041", 0, "\"a+=A"),
            (r"\\x22\\\\u0022\x5c\x22\u005C\u0022\x5C\x5C\x22", 0, "\"\"\"\"\""),
            (r"\054\073\012", 0, ",;\n"),
            (r"a\n\t\r", 0, "a\n\n\n"),
            ("#22#23#7C#41#", 0, "\"#|#41#"),
            ("%22a%3d%41%4", 1, "\"a=A%4"),
            ("%2522%253D%22", 2, "\"=%22"),
            ("%252522%2522", 3, "\"%2522"),
            (r"%5C%22%5C%5C%22", 1, "\"\""),
            (r"\xzz\u12\9", 0, r"xzzu129"),
            (r"\ud83d", 0, "\u{fffd}"),
            (r"end\\\", 0, "end"),
        ] {
            assert_eq!(whole(text, percent), expected, "{text}");
        }
    }

    #[test]
    fn names_begin_behind_separators_only() {
        for (before, expected) in [
            ("", true),
            (" ", true),
            (";", true),
            ("\"", true),
            ("+", true),
            ("%20", true),
            ("%2520", true),
            ("%252520", true),
            (r"\x20", true),
            (r"\u0020", true),
            (r"\n", true),
            (r"\\t", true),
            (r"\073", true),
            ("#22", true),
            ("%", true),
            ("a", false),
            ("my-", false),
            ("my.", false),
            ("_", false),
            ("%2D", false),
            ("%41", false),
            (r"\x2d", false),
            (r"\u0061", false),
            ("20", false),
            ("%252D", false),
        ] {
            let text = format!("{before}name");
            assert_eq!(Escaped::new(&text).is_boundary(before.len()), expected, "{before}");
        }
    }
}
