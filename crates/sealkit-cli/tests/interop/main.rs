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
    pub(crate) mod dev;
    pub(crate) mod find;
    pub(crate) mod peer;
    pub(crate) mod php;
    pub(crate) mod places;
    pub(crate) mod python;
    pub(crate) mod ruby;
    pub(crate) mod rust;
}

mod devidp;
mod first_report;
mod formats;
mod iron;
mod round_trip;
mod sessions;
mod vectors;
