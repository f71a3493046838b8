//! What handlers ask for.

mod claims;
mod handle;
mod session;
mod tokens;

pub use claims::Claims;
pub use handle::SessionHandle;
pub use session::Session;
pub use tokens::Tokens;

use crate::{rejection::SessionRejection, slot::SessionSlot};
use http::request::Parts;

/// The slot that the layer has put there.
fn slot(parts: &Parts) -> Result<SessionSlot, SessionRejection> {
    parts.extensions.get::<SessionSlot>().cloned().ok_or_else(SessionRejection::missing_layer)
}
