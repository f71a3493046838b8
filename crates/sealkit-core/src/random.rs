//! Where salts, initialisation vectors and nonces come from.

use std::fmt;

/// A source of cryptographically secure random bytes.
///
/// Sealing takes it as an argument, so that a test can seal the same bytes twice. Implement it only for tests.
pub trait SecureRandom: fmt::Debug + Send + Sync {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// [`RandomUnavailable`] when the source has nothing to give; nothing may be sealed then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable>;
}

/// The operating system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no secure random bytes available")]
#[non_exhaustive]
pub struct RandomUnavailable;

/// The operating system's generator, through `aws-lc-rs`.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a unit value that everybody writes as `SystemRandom`")]
pub struct SystemRandom;

impl SecureRandom for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| RandomUnavailable)
    }
}

impl RandomUnavailable {
    /// For implementers of [`SecureRandom`].
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Default for RandomUnavailable {
    fn default() -> Self {
        Self::new()
    }
}
