//! What handlers ask for.

mod claims;
mod handle;
mod session;
mod tokens;

pub use claims::Claims;
pub use handle::SessionHandle;
pub use session::Session;
pub use tokens::Tokens;
