//! The `sealkit` binary, judged from outside.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

#[path = "../support/find.rs"]
mod find;

mod commands;
mod common;
mod convert;
mod dev;
mod inspect;
mod key;
mod key_sets;
mod migrate;
mod printing;
mod reads;
mod refresh;
mod vectors;
