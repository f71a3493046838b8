//! Canonical base64 and nothing else: no foreign characters, no stray padding, no trailing bits.

use crate::Detail;
use base64_simd::{AsOut as _, Base64};

pub(crate) use base64_simd::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

/// Decodes `text` into the beginning of `buffer`; `None` when it is not canonical or does not fit.
pub(crate) fn decode_into<'b>(alphabet: &Base64, text: &str, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let length = alphabet.decoded_length(text.as_bytes()).ok()?;
    let decoded = alphabet.decode(text.as_bytes(), buffer.get_mut(..length)?.as_out()).ok()?;
    Some(decoded)
}

/// Why `text` did not decode in a padded alphabet: `truncated` when only its length is wrong, else `malformed`.
pub(crate) fn fault(alphabet: &Base64, text: &str) -> Detail {
    let cut_off =
        !text.len().is_multiple_of(4) && text.bytes().all(|byte| alphabet.charset().contains(&byte));
    if cut_off { Detail::Truncated } else { Detail::Malformed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_canonical_text_decodes() {
        let mut buffer = [0; 4];
        assert_eq!(decode_into(&URL_SAFE_NO_PAD, "Zg", &mut buffer), Some(b"f".as_slice()));
        for text in ["Zh", "Zg=", "Zg==", "Z", "Z g", "Zg\n", "Z+8A", "Zm9vYm8", "é"] {
            assert_eq!(decode_into(&URL_SAFE_NO_PAD, text, &mut buffer), None, "{text}");
        }
        assert_eq!(decode_into(&STANDARD, "Zg==", &mut buffer), Some(b"f".as_slice()));
        assert_eq!(decode_into(&STANDARD, "Zg", &mut buffer), None);
    }

    #[test]
    fn a_text_that_only_lacks_its_end_was_cut_off() {
        for text in ["Zg", "Z", "Zm9vYm8"] {
            assert_eq!(fault(&STANDARD, text), Detail::Truncated, "{text}");
        }
        for text in ["Zh==", "Zg=", "Zg===", "Z\n", "Zm9vY-"] {
            assert_eq!(fault(&STANDARD, text), Detail::Malformed, "{text}");
        }
        assert_eq!(fault(&URL_SAFE, "Zm9vY-"), Detail::Truncated);
    }

    proptest! {
        #[test]
        fn it_agrees_with_another_implementation(text in "[A-Za-z0-9_=+/ -]{0,40}") {
            use base64::Engine as _;
            let mut buffer = [0; 64];
            let theirs = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&text).ok();
            prop_assert_eq!(decode_into(&URL_SAFE_NO_PAD, &text, &mut buffer).map(<[u8]>::to_vec), theirs);
        }
    }
}
