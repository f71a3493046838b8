//! `sealkit key`: passwords in the shapes that SDKs take, and which of them are still in use.

mod escapes;
mod new;
mod report;
mod sample;
mod share;
mod source;
mod status;
mod verdict;

pub(crate) use new::run as new;
pub(crate) use share::{Shared, share};
pub(crate) use status::run as status;
