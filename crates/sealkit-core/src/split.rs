//! Splitting long texts at a byte, at memory speed.

/// What stands before and after the first `separator`.
pub(crate) fn at_first(text: &str, separator: u8) -> Option<(&str, &str)> {
    around(text, memchr::memchr(separator, text.as_bytes())?)
}

/// What stands before and after the last `separator`.
pub(crate) fn at_last(text: &str, separator: u8) -> Option<(&str, &str)> {
    around(text, memchr::memrchr(separator, text.as_bytes())?)
}

/// `None` for a separator that is not ASCII, where the text cannot be cut.
fn around(text: &str, at: usize) -> Option<(&str, &str)> {
    Some((text.get(..at)?, text.get(at + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_splits_as_the_standard_library_does() {
        for text in ["", "*", "a", "a*", "*b", "a*b*c", "\u{e9}*\u{e8}*"] {
            assert_eq!(at_first(text, b'*'), text.split_once('*'), "{text}");
            assert_eq!(at_last(text, b'*'), text.rsplit_once('*'), "{text}");
        }
        assert_eq!(at_first("\u{e9}", 0xa9), None);
    }
}
