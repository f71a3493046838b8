//! Sessions that come in one format and are written in another: logged once for each format, with what its readers then do.

use sealkit_core::format::{Format, FormatSet};
use std::sync::{Mutex, PoisonError};

/// The formats whose change has been logged in this process.
#[derive(Debug, Default)]
pub(super) struct FormatChanges(Mutex<FormatSet>);

impl FormatChanges {
    /// Logs that sessions of the format `came` are written as `written`, the first time.
    ///
    /// In a fleet that shares the cookie, the services that read the old format meet the new one from now on.
    pub(super) fn note(&self, came: Format, written: Format) {
        let effect = written.read_by(came);
        if came.shares_container_with(written) || effect.is_read() || !self.is_new(came) {
            return;
        }
        tracing::warn!(
            came = came.id(),
            written = written.id(),
            hint = "if a service with that SDK shares the cookie, write its format (SEALKIT_FORMAT_WRITE), or move the service: \
                `sealkit migrate --plan`",
            "a session came as {came}, is written as {written}: its readers ({}) then {effect}",
            came.writer()
        );
    }

    fn is_new(&self, came: Format) -> bool {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !logged.contains(came);
        *logged = logged.with(came);
        is_new
    }
}
