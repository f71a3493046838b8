//! sealkit

pub mod api;
mod clock;
mod keys;

pub use clock::{Clock, ManualClock, SystemClock};
pub use keys::{KeySetCache, KeySetSettings};
