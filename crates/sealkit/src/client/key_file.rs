//! Cookie passwords from a file, read again when it changes.

use super::{Inner, Sealkit};
use crate::config::{ConfigError, Problem, env, passwords};
use sealkit_core::format::KeyShapeError;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};
use zeroize::Zeroizing;

/// How often the file is looked at.
const INTERVAL: Duration = Duration::from_secs(5);

impl Sealkit {
    /// Reads the file of cookie passwords again, without a restart. A task does it by itself when the file changes, if a tokio
    /// runtime was there when this handle was built.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong with it; the passwords stay what they were then.
    pub fn reload_keys(&self) -> Result<(), ConfigError> {
        let path = self.inner.config.passwords_file().ok_or_else(|| {
            one(Problem::new(
                env::COOKIE_PASSWORDS_FILE,
                "is not set",
                "name a file with lines NAME=PASSWORD",
            ))
        })?;
        let ring = passwords::from_file(env::COOKIE_PASSWORDS_FILE, path).map_err(ConfigError::new)?;
        self.replace_keys(ring)
            .map_err(|error: KeyShapeError| one(Problem::from_message(env::COOKIE_PASSWORDS_FILE, &error)))
    }

    /// Looks at the file of cookie passwords from now on, as long as a handle lives.
    pub(super) fn watch_keys(&self) {
        let (Some(path), Ok(runtime)) =
            (self.inner.config.passwords_file(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        runtime.spawn(watch(path.to_owned(), Arc::downgrade(&self.inner)));
    }
}

async fn watch(path: PathBuf, inner: Weak<Inner>) {
    let mut known = content(&path).await;
    loop {
        tokio::time::sleep(INTERVAL).await;
        let Some(inner) = inner.upgrade() else { return };
        let now = content(&path).await;
        if now == known {
            continue;
        }
        known = now;
        if let Err(error) = (Sealkit { inner }).reload_keys() {
            tracing::error!(%error, "the file of cookie passwords has changed and cannot be used; the old passwords stay");
        }
    }
}

async fn content(path: &Path) -> Option<Zeroizing<Vec<u8>>> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || passwords::read(&path).ok()).await.ok().flatten()
}

fn one(problem: Problem) -> ConfigError {
    ConfigError::new(vec![problem])
}
