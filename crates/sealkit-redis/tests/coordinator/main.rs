//! Several replicas, one provider, a real server between them, and everything that can go wrong with each.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

mod clocks;
mod contested;
mod crashes;
mod hostile;
mod jobs;
mod measured;
mod outages;
#[path = "../../../sealkit/tests/session/recorder.rs"]
mod recorder;
mod rotation;
mod servers;
mod sharing;
mod slow;
#[expect(dead_code, reason = "shared with tests that need more of it")]
#[path = "../support/mod.rs"]
mod support;
mod world;
