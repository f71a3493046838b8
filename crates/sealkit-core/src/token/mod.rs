//! Access tokens: the key set, the checks, and the claims that only a verified token gives.

mod claims;
mod jwks;
mod peek;
mod verify;

pub use claims::Claims;
pub use jwks::{KeySet, KeySetError};
pub(crate) use peek::peek_organization_id;
pub use peek::{peek_lifetime, peek_session_id, peek_subject};
pub use verify::{IssuerPolicy, TokenPolicy};

pub(crate) use verify::{Anchor, Verified, verify};
