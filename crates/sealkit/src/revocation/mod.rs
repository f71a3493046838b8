//! Sessions that are over before their tokens are: signed out here, revoked at WorkOS, or overruled because their user, an
//! organization or a membership has changed.
//!
//! ```text
//! sign-out ─┬─► WorkOS, which ends the session
//! webhook  ─┼─► DenyList (in memory, asked on every request) ◄─► a store that replicas share (`sealkit-redis`)
//! events   ─┘
//! ```

mod denial;
mod deny_list;
mod event;
mod poll;
mod room;
pub(crate) mod sign_outs;
#[cfg(test)]
mod tests;
mod webhook;

pub use denial::{Denial, DenyEntry};
pub use deny_list::{DenyList, DenyListSettings, DenyListStore, StalePolicy, WeakDenyList};
pub use event::{EVENTS, Received};
pub use poll::{EventsPollSettings, EventsPolled, EventsPoller};
pub use sealkit_core::webhook::WebhookError;
