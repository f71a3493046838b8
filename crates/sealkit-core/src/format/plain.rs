//! JSON without any protection: what two unmerged proposals for the JavaScript libraries write.
//!
//! ```text
//! plain-json     {"accessToken":…}
//! b64url-json    base64url, not padded, of {"accessToken":…}
//! ```
//!
//! Every byte outside of the signed access token is the visitor's own claim. Whoever reads these says so by name, and
//! never takes them for a value whose seal failed to verify. Source: the pull requests named in the format description.

use super::SealTimes;
use crate::{Detail, base64::URL_SAFE_NO_PAD};
use serde::de::IgnoredAny;

/// How the JSON text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// `plain-json`: as it is.
    Text,
    /// `b64url-json`.
    Base64Url,
}

/// Puts the JSON text into `plaintext`. It is an object, well-formed to its end; what is in it nobody vouches for.
///
/// # Errors
/// `malformed` when it is no JSON (as when a `;` in a name cut it off), `not_a_session` when it is no object.
pub(super) fn open(encoding: Encoding, value: &str, plaintext: &mut Vec<u8>) -> Result<SealTimes, Detail> {
    plaintext.clear();
    match encoding {
        Encoding::Text => plaintext.extend_from_slice(value.as_bytes()),
        Encoding::Base64Url => {
            URL_SAFE_NO_PAD.decode_append(value, plaintext).map_err(|_| Detail::Malformed)?;
        }
    }
    check(plaintext).inspect_err(|_| plaintext.clear())?;
    Ok(SealTimes::default())
}

fn check(json: &[u8]) -> Result<(), Detail> {
    let text = simdutf8::basic::from_utf8(json).map_err(|_| Detail::Malformed)?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|_| Detail::Malformed)?;
    if text.starts_with('{') { Ok(()) } else { Err(Detail::NotASession) }
}

/// Writes the JSON text `plaintext`; `None` when it is not UTF-8.
pub(super) fn seal(encoding: Encoding, plaintext: &[u8]) -> Option<String> {
    match encoding {
        Encoding::Text => simdutf8::basic::from_utf8(plaintext).ok().map(str::to_owned),
        Encoding::Base64Url => Some(URL_SAFE_NO_PAD.encode_to_string(plaintext)),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            SealError,
            testing::{Container, LATER},
        },
        *,
    };
    use proptest::prelude::*;

    const PLAIN: Container<()> = Container {
        set: "unsealed",
        format: "plain-json",
        key: |_| Some(()),
        open: |value, (), _, plaintext| open(Encoding::Text, value, plaintext),
        seal: |plaintext, (), _, _| seal(Encoding::Text, plaintext).ok_or(SealError::Crypto),
        randomness: |_| (Vec::new(), LATER),
    };

    const BASE64URL: Container<()> = Container {
        format: "b64url-json",
        open: |value, (), _, plaintext| open(Encoding::Base64Url, value, plaintext),
        seal: |plaintext, (), _, _| seal(Encoding::Base64Url, plaintext).ok_or(SealError::Crypto),
        ..PLAIN
    };

    #[test]
    fn every_good_vector_opens_to_its_plaintext_and_is_written_again_to_the_same_bytes() {
        PLAIN.good_vectors_open_and_seal_again(12);
        BASE64URL.good_vectors_open_and_seal_again(6);
    }

    #[test]
    fn every_bad_vector_is_refused_with_an_allowed_class() {
        PLAIN.bad_vectors_are_refused(9);
        BASE64URL.bad_vectors_are_refused(9);
    }

    #[test]
    fn only_a_whole_object_opens() {
        let good = r#"{"accessToken":"a;\"é\n","user":{"id":"u"}}"#;
        let encoded = BASE64URL.sealed(good.as_bytes(), &(), LATER);
        for cut in 0..good.len() {
            let start = good.as_bytes()[..cut].to_vec();
            assert!(BASE64URL.opened(&URL_SAFE_NO_PAD.encode_to_string(start), &(), LATER).is_err(), "{cut}");
            if let Some(start) = good.get(..cut) {
                assert_eq!(PLAIN.opened(start, &(), LATER), Err(Detail::Malformed), "{start}");
            }
        }
        for (text, detail) in [
            (" {}", Detail::NotASession),
            ("[{}]", Detail::NotASession),
            ("{} {}", Detail::Malformed),
            ("\u{feff}{}", Detail::Malformed),
            (&*"[".repeat(20_000), Detail::Malformed),
        ] {
            assert_eq!(PLAIN.opened(text, &(), LATER), Err(detail), "{text}");
            let text = URL_SAFE_NO_PAD.encode_to_string(text);
            assert_eq!(BASE64URL.opened(&text, &(), LATER), Err(detail), "{text}");
        }
        for other in
            [format!("{encoded}="), format!("{encoded}\n"), encoded.replace('_', "/"), "e31".to_owned()]
        {
            if other != encoded {
                assert_eq!(BASE64URL.opened(&other, &(), LATER), Err(Detail::Malformed), "{other}");
            }
        }
        let latin1 = URL_SAFE_NO_PAD.encode_to_string(b"{\"a\":\"\xe9\"}");
        assert_eq!(BASE64URL.opened(&latin1, &(), LATER), Err(Detail::Malformed));
        assert_eq!(seal(Encoding::Text, b"{\"a\":\"\xe9\"}"), None);
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_again(name: String, value: String) {
            let json = serde_json::json!({ name: value }).to_string();
            for container in [PLAIN, BASE64URL] {
                let written = container.sealed(json.as_bytes(), &(), LATER);
                prop_assert_eq!(&container.opened(&written, &(), LATER).unwrap().0, json.as_bytes());
            }
        }

        #[test]
        fn arbitrary_text_is_read_or_refused(text: String, bytes: Vec<u8>) {
            for container in [PLAIN, BASE64URL] {
                if let Ok((json, _)) = container.opened(&text, &(), LATER) {
                    prop_assert!(serde_json::from_slice::<serde_json::Value>(&json).unwrap().is_object());
                }
            }
            let _ = BASE64URL.opened(&URL_SAFE_NO_PAD.encode_to_string(bytes), &(), LATER);
        }
    }
}
