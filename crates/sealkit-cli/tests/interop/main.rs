//! The real libraries and sealkit, each opening what the other has written.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

#[path = "../support"]
mod support {
    pub(crate) mod find;
    pub(crate) mod peer;
    pub(crate) mod python;
}

mod devidp;
mod iron;
mod sessions;
