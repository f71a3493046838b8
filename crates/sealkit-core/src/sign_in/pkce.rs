//! Proof Key for Code Exchange (RFC 7636), method S256 only.

use crate::base64::URL_SAFE_NO_PAD;
use crate::{CodeVerifier, RandomUnavailable, SecureRandom};
use aws_lc_rs::digest;
use std::fmt;
use zeroize::Zeroizing;

/// Makes a code verifier: 32 random bytes as 43 characters of base64url (RFC 7636 §4.1).
///
/// # Errors
/// [`RandomUnavailable`].
pub fn generate_code_verifier(random: &dyn SecureRandom) -> Result<CodeVerifier, RandomUnavailable> {
    let mut bytes = Zeroizing::new([0; 32]);
    random.fill(bytes.as_mut())?;
    Ok(CodeVerifier::from(URL_SAFE_NO_PAD.encode_to_string(bytes.as_ref())))
}

/// True for 43 to 128 unreserved characters (RFC 7636 §4.1).
#[must_use]
pub fn is_code_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

/// What the authorize request carries of a code verifier. No secret: it is in the URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// S256: base64url of SHA-256 of the verifier (RFC 7636 §4.2).
    #[must_use]
    pub fn of(verifier: &CodeVerifier) -> Self {
        let hash = digest::digest(&digest::SHA256, verifier.expose_secret().as_bytes());
        Self(URL_SAFE_NO_PAD.encode_to_string(hash))
    }

    /// 43 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CodeChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        let verifier = CodeVerifier::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(CodeChallenge::of(&verifier).as_str(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_verifier_has_43_characters_and_is_never_the_same() {
        let (one, two) = (generate_code_verifier(&SystemRandom), generate_code_verifier(&SystemRandom));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(one.expose_secret().len(), 43);
        assert!(is_code_verifier(one.expose_secret()));
        assert_ne!(one, two);
    }

    #[test]
    fn the_shape_of_a_verifier_is_that_of_the_rfc() {
        assert!(is_code_verifier(&"~".repeat(128)));
        for text in ["", &"a".repeat(42), &"a".repeat(129), &"+".repeat(43), &"é".repeat(43)] {
            assert!(!is_code_verifier(text), "{text}");
        }
    }
}
