//! The provider judged as its users meet it: through the API, in a browser, on a socket.

#![expect(clippy::unwrap_used, reason = "tests may panic")]
#![expect(clippy::indexing_slicing, reason = "tests may panic")]

mod api;
mod browser;
mod common;
mod grants;
mod hostile;
mod kinds;
mod server;
