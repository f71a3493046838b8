//! How the deny list hears what has happened at WorkOS: webhooks, and asking for events.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

#[path = "../session/ears.rs"]
mod ears;
mod house;
mod poll;
mod receive;
#[path = "../session/recorder.rs"]
#[expect(
    dead_code,
    clippy::panic,
    reason = "shared with tests that ask for more; a counter that does not count is a bug"
)]
mod recorder;
