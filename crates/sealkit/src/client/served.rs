//! Where the ready-made routes answer, whichever front has them.

use super::Sealkit;
use std::{
    collections::BTreeSet,
    sync::{PoisonError, RwLock},
};

/// Paths of the application that belong to ready-made routes.
#[derive(Debug, Default)]
pub(super) struct ServedPaths(RwLock<BTreeSet<Box<str>>>);

impl Sealkit {
    /// For web layers: the application has taken a ready-made route at this path (absolute, byte by byte as the browser asks for it), so
    /// its web layers let requests for it pass without a session.
    pub fn serve_path(&self, path: &str) {
        self.inner.served.0.write().unwrap_or_else(PoisonError::into_inner).insert(path.into());
    }

    /// For web layers: whether the application has taken a ready-made route at this path. Where it has not, the path is like any other.
    #[must_use]
    pub fn serves_path(&self, path: &str) -> bool {
        self.inner.served.0.read().unwrap_or_else(PoisonError::into_inner).contains(path)
    }
}
