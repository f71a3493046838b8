//! Cookie passwords from a file, read again when it changes.

use super::{Inner, Sealkit};
use crate::config::{
    ConfigError, Problem, env,
    password_list::{Content, Fingerprint, PasswordsFile},
};
use std::{
    sync::{Arc, Weak},
    time::Duration,
};

/// How often the file is looked at.
const INTERVAL: Duration = Duration::from_secs(5);

impl Sealkit {
    /// Reads the file of cookie passwords again, without a restart. A task does it by itself when the file changes, if a tokio
    /// runtime was there when this handle was built. It blocks while it reads.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong with it; the passwords stay what they were then.
    pub fn reload_keys(&self) -> Result<(), ConfigError> {
        let Some(file) = self.inner.config.passwords() else {
            let fix = "name a file with lines NAME=PASSWORD";
            return Err(ConfigError::new(vec![Problem::new(env::COOKIE_PASSWORDS_FILE, "is not set", fix)]));
        };
        self.use_keys_of(file, file.read())
    }

    fn use_keys_of(&self, file: &PasswordsFile, content: Content) -> Result<(), ConfigError> {
        let ring = file.ring(content).map_err(ConfigError::new)?;
        self.replace_keys(ring)
            .map_err(|error| ConfigError::new(vec![Problem::from_message(file.setting(), &error)]))
    }

    /// Looks at the file of cookie passwords from now on, as long as a handle lives.
    pub(super) fn watch_keys(&self) {
        let Some(file) = self.inner.config.passwords() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(watch(file.clone(), Arc::downgrade(&self.inner)))),
            Err(_) => tracing::warn!(
                "there is no tokio runtime here, so the file of cookie passwords is not read again when it changes; build this handle within one, or call `reload_keys`"
            ),
        }
    }
}

/// Takes a new content when it has been the same twice: half a file is a list of passwords, too, and what it would seal nothing
/// would open afterwards.
async fn watch(file: PasswordsFile, inner: Weak<Inner>) {
    let (mut used, mut before) = (file.fingerprint, file.fingerprint);
    loop {
        tokio::time::sleep(INTERVAL).await;
        let looking = file.clone();
        let Ok(content) = tokio::task::spawn_blocking(move || looking.read()).await else { return };
        let Some(inner) = inner.upgrade() else { return };
        let now = Fingerprint::of(&content);
        let settled = now == before;
        before = now;
        if now == used || !settled {
            continue;
        }
        used = now;
        if let Err(error) = (Sealkit { inner }).use_keys_of(&file, content) {
            tracing::error!(%error, "the file of cookie passwords has changed and cannot be used; the old passwords stay");
        }
    }
}
