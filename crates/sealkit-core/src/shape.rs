//! The shapes of what a visitor sends and WorkOS reads: ids, tokens, hints.
//!
//! A value is checked before it is sent. A value of another shape is known to be wrong, and an API that fails on it would look
//! like an API that is down.

/// One of the shapes: true for a text that has it.
pub type Shape = fn(&str) -> bool;

/// Longest id, in bytes. WorkOS's own have about 30.
pub const MAX_ID_BYTES: usize = 128;

/// Longest token or code, in bytes.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Longest hint, in bytes: an e-mail address has at most 254, a domain at most 253.
pub const MAX_HINT_BYTES: usize = 512;

/// True for the shape of a WorkOS id, like `org_01JGFNAVYC0MP1LERS00000000`: 1 to [`MAX_ID_BYTES`] ASCII letters, digits, `_`, `-`.
#[must_use]
pub fn is_id(text: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// True for the shape of an OAuth code or token (RFC 6749 appendix A.11, A.12 and A.17): 1 to [`MAX_TOKEN_BYTES`] visible ASCII
/// characters and spaces.
#[must_use]
pub fn is_token(text: &str) -> bool {
    (1..=MAX_TOKEN_BYTES).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
}

/// True for a hint that a person may have typed: at most [`MAX_HINT_BYTES`], without control characters.
#[must_use]
pub fn is_hint(text: &str) -> bool {
    text.len() <= MAX_HINT_BYTES && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_letters_digits_and_two_marks() {
        let long = "o".repeat(MAX_ID_BYTES);
        for good in ["org_01JGFNAVYC0MP1LERS00000000", "conn-1", "7", &long] {
            assert!(is_id(good), "{good}");
        }
        let longer = "o".repeat(MAX_ID_BYTES + 1);
        for bad in ["", "org_\0", "org_1 ", "org_1\n", "org/../1", "org_é", "org_1\"", &longer] {
            assert!(!is_id(bad), "{bad:?}");
        }
    }

    #[test]
    fn tokens_have_visible_ascii_and_spaces() {
        let long = "t".repeat(MAX_TOKEN_BYTES);
        for good in ["a", "a b~!", &long] {
            assert!(is_token(good));
        }
        for bad in ["", "a\0", "a\n", "é", "\u{7f}", &format!("{long}t")] {
            assert!(!is_token(bad));
        }
    }

    #[test]
    fn hints_are_text_of_one_line() {
        for good in ["", "ada@example.com", "jürgen@bücher.example", "ada+x@example.com"] {
            assert!(is_hint(good), "{good}");
        }
        for bad in ["a\0b", "a\r\nb", "\u{85}", &"a".repeat(MAX_HINT_BYTES + 1)] {
            assert!(!is_hint(bad), "{bad:?}");
        }
    }
}
