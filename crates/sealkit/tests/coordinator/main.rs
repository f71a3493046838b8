//! The coordinator of one process, judged from outside: every order of what can happen to it, a hundred thousand pairs of sessions
//! at once, and what becomes of grants when callers, runtimes and processes go away.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

mod house;
mod interleavings;
mod lifetimes;
mod pairs;
