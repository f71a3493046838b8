//! Where this repository keeps what a test drives.

use std::path::{Path, PathBuf};

/// A file below the repository's root, if it exists.
pub(crate) fn in_repository(path: impl AsRef<Path>) -> Option<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path).canonicalize().ok()
}

/// A script of `tests/peers`.
pub(crate) fn script_path(script: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script)
}
