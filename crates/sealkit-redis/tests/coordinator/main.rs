//! Several replicas, one provider, a real server between them, and everything that can go wrong with each.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

mod crashes;
mod jobs;
mod outages;
mod servers;
mod sharing;
#[expect(dead_code, reason = "shared with tests that need more of it")]
#[path = "../support/mod.rs"]
mod support;
mod world;
