//! Percent-encoding exactly as JavaScript's `encodeURIComponent` writes it, and strict decoding.

use std::borrow::Cow;

/// What `encodeURIComponent` leaves alone: `A-Z a-z 0-9 - _ . ! ~ * ' ( )` (ECMA-262 §19.2.6.4).
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')')
}

/// Appends `value`, encoded: UTF-8 bytes, upper-case hexadecimal.
pub(super) fn encode_into(out: &mut String, value: &str) {
    let mut rest = value;
    while let Some(at) = rest.bytes().position(|b| !is_plain(b)) {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = tail.chars();
        if let Some(char) = chars.next() {
            for byte in char.encode_utf8(&mut [0; 4]).bytes() {
                out.push('%');
                out.push(hex(byte >> 4));
                out.push(hex(byte & 0xf));
            }
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
}

/// Bytes that [`encode_into`] makes of `char`.
pub(super) fn width(char: char) -> usize {
    match u8::try_from(char) {
        Ok(byte) if is_plain(byte) => 1,
        _ => 3 * char.len_utf8(),
    }
}

/// Bytes that [`encode_into`] makes of `value`.
pub(super) fn encoded_len(value: &str) -> usize {
    value.bytes().map(|byte| if is_plain(byte) { 1 } else { 3 }).sum()
}

/// Bytes that [`decode`] makes of `text`, if it is well-formed.
pub(super) fn decoded_len(text: &str) -> usize {
    let escapes = memchr::memchr_iter(b'%', text.as_bytes()).count();
    text.len().saturating_sub(2 * escapes)
}

fn hex(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase()
}

/// Decodes once. `None` for an escape without two hexadecimal digits, and for a result that is not UTF-8; a `+` stays one.
/// Allocates only when something is encoded.
pub(super) fn decode(text: &str) -> Option<Cow<'_, str>> {
    if memchr::memchr(b'%', text.as_bytes()).is_none() {
        return Some(Cow::Borrowed(text));
    }
    let mut pieces = text.split('%');
    let mut bytes = Vec::with_capacity(text.len());
    bytes.extend_from_slice(pieces.next()?.as_bytes());
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        // The check comes first because `from_str_radix` takes a sign.
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(value: &str) -> String {
        let mut out = String::new();
        encode_into(&mut out, value);
        out
    }

    #[test]
    fn encoding_is_what_encode_uri_component_gives() {
        assert_eq!(encode("Fe26.2*1*a_b-c~2!'()"), "Fe26.2*1*a_b-c~2!'()");
        assert_eq!(encode("+/={}\";,\\ \n"), "%2B%2F%3D%7B%7D%22%3B%2C%5C%20%0A");
        assert_eq!(encode("é€🔑"), "%C3%A9%E2%82%AC%F0%9F%94%91");
    }

    #[test]
    fn malformed_escapes_are_refused_not_repaired() {
        for text in ["%", "%4", "%zz", "%+f", "a%4", "%%41", "%é", "%FF", "%C3"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn decoding_borrows_when_nothing_is_encoded() {
        assert!(matches!(decode("a+b"), Some(Cow::Borrowed("a+b"))));
        assert_eq!(decode("%e2%82%AC").as_deref(), Some("€"));
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(value in any::<String>()) {
            let encoded = encode(&value);
            prop_assert!(encoded.bytes().all(|b| is_plain(b) || b == b'%'));
            let decoded = decode(&encoded);
            prop_assert_eq!(decoded.as_deref(), Some(value.as_str()));
            prop_assert_eq!(encoded_len(&value), encoded.len());
            prop_assert_eq!(value.chars().map(width).sum::<usize>(), encoded.len());
            prop_assert_eq!(decoded_len(&encoded), value.len());
        }
    }
}
