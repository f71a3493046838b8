//! Real servers of other languages read, over HTTP and in one cookie jar, what `sealkit-axum` has set, and the other way round.
//!
//! The suite `interop` hands seals over standard input. A web service gets what its framework's cookie parser makes of a header:
//! some parsers percent-decode, others do not. That decides whether the users of the other service stay signed in.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

#[path = "../support"]
mod support {
    #[expect(dead_code, reason = "the demo's tests use the rest")]
    pub(crate) mod chromium;
    pub(crate) mod find;
    pub(crate) mod places;
    pub(crate) mod toolchain;
}

mod browser;
mod fleet;
mod go;
mod jar;
mod java;
mod javascript;
mod php;
mod python;
mod readers;
mod ruby;
mod servers;
mod visit;
mod world;
