//! Access tokens: the key set, the checks, and the claims that only a verified token gives.

mod claims;
mod jwks;
mod verify;

pub use claims::Claims;
pub use jwks::{KeySet, KeySetError};
pub use verify::{IssuerPolicy, TokenPolicy, TokenRejection, Verified};

pub(crate) use verify::{Anchor, verify};
