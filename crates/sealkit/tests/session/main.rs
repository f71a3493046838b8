//! The session layer judged from outside: every row of the life cycle against the development identity provider, in process.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

mod authenticate;
mod behind;
mod concurrency;
mod ears;
mod encoding;
mod guard;
mod key_set;
mod keys;
mod kinds;
mod kinds_allowed;
mod metered;
mod no_secrets;
mod readiness;
mod recorder;
mod refresh;
mod revoked;
mod revoked_at_workos;
mod sign_in;
mod signed_out;
mod support;
mod upstream;
mod upstream_fix;
