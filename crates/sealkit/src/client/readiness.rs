//! Whether this process should be given requests.

use super::Sealkit;
use std::sync::atomic::Ordering;

/// What a load balancer asks for, and what an operator wants to know beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Readiness {
    /// There is a key set to verify tokens with.
    pub keys: bool,
    /// What other processes have revoked is known here.
    pub deny_list: bool,
    /// The shared store cannot be reached: every process refreshes for itself, and what others revoke arrives later. Nobody is
    /// logged out by that, so it is no reason to be taken out of the balancer.
    pub degraded: bool,
    /// [`Sealkit::drain`] was called.
    pub draining: bool,
}

impl Readiness {
    /// True when requests can be answered.
    #[must_use]
    pub const fn is_ready(self) -> bool {
        self.keys && (self.deny_list || self.degraded) && !self.draining
    }
}

impl Sealkit {
    /// Whether requests can be answered. Fetches the key set if there is none yet, so that the first request does not wait for
    /// it; a store that cannot be reached makes it [`degraded`](Readiness::degraded), never unready.
    pub async fn readiness(&self) -> Readiness {
        let keys = self.inner.keys.get().await.is_ok();
        Readiness {
            keys,
            deny_list: self.inner.deny_list.is_loaded(),
            degraded: self.coordinator_status().degraded,
            draining: self.inner.draining.load(Ordering::Relaxed),
        }
    }
}
