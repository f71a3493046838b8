//! The deny list of several replicas on real servers: what one denies all deny, whatever becomes of the server.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

mod hostile;
mod lives;
mod losses;
mod news;
mod servers;
mod sharing;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod support;
mod world;
