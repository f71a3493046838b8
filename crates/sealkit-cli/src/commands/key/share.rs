//! As few passwords as possible for several formats.

use sealkit::{
    CookiePassword, RandomUnavailable, SystemRandom,
    format::{Format, KeyShape},
};

/// A new password, and the formats that it is a key of.
pub(crate) struct Shared {
    pub(crate) password: CookiePassword,
    pub(crate) shape: KeyShape,
    pub(crate) formats: Vec<Format>,
}

/// The shapes that are tried: base64 of 32 bytes fits most formats, hexadecimal digits Rust's and all that take any text, 32
/// characters old Ruby's and all that take any text.
const SHAPES: [KeyShape; 3] = [KeyShape::FernetKey, KeyShape::Hex64, KeyShape::Bytes32];

/// New passwords that fit all of the formats: each as many as possible of those that are left. Which fits what is found by
/// trying it.
///
/// # Errors
/// No random bytes.
pub(crate) fn share(formats: &[Format]) -> Result<Vec<Shared>, RandomUnavailable> {
    let mut left: Vec<Format> = formats.iter().copied().filter(|format| format.is_authenticated()).collect();
    let mut passwords = Vec::new();
    while !left.is_empty() {
        let mut best: Option<Shared> = None;
        for shape in SHAPES {
            let password = shape.generate(&SystemRandom)?;
            let fitting: Vec<Format> =
                left.iter().copied().filter(|format| format.check_password(&password).is_ok()).collect();
            if best.as_ref().is_none_or(|best| fitting.len() > best.formats.len()) {
                best = Some(Shared { password, shape, formats: fitting });
            }
        }
        let Some(best) = best.filter(|best| !best.formats.is_empty()) else { break };
        left.retain(|format| !best.formats.contains(format));
        passwords.push(best);
    }
    Ok(passwords)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(formats: &[Format]) -> Vec<(KeyShape, usize)> {
        share(formats).unwrap().iter().map(|shared| (shared.shape, shared.formats.len())).collect()
    }

    #[test]
    fn one_password_fits_all_that_one_can_fit() {
        use Format::*;
        let base64 =
            [Iron, KotlinIron, RrCookie, PythonFernet, RubyV7, GoGcm, PhpHalite, PhpSecretbox, DotnetGcm];
        assert_eq!(shapes(&base64), [(KeyShape::FernetKey, 9)]);
        assert_eq!(shapes(&[Iron, RustGcm, GoGcm]), [(KeyShape::Hex64, 3)]);
        assert_eq!(shapes(&[Iron, RubyV6, RubyV7]), [(KeyShape::Bytes32, 3)]);
        assert_eq!(shapes(&[PythonFernet, RustGcm, RubyV6]).len(), 3);
        assert_eq!(shapes(&[Iron, PythonFernet, RustGcm]), [(KeyShape::FernetKey, 2), (KeyShape::Hex64, 1)]);
        assert_eq!(shapes(&[PlainJson]), []);
        assert_eq!(
            shapes(Format::ALL).iter().map(|(_, formats)| formats).sum::<usize>(),
            Format::ALL.len() - 2
        );
    }
}
