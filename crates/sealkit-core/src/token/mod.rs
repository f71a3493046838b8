//! Access tokens: the key set, the checks, and the claims that only a verified token gives.

mod actor;
mod claims;
mod jwk;
mod jwks;
mod kind;
mod peek;
mod policy;
mod verify;

pub use actor::{ActorKind, UnknownActorKind};
pub use claims::Claims;
pub use jwk::{SkipReason, SkippedKey};
pub use jwks::{KeySet, KeySetError};
pub(crate) use peek::peek_organization_id;
pub use peek::{
    peek_lifetime, peek_not_a_session, peek_other_kind, peek_session_id, peek_session_to_end, peek_subject,
};
pub use policy::{EnvironmentIssuers, IssuerPolicy, TokenPolicy};

pub(crate) use verify::{Anchor, Verified, verify};
