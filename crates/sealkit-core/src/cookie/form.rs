//! The form of one value in a header line: raw, or percent-encoded.

use super::percent;
use crate::format::Wire;

/// How many bytes `value` has as it is written in this form.
///
/// ```
/// use sealkit_core::{cookie::written_len, format::Wire};
///
/// assert_eq!(written_len("a+b=", Wire::Raw), 4);
/// assert_eq!(written_len("a+b=", Wire::Encoded), 8);
/// ```
#[must_use]
pub fn written_len(value: &str, wire: Wire) -> usize {
    Form::of(wire, value).len(value)
}

/// How one value is written. One form for the whole value, and for each of its pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Raw,
    Encoded,
}

impl Form {
    /// What the readers of the value expect. A value that is not legal raw is encoded all the same.
    pub(super) fn of(wire: Wire, value: &str) -> Self {
        match wire {
            Wire::Token | Wire::Raw if value.bytes().all(is_raw) => Self::Raw,
            _ => Self::Encoded,
        }
    }

    /// Appends `value` as it is written.
    pub(super) fn push(self, out: &mut String, value: &str) {
        match self {
            Self::Raw => out.push_str(value),
            Self::Encoded => percent::encode_into(out, value),
        }
    }

    /// Bytes that [`push`](Self::push) writes for `char`.
    pub(super) fn width(self, char: char) -> usize {
        match self {
            Self::Raw => char.len_utf8(),
            Self::Encoded => percent::width(char),
        }
    }

    /// Bytes that [`push`](Self::push) writes for `value`.
    pub(super) fn len(self, value: &str) -> usize {
        match self {
            Self::Raw => value.len(),
            Self::Encoded => percent::encoded_len(value),
        }
    }
}

/// A `cookie-octet` of RFC 6265 §4.1.1. The percent sign is one, but readers that decode would take it for an escape.
const fn is_raw(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'+' | b'-'..=b':' | b'<'..=b'[' | b']'..=b'~') && byte != b'%'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_value_with_a_byte_that_cookies_forbid_is_encoded() {
        for char in (0..=0x7f).map(char::from).chain(['é', '€', '🔑']) {
            let legal = char.is_ascii_graphic() && !"\",;\\%".contains(char);
            let expected = if legal { Form::Raw } else { Form::Encoded };
            for wire in [Wire::Raw, Wire::Token] {
                assert_eq!(Form::of(wire, &format!("a{char}b")), expected, "{char:?}");
            }
            assert_eq!(Form::of(Wire::Encoded, &format!("a{char}b")), Form::Encoded);
        }
    }

    #[test]
    fn widths_are_those_of_what_is_written() {
        for (form, value) in [(Form::Raw, "a+/=b"), (Form::Encoded, "a+/=b"), (Form::Encoded, "é\n🔑;")] {
            let mut out = String::new();
            form.push(&mut out, value);
            assert_eq!(form.len(value), out.len());
            assert_eq!(value.chars().map(|char| form.width(char)).sum::<usize>(), out.len());
        }
    }
}
