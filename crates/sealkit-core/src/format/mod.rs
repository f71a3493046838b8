//! The containers that WorkOS SDKs seal a session in: one file each, and the table of what is true of them.

pub mod iron;

use crate::{Key, RandomUnavailable, UnixMillis};

/// What opened, and with which key.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Opened<'r> {
    /// The password of the ring that opened it.
    pub key: &'r Key,
    /// When it was sealed, if the format says so (authenticated).
    pub sealed_at: Option<UnixMillis>,
    /// When the seal itself ends, if it does.
    pub expires_at: Option<UnixMillis>,
}

/// Nothing could be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// There is no password in the ring, or its first one is too short to seal with.
    #[error("the first password of the ring cannot seal")]
    BadPassword,
    /// No random bytes.
    #[error("no secure random bytes available")]
    Random,
    /// The crypto library refused.
    #[error("the crypto library refused to encrypt")]
    Crypto,
    /// The payload is no JSON object.
    #[error("the payload is no JSON object")]
    NotAnObject,
}

impl From<RandomUnavailable> for SealError {
    fn from(_: RandomUnavailable) -> Self {
        Self::Random
    }
}
