//! What a cookie password looks like: every SDK has its own rule.

use super::Format;
use crate::{
    CookiePassword, RandomUnavailable, SecureRandom,
    base64::{STANDARD, URL_SAFE},
};
use zeroize::Zeroizing;

/// The shape of a format's passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyShape {
    /// Any text of at least 32 characters (UTF-16 code units, as JavaScript counts).
    Text32,
    /// A Fernet key: base64 of exactly 32 bytes, 44 characters with the `=`.
    FernetKey,
    /// Exactly 32 bytes of text, used as they are.
    Bytes32,
    /// Exactly 64 hexadecimal digits.
    Hex64,
    /// Base64 of exactly 32 bytes, standard alphabet.
    Base64Key,
    /// The format has no key.
    Unneeded,
}

/// A password that cannot be a key. `Display` says the rule and how to make a right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{format}` needs {}{}; make one with `sealkit key new --format {format}`", .format.key_shape().rule(), .format.rule_of_ids())]
#[non_exhaustive]
pub struct KeyShapeError {
    /// The format whose rule the password breaks.
    pub format: Format,
}

impl Format {
    /// What the rule says besides, where not every iron id will do.
    const fn rule_of_ids(self) -> &'static str {
        match self {
            Self::KotlinIron => " without an id or with the id 1",
            _ => "",
        }
    }
}

impl KeyShape {
    /// The rule in a sentence.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Text32 => "any text of at least 32 characters",
            Self::FernetKey => "base64 of exactly 32 bytes (44 characters, `=` included)",
            Self::Bytes32 => "exactly 32 bytes of text",
            Self::Hex64 => "exactly 64 hexadecimal digits",
            Self::Base64Key => "base64 of exactly 32 bytes, standard alphabet",
            Self::Unneeded => "no password",
        }
    }

    /// A new password of this shape: 256 random bits (`Bytes32`: 192, in 32 characters).
    ///
    /// `Text32` passwords are base64 of 32 bytes without `+ / - _`, so that Node, Python, PHP and Ruby all take them.
    ///
    /// # Errors
    /// [`RandomUnavailable`].
    pub fn generate(self, random: &dyn SecureRandom) -> Result<CookiePassword, RandomUnavailable> {
        let mut bytes = Zeroizing::new([0u8; 32]);
        loop {
            random.fill(bytes.as_mut_slice())?;
            let text = Zeroizing::new(match self {
                Self::Text32 | Self::Base64Key | Self::Unneeded => STANDARD.encode_to_string(*bytes),
                Self::FernetKey => URL_SAFE.encode_to_string(*bytes),
                Self::Bytes32 => STANDARD.encode_to_string(bytes.get(..24).unwrap_or_default()),
                Self::Hex64 => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            });
            let common = !text.contains(['+', '/', '-', '_']);
            if common || self == Self::Hex64 {
                return Ok(CookiePassword::from(text.as_str()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    #[test]
    fn a_new_password_has_its_shape_and_no_character_that_a_decoder_reads_differently() {
        for (shape, length) in [
            (KeyShape::Text32, 44),
            (KeyShape::FernetKey, 44),
            (KeyShape::Bytes32, 32),
            (KeyShape::Hex64, 64),
            (KeyShape::Base64Key, 44),
        ] {
            let password = shape.generate(&SystemRandom).unwrap();
            let text = password.expose_secret();
            assert_eq!(text.len(), length, "{shape:?}");
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'='), "{shape:?}");
        }
    }
}
